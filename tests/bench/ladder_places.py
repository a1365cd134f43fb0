# SPDX-License-Identifier: MIT
"""
What the ladder measures: places that answer, each an nginx with what is behind it, in a folder of its own.

    service   the workers, their Redis and SQLite, behind this project's nginx configuration
    alone     the same without a Redis
    bare      the bare responder (bare_fcgi.c) behind the same configuration; plain and silent, two other nginx, ask it too
    lua       nginx' Lua and a Redis: the same configuration with Lua in the place of the workers
    plain     a bare nginx: one location, the same FastCGI parameters, and its defaults for all else, a log of its own too
    silent    plain without its log

All of them run at once, and only the one that is asked uses the CPU. The supervisor of the tests starts and ends them.
"""

import contextlib
import os
import re
import shutil
import socket
import subprocess
import time
import urllib.request
from pathlib import Path

from ports import free_ports
from supervisor import MULTIWATCH, ROOT, Supervisor, children, port_open, stat_fields

HERE = Path(__file__).parent
TICK_S = 1 / os.sysconf("SC_CLK_TCK")
# The body that bare_fcgi.c sends, so that Lua's answers have the same length.
BODY = "".join(re.findall(r'"(.*)"', re.search(r'"\{.*\}"', (HERE / "bare_fcgi.c").read_text(), re.S)[0])).replace('\\"', '"')
# Audits read a random choice of the hits from the store. Nothing may expire meanwhile.
SETTINGS = {"TODO_TODO_TTL_S": "86400", "TODO_LIST_TTL_S": "86400", "TODO_AUDIT_RATE": "0"}
LUA_MODULES = "".join(f"load_module /usr/lib/nginx/modules/{name}_module.so;\n" for name in ("ndk_http", "ngx_http_lua"))
PLAIN = """\
{user}
worker_processes 2;
pid nginx.pid;
error_log logs/nginx-error.log;
events {{ worker_connections 2048; }}
http {{
    client_body_temp_path tmp/body; fastcgi_temp_path tmp/fastcgi; proxy_temp_path tmp/proxy; scgi_temp_path tmp/scgi;
    uwsgi_temp_path tmp/uwsgi;
    access_log {log};
    upstream workers {{ server unix:todo.sock; keepalive 64; keepalive_requests 100000; }}
    server {{
        listen 127.0.0.1:{port};
        location / {{ {content} }}
    }}
}}
"""
FASTCGI = "include todo/fastcgi_params; fastcgi_pass_request_headers off; fastcgi_keep_conn on; fastcgi_pass workers;"
LUA = "content_by_lua_file ladder_read.lua;"


class Place(Supervisor):
    started = []  # every place, for the end

    def __init__(self, folder, settings=None):
        self.port, self.internal_port = free_ports()
        environment = {**os.environ, "STACK_STORE": "sqlite", "WORKERS": "2", "PORT": str(self.port), "INTERNAL_PORT": str(self.internal_port)}
        super().__init__(folder, {**environment, **SETTINGS, **(settings or {})})
        self.started.append(self)
        self.prepare()
        with (self.folder / "redis.conf").open("a") as conf:
            conf.write("maxmemory 1gb\nunixsocketperm 777\n")

    def pids(self, part):
        """The processes that do the work of a part: the children of nginx and of multiwatch, Redis itself."""
        pid = self.running(part)
        return [] if not pid else [pid] if part == "redis" else children(pid)

    def cpu_s(self, part):
        """CPU time so far, user and system."""
        return sum(TICK_S * (int(fields[11]) + int(fields[12])) for fields in map(stat_fields, self.pids(part)) if fields)

    def edit(self, name, old, new):
        path = self.folder / name
        words, count = re.subn(old, lambda _: new, path.read_text(), flags=re.S)
        assert count == 1, f"{path}: {count} of {old}"
        path.write_text(words)

    def counters(self):
        """Reads of todos and of pages by their result, since the start."""
        with urllib.request.urlopen(f"http://127.0.0.1:{self.internal_port}/metrics", timeout=10) as answer:
            return {name: float(value) for name, value in re.findall(r"^(todo_\w+_reads_total\S*) (\S+)$", answer.read().decode(), re.M)}


def service(folder, rows, settings=None):
    """The workers, with rows in their store."""
    place = Place(folder, settings)
    (place.folder / "static/assets/todo.json").write_text(BODY)
    place.start("store", "redis")
    command = [place.build() / "todo-load", "-c", "todo.conf", "seed", "-n", str(rows)]
    with (place.folder / "logs/load.log").open("wb") as log:
        subprocess.run(command, cwd=place.folder, env=place.environment, check=True, stdout=log, stderr=log)
    place.start()
    place.wait_answer()
    if os.environ.get("POLICY") == "batch":
        for thread in [path for pid in place.pids("workers") for path in Path(f"/proc/{pid}/task").iterdir()]:
            os.sched_setscheduler(int(thread.name), os.SCHED_BATCH, os.sched_param(0))
    return place


def bare(folder):
    """The supervisor of the workers, multiwatch, has the bare responder here."""
    place = Place(folder)
    place.spawn(
        "workers", "spawn-fcgi", "-s", "todo.sock", "-M", "0666", "-b", "1024", "-n", "--", shutil.which("multiwatch"), "-f", "2", *MULTIWATCH,
        place.build() / "tests/bench/bare_fcgi",
    )  # fmt: skip
    place.wait("workers", 10, (place.folder / "todo.sock").is_socket)
    place.start("nginx")
    return place


def plain(folder, log, behind=None, modules=""):
    """A bare nginx before the bare responder of another place, or with Lua."""
    place = Place(folder)
    user = "user www-data www-data;" if os.geteuid() == 0 else ""
    content = FASTCGI if behind else LUA
    (place.folder / "nginx.conf").write_text(modules + PLAIN.format(user=user, log=log, port=place.port, content=content))
    if behind:
        (place.folder / "todo.sock").symlink_to(behind.folder / "todo.sock")
    else:
        shutil.copy(HERE / "ladder_read.lua", place.folder)
    return place


def lua(folder, rows, redis_of=None):
    """Lua within the finished configuration, with a Redis; or, within a bare one, with the Redis of that place."""
    if redis_of:
        place = plain(folder, "logs/access.log", modules=LUA_MODULES)
        (place.folder / "redis.sock").symlink_to(redis_of.folder / "redis.sock")
        place.start("nginx")
        return place
    place = Place(folder)
    shutil.copy(HERE / "ladder_read.lua", place.folder)
    place.edit("nginx.conf", "^", LUA_MODULES)
    place.edit("todo/server.conf", r"(?<=return 418;\n    \}\n\n)    include todo/pass\.conf;\n    fastcgi_pass todo_kept;.*?\n\}", f"    include todo/headers.conf;\n    {LUA}\n}}")
    place.start("redis", "nginx")
    redis_send(place, (("SET", f"/todos/{number}", BODY) for number in range(1, rows + 1)))
    return place


def redis_send(place, commands, batch=1000):
    """Sends commands to a place's Redis, some at a time, and waits for as many answers of one line."""
    with socket.socket(socket.AF_UNIX) as connection:
        connection.connect(str(place.folder / "redis.sock"))
        answers = connection.makefile("rb")
        waiting, texts = 0, []
        for command in commands:
            texts.append(f"*{len(command)}\r\n" + "".join(f"${len(word)}\r\n{word}\r\n" for word in command))
            waiting += 1
            if waiting == batch:
                connection.sendall("".join(texts).encode())
                for _ in range(waiting):
                    answers.readline()
                waiting, texts = 0, []
        connection.sendall("".join(texts).encode())
        for _ in range(waiting):
            answers.readline()


def redis_ask(place, *words):
    command = ["redis-cli", "-s", "redis.sock", *words]
    return subprocess.run(command, cwd=place.folder, check=True, capture_output=True, text=True).stdout.strip()


@contextlib.contextmanager
def all_places(folder, rows, with_l1):
    """Every place by its name; all of them end with the block."""
    places = {}
    try:
        places["service"] = service(folder / "service", rows, {"TODO_L1_MBYTES": "0"} if with_l1 else None)
        if with_l1:
            places["l1"] = service(folder / "l1", rows, {"TODO_L1_MBYTES": os.environ.get("L1_MBYTES", "256")})
        places["alone"] = service(folder / "alone", rows, {"TODO_L1_MBYTES": "0"} if with_l1 else None)
        places["alone"].stop("redis")
        places["bare"] = bare(folder / "bare")
        places["lua"] = lua(folder / "lua", rows)
        places["plain lua"] = lua(folder / "plain-lua", rows, redis_of=places["lua"])
        for name, log in (("plain", "logs/access.log"), ("silent", "off")):
            places[name] = plain(folder / name, log, behind=places["bare"])
            places[name].start("nginx")
        deadline = time.monotonic() + 10
        while not all(port_open(place.port) for place in places.values()) and time.monotonic() < deadline:
            time.sleep(0.02)
        yield places
    finally:
        for place in reversed(Place.started):
            place.stop()


def has_l1():
    shown = subprocess.run([Path(os.environ["BUILD_DIR"], "todo-fcgi"), "-c", ROOT / "etc/todo.conf", "--show-config"], capture_output=True, text=True)
    return "l1_mbytes" in shown.stdout
