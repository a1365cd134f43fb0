# SPDX-License-Identifier: MIT
"""Redis failed over by three real sentinels: reads and writes go on, hits come back, nothing is old, and the epoch has moved."""

import contextlib
import subprocess
import time

import pytest
from clients import Load
from history import check
from load import load
from sentinels import Group
from stack import WORKER_BUILD, wait_until
from verbs import made, patch

MOVES = "todo_epoch_moves_total"
# As doc/consistency.md bounds it while workers come back one by one.
STALE_S = 2.0


@pytest.fixture
def new_group(tmp_path):
    with contextlib.ExitStack() as stop:

        def new(**options):
            group = Group(tmp_path, **options)
            stop.callback(group.stop)
            return group.start()

        yield new


def hit(stack, todo):
    """Ten answers in a row are from Redis; they may all be one worker's."""
    wait_until(lambda: all(stack.get(f"/todos/{todo}").cache.get("hit") for _ in range(10)), 30, "hits")


def moves(stack):
    return stack.counters()[MOVES]


def reads_done(client, thread, turn):
    answer = client.get("/todos/a")
    return None if answer.status == 200 and answer.json["done"] else repr(answer)


def ctl(stack, *words):
    command = [WORKER_BUILD / "todoctl", "-c", "todo.conf", *words]
    result = subprocess.run(
        command, cwd=stack.folder, env=stack.environment, capture_output=True, text=True, timeout=120
    )
    assert result.returncode == 0, (words, result.stdout, result.stderr)


def test_reads_and_writes_go_on_through_failovers_and_nothing_is_old(new_stack, new_group):
    group = new_group()
    stack = new_stack(settings={"redis": group.url})
    made(stack, "warm")
    hit(stack, "warm")
    with Load([stack.port], ["a", "b", "c"], clients=4, pause_s=0.01) as history:
        time.sleep(1)
        for fail_over in (group.kill_primary, group.fail_over):
            before = moves(stack)
            heir = fail_over()
            # A primary that is there is demoted by the sentinels some ten seconds after its heir has been named.
            wait_until(lambda: moves(stack) > before, 60, "another epoch")
            hit(stack, "warm")
            assert heir.says("keys", "todo:*:{warm}")
            if fail_over == group.kill_primary:
                group.join(group.other(heir), heir)
        time.sleep(1)
    assert history.statuses[200] > 100 and all(status < 500 for status in history.statuses), history.statuses
    assert check(history.ops, slack_s=STALE_S) == []
    ctl(stack, "audit", "--all")


def test_entry_whose_invalidation_the_new_primary_missed_is_never_read(new_stack, new_group):
    group = new_group()
    stack = new_stack(settings={"redis": group.url})
    primary, replica = group.members
    made(stack, "a")
    hit(stack, "a")
    key = primary.says("keys", "todo:*:{a}")
    wait_until(lambda: replica.says("hget", key, "v") == "1", 10, "the entry at the replica")
    assert replica.says("replicaof", "127.0.0.1", "1") == "OK"  # it hears of nothing any more
    assert patch(stack, "/todos/a", {"done": True}).json["done"]
    before = moves(stack)
    with load(stack, reads_done) as reads:
        assert group.kill_primary() is replica
        assert replica.says("hget", key, "v") == "1", "the old entry is there"
        wait_until(lambda: moves(stack) > before, 30, "another epoch")
        hit(stack, "a")
        reads.wait(200)
    assert reads.failures == []


def test_users_and_passwords_of_redis_and_of_sentinels(new_stack, new_group, tmp_path):
    rights = "~todo:* ~todos:* ~limit:* &todos:* -@all +@connection +@read +@write +@scripting +@pubsub +time -@dangerous -function +info"
    group = new_group(
        member=f"requirepass chief\nmasterauth chief\nuser worker on >open-redis {rights}\n",
        sentinel="sentinel auth-pass {name} chief\nrequirepass open-sentinel\n",
        member_auth=("--no-auth-warning", "-a", "chief"),
        sentinel_auth=("--no-auth-warning", "-a", "open-sentinel"),
    )
    (tmp_path / "redis-password").write_text("open-redis\n")
    (tmp_path / "sentinel-password").write_text("open-sentinel\n")
    stack = new_stack(
        settings={
            "redis": group.url,
            "redis_user": "worker",
            "redis_password_file": tmp_path / "redis-password",
            "sentinel_password_file": tmp_path / "sentinel-password",
            "rate_limit_per_minute": 60000,
            "rate_limit_burst": 10000,
        }
    )
    made(stack, "a")
    hit(stack, "a")
    heir = group.kill_primary()
    hit(stack, "a")
    assert patch(stack, "/todos/a", {"done": True}).json["done"]
    # One worker may have been back before the one that wrote: two seconds at most.
    wait_until(lambda: stack.get("/todos/a").json["done"], 10, "the change")
    assert len(stack.get("/todos").json["todos"]) == 1
    hit(stack, "a")
    assert "user=worker" in heir.says("client", "list")
    assert "NOPERM" not in heir.says("acl", "log")


def test_tools_find_redis_by_the_sentinels(new_stack, new_group):
    group = new_group()
    stack = new_stack(settings={"redis": group.url})
    made(stack, "a")
    hit(stack, "a")
    result = stack.load("seed", "-n", "100")
    assert result.returncode == 0 and "are invalidated" not in result.stderr, result.stderr
    ctl(stack, "warm", "-n", "60")
    ctl(stack, "audit", "--all")
    ctl(stack, "purge", "a")
    assert len(group.members[0].says("keys", "todo:*:{*}").split()) >= 50
    assert group.members[0].says("keys", "todo:*:{a}") == ""


def test_sentinels_that_come_later_and_go_again_are_done_without(new_stack, new_group):
    group = new_group()
    for sentinel in group.sentinels:
        sentinel.stop()
    stack = new_stack(settings={"redis": group.url}, prepared_only=True)
    stack.start("store", "workers", "nginx")
    stack.wait_answer()
    made(stack, "a")
    assert "hit" not in stack.get("/todos/a").cache
    group.sentinels[2].start()
    hit(stack, "a")
    group.sentinels[2].stop()
    time.sleep(1.5)  # a worker looks after its Redis once a second
    hit(stack, "a")
    assert stack.counters()['todo_redis_errors_total{kind="sentinel"}'] >= 3
