/* SPDX-License-Identifier: MIT */
/*
 * The bytes of a file, a pipe or stdin, unpacked if they are gzip: a window to look into and to move.
 *
 * ownership  the bytes of a peek are borrowed until the next peek
 * errors     STATUS_UNAVAILABLE: can't be read any further (I/O, damaged gzip data, cancelled)
 * context    pool thread, may block; source_cancel from any thread
 */
#ifndef LOAD_SOURCE_H
#define LOAD_SOURCE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "base/slice.h"

enum { SOURCE_RECORD_MAX_BYTES = 1 << 20 }; /* longest record that the readers take */

struct source;

/* path "-" is stdin. STATUS_NOT_FOUND: no such file. */
enum status source_open(struct source **source, const char *path, struct error *error) STATUS_MUST_CHECK;

/* Takes fd over, also on failure; name is for error texts and is copied. */
enum status source_open_fd(struct source **source, int fd, const char *name, struct error *error) STATUS_MUST_CHECK;

/* NULL is fine. */
void source_close(struct source *source);

/*
 * Shows at least the next want_bytes, fewer only where the input ends. want_bytes is at most
 * SOURCE_RECORD_MAX_BYTES + 1.
 */
enum status source_peek(struct source *source, size_t want_bytes, struct slice *window,
                        struct error *error) STATUS_MUST_CHECK;

/* Skips bytes that the last peek showed. */
void source_skip(struct source *source, size_t len);

/*
 * Shows the next line with its newline, which the input's last may lack; empty at the end. Of a line longer than
 * SOURCE_RECORD_MAX_BYTES it shows SOURCE_RECORD_MAX_BYTES + 1 bytes; source_skip_line() then skips all of it.
 */
enum status source_peek_line(struct source *source, struct slice *line, struct error *error) STATUS_MUST_CHECK;
enum status source_skip_line(struct source *source, struct error *error) STATUS_MUST_CHECK;

/* Bytes read from the file so far (packed, if it is gzip), and its size; 0: unknown (a pipe). */
int64_t source_position_bytes(const struct source *source);
int64_t source_size_bytes(const struct source *source);

/* Whether it reads the file at path, under whatever name. */
bool source_is_file(const struct source *source, const char *path);

/* Makes a read from a pipe give up within a fraction of a second. */
void source_cancel(struct source *source);

#endif
