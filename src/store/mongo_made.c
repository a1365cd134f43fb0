/* SPDX-License-Identifier: MIT */
/*
 * Made-markers in MongoDB: a POST with an Idempotency-Key may lose its worker between the insert and the end of its
 * record in answers. The retry must learn whether its todo was made, even if clients have changed or deleted it since.
 *
 *   insert   the todo's document has made_by: {key, until}, beside its life
 *   change   the marker stays, like any field that is not a todo's
 *   delete   first the record of the key gets made: true, then the document goes
 *   retry    looks for the todo, then reads its record again (mongo_answers.c)
 *
 * Why not one transaction, as in SQLite: a standalone server has none, and on a replica set one would cost a POST a
 * round trip. Here only a delete pays, with three round trips more, and only until the key expires.
 *
 * Guarantees: a retry that finds no todo of its life, and after that a record without made: true, knows that its todo
 * was never made. For a delete of this service writes the record before it removes the document.
 *
 * Does not: know of removals by other programs. If one removes a todo after its worker died and before the retry, the
 * retry makes it again, with the same life.
 */
#include "store/mongo_made.h"

#include <mongoc/mongoc.h>

#include "base/clock.h"
#include "store/mongo_document.h"
#include "store/mongo_todo.h"

static const char FIELD[] = "made_by";

void mongo_made_append(bson_t *document, const struct store_answer *answer)
{
    bson_t marker;
    BSON_APPEND_DOCUMENT_BEGIN(document, FIELD, &marker);
    BSON_APPEND_UTF8(&marker, "key", answer->key);
    BSON_APPEND_DATE_TIME(&marker, "until", answer->expires_at_ms);
    bson_append_document_end(document, &marker);
}

void mongo_made_filter(bson_t *filter, const struct mongo_made *made)
{
    if (made->key[0]) {
        BSON_APPEND_UTF8(filter, "made_by.key", made->key);
        return;
    }
    BCON_APPEND(filter, "made_by.until", "{", "$not", "{", "$gt", BCON_DATE_TIME(clock_wall_ms()), "}", "}");
}

/* A marker that is damaged counts as none that matters. */
void mongo_made_read(const bson_t *document, struct mongo_made *made)
{
    bson_iter_t reader, until, key;
    uint32_t len = 0;
    made->key[0] = '\0';
    if (!bson_iter_init(&reader, document) || !bson_iter_find_descendant(&reader, "made_by.until", &until) ||
        !BSON_ITER_HOLDS_DATE_TIME(&until) || bson_iter_date_time(&until) <= clock_wall_ms())
        return;
    if (!bson_iter_init(&reader, document) || !bson_iter_find_descendant(&reader, "made_by.key", &key) ||
        !BSON_ITER_HOLDS_UTF8(&key))
        return;
    const char *text = bson_iter_utf8(&key, &len);
    if (len < sizeof(made->key))
        memcpy(made->key, text, len + 1);
}

void mongo_made_project(bson_t *projection)
{
    BSON_APPEND_INT32(projection, FIELD, 1);
}

static enum status cursor_read(mongoc_cursor_t *cursor, const char *id, struct arena *arena, struct todo *todo,
                               struct mongo_made *made, struct error *error)
{
    const bson_t *document;
    bson_error_t failure;
    if (mongoc_cursor_next(cursor, &document)) {
        mongo_made_read(document, made);
        return mongo_todo_read(document, arena, todo, error);
    }
    if (mongoc_cursor_error(cursor, &failure))
        return mongo_read_failed("read a todo", &failure, error);
    return error_set(error, STATUS_NOT_FOUND, "there is no todo with the id \"%s\"", id);
}

enum status mongo_made_find(struct mongo_session *session, const char *id, struct arena *arena, struct todo *todo,
                            struct mongo_made *made, struct error *error)
{
    bson_t *filter = BCON_NEW("_id", BCON_UTF8(id));
    bson_t *options = BCON_NEW("limit", BCON_INT64(1), "singleBatch", BCON_BOOL(true), "maxTimeMS",
                               BCON_INT64(session->server->max_time_ms));
    mongoc_cursor_t *cursor = mongoc_collection_find_with_opts(session->collection, filter, options, NULL);
    enum status status = cursor_read(cursor, id, arena, todo, made, error);
    mongoc_cursor_destroy(cursor);
    bson_destroy(filter);
    bson_destroy(options);
    return status;
}

static void note_append(bson_t *filter, bson_t *update, const struct todo *todo, const struct mongo_made *made)
{
    BCON_APPEND(filter, "_id", BCON_UTF8(made->key), "life", BCON_INT64(todo->life), "http_status", BCON_INT32(0));
    BCON_APPEND(update, "$set", "{", "made", BCON_BOOL(true), "}");
}

void mongo_made_statement(bson_t *statement, const struct todo *todo, const struct mongo_made *made)
{
    bson_t filter = BSON_INITIALIZER, update = BSON_INITIALIZER;
    note_append(&filter, &update, todo, made);
    BSON_APPEND_DOCUMENT(statement, "q", &filter);
    BSON_APPEND_DOCUMENT(statement, "u", &update);
    bson_destroy(&update);
    bson_destroy(&filter);
}

enum status mongo_made_note(struct mongo_session *session, const struct todo *todo, const struct mongo_made *made,
                            int64_t max_time_ms, struct error *error)
{
    struct mongo_session answers;
    bson_t found;
    bson_t filter = BSON_INITIALIZER, update = BSON_INITIALIZER;
    note_append(&filter, &update, todo, made);
    struct mongo_modification modification = {
        .filter = &filter, .update = &update, .max_time_ms = max_time_ms, .action = "note that a todo was made"};
    mongo_session_share(&answers, session, "answers");
    enum status status = mongo_modify_one(&answers, &modification, &found, error);
    mongo_session_unshare(&answers);
    bson_destroy(&found);
    bson_destroy(&update);
    bson_destroy(&filter);
    if (status == STATUS_UNKNOWN)
        return STATUS_UNAVAILABLE; /* the todo itself was not touched, and the note is true in any case */
    return status == STATUS_NOT_FOUND ? STATUS_OK : status;
}
