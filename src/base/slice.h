/* SPDX-License-Identifier: MIT */
/*
 * A borrowed run of bytes: a pointer and a length, no terminating NUL, no ownership.
 *
 * A function that returns a slice says how long its bytes live. An absent value has data == NULL; an empty one has
 * data != NULL and len == 0.
 */
#ifndef BASE_SLICE_H
#define BASE_SLICE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct slice {
    const char *data; /* borrowed; NULL: absent */
    size_t len;       /* bytes */
};

/* A slice over a string literal, without its NUL. */
#define SLICE(literal) ((struct slice){.data = (literal), .len = sizeof(literal) - 1})

static inline struct slice slice_of(const char *text)
{
    return (struct slice){.data = text, .len = text ? strlen(text) : 0};
}

static inline bool slice_equal(struct slice a, struct slice b)
{
    return a.len == b.len && (a.len == 0 || memcmp(a.data, b.data, a.len) == 0);
}

/* The same for a literal: the compiler knows both lengths and compares words. */
#define SLICE_IS(text, literal)                                                                                        \
    ((text).len == sizeof(literal) - 1 && memcmp((text).data, literal, sizeof(literal) - 1) == 0)

/* text without the bytes of blanks (such as " \t") at its two ends, or at its end alone. */
struct slice slice_trim(struct slice text, const char *blanks);
struct slice slice_trim_end(struct slice text, const char *blanks);

/* The text before the first mark; rest is the text behind it. Without a mark the whole text, and rest is absent. */
struct slice slice_split(struct slice text, char mark, struct slice *rest);

/* Parses all of text as a decimal integer: no sign but one leading '-', no spaces, no leading zeros, no overflow. */
bool slice_to_int64(struct slice text, int64_t *value);

enum { INT64_TEXT_MAX = 20 }; /* "-9223372036854775808" */

/* Writes value as decimal digits into text, with a NUL behind them; the answer borrows text. */
struct slice slice_of_int64(char text[INT64_TEXT_MAX + 1], int64_t value);

/* The length, at most max_bytes, to which UTF-8 text can be cut without splitting a character. */
size_t slice_cut(struct slice text, size_t max_bytes);

/* Copies source into text, cut by slice_cut() if it is too long, with a NUL behind it. */
void slice_copy(char *text, size_t size_bytes, struct slice source);

#endif
