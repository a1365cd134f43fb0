/* SPDX-License-Identifier: MIT */
/*
 * The feed in MongoDB: the capped collection changes, a document for each event of the change stream.
 *
 *   {_id: SEQ, mark: 4027..., kind: 2, id: "42", v: 7, life: 0}
 *
 * The follower adds them (follow/follow.c). Beside its resume token it saves the number of the last event before that
 * token, and a stream that is opened again from there tells the same events in the same order. So an event gets the
 * same number each time, and the same mark, which is a hash of its time: who adds a row once more changes nothing
 * ($setOnInsert), and two followers that overlap add the same rows.
 *
 * A new history begins with a row of its own, under a number made of the time, which is far beyond those before. A
 * follower that was frozen, and goes on under the old numbers, adds its rows where no reader looks any more.
 *
 * The collection is made when a history begins. If somebody drops it, MongoDB makes a plain one at the next row, which
 * grows without a bound until the next history begins or it is dropped again.
 *
 * A standalone server has no change streams, and its feed would be silent for ever: it is refused instead.
 */
#include <mongoc/mongoc.h>
#include <string.h>

#include "base/random.h"
#include "store/mongo_batch.h"
#include "store/mongo_store.h"

enum {
    NAMESPACE_EXISTS = 48,
    CAPPED_BYTES = 64 * 1024 * 1024, /* some 500,000 rows */
};

/* ---- Adding ---- */

static enum status collection_make(struct mongo_session *session, struct error *error)
{
    bson_t reply;
    bson_error_t failure;
    enum status status = STATUS_OK;
    bson_t *command =
        BCON_NEW("create", BCON_UTF8("changes"), "capped", BCON_BOOL(true), "size", BCON_INT32(CAPPED_BYTES));
    if (!mongoc_client_write_command_with_opts(session->client, session->server->database, command, NULL, &reply,
                                               &failure) &&
        failure.code != NAMESPACE_EXISTS)
        status = mongo_write_failed("make the feed", &reply, &failure, error);
    bson_destroy(&reply);
    bson_destroy(command);
    return status;
}

static bson_t *row_statement(const struct feed_row *row)
{
    return BCON_NEW("q", "{", "_id", BCON_INT64(row->place.seq), "}", "u", "{", "$setOnInsert", "{", "mark",
                    BCON_INT64(row->place.mark), "kind", BCON_INT32((int32_t)row->kind), "id", BCON_UTF8(row->id), "v",
                    BCON_INT64(row->v), "life", BCON_INT64(row->life), "}", "}", "upsert", BCON_BOOL(true));
}

static struct feed_row row_of(const struct change_event *event, int64_t seq)
{
    struct feed_row row = {.place = {seq, event->mark},
                           .kind = event->deleted   ? FEED_DELETED
                                   : event->created ? FEED_CREATED
                                                    : FEED_UPDATED,
                           .v = event->v,
                           .life = event->life};
    memcpy(row.id, event->id, sizeof(row.id));
    return row;
}

static enum status rows_send(struct mongo_session *session, int64_t after_seq, const struct store_changes *changes,
                             struct error *error)
{
    struct mongo_batch batch;
    enum status status = STATUS_OK;
    const struct feed_row start = {.place = {after_seq + 1, (uint32_t)random_below(UINT32_MAX)}, .kind = FEED_START};
    mongo_batch_init(&batch, session, "update", "add to the feed");
    if (!changes)
        status = mongo_batch_add(&batch, row_statement(&start), error);
    for (size_t i = 0; changes && i < changes->count && status == STATUS_OK; i++) {
        struct feed_row row = row_of(&changes->items[i], after_seq + 1 + (int64_t)i);
        status = mongo_batch_add(&batch, row_statement(&row), error);
    }
    return mongo_batch_end(&batch, status, error);
}

enum status mongo_feed_add(struct store *store, int64_t after_seq, const struct store_changes *changes,
                           struct error *error)
{
    struct mongo_session session;
    enum status status = mongo_session_open(&session, mongo_server_of(store), "changes", error);
    if (status)
        return status;
    if (!changes)
        status = collection_make(&session, error);
    if (status == STATUS_OK)
        status = rows_send(&session, after_seq, changes, error);
    mongo_session_close(&session);
    return status;
}

/* ---- Reading ---- */

static bool int_read(const bson_t *document, const char *key, int64_t *value)
{
    bson_iter_t at;
    bool found = bson_iter_init_find(&at, document, key) && BSON_ITER_HOLDS_NUMBER(&at);
    *value = found ? bson_iter_as_int64(&at) : 0;
    return found;
}

/* A document that is not ours counts as the beginning of a history, so that no reader passes over it. */
static void row_read(const bson_t *document, struct feed_row *row)
{
    int64_t mark = 0, kind = FEED_START;
    *row = (struct feed_row){.kind = FEED_START};
    bool whole = int_read(document, "_id", &row->place.seq) && int_read(document, "mark", &mark) &&
                 int_read(document, "kind", &kind) && kind >= FEED_START && kind <= FEED_DELETED &&
                 mongo_text_copy(document, "id", row->id, sizeof(row->id)) && int_read(document, "v", &row->v) &&
                 int_read(document, "life", &row->life);
    row->place.mark = (uint32_t)mark;
    if (whole)
        row->kind = (enum feed_kind)kind;
}

static enum status standalone_refuse(const struct mongo_session *session, struct error *error)
{
    bson_error_t failure;
    mongoc_server_description_t *server = mongoc_client_select_server(session->client, true, NULL, &failure);
    if (!server)
        return mongo_read_failed("read the feed", &failure, error);
    bool is_standalone = strcmp(mongoc_server_description_type(server), "Standalone") == 0;
    mongoc_server_description_destroy(server);
    return is_standalone ? error_set(error, STATUS_UNSUPPORTED, "mongodb: the feed needs a replica set") : STATUS_OK;
}

/* Up to limit rows by number, from the lowest of from_seq or more on; down: from the highest of all. */
static enum status rows_find(struct store *store, int64_t from_seq, bool down, size_t limit, struct feed_rows *rows,
                             struct error *error)
{
    struct mongo_session session;
    enum status status = mongo_session_open(&session, mongo_server_of(store), "changes", error);
    if (status)
        return status;
    const bson_t *document;
    bson_error_t failure;
    bson_t *filter = BCON_NEW("_id", "{", "$gte", BCON_INT64(from_seq), "}");
    bson_t *options = BCON_NEW("limit", BCON_INT64((int64_t)limit), "batchSize", BCON_INT64((int64_t)limit),
                               "singleBatch", BCON_BOOL(true), "maxTimeMS", BCON_INT64(session.server->max_time_ms),
                               "sort", "{", "_id", BCON_INT32(down ? -1 : 1), "}");
    status = standalone_refuse(&session, error);
    if (status == STATUS_OK)
        status = mongo_session_catch_up(&session, options, error);
    if (status == STATUS_OK) {
        mongoc_cursor_t *cursor = mongoc_collection_find_with_opts(session.collection, filter, options, NULL);
        while (rows->count < limit && mongoc_cursor_next(cursor, &document))
            row_read(document, &rows->items[rows->count++]);
        if (mongoc_cursor_error(cursor, &failure))
            status = mongo_read_failed("read the feed", &failure, error);
        mongoc_cursor_destroy(cursor);
    }
    bson_destroy(filter);
    bson_destroy(options);
    return mongo_session_close_read(&session, status, error);
}

enum status mongo_feed_last(struct store *store, struct feed_place *last, struct error *error)
{
    struct feed_rows rows = {0};
    enum status status = rows_find(store, 0, true, 1, &rows, error);
    if (status == STATUS_OK && rows.count == 0)
        return error_set(error, STATUS_MISMATCH, "mongodb: the feed has not begun: no worker has followed yet");
    *last = rows.items[0].place;
    return status;
}

enum status mongo_feed_read(struct store *store, const struct feed_place *after, struct feed_rows *rows,
                            struct error *error)
{
    enum status status = rows_find(store, after->seq, false, STORE_FEED_MAX, rows, error);
    rows->more = rows->count == STORE_FEED_MAX;
    return status;
}
