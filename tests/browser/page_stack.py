# SPDX-License-Identifier: MIT
"""
A stack (tests/e2e/stack.py) whose nginx serves the page as it is published, for the browser tests and for the pictures.

SQLite is enough: which store it is can't be seen from a browser, and the end-to-end tests run on both.
"""

import subprocess
import sys
from pathlib import Path

from stack import ROOT, Stack

BROTLI = Path("/usr/lib/nginx/modules/ngx_http_brotli_static_module.so")


def publish(stack):
    """Puts the page where the stack's nginx looks, and lets it serve brotli if it can."""
    command = [sys.executable, ROOT / "nginx/assets.py", ROOT / "nginx/static", stack.folder / "static"]
    subprocess.run(command, check=True)
    if not BROTLI.exists() or (stack.folder / "todo/brotli.conf").exists():
        return
    (stack.folder / "todo/brotli.conf").write_text("brotli_static on;\n")
    config = stack.folder / "nginx.conf"
    config.write_text(f"load_module {BROTLI};\n{config.read_text()}")


def page_stack(folder):
    """Prepared, not started."""
    stack = Stack(folder, settings={"server_timing": "on"}).prepare()
    publish(stack)
    return stack
