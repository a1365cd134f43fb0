# SPDX-License-Identifier: MIT
"""
A MongoDB that answers, and refuses: each cause reaches the client, /readyz, the log and --check, also behind a breaker.

mongo_server.py refuses what the test says, with the server's own codes.
"""

import subprocess

import pytest
from mongo_server import MongoSet
from stack import WORKER_BUILD, wait_until

ALWAYS = 10**6


@pytest.fixture(scope="session")
def store():
    """Of new_stack: not one of the session's stores."""
    return "scripted replica set"


@pytest.fixture
def mongo():
    one = MongoSet(members=1).start()
    yield one
    one.stop()


def check(stack):
    command = [WORKER_BUILD / "todo-fcgi", "-c", "todo.conf", "--check"]
    return subprocess.run(command, cwd=stack.folder, env=stack.environment, capture_output=True, text=True, timeout=30)


@pytest.mark.parametrize(
    "code, name, told",
    [
        (13, "Unauthorized", "until an operator grants the right"),
        (18, "AuthenticationFailed", "user or password"),
        (238, "NotImplemented", "can't do what the service needs"),
    ],
)
def test_a_read_that_is_refused_says_why(mongo, new_stack, code, name, told):
    stack = new_stack(store_uri=mongo.uri(), workers=1)
    mongo.primary.fail(code, name, "find", count=ALWAYS)
    for turn in range(8):  # from the sixth on a breaker refuses
        problem = stack.get(f"/todos/{turn}").problem(503)
        assert told in problem["detail"] and "reached" not in problem["detail"], problem
    ready = wait_until(lambda: (answer := stack.internal.get("/readyz")).status == 503 and answer, 10, "the news")
    assert f"(code {code})" in ready.json["reason"], ready
    assert f"(code {code})" in stack.log("workers")
    ended = check(stack)
    assert ended.returncode == 2 and f"(code {code})" in ended.stderr, ended
    mongo.primary.clear_faults()
    wait_until(lambda: stack.internal.get("/readyz").status == 200, 10, "readiness")
    assert check(stack).returncode == 0


def test_writes_that_are_refused_make_a_worker_unready_while_reads_go_on(mongo, new_stack):
    stack = new_stack(store_uri=mongo.uri(), workers=1)
    assert stack.post({"id": "1", "name": "n"}).status == 201
    mongo.primary.fail(13, "Unauthorized", "insert", "update", "findAndModify", count=ALWAYS)
    problem = stack.post({"name": "n"}).problem(503)
    assert problem["type"] == "/problems/unavailable" and "Nothing was changed" in problem["detail"], problem
    ready = stack.internal.get("/readyz")
    assert ready.status == 503 and ready.json["store"]["status"] == "ok" and ready.json["store"]["writes"] == "unavailable", ready
    assert "(code 13)" in ready.json["reason"] and stack.get("/todos/1").status == 200


def test_check_refuses_no_start_for_what_stops_some_writes_only(mongo, new_stack):
    stack = new_stack(store_uri=mongo.uri(), workers=1)
    mongo.primary.fail(121, "DocumentValidationFailure", "update", count=ALWAYS)
    ended = check(stack)
    assert ended.returncode == 1 and "validator" in ended.stderr, ended


def test_a_full_disk_is_told_as_such(mongo, new_stack):
    stack = new_stack(store_uri=mongo.uri(), workers=1)
    mongo.primary.fail(14031, "OutOfDiskSpace", "insert", "update", "findAndModify", count=ALWAYS)
    problem = stack.post({"name": "n"}).problem(503)
    assert problem["type"] == "/problems/unknown-outcome" and "disk is full" in problem["detail"], problem
    assert stack.internal.get("/readyz").status == 503
    ended = check(stack)
    assert ended.returncode == 1 and "(code 14031)" in ended.stderr, "a start goes on, for the reads"
