# SPDX-License-Identifier: MIT
"""
The checker of queued writes: was each that had a 202 applied exactly once, in order?

What it counts by: each write of a todo makes the version behind the one before, and the outcome of a ticket names its write's version.
So of a todo that nobody deletes, and whose writes all change something, the versions behind the first one are its writes, each once.
Clients know whose version each is, but for writes that had no answer: these may have been made or not, once.

  lost      a write with a 202 was not applied, though nothing stood against it, and it is no dead letter
  disorder  of two queued writes of a todo the one that was accepted later has the earlier version
  twice     two writes have one version; or there are more versions that nobody knows of than writes without an answer
  replaced  the todo's last version has another name than its write gave it
  early     a read that sent a ticket was answered a version before that write's

An applied write that was then applied again makes a version that nobody knows of, and such are counted: so the more writes have no answer,
the less is noticed. The tests say how many had none.
"""

import dataclasses
from collections import Counter, defaultdict

APPLIED, DEAD = "applied", "dead"


@dataclasses.dataclass
class Queued:
    """A write that had a 202. outcome is what became of it: APPLIED, DEAD, or in the words of GET /queue/TICKET."""

    id: str
    ticket: str
    name: str
    outcome: str = None
    version: int = None
    told: str = None  # the same, as a Todo-Version
    op: object = None  # in the clients' history

    @property
    def place(self):
        """Its order among the writes of its shard."""
        return tuple(map(int, self.ticket.split("-")))


@dataclasses.dataclass
class Told:
    """What else is known: of a synchronous write its version and name; of a read with a ticket the version that it saw."""

    id: str
    version: int
    name: str = None
    ticket: str = None


def check_todos(queued, written, unanswered, last):
    """
    Returns the violations, as texts. written: what synchronous writes were told. unanswered: the ids of writes without an answer. last:
    {id: (version, name)} of the todos when all is settled; each began with version 1.
    """
    by_id = defaultdict(list)
    for write in queued:
        by_id[write.id].append(write)
    known = defaultdict(list)
    for write in written:
        known[write.id].append(write)
    count = Counter(unanswered)
    return [
        f"{id}: {text}"
        for id, (version, name) in last.items()
        for text in check_todo(by_id[id], known[id], count[id], version, name)
    ]


def check_todo(queued, written, unanswered_count, last_version, last_name):
    found = [f"lost: {write}" for write in queued if write.outcome not in (APPLIED, DEAD)]
    applied = sorted((write for write in queued if write.outcome == APPLIED), key=lambda write: write.place)
    found += [f"disorder: {one}, then {other}" for one, other in zip(applied, applied[1:]) if one.version >= other.version]
    makers = {}
    for write in (*applied, *written):
        if makers.setdefault(write.version, write) is not write:
            found.append(f"twice: {makers[write.version]}, and {write}")
    strange = [version for version in range(2, last_version + 1) if version not in makers]
    if len(strange) > unanswered_count:
        found.append(f"twice: nobody made the versions {strange[:10]}, and {unanswered_count} writes had no answer")
    if max(makers, default=1) > last_version:
        found.append(f"lost: {makers[max(makers)]}, and the last version is {last_version}")
    if last_version in makers and makers[last_version].name != last_name:
        found.append(f"replaced: {makers[last_version]}, and the todo has {last_name}")
    return found


def check_reads(queued, reads):
    writes = {write.ticket: write for write in queued}
    return [
        f"early: {read}, of {writes[read.ticket]}"
        for read in reads
        if writes[read.ticket].outcome == APPLIED and read.version < writes[read.ticket].version
    ]
