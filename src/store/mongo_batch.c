/* SPDX-License-Identifier: MIT */
/*
 * Batches of inserts, updates and deletes in MongoDB, as plain commands. The driver's bulk calls take no maxTimeMS, and
 * without it a server may go on with a write long after its fence ran out. In exchange, the driver does not retry them.
 *
 * A batch of a session with a transaction is part of that.
 */
#include "store/mongo_batch.h"

#include <mongoc/mongoc.h>
#include <string.h>

#include "store/mongo_transaction.h"

enum {
    BATCH_MAX_BYTES = 8 * 1024 * 1024, /* half of what a server takes in one command */
    BATCH_MAX_COUNT = 10000,           /* a tenth of what it takes */
};

static const char *array_key_of(const char *command)
{
    return strcmp(command, "insert") == 0 ? "documents" : strcmp(command, "update") == 0 ? "updates" : "deletes";
}

void mongo_batch_init(struct mongo_batch *batch, struct mongo_session *session, const char *command, const char *action)
{
    *batch = (struct mongo_batch){
        .session = session,
        .command = command,
        .array_key = array_key_of(command),
        .action = action,
        .statements = bson_new(),
    };
}

/* The first error of a statement, in the form of the driver's own. */
static bool statements_failed(const bson_t *reply, bson_error_t *failure)
{
    bson_iter_t at, code, message;
    if (!bson_iter_init(&at, reply) || !bson_iter_find_descendant(&at, "writeErrors.0.code", &code))
        return false;
    bool told = bson_iter_init(&at, reply) && bson_iter_find_descendant(&at, "writeErrors.0.errmsg", &message) &&
                BSON_ITER_HOLDS_UTF8(&message);
    bson_set_error(failure, MONGOC_ERROR_SERVER, (uint32_t)bson_iter_as_int64(&code), "%s",
                   told ? bson_iter_utf8(&message, NULL) : "no reason given");
    return true;
}

static bson_t *batch_command(const struct mongo_batch *batch)
{
    const struct mongo_session *session = batch->session;
    bson_t *command = bson_sized_new(batch->statements->len + 256);
    bson_append_utf8(command, batch->command, -1, session->collection_name, -1);
    bson_append_array(command, batch->array_key, -1, batch->statements);
    BSON_APPEND_BOOL(command, "ordered", false);
    BSON_APPEND_INT64(command, "maxTimeMS",
                      session->transaction ? mongo_transaction_left_ms(session->transaction)
                                           : session->server->max_time_ms);
    return command;
}

static enum status batch_send(struct mongo_batch *batch, struct error *error)
{
    struct mongo_session *session = batch->session;
    bson_error_t failure;
    bson_t reply;
    if (batch->count == 0)
        return STATUS_OK;
    bson_t *command = batch_command(batch);
    bool sent =
        mongoc_client_write_command_with_opts(session->client, session->server->database, command,
                                              mongo_transaction_options(session->transaction), &reply, &failure);
    bool failed = statements_failed(&reply, &failure) || !sent;
    bson_iter_t matched;
    if (bson_iter_init_find(&matched, &reply, "n"))
        batch->matched_count += bson_iter_as_int64(&matched);
    enum status status =
        failed ? mongo_session_write_failed(session, batch->action, &reply, &failure, error) : STATUS_OK;
    bson_destroy(&reply);
    bson_destroy(command);
    bson_reinit(batch->statements);
    batch->count = 0;
    return status;
}

enum status mongo_batch_add(struct mongo_batch *batch, bson_t *statement, struct error *error)
{
    char room[16];
    const char *key;
    size_t len = bson_uint32_to_string(batch->count++, &key, room, sizeof(room));
    bson_append_document(batch->statements, key, (int)len, statement);
    bson_destroy(statement);
    bool is_full = batch->count >= BATCH_MAX_COUNT || batch->statements->len >= BATCH_MAX_BYTES;
    return is_full ? batch_send(batch, error) : STATUS_OK;
}

enum status mongo_batch_end(struct mongo_batch *batch, enum status status, struct error *error)
{
    if (status == STATUS_OK)
        status = batch_send(batch, error);
    bson_destroy(batch->statements);
    return status;
}
