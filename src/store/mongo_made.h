/* SPDX-License-Identifier: MIT */
/*
 * Made-markers: which Idempotency-Key made a todo. Private to store/mongo*.c.
 * context  pool thread, may block
 */
#ifndef STORE_MONGO_MADE_H
#define STORE_MONGO_MADE_H

#include "store/mongo_driver.h"
#include "store/store.h"

struct mongo_made {
    char key[STORE_KEY_MAX + 1]; /* "": a todo without a marker, or one whose record has expired */
};

/* Puts the marker into the document of a new todo. */
void mongo_made_append(struct _bson_t *document, const struct store_answer *answer);

/* Puts into the filter of a removal that the todo still has this marker, or none that matters. */
void mongo_made_filter(struct _bson_t *filter, const struct mongo_made *made);

/* The marker of a todo's document, and what a projection must have for it. */
void mongo_made_read(const struct _bson_t *document, struct mongo_made *made);
void mongo_made_project(struct _bson_t *projection);

/* As mongo_made_note(), as a statement of an update. */
void mongo_made_statement(struct _bson_t *statement, const struct todo *todo, const struct mongo_made *made);

/* As mongo_todo_find(), and reads the todo's marker. */
enum status mongo_made_find(struct mongo_session *session, const char *id, struct arena *arena, struct todo *todo,
                            struct mongo_made *made, struct error *error) STATUS_MUST_CHECK;

/* Notes in the record of the key that its todo, this one, was made. STATUS_OK also if no such request is running. */
enum status mongo_made_note(struct mongo_session *session, const struct todo *todo, const struct mongo_made *made,
                            int64_t max_time_ms, struct error *error) STATUS_MUST_CHECK;

#endif
