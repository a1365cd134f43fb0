#!/bin/bash
# SPDX-License-Identifier: MIT
#
# What the L1 saves where Redis is behind a network: hop.sh [BUILD_DIR]. Reads of ROWS todos (Zipf), from workers whose Redis is a TCP
# hop of HOP_US away (a round trip), with the L1 as it is by default and without one, ROUNDS times by turns, for SECONDS_EACH. The
# hop is slow_hop.c; its own cost is measured and printed. Exit status 1: the median with the L1 is not below 0.6 of that without.
set -euo pipefail

root=$(cd "$(dirname "$0")/../.." && pwd)
BUILD_DIR=$(cd "${1:-$root/build}" && pwd)
export BUILD_DIR
PYTHONPATH=$root/tests/e2e:$root/tests/load exec python3 -B "$root/tests/bench/hop.py"
