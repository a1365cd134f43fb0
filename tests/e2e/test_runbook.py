# SPDX-License-Identifier: MIT
"""The runbook and its neighbours: each command in them works, in the order in which they stand."""

import re

import pytest
from documented import Documented, commands_of
from journal import FILE
from redis_cluster import running
from stack import ROOT, wait_until

pytestmark = pytest.mark.parametrize("store", ["sqlite"], scope="session", indirect=True)
REQUEST_ID = "4bf92f3577b34da6a3ce929d0e0e4736"


def documented(stack, cluster_port=0):
    folder = stack.folder
    places = [
        (r"(?<!/)etc/(prometheus|logrotate)/", rf"{ROOT}/etc/\1/"),
        (r" /etc/(prometheus|logrotate\.d)/", f" {folder}/etc/"),
        (r"/var/lib/todo-fcgi$", str(folder)),
        (r"/var/log/todo-fcgi", f"{folder}/logs"),
        (r"/var/log/nginx/todo\.log", f"{folder}/logs/nginx-access.log"),
        (r"/var/log/nginx/error\.log", f"{folder}/logs/nginx-error.log"),
        (r"/run/redis(-todo)?/redis-server\.sock", f"{folder}/redis.sock"),
        (r"127\.0\.0\.1:8081", f"127.0.0.1:{stack.internal_port}"),
        (r"-h 10\.0\.0\.1", f"-h 127.0.0.1 -p {cluster_port}"),
        (r"10\.0\.0\.1:6379", f"127.0.0.1:{cluster_port}"),
        (r" -o todo -g todo", ""),
        (r"logrotate --force", f"logrotate --state {folder}/etc/state --force"),
        (r"REQUEST-ID", REQUEST_ID),
        (r"-n 10000", "-n 300"),
    ]
    return Documented(stack, {}, places)


def fitted(path, *changes):
    """The file with what only a real machine has replaced."""
    words = path.read_text()
    for name, other in changes:
        assert name in words, name
        words = words.replace(name, other)
    path.write_text(words)


def whole(stack):
    return len(stack.worker_pids()) == 2 and stack.internal.get("/readyz").status == 200


@pytest.fixture
def cluster(tmp_path):
    with running(tmp_path) as cluster:
        yield cluster


def test_the_commands_of_the_runbook_work(new_stack, cluster):
    stack = new_stack(settings={"write_queue": FILE})
    stack.post({"id": "1", "name": "n"})
    before = stack.worker_pids()
    machine, told = documented(stack, cluster.primaries[0].port), {}
    for command in commands_of("doc/runbook.md"):
        told[command] = machine.run(command.replace("PID", str(stack.worker_pids()[0])))
        wait_until(lambda: whole(stack), 15, "workers")
    assert len(told) > 12 and before[0] not in stack.worker_pids() and before[1] in stack.worker_pids()
    assert all(said for command, said in told.items() if not re.match("install|kill|.* sed ", command)), told


def test_the_commands_of_operating_work(new_stack):
    stack = new_stack(settings={"write_queue": FILE})
    (stack.folder / "todos.jsonl").write_text('{"id":"a","name":"n"}\n')
    machine = documented(stack)
    machine.places[:0] = [(r"build/", ""), (r"run/todo\.conf", "todo.conf"), (r"-n 1000000", "-n 300")]
    told = {command: machine.run(command) for command in commands_of("doc/operate.md") if not re.search("adopt|queue drop", command)}
    assert len(told) == 11
    of = {re.search(r"todo.conf (\S+)", command)[1]: said for command, said in told.items()}
    assert "0 inconsistent" in of["audit"] and "301 todos read" in of["warm"] and "purged" in of["purge"] and "purged" in of["why"], of


def test_the_commands_of_sizing_work(new_stack):
    stack = new_stack()
    machine = documented(stack)
    told = {command: machine.run(command) for command in commands_of("doc/sizing.md")}
    assert len(told) > 6 and all(told.values()), told


def test_the_commands_of_logging_work_and_the_log_is_rotated(new_stack):
    stack = new_stack(settings={"log_file": "logs/todo.log", "log_level": "debug"})
    assert stack.get("/todos/1", traceparent=f"00-{REQUEST_ID}-00f067aa0ba902b7-01").headers["Request-Id"] == REQUEST_ID
    stack.kill("redis")
    stack.stop("workers")
    assert stack.get("/todos/1").status == 502
    stack.start("redis", "workers")
    log = stack.folder / "logs/todo.log"
    wait_until(lambda: log.read_text().count("event=redis_trusted") >= 4, 30, "workers that take signals, as their loops run")
    wait_until(lambda: REQUEST_ID in stack.log("nginx-access") and '"status":502' in stack.log("nginx-access"), 10, "nginx' log")
    (stack.folder / "etc").mkdir()
    machine, told = documented(stack), {}
    for command in commands_of("doc/logging.md"):
        if command.startswith("logrotate"):
            fitted(stack.folder / "etc/todo-fcgi", ("su todo todo", ""), ("/var/log/todo-fcgi/*.log", str(log)),
                   ("pkill -USR2 -u todo -x todo-fcgi", f"kill -USR2 {' '.join(map(str, stack.worker_pids()))}"))  # fmt: skip
        told[command] = machine.run(command)
    found = next(said for command, said in told.items() if "REQUEST-ID" in command)
    assert found.count(REQUEST_ID) >= 2 and "event=request" in found and '"request":"GET /todos/1 ' in found
    assert all(said for command, said in told.items() if not re.match("install|echo|logrotate", command)), told
    wait_until(lambda: log.exists() and log.read_text().count("event=log_reopened") == 2, 10, "a new log of both workers")
    assert REQUEST_ID in (stack.folder / "logs/todo.log.1").read_text()
