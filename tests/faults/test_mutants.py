# SPDX-License-Identifier: MIT
"""
The tests' own test: with one rule of the protocol left out (src/cache/mutant.c), the checker goes red; with all of them, under the
same load, it doesn't. The first four are the rules that the protocol was found to need, see doc/consistency.md.
"""

import time
from concurrent.futures import ThreadPoolExecutor

import faults
import pytest
from experiment import STALE_S, Experiment, said, writing
from form import IS_LONG
from elections import BehindElection
from history import check
from mongo_server import MongoSet
from stack import Client, wait_until
from store_file import back_up, restore

RUN_MAX_S = 40

# On SQLite, whose writes are groups: a delay within one would keep all others from writing.
WINDOWS = "group_before_commit=delay:10@0.2,group_after_commit=delay:25@0.4,fill_before=delay:20@0.3"
MONGODB_WINDOWS = "write_after_fence=delay:10@0.2,write_after_commit=delay:25@0.4,fill_before=delay:20@0.3"
CROSSED = "group_after_commit=delay:40@0.5"

MUTANTS = {
    "acquire_ignore_writers": dict(failpoints=WINDOWS, policy="invalidate"),
    "publish_ignore_overlap": dict(failpoints=WINDOWS, policy="publish"),
    "joiners_take_refused": dict(failpoints=WINDOWS, policy="invalidate"),
    "lost_mark_untold": dict(
        failpoints=CROSSED, policy="publish", fault=faults.marks_lost, weights={"get": 60, "patch": 20, "put": 20}
    ),
    "fill_without_lease": dict(failpoints=WINDOWS, policy="invalidate"),
}


def experiment(make_stack, ids, failpoints, policy, weights=None, **_):
    stack = make_stack(failpoints=failpoints, settings={"write_policy": policy, "audit_rate": 3})
    return Experiment(stack, ids, weights=weights or writing(0.3))


@pytest.mark.parametrize("mutant", MUTANTS)
def test_a_rule_left_out_is_noticed(make_stack, new_ids, mutant):
    parts = MUTANTS[mutant]
    with_mutant = {**parts, "failpoints": f"{parts['failpoints']},{mutant}=on"}
    run = experiment(make_stack, new_ids(2), **with_mutant)
    violations = run.run_until_red(RUN_MAX_S, parts.get("fault"))
    assert violations, f"not noticed in {RUN_MAX_S} s: {run.load.statuses}"


def test_a_new_epoch_that_writes_do_not_look_for_is_noticed(make_stack, new_ids):
    """Later than any bound: the entry would be old for its lifetime."""
    stack = make_stack(failpoints="group_before_commit=delay:40@0.9,fill_before=delay:20@0.3,epoch_unlooked=on")
    for _ in range(20):
        run = Experiment(stack, new_ids(300), clients=12, weights={"get": 70, "put": 30})
        run.run_with_last_writes_under(faults.entries_purged, lambda _: True)
        if check(run.load.ops, slack_s=STALE_S):
            return
    raise AssertionError("not noticed in 20 rounds")


def name_after_restore(stack, todo_id):
    """What a hit shows of a todo whose later name went with the restore of an older file."""
    json = {"Content-Type": "application/json"}
    assert stack.request("PUT", f"/todos/{todo_id}", b'{"name": "before"}', json).status == 201
    copy = back_up(stack)
    assert stack.request("PUT", f"/todos/{todo_id}", b'{"name": "later"}', json).status == 200
    wait_until(lambda: stack.get(f"/todos/{todo_id}").cache.get("hit"), what="an entry of the later name")
    stack.stop("workers")
    restore(stack, copy)
    stack.start("workers")
    stack.wait_answer()

    def name_of_hit():
        answer = stack.get(f"/todos/{todo_id}")
        return answer.json["name"] if answer.cache.get("hit") else None

    return wait_until(name_of_hit, what="a hit")


def test_a_restored_store_whose_beat_nobody_compares_is_noticed(make_stack, new_ids):
    [first, second] = new_ids(2)
    assert name_after_restore(make_stack(settings={"audit_rate": 0}), first) == "before"
    assert name_after_restore(make_stack(failpoints=f"{WINDOWS},beat_unlooked=on"), second) == "later"


def name_after_election(stack, mongo, todo_id):
    """What the workers' reads show of a todo whose last write a new primary does not show yet; None: they refuse."""
    json = {"Content-Type": "application/json"}
    assert stack.request("PUT", f"/todos/{todo_id}", b'{"name": "before"}', json).status == 201
    election = BehindElection(mongo)
    assert stack.request("PUT", f"/todos/{todo_id}", b'{"name": "later"}', json).status == 200
    election.elect()

    def names():
        """Of readers at once, so that the worker that wrote is not the only one asked."""
        with ThreadPoolExecutor(24) as readers:
            answers = readers.map(lambda _: Client(stack.port).get(f"/todos/{todo_id}"), range(24))
            return {answer.json.get("name") for answer in answers} - {None}

    seen = names()
    election.catch_up()
    wait_until(lambda: "later" in names(), what="the new primary's majority")
    return seen


@pytest.mark.parametrize("rule, seen", [("", set()), (",watermark_untold=on", {"before"})], ids=["kept", "left out"])
def test_a_store_that_tells_nobody_how_far_it_has_come_is_noticed(make_stack, rule, seen):
    mongo = MongoSet().start()
    try:
        stack = make_stack(failpoints=MONGODB_WINDOWS + rule, store_uri=mongo.uri(), settings={"store_timeout_ms": 1000})
        assert name_after_election(stack, mongo, "a") == seen
    finally:
        mongo.stop()


@pytest.mark.parametrize("like", ["joiners_take_refused", "lost_mark_untold"] if IS_LONG else ["lost_mark_untold"])
def test_all_rules_kept_are_clean_under_the_same_load(make_stack, new_ids, seconds, like):
    parts = MUTANTS[like]
    run = experiment(make_stack, new_ids(2), **parts).run(seconds(2), parts.get("fault"), every_s=0.05)
    run.assert_worth_it().assert_clean(reads_bind="fault" not in parts).assert_healed()


def test_a_stale_entry_planted_in_redis_is_noticed_by_checker_auditor_and_audit(make_stack, new_ids):
    """What an old fill would have left: the entry of a version before, alive and well."""
    stack = make_stack(settings={"audit_rate": 1, "l1_mbytes": 0})  # what is planted is found in Redis alone
    [id] = ids = new_ids(1)
    run = Experiment(stack, ids, clients=2, weights={"get": 90, "put": 10})
    with run.load:
        wait_until(lambda: sum(op.kind == "write" and op.answered for op in run.load.ops) > 1, 30, "two writes")
        run.load.stop_writing()
        time.sleep(0.3)
        key = wait_until(lambda: stack.redis("--scan", "--pattern", f"todo:*:{{{id}}}"), 30, "an entry")
        version = int(stack.redis("hget", key, "v"))
        older = next(op for op in run.load.ops if op.kind == "write" and op.state and op.state[1] == version - 1)
        stack.redis("hset", key, "v", str(version - 1), "name", older.name)
        wait_until(lambda: run.count(r'audit_total.*result="inconsistent"') > 0, 30, "an audit that finds it")
        wait_until(lambda: check(run.load.ops), 30, "a reader who is shown it")
    violations = check(run.load.ops)
    assert {violation.rule for violation in violations} == {"backwards"}, said(violations)
    assert "event=audit_inconsistent" in stack.log("workers")
    result = stack.ctl("audit", "--all")
    assert result.returncode == 1 and f" id={id} " in result.stderr
    assert stack.ctl("purge", id).returncode == 0
    assert stack.ctl("audit", "--all").returncode == 0
