/* SPDX-License-Identifier: MIT */
/*
 * A keyset cursor: a place in a list, given by the last row's sort key, as a text that clients send back unchanged.
 *
 * Lists are ordered by (created_at, id). The text is URL-safe (base64url, no padding). It carries a version, a tag of
 * the query it belongs to, and a check sum, so that a cut, altered or misplaced cursor is refused. The check sum is no
 * signature: a client that forges a cursor only chooses where its page starts.
 */
#ifndef BASE_CURSOR_H
#define BASE_CURSOR_H

#include <stdbool.h>
#include <stdint.h>

#include "base/slice.h"
#include "base/todo.h"

enum { CURSOR_TEXT_MAX = 128 }; /* bytes, without the NUL */

struct cursor {
    int64_t created_at_ms;
    char id[TODO_ID_MAX + 1];
};

/* query_tag: the caller's word for what the cursor belongs to (order, filter), 0-255; parse must be given the same. */
void cursor_print(char text[CURSOR_TEXT_MAX + 1], const struct cursor *cursor, uint8_t query_tag);
bool cursor_parse(struct slice text, uint8_t query_tag, struct cursor *cursor);

#endif
