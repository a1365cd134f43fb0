#!/bin/bash
# SPDX-License-Identifier: MIT
#
# What the write queue is worth, and what it costs others: queue.sh [BUILD_DIR], or write_queue.py with more options, as --away 10. Exit
# status 1: a bar was missed.
set -euo pipefail
root=$(cd "$(dirname "$0")/../.." && pwd)
build=$(cd "${1:-$root/build}" && pwd)
BUILD_DIR=$build E2E_BUILD_DIR=$build PYTHONPATH=$root/tests/e2e exec python3 -B "$root/tests/bench/write_queue.py"
