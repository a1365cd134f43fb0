# SPDX-License-Identifier: MIT
"""Another process holds the write lock of the SQLite file: reads go on, writes end in time and say who holds it."""

import os
import re
import time

import pytest
from load import load
from stack import wait_until
from store_file import write_lock

pytestmark = pytest.mark.parametrize("store", ["sqlite"], scope="session", indirect=True)

HELD_S = 5
TIMEOUT_MS = 500


def filled(stack, tmp_path, count):
    lines = [f'{{"id":"row-{i}","name":"n"}}' for i in range(count)]
    (tmp_path / "rows.jsonl").write_text("\n".join(lines))
    assert stack.load("import", str(tmp_path / "rows.jsonl")).returncode == 0


def test_a_write_lock_held_elsewhere_stops_no_reads(new_stack, tmp_path):
    """Misses, lists and writes at once; more writers than store_concurrency, which would once have taken all threads."""
    stack = new_stack(settings={"store_timeout_ms": TIMEOUT_MS, "store_concurrency": 2})
    filled(stack, tmp_path, 3000)
    statuses = {"get": [], "list": [], "write": []}
    took_s = {kind: [] for kind in statuses}

    def ask(client, number, turn):
        begun = time.monotonic()
        if number == 0:
            kind, answer = "get", client.get(f"/todos/row-{turn}")  # each once: a miss
        elif number == 1:
            kind, answer = "list", client.get(f"/todos?limit={1 + turn % 200}&order={'asc' if turn // 200 % 2 else 'desc'}")
        else:
            kind, answer = "write", client.post({"name": "n"})
        statuses[kind].append(answer.status)
        took_s[kind].append(time.monotonic() - begun)
        if number < 2:
            time.sleep(0.005)

    with write_lock(stack), load(stack, ask, threads=10):
        time.sleep(HELD_S)
    assert set(statuses["get"]) == {200} and len(statuses["get"]) > 100, statuses["get"][-5:]
    assert set(statuses["list"]) == {200} and len(statuses["list"]) > 100, statuses["list"][-5:]
    assert 503 in statuses["write"] and set(statuses["write"]) <= {201, 503}, set(statuses["write"])
    # A write waits for its turn, and then for the lock.
    slowest, median = ({kind: sorted(each)[at * (len(each) - 1) // 2] for kind, each in took_s.items()} for at in (2, 1))
    assert slowest["write"] < HELD_S, slowest
    # Reads that waited for threads which wait for the lock would take a TIMEOUT_MS, and more.
    assert median["get"] < TIMEOUT_MS / 2000 and median["list"] < TIMEOUT_MS / 2000, median
    named = re.findall(rf"event=sqlite_locked holder_pid={os.getpid()} ", stack.log("workers"))
    assert 1 <= len(named) <= 2, "once per worker"
    assert f"process {os.getpid()} (" in stack.log("workers")
    wait_until(lambda: stack.post({"name": "n"}).status == 201, 10, "a write")


def test_a_worker_that_starts_under_a_held_lock_can_read(new_stack, tmp_path):
    stack = new_stack(settings={"store_timeout_ms": TIMEOUT_MS})
    filled(stack, tmp_path, 50)
    stack.stop("workers")
    with write_lock(stack):
        stack.start("workers")
        wait_until(lambda: stack.get("/todos/row-0").status == 200, 10, "the first read")
        assert {stack.get(f"/todos/row-{i}").status for i in range(50)} == {200}
        assert stack.internal.get("/readyz").status == 200
        assert stack.post({"name": "n"}).problem(503)


def test_a_lane_that_is_refused_is_told_by_readyz_and_the_counters(new_stack):
    stack = new_stack(workers=1, settings={"store_timeout_ms": 100})
    before = stack.counters()

    def writes_are_refused():
        stack.post({"name": "n"}).problem(503)
        return stack.internal.get("/readyz").json["store"].get("refused") == ["write"]

    with write_lock(stack):
        wait_until(writes_are_refused, 10, "readyz names the lane")
        assert stack.internal.get("/readyz").status == 200
    wait_until(lambda: stack.post({"name": "n"}).status == 201, 10, "a write")
    assert "refused" not in stack.internal.get("/readyz").json["store"]
    assert stack.counters().since(before)['todo_store_away_total{lane="write"}'] > 0
