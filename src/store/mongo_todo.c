/* SPDX-License-Identifier: MIT */
/*
 * Todos to and from documents of MongoDB, by the rows of TODO_FIELDS (base/todo.h).
 *
 * A document has the fields under their names, only the id is called _id. Texts are strings, flags are booleans,
 * integers are int64, times are dates. Fields that are not a todo's are ignored by reads and survive changes.
 *
 * Other programs may write into the collection, so each document is checked field by field when it is read. A number
 * may be of another type, as shells write them, if its value is whole and exact. A field may be missing, or null, if
 * its row says that documents may lack it; the field then has its default. All else must be as todo_check() wants it. A
 * document without a life has its created_at for one (base/todo.h).
 */
#include "store/mongo_todo.h"

#include <mongoc/mongoc.h>

const char *mongo_todo_key(enum todo_field field)
{
    return TODO_ROWS[field].type == TODO_TYPE_ID ? "_id" : todo_field_name(field);
}

/* ---- Writing ---- */

static void field_write(bson_t *document, enum todo_field field, const void *member)
{
    const char *key = mongo_todo_key(field);
    const struct slice *text = member;
    switch (TODO_ROWS[field].type) {
    case TODO_TYPE_ID:
        BSON_APPEND_UTF8(document, key, member);
        break;
    case TODO_TYPE_TEXT:
        bson_append_utf8(document, key, -1, text->data ? text->data : "", (int)text->len);
        break;
    case TODO_TYPE_FLAG:
        BSON_APPEND_BOOL(document, key, *(const bool *)member);
        break;
    case TODO_TYPE_INTEGER:
        BSON_APPEND_INT64(document, key, *(const int64_t *)member);
        break;
    case TODO_TYPE_TIME:
        BSON_APPEND_DATE_TIME(document, key, *(const int64_t *)member);
        break;
    }
}

void mongo_todo_write(bson_t *document, const struct todo *todo, unsigned fields)
{
    for (enum todo_field field = 0; field < TODO_FIELD_COUNT; field++)
        if (fields & 1u << field)
            field_write(document, field, todo_member_const(todo, field));
}

void mongo_todo_project(bson_t *projection)
{
    for (enum todo_field field = 0; field < TODO_FIELD_COUNT; field++)
        BSON_APPEND_INT32(projection, mongo_todo_key(field), 1);
}

/* ---- Reading ---- */

static bool text_read(const bson_iter_t *value, struct slice *text)
{
    uint32_t len = 0;
    if (!BSON_ITER_HOLDS_UTF8(value))
        return false;
    text->data = bson_iter_utf8(value, &len);
    text->len = len;
    return true;
}

static bool id_read(const bson_iter_t *value, struct todo *todo)
{
    struct slice id;
    if (!text_read(value, &id) || !todo_id_valid(id))
        return false;
    todo_set_id(todo, id);
    return true;
}

/* Shells and scripts write int32 or double. */
static bool integer_read(const bson_iter_t *value, int64_t *integer)
{
    double real = BSON_ITER_HOLDS_DOUBLE(value) ? bson_iter_double(value) : 0;
    if (BSON_ITER_HOLDS_DOUBLE(value) && !(real >= 0 && real <= 9007199254740992.0))
        return false;
    *integer = bson_iter_as_int64(value);
    return BSON_ITER_HOLDS_INT(value) || (BSON_ITER_HOLDS_DOUBLE(value) && (double)*integer == real);
}

static bool field_read(enum todo_field field, const bson_iter_t *value, struct todo *todo)
{
    void *member = todo_member(todo, field);
    if (TODO_ROWS[field].may_lack && BSON_ITER_HOLDS_NULL(value))
        return true; /* it keeps its default */
    switch (TODO_ROWS[field].type) {
    case TODO_TYPE_ID:
        return id_read(value, todo);
    case TODO_TYPE_TEXT:
        return text_read(value, member);
    case TODO_TYPE_FLAG:
        *(bool *)member = BSON_ITER_HOLDS_BOOL(value) && bson_iter_bool(value);
        return BSON_ITER_HOLDS_BOOL(value);
    case TODO_TYPE_INTEGER:
        return integer_read(value, member);
    case TODO_TYPE_TIME:
        *(int64_t *)member = BSON_ITER_HOLDS_DATE_TIME(value) ? bson_iter_date_time(value) : -1;
        return BSON_ITER_HOLDS_DATE_TIME(value);
    }
    return false;
}

/* Texts are borrowed from the document. */
static enum status fields_read(const bson_t *document, struct todo *todo, struct error *error)
{
    *todo = TODO_DEFAULT;
    for (enum todo_field field = 0; field < TODO_FIELD_COUNT; field++) {
        bson_iter_t value;
        bool there = bson_iter_init_find(&value, document, mongo_todo_key(field));
        if (!there && TODO_ROWS[field].may_lack)
            continue;
        if (!there || !field_read(field, &value, todo)) {
            return error_set(error, STATUS_INVALID, "%s is %s", mongo_todo_key(field),
                             there ? "of another type or value than a todo's" : "missing");
        }
    }
    return todo_check(todo, error);
}

enum status mongo_todo_read(const bson_t *document, struct arena *arena, struct todo *todo, struct error *error)
{
    struct todo borrowed;
    struct error broken = {0};
    if (fields_read(document, &borrowed, &broken) == STATUS_OK) {
        borrowed.life = todo_life_of(borrowed.life, borrowed.created_at_ms);
        todo_copy(todo, &borrowed, arena);
        return STATUS_OK;
    }
    bson_iter_t id;
    bool named = bson_iter_init_find(&id, document, "_id") && BSON_ITER_HOLDS_UTF8(&id);
    error_set(error, STATUS_INVALID, "the stored todo \"%.64s\" can't be read: %.130s",
              named ? bson_iter_utf8(&id, NULL) : "(its _id is no string)", broken.text);
    return error_because(error, CAUSE_UNREADABLE, STATUS_INVALID);
}
