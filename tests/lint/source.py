# SPDX-License-Identifier: MIT
"""What the lint tests look at: the files of the tree, and the tables that others are held against."""

import os
import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]

# Made by the build, by tools or by running; never written by a person.
SKIPPED = re.compile(r"^(build(-.*)?|run|autom4te\.cache|\..*|__pycache__|static|golden)$")
MADE = {"configure", "configure~", "aclocal.m4", "Makefile.in"}


def files(*suffixes, under="."):
    """Paths below under, relative to the root, whose names end in one of suffixes; all of them if there are none."""
    found = []
    for folder, folders, names in os.walk(ROOT / under):
        folders[:] = [name for name in folders if not SKIPPED.match(name)]
        for name in names:
            if name not in MADE and (not suffixes or name.endswith(suffixes)):
                found.append(Path(folder, name).relative_to(ROOT))
    return sorted(found)


def text(path):
    return (ROOT / path).read_text(encoding="utf-8")


def joined(path):
    """A C file with continued lines and adjacent string literals put together."""
    source = re.sub(r"\\\n\s*", " ", text(path))
    return re.sub(r'"\s+"', "", source)


SETTING = re.compile(r"\b(TEXT|INT|BOOL|CHOICE)\((\w+), ([^,]+), (-?\w+), (-?\w+), \"([^\"]*)\",\s*\"((?:[^\"\\]|\\.)*)\"\)")


def settings():
    """The rows of the table of settings: {name: {kind, default, least, most, unit, help}}."""
    table = {}
    for kind, name, default, least, most, unit, words in SETTING.findall(joined("src/base/settings_table.h")):
        default = default.strip('"')
        if kind == "CHOICE":
            default = next(word for word in unit.split("|") if default.lower().endswith("_" + word))
        if kind == "BOOL":
            default = {"true": "on", "false": "off"}[default]
        table[name] = dict(kind=kind, default=default, least=least, most=most, unit=unit, help=words)
    return table


def macro_rows(path, name):
    """The X(...) rows of one X-macro table, as lists of their arguments' source text."""
    body = re.search(r"#define " + name + r"\(\w+\)(.*)", joined(path)).group(1)
    body = re.sub(r"/\*.*?\*/", "", body)
    return [
        [part.strip() for part in re.findall(r'(?:"(?:[^"\\]|\\.)*"|[^,"])+', row)]
        for row in re.findall(r'X\(((?:"(?:[^"\\]|\\.)*"|[^()"])*)\)', body)
    ]


def metric_families():
    """The names under which /metrics counts."""
    tables = [row for name in ("COUNTERS", "HISTOGRAMS", "GAUGES") for row in macro_rows("src/base/stats_table.h", f"STATS_{name}")]
    printed = re.findall(r'print_head\(out, "(todo_\w+)"', text("src/base/stats.c"))
    return {family.strip('"') for _, family, *_ in tables} | set(printed)
