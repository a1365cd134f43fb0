# SPDX-License-Identifier: MIT
"""nginx' templates against the worker: the parameters it reads, the sizes and times that must agree."""

import re

from source import files, macro_rows, settings, text

ONE_UNIT = {"": 1, "k": 1024, "m": 1024 * 1024}


def all_nginx():
    return {path: text(path) for path in files(".conf", ".in", "fastcgi_params", under="nginx")}


def test_parameters_are_those_that_the_worker_reads():
    given = re.findall(r"^fastcgi_param (\w+)\s", text("nginx/fastcgi_params"), re.M)
    read = [param.strip('"') for _, param in macro_rows("src/api/request.h", "REQUEST_PARAMS")]
    assert sorted(given) == sorted(read)
    assert len(set(given)) == len(given)


def test_parameters_are_set_nowhere_else():
    for path, words in all_nginx().items():
        if path.name != "fastcgi_params":
            assert "fastcgi_param " not in words, path


def test_request_headers_are_not_passed_wholesale():
    assert "fastcgi_pass_request_headers off;" in text("nginx/pass.conf")


def test_body_limit_is_the_workers():
    number, unit = re.search(r"client_max_body_size (\d+)([km]?);", text("nginx/site.conf.in")).groups()
    assert int(number) * ONE_UNIT[unit] == int(settings()["body_max_bytes"]["default"])
    assert settings()["body_max_bytes"]["default"] in text("nginx/errors.conf")


def test_nginx_closes_idle_connections_first():
    seconds = int(re.search(r"keepalive_timeout (\d+)s;", text("nginx/http.conf.in"))[1])
    assert seconds < int(settings()["idle_timeout_s"]["default"])


def test_nginx_waits_longer_than_a_worker_may_take():
    seconds = int(re.search(r"fastcgi_read_timeout (\d+)s;", text("nginx/pass.conf"))[1])
    row = settings()
    longest = int(row["write_deadline_ms"]["default"]) + int(row["store_timeout_ms"]["default"])
    assert seconds * 1000 > longest


def test_each_error_page_exists_and_says_its_status():
    pages = re.findall(r"^error_page (\d+) = /\.error/(\d+);", text("nginx/error_pages.conf"), re.M)
    bodies = dict(
        re.findall(r'location = /\.error/(\d+) \{[^}]*return \1 \'\{"type":"[^"]*","title":"[^"]*","status":(\d+),', text("nginx/errors.conf"))
    )
    for status in "400 404 405 408 413 414 429 494 500 502 503 504".split():
        assert status in dict(pages)
    for _, page in pages:
        assert bodies[page] == page


def test_metrics_and_health_are_on_the_internal_server_only():
    assert "/metrics" in text("nginx/internal.conf.in")
    for path, words in all_nginx().items():
        if path.name != "internal.conf.in":
            for name in ("/metrics", "/healthz", "/readyz"):
                assert name not in words, path


def test_who_adds_a_header_adds_the_security_headers():
    for path, words in all_nginx().items():
        for block in re.findall(r"location [^{]*\{[^}]*\}", words):
            if "add_header" in block:
                assert "include todo/headers.conf;" in block, f"{path}: {block}"
