# SPDX-License-Identifier: MIT
"""Each header compiles alone, and its guard is made of its path."""

import subprocess

from source import ROOT, files, text

HEADERS = files(".h", under="src")


def test_each_header_compiles_alone():
    command = ["gcc", "-std=c11", "-D_GNU_SOURCE", "-Wall", "-Wextra", "-Werror", "-fsyntax-only", "-I", "src", "-x", "c", "-"]
    wrong = {}
    for path in HEADERS:
        # Twice, so that a guard that guards nothing shows as well.
        source = f'#include "{path.relative_to("src")}"\n' * 2
        result = subprocess.run(command, cwd=ROOT, input=source, capture_output=True, text=True)
        if result.returncode != 0:
            wrong[str(path)] = result.stderr
    assert wrong == {}


def test_each_header_guard_is_its_path():
    wrong = []
    for path in HEADERS:
        guard = "_".join(path.with_suffix("").parts[1:]).upper() + "_H"
        if f"#ifndef {guard}\n#define {guard}\n" not in text(path):
            wrong.append(str(path))
    assert wrong == []
