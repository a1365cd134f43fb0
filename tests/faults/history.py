# SPDX-License-Identifier: MIT
"""
The history checker: did every answer show a state that the todo could have been in?

A history is a list of Op: what one client asked about one id, when it asked, when it had the answer, and which state the answer
showed. All times are one clock's. The store keeps one todo per id and changes it one step at a time, so its states are in
one order: a life goes from version 1 upward, then it ends by a delete; another life may follow. A
state is known by its life and its version, both of which are in the ETag; by the name that the write gave it, which no other
write uses; or it is ABSENT. check() holds the answers against that order:

  backwards    an answer shows an older version than one that was answered before this request began
  future       a read shows what no write begun before its end had made
  twice        two writes made the same version of the same life
  torn         one state shows two names, or a name that its write didn't give
  interleaved  two lives follow each other in both orders
  absent       nobody there in the midst of a life: seen before and after
  vanished     nobody there after a life was seen, though no delete could have ended it
  undead       a life that a delete ended, told by its If-Match, is shown to who asked afterwards

Each is a proof: if it is found, no order of steps explains the answers. A write without an answer (a timeout, a 5xx, a cut
connection) may be made at any time after it began, or never: it ends at infinity.

What is promised differs by fault (doc/consistency.md), so two of the terms can be eased:
  slack_s      "before" means that many seconds before: staleness is allowed within this bound
  reads_bind   False: only answered writes bind later reads, reads don't bind each other
"""

import bisect
import dataclasses
import math
from collections import defaultdict

ABSENT = "absent"


@dataclasses.dataclass(slots=True, eq=False)
class Op:
    id: str
    kind: str  # "read", "write", "delete"
    begin: float
    end: float  # math.inf: no answer
    state: object = None  # (life, version), ABSENT, or None: nothing is known
    name: str = None  # that a write gives, or a read has seen
    victim: object = None  # delete: the (life, version) that its If-Match named
    note: str = ""

    @property
    def answered(self):
        return self.end != math.inf

    @property
    def is_write(self):
        return self.kind != "read"

    def __str__(self):
        end = f"{self.end:.4f}" if self.answered else "?"
        return f"[{self.begin:.4f} {end}] {self.kind} {self.id} {self.state} {self.name or ''} {self.note}"


@dataclasses.dataclass
class Violation:
    rule: str
    late: Op  # the answer that can't be
    proof: Op  # what it contradicts; may be None
    seconds: float = 0.0  # how late: since the answer that it contradicts

    def __str__(self):
        return f"{self.rule}, by {self.seconds:.4f} s:\n    {self.late}\n    {self.proof}"


def check(ops, slack_s=0.0, reads_bind=True):
    """Returns the violations; an empty list is a clean history."""
    by_id = defaultdict(list)
    for op in ops:
        by_id[op.id].append(op)
    found = []
    for some in by_id.values():
        found += _History(some, slack_s, reads_bind).check()
    return found


class _History:
    """The ops of one id."""

    def __init__(self, ops, slack_s, reads_bind):
        self.ops, self.slack_s, self.reads_bind = ops, slack_s, reads_bind
        self.found = []
        self.makers = {op.name: op for op in ops if op.kind == "write"}
        self.resolve()
        self.lives = defaultdict(list)
        for op in ops:
            if isinstance(op.state, tuple):
                self.lives[op.state[0]].append(op)
        self.absents = [op for op in ops if op.state is ABSENT and op.answered]
        self.deletes = [op for op in ops if op.kind == "delete" and (op.state is ABSENT or not op.answered)]

    def binds(self, op):
        return op.answered and (self.reads_bind or op.is_write)

    def before(self, first, second):
        """Whether first had its answer before second was asked, by more than the slack."""
        return first.end + self.slack_s < second.begin

    def blame(self, rule, late, proof=None):
        seconds = late.begin - proof.end if proof and proof.answered else 0.0
        self.found.append(Violation(rule, late, proof, seconds))

    def resolve(self):
        """A name without a version, as lists show it, stands for the state that its write made."""
        states = {op.name: op.state for op in self.ops if op.name and isinstance(op.state, tuple)}
        for op in self.ops:
            if op.state is None and op.name and op.kind == "read":
                op.state = states.get(op.name)

    def check(self):
        self.check_twice()
        self.check_names()
        self.check_future()
        for ops in self.lives.values():
            self.check_backwards(ops)
        self.check_interleaved()
        self.check_absent()
        self.check_vanished()
        self.check_undead()
        return self.found

    def check_twice(self):
        made = {}
        for ops in self.lives.values():
            for op in ops:
                if op.is_write and made.setdefault(op.state, op) is not op:
                    self.blame("twice", op, made[op.state])

    def check_names(self):
        seen = {}
        for ops in self.lives.values():
            for op in ops:
                if op.name and seen.setdefault(op.state, op).name != op.name:
                    self.blame("torn", op, seen[op.state])
        for op in self.ops:
            maker = self.makers.get(op.name)
            if op.kind == "read" and maker and isinstance(maker.state, tuple) and op.state != maker.state:
                self.blame("torn", op, maker)

    def check_future(self):
        for op in self.ops:
            if op.kind != "read" or not op.name:
                continue
            maker = self.makers.get(op.name)
            if maker is None or maker.begin > op.end:
                self.blame("future", op, maker)

    def check_backwards(self, ops):
        """One life: the highest version answered so far, as time goes on."""
        ended = sorted((op for op in ops if self.binds(op)), key=lambda op: op.end)
        i, highest = 0, None
        for op in sorted(ops, key=lambda op: op.begin):
            while i < len(ended) and self.before(ended[i], op):
                if highest is None or ended[i].state[1] > highest.state[1]:
                    highest = ended[i]
                i += 1
            if highest is not None and op.state[1] < highest.state[1] + (op.is_write and op.answered):
                self.blame("backwards", op, highest)

    def span(self, ops):
        """Who proved first that the life had begun, and who was last to ask and still find it."""
        binding = [op for op in ops if self.binds(op)]
        first = min(binding, key=lambda op: op.end) if binding else None
        return first, max(ops, key=lambda op: op.begin)

    def check_interleaved(self):
        spans = [self.span(ops) for ops in self.lives.values()]
        spans = sorted((pair for pair in spans if pair[0]), key=lambda pair: pair[0].end)
        for i, (first, last) in enumerate(spans):
            for other_first, other_last in spans[i + 1 :]:
                if not self.before(other_first, last):
                    break  # those that follow began later still
                if self.before(first, other_last):
                    self.blame("interleaved", last, other_first)

    def check_absent(self):
        """In the eased form a read proves nothing to later ones, so only deletes count."""
        absents = [op for op in self.absents if op.is_write or self.reads_bind]
        absents.sort(key=lambda op: op.begin)
        begins = [op.begin for op in absents]
        for ops in self.lives.values():
            first, last = self.span(ops)
            if first is None:
                continue
            i = bisect.bisect_right(begins, first.end + self.slack_s)
            while i < len(absents) and absents[i].begin < last.begin:
                if self.before(absents[i], last):
                    self.blame("absent", last, absents[i])
                    break
                i += 1

    def check_vanished(self):
        """Who finds nobody, after the newest life was proved, needs a delete that can have ended that life."""
        ended = sorted((op for ops in self.lives.values() for op in ops if self.binds(op)), key=lambda op: op.end)
        i, newest = 0, None
        for op in sorted(self.absents, key=lambda op: op.begin):
            while i < len(ended) and self.before(ended[i], op):
                if newest is None or ended[i].begin > newest.begin:
                    newest = ended[i]
                i += 1
            if newest is not None and op.kind != "delete" and not self.could_end(newest, op):
                self.blame("vanished", op, newest)

    def could_end(self, seen, gone):
        """A delete that began before the absence was answered, and had not ended before the life was seen."""
        return any(
            delete.begin < gone.end
            and delete.end > seen.begin
            and (delete.victim is None or delete.victim[0] == seen.state[0])
            for delete in self.deletes
        )

    def check_undead(self):
        for delete in self.deletes:
            if delete.victim is None or not delete.answered:
                continue
            for op in self.lives.get(delete.victim[0], ()):
                if self.before(delete, op) or op.state[1] > delete.victim[1]:
                    self.blame("undead", op, delete)
                    break
