# SPDX-License-Identifier: MIT
"""What an operator meets first: settings that can't work, and programs that must say so."""

import subprocess

import pytest
from stack import WORKER_BUILD

PROGRAMS = {
    "todo-fcgi": ["todo-fcgi", "-s", "worker.sock"],
    "todo-load": ["todo-load", "seed", "-n", "1"],
    "todoctl": ["todoctl", "purge", "1"],
}


def run(folder, program, *options, **environment):
    """Runs a program in a folder of its own, with a store there and no Redis, and without a terminal."""
    command = [WORKER_BUILD / program[0], *program[1:], "-o", "store=sqlite:todos.db", "-o", "redis=unix:none.sock", *options]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=30, env=environment)


@pytest.mark.parametrize("program", PROGRAMS)
@pytest.mark.parametrize(
    "settings, told",
    [
        (["store_timeout_ms=5000"], "write_deadline_ms (10000) must exceed twice store_timeout_ms (5000)"),
        (["purge_url=http://127.0.0.1:1/"], "purge_url needs surrogate_keys = on"),
        (["lease_ms=200"], "lease_ms (200) must exceed lease_wait_ms (200)"),
    ],
    ids=["deadline", "purges", "lease"],
)
def test_settings_that_do_not_fit_together_start_no_program(tmp_path, program, settings, told):
    options = [word for setting in settings for word in ("-o", setting)]
    ended = run(tmp_path, PROGRAMS[program], *options)
    assert ended.returncode != 0 and told in ended.stderr, ended
    assert not (tmp_path / "todos.db").exists()
