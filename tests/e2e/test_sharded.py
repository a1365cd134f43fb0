# SPDX-License-Identifier: MIT
"""
The service on a sharded MongoDB: what doc/sharding.md promises, row by row. Real workers, Redis and nginx; the cluster is
mongo_router.py, which does at once what the test says.
"""

import contextlib
import json
import subprocess
import time

import pytest
import verbs
from elections import BehindElection, past_known_leaks
from journal import FILE
from mongod import ReplicaSet, new_database
from stack import WORKER_BUILD, wait_until
from tiny_bson import Date, Mongo, ask

JSON = {"Content-Type": "application/json"}


@pytest.fixture(scope="session")
def store():
    """Of new_stack: not one of the session's stores."""
    return "scripted sharded cluster"


def put(stack, todo_id, name, **headers):
    return stack.request("PUT", f"/todos/{todo_id}", json.dumps({"name": name}), {**JSON, **headers}).status


def test_a_mark_waits_for_the_shard_of_its_todo(new_cluster, new_stack):
    """
    A write is applied on a shard that has lost its majority, and comes to light later. The shard that has the service's own records
    is well all the time, and its majority says nothing about the other one's.
    """
    cluster = new_cluster(members=3)
    [todo_id] = cluster.ids_on(1, 1)
    settings = {"store_timeout_ms": 400, "write_deadline_ms": 1000, "todo_ttl_s": 3600}
    stack = new_stack(store_uri=cluster.uri(), settings=settings)
    assert put(stack, todo_id, "old") == 201
    with stack.counted() as count:
        for member in cluster.sets[1].members[1:]:
            member.hold()
        assert put(stack, todo_id, "new") == 503, "its outcome is not known"
        wait_until(lambda: name_of(stack, todo_id) == "new" or "doubt_remains" in stack.log("workers"), 10, "a barrier")
        assert name_of(stack, todo_id) in (None, "old")
    assert "todo_marks_cleared_total" not in count
    for member in cluster.sets[1].members[1:]:
        member.hold(False)
    wait_until(lambda: name_of(stack, todo_id) == "new", 10, "the write that has come to light")
    wait_until(lambda: stack.get(f"/todos/{todo_id}").cache.get("hit"), 10, "a hit, once the barrier is through")


def name_of(stack, todo_id):
    return stack.get(f"/todos/{todo_id}").json.get("name")


def seen(stack, path, todo_id):
    """What one of the workers shows: a name, or None while the store is not there."""
    answer = stack.get(path)
    assert answer.status in (200, 503), answer
    return next(todo["name"] for todo in answer.json.get("todos", [answer.json]) if todo["id"] == todo_id) if answer.status == 200 else None


def test_a_shards_new_primary_that_is_behind_brings_no_old_todo_back(new_cluster, new_stack):
    """Two workers and two routers: one worker has made the write, through one of the routers."""
    cluster = new_cluster(members=3, routers=2)
    [todo_id] = cluster.ids_on(1, 1)
    paths = f"/todos/{todo_id}", "/todos?limit=5"
    stack = new_stack(store_uri=cluster.uri(), settings={"store_timeout_ms": 600, "list_ttl_s": 3600})
    assert put(stack, todo_id, "old") == 201
    for path in paths:
        assert wait_until(lambda: seen(stack, path, todo_id), what="an answer") == "old"  # noqa: B023
    election = BehindElection(cluster.sets[1])
    assert put(stack, todo_id, "new") == 200
    election.elect()
    names = {seen(stack, path, todo_id) for _ in range(6) for path in paths}
    assert names == {None}, names
    election.catch_up()
    for path in paths:
        assert wait_until(lambda: seen(stack, path, todo_id), what="the new primary's majority") == "new"  # noqa: B023
    assert {seen(stack, path, todo_id) for _ in range(6) for path in paths} <= {"new", None}


def test_a_router_that_has_not_met_a_write_is_told_of_it(new_cluster, new_stack):
    """No read is refused because another worker has written through another router, to another shard."""
    cluster = new_cluster(routers=2)
    stack = new_stack(store_uri=cluster.uri(), settings={"write_policy": "invalidate"})
    written, missing = cluster.ids_on(0, 40), cluster.ids_on(1, 40)
    assert [put(stack, one, "x") for one in written] == [201] * 40
    statuses = []
    for one, other in zip(written, missing):
        assert put(stack, one, "y") == 200
        statuses += [stack.get(f"/todos/{other}").status for _ in range(2)]
    assert statuses == [404] * 80
    told = [command for router in cluster.routers for command in router.seen if "afterClusterTime" in command.get("readConcern", {})]
    assert len(told) >= 40


def todo_fcgi(folder, cluster, *options):
    command = [WORKER_BUILD / "todo-fcgi", "-o", f"store={cluster.uri()}", "-o", "redis=127.0.0.1:1", *options]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=30, stdin=subprocess.DEVNULL)


def test_nothing_starts_on_a_collection_that_is_sharded_by_something_else(new_cluster, tmp_path):
    """Each shard would take the same id once."""
    cluster = new_cluster()
    cluster.keys["todos"] = {"created_at": 1}
    for option in ("--check", "-sworker.sock"):
        result = todo_fcgi(tmp_path, cluster, option)
        assert result.returncode == 2 and "todos.todos is not sharded by _id" in result.stderr, result
    cluster.keys["todos"] = {"_id": 1}
    assert todo_fcgi(tmp_path, cluster, "--check").returncode == 1, "Redis is away, and the store is well"


def test_a_catalogue_that_may_not_be_read_is_told_once(new_cluster, new_stack):
    cluster = new_cluster()
    cluster.hides_catalogue = True
    stack = new_stack(store_uri=cluster.uri(), workers=1)
    assert put(stack, "a", "one") == 201
    before = wait_until(lambda: stack.log("workers").count("event=store_ready"), 20, "a store that is prepared")
    assert ask(("127.0.0.1", cluster.routers[0].port), {"dropIndexes": "todos", "index": "*", "$db": "todos"})["ok"] == 1
    stack.get("/todos?limit=7")
    wait_until(lambda: stack.log("workers").count("event=store_ready") > before, 20, "a store that is prepared again")
    assert stack.log("workers").count("event=sharding_unchecked") == 1


def test_a_queued_write_finds_what_was_written_through_another_router(new_cluster, new_stack):
    """The router of the worker has not met the time of that write."""
    cluster = new_cluster(routers=2)
    theirs, ours = cluster.routers
    [todo_id] = cluster.ids_on(1, 1)
    stack = new_stack(store_uri=f"mongodb://{ours.host}/todos", settings={"write_queue": FILE}, workers=1)
    wait_until(lambda: "event=store_ready" in stack.log("workers"), 20, "the last question that goes to all shards")
    wait_until(lambda: stack.internal.get("/readyz").json.get("queue", {}).get("status") == "ready", 20, "the queue")
    cluster.sets[1].count += 1000  # its clock is ahead
    written = ask(("127.0.0.1", theirs.port), {"insert": "todos", "documents": [row(todo_id, "old")], "writeConcern": {"w": "majority"}, "$db": "todos"})
    assert written["n"] == 1 and ours.heard < written["operationTime"]
    answer = stack.request("PATCH", f"/todos/{todo_id}", b'{"done": true}', {"Content-Type": "application/merge-patch+json", "Prefer": "respond-async"})
    assert settled(stack, answer) == "applied"


def settled(stack, accepted):
    """What became of a queued write."""
    assert accepted.status == 202, accepted
    look = lambda: stack.get(f"/queue/{accepted.json['ticket']}", Prefer="wait=10").json["state"]  # noqa: E731
    wait_until(lambda: look() != "pending", 20, "the end of a queued write")
    return look()


def row(todo_id, name, v=1):
    return {"_id": todo_id, "name": name, "description": "", "done": False, "v": v, "life": 2**50, "created_at": Date(10**12), "updated_at": Date(10**12 + v)}


def test_what_a_router_says_of_a_shard_is_no_answer_and_loses_nothing(new_cluster, new_stack, tmp_path):
    """The driver tries once more, and meets the same. Whether the write was applied is not known: it was not, here."""
    cluster = new_cluster()
    [router] = cluster.routers
    stack = past_known_leaks(new_stack, tmp_path)(store_uri=cluster.uri(), settings={"store_timeout_ms": 500, "write_deadline_ms": 1500})
    for number, (code, name) in enumerate(ROUTER_ERRORS.items()):
        todo_id = f"e{number}"
        wait_until(lambda: put(stack, todo_id, "old") in (200, 201), what="a todo, before the router says anything")
        stack.redis("flushall")
        router.fail(code, name, "find", "findAndModify", "insert", count=10**6)
        read, written = stack.get(f"/todos/{todo_id}").status, put(stack, todo_id, "new")
        router.clear_faults()
        assert (read, written) == (503, 503), name
        assert wait_until(lambda: name_of(stack, todo_id), 10, name) == "old"
        wait_until(lambda: put(stack, todo_id, "newer") == 200, 10, name)
        assert name_of(stack, todo_id) == "newer", name


ROUTER_ERRORS = {
    6: "HostUnreachable", 50: "MaxTimeMSExpired", 63: "StaleShardVersion", 70: "ShardNotFound", 133: "FailedToSatisfyReadPreference",
    150: "StaleEpoch", 189: "PrimarySteppedDown", 227: "CannotImplicitlyCreateCollection", 249: "StaleDbVersion", 13388: "StaleConfig",
}  # fmt: skip


@pytest.mark.parametrize("lost", [1, 0], ids=["another", "home"])
def test_a_lost_shard_takes_only_its_own_todos_along(new_cluster, new_stack, tmp_path, lost):
    """Hits of all go on, and so do misses and writes of the other shard; the lost one's are refused in time. 0 has our own records."""
    cluster = new_cluster()
    settings = {"store_timeout_ms": 400, "write_deadline_ms": 1000, "todo_ttl_s": 3600}
    stack = past_known_leaks(new_stack, tmp_path)(store_uri=cluster.uri(), settings=settings)
    theirs, others = cluster.ids_on(lost, 3), cluster.ids_on(1 - lost, 3)
    for todo_id in (*theirs, *others):
        assert put(stack, todo_id, "one") == 201
    wait_until(lambda: all(stack.get(f"/todos/{one[0]}").cache.get("hit") for one in (theirs, others)), 10, "hits")
    primary = cluster.sets[lost].primary
    primary.kill()
    for number in (1, 2):
        assert [stack.get(f"/todos/{one[0]}").status for one in (theirs, others)] == [200, 200], "hits"
        assert stack.get(f"/todos/{others[number]}").status == 200 and put(stack, others[number], "two") == 200
        begun = time.monotonic()
        assert put(stack, theirs[number], "two") == 503
        assert time.monotonic() - begun < 6
    assert stack.get("/todos").status == 503, "a page has todos of all shards"
    if lost == 0:
        assert verbs.post(stack, {"name": "x"}, Idempotency_Key="k").status == 503
    primary.start()
    cluster.sets[lost].elect(primary)
    for number in (1, 2):
        assert wait_until(lambda: name_of(stack, others[number]), 10, "an answer") == "two"  # noqa: B023
        assert wait_until(lambda: name_of(stack, theirs[number]), 10, "the shard is back") == "one"  # noqa: B023
    wait_until(lambda: put(stack, theirs[1], "three") == 200, 10, "a write")
    wait_until(lambda: stack.ctl("audit", "--all").returncode == 0, 20, "entries that equal the store")


def test_the_whole_service_while_todos_move_from_shard_to_shard(new_cluster, new_stack):
    cluster = new_cluster(routers=2)
    stack = new_stack(store_uri=cluster.uri(), settings={"write_queue": FILE, "follow": "on", "todo_ttl_s": 3600, "list_ttl_s": 1})
    names = [one for pair in zip(cluster.ids_on(0, 12), cluster.ids_on(1, 12)) for one in pair]
    place = wait_until(lambda: stack.get("/changes").json.get("next"), 20, "the feed")
    for number, todo_id in enumerate(names):
        assert verbs.post(stack, {"id": todo_id, "name": str(number)}, Idempotency_Key=f"k{number}").status == 201
    for number, todo_id in enumerate(names):
        cluster.move(todo_id, number // 2 % 2)
        assert verbs.post(stack, {"id": todo_id, "name": str(number)}, Idempotency_Key=f"k{number}").status == 201, "the kept answer"
        assert verbs.post(stack, {"id": todo_id, "name": "again"}).status == 409
        tag = stack.get(f"/todos/{todo_id}").headers["ETag"]
        assert [verbs.put(stack, f"/todos/{todo_id}", {"name": text}, If_Match=tag).status for text in ("mine", "late")] == [200, 412]
        if number % 8 == 5:
            cluster.clean()
        assert pages(stack, "asc") == names and pages(stack, "desc") == names[::-1]
    batch = [verbs.patch(stack, f"/todos/{todo_id}", {"done": True}, Prefer="respond-async") for todo_id in names]
    assert {settled(stack, one) for one in batch} == {"applied"}
    assert all(verbs.delete(stack, f"/todos/{todo_id}").status == 204 for todo_id in names[:4]) and pages(stack, "asc") == names[4:]
    told = []
    while len(told) < 3 * len(names) + 4:
        answer = stack.get(f"/changes?after={place}", Prefer="wait=5").json
        told, place = told + answer["changes"], answer["next"]
    kinds = {todo_id: [change["change"] for change in told if change["id"] == todo_id] for todo_id in names}
    assert all(kinds[todo_id] == ["created", "updated", "updated", "deleted"][: 4 if todo_id in names[:4] else 3] for todo_id in names), kinds
    wait_until(lambda: stack.ctl("audit", "--all").returncode == 0, 20, "entries that equal the store")


def pages(stack, order):
    """The ids of the whole list, page by page."""
    ids, path = [], f"/todos?limit=7&order={order}"
    while path:
        page = stack.get(path).json
        ids += [todo["id"] for todo in page["todos"]]
        path = page["next"] and f"/todos?limit=7&order={order}&cursor={page['next']}"
    return ids


@pytest.fixture(scope="module")
def real_shards(tmp_path_factory):
    """Sets of a real mongod, one member each; the router in front of them is ours."""
    sets = [ReplicaSet(tmp_path_factory.mktemp(f"shard{number}")) for number in range(2)]
    try:
        for one in sets:
            one.start()
        yield sets
    finally:
        for one in sets:
            one.stop()


def test_the_service_on_shards_of_real_servers(real_shards, new_cluster, new_stack):
    """What the router sends is what a real mongod takes. No change streams: their tokens are a real router's to merge."""
    database = new_database()
    cluster = new_cluster(uris=[one.uri("") for one in real_shards])
    stack = new_stack(store_uri=cluster.uri(database), settings={"write_queue": FILE, "todo_ttl_s": 3600})
    names = [one for pair in zip(cluster.ids_on(0, 12), cluster.ids_on(1, 12)) for one in pair]
    for number, todo_id in enumerate(names):
        assert verbs.post(stack, {"id": todo_id, "name": str(number)}, Idempotency_Key=f"k{number}").status == 201
        assert verbs.post(stack, {"id": todo_id, "name": "again"}).status == 409
        tag = stack.get(f"/todos/{todo_id}").headers["ETag"]
        assert [verbs.put(stack, f"/todos/{todo_id}", {"name": text}, If_Match=tag).status for text in ("mine", "late")] == [200, 412]
    assert pages(stack, "asc") == names and pages(stack, "desc") == names[::-1]
    batch = [verbs.patch(stack, f"/todos/{todo_id}", {"done": True}, Prefer="respond-async") for todo_id in names]
    assert {settled(stack, one) for one in batch} == {"applied"}
    assert {todo["done"] for todo in stack.get("/todos?limit=100&done=true").json["todos"]} == {True}
    assert all(verbs.delete(stack, f"/todos/{todo_id}").status == 204 for todo_id in names[:4]) and pages(stack, "asc") == names[4:]
    for number, one in enumerate(real_shards):
        rows = Mongo(one.uri(database))
        with contextlib.closing(rows):
            assert {row["_id"] for row in rows.find_all("todos")} == {todo_id for todo_id in names[4:] if cluster.owner(todo_id) is cluster.shards[number]}
    wait_until(lambda: stack.ctl("audit", "--all").returncode == 0, 20, "entries that equal the store")
