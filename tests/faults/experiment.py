# SPDX-License-Identifier: MIT
"""One experiment: a load on a stack, a fault that comes again and again, and what the history says of it."""

import re
import time

from clients import WEIGHTS, Load
from form import SEED
from history import check
from stack import wait_until

# What is promised while Redis is away, frozen, another one, or seen by some workers only; see doc/consistency.md.
STALE_S = 2.0
# A history without writes, or without hits, proves nothing. A load lasts longer until it has these, and its fault has bitten.
WRITES, HITS, PATIENCE_S = 40, 40, 30

# Failpoints that widen the windows in which the steps of two flights can cross.
SLOW = "write_after_fence=delay:5@0.1,write_after_commit=delay:15@0.2,group_after_commit=delay:15@0.2,fill_before=delay:15@0.2"


def said(violations):
    return f"{len(violations)} violations, for example\n" + "\n".join(str(violation) for violation in violations[:5])


class Experiment:
    def __init__(self, stack, ids, more=(), load=None, **options):
        """more: stacks of other machines, whose nginx the clients take in turn; load: another one than Load."""
        self.stack, self.ids = stack, ids
        self.load = load or Load([each.port for each in (stack, *more)], ids, seed=SEED, **options)
        self.before = stack.counters()
        self.workers_before = set(stack.worker_pids())

    def run(self, seconds, fault=None, every_s=0.3, has_bitten=lambda run: True):
        """Goes on while the fault has not bitten, or there is too little to judge: a busy machine meets fewer moments."""

        def is_over(past_s):
            return past_s >= PATIENCE_S or (past_s >= seconds and self.is_worth_it() and has_bitten(self))

        with self.load:
            begin = time.monotonic()
            while not is_over(time.monotonic() - begin):
                time.sleep(every_s)
                if fault:
                    fault(self.stack)
        assert has_bitten(self), "the fault didn't bite"
        return self

    def run_with_last_writes_under(self, fault, has_bitten):
        """Nobody writes after the fault, so that what it has left behind stays to be seen; it comes up to ten times until it has bitten."""
        with self.load:
            time.sleep(0.5)
            for _ in range(10):
                fault(self.stack)
                if has_bitten(self):
                    break
            self.load.stop_writing()
            time.sleep(STALE_S + 0.5)
        return self

    def run_until_red(self, seconds, fault=None, every_s=0.05):
        """Looks now and then, and ends as soon as there is something to be seen."""
        with self.load:
            end = time.monotonic() + seconds
            while time.monotonic() < end:
                look = time.monotonic() + 0.5
                while time.monotonic() < look:
                    time.sleep(every_s)
                    if fault:
                        fault(self.stack)
                # Of requests under way nothing is known yet, so other rules may find what will be explained.
                if any(violation.rule == "backwards" for violation in check(self.load.ops)):
                    break
        return check(self.load.ops)

    def count(self, pattern):
        """What the counters whose name fits have grown by."""
        grown = self.stack.counters().since(self.before)
        return sum(value for name, value in grown.items() if re.search(pattern, name))

    def killed_workers(self):
        return len(self.workers_before - set(self.stack.worker_pids()))

    # --- verdicts ---

    def is_worth_it(self):
        return sum(op.is_write and op.answered for op in self.load.ops) >= WRITES and self.load.hits() >= HITS

    def assert_worth_it(self):
        assert self.is_worth_it(), self.load.statuses
        return self

    def assert_clean(self, **eased):
        violations = check(self.load.ops, **eased)
        assert not violations, said(violations)
        return self

    def assert_healed(self):
        """
        All workers trust Redis again, and every entry equals the store, with the caches full. What an outbox still has to bring
        is brought by the audit's second look.
        """
        wait_until(self.is_trusted_by_all, 15, "Redis is trusted by every worker")
        for id in self.ids:
            self.stack.get(f"/todos/{id}")
        self.assert_audit_is_clean()
        for id in self.ids:
            self.stack.request("DELETE", f"/todos/{id}")
        return self

    def is_trusted_by_all(self):
        """Ten answers in a row: one of several workers gives each."""
        return all(b'"trusted"' in self.stack.internal.get("/readyz").body for _ in range(10))

    def assert_audit_is_clean(self):
        result = self.stack.ctl("audit", "--all")
        assert result.returncode == 0, result.stdout + result.stderr


def writing(share):
    """Weights of a load that writes more than most do."""
    rest = sum(weight for verb, weight in WEIGHTS.items() if verb not in ("patch", "put"))
    more = rest * share / (1 - share)
    return {**WEIGHTS, "patch": more / 2, "put": more / 2}
