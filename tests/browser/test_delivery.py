# SPDX-License-Identifier: MIT
"""How the page comes over the wire: its weight, what browsers keep, what its policy forbids, what happens offline."""

import contextlib
import re

from selenium.common.exceptions import StaleElementReferenceException

LIMIT_BYTES = 52_000  # with header fields, which are a third of it; what the first view needs: tests/assets

RESOURCES = """
return [...performance.getEntriesByType('navigation'), ...performance.getEntriesByType('resource')]
    .map((it) => [it.name.slice(location.origin.length), it.transferSize]);
"""


def transfers(browser):
    """[(path, bytes over the wire)] of all that the page has loaded; 0 is from the browser's own cache."""
    return [tuple(pair) for pair in browser.run(RESOURCES)]


def assets(pairs):
    return {path: size for path, size in pairs if path.startswith("/assets/")}


def weight(answer):
    """An answer's bytes on the wire; the status line has some twenty."""
    return 20 + sum(len(f"{name}: {value}\r\n") for name, value in answer.headers.items()) + len(answer.body)


def hashed(site):
    """The hashed assets that the page refers to, near and far."""
    found, queue = set(), ["/"]
    while queue:
        answer = site.get(queue.pop())
        assert answer.status == 200, answer
        names = re.findall(rb"[\w./-]+\.[0-9a-f]{12}\.\w+", answer.body)
        new = {"/assets/" + name.decode().rpartition("/")[2] for name in names} - found
        found |= new
        queue += new
    return found


def test_the_whole_page_weighs_at_most_52_kb(new_browser, site):
    for number in range(20):
        site.post(
            {
                "id": f"weight-{number}",
                "name": f"Something to be done, number {number}",
                "description": "What it is " * 8,
            }
        )
    paths = {path for path, _ in transfers(new_browser().open())} | {"/"}
    assert len(paths) >= 20
    for codings in ("gzip", "gzip, br"):
        sizes = {path: weight(site.get(path, Accept_Encoding=codings)) for path in paths}
        assert sum(sizes.values()) <= LIMIT_BYTES, sizes


def test_a_reload_transfers_no_byte_of_hashed_assets(new_browser):
    browser = new_browser(profile="comes-again").open()
    first = assets(transfers(browser))
    # The icon is used twice, and comes from the browser's memory the second time.
    assert len(first) >= 16 and list(first.values()).count(0) <= 1, first
    browser.reload()
    assert assets(transfers(browser)) == dict.fromkeys(first, 0)
    browser.close()

    # Another day: the same profile, nothing left but the disk.
    browser = new_browser(profile="comes-again").open()
    pairs = transfers(browser)
    assert assets(pairs) == dict.fromkeys(first, 0)
    assert 0 < dict(pairs)["/"] < 1000, "index.html is asked about, and answered by a 304"


def test_assets_are_kept_for_ever_and_the_page_is_asked_about(site):
    paths = hashed(site)
    assert len(paths) >= 16
    for path in paths:
        answer = site.get(path)
        assert answer.headers["Cache-Control"] == "public, max-age=31536000, immutable", path
        assert answer.headers["ETag"].startswith('"') and "Last-Modified" not in answer.headers
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        assert answer.headers["Content-Type"].partition(";")[0] in {
            "text/javascript", "text/css", "image/svg+xml", "application/manifest+json",
        }  # fmt: skip
    page = site.get("/")
    assert page.headers["Cache-Control"] == "no-cache"
    again = site.get("/", If_None_Match=page.headers["ETag"])
    assert again.status == 304 and not again.body
    assert again.headers["Cache-Control"] == "no-cache" and again.headers["ETag"] == page.headers["ETag"]
    assert "Content-Security-Policy" in again.headers


def test_each_encoding_is_sent_and_has_a_tag_of_its_own(site):
    answers = {coding: site.get("/", Accept_Encoding=coding) for coding in ("identity", "gzip")}
    assert answers["gzip"].headers["Content-Encoding"] == "gzip"
    assert len(answers["gzip"].body) < len(answers["identity"].body)
    assert len({answer.headers["ETag"] for answer in answers.values()}) == 2
    assert all("Accept-Encoding" in answer.headers["Vary"] for answer in answers.values())
    if (site.folder / "todo/brotli.conf").exists():
        brotli = site.get("/", Accept_Encoding="gzip, br")
        assert brotli.headers["Content-Encoding"] == "br"
        assert len(brotli.body) < len(answers["gzip"].body)


def test_an_asset_that_is_not_there_is_kept_by_nobody(site):
    answer = site.get("/assets/main.000000000000.js")
    answer.problem(404)
    assert answer.headers["Cache-Control"] == "no-store"
    assert site.get("/generations.json").status == 404


def test_policy_forbids_what_the_page_does_without(visitor, site):
    policy = site.get("/").headers["Content-Security-Policy"]
    assert (
        "unsafe" not in policy and "require-trusted-types-for 'script'" in policy and "frame-ancestors 'none'" in policy
    )
    visitor.open()
    refused = visitor.run(
        "try { document.body.innerHTML = '<b>x</b>'; return ''; } catch (error) { return error.name; }"
    )
    assert refused == "TypeError"
    assert any("TrustedHTML" in words for words in visitor.complaints())


def test_offline_is_said_and_the_page_comes_back_by_itself(visitor, todo, new_name):
    name = new_name()
    todo(name)
    visitor.open()
    offline = {"latency": 0, "downloadThroughput": -1, "uploadThroughput": -1}
    visitor.command("Network.enable")
    visitor.command("Network.emulateNetworkConditions", offline=True, **offline)
    try:
        visitor.wait(lambda: "You are offline" in visitor.text("#notice"))
        assert visitor.one("#notice").get_attribute("role") == "status"
        row = visitor.row(name)
        visitor.part("done", row).click()
        visitor.wait(lambda: visitor.part("fault", row).text)
        assert not visitor.part("done", row).is_selected()
    finally:
        visitor.command("Network.emulateNetworkConditions", offline=False, **offline)
    visitor.wait(lambda: not visitor.text("#notice"))
    assert name in visitor.names()
    assert not [words for words in visitor.complaints() if "/todos" in words], "nothing was asked for in vain"


def test_a_service_that_does_not_answer_is_said_and_can_be_asked_again(visitor, site, todo, new_name):
    name = new_name()
    todo(name)
    visitor.open()
    site.stop("workers")
    try:
        visitor.one("#refresh").click()
        button = visitor.wait(lambda: visitor.one("#notice button"))
        assert "No worker answered" in visitor.text("#notice")
        assert name in visitor.names(), "what was read before stays"
    finally:
        site.start("workers")
        site.wait_answer()
    # The page asks again by itself when Retry-After is over, and the button goes; a person who presses it is faster.
    with contextlib.suppress(StaleElementReferenceException):
        visitor.run("arguments[0].click()", button)
    visitor.wait(lambda: not visitor.text("#notice"))
    assert name in visitor.names()
    visitor.complaints()
