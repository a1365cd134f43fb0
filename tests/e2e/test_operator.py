# SPDX-License-Identifier: MIT
"""What an operator meets first: settings that can't work, and programs that must say so."""

import contextlib
import os
import resource
import signal
import sqlite3
import subprocess
import time

import pytest
from load import load
from stack import WORKER_BUILD, running, wait_until

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
    while time.monotonic() < begun + 3 or refused <= 100:
        stack.post({"name": "n"}).problem(503)
        refused += 1
    lines_max = time.monotonic() - begun + 5
    wait_until(lambda: told(stack.log("workers")) >= refused, 10, "the count")
    lines = stack.log("workers").count("event=unavailable") - before
    assert lines <= lines_max, (refused, lines)
    stack.start("redis")


def told(log):
    """How many events the lines tell of."""
    lines = [line for line in log.splitlines() if "event=unavailable" in line]
    return sum(int(line.rpartition(" repeats=")[2]) if " repeats=" in line else 1 for line in lines)


@pytest.mark.parametrize("store", ["sqlite"], scope="session", indirect=True)
def test_a_row_that_is_no_todo_is_named_with_its_field_and_all_else_goes_on(new_stack):
    stack = new_stack(workers=1)
    for todo in ("good", "spoilt", "last"):
        assert stack.post({"id": todo, "name": "n"}).status == 201
    with contextlib.closing(sqlite3.connect(stack.folder / "todos.db", isolation_level=None)) as database:
        database.execute("PRAGMA ignore_check_constraints = ON")
        database.execute("UPDATE todos SET name = '' WHERE id = 'spoilt'")
    stack.ctl("purge", "--all")
    for _ in range(20):  # more than open a breaker
        problem = stack.get("/todos/spoilt").problem(500)
        assert problem["type"] == "/problems/unreadable"
        assert "spoilt" in problem["detail"] and "name" in problem["detail"], problem
    assert stack.get("/todos/good").status == 200
    assert [todo["id"] for todo in stack.get("/todos").json["todos"]] == ["last", "good"]


@pytest.mark.parametrize("store", ["sqlite"], scope="session", indirect=True)
def test_a_store_that_is_away_at_the_start_is_blamed_itself(new_stack):
    """Not Redis, which is there; and the cause is told though a breaker refuses the calls."""
    stack = new_stack(workers=1)
    stack.stop("workers")
    (stack.folder / "todos.db").rename(stack.folder / "todos.away")
    (stack.folder / "todos.db").mkdir()
    for name in ("todos.db-wal", "todos.db-shm"):
        (stack.folder / name).unlink(missing_ok=True)
    stack.start("workers")

    def blamed():
        ready = stack.internal.get("/readyz")
        store_told = "unable to open database file" in ready.json["reason"]
        return ready.status == 503 and store_told and ready.json["redis"]["status"] == "waits for the store" and ready

    for _ in range(3):
        ready = wait_until(blamed, 10, "the store's name")
        time.sleep(0.3)
        assert "todos.db" in ready.json["redis"]["reason"]
    assert "operator" in stack.get("/todos/1").problem(503)["detail"]
    (stack.folder / "todos.db").rmdir()
    (stack.folder / "todos.away").rename(stack.folder / "todos.db")
    wait_until(lambda: stack.internal.get("/readyz").status == 200, 15, "readiness")


@pytest.mark.parametrize("store", ["sqlite"], scope="session", indirect=True)
def test_a_pool_that_can_not_start_fails_loudly_and_at_once(new_stack):
    stack = new_stack()
    assert stack.post({"id": "1", "name": "n"}).status == 201
    settings = stack.folder / "todo.conf"
    good = settings.read_text()
    settings.write_text(good + "store_timeout_ms = 5000\n")
    pids = stack.worker_pids()
    for pid in pids:
        os.kill(pid, signal.SIGTERM)
    wait_until(lambda: "must exceed twice store_timeout_ms" in stack.log("workers"), 10, "the reason")
    wait_until(lambda: not any(running(pid) for pid in pids), 10, "the end of those that could start")
    for _ in range(3):
        begun = time.monotonic()
        answers = stack.get("/todos/1"), stack.post({"name": "n"})
        assert [answer.status for answer in answers] == [502, 502]
        assert time.monotonic() - begun < 5
    settings.write_text(good)
    wait_until(lambda: stack.get("/todos/1").status == 200, 10, "an answer")


@pytest.mark.parametrize("store", ["sqlite"], scope="session", indirect=True)
def test_a_worker_that_can_not_start_takes_no_request_from_those_that_can(new_stack):
    """As in a rolling restart with a bad setting: the workers that still run answer everything."""
    stack = new_stack(workers=2)
    assert stack.post({"id": "1", "name": "n"}).status == 201
    settings = stack.folder / "todo.conf"
    settings.write_text(settings.read_text() + "store_timeout_ms = 5000\n")
    os.kill(stack.worker_pids()[0], signal.SIGTERM)
    wait_until(lambda: "must exceed twice store_timeout_ms" in stack.log("workers"), 10, "the reason")
    deadline = time.monotonic() + 3
    while time.monotonic() < deadline:
        assert stack.get("/todos/1").status == 200
        assert stack.post({"name": "n"}).status == 201


@pytest.mark.parametrize("store", ["sqlite"], scope="session", indirect=True)
def test_with_64_descriptors_no_write_waits_for_idle_connections(new_stack):
    stack = new_stack(workers=1, settings={"store_concurrency": 1})
    supervisor, (worker,) = stack.pid("workers"), stack.worker_pids()
    for pid in (supervisor, worker):
        resource.prlimit(pid, resource.RLIMIT_NOFILE, (64, 64))
    os.kill(worker, signal.SIGTERM)
    wait_until(lambda: "event=descriptors_short" in stack.log("workers"), 10, "a worker with few descriptors")
    slowest = []

    def ask(client, number, turn):
        begun = time.monotonic()
        answer = client.post({"name": "n"}) if number < 2 else client.get("/todos?limit=1")
        slowest.append(time.monotonic() - begun)
        return None if answer.status == (201 if number < 2 else 200) else repr(answer)

    with load(stack, ask, threads=40) as running_load:  # nginx keeps more connections than there are descriptors
        running_load.wait(600)
    assert running_load.failures == []
    assert max(slowest) < 15, f"{max(slowest)} s; nginx keeps idle connections for a minute"


# --- --check ---


def check(folder, *options):
    words = [word for option in options for word in ("-o", option)]
    environment = {"ASAN_OPTIONS": "exitcode=99"}
    command = [WORKER_BUILD / "todo-fcgi", "--check", *words]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=30, env=environment)


@pytest.mark.parametrize("store", ["sqlite", "mongodb"], scope="session", indirect=True)
def test_check_finds_nothing_wrong_in_a_stack_that_works_and_changes_nothing(stack, new_id):
    todo = new_id()
    stack.post({"id": todo, "name": "n"})
    assert stack.get(f"/todos/{todo}").status == 200
    keys = sorted(stack.redis("keys", "*").splitlines())
    command = [WORKER_BUILD / "todo-fcgi", "-c", "todo.conf", "--check"]
    ended = subprocess.run(command, cwd=stack.folder, env=stack.environment, capture_output=True, text=True, timeout=30)
    assert (ended.returncode, ended.stderr) == (0, ""), ended
    assert sorted(stack.redis("keys", "*").splitlines()) == keys
    assert stack.get(f"/todos/{todo}").cache.get("hit"), "the epoch is the same"


def test_check_says_each_thing_that_is_wrong_in_one_line(tmp_path):
    ended = check(
        tmp_path,
        "store=sqlite:/nowhere/todos.db",
        "redis=unix:none.sock",
        "redis_password_file=none",
        "write_token_file=token",
        "stats_file=/nowhere/stats",
    )
    assert ended.returncode == 2
    for told in ("/nowhere/todos.db", "redis: ", "redis_password_file = none", "write_token_file = token", "stats_file = /nowhere"):
        assert told in ended.stderr, (told, ended.stderr)
    assert len(ended.stderr.splitlines()) == 5, ended.stderr
    both = check(tmp_path, "store=todos.db", "redis=none")
    assert both.returncode == 2 and len(both.stderr.splitlines()) == 2, both


def test_check_tells_what_is_away_from_what_is_wrong(tmp_path):
    """A start goes on without Redis; it must not without a right."""
    away = check(tmp_path, "store=sqlite:todos.db", "redis=unix:none.sock")
    assert away.returncode == 1 and "redis: No such file or directory" in away.stderr, away
    wrong = check(tmp_path, "store=sqlite:todos.db", "redis=unix:none.sock", "store_timeout_ms=9000")
    assert wrong.returncode == 2 and "must exceed twice store_timeout_ms" in wrong.stderr, wrong


@pytest.mark.parametrize("store", ["sqlite"], scope="session", indirect=True)
def test_check_finds_a_right_that_redis_does_not_give(new_stack):
    stack = new_stack()
    stack.redis("acl", "setuser", "narrow", "on", ">secret", "~todo:*", "+@all")
    (stack.folder / "password").write_text("secret\n")
    options = ["store=sqlite:other.db", "redis=unix:redis.sock", "redis_user=narrow", "redis_password_file=password"]
    narrow = check(stack.folder, *options)
    assert narrow.returncode == 1 and "redis: NOPERM" in narrow.stderr, narrow
    (stack.folder / "password").write_text("guess\n")
    assert "redis: WRONGPASS" in check(stack.folder, *options).stderr
