# SPDX-License-Identifier: MIT
"""The history checker is right about histories whose verdict is known: each rule goes red, and what may happen stays clean."""

import math
import random

import pytest
from history import ABSENT, Op, check

NEVER = math.inf


def write(begin, end, life, v, name=None):
    return Op("a", "write", begin, end, (life, v) if end != NEVER else None, name or f"{life}.{v}")


def read(begin, end, life=None, v=None, name=None):
    if life is None:
        return Op("a", "read", begin, end, ABSENT)
    return Op("a", "read", begin, end, (life, v), name or f"{life}.{v}")


def lost(begin, life, v):
    """A write without an answer, that would have made this."""
    return Op("a", "write", begin, NEVER, None, f"{life}.{v}")


def delete(begin, end, victim=None):
    return Op("a", "delete", begin, end, ABSENT if end != NEVER else None, victim=victim)


def listed(begin, end, life, v):
    return Op("a", "read", begin, end, None, f"{life}.{v}")


BORN = write(0, 1, "L", 1)

CLEAN = {
    "nothing happened": [],
    "absent before it is born": [read(0, 1), write(2, 3, "L", 1), read(4, 5, "L", 1)],
    "a read during the write may see either": [BORN, write(2, 6, "L", 2), read(3, 4, "L", 1), read(3, 5, "L", 2)],
    "overlapping reads may cross": [BORN, write(2, 9, "L", 2), read(3, 8, "L", 2), read(4, 7, "L", 1)],
    "a lost write is seen": [BORN, lost(2, "L", 2), read(3, 4, "L", 1), read(5, 6, "L", 2)],
    "a lost write is never seen": [BORN, lost(2, "L", 2), read(3, 4, "L", 1), read(5, 6, "L", 1)],
    "a lost write is made late": [BORN, lost(2, "L", 2), read(90, 91, "L", 1), read(95, 96, "L", 2)],
    "a gap in the versions": [BORN, lost(2, "L", 2), write(3, 4, "L", 3), read(5, 6, "L", 3)],
    "deleted and born again": [BORN, delete(2, 3), read(4, 5), write(6, 7, "M", 1), read(8, 9, "M", 1)],
    "a lost delete is made late": [BORN, delete(2, NEVER), read(3, 4, "L", 1), read(50, 51)],
    "who reads while it is deleted": [BORN, delete(2, 8), read(3, 4), read(3.5, 7, "L", 1)],
    "a delete with its victim": [BORN, delete(2, 5, ("L", 1)), read(3, 4, "L", 1), read(6, 7)],
    "a delete that overlaps the birth": [write(0, 5, "L", 1), delete(1, 6), read(7, 8)],
    "a delete that ended an earlier life": [
        BORN, delete(2, 9), write(4, 8, "M", 1), read(10, 11, "M", 1), read(12, 13, "M", 1),
    ],
    "a list shows it": [BORN, listed(2, 3, "L", 1), write(4, 5, "L", 2), listed(6, 7, "L", 2)],
    "a list shows what nobody else has seen": [BORN, lost(2, "L", 2), listed(3, 4, "L", 2), write(5, 6, "L", 3)],
}  # fmt: skip


@pytest.mark.parametrize("name", CLEAN)
def test_what_may_happen_is_clean(name):
    assert check(CLEAN[name]) == []


RED = {
    "stale after a write's answer": ("backwards", [BORN, write(2, 3, "L", 2), read(4, 5, "L", 1)]),
    "two readers, the second older": ("backwards", [BORN, write(2, 9, "L", 2), read(3, 4, "L", 2), read(5, 6, "L", 1)]),
    "an old one after a lost write was seen": (
        "backwards", [BORN, lost(2, "L", 2), read(3, 4, "L", 2), read(5, 6, "L", 1)],
    ),
    "a write that makes what was there": (
        "backwards", [BORN, lost(2, "L", 2), read(2, 3, "L", 2), write(4, 5, "L", 2, "other")],
    ),
    "a read before its write": ("future", [BORN, read(2, 3, "L", 2), write(4, 5, "L", 2)]),
    "a name that nobody wrote": ("future", [BORN, read(2, 3, "L", 1), read(4, 5, "L", 2, "nobody's")]),
    "one version made twice": ("twice", [BORN, write(2, 9, "L", 2), write(3, 8, "L", 2, "other")]),
    "one life born twice": (
        "twice", [BORN, delete(2, 3), Op("a", "write", 4, 5, ("L", 1), "another"), read(6, 7, "L", 1, "another")],
    ),
    "one state with two names": (
        "torn", [BORN, write(2, 3, "L", 2), lost(2, "L", 3), read(4, 5, "L", 2, "L.3")],
    ),
    "two lives at once": (
        "interleaved",
        [BORN, delete(1.5, 20), write(2, 3, "M", 1), read(4, 5, "M", 1), read(6, 7, "L", 1), read(8, 9, "M", 1)],
    ),
    "an old life after the new one": (
        "interleaved", [BORN, delete(2, 9), write(3, 4, "M", 1), read(5, 6, "L", 1)],
    ),
    "gone and back": ("absent", [BORN, delete(1.5, 20), read(2, 3), read(4, 5, "L", 1)]),
    "back after a delete": ("absent", [BORN, delete(2, 3), read(4, 5, "L", 1)]),
    "gone without a delete": ("vanished", [BORN, read(2, 3)]),
    "gone, though the delete came before the birth": ("vanished", [delete(-2, -1), BORN, read(2, 3)]),
    "gone, and deleted later": ("vanished", [BORN, read(2, 3), delete(4, 5)]),
    "gone, but another one was deleted": (
        "vanished", [BORN, delete(0.5, 9, ("K", 3)), read(10, 11)],
    ),
    "a known victim lives on": ("undead", [write(0, 5, "L", 1), delete(1, 6, ("L", 1)), read(7, 8, "L", 1)]),
    "a known victim grew": ("undead", [BORN, delete(2, 6, ("L", 1)), write(3, 5, "L", 2)]),
    "a list that is late": ("backwards", [BORN, write(2, 3, "L", 2), listed(4, 5, "L", 1)]),
}  # fmt: skip


@pytest.mark.parametrize("name", RED)
def test_what_cannot_happen_is_found(name):
    rule, ops = RED[name]
    assert rule in {violation.rule for violation in check(ops)}


def test_ids_have_nothing_to_do_with_each_other():
    other = read(4, 5, "L", 1)
    other.id = "b"
    assert [violation.rule for violation in check([BORN, write(2, 3, "L", 2), other])] == ["future"]


@pytest.mark.parametrize("slack_s, rules", [(0, ["backwards"]), (0.9, ["backwards"]), (1.1, [])])
def test_slack_allows_what_is_late_by_less(slack_s, rules):
    ops = [BORN, write(2, 3, "L", 2), read(4, 5, "L", 1)]
    assert [violation.rule for violation in check(ops, slack_s=slack_s)] == rules


def test_slack_holds_for_every_rule_that_knows_of_time():
    for rule, ops in RED.values():
        if rule in ("backwards", "interleaved", "absent", "vanished"):
            assert rule not in {violation.rule for violation in check(ops, slack_s=1000)}, ops


def test_without_binding_reads_a_read_may_go_back_but_not_behind_a_write():
    ops = [BORN, write(2, 9, "L", 2), read(3, 4, "L", 2), read(5, 6, "L", 1)]
    assert check(ops) and not check(ops, reads_bind=False)
    assert check(ops + [read(10, 11, "L", 1)], reads_bind=False)
    gone = [BORN, delete(1.5, 20), read(2, 3), read(4, 5, "L", 1)]
    assert check(gone) and not check(gone, reads_bind=False)
    assert check(gone + [read(21, 22, "L", 1)], reads_bind=False)


# --- against a machine ---


class Store:
    """One todo behind a lock, and clients whose answers are late: every history of it is clean."""

    def __init__(self, seed):
        self.random = random.Random(seed)
        self.state, self.name, self.lives, self.now, self.names = ABSENT, None, 0, 0.0, 0
        self.old = []
        self.ops = []

    def times(self):
        """Begins up to 2 before now and ends up to 2 after: requests overlap."""
        self.now += 0.1
        return self.now - self.random.random() * 2, self.now + self.random.random() * 2

    def step(self):
        begin, end = self.times()
        kind = self.random.choice(["read"] * 6 + ["write"] * 3 + ["delete"])
        is_lost = self.random.random() < 0.1
        if kind == "read":
            self.ops.append(Op("a", "read", begin, end, self.state, self.name))
        elif kind == "delete":
            known = self.state if self.state is not ABSENT and self.random.random() < 0.5 else None
            self.ops.append(Op("a", "delete", begin, NEVER if is_lost else end, None if is_lost else ABSENT, victim=known))
            self.state, self.name = ABSENT, None
        else:
            self.names += 1
            if self.state is ABSENT:
                self.lives += 1
                self.state = (self.lives, 1)
            else:
                self.state = (self.state[0], self.state[1] + 1)
            self.name = f"n{self.names}"
            state = None if is_lost else self.state
            self.ops.append(Op("a", "write", begin, NEVER if is_lost else end, state, self.name))
        self.old.append((self.now, self.state, self.name))


@pytest.mark.parametrize("seed", range(30))
def test_a_correct_store_is_never_blamed(seed):
    store = Store(seed)
    for _ in range(600):
        store.step()
    assert [str(violation) for violation in check(store.ops)] == []


@pytest.mark.parametrize("seed", range(30))
def test_one_stale_read_in_a_correct_history_is_found(seed):
    """A read long after the state that it shows was gone, and long before the end."""
    store = Store(seed)
    for _ in range(600):
        store.step()
    at = next(
        (now, state, name)
        for now, state, name in store.old
        if now > 20 and state is not ABSENT and store.old[-1][0] > now + 20
        and not any(known == state for later, known, _ in store.old if later > now + 9)
    )  # fmt: skip
    stale = Op("a", "read", at[0] + 14, at[0] + 15, at[1], at[2])
    assert check(store.ops + [stale])
