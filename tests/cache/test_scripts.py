# SPDX-License-Identifier: MIT
"""The protocol's scripts on a real Redis: each against the contract at its top, and with Redis full, slow or forgetful."""

import re
import subprocess
import time

import pytest
from scripts import (
    BEAT,
    DAY_MS,
    ENTRY,
    GENERATION,
    GENERATION_MS,
    LEASE,
    LEASE_MS,
    LIST,
    LIST_WRITERS,
    OTHER,
    PAGE,
    PAGES,
    PAGES_MAX,
    Refused,
    SCRIPTS,
    SRC,
    TODO,
    TTL_MS,
    WATERMARK,
    WRITERS,
    acquire,
    clear,
    fence,
    fill,
    invalidate,
    list_acquire,
    list_fence,
    list_fill,
    list_unfence,
    now_ms,
    unfence,
)

# ---- acquire, fill, release ----


def test_one_reader_gets_the_lease_others_wait(redis):
    assert acquire(redis, "r1") == "FILL"
    assert acquire(redis, "r2") == "WAIT"
    assert acquire(redis, "r1") == "WAIT"
    assert redis("GET", LEASE) == "r1"
    assert 0 < redis("PTTL", LEASE) <= LEASE_MS


def test_a_lease_runs_out(redis):
    assert acquire(redis, "r1", lease_ms=30) == "FILL"
    time.sleep(0.05)
    assert acquire(redis, "r2") == "FILL"
    assert fill(redis, "r1") == 0
    assert fill(redis, "r2") == 1


def test_what_never_ends_is_no_lease(redis):
    for command in (["SET", LEASE, "x"], ["RPUSH", LEASE, "x"]):
        redis("DEL", LEASE)
        redis(*command)
        assert acquire(redis, "r1") == "FILL"
        assert acquire(redis, "r2") == "WAIT"
        assert redis("GET", LEASE) == "r1" and 0 < redis("PTTL", LEASE) <= LEASE_MS


def test_a_fill_puts_the_entry_in_and_drops_the_lease(redis):
    acquire(redis)
    assert fill(redis, "reader", "v", "7", "name", "two\nlines\0") == 1
    assert redis.hash(ENTRY) == {"v": "7", "name": "two\nlines\0"}
    assert TTL_MS - 1000 < redis("PTTL", ENTRY) <= TTL_MS
    assert redis("EXISTS", LEASE) == 0


def test_who_acquires_after_a_fill_gets_the_entry(redis):
    acquire(redis)
    fill(redis)
    assert acquire(redis, "r2") == ["v", "1", "name", "x", "at", "1000"]
    assert redis("EXISTS", LEASE) == 0


def test_who_wants_a_newer_entry_gets_the_lease_and_takes_its_place(redis):
    acquire(redis)
    fill(redis)
    assert acquire(redis, "r2", after_ms=999) == ["v", "1", "name", "x", "at", "1000"]
    assert acquire(redis, "r2", after_ms=1000) == "FILL"
    assert redis.hash(ENTRY)["v"] == "1"  # answered until the refresh is there
    assert fill(redis, "r2", "none", "1", "at", "2000") == 1
    assert redis.hash(ENTRY) == {"none": "1", "at": "2000"}


def test_a_refresh_does_not_survive_a_fence(redis):
    acquire(redis)
    fill(redis)
    acquire(redis, "r2", after_ms=1000)
    fence(redis)
    unfence(redis)
    assert fill(redis, "r2", "v", "1", "at", "2000") == 0 and redis("EXISTS", ENTRY) == 0


# ---- publish ----


def publish(redis, token="writer", v="2"):
    return redis.run("publish", TODO, token, TTL_MS, "v", v, "at", "3000")


def test_a_lone_write_leaves_its_entry(redis):
    fence(redis)
    assert publish(redis) == 1
    assert redis.hash(ENTRY) == {"v": "2", "at": "3000"} and 0 < redis("PTTL", ENTRY) <= TTL_MS
    assert redis("EXISTS", WRITERS, LEASE) == 0


@pytest.mark.parametrize("order", ["first in, first out", "first in, last out"])
def test_writes_that_overlap_leave_no_entry(redis, order):
    fence(redis, "w0")
    fence(redis, "w1")
    out = ["w0", "w1"] if order == "first in, first out" else ["w1", "w0"]
    assert [publish(redis, token) for token in out] == [0, 0]
    assert redis("EXISTS", ENTRY, WRITERS) == 0


def test_a_lost_mark_is_an_overlap_for_those_who_are_there(redis):
    """Mutant 4 of the design: W0's mark is evicted, W1 fences, W0 ends, W1 publishes what W0 made old."""
    fence(redis, "w0")
    redis("DEL", WRITERS)
    fence(redis, "w1")
    assert unfence(redis, "w0") == 1
    assert publish(redis, "w1") == 0 and redis("EXISTS", ENTRY) == 0
    fence(redis, "w2")
    assert publish(redis, "w2") == 1  # the overlap went with the last of them


def test_who_lost_its_mark_publishes_nothing(redis):
    fence(redis)
    redis("DEL", WRITERS)
    assert publish(redis) == -1 and redis("EXISTS", ENTRY) == 0


def test_an_overlap_outlives_the_one_who_saw_it(redis):
    """Mutant 2 of the design: W0 fences, W1 fences, commits and ends, W0 must not publish what it wrote before."""
    fence(redis, "w0")
    fence(redis, "w1")
    unfence(redis, "w1")
    assert publish(redis, "w0") == 0 and redis("EXISTS", ENTRY) == 0


@pytest.mark.parametrize("lose", ["none", "other", "evicted"])
def test_without_the_lease_nothing_is_filled(redis, lose):
    if lose != "none":
        acquire(redis, "other" if lose == "other" else "reader")
    if lose == "evicted":
        redis("DEL", LEASE)
    assert fill(redis) == 0
    assert redis("EXISTS", ENTRY) == 0


def test_release_gives_back_ones_own_lease_only(redis):
    acquire(redis, "r1")
    assert redis.run("release", [LEASE], "r2") == 0
    assert redis("GET", LEASE) == "r1"
    assert redis.run("release", [LEASE], "r1") == 1
    assert acquire(redis, "r2") == "FILL"


# ---- fence, unfence ----


def test_a_fence_takes_entry_and_lease_and_lets_nobody_fill(redis):
    acquire(redis)
    fill(redis)
    redis("SET", LEASE, "late")
    assert fence(redis) == 1
    assert redis("EXISTS", ENTRY, LEASE) == 0
    assert acquire(redis) == "BYPASS"
    assert fill(redis, "late") == 0
    assert unfence(redis) == 0
    assert redis("EXISTS", *TODO) == 0
    assert acquire(redis) == "FILL"


def test_a_fill_from_before_the_fence_is_refused_after_the_unfence_too(redis):
    acquire(redis)
    fence(redis)
    unfence(redis)
    assert fill(redis) == 0
    assert acquire(redis, "r2") == "FILL"
    assert fill(redis) == 0


# ---- invalidate ----


ENTRY_OF_2 = ("v", "2", "updated_at", "1700000000000", "life", "6000000000000000", "at", "3000")


@pytest.mark.parametrize(
    "left, stays",
    [
        ("2 1700000000000", True),
        ("2 1700000000000 6000000000000000", True),
        ("2 1700000000000 6000000000000001", False),
        ("2 1700000000001", False),
        ("3 1700000000000", False),
        ("1 1700000000000", False),
        ("none", False),
        ("", False),
    ],
)
def test_an_entry_stays_only_if_it_is_what_the_change_left(redis, left, stays):
    acquire(redis)
    fill(redis, "reader", *ENTRY_OF_2)
    acquire(redis, "refresher", after_ms=3000)
    assert invalidate(redis, left) == stays
    assert redis("EXISTS", ENTRY) == stays and redis("EXISTS", LEASE, WRITERS) == 0


def test_an_entry_of_nothing_stays_only_after_a_deletion(redis):
    for left, stays in [("none", True), ("", False), ("1 1700000000000", False)]:
        acquire(redis)
        fill(redis, "reader", "none", "1", "at", "3000")
        assert invalidate(redis, left) == stays and redis("EXISTS", ENTRY) == stays
        redis("DEL", ENTRY)


def test_who_read_before_the_change_does_not_fill_after_it(redis):
    acquire(redis)
    assert invalidate(redis, "2 1700000000000") == 0
    assert fill(redis) == 0 and redis("EXISTS", ENTRY) == 0


def test_changes_of_one_id_are_taken_in_their_order(redis):
    acquire(redis)
    fill(redis, "reader", *ENTRY_OF_2)
    assert invalidate(redis, ["1 1600000000000", "2 1700000000000", "none"], [*TODO, *TODO, *OTHER]) == 0


def test_a_writer_who_was_there_at_the_change_publishes_nothing(redis):
    fence(redis)
    assert invalidate(redis, "2 1700000000000") == 0
    assert publish(redis) == 0 and redis("EXISTS", *TODO) == 0
    fence(redis)
    assert publish(redis) == 1


def test_a_mark_past_its_deadline_is_a_writer_at_a_change(redis):
    fence(redis, window_ms=20)
    time.sleep(0.04)
    assert invalidate(redis, "") == 0 and redis("ZRANGE", WRITERS, 0, -1) == ["!", "writer"]


def test_a_change_takes_away_what_is_of_another_type(redis):
    redis("SET", ENTRY, "text")
    assert invalidate(redis, "2 1700000000000") == 0 and redis("EXISTS", ENTRY) == 0


def test_readers_pass_by_until_the_last_writer_is_done(redis):
    fence(redis, "w1")
    fence(redis, "w2")
    assert unfence(redis, "w1") == 0
    assert acquire(redis) == "BYPASS"
    assert unfence(redis, "w2") == 0
    assert acquire(redis) == "FILL"


def test_a_mark_runs_out_by_redis_own_time(redis):
    fence(redis, "w1")
    assert acquire(redis) == "BYPASS"
    unfence(redis, "w1")
    fence(redis, "w1", window_ms=20)
    time.sleep(0.03)
    before_ms = now_ms(redis)
    doubt, at_ms = acquire(redis).split()
    assert doubt == "DOUBT" and before_ms <= int(at_ms) <= now_ms(redis)
    assert redis("EXISTS", LEASE) == 0 and redis("ZRANGE", WRITERS, 0, -1) == ["w1"]


def test_clear_removes_what_was_past_its_deadline_at_the_doubt(redis):
    fence(redis, "w1", window_ms=30)
    time.sleep(0.05)
    at_ms = acquire(redis).split()[1]
    redis("HSET", ENTRY, "v", "1")
    redis("SET", LEASE, "reader")
    assert clear(redis, int(at_ms) - 1000) == 0 and acquire(redis).startswith("DOUBT")
    redis("SET", LEASE, "reader")
    assert clear(redis, at_ms) == 1
    assert redis("EXISTS", *TODO) == 0
    assert acquire(redis) == "FILL"


def test_clear_leaves_marks_that_came_later(redis):
    fence(redis, "w1", window_ms=30)
    time.sleep(0.05)
    at_ms = acquire(redis).split()[1]
    fence(redis, "w2")
    assert clear(redis, at_ms) == 1
    assert sorted(redis("ZRANGE", WRITERS, 0, -1)) == ["!", "w2"] and acquire(redis) == "BYPASS"
    unfence(redis, "w2")
    assert redis("EXISTS", WRITERS) == 0


def test_clear_takes_the_overlap_along_with_the_last_mark(redis):
    fence(redis, "w1", window_ms=30)
    fence(redis, "w2", window_ms=30)
    time.sleep(0.05)
    assert clear(redis, acquire(redis).split()[1]) >= 2
    assert redis("EXISTS", WRITERS) == 0


def assert_marks_live_a_day(redis, before_ms):
    """From their last fence, which was not before that; however slow the machine is."""
    assert before_ms + DAY_MS <= redis("PEXPIRETIME", WRITERS) <= now_ms(redis) + DAY_MS


def test_a_mark_that_ran_out_does_not_hide_one_that_has_not(redis):
    fence(redis, "short", window_ms=30)
    fence(redis, "long", window_ms=5000)
    time.sleep(0.05)
    assert acquire(redis) == "BYPASS"
    before_ms = now_ms(redis)
    fence(redis, "third", window_ms=30)
    assert sorted(redis("ZRANGE", WRITERS, 0, -1)) == ["!", "long", "short", "third"]
    assert_marks_live_a_day(redis, before_ms)


def test_fencing_again_moves_the_deadline_only(redis):
    fence(redis, "w", window_ms=50)
    fence(redis, "w", window_ms=5000)
    assert redis("ZCARD", WRITERS) == 1
    time.sleep(0.07)
    assert acquire(redis) == "BYPASS"


def test_no_set_of_marks_stays_for_ever(redis):
    before_ms = now_ms(redis)
    fence(redis, window_ms=100)
    assert_marks_live_a_day(redis, before_ms)


def test_an_unfence_whose_mark_was_lost_says_so_and_deletes_all_the_same(redis):
    fence(redis)
    redis("DEL", WRITERS)
    assert acquire(redis, "r1") == "FILL"
    assert fill(redis, "r1") == 1
    redis("SET", LEASE, "r2")
    assert unfence(redis) == 1
    assert redis("EXISTS", ENTRY, LEASE) == 0


def test_after_flushall_nothing_older_is_left_at_the_unfence(redis):
    fence(redis)
    redis("FLUSHALL")
    acquire(redis)
    fill(redis)
    assert unfence(redis) == 1
    assert redis("EXISTS", ENTRY) == 0


def test_a_batch_of_ids_is_fenced_by_one_call(redis):
    acquire(redis)
    assert fence(redis, keys=TODO + OTHER) == 2
    redis("DEL", OTHER[2])
    assert unfence(redis, keys=TODO + OTHER) == 1
    assert redis("DBSIZE") == 0


def test_a_batch_may_be_as_large_as_the_loaders(redis):
    keys = [f"todo:1:{{{i}}}{part}" for i in range(1000) for part in ("", ":lease", ":writers")]
    assert fence(redis, keys=keys) == 1000
    assert unfence(redis, keys=keys) == 0
    assert redis("DBSIZE") == 0


def test_of_a_batch_each_id_has_its_own_overlap(redis):
    """Other writers are looked at only if there are any; then at each id by itself."""
    fence(redis, "w0")
    fence(redis, "batch", keys=OTHER + TODO)
    assert set(redis("ZRANGE", WRITERS, 0, -1)) == {"!", "batch", "w0"} and redis("ZRANGE", OTHER[2], 0, -1) == ["batch"]
    redis("ZREM", WRITERS, "batch", "!")
    assert unfence(redis, "batch", keys=OTHER + TODO) == 1
    assert set(redis("ZRANGE", WRITERS, 0, -1)) == {"!", "w0"} and redis("EXISTS", OTHER[2]) == 0
    assert publish(redis, "w0") == 0


# ---- Lists ----


def test_the_first_reader_of_a_list_makes_its_generation(redis):
    assert list_acquire(redis, "g0") == "g0"
    assert list_acquire(redis, "other") == "g0"
    assert GENERATION_MS - 1000 < redis("PTTL", GENERATION) <= GENERATION_MS


def test_reading_keeps_a_generation_alive(redis):
    list_acquire(redis)
    redis("PEXPIRE", GENERATION, 1000)
    list_acquire(redis)
    assert redis("PTTL", GENERATION) > 1000


def test_a_page_is_filled_under_its_generation(redis):
    list_acquire(redis)
    assert list_fill(redis, "g0") == 1
    assert redis.hash(PAGE) == {"body": "[]", "gen": "g0"}
    assert TTL_MS - 1000 < redis("PTTL", PAGE) <= TTL_MS


# ---- foreign keys ----


def test_only_keys_of_another_type_than_their_names_say_are_discarded(redis):
    keys = [*TODO, *LIST, WATERMARK, PAGE, PAGES, BEAT]
    acquire(redis)
    fill(redis)
    acquire(redis, after_ms=9000)  # a lease beside the entry
    fence(redis, keys=OTHER)
    list_acquire(redis)
    list_fill(redis, "g0")
    redis("SET", WATERMARK, "w")
    redis("SET", BEAT, "1")
    redis("ZADD", LIST_WRITERS, 1, "w")
    before = {key: redis("TYPE", key) for key in (*keys, *OTHER)}
    assert {before[key] for key in (ENTRY, PAGE)} == {"hash"} and before[LEASE] == before[BEAT] == "string"
    assert redis.run("discard", [*keys, *OTHER], "whatever", "1") == []
    assert {key: redis("TYPE", key) for key in before} == before
    for key in (*keys, OTHER[2]):
        redis("DEL", key)
        redis("RPUSH", key, "x")
    assert redis.run("discard", [*keys, *OTHER]) == [*keys, OTHER[2]]
    assert {redis("TYPE", key) for key in keys} == {"none"}


def test_only_so_many_pages_are_kept_the_last_that_were_filled(redis):
    list_acquire(redis)
    pages = [f"todos:1:{{list}}:{number:016x}" for number in range(9)]
    for page in (*pages[:5], pages[3], pages[5], pages[3], *pages[6:]):
        assert list_fill(redis, "g0", page) == 1
        time.sleep(0.002)  # one after the other on Redis' clock, too
        assert len(redis("KEYS", "todos:1:{list}:0*")) <= PAGES_MAX
    kept = [page for page in pages if redis("EXISTS", page)]
    assert kept == pages[6:] and sorted(redis("ZRANGE", PAGES, 0, -1)) == kept
    assert redis("PTTL", PAGES) > TTL_MS, "the names outlive each page"


def test_a_page_of_another_generation_is_refused(redis):
    list_acquire(redis)
    assert list_fill(redis, "g9") == 0
    redis("DEL", GENERATION)
    assert list_fill(redis, "g0") == 0
    assert redis("EXISTS", PAGE) == 0


def test_a_write_removes_the_generation_twice_and_lets_nobody_fill(redis):
    list_acquire(redis)
    assert list_fence(redis) == 0
    assert redis("EXISTS", GENERATION) == 0
    assert list_acquire(redis) == "BYPASS"
    assert list_fill(redis, "g0") == 0
    redis("SET", GENERATION, "g1")
    assert list_unfence(redis) == 0
    assert redis("EXISTS", GENERATION) == 0
    assert list_fill(redis, "g1") == 0
    assert list_acquire(redis, "g2") == "g2"
    assert list_fill(redis, "g2") == 1


def test_a_list_is_passed_by_until_the_last_writer_is_done(redis):
    list_fence(redis, "w1")
    list_fence(redis, "w2")
    list_unfence(redis, "w1")
    assert list_acquire(redis) == "BYPASS"
    redis("SET", GENERATION, "g1")
    assert list_fill(redis, "g1") == 0
    list_unfence(redis, "w2")
    assert list_acquire(redis) == "g0"


def test_a_lists_mark_runs_out(redis):
    list_fence(redis)
    assert list_acquire(redis) == "BYPASS"
    list_unfence(redis)
    list_fence(redis, window_ms=20)
    time.sleep(0.03)
    doubt, at_ms = list_acquire(redis).split()
    assert doubt == "DOUBT" and abs(int(at_ms) - now_ms(redis)) < 1000
    assert redis.run("list_clear", LIST, int(at_ms) - 1000) == 0 and list_acquire(redis).startswith("DOUBT")
    assert redis.run("list_clear", LIST, at_ms) == 1 and redis("EXISTS", *LIST) == 0
    assert list_acquire(redis) == "g0"
    redis("DEL", LIST_WRITERS)
    list_unfence(redis)
    assert redis("EXISTS", GENERATION) == 0


# ---- A full Redis ----


def test_a_full_redis_takes_a_whole_write(redis, full):
    acquire(redis, "r1")
    fill(redis, "r1")
    redis("SET", LEASE, "r2")
    list_acquire(redis)
    full()
    assert fence(redis) == 1
    assert list_fence(redis) == 0
    assert redis("EXISTS", ENTRY, LEASE) == 0
    assert redis("ZCARD", WRITERS) == 1
    assert redis("EXISTS", GENERATION) == 0
    assert acquire(redis) == "BYPASS"
    assert unfence(redis) == 0
    assert list_unfence(redis) == 0
    assert redis("EXISTS", WRITERS, LIST_WRITERS) == 0


def test_a_full_redis_takes_a_change_of_others(redis, full):
    acquire(redis)
    fill(redis)
    fence(redis)
    redis("HSET", ENTRY, "v", "1")
    full()
    assert invalidate(redis, "2 1700000000000") == 0
    assert redis("EXISTS", ENTRY) == 0 and "!" in redis("ZRANGE", WRITERS, 0, -1)


def test_a_full_redis_takes_a_write_of_what_it_never_had(redis, full):
    full()
    assert fence(redis, keys=TODO + OTHER) == 2
    assert list_fence(redis) == 0
    assert unfence(redis, keys=TODO + OTHER) == 0
    assert list_unfence(redis) == 0


def test_a_full_redis_refuses_entries_pages_and_leases(redis, full):
    acquire(redis)
    list_acquire(redis)
    full()
    for offer in (lambda: fill(redis), lambda: list_fill(redis, "g0"), lambda: acquire(redis, keys=OTHER)):
        with pytest.raises(Refused, match="OOM"):
            offer()
    assert redis("EXISTS", ENTRY, PAGE, *OTHER) == 0
    assert redis.run("release", [LEASE], "reader") == 1


# ---- Calling them ----


def test_evalsha_finds_a_script_once_it_was_sent_whole(redis):
    text = SCRIPTS["release"].read_bytes()
    sha = embedded()["RELEASE"][0]
    with pytest.raises(Refused, match="^NOSCRIPT"):
        redis("EVALSHA", sha, 1, LEASE, "t")
    redis("EVAL", text, 1, LEASE, "t")
    assert redis("EVALSHA", sha, 1, LEASE, "t") == 0


def embedded():
    """What embed.sh makes of the scripts: {NAME: (sha, text)}."""
    names = [path.relative_to(SRC) for path in SCRIPTS.values()]
    command = ["sh", SRC / "redis" / "embed.sh", "SCRIPTS", SRC, *names]
    header = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    rows = {}
    for name, sha, literals in re.findall(r'X\((\w+), "(\w+)", (.*)\) \\', header):
        strings = re.findall(r'"((?:[^"\\]|\\.)*)"', literals)
        rows[name] = sha, re.sub(r"\\(.)", lambda match: {"n": "\n"}.get(match[1], match[1]), "".join(strings))
    return rows


def test_what_is_embedded_is_what_redis_hashes(redis):
    rows = embedded()
    assert len(rows) == len(SCRIPTS) >= 9
    for name, (sha, text) in rows.items():
        assert text == SCRIPTS[name.lower()].read_text()
        assert redis("SCRIPT", "LOAD", text) == sha


@pytest.mark.parametrize("path", SCRIPTS.values(), ids=SCRIPTS.keys())
def test_scripts_are_classic_ones_with_their_contract_on_top(path):
    lines = path.read_text().splitlines()
    assert not lines[0].startswith("#!"), "a full Redis refuses scripts with a shebang as a whole"
    head = "\n".join(line for line in lines if line.startswith("--"))
    for word in ("KEYS", "ARGV", "answer"):
        assert f"-- {word} " in head
