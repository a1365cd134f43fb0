# SPDX-License-Identifier: MIT
"""Writes of others: workers with --follow on a replica set, and what they say where there is none."""

import os
import signal
import time

import pytest
from mongod import Mongod, ReplicaSet
from stack import running, wait_until
from tiny_bson import Mongo, ask, primary_of

LEASE_S = 6


@pytest.fixture(scope="session")
def store():
    """Of new_stack: not one of the session's stores."""
    return "replica set"


@pytest.fixture
def following(new_stack, mongodb):
    """following() is a stack of which one worker follows, in the epoch that its first beginning ever has made."""

    def new(settings=None, store_uri=None):
        settings = {"follow": "on", "todo_ttl_s": 3600, "list_ttl_s": 3600, **(settings or {})}
        stack = new_stack(store_uri=store_uri or mongodb(), settings=settings)
        stack.others = Others(stack)
        wait_until(lambda: follower_is_ready(stack), 30, "a follower")
        stack.first_epoch = epoch_of_store(stack)
        return stack

    return new


@pytest.fixture
def new_server(tmp_path):
    """new_server(kind, ...) starts servers of the test's own: a Mongod or a ReplicaSet."""
    servers = []

    def new(kind, *words):
        servers.append(kind(tmp_path / kind.__name__, *words).start())
        return servers[-1]

    yield new
    for server in servers:
        server.stop()


class Others:
    """Somebody who writes to the stack's database."""

    def __init__(self, stack):
        self.uri = stack.environment["STACK_STORE"]

    def update(self, todo_id, change, **options):
        self.run({"update": "todos", "updates": [{"q": {"_id": todo_id}, "u": change, **options}]})

    def forgets(self, place):
        """Writes half a megabyte, and tells whether changes since this place are lost."""
        self.run({"insert": "noise", "documents": [{"text": "noise" * 200} for _ in range(500)]})
        stream = [{"$changeStream": {"resumeAfter": place}}]
        database = self.uri.rpartition("/")[2].partition("?")[0]
        answer = ask(primary_of(self.uri), {"aggregate": "todos", "pipeline": stream, "cursor": {}, "$db": database})
        return answer.get("codeName") == "ChangeStreamHistoryLost"

    def run(self, command):
        connection = Mongo(self.uri)
        try:
            return connection.run(command)
        finally:
            connection.close()


def epochs(stack):
    """Of each worker that lives, the epoch that it trusts Redis in."""
    found = {}
    for line in stack.log("workers").splitlines():
        words = dict(word.split("=", 1) for word in line.split() if "=" in word)
        if words.get("event") == "redis_trusted":
            found[int(words["pid"])] = int(words["epoch"])
    return [found.get(pid) for pid in stack.worker_pids()]


def epoch_of_store(stack):
    record = stack.others.run({"find": "meta", "filter": {"_id": "cache"}})["cursor"]["firstBatch"]
    return record[0]["epoch"] if record else 0


def follower_is_ready(stack):
    epoch = epoch_of_store(stack)
    record = stack.others.run({"find": "meta", "filter": {"_id": "follow"}})["cursor"]["firstBatch"]
    is_held = record and record[0]["expires_at"] > time.time() * 1000 and "place" in record[0]
    return is_held and epochs(stack) == [epoch] * 2 and beginnings(stack)[-1:] == ["saved_place"]


def place_of_follower(stack):
    return stack.others.run({"find": "meta", "filter": {"_id": "follow"}})["cursor"]["firstBatch"][0]["place"]


def beginnings(stack):
    return [line.rpartition("from=")[2] for line in stack.log("workers").splitlines() if "event=follow_begun" in line]


def follower_pid(stack):
    line = [line for line in stack.log("workers").splitlines() if "event=follow_begun" in line][-1]
    return int(line.partition("pid=")[2].split()[0])


def cached(stack, todo_id):
    """The todo, read until it is a hit."""
    wait_until(lambda: stack.get(f"/todos/{todo_id}").cache.get("hit"), 30, "a hit")
    return stack.get(f"/todos/{todo_id}")


def index_names(stack):
    return sorted(index["name"] for index in stack.others.run({"listIndexes": "todos"})["cursor"]["firstBatch"])


def names(stack):
    return [todo["name"] for todo in stack.get("/todos").json["todos"]]


def test_what_others_update_replace_insert_and_delete_is_seen(following):
    stack = following()
    stack.post({"id": "a", "name": "ours"})
    assert cached(stack, "a").json["name"] == "ours" and names(stack) == ["ours"]

    stack.others.update("a", {"$set": {"name": "theirs"}})
    wait_until(lambda: stack.get("/todos/a").json["name"] == "theirs")
    wait_until(lambda: names(stack) == ["theirs"])

    cached(stack, "a")
    now = {"$currentDate": {"updated_at": True}}
    stack.others.update("a", {"$set": {"done": True}, "$inc": {"v": 1}, **now})
    wait_until(lambda: stack.get("/todos/a").json["done"])

    assert stack.get("/todos/b").status == 404 and stack.get("/todos/b").cache["hit"]
    born = {"$set": {"name": "born", "done": False, "v": 1}, "$currentDate": {"created_at": True, "updated_at": True}}
    stack.others.update("b", born, upsert=True)
    wait_until(lambda: stack.get("/todos/b").status == 200)
    wait_until(lambda: names(stack) == ["born", "theirs"])

    cached(stack, "b")
    stack.others.run({"delete": "todos", "deletes": [{"q": {"_id": "b"}, "limit": 1}]})
    wait_until(lambda: stack.get("/todos/b").status == 404)

    cached(stack, "a")
    stack.others.update("a", {"name": "no todo any more", "v": 3})
    wait_until(lambda: stack.get("/todos/a").status == 500)
    assert stack.counters()["todo_follow_failures_total"] == 0


@pytest.mark.parametrize("policy", ["invalidate", "publish"])
def test_entries_of_own_writes_stay(following, policy):
    stack = following({"write_policy": policy})
    before = stack.counters()
    count = 20
    for number in range(count):
        stack.post({"id": f"own-{number}", "name": "ours"})
        assert stack.get(f"/todos/own-{number}").status == 200
    seen = 'todo_follow_changes_total{result="%s"}'

    def all_seen():
        since = stack.counters().since(before)
        return sum(since.get(seen % result, 0) for result in ("kept", "invalidated")) == count

    wait_until(all_seen, 30, "all changes")
    hits = [stack.get(f"/todos/own-{number}").cache.get("hit") for number in range(count)]
    # One in many may have met a change while it was on its way into the cache.
    assert hits.count(True) >= count * 3 // 4, hits


def test_a_killed_follower_is_followed_by_another_from_where_it_was(following):
    stack = following()
    stack.post({"id": "a", "name": "ours"})
    cached(stack, "a")
    killed = follower_pid(stack)
    os.kill(killed, signal.SIGKILL)
    stack.others.update("a", {"$set": {"name": "meanwhile"}})
    wait_until(lambda: stack.get("/todos/a").json["name"] == "meanwhile", 10 * LEASE_S)
    assert follower_pid(stack) != killed and beginnings(stack)[-1] == "saved_place"


def test_a_follower_that_is_told_to_stop_leaves_the_lease_to_another(following):
    stack = following()
    stack.post({"id": "a", "name": "ours"})
    cached(stack, "a")
    stopped = follower_pid(stack)
    os.kill(stopped, signal.SIGTERM)
    wait_until(lambda: not running(stopped), what="the end of the follower")
    stack.others.update("a", {"$set": {"name": "meanwhile"}})
    wait_until(lambda: stack.get("/todos/a").json["name"] == "meanwhile", 30)
    wait_until(lambda: follower_is_ready(stack), 30)
    assert epoch_of_store(stack) == stack.first_epoch
    assert beginnings(stack)[-1] == "saved_place" and stack.counters()["todo_follow_anew_total"] == 1


def test_changes_made_while_redis_was_away_are_taken_to_it_later(following):
    stack = following()
    stack.post({"id": "a", "name": "ours"})
    cached(stack, "a")
    stack.kill("redis", signal.SIGSTOP)
    stack.others.update("a", {"$set": {"name": "meanwhile"}})
    wait_until(lambda: stack.get("/todos/a").json["name"] == "meanwhile", 30)
    stack.kill("redis", signal.SIGCONT)
    wait_until(lambda: cached(stack, "a").json["name"] == "meanwhile", 30)


def test_a_lost_history_leaves_all_entries(following, new_server):
    """A log of a megabyte, which each second's checkpoint may shorten, and others that write much."""
    stack = following(store_uri=new_server(ReplicaSet, 1, "--oplogSize", "1", "--syncdelay", "1").uri("todos"))
    stack.post({"id": "a", "name": "ours"})
    cached(stack, "a")
    stack.stop("workers")
    stack.others.update("a", {"$set": {"name": "meanwhile"}})
    wait_until(lambda: stack.others.forgets(place_of_follower(stack)), 60, "a place whose history is gone")
    stack.start("workers")
    stack.wait_answer()
    wait_until(lambda: epoch_of_store(stack) > stack.first_epoch and follower_is_ready(stack), 30)
    assert "event=follow_history_lost" in stack.log("workers")
    assert stack.get("/todos/a").json["name"] == "meanwhile"


def test_a_dropped_database_brings_no_epoch_back(following):
    """With a counter the epochs were 2, 0, 1, 2, and what was dropped was a hit again."""
    stack = following()
    seen = [stack.first_epoch]
    for _ in range(3):
        wait_until(lambda: stack.post({"id": "a", "name": "ours"}).status == 201, 30, "an insert")
        cached(stack, "a")
        stack.others.run({"dropDatabase": 1})
        wait_until(lambda: stack.get("/todos/a").status == 404, 30)
        wait_until(lambda: epoch_of_store(stack) > seen[-1] and follower_is_ready(stack), 30)
        assert all(stack.get("/todos/a").status == 404 for _ in range(10))
        seen.append(epoch_of_store(stack))
    assert seen == sorted(set(seen))


def test_a_dropped_collection_leaves_all_entries(following):
    stack = following()
    stack.post({"id": "a", "name": "ours"})
    cached(stack, "a")
    stack.others.run({"drop": "todos"})
    wait_until(lambda: stack.get("/todos/a").status == 404, 30)
    wait_until(lambda: epoch_of_store(stack) > stack.first_epoch and follower_is_ready(stack), 30)
    assert stack.counters()["todo_follow_anew_total"] == 2
    stack.others.run({"insert": "todos", "documents": [{"_id": "first"}]})
    indexes = ["_id_", "todos_by_done_and_time", "todos_by_time"]
    wait_until(lambda: index_names(stack) == indexes, 30, "the indexes that lists need")
    stack.post({"id": "b", "name": "afterwards"})
    assert names(stack) == ["afterwards"]


def test_lists_go_on_when_somebody_dropped_an_index(new_stack, mongodb):
    stack = new_stack(store_uri=mongodb(), settings={"list_ttl_s": 1})
    stack.others = Others(stack)
    stack.post({"id": "a", "name": "ours"})
    stack.others.run({"dropIndexes": "todos", "index": "todos_by_time"})
    wait_until(lambda: stack.get("/todos").status == 503, 30, "a list that fails")
    wait_until(lambda: stack.get("/todos").status == 200, 30, "a list that doesn't")
    assert "todos_by_time" in index_names(stack)


@pytest.mark.parametrize("kind", ["sqlite", "mongodb"])
def test_where_nothing_is_told_each_worker_says_so_once(kind, new_stack, new_server):
    uri = f"mongodb://{new_server(Mongod).host}/todos" if kind == "mongodb" else "sqlite"
    stack = new_stack(store_uri=uri, settings={"follow": "on"})

    def said():
        return stack.log("workers").count("event=follow_unsupported")

    wait_until(lambda: said() == 2, 30, "both workers' words")
    stack.post({"id": "a", "name": "ours"})
    assert cached(stack, "a").status == 200
    assert said() == 2 and stack.counters()["todo_follow_failures_total"] == 0
