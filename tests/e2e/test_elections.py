# SPDX-License-Identifier: MIT
"""
MongoDB's primary changes: hand-overs, elections, a member that was the primary and is read directly, servers of several kinds.

The replica set is mongo_server.py, which does at once what the test says. Real workers, Redis and nginx stand before it.
"""

import json
import re
import time

import pytest
from elections import BACK_S, MACHINE_S, BehindElection, Load
from mongo_server import MongoSet
from stack import wait_until
from tiny_bson import Date, Mongo

REFUSED_S = 0.3  # writes of a hand-over


@pytest.fixture(scope="session")
def store():
    """Of new_stack: not one of the session's stores."""
    return "scripted replica set"


@pytest.fixture
def new_set():
    sets = []

    def new(**options):
        sets.append(MongoSet(**options).start())
        return sets[-1]

    yield new
    for one in sets:
        one.stop()


def row(todo_id, name, v=1):
    return {"_id": todo_id, "name": name, "description": "", "done": False, "v": v, "created_at": Date(10**12), "updated_at": Date(10**12 + v)}


@pytest.mark.parametrize("version", [(4, 0), (4, 4)], ids=["4.0", "4.4"])
def test_a_hand_over_refuses_nothing(new_set, new_stack, version):
    """
    Calls wait for the next primary, half of store_timeout_ms at most. Before 4.4 the driver asks the members each 500 ms; later ones
    tell it at once.
    """
    mongo, gap_s = new_set(version=version), {(4, 0): 0.7, (4, 4): 1.1}[version]
    with Load(new_stack(store_uri=mongo.uri(), settings={"store_timeout_ms": 3000})) as load:
        mongo.hand_over(gap_s=0.012)
        time.sleep(1)
        mongo.hand_over(gap_s)
        time.sleep(1.5)
    assert {kind: load.refused(kind) for kind in load.seen} == {"write": [], "miss": [], "hit": []}
    assert max(took for kind in ("write", "miss") for _, took, _ in load.seen[kind]) < gap_s + 0.5 + MACHINE_S


def test_a_primary_that_refuses_before_its_set_knows_costs_a_moment(new_set, new_stack):
    """It says that it is the primary and refuses all the same, so the driver's one retry fails, too, and the breaker opens."""
    mongo = new_set()
    with Load(new_stack(store_uri=mongo.uri())) as load:
        mongo.primary.fail(10107, "NotWritablePrimary", "findAndModify", "insert", "find", count=10**6)
        time.sleep(0.74)
        mongo.hand_over(gap_s=0.012)
        elected = time.monotonic()
        time.sleep(1.5)
    assert load.refused("hit") == []
    for kind in ("write", "miss"):
        assert load.refused(kind), "the fault didn't bite"
        assert max(load.refused(kind)) - elected < REFUSED_S + MACHINE_S / 3


def test_a_hand_over_amid_writes_loses_none(new_set, new_stack):
    """Writes that wait for their majority are answered "stepped down"; the driver repeats them under the same number."""
    mongo = new_set()
    with Load(new_stack(store_uri=mongo.uri()), clients=8) as load:
        secondaries = [member for member in mongo.members if member is not mongo.primary]
        for member in secondaries:
            member.hold()
        time.sleep(0.1)
        mongo.step_down()
        for member in secondaries:
            member.hold(False)
        mongo.elect(secondaries[0])
        time.sleep(1)
    assert {kind: load.refused(kind) for kind in load.seen} == {"write": [], "miss": [], "hit": []}


def test_after_an_election_the_service_is_back_within_a_second(new_set, new_stack):
    """Eight seconds without a primary: the breaker has reached its longest pause."""
    mongo = new_set(version=(4, 0))
    with Load(new_stack(store_uri=mongo.uri())) as load:
        dead = mongo.primary
        dead.kill()
        time.sleep(8)
        mongo.elect(next(member for member in mongo.members if member is not dead))
        elected = time.monotonic()
        time.sleep(4)
    assert load.refused("hit") == []
    for kind in ("write", "miss"):
        assert load.refused(kind), "the fault didn't bite"
        assert max(load.refused(kind)) - elected < BACK_S + MACHINE_S


def others(mongo, name, v):
    """Another program's write, on the primary that there is now."""
    client = Mongo(mongo.uri())
    client.run({"update": "todos", "updates": [{"q": {"_id": "a"}, "u": row("a", name, v), "upsert": True}]})
    client.close()


def step_down_and_lag(mongo):
    """The first member is a secondary from now on, and learns nothing more."""
    old = mongo.primary
    mongo.hand_over()
    old.hold()
    others(mongo, "new", 2)


def test_a_uri_of_one_host_reads_from_the_primary_of_its_set(new_set, new_stack):
    mongo = new_set()
    others(mongo, "old", 1)
    stack = new_stack(store_uri=f"mongodb://{mongo.members[0].host}/todos")
    step_down_and_lag(mongo)
    assert wait_until(lambda: stack.get("/todos/a"), what="an answer").json["name"] == "new"
    assert stack.internal.get("/readyz").status == 200


def test_a_direct_connection_to_a_secondary_fills_nothing_and_is_not_ready(new_set, new_stack):
    """Beside it, a correct worker: it must not hit what the other one read."""
    mongo = new_set()
    others(mongo, "old", 1)
    stack = new_stack(store_uri=f"mongodb://{mongo.members[0].host}/todos?directConnection=true")
    assert stack.get("/todos/b").status == 404
    assert all(stack.internal.get("/readyz").status == 200 for _ in range(10)), "one of two workers gives each"
    step_down_and_lag(mongo)
    for path in ("/todos/a", "/todos"):
        assert stack.get(path).status == 503
    not_ready = stack.internal.get("/readyz")
    assert not_ready.status == 503 and "remove directConnection=true" in not_ready.json["reason"]
    assert stack.redis("keys", "todo:*{a}") == ""


JSON = {"Content-Type": "application/json"}


def seen(stack, path, **headers):
    """What one of the workers shows: a name, or None while the store is not there yet."""
    answer = stack.get(path, **headers)
    assert answer.status in (200, 503), answer
    if answer.status == 503:
        return None
    return next(todo["name"] for todo in answer.json.get("todos", [answer.json]) if todo["id"] == "a")


@pytest.mark.parametrize("path", ["/todos/a", "/todos?limit=5"])
@pytest.mark.parametrize("headers", [{}, {"Cache_Control": "no-cache"}], ids=["any", "no-cache"])
def test_a_new_primary_that_is_behind_brings_no_old_todo_back(new_set, new_stack, path, headers):
    """Both workers are asked, and one of them has made the write. Reads wait for what was acknowledged; hits of others go on."""
    mongo = new_set()
    others(mongo, "old", 1)
    stack = new_stack(store_uri=mongo.uri(), settings={"store_timeout_ms": 1000, "list_ttl_s": 3600})
    assert wait_until(lambda: seen(stack, path), what="an answer") == "old"
    election = BehindElection(mongo)
    assert stack.request("PUT", "/todos/a", b'{"name": "new"}', JSON).status == 200
    election.elect()
    names = {seen(stack, path, **headers) for _ in range(12)}
    assert names == {None}, names
    election.catch_up()
    assert wait_until(lambda: seen(stack, path, **headers), what="the new primary's majority") == "new"
    assert {seen(stack, path) for _ in range(12)} <= {"new", None}


def test_a_standalone_server_needs_no_setting(new_set, new_stack):
    """It refuses transaction numbers, and the driver sends it none."""
    mongo = new_set(members=1, standalone=True)
    stack = new_stack(store_uri=mongo.uri())
    assert stack.post({"id": "a", "name": "one"}).status == 201
    assert stack.request("PUT", "/todos/a", json.dumps({"name": "two"}), {"Content-Type": "application/json"}).status == 200
    assert stack.request("DELETE", "/todos/a").status == 204
    assert not [command for command in mongo.primary.seen if "txnNumber" in command]


def test_a_server_before_4_0_7_is_not_followed_and_the_log_says_why(new_set, new_stack):
    stack = new_stack(store_uri=new_set(version=(4, 0, 6)).uri(), settings={"follow": "on"})
    words = wait_until(lambda: re.findall("pid=(.*) event=follow_unsupported .* 4.0.7 ", stack.log("workers")), 30, "the follower's words")
    assert len(words) == len(set(words)), "a worker says it once"
    assert stack.post({"id": "a", "name": "one"}).status == 201 and stack.get("/todos/a").status == 200


def test_a_server_from_4_0_7_on_is_followed(new_set, new_stack):
    mongo = new_set(version=(4, 0, 7))
    stack = new_stack(store_uri=mongo.uri(), settings={"follow": "on", "todo_ttl_s": 3600})
    wait_until(lambda: "from=saved_place" in stack.log("workers"), 30, "a follower")
    others(mongo, "old", 1)
    wait_until(lambda: stack.get("/todos/a").cache.get("hit"), 30, "a hit")
    mongo.hand_over()
    others(mongo, "new", 2)
    wait_until(lambda: stack.get("/todos/a").json["name"] == "new", 10, "the news")
