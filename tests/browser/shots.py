#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""
Takes the page's pictures for the README: shots.py [FOLDER], doc/shots by default.

A stack of its own, a list that reads like somebody's, a few requests so that the panel has something to tell; then the
page in the light, in the dark, on a phone, and in a conflict. Files are made small by pngquant where that is installed.
E2E_BUILD_DIR says whose workers run, as for the tests.
"""

import json
import shutil
import subprocess
import sys
import tempfile
from datetime import datetime, timedelta, timezone
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "tests/e2e"), str(ROOT / "tests/browser")]

from browser import Browser  # noqa: E402
from page_stack import page_stack  # noqa: E402

# Hours ago, done, name, description; newest first.
TODOS = [
    (0.2, False, "Water the plants on the balcony", "The basil first; it forgives nothing."),
    (1, False, "Renew the passport", "Photo, old passport, appointment on the 14th."),
    (3, True, "Book the train to Lyon", ""),
    (5, False, "Write to Ana about the talk", "She needs the title by Friday. Twenty minutes, no slides."),
    (9, False, "Fix the bicycle’s rear light", ""),
    (20, True, "Order coffee beans", "Two bags, the dark ones."),
    (26, False, "Read the chapter on leases", "And try the exercise with two writers."),
    (29, False, "Call the dentist", ""),
    (47, True, "Back up the laptop", "Then look whether it can be read again."),
    (51, False, "Plan the garden beds", ""),
    (75, False, "Return the library books", "Three of them are Marta’s."),
    (98, True, "Replace the smoke detector’s battery", ""),
]


def seed(stack):
    now = datetime.now(timezone.utc)
    rows = []
    for number, (hours, done, name, description) in enumerate(TODOS, 1):
        created = (now - timedelta(hours=hours)).strftime("%Y-%m-%dT%H:%M:%S.000Z")
        rows.append({"id": str(number), "name": name, "description": description, "done": done, "created_at": created})
    source = stack.folder / "shots.jsonl"
    source.write_text("".join(json.dumps(row) + "\n" for row in rows))
    result = stack.load("import", str(source))
    assert result.returncode == 0, result.stderr


def reread(browser, number):
    browser.part("source", browser.all(".row")[number]).click()
    browser.wait_rest()


def use(browser):
    """A visitor who looks at a few todos, some of them twice."""
    browser.open()
    for number in (1, 3, 1, 6, 3):
        reread(browser, number)
    browser.open()
    for number in (0, 1, 3, 6, 3, 8, 6):
        reread(browser, number)
    row = browser.all(".row")[8]
    for _ in range(2):
        browser.part("done", row).click()
        browser.wait_rest()
    browser.run("document.activeElement.blur(); scrollTo(0, 0)")
    browser.command("Input.dispatchMouseEvent", type="mouseMoved", x=2, y=2)


def conflict(browser, stack):
    row = browser.all(".row")[3]
    browser.part("edit", row).click()
    form = browser.wait(lambda: browser.one(".editor", row))
    browser.fill(browser.one("input", form), "Write to Ana and Ben about the talk")
    patch = json.dumps({"description": "The title is settled. They ask for slides after all."})
    stack.request("PATCH", "/todos/4", patch, {"Content-Type": "application/merge-patch+json"})
    browser.one(".primary", form).click()
    browser.wait(lambda: browser.one("dialog[open]"))


def shrink(path):
    if shutil.which("pngquant"):
        subprocess.run(
            ["pngquant", "--force", "--skip-if-larger", "--strip", "--output", path, "64", path], check=False
        )


def main():
    folder = Path(sys.argv[1] if len(sys.argv) > 1 else ROOT / "doc/shots")
    folder.mkdir(parents=True, exist_ok=True)
    screens = {
        "light": {"width": 1200, "height": 820},
        "dark": {"width": 1200, "height": 820, "dark": True},
        "phone": {"width": 390, "height": 844, "scale": 2},
        "conflict": {"width": 1200, "height": 820},
    }
    with tempfile.TemporaryDirectory() as temporary:
        stack = page_stack(Path(temporary, "stack"))
        try:
            stack.start()
            stack.wait_answer()
            seed(stack)
            for name, options in screens.items():
                browser = Browser(Path(temporary, name), f"http://127.0.0.1:{stack.port}", **options)
                try:
                    use(browser)
                    if name == "conflict":
                        conflict(browser, stack)
                    browser.screenshot(folder / f"{name}.png")
                    shrink(folder / f"{name}.png")
                finally:
                    browser.close()
        finally:
            stack.close()
    for path in sorted(folder.glob("*.png")):
        print(f"{path.stat().st_size:7d} {path}")


if __name__ == "__main__":
    main()
