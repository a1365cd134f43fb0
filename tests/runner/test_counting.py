# SPDX-License-Identifier: MIT
"""The counts: of cmocka's TAP, of pytest's reports, of a last line; what ends badly without a word is a failure."""

import pytest
from counting import FAILURE, Count, count_junit, count_last_line, count_tap, is_good, settled

TAP = """1..3
ok 1 - test_one
not ok 2 - test_two_is_wrong
# some words: ok 7 - no test
ok 3 - test_two
"""
ALL_GOOD = "1..2\nok 1 - test_one\nok 2 - test_two\n"


@pytest.mark.parametrize(
    "text, status, name, wanted",
    [
        (ALL_GOOD, 0, "", Count(2, 0, 0)),
        (TAP, 1, "", Count(2, 1, 0)),
        (ALL_GOOD, -11, "", Count(2, 1, 0)),
        ("", -6, "", FAILURE),
        ("", 0, "", FAILURE),
        ("", 77, "", Count(0, 0, 1)),
        (ALL_GOOD, 77, "", Count(2, 0, 1)),
        ("1..2\nok 1 - test_one # SKIP\nok 2 - test_two\n", 0, "", Count(1, 0, 1)),
        (TAP, 1, "test_one", Count(1, 0, 0)),
        (TAP, 1, "test_two", Count(1, 1, 0)),
        (ALL_GOOD, 0, "test_three", FAILURE),
        ("ok 1 - test_one\nok 1 - test_one of another program\n", 0, "", Count(2, 0, 0)),
    ],
)
def test_tap_is_counted(text, status, name, wanted):
    assert count_tap(text, status, name) == wanted


@pytest.mark.parametrize(
    "attributes, wanted",
    [
        ('tests="5" failures="1" errors="1" skipped="2"', Count(1, 2, 2)),
        ('tests="0" failures="0" errors="0" skipped="0"', FAILURE),
    ],
)
def test_reports_are_counted(tmp_path, attributes, wanted):
    report = tmp_path / "report.xml"
    report.write_text(f'<testsuites><testsuite name="pytest" {attributes}></testsuite></testsuites>')
    assert count_junit(report) == wanted


def test_a_report_that_is_missing_or_cut_off_is_a_failure(tmp_path):
    assert count_junit(tmp_path / "none.xml") == FAILURE
    (tmp_path / "half.xml").write_text('<testsuites><testsuite tests="3"')
    assert count_junit(tmp_path / "half.xml") == FAILURE


@pytest.mark.parametrize(
    "text, status, wanted",
    [
        ("ok cache\n30 passed, 1 failed\n", 1, Count(30, 1, 0)),
        ("spin is missing\n", 77, Count(0, 0, 1)),
        ("spin is missing\n", 1, FAILURE),
        ("3 passed, 0 failed\nand then it died\n", 0, FAILURE),
    ],
)
def test_last_lines_are_counted(text, status, wanted):
    assert count_last_line(text, status) == wanted


def test_skips_fail_where_they_must_not_be():
    count = Count(10, 1, 2)
    assert str(settled(count, False)) == "10 passed, 1 failed, 2 skipped"
    assert str(settled(count, True)) == "10 passed, 3 failed"


def test_good_is_something_that_passed_and_nothing_that_failed():
    assert is_good(Count(1, 0, 5))
    assert not is_good(Count(1, 1, 0))
    assert not is_good(Count(0, 0, 5))
