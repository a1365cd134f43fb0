# SPDX-License-Identifier: MIT
"""The API as a page: its forms ask this service and show what came, it can be read by everybody, and it breaks no policy."""

import pytest
from test_access import CONTRASTS, UNNAMED


@pytest.fixture(params=[(1280, False), (390, True)], ids=["wide", "phone-dark"])
def docs(request, new_browser):
    width, dark = request.param
    browser = new_browser(width=width, dark=dark)
    browser.driver.get(browser.origin + "/docs")
    browser.wait(lambda: browser.all("form.try:not([hidden])"))
    return browser


def form_of(browser, operation):
    return browser.run("return document.getElementById(arguments[0]).closest('section').querySelector('form')", operation)


def sent(browser, form):
    browser.one("button", form).click()
    return browser.wait(lambda: browser.one("output pre:not([hidden])", form).text)


def test_a_form_asks_this_service_and_shows_the_answer(docs, todo):
    made = todo("shown by the docs").json
    form = form_of(docs, "getTodo")
    docs.fill(docs.one("input", form), made["id"])
    answer = sent(docs, form)
    assert answer.startswith("200") and "cache-status: todo-fcgi" in answer and '"name": "shown by the docs"' in answer
    form = form_of(docs, "insertTodo")
    docs.fill(docs.one("textarea", form), '{"name":""}')
    assert sent(docs, form).startswith("422")
    assert docs.complaints() == [] or all("422" in words for words in docs.complaints())


def test_curl_lines_name_this_service(docs):
    lines = docs.run("return [...document.querySelectorAll('.operation:has(form) .origin')].map((it) => it.textContent)")
    assert len(lines) > 10 and set(lines) == {docs.origin}


def test_everything_can_be_read_and_has_a_name(docs):
    docs.run("for (const it of document.querySelectorAll('details')) it.open = true")
    assert [what for ratio, what in docs.run(CONTRASTS) if ratio < 4.5] == []
    assert docs.run(UNNAMED) == []
    assert docs.run("return document.documentElement.scrollWidth <= innerWidth")
