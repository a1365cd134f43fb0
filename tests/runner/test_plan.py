# SPDX-License-Identifier: MIT
"""What a part or a name stands for, and that all parts together leave no test out. No job is run."""

from pathlib import Path

import pytest
from plan import ASKED, BY_FILE, BY_FOLDER, PARTS, SECONDS, TESTS, NoSuchTest, Plan

PROGRAMS = ["tests/unit/test_json_read", "tests/unit/test_todo", "tests/store/test_pool", "tests/store/run.sh"]


@pytest.fixture
def plan(tmp_path, monkeypatch):
    monkeypatch.setattr(Plan, "all_programs", lambda self: PROGRAMS)
    return Plan(tmp_path, tmp_path / "build", tmp_path / "logs")


def words(plan, *names):
    """Of each job that is no build, the words that say what is run."""
    return [[str(word).removeprefix(f"{TESTS}/") for word in job.command] for job in plan.jobs(names) if job.count]


def files(plan, *names):
    return [word for command in words(plan, *names) for word in command if word.endswith(".py")]


def test_all_parts_together_leave_no_test_out(plan):
    run = [word for command in words(plan, *PARTS, *ASKED) for word in command]
    assert [program for program in PROGRAMS if not any(word.endswith(program.removeprefix("tests/")) for word in run)] == []
    wanted = [str(file.relative_to(TESTS)) for file in TESTS.glob("*/test_*.py")]
    covered = [name for name in wanted if name in run or Path(name).parent.name in run]
    assert len(wanted) > 50 and covered == wanted
    assert "model/run.sh" in run
    fuzzers = sorted(file.stem.removeprefix("fuzz_") for file in TESTS.glob("fuzz/fuzz_*.c"))
    assert len(fuzzers) > 5 and [name for name in fuzzers if ["fuzz/run.sh", name] not in [c[::2][:2] for c in words(plan, "fuzz")]] == []


def test_no_file_is_run_twice(plan):
    run = files(plan, *PARTS, *ASKED)
    assert len(run) == len(set(run)) > 30


def test_short_files_run_together_but_not_too_many(plan):
    counts = [sum(word.endswith(".py") for word in command) for command in words(plan, "e2e")]
    assert 1 in counts and 8 < max(counts) <= 12 and sum(counts) == len(list(TESTS.glob("e2e/test_*.py")))


def test_known_durations_are_of_what_there_is():
    missing = [name for name in SECONDS if not (TESTS / name).exists() and not (TESTS / f"{name}.py").exists()]
    assert missing == []


def test_builds_come_with_what_needs_them(plan):
    def builds(*names):
        return {job.name for job in plan.jobs(names) if not job.count}

    assert builds("unit") == builds("test_json_read") == {"build tests"}
    assert builds("store") == {"build tests", "build mongod"}
    assert builds("faults") == {"build failpoints", "build mongod"}
    assert builds("e2e") == {"build sanitized", "build mongod", "start MongoDB"}
    assert builds("fuzz") == builds("fuzz_json") == {"build fuzz"}
    assert builds("model") == set()
    assert builds("package") == {"build package", "build machine"}


def test_a_name_is_a_program_a_file_a_row_or_a_function(plan):
    assert [job.name for job in plan.jobs(["test_json_read"]) if job.count] == ["tests/unit/test_json_read"]
    assert files(plan, "test_write.py") == ["e2e/test_write.py"]
    assert words(plan, "epoch")[0][-2:] == ["model/run.sh", "epoch"] and len(words(plan, "epoch")) == 1
    command = words(plan, "test_help_names_every_comm")[0]
    assert command[-3:] == ["-k", "test_help_names_every_comm", "e2e/test_dev.py"]


def test_end_to_end_tests_share_a_mongodb_and_fault_tests_do_not(plan, tmp_path):
    e2e, faults = (next(job for job in plan.jobs([name]) if job.count) for name in ("test_write.py", "test_faults.py"))
    assert "MONGODB_URI" not in e2e.environment()
    plan.mongodb.output = tmp_path / "out"
    plan.mongodb.output.write_text("uri mongodb://127.0.0.1:1/todos\nserver mongod 6.0.5\n")
    assert e2e.environment()["MONGODB_URI"] == "mongodb://127.0.0.1:1/todos"
    assert "MONGODB_URI" not in faults.environment()


def test_a_name_that_is_nowhere_is_told(plan):
    with pytest.raises(NoSuchTest, match="test_nowhere"):
        plan.jobs(["test_nowhere"])


def test_each_folder_of_pytest_files_is_a_part():
    assert {file.parent.name for file in TESTS.glob("*/test_*.py")} == {*BY_FOLDER, *BY_FILE}
