# SPDX-License-Identifier: MIT
"""What operators see of the cache: hit rates and entries as JSON and as a table, and the warming of what was read most."""

import contextlib
import os
import pty
import re
import subprocess
import time

import pytest
from stack import WORKER_BUILD, wait_until
from verbs import made, send

KINDS = ["todos", "negative", "pages", "kept_answers", "limits"]


@pytest.fixture(scope="session", params=["sqlite"])
def store(request):
    """On one store, for nothing of this depends on it."""
    return request.param


@pytest.fixture
def own_stack(new_stack):
    """A client's limit is in Redis for as many seconds as it has asked; nothing else expires in a test."""
    return new_stack(settings={"todo_ttl_s": 600, "audit_rate": 0, "rate_limit_per_minute": 60, "rate_limit_burst": 10000})


def health(stack):
    answer = stack.internal.get("/healthz/cache")
    assert answer.status == 200 and answer.headers["Content-Type"] == "application/json", answer
    return answer.json


def health_now(stack):
    """When what Redis holds has been counted since the call."""
    called_ms = time.time() * 1000
    return wait_until(lambda: (now := health(stack)) and (now["redis"]["counted_at_ms"] or 0) > called_ms and now, 60, "a census")


def begun(stack):
    """The first answer with a snapshot to count from."""
    return wait_until(lambda: (now := health(stack)) and now["todos"]["minutes"]["1"]["seconds"] > 0 and now, 30, "a snapshot")


def use(stack):
    """
    Known numbers of hits and misses of each kind. The page is the one that the stack's start has asked for: it may have
    been filled then, and a page stays in Redis until it is filled again or expires.
    """
    for number in range(6):
        made(stack, f"t{number}")
    for _ in range(4):
        for number in range(6):
            assert stack.get(f"/todos/t{number}").status == 200
    for _ in range(3):
        assert stack.get("/todos/not-there").status == 404
    for _ in range(5):
        assert stack.get("/todos?limit=1").status == 200
    for _ in range(2):
        body = {"id": "kept", "name": "x"}
        assert send(stack, "POST", "/todos", body, Content_Type="application/json", Idempotency_Key="one").status == 201


def assert_table_says(stack, now):
    """todoctl stats, while nobody asks."""
    table = stack.ctl("stats").stdout
    assert max(map(len, table.splitlines())) <= 80
    for kind in KINDS:
        last = now[kind]["minutes"]["60"]
        rates = [window["hit_rate"] for window in now[kind]["minutes"].values()]
        wanted = [f"{100 * rate:.1f} %" if rate is not None else "-" for rate in rates]
        line = re.search(rf"^{kind} +(.*?)  +(.*?)  +(.*?)  +(\d+) +(\d+) +(\d+)$", table, re.M)
        assert list(line.groups()) == [*wanted, str(last["hits"]), str(last["misses"]), str(last["refused_fills"])]
    assert re.search(r"^todos +6 +\d+ ", table, re.M) and re.search(r"^Counted \d+ s ago, from \d+ of \d+ keys\.$", table, re.M)


def test_health_and_table_say_what_clients_did(own_stack):
    stack = own_stack
    before = begun(stack)
    use(stack)
    now = health_now(stack)
    assert list(now) == [*KINDS, "redis"]

    def grown(kind, what):
        return now[kind]["minutes"]["60"][what] - before[kind]["minutes"]["60"][what]

    assert [(grown(kind, "hits"), grown(kind, "misses")) for kind in KINDS[:4]] == [(18, 6), (2, 1), (4, 1), (1, 1)]
    assert grown("limits", "hits") >= 40 and grown("limits", "misses") == 0
    for kind in KINDS:
        for minutes, window in now[kind]["minutes"].items():
            every = window["hits"] + window["misses"]
            assert window["hit_rate"] == (round(window["hits"] / every, 4) if every else None), kind
            assert 0 < window["seconds"] <= int(minutes) * 60 + 20
    held = {kind: now[kind].get("entries") for kind in KINDS}
    assert held == {"todos": 6, "negative": 1, "pages": 1, "kept_answers": None, "limits": 1}
    assert 6 * 50 < now["todos"]["bytes"] < 6 * 1000 and 300 < now["todos"]["mean_ttl_s"] <= 600
    assert now["redis"]["keys"] == now["redis"]["examined"] == int(stack.redis("dbsize"))
    assert_table_says(stack, now)


def test_hits_of_the_l1_are_hits(new_stack):
    stack = new_stack(settings={"l1_mbytes": 1})
    before = begun(stack)
    made(stack, "a")
    wait_until(lambda: "detail=l1" in stack.get("/todos/a").headers["Cache-Status"], 20, "a hit of the L1")
    with stack.counted() as count:
        for _ in range(20):
            assert "; hit" in stack.get("/todos/a").headers["Cache-Status"]
    assert count['todo_l1_reads_total{result="hit"}'] > 0
    grown = health(stack)["todos"]["minutes"]["60"]["hits"] - before["todos"]["minutes"]["60"]["hits"]
    assert grown >= 20


def tool(stack, *words, **options):
    return subprocess.Popen(
        [WORKER_BUILD / "todoctl", "-c", "todo.conf", *words], cwd=stack.folder, env=stack.environment, text=True, **options
    )


def test_stats_watch_goes_on_until_its_reader_is_gone(own_stack):
    process = tool(own_stack, "stats", "--watch", stdout=subprocess.PIPE)
    heads = 0
    while heads < 2:
        line = process.stdout.readline()
        assert line, "it ended"
        heads += "hit rate of" in line
    process.stdout.close()
    assert process.wait(30) != 0


def test_warm_begins_with_what_was_read_most(own_stack):
    stack = own_stack
    assert stack.load("seed", "-n", "40").returncode == 0
    oldest = stack.get("/todos?order=asc&limit=1").json["todos"][0]["id"]
    for _ in range(300):
        assert stack.get(f"/todos/{oldest}").status == 200
    stack.redis("flushall")
    wait_until(lambda: not stack.get(f"/todos/{oldest}").cache.get("hit"), 10)
    stack.redis("flushall")
    result = stack.ctl("warm", "-n", "5")
    assert result.returncode == 0 and result.stdout.startswith("5 todos read: "), result
    filled = {key.partition("{")[2][:-1] for key in stack.redis("keys", "todo:*:{*}").split()}
    newest = {todo["id"] for todo in stack.get("/todos?limit=4").json["todos"]}
    assert filled == newest | {oldest}


def test_warm_keeps_to_its_rate_and_shows_how_far_it_is(own_stack):
    assert own_stack.load("seed", "-n", "40").returncode == 0
    outer, inner = pty.openpty()
    process = tool(own_stack, "warm", "-n", "40", "--rate", "20", stdout=subprocess.PIPE, stderr=inner)
    os.close(inner)
    shown = b""
    with contextlib.suppress(OSError):  # how Linux tells that the other end is closed
        while part := os.read(outer, 4096):
            shown += part
    os.close(outer)
    out = process.communicate(timeout=60)[0]
    assert process.returncode == 0 and out.startswith("40 todos read: "), out
    bars = re.findall(r"\r\[(#*)(-*)\] +(\d+) %  (\d+) of 40(?:, (\d+) a second)?\x1b\[K", shown.decode())
    done = [int(bar[3]) for bar in bars]
    assert done == sorted(done) and done[-1] == 40 and len(done) > 5
    assert all(len(full + rest) == 20 and len(full) == int(now) // 2 for (full, rest, *_), now in zip(bars, done))
    assert 0 < int(bars[-1][4]) <= 22, "20 a second, and the first at once"
