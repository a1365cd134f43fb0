# SPDX-License-Identifier: MIT
"""What the page says when something fails: each thing by its name, and nothing that is not so."""

import pytest
from page_stack import page_stack

NO_LIMIT = {"latency": 0, "downloadThroughput": -1, "uploadThroughput": -1}


@pytest.fixture
def token_site(tmp_path):
    (tmp_path / "token").write_text("a secret word of thirty-two signs\n")
    (tmp_path / "token").chmod(0o600)
    stack = page_stack(tmp_path / "stack", write_token_file=tmp_path / "token")
    try:
        stack.start()
        yield stack.wait_answer()
    finally:
        assert not stack.close()


def give_token(browser, text):
    browser.wait(lambda: browser.one("#token[open]"))
    browser.fill(browser.one("#token-text"), text)
    browser.one("#token .primary").click()


def test_a_service_that_wants_a_token_is_given_one_for_the_session(new_browser, token_site, new_name):
    name = new_name()
    browser = new_browser()
    browser.origin = f"http://127.0.0.1:{token_site.port}"
    browser.open()
    browser.one("#add-name").send_keys(name)
    browser.one("#add .primary").click()
    give_token(browser, "a wrong one")
    browser.wait(lambda: browser.all("#token[open]") and "not accepted" in browser.text("#token-text-fault"))
    give_token(browser, "a secret word of thirty-two signs")
    browser.wait(lambda: name in browser.names())
    browser.reload()
    browser.part("done", browser.row(name)).click()
    browser.wait_source(browser.row(name), "write")
    assert browser.run("return [localStorage.length, document.cookie]") == [0, ""]
    # A token that is put off changes nothing, and the words stay.
    browser.run("sessionStorage.clear()")
    browser.one("#add-name").send_keys("kept")
    browser.one("#add .primary").click()
    browser.wait(lambda: browser.one("#token[open]"))
    browser.one("#token-later").click()
    browser.wait(lambda: "token" in browser.text('#add [role="alert"]'))
    assert browser.one("#add-name").get_attribute("value") == "kept"


def test_offline_says_that_nothing_was_sent(visitor, todo, new_name):
    name = new_name()
    todo(name)
    visitor.open()
    visitor.command("Network.enable")
    visitor.command("Network.emulateNetworkConditions", offline=True, **NO_LIMIT)
    try:
        visitor.wait(lambda: "You are offline" in visitor.text("#notice"))
        visitor.one("#add-name").send_keys("x")
        visitor.one("#add .primary").click()
        fault = visitor.wait(lambda: visitor.text('#add [role="alert"]'))
        assert "Nothing was sent" in fault and "may have been" not in fault
    finally:
        visitor.command("Network.emulateNetworkConditions", offline=False, **NO_LIMIT)
    visitor.wait(lambda: not visitor.text("#notice"))
    visitor.complaints()


def test_reads_that_fail_are_counted_and_told_as_reads(visitor, site, todo, new_name):
    todo(new_name())
    visitor.open()
    visitor.one("#refresh").click()
    visitor.wait_rest()
    site.stop("workers")
    try:
        visitor.one("#refresh").click()
        notice = visitor.wait(lambda: visitor.text("#notice"))
        assert "No worker answered" in notice and "write" not in notice
        assert visitor.wait(lambda: visitor.text("#meter-rate") not in ("50 %", "100 %")), "a failed read is no hit"
        assert "1 error" in visitor.text("#meter-errors") or "errors" in visitor.text("#meter-errors")
    finally:
        site.start("workers")
        site.wait_answer()
    visitor.wait(lambda: not visitor.text("#notice"))
    visitor.complaints()
