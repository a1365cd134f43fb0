# SPDX-License-Identifier: MIT
"""The front door: up, twice, status, down, on a port that is taken, in a folder with a name that breaks careless scripts."""

import os
import re
import shutil
import socket
import subprocess
import urllib.request
from pathlib import Path

import pytest
from ports import free_ports
from stack import ROOT, running, wait_until

BUILD = Path(os.environ.get("BUILD_DIR", ROOT / "build"))
NOT_COPIED = shutil.ignore_patterns("build", "build-*", "run", ".git", "autom4te.cache", "__pycache__", "configure", "Makefile.in")


class Checkout:
    """A checkout in a folder of its own; unless it is to be built there, it runs what has been built already."""

    def __init__(self, folder, built_here=False):
        self.folder = folder
        shutil.copytree(ROOT, folder, ignore=NOT_COPIED)
        self.port, _ = free_ports()
        self.environment = {name: value for name, value in os.environ.items() if name not in ("BUILD_DIR", "MONGODB_URI")}
        self.environment.update(PORT=str(self.port), STACK_STORE="sqlite")
        if built_here:
            self.environment.update(CFLAGS="-O1")
        else:
            self.environment.update(BUILD_DIR=str(BUILD), BUILD="no")

    def dev(self, *words, **environment):
        return subprocess.run(
            [self.folder / "dev", *words], env={**self.environment, **environment}, cwd="/", capture_output=True, text=True,
            timeout=300,
        )  # fmt: skip

    def pids(self):
        return {path.name: int(path.read_text().split()[0]) for path in (self.folder / "run/pids").glob("*")}

    def get(self, path):
        with urllib.request.urlopen(f"http://127.0.0.1:{self.port}{path}", timeout=10) as answer:
            return answer.status, answer.headers, answer.read()


@pytest.fixture
def checkout(tmp_path):
    checkouts = []

    def new(name="plain", built_here=False):
        checkouts.append(Checkout(tmp_path / name, built_here))
        return checkouts[-1]

    yield new
    for one in checkouts:
        assert one.dev("down").returncode == 0


@pytest.fixture
def plain(checkout):
    return checkout()


@pytest.mark.parametrize(
    "name, built_here",
    [("my todo app", True), ("odd 'name' & $more #1", True), ("deep-" + "x" * 150, False)],
    ids=["spaces", "odd characters", "too long for a socket"],
)
def test_up_serves_the_sample_and_down_stops_all(checkout, name, built_here):
    checkout = checkout(name, built_here)
    up = checkout.dev("up")
    assert up.returncode == 0, up.stdout + up.stderr
    assert f"http://127.0.0.1:{checkout.port}/" in up.stdout
    assert "SQLite" in up.stdout
    assert len(re.findall(r"^ +curl ", up.stdout, re.M)) == 3
    first = checkout.get("/todos/42")
    assert "fwd=miss" in first[1]["Cache-Status"]
    # At the very start each of two workers may begin an epoch, and then they agree on one.
    wait_until(lambda: "; hit" in (second := checkout.get("/todos/42"))[1]["Cache-Status"] and first[2] == second[2], 5, "a hit")
    assert b"<h1>" in checkout.get("/")[2]
    pids = checkout.pids()
    assert set(pids) == {"redis", "workers", "nginx"}
    down = checkout.dev("down")
    assert down.returncode == 0 and "killed" not in down.stdout, down.stdout
    assert not any(running(pid) for pid in pids.values())
    assert not (checkout.folder / "run/todo.sock").exists()


def test_up_twice_says_that_it_runs_and_changes_nothing(plain):
    assert plain.dev("up").returncode == 0
    pids = plain.pids()
    again = plain.dev("up")
    assert again.returncode == 0 and "runs already" in again.stdout
    assert plain.pids() == pids
    assert plain.dev("status").returncode == 0


def test_up_after_a_part_has_died_mends_it(plain):
    assert plain.dev("up").returncode == 0
    os.kill(plain.pids()["redis"], 9)
    assert plain.dev("status").returncode != 0
    assert plain.dev("up").returncode == 0
    assert plain.dev("status").returncode == 0
    assert plain.get("/todos/42")[0] == 200


def test_port_that_is_taken_is_told_with_its_owner_and_a_way_out(plain):
    with socket.create_server(("127.0.0.1", plain.port)):
        up = plain.dev("up")
    assert up.returncode != 0
    assert str(os.getpid()) in up.stderr and "PORT=" in up.stderr
    assert plain.dev("status").returncode != 0
    assert not (plain.folder / "run/pids").exists() or plain.pids() == {}


def test_worker_that_cannot_start_is_told_with_its_log(plain):
    up = plain.dev("up", TODO_NO_SUCH_SETTING="1")
    assert up.returncode != 0
    assert "NO_SUCH_SETTING" in (up.stdout + up.stderr).upper()
    assert plain.pids() == {}


def test_down_leaves_a_process_alone_that_only_has_the_pid(plain):
    assert plain.dev("up").returncode == 0
    file = plain.folder / "run/pids/redis"
    pid, started_at = file.read_text().split()
    with subprocess.Popen(["sleep", "60"]) as other:
        file.write_text(f"{other.pid} {started_at}1\n")
        assert plain.dev("down").returncode == 0
        assert other.poll() is None
        other.kill()
    os.kill(int(pid), 15)


def test_data_is_kept_from_up_to_up(plain):
    assert plain.dev("up").returncode == 0
    before = plain.get("/todos/42")[2]
    plain.dev("down")
    up = plain.dev("up")
    assert "empty" not in up.stdout
    assert plain.get("/todos/42")[2] == before


def test_help_names_every_command():
    words = subprocess.run([ROOT / "dev", "help"], capture_output=True, text=True, check=True).stdout
    for name in ("up", "down", "status", "logs", "build", "test", "bench"):
        assert f"./dev {name}" in words


def test_nginx_configuration_for_a_real_nginx_is_whole(tmp_path):
    subprocess.run([ROOT / "dev", "nginx", tmp_path / "todo"], check=True)
    for path in (tmp_path / "todo").iterdir():
        assert not re.search(r"@[A-Z_]+@", path.read_text()), path
    frame = f"error_log {tmp_path}/error.log; pid {tmp_path}/pid; events {{}} http {{ include todo/http.conf; include todo/site.conf; }}"
    (tmp_path / "nginx.conf").write_text(frame)
    text = (tmp_path / "todo/server.conf").read_text()
    (tmp_path / "todo/server.conf").write_text(text.replace("/var/log/nginx/todo.log", f"{tmp_path}/access.log"))
    nginx = shutil.which("nginx", path=os.environ["PATH"] + ":/usr/sbin")
    tested = subprocess.run([nginx, "-t", "-e", "stderr", "-c", tmp_path / "nginx.conf"], capture_output=True, text=True)
    assert "syntax is ok" in tested.stderr, tested.stderr
