# SPDX-License-Identifier: MIT
"""
data/openapi.yaml is served, and its examples are true: each is asked for, and the answer is the example's.

An example of a request and one of an answer that have one name belong together. Each example of a problem is provoked
here, or stands in NOT_HERE with the reason why not.
"""

import gzip
import html
import json
import re

import pytest
from stack import ROOT
from verbs import delete, made, patch, post, put

yaml = pytest.importorskip("yaml")

WORDS = (ROOT / "data/openapi.yaml").read_bytes()
SPEC = yaml.safe_load(WORDS)
ANSWERS = SPEC["components"]["responses"]
LONG = "x" * 5000
TIMES = ("created_at", "updated_at")

PROBLEMS = {
    name: example["value"]
    for answer in ANSWERS.values()
    for name, example in answer.get("content", {}).get("application/problem+json", {}).get("examples", {}).items()
}
NOT_HERE = {
    "still-running": "test_idempotency.py",
    "unreadable": "needs a document that is no todo: test_operator.py",
    "start-over": "needs a feed: test_changes.py",
    "unsupported": "needs a MongoDB that nobody follows: test_changes.py",
    "unavailable": "needs a store that is away: test_errors.py",
    "queue-full": "needs a queue: test_queue.py",
    "still-queued": "needs a queue: test_queue.py",
    "unknown-outcome": "needs a store that is slow: test_life.py",
    "too-late": "needs a worker that says nothing for 15 s",
    "no-answer": "needs a stack without workers: below",
    "too-fast": "needs a limit in nginx: below",
    "unauthorized": "needs settings: below",
    "condition-required": "needs settings: below",
    "too-many-requests": "needs settings: below",
}


def body_examples(path, method):
    content = SPEC["paths"][path][method]["requestBody"]
    if "$ref" in content:
        content = SPEC["components"]["requestBodies"][content["$ref"].rpartition("/")[2]]
    (media,) = content["content"].values()
    return {name: example["value"] for name, example in media["examples"].items()}


def answer_example(response, name):
    example = ANSWERS[response]["content"]["application/json"]["examples"][name]
    return SPEC["components"]["examples"][example["$ref"].rpartition("/")[2]]["value"]


def timeless(todo):
    return {name: value for name, value in todo.items() if name not in TIMES}


def check_problem(answer, name):
    assert answer.problem(PROBLEMS[name]["status"]) == PROBLEMS[name], name


# --- the file ---


def test_description_is_served_to_be_kept_for_a_while(stack):
    answer = stack.get("/openapi.yaml")
    assert answer.status == 200 and answer.body == WORDS
    assert answer.headers["Content-Type"] == "application/yaml"
    assert answer.headers["Cache-Control"] == "max-age=3600"
    assert stack.get("/openapi.yaml", If_None_Match=answer.headers["ETag"]).status == 304
    assert stack.request("HEAD", "/openapi.yaml").headers["Content-Length"] == str(len(WORDS))


def test_description_is_compressed_under_a_tag_of_its_own(stack):
    plain, packed = stack.get("/openapi.yaml"), stack.get("/openapi.yaml", Accept_Encoding="gzip")
    assert gzip.decompress(packed.body) == plain.body and len(packed.body) < len(plain.body) / 4
    assert packed.headers["ETag"].startswith('"') and packed.headers["ETag"] != plain.headers["ETag"]
    assert packed.headers["Vary"] == plain.headers["Vary"] == "Accept, Accept-Encoding"
    assert stack.get("/openapi.yaml", Accept_Encoding="gzip", If_None_Match=packed.headers["ETag"]).status == 304


def test_description_is_shown_by_browsers_and_is_there_as_json(stack):
    shown = stack.get("/openapi.yaml", Accept="text/html,application/xhtml+xml,*/*;q=0.8", Accept_Encoding="gzip")
    assert shown.headers["Content-Type"] == "text/plain; charset=utf-8" and gzip.decompress(shown.body) == WORDS
    plain, packed = stack.get("/openapi.json"), stack.get("/openapi.json", Accept_Encoding="gzip")
    assert plain.headers["Content-Type"] == "application/json"
    assert plain.json == json.loads(json.dumps(SPEC)) and gzip.decompress(packed.body) == plain.body
    assert shown.headers["Vary"] == plain.headers["Vary"] == packed.headers["Vary"] == "Accept, Accept-Encoding"


def test_docs_show_each_operation_within_the_policy(stack):
    answer = stack.get("/docs")
    words = answer.body.decode()
    assert answer.status == 200 and "script-src 'self'" in answer.headers["Content-Security-Policy"]
    for path, item in SPEC["paths"].items():
        for method, operation in item.items():
            if isinstance(operation, dict):
                assert f'<h3 id="{operation["operationId"]}"><span class="method {method}">' in words and path in words
    for schema in SPEC["components"]["schemas"]:
        assert f'id="schema-{schema}"' in words
    for kind in SPEC["components"]["schemas"]["Problem"]["properties"]["type"]["enum"]:
        assert f'<a href="{kind}">' in words or kind not in {problem["type"] for problem in PROBLEMS.values()}
    references = re.findall(r'(?:href|src)="(/[^"#]*)"', words)
    assert any(name.startswith("/assets/docs.") and name.endswith(".js") for name in references)
    for reference in set(references):
        assert stack.get(reference).status == 200, reference
    assert not re.search(r"<script(?! type=\"module\" src=)|<style| style=| on[a-z]+=|https?://(?!127\.0\.0\.1)[^\s<]*\.js", words)


def test_type_of_each_problem_leads_to_a_page_about_it(stack):
    manual = dict(re.findall(r"^\| `(/problems/[a-z-]+)` \| \d+ \| (.+?) \|", (ROOT / "doc/problems.md").read_text(), re.M))
    kinds = SPEC["components"]["schemas"]["Problem"]["properties"]["type"]["enum"]
    assert set(kinds) == set(manual)
    for kind in kinds:
        answer = stack.get(kind)
        words = answer.body.decode()
        assert answer.status == 200 and answer.headers["Content-Type"] == "text/html; charset=utf-8"
        assert f"<h1>{html.escape(manual[kind], quote=False)}</h1>" in words and f"<code>{kind}</code>" in words and "`" not in words
        assert stack.get(kind, If_None_Match=answer.headers["ETag"]).status == 304
    for path in ("/problems/made-up", "/problems/", "/problems/UPPER", "/problems/a/b", "/problems/invalid.html", "/problems/" + "x" * 65):
        stack.get(path).problem(404)


# --- examples of what goes well ---


def test_examples_of_writes_are_answered_as_they_say(new_stack):
    stack = new_stack()
    for name, body in body_examples("/todos", "post").items():
        answer = post(stack, body)
        assert answer.status == 201 and set(answer.json) == set(answer_example("Created", "created")), name
        assert timeless(answer.json).items() >= body.items()
    assert timeless(stack.get("/todos/milk").json) == timeless(answer_example("Todo", "todo"))
    for name, body in body_examples("/todos/{id}", "put").items():
        answer = put(stack, "/todos/milk", body)
        assert answer.status == 200 and timeless(answer.json).items() >= body.items(), name
        if name in ANSWERS["Changed"]["content"]["application/json"]["examples"]:
            assert timeless(answer.json) == timeless(answer_example("Changed", name))
    put(stack, "/todos/milk", body_examples("/todos/{id}", "put")["replaced"])
    examples = body_examples("/todos/{id}", "patch")
    answer = patch(stack, "/todos/milk", examples["ticked"])
    assert timeless(answer.json) == timeless(answer_example("Changed", "ticked"))
    assert patch(stack, "/todos/milk", examples["emptied"]).json["description"] == ""
    assert set(examples) == {"ticked", "emptied"}


def test_examples_of_pages_are_answered_as_they_say(new_stack):
    stack = new_stack()
    assert stack.get("/todos").json == answer_example("Page", "last")
    example = answer_example("Page", "page")
    made(stack, "older")
    for todo in reversed(example["todos"]):
        post(stack, {name: value for name, value in todo.items() if name not in TIMES})
    page = stack.get("/todos?limit=2").json
    assert [timeless(todo) for todo in page["todos"]] == [timeless(todo) for todo in example["todos"]]
    assert len(page["next"]) >= 20 and stack.get(f"/todos?limit=2&cursor={page['next']}").json["next"] is None


def test_examples_of_parameters_are_taken(new_stack):
    stack = new_stack()
    post(stack, body_examples("/todos", "post")["created"])
    for parameter in SPEC["components"]["parameters"].values():
        values = [example["value"] for example in parameter.get("examples", {}).values()] or [parameter.get("example")]
        for value in values:
            if parameter["in"] == "header" and parameter["name"] == "Idempotency-Key":
                assert post(stack, {"name": "x"}, Idempotency_Key=value).status == 201
            elif parameter["in"] == "header":
                answer = stack.request("GET", "/todos/milk", headers={parameter["name"]: value})
                assert answer.status == 200, (parameter["name"], value, answer)
            elif parameter["in"] == "query" and value is not None:
                assert stack.get(f"/todos?{parameter['name']}={json.dumps(value).strip(chr(34))}").status == 200


# --- examples of problems ---


def provoked(stack, todo):
    """Yields (name of the example, answer)."""
    json_type = "application/json"
    made(stack, todo)
    path = f"/todos/{todo}"
    yield "bad-query", stack.get("/todos?limit=0")
    yield "unknown-query", stack.get("/todos?colour=red")
    yield "bad-cursor", stack.get("/todos?cursor=AAAA")
    yield "bad-json", post(stack, "{")
    yield "bad-key", post(stack, {"name": "x"}, Idempotency_Key='"')
    yield "bad-http", stack.get("/todos", If_None_Match="a", if_none_match="b")
    yield "not-found", patch(stack, path + "-not", {})
    yield "no-todo", stack.get(path + "-not")
    yield "no-resource", stack.get("/nowhere")
    yield "not-acceptable", stack.get(path, Accept="text/html")
    yield "exists", post(stack, {"id": todo, "name": "x"})
    yield "condition-failed", put(stack, path, {"name": "x"}, If_Match='"0-0"')
    yield "changed", stack.get(path, If_Match='"0-0"')
    yield "page-changed", stack.get("/todos", If_Match='"0-0"')
    yield "file-changed", stack.get("/openapi.yaml", If_Match='"0-0"')
    yield "too-large", post(stack, " " * 70000)
    yield "uri-too-long", stack.get("/todos?cursor=" + LONG)
    yield "misdirected", stack.get("/todos", Host="elsewhere.example")
    yield "unsupported-type", post(stack, "x", Content_Type="text/plain")
    yield "unsupported-patch", patch(stack, path, {}, Content_Type=json_type)
    yield "invalid", post(stack, {"name": ""})
    yield "unknown-member", post(stack, {"name": "x", "colour": 1})
    post(stack, {"name": "x"}, Idempotency_Key=f'"{todo}"')
    yield "key-reused", post(stack, {"name": "y"}, Idempotency_Key=f'"{todo}"')
    yield "header-too-large", stack.get("/todos", X_Large=LONG)
    yield "not-cached", stack.get(path + "-never", Cache_Control="only-if-cached")


def test_examples_of_problems_are_answered_as_they_say(stack, new_id):
    seen = set()
    for name, answer in provoked(stack, new_id()):
        check_problem(answer, name)
        seen.add(name)
        if answer.status in (400, 413, 414, 431):
            stack.client.close()
    assert seen | set(NOT_HERE) == set(PROBLEMS)
    assert not seen & set(NOT_HERE)


def test_examples_that_need_settings_are_answered_as_they_say(new_stack, tmp_path):
    token = tmp_path / "token"
    token.write_text("secret\n")
    settings = {"write_token_file": token, "require_if_match": "on", "rate_limit_per_minute": 2, "rate_limit_burst": 6}
    stack = new_stack(settings=settings, workers=1)
    check_problem(delete(stack, "/todos/a"), "unauthorized")
    check_problem(delete(stack, "/todos/a", Authorization="Bearer secret"), "condition-required")
    answers = [stack.get("/todos/a") for _ in range(8)]
    check_problem(answers[-1], "too-many-requests")
    stack.stop("workers")
    check_problem(stack.get("/todos/a"), "no-answer")


def test_limit_of_the_template_is_answered_as_the_example_says(new_stack):
    stack = new_stack(prepared_only=True)
    stack.environment.update(LIMIT_RATE="1r/m", LIMIT_BURST="2")
    stack.prepare().start("redis", "workers", "nginx")
    answers = [stack.get("/openapi.yaml") for _ in range(4)]
    assert [answer.status for answer in answers] == [200, 200, 200, 429]
    check_problem(answers[-1], "too-fast")
    assert answers[-1].headers["Retry-After"] == "1"
