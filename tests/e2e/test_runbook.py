# SPDX-License-Identifier: MIT
"""
The operators' documents: each command in them works, in the order in which they stand.

The commands are the lines of the indented blocks. They name the places of a real installation; here these are a stack's folder,
its ports, its workers, and the user who runs the tests.
"""

import os
import re
import subprocess

import pytest
from stack import ROOT, WORKER_BUILD, wait_until

pytestmark = pytest.mark.parametrize("store", ["sqlite"], scope="session", indirect=True)
REQUEST_ID = "4bf92f3577b34da6a3ce929d0e0e4736"


def commands(document):
    """Lines that a shell takes: a line of a log, which begins with its time, is none."""
    return [line[4:] for line in (ROOT / document).read_text().splitlines() if re.match(r"    (?!\d{4}-)\S", line)]


def places(stack):
    folder, pids = stack.folder, stack.worker_pids()
    return {
        "/etc/todo-fcgi/": f"{folder}/",
        "/var/lib/todo-fcgi": f"{folder}",
        "/var/log/todo-fcgi/todo.log": f"{folder}/logs/todo.log",
        "/var/log/todo-fcgi": f"{folder}/logs",
        "/var/log/nginx/todo.log": f"{folder}/logs/nginx-access.log",
        "/var/log/nginx/error.log": f"{folder}/logs/nginx-error.log",
        " /etc/prometheus": f" {folder}/etc",
        "/etc/logrotate.d": f"{folder}/etc",
        "/run/redis-todo/redis-server.sock": f"{folder}/redis.sock",
        "127.0.0.1:8081": f"127.0.0.1:{stack.internal_port}",
        " -o todo -g todo": "",
        "logrotate --force": f"logrotate --state {folder}/etc/state --force",
        "REQUEST-ID": REQUEST_ID,
        "-n 10000": "-n 300",
        "PID": str(pids[0]),
    }


def run(stack, command):
    for name, place in places(stack).items():
        command = command.replace(name, place)
    environment = {**stack.environment, "PATH": f"{WORKER_BUILD}:{os.environ['PATH']}"}
    ended = subprocess.run(["bash", "-o", "pipefail", "-c", command], cwd=ROOT, env=environment, capture_output=True, text=True, timeout=120)
    assert ended.returncode == 0 and not ended.stderr, (command, ended)
    return ended.stdout


def fitted(path, *changes):
    """The file with what only a real machine has replaced."""
    words = path.read_text()
    for name, other in changes:
        assert name in words, name
        words = words.replace(name, other)
    path.write_text(words)


def whole(stack):
    return len(stack.worker_pids()) == 2 and stack.internal.get("/readyz").status == 200


def test_the_commands_of_the_runbook_work(new_stack):
    stack = new_stack()
    stack.post({"id": "1", "name": "n"})
    before = stack.worker_pids()
    told = {command: (run(stack, command), wait_until(lambda: whole(stack), 15, "workers")) for command in commands("doc/runbook.md")}
    assert len(told) > 12 and before[0] not in stack.worker_pids() and before[1] in stack.worker_pids()
    assert all(said for command, (said, _) in told.items() if not re.match("install|kill|.* sed ", command)), told


def test_the_commands_of_sizing_work(new_stack):
    stack = new_stack()
    told = {command: run(stack, command) for command in commands("doc/sizing.md")}
    assert len(told) > 6 and all(told.values()), told


def test_the_commands_of_logging_work_and_the_log_is_rotated(new_stack):
    stack = new_stack(settings={"log_file": "logs/todo.log", "log_level": "debug"})
    assert stack.get("/todos/1", traceparent=f"00-{REQUEST_ID}-00f067aa0ba902b7-01").headers["Request-Id"] == REQUEST_ID
    stack.kill("redis")
    stack.stop("workers")
    assert stack.get("/todos/1").status == 502
    stack.start("redis", "workers")
    wait_until(lambda: REQUEST_ID in stack.log("nginx-access") and '"status":502' in stack.log("nginx-access"), 10, "nginx' log")
    (stack.folder / "etc").mkdir()
    told, log = {}, stack.folder / "logs/todo.log"
    for command in commands("doc/logging.md"):
        if command.startswith("logrotate"):
            fitted(stack.folder / "etc/todo-fcgi", ("su todo todo", ""), ("/var/log/todo-fcgi/*.log", str(log)),
                   ("pkill -USR2 -u todo -x todo-fcgi", f"kill -USR2 {' '.join(map(str, stack.worker_pids()))}"))  # fmt: skip
        told[command] = run(stack, command)
    found = next(said for command, said in told.items() if "REQUEST-ID" in command)
    assert found.count(REQUEST_ID) >= 2 and "event=request" in found and '"request":"GET /todos/1 ' in found
    assert all(said for command, said in told.items() if not re.match("install|echo|logrotate", command)), told
    wait_until(lambda: log.exists() and log.read_text().count("event=log_reopened") == 2, 10, "a new log of both workers")
    assert REQUEST_ID in (stack.folder / "logs/todo.log.1").read_text()
