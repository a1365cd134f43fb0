# SPDX-License-Identifier: MIT
"""Two machines with an L1 each on one Redis and one MongoDB: two stacks whose workers find different files in /dev/shm."""

import contextlib
import os
import signal
import threading
import time
from pathlib import Path

import pytest
from conftest import finish
from stack import Client, wait_until
from verbs import MERGE_PATCH, made, patch

LICENCE_S = 0.3


@pytest.fixture
def machines(make_stack, mongodb):
    """Two stacks; the second one's Redis is the first one's."""
    uri, files = mongodb(), set(Path("/dev/shm").glob("todo-fcgi-*"))
    name = lambda number: f"{uri}{'&' if '?' in uri else '?'}appname=machine{number}"
    first = make_stack("mongodb", store_uri=name(1), settings={"l1_mbytes": 1})
    settings = {"l1_mbytes": 1, "redis": f"unix:{first.folder}/redis.sock"}
    second = make_stack("mongodb", store_uri=name(2), settings=settings)
    try:
        first.up()
        second.up()
        wait_until(lambda: len(holders(first)) == 2, 10, "two holders")
        yield first, second
    finally:
        finish(second, failed=False)
        finish(first, failed=False)
        for path in set(Path("/dev/shm").glob("todo-fcgi-*")) - files:
            path.unlink()


def holders(stack):
    keys = stack.redis("--scan", "--pattern", "todos:*:holders").split()
    return [machine for key in keys for machine in stack.redis("hkeys", key).split()]


def is_l1_hit(answer):
    return answer.cache.get("hit") and answer.cache.get("detail") == "l1"


def warmed(stack, path):
    wait_until(lambda: is_l1_hit(stack.get(path)), 10, "a hit in the L1")


def frozen(pids):
    for pid in pids:
        os.kill(pid, signal.SIGSTOP)


def thawed(pids):
    for pid in pids:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGCONT)


def patched_s(stack, path, name):
    begun = time.monotonic()
    assert patch(stack, path, {"name": name}).status == 200
    return time.monotonic() - begun


def test_each_machine_sees_the_others_writes_at_once(machines, new_id):
    path = f"/todos/{new_id()}"
    made(machines[0], path.rpartition("/")[2])
    for turn in range(40):
        writer, reader = machines[turn % 2], machines[(turn + 1) % 2]
        warmed(reader, path)
        patched_s(writer, path, f"turn {turn}")
        assert {reader.get(path).json["name"] for _ in range(4)} == {f"turn {turn}"}
    waits = [stack.counters()['todo_l1_waits_total{result="applied"}'] for stack in machines]
    assert min(waits) >= 15, waits


def test_a_machine_that_is_alone_waits_for_nobody(machines, new_id):
    path = f"/todos/{new_id()}"
    machines[1].stop("workers")
    wait_until(lambda: len(holders(machines[0])) == 1, 10, "that the other has given its licence back")
    made(machines[0], path.rpartition("/")[2])
    with machines[0].counted() as count:
        took_s = sorted(patched_s(machines[0], path, f"turn {turn}") for turn in range(20))
    assert took_s[10] < LICENCE_S, took_s
    assert not [name for name in count if name.startswith("todo_l1_waits_total")]


def test_a_frozen_machine_costs_one_wait_and_answers_nothing_old(machines, new_id):
    path = f"/todos/{new_id()}"
    made(machines[0], path.rpartition("/")[2])
    warmed(machines[1], path)
    pids = machines[1].worker_pids()
    frozen(pids)
    try:
        with machines[0].counted() as count:
            took_s = sorted(patched_s(machines[0], path, f"turn {turn}") for turn in range(10))
    finally:
        thawed(pids)
    waits = {name: value for name, value in count.items() if name.startswith("todo_l1_waits_total")}
    assert waits == {'todo_l1_waits_total{result="over"}': 1} and took_s[5] < LICENCE_S / 2, (waits, took_s)
    machines[1].client.close()
    assert machines[1].get(path).json["name"] == "turn 9"
    warmed(machines[1], path)


@pytest.mark.parametrize("fault", ["killed", "frozen"])
def test_nothing_is_old_while_workers_of_both_machines_fail(machines, new_id, fault):
    """A write's answer binds all reads that begin after it, at both machines."""
    path, is_over, lock = f"/todos/{new_id()}", threading.Event(), threading.Lock()
    made(machines[0], path.rpartition("/")[2], name="0")
    state, stale, hits = {"answered": 0}, [], [0]

    def write():
        client, turn = Client(machines[0].port), 0
        while not is_over.is_set():
            turn += 1
            with contextlib.suppress(OSError, ValueError):
                answer = client.request("PATCH", path, f'{{"name":"{turn}"}}', {"Content-Type": MERGE_PATCH})
                if answer.status == 200:
                    state["answered"] = turn
                time.sleep(0.02)

    def read(stack):
        client = Client(stack.port)
        while not is_over.is_set():
            least = state["answered"]
            try:
                answer = client.get(path)
            except (OSError, ValueError):
                client.close()
                continue
            with lock:
                hits[0] += answer.status == 200 and bool(is_l1_hit(answer))
            if answer.status == 200 and int(answer.json["name"]) < least:
                stale.append((least, answer))

    threads = [threading.Thread(target=write)] + [threading.Thread(target=read, args=(s,)) for s in machines for _ in range(2)]
    for thread in threads:
        thread.start()
    for turn in range(8):
        time.sleep(0.7)
        pids = machines[turn % 2].worker_pids()
        if fault == "killed":
            os.kill(pids[turn // 2 % len(pids)], signal.SIGKILL)
        else:
            frozen(pids)
            time.sleep(0.5)
            thawed(pids)
    try:
        wait_until(lambda: hits[0] > 100 and state["answered"] > 20, 30, "enough to judge")
    finally:
        is_over.set()
        for thread in threads:
            thread.join(30)
    assert not stale, stale[:3]
