/* SPDX-License-Identifier: MIT */
/*
 * What a person sees while a load runs: on a terminal a bar with rate and remaining time, elsewhere a line every few
 * seconds.
 * context  loop only
 */
#ifndef LOAD_PROGRESS_H
#define LOAD_PROGRESS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

struct progress;

/* Writes to out, which is borrowed; is_terminal decides between bar and lines. */
struct progress *progress_new(FILE *out, bool is_terminal);

/* NULL is fine. */
void progress_free(struct progress *progress);

/* How long to wait between two calls of progress_show(). */
uint32_t progress_interval_ms(const struct progress *progress);

/* rows: written or rejected; fraction: of the whole input, 0 to 1, or negative if unknown. */
struct progress_state {
    uint64_t row_count;
    double fraction;
    int64_t elapsed_ms;
};

/* Draws the bar again, or writes a line. */
void progress_show(struct progress *progress, const struct progress_state *state);

/* Writes a message on a line of its own; the next progress_show() draws the bar below it. */
void progress_say(struct progress *progress, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Erases the bar. */
void progress_clear(struct progress *progress);

/* "1,234,567" into text. */
enum { PROGRESS_NUMBER_MAX = 27 };
const char *progress_number(char text[PROGRESS_NUMBER_MAX], uint64_t number);

#endif
