# SPDX-License-Identifier: MIT
"""The worker alone on a socket of its own, with a raw FastCGI peer: what nginx never does must not hurt it either."""

import json
import os
import re
import signal
import socket
import stat
import struct
import subprocess
import time
from pathlib import Path

import pytest
from fastcgi_client import ABORT, BEGIN, PARAMS, STDIN, Connection, pairs, record, request, stream
from stack import SANITIZER, WORKER_BUILD, Counters, wait_until

WORKER = WORKER_BUILD / "todo-fcgi"
BODY_MAX = 65536


class Worker:
    """todo-fcgi -s SOCKET with a Redis and a SQLite file of its own."""

    def __init__(self, folder, **settings):
        self.folder, self.socket = folder, folder / "todo.sock"
        (folder / "logs").mkdir(exist_ok=True)
        self.redis = subprocess.Popen(
            ["redis-server", "--port", "0", "--unixsocket", "redis.sock", "--save", "", "--appendonly", "no"],
            cwd=folder,
            stdout=subprocess.DEVNULL,
        )
        wait_until((folder / "redis.sock").exists, what="redis")
        self.settings = {"store": "sqlite:todo.db", "redis": "unix:redis.sock", **settings}
        self.process = self.start()

    def start(self):
        options = [word for name, value in self.settings.items() for word in ("-o", f"{name}={value}")]
        process = subprocess.Popen(
            [WORKER, "-s", self.socket, *options],
            cwd=self.folder,
            stderr=(self.folder / "logs/worker.log").open("a"),
            env={**os.environ, "ASAN_OPTIONS": SANITIZER, "UBSAN_OPTIONS": SANITIZER},
        )
        wait_until(lambda: "event=started" in self.log() or process.poll() is not None, what="the worker")
        return process

    def log(self):
        return (self.folder / "logs/worker.log").read_text()

    def connect(self):
        return Connection(self.socket)

    def ask(self, method, path, body=b"", **rest):
        with self.connect() as connection:
            return connection.ask(method, path, body, **rest)

    def counters(self):
        return Counters(self.ask("GET", "/metrics").body.decode())

    def answered(self):
        """Answers so far, those to counters() not included."""
        counted = self.counters()
        return sum(
            value
            for name, value in counted.items()
            if name.startswith("todo_requests_total") and 'route="metrics"' not in name
        )

    def connections(self):
        """Those that the kernel knows on this socket; the listening one itself is the first."""
        return Path("/proc/net/unix").read_text().count(f" {self.socket}\n") - 1

    def stop(self, number=signal.SIGTERM):
        """Sends the signal; returns how long the end took, after checking that it was one with status 0."""
        begun = time.monotonic()
        self.process.send_signal(number)
        assert self.process.wait(10) == 0, self.log()
        return time.monotonic() - begun

    def close(self):
        if self.process.poll() is None:
            self.stop()
        self.redis.terminate()
        self.redis.wait(10)
        assert [path.read_text() for path in self.folder.glob("logs/sanitizer*")] == []


@pytest.fixture
def new_worker(tmp_path):
    workers = []

    def new(**settings):
        workers.append(Worker(tmp_path, **settings))
        return workers[-1]

    yield new
    for worker in workers:
        worker.close()


@pytest.fixture
def worker(new_worker):
    return new_worker()


def todo(name, **members):
    return json.dumps({"id": name, "name": "x", **members}).encode()


# --- records ---


def test_kept_connection_answers_many_requests(worker):
    with worker.connect() as connection:
        assert connection.ask("POST", "/todos", todo("a")).status == 201
        for _ in range(200):
            assert connection.ask("GET", "/todos/a").status == 200
        assert connection.ask("GET", "/todos/b").status == 404


def test_connection_that_is_not_to_be_kept_is_closed_after_its_answer(worker):
    with worker.connect() as connection:
        assert connection.ask("GET", "/todos/a", keep=False).status == 404
        assert connection.at_end()


@pytest.mark.parametrize("size", [1, 7, 100])
def test_streams_may_come_in_small_and_padded_records(worker, size):
    with worker.connect() as connection:
        assert connection.ask("POST", "/todos", todo(f"s{size}"), size=size, padding=3).status == 201
        assert connection.ask("GET", f"/todos/s{size}", size=size, padding=200).json["id"] == f"s{size}"


def test_request_may_come_byte_by_byte(worker):
    with worker.connect() as connection:
        for byte in request("POST", "/todos", todo("slow")):
            connection.send(bytes([byte]))
        assert connection.read_answer().status == 201


def test_huge_and_many_params_are_passed_over(worker):
    with worker.connect() as connection:
        assert connection.ask("GET", "/todos/a", http_x="y" * 300_000).status == 404
        many = {f"http_x_{i}": "y" * 50 for i in range(5000)}
        assert connection.ask("GET", "/todos/a", **many).status == 404
        assert connection.ask("GET", "/todos", query="limit=" + "9" * 100_000).status == 400
        assert connection.ask("GET", "/todos/" + "a" * 100_000).status == 404


def test_lines_of_one_field_are_one_list(worker):
    """As nginx hands them over, one parameter for each line; of what is no header field the first one counts."""
    with worker.connect() as connection:
        tag = connection.ask("PUT", "/todos/a", todo("a")).headers["etag"]

        def status(method, *lines, body=b""):
            params = [{"REQUEST_METHOD": method}, {"DOCUMENT_URI": "/todos/a"}, {"CONTENT_TYPE": "application/json"}, *lines]
            connection.send(record(BEGIN, struct.pack("!HB5x", 1, 1)) + stream(PARAMS, b"".join(map(pairs, params))) + stream(STDIN, body))
            return connection.read_answer().status

        assert status("GET", {"HTTP_IF_NONE_MATCH": '"other"'}, {"HTTP_IF_NONE_MATCH": tag}) == 304
        assert status("GET", {"HTTP_IF_NONE_MATCH": tag}, {"HTTP_ACCEPT": "*/*"}, {"HTTP_IF_NONE_MATCH": ""}) == 304
        assert status("PUT", {"HTTP_IF_MATCH": '"1"'}, {"HTTP_IF_MATCH": '"2"'}, {"HTTP_IF_MATCH": '"3"'}, body=todo("a")) == 412
        assert status("PUT", {"HTTP_IF_MATCH": tag}, {"HTTP_IF_MATCH": "*"}, body=todo("a")) == 400
        assert status("GET", {"REQUEST_METHOD": "DELETE"}, {"DOCUMENT_URI": "/todos/none"}) == 200
        assert status("GET", *[{"HTTP_ACCEPT": "text/x"}] * 20_000, {"HTTP_ACCEPT": "*/*"}) == 200
        assert status("PUT", {"HTTP_IF_MATCH": '"1"'}, {"HTTP_IF_MATCH": tag}, body=todo("a")) == 200


@pytest.mark.parametrize("query", ["\xff", "a\r\nSet-Cookie: a=b", "a b", "\x00", "\x7f"])
def test_query_of_a_redirect_adds_no_field(worker, query):
    with worker.connect() as connection:
        answer = connection.ask("GET", "/todos/", query=query)
        assert (answer.status, "set-cookie" in answer.headers) == ((308, False) if query[0] == "\x00" else (400, False))


FIELDS = ["CONTENT_TYPE", "HTTP_IF_MATCH", "HTTP_IF_NONE_MATCH", "HTTP_IF_MODIFIED_SINCE", "HTTP_IF_UNMODIFIED_SINCE", "HTTP_ACCEPT",
          "HTTP_AUTHORIZATION", "HTTP_CACHE_CONTROL", "HTTP_CONTENT_ENCODING", "HTTP_CONTENT_RANGE", "HTTP_IDEMPOTENCY_KEY", "HTTP_TODO_VERSION", "HTTP_TRACEPARENT", "REMOTE_ADDR"]  # fmt: skip
ODD = ["", " ", "\x00", "\x01\x02", "\r\nSet-Cookie: a", "\xff" * 100, '"', "'", ",", ";", "=", "*", "W/", '"' * 1001, '"",' * 50_000,
       '"1-1-0123456789abcdef",' * 10_000, "a" * 300_000, "=" * 70_000, ";" * 70_000, "," * 70_000, "max-age=" + "9" * 70_000,
       "9223372036854775807", "odd.9223372036854775807", "-" * 55, "00-" + "\n" * 52, "%s%n", "../../etc/passwd"]  # fmt: skip


@pytest.mark.parametrize("field", FIELDS)
def test_field_may_hold_anything(worker, field):
    """nginx would let few of these pass. None is repeated in an answer's header, none stops the worker."""
    with worker.connect() as connection:
        connection.ask("PUT", "/todos/odd", todo("odd"))
        for value in ODD:
            asks = [("GET", "/todos/odd", b""), ("GET", "/todos", b""), ("PUT", "/todos/odd", todo("odd")), ("POST", "/todos", todo("odd")),
                    ("PATCH", "/todos/odd", b"{}"), ("DELETE", "/todos/none", b""), ("OPTIONS", "/todos", b"")]  # fmt: skip
            for method, path, body in asks:
                params = {"content_type": "application/merge-patch+json"} if method == "PATCH" else {}
                answer = connection.ask(method, path, body, **{**params, field: value})
                assert answer.status in (200, 201, 204, 304, 400, 401, 404, 406, 409, 412, 415), (method, value[:60], answer)
                assert "set-cookie" not in answer.headers
                assert re.fullmatch("[0-9a-f]{1,32}", answer.headers["request-id"])
        assert connection.ask("GET", "/todos/odd").status == 200


def test_address_method_and_path_may_be_anything_where_they_are_used(new_worker):
    """Under a limit the address is a key in Redis, at level debug method and path are logged."""
    worker = new_worker(rate_limit_per_minute=6000000, rate_limit_burst=100000, log_level="debug", server_timing="on")
    with worker.connect() as connection:
        for value in ODD:
            assert connection.ask("GET", "/todos", REMOTE_ADDR=value).status == 200
            assert connection.ask("GET", "/todos/" + value, REMOTE_ADDR=value).status in (308, 404, 405)
            assert connection.ask(value, "/todos", REMOTE_ADDR=value).status == 405
    for line in worker.log().splitlines():
        assert re.match(r"\S+Z level=\w+ pid=\d+ (req=[0-9a-f]+ )?event=\w+( |$)", line), line


# --- bodies ---

# Every way to an answer that has no use for a body: (method, path, params, status).
BODY_NOT_WANTED = [
    ("PUT", "/todos", {}, 405),
    ("FOO", "/todos/a", {}, 405),
    ("PUT", "/healthz", {}, 405),
    ("OPTIONS", "/todos", {}, 204),
    ("PUT", "/todos/absent", {}, 400),
    ("PUT", "/todos/absent", {"query": "x"}, 400),
    ("PATCH", "/todos/absent", {"content_type": "text/plain"}, 415),
    ("DELETE", "/todos/absent", {}, 404),
    ("DELETE", "/todos/absent", {"http_if_match": '"x"'}, 412),
    ("GET", "/todos/absent", {"http_accept": "text/html"}, 406),
    ("GET", "/todos/never-read", {"http_cache_control": "only-if-cached"}, 504),
    ("POST", "/nowhere", {}, 404),
    ("POST", "/todos/a/b", {}, 404),
    ("GET", "/todos/absent", {}, 404),
    ("HEAD", "/todos/absent", {}, 404),
    ("GET", "/todos", {"query": "limit=1"}, 200),
    ("GET", "/todos", {"query": "limit=0"}, 400),
    ("GET", "/healthz", {}, 200),
    ("POST", "/todos", {"content_type": "text/plain"}, 415),
    ("POST", "/todos", {"content_type": "application/json"}, 400),
]


@pytest.mark.parametrize("method, path, params, status", BODY_NOT_WANTED)
def test_records_in_a_body_are_never_run(worker, method, path, params, status):
    """Left unread, they would be taken for the next request. libfcgi's buffer hides up to 8 KB of that."""
    smuggled = request("POST", "/todos", todo("smuggled")) * 20
    before, sent = worker.answered(), 0
    with worker.connect() as connection:
        for offset in range(7600, 8500, 23):
            assert connection.ask(method, path, b"x" * offset + smuggled, **params).status == status
            sent += 1
        assert connection.silent()
        assert connection.ask("GET", "/todos/smuggled").status == 404
    assert worker.answered() - before == sent + 1


def test_body_up_to_the_limit_is_taken_and_one_byte_more_is_413(worker):
    def of(size, name):
        empty = todo(name, description="")
        return empty + b" " * (size - len(empty))

    with worker.connect() as connection:
        assert connection.ask("POST", "/todos", of(BODY_MAX, "fits")).status == 201
        assert connection.ask("POST", "/todos", of(BODY_MAX + 1, "larger")).status == 413
        assert connection.ask("POST", "/todos", of(2_000_000, "larger")).status == 413
        assert connection.ask("GET", "/todos/fits").status == 200
        assert connection.ask("GET", "/todos/larger").status == 404


def test_content_length_is_not_believed(worker):
    with worker.connect() as connection:
        assert connection.ask("POST", "/todos", todo("c1"), content_length="99999999999999999999").status == 201
        assert connection.ask("POST", "/todos", todo("c2"), content_length="-1").status == 201
        assert connection.ask("POST", "/todos", todo("c3"), content_length="3").status == 201


# --- peers that leave or fall silent ---


def test_peer_may_leave_at_any_byte(worker):
    whole = request("POST", "/todos", todo("left"))
    with worker.connect() as connection:
        assert connection.ask("GET", "/todos/left").status == 404
        assert worker.connections() == 1
    for count in range(len(whole)):
        with worker.connect() as connection:
            connection.send(whole[:count])
    assert worker.ask("GET", "/todos/left").status == 404
    with worker.connect() as connection:
        connection.send(whole)
    wait_until(lambda: worker.ask("GET", "/todos/left").status == 200, what="the todo of a peer that didn't wait")
    wait_until(lambda: worker.connections() == 0, what="the end of all connections")


def test_abort_in_mid_body_ends_the_connection_and_runs_nothing(worker):
    begin, params = request("POST", "/todos", todo("aborted")), todo("aborted")
    without_body = begin[: begin.index(params) - 8]
    with worker.connect() as connection:
        connection.send(without_body + record(5, params[:10]) + record(ABORT))
        answer = connection.read_answer()
        assert answer.status in (0, 400), answer
        assert connection.at_end()
    assert worker.ask("GET", "/todos/aborted").status == 404


def test_half_a_request_and_silence_holds_nobody_up_for_long(worker):
    with worker.connect() as half, worker.connect() as other:
        whole = request("GET", "/todos/a")
        half.send(whole[: len(whole) // 2])
        time.sleep(0.05)
        begun = time.monotonic()
        assert other.ask("GET", "/todos/a").status == 404
        assert time.monotonic() - begun < 6, "two seconds, and something for a busy machine"
        assert half.at_end()
        assert other.ask("GET", "/todos/a").status == 404


def test_connections_that_are_closed_at_once_are_no_event(worker):
    """spawn-fcgi tries the socket so before it starts."""
    broken = 'todo_connections_total{kind="broken"}'
    before = worker.counters()[broken]
    for _ in range(200):
        worker.connect().close()
    assert worker.ask("GET", "/todos/a").status == 404
    assert worker.counters()[broken] == before
    wait_until(lambda: worker.connections() == 0, what="the end of all connections")


@pytest.mark.parametrize(
    "garbage",
    [
        b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n",
        b"\x00" * 64,
        b"\xff" * 64,
        record(BEGIN, b"\x00\x07\x01" + bytes(5)),
        record(BEGIN, b"\x00\x01"),
        record(5, b"a body without a request") * 3,
    ],
    ids=["http", "zeros", "ones", "role", "short", "stdin"],
)
def test_garbage_ends_its_connection_alone(worker, garbage):
    with worker.connect() as connection:
        connection.send(garbage)
        assert connection.at_end()
    assert worker.ask("GET", "/todos/a").status == 404


def test_params_without_method_or_path_are_an_error_with_an_answer(worker):
    begin = record(BEGIN, b"\x00\x01\x01" + bytes(5))
    with worker.connect() as connection:
        connection.send(begin + stream(4, b"") + stream(5, b""))
        assert 400 <= connection.read_answer().status < 500
        connection.send(begin + stream(4, pairs({"REQUEST_METHOD": "GET"})) + stream(5, b""))
        assert connection.read_answer().status == 404


# --- limits ---


def test_connections_beyond_the_limit_wait_for_a_place(new_worker):
    worker = new_worker(connections_max=3)
    held = [worker.connect() for _ in range(3)]
    for connection in held:
        assert connection.ask("GET", "/todos/a").status == 404
    with worker.connect() as waiting:
        waiting.send(request("GET", "/todos/a"))
        assert waiting.silent(0.3)
        held[0].close()
        assert waiting.read_answer().status == 404
        assert held[1].ask("GET", "/todos/a").status == 404


def test_idle_connection_is_closed_in_the_end(new_worker):
    worker = new_worker(idle_timeout_s=1)
    with worker.connect() as connection:
        assert connection.ask("GET", "/todos/a").status == 404
        begun = time.monotonic()
        assert connection.at_end()
        assert 0.9 < time.monotonic() - begun < 5


# --- the end ---


def test_sigterm_with_idle_connections_ends_the_worker_soon(worker):
    with worker.connect() as one, worker.connect() as two:
        assert one.ask("GET", "/todos/a").status == 404
        assert worker.stop() < 5
        assert one.at_end() and two.at_end()
    assert not worker.socket.exists()


@pytest.mark.parametrize("numbers", [[signal.SIGTERM], [signal.SIGTERM, signal.SIGTERM], [signal.SIGQUIT, signal.SIGTERM]])
def test_a_signal_to_stop_waits_for_requests_under_way(new_worker, numbers):
    worker = new_worker(redis_timeout_ms=1500)
    assert worker.ask("POST", "/todos", todo("a")).status == 201
    with worker.connect() as connection:
        worker.redis.send_signal(signal.SIGSTOP)
        connection.send(request("GET", "/todos/a"))
        time.sleep(0.2)
        begun = time.monotonic()
        for number in numbers:
            worker.process.send_signal(number)
            time.sleep(0.1)
        answer = connection.read_answer()
        assert (answer.status, answer.json["id"]) == (200, "a")
        connection.close()
        assert worker.process.wait(10) == 0
        assert time.monotonic() - begun < 5
    worker.redis.send_signal(signal.SIGCONT)
    assert "drain_timed_out" not in worker.log()


def test_request_that_crosses_the_end_of_its_connection_is_answered(worker):
    with worker.connect() as connection:
        assert connection.ask("GET", "/todos/a").status == 404
        worker.process.send_signal(signal.SIGTERM)
        wait_until(lambda: not connection.silent(0), what="the question")
        answer = connection.ask("POST", "/todos", todo("crossed"))
        assert (answer.status, answer.notes) == (201, 1)
        connection.close()
    assert worker.process.wait(5) == 0


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGQUIT])
def test_sigint_and_sigquit_end_the_worker_as_well(worker, number):
    assert worker.stop(number) < 5


# --- the start ---


def run(*arguments, folder, stdin=subprocess.DEVNULL):
    begun = time.monotonic()
    result = subprocess.run([WORKER, *arguments], cwd=folder, stdin=stdin, capture_output=True, text=True, timeout=20)
    return result, time.monotonic() - begun


def test_standard_input_that_is_no_listening_socket_is_refused_after_a_pause(tmp_path):
    result, seconds = run(folder=tmp_path)
    assert result.returncode == 2 and seconds >= 1
    assert "todo-fcgi: standard input is no listening socket" in result.stderr and "spawn-fcgi" in result.stderr


def test_tcp_socket_is_refused(tmp_path):
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        listening.listen()
        result, _ = run(folder=tmp_path, stdin=listening)
    assert result.returncode == 2 and "TCP" in result.stderr


def test_wrong_settings_are_refused_with_file_and_line_after_a_pause(tmp_path):
    (tmp_path / "todo.conf").write_text("# a comment\n\nlist_ttl_s = soon\n")
    result, seconds = run("-c", "todo.conf", folder=tmp_path)
    assert result.returncode == 2 and seconds >= 1
    assert result.stderr.startswith("todo-fcgi: todo.conf:3: ")


@pytest.mark.parametrize("arguments", [["-x"], ["-c"], ["more"], ["-o", "nonsense"], ["-c", "no-such-file"]])
def test_wrong_command_lines_are_refused(tmp_path, arguments):
    result, _ = run(*arguments, folder=tmp_path)
    assert result.returncode == 2 and result.stderr.startswith(("todo-fcgi: ", str(WORKER)))


def test_options_go_before_the_environment_and_the_file(tmp_path, monkeypatch):
    (tmp_path / "todo.conf").write_text("todo_ttl_s = 11\nlist_ttl_s = 12\nnegative_ttl_s = 13\n")
    monkeypatch.setenv("TODO_TODO_TTL_S", "21")
    monkeypatch.setenv("TODO_LIST_TTL_S", "22")
    result, _ = run("-c", "todo.conf", "-o", "todo_ttl_s=31", "--show-config", folder=tmp_path)
    assert result.returncode == 0
    shown = dict(re.findall(r"^(\w+) = (.*)$", result.stdout, re.M))
    assert (shown["todo_ttl_s"], shown["list_ttl_s"], shown["negative_ttl_s"]) == ("31", "22", "13")


def test_help_and_version_are_printed(tmp_path):
    result, _ = run("--help", folder=tmp_path)
    assert result.returncode == 0 and "--show-config" in result.stdout and "todo_ttl_s" in result.stdout
    result, _ = run("--version", folder=tmp_path)
    assert result.returncode == 0 and re.fullmatch(r"todo-fcgi \d+\.\d+\.\d+\n", result.stdout)


def test_own_socket_is_for_owner_and_group(worker):
    assert stat.S_IMODE(os.stat(worker.socket).st_mode) == 0o660


def test_socket_on_which_somebody_listens_is_left_alone(worker):
    result, _ = run("-s", "todo.sock", "-o", "store=sqlite:other.db", folder=worker.folder)
    assert result.returncode == 1 and "another process listens" in result.stderr
    assert worker.ask("GET", "/todos/a").status == 404


def test_dead_socket_is_replaced(worker):
    worker.process.kill()
    worker.process.wait()
    assert worker.socket.exists()
    worker.process = worker.start()
    wait_until(lambda: worker.log().count("event=started") == 2, what="the second worker")
    assert worker.ask("GET", "/todos/a").status == 404


def test_file_in_the_sockets_place_is_left_alone(tmp_path):
    (tmp_path / "todo.sock").write_text("precious")
    result, _ = run("-s", "todo.sock", folder=tmp_path)
    assert result.returncode == 1 and "no socket" in result.stderr
    assert (tmp_path / "todo.sock").read_text() == "precious"
