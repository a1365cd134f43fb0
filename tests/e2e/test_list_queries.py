# SPDX-License-Identifier: MIT
"""
Lists beyond plain pages (test_list_pages.py): the done filter, links that lead on and back, what a cursor is good for, 304 without
the store, and that a page costs the same however deep it lies.
"""

import re
import sqlite3
from urllib.parse import parse_qsl, urlencode, urlsplit

import pytest
from stack import ROOT
from tiny_bson import Mongo
from verbs import delete, patch, put, send

HIT, MISS, REQUEST = (f'todo_list_reads_total{{result="{name}"}}' for name in ("hit", "miss", "request"))
LIST_OK = 'todo_store_calls_total{call="list",outcome="ok"}'


@pytest.fixture(scope="module")
def rows(stack, tmp_path_factory):
    """90 rows, each third one done, in their order."""
    folder = tmp_path_factory.mktemp("rows")
    lines = [f'{{"id":"third-{i:02}","name":"n","done":{"true" if i % 3 == 0 else "false"},'
             f'"created_at":"2019-01-01T00:00:00.{i // 7:03}Z"}}' for i in range(90)]  # fmt: skip
    (folder / "rows.jsonl").write_text("\n".join(lines))
    result = stack.load("import", "--upsert", str(folder / "rows.jsonl"))
    assert result.returncode == 0, result.stderr
    return [(f"third-{i:02}", i % 3 == 0) for i in range(90)]


def links(answer):
    """Link (RFC 8288) as {relation: target}."""
    found = re.findall(r'<([^>]*)>; rel="(\w+)"', answer.headers["Link"])
    assert ", ".join(f'<{target}>; rel="{rel}"' for target, rel in found) == answer.headers["Link"]
    return {rel: target for target, rel in found}


def walk(stack, path):
    while path:
        page = stack.get(path)
        assert page.status == 200, page
        yield page
        path = links(page).get("next")


@pytest.mark.parametrize("order", ["asc", "desc"])
@pytest.mark.parametrize("done", ["true", "false"])
def test_filter_shows_each_row_of_its_kind_once_and_in_order(stack, rows, done, order):
    wanted = [todo for todo, is_done in rows if is_done == (done == "true")]
    todos = [todo for page in walk(stack, f"/todos?done={done}&order={order}&limit=11") for todo in page.json["todos"]]
    assert all(todo["done"] == (done == "true") for todo in todos)
    ids = [todo["id"] for todo in todos]
    assert len(ids) == len(set(ids))
    assert [todo for todo in ids if todo.startswith("third-")] == (wanted if order == "asc" else wanted[::-1])


def test_both_kinds_together_are_all(stack, rows):
    kinds = [{todo["id"] for page in walk(stack, f"/todos?{query}limit=200") for todo in page.json["todos"]}
             for query in ("done=true&", "done=false&", "")]  # fmt: skip
    assert kinds[0] & kinds[1] == set() and kinds[0] | kinds[1] == kinds[2]


def test_change_moves_a_todo_from_one_filter_to_the_other(stack, new_id):
    todo = new_id()

    def is_in(query):
        return todo in [row["id"] for row in stack.get(f"/todos?{query}&limit=3").json["todos"]]

    put(stack, f"/todos/{todo}", {"name": "x"})
    assert (is_in("done=true"), is_in("done=false")) == (False, True)
    patch(stack, f"/todos/{todo}", {"done": True})
    assert (is_in("done=true"), is_in("done=false")) == (True, False)
    delete(stack, f"/todos/{todo}")
    assert (is_in("done=true"), is_in("done=false")) == (False, False)


@pytest.mark.parametrize("done", ["", "1", "yes", "True", "null", "true&done=true"])
def test_filter_is_true_or_false(stack, done):
    assert "done" in stack.get(f"/todos?done={done}").problem(400)["detail"]


@pytest.mark.parametrize("query", ["limit=9", "limit=9&order=asc", "done=true&limit=9", "order=asc&done=false&limit=9", ""])
def test_links_keep_the_query(stack, rows, query):
    first = stack.get("/todos" + (f"?{query}" if query else ""))
    asked = dict(parse_qsl(query))
    usual = {"limit": "50"}
    for page in (first, stack.get(links(first)["next"])):
        target = dict(parse_qsl(urlsplit(links(page)["first"]).query))
        assert {**target, "order": target.get("order", "desc")} == {"order": "desc", **usual, **asked}
        assert stack.get(links(page)["first"]).body == first.body
    following = dict(parse_qsl(urlsplit(links(first)["next"]).query))
    assert following.pop("cursor") == first.json["next"]
    assert following == dict(parse_qsl(urlsplit(links(first)["first"]).query))


def test_last_page_links_to_the_first_alone(stack, rows):
    last = list(walk(stack, "/todos?order=asc&limit=40"))[-1]
    assert set(links(last)) == {"first"} and last.json["next"] is None


def test_link_is_the_same_from_the_cache_and_in_304(stack, rows):
    stack.get("/todos?limit=8")
    hit = stack.get("/todos?limit=8")
    assert hit.cache["hit"] is True
    again = stack.get("/todos?limit=8", If_None_Match=hit.headers["ETag"])
    assert (again.status, again.headers["Link"]) == (304, hit.headers["Link"])


QUERIES = ["order=asc", "order=desc", "order=asc&done=true", "order=desc&done=true", "order=asc&done=false", "order=desc&done=false"]


@pytest.mark.parametrize("query", QUERIES)
def test_cursor_is_for_the_query_that_made_it(stack, rows, query):
    cursor = stack.get(f"/todos?{query}&limit=5").json["next"]
    assert re.fullmatch(r"[A-Za-z0-9_-]+", cursor)
    for other in QUERIES:
        answer = stack.get(f"/todos?{other}&cursor={cursor}&limit=3")
        if other == query:
            assert answer.status == 200
        else:
            assert "cursor" in answer.problem(400)["detail"]


def test_cursor_holds_at_another_limit(stack, rows):
    cursor = stack.get("/todos?order=asc&limit=5").json["next"]
    short, long = (stack.get(f"/todos?order=asc&limit={limit}&cursor={cursor}").json["todos"] for limit in (2, 20))
    assert short == long[:2]


@pytest.mark.parametrize("cursor", ["A" * 20, "A" * 104, "A" * 105, "-" * 60, "%00", "..", "AQAAAAGLz-Vv0DL8M8_U=", "'; DROP TABLE todos--",
                                    "\xe4", "AQAAAAGLz+Vv0DL8M8/U"])  # fmt: skip
def test_cursor_that_is_none_is_a_400(stack, rows, cursor):
    text = cursor if cursor == "%00" else urlencode({"": cursor})[1:]
    stack.get(f"/todos?cursor={text}").problem(400)


def test_each_bit_of_a_cursor_counts(stack, rows):
    cursor = stack.get("/todos?limit=10").json["next"]
    for at in range(len(cursor)):
        other = cursor[:at] + ("A" if cursor[at] != "A" else "B") + cursor[at + 1 :]
        stack.get(f"/todos?limit=10&cursor={other}").problem(400)


def test_cursor_outlives_the_row_it_was_made_of(stack, new_id):
    ids = [new_id() for _ in range(3)]
    for todo in ids:
        put(stack, f"/todos/{todo}", {"name": "x"})
    cursor = stack.get("/todos?limit=1").json["next"]
    assert delete(stack, f"/todos/{ids[2]}").status == 204
    assert [row["id"] for row in stack.get(f"/todos?limit=2&cursor={cursor}").json["todos"]] == [ids[1], ids[0]]


# --- The cache ---


@pytest.mark.parametrize("query", ["limit=21", "limit=21&done=true", "limit=21&done=false&order=asc"])
def test_revalidation_of_a_cached_page_asks_no_store(stack, rows, query):
    stack.get(f"/todos?{query}")
    tag = stack.get(f"/todos?{query}").headers["ETag"]
    with stack.counted() as count:
        for method in ("GET", "HEAD"):
            answer = send(stack, method, f"/todos?{query}", If_None_Match=f'"x", W/{tag}')
            assert (answer.status, answer.body, answer.headers["ETag"]) == (304, b"", tag)
            assert answer.cache["hit"] is True
    assert (count.get(HIT), count.get(LIST_OK, 0)) == (2, 0)


def test_each_filter_is_a_page_of_its_own_in_the_cache(stack, rows):
    bodies = set()
    for query in ("limit=22", "limit=22&done=true", "limit=22&done=false"):
        stack.get(f"/todos?{query}")
        hit = stack.get(f"/todos?{query}")
        assert hit.cache["hit"] is True
        bodies.add(hit.body)
    assert len(bodies) == 3


@pytest.mark.parametrize("change", ["put", "patch", "delete"])
def test_each_kind_of_write_makes_every_page_a_miss(stack, new_id, change):
    todo = new_id()
    put(stack, f"/todos/{todo}", {"name": "x"})
    queries = ("limit=4", "limit=4&done=true", "limit=4&done=false&order=asc")
    tags = []
    for query in queries:
        stack.get(f"/todos?{query}")
        tags.append(stack.get(f"/todos?{query}"))
        assert tags[-1].cache["hit"] is True
    if change == "delete":
        delete(stack, f"/todos/{todo}")
    else:
        {"put": put, "patch": patch}[change](stack, f"/todos/{todo}", {"name": "y"})
    for query in queries:
        assert "hit" not in stack.get(f"/todos?{query}").cache
    assert stack.get("/todos?limit=4", If_None_Match=tags[0].headers["ETag"]).status == 200, "the page shows the change"


def test_conditions_on_a_page_are_about_its_bytes(stack, rows):
    page = stack.get("/todos?limit=6")
    assert page.headers["Last-Modified"] is None
    assert stack.get("/todos?limit=6", If_Match=page.headers["ETag"]).status == 200
    stack.get("/todos?limit=6", If_Match='"other"').problem(412)
    assert stack.get("/todos?limit=6", If_Modified_Since="Fri, 01 Jan 2100 00:00:00 GMT").status == 200


# --- What a page costs ---

SQL = {"order=desc": "SQL_LIST_DOWN", "order=asc": "SQL_LIST_UP", "done=true": "SQL_LIST_DONE_DOWN",
       "done=false&order=asc": "SQL_LIST_DONE_UP"}  # fmt: skip
SQL_TEXT = re.compile(r"\[(\w+)\] = ((?:\s*(?:\"[^\"]*\"|TODO_COLUMNS))+),")


def statement(name):
    """One statement of the store, out of its source."""
    source = (ROOT / "src/store/sqlite_sql.c").read_text()
    text = dict(SQL_TEXT.findall(source))[name].replace("TODO_COLUMNS", '"*"')
    return "".join(re.findall(r'"([^"]*)"', text))


def plan_and_steps(database, sql, place, done):
    """How sqlite goes about one page of 50 behind a place, and how many steps of its machine that takes."""
    numbered, steps = re.sub(r"\?(\d)", r":p\1", sql), []
    values = {"p1": place[0], "p2": place[1], "p3": done}
    plan = [row[3] for row in database.execute("EXPLAIN QUERY PLAN " + numbered, values)]
    database.set_progress_handler(lambda: steps.append(1), 1)
    assert len(database.execute(numbered, values).fetchmany(50)) == 50
    database.set_progress_handler(None, 0)
    return plan, len(steps)


@pytest.mark.parametrize("store", ["sqlite"], scope="session", indirect=True)
def test_page_deep_down_costs_what_page_one_does_on_sqlite(new_stack):
    """The plan is one range of an index, and behind 20,000 rows sqlite takes as many steps as behind none."""
    stack = new_stack()
    seeded = stack.load("seed", "-n", "21000")
    assert seeded.returncode == 0, seeded.stderr
    database = sqlite3.connect(f"file:{stack.folder}/todos.db?mode=ro", uri=True)
    places = database.execute("SELECT created_at, id FROM todos ORDER BY created_at, id").fetchall()
    for query, name in SQL.items():
        top, deep = ((1 << 60, ""), places[1000]) if name.endswith("DOWN") else ((-1, ""), places[20000])
        costs = [plan_and_steps(database, statement(name), place, query.startswith("done=true")) for place in (top, deep)]
        for plan, _ in costs:
            index = r"todos_by_done_and_time \(done=\? AND \(" if "done" in query else r"todos_by_time \(\("
            assert len(plan) == 1 and re.match(r"SEARCH todos USING INDEX " + index + "created_at,id\\)", plan[0]), plan
        assert costs[1][1] <= costs[0][1] * 1.1, (query, costs)
    database.close()


@pytest.mark.parametrize("store", ["mongodb"], scope="session", indirect=True)
def test_lists_go_by_their_indexes_on_mongodb(new_stack):
    """Each list names its index as a hint: without the index there is no list, rather than a slow one."""
    stack = new_stack()
    put(stack, "/todos/a", {"name": "x"})
    assert stack.get("/todos?done=false").status == stack.get("/todos").status == 200
    uri = stack.environment["STACK_STORE"]
    database = Mongo(uri)
    indexes = database.run({"listIndexes": "todos", "cursor": {}})["cursor"]["firstBatch"]
    keys = {index["name"]: list(index["key"].items()) for index in indexes}
    assert keys["todos_by_time"] == [("created_at", 1), ("_id", 1)]
    assert keys["todos_by_done_and_time"] == [("done", 1), ("created_at", 1), ("_id", 1)]
    database.close()
