# SPDX-License-Identifier: MIT
"""
Two machines with an L1 each on one Redis and one MongoDB, under fire: two pools of workers that find different files in /dev/shm,
because their settings name the store differently. All clients' answers, from both, are one history.
"""

import random
import time
from pathlib import Path

import faults
import mongod
import pytest
from experiment import SLOW, STALE_S, Experiment
from stack import wait_until

SETTINGS = {"write_deadline_ms": 1500, "store_timeout_ms": 600, "l1_mbytes": 1}
LICENCE_S = 0.3


@pytest.fixture(scope="module")
def machines(make_stack, mongodb):
    files = set(Path("/dev/shm").glob("todo-fcgi-*"))
    uri = mongodb.uri(mongod.new_database())
    first = make_stack(failpoints=SLOW, workers=2, store_uri=f"{uri}&appname=first", settings=SETTINGS)
    settings = SETTINGS | {"redis": f"unix:{first.folder}/redis.sock"}
    second = make_stack(failpoints=SLOW, workers=2, store_uri=f"{uri}&appname=second", settings=settings)
    yield first, second
    for path in set(Path("/dev/shm").glob("todo-fcgi-*")) - files:
        path.unlink()


def both_hold(machines):
    keys = machines[0].redis("--scan", "--pattern", "todos:*:holders").split()
    return sum(len(machines[0].redis("hkeys", key).split()) for key in keys) >= 2


class TwoMachines(Experiment):
    """The faults of one stack befall either machine; Redis is the first one's."""

    def __init__(self, machines, ids, **load):
        wait_until(lambda: both_hold(machines), 10, "two holders")
        super().__init__(machines[0], ids, more=machines[1:], **load)
        self.machines = machines
        self.pids_before = [set(stack.worker_pids()) for stack in machines]

    def has_killed(self):
        return any(set(stack.worker_pids()) != before for stack, before in zip(self.machines, self.pids_before))


def either(fault):
    def befall(machines):
        fault(random.choice(machines))

    befall.__name__ = fault.__name__
    return befall


def machine_frozen(machines):
    """All workers of one, for longer than its licence lasts."""
    faults.frozen(2 * LICENCE_S, *machines[random.randrange(2)].worker_pids())


def first(fault):
    """Of Redis, which both use."""

    def befall(machines):
        fault(machines[0])

    befall.__name__ = fault.__name__
    return befall


# What befalls, how it shows that it has, and what is eased.
FAULTS = [
    (either(faults.worker_killed), lambda run: run.has_killed(), {}),
    (machine_frozen, lambda run: run.count(r'l1_waits_total\{result="over"\}') > 0, {}),
    (first(faults.connections_cut), lambda run: run.count(r'redis_errors_total\{kind="lost"\}') > 2, {}),
    (first(faults.scripts_flushed), lambda run: run.count(r'redis_errors_total\{kind="noscript"\}') > 0, {}),
    (first(faults.marks_lost), lambda run: run.count("fence_lost") > 0, {"reads_bind": False}),
    (first(faults.everything_flushed), lambda run: run.count("fence_lost") > 0, {"reads_bind": False, "slack_s": LICENCE_S}),
    (first(faults.one_worker_cut_off), lambda run: run.count("outbox_total") > 0, {"slack_s": STALE_S + LICENCE_S}),
]


@pytest.mark.parametrize("fault, has_bitten, eased", [pytest.param(*row, id=row[0].__name__) for row in FAULTS])
def test_two_machines_show_nothing_old(machines, new_ids, seconds, fault, has_bitten, eased):
    run = TwoMachines(machines, new_ids(4))

    def is_enough(run):
        return has_bitten(run) and run.count(r"l1_waits_total") > 20 and run.count(r'l1_reads_total\{result="hit"\}') > 20

    run.run(seconds(3), lambda _: fault(machines), has_bitten=is_enough)
    run.assert_worth_it().assert_clean(**eased)
    run.assert_healed()
