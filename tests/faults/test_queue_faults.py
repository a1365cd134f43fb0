# SPDX-License-Identifier: MIT
"""
What doc/consistency.md promises of queued writes, under fire: workers that apply batches, the journal and the store are killed, frozen
and cut, at any moment and at the failpoints of a batch. Each write with a 202 is applied exactly once, in order with those of its todo;
who sends its ticket reads it; and the cache stays right.

QUEUE_FAULTS_S=1800 ./dev test test_queue_faults.py does it over and over, so many seconds for each test.
"""

import itertools
import os
import signal
import time

import faults
import mongod
import pytest
from experiment import said
from form import IS_LONG, SEED
from history import check
from journal import FILE, REDIS, QueueRedis
from queue_clients import DRAIN_ALIVE_S, DRAIN_S, QUEUED_LEAST, SLOW, QueueLoad
from stack import wait_until
from store_file import write_lock

ROUND_S, PATIENCE_S, ROUNDS_MAX = 4 if IS_LONG else 2, 60, 10
IN_ALL_S = float(os.environ.get("QUEUE_FAULTS_S", 0))
KILL = "queue_before_apply=kill@0.02,queue_after_commit=kill@0.02,queue_before_settle=kill@0.02"
# Marks of killed writers are short, so that there are hits; a frozen worker is replaced meanwhile.
SETTINGS = {"write_deadline_ms": 1500, "store_timeout_ms": 600}
NUMBERS = itertools.count(1)


def worker_frozen(world):
    """Longer than it holds its shards: another one applies them, and then it goes on."""
    faults.worker_frozen(world.stack, seconds=4)


def worker_killed(world):
    faults.worker_killed(world.stack)


def journal_killed(world):
    faults.journal_killed(world.journal)


def store_locked(world):
    """By another program, longer than a write may take."""
    with write_lock(world.stack):
        time.sleep(1)


def store_frozen(world):
    """Longer than a call may take, and so that the appliers' transactions stay open."""
    faults.frozen(1.5, world.server.pid)


def store_killed(world):
    world.server.signal(signal.SIGKILL)
    wait_until(lambda: not world.server.pid, 10, "the end of mongod")
    world.server.start()


class World:
    """A stack with a queue, and what else its faults need."""

    def __init__(self, make_stack, journal=FILE, failpoints=KILL, store_uri=None, server=None):
        self.server, self.may_kill = server, "=kill" in failpoints
        failpoints = f"{failpoints},{SLOW},write_after_commit=delay:5@0.1".strip(",")
        self.stack = make_stack(failpoints=failpoints, store_uri=store_uri, settings=SETTINGS | {"write_queue": journal})
        self.journal = QueueRedis(self.stack.folder) if journal == REDIS else None
        if self.journal:
            self.journal.start()
        self.pids = set(self.stack.worker_pids())
        wait_until(lambda: self.stack.internal.get("/readyz").json["queue"]["status"] == "ready", 10, "a journal that is ready")

    def close(self):
        if self.journal:
            self.journal.stop()

    def run(self, *some):
        """One load under these faults by turns; it lasts until each fault came, and there is enough to judge."""
        load = QueueLoad(self.stack, f"q{next(NUMBERS)}", seed=SEED)
        begun = time.monotonic()
        with load:
            for fault in itertools.cycle(some):
                time.sleep(0.3)
                fault(self)
                past_s = time.monotonic() - begun
                is_enough = len(load.queued) >= QUEUED_LEAST and self.has_killed()
                if past_s > PATIENCE_S or (past_s > ROUND_S and fault is some[-1] and is_enough):
                    break
        assert len(load.queued) >= QUEUED_LEAST, load.statuses
        assert self.has_killed(), "no worker was killed"
        load.settle(DRAIN_S if self.may_kill else DRAIN_ALIVE_S)
        return load

    def has_killed(self):
        return not self.may_kill or bool(self.pids - set(self.stack.worker_pids()))

    def judge(self, load):
        load.assert_applied_once()
        stale = check(load.ops)
        assert not stale, said(stale)
        wait_until(lambda: self.stack.ctl("audit", "--all").returncode == 0, 20, "an audit that finds all right")

    def go(self, *some):
        end, queued_count = time.monotonic() + IN_ALL_S, 0
        for rounds in itertools.count(1):
            load = self.run(*some)
            self.judge(load)
            queued_count += len(load.queued)
            if time.monotonic() >= end:
                break
        print(f"{rounds} rounds: {queued_count} queued writes, each applied once")


@pytest.fixture
def new_world(make_stack):
    worlds = []

    def make(**parts):
        worlds.append(World(make_stack, **parts))
        return worlds[-1]

    yield make
    for world in worlds:
        world.close()


def test_queued_writes_are_applied_once_whatever_of_sqlite_dies(new_world):
    new_world().go(worker_killed, store_locked)


def test_queued_writes_are_applied_once_when_their_redis_dies(new_world):
    new_world(journal=REDIS).go(journal_killed, worker_killed)


def test_queued_writes_are_applied_soon_after_mongodb_was_frozen(new_world, mongodb):
    """
    Nobody dies: an applier must end the transaction that it has left open itself, if a freeze meets it between its bookmark and its
    commit. That it does so is shown by tests/store (test_a_batch_that_is_cut_off_is_ended_by_its_own_appliers_next_claim) each time.
    """
    uri = mongodb.uri(mongod.new_database())
    new_world(journal=REDIS, failpoints="", store_uri=uri, server=mongodb.members[0]).go(store_frozen)


if IS_LONG or IN_ALL_S:

    def test_queued_writes_are_applied_once_when_mongodb_dies(new_world, mongodb):
        uri = mongodb.uri(mongod.new_database())
        new_world(journal=REDIS, store_uri=uri, server=mongodb.members[0]).go(worker_frozen, worker_killed, store_killed)


def test_a_write_that_is_settled_before_its_commit_is_noticed(new_world):
    """The checker's own test: what it is silent about above."""
    world = new_world(journal=REDIS, failpoints=f"settle_early=on,{KILL}")
    loads = (world.run(worker_killed) for _ in range(ROUNDS_MAX))
    assert any("lost" in violation for load in loads for violation in load.violations()), f"not noticed in {ROUNDS_MAX} rounds"
