/* SPDX-License-Identifier: MIT */
/*
 * A MongoDB change stream by its own commands: aggregate opens it, each getMore waits for the next batch, killCursors
 * ends it.
 *
 * Why not mongoc_collection_watch(): it returns single events, and after the last event of a batch it can only be asked
 * for more by waiting again. The follower acts on a batch as soon as it is there, and waits only if there is none, so
 * it must see batches. watch() would also resume after an error; the follower does that itself, because it has the
 * saved resume token.
 *
 * A stream keeps one client of the driver's pool for its life, which the size of the pool allows for (mongo_uri.c). All
 * commands go to the server that opened it, under one session, as the server demands for the commands of a cursor.
 *
 * Only ids and versions are sent: $project drops the rest on the server. An event has a version if it proves that the
 * version is new: an insert's, or an update's that changed both v (an int64, as we write it) and updated_at. A
 * replacement may keep both and change the name, so its event has only the id. An insert's event also has the life.
 *
 * There is no filter. An event that is not about one document (drop, rename, dropDatabase, invalidate) ends the history
 * here, because it does not say what it did to each todo. An _id that no todo can have is ignored: it can't be cached.
 *
 * A router merges the streams of all shards by time. It holds an event back until every shard has passed that time, and
 * a place is one for all of them. What the balancer moves is no event.
 *
 * A standalone server refuses the stage, and other servers don't know it: STATUS_UNSUPPORTED. Errors that say that the
 * history behind a token is gone are STATUS_NOT_FOUND; any other error may pass.
 */
#include <mongoc/mongoc.h>
#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "base/mem.h"
#include "store/mongo_store.h"

struct mongo_stream {
    struct store_stream stream;
    struct mongo_session session;
    mongoc_client_session_t *client_session;
    uint32_t server_id;
    int64_t cursor_id; /* 0: the server has closed it */
    bson_t *opened;    /* the answer of aggregate, whose batch is the first read's; NULL afterwards */
};

static struct mongo_stream *stream_of(struct store_stream *stream)
{
    return container_of(stream, struct mongo_stream, stream);
}

static bool code_is_among(uint32_t code, const uint32_t *codes, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (codes[i] == code)
            return true;
    return false;
}

/* Location40573: only on replica sets; Location40324: no such stage; 59, 115: no such command, not here. */
static bool is_unsupported(const bson_error_t *failure)
{
    static const uint32_t codes[] = {40573, 40324, 59, 115};
    bool lacks_sessions =
        failure->domain == MONGOC_ERROR_CLIENT && failure->code == MONGOC_ERROR_CLIENT_SESSION_FAILURE;
    return lacks_sessions || (failure->domain == MONGOC_ERROR_SERVER &&
                              code_is_among(failure->code, codes, sizeof(codes) / sizeof(codes[0])));
}

/*
 * CappedPositionLost, InvalidResumeToken, ChangeStreamFatalError, ChangeStreamHistoryLost; old servers set a label. And
 * BSONObjectTooLarge: an event of more than 16 MB can't be sent, and each new stream from that token would meet it
 * again.
 */
static bool is_history_lost(const bson_t *reply, const bson_error_t *failure)
{
    static const uint32_t codes[] = {136, 260, 280, 286, 10334};
    return (failure->domain == MONGOC_ERROR_SERVER &&
            code_is_among(failure->code, codes, sizeof(codes) / sizeof(codes[0]))) ||
           mongoc_error_has_label(reply, "NonResumableChangeStreamError");
}

static enum status stream_failed(const bson_t *reply, const bson_error_t *failure, struct error *error)
{
    if (is_unsupported(failure)) {
        return error_set(error, STATUS_UNSUPPORTED,
                         "mongodb: change streams need a replica set or a sharded cluster: %.120s (code %u)",
                         failure->message, (unsigned)failure->code);
    }
    if (reply && is_history_lost(reply, failure)) {
        return error_set(error, STATUS_NOT_FOUND,
                         "mongodb: the history behind the saved resume token is gone: %.120s (code %u)",
                         failure->message, (unsigned)failure->code);
    }
    return mongo_read_failed("follow the changes", failure, error);
}

/* Runs a command of the stream's cursor; the caller destroys reply in any case. */
static enum status stream_command(struct mongo_stream *stream, const bson_t *command, bson_t *reply,
                                  struct error *error)
{
    bson_error_t failure;
    bson_t options = BSON_INITIALIZER;
    struct mongo_session *session = &stream->session;
    BSON_APPEND_INT32(&options, "serverId", (int32_t)stream->server_id);
    bool sent = mongoc_client_session_append(stream->client_session, &options, &failure);
    if (!sent) {
        bson_init(reply);
    } else {
        sent = mongoc_client_command_with_opts(session->client, session->server->database, command, NULL, &options,
                                               reply, &failure);
    }
    bson_destroy(&options);
    return sent ? STATUS_OK : stream_failed(reply, &failure, error);
}

/* ---- Events ---- */

static bool find(const bson_t *document, const char *path, bson_iter_t *value)
{
    bson_iter_t reader;
    return bson_iter_init(&reader, document) && bson_iter_find_descendant(&reader, path, value);
}

static bool id_find(const bson_t *event, char id[TODO_ID_MAX + 1])
{
    bson_iter_t value;
    uint32_t len;
    if (!find(event, "documentKey._id", &value) || !BSON_ITER_HOLDS_UTF8(&value))
        return false;
    struct slice text = {.data = bson_iter_utf8(&value, &len)};
    text.len = len;
    if (!todo_id_valid(text))
        return false;
    memcpy(id, text.data, text.len);
    id[text.len] = '\0';
    return true;
}

static void version_find(const bson_t *event, const char *v_path, const char *updated_at_path,
                         struct change_event *change)
{
    bson_iter_t v, updated_at;
    if (find(event, v_path, &v) && BSON_ITER_HOLDS_INT64(&v) && find(event, updated_at_path, &updated_at) &&
        BSON_ITER_HOLDS_DATE_TIME(&updated_at)) {
        change->v = bson_iter_int64(&v);
        change->updated_at_ms = bson_iter_date_time(&updated_at);
    }
}

static void insert_find(const bson_t *event, struct change_event *change)
{
    bson_iter_t life;
    change->created = true;
    version_find(event, "fullDocument.v", "fullDocument.updated_at", change);
    if (find(event, "fullDocument.life", &life) && BSON_ITER_HOLDS_INT64(&life) && bson_iter_int64(&life) > 0)
        change->life = bson_iter_int64(&life);
}

/* Each operation has a time of its own, but those of one transaction, and perhaps those of two shards. */
static uint32_t mark_of(const bson_t *event)
{
    bson_iter_t time;
    uint32_t parts[2] = {0};
    if (find(event, "clusterTime", &time) && BSON_ITER_HOLDS_TIMESTAMP(&time))
        bson_iter_timestamp(&time, &parts[0], &parts[1]);
    return (uint32_t)hash_bytes((struct slice){(const char *)parts, sizeof(parts)});
}

/* Adds the event to changes; false if it isn't about one document. */
static bool event_read(const bson_t *event, struct store_changes *changes)
{
    bson_iter_t value;
    struct change_event change = {0};
    if (!find(event, "operationType", &value) || !BSON_ITER_HOLDS_UTF8(&value))
        return false;
    const char *type = bson_iter_utf8(&value, NULL);
    change.deleted = strcmp(type, "delete") == 0;
    if (strcmp(type, "insert") == 0)
        insert_find(event, &change);
    else if (strcmp(type, "update") == 0)
        version_find(event, "updateDescription.updatedFields.v", "updateDescription.updatedFields.updated_at", &change);
    else if (!change.deleted && strcmp(type, "replace") != 0)
        return false;
    change.mark = mark_of(event);
    if (id_find(event, change.id))
        changes->items[changes->count++] = change;
    return true;
}

/* ---- Batches ---- */

static enum status resume_token_read(const bson_t *reply, struct resume_token *resume_after, struct error *error)
{
    bson_iter_t value;
    const uint8_t *bytes;
    uint32_t len;
    if (!find(reply, "cursor.postBatchResumeToken", &value) || !BSON_ITER_HOLDS_DOCUMENT(&value)) {
        return error_set(error, STATUS_UNSUPPORTED,
                         "mongodb: the server sends no resume token with a batch; it must be 4.0.7 or newer");
    }
    bson_iter_document(&value, &len, &bytes);
    if (len > sizeof(resume_after->bytes)) {
        return error_set(error, STATUS_UNSUPPORTED, "mongodb: its resume token has %u bytes; at most %zu fit",
                         (unsigned)len, sizeof(resume_after->bytes));
    }
    resume_after->len_bytes = len;
    memcpy(resume_after->bytes, bytes, len);
    return STATUS_OK;
}

/* The indexes may be gone with the collection. */
static enum status history_ends(struct mongo_stream *stream, struct error *error)
{
    atomic_store(&stream->session.server->is_prepared, false);
    return error_set(error, STATUS_NOT_FOUND, "the collection was dropped or renamed");
}

static enum status batch_read(struct mongo_stream *stream, const bson_t *reply, const char *path,
                              struct store_changes *changes, struct error *error)
{
    bson_iter_t batch, each;
    size_t event_count = 0;
    if (!find(reply, path, &batch) || !BSON_ITER_HOLDS_ARRAY(&batch) || !bson_iter_recurse(&batch, &each))
        return error_set(error, STATUS_UNAVAILABLE, "mongodb: the answer to %s holds no batch", path);
    while (bson_iter_next(&each)) {
        const uint8_t *bytes;
        uint32_t len;
        bson_t event;
        if (event_count++ == STORE_CHANGES_MAX)
            return error_set(error, STATUS_UNAVAILABLE, "mongodb: more events came than it was asked for");
        bson_iter_document(&each, &len, &bytes);
        if (!bson_init_static(&event, bytes, len) || !event_read(&event, changes))
            return history_ends(stream, error);
        mongo_server_note(stream->session.server, &event, "clusterTime", reply);
    }
    changes->full = event_count == STORE_CHANGES_MAX;
    return resume_token_read(reply, &changes->resume_after, error);
}

static void cursor_id_read(struct mongo_stream *stream, const bson_t *reply)
{
    bson_iter_t value;
    stream->cursor_id = find(reply, "cursor.id", &value) ? bson_iter_as_int64(&value) : 0;
}

enum status mongo_stream_read(struct store_stream *handle, uint32_t wait_ms, struct store_changes *changes,
                              struct error *error)
{
    struct mongo_stream *stream = stream_of(handle);
    if (stream->opened) {
        enum status first = batch_read(stream, stream->opened, "cursor.firstBatch", changes, error);
        bson_destroy(stream->opened);
        stream->opened = NULL;
        return first;
    }
    if (stream->cursor_id == 0)
        return error_set(error, STATUS_NOT_FOUND, "mongodb: the server has ended the change stream");
    /* Well before the time-out of the socket, which would end the stream. */
    int64_t half_ms = stream->session.server->max_time_ms / 2;
    bson_t reply;
    bson_t *command = BCON_NEW("getMore", BCON_INT64(stream->cursor_id), "collection", BCON_UTF8("todos"), "batchSize",
                               BCON_INT32(STORE_CHANGES_MAX), "maxTimeMS",
                               BCON_INT64(wait_ms < half_ms ? (int64_t)wait_ms : half_ms + 1));
    enum status status = stream_command(stream, command, &reply, error);
    if (status == STATUS_OK) {
        cursor_id_read(stream, &reply);
        status = batch_read(stream, &reply, "cursor.nextBatch", changes, error);
    }
    bson_destroy(&reply);
    bson_destroy(command);
    return status;
}

/* ---- Life ---- */

/* A token that is no BSON is ignored: the server never made it. */
static bson_t *open_command(const struct resume_token *resume_after)
{
    bson_t token, stage = BSON_INITIALIZER;
    if (resume_after->len_bytes > 0 && bson_init_static(&token, resume_after->bytes, resume_after->len_bytes))
        BSON_APPEND_DOCUMENT(&stage, "resumeAfter", &token);
    bson_t *command =
        BCON_NEW("aggregate", "todos", "pipeline", "[", "{", "$changeStream", BCON_DOCUMENT(&stage), "}", "{",
                 "$project", "{", "operationType", BCON_INT32(1), "clusterTime", BCON_INT32(1), "documentKey",
                 BCON_INT32(1), "fullDocument.v", BCON_INT32(1), "fullDocument.updated_at", BCON_INT32(1),
                 "fullDocument.life", BCON_INT32(1), "updateDescription.updatedFields.v", BCON_INT32(1),
                 "updateDescription.updatedFields.updated_at", BCON_INT32(1), "}", "}", "]", "cursor", "{", "batchSize",
                 BCON_INT32(STORE_CHANGES_MAX), "}", "readConcern", "{", "level", "majority", "}");
    bson_destroy(&stage);
    return command;
}

/* A session, and the primary. */
static enum status stream_prepare(struct mongo_stream *stream, struct error *error)
{
    bson_error_t failure;
    mongoc_client_t *client = stream->session.client;
    stream->client_session = mongoc_client_start_session(client, NULL, &failure);
    if (!stream->client_session)
        return stream_failed(NULL, &failure, error);
    mongoc_server_description_t *server = mongoc_client_select_server(client, true, NULL, &failure);
    if (!server)
        return stream_failed(NULL, &failure, error);
    stream->server_id = mongoc_server_description_id(server);
    mongoc_server_description_destroy(server);
    return STATUS_OK;
}

static enum status stream_begin(struct mongo_stream *stream, const struct resume_token *resume_after,
                                struct error *error)
{
    enum status status = stream_prepare(stream, error);
    if (status != STATUS_OK)
        return status;
    bson_t reply;
    bson_t *command = open_command(resume_after);
    status = stream_command(stream, command, &reply, error);
    if (status == STATUS_OK) {
        cursor_id_read(stream, &reply);
        stream->opened = bson_copy(&reply);
        status = mongo_session_check(&stream->session, error);
    }
    bson_destroy(&reply);
    bson_destroy(command);
    return status;
}

enum status mongo_stream_open(struct store *store, const struct resume_token *resume_after, struct store_stream **out,
                              struct error *error)
{
    struct mongo_stream *stream = mem_zalloc(sizeof(*stream));
    stream->stream.store = store;
    enum status status = mongo_session_open(&stream->session, mongo_server_of(store), "todos", error);
    if (status == STATUS_OK)
        status = stream_begin(stream, resume_after, error);
    if (status != STATUS_OK) {
        mongo_stream_close(&stream->stream);
        return status;
    }
    *out = &stream->stream;
    return STATUS_OK;
}

/* Best effort: the server closes a cursor that was idle for ten minutes. */
static void cursor_kill(struct mongo_stream *stream)
{
    struct error ignored;
    bson_t reply;
    bson_t *command = BCON_NEW("killCursors", BCON_UTF8("todos"), "cursors", "[", BCON_INT64(stream->cursor_id), "]");
    (void)!stream_command(stream, command, &reply, &ignored);
    bson_destroy(&reply);
    bson_destroy(command);
}

void mongo_stream_close(struct store_stream *handle)
{
    struct mongo_stream *stream = stream_of(handle);
    if (stream->cursor_id != 0)
        cursor_kill(stream);
    if (stream->client_session)
        mongoc_client_session_destroy(stream->client_session);
    if (stream->session.client)
        mongo_session_close(&stream->session);
    bson_destroy(stream->opened);
    free(stream);
}
