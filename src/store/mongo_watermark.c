/* SPDX-License-Identifier: MIT */
/*
 * Watermarks of MongoDB: the operationTime of replies, and reads after it.
 *
 * Each reply of a replica set has an operationTime: of a write that a majority has acknowledged, the time of that
 * write; of a read at read concern majority, the time of the state that it shows. Either is on a majority, so every
 * later primary has it, or gets there. A read of a causally consistent session waits for it (afterClusterTime): the
 * member answers when its majority has come so far, or with an error when maxTimeMS is over.
 * https://www.mongodb.com/docs/manual/core/read-isolation-consistency-recency/ (Causal Consistency)
 *
 * The driver tells of each command that succeeded (its monitoring interface), so no call has to look at its reply.
 * Only commands that run at majority count: the operationTime of others may yet be rolled back, and a read would wait
 * for what never comes. For the same reason a write with any error in its reply does not count. The events of a change
 * stream are on a majority, and each has its time (mongo_stream.c).
 *
 * On a sharded cluster there is one time for all shards: a write's time is that of its shard, and a shard that has done
 * nothing so late writes a no-op when a read asks for it. But who has not met a time refuses to wait for it. So each
 * reply has the cluster's own time as well ($clusterTime), signed by its keys, and who is shown that believes it. The
 * driver shows each router what its process has met. A watermark for other processes has the signature in it.
 * https://www.mongodb.com/docs/manual/core/causal-consistency-read-write-concerns/
 *
 * A standalone server's replies have no operationTime, and there is no watermark.
 */
#include <mongoc/mongoc.h>
#include <string.h>

#include "base/clock.h"
#include "base/hex.h"
#include "store/mongo_driver.h"
#include "store/mongo_store.h"
#include "store/mongo_transaction.h"

enum { AHEAD_MAX_S = 86400 }; /* of this machine's clock; beyond that it is no time of the store */

static void raise_to(struct mongo_server *server, const struct mongo_mark *mark)
{
    pthread_mutex_lock(&server->marking);
    if (server->mark.time < mark->time)
        server->mark = *mark;
    pthread_mutex_unlock(&server->marking);
}

static struct mongo_mark mark_of(struct mongo_server *server)
{
    pthread_mutex_lock(&server->marking);
    struct mongo_mark mark = server->mark;
    pthread_mutex_unlock(&server->marking);
    return mark;
}

/* Of these commands, those of this store run at majority. */
static bool is_at_majority(const char *command)
{
    static const char *const names[] = {"find", "insert", "update", "delete", "findAndModify"};
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        if (strcasecmp(names[i], command) == 0)
            return true;
    return false;
}

static bool time_read(const bson_t *document, const char *path, uint64_t *time)
{
    uint32_t seconds, increment;
    bson_iter_t reader, value;
    if (!bson_iter_init(&reader, document) || !bson_iter_find_descendant(&reader, path, &value) ||
        !BSON_ITER_HOLDS_TIMESTAMP(&value))
        return false;
    bson_iter_timestamp(&value, &seconds, &increment);
    *time = (uint64_t)seconds << 32 | increment;
    return true;
}

/* A router's reply has one. */
static bool proof_read(const bson_t *reply, struct mongo_mark *mark)
{
    bson_iter_t reader, hash, key_id;
    const uint8_t *bytes;
    uint32_t len;
    if (!time_read(reply, "$clusterTime.clusterTime", &mark->cluster_time) || !bson_iter_init(&reader, reply) ||
        !bson_iter_find_descendant(&reader, "$clusterTime.signature.hash", &hash) || !BSON_ITER_HOLDS_BINARY(&hash) ||
        !bson_iter_init(&reader, reply) ||
        !bson_iter_find_descendant(&reader, "$clusterTime.signature.keyId", &key_id) || !BSON_ITER_HOLDS_INT(&key_id))
        return false;
    bson_iter_binary(&hash, NULL, &len, &bytes);
    if (len != sizeof(mark->hash))
        return false;
    memcpy(mark->hash, bytes, len);
    mark->key_id = (uint64_t)bson_iter_as_int64(&key_id);
    return true;
}

void mongo_server_note(struct mongo_server *server, const bson_t *document, const char *key, const bson_t *reply)
{
    struct mongo_mark mark = {0};
    if (time_read(document, key, &mark.time) && (!atomic_load(&server->is_sharded) || proof_read(reply, &mark)))
        raise_to(server, &mark);
}

/* The driver tells a thread of its own commands. */
static _Thread_local bool paused;

void mongo_watermark_pause(bool is_paused)
{
    paused = is_paused;
}

/* any thread */
static void on_succeeded(const mongoc_apm_command_succeeded_t *event)
{
    const bson_t *reply = mongoc_apm_command_succeeded_get_reply(event);
    const char *command = mongoc_apm_command_succeeded_get_command_name(event);
    bool counts = paused ? strcasecmp(command, "commitTransaction") == 0 : is_at_majority(command);
    if (counts && !bson_has_field(reply, "writeErrors") && !bson_has_field(reply, "writeConcernError"))
        mongo_server_note(mongoc_apm_command_succeeded_get_context(event), reply, "operationTime", reply);
}

/* the driver's monitoring thread */
static void on_server_changed(const mongoc_apm_server_changed_t *event)
{
    struct mongo_server *server = mongoc_apm_server_changed_get_context(event);
    const mongoc_server_description_t *now = mongoc_apm_server_changed_get_new_description(event);
    const char *type = mongoc_server_description_type(now);
    if (strcmp(type, "Mongos") == 0 || strcmp(type, "LoadBalancer") == 0) /* which stands before routers only */
        atomic_store(&server->is_sharded, true);
}

void mongo_server_watch(struct mongo_server *server)
{
    mongoc_apm_callbacks_t *callbacks = mongoc_apm_callbacks_new();
    mongoc_apm_set_command_succeeded_cb(callbacks, on_succeeded);
    mongoc_apm_set_server_changed_cb(callbacks, on_server_changed);
    mongoc_client_pool_set_apm_callbacks(server->pool, callbacks, server);
    mongoc_apm_callbacks_destroy(callbacks);
}

/* The session's commands show it to the server. */
static void proof_show(struct mongo_session *session, const struct mongo_mark *mark)
{
    bson_t *cluster_time =
        BCON_NEW("clusterTime", BCON_TIMESTAMP((uint32_t)(mark->cluster_time >> 32), (uint32_t)mark->cluster_time),
                 "signature", "{", "hash", BCON_BIN(BSON_SUBTYPE_BINARY, mark->hash, sizeof(mark->hash)), "keyId",
                 BCON_INT64((int64_t)mark->key_id), "}");
    mongoc_client_session_advance_cluster_time(session->causal, cluster_time);
    bson_destroy(cluster_time);
}

enum status mongo_session_catch_up(struct mongo_session *session, bson_t *options, struct error *error)
{
    bson_error_t failure;
    if (session->transaction)
        bson_concat(options, mongo_transaction_options(session->transaction));
    const struct mongo_mark mark = mark_of(session->server);
    if (session->transaction || mark.time == 0)
        return STATUS_OK;
    if (!session->causal)
        session->causal = mongoc_client_start_session(session->client, NULL, &failure);
    if (!session->causal)
        return mongo_read_failed("begin a session", &failure, error);
    if (mark.cluster_time > 0)
        proof_show(session, &mark);
    mongoc_client_session_advance_operation_time(session->causal, (uint32_t)(mark.time >> 32), (uint32_t)mark.time);
    if (!mongoc_client_session_append(session->causal, options, &failure))
        return mongo_read_failed("use a session", &failure, error);
    return STATUS_OK;
}

/* ---- As text ---- */

void mongo_watermark(const struct store *store, struct store_watermark *watermark)
{
    const struct mongo_mark mark = mark_of(mongo_server_of((struct store *)store));
    char *end = watermark->text;
    if (mark.time > 0)
        end = hex_put(end, mark.time, 16);
    if (mark.cluster_time > 0) {
        end = hex_put(hex_put(end, mark.cluster_time, 16), mark.key_id, 16);
        for (size_t i = 0; i < sizeof(mark.hash); i++)
            end = hex_put(end, mark.hash[i], 2);
    }
    *end = '\0';
}

static bool number_take(struct slice *text, size_t digit_count, uint64_t *number)
{
    *number = 0;
    for (size_t i = 0; i < digit_count; i++) {
        int digit = i < text->len ? hex_value(text->data[i]) : -1;
        if (digit < 0)
            return false;
        *number = *number << 4 | (unsigned)digit;
    }
    *text = (struct slice){.data = text->data + digit_count, .len = text->len - digit_count};
    return true;
}

static bool proof_take(struct slice *text, struct mongo_mark *mark)
{
    uint64_t byte;
    bool is_whole = number_take(text, 16, &mark->cluster_time) && number_take(text, 16, &mark->key_id);
    for (size_t i = 0; i < sizeof(mark->hash) && is_whole; i++) {
        is_whole = number_take(text, 2, &byte);
        mark->hash[i] = (uint8_t)byte;
    }
    return is_whole;
}

void mongo_raise(struct store *store, struct slice text)
{
    struct mongo_mark mark = {0};
    struct mongo_server *server = mongo_server_of(store);
    bool is_whole = number_take(&text, 16, &mark.time) &&
                    (!atomic_load(&server->is_sharded) || proof_take(&text, &mark)) && text.len == 0;
    if (is_whole && (int64_t)(mark.time >> 32) <= clock_wall_ms() / 1000 + AHEAD_MAX_S)
        raise_to(server, &mark);
}
