# SPDX-License-Identifier: MIT
"""Edits by the service's queue: the row says so, follows them, and shows what became of them."""

import pytest
from page_stack import page_stack
from stack import wait_until
from store_file import write_lock


@pytest.fixture(scope="module")
def queueing(tmp_path_factory):
    """A stack whose writes may be queued."""
    folder = tmp_path_factory.mktemp("stack")
    stack = page_stack(folder, write_queue=f"file:{folder}/queue")
    try:
        stack.start()
        stack.wait_answer()
        wait_until(lambda: stack.get("/stats").json["queue"] and stack.internal.get("/readyz").json["queue"]["status"] == "ready")
        yield stack
    finally:
        complaints = stack.close()
    assert not complaints, complaints


def test_a_row_follows_its_queued_edits(queueing, new_browser, new_name):
    name, gone = new_name(), new_name()
    todo = queueing.post({"name": name}).json["id"]
    lost = queueing.post({"name": gone, "description": "old"}).json["id"]
    browser = new_browser()
    browser.origin = f"http://127.0.0.1:{queueing.port}"
    browser.open()
    browser.wait(lambda: browser.one("#queue").is_displayed())
    browser.one("#queue").click()
    assert browser.one("#queue").get_attribute("aria-pressed") == "true"

    row = browser.row(name)
    with write_lock(queueing):
        browser.part("done", row).click()
        browser.wait_source(row, "queued")
        assert "is-done" in row.get_attribute("class") and browser.part("source", row).text == "Queued"
        assert queueing.get(f"/todos/{todo}").json["done"] is False
    browser.wait(lambda: browser.source(row) != "queued")
    assert "is-done" in row.get_attribute("class") and queueing.get(f"/todos/{todo}").json["done"] is True

    browser.part("edit", browser.row(gone)).click()
    form = browser.wait(lambda: browser.one(".editor"))
    browser.fill(browser.one("textarea", form), "my own words")
    assert queueing.request("DELETE", f"/todos/{lost}").status == 204
    browser.one(".primary", form).click()
    browser.wait(lambda: any(f"“{gone}” is no longer there" in line.text for line in browser.all(".is-gone")))
    browser.wait(lambda: "There is nothing here" in browser.said())

    browser.open()  # the switch and the words are remembered
    browser.wait(lambda: browser.one("#queue").get_attribute("aria-pressed") == "true")
    assert gone in browser.text("#drafts")


def test_without_a_queue_there_is_no_switch(visitor, site):
    visitor.open()
    visitor.wait_rest()
    assert site.get("/stats").json["queue"] is False
    assert not visitor.one("#queue").is_displayed()
