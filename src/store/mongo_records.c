/* SPDX-License-Identifier: MIT */
/*
 * The cache's records in MongoDB: the collection outbox, a document for each fence that Redis could not take, and the one
 * document of meta, the epoch.
 *
 * A fence's _id is "TOKEN/ID", so that putting it again replaces it and two records never speak of one fence. They are
 * read in the order of added_at, which is set once; clocks of two workers may differ, and then the order does too,
 * which costs nothing: each record is drained for itself.
 *
 * The swap of the epoch is one findAndModify filtered on the epoch that is expected, so of several workers that
 * found another Redis exactly one moves it on. Where there is no record yet the epoch counts as 0, and the swap may
 * insert: a second inserter meets the first one's _id, which is an answer (not swapped) and no error.
 *
 * Puts and removals are unordered batches; after an error part of one may be done. Both may be sent again.
 */
#include "store/mongo_records.h"

#include <mongoc/mongoc.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/log.h"

enum { FENCE_KEY_MAX = TOKEN_LEN + 1 + TODO_ID_MAX };

static const char META_KEY[] = "cache";

static int64_t now_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

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
                    BCON_BOOL(fence->settled), "}", "$setOnInsert", "{", "added_at", BCON_DATE_TIME(added_at_ms), "}",
                    "}", "upsert", BCON_BOOL(true));
}

static bson_t *remove_statement(const struct store_fence *fence)
{
    char key[FENCE_KEY_MAX + 1];
    fence_key(key, fence);
    return BCON_NEW("q", "{", "_id", BCON_UTF8(key), "}", "limit", BCON_INT32(1));
}

static enum status fences_send(struct mongo_server *server, const char *command, const struct store_fence *fences,
                               size_t count, struct error *error)
{
    static const char action[] = "change the outbox";
    struct mongo_session session;
    enum status status = mongo_session_open(&session, server, "outbox", error);
    if (status)
        return status;
    bool puts = strcmp(command, "update") == 0;
    int64_t added_at_ms = now_ms();
    struct mongo_batch batch;
    mongo_batch_init(&batch, &session, command);
    for (size_t i = 0; i < count && status == STATUS_OK; i++) {
        bson_t *statement = puts ? put_statement(&fences[i], added_at_ms) : remove_statement(&fences[i]);
        mongo_batch_add(&batch, statement);
        bson_destroy(statement);
        if (mongo_batch_is_full(&batch))
            status = mongo_batch_send(&batch, action, error);
    }
    status = status ? status : mongo_batch_send(&batch, action, error);
    mongo_batch_fini(&batch);
    mongo_session_close(&session);
    return status;
}

enum status mongo_records_put(struct mongo_server *server, const struct store_fence *fences, size_t count,
                              struct error *error)
{
    return fences_send(server, "update", fences, count, error);
}

enum status mongo_records_remove(struct mongo_server *server, const struct store_fence *fences, size_t count,
                                 struct error *error)
{
    return fences_send(server, "delete", fences, count, error);
}

static bool text_read(const bson_t *document, const char *key, char *text, size_t size_bytes)
{
    bson_iter_t value;
    if (!bson_iter_init_find(&value, document, key) || !BSON_ITER_HOLDS_UTF8(&value))
        return false;
    return snprintf(text, size_bytes, "%s", bson_iter_utf8(&value, NULL)) < (int)size_bytes;
}

static bool fence_read(const bson_t *document, struct store_fence *fence)
{
    bson_iter_t deadline_at, settled;
    bool whole = text_read(document, "token", fence->token.text, sizeof(fence->token.text)) &&
                 text_read(document, "id", fence->id, sizeof(fence->id)) && todo_id_valid(slice_of(fence->id)) &&
                 bson_iter_init_find(&deadline_at, document, "deadline_at") &&
                 BSON_ITER_HOLDS_DATE_TIME(&deadline_at) && bson_iter_init_find(&settled, document, "settled") &&
                 BSON_ITER_HOLDS_BOOL(&settled);
    if (whole) {
        fence->deadline_at_ms = bson_iter_date_time(&deadline_at);
        fence->settled = bson_iter_bool(&settled);
    }
    return whole;
}

enum status mongo_records_list(struct mongo_server *server, struct store_fence *fences, size_t limit, size_t *count,
                               struct error *error)
{
    struct mongo_session session;
    enum status status = mongo_session_open(&session, server, "outbox", error);
    if (status)
        return status;
    const bson_t *document;
    bson_error_t failure;
    bson_t filter = BSON_INITIALIZER;
    bson_t *options = BCON_NEW("limit", BCON_INT64((int64_t)limit), "batchSize", BCON_INT64((int64_t)limit),
                               "singleBatch", BCON_BOOL(true), "maxTimeMS", BCON_INT64(server->max_time_ms), "sort",
                               "{", "added_at", BCON_INT32(1), "_id", BCON_INT32(1), "}");
    mongoc_cursor_t *cursor = mongoc_collection_find_with_opts(session.collection, &filter, options, NULL);
    while (*count < limit && mongoc_cursor_next(cursor, &document)) {
        if (fence_read(document, &fences[*count])) {
            (*count)++;
        } else {
            log_error(NULL, "outbox_unreadable",
                      "advice=\"a record is not ours: look for it in outbox and remove it\"");
        }
    }
    if (mongoc_cursor_error(cursor, &failure))
        status = mongo_read_failed("read the outbox", &failure, error);
    mongoc_cursor_destroy(cursor);
    bson_destroy(options);
    mongo_session_close(&session);
    return status;
}

static enum status epoch_read(mongoc_cursor_t *cursor, struct store_meta *meta, struct error *error)
{
    const bson_t *document;
    bson_error_t failure;
    bson_iter_t epoch;
    if (!mongoc_cursor_next(cursor, &document))
        return mongoc_cursor_error(cursor, &failure) ? mongo_read_failed("read the epoch", &failure, error) : STATUS_OK;
    bool whole = bson_iter_init_find(&epoch, document, "epoch") && BSON_ITER_HOLDS_NUMBER(&epoch) &&
                 text_read(document, "cache_run_id", meta->cache_run_id, sizeof(meta->cache_run_id));
    if (!whole) {
        return error_set(error, STATUS_UNAVAILABLE,
                         "mongodb: the record \"%s\" in meta is damaged; remove it while no worker runs", META_KEY);
    }
    meta->epoch = bson_iter_as_int64(&epoch);
    return STATUS_OK;
}

enum status mongo_epoch_get(struct mongo_server *server, struct store_meta *meta, struct error *error)
{
    struct mongo_session session;
    enum status status = mongo_session_open(&session, server, "meta", error);
    if (status)
        return status;
    bson_t *filter = BCON_NEW("_id", BCON_UTF8(META_KEY));
    bson_t *options =
        BCON_NEW("limit", BCON_INT64(1), "singleBatch", BCON_BOOL(true), "maxTimeMS", BCON_INT64(server->max_time_ms));
    mongoc_cursor_t *cursor = mongoc_collection_find_with_opts(session.collection, filter, options, NULL);
    status = epoch_read(cursor, meta, error);
    mongoc_cursor_destroy(cursor);
    bson_destroy(filter);
    bson_destroy(options);
    mongo_session_close(&session);
    return status;
}

/* The new record, asked for by RETURN_NEW, is null if nothing matched and nothing was inserted. */
static bool reply_has_record(const bson_t *reply)
{
    bson_iter_t value;
    return bson_iter_init_find(&value, reply, "value") && BSON_ITER_HOLDS_DOCUMENT(&value);
}

enum status mongo_epoch_swap(struct mongo_server *server, int64_t expected_epoch, const struct store_meta *meta,
                             bool *swapped, struct error *error)
{
    struct mongo_session session;
    enum status status = mongo_session_open(&session, server, "meta", error);
    if (status)
        return status;
    bson_t reply;
    bson_error_t failure;
    bson_t *filter = BCON_NEW("_id", BCON_UTF8(META_KEY), "epoch", BCON_INT64(expected_epoch));
    bson_t *update =
        BCON_NEW("$set", "{", "epoch", BCON_INT64(meta->epoch), "cache_run_id", BCON_UTF8(meta->cache_run_id), "}");
    mongoc_find_and_modify_opts_t *options = mongoc_find_and_modify_opts_new();
    mongoc_find_and_modify_opts_set_update(options, update);
    mongoc_find_and_modify_opts_set_flags(options, MONGOC_FIND_AND_MODIFY_RETURN_NEW |
                                                       (expected_epoch == 0 ? MONGOC_FIND_AND_MODIFY_UPSERT : 0));
    mongoc_find_and_modify_opts_set_max_time_ms(options, (uint32_t)server->max_time_ms);
    if (mongoc_collection_find_and_modify_with_opts(session.collection, filter, options, &reply, &failure))
        *swapped = reply_has_record(&reply);
    else if (!mongo_is_duplicate(failure.code))
        status = mongo_write_failed("move the epoch on", &reply, &failure, error);
    bson_destroy(&reply);
    mongoc_find_and_modify_opts_destroy(options);
    bson_destroy(update);
    bson_destroy(filter);
    mongo_session_close(&session);
    return status;
}
