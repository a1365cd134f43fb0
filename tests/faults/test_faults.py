# SPDX-License-Identifier: MIT
"""
What doc/consistency.md promises of workers and Redis, under fire. Its table names these tests.

While Redis stays the same Redis and keeps what it has, nobody sees anything old, whatever is killed, cut or slow. Where Redis
loses the writers' marks, reads may differ while a write is under way, and nothing is old after its answer. While Redis is
away, or only some of the workers see it, what is old is so for two seconds at most. Afterwards every entry equals the store.
"""

import math
import time

import faults
import pytest
from experiment import SLOW, STALE_S, Experiment, writing
from form import IS_LONG
from stack import wait_until

KILL = (
    "write_after_fence=kill@0.01,write_after_commit=kill@0.01,group_before_commit=kill@0.01,group_after_commit=kill@0.01,"
    "write_before_unfence=kill@0.01,fill_before=kill@0.01,"
    "drain_before_remove=kill@0.1," + SLOW
)
# A worker that is frozen within a group keeps the others from writing, so few stay there for long.
FREEZABLE = (
    "write_after_fence=delay:60@0.05,write_after_commit=delay:60@0.05,group_after_commit=delay:60@0.5,fill_before=delay:30@0.3"
)
# A mark of a killed writer lasts this long, and readers go past the cache meanwhile: short, so that there are hits.
SHORT_MARKS = {"write_deadline_ms": 1500, "store_timeout_ms": 600}
# Much shorter than Redis is frozen; only where staleness has a bound, for a busy machine may look like a frozen Redis.
SHORT_PATIENCE = SHORT_MARKS | {"redis_timeout_ms": 200}
POLICIES = ["invalidate", "publish"]


def under_policies(*some):
    """Each under both write policies; in the short form they take turns."""
    pairs = [(fault, policy) for fault in some for policy in POLICIES]
    pairs = pairs if IS_LONG else [pairs[2 * i + i % 2] for i in range(len(some))]
    return pytest.mark.parametrize(
        "fault, policy", [pytest.param(fault, {"write_policy": policy}, id=f"{fault.__name__}-{policy}") for fault, policy in pairs]
    )


# --- the same Redis: nothing old, ever ---

SAME_REDIS = {
    faults.worker_killed: lambda run: run.killed_workers() > 0,
    faults.connection_cut: lambda run: run.count(r'redis_errors_total\{kind="lost"\}') > 0,
    faults.connections_cut: lambda run: run.count(r'redis_errors_total\{kind="lost"\}') > 2,
    faults.scripts_flushed: lambda run: run.count(r'redis_errors_total\{kind="noscript"\}') > 0,
    faults.memory_full: lambda run: run.count(r'redis_errors_total\{kind="oom"\}') > 0,
}


@under_policies(*SAME_REDIS)
def test_nothing_is_old_on_the_same_redis(make_stack, new_ids, seconds, policy, fault):
    stack = make_stack(failpoints=SLOW, settings=SHORT_MARKS | policy)
    run = Experiment(stack, new_ids(4)).run(seconds(2), fault, has_bitten=SAME_REDIS[fault])
    run.assert_worth_it().assert_clean().assert_healed()


@under_policies(faults.connections_cut)
def test_nothing_is_old_wherever_workers_die(make_stack, new_ids, seconds, policy, fault):
    """
    After the fence, after the commit, before the unfence, in a fill, in a drain; cut connections fill the outbox. More todos than
    there are marks of the dead at a time, or nothing would be a hit.
    """
    stack = make_stack(failpoints=KILL, settings=SHORT_MARKS | policy)
    has_died = lambda run: run.killed_workers() > 0 and run.load.statuses.get(502)
    run = Experiment(stack, new_ids(20)).run(seconds(4), fault, every_s=1.0, has_bitten=has_died)
    run.assert_worth_it().assert_clean()
    run.assert_healed()


# --- the same Redis, but it forgets marks: nothing old after a write's answer ---

FORGETFUL = {
    faults.everything_flushed: lambda run: run.count("fence_lost") > 0,
    faults.marks_lost: lambda run: run.count("fence_lost") > 0,
    faults.memory_short: lambda run: run.count("fence_lost") > 0,
}


@under_policies(*FORGETFUL)
def test_nothing_is_old_after_an_answer_if_marks_are_lost(make_stack, new_ids, seconds, policy, fault):
    stack = make_stack(failpoints=SLOW, settings=SHORT_MARKS | policy)
    run = Experiment(stack, new_ids(4), weights=writing(0.3)).run(seconds(2), fault, every_s=0.1, has_bitten=FORGETFUL[fault])
    run.assert_worth_it().assert_clean(reads_bind=False).assert_healed()


# --- Redis away, or another one: nothing older than the bound ---

OUTAGES = {
    faults.redis_frozen: lambda run: run.count(r'redis_errors_total\{kind="timeout"\}') > 0,
    faults.one_worker_cut_off: lambda run: run.count("outbox_total") > 0,
    faults.redis_restarted_empty: lambda run: run.count("epoch_moves") > 0,
    faults.redis_restarted_with_old_data: lambda run: run.count("epoch_moves") > 0,
}


@under_policies(*OUTAGES)
def test_nothing_is_older_than_the_bound_in_an_outage(make_stack, new_ids, seconds, policy, fault):
    stack = make_stack(failpoints=SLOW, settings=SHORT_PATIENCE | policy)
    run = Experiment(stack, new_ids(4)).run(seconds(3), fault, every_s=0.7, has_bitten=OUTAGES[fault])
    run.assert_worth_it().assert_clean(slack_s=STALE_S).assert_healed()


# A write that was frozen on its way, longer than its mark's deadline, and was answered after all.
FROZEN = {
    faults.worker_frozen: lambda run: any(
        op.kind == "write" and SHORT_MARKS["write_deadline_ms"] / 1000 < op.end - op.begin < math.inf for op in run.load.ops
    ),
}


@under_policies(*FROZEN)
def test_nothing_is_older_than_the_bound_after_a_worker_was_frozen(make_stack, new_ids, seconds, policy, fault):
    """
    In the middle of writes and fills, which it then finishes; many wait long there, so that the freeze meets some. Many todos, for
    other writes of the same one would keep its marks alive.
    """
    stack = make_stack(failpoints=FREEZABLE, settings=SHORT_MARKS | policy)
    run = Experiment(stack, new_ids(60), clients=12, weights=writing(0.3)).run(seconds(4), fault, every_s=0.5, has_bitten=FROZEN[fault])
    run.assert_worth_it().assert_clean(slack_s=STALE_S).assert_healed()


# Workers that look at the same moment leave no time for a write that comes too late, so these may have to be repeated.
NEW_EPOCH = {
    faults.entries_purged: lambda run: run.count("outbox_total") > 0,
    faults.redis_replaced: lambda run: run.count("epoch_moves") > 0 and run.count("outbox_total") > 0,
}


@under_policies(*NEW_EPOCH)
def test_nothing_stays_old_if_some_learn_late_of_a_new_epoch(make_stack, new_ids, policy, fault):
    """Many todos, so that for most of them the last write is one that the fault met."""
    stack = make_stack(failpoints=SLOW, settings=SHORT_MARKS | policy)
    run = Experiment(stack, new_ids(300), clients=12, weights={"get": 70, "put": 30})
    run.run_with_last_writes_under(fault, NEW_EPOCH[fault])
    assert NEW_EPOCH[fault](run), "the fault didn't bite"
    run.assert_worth_it().assert_clean(slack_s=STALE_S).assert_healed()


@under_policies(faults.redis_restarted_empty)
def test_workers_that_die_in_an_outage_lose_no_invalidation(make_stack, new_ids, seconds, policy, fault):
    stack = make_stack(failpoints=KILL, settings=SHORT_MARKS | policy)
    has_bitten = lambda run: run.killed_workers() > 0 and run.count("outbox_total") > 0
    run = Experiment(stack, new_ids(4)).run(seconds(3), fault, every_s=0.5, has_bitten=has_bitten)
    run.assert_clean(slack_s=STALE_S)
    # An open record of a worker that died is closed at its deadline.
    time.sleep(SHORT_MARKS["write_deadline_ms"] / 1000)
    run.assert_healed()


def test_a_frozen_redis_delays_few_reads_and_hits_come_back(make_stack, new_ids):
    """The first reads wait redis_timeout_ms, 100, and no more; tests/bench/frozen.sh has the figures, where nothing else runs."""
    stack = make_stack(settings={"redis_timeout_ms": 100, "l1_mbytes": 0})  # hits in the L1 go on
    ids = new_ids(20)
    for id in ids:
        assert stack.post({"id": id, "name": id}).status == 201
    # The names are not the load's own, so this history isn't checked; nothing writes.
    run = Experiment(stack, ids, clients=4, pause_s=0.005, weights={"get": 1})

    def is_hit_again():
        now = time.monotonic()
        return run.load.hit_rate(now - 0.5, now) >= 0.95

    with run.load:
        wait_until(is_hit_again, 10, "hits")
        frozen = time.monotonic()
        faults.redis_frozen(stack, 3)
        thawed = time.monotonic()
        wait_until(is_hit_again, 10, "hits again")
    assert set(run.load.statuses) == {200}, run.load.statuses
    during = run.load.latencies(frozen, thawed)
    assert len(during) > 100 and during[len(during) * 99 // 100] < 1.5, "half of what waiting for Redis would cost"
    assert run.load.hit_rate(frozen + 0.5, thawed) < 0.05, "the fault didn't bite"
