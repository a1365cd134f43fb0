# SPDX-License-Identifier: MIT
"""Work with many todos: pages of another size, dense rows, several at once, the list by keyboard, news of other clients."""

import json

import pytest
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.support.ui import Select

CHANGE_ELSEWHERE = """
const [path, id, todo, done] = arguments;
import(path).then(({ changeElsewhere }) => done(changeElsewhere(id, todo)));
"""


@pytest.fixture
def three(visitor, todo, new_name):
    """Three todos on top of the list, {name: id}; newest first."""
    todos = {}
    for _ in range(3):
        name = new_name()
        todos[name] = todo(name, description="It goes on. " * 40).json["id"]
    visitor.open("/?limit=3")
    visitor.run("localStorage.clear()")
    return dict(reversed(todos.items()))


def test_a_page_of_another_size_is_a_place(visitor, three, todo, new_name):
    for _ in range(20):
        todo(new_name())
    visitor.open()
    assert Select(visitor.one("#limit")).first_selected_option.text == "20" and len(visitor.names()) == 20
    assert visitor.text("#count") == "1–20"
    Select(visitor.one("#limit")).select_by_visible_text("50")
    visitor.wait(lambda: len(visitor.names()) > 20)
    assert "limit=50" in visitor.path
    visitor.reload()
    assert Select(visitor.one("#limit")).first_selected_option.text == "50"
    visitor.back()
    visitor.wait(lambda: len(visitor.names()) == 20)


def test_the_last_page_tells_how_many_there_are(visitor, three, site):
    visitor.open("/?limit=200&done=false")
    count = len(visitor.names())
    assert visitor.text("#count") == f"1–{count}" + (f" of {count}" if count < 200 else "")


def test_dense_rows_take_little_room_and_are_remembered(visitor, three):
    high = visitor.all(".row")[0].rect["height"]
    visitor.one("#dense").click()
    row = visitor.all(".row")[0]
    assert row.rect["height"] < 0.6 * high
    visitor.part("more", row).click()
    assert visitor.part("description", row).is_displayed()
    visitor.reload()
    assert visitor.all(".row")[0].rect["height"] < 0.6 * high
    visitor.one("#dense").click()
    assert visitor.all(".row")[0].rect["height"] == high


def pick(visitor, count):
    visitor.one("#pick").click()
    for row in visitor.all(".row")[:count]:
        visitor.wait(lambda row=row: visitor.part("pick", row).is_displayed())
        visitor.part("pick", row).click()


def wait_bulk(visitor, words):
    visitor.wait(lambda: visitor.text("#bulk-count").startswith(words), words)
    visitor.wait(lambda: visitor.one("#bulk").get_attribute("aria-busy") == "false")


def test_several_are_completed_and_taken_back_at_once(visitor, site, three):
    ids = list(three.values())
    pick(visitor, 2)
    assert visitor.text("#bulk-count") == "2 selected"
    visitor.one("#bulk-complete").click()
    wait_bulk(visitor, "2 completed.")
    assert [site.get(f"/todos/{id}").json["done"] for id in ids] == [True, True, False]
    visitor.one("#bulk-undo").click()
    wait_bulk(visitor, "2 as they were.")
    assert [site.get(f"/todos/{id}").json["done"] for id in ids] == [False] * 3


def test_several_are_deleted_and_one_undo_brings_all_back(visitor, site, three):
    before = [site.get(f"/todos/{id}").json for id in three.values()]
    visitor.one("#pick").click()
    visitor.wait(lambda: visitor.one("#bulk-all").is_displayed())
    visitor.one("#bulk-all").click()
    visitor.one("#bulk-delete").click()
    wait_bulk(visitor, "3 deleted.")
    assert [site.get(f"/todos/{id}").status for id in three.values()] == [404] * 3
    visitor.one("#bulk-undo").click()
    wait_bulk(visitor, "3 as they were.")
    after = [site.get(f"/todos/{id}").json for id in three.values()]
    assert [{**todo, "updated_at": 0} for todo in after] == [{**todo, "updated_at": 0} for todo in before]
    assert visitor.names() == list(three)


def test_what_others_have_changed_is_left_alone(visitor, site, three):
    first = list(three.values())[0]
    site.request("PATCH", f"/todos/{first}", '{"name":"theirs"}', {"Content-Type": "application/merge-patch+json"})
    pick(visitor, 2)
    visitor.one("#bulk-delete").click()
    wait_bulk(visitor, "1 deleted. 1 had changed elsewhere")
    assert site.get(f"/todos/{first}").json["name"] == "theirs"
    assert visitor.part("pick", visitor.all(".row")[0]).is_selected()


def here(visitor):
    return visitor.run("return [...document.querySelectorAll('.row')].indexOf(document.activeElement.closest('.row'))")


def test_the_list_works_by_single_keys(visitor, site, three):
    visitor.press("j")
    assert here(visitor) == 0
    visitor.press("j", Keys.ARROW_DOWN)
    assert here(visitor) == 2
    visitor.press("k")
    assert here(visitor) == 1
    visitor.press("x")
    visitor.wait(lambda: visitor.text("#bulk-count") == "1 selected")
    visitor.press(Keys.ESCAPE)
    visitor.wait(lambda: not visitor.one("#bulk").is_displayed())
    visitor.press("e")
    form = visitor.wait(lambda: visitor.one(".editor"))
    visitor.wait(lambda: visitor.focused() == "Name")
    visitor.press("jx?")
    assert visitor.one("input", form).get_attribute("value").endswith("jx?"), "in a field, letters are text"
    visitor.press(Keys.ESCAPE)
    visitor.wait(lambda: not visitor.all(".editor"))
    visitor.press("k")
    visitor.press(Keys.ENTER)
    visitor.wait(lambda: visitor.path == f"/?id={list(three.values())[0]}")


def test_help_tells_the_keys_and_switches_the_letters_off(visitor, three):
    visitor.press("?")
    visitor.wait(lambda: visitor.one("#help[open]"))
    assert "select it" in visitor.text("#help")
    visitor.one("#keys-on").click()
    visitor.press(Keys.ESCAPE)
    visitor.wait(lambda: not visitor.all("#help[open]"))
    visitor.press("j")
    assert here(visitor) == -1
    visitor.run("localStorage.clear()")


def test_changes_of_others_move_nothing(visitor, site, three):
    module = visitor.run("return new URL(document.querySelector('link[href*=\"/rows.\"]').href).pathname")
    names, ids = list(three), list(three.values())

    def tell(id, todo):
        visitor.driver.execute_async_script(CHANGE_ELSEWHERE, module, id, todo)

    def change(id, **members):
        body = json.dumps(members)
        return site.request("PATCH", f"/todos/{id}", body, {"Content-Type": "application/merge-patch+json"}).json

    visitor.part("edit", visitor.row(names[0])).click()
    form = visitor.wait(lambda: visitor.one(".editor"))
    visitor.fill(visitor.one("input", form), "mine")
    places = [row.rect["y"] for row in visitor.all(".row")]
    tell(ids[0], change(ids[0], description="theirs"))
    tell(ids[1], change(ids[1], done=True))
    made = site.post({"name": "new elsewhere"}).json
    tell(made["id"], made)
    assert visitor.one("input", form).get_attribute("value") == "mine", "words that are being edited stay"
    assert visitor.part("done", visitor.row(names[1])).is_selected()
    assert visitor.text("#news") == "1 new: show"
    assert [row.rect["y"] for row in visitor.all(".row")] == places
    site.request("DELETE", f"/todos/{ids[2]}")
    tell(ids[2], None)
    visitor.wait(lambda: "deleted by another client" in visitor.text(".gone"))
    visitor.part("cancel", form).click()
    visitor.one("#news").click()
    visitor.wait(lambda: "new elsewhere" in visitor.names())
    assert not visitor.one("#news").is_displayed()
