# SPDX-License-Identifier: MIT
"""Jobs in lanes: order, needs, side by side, a limit of time, and nothing left running. Each test has a runner of its own process."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

HERE = Path(__file__).resolve().parent

PROGRAM = """
import sys
from lanes import Job, Lanes
def on_end(job):
    print(job.name, job.status, flush=True)
    return job.status == 0
lanes = Lanes(int(sys.argv[1]), sys.argv[2], on_end)
def job(name, script, **options):
    return Job(name, ["bash", "-c", script], **options)
"""


@pytest.fixture
def run(tmp_path):
    """run(lanes, script) is a process that has Lanes, job() and what the script does with them."""
    processes = []

    def start(lanes, script):
        processes.append(
            subprocess.Popen(
                [sys.executable, "-c", PROGRAM + script, str(lanes), str(tmp_path)],
                env={**os.environ, "PYTHONPATH": str(HERE)}, stdout=subprocess.PIPE, text=True,
            )
        )  # fmt: skip
        return processes[-1]

    yield start
    for process in processes:
        process.kill()
        process.wait()
        process.stdout.close()


def words(process):
    return process.communicate(timeout=30)[0].split("\n")[:-1]


def running(pid):
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(") ")[2][0] != "Z"
    except FileNotFoundError:
        return False


def test_the_longest_comes_first_and_needs_are_waited_for(run):
    script = """
first = job("first", "true", seconds=5)
lanes.run([job("short", "true"), job("last", "true", seconds=100, needs=(first,)), first, job("long", "true", seconds=9)])
"""
    assert words(run(1, script)) == ["long 0", "first 0", "last 0", "short 0"]


def test_what_needs_a_failed_job_is_dropped_and_the_rest_goes_on(run):
    script = """
bad = job("bad", "exit 3", seconds=5)
lanes.run([bad, job("dropped", "true", seconds=4, needs=(bad,)), job("other", "true")])
"""
    assert words(run(1, script)) == ["bad 3", "other 0"]


def test_a_job_that_cannot_start_has_failed(run):
    script = """
lanes.run([Job("missing", ["/nonexistent/program"], seconds=5), job("other", "true")])
"""
    assert words(run(1, script)) == ["missing 127", "other 0"]


def test_jobs_run_side_by_side_but_no_more_than_there_are_lanes(run, tmp_path):
    count = f"cd {tmp_path}; touch $$.in; sleep 0.5; set -- *.in; echo $#; rm $$.in"
    script = f"""
jobs = [job(str(i), {count!r}) for i in range(5)]
lanes.run(jobs)
print(*[job.text().strip() for job in jobs])
"""
    seen = words(run(2, script))[-1].split()
    assert len(seen) == 5 and max(seen) == "2"


def test_a_job_that_takes_too_long_is_killed(run):
    assert words(run(1, 'lanes.run([job("endless", "sleep 60", seconds_max=0.3)])')) == [f"endless {-signal.SIGKILL}"]


def test_output_of_both_kinds_is_kept(run):
    script = 'both = job("both", "echo one; echo two >&2")\nlanes.run([both])\nprint(both.text().split())'
    assert words(run(1, script)) == ["both 0", "['one', 'two']"]


def test_nothing_is_left_running_at_the_end(run, tmp_path):
    """Not even a process in a session of its own whose parent has ended."""
    left = f"setsid sleep 300 </dev/null >/dev/null 2>&1 & echo $! >{tmp_path}/pid; exit 0"
    script = f'lanes.run([job("leaves", {left!r})])\nprint(open("{tmp_path}/pid").read().strip())\nlanes.stop()'
    pid = words(run(1, script))[-1]
    assert not running(pid)


def test_an_interrupted_job_may_stop_what_it_has_started(run, tmp_path):
    cleans = f"trap 'echo cleaned >{tmp_path}/word; exit 1' INT; echo $$ >{tmp_path}/pid; while :; do sleep 0.05; done"
    script = f"""
import signal
def interrupted(*_): raise SystemExit(130)
signal.signal(signal.SIGINT, interrupted)
try:
    lanes.run([job("cleans", {cleans!r})])
finally:
    lanes.stop()
"""
    process = run(1, script)
    deadline = time.monotonic() + 10
    while not (tmp_path / "pid").exists() or not (tmp_path / "pid").read_text():
        assert time.monotonic() < deadline
        time.sleep(0.02)
    process.send_signal(signal.SIGINT)
    assert process.wait(30) == 130
    assert (tmp_path / "word").read_text() == "cleaned\n"
    assert not running((tmp_path / "pid").read_text().strip())
