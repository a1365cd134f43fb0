/* SPDX-License-Identifier: MIT */
/*
 * JSON in and out (RFC 8259). Only json.c sees jansson.
 *
 * The reader is strict. It refuses duplicate names, NUL, trailing bytes, lone surrogates, bad UTF-8, numbers out of
 * range and nesting deeper than 8; the error's text has the position.
 * context  any (pure)
 */
#ifndef BASE_JSON_H
#define BASE_JSON_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/error.h"
#include "base/slice.h"

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

/* Called for each member in its order. A status other than STATUS_OK ends the walk; json_object_read() returns it. */
typedef enum status (*json_member_cb)(void *ctx, const struct json_member *member, struct error *error);

/* Reads text, which must be one JSON object, and calls on_member for each of its members. */
enum status json_object_read(struct slice text, json_member_cb on_member, void *ctx,
                             struct error *error) STATUS_MUST_CHECK;

/*
 * The string or integer member called name of an OBJECT member's node ({"$oid":"..."}), as text; absent if there is
 * none. The digits of an integer are borrowed until the next call in this thread.
 */
struct slice json_node_string(const void *node, const char *name);

/* The object member called name of an OBJECT member's node, as a node of its own; NULL if there is none. */
const void *json_node_object(const void *node, const char *name);

/* Appends text, which is valid UTF-8, as a JSON string with its quotes. */
void json_write_string(struct buf *buf, struct slice text);

#endif
