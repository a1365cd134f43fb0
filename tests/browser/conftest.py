# SPDX-License-Identifier: MIT
"""
Fixtures of the browser tests: one stack for all of them, and a browser.

site     the stack, with the page published into it
visitor  a Browser on that stack, on a wide screen in the light; its console must have stayed clean at the test's end
todo     makes a todo past the page, as somebody elsewhere would: todo("name", done=True) is its answer

Without Chromium and its driver there is nothing to test, and that is a failure, not a skip: ./dev installs both.
"""

import itertools
import os
import re
import shutil
from pathlib import Path

import pytest
from browser import Browser
from page_stack import page_stack

NUMBERS = itertools.count(1)
# The browser itself says so of each answer of this kind; the page shows it in words.
EXPECTED = re.compile(r"/todos/?\S* - Failed to load resource: the server responded with a status of (404|412|422|504)")


def finish(stack, has_failed):
    complaints = stack.close()
    if (has_failed or complaints) and os.environ.get("E2E_LOGS"):
        shutil.copytree(stack.folder / "logs", Path(os.environ["E2E_LOGS"], stack.folder.name), dirs_exist_ok=True)
    assert not complaints, "\n".join(complaints)


@pytest.fixture(scope="session")
def site(tmp_path_factory, request):
    stack = page_stack(tmp_path_factory.mktemp("stack"))
    try:
        stack.start()
        yield stack.wait_answer()
    finally:
        finish(stack, request.session.testsfailed > 0)


@pytest.fixture
def new_browser(site, tmp_path):
    """new_browser(width=390, dark=True): a browser with a profile of its own, or with the one that is named."""
    browsers = []

    def new(profile=None, **options):
        folder = tmp_path / (profile or f"profile{next(NUMBERS)}")
        browser = Browser(folder, f"http://127.0.0.1:{site.port}", **options)
        browsers.append(browser)
        return browser

    yield new
    for browser in browsers:
        browser.close()


@pytest.fixture(scope="session")
def shared_browser(site, tmp_path_factory):
    browser = Browser(tmp_path_factory.mktemp("profile"), f"http://127.0.0.1:{site.port}")
    yield browser
    browser.close()


@pytest.fixture
def visitor(shared_browser):
    shared_browser.forget()
    shared_browser.driver.get("about:blank")
    shared_browser.complaints()
    yield shared_browser
    complaints = [words for words in shared_browser.complaints() if not EXPECTED.search(words)]
    assert not complaints, complaints


@pytest.fixture
def todo(site):
    def make(name, **members):
        answer = site.post({"name": name, **members})
        assert answer.status == 201, answer
        return answer

    return make


@pytest.fixture
def new_name():
    """Names that no other test uses."""
    return lambda word="todo": f"{word} {os.getpid()}-{next(NUMBERS)}"
