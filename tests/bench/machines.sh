#!/bin/bash
# SPDX-License-Identifier: MIT
#
# What writes cost where machines tell each other: machines.sh [BUILD_DIR]. Two pools of workers with an L1 each stand for two
# machines, on one Redis and one MongoDB. CLIENTS clients change todos on the first one, ROUNDS times for SECONDS_EACH:
#
#   alone    the second machine's workers are stopped
#   beside   they hold a licence: the 99th percentile may be 1 ms above the round's "alone", in the median of the rounds
#   frozen   they are stopped by SIGSTOP meanwhile: each client waits once, for 300 ms at most; the longest of all counts
#
# Exit status 1: a goal was missed. All are times, so nothing else should run on the machine.
set -euo pipefail

root=$(cd "$(dirname "$0")/../.." && pwd)
BUILD_DIR=$(cd "${1:-$root/build}" && pwd)
export BUILD_DIR
PYTHONPATH=$root/tests/e2e exec python3 -B "$root/tests/bench/machines.py"
