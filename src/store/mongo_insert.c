/* SPDX-License-Identifier: MIT */
/*
 * Inserts into the collection todos: one todo for a POST, many for the loader.
 *
 * A taken id may be the caller's own work, done by an earlier try whose answer got lost. An insert that finds its id
 * taken therefore reads the stored todo, and reports STATUS_EXISTS only if that has another life. If the stored todo
 * can't be read, the outcome of the insert is not known. It is not known either if the id is taken and a read of the
 * majority shows no todo, and a retry will ask.
 *
 * A load goes on after taken ids, which it recognises by their error code. Each row must be accounted for: the number
 * of inserted and of taken ones must add up to all, or the outcome is not known. The driver may have sent an insert
 * twice, so one find asks for the lives of all taken ids: a todo of our own life is no taken id.
 *
 * A load with UPSERT is a batch of update statements. The server can't be told what v a new document has and to count
 * it up in an old one, so $inc does both: a new document starts at v 1.
 */
#include <mongoc/mongoc.h>
#include <stdlib.h>

#include "base/mem.h"
#include "store/answer.h"
#include "store/mongo_batch.h"
#include "store/mongo_document.h"
#include "store/mongo_made.h"
#include "store/mongo_store.h"
#include "store/mongo_todo.h"

/* Is the stored todo ours? If it can't be read, the outcome of the insert is not known. */
static enum status insert_settle(struct store *store, const struct todo *todo, bool has_retry, struct error *error)
{
    struct arena arena;
    struct todo stored;
    struct error reason = {0};
    arena_init(&arena);
    enum status status = mongo_get(store, todo->id, &arena, &stored, &reason);
    enum status own =
        status == STATUS_OK && stored.life == todo->life ? store_insert_own(&stored, todo, error) : STATUS_EXISTS;
    arena_fini(&arena);
    if (own != STATUS_EXISTS)
        return own;
    if (status == STATUS_UNAVAILABLE || status == STATUS_BUSY || (status == STATUS_NOT_FOUND && has_retry)) {
        return error_set(error, STATUS_UNKNOWN, "the id \"%s\" is taken, and the stored todo can't be read: %.130s",
                         todo->id, reason.text);
    }
    return error_set(error, STATUS_EXISTS, "there is a todo with the id \"%s\" already", todo->id);
}

enum status mongo_insert(struct store *store, const struct todo *todo, const struct store_answer *answer,
                         struct error *error)
{
    struct mongo_session session;
    enum status status = mongo_session_open(&session, mongo_server_of(store), "todos", error);
    if (status)
        return status;
    bson_t document = BSON_INITIALIZER;
    mongo_todo_write(&document, todo, ~0u);
    if (answer)
        mongo_made_append(&document, answer);
    status = mongo_insert_one(&session, &document, session.server->max_time_ms, "insert a todo", error);
    bson_destroy(&document);
    mongo_session_close(&session);
    return status == STATUS_EXISTS ? insert_settle(store, todo, answer != NULL, error) : status;
}

/* Marks the taken ids; returns how many errors there were, or -1 if one of them was of another kind. */
static int64_t load_count_taken(const bson_t *reply, size_t count, enum status *results)
{
    int64_t taken_count = 0;
    bson_iter_t errors, each, code, index;
    if (!bson_iter_init_find(&errors, reply, "writeErrors") || !bson_iter_recurse(&errors, &each))
        return 0;
    for (; bson_iter_next(&each); taken_count++) {
        bool read = bson_iter_recurse(&each, &code) && bson_iter_find(&code, "code") &&
                    bson_iter_recurse(&each, &index) && bson_iter_find(&index, "index");
        if (!read || !mongo_is_duplicate((uint32_t)bson_iter_as_int64(&code)))
            return -1;
        int64_t at = bson_iter_as_int64(&index);
        if (at < 0 || (uint64_t)at >= count)
            return -1;
        results[at] = STATUS_EXISTS;
    }
    return taken_count;
}

static enum status load_insert(struct mongo_session *session, const bson_t **documents, size_t count,
                               enum status *results, bool *has_taken, struct error *error)
{
    bson_t reply;
    bson_iter_t inserted;
    bson_error_t failure = {0};
    for (size_t i = 0; i < count; i++)
        results[i] = STATUS_OK;
    /* Not validated again, which would be a sixth of the work: they are made field by field from valid todos. */
    bson_t *options = BCON_NEW("ordered", BCON_BOOL(false), "validate", BCON_BOOL(false), "maxTimeMS",
                               BCON_INT64(session->server->max_time_ms));
    enum status status = STATUS_OK;
    bool ok = mongoc_collection_insert_many(session->collection, documents, count, options, &reply, &failure);
    int64_t taken_count = load_count_taken(&reply, count, results);
    *has_taken = taken_count > 0;
    int64_t inserted_count =
        bson_iter_init_find(&inserted, &reply, "insertedCount") ? bson_iter_as_int64(&inserted) : 0;
    /* Fewer than all: the network broke between two commands. */
    if (taken_count < 0 || bson_has_field(&reply, "writeConcernErrors") ||
        inserted_count + taken_count < (int64_t)count) {
        status = ok ? error_set(error, STATUS_UNKNOWN, "mongodb: of %zu todos it counted %lld", count,
                                (long long)inserted_count)
                    : mongo_write_failed("insert todos", &reply, &failure, error);
    }
    bson_destroy(&reply);
    bson_destroy(options);
    return status;
}

static void taken_filter(bson_t *filter, const struct todo *todos, size_t count, const enum status *results)
{
    bson_t among, ids;
    uint32_t at = 0;
    BSON_APPEND_DOCUMENT_BEGIN(filter, "_id", &among);
    BSON_APPEND_ARRAY_BEGIN(&among, "$in", &ids);
    for (size_t i = 0; i < count; i++) {
        char room[16];
        const char *position;
        if (results[i] != STATUS_EXISTS)
            continue;
        bson_uint32_to_string(at++, &position, room, sizeof(room));
        BSON_APPEND_UTF8(&ids, position, todos[i].id);
    }
    bson_append_array_end(&among, &ids);
    bson_append_document_end(filter, &among);
}

/* MISMATCH for those of another life: they have been seen. */
static void taken_note(const bson_t *document, const struct todo *todos, size_t count, enum status *results)
{
    bson_iter_t life;
    struct slice id;
    int64_t stored = bson_iter_init_find(&life, document, "life") ? bson_iter_as_int64(&life) : 0;
    if (!mongo_text_read(document, "_id", &id))
        return;
    for (size_t i = 0; i < count; i++)
        if (results[i] == STATUS_EXISTS && slice_equal(slice_of(todos[i].id), id))
            results[i] = stored != 0 && stored == todos[i].life ? STATUS_OK : STATUS_MISMATCH;
}

/* A taken id that the majority does not show may be ours or another's, or was deleted since: a later try will tell. */
static enum status taken_judge(const struct todo *todos, size_t count, enum status *results, struct error *error)
{
    for (size_t i = 0; i < count; i++) {
        if (results[i] == STATUS_EXISTS)
            return error_set(error, STATUS_UNKNOWN, "the id \"%s\" is taken, but its todo is not to be seen yet",
                             todos[i].id);
        if (results[i] == STATUS_MISMATCH)
            results[i] = STATUS_EXISTS;
    }
    return STATUS_OK;
}

/* Tells the rows of an earlier try from those whose ids others have taken. */
static enum status taken_settle(struct mongo_session *session, const struct todo *todos, size_t count,
                                enum status *results, struct error *error)
{
    const bson_t *document;
    bson_error_t failure;
    bson_t filter = BSON_INITIALIZER;
    bson_t *options =
        BCON_NEW("projection", "{", "life", BCON_INT32(1), "}", "maxTimeMS", BCON_INT64(session->server->max_time_ms));
    enum status status = mongo_session_catch_up(session, options, error);
    taken_filter(&filter, todos, count, results);
    mongoc_cursor_t *cursor = mongoc_collection_find_with_opts(session->collection, &filter, options, NULL);
    while (status == STATUS_OK && mongoc_cursor_next(cursor, &document))
        taken_note(document, todos, count, results);
    if (status == STATUS_OK && mongoc_cursor_error(cursor, &failure))
        status = mongo_read_failed("read the lives of taken ids", &failure, error);
    mongoc_cursor_destroy(cursor);
    bson_destroy(options);
    bson_destroy(&filter);
    return status == STATUS_OK ? taken_judge(todos, count, results, error) : status;
}

enum status mongo_insert_many(struct mongo_session *session, const struct todo *todos, const bson_t **documents,
                              size_t count, enum status *results, struct error *error)
{
    bool has_taken;
    enum status status = load_insert(session, documents, count, results, &has_taken, error);
    return status == STATUS_OK && has_taken ? taken_settle(session, todos, count, results, error) : status;
}

static enum status mongo_load_insert(struct mongo_session *session, const struct todo *todos, size_t count,
                                     enum status *results, struct error *error)
{
    bson_t **documents = mem_alloc(count * sizeof(documents[0]));
    for (size_t i = 0; i < count; i++) {
        documents[i] = bson_sized_new(160 + todos[i].name.len + todos[i].description.len);
        mongo_todo_write(documents[i], &todos[i], ~0u);
    }
    enum status status = mongo_insert_many(session, todos, (const bson_t **)documents, count, results, error);
    for (size_t i = 0; i < count; i++)
        bson_destroy(documents[i]);
    free(documents);
    return status;
}

/* $inc makes a v of 1 where there was none. */
static void upsert_write(bson_t *statement, const struct todo *todo)
{
    bson_t set;
    BCON_APPEND(statement, "q", "{", "_id", BCON_UTF8(todo->id), "}", "upsert", BCON_BOOL(true));
    bson_t update;
    BSON_APPEND_DOCUMENT_BEGIN(statement, "u", &update);
    BSON_APPEND_DOCUMENT_BEGIN(&update, "$set", &set);
    mongo_todo_write(&set, todo, TODO_WRITE_FIELDS | 1u << TODO_UPDATED_AT);
    bson_append_document_end(&update, &set);
    BCON_APPEND(&update, "$inc", "{", "v", BCON_INT64(1), "}");
    BSON_APPEND_DOCUMENT_BEGIN(&update, "$setOnInsert", &set);
    mongo_todo_write(&set, todo, 1u << TODO_CREATED_AT | 1u << TODO_LIFE);
    bson_append_document_end(&update, &set);
    bson_append_document_end(statement, &update);
}

static enum status mongo_load_upsert(struct mongo_session *session, const struct todo *todos, size_t count,
                                     enum status *results, struct error *error)
{
    enum status status = STATUS_OK;
    struct mongo_batch batch;
    mongo_batch_init(&batch, session, "update", "insert or update todos");
    for (size_t i = 0; i < count && status == STATUS_OK; i++) {
        bson_t statement = BSON_INITIALIZER;
        upsert_write(&statement, &todos[i]);
        results[i] = STATUS_OK;
        status = mongo_batch_add(&batch, &statement, error);
    }
    return mongo_batch_end(&batch, status, error);
}

enum status mongo_load(struct store *store, const struct todo *todos, size_t count, enum store_load_mode mode,
                       enum status *results, struct error *error)
{
    struct mongo_session session;
    enum status status = mongo_session_open(&session, mongo_server_of(store), "todos", error);
    if (status)
        return status;
    status = mode == STORE_LOAD_UPSERT ? mongo_load_upsert(&session, todos, count, results, error)
                                       : mongo_load_insert(&session, todos, count, results, error);
    mongo_session_close(&session);
    return status;
}
