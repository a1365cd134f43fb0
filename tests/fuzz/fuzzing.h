/* SPDX-License-Identifier: MIT */
/*
 * What fuzzers share. libFuzzer calls LLVMFuzzerTestOneInput() with one input after another; an abort, a sanitizer's report, a
 * leak or a call that takes too long is a find. What must hold for every input stands in bug_unless().
 */
#ifndef TESTS_FUZZ_FUZZING_H
#define TESTS_FUZZ_FUZZING_H

#include <stddef.h>
#include <stdint.h>

#include "base/mem.h"
#include "base/slice.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerInitialize(int *argc, char ***argv);

/* libFuzzer gives no bytes as NULL, which would be an absent text. */
static inline struct slice fuzz_input(const uint8_t *data, size_t size)
{
    return (struct slice){size > 0 ? (const char *)data : "", size};
}

/* The line before the first newline; rest is what follows, absent after the last line. */
static inline struct slice fuzz_line(struct slice *rest)
{
    return slice_split(*rest, '\n', rest);
}

#endif
