#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""
A Redis Cluster of three primaries and three replicas, in a folder and on ports of its own; all of them end with the tests.

As a program it starts one in a folder, prints its address, obeys the lines of its input, and ends with it:

    move KEY N       the key's slot, with all that is in it, moves to primary N
    part KEY N       the same, but it stops in the middle: this key has moved, the slot's others have not
    kill N           kill -9 of primary N, and waits for its replica to take its place

Tests that import it can freeze primaries and cut users off as well. The configuration is what doc/cluster.md recommends, with little
memory, with a shorter cluster-node-timeout, and without the delay before a full copy.
"""

import binascii
import contextlib
import itertools
import re
import signal
import socket
import sys
import time
from pathlib import Path

import sentinels
from ports import free_port
from stack import ROOT, wait_until

SLOTS, PRIMARIES = 16384, 3
LOOPBACK = "127.0.0.1"
MIGRATE_MS = 5000
NODE_TIMEOUT_MS, PATIENT_MS = 1000, 10000
BATCH, KEYS_MAX = 100, 1000
# What doc/cluster.md gives a worker.
RIGHTS = re.search(r"user todo on >PASSWORD (.*?)'", (ROOT / "doc/cluster.md").read_text())[1]

MEMBER = sentinels.MEMBER + """
cluster-enabled yes
cluster-port {bus}
cluster-config-file nodes.conf
cluster-node-timeout {timeout}
cluster-replica-validity-factor 0
cluster-require-full-coverage no
bind {hosts}
cluster-announce-ip {host}
protected-mode no
"""


def slot_of(key):
    """Of a key, or of what stands between its braces."""
    return binascii.crc_hqx(key.encode(), 0) % SLOTS


def encoded(words):
    words = [str(word).encode() for word in words]
    return b"*%d\r\n" % len(words) + b"".join(b"$%d\r\n%s\r\n" % (len(word), word) for word in words)


class Member(sentinels.Server):
    def __init__(self, folder, host=LOOPBACK):
        self.bus, self.host = free_port(), host
        names = {"folder": folder, "bus": self.bus, "timeout": NODE_TIMEOUT_MS, "host": host, "hosts": " ".join({LOOPBACK: 0, host: 0})}
        super().__init__(folder, lambda server: MEMBER.format(port=server.port, **names))

    def start(self, *options):
        super().start(*options)
        self.socket = socket.create_connection(("127.0.0.1", self.port), timeout=30)
        self.replies = self.socket.makefile("rb")
        self.id = self.ask("CLUSTER", "MYID")

    def stop(self):
        if self.process:
            self.replies.close()
            self.socket.close()
        super().stop()

    def ask(self, *words):
        """A command on a connection that stays; an error is raised."""
        return self.ask_all([words])[0]

    def ask_all(self, commands):
        """All at once."""
        self.socket.sendall(b"".join(encoded(words) for words in commands))
        return [self.reply() for _ in commands]

    def send(self, *words):
        """Whose answer reply() waits for."""
        self.socket.sendall(encoded(words))

    def reply(self):
        line = self.replies.readline().decode().rstrip()
        kind, rest = line[:1], line[1:]
        assert kind not in ("", "-"), line
        if kind == "*":
            return [self.reply() for _ in range(int(rest))]
        if kind == "$":
            return None if rest == "-1" else self.replies.read(int(rest) + 2)[:-2].decode()
        return rest

    @contextlib.contextmanager
    def frozen(self):
        self.process.send_signal(signal.SIGSTOP)
        try:
            yield
        finally:
            self.process.send_signal(signal.SIGCONT)

    def owners(self):
        """The id of each slot's primary, as this one knows them; a slot of which it knows none is missing."""
        ranges = [(int(first), int(last), server[2]) for first, last, server, *_ in self.ask("CLUSTER", "SLOTS")]
        return {slot: owner for first, last, owner in ranges for slot in range(first, last + 1)}

    def slots(self):
        """Those that it says to be its own."""
        return {slot for slot, owner in self.owners().items() if owner == self.id}

    def owns(self, slot):
        return slot in self.slots()

    def is_in_step(self):
        """As a replica of whom it follows."""
        role = self.ask("ROLE")
        return role[0] == "slave" and role[3] == "connected"

    def view(self):
        return self.status()["cluster_current_epoch"], self.owners()

    def status(self):
        return dict(line.split(":", 1) for line in self.ask("CLUSTER", "INFO").split())


class Cluster:
    """primaries[n] has the n-th third of the slots at first; replicas[n] follows it, and takes its place."""

    def __init__(self, folder, host):
        members = [Member(folder / f"member{number}", host) for number in range(2 * PRIMARIES)]
        self.primaries, self.replicas = members[:PRIMARIES], members[PRIMARIES:]
        self.last_goal = None

    @property
    def members(self):
        return self.primaries + self.replicas

    @property
    def url(self):
        return "cluster://" + ",".join(f"{member.host}:{member.port}" for member in self.primaries)

    def start(self):
        for number, member in enumerate(self.members, 1):
            member.start()
            member.ask("CLUSTER", "SET-CONFIG-EPOCH", number)
        for number, primary in enumerate(self.primaries):
            first, last = (SLOTS * n // PRIMARIES for n in (number, number + 1))
            primary.ask("CLUSTER", "ADDSLOTSRANGE", first, last - 1)
        for member in self.members[1:]:
            member.ask("CLUSTER", "MEET", member.host, self.members[0].port, self.members[0].bus)
        self.wait(lambda status: status["cluster_known_nodes"] == str(len(self.members)))
        for primary, replica in zip(self.primaries, self.replicas):
            replica.ask("CLUSTER", "REPLICATE", primary.id)
        self.wait(lambda status: status["cluster_state"] == "ok" and status["cluster_size"] == str(PRIMARIES))
        wait_until(lambda: all(replica.is_in_step() for replica in self.replicas), 30, "replicas")
        return self

    def wait(self, is_so):
        wait_until(lambda: all(is_so(member.status()) for member in self.members if member.process), 30, "an agreement")

    def stop(self):
        for member in self.members:
            member.stop()

    def owner_of(self, slot):
        """Who says so itself; the others may not have heard yet."""
        return next(primary for primary in self.primaries if primary.owns(slot))

    def ids(self, number, count, name):
        """So many ids whose slots primary N has."""
        slots = self.primaries[number].slots()
        named = (f"{name}-{number}-{n}" for n in itertools.count())
        return list(itertools.islice((id for id in named if slot_of(id) in slots), count))

    def open(self, slot, goal):
        """From now on the slot is on its way; returns where it comes from."""
        source = self.owner_of(slot)
        goal.ask("CLUSTER", "SETSLOT", slot, "IMPORTING", source.id)
        source.ask("CLUSTER", "SETSLOT", slot, "MIGRATING", goal.id)
        return source

    @staticmethod
    def carry(source, goal, *keys):
        if keys:
            source.ask("MIGRATE", "127.0.0.1", goal.port, "", 0, MIGRATE_MS, "KEYS", *keys)

    def move(self, slot, number):
        """As an operator's tools do it: the goal is told first, or for a moment nobody would have the slot."""
        goal = self.primaries[number]
        if goal is not self.last_goal:
            self.settle()
        self.last_goal = goal
        source = self.owner_of(slot)
        if source is goal:
            return
        self.open(slot, goal)
        while keys := source.ask("CLUSTER", "GETKEYSINSLOT", slot, 100):
            self.carry(source, goal, *keys)
        for member in (goal, source, *(other for other in self.primaries if other not in (goal, source))):
            member.ask("CLUSTER", "SETSLOT", slot, "NODE", goal.id)

    def shift(self, slots=range(SLOTS), linger_s=0):
        """
        Each of these slots moves to the primary after its own, in batches. For linger_s each batch is half moved: that many slots have
        some of their keys here, and some there. Half of a primary's go at a time, for one that had none left would become a replica.
        """
        slots = set(slots)
        owned = [sorted(slots & primary.slots()) for primary in self.primaries]
        halves = [(number, some[: len(some) // 2]) for number, some in enumerate(owned)]
        halves += [(number, some[len(some) // 2 :]) for number, some in enumerate(owned)]
        for number, some in halves:
            goal = self.primaries[(number + 1) % PRIMARIES]
            self.settle()
            self.last_goal = goal
            with self.patient():
                for first in range(0, len(some), BATCH):
                    self.move_batch(some[first : first + BATCH], self.primaries[number], goal, linger_s)

    @contextlib.contextmanager
    def patient(self):
        """Nobody is given up: the heir of a server that a busy machine let wait would not know which slots were on their way."""
        self.set_timeout(PATIENT_MS)
        try:
            yield
        finally:
            self.set_timeout(NODE_TIMEOUT_MS)

    def set_timeout(self, ms):
        for member in self.members:
            if member.process:
                member.ask("CONFIG", "SET", "cluster-node-timeout", ms)

    def move_batch(self, slots, source, goal, linger_s):
        goal.ask_all([("CLUSTER", "SETSLOT", slot, "IMPORTING", source.id) for slot in slots])
        source.ask_all([("CLUSTER", "SETSLOT", slot, "MIGRATING", goal.id) for slot in slots])
        if linger_s:
            for keys in self.keys_in(source, slots):
                self.carry(source, goal, *keys[::2])
            time.sleep(linger_s)
        while some := self.keys_in(source, slots):
            for keys in some:
                self.carry(source, goal, *keys)
        for member in (goal, source, *(other for other in self.primaries if other not in (goal, source))):
            member.ask_all([("CLUSTER", "SETSLOT", slot, "NODE", goal.id) for slot in slots])

    @staticmethod
    def keys_in(source, slots):
        """Of each of the slots that has some."""
        return [keys for keys in source.ask_all([("CLUSTER", "GETKEYSINSLOT", slot, KEYS_MAX) for slot in slots]) if keys]

    def settle(self):
        """A new goal takes an epoch of its own, above those that it has heard of: one that it has not would take its slots back."""
        try:
            wait_until(self.is_of_one_view, 30, "one view of the slots")
        except AssertionError as error:
            raise AssertionError(f"{error}: {self.disagreement()}")

    def is_of_one_view(self):
        views = [primary.view() for primary in self.primaries]
        if all(view == views[0] for view in views):
            return True
        for primary, (_, owners) in zip(self.primaries, views):
            self.give_back(primary, [others for _, others in views if others is not owners], owners)
        return False

    def disagreement(self):
        """Each primary's epoch, and some of the slots to which they give different owners."""
        epochs, owners = zip(*(primary.view() for primary in self.primaries))
        slots = [slot for slot in range(SLOTS) if len({view.get(slot) for view in owners}) > 1]
        return [primary.id for primary in self.primaries], epochs, {slot: [view.get(slot) for view in owners] for slot in slots[:5]}

    @staticmethod
    def give_back(primary, others, owners):
        """
        What an operator does by doc/runbook.md (TodoSlotsUntrusted). A busy Redis 7.0 may read an older packet after a newer one and note
        that a slot's owner gives the slot up; nothing but another owner ends this note. If such a replica takes the slot over, who was
        killed gets it when it comes back, and lays it down as it becomes a replica. Then the heir knows no owner of it, and all the others
        name the heir.
        """
        lost = [slot for slot in range(SLOTS) if slot not in owners and all(other.get(slot) == primary.id for other in others)]
        if lost:
            primary.ask("CLUSTER", "ADDSLOTS", *lost)

    def kill(self, number):
        """kill -9 of a primary; returns when its replica has taken its place."""
        self.primaries[number].stop()
        heir = self.replicas[number]
        wait_until(lambda: "role:master" in heir.ask("INFO"), 30, "a new primary")
        self.primaries[number], self.replicas[number] = heir, self.primaries[number]
        self.wait(lambda status: status["cluster_state"] == "ok")

    def freeze(self, number, seconds):
        """If that is much longer than cluster-node-timeout, its replica takes its place meanwhile."""
        with self.primaries[number].frozen():
            time.sleep(seconds)

    def heal(self):
        """Who was killed comes back, as a replica; returns when all agree, and each primary has its replica in step."""
        for member in self.members:
            if not member.process:
                member.start()
        wait_until(self.is_whole, 60, "a primary and a replica of each shard")
        self.wait(lambda status: status["cluster_state"] == "ok")
        self.settle()

    def is_whole(self):
        for number, pair in enumerate(zip(self.primaries, self.replicas)):
            behind = [member for member in pair if member.is_in_step()]
            if len(behind) != 1:
                return False
            self.replicas[number] = behind[0]
            self.primaries[number] = pair[pair[0] is behind[0]]
        return True

    # --- users, each of whom stands for a pool of workers ---

    def add_user(self, name):
        """With a password of the same name, also of members that start later."""
        for member in self.members:
            member.ask("ACL", "SETUSER", name, "on", f">{name}", *RIGHTS.split())
            with member.file.open("a") as config:
                config.write(f"user {name} on >{name} {RIGHTS}\n")

    def cut_off(self, name):
        """The user's connections break, and there are no new ones."""
        for member in self.members:
            member.ask_all([("ACL", "SETUSER", name, "off"), ("CLIENT", "KILL", "USER", name)])

    def let_in(self, name):
        for member in self.members:
            member.ask("ACL", "SETUSER", name, "on")


@contextlib.contextmanager
def running(folder, host=LOOPBACK):
    cluster = Cluster(folder, host)
    try:
        yield cluster.start()
    finally:
        cluster.stop()


def obey(cluster, verb, *words):
    if verb == "kill":
        cluster.kill(int(words[0]))
        return
    key, number = words
    slot = int(cluster.primaries[0].ask("CLUSTER", "KEYSLOT", key))
    if verb == "move":
        cluster.move(slot, int(number))
    elif verb == "part":
        goal = cluster.primaries[int(number)]
        cluster.carry(cluster.open(slot, goal), goal, key)


def main():
    with running(Path(sys.argv[1])) as cluster:
        print(cluster.url, flush=True)
        for line in sys.stdin:
            obey(cluster, *line.split())
            print("done", flush=True)


if __name__ == "__main__":
    main()
