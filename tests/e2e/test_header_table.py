# SPDX-License-Identifier: MIT
"""
doc/headers.md says which header fields each kind of answer has. Its requests are sent here, in its order, and each answer has
exactly those fields. Then the rules that webhint's http-cache and its neighbours have for a page's files.
"""

import http.client
import re

import pytest
from stack import ROOT, Answer, wait_until

WORDS = (ROOT / "doc/headers.md").read_text()
# Behind the first words of a section's title: how its stack is set up.
SECTIONS = {
    "Public": {},
    "Internal": {},
    "With settings": {
        "settings": {
            "write_token_file": "token", "require_if_match": "on", "server_timing": "on", "surrogate_keys": "on",
            "rate_limit_per_minute": 6000, "rate_limit_burst": 100, "todo_cache_control": "max-age=5", "todo_cdn_cache_control": "max-age=60",
        },
        "LIMIT_CONNECTIONS": "100",
    },
    "With a queue": {"settings": {"write_queue": "file:queue"}},
    "With CORS": {"CORS_ORIGINS": "https://app.example.org http://localhost:3000"},
    "Without workers": {},
}  # fmt: skip
TYPES = {"POST": "application/json", "PUT": "application/json", "PATCH": "application/merge-patch+json"}


def section(title):
    [words] = re.findall(rf"^## {title}.*?\n(.*?)(?=^## |\Z)", WORDS, re.M | re.S)
    return words


def table(words):
    """Its rows, below the title and the line; a cell is the list of its pieces of code."""
    lines = [line for line in words.splitlines() if line.startswith("|")][2:]
    return [[re.findall(r"`([^`]+)`", cell) for cell in re.split(r"(?<!\\)\|", line)[1:-1]] for line in lines]


def parsed(fields):
    """ "Name: value" as {name: value}."""
    return dict(field.split(": ", 1) for field in fields)


COMMON = {name: value for [name], [value] in table(section("Every answer"))}


def fits(pattern, value):
    """An ellipsis stands for any text but none."""
    return re.fullmatch(".+".join(re.escape(part) for part in pattern.split("…")), value)


def differences(answer, wanted):
    """What isn't as the table says."""
    names = [name for name, _ in answer.headers.items()]
    found = {name: ", ".join(answer.headers.get_all(name)) for name in names}
    yield from (f"{name} is there: {found[name]}" for name in found if name not in wanted)
    yield from (f"{name} is missing" for name in wanted if name not in found)
    yield from (f"{name}: {found[name]} is not {wanted[name]}" for name in found if not fits(wanted.get(name, "…"), found[name]))


# RFC 9110 15's, where Python or nginx has an older one.
REASONS = {413: "Content Too Large", 414: "URI Too Long", 422: "Unprocessable Content"}
OF_NGINX = {405: "Not Allowed", 413: "Request Entity Too Large", 414: "Request-URI Too Large", 431: ""}


def has_reason(status, reason, by_nginx):
    standard = REASONS.get(status, http.client.responses[status])
    return reason == (OF_NGINX.get(status, standard) if by_nginx else standard)


class Conversation:
    """The requests of a section; {etag} is the newest ETag, {location} the newest Location, {asset} a hashed asset's name, {long} makes anything too long."""

    def __init__(self, stack, port):
        self.port, self.etag, self.location = port, "", ""
        self.asset = re.search(r"assets/(main\.\w+\.js)", stack.get("/").body.decode())[1]

    def filled(self, words):
        return words.replace("{etag}", self.etag).replace("{location}", self.location).replace("{asset}", self.asset).replace("{text}", "x" * 1000).replace("{long}", "x" * 5000)

    def ask(self, line, *rest):
        method, path = line.split(" ", 1)
        fields, body = {}, None
        for piece in map(self.filled, rest):
            if piece.startswith("{") or ": " not in piece:
                body = piece * 14 if "x" * 5000 in piece else piece
            else:
                fields.update(parsed([piece]))
        if body is not None:
            fields.setdefault("Content-Type", TYPES[method])
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        connection.request(method, self.filled(path), body, fields)
        answer = Answer(connection.getresponse())
        connection.close()
        self.etag = answer.headers.get("ETag", self.etag)
        self.location = answer.headers.get("Location", self.location)
        return answer


@pytest.fixture(scope="module")
def store():
    return "sqlite"


@pytest.fixture(params=SECTIONS)
def conversation(request, new_stack):
    options = dict(SECTIONS[request.param])
    stack = new_stack(prepared_only=True, workers=1, settings=options.pop("settings", None))
    (stack.folder / "token").write_text("secret\n")
    stack.environment.update(options)
    stack.prepare().start()
    stack.internal.get("/metrics")
    wait_until(lambda: stack.internal.get("/readyz").status == 200, what="a worker that is ready")
    wait_until(lambda: stack.internal.get("/readyz").json.get("queue") in (None, {"status": "ready"}), what="a queue")
    # Ready is a worker without Redis too, but its answers have no RateLimit.
    wait_until(lambda: "event=redis_trusted" in stack.log("workers"), what="a worker that trusts Redis")
    if request.param == "Without workers":
        stack.stop("workers")
    return request.param, Conversation(stack, stack.internal_port if request.param == "Internal" else stack.port)


def test_each_answer_has_the_fields_of_the_table(conversation):
    title, talk = conversation
    rows = table(section(title))
    assert rows
    faults = []
    names = [line.split("|")[1] for line in section(title).splitlines() if line.startswith("|")][2:]
    for name, (_, asked, [status], fields) in zip(names, rows, strict=True):
        answer = talk.ask(*asked)
        wanted = {**COMMON, **parsed(map(talk.filled, fields))}
        for name in [name for name in wanted if wanted[name] == "-"]:
            del wanted[name]
        if str(answer.status) != status:
            faults.append(f"{asked}: {answer.status} is not {status}")
        if not has_reason(answer.status, answer.reason, by_nginx="by nginx" in name):
            faults.append(f"{asked}: {answer.status} {answer.reason}")
        faults += [f"{asked} {status}: {difference}" for difference in differences(answer, wanted)]
    assert not faults, "\n".join(faults)


def test_table_has_every_kind_of_problem_that_can_be_provoked_from_outside():
    statuses = {status for title in SECTIONS for _, _, [status], _ in table(section(title))}
    assert {"200", "201", "202", "204", "304", "400", "401", "404", "405", "412", "413", "414", "415", "421", "422", "428", "431", "502"} <= statuses


# --- the page's files ---


def referred(stack):
    """Every file of the page, near and far."""
    found, queue = set(), ["/"]
    while queue:
        body = stack.get(queue.pop()).body
        new = {"/assets/" + name.decode() for name in re.findall(rb"([\w-]+\.[0-9a-f]{12}\.\w+)", body)} - found
        found |= new
        queue += new
    assert len(found) > 15
    return sorted(found)


def test_files_are_cached_as_webhint_asks(new_stack):
    """Rules http-cache, content-type, http-compression, no-disallowed-headers, validate-set-cookie-header, x-content-type-options."""
    stack = new_stack()
    for path in [*referred(stack), "/"]:
        answer = stack.get(path, Accept_Encoding="gzip, br")
        control = answer.headers["Cache-Control"]
        if path == "/":
            assert control == "no-cache"
        else:
            assert "immutable" in control and int(re.search(r"max-age=(\d+)", control)[1]) >= 31536000, path
        assert not {"Expires", "Pragma", "X-Powered-By", "Set-Cookie", "Via", "P3P", "Public-Key-Pins"} & set(answer.headers), path
        assert answer.headers["Server"] == "nginx" and answer.headers["X-Content-Type-Options"] == "nosniff"
        kind = answer.headers["Content-Type"]
        assert kind == "image/svg+xml" or kind == "application/manifest+json" or kind.endswith("; charset=utf-8"), (path, kind)
        assert "Accept-Encoding" in answer.headers["Vary"]
        plain = stack.get(path)
        assert "Content-Encoding" not in plain.headers
        assert len(answer.body) <= len(plain.body) and answer.headers["ETag"].startswith('"')
        if len(plain.body) > 600:
            assert answer.headers["Content-Encoding"] in ("br", "gzip"), path
        again = stack.get(path, If_None_Match=answer.headers["ETag"], Accept_Encoding="gzip, br")
        assert again.status == 304 and again.headers["Cache-Control"] == control, path
