# SPDX-License-Identifier: MIT
"""A primary, a replica and three sentinels, in a folder and on ports of their own; all of them end with the tests."""

import ctypes
import signal
import subprocess

from ports import free_port
from stack import wait_until

NAME = "todos"
DIE_WITH_PARENT = 1
LIBC = ctypes.CDLL(None)

MEMBER = """
port {port}
bind 127.0.0.1
dir {folder}
save ""
appendonly no
repl-diskless-sync-delay 0
maxmemory 64mb
maxmemory-policy allkeys-lfu
"""

SENTINEL = """
port {port}
bind 127.0.0.1
dir {folder}
sentinel monitor {name} 127.0.0.1 {primary} 2
sentinel down-after-milliseconds {name} 1000
sentinel failover-timeout {name} 5000
"""


def die_with_parent():
    LIBC.prctl(DIE_WITH_PARENT, signal.SIGKILL)


class Server:
    """A process of redis-server's: a member of the group, or a sentinel."""

    def __init__(self, folder, config, mode=(), auth=()):
        self.folder, self.mode, self.auth, self.process = folder, mode, auth, None
        self.port = free_port()
        folder.mkdir()
        self.file = folder / "redis.conf"
        self.file.write_text(config(self))

    def start(self, *options):
        with (self.folder / "log").open("ab") as log:
            self.process = subprocess.Popen(
                ["redis-server", self.file, *self.mode, *options],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                preexec_fn=die_with_parent,
            )
        wait_until(lambda: self.says("ping") == "PONG", 20, "an answer to PING")

    def says(self, *words):
        """What it answers, as redis-cli prints it to a file; errors as well."""
        command = ["redis-cli", "-p", str(self.port), *self.auth, *words]
        return subprocess.run(command, capture_output=True, text=True, timeout=30).stdout.strip()

    def info(self):
        return dict(line.partition(":")[::2] for line in self.says("info").splitlines())

    def stop(self):
        if self.process:
            self.process.kill()
            self.process.wait()
            self.process = None


class Group:
    """members[0] is the primary at first. member and sentinel are what their configuration files say besides."""

    def __init__(self, folder, member="", sentinel="", member_auth=(), sentinel_auth=()):
        self.members = [
            Server(folder / f"member{number}", self.config(MEMBER + member), auth=member_auth) for number in range(2)
        ]
        self.sentinels = [
            Server(folder / f"sentinel{number}", self.config(SENTINEL + sentinel), ["--sentinel"], sentinel_auth)
            for number in range(3)
        ]

    def config(self, text):
        def fill(server):
            primary = getattr(self, "members", [server])[0].port
            return text.format(port=server.port, folder=server.folder, name=NAME, primary=primary)

        return fill

    @property
    def url(self):
        hosts = ",".join(f"127.0.0.1:{sentinel.port}" for sentinel in self.sentinels)
        return f"sentinel://{hosts}/{NAME}"

    def start(self):
        self.members[0].start()
        self.join(self.members[1], self.members[0])
        for sentinel in self.sentinels:
            sentinel.start()
        wait_until(lambda: all(self.is_ready(sentinel) for sentinel in self.sentinels), 30, "sentinels that know all")
        return self

    def join(self, replica, primary):
        """Starts a member as the other's replica."""
        replica.start("--replicaof", f"127.0.0.1 {primary.port}")
        wait_until(lambda: replica.info().get("master_link_status") == "up", 20, "a replica in step")

    @staticmethod
    def is_ready(sentinel):
        words = sentinel.says("sentinel", "master", NAME).splitlines()
        known = dict(zip(words[::2], words[1::2]))
        return known.get("num-slaves") == "1" and known.get("num-other-sentinels") == "2" and known["flags"] == "master"

    @property
    def primary(self):
        """Whom every sentinel names; None while they differ."""
        named = {sentinel.says("sentinel", "get-master-addr-by-name", NAME) for sentinel in self.sentinels}
        return next((member for member in self.members if named == {f"127.0.0.1\n{member.port}"}), None)

    def other(self, member):
        return self.members[1 - self.members.index(member)]

    def wait_primary(self, member):
        wait_until(lambda: self.primary is member and member.info().get("role") == "master", 60, "a new primary")

    def kill_primary(self):
        """kill -9, and waits for the new one, which is returned."""
        heir = self.other(self.primary)
        self.other(heir).stop()
        self.wait_primary(heir)
        return heir

    def fail_over(self):
        """As an operator asks for it; returns the new primary."""
        heir = self.other(self.primary)
        wait_until(lambda: self.sentinels[0].says("sentinel", "failover", NAME) == "OK", 60, "a replica good enough")
        self.wait_primary(heir)
        return heir

    def stop(self):
        for server in self.sentinels + self.members:
            server.stop()
