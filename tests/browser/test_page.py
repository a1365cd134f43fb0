# SPDX-License-Identifier: MIT
"""What a visitor can do on the page: read, page, filter, find, add, edit, tick, delete, undo."""

import json

import pytest
from selenium.webdriver.common.keys import Keys

HOSTILE = "<img src=x onerror=\"document.title='owned'\">"

# The service gets the next request of a method, and the page never hears of it.
LOSE_AN_ANSWER = """
const real = window.fetch, method = arguments[0];
window.fetch = async (...request) => {
    const answer = await real(...request);
    if (request[1].method !== method) return answer;
    window.fetch = real;
    throw new TypeError("lost");
};
"""


def change(site, id, patch):
    """A change by somebody elsewhere."""
    answer = site.request("PATCH", f"/todos/{id}", json.dumps(patch), {"Content-Type": "application/merge-patch+json"})
    assert answer.status == 200, answer


def edit(visitor, name):
    row = visitor.row(name)
    visitor.part("edit", row).click()
    return visitor.wait(lambda: visitor.one(".editor", row))


def replace_text(visitor, field, text):
    visitor.fill(field, text)
    assert field.get_attribute("value") == text


# --- reading ---


def test_opening_shows_the_newest_todos_at_once(visitor, todo, new_name):
    name = new_name()
    todo(name)
    visitor.open()
    assert visitor.names()[0] == name
    assert visitor.driver.title == "All todos · Todos"
    assert (
        visitor.run(
            "return performance.getEntriesByType('resource').find((it) => it.name.includes('/todos')).responseEnd"
        )
        < 1000
    )


def test_a_row_tells_database_then_304_then_l1(visitor, todo, new_name, site):
    name = new_name()
    id = todo(name).json["id"]
    visitor.open()
    row = visitor.row(name)
    for source in ("database", "304"):
        visitor.part("source", row).click()
        visitor.wait_source(row, source)
    visitor.reload()
    row = visitor.row(name)
    visitor.part("source", row).click()
    visitor.wait_source(row, "l1")
    assert site.get(f"/todos/{id}").cache["hit"]
    title = visitor.part("source", row).get_attribute("title")
    assert "Answered by L1" in title and "s old" in title and "redis " not in title and title.count(" ms") >= 2


def test_panel_counts_hits_and_times(visitor, todo, new_name):
    name = new_name()
    todo(name)
    visitor.open("/?limit=3")
    visitor.one("#refresh").click()
    visitor.wait(lambda: visitor.text("#meter-rate") == "50 %")
    assert visitor.text("#meter-count") == "hits: 1 of 2 reads"
    table = {row.text.split()[0]: row.text.split()[1:] for row in visitor.all("#meter-sources tr")}
    assert set(table) == {"304", "Database"}
    assert all(float(times[1]) > 0 and times[0] == "1" for times in table.values())
    assert len(visitor.all("#meter-bars rect")) == len(visitor.all("#meter-log li")) == 2
    assert "304 · Redis" in visitor.one("#meter-log li").text
    assert visitor.run("return document.querySelector('#meter-log li').title.match(/request [0-9a-f]{16}/)")


def test_older_and_newer_walk_the_list_and_the_url_tells_where(visitor, todo, new_name):
    names = [new_name() for _ in range(7)]
    for name in names:
        todo(name)
    newest_first = names[::-1]
    visitor.open("/?limit=2")
    assert visitor.names() == newest_first[:2]
    for page in (1, 2):
        visitor.one("#forth").click()
        visitor.wait(lambda page=page: visitor.names() == newest_first[2 * page : 2 * page + 2])
    assert visitor.text("#page-number") == "Page 3"
    assert "cursor=" in visitor.path
    visitor.one("#back").click()
    visitor.wait(lambda: visitor.names() == newest_first[2:4])
    visitor.one("#back").click()
    visitor.wait(lambda: visitor.names() == newest_first[:2])
    assert visitor.path == "/?limit=2"


def test_a_page_survives_reload_and_the_back_button(visitor, todo, new_name):
    names = [new_name() for _ in range(6)][::-1]
    for name in names[::-1]:
        todo(name)
    visitor.open("/?limit=2")
    for page in (1, 2):
        visitor.one("#forth").click()
        visitor.wait(lambda page=page: visitor.names() == names[2 * page : 2 * page + 2])
    visitor.reload()
    assert visitor.names() == names[4:6]
    assert visitor.text("#page-number") == "Page 3"
    visitor.back()
    visitor.wait(lambda: visitor.names() == names[2:4])
    assert visitor.text("#page-number") == "Page 2"
    visitor.back()
    visitor.wait(lambda: visitor.names() == names[:2])
    visitor.driver.forward()
    visitor.wait(lambda: visitor.names() == names[2:4])


def test_a_link_to_a_later_page_works_elsewhere_and_leads_to_the_begin(visitor, new_browser, todo, new_name):
    names = [new_name() for _ in range(4)][::-1]
    for name in names[::-1]:
        todo(name)
    visitor.open("/?limit=2")
    visitor.one("#forth").click()
    visitor.wait(lambda: visitor.names() == names[2:4])
    other = new_browser().open(visitor.path)
    assert other.names() == names[2:4]
    assert other.text("#back") == "Newest"
    other.one("#back").click()
    other.wait(lambda: other.names() == names[:2])


def test_oldest_first_turns_the_list_round(visitor, todo, new_name):
    todo(new_name())
    todo(new_name())
    visitor.open("/?limit=200")
    newest_first = visitor.names()
    visitor.one("#order").click()
    visitor.wait(lambda: visitor.names() == newest_first[::-1])
    assert "order=asc" in visitor.path
    assert visitor.text("#order").startswith("Oldest first")


def test_filters_show_open_and_done_ones(visitor, todo, new_name):
    opened, done = new_name("open"), new_name("done")
    todo(opened)
    todo(done, done=True)
    visitor.open()
    visitor.one("#filter-open").click()
    visitor.wait(lambda: visitor.text("#list-title") == "Open todos")
    assert opened in visitor.names() and done not in visitor.names()
    visitor.one("#filter-done").click()
    visitor.wait(lambda: visitor.text("#list-title") == "Done todos")
    assert done in visitor.names() and opened not in visitor.names()
    assert visitor.one("#filter-done").get_attribute("aria-current") == "page"
    visitor.reload()
    assert visitor.names()[0] == done
    visitor.one("#filter-all").click()
    visitor.wait(lambda: visitor.names()[:2] == [done, opened])


def test_find_shows_one_todo_by_its_id(visitor, todo, new_name):
    name = new_name()
    id = todo(name, description="Two\nlines").json["id"]
    visitor.open()
    visitor.one("#find-id").send_keys(id, Keys.ENTER)
    visitor.wait(lambda: visitor.names() == [name])
    assert visitor.path == f"/?id={id}"
    assert visitor.text("#list-title") == f"Todo {id}"
    visitor.back()
    visitor.wait(lambda: visitor.text("#list-title") == "All todos")


@pytest.mark.parametrize("id", ["no-such-todo", "a b/c?d=e&f", "%2e%2e"])
def test_find_says_so_when_there_is_none(visitor, id):
    visitor.open()
    visitor.one("#find-id").send_keys(id, Keys.ENTER)
    visitor.wait(lambda: visitor.text(".empty") == "There is no todo with this id.")
    assert visitor.text("#list-title") == f"Todo {id}"


# --- writing ---


def test_add_puts_a_todo_on_top_and_is_ready_for_the_next(visitor, site, new_name):
    name = new_name()
    visitor.open()
    visitor.one("#add-name").send_keys(name, Keys.ENTER)
    visitor.wait(lambda: name in visitor.names())
    assert visitor.names()[0] == name
    assert visitor.source(visitor.row(name)) == "write"
    assert visitor.one("#add-name").get_attribute("value") == ""
    assert visitor.run("return document.activeElement.id") == "add-name"
    visitor.reload()
    assert visitor.names()[0] == name
    assert site.get("/todos?limit=1").json["todos"][0]["name"] == name


def test_add_after_a_lost_answer_makes_no_second_one(visitor, site, new_name):
    name = new_name()
    visitor.open()
    visitor.run(LOSE_AN_ANSWER, "POST")
    visitor.one("#add-name").send_keys(name, Keys.ENTER)
    visitor.wait(lambda: "may have been saved" in visitor.text('#add [role="alert"]'))
    assert visitor.one("#add-name").get_attribute("value") == name
    assert visitor.text("#meter-errors") == "1 error" and "No answer came" in visitor.one("#meter-log li").get_attribute("title")
    visitor.one("#add .primary").click()
    visitor.wait(lambda: name in visitor.names())
    assert [todo["name"] for todo in site.get("/todos?limit=200").json["todos"]].count(name) == 1


def test_add_with_a_description(visitor, new_name):
    name = new_name()
    visitor.open()
    visitor.one("#add-name").send_keys(name)
    visitor.one("#add summary").click()
    visitor.one("#add-description").send_keys("one\ntwo")
    visitor.one("#add .primary").click()
    row = visitor.wait(lambda: visitor.row(name))
    assert visitor.part("description", row).get_attribute("textContent") == "one\ntwo"


def test_add_of_what_breaks_a_rule_is_explained_at_the_field(visitor, new_name):
    visitor.open()
    name = "n" * 201
    visitor.one("#add-name").send_keys(name, Keys.ENTER)
    fault = visitor.wait(lambda: visitor.text("#add .fault:not([hidden])"))
    assert "200" in fault
    field = visitor.one("#add-name")
    assert field.get_attribute("aria-invalid") == "true"
    assert (
        visitor.run("return document.getElementById(arguments[0].getAttribute('aria-describedby')).textContent", field)
        == fault
    )
    assert field.get_attribute("value") == name
    visitor.fill(field, new_name())
    field.send_keys(Keys.ENTER)
    visitor.wait(lambda: field.get_attribute("value") == "")
    assert field.get_attribute("aria-invalid") == "false"


def test_tick_and_untick(visitor, site, todo, new_name):
    name = new_name()
    id = todo(name).json["id"]
    visitor.open()
    for done in (True, False):
        row = visitor.row(name)
        visitor.part("done", row).click()
        visitor.wait_rest()
        visitor.wait_source(row, "write")
        assert visitor.part("done", row).is_selected() == done
        assert site.get(f"/todos/{id}").json["done"] == done
    assert f"{name}: open" in visitor.wait(visitor.said)


def test_a_tick_whose_answer_was_lost_is_no_conflict(visitor, site, todo, new_name):
    name = new_name()
    id = todo(name).json["id"]
    visitor.open()
    row = visitor.row(name)
    visitor.run(LOSE_AN_ANSWER, "PATCH")
    visitor.part("done", row).click()
    visitor.wait(lambda: "may have been saved" in visitor.part("fault", row).text)
    assert not visitor.part("done", row).is_selected()
    assert site.get(f"/todos/{id}").json["done"]
    visitor.part("done", row).click()
    visitor.wait_rest()
    assert visitor.part("done", row).is_selected() and not visitor.part("fault", row).text
    assert not visitor.all("dialog[open]")


def test_edit_changes_what_was_changed_and_keeps_the_rest(visitor, site, todo, new_name):
    name, new = new_name(), new_name("better")
    id = todo(name, description="stays", done=True).json["id"]
    visitor.open()
    form = edit(visitor, name)
    replace_text(visitor, visitor.one("input", form), new)
    visitor.one(".primary", form).click()
    row = visitor.wait(lambda: visitor.row(new))
    assert visitor.focused() == f"Edit {new}"
    assert visitor.part("description", row).text == "stays"
    stored = site.get(f"/todos/{id}").json
    assert (stored["name"], stored["description"], stored["done"]) == (new, "stays", True)


def test_edit_can_be_given_up(visitor, site, todo, new_name):
    name = new_name()
    id = todo(name).json["id"]
    visitor.open()
    form = edit(visitor, name)
    replace_text(visitor, visitor.one("input", form), "something else")
    visitor.press(Keys.ESCAPE)
    visitor.wait(lambda: visitor.row(name))
    assert visitor.focused() == f"Edit {name}"
    assert site.get(f"/todos/{id}").json["name"] == name


def test_edit_that_breaks_a_rule_stays_open(visitor, todo, new_name):
    name = new_name()
    todo(name)
    visitor.open()
    form = edit(visitor, name)
    visitor.fill(visitor.one("input", form), "")
    visitor.one(".primary", form).click()
    assert visitor.wait(lambda: visitor.one(".fault:not([hidden])", form).text)
    assert visitor.one("input", form).get_attribute("aria-invalid") == "true"


def test_delete_and_undo_bring_it_back_under_its_id(visitor, site, todo, new_name):
    name = new_name()
    id = todo(name, description="with all it had", done=True).json["id"]
    visitor.open()
    visitor.part("delete", visitor.row(name)).click()
    undo = visitor.wait(lambda: visitor.one(".gone button"))
    assert site.get(f"/todos/{id}").status == 404
    assert visitor.focused() == "Undo"
    undo.click()
    visitor.wait(lambda: visitor.row(name))
    stored = site.get(f"/todos/{id}").json
    assert (stored["name"], stored["description"], stored["done"]) == (name, "with all it had", True)


def test_two_deletes_can_both_be_undone(visitor, site, todo, new_name):
    names = [new_name(), new_name()]
    ids = [todo(name).json["id"] for name in names]
    visitor.open()
    for name in names:
        visitor.part("delete", visitor.row(name)).click()
        visitor.wait(lambda name=name: name not in visitor.names() and not visitor.all('[aria-busy="true"]'))
    for button in visitor.all(".gone button"):
        button.click()
    visitor.wait(lambda: set(names) <= set(visitor.names()))
    assert [site.get(f"/todos/{id}").status for id in ids] == [200, 200]


def test_undo_does_not_overwrite_what_somebody_made_meanwhile(visitor, site, todo, new_name):
    name = new_name()
    id = todo(name).json["id"]
    visitor.open()
    visitor.part("delete", visitor.row(name)).click()
    undo = visitor.wait(lambda: visitor.one(".gone button"))
    todo("somebody else's", id=id)
    undo.click()
    visitor.wait(lambda: "made" in visitor.text(".gone"))
    assert site.get(f"/todos/{id}").json["name"] == "somebody else's"


def test_a_todo_named_like_markup_is_only_ever_text(visitor, site, new_name):
    visitor.open()
    visitor.one("#add-name").send_keys(HOSTILE, Keys.ENTER)
    row = visitor.wait(lambda: visitor.row(HOSTILE))
    form = edit(visitor, HOSTILE)
    visitor.one("textarea", form).send_keys(HOSTILE)
    visitor.one(".primary", form).click()
    row = visitor.wait(lambda: visitor.row(HOSTILE))
    assert visitor.part("description", row).text == HOSTILE
    id = visitor.part("id", row).text
    # In the dialog and after deletion as well.
    change(site, id, {"name": HOSTILE + "!"})
    visitor.part("delete", row).click()
    visitor.wait(lambda: visitor.one("dialog[open]"))
    visitor.one("#conflict-mine").click()
    visitor.wait(lambda: visitor.all(".gone"))
    assert HOSTILE + "!" in visitor.text(".gone")
    assert not visitor.all("img[src='x']")
    assert visitor.driver.title == "All todos · Todos"
