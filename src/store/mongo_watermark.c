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
 * Not through mongos: a router refuses a time that it has not met yet, and another router's is such a time. There the
 * store has no watermark, as on a standalone server, whose replies have no operationTime.
 */
#include <inttypes.h>
#include <mongoc/mongoc.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "store/mongo_driver.h"
#include "store/mongo_store.h"

enum { AHEAD_MAX_S = 86400 }; /* of this machine's clock; beyond that it is no time of the store */

static void raise_to(struct mongo_server *server, uint64_t time)
{
    uint_fast64_t known = atomic_load(&server->watermark);
    while (known < time && !atomic_compare_exchange_weak(&server->watermark, &known, time))
        ;
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

void mongo_server_note(struct mongo_server *server, const bson_t *document, const char *key)
{
    uint32_t seconds, increment;
    bson_iter_t time;
    if (atomic_load(&server->is_sharded) || !bson_iter_init_find(&time, document, key) ||
        !BSON_ITER_HOLDS_TIMESTAMP(&time))
        return;
    bson_iter_timestamp(&time, &seconds, &increment);
    raise_to(server, (uint64_t)seconds << 32 | increment);
}

/* any thread */
static void on_succeeded(const mongoc_apm_command_succeeded_t *event)
{
    const bson_t *reply = mongoc_apm_command_succeeded_get_reply(event);
    if (is_at_majority(mongoc_apm_command_succeeded_get_command_name(event)) && !bson_has_field(reply, "writeErrors") &&
        !bson_has_field(reply, "writeConcernError"))
        mongo_server_note(mongoc_apm_command_succeeded_get_context(event), reply, "operationTime");
}

/* the driver's monitoring thread */
static void on_server_changed(const mongoc_apm_server_changed_t *event)
{
    struct mongo_server *server = mongoc_apm_server_changed_get_context(event);
    const mongoc_server_description_t *now = mongoc_apm_server_changed_get_new_description(event);
    if (strcmp(mongoc_server_description_type(now), "Mongos") == 0)
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

enum status mongo_session_catch_up(struct mongo_session *session, bson_t *options, struct error *error)
{
    bson_error_t failure;
    uint64_t time = atomic_load(&session->server->watermark);
    if (time == 0)
        return STATUS_OK;
    if (!session->causal)
        session->causal = mongoc_client_start_session(session->client, NULL, &failure);
    if (!session->causal)
        return mongo_read_failed("begin a session", &failure, error);
    mongoc_client_session_advance_operation_time(session->causal, (uint32_t)(time >> 32), (uint32_t)time);
    if (!mongoc_client_session_append(session->causal, options, &failure))
        return mongo_read_failed("use a session", &failure, error);
    return STATUS_OK;
}

void mongo_watermark(const struct store *store, struct store_watermark *mark)
{
    const struct mongo_server *server = &container_of(store, const struct mongo_store, store)->server;
    uint64_t time = atomic_load(&server->watermark);
    mark->text[0] = '\0';
    if (time > 0)
        snprintf(mark->text, sizeof(mark->text), "%016" PRIx64, time);
}

void mongo_raise(struct store *store, struct slice text)
{
    char copy[STORE_WATERMARK_LEN + 1] = "";
    uint64_t time;
    int len = 0;
    if (text.len != STORE_WATERMARK_LEN)
        return;
    memcpy(copy, text.data, text.len);
    bool is_time = sscanf(copy, "%16" SCNx64 "%n", &time, &len) == 1 && len == STORE_WATERMARK_LEN;
    if (is_time && (int64_t)(time >> 32) <= clock_wall_ms() / 1000 + AHEAD_MAX_S)
        raise_to(mongo_server_of(store), time);
}
