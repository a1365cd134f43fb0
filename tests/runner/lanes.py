# SPDX-License-Identifier: MIT
"""
Runs jobs side by side: a job is a command with an output file, and lanes are how many run at once.

Of the jobs that may start, the one that takes longest starts first. A job may need other jobs: it starts when these have
ended well, and is dropped if one has not.

Processes that a job leaves behind become children of this process (PR_SET_CHILD_SUBREAPER), not of init. So at the end, also
after Ctrl-C, every one of them is found and killed.
"""

import ctypes
import os
import signal
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path

PR_SET_CHILD_SUBREAPER = 36
CANNOT_START_EXIT = 127  # as a shell has it
TEARDOWN_S = 30  # how long interrupted jobs may take to stop what they have started
INTERRUPTS = {signal.SIGINT, signal.SIGTERM}


@dataclass(eq=False)
class Job:
    name: str
    command: list
    count: object = None  # called with the ended job, returns a Count; None: others need it, it counts only if it fails
    needs: tuple = ()  # other jobs
    seconds: float = 1.0  # about how long it takes
    seconds_max: float = 900.0
    environment: object = dict  # called when the job starts, returns what is added to the environment
    folder: Path = None  # the working directory
    output: Path = None
    status: int = None  # exit status; negative: the signal that ended it
    took_s: float = 0.0
    process: object = None
    begun_at: float = 0.0

    def text(self):
        return self.output.read_text(errors="replace") if self.output and self.output.exists() else ""


class Lanes:
    def __init__(self, lanes, folder, on_end):
        """Outputs go to folder; on_end(job) is called for each job that has ended, and returns whether it went well."""
        self.lanes, self.folder, self.on_end = lanes, Path(folder), on_end
        self.running, self.good, self.number = {}, set(), 0
        ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1)

    def run(self, jobs):
        waiting = sorted(jobs, key=lambda job: -job.seconds)
        while waiting or self.running:
            if not self.start_some(waiting) and not self.running:
                break  # what waits needs a job that went wrong
            if self.running:
                self.look()

    def start_some(self, waiting):
        """Fills the lanes with jobs that may start; returns whether there was one."""
        ready = [job for job in waiting if all(needed in self.good for needed in job.needs)]
        started = ready[: self.lanes - len(self.running)]
        for job in started:
            waiting.remove(job)
            self.start(job)
        return bool(started)

    def start(self, job):
        """An interrupt waits until the job is known, so that stop() can tell it."""
        signal.pthread_sigmask(signal.SIG_BLOCK, INTERRUPTS)
        try:
            self.start_known(job)
        finally:
            signal.pthread_sigmask(signal.SIG_UNBLOCK, INTERRUPTS)

    def start_known(self, job):
        self.number += 1
        job.output = self.folder / f"{self.number}.out"
        job.begun_at = time.monotonic()
        try:
            with open(job.output, "wb") as output:
                job.process = subprocess.Popen(
                    job.command, cwd=job.folder, env={**os.environ, **job.environment()}, stdin=subprocess.DEVNULL, stdout=output,
                    stderr=subprocess.STDOUT, start_new_session=True,
                    preexec_fn=lambda: signal.pthread_sigmask(signal.SIG_UNBLOCK, INTERRUPTS),
                )  # fmt: skip
        except OSError as error:
            job.output.write_text(f"{error}\n")
            job.status = CANNOT_START_EXIT
            self.on_end(job)
            return
        self.running[job.process.pid] = job

    def look(self):
        """Waits a moment for children that have ended; jobs that take too long are killed."""
        while True:
            ended = os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)
            if ended is None:
                break
            job = self.running.pop(ended.si_pid, None)
            if job is None:
                os.waitpid(ended.si_pid, 0)  # left behind by a job
                continue
            self.end(job)
            if not self.running:
                return
        for job in self.running.values():
            if time.monotonic() - job.begun_at > job.seconds_max:
                os.killpg(job.process.pid, signal.SIGKILL)
        time.sleep(0.05)

    def end(self, job):
        job.status = job.process.wait()
        job.took_s = time.monotonic() - job.begun_at
        if self.on_end(job):
            self.good.add(job)

    def stop(self):
        """Interrupts the jobs, waits for them to stop what they have started, and kills what remains."""
        for pid in self.running:
            os.killpg(pid, signal.SIGINT)
        deadline = time.monotonic() + TEARDOWN_S
        for job in self.running.values():
            try:
                job.process.wait(max(0, deadline - time.monotonic()))
            except subprocess.TimeoutExpired:
                os.killpg(job.process.pid, signal.SIGKILL)
                job.process.wait()
        self.running.clear()
        kill_children()


def kill_children():
    """Kills the children of this process, and theirs, which become ours, until there are none."""
    ours = Path(f"/proc/self/task/{os.getpid()}/children")
    while True:
        for pid in ours.read_text().split():
            os.kill(int(pid), signal.SIGKILL)
        try:
            os.waitpid(-1, 0)
        except ChildProcessError:
            return
