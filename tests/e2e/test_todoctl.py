# SPDX-License-Identifier: MIT
"""todoctl: what it finds, fills and removes, beside workers that run."""

import contextlib
import re
import subprocess
import time

import pytest
from stack import WORKER_BUILD, wait_until


@pytest.fixture
def own_stack(new_stack):
    return new_stack(settings={"todo_ttl_s": 600})


def ctl(stack, *words, status=0):
    result = stack.ctl(*words)
    assert result.returncode == status, result.stdout + result.stderr
    return result


def audited(result):
    """{"consistent": 3, ...} and "compared"."""
    compared, *rest = re.findall(r"(\d+) ([a-z]+)", result.stdout)
    return {"compared": int(compared[0]), **{word: int(number) for number, word in rest}}


def entries(stack):
    """{id: key} of what is cached in the epoch of the newest key."""
    keys = [key for key in stack.redis("keys", "todo:*:{*}").split()]
    return {key.partition("{")[2][:-1]: key for key in keys}


def seed(stack, count):
    result = stack.load("seed", "-n", str(count))
    assert result.returncode == 0, result.stderr


def test_warm_fills_the_newest_and_audit_finds_them_right(own_stack):
    seed(own_stack, 450)
    assert "300 filled in, 0 were cached" in ctl(own_stack, "warm", "-n", "300").stdout
    newest = {todo["id"] for todo in own_stack.get("/todos?limit=200").json["todos"]}
    assert newest <= set(entries(own_stack)) and len(entries(own_stack)) == 300
    assert "150 filled in, 300 were cached" in ctl(own_stack, "warm").stdout
    assert own_stack.get(f"/todos/{min(newest)}").cache["hit"]
    assert own_stack.get("/todos/not-there").status == 404
    found = audited(ctl(own_stack, "audit", "--all"))
    assert found["compared"] == found["consistent"] == 451, "the negative entry too"


def test_audit_tells_the_history_of_what_is_wrong_and_purge_removes_it(own_stack):
    seed(own_stack, 5)
    ctl(own_stack, "warm")
    keys = entries(own_stack)
    filled_at_ms = str(int(time.time() * 1000) - 1000)
    own_stack.redis("hset", keys["2"], "v", "7", "at", filled_at_ms)
    own_stack.redis("hset", keys["3"], "name", "not what the store says")
    own_stack.redis("del", keys["4"])
    own_stack.redis("hset", keys["4"], "none", "1", "at", filled_at_ms)
    begun = time.monotonic()
    result = ctl(own_stack, "audit", "--all", status=1)
    assert time.monotonic() - begun > 2, "a second look"
    found = audited(result)
    assert (found["inconsistent"], found["consistent"]) == (3, 2)
    line = next(line for line in result.stderr.splitlines() if " id=2 " in line)
    assert "event=audit_inconsistent" in line and f"filled_at_ms={filled_at_ms}" in line
    assert " entry_v=7 " in line and " store_v=1 " in line
    assert own_stack.get("/todos/4").status == 404, "nothing was repaired"

    ctl(own_stack, "purge", "2", "3", "4", "4", "never-there")
    assert set(entries(own_stack)) == {"1", "5"}
    assert own_stack.get("/todos/4").status == 200
    assert audited(ctl(own_stack, "audit", "--all"))["inconsistent"] == 0


def test_purge_makes_pages_of_the_list_unreachable(own_stack):
    seed(own_stack, 3)
    own_stack.get("/todos")
    assert own_stack.get("/todos").cache.get("hit")
    ctl(own_stack, "purge", "1")
    assert not own_stack.get("/todos").cache.get("hit")


def test_purge_all_leaves_every_entry_behind(own_stack):
    seed(own_stack, 20)
    ctl(own_stack, "warm")
    own_stack.redis("hset", entries(own_stack)["7"], "name", "wrong")
    [epoch] = re.findall(r"the epoch is (\d{19}) now", ctl(own_stack, "purge", "--all").stdout)
    moved = re.compile(rf"event=redis_trusted .*\bepoch={epoch}\b")
    wait_until(lambda: len(moved.findall(own_stack.log("workers"))) == 2, 15, "both workers in the new epoch")
    assert all(own_stack.get("/todos/7").json["name"] != "wrong" for _ in range(10))
    assert audited(ctl(own_stack, "audit", "--all"))["inconsistent"] == 0


def test_purge_goes_without_redis(own_stack):
    """Redis refuses connections for a while, but keeps what it has: the outbox brings the purge to it."""
    seed(own_stack, 3)
    ctl(own_stack, "warm")
    own_stack.redis("hset", entries(own_stack)["2"], "name", "wrong")
    hidden = own_stack.folder / "redis.hidden"
    (own_stack.folder / "redis.sock").rename(hidden)
    ctl(own_stack, "audit", "--all", status=2)
    assert "purged" in ctl(own_stack, "purge", "2").stdout
    assert "on_cache_down = refuse" in ctl(own_stack, "-o", "on_cache_down=refuse", "purge", "2", status=2).stderr
    hidden.rename(own_stack.folder / "redis.sock")
    wait_until(lambda: own_stack.get("/todos/2").json["name"] != "wrong", 5, "the purge")


def test_audit_runs_beside_writes_and_blames_none(own_stack):
    seed(own_stack, 200)
    ctl(own_stack, "warm")
    command = [WORKER_BUILD / "todoctl", "-c", "todo.conf", "audit", "--all"]
    process = subprocess.Popen(
        command, cwd=own_stack.folder, env=own_stack.environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    number = 0
    while process.poll() is None:
        number += 1
        path = f"/todos/{number % 200 + 1}"
        own_stack.request("PATCH", path, f'{{"name": "n{number}"}}', {"Content-Type": "application/merge-patch+json"})
        own_stack.get(path)
    out, err = process.communicate()
    assert process.returncode == 0, out + err
    assert number > 0


def test_stats_can_be_the_metrics(own_stack):
    own_stack.get("/todos/not-there")
    own_stack.internal.get("/metrics")
    names = {line.split("{")[0].split(" ")[0] for line in ctl(own_stack, "stats", "--metrics").stdout.splitlines() if line[0] != "#"}
    page = own_stack.internal.get("/metrics").body.decode()
    assert names == {line.split("{")[0].split(" ")[0] for line in page.splitlines() if line[0] != "#"}
    own_stack.stop("workers", "redis")
    assert 'todo_cache_reads_total{result="miss"} 1' in ctl(own_stack, "stats", "--metrics").stdout


@pytest.mark.parametrize(
    "words",
    [
        [],
        ["flush"],
        ["audit"],
        ["purge"],
        ["purge", "--all", "1"],
        ["purge", "a/b"],
        ["warm", "1"],
        ["warm", "-n", "0"],
        ["warm", "--all"],
        ["stats", "-n", "3"],
        ["stats", "--rate", "3"],
        ["stats", "--watch", "--metrics"],
        ["warm", "--watch"],
        ["why"],
        ["why", "1", "2"],
        ["why", "a/b"],
        ["queue", "flush"],
        ["queue", "--all"],
        ["queue", "--json"],
        ["queue", "dead", "--watch"],
        ["queue", "retry"],
        ["queue", "drop", "3-1"],
        ["queue", "drop", "3-1795600000000-12", "--all"],
        ["queue", "--metrics"],
        ["queue"],
        ["--what", "stats"],
        ["-o", "nothing=1", "stats"],
        ["-o", "stats_file=", "stats"],
        ["-o", "stats_file=todo.conf", "stats"],
        ["-o", "stats_file=not-there", "stats"],
        ["-o", "store=nosuch:", "audit", "--all"],
    ],
)
def test_what_makes_no_sense_is_refused(stack, words):
    result = ctl(stack, *words, status=2)
    assert result.stdout == "" and re.match(r"(.*/)?todoctl: ", result.stderr)


def test_help_and_version(stack):
    assert ctl(stack, "--help").stdout.startswith("Usage: todoctl")
    assert re.match(r"todoctl \d+\.\d+\.\d+$", ctl(stack, "--version").stdout)
