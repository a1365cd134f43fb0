# SPDX-License-Identifier: MIT
"""The scripts of src/peers on a real Redis: what becomes of a holder's box, and of its numbers."""

import pytest

HOLDERS, MACHINE, INCARNATION = "todos:1:{list}:holders", "0a", "1f"
BOX = f"{HOLDERS}:{MACHINE}"
FIRST, SECOND = "AAAAAAAA", "BBBBBBBB"


def join(redis):
    return redis.run("join", [HOLDERS], MACHINE, INCARNATION, "told:0a")


def renew(redis, applied):
    return redis.run("renew", [HOLDERS], MACHINE, INCARNATION, applied)


def tell(redis, names):
    """Up to which number the holder must have applied its box."""
    [need] = redis.run("tell", [HOLDERS], "0b", names, "applied")
    return int(need.rpartition(" ")[2])


def test_a_box_has_what_is_not_applied_yet_and_is_there_as_long_as_its_holder(redis):
    join(redis)
    assert redis("GET", BOX) == ""
    assert (tell(redis, FIRST), tell(redis, SECOND)) == (1, 2)
    assert renew(redis, 0) == [0, FIRST + SECOND]
    assert renew(redis, 1) == [1, SECOND] and redis("GET", BOX) == SECOND
    assert renew(redis, 2) == [2, ""] and redis("GET", BOX) == ""
    assert redis.run("expel", [HOLDERS], MACHINE, INCARNATION, "") == 1
    assert redis("EXISTS", HOLDERS, BOX) == 0


@pytest.mark.parametrize("applied", [0, 1, 2])
def test_beside_a_box_that_is_at_the_slots_first_server_none_is_made(redis, applied):
    """It could not be moved after the holders. If they come back to it, its names are others than the numbers say: a gap."""
    join(redis)
    tell(redis, FIRST)
    box = redis("GET", BOX)
    redis("DEL", BOX)
    assert tell(redis, SECOND) == 2
    assert redis("EXISTS", BOX) == 0
    redis("SET", BOX, box)
    first, names = renew(redis, applied)
    assert first > applied and names == FIRST
    assert tell(redis, SECOND) == first + 2 and renew(redis, first + 1) == [first + 1, SECOND], "from there on all is told"
