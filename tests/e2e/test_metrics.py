# SPDX-License-Identifier: MIT
"""Counters, health and logs: what is there, that it moves as it should, and that the public server has none of it."""

import contextlib
import os
import re
import signal
import sqlite3
import subprocess
import time

import pytest
from stack import wait_until

FAMILIES = ["todo_requests_total", "todo_request_seconds", "todo_layer_seconds", "todo_cache_reads_total",
            "todo_list_reads_total", "todo_fills_total", "todo_fences_total", "todo_store_calls_total",
            "todo_redis_errors_total", "todo_connections_total"]  # fmt: skip


def test_metrics_are_prometheus_text(stack):
    answer = stack.internal.get("/metrics")
    assert answer.headers["Content-Type"].startswith("text/plain; version=0.0.4")
    text = answer.body.decode()
    for family in FAMILIES:
        assert text.count(f"# TYPE {family} ") == 1, family
        assert text.count(f"# HELP {family} ") == 1, family
    for line in text.splitlines():
        assert re.fullmatch(r'#.*|\w+(\{(\w+="[^"]*",?)+\})? [0-9.e+-]+', line), line


def test_histograms_are_cumulative_and_end_in_their_count(stack):
    stack.get("/todos?limit=1")
    text = stack.internal.get("/metrics").body.decode()
    names = set(re.findall(r'^(\w+_seconds)_bucket\{((?:\w+="[^"]*",)*)le=', text, re.M))
    assert {name for name, _ in names} == {"todo_request_seconds", "todo_layer_seconds"}
    for name, labels in names:
        buckets = re.findall(rf'^{name}_bucket\{{{re.escape(labels)}le="([^"]+)"\}} (\d+)', text, re.M)
        counts = [int(count) for _, count in buckets]
        assert counts == sorted(counts) and buckets[-1][0] == "+Inf"
        total = re.search(rf"^{name}_count\{{{re.escape(labels.rstrip(','))}\}} (\d+)", text, re.M)
        assert int(total[1]) == counts[-1]


def test_metrics_are_as_promtool_wants_them(stack):
    checked = subprocess.run(
        ["promtool", "check", "metrics"], input=stack.internal.get("/metrics").body, capture_output=True, timeout=30
    )
    assert checked.returncode == 0 and not checked.stderr, checked


@pytest.mark.parametrize("store", ["sqlite"], scope="session", indirect=True)
def test_gauges_tell_of_each_worker_and_of_one_that_hangs_or_ends(new_stack):
    stack = new_stack(workers=2)
    pids = stack.worker_pids()

    def per_worker(name):
        found = {key: value for key, value in stack.counters().items() if key.startswith(name)}
        assert len(found) == 2, found
        return sorted(found.values())

    wait_until(lambda: stack.counters()["todo_workers"] == 2, 15, "both workers")
    for name, low, high in (
        ("todo_worker_start_time_seconds", time.time() - 60, time.time()),
        ("todo_worker_resident_bytes", 2e6, 2e9),
        ('todo_worker_descriptors{kind="open"', 8, 200),
        ('todo_worker_descriptors{kind="max"', 64, 2**31),
    ):
        values = per_worker(name)
        assert low <= values[0] and values[1] <= high, (name, values)
    # The file may not be there at the workers' first look; the next one is 10 s later.
    free = wait_until(lambda: stack.counters()['todo_store_disk_bytes{kind="free"}'], 20, "the disk of the store")
    assert free < stack.counters()['todo_store_disk_bytes{kind="size"}']
    os.kill(pids[0], signal.SIGSTOP)
    try:
        wait_until(lambda: (turned := per_worker("todo_worker_turn_time_seconds"))[1] - turned[0] >= 2, 15, "a worker behind")
    finally:
        os.kill(pids[0], signal.SIGCONT)
    stack.kill("redis")
    wait_until(lambda: stack.counters()["todo_workers_without_redis"] == 2, 15, "the loss of Redis")
    assert stack.post({"name": "n"}).status == 201
    wait_until(lambda: stack.counters()["todo_outbox_waiting_seconds"] >= 1, 15, "an age of the outbox")
    stack.start("redis")
    wait_until(lambda: stack.counters()["todo_workers_without_redis"] == 0, 15, "trust")
    wait_until(lambda: stack.counters()["todo_outbox_waiting_seconds"] == 0, 15, "an empty outbox")


@pytest.mark.parametrize("store", ["sqlite"], scope="session", indirect=True)
def test_a_lane_that_refuses_is_a_gauge(new_stack):
    """Another process keeps the write lock."""
    stack = new_stack(workers=1, settings={"store_timeout_ms": 300})
    with contextlib.closing(sqlite3.connect(stack.folder / "todos.db", isolation_level=None)) as database:
        database.execute("BEGIN EXCLUSIVE")
        wait_until(lambda: stack.post({"name": "n"}).status == 503 and refusing(stack), 60, "a breaker")
        database.execute("ROLLBACK")
    wait_until(lambda: stack.post({"name": "n"}).status == 201 and not refusing(stack), 30, "a lane that is open")


def refusing(stack):
    return stack.counters()['todo_workers_without_store{lane="write"}']


def requests(count):
    return sorted(
        (int(re.search(r'status="(\d+)"', name)[1]), value) for name, value in count.items() if "requests_total" in name
        and "metrics" not in name
    )  # fmt: skip


def test_requests_are_counted_by_route_and_status(stack, new_id):
    todo = new_id()
    with stack.counted() as count:
        stack.post({"id": todo, "name": "x"})
        stack.post({"id": todo, "name": "x"})
        stack.get(f"/todos/{todo}"), stack.get(f"/todos/{todo}")
        stack.get("/todos?limit=0")
        stack.request("DELETE", f"/todos/{todo}")
        stack.request("DELETE", "/todos")
    assert requests(count) == [(200, 2), (201, 1), (204, 1), (400, 1), (405, 1), (409, 1)]
    assert len({re.search(r'route="([^"]+)"', name)[1] for name in count if "requests_total" in name}) >= 3


def test_latency_is_counted_per_layer(stack, new_id):
    def layer(name):
        return stack.counters()[f'todo_layer_seconds_count{{layer="{name}"}}']

    todo = new_id()
    stack.post({"id": todo, "name": "x"})
    stack.get(f"/todos/{todo}")
    redis, store = layer("redis"), layer("store")
    stack.get(f"/todos/{todo}")
    assert layer("redis") > redis and layer("store") == store


def test_lost_redis_is_counted(new_stack):
    stack = new_stack()
    stack.get("/todos/a")
    with stack.counted() as count:
        stack.kill("redis")
        for _ in range(20):
            assert stack.get("/todos/a").status == 404
    assert any("todo_redis_errors_total" in name for name in count), count
    assert count.get('todo_cache_reads_total{result="bypass"}', 0) > 0


def test_health_and_readiness(stack):
    health, ready = stack.internal.get("/healthz"), stack.internal.get("/readyz")
    assert (health.status, ready.status) == (200, 200), (health, ready)
    assert ready.headers["Cache-Control"] == "no-store"


def test_public_server_has_none_of_it(stack):
    for path in ("/metrics", "/healthz", "/readyz", "//metrics", "/todos/../metrics", "/%6detrics"):
        answer = stack.get(path)
        answer.problem(404)
        assert b"todo_" not in answer.body


def test_internal_server_has_nothing_else(stack):
    for path in ("/", "/todos", "/todos/1", "/index.html"):
        stack.internal.get(path).problem(404)


def test_log_lines_are_pairs_with_level_and_event(stack):
    lines = [line for line in stack.log("workers").splitlines() if " event=" in line]
    assert lines, stack.log("workers")
    for line in lines:
        assert re.match(r"\S+Z level=(error|warn|info|debug) pid=\d+ (req=\S+ )?event=\w+( \w+=(\"[^\"]*\"|\S+))*$", line), line


def test_access_log_names_the_cache_and_the_request(stack, new_id):
    todo = new_id()
    stack.get(f"/todos/{todo}")
    line = wait_until(lambda: re.search(rf'.*"GET /todos/{todo} HTTP/1.1".*', stack.log("nginx-access")), what="a log line")
    assert re.search(r'"id":"[0-9a-f]{32}"', line[0]) and '"status":404' in line[0] and "fwd=miss" in line[0]
