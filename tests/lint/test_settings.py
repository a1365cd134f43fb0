# SPDX-License-Identifier: MIT
"""Every setting is in etc/todo.conf and in the manual, with the table's default and bounds, and nothing else is."""

import os
import re
import subprocess
from pathlib import Path

from source import ROOT, settings, text

ENTRY = re.compile(r"^#?(\w+) = ?(.*)$", re.M)
MANUAL = re.compile(r"^\.TP\n\.B (\w+)\n\((.*)\)$", re.M)
WORKER = Path(os.environ.get("BUILD_DIR", ROOT / "build"), "todo-fcgi")


def bounds(row):
    """How the manual's chapter and etc/todo.conf write a row's unit, default and bounds."""
    if row["kind"] in ("TEXT", "BOOL", "CHOICE"):
        return f"{row['unit']}; default {row['default'] or 'empty'}"
    return f"{row['unit']}; default {row['default']}; {row['least']} to {row['most']}"


def test_table_is_read_at_all():
    assert len(settings()) > 20 and settings()["todo_ttl_s"]["default"] == "300"


def test_annotated_file_has_every_setting_with_its_default():
    entries = ENTRY.findall(text("etc/todo.conf"))
    assert [name for name, _ in entries] == list(settings()), "same settings, in the table's order"
    for name, value in entries:
        assert value == settings()[name]["default"], f"default of {name}"


def test_annotated_file_tells_unit_default_and_bounds():
    for name, row in settings().items():
        assert re.search(rf"^# {re.escape(bounds(row))}\n(#.*\n)*#?{name} =", text("etc/todo.conf"), re.M), name


def test_manual_has_every_setting_with_its_bounds():
    entries = [(name, words.replace("\\-", "-")) for name, words in MANUAL.findall(text("doc/todo.conf.5"))]
    assert entries == [(name, bounds(row)) for name, row in settings().items()]


def test_minimal_file_names_known_settings_only():
    names = {name for name, _ in ENTRY.findall(text("etc/todo.conf.minimal"))}
    assert names and names <= set(settings())


def show_config(*arguments):
    environment = {name: value for name, value in os.environ.items() if not name.startswith("TODO_")}
    return subprocess.run(
        [WORKER, *arguments, "--show-config"], check=True, capture_output=True, text=True, env=environment
    ).stdout


def test_worker_takes_the_annotated_file_and_it_changes_nothing(tmp_path):
    every = re.sub(r"^#(\w+ =)", r"\1", text("etc/todo.conf"), flags=re.M)
    assert len(re.findall(r"^\w+ =", every, re.M)) == len(settings())
    (tmp_path / "every.conf").write_text(every)
    assert show_config("-c", tmp_path / "every.conf") == show_config("-c", "/dev/null")
    assert show_config("-c", ROOT / "etc/todo.conf") == show_config("-c", "/dev/null")


def test_worker_takes_the_minimal_file():
    shown = show_config("-c", ROOT / "etc/todo.conf.minimal")
    for name, value in ENTRY.findall(text("etc/todo.conf.minimal")):
        assert f"{name} = " in shown, (name, value)


def test_worker_takes_the_file_for_a_cdn():
    shown = show_config("-c", ROOT / "etc/varnish/todo.conf")
    entries = re.findall(r"^(\w+) = (.*)$", text("etc/varnish/todo.conf"), re.M)
    assert len(entries) > 5
    for name, value in entries:
        assert f"{name} = {value}\n" in shown, name
