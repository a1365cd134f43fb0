/* SPDX-License-Identifier: MIT */
/*
 * One document at a time: a find by _id, an insert, a findAndModify. Each is one round trip with maxTimeMS and the
 * concerns of the URI. "There is none" and "it is taken" are told from errors by codes and fields of the reply, not by
 * its text.
 *
 * These are CRUD calls of the driver, because after a failover it repeats them once, under the number that it gave the
 * first try (retryWrites). A server that has executed the first try answers the second with its result. So a repeated
 * insert does not meet itself, and a repeated findAndModify does not find its own change. Without retryWrites nothing
 * is repeated, and a lost answer is STATUS_UNKNOWN.
 *
 * A reply may have a result and also an error of the write concern: applied here, but not yet safe. That is an unknown
 * outcome, even beside "nothing matched" or "taken": the state that was seen may roll back.
 */
#include "store/mongo_document.h"

#include <mongoc/mongoc.h>

#include "store/mongo_todo.h"
#include "store/mongo_transaction.h"

void mongo_find_options(bson_t *options, const struct mongo_server *server, int64_t limit)
{
    bson_t projection;
    BSON_APPEND_INT64(options, "limit", limit);
    BSON_APPEND_INT64(options, "batchSize", limit); /* else a single batch ends after 101 */
    BSON_APPEND_BOOL(options, "singleBatch", true);
    BSON_APPEND_INT64(options, "maxTimeMS", server->max_time_ms);
    BSON_APPEND_DOCUMENT_BEGIN(options, "projection", &projection);
    mongo_todo_project(&projection);
    bson_append_document_end(options, &projection);
}

static enum status cursor_read_one(mongoc_cursor_t *cursor, const char *id, struct arena *arena, struct todo *todo,
                                   struct error *error)
{
    const bson_t *document;
    bson_error_t failure;
    if (mongoc_cursor_next(cursor, &document))
        return mongo_todo_read(document, arena, todo, error);
    if (mongoc_cursor_error(cursor, &failure))
        return mongo_read_failed("read a todo", &failure, error);
    return error_set(error, STATUS_NOT_FOUND, "there is no todo with the id \"%s\"", id);
}

enum status mongo_todo_find(struct mongo_session *session, const char *id, struct arena *arena, struct todo *todo,
                            struct error *error)
{
    bson_t *filter = BCON_NEW("_id", BCON_UTF8(id));
    bson_t options = BSON_INITIALIZER;
    mongo_find_options(&options, session->server, 1);
    enum status status = mongo_session_catch_up(session, &options, error);
    if (status == STATUS_OK) {
        mongoc_cursor_t *cursor = mongoc_collection_find_with_opts(session->collection, filter, &options, NULL);
        status = cursor_read_one(cursor, id, arena, todo, error);
        mongoc_cursor_destroy(cursor);
    }
    bson_destroy(filter);
    bson_destroy(&options);
    return status;
}

enum status mongo_insert_one(struct mongo_session *session, const bson_t *document, int64_t max_time_ms,
                             const char *action, struct error *error)
{
    bson_t reply;
    bson_error_t failure;
    enum status status = STATUS_OK;
    bson_t *options = BCON_NEW("maxTimeMS", BCON_INT64(max_time_ms));
    if (!mongoc_collection_insert_one(session->collection, document, options, &reply, &failure)) {
        bool taken = mongo_is_duplicate(failure.code) && !bson_has_field(&reply, "writeConcernErrors");
        status = taken ? STATUS_EXISTS : mongo_write_failed(action, &reply, &failure, error);
    }
    bson_destroy(&reply);
    bson_destroy(options);
    return status;
}

/* The reply's "value": a document, or null where nothing matched. */
static enum status value_copy(const bson_t *reply, bson_t *found, struct error *error)
{
    bson_iter_t value;
    const uint8_t *data;
    uint32_t len;
    bson_t borrowed;
    if (!bson_iter_init_find(&value, reply, "value") || !BSON_ITER_HOLDS_DOCUMENT(&value))
        return STATUS_NOT_FOUND;
    bson_iter_document(&value, &len, &data);
    if (!bson_init_static(&borrowed, data, len) || !bson_concat(found, &borrowed))
        return error_set(error, STATUS_UNKNOWN, "mongodb: the answer to a write can't be read");
    return STATUS_OK;
}

enum status mongo_modify_one(struct mongo_session *session, const struct mongo_modification *modification,
                             bson_t *found, struct error *error)
{
    bson_t reply;
    bson_error_t failure = {0};
    enum status status;
    mongoc_find_and_modify_opts_t *options = mongoc_find_and_modify_opts_new();
    bson_init(found);
    mongoc_find_and_modify_opts_set_max_time_ms(options, (uint32_t)modification->max_time_ms);
    if (modification->fields)
        mongoc_find_and_modify_opts_set_fields(options, modification->fields);
    if (modification->update) {
        mongoc_find_and_modify_opts_set_update(options, modification->update);
        mongoc_find_and_modify_opts_set_flags(
            options, MONGOC_FIND_AND_MODIFY_RETURN_NEW | (modification->is_upsert ? MONGOC_FIND_AND_MODIFY_UPSERT : 0));
    } else {
        mongoc_find_and_modify_opts_set_flags(options, MONGOC_FIND_AND_MODIFY_REMOVE);
    }
    if (session->transaction)
        mongoc_find_and_modify_opts_append(options, mongo_transaction_options(session->transaction));
    bool done = mongoc_collection_find_and_modify_with_opts(session->collection, modification->filter, options, &reply,
                                                            &failure);
    status = done && !bson_has_field(&reply, "writeConcernError")
                 ? value_copy(&reply, found, error)
                 : mongo_session_write_failed(session, modification->action, &reply, &failure, error);
    bson_destroy(&reply);
    mongoc_find_and_modify_opts_destroy(options);
    return status;
}
