# SPDX-License-Identifier: MIT
"""What is wrong with a request is said in JSON, with the right status, by the worker or by nginx; and the service goes on."""

import http.client
import os
import re
import signal
import socket

import pytest
from verbs import put

LONG = "a" * 5000


@pytest.mark.parametrize(
    "method, path, status",
    [
        ("GET", "/todo", 404),
        ("GET", "/todosx", 404),
        ("GET", "/todos/a/b", 404),
        ("GET", "/todos/a/", 404),
        ("GET", "/todos/" + "i" * 65, 404),
        ("GET", "/todos/a%20b", 404),
        ("GET", "/todos/%C3%BC", 404),
        ("GET", "/todos/a%2Fb", 404),
        ("GET", "/todos/a+b", 404),
        ("GET", "/todos/...", 404),
        ("GET", "/favicon.ico", 404),
        ("GET", "/../etc/passwd", 400),
        ("GET", "/todos/%00", 400),
        ("GET", "/todos/%zz", 400),
        ("GET", "/todos/" + LONG, 414),
        ("GET", "/todos?cursor=" + LONG, 414),
        ("GET", "/todos/a?x=1", 400),
        ("POST", "/todos/a", 405),
        ("PUT", "/todos", 405),
        ("PATCH", "/todos", 405),
        ("DELETE", "/todos", 405),
        ("FOO", "/todos/a", 405),
        ("FOO", "/todos", 405),
        ("get", "/todos", 400),
        ("TRACE", "/todos", 405),
        ("OPTIONS", "/todo", 404),
        ("POST", "/", 405),
        ("POST", "/todo", 404),
        ("PUT", "/todos/a/b", 404),
    ],
    ids=lambda value: str(value)[:30],
)
def test_what_does_not_exist_says_so(stack, method, path, status):
    answer = stack.request(method, path)
    answer.problem(status)
    if status == 405:
        allowed = [word.strip() for word in answer.headers["Allow"].split(",")]
        assert "GET" in allowed and "HEAD" in allowed and method not in allowed
        assert ("POST" in allowed) == (path == "/todos")


@pytest.mark.parametrize(
    "path, same_as",
    [("//todos/x1", "/todos/x1"), ("/todos//x1", "/todos/x1"), ("/a/../todos/x1", "/todos/x1"), ("/todos/./x1", "/todos/x1"),
     ("/%74odos/x1", "/todos/x1"), ("/todos/%781", "/todos/x1")],
)  # fmt: skip
def test_path_is_routed_as_nginx_decoded_it(stack, path, same_as):
    stack.post({"id": "x1", "name": "x"})
    assert stack.get(path).body == stack.get(same_as).body


def test_error_is_never_kept_by_a_cache(stack, new_id):
    for path in ("/nothing", "/todos?limit=x", "/todos/" + LONG):
        assert stack.get(path).headers["Cache-Control"] == "no-store", path


def test_header_too_large_is_a_431(stack):
    stack.get("/todos", X_Large="y" * 5000).problem(431)
    stack.client.close()


def raw(stack, data):
    """Sends bytes that no HTTP library would send; returns everything that comes back."""
    with socket.create_connection(("127.0.0.1", stack.port), timeout=10) as connection:
        connection.sendall(data)
        connection.shutdown(socket.SHUT_WR)
        return b"".join(iter(lambda: connection.recv(65536), b""))


@pytest.mark.parametrize(
    "data, status",
    [
        (b"garbage\r\n\r\n", b"400"),
        (b"GET /todos HTTP/1.1\r\n\r\n", b"400"),
        (b"GET /todos HTTP/9.9\r\nHost: localhost\r\n\r\n", b"505"),
        (b"GET /todos HTTP/1.1\r\nHost: localhost\r\nbad header\r\n\r\n", b"400"),
        (b"POST /todos HTTP/1.1\r\nHost: localhost\r\nContent-Length: x\r\n\r\n", b"400"),
        (b"POST /todos HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n", b"400"),
        (b"POST /todos HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: gzip\r\n\r\n", b"501"),
        (b"GET /todos HTTP/1.1\r\nHost: localhost\r\nIf-None-Match: a\r\nIf-None-Match: b\r\n\r\n", b"400"),
    ],
    ids=repr,
)
def test_request_that_is_no_http_gets_json_too(stack, data, status):
    head, _, body = raw(stack, data).partition(b"\r\n\r\n")
    assert head.split()[1] == status
    assert b"Content-Type: application/problem+json" in head
    assert b'"status":' + status in body


@pytest.mark.parametrize("path, reason", [("/todos?limit=1", "OK"), ("/todos/x?y", "Bad Request")])
def test_status_line_has_a_reason(stack, path, reason):
    """RFC 9112 wants at least the space in front of it, and nginx writes none where the worker gives no reason."""
    assert stack.get(path).reason == reason


@pytest.mark.parametrize(
    "method, path, headers, body",
    [
        ("GET", "/openapi.yaml", {"If-Match": '"0-0"'}, None),
        ("GET", "/openapi.yaml", {"If-Unmodified-Since": "Sat, 01 Jan 2000 00:00:00 GMT"}, None),
        ("GET", "/openapi.yaml", {"If-Modified-Since": "Sat, 01 Jan 2039 00:00:00 GMT"}, None),
        ("HEAD", "/nothing", {}, None),
        ("POST", "/", {}, "x" * 70),
        ("POST", "/todos", {"Content-Type": "application/json"}, " " * 70000),
        ("GET", "/todos/a", {"If-Match": '"0-0"'}, None),
    ],
    ids=["412", "412-date", "304", "404-head", "405", "413", "412-worker"],
)
def test_connection_that_nginx_closes_is_announced_to_close(stack, method, path, headers, body):
    """A client that was told nothing sends its next request on it, and would meet a reset."""
    connection = http.client.HTTPConnection("127.0.0.1", stack.port, timeout=30)
    connection.request(method, path, body, headers)
    first = connection.getresponse()
    first.read()
    connection.auto_open = 0
    if connection.sock is None:
        assert first.headers["Connection"] == "close"
    else:
        connection.request("GET", "/openapi.yaml")
        assert connection.getresponse().status == 200
        connection.close()


def test_body_that_ends_early_is_never_taken_for_whole(stack, new_id):
    todo = new_id()
    body = b'{"id":"%s","name":"cut"}' % todo.encode()
    raw(stack, b"POST /todos HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s"
        % (len(body) + 1, body))  # fmt: skip
    stack.get(f"/todos/{todo}").problem(404)


def test_workers_that_are_silent_or_gone_are_a_504_and_a_502(new_stack):
    stack = new_stack(prepared_only=True)
    conf = stack.folder / "todo/server.conf"
    conf.write_text(re.sub(r"fastcgi_read_timeout \d+s;", "fastcgi_read_timeout 1s;", conf.read_text()))
    stack.start()
    stack.wait_answer()
    asks = [lambda: stack.get("/todos/a"), lambda: put(stack, "/todos/a", {"name": "x"})]
    pids = stack.worker_pids()
    for pid in pids:
        os.kill(pid, signal.SIGSTOP)
    found = [(504, "/problems/too-late", ask()) for ask in asks]
    for pid in pids:
        os.kill(pid, signal.SIGCONT)
    stack.stop("workers")
    found += [(502, "/problems/no-answer", ask()) for ask in asks]
    for status, kind, answer in found:
        assert answer.problem(status)["type"] == kind
        assert answer.headers["Retry-After"] and answer.headers["Cache-Control"] == "no-store"
        assert re.fullmatch("[0-9a-f]{32}", answer.headers["Request-Id"])


def test_no_answer_was_a_500(stack):
    """Runs over whatever the tests before it did to the same workers."""
    for name, value in stack.counters().items():
        if name.startswith("todo_requests_total"):
            assert 'status="500"' not in name and 'status="other"' not in name, (name, value)


def test_workers_outlive_all_that(stack):
    pids = stack.worker_pids()
    for path in ("/todos/%00", "/todos?limit=x", "/todos/" + LONG, "/todosx"):
        stack.get(path)
    stack.post(b"[" * 60000)
    assert stack.worker_pids() == pids
