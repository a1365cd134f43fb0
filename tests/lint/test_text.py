# SPDX-License-Identifier: MIT
"""
Layout and words: clang-format, one way to write sizeof and limits, shellcheck, plain paths, documents that are short and true
about files and functions, metrics in the manual.
"""

import re
import shutil
import subprocess

import pytest
from source import ROOT, files, metric_families, text

C_FILES = [str(path) for path in files(".c", ".h")]


def lines_that_fit(pattern, paths, strip=None):
    """"path:line: text" of each line in which the pattern is found, once what strip fits is gone."""
    found = []
    for path in paths:
        for number, line in enumerate(text(path).splitlines(), 1):
            if re.search(pattern, re.sub(strip, "", line) if strip else line):
                found.append(f"{path}:{number}: {line.strip()}")
    return found


def test_layout_is_clang_formats():
    version = subprocess.run(["clang-format-14", "--version"], check=True, capture_output=True, text=True).stdout
    assert "version 14." in version
    command = ["clang-format-14", "--dry-run", "--Werror", *C_FILES]
    result = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert result.returncode == 0, "\n".join(line for line in result.stderr.splitlines() if "error:" in line)


def test_comment_lines_end_at_column_120():
    # clang-format sees to the code.
    wrong = lines_that_fit(r"^.{121}", files(".c", ".h", under="src"))
    assert not wrong, "\n".join(wrong)


def test_sizeof_has_parentheses():
    strings_and_comments = r'"(\\.|[^"\\])*"|//.*|/\*.*?\*/|^ \*.*'
    wrong = lines_that_fit(r"\bsizeof\b(?!\()", C_FILES, strings_and_comments)
    assert not wrong, "\n".join(wrong)


def test_limits_are_called_max():
    name = r"\b[A-Z][A-Z0-9_]*_(MOST|LONGEST)(?![A-Z])|\b(MOST|LONGEST)_[A-Z]"
    paths = [path for path in files(".c", ".h", ".py", ".sh", ".lua") if path.name != "test_text.py"]
    wrong = lines_that_fit(name, paths)
    assert not wrong, "\n".join(wrong)


def test_shell_is_shellchecked():
    if not shutil.which("shellcheck"):
        pytest.skip("shellcheck is not installed")
    scripts = [
        str(path)
        for path in files(under=".")
        if path.suffix in ("", ".sh") and path.parts[0] != "dev.d" and re.match(r"#!.*\b(ba)?sh\b", first_line(path))
    ]
    assert "dev" in scripts
    command = ["shellcheck", "-x", "-a", "-S", "warning", *scripts, ".ci/run"]
    result = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert result.returncode == 0, result.stdout


def first_line(path):
    with open(ROOT / path, "rb") as file:
        return file.readline(200).decode("utf-8", "replace")


def test_no_path_of_one_machine_is_written_down():
    for path in files(".c", ".h", ".py", ".sh", ".md", ".conf", ".in", ".mk", ".am", ".lua", ".service", ".socket"):
        found = re.search(r"(?<![\w.])/(root|work|home)/\w+", text(path))
        assert not found or path.name == "test_text.py", f"{path}: {found and found[0]}"


DOCUMENTS = ["README.md", "HACKING.md", "NEWS.md", *(str(path) for path in files(".md", under="doc"))]


@pytest.mark.parametrize("name, lines_max", [("README.md", 120), ("HACKING.md", 150)])
def test_guide_is_short(name, lines_max):
    assert len(text(name).splitlines()) <= lines_max


@pytest.mark.parametrize("name", DOCUMENTS)
def test_document_names_files_that_exist(name):
    words = text(name)
    for path in re.findall(r"`((?:src|tests|nginx|etc|doc|data|dev\.d)/[\w./-]+)`", words):
        assert (ROOT / path).exists(), f"{name} names {path}"
    known = {path.name for path in files(".c", ".h", ".lua", ".pml", ".py", ".sh", ".md")}
    assert [path for path in re.findall(r"`(\w+\.(?:c|h|lua|pml|py|sh))`", words) if path not in known] == []


def test_documents_name_functions_that_exist():
    """`cache_get()` is a function or macro of src/, or of the tests' Python; noun_verb() stands for any name."""
    sources = "\n".join(text(path) for path in files(".c", ".h", under="src"))
    python = "\n".join(text(path) for path in files(".py", under="tests"))
    seen = 0
    for document in DOCUMENTS:
        for name in set(re.findall(r"`(\w+)\(\)`", text(document))) - {"noun_verb"}:
            in_c = re.search(rf"^(#define |\w[^\n;=]*[ *]){name}\(", sources, re.M)
            in_python = re.search(rf"^ *def {name}\(", python, re.M)
            assert in_c or in_python, f"{document} names {name}(), which is nowhere"
            seen += 1
    assert seen > 5, "the pattern finds next to no function"


def test_upgrades_name_the_version_of_sqlites_tables():
    steps = re.search(r"TODOS_STEPS\[\] = \{(.*?)\}", text("src/store/sqlite_sql.c"), re.S)[1].split(",")
    assert f"are at version {len(steps)}:" in text("doc/upgrade.md")


def test_every_document_is_in_the_archive():
    archived = text("Makefile.am").split()
    assert [name for name in DOCUMENTS if name not in archived and name.split("/")[0] not in archived] == []


def test_performance_has_the_ladders_steps():
    steps = re.findall(r'^    Step\("\w[^"]*", "([^"]+)"', text("tests/bench/ladder.py"), re.M)
    rows = re.findall(r"^\| (\S[^|]*?) \| \d+ \| \d", text("doc/performance.md"), re.M)
    assert rows == [step for step in steps if step in rows] and len(rows) >= len(steps) - 1, "a build may have no L1"


def test_every_metric_is_in_the_manual_and_back():
    manual = set(re.findall(r"^\| `(todo_\w+)` \|", text("doc/metrics.md"), re.M))
    assert manual == metric_families()


def test_events_that_the_documents_name_are_logged_at_their_level():
    sources = "\n".join(text(path) for path in files(".c", under="src"))
    logged = set(re.findall(r'\blog_(error|warn|info|debug)(?:_often)?\([^;"]*?, "(\w+)"', sources))
    rows = re.findall(r"^\| `(error|warn|info|debug)` \|.*\| (.*) \|$", text("doc/logging.md"), re.M)
    named = {(level, event) for level, events in rows for event in re.findall(r"`(\w+)`", events)}
    assert len(named) > 10 and named <= logged, named - logged
    events = {event for _, event in logged}
    told = set(re.findall(r"\(`(\w+_\w+)` in the log", text("doc/runbook.md")))
    assert len(told) > 2 and told <= events, told - events
    manual = {event for line in re.findall(r"^\.It Li (.+)$", text("doc/todo-fcgi.8"), re.M) for event in line.split(" , ")}
    assert len(manual) > 20 and not [event for event in manual if f'"{event}"' not in sources]
