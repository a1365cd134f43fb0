# SPDX-License-Identifier: MIT
"""Two people, one todo: what the page shows and sends when somebody else was faster."""

import json

import pytest
from selenium.webdriver.common.keys import Keys


def elsewhere(site, method, id, body=None):
    content_type = "application/merge-patch+json" if method == "PATCH" else "application/json"
    answer = site.request(method, f"/todos/{id}", body and json.dumps(body), {"Content-Type": content_type})
    assert answer.status in (200, 204), answer


@pytest.fixture
def case(visitor, site, todo, new_name):
    """A todo whose name is being changed in a row when somebody else changes its name and description."""

    class Case:
        base, mine, theirs = new_name("base"), new_name("mine"), new_name("theirs")
        id = todo(base, description="first").json["id"]

        def begin(self):
            visitor.open()
            row = visitor.row(self.base)
            visitor.part("edit", row).click()
            self.form = visitor.wait(lambda: visitor.one(".editor", row))
            visitor.fill(visitor.one("input", self.form), self.mine)
            return self

        def disturb(self, patch=None):
            elsewhere(site, "PATCH", self.id, patch or {"name": self.theirs, "description": "second"})
            return self

        def save(self):
            visitor.one(".primary", self.form).click()
            visitor.wait(lambda: visitor.one("dialog[open]"))
            return self

        def stored(self):
            todo = site.get(f"/todos/{self.id}").json
            return todo["name"], todo["description"]

    return Case()


def versions(visitor):
    """{field: (mine, theirs, what is marked)}, as the dialog shows them."""
    table = {}
    for row in visitor.all("#conflict-versions fieldset"):
        marked = [box.get_attribute("value") for box in visitor.all("input", row) if box.is_selected()]
        table[visitor.part("field", row).text] = (
            visitor.part("mine", row).text,
            visitor.part("theirs", row).text,
            *marked,
        )
    return table


def test_both_versions_are_shown_side_by_side_and_a_merge_is_marked(visitor, case):
    case.begin().disturb().save()
    table = versions(visitor)
    assert table["Name"] == (case.mine, case.theirs, "mine")
    assert table["Description"] == ("first", "second", "theirs")
    assert table["Done"][:2] == ("no", "no")
    left, right = visitor.all("#conflict-versions fieldset label")[:2]
    assert left.rect["y"] == right.rect["y"] and left.rect["x"] < right.rect["x"]


def test_the_marked_is_saved(visitor, case):
    case.begin().disturb().save()
    visitor.one("#conflict-mine").click()
    visitor.wait(lambda: visitor.row(case.mine))
    assert case.stored() == (case.mine, "second")


def test_another_choice_is_saved(visitor, case):
    case.begin().disturb().save()
    visitor.one('[name="description"][value="mine"]').click()
    visitor.one("#conflict-mine").click()
    visitor.wait(lambda: visitor.row(case.mine))
    assert case.stored() == (case.mine, "first")


def test_theirs_can_be_kept(visitor, case):
    case.begin().disturb().save()
    visitor.one("#conflict-theirs").click()
    row = visitor.wait(lambda: visitor.row(case.theirs))
    assert "dropped" in visitor.part("fault", row).text
    assert case.stored() == (case.theirs, "second")


def test_deciding_later_loses_no_word(visitor, case):
    case.begin().disturb().save()
    visitor.press(Keys.ESCAPE)
    visitor.wait(lambda: not visitor.all("dialog[open]"))
    assert visitor.one("input", case.form).get_attribute("value") == case.mine
    assert case.stored() == (case.theirs, "second")


def test_a_second_disturbance_asks_again(visitor, case):
    case.begin().disturb().save()
    case.disturb({"description": "third"})
    visitor.one("#conflict-mine").click()
    visitor.wait(lambda: "third" in versions(visitor).get("Description", ()))
    visitor.one("#conflict-mine").click()
    visitor.wait(lambda: visitor.row(case.mine))
    assert case.stored() == (case.mine, "third")


def test_a_tick_on_an_old_row_is_a_conflict_before_anything_is_sent(visitor, site, case):
    visitor.open()
    case.disturb()
    visitor.part("done", visitor.row(case.base)).click()
    visitor.wait(lambda: visitor.one("dialog[open]"))
    assert versions(visitor)["Done"] == ("yes", "no", "mine")
    assert not site.get(f"/todos/{case.id}").json["done"]
    visitor.one("#conflict-mine").click()
    row = visitor.wait(lambda: visitor.row(case.theirs))
    assert visitor.part("done", row).is_selected()
    assert site.get(f"/todos/{case.id}").json["done"]


def test_a_tick_put_off_is_taken_back(visitor, site, case):
    visitor.open()
    case.disturb()
    row = visitor.row(case.base)
    visitor.part("done", row).click()
    visitor.wait(lambda: visitor.one("dialog[open]"))
    visitor.press(Keys.ESCAPE)
    visitor.wait(lambda: not visitor.part("done", row).is_selected())
    assert not site.get(f"/todos/{case.id}").json["done"]


def test_deleting_what_has_changed_is_asked_first(visitor, site, case):
    visitor.open()
    case.disturb()
    visitor.part("delete", visitor.row(case.base)).click()
    visitor.wait(lambda: visitor.one("dialog[open]"))
    assert case.theirs in visitor.text("#conflict-versions")
    visitor.one("#conflict-theirs").click()
    visitor.wait(lambda: visitor.row(case.theirs))
    visitor.part("delete", visitor.row(case.theirs)).click()
    visitor.wait(lambda: visitor.all(".gone"))
    assert site.get(f"/todos/{case.id}").status == 404


def test_what_was_deleted_elsewhere_can_be_made_again(visitor, site, case):
    case.begin()
    elsewhere(site, "DELETE", case.id)
    case.save()
    assert visitor.text("#conflict-title") == "This todo was deleted elsewhere"
    visitor.one("#conflict-mine").click()
    visitor.wait(lambda: visitor.row(case.mine))
    assert case.stored() == (case.mine, "first")


def test_what_was_deleted_elsewhere_can_be_let_go(visitor, site, case):
    case.begin()
    elsewhere(site, "DELETE", case.id)
    case.save()
    visitor.one("#conflict-theirs").click()
    visitor.wait(lambda: "no longer there" in visitor.text(".gone"))
    assert site.get(f"/todos/{case.id}").status == 404
