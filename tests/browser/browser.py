# SPDX-License-Identifier: MIT
"""
Debian's Chromium, driven over WebDriver, as a visitor of the page would use it.

A Browser finds things as people do, by their words and labels; it waits for what the page does instead of sleeping; and
it remembers what the console said, for a page that breaks its own content security policy says so there.
"""

import contextlib
import os

from selenium import webdriver
from selenium.common.exceptions import ElementNotInteractableException, NoSuchElementException, StaleElementReferenceException
from selenium.webdriver.chrome.options import Options
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.support.ui import WebDriverWait

CHROMIUM = "/usr/bin/chromium"
DRIVER = "/usr/bin/chromedriver"
WAIT_S = 30

# Nothing but the page under test is asked for anything.
FLAGS = [
    "--headless",
    "--disable-gpu",
    "--disable-quic",
    "--disable-dev-shm-usage",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
    "--hide-scrollbars",
]


class Browser:
    def __init__(self, profile, origin, width=1280, height=900, dark=False, scale=1, live=False):
        """
        profile is an empty folder; origin is the start of every URL, http://127.0.0.1:PORT. Unless it is live, the page is not told
        what others change: tests make conflicts, and count requests.
        """
        options = Options()
        options.binary_location = CHROMIUM
        for flag in [*FLAGS, f"--user-data-dir={profile}"]:
            options.add_argument(flag)
        if os.geteuid() == 0:
            options.add_argument("--no-sandbox")
        options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
        self.driver = webdriver.Chrome(service=Service(DRIVER), options=options)
        self.origin = origin
        if not live:
            self.command("Page.addScriptToEvaluateOnNewDocument", source="delete window.EventSource")
        # A window has a least width; a phone's has to be put on.
        metrics = {"width": width, "height": height, "deviceScaleFactor": scale, "mobile": width < 600}
        self.command("Emulation.setDeviceMetricsOverride", **metrics)
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        self.command("Emulation.setEmulatedMedia", features=[scheme])

    def close(self):
        self.driver.quit()

    def command(self, name, **parameters):
        """A command of the Chrome DevTools protocol."""
        return self.driver.execute_cdp_cmd(name, parameters)

    def run(self, script, *arguments):
        return self.driver.execute_script(script, *arguments)

    def complaints(self):
        """What the console had to complain about since the last call: errors, refused scripts, failed requests."""
        return [entry["message"] for entry in self.driver.get_log("browser") if entry["level"] in ("SEVERE", "WARNING")]

    def forget(self):
        """All that the page keeps for the session."""
        if self.driver.current_url.startswith(self.origin):
            self.run("sessionStorage.clear()")

    # --- places ---

    def open(self, path="/"):
        self.driver.get(self.origin + path)
        self.wait_rest()
        return self

    def reload(self):
        self.driver.refresh()
        self.wait_rest()

    def back(self):
        self.driver.back()
        self.wait_rest()

    @property
    def path(self):
        return self.driver.current_url.removeprefix(self.origin)

    def wait_rest(self):
        """Until the page is whole, shows an answer and waits for none."""
        self.wait(lambda: self.run("return rows.ariaBusy") == "false" and not self.all('[aria-busy="true"], #keys:disabled'))

    def wait(self, condition, what=None):
        """Until condition returns something true, which is returned; what it needs may not be there yet."""

        def holds(_):
            with contextlib.suppress(NoSuchElementException, StaleElementReferenceException):
                return condition()

        return WebDriverWait(self.driver, WAIT_S, poll_frequency=0.03).until(holds, what or "")

    # --- things on the page ---

    def one(self, selector, within=None):
        return (within or self.driver).find_element(By.CSS_SELECTOR, selector)

    def all(self, selector, within=None):
        return (within or self.driver).find_elements(By.CSS_SELECTOR, selector)

    def text(self, selector):
        return self.one(selector).text

    def part(self, name, within):
        return self.one(f'[data-part="{name}"]', within)

    def names(self):
        """What the rows are called, from top to bottom."""
        return self.run("return [...document.querySelectorAll('.row .name')].map((name) => name.textContent)")

    def row(self, name):
        for row in self.all(".row"):
            if any(part.text == name for part in self.all(".name", row)):
                return row
        raise NoSuchElementException(f"no row is called {name!r}; there are {self.names()}")

    def source(self, row):
        """Where a row's last answer came from."""
        return self.part("source", row).get_attribute("data-source")

    def wait_source(self, row, source):
        """Until the row has that answer and waits for none: a row that waits takes no click."""
        self.wait(
            lambda: self.source(row) == source and row.get_attribute("aria-busy") != "true",
            f"a row answered by {source}, not {self.source(row)}",
        )

    def said(self):
        """The last words for a screen reader."""
        return self.run("return spoken.textContent")

    def focused(self):
        """What has the focus, by its label or words."""
        return self.run(
            "const it = document.activeElement;"
            "return it.ariaLabel || it.labels?.[0]?.textContent.trim() || it.textContent.trim() || it.id"
        )

    # --- doings ---

    def fill(self, field, text):
        field.send_keys(Keys.CONTROL, "a")
        field.send_keys(text or Keys.DELETE)

    def press(self, *keys):
        """Keys to whatever has the focus; a dialog that has just closed may have it for a moment longer, and takes none."""

        def are_taken():
            with contextlib.suppress(ElementNotInteractableException):
                self.driver.switch_to.active_element.send_keys(*keys)
                return True

        self.wait(are_taken, f"something that takes {keys}")

    def tab_to(self, label, most=60):
        """Presses Tab until something of that label has the focus."""
        for _ in range(most):
            if self.focused() == label:
                return
            self.press(Keys.TAB)
        raise AssertionError(f"{label!r} is not within {most} tabs; at last {self.focused()!r}")

    def screenshot(self, path):
        self.driver.save_screenshot(str(path))
