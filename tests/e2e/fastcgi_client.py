# SPDX-License-Identifier: MIT
"""
A raw FastCGI peer (FastCGI 1.0): sends whatever a test wants, in whatever pieces, and reads records strictly.

It takes the place of nginx in tests of what nginx never does. Each read has a limit, so a worker that is silent fails a
test and doesn't hang it.
"""

import json
import select
import socket
import struct

BEGIN, ABORT, END, PARAMS, STDIN, STDOUT, STDERR, GET_VALUES = 1, 2, 3, 4, 5, 6, 7, 9
REQUEST_ID = 1


def record(kind, content=b"", request_id=REQUEST_ID, padding=0):
    return struct.pack("!BBHHBx", 1, kind, request_id, len(content), padding) + content + bytes(padding)


def length(count):
    return bytes([count]) if count < 128 else struct.pack("!I", 0x80000000 | count)


def pairs(params):
    encoded = [(name.encode(), value.encode()) for name, value in params.items()]
    return b"".join(length(len(name)) + length(len(value)) + name + value for name, value in encoded)


def stream(kind, content, size=65528, padding=0):
    """A stream: content in records of up to size bytes, and the empty record that ends it."""
    parts = [content[i : i + size] for i in range(0, len(content), size)]
    return b"".join(record(kind, part, padding=padding) for part in parts) + record(kind)


def request(method, path, body=b"", query="", keep=True, size=65528, padding=0, **params):
    """A whole request; more params by name: content_type="text/plain"."""
    found = {"REQUEST_METHOD": method, "DOCUMENT_URI": path, "QUERY_STRING": query}
    if body:
        found["CONTENT_TYPE"] = "application/json"
    found.update({name.upper(): value for name, value in params.items()})
    begin = record(BEGIN, struct.pack("!HB5x", 1, 1 if keep else 0))
    return begin + stream(PARAMS, pairs(found), size, padding) + stream(STDIN, body, size, padding)


class Answer:
    """What came up to END_REQUEST; ended is false if the worker closed before it."""

    def __init__(self, stdout, ended, notes):
        self.ended, self.notes = ended, notes
        head, _, self.body = stdout.partition(b"\r\n\r\n")
        lines = [line.partition(b": ") for line in head.split(b"\r\n") if line]
        self.headers = {name.decode().lower(): value.decode() for name, _, value in lines}
        self.status = int(self.headers.get("status", "0").split()[0])

    @property
    def json(self):
        return json.loads(self.body)

    def __repr__(self):
        return f"{self.status} ended={self.ended} {self.headers} {self.body[:300]!r}"


class Connection:
    def __init__(self, path, seconds=10):
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.socket.settimeout(seconds)
        self.socket.connect(str(path))

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        self.socket.close()

    def send(self, data):
        self.socket.sendall(data)

    def read_exactly(self, count):
        data = b""
        while len(data) < count:
            part = self.socket.recv(count - len(data))
            if not part:
                return None
            data += part
        return data

    def read_record(self):
        """(kind, content), or None at the end of the connection."""
        header = self.read_exactly(8)
        if header is None:
            return None
        version, kind, request_id, content_len, padding = struct.unpack("!BBHHBx", header)
        assert (version, request_id) == (1, REQUEST_ID), header
        content = self.read_exactly(content_len + padding)
        return None if content is None else (kind, content[:content_len])

    def read_answer(self):
        stdout, notes = b"", 0
        while True:
            try:
                found = self.read_record()
            except ConnectionResetError:
                found = None
            if found is None:
                return Answer(stdout, False, notes)
            kind, content = found
            if kind == END:
                return Answer(stdout, True, notes)
            if kind == STDERR:
                assert content == b"", content
                notes += 1
            else:
                assert kind == STDOUT, kind
                stdout += content

    def ask(self, method, path, body=b"", **rest):
        self.send(request(method, path, body, **rest))
        answer = self.read_answer()
        assert answer.ended, answer
        return answer

    def silent(self, seconds=0.1):
        """Whether nothing comes, the end of the connection included."""
        return not select.select([self.socket], [], [], seconds)[0]

    def at_end(self):
        """Waits for the worker to close; records of the stderr stream may come before."""
        try:
            while True:
                found = self.read_record()
                if found is None:
                    return True
                assert found[0] == STDERR, found
        except ConnectionResetError:
            return True
