#!/bin/bash
# SPDX-License-Identifier: MIT
#
# The ladder: ladder.sh [BUILD_DIR]. From a static file up to a POST, each step beside the bare responder behind the same nginx
# configuration, and beside nginx' own Lua with Redis: requests/s, p50 and p99, and the CPU time of nginx, worker and Redis for one
# request. doc/performance.md explains the steps and has the figures of one machine.
#
#   ROWS (200000)      the todos that are asked for; all of them are in Redis
#   IDS (uniform)      or zipf: how they are chosen
#   ROUNDS (7)         each step is measured once a round; who begins a round changes
#   SECONDS_EACH (3)   how long each time
#   POLICY             batch: the workers, not the bare responder, run as with CPUSchedulingPolicy=batch
#   OUT (BUILD_DIR/ladder)   the folder that gets ladder.md, a table, and ladder.svg, a plot. OUT=doc: they replace those of
#                      doc/performance.md
#
# Figures are the medians of the rounds, ratios the medians of the rounds' own ratios: a busy machine's speed changes between rounds
# more than within one. Exit status 1: a goal was missed, or a step had other answers than it should.
set -euo pipefail

root=$(cd "$(dirname "$0")/../.." && pwd)
build=$(cd "${1:-$root/build}" && pwd)
export BUILD_DIR=$build OUT=${OUT:-$build/ladder}
PYTHONDONTWRITEBYTECODE=1 PYTHONPATH=$root/tests/e2e:$root/tests/load exec python3 "$root/tests/bench/ladder.py"
