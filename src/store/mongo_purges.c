/* SPDX-License-Identifier: MIT */
/*
 * Purges in MongoDB: the collection purges, a document for each call that a cache in front has not yet acknowledged.
 *
 * Its _id is "TOKEN/SEQUENCE", so a second put, for instance a retry of the driver, replaces it. It is written before
 * the write that it belongs to, and acknowledged by a majority: no failover can keep the change and lose the purge.
 *
 * A document that no worker removes (its URL is no longer in the settings) is deleted by the TTL index on due_at that
 * mongo_indexes.c makes. The same index finds the purges that are due.
 *
 * Puts and removals are unordered batches. After an error a part of a batch may be done; both may be sent again.
 */
#include <mongoc/mongoc.h>
#include <stdio.h>

#include "base/log.h"
#include "store/mongo_batch.h"
#include "store/mongo_store.h"

enum { PURGE_KEY_MAX = TOKEN_LEN + 1 + 10 };

static const char COLLECTION[] = "purges";

static void purge_key(char key[PURGE_KEY_MAX + 1], const struct store_purge *purge)
{
    snprintf(key, PURGE_KEY_MAX + 1, "%s/%u", purge->token.text, (unsigned)purge->sequence);
}

static bson_t *put_statement(const struct store_purge *purge)
{
    char key[PURGE_KEY_MAX + 1];
    purge_key(key, purge);
    return BCON_NEW("q", "{", "_id", BCON_UTF8(key), "}", "u", "{", "$set", "{", "token", BCON_UTF8(purge->token.text),
                    "sequence", BCON_INT64(purge->sequence), "url", BCON_UTF8(purge->url), "keys",
                    BCON_UTF8(purge->keys), "due_at", BCON_DATE_TIME(purge->due_at_ms), "}", "}", "upsert",
                    BCON_BOOL(true));
}

static bson_t *remove_statement(const struct store_purge *purge)
{
    char key[PURGE_KEY_MAX + 1];
    purge_key(key, purge);
    return BCON_NEW("q", "{", "_id", BCON_UTF8(key), "}", "limit", BCON_INT32(1));
}

static enum status purges_send(struct mongo_server *server, bool puts, const struct store_purge *purges, size_t count,
                               struct error *error)
{
    struct mongo_session session;
    enum status status = mongo_session_open(&session, server, COLLECTION, error);
    if (status)
        return status;
    struct mongo_batch batch;
    mongo_batch_init(&batch, &session, puts ? "update" : "delete", puts ? "note purges" : "remove purges");
    for (size_t i = 0; i < count && status == STATUS_OK; i++)
        status = mongo_batch_add(&batch, puts ? put_statement(&purges[i]) : remove_statement(&purges[i]), error);
    status = mongo_batch_end(&batch, status, error);
    mongo_session_close(&session);
    return status;
}

enum status mongo_purge_put(struct store *store, const struct store_purge *purges, size_t count, struct error *error)
{
    return purges_send(mongo_server_of(store), true, purges, count, error);
}

enum status mongo_purge_remove(struct store *store, const struct store_purge *purges, size_t count, struct error *error)
{
    return purges_send(mongo_server_of(store), false, purges, count, error);
}

static bool purge_read(const bson_t *document, const char *url, struct arena *arena, struct store_purge *purge)
{
    bson_iter_t sequence;
    int64_t due_at_ms;
    struct slice token, keys;
    bool whole = mongo_text_read(document, "token", &token) && token.len == TOKEN_LEN &&
                 mongo_text_read(document, "keys", &keys) && bson_iter_init_find(&sequence, document, "sequence") &&
                 BSON_ITER_HOLDS_INT(&sequence) && mongo_time_read(document, "due_at", &due_at_ms);
    if (whole) {
        *purge = (struct store_purge){.url = url,
                                      .sequence = (uint32_t)bson_iter_as_int64(&sequence),
                                      .keys = arena_copy(arena, keys).data,
                                      .due_at_ms = due_at_ms};
        memcpy(purge->token.text, token.data, TOKEN_LEN);
    }
    return whole;
}

enum status mongo_purge_list(struct store *store, const struct store_purge_query *query, struct arena *arena,
                             struct store_purge *purges, size_t *count, struct error *error)
{
    struct mongo_session session;
    enum status status = mongo_session_open(&session, mongo_server_of(store), COLLECTION, error);
    if (status)
        return status;
    const bson_t *document;
    bson_error_t failure;
    int64_t limit = (int64_t)query->limit;
    bson_t *filter =
        BCON_NEW("due_at", "{", "$lte", BCON_DATE_TIME(query->due_by_ms), "}", "url", BCON_UTF8(query->url));
    bson_t *options =
        BCON_NEW("limit", BCON_INT64(limit), "batchSize", BCON_INT64(limit), "singleBatch", BCON_BOOL(true),
                 "maxTimeMS", BCON_INT64(session.server->max_time_ms), "sort", "{", "due_at", BCON_INT32(1), "}");
    mongoc_cursor_t *cursor = mongoc_collection_find_with_opts(session.collection, filter, options, NULL);
    while (*count < query->limit && mongoc_cursor_next(cursor, &document))
        if (purge_read(document, query->url, arena, &purges[*count]))
            (*count)++;
        else
            log_error(NULL, "purge_unreadable", "advice=\"a record is not ours: look for it in purges and remove it\"");
    if (mongoc_cursor_error(cursor, &failure))
        status = mongo_read_failed("read the purges", &failure, error);
    mongoc_cursor_destroy(cursor);
    bson_destroy(filter);
    bson_destroy(options);
    return mongo_session_close_read(&session, status, error);
}
