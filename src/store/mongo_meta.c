/* SPDX-License-Identifier: MIT */
/*
 * The epoch, the beat and the slots in MongoDB: one document of the collection meta.
 *
 *   {_id: "cache", epoch: N, beat: N, cache_run_id: "...", slots: "..."}
 *
 * The swap is one findAndModify whose filter has the expected epoch and beat. Of several workers that found another
 * Redis exactly one moves the epoch on. Without a document the epoch counts as 0, and the swap may insert one. A second
 * inserter finds the _id taken by the first: that is an answer (not swapped) and no error. A document of an older
 * version has no beat, which counts as 0.
 *
 * A document that can't be read stops the cache (STATUS_UNAVAILABLE). A guess could bring an old epoch back, and with
 * it entries that are out of date. Slots that are no text count as none: then each is given away anew, under an epoch
 * of its own. They may be long, so they cross the network only if they are asked for.
 */
#include <mongoc/mongoc.h>

#include "store/mongo_batch.h"
#include "store/mongo_shards.h"
#include "store/mongo_store.h"

static const char META_KEY[] = "cache";

static enum status meta_read(mongoc_cursor_t *cursor, struct store_meta *meta, struct arena *arena, struct slice *slots,
                             struct error *error)
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
    if (slots && mongo_text_read(document, "slots", slots))
        *slots = arena_copy(arena, *slots);
    return STATUS_OK;
}

/* slots: NULL if they aren't wanted. */
static enum status meta_find(struct store *store, struct store_meta *meta, struct arena *arena, struct slice *slots,
                             struct error *error)
{
    struct mongo_session session;
    enum status status = mongo_session_open(&session, mongo_server_of(store), "meta", error);
    if (status)
        return status;
    bson_t *filter = BCON_NEW("_id", BCON_UTF8(META_KEY));
    bson_t *options =
        BCON_NEW("limit", BCON_INT64(1), "singleBatch", BCON_BOOL(true), "maxTimeMS",
                 BCON_INT64(session.server->max_time_ms), "projection", "{", "epoch", BCON_INT32(1), "beat",
                 BCON_INT32(1), "cache_run_id", BCON_INT32(1), slots ? "slots" : "_id", BCON_INT32(1), "}");
    status = mongo_session_catch_up(&session, options, error);
    if (status == STATUS_OK) {
        mongoc_cursor_t *cursor = mongoc_collection_find_with_opts(session.collection, filter, options, NULL);
        status = meta_read(cursor, meta, arena, slots, error);
        mongoc_cursor_destroy(cursor);
    }
    bson_destroy(filter);
    bson_destroy(options);
    return mongo_session_close_read(&session, status, error);
}

enum status mongo_meta_get(struct store *store, struct store_meta *meta, struct error *error)
{
    return meta_find(store, meta, NULL, NULL, error);
}

enum status mongo_slots_get(struct store *store, struct arena *arena, struct store_meta *meta, struct slice *slots,
                            struct error *error)
{
    return meta_find(store, meta, arena, slots, error);
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

/* slots: NULL if they stay as they are. */
static bson_t *update_of(const struct store_meta *next, const struct slice *slots)
{
    bson_t *update = bson_new(), set;
    BSON_APPEND_DOCUMENT_BEGIN(update, "$set", &set);
    BSON_APPEND_INT64(&set, "epoch", next->epoch);
    BSON_APPEND_INT64(&set, "beat", next->beat);
    BSON_APPEND_UTF8(&set, "cache_run_id", next->cache_run_id);
    if (slots)
        bson_append_utf8(&set, "slots", -1, slots->len > 0 ? slots->data : "", (int)slots->len);
    bson_append_document_end(update, &set);
    return update;
}

static enum status swap(struct store *store, const struct store_meta *expected, const bson_t *update, bool *swapped,
                        struct error *error)
{
    struct mongo_session session;
    enum status status = mongo_session_open(&session, mongo_server_of(store), "meta", error);
    if (status)
        return status;
    bson_t reply;
    bson_error_t failure;
    bson_t *filter = filter_of(expected), *fields = BCON_NEW("_id", BCON_INT32(1));
    mongoc_find_and_modify_opts_t *options = mongoc_find_and_modify_opts_new();
    mongoc_find_and_modify_opts_set_update(options, update);
    mongoc_find_and_modify_opts_set_fields(options, fields);
    mongoc_find_and_modify_opts_set_flags(options, MONGOC_FIND_AND_MODIFY_RETURN_NEW |
                                                       (expected->epoch == 0 ? MONGOC_FIND_AND_MODIFY_UPSERT : 0));
    mongoc_find_and_modify_opts_set_max_time_ms(options, (uint32_t)session.server->max_time_ms);
    if (mongoc_collection_find_and_modify_with_opts(session.collection, filter, options, &reply, &failure))
        *swapped = reply_has_record(&reply);
    else if (!mongo_is_duplicate(failure.code))
        status = mongo_write_failed("move epoch or beat on", &reply, &failure, error);
    bson_destroy(&reply);
    mongoc_find_and_modify_opts_destroy(options);
    bson_destroy(fields);
    bson_destroy(filter);
    mongo_session_close(&session);
    return status;
}

enum status mongo_meta_swap(struct store *store, const struct store_meta *expected, const struct store_meta *next,
                            bool *swapped, struct error *error)
{
    bson_t *update = update_of(next, NULL);
    enum status status = swap(store, expected, update, swapped, error);
    bson_destroy(update);
    return status;
}

enum status mongo_slots_swap(struct store *store, const struct store_meta *expected, const struct store_meta *next,
                             struct slice slots, bool *swapped, struct error *error)
{
    bson_t *update = update_of(next, &slots);
    enum status status = swap(store, expected, update, swapped, error);
    bson_destroy(update);
    return status;
}

/* ---- The barrier ---- */

enum status mongo_heartbeat(struct store *store, struct error *error)
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

/*
 * A write that a majority acknowledges. What the primary applied before it comes before it in the oplog, and is
 * majority committed as well; what it has not applied by now is lost with the primary that had it, or over its time
 * limit. Each shard of a cluster has to show that for itself.
 */
enum status mongo_barrier(struct store *store, struct error *error)
{
    enum status status = mongo_heartbeat(store, error);
    return status == STATUS_OK ? mongo_shards_await(mongo_server_of(store), error) : status;
}
