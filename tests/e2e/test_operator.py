# SPDX-License-Identifier: MIT
"""What an operator meets first: settings that can't work, and programs that must say so."""

import os
import signal
import subprocess
import time

import pytest
from stack import WORKER_BUILD, wait_until

PROGRAMS = {
    "todo-fcgi": ["todo-fcgi", "-s", "worker.sock"],
    "todo-load": ["todo-load", "seed", "-n", "1"],
    "todoctl": ["todoctl", "purge", "1"],
}


def run(folder, program, *options, **environment):
    """Runs a program in a folder of its own, with a store there and no Redis, and without a terminal."""
    command = [WORKER_BUILD / program[0], *program[1:], "-o", "store=sqlite:todos.db", "-o", "redis=unix:none.sock", *options]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=30, env=environment)


@pytest.mark.parametrize("program", PROGRAMS)
@pytest.mark.parametrize(
    "settings, told",
    [
        (["store_timeout_ms=5000"], "write_deadline_ms (10000) must exceed twice store_timeout_ms (5000)"),
        (["purge_url=http://127.0.0.1:1/"], "purge_url needs surrogate_keys = on"),
        (["lease_ms=200"], "lease_ms (200) must exceed lease_wait_ms (200)"),
    ],
    ids=["deadline", "purges", "lease"],
)
def test_settings_that_do_not_fit_together_start_no_program(tmp_path, program, settings, told):
    options = [word for setting in settings for word in ("-o", setting)]
    ended = run(tmp_path, PROGRAMS[program], *options)
    assert ended.returncode != 0 and told in ended.stderr, ended
    assert not (tmp_path / "todos.db").exists()


def signal_workers(stack, number):
    for pid in stack.worker_pids():
        os.kill(pid, number)


@pytest.mark.parametrize("store", ["sqlite"], scope="session", indirect=True)
def test_a_hangup_reopens_the_log_and_ends_no_worker(new_stack):
    stack = new_stack(settings={"log_file": "logs/todo.log"})
    workers, log = stack.worker_pids(), stack.folder / "logs/todo.log"
    assert log.read_text().count("event=started") == len(workers)
    for number in (signal.SIGHUP, signal.SIGUSR2):
        log.rename(log.with_suffix(".1"))
        signal_workers(stack, number)
        wait_until(lambda: log.exists() and log.read_text().count("event=log_reopened") == len(workers), 5, "a new log")
    log.rename(log.with_suffix(".1"))
    log.mkdir()
    signal_workers(stack, signal.SIGHUP)
    wait_until(lambda: log.with_suffix(".1").read_text().count("event=log_not_reopened") == len(workers), 5, "the reason")
    assert stack.worker_pids() == workers and stack.get("/todos?limit=1").status == 200


@pytest.mark.parametrize("store", ["sqlite"], scope="session", indirect=True)
def test_without_a_log_file_a_hangup_does_nothing(new_stack):
    stack = new_stack()
    workers = stack.worker_pids()
    signal_workers(stack, signal.SIGHUP)
    signal_workers(stack, signal.SIGUSR2)
    time.sleep(0.5)
    assert stack.worker_pids() == workers and stack.get("/todos?limit=1").status == 200


@pytest.mark.parametrize("store", ["sqlite"], scope="session", indirect=True)
def test_failed_requests_have_one_log_line_per_cause_and_second(new_stack):
    stack = new_stack(workers=1, settings={"on_cache_down": "refuse"})
    stack.stop("redis")
    wait_until(lambda: stack.post({"name": "n"}).status == 503, 5, "a refusal")
    before = stack.log("workers").count("event=unavailable")
    refused, begun = 0, time.monotonic()
    while time.monotonic() < begun + 3:
        stack.post({"name": "n"}).problem(503)
        refused += 1
    wait_until(lambda: told(stack.log("workers")) >= refused, 3, "the count")
    lines = stack.log("workers").count("event=unavailable") - before
    assert refused > 100 and lines <= 8, (refused, lines)
    stack.start("redis")


def told(log):
    """How many events the lines tell of."""
    lines = [line for line in log.splitlines() if "event=unavailable" in line]
    return sum(int(line.rpartition(" repeats=")[2]) if " repeats=" in line else 1 for line in lines)
