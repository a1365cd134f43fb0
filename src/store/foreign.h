/* SPDX-License-Identifier: MIT */
/*
 * Documents among the todos that other programs wrote and that are no todos: with an _id that is no string, say. No
 * call of store.h shows them. Here they are counted, read, and made todos of.
 *
 * context  pool thread, may block; one call at a time for each walk
 * errors   of all: STATUS_UNAVAILABLE; of store_adopt() also STATUS_UNKNOWN
 */
#ifndef STORE_FOREIGN_H
#define STORE_FOREIGN_H

#include "store/store.h"

enum { STORE_FOREIGN_COUNTED = 1000, STORE_SURVEY_TEXT_MAX = 255 };

/* What a person who looks for todos in vain should know. Cheap, however many todos or other documents there are. */
struct store_survey {
    bool is_empty;                        /* there are no todos and nothing else */
    uint32_t foreign_count;               /* at most STORE_FOREIGN_COUNTED, and only of those that an index shows */
    char text[STORE_SURVEY_TEXT_MAX + 1]; /* that in a line, with the database's name; "": there is nothing to say */
};

enum status store_survey(struct store *store, struct store_survey *survey, struct error *error) STATUS_MUST_CHECK;

/* A walk through all documents that lack a field of a todo, or have it in another type. */
struct store_foreign;

/* STATUS_UNSUPPORTED: this kind of store can't have any. */
enum status store_foreign_open(struct store *store, struct store_foreign **foreign,
                               struct error *error) STATUS_MUST_CHECK;

/* The next document as BSON, borrowed until the next call. STATUS_NOT_FOUND: there are no more. */
enum status store_foreign_next(struct store_foreign *foreign, struct slice *document,
                               struct error *error) STATUS_MUST_CHECK;

/* NULL is fine. */
void store_foreign_close(struct store_foreign *foreign);

/*
 * Puts todos in the place of the documents that they were made of, as the walk gave them; no id twice. Members that are
 * no field of a todo stay. A call that ended early, or a process, can be repeated from a new walk.
 *
 * results  one per todo, valid if STATUS_OK is returned: STATUS_OK; STATUS_EXISTS: its id is taken by another todo, and
 *          the document is as it was
 */
enum status store_adopt(struct store *store, const struct todo *todos, const struct slice *documents, size_t count,
                        enum status *results, struct error *error) STATUS_MUST_CHECK;

#endif
