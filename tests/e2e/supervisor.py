# SPDX-License-Identifier: MIT
"""
Starts and stops a stack: store, Redis, workers and nginx, all in one folder (run/ for "./dev up", a temporary one for tests).

    ./dev stack prepare DIR           write the configuration files
    ./dev stack start DIR [PART...]   start parts (all: store redis workers nginx) in the order given, and wait for each
    ./dev stack stop DIR [PART...]    stop parts (all: nginx workers redis store)
    ./dev stack up DIR                prepare, start, wait for an answer
    ./dev stack status DIR            say which parts run; exit status 1 if one does not
    ./dev stack owner PORT            say which process listens on a port; exit status 1 if none does
    ./dev stack ports                 two free ports, neighbours

Tests import this module and call the same code in their own process.

Every process starts inside the folder and names its files by relative paths. So these do not matter: the length of the
folder's name (a socket's path has at most 107 bytes), spaces in it, and the rights of the folders above it (nginx' workers
run as www-data if root starts this).

DIR/pids/PART holds the pid and the start time of a process: the kernel may give the same pid to another process later.
No part daemonizes: each stays in the foreground of a session of its own, with its output in DIR/logs/PART.log.
Only the standard library is used, as "./dev up" needs this file.
"""

import os
import shlex
import shutil
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

from ports import free_port, free_ports

ROOT = Path(__file__).resolve().parents[2]
BROTLI_MODULE = "/usr/lib/nginx/modules/ngx_http_brotli_static_module.so"
PARTS = ("store", "redis", "workers", "nginx")
# What prepare records for later calls.
RECORDED = ("PORT", "INTERNAL_PORT", "WORKERS", "STORE", "STORE_KIND", "MONGOD_PORT")
# How a part is told to stop, and how long it may take.
STOPPING = {
    "nginx": (signal.SIGQUIT, 5),
    "workers": (signal.SIGTERM, 10),
    "redis": (signal.SIGTERM, 10),
    "store": (signal.SIGTERM, 30),
}
# By default multiwatch gives up a child that dies three times within 10 s; these options make it go on.
MULTIWATCH = "-r 1000000 -t 500 -s TERM -- ".split()
SOCKET_PATH_MAX = 100

REDIS_CONF = """\
# A cache only: no port, no persistence (Redis is empty after a restart, so it holds nothing stale), bounded.
port 0
unixsocket redis.sock
unixsocketperm 700
save ""
appendonly no
maxmemory 256mb
maxmemory-policy allkeys-lfu
hash-max-listpack-value 512
daemonize no
"""

TODO_CONF = """\
# Written by ./dev; etc/todo.conf explains every setting.
store = {store}
redis = {redis}
stats_file = {stats}
"""


class StackError(Exception):
    """A part did not start, or the folder has no configuration."""


def stat_fields(pid):
    """The fields of /proc/PID/stat from the state on; none if the process is gone or a zombie."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(") ")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return None
    return None if fields[0] == "Z" else fields


def started_at(pid):
    """The start time of a process in clock ticks since boot; "" if it does not run."""
    fields = stat_fields(pid)
    return fields[19] if fields else ""


def children(pid):
    try:
        return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    except OSError:
        return []


def port_open(port):
    with socket.socket() as client:
        return client.connect_ex(("127.0.0.1", int(port))) == 0


def port_owner(port):
    """ "name (pid N)" of the process that listens on a port, as far as our rights allow to see it."""
    inodes = set()
    for table in ("/proc/net/tcp", "/proc/net/tcp6"):
        for line in Path(table).read_text().splitlines()[1:]:
            fields = line.split()
            if fields[3] == "0A" and int(fields[1].rpartition(":")[2], 16) == int(port):  # 0A: listening
                inodes.add(f"socket:[{fields[9]}]")
    for link in Path("/proc").glob("[0-9]*/fd/*"):
        try:
            if os.readlink(link) in inodes:
                return f"{(link.parents[1] / 'comm').read_text().strip()} (pid {link.parts[2]})"
        except OSError:
            continue
    return "another program"


class Supervisor:
    def __init__(self, folder, environment=None):
        """environment is kept, not copied: later changes reach the parts that start later."""
        self.folder = Path(folder)
        self.folder.mkdir(parents=True, exist_ok=True)
        self.folder = self.folder.resolve()
        self.environment = os.environ if environment is None else environment
        self.processes = []  # ours, so that they are waited for when they end

    # --- processes ---

    def running(self, part):
        """The pid of a part; None if it does not run, or if another process has its pid."""
        for process in self.processes:
            process.poll()
        try:
            pid, since = (self.folder / "pids" / part).read_text().split()
        except (OSError, ValueError):
            return None
        return int(pid) if started_at(pid) == since else None

    def spawn(self, part, *command):
        """Starts a process in the stack's folder, in a session of its own."""
        with open(self.folder / "logs" / f"{part}.log", "ab") as log:
            process = subprocess.Popen(
                command, cwd=self.folder, env=self.environment, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                start_new_session=True, umask=0o022,
            )  # fmt: skip
        self.processes.append(process)
        (self.folder / "pids" / part).write_text(f"{process.pid} {started_at(process.pid)}\n")

    def wait(self, part, seconds, condition):
        """Waits until the condition holds; fails if the part dies first or the time is over."""
        deadline = time.monotonic() + seconds
        while not condition():
            if not self.running(part) or time.monotonic() >= deadline:
                raise self.failure(part)
            time.sleep(0.02)
        if not self.running(part):
            raise self.failure(part)

    def failure(self, part):
        """Stops what has started; the error to raise ends with the part's log."""
        log = self.folder / "logs" / f"{part}.log"
        if part == "nginx" and not (log.exists() and log.stat().st_size):
            log = self.folder / "logs/nginx-error.log"
        lines = log.read_text(errors="replace").splitlines()[-20:] if log.exists() else []
        self.stop()
        return StackError("\n    ".join([f"{part} did not start; the end of {log}:", *lines]))

    def end(self, part):
        """Signals a part and waits; kills it after its time, and its children (a killed multiwatch would leave its workers)."""
        pid = self.running(part)
        words = ""
        if pid:
            number, seconds = STOPPING[part]
            descendants = children(pid)
            os.kill(pid, number)
            deadline = time.monotonic() + seconds
            while self.running(part) and time.monotonic() < deadline:
                time.sleep(0.02)
            if self.running(part):
                for victim in (pid, *descendants):
                    if started_at(victim):
                        os.kill(victim, signal.SIGKILL)
                words = f"{part} did not stop within {seconds} s and was killed\n"
        (self.folder / "pids" / part).unlink(missing_ok=True)
        return words

    # --- configuration ---

    def prepare(self):
        for name in ("logs", "pids", "tmp", "todo", "static"):
            (self.folder / name).mkdir(exist_ok=True)
            (self.folder / name).chmod(0o755)
        self.folder.chmod(0o750 if os.geteuid() == 0 else 0o700)
        if os.geteuid() == 0:
            # nginx' workers become www-data: they need to pass through this folder to the socket and the static files.
            shutil.chown(self.folder, group="www-data")
        self.record(self.choose())
        (self.folder / "redis.conf").write_text(REDIS_CONF)
        self.write_worker()
        self.write_nginx()

    def choose(self):
        """Ports, workers and store. Tests name the store by STACK_STORE: a URI, or the word sqlite."""
        port = int(self.environment.get("PORT") or 8080)
        internal_port = int(self.environment.get("INTERNAL_PORT") or port + 1)
        wanted, uri, mongod_port = self.environment.get("STACK_STORE"), self.environment.get("MONGODB_URI"), ""
        if wanted and wanted != "sqlite":
            store, kind = wanted, "the one of STACK_STORE"
        elif uri and not wanted:
            store, kind = uri, "MongoDB, from MONGODB_URI"
        elif not wanted and shutil.which("mongod"):
            mongod_port = free_port()
            store = f"mongodb://127.0.0.1:{mongod_port}/todos"
            kind = f"a private mongod, data in {self.folder}/mongod"
        else:
            store, kind = f"sqlite:{self.folder}/todos.db", f"SQLite, {self.folder}/todos.db"
        return port, internal_port, self.environment.get("WORKERS") or 2, store, kind, mongod_port

    def record(self, values):
        """The file can be read by a shell, too."""
        lines = [f"{name}={shlex.quote(str(value))}\n" for name, value in zip(RECORDED, values)]
        self.write_private("env.new", "".join(lines))
        (self.folder / "env.new").rename(self.folder / "env")

    def recorded(self):
        try:
            words = shlex.split((self.folder / "env").read_text())
        except FileNotFoundError:
            raise StackError(f"{self.folder} has no configuration: ./dev stack prepare comes first") from None
        return dict(word.split("=", 1) for word in words)

    def write_private(self, name, text):
        path = self.folder / name
        path.unlink(missing_ok=True)
        with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
            file.write(text)

    def write_worker(self):
        """The path is absolute, so that todo-load and todoctl find Redis from any folder, unless it is too long for a socket."""
        redis = f"unix:{self.folder}/redis.sock"
        if len(redis) > SOCKET_PATH_MAX:
            redis = "unix:redis.sock"
        text = TODO_CONF.format(store=self.recorded()["STORE"], redis=redis, stats=self.folder / "stats")
        self.write_private("todo.conf", text)

    def write_nginx(self):
        ours = self.recorded()
        brotli = os.path.exists(BROTLI_MODULE)
        names = {
            "SOCKET": "todo.sock", "STATIC": "static", "ACCESS_LOG": "logs/nginx-access.log",
            "LISTEN": f"127.0.0.1:{ours['PORT']}", "INTERNAL_LISTEN": f"127.0.0.1:{ours['INTERNAL_PORT']}",
            "BROTLI": "on" if brotli else "off", "MODULES": f"load_module {BROTLI_MODULE};" if brotli else "",
            "USER_LINE": "user www-data www-data;" if os.geteuid() == 0 else "",
        }  # fmt: skip
        command = [ROOT / "dev", "nginx", self.folder / "todo"]
        written = subprocess.run(command, env={**self.environment, **names}, capture_output=True, text=True, umask=0o022)
        if written.returncode:
            raise StackError(written.stderr.strip())
        (self.folder / "todo/nginx.conf").rename(self.folder / "nginx.conf")
        self.copy_static()

    def copy_static(self):
        static = self.folder / "static"
        shutil.copytree(self.build() / "static", static, dirs_exist_ok=True)
        for path in (static, *static.rglob("*")):
            path.chmod(0o755 if path.is_dir() else 0o644)

    def build(self):
        return Path(self.environment.get("BUILD_DIR") or ROOT / "build").absolute()

    # --- parts ---

    def start(self, *parts):
        ours = self.recorded()
        for part in parts or PARTS:
            if not self.running(part):
                getattr(self, f"start_{part}")(ours)

    def stop(self, *parts):
        """Returns one line for each part that had to be killed."""
        words = ""
        for part in parts or reversed(PARTS):
            words += self.end(part)
            if part == "workers":
                (self.folder / "todo.sock").unlink(missing_ok=True)
        return words

    def start_store(self, ours):
        """SQLite needs no server; a MongoDB that a URI names is not ours to start."""
        port = ours["MONGOD_PORT"]
        if port:
            (self.folder / "mongod").mkdir(exist_ok=True)
            self.spawn("store", "mongod", "--dbpath", "mongod", "--bind_ip", "127.0.0.1", "--port", port, "--nounixsocket")
            self.wait("store", 60, lambda: port_open(port))

    def start_redis(self, _):
        (self.folder / "redis.sock").unlink(missing_ok=True)
        self.spawn("redis", "redis-server", "redis.conf")
        self.wait("redis", 10, self.redis_answers)

    def redis_answers(self):
        command = ["redis-cli", "-s", "redis.sock", "ping"]
        return (self.folder / "redis.sock").exists() and subprocess.run(
            command, cwd=self.folder, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        ).returncode == 0  # fmt: skip

    def start_workers(self, ours):
        # spawn-fcgi does not search the PATH for the program it executes.
        multiwatch = shutil.which("multiwatch", path=self.environment.get("PATH"))
        if not multiwatch:
            raise StackError("multiwatch is not installed")
        worker = [str(self.build() / "todo-fcgi"), "-c", "todo.conf"]
        with open(self.folder / "logs/workers.log", "ab") as log:
            # Wrong settings are told now and once, not by every worker that multiwatch starts.
            shown = subprocess.run(
                [*worker, "--show-config"], cwd=self.folder, env=self.environment, stdout=subprocess.DEVNULL, stderr=log
            )
        if shown.returncode:
            raise self.failure("workers")
        (self.folder / "todo.sock").unlink(missing_ok=True)
        group = ["-G", "www-data"] if os.geteuid() == 0 else []
        spawn_fcgi = ["spawn-fcgi", "-s", "todo.sock", "-M", "0660", *group, "-b", "1024", "-n", "--"]
        self.spawn("workers", *spawn_fcgi, multiwatch, "-f", ours["WORKERS"], *MULTIWATCH, *worker)
        self.wait("workers", 10, (self.folder / "todo.sock").is_socket)

    def start_nginx(self, ours):
        nginx = shutil.which("nginx", path=self.environment.get("PATH", "") + ":/usr/sbin")
        if not nginx:
            raise StackError("nginx is not installed")
        self.spawn("nginx", nginx, "-p", "./", "-e", "logs/nginx-error.log", "-c", "nginx.conf", "-g", "daemon off;")
        self.wait("nginx", 10, lambda: port_open(ours["PORT"]))

    # --- the whole ---

    def up(self):
        self.prepare()
        self.start()
        self.wait_answer()

    def wait_answer(self):
        """Waits for a real GET through all parts, TLS included, and until every worker trusts Redis: then a second GET can hit."""
        url = f"http://127.0.0.1:{self.recorded()['PORT']}/todos?limit=1"
        command = ["curl", "-fsSLk", "--max-time", "3", "-o", "/dev/null", url]
        deadline = time.monotonic() + 30
        while True:
            asked = subprocess.run(command, env=self.environment, stderr=subprocess.PIPE, text=True)
            if asked.returncode == 0:
                break
            if time.monotonic() >= deadline:
                raise StackError(f"{asked.stderr}{self.failure('workers')}")
            time.sleep(0.05)
        # Redis may be away and the log may be terse, so the wait is short and its end is no failure.
        deadline = time.monotonic() + 5
        while not self.workers_trust_redis() and time.monotonic() < deadline:
            time.sleep(0.02)

    def workers_trust_redis(self):
        log = (self.folder / "logs/workers.log").read_text(errors="replace")
        pids = children(self.running("workers") or 0)
        return bool(pids) and all(f" pid={pid} event=redis_trusted" in log for pid in pids)

    def status(self):
        """Prints a line for each part and returns whether all of them run."""
        if not (self.folder / "env").exists():
            print("Nothing runs; ./dev up starts it.")
            return False
        ours = self.recorded()
        pids = {part: self.running(part) for part in PARTS if part != "store" or ours["MONGOD_PORT"]}
        for part, pid in pids.items():
            print(f"{part:<8} runs, pid {pid}" if pid else f"{part:<8} is stopped")
        print(f"store: {ours['STORE_KIND']}")
        if all(pids.values()):
            print(f"http://127.0.0.1:{ours['PORT']}/ and, internal, http://127.0.0.1:{ours['INTERNAL_PORT']}/metrics")
        return all(pids.values())


def main(verb, *words):
    if verb == "ports":
        print(*free_ports())
    elif verb == "owner":
        if not port_open(words[0]):
            return 1
        print(port_owner(words[0]))
    elif verb in ("prepare", "start", "stop", "up", "status"):
        result = getattr(Supervisor(words[0]), verb)(*words[1:])
        if verb == "status":
            return 0 if result else 1
        print(result or "", end="")
    else:
        raise StackError(f"no such verb: {verb}")
    return 0


if __name__ == "__main__":
    if len(sys.argv) < 2 or (len(sys.argv) < 3 and sys.argv[1] != "ports"):
        sys.exit(__doc__)
    try:
        sys.exit(main(*sys.argv[1:]))
    except StackError as error:
        sys.exit(f"dev: {error}")
