# SPDX-License-Identifier: MIT
"""
Clients that write a history: threads, each with a kept-alive connection to nginx, on few ids that all of them change.

Every write gives the todo a name of its own, so that whoever sees it later tells which write it was, even one that never had an
answer. The client of a connection that breaks makes another one; what it had asked counts as lost if it was a write, and as
nothing if it was a read.
"""

import json
import math
import random
import re
import socket
import threading
import time

from history import ABSENT, Op

ETAG = re.compile(rb'^etag: "(\d+)-([0-9a-f]+)-[0-9a-f]+"', re.I | re.M)
TOLD = re.compile(rb"^todo-version: ([^\r]+)", re.I | re.M)
LENGTH = re.compile(rb"^content-length: (\d+)", re.I | re.M)
STATUS_CACHE = re.compile(rb"^cache-status: [^\r]*", re.I | re.M)
TIMEOUT_S = 8
LIST_LIMIT = 100


class Broken(Exception):
    """No answer: the connection broke, or the time was over."""


class Connection:
    """HTTP/1.1 as far as nginx and we speak it, with the costs of a few socket calls per request."""

    def __init__(self, port):
        self.port, self.socket, self.buffer = port, None, b""

    def close(self):
        if self.socket:
            self.socket.close()
        self.socket, self.buffer = None, b""

    def request(self, method, path, body=b"", headers=""):
        """(status, head, body)."""
        lines = f"{method} {path} HTTP/1.1\r\nHost: localhost\r\nContent-Length: {len(body)}\r\n{headers}\r\n"
        try:
            if self.socket is None:
                self.socket = socket.create_connection(("127.0.0.1", self.port), timeout=TIMEOUT_S)
                self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self.socket.sendall(lines.encode() + body)
            return self.receive()
        except (OSError, ValueError) as error:
            self.close()
            raise Broken(str(error)) from error

    def fill(self):
        more = self.socket.recv(65536)
        if not more:
            raise ValueError("closed in the midst of an answer")
        self.buffer += more

    def receive(self):
        while b"\r\n\r\n" not in self.buffer:
            self.fill()
        head, _, self.buffer = self.buffer.partition(b"\r\n\r\n")
        status = int(head[9:12])
        length = LENGTH.search(head)
        if length is None and status not in (204, 304):
            raise ValueError("an answer without a length")
        length = int(length[1]) if length and status not in (204, 304) else 0
        while len(self.buffer) < length:
            self.fill()
        body, self.buffer = self.buffer[:length], self.buffer[length:]
        if b"connection: close" in head.lower():
            self.close()
        return status, head, body


def state_of(head):
    """(life, version) in an answer's ETag."""
    found = ETAG.search(head)
    return (found[2].decode(), int(found[1])) if found else None


class Client(threading.Thread):
    def __init__(self, load, number):
        super().__init__(daemon=True)
        self.load, self.number = load, number
        self.random = random.Random(f"{load.seed}/{number}")
        self.connection = Connection(load.ports[number % len(load.ports)])
        self.ops, self.statuses, self.latencies = [], {}, []
        self.hits = []  # (time, whether it was one) of each read
        self.told = {}  # the Todo-Version of this client's last write of each id, and the state that it made
        self.tags = {}  # the last ETag seen of each id
        self.names = 0
        self.failed = None

    def run(self):
        try:
            while not self.load.over.is_set():
                verb = self.random.choices(self.load.verbs, self.load.weights)[0]
                getattr(self, verb)(self.random.choice(self.load.ids))
                pause_s = self.load.pause_s * 2 * self.random.random()
                if pause_s > 0:
                    time.sleep(pause_s)
        except Exception as error:  # told by Load.stop()
            self.failed = error
        self.connection.close()

    def ask(self, method, path, body=b"", headers=""):
        """(begin, end, status, head, body); after a lost answer status 0 and end infinity."""
        begin = time.monotonic()
        try:
            status, head, body = self.connection.request(method, path, body, headers)
            end = time.monotonic()
        except Broken:
            status, head, body, end = 0, b"", b"", math.inf
            time.sleep(0.01)
        self.statuses[status] = self.statuses.get(status, 0) + 1
        return begin, end, status, head, body

    def name(self):
        self.names += 1
        return f"c{self.number}-{self.names}"

    def note(self, *parts, **more):
        self.ops.append(Op(*parts, **more))

    # --- reads ---

    def get(self, id, headers=""):
        begin, end, status, head, body = self.ask("GET", f"/todos/{id}", headers=headers)
        if status:
            self.latencies.append((begin, end - begin))
        if status == 200:
            state, name = state_of(head), json.loads(body)["name"]
            self.tags[id] = (re.search(rb'^etag: (".*?")', head, re.I | re.M)[1].decode(), state)
            self.note(id, "read", begin, end, state, name, note=self.how(begin, head))
        elif status == 404:
            self.tags.pop(id, None)
            self.note(id, "read", begin, end, ABSENT, note=self.how(begin, head))

    def sure(self, id):
        """Shows what its own last write answered. Whatever has befallen, the read shows no older state of that life."""
        told, made = self.told.get(id, (None, None))
        self.get(id, f"Todo-Version: {told}\r\n" if told else "")
        last = self.ops[-1] if self.ops else None
        if told and last.kind == "read" and isinstance(last.state, tuple) and last.id == id and last.state[0] == made[0]:
            assert last.state[1] >= made[1], f"{last}, though it asked with {told}"

    def how(self, begin, head):
        found = STATUS_CACHE.search(head)
        self.hits.append((begin, bool(found and b"hit" in found[0])))
        return found[0].decode()[14:] if found else ""

    def list(self, _):
        """A page that holds all todos there are shows each id's state, or that it has none."""
        begin, end, status, head, body = self.ask("GET", f"/todos?limit={LIST_LIMIT}")
        if status != 200:
            return
        names = {todo["id"]: todo["name"] for todo in json.loads(body)["todos"]}
        assert len(names) < LIST_LIMIT, "the page may not hold all"
        how = "list " + self.how(begin, head)
        for id in self.load.listed:
            if id in names:
                self.note(id, "read", begin, end, None, names[id], note=how)
            else:
                self.note(id, "read", begin, end, ABSENT, note=how)

    # --- writes ---

    def made(self, id, name, begin, end, status, head):
        """What is known after a write that gives name. Statuses that say no leave at most the knowledge that nobody is there."""
        if status in (200, 201):
            self.note(id, "write", begin, end, state_of(head), name)
            self.told[id] = (TOLD.search(head)[1].decode(), state_of(head))
        elif status == 404:
            self.note(id, "read", begin, end, ABSENT, note="by a write")
        elif status == 0 or status >= 500:
            self.note(id, "write", begin, math.inf, None, name, note=f"status {status}")

    def write(self, method, path, id, fields, headers=""):
        name = self.name()
        body = json.dumps({"name": name, **fields}).encode()
        content_type = "application/merge-patch+json" if method == "PATCH" else "application/json"
        headers = f"Content-Type: {content_type}\r\n{headers}"
        begin, end, status, head, _ = self.ask(method, path, body, headers)
        self.made(id, name, begin, end, status, head)

    def put(self, id):
        self.write("PUT", f"/todos/{id}", id, {})

    def patch(self, id):
        self.write("PATCH", f"/todos/{id}", id, {"done": self.random.random() < 0.5})

    def post(self, id):
        self.write("POST", "/todos", id, {"id": id})

    def delete(self, id):
        tag, victim = self.tags.get(id, (None, None)) if self.random.random() < 0.6 else (None, None)
        begin, end, status, _, _ = self.ask("DELETE", f"/todos/{id}", headers=f"If-Match: {tag}\r\n" if tag else "")
        if status == 204:
            self.note(id, "delete", begin, end, ABSENT, victim=victim)
        elif status == 404:
            self.note(id, "read", begin, end, ABSENT, note="by a delete")
        elif status == 0 or status >= 500:
            self.note(id, "delete", begin, math.inf, None, victim=victim, note=f"status {status}")


WEIGHTS = {"get": 76, "list": 4, "patch": 9, "put": 4, "post": 3, "delete": 4}


class Load:
    """with Load(ports, ids) as load: ...; afterwards load.ops is the history."""

    kind = Client

    def __init__(self, ports, ids, clients=8, pause_s=0.003, weights=WEIGHTS, seed=0):
        self.ports, self.ids, self.pause_s, self.seed = ports, ids, pause_s, seed
        self.listed = ids  # those that a page tells of
        self.verbs, self.weights = list(weights), list(weights.values())
        self.over = threading.Event()
        self.clients = [self.kind(self, number) for number in range(clients)]

    def __enter__(self):
        for client in self.clients:
            client.start()
        return self

    def __exit__(self, kind, *_):
        self.over.set()
        for client in self.clients:
            client.join(2 * TIMEOUT_S)
        failed = [client.failed for client in self.clients if client.failed]
        if failed and kind is None:
            raise failed[0]

    def stop_writing(self):
        for number, verb in enumerate(self.verbs):
            if verb not in ("get", "list"):
                self.weights[number] = 0

    @property
    def ops(self):
        return [op for client in self.clients for op in client.ops]

    @property
    def statuses(self):
        total = {}
        for client in self.clients:
            for status, count in client.statuses.items():
                total[status] = total.get(status, 0) + count
        return dict(sorted(total.items()))

    def latencies(self, since=0, until=math.inf):
        """Of the reads that had an answer and began then, in order."""
        return sorted(s for client in self.clients for begin, s in list(client.latencies) if since <= begin < until)

    def hits(self):
        return sum(is_hit for client in self.clients for _, is_hit in list(client.hits))

    def hit_rate(self, since, until):
        hits = [is_hit for client in self.clients for begin, is_hit in list(client.hits) if since <= begin < until]
        return sum(hits) / len(hits) if hits else 0.0
