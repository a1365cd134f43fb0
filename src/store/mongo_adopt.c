/* SPDX-License-Identifier: MIT */
/*
 * Adoption: a todo in the place of a document that another program wrote (mongo_foreign.c).
 *
 * A document whose _id is the todo's id is replaced. The server decides in one operation that the document is still as
 * it was read. Any other one must move, because an _id can't be changed:
 *
 *   claim    the document gets the todo's life, as its member adopting
 *   insert   the todo, with that life
 *   remove   the document, if it is still as it was read
 *
 * A process may die between any two of these, and a driver may repeat them. The next walk gives the document again,
 * with its claim, and the todo gets the claimed life: by that the insert recognises its own todo, whatever clients have
 * made of it since, and the removal follows. Without the claim the todo of an earlier try would look like somebody
 * else's. A document that is restored from a dump once more has no claim, so its life is never used twice.
 *
 * A document that its program changes between the walk and the removal is not removed. It loses its claim, so that the
 * next adoption takes the id for taken, and a person decides. The log says how many there are (adopt_changed).
 *
 * Nothing is lost: members that are no field of a todo go with it, and adopted_from keeps the _id of a document that
 * has moved, as others may refer to it.
 */
#include <mongoc/mongoc.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/mem.h"
#include "store/mongo_batch.h"
#include "store/mongo_document.h"
#include "store/mongo_store.h"
#include "store/mongo_todo.h"

static const char CLAIM[] = "adopting";

struct adoption {
    struct mongo_session *session;
    struct todo *todos; /* with the claimed lives */
    bson_t *documents;  /* borrow the caller's bytes */
    size_t count;
    enum status *results;
};

static bool stays(const struct adoption *adoption, size_t i)
{
    struct slice id;
    return mongo_text_read(&adoption->documents[i], "_id", &id) && slice_equal(id, slice_of(adoption->todos[i].id));
}

static bool is_field(const char *key)
{
    for (enum todo_field field = 0; field < TODO_FIELD_COUNT; field++)
        if (strcmp(key, mongo_todo_key(field)) == 0 || strcmp(key, todo_field_name(field)) == 0)
            return true;
    return false;
}

/* The todo, and what the document has beyond it. */
static void todo_write(bson_t *written, const struct adoption *adoption, size_t i)
{
    bson_iter_t member;
    mongo_todo_write(written, &adoption->todos[i], ~0u);
    for (bool more = bson_iter_init(&member, &adoption->documents[i]); more && bson_iter_next(&member);) {
        const char *key = bson_iter_key(&member);
        if (strcmp(key, "_id") == 0 && !stays(adoption, i))
            bson_append_iter(written, "adopted_from", -1, &member);
        else if (!is_field(key) && strcmp(key, CLAIM) != 0)
            bson_append_iter(written, NULL, 0, &member);
    }
}

/* Plain, not by $eq: so that each server finds it by the index. */
static void id_append(bson_t *filter, const bson_t *document)
{
    bson_iter_t id;
    if (bson_iter_init_find(&id, document, "_id"))
        bson_append_iter(filter, NULL, 0, &id);
}

/* A filter: the document is as it was read. Members whose names a filter would take for paths are left out. */
static void as_read_append(bson_t *statement, const bson_t *document)
{
    bson_iter_t member;
    bson_t filter;
    BSON_APPEND_DOCUMENT_BEGIN(statement, "q", &filter);
    id_append(&filter, document);
    for (bool more = bson_iter_init(&member, document); more && bson_iter_next(&member);) {
        const char *key = bson_iter_key(&member);
        bson_t equal;
        if (strcmp(key, "_id") == 0 || strcmp(key, CLAIM) == 0 || key[0] == '$' || key[0] == '\0' || strchr(key, '.'))
            continue;
        BSON_APPEND_DOCUMENT_BEGIN(&filter, key, &equal);
        bson_append_iter(&equal, "$eq", -1, &member);
        bson_append_document_end(&filter, &equal);
    }
    bson_append_document_end(statement, &filter);
}

static void by_id_append(bson_t *statement, const bson_t *document)
{
    bson_t filter;
    BSON_APPEND_DOCUMENT_BEGIN(statement, "q", &filter);
    id_append(&filter, document);
    bson_append_document_end(statement, &filter);
}

/* ---- The statements: false if the document needs none ---- */

typedef bool (*statement_fn)(bson_t *statement, const struct adoption *adoption, size_t i);

static bool replace_write(bson_t *statement, const struct adoption *adoption, size_t i)
{
    bson_t todo;
    if (!stays(adoption, i))
        return false;
    as_read_append(statement, &adoption->documents[i]);
    BSON_APPEND_DOCUMENT_BEGIN(statement, "u", &todo);
    todo_write(&todo, adoption, i);
    bson_append_document_end(statement, &todo);
    return true;
}

static bool claim_write(bson_t *statement, const struct adoption *adoption, size_t i)
{
    if (stays(adoption, i) || bson_has_field(&adoption->documents[i], CLAIM))
        return false;
    by_id_append(statement, &adoption->documents[i]);
    BCON_APPEND(statement, "u", "{", "$set", "{", CLAIM, BCON_INT64(adoption->todos[i].life), "}", "}");
    return true;
}

static bool unclaim_write(bson_t *statement, const struct adoption *adoption, size_t i)
{
    if (stays(adoption, i))
        return false;
    by_id_append(statement, &adoption->documents[i]);
    BCON_APPEND(statement, "u", "{", "$unset", "{", CLAIM, BCON_INT32(1), "}", "}");
    return true;
}

static bool remove_write(bson_t *statement, const struct adoption *adoption, size_t i)
{
    if (stays(adoption, i) || adoption->results[i] != STATUS_OK)
        return false;
    as_read_append(statement, &adoption->documents[i]);
    BSON_APPEND_INT32(statement, "limit", 1);
    return true;
}

/* Sends the statements that write makes; wanted and found: how many there were, and how many documents they met. */
static enum status run(struct adoption *adoption, const char *command, statement_fn write, int64_t *wanted,
                       int64_t *found, struct error *error)
{
    struct mongo_batch batch;
    enum status status = STATUS_OK;
    mongo_batch_init(&batch, adoption->session, command, "adopt documents");
    *wanted = 0;
    for (size_t i = 0; i < adoption->count && status == STATUS_OK; i++) {
        bson_t statement = BSON_INITIALIZER;
        if (!write(&statement, adoption, i)) {
            bson_destroy(&statement);
            continue;
        }
        ++*wanted;
        status = mongo_batch_add(&batch, &statement, error);
    }
    status = mongo_batch_end(&batch, status, error);
    *found = batch.matched_count;
    return status;
}

/* ---- The order of it ---- */

/* A replaced document is inserted in vain, and recognised by its life like any other todo of ours. */
static enum status insert_todos(struct adoption *adoption, struct error *error)
{
    bson_t **written = mem_alloc(adoption->count * sizeof(written[0]));
    for (size_t i = 0; i < adoption->count; i++) {
        written[i] = bson_new();
        todo_write(written[i], adoption, i);
    }
    enum status status = mongo_insert_many(adoption->session, adoption->todos, (const bson_t **)written,
                                           adoption->count, adoption->results, error);
    for (size_t i = 0; i < adoption->count; i++)
        bson_destroy(written[i]);
    free(written);
    return status;
}

/* If a document that moves is still there, its program has changed it, or the todo's id is taken. */
static enum status unclaim_rest(struct adoption *adoption, struct error *error)
{
    int64_t moved_count, rest_count, taken_count = 0;
    enum status status = run(adoption, "update", unclaim_write, &moved_count, &rest_count, error);
    for (size_t i = 0; i < adoption->count; i++)
        taken_count += !stays(adoption, i) && adoption->results[i] == STATUS_EXISTS;
    if (status == STATUS_OK && rest_count > taken_count)
        log_warn(NULL, "adopt_changed", "count=%lld action=\"other programs changed them meanwhile: both stay\"",
                 (long long)(rest_count - taken_count));
    return status;
}

static enum status adopt(struct adoption *adoption, struct error *error)
{
    int64_t wanted, found, removable, removed = 0;
    enum status status = run(adoption, "update", replace_write, &wanted, &found, error);
    if (status == STATUS_OK)
        status = run(adoption, "update", claim_write, &wanted, &found, error);
    if (status == STATUS_OK)
        status = insert_todos(adoption, error);
    if (status == STATUS_OK)
        status = run(adoption, "delete", remove_write, &removable, &removed, error);
    return status == STATUS_OK && removed < (int64_t)adoption->count ? unclaim_rest(adoption, error) : status;
}

static void claimed_life_read(const bson_t *document, struct todo *todo)
{
    bson_iter_t claim;
    if (bson_iter_init_find(&claim, document, CLAIM) && BSON_ITER_HOLDS_INT64(&claim))
        todo->life = bson_iter_int64(&claim);
}

enum status mongo_adopt(struct store *store, const struct todo *todos, const struct slice *documents, size_t count,
                        enum status *results, struct error *error)
{
    struct mongo_session session;
    enum status status = mongo_session_open(&session, mongo_server_of(store), "todos", error);
    if (status)
        return status;
    struct adoption adoption = {.session = &session,
                                .todos = mem_alloc(count * sizeof(todos[0])),
                                .documents = mem_alloc(count * sizeof(bson_t)),
                                .count = count,
                                .results = results};
    for (size_t i = 0; i < count; i++) {
        bool is_whole = bson_init_static(&adoption.documents[i], (const uint8_t *)documents[i].data, documents[i].len);
        bug_unless(is_whole, "a document that no walk gave");
        adoption.todos[i] = todos[i];
        claimed_life_read(&adoption.documents[i], &adoption.todos[i]);
    }
    status = adopt(&adoption, error);
    free(adoption.todos);
    free(adoption.documents);
    mongo_session_close(&session);
    return status;
}
