# SPDX-License-Identifier: MIT
"""httplint and redbot, called as libraries: what they warn of, one finding per note."""

import http.client
import re
import time
from configparser import ConfigParser
from dataclasses import dataclass

import exchanges
import thor
from httplint import HttpRequestLinter, HttpResponseLinter
from httplint.note import levels
from redbot.resource import HttpResource
from redbot.resource.fetch import RedFetcher, RedHttpClient

CONFIG = ConfigParser()
CONFIG.read_dict({"redbot": {"enable_local_access": "True"}})


@dataclass
class Finding:
    where: str  # the request's line
    name: str  # the note's class, or "status"
    text: str


def warnings_of(where, notes):
    """Warnings and worse, those inside other notes too."""
    for note in notes:
        if note.level in (levels.WARN, levels.BAD):
            yield Finding(where, type(note).__name__, f"{note.subject}: {note.summary}")
        yield from warnings_of(where, note.subnotes)


def send(port, method, path, fields, body):
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    try:
        connection.request(method, path, body, fields)
        response = connection.getresponse()
        return response, response.read()
    finally:
        connection.close()


def main_module(port):
    """The name of the page's module."""
    page = send(port, "GET", "/", {}, None)[1].decode()
    return re.search(r"assets/(main\.\w+\.js)", page)[1]


def lint(port, method, path, fields, body):
    """One exchange; returns its response and the linter that has seen it."""
    started_at = time.time()
    response, content = send(port, method, path, fields, body)
    request = HttpRequestLinter(start_time=started_at)
    request.process_request_topline(method.encode(), path.encode(), b"1.1")
    request.process_headers([(name.encode(), value.encode()) for name, value in fields.items()])
    linter = HttpResponseLinter(start_time=started_at)
    linter.request = request
    linter.is_head_response = method == "HEAD"
    linter.base_uri = f"http://127.0.0.1:{port}{path}"
    linter.process_response_topline(b"1.1", str(response.status).encode(), response.reason.encode())
    linter.process_headers([(name.encode(), value.encode()) for name, value in response.getheaders()])
    linter.feed_content(content)
    linter.finish_content(True)
    return response, linter


def judge_conversation(port, conversation):
    """Yields the findings of each answer, a list per answer."""
    seen = {"etag": "", "modified": ""}
    for method, path, status, fields, body in conversation:
        if "{main}" in path:
            path = path.replace("{main}", main_module(port))
        where = f"{method} {path[:40]} {status or ''}".strip()
        filled = {name: value.format(**seen) if "{" in value else value for name, value in fields.items()}
        response, linter = lint(port, method, path, filled, body)
        seen["etag"] = response.headers.get("ETag", seen["etag"])
        seen["modified"] = response.headers.get("Last-Modified", seen["modified"])
        findings = list(warnings_of(where, linter.notes))
        if status not in (None, response.status):
            findings.append(Finding(where, "status", f"answered {response.status}"))
        yield findings


def redbot_findings(path, resource):
    where = f"GET {path}"
    findings = list(warnings_of(where, resource.response.notes))
    for check in resource.subreqs.values():
        findings += warnings_of(f"{where} ({check.check_id})", check.response.notes)
    if resource.fetch_error or not resource.response.complete:
        findings.append(Finding(where, "fetch", str(resource.fetch_error)))
    return findings


def judge_urls(port, paths):
    """
    What redbot, which asks by itself for 304s, ranges and encodings, says of each URL; a list of findings per URL.

    One loop for all of them, and a client of its own: a loop that stops forgets the connections that the client keeps.
    """
    RedFetcher.client = RedHttpClient()
    resources = [HttpResource(CONFIG["redbot"]) for _ in paths]
    waiting = list(zip(resources, paths))

    def go_on():
        if not waiting:
            thor.stop()
            return
        resource, path = waiting.pop(0)
        resource.set_request(f"http://127.0.0.1:{port}{path}")
        resource.once("check_done", lambda: thor.schedule(0, go_on))
        resource.check()

    thor.schedule(0, go_on)
    thor.run()
    return [redbot_findings(path, resource) for path, resource in zip(paths, resources)]
