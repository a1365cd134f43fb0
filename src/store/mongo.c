/* SPDX-License-Identifier: MIT */
/*
 * MongoDB behind the seam: opens and closes the store, prepares it, and names the operations. The operations are in
 * mongo_*.c; mongo_store.h lists them by file.
 *
 * Most calls are one round trip. Every operation carries maxTimeMS, so the server stops working on a call whose time
 * is over; the deadline of a fence relies on that. Inserts and changes of one document are CRUD calls of the
 * driver, because the driver repeats these after a failover (mongo_document.c).
 *
 * Prepare makes the indexes once, and after that only pings the primary. It is due again when an operation finds that
 * an index or a collection has been dropped (is_prepared). An index on a large collection takes longer to build than a
 * call may take: prepare then fails until the index is there.
 *
 * The store works on a standalone server and on a sharded cluster (mongo_shards.c). Only following the changes of
 * others (mongo_stream.c) and applying queued writes (mongo_transaction.c) need more than a standalone server: a
 * replica set or a cluster. Retryable writes need no setting: libmongoc sends a standalone server no transaction
 * number. Only a replica set whose storage engine has none of them (MMAPv1) needs retryWrites=false.
 */
#include <mongoc/mongoc.h>
#include <stdlib.h>

#include "base/mem.h"
#include "store/mongo_indexes.h"
#include "store/mongo_shards.h"
#include "store/mongo_store.h"

static void mongo_close(struct store *store)
{
    mongo_server_fini(mongo_server_of(store));
    free(store);
}

/* Asks the primary: the server that takes writes is the one that must be there. */
static enum status server_ping(struct mongo_session *session, struct error *error)
{
    bson_error_t failure;
    bson_t *command = BCON_NEW("ping", BCON_INT32(1), "maxTimeMS", BCON_INT64(session->server->max_time_ms));
    bool answered =
        mongoc_client_command_simple(session->client, session->server->database, command, NULL, NULL, &failure);
    bson_destroy(command);
    return answered ? STATUS_OK : mongo_read_failed("reach it", &failure, error);
}

static enum status mongo_prepare(struct store *store, struct error *error)
{
    struct mongo_server *server = mongo_server_of(store);
    struct mongo_session session;
    enum status status = mongo_session_open(&session, server, "todos", error);
    if (status)
        return status;
    if (atomic_load(&server->is_prepared)) {
        status = server_ping(&session, error);
    } else {
        atomic_store(&server->is_prepared, true);      /* before: the indexes may be dropped meanwhile */
        status = mongo_session_check(&session, error); /* the cause, before what it causes */
        if (status == STATUS_OK)
            status = mongo_indexes_make(&session, error);
        if (status == STATUS_OK) /* by now the driver knows whether it is a cluster */
            status = mongo_shards_check(&session, error);
        if (status != STATUS_OK)
            atomic_store(&server->is_prepared, false);
    }
    return mongo_session_close_read(&session, status, error);
}

static bool mongo_is_prepared(const struct store *store)
{
    return atomic_load(&container_of(store, const struct mongo_store, store)->server.is_prepared);
}

static const char *mongo_place(const struct store *store)
{
    return container_of(store, const struct mongo_store, store)->server.database;
}

static const struct store_ops MONGO_OPS = {
    .kind = "mongodb",
    .close = mongo_close,
    .prepare = mongo_prepare,
    .is_prepared = mongo_is_prepared,
    .get = mongo_get,
    .list = mongo_list,
    .insert = mongo_insert,
    .change = mongo_change,
    .answer_begin = mongo_answer_begin,
    .answer_end = mongo_answer_end,
    .answer_forget = mongo_answer_forget,
    .load = mongo_load,
    .outbox_put = mongo_outbox_put,
    .outbox_list = mongo_outbox_list,
    .outbox_remove = mongo_outbox_remove,
    .purge_put = mongo_purge_put,
    .purge_list = mongo_purge_list,
    .purge_remove = mongo_purge_remove,
    .feed_last = mongo_feed_last,
    .feed_read = mongo_feed_read,
    .feed_add = mongo_feed_add,
    .apply_claim = mongo_apply_claim,
    .apply = mongo_apply,
    .barrier = mongo_barrier,
    .heartbeat = mongo_heartbeat,
    .meta_get = mongo_meta_get,
    .meta_swap = mongo_meta_swap,
    .slots_get = mongo_slots_get,
    .slots_swap = mongo_slots_swap,
    .watermark = mongo_watermark,
    .raise = mongo_raise,
    .place = mongo_place,
    .place_kind = "database",
    .count_foreign = mongo_count_foreign,
    .foreign_open = mongo_foreign_open,
    .foreign_next = mongo_foreign_next,
    .foreign_close = mongo_foreign_close,
    .adopt = mongo_adopt,
    .follow_claim = mongo_follow_claim,
    .follow_keep = mongo_follow_keep,
    .follow_release = mongo_follow_release,
    .stream_open = mongo_stream_open,
    .stream_read = mongo_stream_read,
    .stream_close = mongo_stream_close,
};

enum status mongo_open(struct store **store, const struct store_options *options, struct error *error)
{
    struct mongo_store *opened = mem_zalloc(sizeof(*opened));
    opened->store.ops = &MONGO_OPS;
    enum status status =
        mongo_server_init(&opened->server, options->uri, options->timeout_ms, options->concurrency, error);
    if (status) {
        free(opened);
        return status;
    }
    *store = &opened->store;
    return STATUS_OK;
}
