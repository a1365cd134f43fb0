# SPDX-License-Identifier: MIT
"""A worker that has a write queue: a journal that is not durable ends its start, one that is away does not."""

import contextlib
import os
import signal
import sqlite3
import subprocess

import pytest
from journal import FILE, REDIS, QueueRedis, figures
from stack import WORKER_BUILD, wait_until
from store_file import write_lock
from supervisor import children
from verbs import put


@pytest.fixture(scope="session")
def store():
    return "sqlite"


@pytest.fixture
def queue(new_stack):
    """A stack that has not begun, and its journal."""
    stack = new_stack(prepared_only=True, settings={"write_queue": REDIS})
    journal = QueueRedis(stack.folder).start()
    yield stack, journal
    journal.stop()


def worker(stack, *options):
    command = [WORKER_BUILD / "todo-fcgi", "-c", "todo.conf", *options]
    return subprocess.run(command, cwd=stack.folder, env=stack.environment, capture_output=True, text=True, timeout=30)


def is_ready(stack):
    return stack.internal.get("/readyz").json["queue"] == {"status": "ready"}


def held(journal):
    return len(journal.ask("keys", "*:applier").split())


def test_a_journal_that_is_not_durable_ends_the_start_and_the_check(queue):
    stack, journal = queue
    journal.ask("config", "set", "appendfsync", "everysec")
    for options in (["--check"], ["-s", "own.sock"]):
        ended = worker(stack, *options)
        assert ended.returncode == 2, ended
        assert "appendfsync always" in ended.stderr.splitlines()[-1], ended


def test_a_journal_that_is_away_is_told_and_awaited(queue):
    stack, journal = queue
    journal.stop()
    stack.up()
    checked = worker(stack, "--check")
    assert checked.returncode == 1 and f"write_queue = {REDIS}" in checked.stderr, checked
    ready = stack.internal.get("/readyz")
    assert ready.status == 200 and ready.json["queue"]["status"] == "not ready" and ready.json["queue"]["reason"], ready.json
    pids = stack.worker_pids()
    journal.start()
    wait_until(lambda: is_ready(stack), what="the queue")
    checked = worker(stack, "--check")
    assert (checked.returncode, checked.stderr) == (0, ""), checked
    assert stack.worker_pids() == pids, "nobody was restarted"


def test_workers_that_stop_give_their_shards_back(queue):
    stack, journal = queue
    stack.up()
    wait_until(lambda: is_ready(stack) and held(journal) == 8, what="appliers")
    stack.stop("workers")
    assert held(journal) == 0
    stack.start("workers")
    wait_until(lambda: held(journal) == 8, what="appliers")


def forget_connections(stack):
    """nginx keeps some to each worker, and one that hangs would get the writes that come by them."""
    nginx = stack.pid("nginx")
    before = set(children(nginx))
    os.kill(nginx, signal.SIGHUP)
    wait_until(lambda: not before & set(children(nginx)), 20, "the end of nginx' old processes")
    stack.client.close()


def test_a_stopped_workers_shards_are_applied_by_another(new_stack, new_id):
    stack = new_stack(settings={"write_queue": FILE})
    wait_until(lambda: is_ready(stack), what="the queue")
    for pid in stack.worker_pids():  # in the second round the other one has all shards
        wait_until(lambda: all(row.split()[-1] != "-" for row in stack.ctl("queue").stdout.splitlines()[1:-1]), what="appliers")
        os.kill(pid, signal.SIGSTOP)
        try:
            forget_connections(stack)
            shards = set()
            while len(shards) < 8:
                answer = put(stack, f"/todos/{new_id()}", {"name": "x"}, Prefer="respond-async")
                assert answer.status == 202, answer
                shards.add(answer.json["ticket"][0])
            wait_until(lambda: figures(stack)["depth"] == 0, 15, "an empty queue")
        finally:
            os.kill(pid, signal.SIGCONT)


def in_file(stack, statement):
    with contextlib.closing(sqlite3.connect(stack.folder / "queue/queue.db", timeout=10, isolation_level=None)) as database:
        cursor = database.execute(statement)
        return "".join(name for (name,) in cursor.fetchall()), cursor.rowcount


def owner(stack, journal):
    return journal.ask("get", "todo-queue:store") if journal else in_file(stack, "SELECT name FROM store")[0]


def forget_store(stack, journal):
    """As doc/backup.md says: the journal is the next store's that comes."""
    assert (journal.ask("del", "todo-queue:store") if journal else in_file(stack, "DELETE FROM store")[1]) in ("1", 1)


@pytest.mark.parametrize("kind", [REDIS, FILE], ids=["redis", "file"])
def test_a_journal_is_used_by_its_own_store_alone_until_it_is_given_away(new_stack, new_id, kind):
    first = new_stack(prepared_only=True, workers=1, settings={"write_queue": kind})
    second = new_stack(prepared_only=True, workers=1, settings={"write_queue": kind.replace("queue", f"{first.folder}/queue")})
    journal = QueueRedis(first.folder).start() if kind == REDIS else None
    path = f"/todos/{new_id()}"
    try:
        first.up()
        wait_until(lambda: is_ready(first), what="the queue")
        with write_lock(first):
            assert put(first, path, {"name": "x"}, Prefer="respond-async").status == 202
            first.stop("workers")
        second.up()
        wait_until(lambda: "it belongs to another store" in second.internal.get("/readyz").body.decode(), what="the reason")
        refused = put(second, path, {"name": "y"}, Prefer="respond-async")
        assert refused.problem(503) and refused.headers["Retry-After"], refused
        checked = worker(second, "--check")
        assert checked.returncode == 1 and "it belongs to another store" in checked.stderr, checked
        assert figures(second)["depth"] == 1, "todoctl shows whatever journal the setting names"
        first.start("workers")
        wait_until(lambda: first.get(path).status == 200, 30, "the write in its own store")
        assert second.get(path).status == 404
        first.stop("workers")
        forget_store(first, journal)
        wait_until(lambda: put(second, path, {"name": "y"}, Prefer="respond-async").status == 202, what="a worker that has the journal")
        wait_until(lambda: second.get(path).status == 200, what="the write")
        forget_store(first, journal)  # under its workers, which take it again
        wait_until(lambda: str(second.folder) in owner(first, journal), what="its name")
    finally:
        if journal:
            journal.stop()
