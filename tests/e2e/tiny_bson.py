# SPDX-License-Identifier: MIT
"""
A little BSON and a little of MongoDB's wire protocol, so that tests need no driver: files as mongodump writes them, a look at
what is in a collection, and what a server for tests (mongo_server.py) needs.
"""

import itertools
import socket
import struct
import time

POLYNOMIAL = 0xC96C5795D7870F42  # CRC-64/XZ, as mongodump's archives have it


# What BSON tells apart and Python does not. Each compares as its base does, so that a test may compare with plain values.
class Int32(int):
    pass


class Date(int):
    """Milliseconds since 1970."""


class Timestamp(int):
    """Seconds in the upper 32 bits, a counter in the lower ones."""


class ObjectId(str):
    """24 hexadecimal digits."""


class Binary(bytes):
    subtype = 0


NUMBERS = ((Int32, 0x10, "<i"), (Date, 0x09, "<q"), (Timestamp, 0x11, "<Q"), (int, 0x12, "<q"), (float, 0x01, "<d"))


def encode(document):
    """Strings, booleans, integers (64 bits), floats, None, lists, dictionaries, the types above; bytes of 12 are an ObjectId."""
    body = b"".join(element(name, value) for name, value in document.items())
    return struct.pack("<i", len(body) + 5) + body + b"\0"


def element(name, value):
    key = name.encode() + b"\0"
    if isinstance(value, bool):
        return b"\x08" + key + bytes([value])
    for kind, tag, layout in NUMBERS:
        if isinstance(value, kind):
            return bytes([tag]) + key + struct.pack(layout, value)
    if isinstance(value, ObjectId):
        return b"\x07" + key + bytes.fromhex(value)
    if isinstance(value, Binary):
        return b"\x05" + key + struct.pack("<iB", len(value), value.subtype) + value
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
    """The other way round."""
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
        value = Binary(data[at + 5 : end])
        value.subtype = data[at + 4]
        return value, end
    if kind == 0x07:
        return ObjectId(data[at : at + 12].hex()), at + 12
    if kind == 0x08:
        return bool(data[at]), at + 1
    if kind == 0x0A:
        return None, at
    [(make, layout)] = [(make, layout) for make, tag, layout in NUMBERS if tag == kind]
    return make(struct.unpack_from(layout, data, at)[0]), at + struct.calcsize(layout)


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


def hosts_of(uri):
    """[(host, port), ...] of a mongodb:// URI, which may name several."""
    hosts = uri.partition("://")[2].partition("/")[0].rpartition("@")[2].split(",")
    return [(host.partition(":")[0], int(host.partition(":")[2] or 27017)) for host in hosts]


def with_hosts(uri, hosts):
    """The same URI with other hosts: [(host, port), ...]."""
    scheme, _, rest = uri.partition("://")
    named, slash, tail = rest.partition("/")
    user, at, _ = named.rpartition("@")
    return f"{scheme}://{user}{at}" + ",".join(f"{host}:{port}" for host, port in hosts) + slash + tail


def with_database(uri, name):
    """The same server, another database."""
    server, question, options = uri.partition("?")
    scheme, _, rest = server.partition("://")
    return f"{scheme}://{rest.partition('/')[0]}/{name}{question}{options}"


def primary_of(uri, seconds=30):
    """The (host, port) that takes writes: of a replica set its primary, else the first host that answers."""
    deadline = time.monotonic() + seconds
    while True:
        for address in hosts_of(uri):
            try:
                hello = ask(address, {"isMaster": 1, "$db": "admin"})
            except OSError:
                continue
            if hello["ismaster"]:
                return address
        if time.monotonic() >= deadline:
            raise ConnectionError(f"none of {hosts_of(uri)} takes writes")
        time.sleep(0.05)


def ask(address, command):
    with socket.create_connection(address, timeout=30) as connection:
        return talk(connection, command)


def talk(connection, command):
    """Sends a command that says its $db, and returns the answer."""
    body = struct.pack("<iB", 0, 0) + encode(command)
    connection.sendall(struct.pack("<iiii", len(body) + 16, 1, 0, 2013) + body)
    length = struct.unpack("<i", read(connection, 4))[0]
    return decode(read(connection, length - 4)[12 + 5 :])


def read(connection, length):
    data = b""
    while len(data) < length:
        piece = connection.recv(length - len(data))
        if not piece:
            raise ConnectionError("the server closed the connection")
        data += piece
    return data


WRITES = {"insert", "update", "delete", "findAndModify", "drop", "dropDatabase", "dropIndexes", "createIndexes"}


class Mongo:
    """
    One connection to the primary of a URI; run() sends a command to its database. Writes are acknowledged by a majority: what a
    test has written, every majority read sees.
    """

    def __init__(self, uri):
        self.database = uri.partition("://")[2].partition("/")[2].partition("?")[0]
        self.connection = socket.create_connection(primary_of(uri), timeout=30)

    def run(self, command):
        if next(iter(command)) in WRITES:
            command = {**command, "writeConcern": {"w": "majority"}}
        answer = talk(self.connection, {**command, "$db": self.database})
        assert answer["ok"] == 1 and not answer.get("writeErrors") and not answer.get("writeConcernError"), answer
        return answer

    def find_all(self, collection):
        cursor = self.run({"find": collection, "filter": {}, "batchSize": 1000})["cursor"]
        documents = cursor["firstBatch"]
        while cursor["id"]:
            cursor = self.run({"getMore": cursor["id"], "collection": collection, "batchSize": 1000})["cursor"]
            documents += cursor["nextBatch"]
        return documents

    def close(self):
        self.connection.close()
