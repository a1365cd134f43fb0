# SPDX-License-Identifier: MIT
"""
POST with an Idempotency-Key (draft-ietf-httpapi-idempotency-key-header): asked twice, made once, whatever happens to workers
and to Redis in between.
"""

import contextlib
import http.client
import os
import signal
import sqlite3
import threading
import time
import uuid

import pytest
from stack import Client, wait_until
from tiny_bson import Mongo
from verbs import delete, made, patch, post, put, steady, version

WRITES = 'todo_store_calls_total{call="write",outcome="ok"}'
ONCE = {"Idempotency-Replayed", "Cache-Status"}


def new_key():
    return f'"{uuid.uuid4()}"'


def same(first, again):
    """The first answer once more: body, tag, place and time."""
    assert (again.status, again.body) == (first.status, first.body)
    assert [field for field in steady(again) if field[0] not in ONCE] == [field for field in steady(first) if field[0] not in ONCE]


def test_asked_twice_made_once(stack):
    key = new_key()
    with stack.counted() as count:
        first = post(stack, {"name": "once"}, Idempotency_Key=key)
        answers = [post(stack, {"name": "once"}, Idempotency_Key=key) for _ in range(3)]
    assert first.status == 201 and first.headers["Idempotency-Replayed"] is None
    for answer in answers:
        same(first, answer)
        assert answer.headers["Idempotency-Replayed"] == "true"
    assert count.get(WRITES) == 1
    assert stack.get(first.headers["Location"]).body == first.body


def test_without_a_key_each_request_makes_a_todo(stack):
    ids = {post(stack, {"name": "each"}).json["id"] for _ in range(3)}
    assert len(ids) == 3


def test_replay_is_the_first_answer_whatever_became_of_the_todo(stack):
    key = new_key()
    first = post(stack, {"name": "x"}, Idempotency_Key=key)
    patch(stack, first.headers["Location"], {"name": "changed"})
    same(first, post(stack, {"name": "x"}, Idempotency_Key=key))
    delete(stack, first.headers["Location"])
    same(first, post(stack, {"name": "x"}, Idempotency_Key=key))
    stack.get(first.headers["Location"]).problem(404)


def test_another_body_under_the_same_key_is_a_422(stack, new_id):
    key, todo = new_key(), new_id()
    post(stack, {"id": todo, "name": "x"}, Idempotency_Key=key)
    for body in ({"id": todo, "name": "y"}, {"id": todo, "name": "x", "done": False}, '{"name":"x","id":"%s"}' % todo):
        assert post(stack, body, Idempotency_Key=key).problem(422)["type"] == "/problems/key-reused"
    assert stack.get(f"/todos/{todo}").json["name"] == "x"


def test_refusal_of_the_id_is_an_answer_like_any_other(stack, new_id):
    key, todo = new_key(), new_id()
    made(stack, todo)
    for _ in range(2):
        assert post(stack, {"id": todo, "name": "x"}, Idempotency_Key=key).problem(409)["type"] == "/problems/exists"
    delete(stack, f"/todos/{todo}")
    assert post(stack, {"id": todo, "name": "x"}, Idempotency_Key=key).problem(409)["type"] == "/problems/exists"
    stack.get(f"/todos/{todo}").problem(404)


def test_request_that_was_refused_before_it_began_leaves_the_key_free(stack):
    key = new_key()
    post(stack, b"{", Idempotency_Key=key).problem(400)
    post(stack, {"name": ""}, Idempotency_Key=key).problem(422)
    post(stack, {"name": "x"}, Idempotency_Key=key, Content_Type="text/plain").problem(415)
    assert post(stack, {"name": "x"}, Idempotency_Key=key).status == 201


@pytest.mark.parametrize("length", [0, 215])
def test_each_authorization_has_keys_of_its_own(stack, length):
    key = new_key()[1:-1] + "k" * length
    clients = (None, "Bearer one", "Bearer two")
    own = [post(stack, {"name": "x"}, Idempotency_Key=f'"{key}"', Authorization=client) for client in clients]
    assert len({answer.headers["Location"] for answer in own}) == 3
    for first, client in zip(own, clients, strict=True):
        same(first, post(stack, {"name": "x"}, Idempotency_Key=f'"{key}"', Authorization=client))
        other = post(stack, {"name": "y"}, Idempotency_Key=f'"{key}"', Authorization=client)
        assert other.problem(422)["type"] == "/problems/key-reused"


@pytest.mark.parametrize("spelling", ["{0}", '"{0}"'])
def test_key_is_the_same_with_and_without_quotes(stack, spelling):
    text = str(uuid.uuid4())
    first = post(stack, {"name": "x"}, Idempotency_Key=f'"{text}"')
    same(first, post(stack, {"name": "x"}, Idempotency_Key=spelling.format(text)))


@pytest.mark.parametrize("key", ['"', '""', '"a', 'a"', '"a"b"', '"a\\"b"', "a\\b", "a\tb", "\x7f", "ä", "\xff\xfe", '"' + "k" * 256 + '"',
                                 "k" * 256, "k" * 4000])  # fmt: skip
def test_key_that_is_none_is_a_400_and_makes_nothing(stack, new_id, key):
    todo = new_id()
    assert "Idempotency-Key" in post(stack, {"id": todo, "name": "x"}, Idempotency_Key=key).problem(400)["detail"]
    stack.get(f"/todos/{todo}").problem(404)


@pytest.mark.parametrize("key", ["k", "$where", "a.b", "'; DROP TABLE answers--", "{" * 200, " ", '"' + "~" * 200 + '"', "../x"])
def test_key_may_hold_any_printable_text(stack, new_id, key):
    key = key if key != " " else '" "'
    key = f'"{new_id()}{key}"'.replace('""', "").replace('"', "")
    first = post(stack, {"name": "x"}, Idempotency_Key=f'"{key}"')
    assert first.status == 201
    same(first, post(stack, {"name": "x"}, Idempotency_Key=f'"{key}"'))


def test_key_is_for_posts_alone(stack, new_id):
    key, todo = new_key(), new_id()
    made(stack, todo)
    tags = {patch(stack, f"/todos/{todo}", {"done": done}, Idempotency_Key=key).headers["ETag"] for done in (True, False)}
    assert len(tags) == 2


def test_of_twenty_at_once_one_makes_it(new_stack):
    stack = new_stack(workers=4)
    for turn in range(3):
        barrier, answers, headers = threading.Barrier(20), [], {"Content-Type": "application/json", "Idempotency-Key": new_key()}

        def run():
            client = Client(stack.port)
            barrier.wait()
            answers.append(client.request("POST", "/todos", '{"name":"%d"}' % turn, headers))
            client.close()

        threads = [threading.Thread(target=run) for _ in range(20)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        done = [answer for answer in answers if answer.status == 201]
        assert len({answer.json["id"] for answer in done}) == 1
        assert sum(answer.headers["Idempotency-Replayed"] is None for answer in done) == 1
        for answer in answers:
            if answer.status != 201:
                assert answer.problem(409)["type"] == "/problems/still-running"
    assert len(stack.get("/todos").json["todos"]) == 3


# --- What it outlives ---


def test_answer_outlives_redis_and_workers(new_stack):
    stack = new_stack()
    key = new_key()
    first = post(stack, {"name": "x"}, Idempotency_Key=key)
    stack.redis("FLUSHALL")
    same(first, post(stack, {"name": "x"}, Idempotency_Key=key))
    stack.kill("redis")
    same(first, post(stack, {"name": "x"}, Idempotency_Key=key))
    stack.stop("workers")
    stack.start("workers")
    stack.wait_answer()
    same(first, post(stack, {"name": "x"}, Idempotency_Key=key))
    assert len(stack.get("/todos").json["todos"]) == 1


def test_key_works_without_redis(new_stack):
    stack = new_stack()
    stack.kill("redis")
    key = new_key()
    first = post(stack, {"name": "x"}, Idempotency_Key=key)
    assert first.status == 201
    same(first, post(stack, {"name": "x"}, Idempotency_Key=key))


# A write that is stuck at its fence for as long as Redis is frozen; the shortest deadlines that the settings allow.
STUCK = {"redis_timeout_ms": 10000, "store_timeout_ms": 500, "write_deadline_ms": 1500}


STUCK_BODY = '{"name":"stuck"}'


class Stuck:
    """A keyed POST that is under way in a thread of its own, and will never be answered."""

    def __init__(self, stack, key):
        self.stack = stack
        self.client = Client(stack.port)
        self.thread = threading.Thread(target=self.run, args=(key,))
        stack.kill("redis", signal.SIGSTOP)
        self.thread.start()

    def run(self, key):
        with contextlib.suppress(OSError, http.client.HTTPException):
            self.answer = self.client.request(
                "POST", "/todos", STUCK_BODY, {"Content-Type": "application/json", "Idempotency-Key": key})  # fmt: skip
            self.client.close()

    def kill_workers(self, afterwards=lambda: None):
        """kill -9 to all of them, Redis back afterwards."""
        old = self.stack.worker_pids()
        for pid in old:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        wait_until(lambda: self.stack.worker_pids() and not set(self.stack.worker_pids()) & set(old), what="new workers")
        self.thread.join(20)
        afterwards()
        self.stack.kill("redis", signal.SIGCONT)
        self.stack.client.close()
        self.stack.wait_answer()


def records(stack):
    """What the store keeps of requests with keys: [(todo's id, HTTP status)], 0 while it runs."""
    uri = stack.environment["STACK_STORE"]
    if uri == "sqlite":
        with contextlib.closing(sqlite3.connect(stack.folder / "todos.db")) as database:
            return database.execute("SELECT id, http_status FROM answers").fetchall()
    database = Mongo(uri)
    found = [(record["id"], record["http_status"]) for record in database.find_all("answers")]
    database.close()
    return found


def answered_in_the_end(stack, key):
    """The same request until it is no longer told that another one runs."""
    deadline = time.monotonic() + 30
    answer = post(stack, STUCK_BODY, Idempotency_Key=key)
    while answer.status != 201 and time.monotonic() < deadline:
        assert answer.problem(409)["type"] == "/problems/still-running"
        time.sleep(0.2)
        answer = post(stack, STUCK_BODY, Idempotency_Key=key)
    assert answer.status == 201, answer
    return answer


def test_worker_killed_before_its_insert_is_stood_in_for(new_stack):
    stack, key = new_stack(settings=STUCK), new_key()
    stack.get("/todos?limit=1")
    stuck = Stuck(stack, key)
    wait_until(lambda: records(stack), what="the record of a running request")
    stuck.kill_workers()
    assert stack.get("/todos").json["todos"] == []
    [(todo, status)] = records(stack)
    assert status == 0
    answer = answered_in_the_end(stack, key)
    assert answer.json["id"] == todo
    same(answer, post(stack, STUCK_BODY, Idempotency_Key=key))
    assert [row["id"] for row in stack.get("/todos").json["todos"]] == [todo]


# What clients have made of a todo before the retry of the request that made it.
FATES = ["kept", "edited", "deleted", "made again"]


def meet_fate(stack, todo, fate):
    """Returns what a GET must answer afterwards, whatever the retry does: the status, and the version."""
    path = f"/todos/{todo}"
    if fate == "edited":
        assert patch(stack, path, {"name": "edited"}).status == 200
    if fate in ("deleted", "made again"):
        assert delete(stack, path).status == 204
    if fate == "made again":
        assert put(stack, path, {"name": "another"}).status == 201
    now = stack.get(path)
    return now.status, now.headers["ETag"]


def made_once(stack, key, todo, fate, now):
    """The retry gets the first answer, and leaves what others have made of the todo; so does an If-Match of the first life."""
    answer = answered_in_the_end(stack, key)
    assert (answer.json["id"], answer.json["name"]) == (todo, "stuck")
    assert answer.headers["ETag"].startswith('"1-') and version(answer) == f"{todo}.1"
    found = stack.get(f"/todos/{todo}")
    assert (found.status, found.headers["ETag"]) == now
    assert len(stack.get("/todos").json["todos"]) == (fate != "deleted")
    same(answer, post(stack, STUCK_BODY, Idempotency_Key=key))
    status = patch(stack, f"/todos/{todo}", {"name": "mine"}, If_Match=answer.headers["ETag"]).status
    assert status == (200 if fate == "kept" else 412)


# A write that has not begun in time is refused: on a busy machine the test is too slow for the shortest deadlines.
PATIENCES = (1, 4)


def within(seconds, rows):
    """The first rows that are found; an empty list: none were."""
    end = time.monotonic() + seconds
    while not (found := rows()) and time.monotonic() < end:
        time.sleep(0.02)
    return found


@pytest.mark.parametrize("fate", FATES)
@pytest.mark.parametrize("store", ["sqlite"], scope="session", indirect=True)
def test_worker_killed_between_insert_and_end_has_made_its_todo(new_stack, fate):
    """The file's lock, held from outside, parks the insert; Redis, frozen again, parks what comes after it."""
    for patience in PATIENCES:
        deadlines = {"store_timeout_ms": 1400 * patience, "write_deadline_ms": 3000 * patience}
        stack, key = new_stack(settings=STUCK | deadlines), new_key()
        stack.get("/todos?limit=1")
        stuck = Stuck(stack, key)
        wait_until(lambda: records(stack), what="the record of a running request")
        with contextlib.closing(sqlite3.connect(stack.folder / "todos.db", isolation_level=None)) as database:
            database.execute("BEGIN IMMEDIATE")
            stack.kill("redis", signal.SIGCONT)
            wait_until(lambda: stack.redis("KEYS", "todo:*:writers"), what="the fence")
            stack.kill("redis", signal.SIGSTOP)
            database.execute("COMMIT")
            inserted = within(3 * patience, lambda: database.execute("SELECT id FROM todos").fetchall())
            time.sleep(0.2)
            found = database.execute("SELECT id, http_status FROM answers").fetchall()
            stuck.kill_workers()
        if inserted:
            break
    [[todo]] = inserted
    assert found == records(stack) == [(todo, 0)]
    made_once(stack, key, todo, fate, meet_fate(stack, todo, fate))


@pytest.mark.parametrize("fate", FATES)
@pytest.mark.parametrize("store", ["mongodb"], scope="session", indirect=True)
def test_worker_killed_after_its_insert_was_applied_has_made_its_todo(mongodb_proxy, new_stack, fate):
    """The proxy passes the insert on, and no answer back: not to it, nor to what comes after it."""
    for patience in PATIENCES:
        proxy = mongodb_proxy()
        deadlines = {"store_timeout_ms": 1000 * patience, "write_deadline_ms": 2500 * patience}
        stack, key = new_stack(store_uri=proxy.uri, settings=STUCK | deadlines), new_key()
        stack.get("/todos?limit=1")
        stuck = Stuck(stack, key)
        wait_until(lambda: records(stack), what="the record of a running request")
        proxy.hold_answers_from(b"stuck")
        stack.kill("redis", signal.SIGCONT)
        direct = Mongo("mongodb://%s:%d/%s" % (*proxy.target, proxy.uri.rpartition("/")[2].partition("?")[0]))
        inserted = within(3 * patience, lambda: direct.find_all("todos"))
        stack.kill("redis", signal.SIGSTOP)
        proxy.hold_answers_from(None)
        stuck.kill_workers(lambda: proxy.hold_answers(False))
        direct.close()
        if inserted:
            break
    [row] = inserted
    assert [status for _, status in records(stack)] == [0]
    made_once(stack, key, row["_id"], fate, meet_fate(stack, row["_id"], fate))
