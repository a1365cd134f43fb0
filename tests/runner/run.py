# SPDX-License-Identifier: MIT
"""
Runs the tests and prints their sum: run.py [PART | NAME]..., all parts by default. "./dev test" calls it.

A line is printed for each job, with the output of what failed. The last line is "N passed, N failed", and ", N skipped" if any
were; with CI=true a skip counts as a failure. The output and the logs of what failed are kept in build/test-logs. All else is
written into one temporary folder, which is gone afterwards, as are the processes that tests left behind.

LANES says how many jobs run at once. Most end-to-end tests wait rather than compute, so the default is one more than the cores:
the cores stay busy, and tests about time still meet a machine that answers soon.
"""

import os
import shutil
import signal
import sys
import tempfile
from pathlib import Path

from counting import FAILURE, SKIPPED_EXIT, Count, is_good, settled
from lanes import Lanes
from plan import PARTS, ROOT, NoSuchTest, Plan

LOGS = ROOT / "build/test-logs"
LANES_MAX = 8


class Run:
    def __init__(self, folder):
        self.folder = Path(folder)
        self.sum = Count()
        self.plan = Plan(folder, os.environ.get("BUILD_DIR") or ROOT / "build", LOGS)
        lanes = int(os.environ.get("LANES") or min(len(os.sched_getaffinity(0)) + 1, LANES_MAX))
        self.lanes = Lanes(lanes, folder, self.on_end)

    def run(self, words):
        # Alone, before all else: this makes configure, and the makefile that tells which tests there are.
        self.lanes.run([self.plan.default])
        if self.plan.default in self.lanes.good:
            self.lanes.run(self.plan.jobs(words))

    def on_end(self, job):
        """Counts and prints; returns whether the job went well."""
        if job.count is None:
            # A server that is nowhere to be had is no failure of its own: its tests are skipped.
            count = Count() if job.status in (0, SKIPPED_EXIT) else FAILURE
            print(f"{job.name:<42} {'failed' if job.status else 'done':<24} {job.took_s:6.1f} s", flush=True)
        else:
            count = job.count(job)
            print(f"{job.name:<42} {str(count):<24} {job.took_s:6.1f} s", flush=True)
        self.sum += count
        if count.failed:
            print(job.text(), flush=True)
            LOGS.mkdir(parents=True, exist_ok=True)
            shutil.copy(job.output, LOGS / (job.name.replace("/", "-").replace(" ", "-") + ".log"))
        return not count.failed


def interrupted(number, _):
    raise SystemExit(128 + number)


def main(words):
    # Set here also because they may have been inherited as ignored; then the jobs would ignore them as well.
    signal.signal(signal.SIGINT, interrupted)
    signal.signal(signal.SIGTERM, interrupted)
    shutil.rmtree(LOGS, ignore_errors=True)
    folder = tempfile.mkdtemp(prefix="todo-test.")
    run = Run(folder)
    try:
        run.run(words or PARTS)
    finally:
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        run.lanes.stop()
        shutil.rmtree(folder, ignore_errors=True)
    skips_fail = os.environ.get("CI") == "true"
    if skips_fail and run.sum.skipped:
        print("CI=true: skipped tests count as failed")
    if LOGS.exists():
        print(f"logs of what failed: {LOGS}")
    result = settled(run.sum, skips_fail)
    print(result)
    return 0 if is_good(result) else 1


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1:]))
    except NoSuchTest as error:
        sys.exit(f"dev: {error}")
