# SPDX-License-Identifier: MIT
"""
A stack (tests/e2e/stack.py) whose nginx serves the page as it is published, for the browser tests and for the pictures.

SQLite is enough: which store it is can't be seen from a browser, and the end-to-end tests run on both.
"""

import subprocess
import sys

from stack import ROOT, Stack


def publish(stack):
    """Puts the page where the stack's nginx looks."""
    command = [sys.executable, ROOT / "nginx/assets.py", ROOT / "nginx/static", stack.folder / "static"]
    subprocess.run(command, check=True)


def page_stack(folder, **settings):
    """Prepared, not started."""
    stack = Stack(folder, settings={"server_timing": "on", **settings}).prepare()
    publish(stack)
    return stack
