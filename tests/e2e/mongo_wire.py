# SPDX-License-Identifier: MIT
"""
A MongoDB server as the driver sees it, whatever it answers: OP_MSG with document sequences, and OP_QUERY for the first hello
("MongoDB Wire Protocol"); hello with topologyVersion, awaited and streamed (the drivers' "Server Discovery and Monitoring").

A host is a member of a replica set (mongo_server.py) or a router (mongo_router.py): it says hello(), answers a command, and can be
told to freeze, to fail commands, or to lose their answers.
"""

import contextlib
import itertools
import os
import socket
import struct
import threading
import time

from tiny_bson import ObjectId, decode, encode

OP_REPLY, OP_QUERY, OP_MSG = 1, 2004, 2013
MORE_TO_COME, EXHAUST_ALLOWED = 1 << 1, 1 << 16
HELLOS = ("hello", "ismaster")


class Host:
    """monitor guards its state: it has a lock, changing(), and wait(condition, seconds)."""

    def __init__(self, monitor, port):
        self.monitor, self.port, self.host = monitor, port, f"127.0.0.1:{port}"
        self.listener, self.connections, self.is_frozen = None, set(), False
        self.topology_counter, self.process_id = 0, ObjectId(os.urandom(12).hex())
        self.delay_s, self.faults, self.seen = 0.0, [], []

    # --- what a test says ---

    def freeze(self, frozen=True):
        """Connections stay, and nothing is answered."""
        with self.monitor.changing():
            self.is_frozen = frozen

    def lose_answers(self, *names, count=1):
        """The next commands of these names are executed, and their connections cut before the answer."""
        with self.monitor.changing():
            self.faults.append({"names": names, "count": count, "error": None})

    def fail(self, code, name, *names, count=1):
        """The next commands of these names do nothing and are answered with an error."""
        with self.monitor.changing():
            self.faults.append({"names": names, "count": count, "error": (code, name)})

    def clear_faults(self):
        with self.monitor.changing():
            self.faults = []

    # --- connections ---

    @property
    def is_gone(self):
        return self.listener is None

    def listen(self):
        self.process_id = ObjectId(os.urandom(12).hex())
        self.listener = socket.create_server(("127.0.0.1", self.port), backlog=128)
        threading.Thread(target=self.accept, args=(self.listener,), daemon=True).start()

    def hang_up(self):
        listener, self.listener = self.listener, None
        with contextlib.suppress(OSError):
            listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        self.close_connections()

    def accept(self, listener):
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            with self.monitor.changing():
                self.connections.add(connection)
            threading.Thread(target=self.serve, args=(connection,), daemon=True).start()

    def close_connections(self):
        for connection in self.connections:
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)

    def serve(self, connection):
        try:
            with contextlib.suppress(OSError):
                while Conversation(self, connection).turn():
                    pass
        finally:
            with self.monitor.changing():
                self.connections.discard(connection)
            connection.close()

    # --- answers ---

    def thaw(self):
        self.monitor.wait(lambda: not self.is_frozen, None)

    def topology_version(self):
        return {"processId": self.process_id, "counter": self.topology_counter}

    def fault_for(self, name):
        for fault in self.faults:
            if fault["count"] > 0 and name in [one.lower() for one in fault["names"]]:
                fault["count"] -= 1
                return fault
        return None


class Conversation:
    """One request of a connection and its answer, or its answers."""

    def __init__(self, host, connection):
        self.host, self.connection, self.numbers = host, connection, itertools.count(1)

    def turn(self):
        length, self.request_id, _, operation = struct.unpack("<iiii", self.read(16))
        body = self.read(length - 16)
        if self.host.delay_s:
            time.sleep(self.host.delay_s)
        if operation == OP_QUERY:
            return self.answer_query(body)
        assert operation == OP_MSG, operation
        flags, command = self.parse(body)
        if next(iter(command)).lower() in HELLOS:
            return self.answer_hello(flags, command)
        answer = self.host.answer(command)
        if answer is None:
            return False
        if not flags & MORE_TO_COME:
            self.send(answer)
        return True

    def read(self, length):
        data = b""
        while len(data) < length:
            piece = self.connection.recv(length - len(data))
            if not piece:
                raise ConnectionError("gone")
            data += piece
        return data

    @staticmethod
    def parse(body):
        flags, at, command = struct.unpack_from("<I", body)[0], 4, {}
        while at < len(body):
            kind, at = body[at], at + 1
            size = struct.unpack_from("<i", body, at)[0]
            if kind == 0:
                command = {**decode(body[at : at + size]), **command}
            else:
                end = body.index(b"\0", at + 4)
                name, inner, rows = body[at + 4 : end].decode(), end + 1, []
                while inner < at + size:
                    length = struct.unpack_from("<i", body, inner)[0]
                    rows.append(decode(body[inner : inner + length]))
                    inner += length
                command[name] = rows
            at += size
        return flags, command

    def answer_query(self, body):
        at = body.index(b"\0", 4) + 9
        assert next(iter(decode(body[at:]))).lower() in HELLOS
        with self.host.monitor.lock:
            self.host.thaw()
            document = encode(self.host.hello())
        reply = struct.pack("<iqii", 8, 0, 0, 1) + document
        self.connection.sendall(struct.pack("<iiii", len(reply) + 16, next(self.numbers), self.request_id, OP_REPLY) + reply)
        return True

    def answer_hello(self, flags, command):
        """At once; or, if the client says what it has seen, when there is news or its time is over; then again if it wants a stream."""
        seen = command.get("topologyVersion", {})
        while True:
            with self.host.monitor.lock:
                host = self.host
                if seen.get("processId") == host.process_id:
                    wanted = seen["counter"]
                    host.monitor.wait(lambda: host.topology_counter > wanted or host.is_gone, command["maxAwaitTimeMS"] / 1000)
                self.host.thaw()
                if host.is_gone:
                    return False
                answer = host.hello()
            streams = bool(seen and flags & EXHAUST_ALLOWED)
            self.send(answer, MORE_TO_COME if streams else 0)
            if not streams:
                return True
            seen = answer["topologyVersion"]

    def send(self, answer, flags=0):
        body = struct.pack("<IB", flags, 0) + encode(answer)
        self.connection.sendall(struct.pack("<iiii", len(body) + 16, next(self.numbers), self.request_id, OP_MSG) + body)
