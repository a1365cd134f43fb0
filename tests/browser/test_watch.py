# SPDX-License-Identifier: MIT
"""What the page shows of the cache: the badge's time, the panel of this page and of the service, exchanges, experiments."""

import re

import pytest
from page_stack import page_stack


@pytest.fixture
def row(visitor, todo, new_name):
    name = new_name()
    answer = todo(name)
    visitor.open()
    row = visitor.row(name)
    row.id_of_todo = answer.json["id"]
    return row


def read(visitor, row, source):
    visitor.part("source", row).click()
    visitor.wait_source(row, source)


def test_a_badge_says_why_and_counts_its_time_down(visitor, row):
    read(visitor, row, "database")
    badge = visitor.part("source", row)
    assert "the cache had none, and has it now" in badge.get_attribute("title")
    first = int(visitor.wait(lambda: re.search(r"(\d+) s left", badge.text))[1])
    visitor.wait(lambda: int(re.search(r"(\d+) s left", badge.text)[1]) < first)
    # Its end, without waiting for minutes.
    visitor.run("arguments[0].querySelector('.ttl').dataset.ends = Date.now() - 1", badge)
    visitor.wait(lambda: "the next read asks the database" in badge.text)


def test_a_row_reads_past_the_cache_and_from_it_alone(visitor, row):
    visitor.part("watch", row).click()
    only = visitor.wait(lambda: visitor.part("only", row))
    only.click()
    visitor.wait(lambda: "No cache has this todo" in visitor.part("fault", row).text)
    visitor.wait_rest()
    read(visitor, row, "database")
    only.click()
    visitor.wait(lambda: visitor.source(row) in ("redis", "l1"))
    visitor.wait_rest()
    visitor.part("past", row).click()
    visitor.wait_source(row, "database")
    assert "asked for an answer past the cache" in visitor.part("source", row).get_attribute("title")
    visitor.part("watch", row).click()
    visitor.wait(lambda: not visitor.all(".watch"))


def test_a_line_of_the_log_opens_its_exchange(visitor, row, site):
    visitor.part("done", row).click()
    visitor.wait_source(row, "write")
    visitor.one("#meter-log li button").click()
    visitor.wait(lambda: visitor.one("#exchange[open]"))
    assert visitor.text("#exchange-title") == f"PATCH /todos/{row.id_of_todo}"
    fields = visitor.text("#exchange-fields")
    assert "Cache-Status: todo-fcgi; fwd=method".lower() in fields.lower() and "What each cache on the way did" in fields
    texts = visitor.run("return [...document.querySelectorAll('#exchange-rest dd')].map((it) => it.textContent)")
    assert len(texts) > 15 and all(texts)
    assert '"done": true' in visitor.text("#exchange-text")
    assert "Inside the service" in visitor.text("#exchange-times")
    line = visitor.text("#exchange-curl")
    assert line.startswith("curl -i -X PATCH 'http://127.0.0.1:") and "--data-raw '{\"done\":true}'" in line
    visitor.one("#exchange .close button").click()
    visitor.wait(lambda: not visitor.all("#exchange[open]"))


def test_the_panel_is_kept_over_a_reload(visitor, row):
    read(visitor, row, "database")
    lines = len(visitor.all("#meter-log li"))
    visitor.reload()
    assert len(visitor.all("#meter-log li")) == lines + 1
    visitor.all("#meter-log li button")[1].click()
    visitor.wait(lambda: visitor.one("#exchange[open]"))
    assert "not kept over the reload" in visitor.text("#exchange")
    visitor.one("#exchange .close button").click()


def test_the_chart_has_axes_and_a_tooltip_for_each_request(visitor, row):
    read(visitor, row, "database")
    labels = visitor.run("return [...document.querySelectorAll('#meter-bars > text')].map((it) => it.textContent)")
    assert {"0 %", "100 %", "1 ms", "100 ms", "now"} <= set(labels)
    tips = visitor.run("return [...document.querySelectorAll('#meter-bars rect > title')].map((it) => it.textContent)")
    assert len(tips) == len(visitor.all("#meter-bars rect")) and all("GET /todos" in tip for tip in tips)


def test_the_service_stands_beside_the_page(visitor, row, site):
    visitor.wait(lambda: "reads so far" in visitor.text("#service-count"))
    assert visitor.text("#service-rate").endswith(" %")
    for _ in range(30):
        site.get(f"/todos/{row.id_of_todo}")
    visitor.wait(lambda: "reads/s" in visitor.text("#service-count") and "p50" in visitor.text("#service-times"))
    counts = visitor.run("return [...document.querySelectorAll('#meter-log code')].map((it) => it.textContent)")
    assert not [line for line in counts if "/stats" in line], "what the page asks for itself is not the visitor's"


@pytest.fixture
def new_site(tmp_path):
    """new_site(setting="value"): a stack of the test's own."""
    stacks = []

    def new(**settings):
        stacks.append(page_stack(tmp_path / f"stack{len(stacks)}", **settings))
        stacks[-1].start()
        return stacks[-1].wait_answer()

    yield new
    complaints = [stack.close() for stack in stacks]
    assert not any(complaints), complaints


def open_on(browser, stack):
    browser.origin = f"http://127.0.0.1:{stack.port}"
    return browser.open()


def test_a_redis_that_is_away_is_shown(new_browser, new_site, new_name):
    stack = new_site(l1_mbytes=0)
    name = new_name()
    assert stack.post({"name": name}).status == 201
    browser = open_on(new_browser(), stack)
    assert not browser.one("#service-redis").is_displayed()
    stack.stop("redis")
    browser.part("source", browser.row(name)).click()
    browser.wait_source(browser.row(name), "database")
    assert "Redis is away" in browser.part("source", browser.row(name)).get_attribute("title")
    browser.wait(lambda: "Redis is away" in browser.text("#service-redis"))
    stack.start("redis")
    browser.wait(lambda: not browser.one("#service-redis").is_displayed())


def test_a_service_that_keeps_its_numbers_has_no_place_for_them(new_browser, new_site):
    browser = open_on(new_browser(), new_site(public_stats="off"))
    browser.wait(lambda: not browser.one("#service").is_displayed())


def test_a_race_tells_each_step_and_keeps_the_promise(visitor, row, site):
    visitor.part("watch", row).click()
    visitor.wait(lambda: visitor.part("race", row)).click()
    visitor.wait(lambda: visitor.text("#race-end") == "The promise was kept.")
    steps = visitor.text("#race-steps")
    assert "was refused (412)" in steps and "was the first in the database" in steps
    assert "the cache had none, and has it now" in steps and "0 of them saw the old state" in steps
    id = re.search(r"made the todo (\S+)\.", steps)[1]
    assert site.get(f"/todos/{id}").status == 404
    visitor.one("#race .close button").click()
