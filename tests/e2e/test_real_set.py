# SPDX-License-Identifier: MIT
"""
A real replica set with three members, which hands over, loses its primary, and loses its majority, under load: the rows E1 to E5 of
doc/consistency.md, on what MongoDB does and not on what its manual says.

Two loads run at once. One tells who was refused, and when; the other writes a history, which the checker of tests/faults judges
without any slack. What was acknowledged must be in the store afterwards.
"""

import contextlib
import signal
import time

import pytest
from clients import Load as HistoryLoad
from elections import BACK_S, MACHINE_S, Load, past_known_leaks
from history import check
from mongod import ReplicaSet, new_database
from stack import wait_until
from tiny_bson import Date, Mongo, talk

# The first load's todos fill more than a page, so the second one reads no lists.
WEIGHTS = {"get": 76, "patch": 9, "put": 4, "post": 3, "delete": 4}
SETTINGS = {"store_timeout_ms": 4500, "todo_ttl_s": 3600}


@pytest.fixture(scope="session")
def store():
    """Of new_stack: not one of the session's stores."""
    return "real replica set"


@pytest.fixture(scope="module")
def real_set(tmp_path_factory):
    mongo = ReplicaSet(tmp_path_factory.mktemp("set"), 3).start()
    yield mongo
    mongo.stop()


@pytest.fixture
def new_stack(new_stack, tmp_path):
    return past_known_leaks(new_stack, tmp_path)


@contextlib.contextmanager
def under_load(stack, uri):
    with Load(stack) as load, HistoryLoad([stack.port], ["a", "b", "c", "d"], 4, 0.01, WEIGHTS) as history:
        yield load
        time.sleep(1.5)
    violations = check(history.ops)
    assert not violations, "\n".join(map(str, violations[:5]))
    rows = Mongo(uri)
    missing = set(load.acknowledged) - {row["_id"] for row in rows.find_all("todos")}
    rows.close()
    assert len(load.acknowledged) > 20 and not missing, missing
    wait_until(lambda: stack.ctl("audit", "--all").returncode == 0, 20, "entries that equal the store")


def hand_over(mongo):
    """Returns the primary that was; another one is there."""
    old = mongo.primary
    answer = old.run({"replSetStepDown": 3, "secondaryCatchUpPeriodSecs": 2})
    assert answer["ok"], answer
    assert mongo.primary is not old
    return old


@pytest.mark.parametrize("hosts", ["all hosts", "one host"])
def test_a_hand_over_refuses_nothing(real_set, new_stack, hosts):
    uri = real_set.uri(new_database())
    store_uri = uri if hosts == "all hosts" else uri.replace(real_set.hosts, real_set.primary.host).partition("?")[0]
    with under_load(new_stack(store_uri=store_uri, settings=SETTINGS), uri) as load:
        hand_over(real_set)
        time.sleep(1)
        hand_over(real_set)
    assert {kind: load.refused(kind) for kind in load.seen} == {"write": [], "miss": [], "hit": []}


def test_a_killed_primary_takes_nothing_with_it_and_the_service_is_back_within_a_second(real_set, new_stack):
    uri = real_set.uri(new_database())
    with under_load(new_stack(store_uri=uri, settings=SETTINGS), uri) as load:
        killed = real_set.primary
        killed.stop()
        elected_at = wait_for_primary(real_set)
        time.sleep(1)
        killed.start()
    assert load.refused("hit") == []
    for kind in ("write", "miss"):
        assert load.refused(kind), "the fault didn't bite"
        assert max(load.refused(kind)) - elected_at < BACK_S + MACHINE_S


def wait_for_primary(mongo):
    """Returns when there was one."""
    assert mongo.primary
    return time.monotonic()


def test_without_a_majority_writes_stay_unknown_and_nothing_old_is_read(real_set, new_stack):
    """For a second and a half, during which the primary stays; then until it has stepped down."""
    uri = real_set.uri(new_database())
    settings = {"store_timeout_ms": 1000, "write_deadline_ms": 2500, "todo_ttl_s": 3600}
    with under_load(new_stack(store_uri=uri, settings=settings), uri) as load:
        primary = real_set.primary
        for seconds in (1.5, 4):
            with stopped([member for member in real_set.members if member is not primary]):
                time.sleep(seconds)
            back_at = wait_for_primary(real_set)
            time.sleep(1)
    assert load.refused("hit") == [] and load.refused("write"), "the fault didn't bite"
    assert max(load.refused("write") + load.refused("miss")) - back_at < BACK_S + MACHINE_S


@contextlib.contextmanager
def stopped(members):
    for member in members:
        member.signal(signal.SIGSTOP)
    try:
        yield
    finally:
        for member in members:
            member.signal(signal.SIGCONT)


def test_a_direct_connection_to_who_was_the_primary_fills_nothing_and_is_not_ready(real_set, new_stack):
    uri = f"mongodb://{real_set.primary.host}/{new_database()}?directConnection=true"
    stack = new_stack(store_uri=uri)
    assert stack.post({"id": "a", "name": "a"}).status == 201 and stack.internal.get("/readyz").status == 200
    hand_over(real_set)
    for path in ("/todos/a", "/todos"):
        assert stack.get(path).status == 503
    assert stack.internal.get("/readyz").status == 503
    assert stack.redis("keys", "todo:*{a}") == ""


def test_a_follower_goes_on_at_the_next_primary(real_set, new_stack):
    uri = real_set.uri(new_database())
    stack = new_stack(store_uri=uri, settings={"follow": "on", "todo_ttl_s": 3600})
    wait_until(lambda: "from=saved_place" in stack.log("workers"), 30, "a follower")
    stack.post({"id": "a", "name": "ours"})
    wait_until(lambda: stack.get("/todos/a").cache.get("hit"), 30, "a hit")
    hand_over(real_set)
    others = Mongo(uri)
    others.run({"update": "todos", "updates": [{"q": {"_id": "a"}, "u": {"$set": {"name": "theirs"}}}]})
    others.close()
    wait_until(lambda: stack.get("/todos/a").json["name"] == "theirs", 10, "the news")


def test_an_update_that_finds_nothing_waits_for_the_majority_and_reads_no_todo(real_set, new_stack):
    """What a barrier of several shards asks of each of them (src/store/mongo_shards.c)."""
    uri = real_set.uri(new_database())
    stack = new_stack(store_uri=uri)
    assert [stack.post({"id": f"t{number}", "name": "x"}).status for number in range(20)] == [201] * 20
    statement = {"q": {"created_at": {"$lt": Date(-(2**63))}}, "u": {"$inc": {"v": 0}}, "multi": True}
    barrier = {"update": "todos", "updates": [statement], "writeConcern": {"w": "majority", "wtimeout": 400}}
    others = Mongo(uri)
    plan = others.run({"explain": {"update": "todos", "updates": [statement]}, "verbosity": "executionStats"})["executionStats"]
    assert (plan["totalKeysExamined"], plan["totalDocsExamined"]) == (0, 0), plan
    with stopped([member for member in real_set.members if member is not real_set.primary]):
        talk(others.connection, {"insert": "other", "documents": [{"_id": 1}], "writeConcern": {"w": 1}, "$db": others.database})
        refused = talk(others.connection, {**barrier, "$db": others.database})
    assert refused["n"] == 0 and refused["writeConcernError"]["code"] == 64, refused
    wait_for_primary(real_set)
    others.close()
    others = Mongo(uri)
    answer = talk(others.connection, {**barrier, "$db": others.database})
    assert answer["n"] == 0 and "writeConcernError" not in answer, answer
    others.close()
