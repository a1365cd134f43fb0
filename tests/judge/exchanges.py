# SPDX-License-Identifier: MIT
"""
The requests whose answers the linters of HTTP look at: each route, each method, each status that can be had.

A conversation is a list of (method, path, status wanted, header fields, body), in order: what a row needs, the rows
before it made. "{etag}" in a field is the last ETag that was seen, "{modified}" the last Last-Modified.
"""

JSON = {"Content-Type": "application/json"}
PATCH = {"Content-Type": "application/merge-patch+json"}
KEY = {**JSON, "Idempotency-Key": '"judge-1"'}
LONG = "x" * 5000

TODOS = [
    ("POST", "/todos", 201, JSON, '{"id":"judged","name":"Judge it"}'),
    ("POST", "/todos", 409, JSON, '{"id":"judged","name":"Judge it"}'),
    ("POST", "/todos/", 201, JSON, '{"name":"Judge it"}'),
    ("POST", "/todos", 201, KEY, '{"name":"Once"}'),
    ("POST", "/todos", 201, KEY, '{"name":"Once"}'),
    ("POST", "/todos", 422, KEY, '{"name":"Twice"}'),
    ("POST", "/todos", 400, JSON, "{"),
    ("POST", "/todos", 413, JSON, " " * 70000),
    ("POST", "/todos", 415, {"Content-Type": "text/plain"}, "x"),
    ("POST", "/todos", 422, JSON, '{"name":""}'),
    ("GET", "/todos/judged", 200, {}, None),
    ("GET", "/todos/judged", 200, {}, None),
    ("GET", "/todos/judged", 200, {"Cache-Control": "no-cache"}, None),
    ("GET", "/todos/judged", 200, {"Authorization": "Bearer mine"}, None),
    ("GET", "/todos/judged", 200, {"Accept-Encoding": "gzip, br"}, None),
    ("GET", "/todos/judged", 200, {"Range": "bytes=0-3"}, None),
    ("HEAD", "/todos/judged", 200, {}, None),
    ("GET", "/todos/judged", 304, {"If-None-Match": "{etag}"}, None),
    ("HEAD", "/todos/judged", 304, {"If-None-Match": "{etag}"}, None),
    ("GET", "/todos/judged", 304, {"If-Modified-Since": "{modified}"}, None),
    ("GET", "/todos/judged", 412, {"If-Match": '"0-0"'}, None),
    ("GET", "/todos/judged", 406, {"Accept": "text/html"}, None),
    ("GET", "/todos/judged?x=1", 400, {}, None),
    ("GET", "/todos/nobody", 504, {"Cache-Control": "only-if-cached"}, None),
    ("GET", "/todos/nobody", 404, {}, None),
    ("HEAD", "/todos/nobody", 404, {}, None),
    ("GET", "/todos/a%20b", 404, {}, None),
    ("PUT", "/todos/judged", 200, {**JSON, "If-Match": "{etag}"}, '{"name":"Judge it again"}'),
    ("PUT", "/todos/judged", 412, {**JSON, "If-Match": '"0-0"'}, '{"name":"Judge it again"}'),
    ("PUT", "/todos/another", 201, {**JSON, "If-None-Match": "*"}, '{"name":"Judge that"}'),
    ("PATCH", "/todos/judged", 200, PATCH, '{"done":true}'),
    ("PATCH", "/todos/judged", 415, JSON, '{"done":true}'),
    ("PATCH", "/todos/judged", 422, PATCH, '{"done":3}'),
    ("PATCH", "/todos/nobody", 404, PATCH, '{"done":true}'),
    ("DELETE", "/todos/another", 204, {}, None),
    ("DELETE", "/todos/another", 404, {}, None),
    ("OPTIONS", "/todos/judged", 204, {}, None),
    ("OPTIONS", "/todos", 204, {}, None),
    ("OPTIONS", "/todos/", 204, {}, None),
    ("POST", "/todos/judged", 405, JSON, "{}"),
    ("PUT", "/todos", 405, JSON, "{}"),
    ("TRACE", "/todos", 405, {}, None),
    ("FOO", "/todos", 405, {}, None),
    ("GET", "/todos", 200, {}, None),
    ("GET", "/todos?limit=1&done=false", 200, {}, None),
    ("GET", "/todos?limit=1&done=false", 304, {"If-None-Match": "{etag}"}, None),
    ("HEAD", "/todos", 200, {}, None),
    ("GET", "/todos", 412, {"If-Match": '"0"'}, None),
    ("GET", "/todos?limit=0", 400, {}, None),
    ("GET", "/todos?cursor=" + LONG, 414, {}, None),
    ("GET", "/todos", 421, {"Host": "elsewhere.example"}, None),
    ("GET", "/todos", 431, {"X-Long": LONG}, None),
    ("GET", "/stats", 200, {}, None),
    ("HEAD", "/stats", 200, {}, None),
]

# The page has no date: its files' times say nothing (nginx/page.conf.in).
PAGE = ("/", "/assets/{main}")  # the name of the page's module, which holds a hash
FILES = [
    (method, path, status, fields, None)
    for path in (*PAGE, "/openapi.yaml", "/problems/not-found")
    for method, status, fields in (
        ("GET", 200, {}),
        ("HEAD", 200, {}),
        ("GET", 200, {"Range": "bytes=0-3"}),
        ("GET", 304, {"If-None-Match": "{etag}"}),
        *([("GET", 304, {"If-Modified-Since": "{modified}"})] if path not in PAGE else []),
        ("GET", 412, {"If-Match": '"0"'}),
        ("DELETE", 405, {}),
    )
] + [("GET", path, 404, {}, None) for path in ("/nowhere", "/problems/", "/assets/none.js")]

INTERNAL = [
    ("GET", "/healthz", 200, {}, None),
    ("HEAD", "/healthz", 200, {}, None),
    ("GET", "/readyz", 200, {}, None),
    ("GET", "/metrics", 200, {}, None),
    ("HEAD", "/metrics", 200, {}, None),
    ("DELETE", "/metrics", 405, {}, None),
    ("GET", "/nowhere", 404, {}, None),
]

# With write_token_file, require_if_match and a limit of 20 requests.
BEARER = {"Authorization": "Bearer judge"}
STRICT = [
    ("DELETE", "/todos/judged", 401, {}, None),
    ("DELETE", "/todos/judged", 401, {"Authorization": "Bearer wrong"}, None),
    ("DELETE", "/todos/judged", 428, BEARER, None),
    ("POST", "/todos", 201, {**BEARER, **JSON}, '{"id":"judged","name":"Judge it"}'),
    ("DELETE", "/todos/judged", 204, {**BEARER, "If-Match": "{etag}"}, None),
    *[("GET", "/todos/nobody", None, {}, None)] * 20,
    ("GET", "/todos/nobody", 429, {}, None),
    ("DELETE", "/todos/judged", 429, BEARER, None),
]

# When no worker is there.
AWAY = [("GET", "/todos/judged", 502, {}, None), ("DELETE", "/todos/judged", 502, BEARER, None)]

# What redbot looks at, which asks several times each.
PUBLIC_URLS = ["/todos", "/todos?limit=1&done=false", "/todos/judged", "/todos/nobody"]
PUBLIC_URLS += [*PAGE, "/openapi.yaml", "/problems/invalid", "/stats"]
INTERNAL_URLS = ["/healthz", "/readyz", "/metrics"]
