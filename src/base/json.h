/* SPDX-License-Identifier: MIT */
/*
 * JSON in and out (RFC 8259). The only place that sees jansson.
 *
 * Reading is strict: duplicate names, NUL, trailing bytes, lone surrogates, bad UTF-8, numbers out of range and nesting
 * deeper than 8 are refused, with the position in the error's text. Writing needs no library: texts are valid UTF-8
 * by todo_check(), so only quotes, backslashes and controls are escaped.
 */
#ifndef BASE_JSON_H
#define BASE_JSON_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/error.h"
#include "base/slice.h"
#include "base/todo.h"

enum { JSON_DEPTH_MAX = 8 };

/* KIND, because jansson's own enum has taken JSON_STRING and its like. */
enum json_kind {
    JSON_KIND_NULL,
    JSON_KIND_BOOL,
    JSON_KIND_INTEGER,
    JSON_KIND_REAL,
    JSON_KIND_STRING,
    JSON_KIND_ARRAY,
    JSON_KIND_OBJECT
};

/* One member of an object; name and text are borrowed until the callback returns. */
struct json_member {
    struct slice name;
    enum json_kind kind;
    struct slice text; /* STRING: its value, decoded UTF-8 */
    bool boolean;      /* BOOL */
    int64_t integer;   /* INTEGER */
    double real;       /* REAL */
    const void *node;  /* OBJECT: for json_node_string() */
};

/* Called for each member in its order; any status but STATUS_OK ends the walk and is json_object_read()'s answer. */
typedef enum status (*json_member_cb)(void *ctx, const struct json_member *member, struct error *error);

/* Reads text, which must be one JSON object, and calls on_member for each of its members. */
enum status json_object_read(struct slice text, json_member_cb on_member, void *ctx,
                             struct error *error) STATUS_MUST_CHECK;

/* The string or integer member called name of an OBJECT member's node ({"$oid":"..."}), as text; absent if not there.
 * An integer's digits are borrowed until this thread's next call. */
struct slice json_node_string(const void *node, const char *name);

/* The object member called name of an OBJECT member's node, as a node of its own; NULL if there is none. */
const void *json_node_object(const void *node, const char *name);

/* What a client may send to make a todo: which members were there, and their values, copied into the arena. */
struct todo_draft {
    unsigned present; /* bits 1u << enum todo_field: ID, NAME, DESCRIPTION, DONE only */
    struct todo todo;
};

/*
 * Reads a request body into a draft: members other than id, name, description, done are refused by name, types are
 * checked, texts are checked by todo_text_check(). A null description is an absent one.
 * errors   STATUS_INVALID: pointer "" means that the text is no JSON object (400), else a member is at fault (422)
 */
enum status json_draft_read(struct slice body, struct arena *arena, struct todo_draft *draft,
                            struct error *error) STATUS_MUST_CHECK;

/*
 * Reads a JSON merge patch (RFC 7396) into a draft, in the same way: present tells what is to be changed. null takes a member
 * back to what it is without being given: an empty description, not done. A name can't be taken away.
 */
enum status json_patch_read(struct slice body, struct arena *arena, struct todo_draft *draft,
                            struct error *error) STATUS_MUST_CHECK;

/* Appends text as a JSON string, quotes included. */
void json_write_string(struct buf *buf, struct slice text);

/* Appends {"id":...,"name":...,"description":...,"done":...,"created_at":...,"updated_at":...}; v shows in the ETag. */
void json_write_todo(struct buf *buf, const struct todo *todo);

#endif
