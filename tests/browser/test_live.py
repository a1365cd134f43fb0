# SPDX-License-Identifier: MIT
"""
Two browsers show each other's edits, without a reload, and without moving what a person is reading.

No test waits until a page listens: the feed has no gap, so a change that comes before that is shown as well.
"""

import json
import os
import signal

import pytest


@pytest.fixture
def two(new_browser):
    """two() opens the page in two browsers that are told of changes."""
    return lambda: [new_browser(live=True).open() for _ in range(2)]


def patch(site, todo_id, **members):
    answer = site.request(
        "PATCH", f"/todos/{todo_id}", json.dumps(members), {"Content-Type": "application/merge-patch+json"}
    )
    assert answer.status == 200, answer


def is_done(browser, name):
    return "is-done" in browser.row(name).get_attribute("class")


def test_each_browser_shows_the_others_edit(todo, new_name, two):
    first, second = new_name(), new_name()
    todo(first), todo(second)
    one, other = two()
    other.run("window.scrollTo(0, 40); document.getElementById('refresh').focus({ preventScroll: true })")
    top = other.run("return scrollY")
    one.part("done", one.row(first)).click()
    other.wait(lambda: is_done(other, first))
    other.part("done", other.row(second)).click()
    one.wait(lambda: is_done(one, second))
    assert other.run("return scrollY") == top


def test_every_change_is_shown_while_workers_are_killed(site, todo, new_name, two):
    name = new_name()
    todo_id = todo(name).json["id"]
    browsers = two()
    for number in range(4):
        os.kill(site.worker_pids()[0], signal.SIGKILL)
        site.wait_answer()
        patch(site, todo_id, name=f"{name} {number}")
        for browser in browsers:
            browser.wait(lambda browser=browser, number=number: f"{name} {number}" in browser.names())


def test_an_editor_is_not_disturbed(site, todo, new_name, two):
    name, beside = new_name(), new_name()
    todo_id, beside_id = todo(name).json["id"], todo(beside).json["id"]
    browser = two()[0]
    browser.part("edit", browser.row(name)).click()
    form = browser.wait(lambda: browser.one(".editor"))
    browser.fill(browser.one("input", form), "my own words")
    patch(site, todo_id, name="theirs")
    patch(site, beside_id, name=f"{beside} is told")
    browser.wait(lambda: f"{beside} is told" in browser.names())
    assert browser.one(".editor input").get_attribute("value") == "my own words"


def test_a_new_todo_moves_nothing_until_it_is_asked_for(todo, new_name, two):
    seen, new = new_name(), new_name()
    todo(seen)
    browser = two()[0]
    place = browser.run("return arguments[0].getBoundingClientRect().top", browser.row(seen))
    assert not browser.one("#news").is_displayed()
    todo(new)
    browser.wait(lambda: browser.one("#news").is_displayed())
    assert new not in browser.names()
    assert browser.run("return arguments[0].getBoundingClientRect().top", browser.row(seen)) == place
    browser.one("#news").click()
    browser.wait(lambda: new in browser.names())
    assert not browser.one("#news").is_displayed()


def test_a_todo_that_others_delete_is_said_to_be_gone(site, todo, new_name, two):
    name = new_name()
    todo_id = todo(name).json["id"]
    browser = two()[0]
    assert site.request("DELETE", f"/todos/{todo_id}").status == 204
    browser.wait(lambda: any("deleted by another client" in row.text for row in browser.all(".is-gone")))
