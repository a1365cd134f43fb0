# SPDX-License-Identifier: MIT
"""
Which jobs a part of the tests, or a name, stands for.

unit, store, sim      a job for each cmocka program of tests/unit, tests/store and tests/sim; sim has the simulator as well
sim, runner, lint, cache, assets   a job for each folder; pytest, without a stack
fuzz                  a job for each fuzzer: its kept inputs, and FUZZ_S seconds of new ones, in the fuzzers' build
model                 one job: tests/model/run.sh
package               by name only, for it takes minutes: a job for each file; the Debian package on machines of its own
faults, e2e, browser  a job for each file that takes long, one for each dozen of the others; pytest, with stacks of their own. The
                      workers of faults are the build with failpoints, those of the other two the sanitizers' build

Files can run side by side because each has stacks, ports and folders of its own. The short ones run together because each job
starts stacks anew; but no job of them may be so long that a slow machine has no time for it (lanes.py), or ends long after the
rest. The end-to-end tests share one MongoDB, each stack with a database of its own: a server that has just started is slow at
first, and tests about time would meet that again and again.
"""

import os
import re
import subprocess
from pathlib import Path

from counting import count_junit, count_last_line, count_tap
from lanes import Job

ROOT = Path(__file__).resolve().parents[2]
TESTS = ROOT / "tests"
PARTS = ("unit", "store", "sim", "fuzz", "runner", "lint", "cache", "assets", "model", "faults", "e2e", "browser")
ASKED = ("package",)  # by name only, not among all
BY_FOLDER = ("sim", "runner", "lint", "cache", "assets")
BY_FILE = ("faults", "e2e", "browser", "package")
TOGETHER_MAX = 12  # short files in a job
FUZZ_S = 3
BUILD_S = 1000.0  # builds come before all that may run beside them

# About how long the longer jobs take, in seconds, so that these start first. ./dev test prints how long each took.
SECONDS = {
    "e2e/test_cdn": 100, "e2e/test_failover": 80, "model": 80, "faults/test_faults": 70, "browser/test_access": 65,
    "e2e/test_idempotency": 65, "e2e/test_follow": 60, "e2e/test_fastcgi": 50, "e2e/test_dev": 50,
    "e2e/test_elections": 45, "sim": 40, "e2e/test_real_set": 40, "e2e/test_life": 40, "e2e/test_todoctl": 40,
    "e2e/test_ten_thousand": 40, "e2e/test_upgrade": 40, "e2e/test_backup": 40, "faults/test_mutants": 35, "e2e/test_load": 35,
    "browser/test_page": 30, "e2e/test_limits": 30, "e2e/test_read_your_writes": 30, "e2e/test_tracing": 20, "e2e/test_conditions": 20,
    "e2e/test_freshness": 20, "lint": 15, "e2e/test_redis_errors": 15, "faults/test_store_faults": 15,
    "faults/test_queue_faults": 25, "faults/test_cluster_faults": 30, "e2e/test_cluster": 20,
    "browser/test_states": 45, "browser/test_care": 30, "browser/test_many": 30, "browser/test_watch": 25,
}  # fmt: skip


class NoSuchTest(Exception):
    pass


class Plan:
    def __init__(self, folder, build_dir, logs):
        self.folder, self.build_dir, self.logs = Path(folder), Path(build_dir), Path(logs)
        self.default = self.build("default", 0)
        # By how much waits for them: the end-to-end tests take longest.
        self.sanitized, self.mongod = self.build("sanitized", 5), self.build("mongod", 4)
        self.failpoints, self.tools, self.programs = self.build("failpoints", 3), self.build("lint-tools", 2), self.build("tests", 1)
        self.browser_tools = self.build("browser-tools", 2)
        self.simulator, self.fuzzers = self.build("sim", 2), self.build("fuzz", 2)
        self.package, self.machine = self.build("package", 2), self.build("machine", 2)
        start = ["/usr/bin/python3", "-B", TESTS / "e2e/mongod.py", "start", self.folder / "mongodb"]
        self.mongodb = Job("start MongoDB", start, needs=(self.mongod,), seconds=BUILD_S)
        self.numbers = 0

    def build(self, kind, urgency):
        return Job(f"build {kind}", [ROOT / "dev", "build", kind], seconds=BUILD_S + urgency)

    def jobs(self, words):
        tests = [job for word in words for job in (self.part(word) if word in PARTS + ASKED else self.named(word))]
        builds = {needed: None for job in tests for needed in job.needs if needed is not self.default}
        return [*builds, *tests]

    def part(self, part):
        if part in ("unit", "store", "sim"):
            programs = [program for program in self.all_programs() if program.startswith(f"tests/{part}/")]
            return [self.cmocka(program) for program in programs] + [self.pytest(TESTS / part)] * (part in BY_FOLDER)
        if part == "fuzz":
            return [self.fuzz(folder.name) for folder in sorted((TESTS / "fuzz/corpus").iterdir())]
        if part == "model":
            return [self.model()]
        if part in BY_FOLDER:
            return [self.pytest(TESTS / part)]
        files = sorted((TESTS / part).glob("test_*.py"))
        short = [file for file in files if key(file) not in SECONDS]
        return [self.pytest(file) for file in files if file not in short] + list(self.pytest_together(part, short))

    # --- by name ---

    def named(self, name):
        """
        A program (test_json_read), a test in one, a fuzzer (fuzz_json), a row of the model's table, a file of pytest's folders,
        or a test function in one; of a test's name the beginning is enough.
        """
        if name.endswith(".py"):
            jobs = [self.pytest(file) for part in (*BY_FOLDER, *BY_FILE) for file in (TESTS / part).glob(name)]
        else:
            jobs = [*self.named_programs(name), *self.named_fuzzer(name), *self.named_model(name), *self.named_files(name)]
        if not jobs:
            raise NoSuchTest(f"no test is called {name}")
        return jobs

    def named_programs(self, name):
        for program in self.all_programs():
            if Path(program).name == name:
                yield self.cmocka(program)
            elif any(defines(rf"(static )?void (?=test_){re.escape(name)}\w*\(", source) for source in sources(program)):
                yield self.cmocka(program, name)

    def named_fuzzer(self, name):
        return [self.fuzz(name.removeprefix("fuzz_"))] if (TESTS / f"fuzz/{name}.c").exists() else []

    def named_model(self, name):
        listed = subprocess.run([TESTS / "model/run.sh", "--list"], check=True, capture_output=True, text=True)
        return [self.model(name)] if name in listed.stdout.split() else []

    def named_files(self, name):
        for part in (*BY_FOLDER, *BY_FILE):
            for file in sorted((TESTS / part).glob("test_*.py")):
                if file.stem == name:
                    yield self.pytest(file)
                elif defines(rf"def (?=test_){re.escape(name)}\w*\(", file):
                    yield self.pytest(file, "-k", name)

    # --- jobs ---

    def all_programs(self):
        """The programs that "make check" would run."""
        rule = "include Makefile\nprint-tests:\n\t@echo $(TESTS)\n"
        command = ["make", "-s", "-f", "-", "print-tests"]
        made = subprocess.run(command, cwd=self.build_dir, input=rule, check=True, capture_output=True, text=True)
        return [program for program in made.stdout.split() if program.startswith(("tests/unit/", "tests/store/", "tests/sim/"))]

    def cmocka(self, program, name=""):
        is_script = program.endswith(".sh")
        return Job(
            program,
            [(ROOT if is_script else self.build_dir) / program],
            count=lambda job: count_tap(job.text(), job.status, re.escape(name)),
            needs=(self.programs, self.mongod) if is_script else (self.programs,),
            seconds=30 if is_script else 1,
            environment=lambda: {"CMOCKA_MESSAGE_OUTPUT": "TAP", "TMPDIR": str(self.folder)},
            folder=self.build_dir,
        )

    def fuzz(self, name):
        return Job(
            f"tests/fuzz/{name}",
            [TESTS / "fuzz/run.sh", ROOT / "build-fuzz", name, str(FUZZ_S)],
            count=lambda job: count_last_line(job.text(), job.status),
            needs=(self.fuzzers,),
            seconds=FUZZ_S + 1,
            environment=lambda: {"TMPDIR": str(self.folder)},
        )

    def model(self, *names):
        return Job(
            "tests/model",
            [TESTS / "model/run.sh", *names],
            count=lambda job: count_last_line(job.text(), job.status),
            seconds=SECONDS["model"],
        )

    def pytest(self, path, *options):
        return self.pytest_job(key(path), str(path.relative_to(ROOT)), SECONDS.get(key(path), 5), *options, path)

    def pytest_together(self, part, files):
        count = -(-len(files) // TOGETHER_MAX)
        for number in range(1, count + 1):
            some, which = files[number - 1 :: count], f", {number} of {count}" if count > 1 else ""
            yield self.pytest_job(f"{part}/others{number}", f"tests/{part}, {len(some)} short files{which}", 11 * len(some), *some)

    def pytest_job(self, key, name, seconds, *words):
        self.numbers += 1
        # Short names: a socket's path has at most 107 bytes.
        temporary, report = self.folder / f"t{self.numbers}", self.folder / f"t{self.numbers}.xml"
        command = ["/usr/bin/python3", "-m", "pytest", "-q", "-p", "no:cacheprovider", f"--basetemp={temporary}"]
        command += ["-o", "xfail_strict=true", f"--rootdir={TESTS}", f"--junitxml={report}", *words]
        return Job(
            name,
            command,
            count=lambda _: count_junit(report),
            needs=self.needed_by(key.partition("/")[0]),
            seconds=seconds,
            environment=lambda: self.environment(key),
        )

    def needed_by(self, part):
        special = {
            "faults": (self.failpoints, self.mongod), "e2e": (self.sanitized, self.mongod, self.mongodb),
            "browser": (self.sanitized, self.browser_tools), "sim": (self.simulator,), "package": (self.package, self.machine),
        }  # fmt: skip
        return special.get(part, (self.tools,))

    def environment(self, key):
        return {
            "BUILD_DIR": str(self.build_dir),
            "E2E_BUILD_DIR": os.environ.get("E2E_BUILD_DIR", str(ROOT / "build-asan")),
            "FAULTS_BUILD_DIR": os.environ.get("FAULTS_BUILD_DIR", str(ROOT / "build-failpoints")),
            "E2E_LOGS": str(self.logs / key.replace("/", "-")),
            "PYTHONDONTWRITEBYTECODE": "1",
            **(self.shared_mongodb() if key.startswith("e2e/") else {}),
        }

    def shared_mongodb(self):
        """Nothing where there is no server; tests that need one are then skipped."""
        found = re.search(r"^uri (.*)$", self.mongodb.text(), re.M)
        return {"MONGODB_URI": found[1]} if found else {}


def key(path):
    """The name of a file or folder of tests in SECONDS."""
    return str(path.relative_to(TESTS)).removesuffix(".py")


def sources(program):
    """The files that a program's tests are written in; run.sh runs those of its folder that have no program of their own."""
    if program.endswith(".sh"):
        return [*TESTS.glob("store/test_store*.c"), *TESTS.glob("store/test_mongo*.c")]
    return [ROOT / f"{program}.c"]


def defines(pattern, file):
    return file.exists() and re.search(rf"^{pattern}", file.read_text(encoding="utf-8"), re.M)
