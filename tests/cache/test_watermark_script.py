# SPDX-License-Identifier: MIT
"""watermark.lua on a real Redis, and what acquire.lua and list_acquire.lua tell a reader whose store has a watermark."""

import pytest
from scripts import GENERATION_MS, LEASE, LEASE_MS, LIST, TODO, WATERMARK, clear, fence, unfence

FIRST, SECOND = "65a1b2c300000009", "65a1b2c30000000a"
TTL_MS = 60000


def tell(redis, watermark, ttl_ms=TTL_MS):
    return redis.run("watermark", [WATERMARK], watermark, ttl_ms)


def acquire(redis, token="reader", known=FIRST):
    return redis.run("acquire", [*TODO, WATERMARK], token, LEASE_MS, -1, known)


def list_acquire(redis, known=FIRST):
    return redis.run("list_acquire", [*LIST, WATERMARK], "g0", GENERATION_MS, known)


def test_an_earlier_watermark_never_replaces_a_later_one(redis):
    for told, kept in ((FIRST, FIRST), (SECOND, SECOND), (FIRST, SECOND)):
        assert tell(redis, told) == 1
        assert redis("GET", WATERMARK) == kept


def test_each_telling_prolongs_its_life(redis):
    tell(redis, SECOND, 1000)
    tell(redis, FIRST)
    assert 1000 < redis("PTTL", WATERMARK) <= TTL_MS


@pytest.mark.parametrize("value", ["", "z" * 16, "f" * 15, "f" * 17, "65A1B2C30000000F"])
def test_what_is_no_watermark_counts_as_nothing(redis, value):
    redis("SET", WATERMARK, value)
    tell(redis, FIRST)
    assert redis("GET", WATERMARK) == FIRST


def test_a_key_of_another_type_is_replaced(redis):
    redis("RPUSH", WATERMARK, "somebody else's")
    assert acquire(redis) == "BYPASS " and list_acquire(redis) == "BYPASS "
    tell(redis, FIRST)
    assert redis("GET", WATERMARK) == FIRST


def test_a_full_redis_takes_it(redis, full):
    tell(redis, FIRST)
    full()
    tell(redis, SECOND)
    assert redis("GET", WATERMARK) == SECOND


def test_readers_are_told_whatever_they_are_granted(redis):
    tell(redis, SECOND)
    assert acquire(redis, "r1") == f"FILL {SECOND}" and acquire(redis, "r2") == f"WAIT {SECOND}"
    assert list_acquire(redis) == f"g0 {SECOND}"
    fence(redis)
    assert acquire(redis) == f"BYPASS {SECOND}"
    unfence(redis)
    fence(redis, window_ms=-1)
    word, at_ms, watermark = acquire(redis).split()
    assert (word, watermark) == ("DOUBT", SECOND)
    clear(redis, at_ms)
    assert acquire(redis) == f"FILL {SECOND}"


def test_nothing_is_granted_while_the_watermark_is_lost(redis):
    """A reader that was told nothing might read what an earlier primary had."""
    assert acquire(redis) == "BYPASS " and list_acquire(redis) == "BYPASS "
    assert redis("GET", LEASE) is None
    assert acquire(redis, known="") == "FILL ", "a store without watermarks"


def test_a_text_that_is_no_watermark_hides_no_mark_in_doubt(redis):
    """Its words would be taken for the answer's, and the mark would stand for as long as the text does."""
    redis("SET", WATERMARK, "another program's")
    fence(redis, window_ms=-1)
    word, at_ms, *rest = acquire(redis).split()
    assert word == "DOUBT" and at_ms.isdigit() and not rest
    clear(redis, at_ms)
    assert acquire(redis) == "BYPASS "
