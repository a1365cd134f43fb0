# SPDX-License-Identifier: MIT
"""The checker of queued writes: it is silent about what can be, and finds each thing that can't."""

import pytest
from queue_history import DEAD, Queued, Told, check_reads, check_todos


def queued(*rows):
    """(ticket's number, version) of each; a version may be the outcome of a write that has none."""
    return [
        Queued("a", f"3-1000-{number}", f"n{version}", *(("applied", version) if isinstance(version, int) else (version,)))
        for number, version in rows
    ]


def written(*versions):
    return [Told("a", version, f"n{version}") for version in versions]


CLEAN = {
    "all are known": (queued((9, 2), (10, 4)), written(3), [], (4, "n4")),
    "a write without an answer was made": (queued((1, 2), (2, 4)), [], ["a"], (4, "n4")),
    "and is the last one": (queued((1, 2)), [], ["a"], (3, "lost")),
    "a write without an answer was not made": (queued((1, 2)), [], ["a"], (2, "n2")),
    "a dead letter makes no version": (queued((1, DEAD), (2, 2)), [], [], (2, "n2")),
}

WRONG = {
    "lost": [
        (queued((1, "pending"), (2, 2)), [], [], (2, "n2")),
        (queued((1, "failed"), (2, 2)), [], [], (2, "n2")),
        (queued((1, 2), (2, 3)), [], [], (2, "n2")),
    ],
    "disorder": [(queued((9, 3), (10, 2)), [], [], (3, "n3"))],
    "twice": [
        (queued((1, 2), (2, 4)), [], [], (4, "n4")),
        (queued((1, 2)), [], ["b"], (3, "n2")),
        (queued((1, 2), (2, 3)), written(3), [], (3, "n3")),
    ],
    "replaced": [(queued((1, 2), (2, 3)), [], ["a"], (3, "n2"))],
}


@pytest.mark.parametrize("case", CLEAN)
def test_what_can_be_is_no_violation(case):
    *parts, last = CLEAN[case]
    assert check_todos(*parts, {"a": last}) == []


@pytest.mark.parametrize("rule, number", [(rule, number) for rule in WRONG for number in range(len(WRONG[rule]))])
def test_what_cannot_be_is_found(rule, number):
    *parts, last = WRONG[rule][number]
    found = check_todos(*parts, {"a": last})
    assert found and all(text.startswith("a: ") for text in found) and any(text.startswith(f"a: {rule}") for text in found), found


def test_a_read_with_a_ticket_must_see_its_write():
    writes = queued((1, 5), (2, DEAD))
    sees = lambda ticket, version: check_reads(writes, [Told("a", version, ticket=f"3-1000-{ticket}")])
    assert sees(1, 5) == sees(1, 6) == sees(2, 1) == []
    assert [text.partition(":")[0] for text in sees(1, 4)] == ["early"]
