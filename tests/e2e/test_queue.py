# SPDX-License-Identifier: MIT
"""
Queued writes by way of the API: who gets one, what its ticket says, and what readers with the ticket see. On SQLite, over each
journal. What becomes of them when processes die is the business of tests/faults.
"""

import contextlib
import sqlite3
import subprocess

import pytest
from journal import FILE, REDIS, QueueRedis
from stack import wait_until
from store_file import write_lock
from verbs import delete, made, patch, post, put

ASYNC = {"Prefer": "respond-async"}


@pytest.fixture(scope="session")
def store():
    return "sqlite"


def is_ready(stack):
    """Whichever worker answers."""
    for client in (stack.internal, stack.client):
        client.close()
    answer = stack.internal.get("/readyz")
    return answer.status == 200 and answer.json["queue"]["status"] == "ready" and stack.get("/stats").json["queue"]


def queueing(stack):
    wait_until(lambda: all(is_ready(stack) for _ in range(8)), 20, "a queue that takes writes")
    return stack


@pytest.fixture(scope="module", params=[REDIS, FILE], ids=["redis", "file"])
def queue(request, make_stack):
    """A stack whose writes may be queued."""
    stack = make_stack("sqlite", {"write_queue": request.param, "l1_mbytes": 8}).prepare()
    redis = QueueRedis(stack.folder)
    try:
        if request.param == REDIS:
            redis.start()
        stack.start()
        yield queueing(stack)
    finally:
        complaints = stack.close()
        redis.stop()
    assert not complaints, complaints


def accepted(answer):
    """The ticket of a 202."""
    assert answer.status == 202, answer
    ticket = answer.json["ticket"]
    assert answer.headers["Location"] == f"/queue/{ticket}" and answer.headers["Todo-Version"] == ticket
    assert answer.headers["Preference-Applied"] == "respond-async" and answer.headers["Retry-After"] == "1"
    return ticket


def settled(stack, ticket):
    """What became of the write."""

    def look():
        answer = stack.get(f"/queue/{ticket}", Prefer="wait=10")
        assert answer.status == 200, answer
        return answer if answer.json["state"] != "pending" else None

    return wait_until(look, 30, "the end of a queued write")


def test_a_queued_write_is_applied_and_a_read_with_its_ticket_shows_it(queue, new_id):
    todo = new_id()
    path = f"/todos/{todo}"
    assert queue.get(path).status == 404  # which is cached
    writes = [
        (lambda: put(queue, path, {"name": "one"}, **ASYNC), 200, {"name": "one", "done": False}),
        (lambda: patch(queue, path, {"done": True}, **ASYNC), 200, {"name": "one", "done": True}),
        (lambda: put(queue, path, {"name": "two"}, **ASYNC), 200, {"name": "two", "done": False}),
        (lambda: delete(queue, path, **ASYNC), 404, {}),
        (lambda: post(queue, {"id": todo, "name": "three"}, **ASYNC), 200, {"name": "three"}),
    ]
    for write, status, members in writes:
        ticket = accepted(write())
        answer = queue.get(path, Todo_Version=ticket)
        assert answer.status == status, answer
        assert members.items() <= answer.json.items()
        outcome = settled(queue, ticket).json
        assert outcome["state"] == "applied" and outcome["todo"] == todo
        assert queue.get(path, Todo_Version=outcome["version"]).status == status
        assert queue.get(path).status == status


def test_writes_of_one_todo_are_applied_in_their_order(queue, new_id):
    todo = new_id()
    tickets = [accepted(put(queue, f"/todos/{todo}", {"name": f"name {i}"}, **ASYNC)) for i in range(50)]
    assert settled(queue, tickets[-1]).json["version"].startswith(f"{todo}.50.")
    assert queue.get(f"/todos/{todo}").json["name"] == "name 49"
    versions = [int(settled(queue, ticket).json["version"].rsplit(".", 2)[1]) for ticket in tickets]
    assert versions == list(range(1, 51))


def test_a_write_that_the_store_refuses_has_failed_with_its_problem(queue, new_id):
    todo, taken = new_id(), new_id()
    made(queue, taken)
    rows = [
        (patch(queue, f"/todos/{todo}", {"done": True}, **ASYNC), "not-found", 404),
        (delete(queue, f"/todos/{todo}", **ASYNC), "not-found", 404),
        (post(queue, {"id": taken, "name": "x"}, **ASYNC), "exists", 409),
    ]
    for answer, slug, status in rows:
        outcome = settled(queue, accepted(answer)).json
        assert outcome["state"] == "failed" and "version" not in outcome
        assert outcome["problem"]["type"] == f"/problems/{slug}" and outcome["problem"]["status"] == status
    assert queue.get(f"/todos/{todo}", Todo_Version=outcome["ticket"]).status == 404


def test_a_read_whose_write_waits_for_long_shows_nothing_older(queue, new_id):
    todo = new_id()
    made(queue, todo)
    with write_lock(queue):
        ticket = accepted(patch(queue, f"/todos/{todo}", {"name": "later"}, **ASYNC))
        assert queue.get(f"/queue/{ticket}").json["state"] == "pending"
        answer = queue.get(f"/todos/{todo}", Todo_Version=ticket)
        assert answer.problem(503)["type"] == "/problems/still-queued"
        assert answer.headers["Retry-After"] == "1"
        assert queue.get(f"/todos/{todo}").json["name"] == f"name of {todo}"  # without it the committed state
        other = new_id()
        assert queue.get(f"/todos/{other}", Todo_Version=ticket).status == 404  # not its business
    assert settled(queue, ticket).json["state"] == "applied"
    assert queue.get(f"/todos/{todo}", Todo_Version=ticket).json["name"] == "later"


def test_a_repeated_key_has_one_ticket_and_makes_one_todo(queue, new_id):
    key = f'"{new_id()}"'
    first = post(queue, {"name": "x"}, Idempotency_Key=key, **ASYNC)
    ticket, todo = accepted(first), first.json["todo"]
    for _ in range(2):
        again = post(queue, {"name": "x"}, Idempotency_Key=key, **ASYNC)
        assert accepted(again) == ticket and again.json["todo"] == todo
        assert again.headers["Idempotency-Replayed"] == "true"
        settled(queue, ticket)
    at_once = post(queue, {"name": "x"}, Idempotency_Key=key)  # the answer is kept for requests without the queue, too
    assert at_once.status == 201 and at_once.json["id"] == todo
    assert at_once.headers["Idempotency-Replayed"] == "true"
    other = post(queue, {"name": "y"}, Idempotency_Key=key, **ASYNC)
    assert other.problem(422)["type"] == "/problems/key-reused"


def test_the_ticket_of_a_key_that_was_answered_without_the_queue_names_that_todo(queue, new_id):
    for body, status, state in [({"name": "x"}, 201, "applied"), ({"id": new_id(), "name": "x"}, 409, "failed")]:
        key = f'"{new_id()}"'
        if status == 409:
            made(queue, body["id"])
        at_once = post(queue, body, Idempotency_Key=key)
        assert at_once.status == status, at_once
        todo = at_once.json["id"] if status == 201 else body["id"]
        ticket = accepted(post(queue, body, Idempotency_Key=key, **ASYNC))
        outcome = settled(queue, ticket).json
        assert (outcome["state"], outcome["todo"]) == (state, todo), outcome
        assert outcome.get("version", f"{todo}.1.").startswith(f"{todo}.1."), outcome
        again = post(queue, body, Idempotency_Key=key, **ASYNC)
        assert accepted(again) == ticket and again.json["todo"] == todo
        assert queue.get(f"/todos/{todo}", Todo_Version=ticket).status == 200


def test_a_condition_is_decided_at_once(queue, new_id):
    todo = new_id()
    tag = made(queue, todo).headers["ETag"]
    answer = put(queue, f"/todos/{todo}", {"name": "x"}, If_Match=tag, **ASYNC)
    assert answer.status == 200 and "Preference-Applied" not in answer.headers
    assert put(queue, f"/todos/{todo}", {"name": "x"}, If_Match=tag, **ASYNC).status == 412
    strict = put(queue, f"/todos/{todo}", {"name": "y"}, If_Match="*", Prefer="respond-async, handling=strict")
    assert "respond-async" in strict.problem(400)["detail"]
    assert queue.get(f"/todos/{todo}").json["name"] == "x"


def put_foreign(stack, shard, ms, seq):
    """An item by another program, in the journal of this kind."""
    if (stack.folder / "queue.sock").exists():
        words = ["redis-cli", "-s", "queue.sock", "xadd", f"todo-queue:{{{shard}}}", f"{ms}-{seq}", "text", "x", "id", "x"]
        assert subprocess.run(words, cwd=stack.folder, capture_output=True, text=True).stdout.strip() == f"{ms}-{seq}"
        return
    with contextlib.closing(sqlite3.connect(stack.folder / "queue/queue.db", timeout=10, isolation_level=None)) as database:
        database.execute("INSERT INTO writes VALUES (?, ?, 'x', 'x')", (shard, min(ms << 20 | seq, 2**63 - 1)))


# Far ahead of all; ahead by some years, which a clock may have been; all that there are. The last one leaves no number behind it.
@pytest.mark.parametrize("ms, seq", [(4294967295000, 0), (2840140800000, 7), (2**64 - 1, 2**64 - 1)])
def test_an_item_with_an_absurd_number_stops_nobody(queue, new_id, ms, seq):
    path = f"/todos/{new_id()}"
    shard = accepted(put(queue, path, {"name": "before"}, **ASYNC))[0]
    put_foreign(queue, shard, ms, seq)

    def write():
        answer = put(queue, path, {"name": "behind"}, **ASYNC)
        return answer.status == 202 and settled(queue, accepted(answer)).json["state"] == "applied"

    # A write that comes before the item is found is applied, and those that come before it is removed are refused.
    wait_until(lambda: write() and write(), 20, "a write that is applied, and the next one, too")
    assert queue.get(path).json["name"] == "behind"


def test_a_full_queue_is_a_503_and_drains(new_stack, new_id):
    stack = queueing(new_stack(workers=1, settings={"write_queue": FILE, "queue_depth_max": 3}))
    todo = new_id()
    made(stack, todo)
    with write_lock(stack):
        answers = [patch(stack, f"/todos/{todo}", {"name": f"{i}"}, **ASYNC) for i in range(20)]
        full = [answer for answer in answers if answer.status != 202]
        assert 0 < len(full) < 20
        for answer in full:
            assert answer.problem(503)["type"] == "/problems/queue-full" and answer.headers["Retry-After"] == "1"
    last = [answer for answer in answers if answer.status == 202][-1]
    assert settled(stack, accepted(last)).json["state"] == "applied"
    settled(stack, accepted(patch(stack, f"/todos/{todo}", {"done": True}, **ASYNC)))


def test_without_its_journal_only_queued_writes_fail(new_stack, new_id):
    stack = new_stack(prepared_only=True, workers=1, settings={"write_queue": REDIS})
    redis = QueueRedis(stack.folder).start()
    stack.start()
    todo = new_id()
    made(queueing(stack), todo)
    ticket = accepted(patch(stack, f"/todos/{todo}", {"name": "queued"}, **ASYNC))
    settled(stack, ticket)
    redis.kill()
    refused = patch(stack, f"/todos/{todo}", {"name": "no"}, **ASYNC)
    assert refused.problem(503)["type"] in ("/problems/unavailable", "/problems/unknown-outcome")
    assert stack.get(f"/queue/{ticket}").problem(503)
    assert stack.get(f"/todos/{todo}", Todo_Version=ticket).problem(503)
    assert stack.get(f"/todos/{todo}").json["name"] == "queued"
    assert patch(stack, f"/todos/{todo}", {"name": "at once"}).status == 200
    redis.start()
    queueing(stack)
    assert settled(stack, ticket).json["state"] == "applied"
    redis.stop()
