# SPDX-License-Identifier: MIT
"""
Structure, drawn from the includes of src/: no circle among its files, and a cache room that fits on one floor plan.

A unit is a .c file and the header of the same name. A room is a folder of src/. An arrow goes from a unit to each unit whose
header one of its two files includes; headers that the build makes are no units. A floor is a step of the longest chain of
arrows inside a room, counted in units.
"""

import re
from pathlib import Path

import pytest
from source import files, text

CACHE_FLOORS_MAX = 8
CACHE_STATE_READERS_MAX = 8

SOURCES = {path.relative_to("src"): text(path) for path in files(".c", ".h", under="src")}


def unit(path):
    """cache/flight.c and cache/flight.h are the unit cache/flight."""
    return str(Path(path).with_suffix(""))


def room(name):
    return str(Path(name).parent)


def arrows():
    """{unit: the units that it includes}"""
    drawn = {unit(path): set() for path in SOURCES}
    for path, source in SOURCES.items():
        for included in re.findall(r'^#include "([^"]+)"', source, re.M):
            if Path(included) in SOURCES and unit(included) != unit(path):
                drawn[unit(path)].add(unit(included))
    return drawn


ARROWS = arrows()
ROOMS = sorted({room(name) for name in ARROWS})


def inside(name):
    """The arrows between units of one room."""
    return {start: {end for end in ends if room(end) == name} for start, ends in ARROWS.items() if room(start) == name}


def between_rooms():
    drawn = {name: set() for name in ROOMS}
    for start, ends in ARROWS.items():
        drawn[room(start)] |= {room(end) for end in ends} - {room(start)}
    return drawn


def circle(drawn):
    """The nodes of a circle in the order of its arrows, the first again at the end; [] if there is none."""
    done = set()

    def walk(node, path):
        if node in path:
            return [*path[path.index(node) :], node]
        if node in done:
            return []
        for end in sorted(drawn[node]):
            found = walk(end, [*path, node])
            if found:
                return found
        done.add(node)
        return []

    return next((found for found in (walk(node, []) for node in sorted(drawn)) if found), [])


def longest_chain(drawn):
    """The longest path along the arrows; there must be no circle."""
    known = {}

    def chain(node):
        if node not in known:
            known[node] = [node, *max((chain(end) for end in sorted(drawn[node])), key=len, default=[])]
        return known[node]

    return max((chain(node) for node in drawn), key=len)


def assert_no_circle(drawn):
    found = circle(drawn)
    if found:
        pytest.fail("a circle of includes: " + " -> ".join(found), pytrace=False)


def test_drawing_finds_a_circle_and_the_longest_chain():
    assert circle({"a": {"b"}, "b": {"c", "d"}, "c": {"b"}, "d": set()}) == ["b", "c", "b"]
    tree = {"a": {"b", "c"}, "b": {"d"}, "c": {"e"}, "d": set(), "e": {"d"}}
    assert circle(tree) == [] and longest_chain(tree) == ["a", "c", "e", "d"]


def test_rooms_stand_in_no_circle():
    assert_no_circle(between_rooms())


@pytest.mark.parametrize("name", ROOMS)
def test_room_has_no_circle(name):
    assert_no_circle(inside(name))


def test_src_has_no_circle():
    assert_no_circle(ARROWS)


def test_cache_has_few_floors():
    drawn = inside("cache")
    assert_no_circle(drawn)
    chain = longest_chain(drawn)
    assert len(chain) <= CACHE_FLOORS_MAX, f"{len(chain)} floors: " + " -> ".join(chain)


def test_few_files_open_the_state_of_the_cache():
    readers = [str(path) for path, source in SOURCES.items() if '#include "cache/cache_state.h"' in source]
    assert len(readers) <= CACHE_STATE_READERS_MAX, f"{len(readers)} files open cache_state.h: {', '.join(readers)}"
