/* SPDX-License-Identifier: MIT */
/*
 * Log lines: formatted here, written by the program's sink.
 *
 * A line is built in one buffer on the stack and handed over in one call, so that lines of threads and workers that
 * share a file don't mix. The default sink writes it with one write(2) to stderr, and a line is shorter than what a
 * pipe takes in one piece (PIPE_BUF). A log call allocates nothing, so it works when memory is short.
 *
 * Format: time, level, pid, request id if there is one, event, pairs. The caller's format has the pairs. Their values
 * often are texts of clients, libraries and other servers, so the conversions are done here, not by vsnprintf(): a
 * string between quotes ("error=\"%s\"") is escaped, so that it stays one value, whatever it holds. In any other string
 * controls, such as line breaks, become spaces.
 *
 * What may happen with each request is logged by log_often(). Of lines that differ in digits alone, the first one goes
 * out at once. The next ones are counted, until log_flush() tells how many they were. The program calls that once a
 * second. If more than OFTEN_MAX different lines come in one second, the rest are counted together.
 *
 * Guarantees: exactly one sink call and one newline per line; a line that is too long is cut between two characters
 * and ends in "...". No other code in base reads a clock by itself, and nothing is decided by this one.
 *
 * Does not: buffer or rotate; the journal or the program behind stderr does that.
 */
#include "base/log.h"

#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/date.h"
#include "base/hash.h"
#include "base/hex.h"
#include "base/mem.h"

enum { LINE_MAX_BYTES = 2048, OFTEN_MAX = 16, OFTEN_TEXT_BYTES = 512 };

/* A line that may repeat. */
struct often {
    uint64_t key; /* of its text without digits; 0: this place is free */
    enum log_level level;
    uint64_t repeat_count;       /* since it went out */
    char text[OFTEN_TEXT_BYTES]; /* event and pairs, cut */
};

static void write_stderr(const char *line, size_t len);

static enum log_level log_threshold = LOG_INFO;
static log_sink_fn log_sink = write_stderr;
static struct often often_list[OFTEN_MAX]; /* the last place is for all that the others have no room for */
static pthread_mutex_t often_lock = PTHREAD_MUTEX_INITIALIZER;

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

/* ---- Lines ---- */

struct line {
    char data[LINE_MAX_BYTES];
    size_t len;
    bool is_cut;
};

/* Ends a line that doesn't fit: cut between two characters, so that the log stays valid UTF-8. */
static void line_cut(struct line *line)
{
    static const char mark[] = "...";
    size_t cut = slice_cut((struct slice){line->data, line->len}, sizeof(line->data) - sizeof(mark) - 1);
    memcpy(line->data + cut, mark, sizeof(mark) - 1);
    line->len = cut + sizeof(mark) - 1;
    line->is_cut = true;
}

/* Leaves room for the newline. What comes after a cut is dropped. */
static void line_append(struct line *line, struct slice text)
{
    size_t room = sizeof(line->data) - 1 - line->len;
    size_t len = text.len <= room ? text.len : room;
    if (line->is_cut)
        return;
    memcpy(line->data + line->len, text.data, len);
    line->len += len;
    if (len < text.len)
        line_cut(line);
}

static void line_append_string(struct line *line, struct slice text, bool is_quoted)
{
    for (size_t i = 0; i < text.len; i++) {
        char escaped[4];
        unsigned char byte = (unsigned char)text.data[i];
        if (is_quoted)
            line_append(line, (struct slice){escaped, escape_byte(escaped, byte)});
        else
            line_append(line, byte < 0x20 || byte == 0x7F ? SLICE(" ") : (struct slice){text.data + i, 1});
    }
}

/* Begins the line with all that stands before its event. */
static void line_begin(struct line *line, enum log_level level, const char *req)
{
    line->len = 0;
    line->is_cut = false;
    char head[DATE_RFC3339_LEN + 128], at[DATE_RFC3339_LEN + 1];
    date_rfc3339(at, clock_wall_ms());
    snprintf(head, sizeof(head), "%s level=%s pid=%d%s%.64s ", at, level_name(level), (int)getpid(), req ? " req=" : "",
             req ? req : "");
    line_append(line, slice_of(head));
}

static void line_end(struct line *line)
{
    line->data[line->len++] = '\n';
    log_sink(line->data, line->len);
}

/* ---- Conversions ---- */

struct arguments {
    va_list list;
};

static void append_string(struct line *line, struct arguments *arguments, int len, bool is_quoted)
{
    const char *text = va_arg(arguments->list, const char *);
    line_append_string(line, (struct slice){text, len < 0 ? strlen(text) : (size_t)len}, is_quoted);
}

static void append_number(struct line *line, struct arguments *arguments, const char *form)
{
    char text[32] = "";
    if (strcmp(form, "d") == 0)
        snprintf(text, sizeof(text), "%d", va_arg(arguments->list, int));
    else if (strcmp(form, "u") == 0)
        snprintf(text, sizeof(text), "%u", va_arg(arguments->list, unsigned));
    else if (strcmp(form, "zu") == 0)
        snprintf(text, sizeof(text), "%zu", va_arg(arguments->list, size_t));
    else if (strcmp(form, "lld") == 0)
        snprintf(text, sizeof(text), "%lld", va_arg(arguments->list, long long));
    else if (strcmp(form, "llu") == 0)
        snprintf(text, sizeof(text), "%llu", va_arg(arguments->list, unsigned long long));
    else if (strcmp(form, "llx") == 0)
        snprintf(text, sizeof(text), "%llx", va_arg(arguments->list, unsigned long long));
    bug_unless(text[0], "a log line with a conversion that log.c does not know");
    line_append(line, slice_of(text));
}

/* The conversion that begins at format; returns what stands behind it. */
static const char *append_conversion(struct line *line, struct arguments *arguments, const char *format, bool is_quoted)
{
    bool has_len = strncmp(format, "%.*s", 4) == 0;
    size_t form_len = has_len ? 3 : strspn(format + 1, "lz") + 1;
    char form[4];
    snprintf(form, sizeof(form), "%.*s", (int)form_len, format + 1);
    if (has_len || form[0] == 's')
        append_string(line, arguments, has_len ? va_arg(arguments->list, int) : -1, is_quoted);
    else
        append_number(line, arguments, form);
    return format + 1 + form_len;
}

/* "event=NAME pairs" */
static void line_append_event(struct line *line, const char *event, const char *format, struct arguments *arguments)
{
    bool is_quoted = false;
    line_append(line, SLICE("event="));
    line_append(line, slice_of(event));
    line_append(line, SLICE(" "));
    size_t len_before = line->len;
    while (*format) {
        if (*format == '%') {
            format = append_conversion(line, arguments, format, is_quoted);
            continue;
        }
        is_quoted ^= *format == '"';
        line_append(line, (struct slice){format++, 1});
    }
    if (line->len == len_before)
        line->len--; /* an event without pairs ends at its name */
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
    struct arguments arguments;
    struct line line;
    line_begin(&line, level, req);
    va_start(arguments.list, format);
    line_append_event(&line, event, format, &arguments);
    va_end(arguments.list);
    line_end(&line);
}

/* ---- What may repeat ---- */

/* Of the text without its digits: times, counts and ids don't make it another line. */
static uint64_t often_key(struct slice text)
{
    char kept[OFTEN_TEXT_BYTES];
    size_t len = 0;
    for (size_t i = 0; i < text.len && len < sizeof(kept); i++)
        if (text.data[i] < '0' || text.data[i] > '9')
            kept[len++] = text.data[i];
    return hash_bytes((struct slice){kept, len}) | 1;
}

/* The place of the line, a new one if it has none. often_lock is held. */
static struct often *often_find(uint64_t key)
{
    struct often *free_place = NULL, *last = &often_list[OFTEN_MAX - 1];
    for (struct often *each = often_list; each < last; each++) {
        if (each->key == key)
            return each;
        if (each->key == 0 && !free_place)
            free_place = each;
    }
    return free_place ? free_place : last;
}

/* Whether the line goes out now; else it has been counted. */
static bool often_note(enum log_level level, struct slice text)
{
    uint64_t key = often_key(text);
    pthread_mutex_lock(&often_lock);
    struct often *often = often_find(key);
    bool is_new = often->key == 0;
    if (is_new) {
        *often = (struct often){.key = key, .level = level};
        slice_copy(often->text, sizeof(often->text), text);
    } else {
        often->repeat_count++;
    }
    pthread_mutex_unlock(&often_lock);
    return is_new;
}

void log_often(enum log_level level, const char *req, const char *event, const char *format, ...)
{
    if (!log_enabled(level))
        return;
    struct arguments arguments;
    struct line line;
    line_begin(&line, level, req);
    size_t head_len = line.len;
    va_start(arguments.list, format);
    line_append_event(&line, event, format, &arguments);
    va_end(arguments.list);
    if (often_note(level, (struct slice){line.data + head_len, line.len - head_len}))
        line_end(&line);
}

void log_flush(void)
{
    for (struct often *each = often_list; each < often_list + OFTEN_MAX; each++) {
        pthread_mutex_lock(&often_lock);
        struct often told = *each;
        if (each->repeat_count == 0)
            each->key = 0;
        each->repeat_count = 0;
        pthread_mutex_unlock(&often_lock);
        if (told.repeat_count == 0)
            continue;
        char count[32];
        struct line line;
        snprintf(count, sizeof(count), " repeats=%llu", (unsigned long long)told.repeat_count);
        line_begin(&line, told.level, NULL);
        line_append(&line, slice_of(told.text));
        line_append(&line, slice_of(count));
        line_end(&line);
    }
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
