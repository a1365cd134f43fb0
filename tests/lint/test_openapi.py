# SPDX-License-Identifier: MIT
"""data/openapi.yaml against the sources: routes, fields, problems. tests/e2e/test_openapi.py replays its examples."""

import json
import re

import pytest
from source import files, macro_rows, text

yaml = pytest.importorskip("yaml")

SPEC = yaml.safe_load(text("data/openapi.yaml"))
# Not described by OpenAPI as header fields: they belong to the body, to the security scheme, or to nginx alone.
ELSEWHERE = {"Content-Type", "Content-Length", "Content-Encoding", "Content-Range", "Accept", "Accept-Encoding", "Authorization",
             "X-Accel-Buffering"}  # fmt: skip
OPERATIONS = {
    (path, method): operation
    for path, item in SPEC["paths"].items()
    for method, operation in item.items()
    if method in ("get", "head", "put", "patch", "post", "delete", "options")
}


def resolved(node):
    while "$ref" in node:
        target = SPEC
        for part in node["$ref"].removeprefix("#/").split("/"):
            target = target[part]
        node = target
    return node


def responses():
    return [resolved(answer) for operation in OPERATIONS.values() for answer in operation["responses"].values()]


def problem_examples():
    return {
        name: example["value"]
        for answer in responses()
        for name, example in answer.get("content", {}).get("application/problem+json", {}).get("examples", {}).items()
    }


def workers_problems():
    rows = [[part.strip('"') for part in row] for row in macro_rows("src/api/problem.h", "PROBLEMS")]
    return {f"/problems/{slug}": (int(status), title) for _, status, slug, title in rows}


def nginx_problems():
    bodies = re.findall(r"return \d+ '(\{.*\})';", text("nginx/errors.conf"))
    return [json.loads(body.replace("\\'", "'")) for body in bodies]


def test_every_route_of_the_worker_is_described():
    rows = re.findall(r'\{ROUTE_\w+, +(\w+), +"([^"]+)"', text("src/api/route.c"))
    described = {(path, method) for path, method in OPERATIONS}
    assert len(rows) >= 10
    for methods, path in rows:
        assert (path, methods.lower()) in described
    written = {path for path, method in described if method in ("put", "patch", "post", "delete")}
    assert all((path, "options") in described for path in written)


def test_every_path_of_nginx_is_described():
    for path in files(".in", under="nginx"):
        for exact in re.findall(r"location = (/\S*) \{", text(path)):
            assert exact in SPEC["paths"], path
        for prefix in re.findall(r'location (?:~ "\^|\^~ )(/\w+/)', text(path)):
            assert any(described.startswith(prefix + "{") for described in SPEC["paths"]), path


def test_every_request_field_that_the_worker_reads_is_described():
    params = [param.strip('"') for _, param in macro_rows("src/api/request.h", "REQUEST_PARAMS")]
    read = {param.removeprefix("HTTP_").replace("_", "-").lower() for param in params if param.startswith("HTTP_")}
    described = {parameter["name"].lower() for parameter in SPEC["components"]["parameters"].values()}
    in_urls = {"id", "limit", "order", "done", "cursor", "after", "ticket"}
    assert read - {name.lower() for name in ELSEWHERE} == described - in_urls


def test_todos_have_the_fields_of_the_table():
    rows = re.findall(r'X\(\w+, "(\w+)", \w+, \w+, (\w+),', text("src/base/todo.h"))
    wanted = {"Todo": ("CREATE", "WRITE", "READ"), "NewTodo": ("CREATE", "WRITE")}
    wanted |= {"TodoMembers": ("CREATE", "WRITE", "READ"), "TodoPatch": ("WRITE",)}
    assert len(rows) >= 7
    for schema, access in wanted.items():
        described = list(SPEC["components"]["schemas"][schema]["properties"])
        assert described == [name for name, client in rows if client in access], schema


def members(schema):
    """Of an object, and of those in it."""
    properties = schema.get("properties", {})
    return set(properties).union(*(members(inner) for inner in properties.values()))


def test_readiness_has_the_members_that_the_worker_writes():
    source = text("src/api/health.c")
    written = set(re.findall(r'append_text\(body, "(\w+)"', source)) | set(re.findall(r'\\"(\w+)\\":', source))
    assert len(written) > 8 and written == members(SPEC["components"]["schemas"]["Readiness"])


def test_every_answer_field_that_the_worker_sends_is_described():
    sent = set()
    for path in files(".c", under="src/api"):
        sent |= set(re.findall(r'response_header(?:_slice)?\(request, "([\w-]+)"', text(path)))
        sent |= set(re.findall(r'"(?:\\r\\n)?([A-Z][\w-]+): ', text(path)))
    described = {name for answer in responses() for name in answer["headers"]}
    assert {"ETag", "Request-Id", "RateLimit", "Server-Timing", "Cache-Status"} <= sent
    assert sent - described - ELSEWHERE - {"Status"} == set()


def test_every_answer_has_its_request_id_and_the_security_headers():
    names = re.findall(r"^add_header ([\w-]+) ", text("nginx/headers.conf") + text("nginx/safety.conf.in"), re.M)
    assert len(names) >= 6
    for answer in responses():
        assert {"Request-Id", "Cache-Control", *names} <= set(answer["headers"]), answer["description"]


def test_problems_are_those_of_the_manual():
    manual = re.findall(r"^\| `(/problems/[\w-]+)` \| \d+ \|", text("doc/problems.md"), re.M)
    assert sorted(SPEC["components"]["schemas"]["Problem"]["properties"]["type"]["enum"]) == sorted(manual)


def test_examples_of_problems_are_whole():
    known = workers_problems()
    known.update({problem["type"]: (problem["status"], problem["title"]) for problem in nginx_problems()})
    for name, problem in problem_examples().items():
        assert (problem["status"], problem["title"]) == known[problem["type"]], name


def test_operations_say_whether_they_want_the_token():
    for (path, method), operation in OPERATIONS.items():
        is_write = method in ("put", "patch", "post", "delete")
        assert ("security" in operation) == is_write, (path, method)
        assert ("401" in operation["responses"]) == is_write, (path, method)
