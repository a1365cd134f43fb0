# SPDX-License-Identifier: MIT
"""A store that goes back in time, is emptied, or is out of one worker's reach: what hits show, and for how long."""

import re
import time

import pytest
from stack import wait_until
from store_file import back_up, restore
from tiny_bson import Mongo, with_hosts

ROWS = 60


def audited(stack):
    """The words of "todoctl audit --all", with their numbers."""
    result = stack.ctl("audit", "--all")
    found = {word: int(number) for number, word in re.findall(r"(\d+) ([a-z]+)", result.stdout)}
    assert result.returncode == 0, result.stdout + result.stderr
    return found


def warm(stack):
    result = stack.ctl("warm")
    assert result.returncode == 0, result.stderr


def trusted_epochs(stack):
    return [int(epoch) for epoch in re.findall(r"event=redis_trusted .*\bepoch=(\d+)", stack.log("workers"))]


ON_SQLITE = pytest.mark.parametrize("store", ["sqlite"], scope="session", indirect=True)
ON_MONGODB = pytest.mark.parametrize("store", ["mongodb"], scope="session", indirect=True)


@pytest.fixture
def file_stack(new_stack):
    stack = new_stack(settings={"todo_ttl_s": 3600, "negative_ttl_s": 3600, "list_ttl_s": 3600})
    assert stack.load("seed", "-n", str(ROWS)).returncode == 0
    return stack


def rename(stack, todo_id, name):
    body = f'{{"name": "{name}"}}'.encode()
    return stack.request("PUT", f"/todos/{todo_id}", body, {"Content-Type": "application/json"}).status


def change_some(stack):
    for number in range(1, 11):
        assert rename(stack, number, "later") == 200
    for number in range(11, 16):
        assert stack.request("DELETE", f"/todos/{number}").status in (200, 204)
    assert stack.post({"id": "later", "name": "later"}).status == 201


def assert_as_before(stack):
    for number in range(1, 16):
        answer = stack.get(f"/todos/{number}")
        assert answer.status == 200 and answer.json["name"] != "later", answer
    assert stack.get("/todos/later").status == 404
    names = [todo["name"] for todo in stack.get("/todos?limit=100").json["todos"]]
    assert len(names) == ROWS and "later" not in names
    assert audited(stack).get("inconsistent", 0) == 0


@ON_SQLITE
def test_no_entry_outlives_a_restored_file(file_stack):
    """The epoch of the file is the one of the entries. The workers stop at once after the last write."""
    copy = back_up(file_stack)
    change_some(file_stack)
    warm(file_stack)
    file_stack.get("/todos?limit=100")
    assert rename(file_stack, 1, "later") == 200
    file_stack.stop("workers")
    restore(file_stack, copy)
    file_stack.start("workers")
    file_stack.wait_answer()
    assert_as_before(file_stack)
    assert "the store has gone back to an earlier state" in file_stack.log("workers")


@ON_SQLITE
def test_purge_all_after_a_restore_brings_no_older_entry_back(file_stack):
    """Backup in the first epoch, purge, fill, restore, purge: with a counter the last epoch was that of the first fill."""
    copy = back_up(file_stack)
    assert file_stack.ctl("purge", "--all").returncode == 0
    wait_until(lambda: len(set(trusted_epochs(file_stack))) == 2, 15, "the next epoch")
    change_some(file_stack)
    warm(file_stack)
    file_stack.stop("workers")
    restore(file_stack, copy)
    file_stack.start("workers")
    assert file_stack.ctl("purge", "--all").returncode == 0
    file_stack.wait_answer()
    time.sleep(2)
    wait_until(lambda: len(set(trusted_epochs(file_stack))) >= 3, 15, "the last epoch")
    assert_as_before(file_stack)
    epochs = trusted_epochs(file_stack)
    assert max(epochs) == epochs[-1]


@ON_MONGODB
@pytest.mark.parametrize("command", [{"dropDatabase": 1}, {"drop": "meta"}])
def test_what_was_dropped_is_no_hit_however_often(new_stack, command):
    stack = new_stack(settings={"todo_ttl_s": 3600, "negative_ttl_s": 3600, "list_ttl_s": 3600})
    mongo = Mongo(stack.environment["STACK_STORE"])
    seen = set(trusted_epochs(stack))
    for _ in range(3):
        if stack.get("/todos/a").status == 404:
            wait_until(lambda: stack.post({"id": "a", "name": "n"}).status == 201, 15, "an insert")
        wait_until(lambda: stack.get("/todos/a").cache.get("hit"), 15, "a hit")
        if "drop" in command:
            mongo.run({"delete": "todos", "deletes": [{"q": {}, "limit": 0}]})
        mongo.run(command)
        wait_until(lambda: stack.get("/todos/a").status == 404, 5, "the end of the entry")
        wait_until(lambda: set(trusted_epochs(stack)) - seen, 15, "an epoch that was not there yet")
        seen |= set(trusted_epochs(stack))
        assert all(stack.get("/todos/a").status == 404 for _ in range(10))
        assert stack.ctl("purge", "--all").returncode == 0
        time.sleep(2)
        seen |= set(trusted_epochs(stack))
        assert all(stack.get("/todos/a").status == 404 for _ in range(10))
        assert audited(stack).get("inconsistent", 0) == 0
    mongo.close()


@ON_MONGODB
def test_a_split_network_leaves_hits_for_no_longer_than_the_setting(new_stack, mongodb_proxy):
    """{worker A, Redis} and {worker B, store}: B writes by the outbox and answers 200; A can't know."""
    proxy = mongodb_proxy()
    ours = new_stack(store_uri=proxy.uri, workers=1, settings={"todo_ttl_s": 3600, "hits_without_store_s": 6})
    direct = with_hosts(proxy.uri, [proxy.target])
    theirs = new_stack(store_uri=direct, workers=1, settings={"redis": "unix:/nowhere/redis.sock"})
    assert ours.post({"id": "a", "name": "old"}).status == 201
    wait_until(lambda: ours.get("/todos/a").cache.get("hit"), 15, "a hit")
    assert "detail" not in ours.get("/todos/a").cache

    proxy.cut()
    cut_at = time.monotonic()
    assert rename(theirs, "a", "new") == 200
    assert ours.get("/todos/a").json["name"] == "old", "nobody could tell it"
    wait_until(lambda: ours.get("/todos/a").cache.get("detail") == "store-unseen", 5, "a word of it")
    assert ours.counters()["todo_unseen_hits_total"] > 0
    wait_until(lambda: ours.get("/todos/a").status == 503, 10, "the end of the hits")
    assert 5 < time.monotonic() - cut_at < 9
    assert ours.counters()["todo_store_unseen_seconds_total"] >= 3

    proxy.open()
    wait_until(lambda: ours.get("/todos/a").status == 200, 30, "an answer")
    assert ours.get("/todos/a").json["name"] == "new"
    wait_until(lambda: ours.get("/todos/a").cache.get("hit"), 15, "a hit")
    assert "detail" not in ours.get("/todos/a").cache
