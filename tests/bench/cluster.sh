#!/bin/bash
# SPDX-License-Identifier: MIT
#
# What a hit costs on a Redis Cluster: cluster.sh [BUILD_DIR]. The yardstick is the same worker on one Redis, in the same run. Both are one
# server on a loopback port; the cluster's has all slots.
#
#   instructions   of a hit in the worker, by callgrind as in instructions.sh: at most 5 % more
#   rate           hits a second through nginx, of CLIENTS clients, SECONDS_EACH in turns, ROUNDS times: in the median of the rounds at
#                  most 5 % less. This is time, so nothing else should run on the machine
#
# Exit status 1: a goal was missed.
set -euo pipefail

root=$(cd "$(dirname "$0")/../.." && pwd)
BUILD_DIR=$(cd "${1:-$root/build}" && pwd)
export BUILD_DIR
PYTHONPATH=$root/tests/e2e:$root/tests/bench exec python3 -B "$root/tests/bench/cluster.py"
