# SPDX-License-Identifier: MIT
"""Life and death of the parts: killed workers, restarted ones, a Redis or a store that is away, at start or later."""

import os
import re
import signal
import time

import pytest
from load import load
from stack import running, wait_until

HIT = 'todo_cache_reads_total{result="hit"}'


def reader(ids):
    def ask(client, number, turn):
        answer = client.get(f"/todos/{ids[(number * 7 + turn) % len(ids)]}")
        return None if answer.status == 200 else repr(answer)

    return ask


def writer(prefix):
    def ask(client, number, turn):
        answer = client.post({"id": f"{prefix}-{number}-{turn}", "name": "x"})
        return None if answer.status == 201 else repr(answer)

    return ask


def filled(stack, count=50):
    ids = [f"f{i}" for i in range(count)]
    for todo in ids:
        assert stack.post({"id": todo, "name": f"name of {todo}"}).status == 201
    return ids


def test_killed_workers_come_back_and_no_read_fails(new_stack):
    stack = new_stack(workers=3)
    ids = filled(stack)
    with load(stack, reader(ids), threads=12) as running_load:
        for pid in stack.worker_pids() + [None] * 5:
            pid = pid or stack.worker_pids()[0]
            running_load.wait(100)
            os.kill(pid, signal.SIGKILL)
            wait_until(lambda: pid not in stack.worker_pids() and len(stack.worker_pids()) == 3, what="a new worker")
        running_load.wait(100)
    assert running_load.failures == []


def test_worker_told_to_stop_under_load_fails_no_request(new_stack):
    """Reads and writes: a worker answers what it has begun, and whoever comes later meets another."""
    stack = new_stack(workers=3)
    ids = filled(stack)
    with load(stack, reader(ids), threads=3) as reads, load(stack, writer("w"), threads=2) as writes:
        for pid in stack.worker_pids():
            reads.wait(50), writes.wait(20)
            os.kill(pid, signal.SIGTERM)
            wait_until(lambda: not running(pid), 6, "the end of a worker that was told to stop")
        reads.wait(100), writes.wait(40)
    assert reads.failures == [] and writes.failures == []


def test_worker_told_to_stop_is_gone_within_five_seconds(new_stack):
    stack = new_stack()
    stack.get("/todos?limit=1")
    pids, begun = stack.worker_pids(), time.monotonic()
    stack.stop("workers")
    assert time.monotonic() - begun < 5
    assert not any(running(pid) for pid in pids)


def test_workers_that_are_stopped_by_their_supervisor_drain(new_stack):
    """As systemd stops the service: one signal to multiwatch, which passes one on, if not the same (test_fastcgi.py has them all)."""
    stack = new_stack()
    pids = stack.worker_pids()
    stack.stop("workers")
    for pid in pids:
        for event in "draining", "stopped":
            assert f" pid={pid} event={event} " in stack.log("workers"), (pid, event)


def test_counts_outlive_the_worker_that_counted(new_stack):
    stack = new_stack(workers=2)
    ids = filled(stack, 5)
    for todo in ids * 4:
        stack.get(f"/todos/{todo}")
    before = stack.counters()
    old = stack.worker_pids()
    for pid in old:
        os.kill(pid, signal.SIGKILL)
    wait_until(lambda: len(set(stack.worker_pids()) - set(old)) == 2, what="two new workers")
    stack.wait_answer()
    stack.internal.close()
    after = stack.counters()
    assert before[HIT] > 0
    gauges = {line.split()[2] for line in stack.internal.get("/metrics").body.decode().splitlines() if re.match("# TYPE .* gauge$", line)}
    for name, value in before.items():
        assert after[name] >= value or name.partition("{")[0] in gauges, name


def test_redis_that_is_not_there_at_start_is_done_without_and_used_later(new_stack):
    stack = new_stack(prepared_only=True)
    stack.start("store", "workers", "nginx")
    stack.wait_answer()
    assert stack.post({"id": "a", "name": "x"}).status == 201
    answer = stack.get("/todos/a")
    assert (answer.status, "hit" in answer.cache) == (200, False)
    stack.start("redis")
    wait_until(lambda: stack.get("/todos/a").cache.get("hit"), 15, "a hit")


def test_redis_killed_and_restarted_reads_go_on_and_hit_again(new_stack):
    stack = new_stack()
    ids = filled(stack)
    with load(stack, reader(ids)) as reads:
        reads.wait(200)
        stack.kill("redis")
        reads.wait(200)
        assert stack.post({"id": "meanwhile", "name": "x"}).status == 201
        assert stack.get("/todos/meanwhile").status == 200
        stack.start("redis")
        wait_until(lambda: stack.get(f"/todos/{ids[0]}").cache.get("hit"), 15, "a hit")
        reads.wait(200)
    assert reads.failures == []


def test_redis_that_hangs_is_done_without(new_stack):
    stack = new_stack(settings={"redis_timeout_ms": 100})
    ids = filled(stack)
    with load(stack, reader(ids)) as reads:
        reads.wait(100)
        stack.kill("redis", signal.SIGSTOP)
        reads.wait(400)
        stack.kill("redis", signal.SIGCONT)
        wait_until(lambda: stack.get(f"/todos/{ids[0]}").cache.get("hit"), 15, "a hit")
    assert reads.failures == []


def test_write_that_redis_missed_is_not_stale_when_it_is_back(new_stack):
    stack = new_stack(settings={"redis_timeout_ms": 100})
    stack.get("/todos/late").problem(404)
    assert "hit" in stack.get("/todos/late").cache
    stack.kill("redis", signal.SIGSTOP)
    assert stack.post({"id": "late", "name": "x"}).status == 201
    assert stack.get("/todos/late").status == 200
    stack.kill("redis", signal.SIGCONT)
    deadline = time.monotonic() + 5
    while time.monotonic() < deadline:
        assert stack.get("/todos/late").status == 200
        time.sleep(0.01)
    wait_until(lambda: stack.get("/todos/late").cache.get("hit"), 15, "a hit")


def test_write_is_refused_without_redis_if_so_set(new_stack):
    stack = new_stack(settings={"on_cache_down": "refuse"})
    stack.kill("redis")
    wait_until(lambda: stack.post({"id": "no", "name": "x"}).status == 503, what="a refusal")
    assert stack.post({"id": "no", "name": "x"}).headers["Retry-After"]
    assert stack.get("/todos/no").status == 404


def test_store_that_is_not_there_at_start_is_waited_for(store_away, new_stack):
    stack = new_stack(prepared_only=True, store_uri=store_away.uri)
    stack.start("redis", "workers", "nginx")
    answer = wait_until(lambda: stack.get("/todos/a"), what="an answer at all")
    answer.problem(503)
    assert answer.headers["Retry-After"]
    ready = stack.internal.get("/readyz")
    assert ready.status == 503 and b"store" in ready.body
    assert stack.internal.get("/healthz").status == 200
    store_away.come()
    wait_until(lambda: stack.get("/todos/a").status == 404, 20, "the store")
    wait_until(lambda: stack.internal.get("/readyz").status == 200, 10, "readiness")
    assert stack.post({"id": "a", "name": "x"}).status == 201


@pytest.mark.parametrize("store", ["mongodb"], scope="session", indirect=True)
def test_hits_are_answered_while_the_store_is_away(mongodb_proxy, new_stack):
    proxy = mongodb_proxy()
    stack = new_stack(store_uri=proxy.uri, settings={"store_timeout_ms": 500})
    ids = filled(stack, 5)
    for todo in ids:
        stack.get(f"/todos/{todo}")
    proxy.cut()
    for todo in ids:
        answer = stack.get(f"/todos/{todo}")
        assert answer.status == 200 and answer.cache["hit"] is True
    stack.get("/todos/unknown").problem(503)
    stack.post({"id": "new", "name": "x"}).problem(503)
    wait_until(lambda: stack.internal.get("/readyz").status == 503, 10, "the news")
    proxy.open()
    wait_until(lambda: stack.get("/todos/unknown").status == 404, 20, "the store")
    wait_until(lambda: stack.post({"id": "new", "name": "x"}).status in (201, 409), 20, "a write")


def test_restarted_workers_find_the_cache_warm(new_stack):
    stack = new_stack()
    ids = filled(stack, 3)
    for todo in ids:
        stack.get(f"/todos/{todo}")
    stack.stop("workers")
    stack.start("workers")
    stack.wait_answer()
    with stack.counted() as count:
        wait_until(lambda: all(stack.get(f"/todos/{todo}").cache.get("hit") for todo in ids), 5, "hits")
    assert 'todo_fills_total{result="stored"}' not in count, "what was cached before was found again"
