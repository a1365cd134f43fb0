# SPDX-License-Identifier: MIT
"""beat.lua on a real Redis: the latest beat that any worker has told."""

import pytest

KEY = "todos:1:{list}:beat"
FIRST, SECOND, LAST = "1844674407370955161", "1844674407370955162", "9223372036854775807"
TTL_MS = 60000


def tell(redis, beat, ttl_ms=TTL_MS):
    return redis.run("beat", [KEY], beat, ttl_ms)


def test_what_is_told_first_is_the_latest(redis):
    assert tell(redis, FIRST) == FIRST == redis("GET", KEY)
    assert 0 < redis("PTTL", KEY) <= TTL_MS


def test_an_earlier_beat_never_replaces_a_later_one(redis):
    """Beats that differ beyond the 53 bits of Lua's numbers."""
    tell(redis, SECOND)
    assert tell(redis, FIRST) == SECOND == redis("GET", KEY)
    assert tell(redis, LAST) == LAST == redis("GET", KEY)
    assert tell(redis, SECOND) == LAST
    redis("SET", KEY, "99")
    assert tell(redis, FIRST) == FIRST, "fewer digits"
    redis("SET", KEY, FIRST)
    assert tell(redis, "99") == FIRST


def test_each_telling_prolongs_its_life(redis):
    tell(redis, FIRST, 1000)
    tell(redis, FIRST)
    assert redis("PTTL", KEY) > 1000


@pytest.mark.parametrize("value", ["", "-5", "x", "99999999999999999999", "9" * 40, "1844674407370955162 "])
def test_what_is_no_beat_counts_as_nothing(redis, value):
    redis("SET", KEY, value)
    assert tell(redis, FIRST) == FIRST == redis("GET", KEY)


def test_a_key_of_another_type_is_replaced(redis):
    redis("RPUSH", KEY, "somebody else's")
    assert tell(redis, FIRST) == FIRST == redis("GET", KEY)


def test_a_full_redis_keeps_what_it_is_told(redis, full):
    tell(redis, SECOND)
    full()
    assert tell(redis, FIRST) == SECOND
    assert tell(redis, LAST) == LAST == redis("GET", KEY)
    redis("DEL", KEY)
    assert tell(redis, FIRST) == FIRST == redis("GET", KEY)
