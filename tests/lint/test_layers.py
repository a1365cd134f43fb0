# SPDX-License-Identifier: MIT
"""Layers and walls: includes point downward only, and each third-party header is seen by the files named here alone."""

import re

from source import files, text

# Which folders a folder of src/ may include from, besides itself. "" are the programs.
BELOW = {
    "base": [],
    "store": ["base"],
    "redis": ["base"],
    "l1": ["base"],
    "cdn": ["store", "base"],
    "peers": ["redis", "l1", "base"],
    "cache": ["peers", "cdn", "redis", "l1", "store", "base"],
    "feed": ["store", "base"],
    "clients": ["redis", "store", "base"],
    "audit": ["cache", "store", "base"],
    "follow": ["cache", "cdn", "l1", "store", "base"],
    "queue": ["cache", "redis", "store", "base"],
    "api": ["clients", "cache", "feed", "queue", "store", "base"],
    "server": ["api", "audit", "follow", "queue", "cache", "feed", "redis", "l1", "store", "base"],
    "load": ["cache", "store", "base"],
    "control": ["audit", "queue", "cache", "store", "base"],
    "": ["server", "load", "control", "base"],
}

# Third-party headers, and the only files that may include them.
WALLS = {
    r"curl/.*": [r"src/server/http_client\.c"],
    r"fcgi.*\.h": [r"src/server/fcgi\.c"],
    r"hiredis/.*": [r"src/redis/redis_wire\.c"],
    r"mongoc/.*": [r"src/store/mongo\w*\.c"],
    r"bson/.*": [r"src/store/mongo(_\w+)?\.c", r"src/load/bson_reader\.c"],
    r"sqlite3\.h": [r"src/store/sqlite(_file|_copy)?\.c", r"src/store/sqlite_connection\.h"],
    r"jansson\.h": [r"src/base/json\.c"],
    r"openssl/evp\.h|xxhash\.h": [r"src/base/hash\.c"],
    r"zlib\.h": [r"src/base/gzip\.c", r"src/load/(source|sink)\.c"],
    r"uv\.h": [r"src/server/\w+\.c", r"src/store/pool\.c"],
    r"uthash\.h|utlist\.h": [r"src/\w+/\w+\.c"],
}

# The C library and the kernel; whatever is neither here nor in WALLS is a library that nobody decided on.
SYSTEM = re.compile(
    r"(assert|ctype|dirent|endian|errno|fcntl|getopt|inttypes|limits|math|poll|pthread|signal|stdalign|stdarg|stdatomic|stdbool|stddef"
    r"|sanitizer/\w+|stdint|stdio|stdlib|string|strings|termios|time|unistd|sys/\w+|netinet/\w+|arpa/inet|netdb|linux/\w+)\.h"
)

SOURCES = files(".c", ".h", under="src")


def includes(path):
    return re.findall(r'^#include ([<"])([^>"]+)[>"]', text(path), re.M)


def room(path):
    return path.parts[1] if len(path.parts) > 2 else ""


def room_of_include(name):
    return name.split("/")[0] if "/" in name else ""


def test_includes_point_downward():
    wrong = []
    for path in SOURCES:
        allowed = BELOW[room(path)] + [room(path)]
        for mark, name in includes(path):
            if mark == '"' and room_of_include(name) not in allowed:
                wrong.append(f"{path} must not include {name}")
    assert wrong == []


def test_each_room_includes_from_all_that_it_may():
    used = {(room(path), room_of_include(name)) for path in SOURCES for mark, name in includes(path) if mark == '"'}
    assert [(above, below) for above in BELOW for below in BELOW[above] if (above, below) not in used] == []


def test_third_party_headers_stay_behind_their_walls():
    wrong = []
    for path in SOURCES:
        for mark, name in includes(path):
            if mark == "<" and not SYSTEM.fullmatch(name):
                owners = [owner for header, owners in WALLS.items() if re.fullmatch(header, name) for owner in owners]
                if not any(re.fullmatch(owner, str(path)) for owner in owners):
                    wrong.append(f"{path} must not include {name}")
    assert wrong == []


def test_base_does_no_input_or_output():
    """A lock on a file is none, nor is whose it is: they move no byte."""
    closed = re.compile(r"(fcntl|poll|signal|netdb|termios|sys/(socket|stat|file|epoll|mman)|netinet/\w+)\.h")
    wrong = [
        f"{path} includes {name}"
        for path in SOURCES
        if room(path) == "base" and path.name not in ("file_lock.c", "file_owner.c")
        for _, name in includes(path)
        if closed.fullmatch(name)
    ]
    assert wrong == []


def test_each_wall_has_something_behind_it():
    included = {name for path in SOURCES for _, name in includes(path)}
    idle = [header for header in WALLS if not any(re.fullmatch(header, name) for name in included)]
    assert idle == []
