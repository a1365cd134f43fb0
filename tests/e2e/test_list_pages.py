# SPDX-License-Identifier: MIT
"""GET /todos: keyset pages that show every row exactly once, their bounds, their links, and that pages are cached."""

import re
from urllib.parse import urlencode

import pytest
from stack import wait_until

HIT, MISS = (f'todo_list_reads_total{{result="{name}"}}' for name in ("hit", "miss"))
LIST_OK = 'todo_store_calls_total{call="list",outcome="ok"}'


@pytest.fixture(scope="module")
def rows(stack, tmp_path_factory):
    """More than a page of rows, many of them of the same millisecond, so that the id decides their order as well."""
    folder = tmp_path_factory.mktemp("rows")
    lines = [f'{{"id":"row-{i:03}","name":"n{i}","created_at":"2020-01-01T00:00:00.{i // 40:03}Z"}}' for i in range(230)]
    (folder / "rows.jsonl").write_text("\n".join(lines))
    result = stack.load("import", "--upsert", str(folder / "rows.jsonl"))
    assert result.returncode == 0, result.stderr
    return [f"row-{i:03}" for i in range(230)]


def pages(stack, **query):
    """Walks from page to page by "next"; yields answers."""
    path = "/todos?" + urlencode(query)
    for _ in range(2000):
        answer = stack.get(path)
        assert answer.status == 200, answer
        yield answer
        if answer.json["next"] is None:
            return
        path = "/todos?" + urlencode({**query, "cursor": answer.json["next"]})
    raise AssertionError("the pages never end")


def next_link(page):
    found = re.search(r'<(/todos\?[^>]+)>; rel="next"', page.headers["Link"])
    return found and found[1]


def all_todos(stack, **query):
    return [todo for page in pages(stack, **query) for todo in page.json["todos"]]


@pytest.mark.parametrize("limit", [7, 50, 200])
@pytest.mark.parametrize("order", ["asc", "desc"])
def test_pages_show_every_row_once_and_in_order(stack, rows, order, limit):
    todos = all_todos(stack, limit=limit, order=order)
    ids = [todo["id"] for todo in todos]
    assert len(ids) == len(set(ids))
    assert set(rows) <= set(ids)
    keys = [(todo["created_at"], todo["id"]) for todo in todos]
    assert keys == sorted(keys, reverse=order == "desc")


def test_both_orders_show_the_same_rows(stack, rows):
    assert all_todos(stack, limit=100, order="asc") == all_todos(stack, limit=100)[::-1]


def test_page_has_the_same_todo_as_its_own_path(stack, rows):
    todo = next(todo for todo in all_todos(stack, limit=200) if todo["id"] == "row-042")
    assert todo == stack.get("/todos/row-042").json


def test_default_is_fifty_newest_first(stack, rows):
    page = stack.get("/todos")
    assert len(page.json["todos"]) == 50
    assert page.json == stack.get("/todos?limit=50&order=desc").json


def test_pages_but_the_last_are_full_and_link_to_the_next(stack, rows):
    found = list(pages(stack, limit=60, order="asc"))
    assert len(found) >= 4
    for page in found[:-1]:
        assert len(page.json["todos"]) == 60
        assert stack.get(next_link(page)).json["todos"][0] not in page.json["todos"]
    assert found[-1].json["next"] is None and next_link(found[-1]) is None


def test_link_leads_through_all_pages(stack, rows):
    path, seen = "/todos?limit=100&order=asc", 0
    while path:
        page = stack.get(path)
        seen += len(page.json["todos"])
        path = next_link(page)
    assert seen == len(all_todos(stack, limit=200))


def test_row_that_is_added_while_paging_moves_no_other(stack, rows, new_id):
    first = stack.get("/todos?limit=10&order=asc").json
    rest = stack.get("/todos?" + urlencode({"limit": 10, "order": "asc", "cursor": first["next"]})).json
    stack.post({"id": new_id(), "name": "late"})
    again = stack.get("/todos?" + urlencode({"limit": 10, "order": "asc", "cursor": first["next"]})).json
    assert again == rest


@pytest.mark.parametrize("limit, status", [("1", 200), ("200", 200), ("0", 400), ("201", 400), ("-1", 400), ("", 400),
                                           ("x", 400), ("1.5", 400), ("007", 400), ("+5", 400), (" 5", 400),
                                           ("99999999999999999999", 400)])  # fmt: skip
def test_limit_has_bounds(stack, rows, limit, status):
    answer = stack.get("/todos?" + urlencode({"limit": limit}))
    assert answer.status == status
    if status == 200:
        assert len(answer.json["todos"]) == int(limit)
    else:
        assert "limit" in answer.problem(400)["detail"]


@pytest.mark.parametrize("query", ["order=up", "order=", "limit=1&limit=2", "order=asc&order=asc", "page=2", "limit=1&x",
                                   "Limit=1", "limit=%zz", "limit=1%00", "%00=1"])  # fmt: skip
def test_query_that_is_not_understood_is_a_400(stack, query):
    stack.get(f"/todos?{query}").problem(400)


def test_empty_pairs_are_passed_over(stack, rows):
    assert stack.get("/todos?&&limit=3&").status == 200


def test_cursor_that_was_not_made_here_is_a_400(stack, rows):
    cursor = stack.get("/todos?limit=10").json["next"]
    flipped = cursor[:-1] + ("A" if cursor[-1] != "A" else "B")
    wrong = ["", "x", "!!!!", cursor[:-1], cursor + "A", cursor[1:], flipped, "A" * 500]
    for text in wrong:
        assert "cursor" in stack.get("/todos?" + urlencode({"cursor": text})).problem(400)["detail"].lower(), text


def test_cursor_of_the_other_order_is_a_400(stack, rows):
    cursor = stack.get("/todos?limit=10&order=asc").json["next"]
    stack.get("/todos?" + urlencode({"cursor": cursor, "order": "desc"})).problem(400)


def forget_pages(stack):
    """Not the watermark, without which no worker fills until the next look."""
    stack.redis("DEL", *stack.redis("KEYS", "todos:*:gen").split())


def test_second_read_of_a_page_is_a_hit_without_a_store_call(stack, rows):
    forget_pages(stack)
    with stack.counted() as count:
        first = stack.get("/todos?limit=23")
    assert first.cache["fwd"] == "miss"
    assert (count.get(MISS, 0), count.get(LIST_OK, 0)) == (1, 1)
    with stack.counted() as count:
        second = stack.get("/todos?limit=23")
    assert second.cache["hit"] is True
    assert (count.get(HIT, 0), count.get(LIST_OK, 0)) == (1, 0)
    assert (second.body, second.headers["ETag"], second.headers["Link"]) == (
        first.body, first.headers["ETag"], first.headers["Link"])  # fmt: skip
    assert int(second.headers["Age"]) <= 2 and 0 < int(second.cache["ttl"]) <= 60


def test_same_page_asked_in_other_words_is_the_same_entry(stack, rows):
    stack.get("/todos?limit=31&order=desc")
    assert stack.get("/todos?order=desc&limit=31").cache["hit"] is True
    assert stack.get("/todos?limit=31").cache["hit"] is True


def test_write_makes_every_page_a_miss(stack, rows, new_id):
    for query in ("limit=11", "limit=12&order=asc"):
        stack.get(f"/todos?{query}")
        assert stack.get(f"/todos?{query}").cache["hit"] is True
    stack.post({"id": new_id(), "name": "x"})
    for query in ("limit=11", "limit=12&order=asc"):
        assert "hit" not in stack.get(f"/todos?{query}").cache


def test_revalidation_of_a_page_is_a_304_until_a_write(stack, rows, new_id):
    tag = stack.get("/todos?limit=13").headers["ETag"]
    assert stack.get("/todos?limit=13", If_None_Match=tag).status == 304
    stack.post({"id": new_id(), "name": "x"})
    changed = stack.get("/todos?limit=13", If_None_Match=tag)
    assert changed.status == 200 and changed.headers["ETag"] != tag


def test_head_of_a_page_has_the_headers_of_get(stack, rows):
    get, head = stack.get("/todos?limit=14"), stack.request("HEAD", "/todos?limit=14")
    assert (head.status, head.body) == (200, b"")
    for name in ("Content-Type", "Content-Length", "ETag", "Link"):
        assert head.headers[name] == get.headers[name]


def test_long_page_arrives_whole(new_stack):
    """Two hundred of the longest todos: more than nginx buffers in memory."""
    stack = new_stack()
    for i in range(200):
        assert stack.post({"id": str(i), "name": "ä" * 200, "description": "\U0001f680" * 4000}).status == 201
    page = stack.get("/todos?limit=200")
    assert len(page.body) > 3_000_000
    assert [todo["id"] for todo in page.json["todos"]] == [str(i) for i in reversed(range(200))]


def test_empty_store_has_one_empty_page(new_stack):
    page = new_stack().get("/todos")
    assert (page.status, page.json) == (200, {"todos": [], "next": None})
    assert next_link(page) is None
