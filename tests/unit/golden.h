/* SPDX-License-Identifier: MIT */
/*
 * Golden pairs: golden/FOLDER/NAME.in goes in, and what comes out must be NAME.out, byte by byte.
 *
 * They read better than tables where a case has many lines. GOLDEN_DIR comes from tests/unit/local.mk.
 */
#ifndef TESTS_UNIT_GOLDEN_H
#define TESTS_UNIT_GOLDEN_H

#include "testing.h"

#include <glob.h>

#include "base/buf.h"

/* Appends a whole file; a missing one fails the test. */
static inline void read_file(const char *path, struct buf *out)
{
    FILE *file = fopen(path, "rb");
    if (!file) {
        fail_msg("can't open %s", path);
        return;
    }
    size_t got;
    do {
        got = fread(buf_reserve(out, 4096), 1, 4096, file);
        buf_advance(out, got);
    } while (got > 0);
    fclose(file);
}

/* What a golden test does with one input: appends what came out. */
typedef void (*golden_fn)(const char *name, struct slice input, struct buf *out);

static inline void check_golden_pair(const char *in_path, golden_fn run)
{
    size_t stem_len = strlen(in_path) - strlen(".in");
    struct buf path, input, got, want;
    buf_init(&path);
    buf_init(&input);
    buf_init(&got);
    buf_init(&want);
    buf_printf(&path, "%.*s.out", (int)stem_len, in_path);
    read_file(in_path, &input);
    read_file(path.data, &want);
    const char *slash = strrchr(in_path, '/');
    run(slash + 1, buf_slice(&input), &got);
    assert_text(slash + 1, buf_slice(&got), buf_slice(&want));
    buf_fini(&path);
    buf_fini(&input);
    buf_fini(&got);
    buf_fini(&want);
}

/* Runs each golden/FOLDER/NAME.in and compares with NAME.out beside it; no pairs at all is a failure. */
static inline void check_golden_folder(const char *folder, golden_fn run)
{
    char pattern[4096];
    snprintf(pattern, sizeof(pattern), "%s/%s/*.in", GOLDEN_DIR, folder);
    glob_t found;
    assert_int_equal(glob(pattern, 0, NULL, &found), 0);
    for (size_t i = 0; i < found.gl_pathc; i++)
        check_golden_pair(found.gl_pathv[i], run);
    globfree(&found);
}

#endif
