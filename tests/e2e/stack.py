# SPDX-License-Identifier: MIT
"""
A stack under test: Redis, store, workers and nginx in a folder of their own, started by the code behind "./dev up"
(supervisor.py).

A Stack speaks HTTP to its nginx, reads its counters, and knows its processes, so that a test can ask, count and kill.
"""

import contextlib
import http.client
import json
import os
import re
import select
import signal
import subprocess
import time
from pathlib import Path

from ports import free_ports
from supervisor import ROOT, Supervisor, children, started_at

DEV = ROOT / "dev"
# The sanitizers' build, unless somebody wants another one to be tried.
WORKER_BUILD = Path(os.environ.get("E2E_BUILD_DIR", ROOT / "build-asan")).resolve()
SANITIZER = "exitcode=99:detect_leaks=1:log_path=logs/sanitizer:print_stacktrace=1"


def wait_until(condition, seconds=10, what=None):
    """Calls condition until it returns something true, and returns that."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        value = condition()
        if value:
            return value
        time.sleep(0.02)
    raise AssertionError(f"not within {seconds} s: {what or condition}")


class Answer:
    def __init__(self, response):
        self.status, self.reason = response.status, response.reason
        self.headers = response.headers
        self.body = response.read()

    @property
    def json(self):
        return json.loads(self.body)

    @property
    def cache(self):
        """Cache-Status (RFC 9211) as {parameter: value}; a parameter without a value is True. "" is the cache's name."""
        name, *parts = [part.strip() for part in self.headers["Cache-Status"].split(";")]
        found = {"": name}
        for part in parts:
            key, _, value = part.partition("=")
            found[key] = value or True
        return found

    def problem(self, status):
        """Checks that this is a problem (RFC 9457) of that status, and returns it."""
        assert self.status == status, self
        assert self.headers["Content-Type"] == "application/problem+json", self
        assert self.json["status"] == status and self.json["title"], self
        return self.json

    def __repr__(self):
        return f"{self.status} {dict(self.headers)} {self.body[:500]!r}"


class Client:
    """One kept-alive connection; it connects again when nginx has closed it between two requests."""

    def __init__(self, port):
        self.connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)

    def request(self, method, path, body=None, headers=None):
        # An idle connection is readable when its peer has closed it. Failures in mid-request are never hidden.
        if self.connection.sock and select.select([self.connection.sock], [], [], 0)[0]:
            self.connection.close()
        self.connection.request(method, path, body, headers or {})
        response = self.connection.getresponse()
        return Answer(response)

    def get(self, path, **headers):
        return self.request("GET", path, headers={name.replace("_", "-"): value for name, value in headers.items()})

    def post(self, todo, path="/todos", content_type="application/json"):
        body = todo if isinstance(todo, (bytes, str)) else json.dumps(todo)
        return self.request("POST", path, body, {"Content-Type": content_type})

    def close(self):
        self.connection.close()


class Counters(dict):
    """Prometheus text as {"name{labels}": value}; what was never counted is 0."""

    def __init__(self, text):
        super().__init__()
        for line in text.splitlines():
            if line and not line.startswith("#"):
                name, _, value = line.rpartition(" ")
                self[name] = float(value)

    def __missing__(self, name):
        return 0.0

    def since(self, before):
        """What has changed, without histograms."""
        names = [name for name in self if "_seconds" not in name]
        return {name: self[name] - before[name] for name in names if self[name] != before[name]}


class Stack:
    def __init__(self, folder, store_uri=None, workers=2, settings=None):
        self.folder = Path(folder)
        self.port, self.internal_port = free_ports()
        self.environment = {
            **os.environ,
            "BUILD_DIR": str(WORKER_BUILD),
            "PORT": str(self.port),
            "INTERNAL_PORT": str(self.internal_port),
            "WORKERS": str(workers),
            "ASAN_OPTIONS": SANITIZER,
            "UBSAN_OPTIONS": SANITIZER,
            # libmongoc would leave a file in /dev/shm for each worker that is killed.
            "MONGOC_DISABLE_SHM": "1",
        }
        self.environment["STACK_STORE"] = store_uri or "sqlite"
        # Sanitizers on a busy machine: what is not about timeouts must not meet one.
        for name, value in {"redis_timeout_ms": 1000, **(settings or {})}.items():
            self.environment["TODO_" + name.upper()] = str(value)
        self.supervisor = Supervisor(self.folder, self.environment)
        self.client = Client(self.port)
        self.internal = Client(self.internal_port)

    # --- processes ---

    def up(self):
        self.supervisor.up()
        return self

    def prepare(self):
        self.supervisor.prepare()
        return self

    def start(self, *parts):
        self.supervisor.start(*parts)

    def stop(self, *parts):
        """Stops parts, and fails if one had to be killed."""
        words = self.supervisor.stop(*parts)
        assert not words, words

    def pid(self, part):
        return int((self.folder / "pids" / part).read_text().split()[0])

    def kill(self, part, number=signal.SIGKILL):
        os.kill(self.pid(part), number)
        if number == signal.SIGKILL:
            wait_until(lambda: not running(self.pid(part)), what=f"end of {part}")

    def worker_pids(self):
        return children(self.pid("workers"))

    def wait_answer(self, seconds=15):
        def answers():
            with contextlib.suppress(OSError, http.client.HTTPException):
                return self.get("/todos?limit=1").status == 200
            self.client.close()

        wait_until(answers, seconds, "an answer")
        return self

    def close(self):
        """Stops everything; returns what the sanitizers and nginx had to complain about."""
        self.client.close()
        self.internal.close()
        words = self.supervisor.stop()
        complaints = [path.read_text() for path in self.folder.glob("logs/sanitizer*")]
        if words:
            complaints.append(words)
        complaints += re.findall(r".*\[(?:alert|emerg)\].*", self.log("nginx-error"))
        return complaints

    def log(self, name):
        path = self.folder / "logs" / f"{name}.log"
        return path.read_text(errors="replace") if path.exists() else ""

    # --- HTTP ---

    def get(self, path, **headers):
        return self.client.get(path, **headers)

    def post(self, todo, path="/todos", content_type="application/json"):
        return self.client.post(todo, path, content_type)

    def request(self, method, path, body=None, headers=None):
        return self.client.request(method, path, body, headers)

    def counters(self):
        """Of all workers, from one that is there: they may be dying by turns."""
        answer = wait_until(lambda: next((a for a in [self.internal.get("/metrics")] if a.status == 200), None), what="counters")
        return Counters(answer.body.decode())

    @contextlib.contextmanager
    def counted(self):
        """with stack.counted() as count: ...; afterwards count holds what has changed."""
        count = {}
        before = self.counters()
        yield count
        count.update(self.counters().since(before))

    # --- the rest ---

    def redis(self, *words, socket="redis.sock"):
        command = ["redis-cli", "-s", socket, *words]
        return subprocess.run(command, cwd=self.folder, check=True, capture_output=True, text=True).stdout.strip()

    def load(self, *arguments, build=WORKER_BUILD):
        command = [build / "todo-load", "-c", "todo.conf", *arguments]
        return subprocess.run(command, cwd=self.folder, env=self.environment, capture_output=True, text=True, timeout=300)

    def ctl(self, *arguments):
        command = [WORKER_BUILD / "todoctl", "-c", "todo.conf", *arguments]
        return subprocess.run(command, cwd=self.folder, env=self.environment, capture_output=True, text=True, timeout=120)


def running(pid):
    return bool(started_at(pid))
