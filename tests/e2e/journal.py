# SPDX-License-Identifier: MIT
"""
The write queue's journal for a stack: a Redis of its own, which is durable (QueueRedis), or a folder (file:queue).

Paths are relative to the stack's folder, where the workers run.
"""

import signal
import subprocess
import time

from stack import wait_until

REDIS = "redis://unix:queue.sock"
FILE = "file:queue"
OPTIONS = """
    --port 0 --unixsocket queue.sock --unixsocketperm 777 --dir . --save "" --appendonly yes --appenddirname queue-aof
    --appendfsync always --maxmemory-policy noeviction
""".split()


class QueueRedis:
    def __init__(self, folder, *options):
        self.folder, self.options, self.process = folder, options, None

    def start(self, conf=None):
        """With what it has in its append-only file. conf: a file in place of these options; its socket's name is the Debian unit's."""
        self.socket = "redis-server.sock" if conf else "queue.sock"
        (self.folder / self.socket).unlink(missing_ok=True)
        options = [conf] if conf else [word.strip('"') for word in (*OPTIONS, *self.options)]
        with open(self.folder / "queue-redis.log", "ab") as log:
            self.process = subprocess.Popen(["redis-server", *options], cwd=self.folder, stdout=log, stderr=log)
        wait_until(self.answers, 10, "the queue's Redis")
        return self

    def answers(self):
        assert self.process.poll() is None, (self.folder / "queue-redis.log").read_text()
        return (self.folder / self.socket).exists() and self.ask("ping") == "PONG"

    def ask(self, *words):
        command = ["redis-cli", "-s", self.socket, *words]
        return subprocess.run(command, cwd=self.folder, capture_output=True, text=True).stdout.strip()

    def kill(self):
        """As a loss of power of its process: what it had not written is gone."""
        self.end(signal.SIGKILL)

    def stop(self):
        if self.process and self.process.poll() is None:
            self.end(signal.SIGTERM)

    def end(self, number):
        self.process.send_signal(number)
        self.process.wait(30)


def figures(stack):
    """What todoctl says of all shards: {"depth": 0, "dead": 0}."""
    told = stack.ctl("queue")
    assert told.returncode in (0, 1), told.stdout + told.stderr
    words = told.stdout.splitlines()[-1].split()
    return {"depth": int(words[1]), "dead": int(words[-1])}


def wait_until_drained(stack, seconds=30):
    """Returns the seconds that it took."""
    begun = time.monotonic()
    wait_until(lambda: figures(stack)["depth"] == 0, seconds, "an empty queue")
    return time.monotonic() - begun
