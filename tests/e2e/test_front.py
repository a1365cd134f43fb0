# SPDX-License-Identifier: MIT
"""
nginx as an administrator meets it: beside other servers, in somebody's own server block, with limits and hosts set; what its log
says, and what the public may not see. doc/headers.md has the answers' fields, test_tls.py TLS.
"""

import http.client
import json
import os
import re
import shutil
import socket
import subprocess

import pytest
from ports import free_ports
from stack import DEV, Answer, wait_until
from verbs import delete, made, post, put, raw, send

NGINX = shutil.which("nginx", path=os.environ["PATH"] + ":/usr/sbin")
SECURITY = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
}

# An nginx that was there before: a default server with headers and error pages of its own, another by name, and the two lines.
OTHERS = """
{user}
pid pid;
error_log error.log;
events {{}}
http {{
    access_log off;
    client_body_temp_path tmp-body; fastcgi_temp_path tmp-fastcgi; proxy_temp_path tmp-proxy; scgi_temp_path tmp-scgi;
    uwsgi_temp_path tmp-uwsgi;
    default_type application/octet-stream;
    gzip on;
    gzip_types application/json;
    server_tokens on;
    add_header X-Before yes;
    error_page 404 /mine.html;
    limit_req_status 503;

    server {{
        listen 127.0.0.1:{port} default_server;
        server_name _;
        return 200 "the default one";
    }}
    server {{
        listen 127.0.0.1:{port};
        server_name other.example;
        location / {{ return 200 "the other one"; }}
    }}
    include todo/http.conf;
    {site}
}}
"""
SITES = {
    "site.conf": "include todo/site.conf;",
    "own-block": "server {{ listen 127.0.0.1:{port}; server_name todos.example; include todo/server.conf; }}",
}


@pytest.fixture(scope="module")
def store():
    """nginx is the same in front of each."""
    return "sqlite"


@pytest.fixture(scope="module")
def front(make_stack):
    stack = make_stack("sqlite", workers=1)
    yield stack.up()
    assert not stack.close()


def variant(new_stack, **environment):
    stack = new_stack(prepared_only=True, workers=1)
    stack.environment.update(environment)
    stack.prepare().start()
    return stack


def ask(port, method, path, host, body=None, headers=None):
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    connection.request(method, path, body, {"Host": host, **(headers or {})})
    answer = Answer(connection.getresponse())
    connection.close()
    return answer


# --- beside others ---


@pytest.fixture(params=SITES)
def shared(request, front, tmp_path):
    """The port of another's nginx that has had the two lines added, in front of the same workers."""
    port, internal = free_ports()
    for folder in (tmp_path, *list(tmp_path.parents)[:2]):
        folder.chmod(0o755)
    environment = {
        "LISTEN": f"127.0.0.1:{port}", "INTERNAL_LISTEN": f"127.0.0.1:{internal}", "HOSTS": "todos.example", "ACCESS_LOG": "access.log",
        "SOCKET": "todo.sock", "STATIC": "static",
    }  # fmt: skip
    subprocess.run([DEV, "nginx", tmp_path / "todo"], env={**os.environ, **environment}, check=True, timeout=60)
    (tmp_path / "static").symlink_to(front.folder / "static")
    user = "user root;" if os.getuid() == 0 else ""
    (tmp_path / "nginx.conf").write_text(OTHERS.format(port=port, user=user, site=SITES[request.param].format(port=port)))
    # nginx is started where the workers' socket has a short name.
    (tmp_path / "todo.sock").symlink_to(front.folder / "todo.sock")
    command = [NGINX, "-p", "./", "-e", "error.log", "-c", "nginx.conf", "-g", "daemon off; master_process off;"]
    process = subprocess.Popen(command, cwd=tmp_path)
    try:
        wait_until(lambda: process.poll() is not None or listening(port), what="nginx")
        assert process.poll() is None, (tmp_path / "error.log").read_text()
        yield port
    finally:
        process.terminate()
        process.wait(timeout=30)


def listening(port):
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def test_service_lives_beside_other_servers_and_changes_none(front, shared):
    assert ask(shared, "GET", "/", "nobody.example").body == b"the default one"
    other = ask(shared, "GET", "/todos", "other.example")
    assert other.body == b"the other one"
    assert other.headers["X-Before"] == "yes" and "Content-Security-Policy" not in other.headers and "Request-Id" not in other.headers


def test_service_is_whole_beside_other_servers(front, shared, new_id):
    host, todo = "todos.example", new_id()
    body = json.dumps({"id": todo, "name": "x" * 100, "description": "y" * 2000})
    assert ask(shared, "POST", "/todos", host, body, {"Content-Type": "application/json"}).status == 201
    read = ask(shared, "GET", f"/todos/{todo}", host, headers={"Accept-Encoding": "gzip"})
    assert read.status == 200 and read.headers["ETag"].startswith('"'), "gzip of the http block would have weakened it"
    answers = [read, ask(shared, "GET", "/", host), ask(shared, "GET", "/nothing", host), ask(shared, "GET", "/todos/" + "x" * 65, host),
               ask(shared, "DELETE", f"/todos/{todo}", host), ask(shared, "GET", "/openapi.yaml", host)]  # fmt: skip
    assert [answer.status for answer in answers] == [200, 200, 404, 404, 204, 200]
    for answer in answers:
        assert SECURITY.items() <= dict(answer.headers.items()).items() and answer.headers["Server"] == "nginx"
        assert "X-Before" not in answer.headers
    answers[2].problem(404)
    for path in ("/metrics", "/healthz", "/readyz"):
        ask(shared, "GET", path, host).problem(404)


# --- hosts ---


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "LOCALHOST:80", "[::1]", "localhost."])
def test_this_machine_is_answered_under_its_names(front, host):
    assert front.get("/todos", Host=host).status == 200


@pytest.mark.parametrize("host", ["elsewhere.example", "localhost.elsewhere.example", "127.0.0.1.elsewhere.example", "10.0.0.1"])
def test_another_host_is_refused_for_whatever_it_asks(front, new_id, host):
    """What DNS rebinding needs: a page of elsewhere.example, which has let its name point here, and asks."""
    todo = new_id()
    for method, path in (("GET", "/todos"), ("PUT", f"/todos/{todo}"), ("GET", "/"), ("GET", "/nothing"), ("OPTIONS", "/todos")):
        answer = send(front, method, path, {"name": "x"} if method == "PUT" else None, Host=host, Content_Type="application/json")
        assert answer.problem(421)["type"] == "/problems/misdirected"
        assert answer.headers["Cache-Control"] == "no-store"
    front.get(f"/todos/{todo}").problem(404)


def test_hosts_are_a_list_with_wildcards_or_any(new_stack):
    stack = variant(new_stack, HOSTS="todos.example *.todos.example")
    statuses = [stack.get("/openapi.yaml", Host=host).status for host in ("todos.example", "a.todos.example", "atodos.example", "localhost")]
    assert statuses == [200, 200, 421, 421]
    any_host = variant(new_stack, HOSTS="*")
    assert any_host.get("/openapi.yaml", Host="whatever.example").status == 200
    for each in (stack, any_host):  # a pattern lets in what no line of the log may hold
        raw(each, b"GET /openapi.yaml HTTP/1.1\r\nHost: \xe4.todos.example\r\nConnection: close\r\n\r\n")
        path = each.folder / "logs/nginx-access.log"
        wait_until(lambda: b'"host":"(with bytes beyond ASCII)"' in path.read_bytes(), what="its line")
        assert path.read_bytes().isascii()


def test_internal_server_answers_for_its_own_hosts(new_stack):
    stack = variant(new_stack, INTERNAL_HOSTS="localhost 127.0.0.1 watcher.example")
    for path in ("/metrics", "/healthz", "/readyz", "/nothing"):
        statuses = [stack.internal.get(path, Host=host).status for host in ("watcher.example", "localhost:8081", "rebound.example", "10.0.0.1")]
        known = 404 if path == "/nothing" else 200
        assert statuses == [known, known, 421, 421], path
    with socket.create_connection(("127.0.0.1", stack.internal_port), timeout=10) as connection:
        connection.sendall(b"GET /healthz HTTP/1.0\r\n\r\n")  # a load balancer's probe
        assert connection.recv(65536).split()[1] == b"200"


@pytest.mark.parametrize("origins", ["https://a;b", "a.example", "https://a.example/", "*", "null", "https://a b{"])
def test_origin_that_is_none_is_refused(tmp_path, origins):
    written = subprocess.run([DEV, "nginx", tmp_path], env={**os.environ, "CORS_ORIGINS": origins}, capture_output=True, text=True, timeout=60)
    assert written.returncode == 1 and "is no origin" in written.stderr


def test_host_that_could_be_more_than_a_host_is_refused(tmp_path):
    for hosts in ("a;b", "a{", "$host", "a b|c"):
        written = subprocess.run([DEV, "nginx", tmp_path], env={**os.environ, "HOSTS": hosts}, capture_output=True, text=True, timeout=60)
        assert written.returncode == 1 and "is no host's name" in written.stderr


# --- limits ---


def test_connections_of_one_client_are_counted_while_they_ask(new_stack):
    """Slow bodies hold all three places; the next is told to wait, and gets in when they have gone."""
    stack = variant(new_stack, LIMIT_CONNECTIONS="3")
    stack.wait_answer()
    head = b"POST /todos HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 20\r\n\r\n"
    slow = []

    def refusal():
        """One more slow request, then a quick one, which may have had its place when the slow one was turned away."""
        slow.append(socket.create_connection(("127.0.0.1", stack.port), timeout=30))
        slow[-1].sendall(head)
        answer = stack.get("/todos")
        return answer if answer.status != 200 else None

    refused = wait_until(refusal, 8, "a refusal")
    assert len(slow) >= 3
    assert refused.problem(429)["type"] == "/problems/too-many-requests" and refused.headers["Retry-After"] == "1"
    assert SECURITY.items() <= dict(refused.headers.items()).items()
    for connection in slow:
        connection.close()
    wait_until(lambda: stack.get("/todos").status == 200, 8, "a free place")


def test_requests_over_the_rate_are_a_429(new_stack):
    stack = variant(new_stack, LIMIT_RATE="1r/s", LIMIT_BURST="5")
    for ask in (lambda: stack.get("/openapi.yaml"), lambda: stack.get("/todos/a"), lambda: put(stack, "/todos/a", {"name": "x"})):
        refused = [answer for answer in [ask() for _ in range(30)] if answer.status == 429]
        assert len(refused) >= 10, "it is a slow machine where 20 take ten seconds"
        assert all(answer.problem(429) and answer.headers["Retry-After"] == "1" for answer in refused)


def test_ipv6_clients_are_counted_by_their_networks(new_stack):
    stack = variant(new_stack, LIMIT_RATE="1r/m", LIMIT_BURST="2")
    http = stack.folder / "todo/http.conf"
    http.write_text("set_real_ip_from 127.0.0.1;\nreal_ip_header X-Forwarded-For;\n" + http.read_text())
    stack.stop("nginx")
    stack.start("nginx")

    def statuses(*addresses):
        return [stack.get("/openapi.yaml", X_Forwarded_For=address).status for address in addresses]

    assert statuses("2001:db8::1", "2001:db8::2", "2001:db8::ff:0:0:1", "2001:db8::3") == [200, 200, 200, 429]
    assert statuses(*(f"2001:db8:0:{number}::1" for number in range(1, 6))) == [200] * 5
    assert statuses(*(f"::ffff:192.0.2.{number}" for number in range(1, 6))) == [200] * 5
    assert statuses("192.0.2.99", "::ffff:192.0.2.99", "192.0.2.99", "::ffff:192.0.2.99") == [200, 200, 200, 429]


# --- what everybody gets, and what nobody does ---


def kinds(stack, todo):
    """One answer of each kind."""
    tag = made(stack, todo).headers["ETag"]
    page = stack.get("/")
    asset = "/assets/" + re.search(r"assets/(main\.\w+\.js)", page.body.decode())[1]
    yield from (stack.get(f"/todos/{todo}"), stack.get(f"/todos/{todo}", If_None_Match=tag), stack.get(f"/todos/{todo}", If_Match='"0"'))
    yield from (stack.request("HEAD", f"/todos/{todo}"), stack.get("/todos"), stack.get("/todos?limit=x"), post(stack, "{"))
    yield from (put(stack, f"/todos/{todo}", {"name": "x"}), send(stack, "OPTIONS", "/todos"), delete(stack, f"/todos/{todo}"))
    yield from (page, stack.get("/", If_None_Match=page.headers["ETag"]), stack.get(asset), stack.get("/assets/none.js"))
    yield from (stack.get("/openapi.yaml"), stack.get("/problems/invalid"), stack.get("/nothing"), send(stack, "POST", "/", "x"))
    yield from (send(stack, "TRACE", "/"), stack.get("/todos", Host="elsewhere.example"), post(stack, " " * 70000))
    stack.client.close()
    yield stack.get("/" + "x" * 5000)
    stack.client.close()
    yield stack.get("/", X_Large="x" * 5000)
    stack.client.close()
    yield stack.get("/%zz")


def test_every_answer_has_the_security_headers_once_and_no_version(front, new_id):
    statuses = set()
    for answer in kinds(front, new_id()):
        statuses.add(answer.status)
        for name, value in SECURITY.items():
            assert answer.headers.get_all(name) == [value], answer
        [policy] = answer.headers.get_all("Content-Security-Policy")
        assert "default-src 'none'" in policy and "frame-ancestors 'none'" in policy and "unsafe" not in policy
        assert answer.headers["Server"] == "nginx" and "X-Powered-By" not in answer.headers
        assert len(answer.headers.get_all("Request-Id")) == 1 and len(answer.headers.get_all("Cache-Control", [""])) == 1
    assert {200, 204, 304, 400, 404, 405, 412, 413, 414, 421, 431} <= statuses


@pytest.mark.parametrize("path", [
    "/metrics", "/healthz", "/readyz", "/healthz/", "/metrics?x", "//metrics", "/./metrics", "/%6detrics", "/todos/../metrics",
    "/.error/404", "/generations.json", "/nginx_status",
])  # fmt: skip
def test_what_is_internal_is_not_public(front, path):
    head, _, body = raw(front, f"GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n".encode()).partition(b"\r\n\r\n")
    assert head.split()[1] == b"404" and b"todo_" not in body


def test_nobody_purges_from_outside(front, new_id):
    todo = new_id()
    made(front, todo)
    front.get(f"/todos/{todo}")
    for method in ("PURGE", "BAN", "REFRESH"):
        for path in (f"/todos/{todo}", "/todos", "/"):
            assert front.request(method, path).status == 405
    assert front.get(f"/todos/{todo}").cache["hit"] is True


# --- the log ---


def test_each_line_of_the_log_is_json_whatever_was_asked(front, new_id):
    todo = new_id()
    for _ in kinds(front, todo):
        pass
    front.client.close()
    strange = [b"GET /\xff\xfe\"\\ HTTP/1.1", b"GET /\x01 HTTP/1.1", b"\xff\x00\xfe", b"GET /todos/%22%5C%00 HTTP/1.1",
               "GET /größe HTTP/1.1".encode(), b"GET /\xc3 HTTP/1.1"]  # fmt: skip
    for line in strange:
        raw(front, line + b"\r\nHost: localhost\r\nUser-Agent: \xff\"\r\nConnection: close\r\n\r\n")
    for host in (b"\xff", b"\"\\\xc3", b"a\xe4.example", "größe.example".encode()):
        raw(front, b"GET / HTTP/1.1\r\nHost: " + host + b"\r\nConnection: close\r\n\r\n")
    last = front.get("/todos").headers["Request-Id"]
    path = front.folder / "logs/nginx-access.log"
    wanted = [last, '"request":"GET (with bytes', '"host":"(with bytes']  # each of nginx' processes has a buffer of its own
    wait_until(lambda: all(words in path.read_text(errors="replace") for words in wanted), what="the last lines")
    lines = [json.loads(line.decode("utf-8")) for line in path.read_bytes().splitlines()]
    assert len(lines) >= 20 + len(strange)
    names = {"time", "id", "client", "host", "request", "status", "bytes", "seconds", "upstream_seconds",
             "upstream_status", "cache"}  # fmt: skip
    assert all(set(line) == names for line in lines)
    line = next(line for line in lines if line["id"] == last)
    assert line["request"] == "GET /todos HTTP/1.1" and line["upstream_status"] == "200" and line["host"] == "127.0.0.1"
    assert line["cache"].startswith("todo-fcgi; ") and float(line["upstream_seconds"]) >= 0
    assert any("bytes beyond ASCII" in line["request"] for line in lines)
