# SPDX-License-Identifier: MIT
"""
Each state of the page: axe has nothing against it, and its picture is kept for eyes.

The pictures are in build/pictures (PICTURES=FOLDER: there). axe-core comes from PyPI (dev.d/tools.sh).
"""

import json
import os
from pathlib import Path

import pytest
from stack import ROOT

BUILD = Path(os.environ.get("BUILD_DIR", ROOT / "build"))
PICTURES = Path(os.environ.get("PICTURES", BUILD / "pictures"))
RUN_AXE = """
const [done] = arguments;
axe.run(document).then(({ violations, passes }) => done([passes.length, violations.flatMap((violation) =>
    violation.nodes.map((node) => `${violation.id}: ${node.target} ${node.failureSummary}`))]));
"""
LONG = "It goes on for a while, and then for another one. " * 30
OFFLINE = {"latency": 0, "downloadThroughput": -1, "uploadThroughput": -1}
# What is asked for in vain, and a person would be told of.
NO_ANSWER = """
const real = fetch, text = arguments[0];
window.fetch = async (...all) => all[0].startsWith("/todos") ? new Response(text, { status: 502 }) : real(...all);
"""


@pytest.fixture(scope="module")
def axe():
    found = list(BUILD.glob("browser/lib/python*/site-packages/axe_playwright_python/axe.min.js"))
    if not found:
        pytest.skip("axe-core could not be installed from PyPI: build/browser.log")
    return found[0].read_text()


@pytest.fixture(params=[(1280, 900, False), (390, 844, True)], ids=["wide", "phone-dark"])
def screen(request, new_browser, todo, new_name):
    width, height, dark = request.param
    browser = new_browser(width=width, height=height, dark=dark)
    browser.kind = request.node.callspec.id
    browser.mine = [new_name(word) for word in ("first", "second", "third")]
    browser.ids = [todo(name, description=LONG if name.startswith("third") else "").json["id"] for name in browser.mine]
    return browser


@pytest.fixture
def look(axe, screen):
    """look("name"): what is on the screen now is a state of the page."""

    def check(name):
        screen.run("document.getAnimations().forEach((it) => it.finish())")
        PICTURES.mkdir(parents=True, exist_ok=True)
        screen.screenshot(PICTURES / f"{name}-{screen.kind}.png")
        screen.command("Runtime.evaluate", expression=axe)
        passes, faults = screen.driver.execute_async_script(RUN_AXE)
        assert passes > 20 and not faults, (name, faults)

    return check


def close(screen, name):
    screen.one(f"#{name} .close button").click()
    screen.wait(lambda: not screen.all("dialog[open]"))


def test_the_list(screen, look):
    screen.open()
    look("list")
    screen.one("#dense").click()
    screen.part("more", screen.row(screen.mine[2])).click()
    look("list-dense")
    screen.one("#dense").click()
    if not screen.kind.startswith("wide"):
        screen.one("#meter-open").click()
        look("panel")
    screen.one("#filter-done").click()
    screen.wait(lambda: screen.text("#list-title") == "Done todos")
    look("list-done")
    screen.open("/?id=no-such-todo")
    look("list-missing")


def test_the_rows(screen, look):
    screen.open()
    screen.part("watch", screen.row(screen.mine[0])).click()
    screen.wait(lambda: screen.one(".watch"))
    screen.part("delete", screen.row(screen.mine[1])).click()
    screen.wait(lambda: screen.one(".gone"))
    screen.part("edit", screen.row(screen.mine[2])).click()
    form = screen.wait(lambda: screen.one(".editor"))
    screen.fill(screen.one("input", form), "")
    screen.one(".primary", form).click()
    screen.wait(lambda: screen.one(".fault:not([hidden])", form).text)
    look("rows")
    screen.one("#filter-done").click()
    screen.wait(lambda: screen.one("#drafts a"))
    look("draft")


def test_selecting(screen, look):
    screen.open()
    screen.one("#pick").click()
    screen.wait(lambda: screen.part("pick", screen.row(screen.mine[0])).is_displayed())
    screen.run("arguments[0].scrollIntoView({ block: 'center' })", screen.row(screen.mine[0]))
    screen.part("pick", screen.row(screen.mine[0])).click()
    look("select")
    screen.one("#bulk-delete").click()
    screen.wait(lambda: screen.text("#bulk-count") == "1 deleted.")
    look("select-undo")


def test_the_dialogs(screen, site, look):
    screen.open()
    screen.press("?")
    screen.wait(lambda: screen.one("#help[open]"))
    look("help")
    screen.one("#help .primary").click()
    screen.part("source", screen.row(screen.mine[0])).click()
    screen.wait_rest()
    screen.run("document.querySelector('#meter-log li button').click()")
    screen.wait(lambda: screen.one("#exchange[open]"))
    look("exchange")
    close(screen, "exchange")
    screen.part("watch", screen.row(screen.mine[0])).click()
    screen.wait(lambda: screen.one(".watch"))
    screen.part("race", screen.row(screen.mine[0])).click()
    screen.wait(lambda: "promise" in screen.text("#race-end"))
    look("race")
    close(screen, "race")
    screen.run("import(document.querySelector('link[href*=\"/token.\"]').href).then((it) => it.askToken(true))")
    screen.wait(lambda: screen.one("#token[open]"))
    look("token")
    screen.one("#token-later").click()
    screen.part("edit", screen.row(screen.mine[1])).click()
    form = screen.wait(lambda: screen.one(".editor"))
    screen.fill(screen.one("textarea", form), "mine")
    patch = json.dumps({"description": LONG})
    site.request("PATCH", f"/todos/{screen.ids[1]}", patch, {"Content-Type": "application/merge-patch+json"})
    screen.one(".primary", form).click()
    screen.wait(lambda: screen.one("#conflict[open]"))
    look("conflict")


def test_trouble(screen, look):
    screen.open()
    screen.run(NO_ANSWER, '{"title":"No worker answered","detail":"Try again."}')
    screen.one("#refresh").click()
    screen.wait(lambda: "No worker answered" in screen.text("#notice"))
    look("no-answer")
    screen.command("Network.enable")
    screen.command("Network.emulateNetworkConditions", offline=True, **OFFLINE)
    screen.wait(lambda: "You are offline" in screen.text("#notice"))
    look("offline")


def test_the_first_moment(screen, look):
    screen.command("Network.enable")
    screen.command("Network.setBlockedURLs", urls=["*/todos?*"])
    screen.driver.get(screen.origin + "/")
    screen.run("notice.replaceChildren()")
    assert screen.all(".is-skeleton")
    look("skeleton")
