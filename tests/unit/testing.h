/* SPDX-License-Identifier: MIT */
/*
 * What unit tests share: cmocka with the headers it needs, and comparisons that print both sides.
 *
 * A test program is a table per rule ("got, want"), a function per sentence, and a main that lists the functions.
 * Checks in loops say which row they are about.
 */
#ifndef TESTS_UNIT_TESTING_H
#define TESTS_UNIT_TESTING_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/slice.h"

#define COUNT_OF(array) (sizeof(array) / sizeof((array)[0]))

/* assert_text(row, got, want), assert_number(row, got, want): fail with both, and the row they belong to, unless equal. */
#define assert_text(...) assert_text_at(__FILE__, __LINE__, __VA_ARGS__)

static inline void assert_text_at(const char *file, int line, const char *row, struct slice got, struct slice want)
{
    if (!slice_equal(got, want)) {
        print_error("%s:%d: row \"%s\"\n got: %.*s\nwant: %.*s\n", file, line, row, (int)got.len, got.data,
                    (int)want.len, want.data);
        _fail(file, line);
    }
}

#define assert_number(...) assert_number_at(__FILE__, __LINE__, __VA_ARGS__)

static inline void assert_number_at(const char *file, int line, const char *row, int64_t got, int64_t want)
{
    if (got != want) {
        print_error("%s:%d: row \"%s\"\n got: %lld\nwant: %lld\n", file, line, row, (long long)got, (long long)want);
        _fail(file, line);
    }
}

/* Whether call(), in a child process, ends by abort(): how bugs end. Its message is not shown. */
static inline int ends_by_abort(void (*call)(void))
{
    fflush(NULL);
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        fclose(stderr); /* frees the number 2 as well */
        signal(SIGABRT, SIG_DFL);
        call();
        _exit(0);
    }
    int wait_status = 0;
    assert_int_equal(waitpid(child, &wait_status, 0), child);
    return WIFSIGNALED(wait_status) && WTERMSIG(wait_status) == SIGABRT;
}

#endif
