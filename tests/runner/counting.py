# SPDX-License-Identifier: MIT
"""
How many tests passed, failed and were skipped, read from what a job wrote: TAP (cmocka), JUnit XML (pytest), or a last line
"N passed, N failed" (tests/model/run.sh). A job that says nothing of a test but ends badly is one failed test.
"""

import re
import xml.etree.ElementTree as ElementTree
from dataclasses import dataclass

SKIPPED_EXIT = 77


@dataclass(frozen=True)
class Count:
    passed: int = 0
    failed: int = 0
    skipped: int = 0

    def __add__(self, other):
        return Count(self.passed + other.passed, self.failed + other.failed, self.skipped + other.skipped)

    def __str__(self):
        return f"{self.passed} passed, {self.failed} failed" + (f", {self.skipped} skipped" if self.skipped else "")


FAILURE = Count(failed=1)


def count_tap(text, status, name=""):
    """
    status is the program's exit status: 77 is a skip. With a name, only the tests whose names it begins are counted; a bad
    end of the program is then no failure of theirs if they passed.
    """
    wanted = rf"{name}\w*( .*)?" if name else "(.*)"
    tests = re.findall(rf"^(not )?ok \d+ - {wanted}$", text, re.M)
    skipped = len(re.findall(rf"^ok \d+ - (?={name}\w*\b).*# SKIP" if name else r"^ok \d+ .*# SKIP", text, re.M))
    failed = sum(1 for not_ok, _ in tests if not_ok)
    passed = len(tests) - failed - skipped
    if status == SKIPPED_EXIT:
        skipped += 1
    elif status and not failed and not (name and passed):
        failed = 1
    if not passed + failed + skipped:
        failed = 1
    return Count(passed, failed, skipped)


def count_junit(path):
    """A report that is missing, cut off or empty is a failure: pytest was killed, or found no test."""
    try:
        suite = ElementTree.parse(path).getroot().find("testsuite")
    except (OSError, ElementTree.ParseError):
        return FAILURE
    total, *others = (int(suite.get(name)) for name in ("tests", "failures", "errors", "skipped"))
    failures, errors, skipped = others
    failed = failures + errors
    return Count(total - failed - skipped, failed, skipped) if total else FAILURE


def count_last_line(text, status):
    found = re.fullmatch(r"(\d+) passed, (\d+) failed", text.rstrip("\n").rpartition("\n")[2])
    if found:
        return Count(int(found[1]), int(found[2]))
    return Count(skipped=1) if status == SKIPPED_EXIT else FAILURE


def settled(count, skips_fail):
    """The sum as it is told: where skips fail (CI=true), they are failures."""
    return Count(count.passed, count.failed + count.skipped) if skips_fail else count


def is_good(count):
    return count.failed == 0 and count.passed > 0
