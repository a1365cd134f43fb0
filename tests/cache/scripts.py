# SPDX-License-Identifier: MIT
"""A Redis that speaks RESP2, and the protocol's scripts as calls of its keys: what test_scripts.py stands on."""

import socket
from pathlib import Path

SRC = Path(__file__).resolve().parents[2] / "src"
SCRIPTS = {path.stem: path for path in sorted(SRC.glob("**/*.lua"))}
ENTRY, LEASE, WRITERS = TODO = ["todo:1:{a}", "todo:1:{a}:lease", "todo:1:{a}:writers"]
OTHER = [key.replace("{a}", "{b}") for key in TODO]
GENERATION, LIST_WRITERS = LIST = ["todos:1:{list}:gen", "todos:1:{list}:writers"]
BEAT, WATERMARK = "todos:1:{list}:beat", "todos:1:{list}:watermark"
PAGE, PAGES = "todos:1:{list}:0123456789abcdef", "todos:1:{list}:pages"
PAGES_MAX = 3
WINDOW_MS, LEASE_MS, TTL_MS, GENERATION_MS = 10000, 3000, 60000, 120000
DAY_MS = 86400000


class Refused(Exception):
    """An error that Redis answered."""


class Redis:
    """A connection that speaks RESP2, as far as tests need it."""

    def __init__(self, path):
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.settimeout(10)
        self.socket.connect(str(path))
        self.stream = self.socket.makefile("rb")

    def close(self):
        self.stream.close()
        self.socket.close()

    def __call__(self, *args):
        parts = [arg if isinstance(arg, bytes) else str(arg).encode() for arg in args]
        self.socket.sendall(b"*%d\r\n" % len(parts) + b"".join(b"$%d\r\n%s\r\n" % (len(p), p) for p in parts))
        answer = self.read()
        if isinstance(answer, Refused):
            raise answer
        return answer

    def read(self):
        line = self.stream.readline()
        kind, rest = line[:1], line[1:-2].decode()
        if kind == b"-":
            return Refused(rest)
        if kind == b":":
            return int(rest)
        if kind == b"+":
            return rest
        if int(rest) < 0:
            return None
        if kind == b"*":
            return [self.read() for _ in range(int(rest))]
        return self.stream.read(int(rest) + 2)[:-2].decode()

    def run(self, name, keys, *args):
        """A script by its file's text, as the worker does after a NOSCRIPT."""
        return self("EVAL", SCRIPTS[name].read_bytes(), len(keys), *keys, *args)

    def hash(self, key):
        flat = self("HGETALL", key)
        return dict(zip(flat[::2], flat[1::2]))


def word_of(answer):
    """Without the watermark behind it; of a store that has none."""
    return answer.removesuffix(" ") if isinstance(answer, str) else answer


def acquire(redis, token="reader", after_ms=-1, lease_ms=LEASE_MS, keys=TODO):
    return word_of(redis.run("acquire", [*keys, WATERMARK], token, lease_ms, after_ms, ""))


def fill(redis, token="reader", *fields):
    return redis.run("fill", [ENTRY, LEASE], token, TTL_MS, *(fields or ("v", "1", "name", "x", "at", "1000")))


def clear(redis, at_ms):
    return redis.run("clear", TODO, at_ms)


def now_ms(redis):
    seconds, us = redis("TIME")
    return int(seconds) * 1000 + int(us) // 1000


def fence(redis, token="writer", keys=TODO, window_ms=WINDOW_MS):
    return redis.run("fence", keys, window_ms, token)


def unfence(redis, token="writer", keys=TODO):
    """How many ids had lost the token."""
    return len(redis.run("unfence", keys, token))


def list_acquire(redis, token="g0"):
    return word_of(redis.run("list_acquire", [*LIST, WATERMARK], token, GENERATION_MS, ""))


def list_fill(redis, generation, page=PAGE):
    return redis.run("list_fill", [page, *LIST, PAGES], generation, TTL_MS, PAGES_MAX, "body", "[]", "gen", generation)


def list_fence(redis, token="writer", window_ms=WINDOW_MS):
    return fence(redis, token, LIST, window_ms)


def list_unfence(redis, token="writer"):
    return unfence(redis, token, LIST)


def invalidate(redis, left, keys=TODO):
    return redis.run("invalidate", keys, *([left] if isinstance(left, str) else left))
