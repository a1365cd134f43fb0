# SPDX-License-Identifier: MIT
"""
A little BSON and a little of MongoDB's wire protocol, so that tests need no driver: files as mongodump writes them, and a
look at what is in a collection.
"""

import itertools
import socket
import struct
from urllib.parse import urlsplit

POLYNOMIAL = 0xC96C5795D7870F42  # CRC-64/XZ, as mongodump's archives have it


def encode(document):
    """Strings, booleans, integers (64 bits), None, bytes of 12 (ObjectId), lists and dictionaries."""
    body = b"".join(element(name, value) for name, value in document.items())
    return struct.pack("<i", len(body) + 5) + body + b"\0"


def element(name, value):
    key = name.encode() + b"\0"
    if isinstance(value, bool):
        return b"\x08" + key + bytes([value])
    if isinstance(value, int):
        return b"\x12" + key + struct.pack("<q", value)
    if isinstance(value, str):
        text = value.encode()
        return b"\x02" + key + struct.pack("<i", len(text) + 1) + text + b"\0"
    if isinstance(value, bytes) and len(value) == 12:
        return b"\x07" + key + value
    if isinstance(value, dict):
        return b"\x03" + key + encode(value)
    if isinstance(value, list):
        return b"\x04" + key + encode({str(i): one for i, one in enumerate(value)})
    assert value is None, value
    return b"\x0a" + key


def decode(data):
    """The other way round; dates come as milliseconds."""
    document, at = {}, 4
    while data[at]:
        kind, end = data[at], data.index(b"\0", at + 1)
        name, at = data[at + 1 : end].decode(), end + 1
        document[name], at = value_at(kind, data, at)
    return document


def value_at(kind, data, at):
    if kind == 0x02:
        end = at + 4 + struct.unpack_from("<i", data, at)[0]
        return data[at + 4 : end - 1].decode(), end
    if kind in (0x03, 0x04):
        end = at + struct.unpack_from("<i", data, at)[0]
        inner = decode(data[at:end])
        return (inner if kind == 0x03 else list(inner.values())), end
    if kind == 0x05:
        end = at + 5 + struct.unpack_from("<i", data, at)[0]
        return data[at + 5 : end], end
    if kind == 0x07:
        return data[at : at + 12].hex(), at + 12
    if kind == 0x08:
        return bool(data[at]), at + 1
    if kind == 0x0A:
        return None, at
    layout = {0x01: "<d", 0x09: "<q", 0x10: "<i", 0x11: "<Q", 0x12: "<q"}[kind]
    return struct.unpack_from(layout, data, at)[0], at + struct.calcsize(layout)


def crc64(data):
    crc = 0xFFFFFFFFFFFFFFFF
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ (POLYNOMIAL if crc & 1 else 0)
    return crc ^ 0xFFFFFFFFFFFFFFFF


def archive(collections, rows_per_block=100):
    """{"db.collection": [document, ...]} as a mongodump archive, blocks of the collections alternating."""
    end = b"\xff" * 4
    out = bytes.fromhex("6de29981") + encode({"version": "0.1", "server_version": "6.0.0", "tool_version": "100.7.0"})
    blocks = {name: [] for name in collections}
    for name, documents in collections.items():
        db, collection = name.split(".", 1)
        out += encode({"db": db, "collection": collection, "metadata": "{}"})
        header = {"db": db, "collection": collection, "EOF": False, "CRC": 0}
        for at in range(0, len(documents), rows_per_block):
            data = b"".join(map(encode, documents[at : at + rows_per_block]))
            blocks[name].append(encode(header) + data + end)
        crc = crc64(b"".join(map(encode, documents)))
        signed = crc - (1 << 64) if crc >> 63 else crc
        blocks[name].append(encode({**header, "EOF": True, "CRC": signed}) + end)
    out += end
    for turn in itertools.zip_longest(*blocks.values(), fillvalue=b""):
        out += b"".join(turn)
    return out


class Mongo:
    """One connection to the server of a URI; run() sends a command to its database."""

    def __init__(self, uri):
        parts = urlsplit(uri)
        self.database = parts.path.strip("/")
        self.connection = socket.create_connection((parts.hostname, parts.port or 27017), timeout=30)

    def run(self, command):
        body = struct.pack("<iB", 0, 0) + encode({**command, "$db": self.database})
        self.connection.sendall(struct.pack("<iiii", len(body) + 16, 1, 0, 2013) + body)
        length = struct.unpack("<i", self.read(4))[0]
        answer = decode(self.read(length - 4)[12 + 5 :])
        assert answer["ok"] == 1, answer
        return answer

    def read(self, length):
        data = b""
        while len(data) < length:
            piece = self.connection.recv(length - len(data))
            assert piece, "the server closed the connection"
            data += piece
        return data

    def find_all(self, collection):
        cursor = self.run({"find": collection, "filter": {}, "batchSize": 1000})["cursor"]
        documents = cursor["firstBatch"]
        while cursor["id"]:
            cursor = self.run({"getMore": cursor["id"], "collection": collection, "batchSize": 1000})["cursor"]
            documents += cursor["nextBatch"]
        return documents

    def close(self):
        self.connection.close()
