/* SPDX-License-Identifier: MIT */
/*
 * The log: one line per event, key=value, with the request's id; error, warn, info, debug.
 *
 *   2026-01-31T23:59:59.123Z level=warn pid=71 req=3f2a... event=redis_lost error="timed out after 100 ms"
 *
 * log_info(req, "redis_lost", "error=\"%s\"", text): first the request's id or NULL, then the event's name (a literal),
 * then pairs. A string between quotes is escaped, so that no text of a client or a library breaks the line. The
 * conversions are s, .*s (with its length), d, u, zu, lld, llu and llx. The sink is the program's (stderr by default).
 * context  any thread
 */
#ifndef BASE_LOG_H
#define BASE_LOG_H

#include <stdbool.h>
#include <stddef.h>

#include "base/slice.h"

enum log_level { LOG_ERROR, LOG_WARN, LOG_INFO, LOG_DEBUG };

/* Gets one whole line, newline included. */
typedef void (*log_sink_fn)(const char *line, size_t len);

void log_init(enum log_level level, log_sink_fn sink);
bool log_enabled(enum log_level level);

void log_event(enum log_level level, const char *req, const char *event, const char *format, ...)
    __attribute__((format(printf, 4, 5)));

/*
 * The same for what may happen with each request: of lines that differ in digits alone one goes out now, and the next
 * ones are counted until log_flush().
 */
void log_often(enum log_level level, const char *req, const char *event, const char *format, ...)
    __attribute__((format(printf, 4, 5)));

/* Once a second, and at the end: tells of each line of log_often() how often it came since (repeats=N). */
void log_flush(void);

#define log_error(req, event, ...)      log_event(LOG_ERROR, (req), (event), __VA_ARGS__)
#define log_warn(req, event, ...)       log_event(LOG_WARN, (req), (event), __VA_ARGS__)
#define log_warn_often(req, event, ...) log_often(LOG_WARN, (req), (event), __VA_ARGS__)
#define log_info(req, event, ...)       log_event(LOG_INFO, (req), (event), __VA_ARGS__)
#define log_debug(req, event, ...)                                                                                     \
    (log_enabled(LOG_DEBUG) ? log_event(LOG_DEBUG, (req), (event), __VA_ARGS__) : (void)0)

/* As a string between quotes: copies value into text, escaped, cut to size_bytes; returns text. For texts elsewhere. */
const char *log_value(char *text, size_t size_bytes, struct slice value);

#endif
