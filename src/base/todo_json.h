/* SPDX-License-Identifier: MIT */
/*
 * A todo as JSON: what an answer shows of it, and what a request may say about it.
 * context  any (pure)
 */
#ifndef BASE_TODO_JSON_H
#define BASE_TODO_JSON_H

#include "base/arena.h"
#include "base/buf.h"
#include "base/error.h"
#include "base/slice.h"
#include "base/todo.h"

/* What a request says about a todo: the fields that it names, and their values. Other fields have their defaults. */
struct todo_draft {
    unsigned present; /* a set: bits 1u << enum todo_field */
    struct todo todo; /* texts in the arena */
};

enum draft_kind {
    DRAFT_NEW,   /* what a client may set */
    DRAFT_WHOLE, /* the same, and what it may read */
    DRAFT_PATCH, /* a JSON merge patch (RFC 7396): a null member is present and has its default */
};

/*
 * Reads a request body into a draft. It refuses, by name, members that this kind of draft does not have, members of
 * another type, and texts that todo_text_check() refuses or that are blank. A null text counts as absent if the field
 * has a default; a field without one can't be null.
 * errors   STATUS_INVALID: pointer "" means that the body is no JSON object (400), else a member is at fault (422)
 */
enum status todo_json_read(struct slice body, enum draft_kind kind, struct arena *arena, struct todo_draft *draft,
                           struct error *error) STATUS_MUST_CHECK;

/* Appends {"id":...,"name":...,...}, all fields but the hidden ones, in their order. */
void todo_json_write(struct buf *buf, const struct todo *todo);

#endif
