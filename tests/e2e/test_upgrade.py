# SPDX-License-Identifier: MIT
"""
What doc/upgrade.md promises: workers, nginx, Redis and the program are replaced under load, and no request fails.

REQUESTS of each kind of replacement: 600; UPGRADE_REQUESTS=30000 is the long form.
"""

import contextlib
import ctypes
import fcntl
import os
import re
import signal
import sqlite3
import struct
import subprocess

import pytest
from documented import Documented, commands_of, reload_command
from load import load
from stack import WORKER_BUILD, running, wait_until
from store_file import store_path
from supervisor import children

REQUESTS = int(os.environ.get("UPGRADE_REQUESTS", 600))
IDS = [f"u{number}" for number in range(40)]

ON_SQLITE = pytest.mark.parametrize("store", ["sqlite"], scope="session", indirect=True)


def asker(fresh_connections=False):
    """Of four requests two read a todo, one reads a page, one writes. nginx may close an idle connection as a request comes."""

    def ask(client, number, turn):
        if fresh_connections:
            client.close()
        todo = IDS[(number * 7 + turn) % len(IDS)]
        if turn % 4 == 0:
            answer = client.request("PUT", f"/todos/{todo}", f'{{"name": "n{turn}"}}', {"Content-Type": "application/json"})
        else:
            answer = client.get("/todos?limit=5" if turn % 4 == 1 else f"/todos/{todo}")
        return None if answer.status == 200 else repr(answer)

    return ask


def fill(stack):
    for todo in IDS:
        assert stack.post({"id": todo, "name": "n"}).status == 201
    return stack


def undisturbed(stack, disturb, fresh_connections=False):
    """Disturbs again and again until REQUESTS are answered, and fails if one of them failed."""
    with load(stack, asker(fresh_connections), threads=6) as running_load:
        running_load.wait(100, 60)
        disturb()
        while running_load.answers < REQUESTS:
            disturb()
        running_load.wait(100, 60)
    assert running_load.failures == []
    return running_load.answers


def roll(stack, status=0, **options):
    command = [WORKER_BUILD / "todoctl", "-c", "todo.conf", "roll", str(stack.pid("workers"))]
    result = subprocess.run(
        command, cwd=stack.folder, env=stack.environment, capture_output=True, text=True, timeout=120, **options
    )
    assert result.returncode == status, result.stdout + result.stderr
    return result


def listening_socket(pid):
    """As systemd hands it to ExecReload."""
    pidfd = os.pidfd_open(pid)
    fd = ctypes.CDLL(None, use_errno=True).syscall(438, pidfd, 0, 0)  # pidfd_getfd
    os.close(pidfd)
    assert fd >= 0, os.strerror(ctypes.get_errno())
    return fd


@ON_SQLITE
def test_a_roll_replaces_all_workers_and_fails_no_request(new_stack):
    stack = fill(new_stack(workers=2))
    seen = set(stack.worker_pids())

    def disturb():
        before = stack.worker_pids()
        result = roll(stack)
        assert [f"{i + 1} of 2: the worker {pid} is replaced" in result.stdout for i, pid in enumerate(before)] == [True, True]
        assert not seen & set(stack.worker_pids()) and len(stack.worker_pids()) == 2
        seen.update(stack.worker_pids())

    undisturbed(stack, disturb)


F_OFD_GETLK, READY_AT, FLOCK = 36, 1 << 40, "hhqqi4x"  # src/server/ready.c


def says_ready(stats, pid):
    asked = struct.pack(FLOCK, fcntl.F_WRLCK, os.SEEK_SET, READY_AT + pid, 1, 0)
    return struct.unpack(FLOCK, fcntl.fcntl(stats, F_OFD_GETLK, asked))[0] != fcntl.F_UNLCK


@ON_SQLITE
def test_a_roll_of_one_worker_never_leaves_none_ready(new_stack):
    """As ExecReload calls it: the socket is standard input."""
    stack = new_stack(workers=1)
    [old] = stack.worker_pids()
    socket = listening_socket(old)
    with open(stack.folder / "stats", "rb") as stats:

        def ready(roll):
            return [pid for pid in (*stack.worker_pids(), *children(roll.pid)) if says_ready(stats, pid)]

        wait_until(lambda: says_ready(stats, old), what="the first worker's word")
        command = [WORKER_BUILD / "todoctl", "-c", "todo.conf", "roll", str(stack.pid("workers"))]
        with subprocess.Popen(command, cwd=stack.folder, env=stack.environment, stdin=socket, stdout=subprocess.PIPE) as roll:
            seen = set()
            while roll.poll() is None:
                # A process may end between the list and the question; one look of three is not in such a moment.
                found = ready(roll) or ready(roll) or ready(roll)
                assert found, f"no worker is ready, {len(seen)} were"
                seen.update(found)
        assert roll.returncode == 0 and len(seen) == 3 and old in seen, "the old one, the stand-in, the successor"
    os.close(socket)


@ON_SQLITE
def test_nginx_reloads_and_no_request_fails(new_stack):
    stack = fill(new_stack())

    def disturb():
        before = set(children(stack.pid("nginx")))
        os.kill(stack.pid("nginx"), signal.SIGHUP)
        wait_until(lambda: set(children(stack.pid("nginx"))) - before, what="nginx' new processes")

    undisturbed(stack, disturb, fresh_connections=True)


@ON_SQLITE
def test_redis_restarts_and_no_request_fails(new_stack):
    stack = fill(new_stack())

    def disturb():
        stack.stop("redis")
        stack.start("redis")
        wait_until(lambda: stack.get("/todos/u1").cache.get("hit"), 20, "a hit")

    undisturbed(stack, disturb)


# --- another program in the place of the workers' ---


@contextlib.contextmanager
def own_program(new_stack, text=None, **options):
    """A stack whose workers are a copy of the program, or a script that executes it."""
    stack = new_stack(prepared_only=True, **options)
    folder = stack.folder / "bin"
    folder.mkdir()
    program = folder / "todo-fcgi"
    program.write_bytes(text.encode() if text else (WORKER_BUILD / "todo-fcgi").read_bytes())
    program.chmod(0o755)
    stack.environment["BUILD_DIR"] = str(folder)
    stack.start()
    yield fill(stack.wait_answer()), program


def install(program, content):
    """As dpkg does: a new file takes the old one's place."""
    new = program.with_suffix(".new")
    new.write_bytes(content)
    new.chmod(0o755)
    new.rename(program)


@ON_SQLITE
def test_a_new_program_takes_over_and_no_request_fails(new_stack):
    """The new version is the same program under another number."""
    with own_program(new_stack) as (stack, program):
        [number] = re.findall(r"todo-fcgi (\S+)", subprocess.check_output([program, "--version"], text=True))
        contents = [program.read_bytes().replace(f"{number}\0".encode(), text.encode()) for text in ("7.7.7\0", "8.8.8\0")]

        def disturb():
            install(program, contents[0])
            contents.reverse()
            roll(stack)

        undisturbed(stack, disturb)
        last = {"7.7.7": contents[1], "8.8.8": contents[0]}
        versions = {re.search(rf" pid={pid} event=started version=(\S+)", stack.log("workers"))[1] for pid in stack.worker_pids()}
        assert len(versions) == 1 and versions < set(last), "all workers are the program that was installed last"


# Counts its starts as a worker. Those behind the number in the file "good" fail.
FAILING = f"""#!/bin/bash
case "$*" in
*--check* | *--show-config*) ;;
*)
    echo start >>starts
    if [ "$(wc -l <starts)" -gt "$(cat good)" ]; then sleep 0.2; exit 1; fi
    ;;
esac
exec -a "$0" "{WORKER_BUILD}/todo-fcgi" "$@"
"""


@contextlib.contextmanager
def failing_program(new_stack, good, workers=3):
    stack = new_stack(prepared_only=True, workers=workers)
    (stack.folder / "good").write_text("1000000")
    folder = stack.folder / "bin"
    folder.mkdir()
    (folder / "todo-fcgi").write_text(FAILING)
    (folder / "todo-fcgi").chmod(0o755)
    stack.environment["BUILD_DIR"] = str(folder)
    stack.start()
    fill(stack.wait_answer())
    (stack.folder / "good").write_text(str(len((stack.folder / "starts").read_text().split()) + good))
    yield stack


@ON_SQLITE
def test_a_roll_stops_at_the_first_worker_that_does_not_come_up_and_keeps_the_rest(new_stack):
    """The stand-in starts, the first successor does not."""
    with failing_program(new_stack, good=1) as stack:
        before = set(stack.worker_pids())
        with load(stack, asker(), threads=3) as running_load:
            running_load.wait(20, 60)
            result = roll(stack, status=2)
            running_load.wait(50, 60)
        assert "2 of 3 old workers go on" in result.stderr and "replaced" not in result.stdout
        assert running_load.failures == []
        assert len(before & set(stack.worker_pids())) == 2
        (stack.folder / "good").write_text("1000000")
        wait_until(lambda: len(stack.worker_pids()) == 3, what="multiwatch's next try")
        roll(stack)
        assert not before & set(stack.worker_pids())


@ON_SQLITE
def test_a_roll_whose_first_new_worker_fails_stops_none(new_stack):
    with failing_program(new_stack, good=0, workers=2) as stack:
        before = stack.worker_pids()
        assert "ended before it was ready; no worker was stopped" in roll(stack, status=2).stderr
        assert stack.worker_pids() == before


@ON_SQLITE
def test_a_roll_is_refused_if_the_check_finds_anything(new_stack):
    stack = new_stack()
    before = stack.worker_pids()
    settings = stack.folder / "todo.conf"
    good = settings.read_text()
    settings.write_text(good + "todo_ttl_s = never\n")
    # The workers' own settings are told as options, for todoctl reads the same broken file.
    command = [WORKER_BUILD / "todoctl", "-o", f"stats_file={stack.folder}/stats", "roll", str(stack.pid("workers"))]
    result = subprocess.run(command, cwd=stack.folder, env=stack.environment, capture_output=True, text=True, timeout=60)
    assert result.returncode == 2 and "--check\" ended with 2; no worker was stopped" in result.stderr, result.stderr
    assert "todo_ttl_s" in result.stderr
    settings.write_text(good)
    stack.stop("redis")
    assert "--check\" ended with 1" in roll(stack, status=2).stderr
    assert stack.worker_pids() == before


@ON_SQLITE
def test_a_roll_that_is_killed_leaves_no_worker_behind(new_stack):
    stack = new_stack(workers=1)
    command = [WORKER_BUILD / "todoctl", "-c", "todo.conf", "roll", str(stack.pid("workers"))]
    process = subprocess.Popen(command, cwd=stack.folder, env=stack.environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    # The check runs first; the stand-in is the child whose log line is a worker's.
    stand_in = wait_until(
        lambda: next((pid for pid in children(process.pid) if f" pid={pid} event=started " in stack.log("workers")), None)
    )
    process.kill()
    process.communicate()
    wait_until(lambda: not running(stand_in), 15, "the end of the stand-in")
    assert f" pid={stand_in} event=stopped " in stack.log("workers")
    wait_until(lambda: len(stack.worker_pids()) == 1, what="a whole pool")
    assert stack.wait_answer().get("/todos/none").status == 404


@ON_SQLITE
def test_who_is_no_supervisor_is_told_so(new_stack):
    stack = new_stack()
    for words, text in (([str(stack.worker_pids()[0])], "no supervisor"), (["0"], "pid"), ([], "pid"), (["1", "2"], "pid")):
        result = stack.ctl("roll", *words)
        assert result.returncode == 2 and text in result.stderr, result.stderr
    result = stack.ctl("-o", "stats_file=", "roll", str(stack.pid("workers")))
    assert result.returncode == 2 and "stats_file isn't set" in result.stderr


@ON_SQLITE
def test_older_workers_go_on_with_newer_tables_and_no_older_one_starts(new_stack):
    """A step only adds, so workers of the version before read and write on. One that starts names the reason, and serves no miss."""
    stack = fill(new_stack())

    def disturb():
        with contextlib.closing(sqlite3.connect(store_path(stack), timeout=20, isolation_level=None)) as file:
            [version] = file.execute("PRAGMA user_version").fetchone()
            file.execute("BEGIN IMMEDIATE")
            file.execute(f"ALTER TABLE todos ADD COLUMN later{version} INTEGER NOT NULL DEFAULT 0")
            file.execute(f"PRAGMA user_version = {version + 1}")
            file.execute("COMMIT")

    with load(stack, asker(), threads=4) as running_load:
        running_load.wait(100, 60)
        disturb()
        running_load.wait(200, 60)
    assert running_load.failures == []
    result = roll(stack, status=2)
    assert "made by a newer program" in result.stderr and "no worker was stopped" in result.stderr
    for pid in stack.worker_pids():
        os.kill(pid, signal.SIGKILL)
        wait_until(lambda: pid not in stack.worker_pids() and len(stack.worker_pids()) == 2, what="a worker in its place")
    wait_until(lambda: "made by a newer program" in stack.log("workers"), what="the reason")
    assert wait_until(lambda: stack.get("/todos/unknown"), what="an answer").status == 503
    assert b"made by a newer program" in stack.internal.get("/readyz").body


@ON_SQLITE
def test_the_commands_of_the_document_do_what_it_says(new_stack):
    stack = fill(new_stack())
    rolled = []

    def as_roll(command):
        before = set(stack.worker_pids())
        rolled.append(documented.shell(command if "todoctl" in command else reload_command().replace("$MAINPID", str(stack.pid("workers")))))
        assert not before & set(stack.worker_pids())

    def reload_nginx(_):
        os.kill(stack.pid("nginx"), signal.SIGHUP)

    def restart(_):
        stack.stop("workers")
        stack.start("workers")
        stack.wait_answer()

    documented = Documented(
        stack,
        {"systemctl reload todo-fcgi": as_roll, "setpriv": as_roll, "nginx -t": reload_nginx, "systemctl restart todo-fcgi": restart},
    )
    for command in commands_of("doc/upgrade.md"):
        documented.run(command)
    assert len(rolled) == 2 and all("2 of 2: the worker" in text for text in rolled)
    assert all(stack.get(f"/todos/{todo}").status == 200 for todo in IDS)
