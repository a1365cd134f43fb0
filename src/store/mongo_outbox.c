/* SPDX-License-Identifier: MIT */
/*
 * The outbox in MongoDB: the collection outbox, a document for each fence that Redis could not take.
 *
 * The _id of a fence is "TOKEN/ID", so a second put of the same fence replaces its document. Documents are listed in
 * the order of added_at, which is set once. The clocks of two workers may differ, and the order with them; that costs
 * nothing, because each fence is taken to Redis for itself.
 *
 * A removal names the whole record as it was listed, so it does not remove what its writer has changed since.
 *
 * Puts and removals are unordered batches. After an error a part of a batch may be done; both may be sent again.
 *
 * A document that is not ours is skipped and logged: it must not stop the others.
 */
#include <mongoc/mongoc.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "store/mongo_batch.h"
#include "store/mongo_store.h"

enum { FENCE_KEY_MAX = TOKEN_LEN + 1 + TODO_ID_MAX };

static void fence_key(char key[FENCE_KEY_MAX + 1], const struct store_fence *fence)
{
    snprintf(key, FENCE_KEY_MAX + 1, "%s/%s", fence->token.text, fence->id);
}

static bson_t *put_statement(const struct store_fence *fence, int64_t added_at_ms)
{
    char key[FENCE_KEY_MAX + 1];
    fence_key(key, fence);
    return BCON_NEW("q", "{", "_id", BCON_UTF8(key), "}", "u", "{", "$set", "{", "token", BCON_UTF8(fence->token.text),
                    "id", BCON_UTF8(fence->id), "deadline_at", BCON_DATE_TIME(fence->deadline_at_ms), "settled",
                    BCON_BOOL(fence->is_closed), "}", "$setOnInsert", "{", "added_at", BCON_DATE_TIME(added_at_ms), "}",
                    "}", "upsert", BCON_BOOL(true));
}

static bson_t *remove_statement(const struct store_fence *fence)
{
    char key[FENCE_KEY_MAX + 1];
    fence_key(key, fence);
    return BCON_NEW("q", "{", "_id", BCON_UTF8(key), "deadline_at", BCON_DATE_TIME(fence->deadline_at_ms), "settled",
                    BCON_BOOL(fence->is_closed), "}", "limit", BCON_INT32(1));
}

/* matched_count: how many documents the statements have found. */
static enum status fences_send(struct mongo_session *session, const char *command, const struct store_fence *fences,
                               size_t count, int64_t *matched_count, struct error *error)
{
    enum status status = STATUS_OK;
    bool puts = strcmp(command, "update") == 0;
    int64_t added_at_ms = clock_wall_ms();
    struct mongo_batch batch;
    mongo_batch_init(&batch, session, command, "change the outbox");
    for (size_t i = 0; i < count && status == STATUS_OK; i++) {
        bson_t *statement = puts ? put_statement(&fences[i], added_at_ms) : remove_statement(&fences[i]);
        status = mongo_batch_add(&batch, statement, error);
    }
    status = mongo_batch_end(&batch, status, error);
    *matched_count = batch.matched_count;
    return status;
}

enum status mongo_outbox_put(struct store *store, const struct store_fence *fences, size_t count, struct error *error)
{
    struct mongo_session session;
    int64_t ignored;
    enum status status = mongo_session_open(&session, mongo_server_of(store), "outbox", error);
    if (status)
        return status;
    status = fences_send(&session, "update", fences, count, &ignored, error);
    mongo_session_close(&session);
    return status;
}

/* How many of the records are there, in whatever state. */
static enum status fences_count(struct mongo_session *session, const struct store_fence *fences, size_t count,
                                size_t *found_count, struct error *error)
{
    char key[FENCE_KEY_MAX + 1], room[16];
    const char *at;
    bson_t ids = BSON_INITIALIZER;
    for (size_t i = 0; i < count; i++) {
        size_t len = bson_uint32_to_string((uint32_t)i, &at, room, sizeof(room));
        fence_key(key, &fences[i]);
        bson_append_utf8(&ids, at, (int)len, key, -1);
    }
    bson_t *filter = BCON_NEW("_id", "{", "$in", BCON_ARRAY(&ids), "}");
    bson_t *options =
        BCON_NEW("projection", "{", "_id", BCON_INT32(1), "}", "maxTimeMS", BCON_INT64(session->server->max_time_ms));
    const bson_t *document;
    bson_error_t failure;
    mongoc_cursor_t *cursor = mongoc_collection_find_with_opts(session->collection, filter, options, NULL);
    for (*found_count = 0; mongoc_cursor_next(cursor, &document);)
        (*found_count)++;
    bool failed = mongoc_cursor_error(cursor, &failure);
    mongoc_cursor_destroy(cursor);
    bson_destroy(options);
    bson_destroy(filter);
    bson_destroy(&ids);
    return failed ? mongo_read_failed("look into the outbox", &failure, error) : STATUS_OK;
}

enum status mongo_outbox_remove(struct store *store, const struct store_fence *fences, size_t count,
                                size_t *changed_count, struct error *error)
{
    struct mongo_session session;
    int64_t removed_count;
    enum status status = mongo_session_open(&session, mongo_server_of(store), "outbox", error);
    if (status)
        return status;
    status = fences_send(&session, "delete", fences, count, &removed_count, error);
    if (status == STATUS_OK && removed_count < (int64_t)count)
        status = fences_count(&session, fences, count, changed_count, error);
    mongo_session_close(&session);
    return status;
}

static bool fence_read(const bson_t *document, struct store_fence *fence)
{
    bson_iter_t settled;
    bool whole = mongo_text_copy(document, "token", fence->token.text, sizeof(fence->token.text)) &&
                 mongo_text_copy(document, "id", fence->id, sizeof(fence->id)) && todo_id_valid(slice_of(fence->id)) &&
                 mongo_time_read(document, "deadline_at", &fence->deadline_at_ms) &&
                 bson_iter_init_find(&settled, document, "settled") && BSON_ITER_HOLDS_BOOL(&settled) &&
                 mongo_time_read(document, "added_at", &fence->place);
    if (whole)
        fence->is_closed = bson_iter_bool(&settled);
    return whole;
}

/* Records behind `after`, in the order of the listing. */
static bson_t *filter_after(const struct store_fence *after)
{
    char key[FENCE_KEY_MAX + 1];
    if (!after)
        return bson_new();
    fence_key(key, after);
    return BCON_NEW("$or", "[", "{", "added_at", "{", "$gt", BCON_DATE_TIME(after->place), "}", "}", "{", "added_at",
                    BCON_DATE_TIME(after->place), "_id", "{", "$gt", BCON_UTF8(key), "}", "}", "]");
}

/* Reads records until there are enough; those that are not ours don't count, and must not hide what is behind them. */
static enum status fences_read(mongoc_cursor_t *cursor, struct store_fence *fences, size_t limit, size_t *count,
                               struct error *error)
{
    const bson_t *document;
    bson_error_t failure;
    while (*count < limit && mongoc_cursor_next(cursor, &document)) {
        if (fence_read(document, &fences[*count])) {
            (*count)++;
        } else {
            log_error(NULL, "outbox_unreadable",
                      "advice=\"a record is not ours: look for it in outbox and remove it\"");
        }
    }
    return mongoc_cursor_error(cursor, &failure) ? mongo_read_failed("read the outbox", &failure, error) : STATUS_OK;
}

enum status mongo_outbox_list(struct store *store, const struct store_fence *after, struct store_fence *fences,
                              size_t limit, size_t *count, struct error *error)
{
    struct mongo_session session;
    enum status status = mongo_session_open(&session, mongo_server_of(store), "outbox", error);
    if (status)
        return status;
    bson_t *filter = filter_after(after);
    bson_t *options =
        BCON_NEW("batchSize", BCON_INT64((int64_t)limit), "maxTimeMS", BCON_INT64(session.server->max_time_ms), "sort",
                 "{", "added_at", BCON_INT32(1), "_id", BCON_INT32(1), "}");
    status = mongo_session_catch_up(&session, options, error);
    if (status == STATUS_OK) {
        mongoc_cursor_t *cursor = mongoc_collection_find_with_opts(session.collection, filter, options, NULL);
        status = fences_read(cursor, fences, limit, count, error);
        mongoc_cursor_destroy(cursor);
    }
    bson_destroy(options);
    bson_destroy(filter);
    return mongo_session_close_read(&session, status, error);
}
