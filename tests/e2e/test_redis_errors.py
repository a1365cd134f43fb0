# SPDX-License-Identifier: MIT
"""What a real Redis may answer instead of an answer: each error provoked, everything answered rightly, and hits afterwards."""

import contextlib
import re
import subprocess

import pytest
from stack import wait_until
from verbs import made, patch

NOWHERE = ("127.0.0.1", "1")


def errors(stack, kind):
    return stack.counters()[f'todo_redis_errors_total{{kind="{kind}"}}']


def hit(stack, path="/todos/a"):
    """Ten answers in a row are from Redis; they may all be one worker's."""
    wait_until(lambda: all(stack.get(path).cache.get("hit") for _ in range(10)), 30, "hits")


@pytest.fixture
def own_stack(new_stack):
    stack = new_stack()
    made(stack, "a")
    hit(stack)
    return stack


def seen(stack, name):
    """What was written is what is read, ten times in a row."""
    answers = [stack.get("/todos/a") for _ in range(10)]
    return all(answer.status == 200 and answer.json["name"] == name for answer in answers)


def renamed(stack, name):
    assert patch(stack, "/todos/a", {"name": name}).json["name"] == name


@contextlib.contextmanager
def replica(stack):
    stack.redis("replicaof", *NOWHERE)
    yield
    stack.redis("replicaof", "no", "one")
    hit(stack)


def until_counted(stack, kind, provoke):
    """Workers look after their Redis each second, and may leave before a command meets the error: then once more."""
    before = errors(stack, kind)
    for number in range(10):
        provoke(number)
        if errors(stack, kind) > before:
            return
    raise AssertionError(f"no command met {kind}")


def test_readonly_writes_go_to_the_outbox_and_nothing_is_old(own_stack):
    stack, before = own_stack, own_stack.counters()

    def provoke(number):
        with replica(stack):
            renamed(stack, f"readonly {number}")
            # Two seconds at most; a worker that has not met it reads the replica until it looks.
            wait_until(lambda: seen(stack, f"readonly {number}"), 10, "the new name at every worker")
        assert seen(stack, f"readonly {number}")

    until_counted(stack, "readonly", provoke)
    grown = stack.counters().since(before)
    assert grown["todo_epoch_moves_total"] >= 1, "a promoted Redis is another one"
    assert grown['todo_outbox_total{kind="added"}'] >= 1


def test_masterdown_reads_go_to_the_store(own_stack):
    stack = own_stack
    stack.redis("config", "set", "replica-serve-stale-data", "no")

    def provoke(number):
        with replica(stack):
            assert seen(stack, f"masterdown {number - 1}" if number else "name of a")
            renamed(stack, f"masterdown {number}")
            assert seen(stack, f"masterdown {number}")

    until_counted(stack, "masterdown", provoke)


def test_busy_redis_is_done_without_until_its_script_ends(own_stack):
    stack, before = own_stack, errors(own_stack, "busy")
    stack.redis("config", "set", "busy-reply-threshold", "1")
    command = ["redis-cli", "-s", "redis.sock", "eval", "while true do end", "0"]
    with subprocess.Popen(command, cwd=stack.folder, stdout=subprocess.DEVNULL) as script:
        wait_until(lambda: "BUSY" in stack.redis("get", "x"), 10, "a busy Redis")
        renamed(stack, "busy")
        wait_until(lambda: errors(stack, "busy") > before, 10, "an answer BUSY")
        assert seen(stack, "busy")
        assert stack.redis("script", "kill") == "OK"
        script.wait(10)
    hit(stack)
    assert seen(stack, "busy")


def test_loading_redis_is_not_trusted_until_it_has_its_file(own_stack):
    stack, file = own_stack, own_stack.folder / "redis.conf"
    config = file.read_text()
    stack.redis("eval", "for i = 1, 50000 do redis.call('SET', 'k' .. i, i) end", "0")
    stack.redis("save")
    stack.kill("redis")
    file.write_text(config + "key-load-delay 1000\nloading-process-events-interval-bytes 1024\n")
    stack.start("redis")
    before = stack.counters()
    wait_until(lambda: errors(stack, "connect") > before['todo_redis_errors_total{kind="connect"}'], 10, "an attempt")
    renamed(stack, "loading")
    assert seen(stack, "loading") and "loading:1" in stack.redis("info", "persistence")
    assert stack.counters()["todo_epoch_moves_total"] == before["todo_epoch_moves_total"], "nobody trusts it yet"
    stack.redis("config", "set", "key-load-delay", "0")
    hit(stack)
    assert seen(stack, "loading")
    assert stack.counters()["todo_epoch_moves_total"] > before["todo_epoch_moves_total"]


def test_full_redis_takes_invalidations_and_its_fills_fail(own_stack):
    stack = own_stack
    for todo in ("b", "c", "d"):
        made(stack, todo)
    with stack.counted() as count:
        stack.redis("config", "set", "maxmemory-policy", "noeviction", "maxmemory", "1")
        answers = [stack.get(f"/todos/{todo}") for todo in ("b", "c", "d")]
        assert [(answer.status, answer.cache.get("stored")) for answer in answers] == [(200, None)] * 3
        assert stack.get("/todos/a").cache.get("hit"), "what is there stays"
        renamed(stack, "full")
        assert seen(stack, "full")
    assert count['todo_redis_errors_total{kind="oom"}'] >= 3
    assert 'todo_outbox_total{kind="added"}' not in count, "no invalidation was refused"
    stack.redis("config", "set", "maxmemory-policy", "allkeys-lfu", "maxmemory", "256mb")
    hit(stack)
    assert seen(stack, "full")


def test_scripts_that_are_forgotten_are_sent_again(own_stack):
    stack = own_stack
    with stack.counted() as count:
        stack.redis("script", "flush")
        renamed(stack, "flushed")
        hit(stack)
    assert count['todo_redis_errors_total{kind="noscript"}'] >= 2
    assert count['todo_fills_total{result="stored"}'] >= 1
    assert 'todo_outbox_total{kind="added"}' not in count
    assert seen(stack, "flushed")


def test_key_of_another_type_is_deleted_and_read_anew(own_stack):
    stack = own_stack
    hit(stack, "/todos?limit=3")
    keys = stack.redis("keys", "todo*").split()
    assert any(key.endswith("{a}") for key in keys) and any(key.endswith(":gen") for key in keys) and len(keys) >= 4
    for told in [key for key in keys if key.endswith((":beat", ":watermark"))]:
        stack.redis("del", told)
        stack.redis("rpush", told, "somebody else's")
        wait_until(lambda: stack.redis("type", told) == "string", what=f"{told}, told anew")
        keys.remove(told)
    # While nobody writes or misses, there are none of these.
    [todo], [generation] = ([key for key in keys if key.endswith(end)] for end in ("{a}", ":gen"))
    keys += [todo + ":writers", generation[: -len("gen")] + "writers"]
    for number, key in enumerate(keys):
        with stack.counted() as count:
            stack.redis("del", key)
            stack.redis("rpush", key, "somebody else's")
            if key.endswith("writers"):
                assert patch(stack, "/todos/a", {"name": "name of a"}).status == 200
            assert seen(stack, "name of a") and stack.get(f"/todos?limit={10 + number}").json["todos"][0]["id"] == "a"
            hit(stack)
            hit(stack, "/todos?limit=1")  # which the stack was asked at its start
            hit(stack, "/todos?limit=3")
        assert count['todo_redis_errors_total{kind="wrongtype"}'] >= 1, key
        assert re.search(rf'event=key_foreign key="?{re.escape(key)}|event=entry_broken id=a ', stack.log("workers")), key
