#!/bin/bash
# SPDX-License-Identifier: MIT
#
# What one request costs each part: units.sh [BUILD_DIR]. A hit in the L1, in Redis, a miss, a page, a PATCH, with MongoDB as the
# store: CPU time of nginx, workers, Redis and MongoDB, and the calls that Redis and the store get; what other machines with an L1
# add to a write; what all of it costs at rest; and bytes in Redis and in the L1. doc/scale.md is made of these.
#
#   ROUNDS (5), SECONDS_EACH (3)   each step is measured so often, and so long
#   OUT (BUILD_DIR/units.json)     the figures. OUT=tests/bench/units.json: those that tests/bench/scale.py calculates with
#
# CPU times and counts are what a busy machine disturbs least. Each CPU time is the least of the rounds, as others can only add to it.
# There is no goal. Exit status 1: a step had other answers than it should.
set -euo pipefail
root=$(cd "$(dirname "$0")/../.." && pwd)
build=$(cd "${1:-$root/build}" && pwd)
export BUILD_DIR=$build OUT=${OUT:-$build/units.json}
PYTHONPATH=$root/tests/e2e:$root/tests/load exec python3 -B "$root/tests/bench/units.py"
