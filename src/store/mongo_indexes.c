/* SPDX-License-Identifier: MIT */
/*
 * The indexes that the MongoDB store needs, and how they are made: one createIndexes for each collection. It also makes
 * the collection, and does nothing where all is there.
 *
 * Lists use two indexes, one by (created_at, _id), one with done in front, and name them as hints: without its index a
 * list fails instead of being slow. The outbox is listed by age.
 *
 * answers and purges have TTL indexes: the server deletes a document some time after the date in its key. Its monitor
 * runs each minute, and later on a busy server, so no code relies on it; a begin looks at expires_at itself.
 *
 * No maxTimeMS: a build that is cut short begins again each time. Without the limit it goes on after the call has given
 * up waiting, and is done some time.
 */
#include "store/mongo_indexes.h"

#include <mongoc/mongoc.h>
#include <string.h>

#include "store/store.h"

enum { KEY_MAX = 3 };

static const struct index {
    const char *collection, *name;
    const char *keys[KEY_MAX + 1];
    bool expires; /* a document is deleted kept_s after the date in its key */
    int32_t kept_s;
} INDEXES[] = {
    {.collection = "todos", .name = "todos_by_time", .keys = {"created_at", "_id"}},
    {.collection = "todos", .name = "todos_by_done_and_time", .keys = {"done", "created_at", "_id"}},
    {.collection = "outbox", .name = "outbox_by_age", .keys = {"added_at", "_id"}},
    {.collection = "answers", .name = "answers_by_expiry", .keys = {"expires_at"}, .expires = true},
    {.collection = "purges",
     .name = "purges_by_due",
     .keys = {"due_at"},
     .expires = true,
     .kept_s = STORE_PURGE_KEPT_S},
};

enum { INDEX_COUNT = sizeof(INDEXES) / sizeof(INDEXES[0]) };

static void index_append(bson_t *list, uint32_t at, const struct index *index)
{
    char room[16];
    const char *position;
    bson_t document, key;
    bson_uint32_to_string(at, &position, room, sizeof(room));
    BSON_APPEND_DOCUMENT_BEGIN(list, position, &document);
    BSON_APPEND_DOCUMENT_BEGIN(&document, "key", &key);
    for (size_t i = 0; index->keys[i]; i++)
        BSON_APPEND_INT32(&key, index->keys[i], 1);
    bson_append_document_end(&document, &key);
    BSON_APPEND_UTF8(&document, "name", index->name);
    if (index->expires)
        BSON_APPEND_INT32(&document, "expireAfterSeconds", index->kept_s);
    bson_append_document_end(list, &document);
}

static bson_t *command_new(const char *collection)
{
    bson_t *command = BCON_NEW("createIndexes", BCON_UTF8(collection));
    bson_t list;
    uint32_t count = 0;
    BSON_APPEND_ARRAY_BEGIN(command, "indexes", &list);
    for (size_t i = 0; i < INDEX_COUNT; i++)
        if (strcmp(INDEXES[i].collection, collection) == 0)
            index_append(&list, count++, &INDEXES[i]);
    bson_append_array_end(command, &list);
    return command;
}

static enum status collection_make(struct mongo_session *session, const char *collection, struct error *error)
{
    bson_t reply;
    bson_error_t failure;
    enum status status = STATUS_OK;
    bson_t *command = command_new(collection);
    if (!mongoc_client_write_command_with_opts(session->client, session->server->database, command, NULL, &reply,
                                               &failure))
        status = mongo_read_failed("make its indexes", &failure, error);
    bson_destroy(&reply);
    bson_destroy(command);
    return status;
}

enum status mongo_indexes_make(struct mongo_session *session, struct error *error)
{
    static const char *const collections[] = {"todos", "outbox", "answers", "purges"};
    enum status status = STATUS_OK;
    for (size_t i = 0; i < sizeof(collections) / sizeof(collections[0]) && status == STATUS_OK; i++)
        status = collection_make(session, collections[i], error);
    return status;
}
