# SPDX-License-Identifier: MIT
"""doc/consistency.md: every fault that the tests know is in its table, and every test in its table exists."""

import re

from source import ROOT, macro_rows, text

TABLE = [line for line in text("doc/consistency.md").splitlines() if line.startswith("| ")]
FAULTS = ("test_faults", "test_store_faults", "test_machine_faults", "test_cluster_faults")
TESTS = "".join(text(f"tests/faults/{name}.py") for name in FAULTS)


def test_every_test_in_the_table_exists():
    named = [name for line in TABLE for name in re.findall(r"`(test_\w+|tests/[\w/.]+)`", line)]
    missing = [name for name in named if not (ROOT / name).exists() and f"\ndef {name}(" not in TESTS]
    assert len(named) > 20 and missing == []


def test_every_test_of_faults_is_in_the_table():
    assert [name for name in re.findall(r"^def (test_\w+)\(", TESTS, re.M) if f"`{name}`" not in "".join(TABLE)] == []


def test_every_fault_is_in_the_table():
    tested = {name for name in re.findall(r"^    faults\.(\w+): lambda", TESTS, re.M)}
    tested |= set(re.findall(r"^def ((?:store|machine)_\w+)\(", TESTS, re.M))
    told = set(re.findall(r"\w+", " ".join(re.findall(r"` \(([\w, ]+)\)", "".join(TABLE)))))
    assert len(tested) > 10 and told == tested


def test_every_mutant_is_in_the_table():
    """The simulator is asked for all of them (./dev sim --mutants), the checker of real processes for those that it can miss."""
    switches = {name.strip('"') for _, name, kind, *_ in macro_rows("src/base/failpoint.h", "FAILPOINTS") if kind == "SWITCH"}
    mutants = text("tests/faults/test_mutants.py")
    tested = set(re.findall(r'^    "(\w+)": dict\(', mutants, re.M)) | set(re.findall(r",(\w+)=on", mutants))
    told = {line.split("|")[2].strip() for line in TABLE if line.count("|") == 3} - {"left out by"}
    assert switches == told and len(tested) >= 8 and tested <= switches
