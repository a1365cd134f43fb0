#!/bin/bash
# SPDX-License-Identifier: MIT
#
# What ten thousand clients cost that wait for changes: waiting.sh [BUILD_DIR], or waiting.py with more options. Exit status 1: a
# goal was missed.
set -euo pipefail
build=$(cd "${1:-$(dirname "$0")/../../build}" && pwd)
BUILD_DIR=$build exec python3 -B "$(dirname "$0")/waiting.py"
