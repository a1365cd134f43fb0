# SPDX-License-Identifier: MIT
"""
The simulator as a test: about a minute of fresh seeds, those that once found something, and whether a seed always tells the same
story. Fresh seeds are a commit's own: the test of one commit meets the same ones wherever it runs.
"""

import os
import re
import subprocess
import time
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
SIM = Path(os.environ.get("FAULTS_BUILD_DIR", ROOT / "build-failpoints")) / "tests/sim/sim"
SCHEDULES = os.environ.get("SIM_SCHEDULES", "9000")
COMMIT = subprocess.run(["git", "-C", ROOT, "rev-parse", "HEAD"], capture_output=True, text=True).stdout.strip()


def sim(*words):
    ended = subprocess.run(
        [SIM, *words], capture_output=True, text=True, env={**os.environ, "SIM_COMMIT": COMMIT[:8] or "unknown"}, check=False
    )
    print(ended.stdout, ended.stderr)
    return ended


def hash_of(*words):
    return int(re.search(r"hash (\w+)", sim(*words).stdout)[1], 16)


def test_fresh_seeds_keep_all_promises():
    first = int(COMMIT[:12], 16) if COMMIT else int(time.time()) * 1000003
    assert sim(str(first), "--schedules", SCHEDULES).returncode == 0


def test_kept_seeds_keep_all_promises():
    assert sim("--seeds", ROOT / "tests/sim/seeds").returncode == 0


def test_a_seed_has_one_story_whatever_ran_before_it():
    together = hash_of("7000", "--schedules", "30")
    alone = 0
    for seed in range(7000, 7030):
        alone ^= hash_of(str(seed))
    assert together == alone


# Those that are missed within seconds; ./dev sim --mutants has all.
QUICK = (
    "acquire_ignore_writers",
    "publish_ignore_overlap",
    "fence_unmet",
    "joiners_take_refused",
    "run_id_unlooked",
    "generation_unlooked",
    "names_unapplied",
    "tell_unawaited",
    "bookmark_unlooked",
    "owner_unlooked",
    "settle_early",
    "slot_epoch_kept",
    "slot_keys_left",
)


@pytest.mark.parametrize("mutant", QUICK)
def test_a_rule_that_is_left_out_is_missed(mutant):
    where = ["--cluster"] if mutant.startswith("slot_") else []
    ended = sim("1", "--schedules", "40000", "--mutant", mutant, *where)
    assert ended.returncode == 1 and "breaks a rule" in ended.stdout
