# SPDX-License-Identifier: MIT
"""Headers and what the page makes of them: trace.js, run in the browser on answers that no stack here gives."""

import pytest

READ = """
const [path, status, headers, done] = arguments;
import(path).then(({ traceOf, sourceName, sourceSentence }) => {
    const trace = traceOf("GET", "/todos/1", new Response(null, { status, headers }), 1.25);
    done({ ...trace, name: sourceName(trace), sentence: sourceSentence(trace) });
});
"""


@pytest.fixture
def read(visitor):
    visitor.open()
    module = visitor.run("return new URL(document.querySelector('link[href*=\"/trace.\"]').href).pathname")

    def run(status=200, **headers):
        fields = {name.replace("_", "-"): value for name, value in headers.items()}
        return visitor.driver.execute_async_script(READ, module, status, fields)

    return run


@pytest.mark.parametrize(
    "status, cache_status, source, is_hit, name",
    [
        (200, "todo-fcgi; hit; ttl=254", "redis", True, "Redis"),
        (200, "todo-fcgi; hit; ttl=1; detail=l1", "l1", True, "L1"),
        (200, "todo-fcgi;hit;ttl=1;detail=L1", "l1", True, "L1"),
        (200, "todo-fcgi; fwd=miss; stored; ttl=300", "database", False, "Database"),
        (200, "todo-fcgi; fwd=miss; collapsed", "database", False, "Database"),
        (200, "todo-fcgi; fwd=bypass", "database", False, "Database"),
        (200, "todo-fcgi; fwd=request", "database", False, "Database"),
        (200, "todo-fcgi; fwd=method", "write", False, "Write"),
        (304, "todo-fcgi; hit; ttl=254", "304", True, "304 · Redis"),
        (304, "todo-fcgi; fwd=miss; stored", "304", False, "304 · Database"),
        (404, "todo-fcgi; hit; ttl=20", "redis", True, "Redis"),
        (200, "todo-fcgi; fwd=miss; stored, varnish; hit; ttl=9", "front", True, "A cache in front"),
        (200, "todo-fcgi; hit; ttl=9, varnish; fwd=miss", "redis", True, "Redis"),
        (200, 'todo-fcgi; hit; key="a, b; c", "an edge"; fwd=miss', "redis", True, "Redis"),
        (412, "", "none", False, "Service"),
    ],
)
def test_source_is_read_from_cache_status(read, status, cache_status, source, is_hit, name):
    trace = read(status, **({"Cache_Status": cache_status} if cache_status else {}))
    assert (trace["source"], trace["isHit"], trace["name"]) == (source, is_hit, name)


def test_what_counts_as_a_read(read):
    assert read(200, Cache_Status="todo-fcgi; fwd=miss")["isRead"]
    assert read(404, Cache_Status="todo-fcgi; hit")["isRead"]
    assert not read(400)["isRead"]
    failed = read(502)
    assert failed["isRead"] and failed["isError"] and not failed["isHit"]
    assert not read(404, Cache_Status="todo-fcgi; hit")["isError"]


def test_age_and_server_timing_are_in_the_sentence(read):
    timing = 'route;dur=0.21, redis;desc="a, b";dur=0.1, store;dur=3, other'
    trace = read(Cache_Status="todo-fcgi; hit", Age="12", Server_Timing=timing, Request_Id="abc")
    assert trace["serverMs"]["route"] == 0.21 and trace["serverMs"]["store"] == 3
    assert trace["sentence"].startswith("Answered by Redis, 12 s old, 1.3 ms, in the service: route 0.21 ms")
    assert trace["requestId"] == "abc"
    assert read(Cache_Status="todo-fcgi; hit")["ageSeconds"] is None
