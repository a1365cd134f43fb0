# SPDX-License-Identifier: MIT
"""
Sizes: no file over 600 lines, no function over 80, in src/ over 500 and 40; each file begins with its licence, each .c goes on with its
essay.
"""

import re
import subprocess

from source import ROOT, files, text

FILE_LINES_MAX = 600
FUNCTION_LINES_MAX = 80
SRC_FILE_LINES_MAX = 500
SRC_FUNCTION_LINES_MAX = 40
SCRIPTS = (".py", ".sh", ".lua")


def test_files_are_short_enough():
    lengths = {str(path): len(text(path).splitlines()) for path in files(".c", ".h", *SCRIPTS)}
    long = {
        path: lines
        for path, lines in lengths.items()
        if lines > (SRC_FILE_LINES_MAX if path.startswith("src/") else FILE_LINES_MAX)
    }
    assert long == {}


def test_functions_are_short_enough():
    command = ["ctags", "--quiet", "--languages=C", "--kinds-C=f", "--fields=+ne", "-f", "-", *map(str, files(".c"))]
    tags = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True).stdout
    seen, long = 0, []
    for tag in tags.splitlines():
        match = re.search(r"^(\S+)\t(\S+)\t.*\tline:(\d+).*\tend:(\d+)", tag)
        if match:
            seen += 1
            lines = int(match[4]) - int(match[3]) + 1
            if lines > (SRC_FUNCTION_LINES_MAX if match[2].startswith("src/") else FUNCTION_LINES_MAX):
                long.append(f"{match[2]}: {match[1]} has {lines} lines")
    assert seen > 100, "ctags found next to nothing"
    assert long == []


def test_licence_is_named_first():
    wrong = [
        str(path)
        for path in files(".c", ".h", *SCRIPTS, ".am", ".ac", ".in", ".conf", ".service", ".socket")
        if not any("SPDX-License-Identifier: MIT" in line for line in text(path).splitlines()[:2])
    ]
    assert wrong == []


def test_essay_follows_the_licence():
    wrong = [str(path) for path in files(".c", under="src") if not re.match(r"/\* SPDX[^\n]*\n/\*\n \* \S", text(path))]
    assert wrong == []
