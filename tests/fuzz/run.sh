#!/bin/sh
# SPDX-License-Identifier: MIT
#
# Runs one fuzzer: run.sh BUILD_DIR NAME SECONDS [FOLDER]. First its kept inputs, corpus/NAME, then new ones for so long; the
# last line is "1 passed, 0 failed" or "0 passed, 1 failed".
#
# What an input is that fails is written to BUILD_DIR/found, and libFuzzer prints its path. New inputs that reach new code are
# kept in FOLDER, for the next run to begin from; without it they are gone. Nothing is written into corpus/NAME.
set -eu

here=$(cd "$(dirname "$0")" && pwd -P)
build=$1 name=$2 seconds=$3
folder=${4-}

if [ ! -d "$here/corpus/$name" ]; then
    echo "no fuzzer is called $name: it is one of" "$here"/corpus/* | sed "s|$here/corpus/||g" >&2
    exit 1
fi
if [ -z "$folder" ]; then
    folder=$(mktemp -d)
    trap 'rm -rf "$folder"' EXIT
fi
mkdir -p "$folder" "$build/found"

# A length of 4,096 is enough for several records of any format, and one input takes milliseconds.
if "$build/tests/fuzz/fuzz_$name" -max_total_time="$seconds" -max_len=4096 -rss_limit_mb=1024 -malloc_limit_mb=256 -timeout=10 \
    -dict="$here/words" -artifact_prefix="$build/found/$name-" "$folder" "$here/corpus/$name"; then
    echo "1 passed, 0 failed"
else
    echo "0 passed, 1 failed"
    exit 1
fi
