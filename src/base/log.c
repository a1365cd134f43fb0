/* SPDX-License-Identifier: MIT */
/*
 * Log lines: formatted here, written by the program's sink.
 *
 * A line is built in one buffer on the stack and handed over in one call, so that lines of threads and workers that
 * share a file don't mix. The default sink writes it with one write(2) to stderr, and a line is shorter than what a
 * pipe takes in one piece (PIPE_BUF). A log call allocates nothing, so it works when memory is short.
 *
 * Format: time, level, pid, request id if there is one, event, pairs. The caller formats the pairs. They often hold
 * error texts of libraries, so controls in them, such as line breaks, become spaces. A value that a client chose goes
 * through log_value() first, which also keeps it inside its quotes.
 *
 * Guarantees: exactly one sink call and one newline per event; a line that is too long is cut between two characters
 * and ends in "...". No other code in base reads a clock by itself, and nothing is decided by this one.
 *
 * Does not: buffer, rotate, or rate-limit; the journal or the program behind stderr does that.
 */
#include "base/log.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/date.h"
#include "base/hex.h"
#include "base/mem.h"

enum { LINE_MAX_BYTES = 2048 };

static void write_stderr(const char *line, size_t len);

static enum log_level log_threshold = LOG_INFO;
static log_sink_fn log_sink = write_stderr;

static void write_stderr(const char *line, size_t len)
{
    ssize_t written = write(STDERR_FILENO, line, len);
    (void)written; /* a failed write to the log can't be logged */
}

static const char *level_name(enum log_level level)
{
    static const char *const names[] = {"error", "warn", "info", "debug"};
    bug_unless((unsigned)level < sizeof(names) / sizeof(names[0]), "a level that is not in the enum");
    return names[level];
}

/* How many bytes snprintf() put into size_bytes when it returned wanted_len. */
static size_t printed_len(int wanted_len, size_t size_bytes)
{
    if (wanted_len < 0)
        return 0;
    return (size_t)wanted_len < size_bytes ? (size_t)wanted_len : size_bytes - 1;
}

static size_t print_head(char *line, size_t size_bytes, enum log_level level, const char *req, const char *event)
{
    char at[DATE_RFC3339_LEN + 1];
    date_rfc3339(at, clock_wall_ms());
    int len = snprintf(line, size_bytes, "%s level=%s pid=%d%s%s event=%s", at, level_name(level), (int)getpid(),
                       req ? " req=" : "", req ? req : "", event);
    return printed_len(len, size_bytes);
}

static void blank_controls(char *text, size_t len)
{
    for (size_t i = 0; i < len; i++)
        if ((unsigned char)text[i] < 0x20 || text[i] == 0x7F)
            text[i] = ' ';
}

/* Ends a line that didn't fit: cut between two characters, so that the log stays valid UTF-8. */
static size_t cut_line(char *line, size_t len)
{
    static const char mark[] = "...";
    size_t cut = slice_cut((struct slice){line, len}, LINE_MAX_BYTES - sizeof(mark) - 1);
    memcpy(line + cut, mark, sizeof(mark) - 1);
    return cut + sizeof(mark) - 1;
}

void log_init(enum log_level level, log_sink_fn sink)
{
    log_threshold = level;
    log_sink = sink ? sink : write_stderr;
}

bool log_enabled(enum log_level level)
{
    return level <= log_threshold;
}

void log_event(enum log_level level, const char *req, const char *event, const char *format, ...)
{
    if (!log_enabled(level))
        return;
    char line[LINE_MAX_BYTES];
    size_t len = print_head(line, sizeof(line) - 1, level, req, event);
    line[len++] = ' ';

    va_list args;
    va_start(args, format);
    int wanted_len = vsnprintf(line + len, sizeof(line) - len, format, args);
    va_end(args);
    size_t pairs_len = printed_len(wanted_len, sizeof(line) - len);
    bool whole = wanted_len <= (int)pairs_len;
    blank_controls(line + len, pairs_len);
    len += pairs_len;
    if (pairs_len == 0)
        len--; /* an event without pairs ends at its name */
    if (!whole)
        len = cut_line(line, len);
    line[len++] = '\n'; /* where the NUL was: there is always room */
    log_sink(line, len);
}

/* The escaped form of one byte: 1 to 4 characters, its length returned. */
static size_t escape_byte(char escaped[4], unsigned char byte)
{
    if (byte == '"' || byte == '\\') {
        escaped[0] = '\\';
        escaped[1] = (char)byte;
        return 2;
    }
    if (byte < 0x20 || byte == 0x7F) {
        memcpy(escaped, "\\x", 2);
        hex_put(escaped + 2, byte, 2);
        return 4;
    }
    escaped[0] = (char)byte;
    return 1;
}

/* Removes the first bytes of a character whose other bytes did not fit. */
static size_t drop_partial_character(const char *text, size_t len)
{
    while (len > 0 && ((unsigned char)text[len - 1] & 0xC0) == 0x80)
        len--;
    return len > 0 && (unsigned char)text[len - 1] >= 0xC0 ? len - 1 : len;
}

const char *log_value(char *text, size_t size_bytes, struct slice value)
{
    bug_unless(size_bytes > 0, "no room for the NUL");
    size_t len = 0;
    for (size_t i = 0; i < value.len; i++) {
        char escaped[4];
        unsigned char byte = (unsigned char)value.data[i];
        size_t escaped_len = escape_byte(escaped, byte);
        if (len + escaped_len >= size_bytes) {
            len = (byte & 0xC0) == 0x80 ? drop_partial_character(text, len) : len;
            break;
        }
        memcpy(text + len, escaped, escaped_len);
        len += escaped_len;
    }
    text[len] = '\0';
    return text;
}
