/* SPDX-License-Identifier: MIT */
/*
 * Operations on one document: find a todo, insert, change by findAndModify. Private to store/mongo*.c.
 * context  pool thread, may block; a session has one user
 */
#ifndef STORE_MONGO_DOCUMENT_H
#define STORE_MONGO_DOCUMENT_H

#include "base/arena.h"
#include "base/todo.h"
#include "store/mongo_driver.h"

/* Options of a find: up to limit documents in one batch, with a todo's fields only. */
void mongo_find_options(struct _bson_t *options, const struct mongo_server *server, int64_t limit);

/* As store_get(). */
enum status mongo_todo_find(struct mongo_session *session, const char *id, struct arena *arena, struct todo *todo,
                            struct error *error) STATUS_MUST_CHECK;

/* STATUS_EXISTS, with no text in error: the document's _id, or another unique key, is taken. */
enum status mongo_insert_one(struct mongo_session *session, const struct _bson_t *document, int64_t max_time_ms,
                             const char *action, struct error *error) STATUS_MUST_CHECK;

/* Inserts documents, each of its todo. results, errors: as store_load() in INSERT mode. */
enum status mongo_insert_many(struct mongo_session *session, const struct todo *todos, const struct _bson_t **documents,
                              size_t count, enum status *results, struct error *error) STATUS_MUST_CHECK;

/* One findAndModify; filter has _id in it, as sharded collections want it. */
struct mongo_modification {
    const struct _bson_t *filter;
    const struct _bson_t *update; /* NULL: remove */
    bool is_upsert;               /* if nothing matches, what filter and update say is inserted */
    const struct _bson_t *fields; /* which of them come back; NULL: all */
    int64_t max_time_ms;
    const char *action; /* for errors: "change a todo" */
};

/*
 * found   the document as it is after the update, or as it was before its removal; the caller's to destroy always
 * errors  STATUS_NOT_FOUND, with no text in error: nothing matched the filter
 */
enum status mongo_modify_one(struct mongo_session *session, const struct mongo_modification *modification,
                             struct _bson_t *found, struct error *error) STATUS_MUST_CHECK;

#endif
