# SPDX-License-Identifier: MIT
"""What ./dev load counts and draws by itself (tests/load); Locust is not needed here."""

import random
import xml.etree.ElementTree as ET

import pytest
import tally
import zipf


def test_ranks_come_as_often_as_zipf_says():
    ranks, rng, draws = zipf.Zipf(1000, 1.1), random.Random(1), 100000
    drawn = [ranks.rank(rng.random()) for _ in range(draws)]
    assert min(drawn) == 1 and max(drawn) <= 1000
    for most in (1, 10, 100, 1000):
        assert sum(rank <= most for rank in drawn) / draws == pytest.approx(ranks.share(most), abs=0.01)
    weights = [k**-1.1 for k in range(1, 1001)]
    assert ranks.share(1) == pytest.approx(weights[0] / sum(weights))


def test_the_ends_of_the_dice_are_the_ends_of_the_ranks():
    ranks = zipf.Zipf(7, 1.1)
    assert ranks.rank(0.0) == 1
    assert ranks.rank(1 - 2**-53) == 7
    assert ranks.rank(1.0) == 7


@pytest.mark.parametrize(
    ("cache_status", "kind"),
    [
        ("todo-fcgi; hit; ttl=254", "hit"),
        ("todo-fcgi; fwd=miss; stored", "miss"),
        ("todo-fcgi; fwd=bypass", "miss"),
        ("todo-fcgi; hit; ttl=7, Varnish; fwd=stale", "hit"),
        ("Varnish; hit; ttl=3", "hit"),
        ("hit-and-run; fwd=miss", "miss"),
        ("", "miss"),
        (None, "miss"),
    ],
)
def test_a_hit_is_known_by_its_cache_status(cache_status, kind):
    assert tally.kind_of_read(cache_status) == kind


def test_quantiles_are_times_that_were_seen():
    times = tally.Times()
    for ms in range(1, 101):
        times.note(ms)
    assert [times.quantile(part) for part in tally.QUANTILES] == [50, 95, 99]
    times.note(1234.5)
    assert times.quantile(1.0) == 1230, "three digits"
    assert tally.Times().quantile(0.5) is None


def run_of(seconds, hits_from):
    """One read and one write a second; misses at first."""
    found = tally.Tally()
    for second in range(seconds):
        found.note("hit" if second >= hits_from else "miss", second, 2.0)
        found.note("write", second, 5.0)
    return found


def test_steps_grow_longer_and_lose_nothing():
    found = run_of(1000, 500)
    assert len(found.steps) <= tally.STEPS_MAX and found.step_s == 16
    for kind in tally.KINDS:
        assert sum((step[kind].total() for step in found.steps)) == found.all[kind].total()
    assert found.hit_rate() == 50 and found.hit_rate(found.steps[:20]) == 0 and found.last_hit_rate() == 100


def test_a_run_is_judged_by_failures_and_by_the_hits_it_came_to():
    assert run_of(60, 50).faults(80) == []
    assert run_of(60, 53).faults(80) == ["70.0 % hits in the last sixth, 80 % are wanted"]
    assert run_of(60, 53).faults(0) == []
    assert tally.Tally().faults(80) == ["- % hits in the last sixth, 80 % are wanted"]
    failed = run_of(60, 0)
    failed.fail(ConnectionResetError("gone"))
    failed.fail(ConnectionResetError("gone"))
    assert failed.faults(0) == ["2 failures: gone"]


def test_the_summary_says_what_was_seen():
    words = tally.text_of(run_of(60, 30), "Zipf")
    assert "Zipf: 120 answers in 60 s, 2/s" in words
    assert "hits 50.0 % from the first read on, 100.0 % in the last sixth" in words
    assert [line.split() for line in words.splitlines()[3:6]] == [
        ["hit", "30", "2.0", "2.0", "2.0"],
        ["miss", "30", "2.0", "2.0", "2.0"],
        ["write", "60", "5.0", "5.0", "5.0"],
    ]
    assert "answers in 1 s" in tally.text_of(tally.Tally(), "nobody"), "and nothing doesn't divide by nothing"


def test_the_plot_is_an_image_of_as_many_points():
    svg = "{http://www.w3.org/2000/svg}"
    root = ET.fromstring(tally.svg_of(run_of(60, 30), "Zipf"))
    lines = [line.get("points").split() for line in root.iter(f"{svg}polyline")]
    assert [len(points) for points in lines] == [60, 30, 30, 30, 30, 60, 60]
    assert ET.fromstring(tally.svg_of(tally.Tally(), "nobody")) is not None
