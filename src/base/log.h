/* SPDX-License-Identifier: MIT */
/*
 * The log: one line per event, key=value, with the request's id; error, warn, info, debug.
 *
 *   2026-01-31T23:59:59.123Z level=warn pid=71 req=3f2a... event=redis_lost error="timed out after 100 ms"
 *
 * log_info(req, "redis_lost", "error=\"%s\"", text): first the request's id or NULL, then the event's name (a literal),
 * then pairs. The sink is the program's (stderr by default); it and the level are this module's only state.
 * Values that a client chose go through log_value(), which escapes what would break the line.
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

#define log_error(req, event, ...) log_event(LOG_ERROR, (req), (event), __VA_ARGS__)
#define log_warn(req, event, ...)  log_event(LOG_WARN, (req), (event), __VA_ARGS__)
#define log_info(req, event, ...)  log_event(LOG_INFO, (req), (event), __VA_ARGS__)
#define log_debug(req, event, ...)                                                                                     \
    (log_enabled(LOG_DEBUG) ? log_event(LOG_DEBUG, (req), (event), __VA_ARGS__) : (void)0)

/* Copies value into text, quotes, backslashes and controls escaped, cut to size_bytes; returns text. */
const char *log_value(char *text, size_t size_bytes, struct slice value);

#endif
