# SPDX-License-Identifier: MIT
"""For everybody: keyboard alone, screen readers, contrast, targets, a phone's width; in the light and in the dark."""

import pytest
from selenium.webdriver.common.keys import Keys

# Each text with its ratio to the ground behind it, as WCAG 2.2 counts contrast. Grounds are opaque here, or nothing.
CONTRASTS = """
const rgb = (text) => (text.match(/[\\d.]+/g) ?? []).map(Number);
const light = ([r, g, b]) => [r, g, b]
    .map((value) => value / 255)
    .map((value) => (value <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4))
    .reduce((sum, value, index) => sum + value * [0.2126, 0.7152, 0.0722][index], 0);
const ground = (element) => {
    for (let at = element; at; at = at.parentElement) {
        const colour = rgb(getComputedStyle(at).backgroundColor);
        if (colour.length === 3 || colour[3] === 1) return colour;
    }
};
const ratio = (a, b) => (Math.max(light(a), light(b)) + 0.05) / (Math.min(light(a), light(b)) + 0.05);
const isShown = (element) => element.checkVisibility({ visibilityProperty: true });
const seen = (element) => isShown(element) && !element.closest('.unseen, :disabled');
const found = [];
for (const element of document.querySelectorAll('body *')) {
    const hasText = [...element.childNodes].some((node) => node.nodeType === 3 && node.textContent.trim());
    const style = getComputedStyle(element, element.placeholder ? '::placeholder' : null);
    const words = (element.textContent || element.placeholder || '').slice(0, 40);
    if (seen(element) && (hasText || element.placeholder))
        found.push([ratio(rgb(style.color), ground(element)), element.tagName + ' ' + words]);
}
return found;
"""

TARGETS = """
return [...document.querySelectorAll('a[href], button, input, textarea, summary')]
    .filter((it) => it.checkVisibility({ visibilityProperty: true }))
    .filter((it) => !it.closest('.unseen, .skip, p:not(.meta), fieldset'))
    .map((it) => it.type === 'checkbox' ? it.closest('label') : it)
    .map((it) => [it.getBoundingClientRect(), it.outerHTML.slice(0, 80)])
    .map(([box, what]) => [box.width, box.height, what]);
"""

UNNAMED = """
const name = (it) => it.ariaLabel || it.labels?.[0]?.textContent.trim() || it.textContent.trim();
return [...document.querySelectorAll('a[href], button, input, textarea, select')]
    .filter((it) => it.checkVisibility() && !name(it)).map((it) => it.outerHTML);
"""


@pytest.fixture(
    params=[(1280, False), (1280, True), (390, False), (390, True)], ids=["wide", "wide-dark", "phone", "phone-dark"]
)
def screen(request, new_browser, todo, new_name):
    """A browser of each kind, on a page that shows as much as it can: rows, a fault, an editor, a deleted one."""
    width, dark = request.param
    browser = new_browser(width=width, dark=dark)
    names = [new_name(word) for word in ("conflict", "edited", "gone", "done", "w" * 150)]
    for name in names:
        todo(name, description="A description that goes on for a while, " * 4, done=name.startswith("done"))
    browser.open()
    browser.part("edit", browser.row(names[1])).click()
    form = browser.wait(lambda: browser.one(".editor"))
    browser.fill(browser.one("input", form), "")
    browser.one(".primary", form).click()
    browser.wait(lambda: browser.one(".fault:not([hidden])", form).text)
    browser.part("delete", browser.row(names[2])).click()
    browser.wait(lambda: browser.one(".gone"))
    browser.part("source", browser.row(names[3])).click()
    browser.wait_rest()
    browser.run("document.getElementById('meter-open').ariaExpanded = 'true'")
    return browser


def test_contrast_is_at_least_4_5(screen):
    found = screen.run(CONTRASTS)
    assert len(found) > 40
    assert not [pair for pair in found if pair[0] < 4.5]


def test_targets_are_large_enough(screen):
    found = screen.run(TARGETS)
    assert len(found) > 20
    assert not [target for target in found if min(target[:2]) < 24]
    assert len([target for target in found if target[1] >= 38]) > len(found) / 2


def test_nothing_sticks_out_sideways(screen):
    assert screen.run("return document.documentElement.scrollWidth <= innerWidth")


def test_everything_has_a_name_for_screen_readers(screen):
    assert screen.run(UNNAMED) == []


def test_page_has_language_title_landmarks_and_one_heading_of_the_first_order(visitor):
    visitor.open()
    assert visitor.run("return document.documentElement.lang") == "en"
    assert visitor.driver.title
    for landmark in ("header", "main", "aside", "footer", '[role="search"]'):
        assert len(visitor.all(landmark)) == 1, landmark
    for nav in visitor.all("nav"):
        assert nav.get_attribute("aria-label")
    levels = visitor.run("return [...document.querySelectorAll('h1, h2, h3')].map((it) => Number(it.tagName[1]))")
    assert levels.count(1) == 1 and levels[0] == 1
    assert all(after - before <= 1 for before, after in zip(levels, levels[1:]))
    assert (
        visitor.run("return document.querySelector('meta[name=viewport]').content")
        == "width=device-width, initial-scale=1"
    )
    ids = visitor.run("return [...document.querySelectorAll('[id]')].map((it) => it.id)")
    assert len(ids) == len(set(ids))


def test_changes_are_said_aloud(visitor, todo, new_name):
    name = new_name()
    todo(name)
    visitor.open()
    visitor.wait(lambda: visitor.said().startswith("All todos"))
    visitor.part("done", visitor.row(name)).click()
    visitor.wait(lambda: visitor.said().startswith(f"{name}: done"))
    visitor.part("delete", visitor.row(name)).click()
    visitor.wait(lambda: visitor.said().startswith(f"Deleted {name}"))
    assert visitor.one("#spoken").get_attribute("aria-live") == "polite"


def test_the_dialog_holds_the_focus_and_gives_it_back(visitor, site, todo, new_name):
    name = new_name()
    id = todo(name).json["id"]
    visitor.open()
    site.request("PATCH", f"/todos/{id}", '{"name":"other"}', {"Content-Type": "application/merge-patch+json"})
    box = visitor.part("done", visitor.row(name))
    box.click()
    visitor.wait(lambda: visitor.one("dialog[open]"))
    assert visitor.run("return conflict.contains(document.activeElement) && conflict.matches(':modal')")
    assert visitor.one("#conflict").get_attribute("aria-labelledby") == "conflict-title"
    visitor.press(Keys.ESCAPE)
    visitor.wait(lambda: visitor.run("return document.activeElement === arguments[0]", box))


def test_everything_works_by_keyboard_alone(visitor, site, new_name):
    name, new = new_name(), new_name("edited")
    visitor.open()
    visitor.press(Keys.TAB)
    assert visitor.focused() == "Skip to the list"
    visitor.tab_to("Name")
    visitor.press(name, Keys.ENTER)
    visitor.wait(lambda: visitor.names()[0] == name)
    id = site.get("/todos?limit=1").json["todos"][0]["id"]

    visitor.tab_to(f"Done: {name}")
    visitor.press(Keys.SPACE)
    visitor.wait(lambda: site.get(f"/todos/{id}").json["done"])
    visitor.wait_rest()

    visitor.tab_to(f"Edit {name}")
    visitor.press(Keys.ENTER)
    visitor.wait(lambda: visitor.focused() == "Name")
    visitor.press(Keys.CONTROL, "a")
    visitor.press(new, Keys.ENTER)
    visitor.wait(lambda: visitor.focused() == f"Edit {new}")

    visitor.tab_to(f"Delete {new}")
    visitor.press(Keys.ENTER)
    visitor.wait(lambda: visitor.focused() == "Undo")
    assert site.get(f"/todos/{id}").status == 404
    visitor.press(Keys.ENTER)
    visitor.wait(lambda: visitor.focused() == f"Delete {new}")
    assert site.get(f"/todos/{id}").json["name"] == new


def test_skip_link_leads_to_the_list(visitor, todo, new_name):
    todo(new_name())
    visitor.open()
    visitor.press(Keys.TAB)
    visitor.press(Keys.ENTER)
    visitor.wait(lambda: visitor.run("return document.activeElement.id") == "list")


def test_paging_by_keyboard_keeps_its_place(visitor, todo, new_name):
    names = [new_name() for _ in range(6)][::-1]
    for name in names[::-1]:
        todo(name)
    visitor.open("/?limit=2")
    visitor.tab_to("Older")
    for page in (1, 2):
        visitor.press(Keys.ENTER)
        visitor.wait(lambda page=page: visitor.names() == names[2 * page : 2 * page + 2])
        assert visitor.focused() == "Older"
