# SPDX-License-Identifier: MIT
"""
HTTP/2 by hand, frame by frame (RFC 9113), over TLS: what no library would send can be sent, and what comes is seen as it is.

    with Http2(port, certificate) as peer:
        stream = peer.send_request([(":method", "GET"), ...])
        answer = peer.answer(stream)

Only header compression is a library's (hpack), and it is told to keep no state of ours on the server's side.
"""

import socket
import ssl
import struct
from collections import namedtuple

import hpack

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
DATA, HEADERS, RST_STREAM, SETTINGS, PING, GOAWAY, WINDOW_UPDATE, CONTINUATION = 0, 1, 3, 4, 6, 7, 8, 9
END_STREAM = ACK = 1
END_HEADERS = 4
INITIAL_WINDOW_SIZE = 4
PROTOCOL_ERROR, FLOW_CONTROL_ERROR, FRAME_SIZE_ERROR, CANCEL, COMPRESSION_ERROR, ENHANCE_YOUR_CALM = 1, 3, 6, 8, 9, 11

Frame = namedtuple("Frame", "kind flags stream payload")
Answer = namedtuple("Answer", "status headers body")


def literal(fields):
    """Fields as HPACK literals that go into no table (RFC 7541 6.2.2), whatever they say."""
    block = b""
    for name, value in fields:
        block += b"\x00"
        for word in (name.encode(), value.encode()):
            block += hpack.hpack.encode_integer(len(word), 7) + word
    return block


def tls_context(certificate):
    context = ssl.create_default_context(cafile=certificate)
    context.set_alpn_protocols(["h2", "http/1.1"])
    return context


class Http2:
    def __init__(self, port, certificate, settings=b"", preface=PREFACE):
        plain = socket.create_connection(("127.0.0.1", port), timeout=30)
        self.socket = tls_context(certificate).wrap_socket(plain, server_hostname="localhost")
        assert self.socket.selected_alpn_protocol() == "h2"
        self.decoder = hpack.Decoder()
        self.next_stream = 1
        self.early = []  # frames that came while others were waited for
        self.socket.sendall(preface)
        self.send(SETTINGS, 0, 0, settings)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.socket.close()

    # --- frames ---

    def send(self, kind, flags, stream, payload=b""):
        self.send_raw(struct.pack(">I", len(payload))[1:] + bytes([kind, flags]) + struct.pack(">I", stream) + payload)

    def send_raw(self, data):
        self.socket.sendall(data)

    def receive_exactly(self, count):
        data = b""
        while len(data) < count:
            part = self.socket.recv(count - len(data))
            if not part:
                raise EOFError("the connection was closed")
            data += part
        return data

    def receive(self):
        """The next frame; header blocks are decoded, for that has to go in order. Settings are acknowledged."""
        head = self.receive_exactly(9)
        length, kind, flags = int.from_bytes(head[:3], "big"), head[3], head[4]
        payload = self.receive_exactly(length)
        stream = int.from_bytes(head[5:], "big")
        if kind == HEADERS:
            assert flags & END_HEADERS, "nginx' answers fit one frame"
            payload = self.decoder.decode(payload)
        if kind == SETTINGS and not flags & ACK:
            self.send(SETTINGS, ACK, 0)
        return Frame(kind, flags, stream, payload)

    def wait(self, wanted):
        """The next frame that wanted(frame) is true of; the others stay for those who wait for them."""
        for frame in self.early:
            if wanted(frame):
                self.early.remove(frame)
                return frame
        while True:
            frame = self.receive()
            if wanted(frame):
                return frame
            self.early.append(frame)

    # --- requests ---

    def send_request(self, fields, flags=END_STREAM, block=None):
        stream = self.next_stream
        self.next_stream += 2
        self.send(HEADERS, flags | END_HEADERS, stream, literal(fields) if block is None else block)
        return stream

    def answer(self, stream):
        """The whole answer on a stream, or the RST_STREAM that came in its place."""
        headers, body = None, b""
        while True:
            frame = self.wait(lambda frame: frame.stream == stream and frame.kind in (HEADERS, DATA, RST_STREAM))
            if frame.kind == RST_STREAM:
                return frame
            if frame.kind == HEADERS:
                assert frame.payload[0][0] == ":status", frame
                headers = dict(frame.payload)
            else:
                body += frame.payload
            if frame.flags & END_STREAM:
                return Answer(int(headers.pop(":status")), headers, body)

    def ask(self, fields, **options):
        return self.answer(self.send_request(fields, **options))

    def is_alive(self):
        self.send(PING, 0, 0, b"12345678")
        return self.wait(lambda frame: frame.kind == PING and frame.flags & ACK).payload == b"12345678"

    def end(self):
        """Reads until the server has closed; the error that its GOAWAY names, or None if there was none."""
        error = None
        try:
            while True:
                frame = self.receive()
                if frame.kind == GOAWAY:
                    error = int.from_bytes(frame.payload[4:8], "big")
        except (EOFError, ConnectionError):
            return error
