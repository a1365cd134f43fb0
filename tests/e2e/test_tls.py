# SPDX-License-Identifier: MIT
"""
The server with TLS and HTTP/2, as TLS_LISTEN writes it, with a certificate made here: protocols, the way from plain HTTP to it,
and what RFC 9113 asks of a server. ./dev judge has h2spec judge the same.
"""

import http.client
import json
import socket
import ssl
import struct
import subprocess

import pytest
from http2 import (
    ACK, CANCEL, COMPRESSION_ERROR, CONTINUATION, DATA, END_HEADERS, END_STREAM, ENHANCE_YOUR_CALM, FLOW_CONTROL_ERROR, FRAME_SIZE_ERROR, GOAWAY, HEADERS,
    INITIAL_WINDOW_SIZE, PING, PROTOCOL_ERROR, RST_STREAM, SETTINGS, WINDOW_UPDATE, Http2, literal, tls_context,
)  # fmt: skip
from ports import free_port
from stack import Answer

GET = [(":method", "GET"), (":scheme", "https"), (":path", "/todos/a"), (":authority", "localhost")]
POST = [(":method", "POST"), (":scheme", "https"), (":path", "/todos"), (":authority", "localhost"),
        ("content-type", "application/json")]  # fmt: skip
TODO = json.dumps({"id": "a", "name": "over TLS"}).encode()


def make_certificate(folder):
    command = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2",
               "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost,DNS:other.example,IP:127.0.0.1",
               "-keyout", folder / "key.pem", "-out", folder / "certificate.pem"]  # fmt: skip
    subprocess.run(command, check=True, capture_output=True)
    return folder / "certificate.pem", folder / "key.pem"


@pytest.fixture(scope="module")
def store():
    """nginx is the same in front of each."""
    return "sqlite"


@pytest.fixture(scope="module")
def tls(tmp_path_factory, make_stack):
    stack = make_stack("sqlite")
    certificate, key = make_certificate(tmp_path_factory.mktemp("certificate"))
    stack.tls_port, stack.certificate = free_port(), certificate
    stack.environment.update(TLS_LISTEN=f"127.0.0.1:{stack.tls_port}", TLS_CERTIFICATE=str(certificate), TLS_KEY=str(key))
    stack.up()
    ask(stack, "POST", "/todos", TODO, {"Content-Type": "application/json"})
    yield stack
    assert not stack.close()


@pytest.fixture
def peer(tls):
    with Http2(tls.tls_port, tls.certificate) as peer:
        yield peer


def ask(tls, method, path, body=None, headers=None):
    """Over HTTP/1.1 and TLS."""
    context = ssl.create_default_context(cafile=tls.certificate)
    connection = http.client.HTTPSConnection("127.0.0.1", tls.tls_port, timeout=30, context=context)
    connection.request(method, path, body, headers or {})
    answer = Answer(connection.getresponse())
    connection.close()
    return answer


def fields(headers=GET, **changes):
    """Fields with some replaced: fields(GET, path="/x") is the same for :path."""
    return [(name, changes.get(name.lstrip(":"), value)) for name, value in headers]


# --- TLS ---


def test_curl_speaks_http2_with_it(tls):
    command = ["curl", "-sS", "--http2", "--cacert", tls.certificate, "-o", "/dev/null", "-w", "%{http_version} %{http_code}",
               f"https://localhost:{tls.tls_port}/todos/a"]  # fmt: skip
    assert subprocess.run(command, capture_output=True, text=True, check=True, timeout=60).stdout == "2 200"


def test_browsers_are_told_to_stay_with_tls(tls):
    for path in ("/", "/todos/a", "/nothing", "/openapi.yaml"):
        assert ask(tls, "GET", path).headers["Strict-Transport-Security"] == "max-age=31536000"


def test_plain_http_is_sent_to_tls_with_its_method_and_query(tls):
    answer = tls.request("POST", "/todos?x=%20y", TODO, {"Content-Type": "application/json", "Host": "localhost"})
    assert answer.status == 308
    assert answer.headers["Location"] == f"https://localhost:{tls.tls_port}/todos?x=%20y"
    assert "Strict-Transport-Security" not in answer.headers and answer.headers["X-Content-Type-Options"] == "nosniff"


def test_nobody_is_sent_to_another_host(tls):
    tls.get("/", Host="elsewhere.example").problem(421)
    assert ask(tls, "GET", "/", headers={"Host": "elsewhere.example"}).problem(421)["type"] == "/problems/misdirected"


def test_plain_http_on_the_port_of_tls_is_a_400(tls):
    connection = http.client.HTTPConnection("127.0.0.1", tls.tls_port, timeout=30)
    connection.request("GET", "/")
    Answer(connection.getresponse()).problem(400)
    connection.close()


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_modern_protocols_are_spoken_with_forward_secrecy(tls, version):
    context = tls_context(tls.certificate)
    context.minimum_version = context.maximum_version = version
    with socket.create_connection(("127.0.0.1", tls.tls_port), timeout=30) as plain:
        with context.wrap_socket(plain, server_hostname="localhost") as connection:
            name, _, bits = connection.cipher()
            assert bits >= 128 and name.startswith(("ECDHE-", "TLS_AES", "TLS_CHACHA20")) and "CBC" not in name


@pytest.mark.parametrize("version, ciphers", [
    (ssl.TLSVersion.TLSv1_1, "ALL:@SECLEVEL=0"), (ssl.TLSVersion.TLSv1_2, "AES128-GCM-SHA256"), (ssl.TLSVersion.TLSv1_2, "ECDHE+AES+SHA1"),
])  # fmt: skip
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_old_protocols_and_ciphers_are_refused(tls, version, ciphers):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.load_verify_locations(tls.certificate)
    context.minimum_version = ssl.TLSVersion.MINIMUM_SUPPORTED
    context.maximum_version = version
    context.set_ciphers(ciphers)
    with socket.create_connection(("127.0.0.1", tls.tls_port), timeout=30) as plain, pytest.raises((ssl.SSLError, ConnectionError)):
        context.wrap_socket(plain, server_hostname="localhost")


# --- HTTP/2, what goes well ---


def test_server_begins_with_settings_and_acknowledges_ours(peer):
    first = peer.receive()
    assert (first.kind, first.flags & ACK, first.stream) == (SETTINGS, 0, 0)
    assert peer.wait(lambda frame: frame.kind == SETTINGS and frame.flags & ACK).payload == b""


def test_todo_is_read_and_the_connection_goes_on(peer):
    for _ in range(3):
        answer = peer.ask(GET)
        assert answer.status == 200 and json.loads(answer.body)["name"] == "over TLS"
        assert all(name == name.lower() for name in answer.headers) and "connection" not in answer.headers
    assert peer.is_alive()


def test_many_streams_are_answered_on_one_connection(peer):
    streams = [peer.send_request(fields(path=f"/todos/none-{number}")) for number in range(100)]
    assert [peer.answer(stream).status for stream in streams] == [404] * 100


def test_post_with_a_body_in_frames_is_taken(peer):
    stream = peer.send_request(POST, flags=0)
    body = json.dumps({"name": "in pieces"}).encode()
    peer.send(DATA, 0, stream, body[:5])
    peer.send(DATA, 0, stream, body[5:])
    peer.send(DATA, END_STREAM, stream)
    answer = peer.answer(stream)
    assert answer.status == 201 and json.loads(answer.body)["name"] == "in pieces"


def test_body_waits_for_the_window(tls):
    with Http2(tls.tls_port, tls.certificate, settings=struct.pack(">HI", INITIAL_WINDOW_SIZE, 10)) as peer:
        stream = peer.send_request(GET)
        headers = peer.wait(lambda frame: frame.kind == HEADERS and frame.stream == stream)
        length = int(dict(headers.payload)["content-length"])
        first = peer.wait(lambda frame: frame.kind == DATA)
        assert len(first.payload) == 10 and peer.is_alive() and not [frame for frame in peer.early if frame.kind == DATA]
        peer.send(WINDOW_UPDATE, 0, stream, struct.pack(">I", length))
        rest = peer.wait(lambda frame: frame.kind == DATA)
        assert len(rest.payload) == length - 10 and rest.flags & END_STREAM


def test_stream_that_is_cancelled_does_no_harm(peer):
    for _ in range(5):
        peer.send(RST_STREAM, 0, peer.send_request(GET), struct.pack(">I", CANCEL))
    assert peer.is_alive() and peer.ask(GET).status == 200


def test_frame_of_an_unknown_kind_is_ignored(peer):
    peer.send(0xEE, 0xFF, 0, b"what is this")
    assert peer.ask(GET).status == 200


def test_file_of_another_version_is_a_412_and_only_its_stream_ends(peer):
    answer = peer.ask([*fields(path="/openapi.yaml"), ("if-match", '"0-0"')])
    assert answer.status == 412 and json.loads(answer.body)["type"] == "/problems/condition-failed"
    assert peer.ask(GET).status == 200


def test_errors_of_nginx_have_their_shape_here_too(peer):
    too_large = peer.ask([*POST, ("content-length", "70000")], flags=0)
    wanted = [(404, fields(path="/nothing")), (421, fields(authority="elsewhere.example")), (405, fields(method="TRACE"))]
    answers = [(413, too_large), *((status, peer.ask(request)) for status, request in wanted)]
    for status, answer in answers:
        assert answer.status == status == json.loads(answer.body)["status"]
        assert answer.headers["content-type"] == "application/problem+json"
        assert answer.headers["x-content-type-options"] == "nosniff" and answer.headers["request-id"]


# --- HTTP/2, what is against the rules ---


@pytest.mark.parametrize("kind, flags, stream, payload, error", [
    (DATA, 0, 0, b"x", PROTOCOL_ERROR),
    (HEADERS, END_HEADERS | END_STREAM, 0, literal(GET), PROTOCOL_ERROR),
    (HEADERS, END_HEADERS | END_STREAM, 2, literal(GET), PROTOCOL_ERROR),
    (HEADERS, END_HEADERS | END_STREAM, 1, b"\xff\xff\xff\xff\xff\xff", COMPRESSION_ERROR),
    (CONTINUATION, END_HEADERS, 1, literal(GET), PROTOCOL_ERROR),
    (SETTINGS, ACK, 0, b"123456", FRAME_SIZE_ERROR),
    (SETTINGS, 0, 1, b"", PROTOCOL_ERROR),
    (SETTINGS, 0, 0, b"12345", FRAME_SIZE_ERROR),
    (SETTINGS, 0, 0, struct.pack(">HI", INITIAL_WINDOW_SIZE, 1 << 31), FLOW_CONTROL_ERROR),
    (PING, 0, 0, b"1234567", FRAME_SIZE_ERROR),
    (PING, 0, 1, b"12345678", PROTOCOL_ERROR),
    (WINDOW_UPDATE, 0, 0, struct.pack(">I", 0), PROTOCOL_ERROR),
    (WINDOW_UPDATE, 0, 0, struct.pack(">I", (1 << 31) - 1), FLOW_CONTROL_ERROR),
    (RST_STREAM, 0, 0, struct.pack(">I", CANCEL), PROTOCOL_ERROR),
    (GOAWAY, 0, 1, b"12345678", PROTOCOL_ERROR),
    (5, END_HEADERS, 1, struct.pack(">I", 2) + literal(GET), PROTOCOL_ERROR),
], ids=lambda value: str(value)[:12])  # fmt: skip
def test_broken_frame_ends_the_connection_with_its_error(peer, kind, flags, stream, payload, error):
    peer.send(kind, flags, stream, payload)
    assert peer.end() == error


def test_header_block_that_is_interrupted_ends_the_connection(peer):
    peer.send(HEADERS, END_STREAM, 1, literal(GET)[:8])
    peer.send(PING, 0, 0, b"12345678")
    assert peer.end() == PROTOCOL_ERROR


def test_other_protocol_after_alpn_ends_the_connection(tls):
    with Http2(tls.tls_port, tls.certificate, preface=b"GET / HTTP/1.1\r\nHost: x\r\n\r\n") as peer:
        assert peer.end() in (None, PROTOCOL_ERROR)


@pytest.mark.parametrize("request_fields", [
    [*GET, ("X-Upper", "x")],
    GET[1:],
    [GET[0], *GET[2:]],
    [*GET[:2], GET[3]],
    [GET[0], *GET],
    [*GET[:3], GET[2], GET[3]],
    [*GET, (":unknown", "x")],
    [*GET, (":status", "200")],
    fields(path=""),
    fields(path="todos"),
    [*GET, ("transfer-encoding", "chunked"), ("content-length", "x")],
], ids=["upper", "no-method", "no-scheme", "no-path", "two-methods", "two-paths", "unknown-pseudo", "status", "empty-path", "no-slash",
        "bad-length"])  # fmt: skip
def test_malformed_request_is_refused_and_the_service_goes_on(tls, peer, request_fields):
    """RFC 9113 8.1.1: by a reset of its stream, or by a 400 before."""
    answer = peer.ask(request_fields)
    assert getattr(answer, "kind", None) == RST_STREAM or answer.status == 400, answer
    with Http2(tls.tls_port, tls.certificate) as another:
        assert another.ask(GET).status == 200


def test_trailers_are_not_known_to_nginx_and_nothing_is_written(tls, peer):
    """RFC 9113 8.1 has them; nginx 1.22 takes them for a second request on the stream, and ends the connection."""
    stream = peer.send_request(POST, flags=0)
    peer.send(DATA, 0, stream, b'{"id":"trailed","name":"x"}')
    peer.send(HEADERS, END_HEADERS | END_STREAM, stream, literal([("checksum", "none")]))
    assert peer.end() == PROTOCOL_ERROR
    assert ask(tls, "GET", "/todos/trailed").status == 404


def test_field_that_is_too_large_ends_the_connection(peer):
    peer.send_request([*GET, ("x-large", "x" * 5000)])
    assert peer.end() == ENHANCE_YOUR_CALM


def test_body_of_another_length_than_was_said_changes_nothing(peer):
    stream = peer.send_request([*POST, ("content-length", "500")], flags=0)
    peer.send(DATA, END_STREAM, stream, b'{"id":"b","name":"cut"}')
    answer = peer.answer(stream)
    assert getattr(answer, "kind", None) == RST_STREAM or answer.status == 400, answer
    assert peer.ask(fields(path="/todos/b")).status == 404
