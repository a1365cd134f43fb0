#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""
Publishes what nginx serves beside the page: texts.py OPENAPI PROBLEMS DESTINATION

  openapi.yaml           the API's description, and compressed beside it
  openapi.txt            the same, for browsers, which would save a YAML
  problems/invalid.html  for each type of problem a page of its own, made from the table in PROBLEMS (doc/problems.md)

A page is plain HTML without a style, so that the policy of errors (nginx/headers.conf) holds for it too. As with the page's files
(assets.py), a file's time is made from its content and is no date.
"""

import html
import re
import shutil
import sys
from pathlib import Path

from assets import COMPRESSED, write_site

ROW = re.compile(r"^\| `/problems/([a-z-]+)` \| (\d+) \| (.+?) \| (.+) \|$", re.M)
PAGE = """<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<meta name="color-scheme" content="light dark">
<title>{status}: {title}</title>
<h1>{title}</h1>
<p>{advice}</p>
<p>This explains errors with the status {status} and the type <code>/problems/{slug}</code>. <code>detail</code> in such an error
says what was wrong with the one request, <code>pointer</code>, if there is one, with which member of its body. The operators of this
service find the request in their logs by its <code>Request-Id</code>.</p>
<p>All of the API is in <a href="/docs">its documentation</a>.</p>
</html>
"""


def marked_up(text):
    """A table's cell in HTML: of Markdown it has code, and nothing else."""
    return re.sub(r"`([^`]+)`", r"<code>\1</code>", html.escape(text, quote=False))


def pages(manual):
    """{path: content} of all problems."""
    return {
        f"problems/{slug}.html": PAGE.format(slug=slug, status=status, title=marked_up(title), advice=marked_up(advice)).encode()
        for slug, status, title, advice in ROW.findall(manual)
    }


def main():
    if len(sys.argv) != 4:
        sys.exit(__doc__.split("\n")[1])
    openapi, problems, destination = map(Path, sys.argv[1:])
    COMPRESSED.add(".yaml")
    write_site({name: openapi.read_bytes() for name in ("openapi.yaml", "openapi.txt")}, destination, shutil.which("brotli"))
    COMPRESSED.clear()  # the pages are shorter than a packet
    write_site(pages(problems.read_text(encoding="utf-8")), destination, None)


if __name__ == "__main__":
    main()
