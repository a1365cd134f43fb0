/* SPDX-License-Identifier: MIT */
/*
 * A sharded cluster: routers (mongos) in front of several replica sets, the shards. doc/sharding.md has what holds
 * there. Most calls need to know nothing of it: they name one _id, and the router asks the shard that has it. Three
 * things differ.
 *
 * Ids. Each shard keeps an _id unique among its own documents only. So of a collection that is sharded by anything else
 * two documents may have one _id, and two of several POSTs would both be the first. Prepare asks the cluster's
 * catalogue, and such a store is a wrong setting. If the catalogue may not be read, the log says so, once.
 *
 * The barrier. Each shard has an oplog of its own, and the majority of one says nothing about what another one has
 * applied. An update of many documents goes to all shards, whatever they have; each waits for its own majority, also if
 * it finds nothing to change. What a migration takes to another shard meanwhile is on a majority there before that
 * shard answers for it.
 *
 * Transactions. A router has all shards read at one time: the latest cluster time that it has met. What was
 * acknowledged through another router may be later. So the shards that a transaction will read are asked for anything
 * before it begins; their answers bring their times, and the driver shows these to whichever router it takes then.
 */
#include "store/mongo_shards.h"

#include <mongoc/mongoc.h>
#include <string.h>

#include "base/log.h"
#include "store/mongo_batch.h"

/* ---- Ids ---- */

static bson_t *catalogue_filter(const char *database)
{
    static const char *const collections[] = {"todos", "answers", "bookmarks", "meta", "outbox", "purges"};
    bson_t *filter = bson_new();
    bson_t among, names;
    BSON_APPEND_DOCUMENT_BEGIN(filter, "_id", &among);
    BSON_APPEND_ARRAY_BEGIN(&among, "$in", &names);
    for (uint32_t i = 0; i < sizeof(collections) / sizeof(collections[0]); i++) {
        char room[16];
        const char *position;
        bson_uint32_to_string(i, &position, room, sizeof(room));
        char *name = bson_strdup_printf("%s.%s", database, collections[i]);
        BSON_APPEND_UTF8(&names, position, name);
        bson_free(name);
    }
    bson_append_array_end(&among, &names);
    bson_append_document_end(filter, &among);
    return filter;
}

/* {_id: ...} and nothing else, of whatever kind. */
static bool is_by_id(const bson_t *entry)
{
    bson_iter_t key, field;
    return bson_iter_init_find(&key, entry, "key") && bson_iter_recurse(&key, &field) && bson_iter_next(&field) &&
           strcmp(bson_iter_key(&field), "_id") == 0 && !bson_iter_next(&field);
}

static enum status catalogue_read(struct mongo_server *server, mongoc_cursor_t *cursor, struct error *error)
{
    const bson_t *entry;
    bson_error_t failure;
    while (mongoc_cursor_next(cursor, &entry)) {
        struct slice name = SLICE("?");
        if (is_by_id(entry))
            continue;
        (void)mongo_text_read(entry, "_id", &name);
        error_set(error, STATUS_INVALID,
                  "mongodb: the collection %.*s is not sharded by _id, so two documents may have the same; make its "
                  "shard key {_id: \"hashed\"} (doc/sharding.md)",
                  (int)name.len, name.data);
        return error_because(error, CAUSE_UNSUPPORTED, STATUS_INVALID);
    }
    if (mongoc_cursor_error(cursor, &failure)) {
        enum status status = mongo_read_failed("read the cluster's catalogue", &failure, error);
        if (error->cause != CAUSE_RIGHTS)
            return status;
        if (!atomic_exchange(&server->is_unchecked, true))
            log_warn(NULL, "sharding_unchecked",
                     "error=\"%s\" action=\"grant the role read on config, or see to it that todos is sharded by _id\"",
                     error->text);
    }
    return STATUS_OK;
}

enum status mongo_shards_check(struct mongo_session *session, struct error *error)
{
    if (!atomic_load(&session->server->is_sharded))
        return STATUS_OK;
    bson_t *filter = catalogue_filter(session->server->database);
    bson_t *options = BCON_NEW("maxTimeMS", BCON_INT64(session->server->max_time_ms));
    mongoc_collection_t *catalogue = mongoc_client_get_collection(session->client, "config", "collections");
    mongoc_cursor_t *cursor = mongoc_collection_find_with_opts(catalogue, filter, options, NULL);
    enum status status = catalogue_read(session->server, cursor, error);
    mongoc_cursor_destroy(cursor);
    mongoc_collection_destroy(catalogue);
    bson_destroy(options);
    bson_destroy(filter);
    return status;
}

/* ---- The barrier ---- */

/* An update that finds nothing: no date is earlier than the earliest, and the index by time knows it. */
enum status mongo_shards_await(struct mongo_server *server, struct error *error)
{
    struct mongo_session session;
    struct mongo_batch batch;
    if (!atomic_load(&server->is_sharded))
        return STATUS_OK;
    enum status status = mongo_session_open(&session, server, "todos", error);
    if (status)
        return status;
    mongo_batch_init(&batch, &session, "update", "wait for the majority of every shard");
    bson_t *statement = BCON_NEW("q", "{", "created_at", "{", "$lt", BCON_DATE_TIME(INT64_MIN), "}", "}", "u", "{",
                                 "$inc", "{", "v", BCON_INT64(0), "}", "}", "multi", BCON_BOOL(true));
    status = mongo_batch_end(&batch, mongo_batch_add(&batch, statement, error), error);
    mongo_session_close(&session);
    return status;
}

/* ---- Transactions ---- */

enum status mongo_shards_meet(struct mongo_session *session, const bson_t *filter, struct error *error)
{
    const bson_t *ignored;
    bson_error_t failure;
    bson_t *options = BCON_NEW("projection", "{", "_id", BCON_INT32(1), "}", "limit", BCON_INT64(1), "singleBatch",
                               BCON_BOOL(true), "maxTimeMS", BCON_INT64(session->server->max_time_ms));
    mongoc_cursor_t *cursor = mongoc_collection_find_with_opts(session->collection, filter, options, NULL);
    (void)mongoc_cursor_next(cursor, &ignored);
    enum status status =
        mongoc_cursor_error(cursor, &failure) ? mongo_read_failed("reach a shard", &failure, error) : STATUS_OK;
    mongoc_cursor_destroy(cursor);
    bson_destroy(options);
    return status;
}
