# SPDX-License-Identifier: MIT
"""nginx' templates against the worker: the parameters it reads, the sizes and times that must agree."""

import json
import re

from source import files, macro_rows, settings, text

ONE_UNIT = {"": 1, "k": 1024, "m": 1024 * 1024}


def all_nginx():
    return {path: text(path) for path in files(".conf", ".in", "fastcgi_params", under="nginx")}


PARAM = re.compile(r"^fastcgi_param (\w+)\s+(\S+)", re.M)


def test_parameters_are_those_that_the_worker_reads():
    given = dict(PARAM.findall(text("nginx/fastcgi_params")))
    read = {param.strip('"') for _, param in macro_rows("src/api/request.h", "REQUEST_PARAMS")}
    assert {name for name, value in given.items() if value != '"";'} == {name for name in read if not name.startswith("HTTP_")}
    assert len(given) == text("nginx/fastcgi_params").count("\nfastcgi_param ")


def test_only_fields_that_the_worker_does_not_read_are_held_back():
    held = {name for name, value in PARAM.findall(text("nginx/fastcgi_params")) if value == '"";'}
    read = {param.strip('"') for _, param in macro_rows("src/api/request.h", "REQUEST_PARAMS")}
    assert {"HTTP_COOKIE", "HTTP_USER_AGENT", "HTTP_HOST"} <= held and not held & read
    assert "fastcgi_pass_request_headers on;" in text("nginx/pass.conf")


def test_parameters_are_set_nowhere_else():
    for path, words in all_nginx().items():
        if path.name != "fastcgi_params":
            assert "fastcgi_param " not in words, path


def test_body_limit_is_the_workers():
    number, unit = re.search(r"client_max_body_size (\d+)([km]?);", text("nginx/server.conf.in")).groups()
    assert int(number) * ONE_UNIT[unit] == int(settings()["body_max_bytes"]["default"])
    assert settings()["body_max_bytes"]["default"] in text("nginx/errors.conf")


def test_nginx_closes_idle_connections_first():
    seconds = int(re.search(r"keepalive_timeout (\d+)s;", text("nginx/http.conf.in"))[1])
    assert seconds < int(settings()["idle_timeout_s"]["default"])


def test_nginx_waits_longer_than_a_worker_may_take():
    seconds = int(re.search(r"fastcgi_read_timeout (\d+)s;", text("nginx/server.conf.in"))[1])
    row = settings()
    longest = int(row["write_deadline_ms"]["default"]) + int(row["store_timeout_ms"]["default"])
    assert seconds * 1000 > longest


PAGE = re.compile(r"location (?:= /\.error/|@error_)(\d+) \{[^}]*return \1 '(\{.*\})';\n\}")


def problems():
    """nginx' own problems by status, as they are answered."""
    pages = PAGE.findall(text("nginx/errors.conf"))
    return {int(status): json.loads(body.replace("\\'", "'")) for status, body in pages}


def test_each_error_page_exists_and_says_its_status():
    pages = re.findall(r"^error_page (\d+) = (?:/\.error/|@error_)(\d+);", text("nginx/error_pages.conf"), re.M)
    assert set("400 404 405 408 413 414 421 429 494 497 500 502 503 504".split()) <= set(dict(pages))
    assert {int(page) for _, page in pages} == set(problems())
    for status, problem in problems().items():
        assert problem["status"] == status


def test_problems_of_nginx_and_of_the_workers_are_one_set():
    rows = macro_rows("src/api/problem.h", "PROBLEMS")
    workers = {f"/problems/{slug}": (int(status), title) for _, status, slug, title in unquoted(rows)}
    nginx = {problem["type"]: (problem["status"], problem["title"]) for problem in problems().values()}
    assert {kind: workers[kind] for kind in workers.keys() & nginx.keys()} == {
        kind: nginx[kind] for kind in workers.keys() & nginx.keys()
    }
    manual = re.findall(r"^\| `(/problems/[\w-]+)` \| (\d+) \| (.+?) \|", text("doc/problems.md"), re.M)
    assert {kind: (int(status), title) for kind, status, title in manual} == {**workers, **nginx}


def unquoted(rows):
    return [[part.strip('"') for part in row] for row in rows]


def test_metrics_and_health_are_on_the_internal_server_only():
    assert "/metrics" in text("nginx/internal.conf.in")
    for path, words in all_nginx().items():
        if path.name != "internal.conf.in":
            for name in ("/metrics", "/healthz", "/readyz"):
                assert name not in words, path


def test_who_adds_a_header_adds_the_security_headers():
    assert "include todo/headers.conf;" in text("nginx/problem.conf")
    policies = {re.search("^add_header Content-Security-Policy .*", text(f"nginx/{name}.conf"), re.M)[0] for name in ("headers", "pass")}
    assert len(policies) == 1
    for path in ("nginx/headers.conf", "nginx/pass.conf"):
        assert "include todo/safety.conf;" in text(path)
    for path, words in all_nginx().items():
        for block in re.findall(r"location [^{]*\{[^}]*\}", words):
            if "add_header" in block:
                own = ("add_header Content-Security-Policy", "add_header Request-Id $todo_request_id always;", "include todo/safety.conf;")
                assert all(words in block for words in own) or re.search("include todo/(headers|problem).conf;", block), f"{path}: {block}"
