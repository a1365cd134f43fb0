# SPDX-License-Identifier: MIT
"""The page takes care of what people have: of todos under a pointer that has just clicked, and of words not yet saved."""

import re

import pytest
from selenium.webdriver.common.action_chains import ActionChains
from selenium.webdriver.common.keys import Keys

RTL_OVERRIDE = "\u202e"


def click_at(visitor, x, y, times=1):
    """Clicks where the pointer is already, as a hand does that rests on the mouse."""
    for kind in ("mousePressed", "mouseReleased") * times:
        visitor.command("Input.dispatchMouseEvent", type=kind, x=x, y=y, button="left", clickCount=1)


def middle(visitor, element):
    visitor.run("arguments[0].scrollIntoView({ block: 'center' })", element)
    box = visitor.run("const it = arguments[0].getBoundingClientRect(); return [it.x, it.y, it.width, it.height]", element)
    x, y = box[0] + box[2] / 2, box[1] + box[3] / 2
    visitor.command("Input.dispatchMouseEvent", type="mouseMoved", x=x, y=y)
    return x, y


def put_under(visitor, control, x, y):
    """Moves a control to where the pointer is, as a list of another length does."""
    visitor.run("Object.assign(arguments[0].style, { position: 'fixed', left: `${arguments[1] - 20}px`, "
                "top: `${arguments[2] - 20}px`, zIndex: 9 })", control, x, y)  # fmt: skip


def test_a_delete_button_that_comes_under_the_pointer_takes_no_click(visitor, site, todo, new_name):
    names = [new_name() for _ in range(4)][::-1]
    ids = [todo(name).json["id"] for name in names[::-1]]
    visitor.open("/?limit=2")
    x, y = middle(visitor, visitor.one("#forth"))
    click_at(visitor, x, y)
    visitor.wait(lambda: visitor.names() == names[2:4])
    put_under(visitor, visitor.part("delete", visitor.row(names[2])), x, y)
    click_at(visitor, x, y)
    visitor.wait(lambda: "moved" in visitor.said())
    visitor.wait_rest()
    assert [site.get(f"/todos/{id}").status for id in ids] == [200] * 4
    # The hand that stays there means it.
    click_at(visitor, x, y)
    visitor.wait(lambda: visitor.all(".gone"))


def test_a_delete_button_takes_the_click_of_a_pointer_that_came_to_it(visitor, site, todo, new_name):
    name = new_name()
    id = todo(name).json["id"]
    visitor.open()
    visitor.one("#refresh").click()
    visitor.wait_rest()
    ActionChains(visitor.driver).move_to_element(visitor.part("delete", visitor.row(name))).click().perform()
    visitor.wait(lambda: visitor.all(".gone"))
    assert site.get(f"/todos/{id}").status == 404


def test_the_pager_stays_where_it_is_while_one_pages(visitor, todo, new_name):
    for number in range(6):
        todo(new_name(), description="long " * 60 if number > 2 else "")
    visitor.open("/?limit=3")
    before = visitor.one("#forth").rect["y"]
    names = visitor.names()
    visitor.one("#forth").click()
    visitor.wait(lambda: visitor.names() != names)
    assert visitor.one("#back").rect["y"] == before


def test_undo_restores_the_time_it_was_made(visitor, site, todo, new_name):
    name = new_name()
    answer = todo(name, description="with all it had", done=True)
    id, before = answer.json["id"], answer.json
    visitor.open()
    visitor.part("delete", visitor.row(name)).click()
    visitor.wait(lambda: visitor.one(".gone button")).click()
    visitor.wait(lambda: visitor.row(name))
    after = site.get(f"/todos/{id}").json
    assert {**after, "updated_at": 0} == {**before, "updated_at": 0}


# --- words that are not saved yet ---


def begin_edit(visitor, name, text):
    visitor.part("edit", visitor.row(name)).click()
    form = visitor.wait(lambda: visitor.one(".editor"))
    visitor.fill(visitor.one("textarea", form), text)


@pytest.mark.parametrize("leave", ["filter", "reload"])
def test_an_unsaved_edit_is_there_again(visitor, site, todo, new_name, leave):
    name = new_name()
    id = todo(name, description="first").json["id"]
    visitor.open()
    begin_edit(visitor, name, "not saved yet")
    if leave == "filter":
        visitor.one("#filter-done").click()
        visitor.wait(lambda: visitor.text("#list-title") == "Done todos")
        link = visitor.wait(lambda: visitor.one("#drafts a"))
        assert name in link.text
        link.click()
    else:
        visitor.driver.refresh()
    visitor.wait(lambda: visitor.one(".editor textarea").get_attribute("value") == "not saved yet")
    assert site.get(f"/todos/{id}").json["description"] == "first"
    visitor.one(".editor .primary").click()
    visitor.wait(lambda: visitor.row(name))
    assert site.get(f"/todos/{id}").json["description"] == "not saved yet"
    assert not visitor.all("#drafts a")


def test_an_unsaved_edit_survives_the_back_button(visitor, todo, new_name):
    name = new_name()
    todo(name)
    visitor.open()
    visitor.one("#filter-open").click()
    visitor.wait(lambda: visitor.text("#list-title") == "Open todos")
    begin_edit(visitor, name, "not saved yet")
    visitor.back()
    visitor.wait(lambda: visitor.text("#list-title") == "All todos")
    assert visitor.wait(lambda: visitor.one(".editor textarea")).get_attribute("value") == "not saved yet"
    visitor.part("cancel", visitor.one(".editor")).click()
    visitor.wait(lambda: visitor.row(name))
    visitor.reload()
    assert not visitor.all(".editor")


def test_an_old_draft_meets_the_change_that_came_in_between(visitor, site, todo, new_name):
    name, theirs = new_name(), new_name("theirs")
    id = todo(name).json["id"]
    visitor.open()
    begin_edit(visitor, name, "mine")
    visitor.one("#filter-done").click()
    visitor.wait(lambda: visitor.text("#list-title") == "Done todos")
    site.request("PATCH", f"/todos/{id}", f'{{"name":"{theirs}"}}', {"Content-Type": "application/merge-patch+json"})
    visitor.one("#filter-all").click()
    visitor.wait(lambda: visitor.one(".editor .primary")).click()
    visitor.wait(lambda: visitor.one("dialog[open]"))
    assert theirs in visitor.text("#conflict-versions")
    visitor.one("#conflict-mine").click()
    visitor.wait(lambda: visitor.row(theirs))
    assert site.get(f"/todos/{id}").json["description"] == "mine"


# --- long and strange words ---


def test_a_long_description_can_be_read_whole(visitor, todo, new_name):
    name = new_name()
    todo(name, description="One line after another. " * 60 + "The end.")
    visitor.open()
    row = visitor.row(name)
    text = visitor.part("description", row)
    is_cut = "return arguments[0].scrollHeight > arguments[0].clientHeight + 1"
    assert visitor.run(is_cut, text)
    more = visitor.part("more", row)
    assert more.get_attribute("aria-expanded") == "false"
    more.click()
    assert not visitor.run(is_cut, text)
    assert more.get_attribute("aria-expanded") == "true" and more.text == "Less"
    more.click()
    assert visitor.run(is_cut, text)


def test_a_short_description_has_no_button_to_read_it(visitor, todo, new_name):
    name = new_name()
    todo(name, description="Short.")
    visitor.open()
    assert not visitor.part("more", visitor.row(name)).is_displayed()


def test_an_override_of_direction_in_a_name_turns_nothing_else_round(visitor, todo, new_name):
    name = new_name(RTL_OVERRIDE + "evil")
    todo(name)
    visitor.open()
    row = visitor.all(".row")[0]
    visitor.part("delete", row).click()
    text = visitor.wait(lambda: visitor.one('.gone [data-part="text"]'))
    assert re.match("Deleted “.*”.$", text.get_attribute("textContent"))
    # Where the last sign stands: behind the name, and not before it.
    ends = visitor.run(
        "const at = (node, from) => { const range = new Range(); range.setStart(node, from);"
        "range.setEnd(node, from + 1); return range.getBoundingClientRect().x; };"
        "const walk = document.createTreeWalker(arguments[0], NodeFilter.SHOW_TEXT), nodes = [];"
        "while (walk.nextNode()) nodes.push(walk.currentNode);"
        "const last = nodes.at(-1); return [at(nodes[0], 0), at(last, last.length - 1)]",
        text,
    )
    assert ends[1] > ends[0] + 100
    visitor.one(".gone button").click()
    visitor.wait(lambda: not visitor.all(".gone"))


def test_an_empty_filter_and_an_empty_store_are_told_apart(visitor, todo, new_name):
    todo(new_name())
    visitor.open()
    with_no_todos = "const real = fetch; window.fetch = async (path, options) => path.startsWith('/todos?') ? " \
        "new Response('{\"todos\":[],\"next\":null}', { headers: { ETag: '\"e\"' } }) : real(path, options);"  # fmt: skip
    visitor.run(with_no_todos)
    texts = {}
    for name in ("open", "done", "all"):
        visitor.one(f"#filter-{name}").click()
        visitor.wait(lambda name=name: visitor.text("#list-title").startswith(name.title()))
        texts[name] = visitor.text(".empty")
    assert len(set(texts.values())) == 3, texts
    assert "Add" in texts["all"]


# --- a conflict ---


def test_the_end_of_a_long_version_is_reached_by_keyboard(visitor, site, todo, new_name):
    name = new_name()
    id = todo(name, description="first").json["id"]
    visitor.open()
    begin_edit(visitor, name, "mine " * 400)
    long = "theirs " * 500 + "THE END"
    site.request("PATCH", f"/todos/{id}", f'{{"description":"{long}"}}', {"Content-Type": "application/merge-patch+json"})
    visitor.one(".editor .primary").click()
    visitor.wait(lambda: visitor.one("dialog[open]"))
    is_seen = (
        "const value = document.querySelector('[name=description][value=theirs] ~ .value'), range = new Range();"
        "range.selectNodeContents(value); const box = [...range.getClientRects()].at(-1);"
        "return document.elementFromPoint(box.right - 4, box.bottom - 4) === value;"
    )
    assert not visitor.run(is_seen)
    for _ in range(60):
        visitor.press(Keys.PAGE_DOWN)
        if visitor.run(is_seen):
            break
        if visitor.run("return document.activeElement.closest('.versions') !== null"):
            continue
        visitor.press(Keys.TAB)
    assert visitor.run(is_seen)
    visitor.press(Keys.ESCAPE)
