# SPDX-License-Identifier: MIT
"""How the page looks: what stands where, and stays there while it loads; and in colours that a person forces on it."""

import pytest

# The sum that Chromium counts (Layout Instability API); a new document begins with it.
WATCH_SHIFTS = """
window.shifts = [];
new PerformanceObserver((list) => {
    for (const entry of list.getEntries())
        if (!entry.hadRecentInput)
            shifts.push([entry.value, ...entry.sources.map((it) => it.node?.id || it.node?.className || it.node?.nodeName)]);
}).observe({ type: 'layout-shift', buffered: true });
"""
SLOW = {"latency": 150, "downloadThroughput": 400_000, "uploadThroughput": 400_000}


@pytest.fixture
def many(site, todo, new_name):
    for number in range(len(site.get("/todos?limit=25").json["todos"]), 25):
        todo(new_name(), description="It goes on for a while, " * (number % 5))


@pytest.mark.parametrize("width, height", [(390, 844), (1280, 900), (1350, 940)])
def test_nothing_moves_while_the_page_loads(new_browser, many, width, height):
    browser = new_browser(width=width, height=height)
    browser.command("Network.enable")
    browser.command("Network.emulateNetworkConditions", offline=False, **SLOW)
    browser.command("Page.addScriptToEvaluateOnNewDocument", source=WATCH_SHIFTS)
    browser.open()
    browser.wait(lambda: browser.run("return document.readyState") == "complete")
    browser.run("return new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))")
    shifts = browser.run("return shifts")
    assert sum(shift[0] for shift in shifts) < 0.02, shifts


@pytest.mark.parametrize("width", [360, 1280])
def test_what_a_field_asks_for_can_be_read_whole(new_browser, width):
    browser = new_browser(width=width)
    browser.open()
    for field in ("add-name", "find-id"):
        room, needed = browser.run(
            """
            const field = document.getElementById(arguments[0]), style = getComputedStyle(field);
            const pen = document.createElement('canvas').getContext('2d');
            pen.font = style.font;
            const room = field.clientWidth - parseFloat(style.paddingLeft) - parseFloat(style.paddingRight);
            return [room, pen.measureText(field.placeholder).width];
            """,
            field,
        )
        assert room >= needed > 0, field


def test_a_first_view_that_is_slow_has_rows_and_live_links(visitor, site):
    page = site.get("/").body.decode()
    for link in ('id="filter-open" href="/?done=false"', 'id="filter-done" href="/?done=true"', 'id="filter-all" href="/"'):
        assert link in page
    assert page.count('class="row is-skeleton"') >= 8
    visitor.open()
    assert not visitor.all(".is-skeleton")


def test_a_ticked_box_looks_ticked_in_forced_colours(new_browser, todo, new_name):
    name = new_name()
    todo(name)
    browser = new_browser()
    browser.command("Emulation.setEmulatedMedia", features=[{"name": "forced-colors", "value": "active"}])
    browser.open()
    # The system draws its own box, in its own colours; one that we draw loses its ground, and with it its tick.
    box = browser.part("done", browser.row(name))
    assert browser.run("return getComputedStyle(arguments[0]).appearance", box) == "auto"
    before = box.screenshot_as_png
    box.click()
    browser.wait_source(browser.row(name), "write")
    assert box.screenshot_as_png != before
