# SPDX-License-Identifier: MIT
"""What a watcher on the internal listener is told when workers hang, die or are gone: soon, and why."""

import os
import signal
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from stack import Client, wait_until
from supervisor import stat_fields

pytestmark = pytest.mark.parametrize("store", ["sqlite"], scope="session", indirect=True)
PATHS = ("/healthz", "/readyz", "/metrics")


def told(stack, path, cause, seconds):
    begun = time.monotonic()
    answer = Client(stack.internal_port).get(path)
    took = time.monotonic() - begun
    assert answer.status == 503 and answer.headers["Content-Type"] == "application/json", answer
    assert answer.headers["Retry-After"] == "1" and answer.headers["Cache-Control"] == "no-store", answer
    assert cause in answer.json["reason"] and answer.json["status"] == "no worker", answer
    assert took < seconds, (path, took)


def signalled(pids, number):
    for pid in pids:
        os.kill(pid, number)


def test_while_all_workers_hang_a_watcher_is_told_so(new_stack):
    stack = new_stack()
    for path in PATHS:
        assert stack.internal.get(path).status == 200
    workers = stack.worker_pids()
    signalled(workers, signal.SIGSTOP)
    try:
        with ThreadPoolExecutor() as watchers:
            list(watchers.map(lambda path: told(stack, path, "the workers hang", 15), PATHS))
    finally:
        signalled(workers, signal.SIGCONT)
    for path in PATHS:
        assert stack.internal.get(path).status == 200


def test_a_worker_that_hangs_keeps_no_watcher_waiting_while_another_one_works(new_stack):
    """Whichever it is: one of the two has a connection that nginx keeps. One that waited would get a 503."""
    stack = new_stack()
    assert [stack.get("/todos?limit=1").status for _ in range(10)] == [200] * 10
    for hanging in stack.worker_pids():
        os.kill(hanging, signal.SIGSTOP)
        wait_until(lambda: stat_fields(hanging)[0] == "T", what="a worker that hangs")
        try:
            assert [stack.internal.get(path).status for path in ("/healthz", "/metrics") * 5] == [200] * 10
        finally:
            os.kill(hanging, signal.SIGCONT)


def test_while_all_workers_are_gone_a_watcher_is_told_so_at_once(new_stack):
    stack = new_stack()
    stack.stop("workers")
    for path in PATHS:
        told(stack, path, "no process listens", 4)
    stack.start("workers")
    wait_until(lambda: stack.internal.get("/readyz").status == 200, 15, "readiness")
