# SPDX-License-Identifier: MIT
"""
What others' tools say of the API: "./dev judge" installs them and calls this.

Three stacks on SQLite are judged: plain has each setting's default, full sends every header field that a setting can turn
on, strict asks for a token, a condition and patience. A fourth has TLS. They are started as the end-to-end tests start theirs.

A table is printed, then each fault, then "N passed, N failed". What counts is a request for the judges of HTTP and for
schemathesis, a case for h2spec, and a run for the two that read the file.
"""

import argparse
import contextlib
import os
import re
import signal
import sys
import time
from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "e2e"))

import exchanges  # noqa: E402
import file_judges  # noqa: E402
import http2_judge  # noqa: E402
import http_judges  # noqa: E402
from explained import EXPLAINED  # noqa: E402
from ports import free_port  # noqa: E402
from stack import Stack  # noqa: E402

SEEDS = (1, 2, 3)
PUBLIC = ["--exclude-tag", "internal", "--phases", "examples,coverage,fuzzing,stateful"]
INTERNAL = ["--include-tag", "internal", "--phases", "examples,coverage,fuzzing"]  # they aren't linked with each other

FULL = {
    "server_timing": "on",
    "surrogate_keys": "on",
    "todo_cache_control": "max-age=0, s-maxage=60, stale-while-revalidate=30, stale-if-error=600",
    "list_cache_control": "max-age=0, s-maxage=10, stale-if-error=600",
    "todo_cdn_cache_control": "max-age=600",
    "list_cdn_cache_control": "max-age=60",
    "not_found_max_age_s": 30,
    "rate_limit_per_minute": 6000000,
    "rate_limit_burst": 100000,
}
STRICT = {"require_if_match": "on", "rate_limit_per_minute": 20, "rate_limit_burst": 20}


@dataclass
class Verdict:
    judge: str
    about: str
    count: int
    faults: list
    explained: int = 0
    seconds: float = 0.0


class Judges:
    def __init__(self, tools, folder, examples):
        self.tools, self.folder, self.examples = tools, folder, examples
        self.verdicts = []
        self.fitted = set()  # rows of EXPLAINED
        self.began_at = time.monotonic()

    def add(self, judge, about, count, faults, explained=0):
        now = time.monotonic()
        self.verdicts.append(Verdict(judge, about, count, faults, explained, now - self.began_at))
        self.began_at = now
        print(f"{judge}, {about}: {'%d faults' % len(faults) if faults else 'good'}", flush=True)

    def explains(self, finding):
        for row in EXPLAINED:
            name, pattern, _ = row
            if finding.name == name and re.search(pattern, finding.where):
                self.fitted.add(row)
                return True
        return False

    def add_answers(self, judge, about, answers):
        """answers: a list of findings for each."""
        count, faults, explained = 0, [], 0
        for findings in answers:
            left = [f"{found.where}: {found.text} ({found.name})" for found in findings if not self.explains(found)]
            explained += len(findings) - len(left)
            count += 1
            faults += left
        self.add(judge, about, count, faults, explained)

    # --- the judges ---

    def judge_file(self):
        self.add("openapi-spec-validator", "data/openapi.yaml", 1, file_judges.validate(self.tools, self.folder))
        self.add("Spectral", "data/openapi.yaml", 1, file_judges.spectral(self.tools, self.folder))

    def judge_by_schema(self, name, port, options, seed):
        count, faults = file_judges.schemathesis(self.tools, self.folder, port, options, seed, self.examples)
        self.add("schemathesis", f"{name}, seed {seed}", count, faults)

    def judge_answers(self, name, port, *conversations):
        rows = [row for conversation in conversations for row in conversation]
        self.add_answers("httplint", name, http_judges.judge_conversation(port, rows))

    def judge_urls(self, name, port, urls):
        self.add_answers("redbot", name, http_judges.judge_urls(port, urls))

    def judge_http2(self, name, port):
        if (self.tools / "bin/h2spec").exists():
            self.add_answers("h2spec", name, http2_judge.judge_http2(self.tools, self.folder, port))
        else:
            self.fitted |= {row for row in EXPLAINED if row[0] == "h2spec"}
            print("h2spec is not there: it was not asked")

    def judge_explanations(self):
        unused = [f"{name} at {pattern} was seen nowhere" for name, pattern, _ in set(EXPLAINED) - self.fitted]
        self.add("explanations", "tests/judge/explained.py", 1, unused)

    # --- the sum ---

    def print_table(self):
        print(f"\n{'judge':<24}{'of':<28}{'judged':>8}{'explained':>11}{'faults':>8}{'seconds':>9}")
        for row in self.verdicts:
            numbers = f"{row.count:>8}{row.explained:>11}{len(row.faults):>8}{row.seconds:>9.1f}"
            print(f"{row.judge:<24}{row.about:<28}{numbers}")
        print()
        for row in self.verdicts:
            for fault in row.faults:
                print(f"{row.judge}, {row.about}: {fault}")
        failed = sum(min(len(row.faults), row.count) or len(row.faults) for row in self.verdicts)
        passed = sum(max(row.count - len(row.faults), 0) for row in self.verdicts)
        print(f"{passed} passed, {failed} failed")
        return failed == 0


@contextlib.contextmanager
def running_stack(folder, name, settings=None, environment=None):
    stack = Stack(folder / name, settings=settings)
    stack.environment.update(environment or {})
    try:
        yield stack.up()
    finally:
        complaints = stack.close()
        if complaints:
            raise SystemExit("\n".join(complaints))


def judge_all(judges, folder):
    judges.judge_file()
    with running_stack(folder, "plain") as plain, running_stack(folder, "full", FULL) as full:
        for name, stack in (("plain", plain), ("full", full)):
            judges.judge_answers(name, stack.port, exchanges.TODOS, exchanges.FILES)
            judges.judge_answers(f"{name}, internal", stack.internal_port, exchanges.INTERNAL)
            judges.judge_urls(name, stack.port, exchanges.PUBLIC_URLS)
            judges.judge_urls(f"{name}, internal", stack.internal_port, exchanges.INTERNAL_URLS)
        for seed, (name, stack) in zip(SEEDS, (("plain", plain), ("full", full), ("plain", plain))):
            judges.judge_by_schema(name, stack.port, PUBLIC, seed)
        judges.judge_by_schema("plain, internal", plain.internal_port, INTERNAL, SEEDS[0])
    token = folder / "token"
    token.write_text("judge\n")
    with running_stack(folder, "strict", {**STRICT, "write_token_file": token}) as strict:
        judges.judge_answers("strict", strict.port, exchanges.STRICT)
        strict.stop("workers")
        judges.judge_answers("no worker", strict.port, exchanges.AWAY)
    tls_port = free_port()
    environment = {"TLS_LISTEN": f"127.0.0.1:{tls_port}", **http2_judge.make_certificate(folder)}
    with running_stack(folder, "tls", environment=environment):
        judges.judge_http2("TLS", tls_port)
    judges.judge_explanations()


def main():
    parser = argparse.ArgumentParser(description="Judges the API; ./dev judge calls this.")
    parser.add_argument("--tools", type=Path, required=True, help="where the judges are installed")
    parser.add_argument("--folder", type=Path, required=True, help="an empty one, for stacks and logs")
    parser.add_argument("--examples", type=int, default=50, help="of schemathesis, for each operation")
    options = parser.parse_args()
    # So that stacks are stopped whatever ends this.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    os.environ["PYTHONDONTWRITEBYTECODE"] = "1"
    judges = Judges(options.tools.resolve(), options.folder.resolve(), options.examples)
    judge_all(judges, options.folder.resolve())
    sys.exit(0 if judges.print_table() else 1)


if __name__ == "__main__":
    main()
