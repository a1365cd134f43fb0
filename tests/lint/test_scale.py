# SPDX-License-Identifier: MIT
"""The calculation behind doc/scale.md (tests/bench/scale.py), and whether the document has its tables."""

import math
from dataclasses import replace

import pytest
import scale
from scale import BASE, L1, Plan
from source import ROOT

FEW_DRAWS = 6000


@pytest.mark.parametrize(
    ("key", "slot"),
    [
        (b"123456789", 12739),
        (b"foo", 12182),
        (b"hello", 866),
        (b"", 0),
        (b"todo:7:{foo}:lease", 12182),
        (b"{foo}{hello}", 12182),
        (b"x{}{foo}", 9729),  # braces that hold nothing, or never end, are text
        (b"{foo", 13308),
    ],
)
def test_slots_are_those_of_redis(key, slot):
    assert scale.slot_of(key) == slot


@pytest.mark.parametrize("exponent", [0.8, 1.0, 1.2])
def test_shares_of_all_ranks_make_one(exponent):
    ranks = scale.Ranks(1_000_000, exponent)
    assert sum(count for count, _ in ranks.bands()) == pytest.approx(1_000_000, rel=1e-6)
    assert sum(count * share for count, share in ranks.bands()) == pytest.approx(1)
    exact = [rank**-exponent for rank in range(1, 1_000_001)]
    assert ranks.share(1) == pytest.approx(1 / sum(exact), rel=1e-4)
    for chance in (0.0, 0.3, 0.9, 1.0):
        rank = ranks.rank(chance)
        assert sum(exact[: rank - 1]) <= chance * sum(exact) * 1.001 and chance * sum(exact) <= sum(exact[:rank]) * 1.001


def test_an_l1_that_has_room_for_all_answers_what_nobody_changes():
    table = L1(64, 1024)
    assert not table.read(5, 0, 10) and table.read(5, 1, 10)
    assert not table.read(5, 10, 20), "its end has come"
    table.raise_(5)
    assert not table.read(5, 11, 20) and table.read(5, 12, 20)


def test_a_full_set_of_the_l1_lets_go_what_was_not_read_again():
    table = L1(8, 1024)
    for todo in range(8):
        table.read(todo, 0, 10)
    for todo in range(7):
        assert table.read(todo, 0, 10)
    table.read(8, 0, 10)
    assert [table.read(todo, 0, 10) for todo in (*range(7), 8)] == [True] * 8
    assert not table.read(7, 0, 10)


def test_each_write_ends_the_entries_of_its_generation_on_all_machines():
    few, many = (scale.l1_hits(BASE, 10_000, writes, 30_000, 1) for writes in (100, 100_000))
    assert few > many + 0.1
    assert scale.l1_hits(replace(BASE, l1=False), 100_000, 100, FEW_DRAWS, 1) == 0


def test_what_nobody_writes_is_missed_once_in_its_lifetime():
    mix = replace(BASE, todos=1000)
    misses, entries = scale.misses_and_entries(mix, 1e9, 0)
    assert entries == pytest.approx(1000, rel=1e-3) and misses == pytest.approx(1000 / scale.TTL_S, rel=1e-3)
    bypasses = 1e6 * scale.fenced(mix, 1000, 0)
    assert bypasses == pytest.approx(1e6 * scale.FENCED_S, rel=1e-2), "one write a second of each todo"
    assert scale.misses_and_entries(mix, 1e6, 1000)[0] == pytest.approx(1000 + misses + bypasses, rel=1e-2)


def test_use_grows_with_the_rate():
    alone = replace(BASE, l1=False, lists=0)
    one, ten = Plan(alone, 50_000), Plan(alone, 500_000)
    assert ten.of_list() == pytest.approx(10 * one.of_list())
    assert ten.of_todo(1) == pytest.approx(10 * one.of_todo(1), rel=1e-3)
    beside = Plan(replace(BASE, lists=0), 500_000, FEW_DRAWS)
    told = beside.of_list() - ten.of_list()
    assert told >= beside.writes * (beside.machines - 1) * scale.UNITS["tell"]["redis"] / 1e6


def test_without_an_l1_redis_has_more_to_do():
    near, far = Plan(BASE, 1e6, FEW_DRAWS), Plan(replace(BASE, l1=False), 1e6)
    assert far.of_todos() > 1.1 * near.of_todos()
    assert far.of_todo(1) > 10 * near.of_todo(1)
    assert far.primaries > near.primaries


def test_no_part_that_can_be_divided_is_too_full():
    for rate in scale.RATES:
        plan = Plan(BASE, rate, FEW_DRAWS)
        assert plan.hottest(plan.primaries) <= scale.FULL
        assert plan.of_machines() <= plan.machines * scale.CORES * scale.FULL * 1.05
    rate, part = scale.most(BASE, 1)
    assert Plan(BASE, rate).worst()[1] <= 1.05 * scale.FULL
    assert dict(Plan(BASE, 1.3 * rate).whole())[part] > scale.FULL


def test_the_document_has_the_programs_tables():
    path = ROOT / "doc/scale.md"
    document = path.read_text()
    assert scale.put(document, scale.all_tables(1)) == document, "python3 tests/bench/scale.py --write doc/scale.md"


def test_the_source_has_the_constants():
    memory, table = ((ROOT / f"src/l1/{name}").read_text() for name in ("memory.h", "table.c"))
    assert f"L1_GENERATIONS = 1 << {math.log2(scale.GENERATIONS):.0f}," in memory
    assert f"WAYS = {scale.WAYS}," in table
    assert f"RENEW_MS = {1000 // scale.RENEWS} " in (ROOT / "src/peers/peers_state.h").read_text()
