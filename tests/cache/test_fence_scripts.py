# SPDX-License-Identifier: MIT
"""fence.lua and unfence.lua of many writes in one call (src/cache/shared_fences.c), on a real Redis."""

import random

import pytest
from scripts import ENTRY, GENERATION, LIST, LIST_WRITERS, OTHER, Refused, TODO, WINDOW_MS, WRITERS, acquire, list_acquire


def of_epoch(epoch, keys):
    return [key.replace("todo:1", f"todo:{epoch}").replace("todos:1", f"todos:{epoch}") for key in keys]


def many(redis, name, keys, tokens):
    """What one call for many writes answers and leaves."""
    window = [WINDOW_MS] if name == "fence" else []
    return redis.run(name, [*keys, *LIST], *window, *tokens)


def one_by_one(redis, name, keys, tokens):
    """The same writes under another epoch, a call for each."""
    window = [WINDOW_MS] if name == "fence" else []
    parts = zip(*[iter(of_epoch(2, keys))] * 3, strict=True)
    answers = [
        redis.run(name, [*part, *of_epoch(2, LIST)], *window, token) for part, token in zip(parts, tokens, strict=True)
    ]
    return sum(answers) if name == "fence" else [place for place, lost in enumerate(answers, 1) if lost]


def left(redis, epoch):
    """All marks, and which other keys there are."""
    keys = of_epoch(epoch, [GENERATION, LIST_WRITERS, *TODO, *OTHER])
    return [set(redis("ZRANGE", key, 0, -1)) if key.endswith("writers") else redis("EXISTS", key) for key in keys]


@pytest.mark.parametrize("seed", range(40))
def test_a_call_for_many_writes_does_what_a_call_for_each_would_do(redis, seed):
    """Also of the same todo, and of writes whose marks were lost; each under its own token."""
    dice = random.Random(seed)
    under_way = []
    for step in range(30):
        fences = dice.random() < 0.5 or not under_way
        if fences:
            writes = [(dice.choice([TODO, OTHER]), f"{step}-{number}") for number in range(dice.randint(1, 4))]
            under_way += writes
        else:
            writes = dice.sample(under_way, dice.randint(1, min(4, len(under_way))))
            under_way = [write for write in under_way if write not in writes]
        if dice.random() < 0.2 and under_way:
            keys, token = dice.choice(under_way)
            for epoch in (1, 2):
                redis("ZREM", *of_epoch(epoch, [keys[2]]), token)
        for epoch in (1, 2):
            for key in of_epoch(epoch, [GENERATION, ENTRY, OTHER[1]]):
                redis("SET", key, "old")
        name = "fence" if fences else "unfence"
        keys, tokens = sum((keys for keys, _ in writes), []), [token for _, token in writes]
        assert many(redis, name, keys, tokens) == one_by_one(redis, name, keys, tokens), (step, writes)
        assert left(redis, 1) == left(redis, 2), (step, writes)


def test_the_list_is_passed_by_until_the_last_of_them_is_done(redis):
    many(redis, "fence", TODO + OTHER, ["w1", "w2"])
    many(redis, "unfence", OTHER, ["w2"])
    assert list_acquire(redis) == "BYPASS" and redis("ZRANGE", LIST_WRITERS, 0, -1) == ["w1"]
    many(redis, "unfence", TODO, ["w1"])
    assert list_acquire(redis) == "g0" and redis("KEYS", "*") == [GENERATION]


def test_what_another_program_put_in_one_todos_place_costs_the_others_no_fill(redis):
    """The call stops there, what is foreign goes, and the call is made again (src/redis/redis_script.c)."""
    many(redis, "fence", TODO + TODO + OTHER, ["w1", "w2", "w3"])
    redis("SET", OTHER[2], "foreign")
    with pytest.raises(Refused, match="WRONGTYPE"):
        many(redis, "unfence", TODO + TODO + OTHER, ["w1", "w2", "w3"])
    assert redis.run("discard", TODO + OTHER) == [OTHER[2]]
    assert many(redis, "unfence", TODO + TODO + OTHER, ["w1", "w2", "w3"]) == [1, 2, 3]
    assert redis("EXISTS", WRITERS, OTHER[2]) == 0 and acquire(redis) == "FILL"


def test_a_full_redis_takes_many_writes(redis, full):
    for key in (ENTRY, OTHER[0], GENERATION):
        redis("SET", key, "old")
    full()
    assert many(redis, "fence", TODO + OTHER, ["w1", "w2"]) == 2
    assert redis("EXISTS", ENTRY, OTHER[0], GENERATION) == 0 and redis("EXISTS", WRITERS, OTHER[2], LIST_WRITERS) == 3
    assert many(redis, "unfence", TODO + OTHER, ["w1", "w2"]) == []
    assert redis("DBSIZE") == 0
