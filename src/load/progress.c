/* SPDX-License-Identifier: MIT */
/*
 * Progress as text.
 *
 *   [##########----------------]  41 %  412,000 rows  52,300/s  11 s left      on a terminal, drawn over itself
 *   412,000 rows, 41 %, 52,300/s, 11 s left                                    elsewhere, a line at a time
 *
 * The rate is the mean since the start. It changes slowly, so the remaining time that is computed from it doesn't jump.
 * If the size of the input is unknown (a pipe), there is no bar, percentage or remaining time.
 *
 * The bar stays on one line: a message erases it and writes its own line, and the next turn draws the bar below. It
 * fits into 80 columns, so it need not know the terminal's width.
 */
#include "load/progress.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdlib.h>

#include "base/mem.h"

enum { BAR_CELLS = 26, BAR_INTERVAL_MS = 200, LINE_INTERVAL_MS = 3000, LINE_MAX_BYTES = 160 };

static const char WIPE_LINE[] = "\r\033[K";

struct progress {
    FILE *out;
    bool is_terminal;
    bool drawn; /* a bar is on the current line */
};

static void progress_bar(char bar[BAR_CELLS + 1], double fraction)
{
    for (int i = 0; i < BAR_CELLS; i++)
        bar[i] = i < (int)(fraction * BAR_CELLS) ? '#' : '-';
    bar[BAR_CELLS] = '\0';
}

static uint64_t progress_rate(const struct progress_state *state)
{
    return state->elapsed_ms > 0 ? state->row_count * 1000 / (uint64_t)state->elapsed_ms : 0;
}

/* "11 s left", or "" while it is unknown. */
static void progress_left(char *text, size_t size_bytes, const struct progress_state *state)
{
    text[0] = '\0';
    if (state->fraction <= 0 || state->row_count == 0)
        return;
    double left_s = (double)state->elapsed_ms / 1000 * (1 - state->fraction) / state->fraction;
    int64_t seconds = (int64_t)(left_s + 0.5);
    if (seconds < 120)
        snprintf(text, size_bytes, "%" PRId64 " s left", seconds);
    else
        snprintf(text, size_bytes, "%" PRId64 " min left", (seconds + 30) / 60);
}

struct progress *progress_new(FILE *out, bool is_terminal)
{
    struct progress *progress = mem_zalloc(sizeof(*progress));
    progress->out = out;
    progress->is_terminal = is_terminal;
    return progress;
}

void progress_free(struct progress *progress)
{
    free(progress);
}

uint32_t progress_interval_ms(const struct progress *progress)
{
    return progress->is_terminal ? BAR_INTERVAL_MS : LINE_INTERVAL_MS;
}

void progress_show(struct progress *progress, const struct progress_state *state)
{
    char rows[PROGRESS_NUMBER_MAX], rate[PROGRESS_NUMBER_MAX], left[32], bar[BAR_CELLS + 1];
    progress_number(rows, state->row_count);
    progress_number(rate, progress_rate(state));
    progress_left(left, sizeof(left), state);
    bool known = state->fraction >= 0;
    int percent = known ? (int)(state->fraction * 100) : 0;
    progress_bar(bar, known ? state->fraction : 0);
    if (!progress->is_terminal && known)
        fprintf(progress->out, "%s rows, %d %%, %s/s%s%s\n", rows, percent, rate, left[0] ? ", " : "", left);
    else if (!progress->is_terminal)
        fprintf(progress->out, "%s rows, %s/s\n", rows, rate);
    else if (known)
        fprintf(progress->out, "%s[%s] %3d %%  %s rows  %s/s  %s", WIPE_LINE, bar, percent, rows, rate, left);
    else
        fprintf(progress->out, "%s%s rows  %s/s", WIPE_LINE, rows, rate);
    progress->drawn = progress->is_terminal;
    fflush(progress->out);
}

void progress_say(struct progress *progress, const char *format, ...)
{
    va_list args;
    progress_clear(progress);
    va_start(args, format);
    vfprintf(progress->out, format, args);
    va_end(args);
    fputc('\n', progress->out);
    fflush(progress->out);
}

void progress_clear(struct progress *progress)
{
    if (progress->drawn)
        fputs(WIPE_LINE, progress->out);
    progress->drawn = false;
    fflush(progress->out);
}

const char *progress_number(char text[PROGRESS_NUMBER_MAX], uint64_t number)
{
    char digits[PROGRESS_NUMBER_MAX];
    int len = snprintf(digits, sizeof(digits), "%" PRIu64, number);
    char *to = text;
    for (int i = 0; i < len; i++) {
        if (i > 0 && (len - i) % 3 == 0)
            *to++ = ',';
        *to++ = digits[i];
    }
    *to = '\0';
    return text;
}
