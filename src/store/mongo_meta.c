/* SPDX-License-Identifier: MIT */
/*
 * The epoch and the beat in MongoDB: one document of the collection meta.
 *
 *   {_id: "cache", epoch: N, beat: N, cache_run_id: "..."}
 *
 * The swap is one findAndModify whose filter has the expected epoch and beat. Of several workers that found another
 * Redis exactly one moves the epoch on. Without a document the epoch counts as 0, and the swap may insert one. A second
 * inserter finds the _id taken by the first: that is an answer (not swapped) and no error. A document of an older
 * version has no beat, which counts as 0.
 *
 * A document that can't be read stops the cache (STATUS_UNAVAILABLE). A guess could bring an old epoch back, and with
 * it entries that are out of date.
 */
#include <mongoc/mongoc.h>

#include "store/mongo_store.h"

static const char META_KEY[] = "cache";

static enum status epoch_read(mongoc_cursor_t *cursor, struct store_meta *meta, struct error *error)
{
    const bson_t *document;
    bson_error_t failure;
    bson_iter_t epoch, beat;
    if (!mongoc_cursor_next(cursor, &document))
        return mongoc_cursor_error(cursor, &failure) ? mongo_read_failed("read the epoch", &failure, error) : STATUS_OK;
    bool has_beat = bson_iter_init_find(&beat, document, "beat");
    bool whole = bson_iter_init_find(&epoch, document, "epoch") && BSON_ITER_HOLDS_NUMBER(&epoch) &&
                 (!has_beat || BSON_ITER_HOLDS_NUMBER(&beat)) &&
                 mongo_text_copy(document, "cache_run_id", meta->cache_run_id, sizeof(meta->cache_run_id));
    if (!whole) {
        return error_set(error, STATUS_UNAVAILABLE,
                         "mongodb: the record \"%s\" in meta is damaged; remove it while no worker runs", META_KEY);
    }
    meta->epoch = bson_iter_as_int64(&epoch);
    meta->beat = has_beat ? bson_iter_as_int64(&beat) : 0;
    return STATUS_OK;
}

enum status mongo_meta_get(struct store *store, struct store_meta *meta, struct error *error)
{
    struct mongo_session session;
    enum status status = mongo_session_open(&session, mongo_server_of(store), "meta", error);
    if (status)
        return status;
    bson_t *filter = BCON_NEW("_id", BCON_UTF8(META_KEY));
    bson_t *options = BCON_NEW("limit", BCON_INT64(1), "singleBatch", BCON_BOOL(true), "maxTimeMS",
                               BCON_INT64(session.server->max_time_ms));
    status = mongo_session_catch_up(&session, options, error);
    if (status == STATUS_OK) {
        mongoc_cursor_t *cursor = mongoc_collection_find_with_opts(session.collection, filter, options, NULL);
        status = epoch_read(cursor, meta, error);
        mongoc_cursor_destroy(cursor);
    }
    bson_destroy(filter);
    bson_destroy(options);
    return mongo_session_close_read(&session, status, error);
}

/* The new record, asked for by RETURN_NEW, is null if nothing matched and nothing was inserted. */
static bool reply_has_record(const bson_t *reply)
{
    bson_iter_t value;
    return bson_iter_init_find(&value, reply, "value") && BSON_ITER_HOLDS_DOCUMENT(&value);
}

/* null also stands for a beat that is not there. */
static bson_t *filter_of(const struct store_meta *expected)
{
    bson_t *filter = BCON_NEW("_id", BCON_UTF8(META_KEY), "epoch", BCON_INT64(expected->epoch));
    if (expected->beat == 0)
        BSON_APPEND_NULL(filter, "beat");
    else
        BSON_APPEND_INT64(filter, "beat", expected->beat);
    return filter;
}

enum status mongo_meta_swap(struct store *store, const struct store_meta *expected, const struct store_meta *next,
                            bool *swapped, struct error *error)
{
    struct mongo_session session;
    enum status status = mongo_session_open(&session, mongo_server_of(store), "meta", error);
    if (status)
        return status;
    bson_t reply;
    bson_error_t failure;
    bson_t *filter = filter_of(expected);
    bson_t *update = BCON_NEW("$set", "{", "epoch", BCON_INT64(next->epoch), "beat", BCON_INT64(next->beat),
                              "cache_run_id", BCON_UTF8(next->cache_run_id), "}");
    mongoc_find_and_modify_opts_t *options = mongoc_find_and_modify_opts_new();
    mongoc_find_and_modify_opts_set_update(options, update);
    mongoc_find_and_modify_opts_set_flags(options, MONGOC_FIND_AND_MODIFY_RETURN_NEW |
                                                       (expected->epoch == 0 ? MONGOC_FIND_AND_MODIFY_UPSERT : 0));
    mongoc_find_and_modify_opts_set_max_time_ms(options, (uint32_t)session.server->max_time_ms);
    if (mongoc_collection_find_and_modify_with_opts(session.collection, filter, options, &reply, &failure))
        *swapped = reply_has_record(&reply);
    else if (!mongo_is_duplicate(failure.code))
        status = mongo_write_failed("move epoch or beat on", &reply, &failure, error);
    bson_destroy(&reply);
    mongoc_find_and_modify_opts_destroy(options);
    bson_destroy(update);
    bson_destroy(filter);
    mongo_session_close(&session);
    return status;
}

/* ---- The barrier ---- */

/*
 * A write that a majority acknowledges. What the primary applied before it comes before it in the oplog, and is
 * majority committed as well; what it has not applied by now is lost with the primary that had it, or over its time
 * limit.
 */
enum status mongo_barrier(struct store *store, struct error *error)
{
    struct mongo_session session;
    enum status status = mongo_session_open(&session, mongo_server_of(store), "meta", error);
    if (status)
        return status;
    struct mongo_batch batch;
    mongo_batch_init(&batch, &session, "update", "wait for a majority");
    bson_t *statement = BCON_NEW("q", "{", "_id", BCON_UTF8("barrier"), "}", "u", "{", "$inc", "{", "n", BCON_INT64(1),
                                 "}", "}", "upsert", BCON_BOOL(true));
    status = mongo_batch_end(&batch, mongo_batch_add(&batch, statement, error), error);
    mongo_session_close(&session);
    return status;
}
