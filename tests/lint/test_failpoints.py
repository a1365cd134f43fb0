# SPDX-License-Identifier: MIT
"""Failpoints: none is in a build that people run, and each that there is can be passed."""

import os
import re
from pathlib import Path

import pytest
from source import ROOT, files, macro_rows, text

BUILD = Path(os.environ.get("BUILD_DIR", ROOT / "build"))
POINTS = macro_rows("src/base/failpoint.h", "FAILPOINTS")


@pytest.mark.parametrize("program", ["todo-fcgi", "todo-load", "todoctl"])
def test_normal_build_has_no_failpoint(program):
    code = (BUILD / program).read_bytes()
    found = [name.strip('"') for _, name, *_ in POINTS if name.strip('"').encode() in code]
    assert found == []
    assert b"FAILPOINT" not in code and b"stats_file" in code


def test_each_failpoint_is_somewhere_in_the_code():
    used = set()
    for path in files(".c", under="src"):
        used.update(re.findall(r"failpoint_(?:pass|is_on)\(FAILPOINT_(\w+)\)", text(path)))
    assert used == {upper for upper, *_ in POINTS}


def test_no_delay_can_be_armed_on_the_loop():
    """A pool thread's point stands in a function whose comment says so, or in one that such a function calls."""
    kinds = {upper: kind for upper, _, kind, _ in POINTS}
    for path in files(".c", under="src"):
        for upper in re.findall(r"failpoint_pass\(FAILPOINT_(\w+)\)", text(path)):
            before = text(path).split(f"failpoint_pass(FAILPOINT_{upper})")[0]
            function = re.findall(r"^[a-z][^;{}]*?\b(\w+)\([^;{}]*\)\n\{", before, re.M)[-1]
            assert function.endswith("_work") == (kinds[upper] == "POOL"), (upper, function)
