/* SPDX-License-Identifier: MIT */
/*
 * Batches of queued writes in MongoDB: a transaction for each (mongo_transaction.c), and the collection bookmarks, a
 * document for each shard of the queue.
 *
 *   {_id: SHARD, name: "...", owner: "...", claims: N, last: N, results: "...", batches: N, sessions: [...]}
 *
 * A batch takes the bookmark (it counts batches), reads its todos and the records of its keys, all as of one moment;
 * fold.c says what becomes of them; what has changed is written once each, at most one command for inserts, updates and
 * deletes; the bookmark moves on. A claim is one findAndModify. Both change the same document, so the server lets none
 * of them begin in the midst of the other: a batch whose applier is replaced meanwhile meets a conflict, reads the new
 * owner, and is refused.
 *
 * An applier that dies, or can't reach the server, may leave its transaction open, with its bookmark taken. Then nobody
 * could write its todos for a minute. So the bookmark lists the sessions that batches ran in, each before its first
 * batch, outside of the transaction. A claim that waits for longer than any batch should take ends what runs in them.
 * If that hits an applier which was only slow, it tries again, and finds that it is replaced. An applier claims its own
 * shard again after a failure. That claim counts, because the server passes by an update that changes nothing: it would
 * not wait for the open transaction, and never end it.
 *
 * Documents of other programs are treated as by store_change(): one that can't be read is left alone, and the fields
 * that are not a todo's survive. An update sets the fields and v as the snapshot and the batch have it. No one else has
 * changed the document since, or the transaction would meet a conflict.
 *
 * A todo that a request with an Idempotency-Key has made, and that the batch deletes, leaves its note in the record of
 * the key (mongo_made.c). A todo that is made by the queue has no marker: its record has its answer from the first.
 */
#include <mongoc/mongoc.h>

#include "base/clock.h"
#include "base/log.h"
#include "store/bookmark.h"
#include "store/fold.h"
#include "store/mongo_answers.h"
#include "store/mongo_batch.h"
#include "store/mongo_document.h"
#include "store/mongo_made.h"
#include "store/mongo_shards.h"
#include "store/mongo_store.h"
#include "store/mongo_todo.h"
#include "store/mongo_transaction.h"

static const char BOOKMARKS[] = "bookmarks", ACTION[] = "apply queued writes";

struct apply_call {
    const struct store_batch *batch;
    struct store_applied *results;
    struct arena arena;
    struct fold fold;
    struct mongo_made *mades; /* of the stored todos */
    const bson_t *unlisted;   /* the session that the bookmark doesn't list yet; NULL: it does */
};

enum {
    SESSIONS_MAX = 16,   /* that a bookmark lists */
    CLAIM_WAIT_MS = 500, /* for a batch under way */
};

/* ---- Reading ---- */

typedef enum status (*document_fn)(struct apply_call *call, const bson_t *document, struct error *error);

/* Each document of a collection that the filter finds. */
static enum status each_read(struct mongo_session *session, struct apply_call *call, const bson_t *filter,
                             bson_t *options, document_fn read, struct error *error)
{
    const bson_t *document;
    bson_error_t failure;
    BSON_APPEND_INT64(options, "maxTimeMS", mongo_transaction_left_ms(session->transaction));
    enum status status = mongo_session_catch_up(session, options, error);
    if (status != STATUS_OK)
        return status;
    mongoc_cursor_t *cursor = mongoc_collection_find_with_opts(session->collection, filter, options, NULL);
    while (status == STATUS_OK && mongoc_cursor_next(cursor, &document))
        status = read(call, document, error);
    if (status == STATUS_OK && mongoc_cursor_error_document(cursor, &failure, &document))
        status = mongo_transaction_failed(session->transaction, ACTION, document, &failure, error);
    mongoc_cursor_destroy(cursor);
    return status;
}

/* {_id: {$in: [...]}} */
static bson_t *among_begin(bson_t *filter, bson_t *among, bson_t *ids)
{
    BSON_APPEND_DOCUMENT_BEGIN(filter, "_id", among);
    BSON_APPEND_ARRAY_BEGIN(among, "$in", ids);
    return ids;
}

static void among_add(bson_t *ids, size_t at, const char *id)
{
    char room[16];
    const char *key;
    bson_uint32_to_string((uint32_t)at, &key, room, sizeof(room));
    BSON_APPEND_UTF8(ids, key, id);
}

static void among_end(bson_t *filter, bson_t *among, bson_t *ids)
{
    bson_append_array_end(among, ids);
    bson_append_document_end(filter, among);
}

static enum status todo_read(struct apply_call *call, const bson_t *document, struct error *error)
{
    struct slice id;
    struct fold_todo *todo =
        mongo_text_read(document, "_id", &id) ? fold_find(&call->fold, arena_copy(&call->arena, id).data) : NULL;
    if (!todo)
        return STATUS_OK;
    todo->found = mongo_todo_read(document, &call->arena, &todo->stored, error);
    mongo_made_read(document, &call->mades[todo - call->fold.todos]);
    return STATUS_OK;
}

static enum status todos_read(struct mongo_session *session, struct apply_call *call, struct error *error)
{
    bson_t filter = BSON_INITIALIZER, options = BSON_INITIALIZER, among, ids, projection;
    among_begin(&filter, &among, &ids);
    for (size_t i = 0; i < call->fold.todo_count; i++)
        among_add(&ids, i, call->fold.todos[i].id);
    among_end(&filter, &among, &ids);
    BSON_APPEND_DOCUMENT_BEGIN(&options, "projection", &projection);
    mongo_todo_project(&projection);
    mongo_made_project(&projection);
    bson_append_document_end(&options, &projection);
    BSON_APPEND_INT64(&options, "batchSize", STORE_APPLY_MAX + 1); /* one more: then the server closes the cursor */
    enum status status = each_read(session, call, &filter, &options, todo_read, error);
    bson_destroy(&options);
    bson_destroy(&filter);
    return status;
}

static enum status key_read(struct apply_call *call, const bson_t *document, struct error *error)
{
    struct slice id;
    bool is_text = mongo_text_read(document, "_id", &id);
    for (size_t i = 0; is_text && i < call->fold.key_count; i++) {
        struct fold_key *key = &call->fold.keys[i];
        if (!slice_equal(slice_of(key->key), id))
            continue;
        memcpy(key->stored.key, id.data, id.len); /* as long as the key at most, and the rest is 0 */
        key->found = mongo_answer_read(document, &call->arena, &key->stored, error);
    }
    return STATUS_OK;
}

/* Of a request that runs: was its todo made? It is there, or its record says so (mongo_made.c). */
static enum status made_look(struct mongo_session *session, struct apply_call *call, struct store_answer *stored,
                             struct error *error)
{
    struct todo todo;
    const struct fold_todo *known = fold_find(&call->fold, stored->id);
    enum status status = known ? known->found : STATUS_NOT_FOUND;
    if (known)
        todo = known->stored;
    else
        status = mongo_todo_find(session, stored->id, &call->arena, &todo, error);
    if (status == STATUS_OK)
        stored->is_made = todo.life == stored->life;
    return status == STATUS_NOT_FOUND || status == STATUS_INVALID ? STATUS_OK : status;
}

static enum status keys_read(struct mongo_session *session, struct apply_call *call, struct error *error)
{
    struct mongo_session answers;
    bson_t filter = BSON_INITIALIZER, options = BSON_INITIALIZER, among, ids;
    if (call->fold.key_count == 0)
        return STATUS_OK;
    among_begin(&filter, &among, &ids);
    for (size_t i = 0; i < call->fold.key_count; i++)
        among_add(&ids, i, call->fold.keys[i].key);
    among_end(&filter, &among, &ids);
    mongo_session_share(&answers, session, "answers");
    enum status status = each_read(&answers, call, &filter, &options, key_read, error);
    mongo_session_unshare(&answers);
    bson_destroy(&options);
    bson_destroy(&filter);
    for (size_t i = 0; i < call->fold.key_count && status == STATUS_OK; i++) {
        struct fold_key *key = &call->fold.keys[i];
        if (key->found == STATUS_OK && key->stored.http_status == 0 && !key->stored.is_made)
            status = made_look(session, call, &key->stored, error);
    }
    return status;
}

/* ---- Writing ---- */

static void insert_append(bson_t *document, const struct fold_todo *todo)
{
    mongo_todo_write(document, &todo->next, ~0u);
}

static void update_append(bson_t *statement, const struct fold_todo *todo)
{
    bson_t update, set;
    BCON_APPEND(statement, "q", "{", "_id", BCON_UTF8(todo->id), "}");
    BSON_APPEND_DOCUMENT_BEGIN(statement, "u", &update);
    BSON_APPEND_DOCUMENT_BEGIN(&update, "$set", &set);
    mongo_todo_write(&set, &todo->next, TODO_WRITE_FIELDS | 1u << TODO_UPDATED_AT | 1u << TODO_V);
    bson_append_document_end(&update, &set);
    bson_append_document_end(statement, &update);
}

static void delete_append(bson_t *statement, const struct fold_todo *todo)
{
    BCON_APPEND(statement, "q", "{", "_id", BCON_UTF8(todo->id), "}", "limit", BCON_INT32(1));
}

/* The todos of one kind of change, as one command. */
static enum status todos_write(struct mongo_session *session, const struct fold *fold, enum fold_change wanted,
                               struct error *error)
{
    static const struct {
        const char *command;
        void (*append)(bson_t *statement, const struct fold_todo *todo);
    } rows[] = {[FOLD_INSERT] = {"insert", insert_append},
                [FOLD_UPDATE] = {"update", update_append},
                [FOLD_DELETE] = {"delete", delete_append}};
    struct mongo_batch batch;
    enum status status = STATUS_OK;
    mongo_batch_init(&batch, session, rows[wanted].command, ACTION);
    for (size_t i = 0; i < fold->todo_count && status == STATUS_OK; i++) {
        bson_t statement = BSON_INITIALIZER;
        if (fold_change(&fold->todos[i]) != wanted)
            continue;
        rows[wanted].append(&statement, &fold->todos[i]);
        status = mongo_batch_add(&batch, &statement, error);
    }
    return mongo_batch_end(&batch, status, error);
}

/* Answers that are kept, and notes about todos that are deleted. */
static enum status answers_write(struct mongo_session *session, const struct apply_call *call, struct error *error)
{
    struct mongo_session answers;
    struct mongo_batch batch;
    const struct fold *fold = &call->fold;
    enum status status = STATUS_OK;
    mongo_session_share(&answers, session, "answers");
    mongo_batch_init(&batch, &answers, "update", ACTION);
    for (size_t i = 0; i < fold->todo_count && status == STATUS_OK; i++) {
        bson_t statement = BSON_INITIALIZER;
        if (fold_change(&fold->todos[i]) != FOLD_DELETE || !call->mades[i].key[0])
            continue;
        mongo_made_statement(&statement, &fold->todos[i].stored, &call->mades[i]);
        status = mongo_batch_add(&batch, &statement, error);
    }
    for (size_t i = 0; i < fold->key_count && status == STATUS_OK; i++) {
        bson_t statement = BSON_INITIALIZER;
        if (!fold->keys[i].is_kept)
            continue;
        mongo_answer_keep(&statement, &fold->keys[i].stored);
        status = mongo_batch_add(&batch, &statement, error);
    }
    status = mongo_batch_end(&batch, status, error);
    mongo_session_unshare(&answers);
    return status;
}

/* ---- The bookmark ---- */

static enum status bookmark_read(struct apply_call *call, const bson_t *bookmark, struct error *error)
{
    struct slice owner = SLICE("");
    bson_iter_t last;
    bool has_last = bson_iter_init_find(&last, bookmark, "last") && BSON_ITER_HOLDS_INT(&last);
    (void)mongo_text_read(bookmark, "owner", &owner);
    return bookmark_check(call->batch, owner, has_last ? bson_iter_as_int64(&last) : 0, error);
}

/* From here on no other transaction has it. A session that isn't listed takes nothing. */
static enum status bookmark_take(struct mongo_session *session, struct apply_call *call, struct error *error)
{
    bson_t found;
    const bson_t *lsid = mongo_transaction_lsid(session->transaction);
    bson_t *filter = BCON_NEW("_id", BCON_INT32((int32_t)call->batch->shard), "sessions", BCON_DOCUMENT(lsid));
    bson_t *update = BCON_NEW("$inc", "{", "batches", BCON_INT64(1), "}");
    struct mongo_modification modification = {.filter = filter,
                                              .update = update,
                                              .max_time_ms = mongo_transaction_left_ms(session->transaction),
                                              .action = ACTION};
    enum status status = mongo_modify_one(session, &modification, &found, error);
    if (status == STATUS_OK)
        status = bookmark_read(call, &found, error);
    if (status == STATUS_NOT_FOUND) {
        call->unlisted = lsid;
        status = mongo_transaction_again(session->transaction);
    }
    bson_destroy(&found);
    bson_destroy(update);
    bson_destroy(filter);
    return status;
}

/* Before the transaction: the bookmark lists its session. */
static enum status session_list(struct mongo_session *session, struct apply_call *call, struct error *error)
{
    struct mongo_session bookmarks;
    struct mongo_batch batch;
    if (!call->unlisted)
        return STATUS_OK;
    mongo_session_share(&bookmarks, session, BOOKMARKS);
    mongo_batch_init(&batch, &bookmarks, "update", "list a session");
    bson_t *statement =
        BCON_NEW("q", "{", "_id", BCON_INT32((int32_t)call->batch->shard), "}", "u", "{", "$push", "{", "sessions", "{",
                 "$each", "[", BCON_DOCUMENT(call->unlisted), "]", "$slice", BCON_INT32(-SESSIONS_MAX), "}", "}", "}");
    enum status status = mongo_batch_end(&batch, mongo_batch_add(&batch, statement, error), error);
    mongo_session_unshare(&bookmarks);
    call->unlisted = NULL;
    if (status == STATUS_OK && batch.matched_count == 0)
        return error_set(error, STATUS_MISMATCH, "nobody has claimed shard %u", call->batch->shard);
    return status == STATUS_UNKNOWN ? STATUS_UNAVAILABLE : status; /* of the batch nothing was applied */
}

/* Before the transaction, if it may be one over several shards: those of the batch, and that of the bookmarks. */
static enum status shards_meet(struct mongo_session *session, const struct store_batch *batch, struct error *error)
{
    struct mongo_session bookmarks;
    bson_t filter = BSON_INITIALIZER, among, ids;
    if (!atomic_load(&session->server->is_sharded) || batch->writes[0].is_dead)
        return STATUS_OK;
    among_begin(&filter, &among, &ids);
    for (size_t i = 0; i < batch->count; i++)
        among_add(&ids, i, batch->writes[i].change.todo->id);
    among_end(&filter, &among, &ids);
    enum status status = mongo_shards_meet(session, &filter, error);
    bson_reinit(&filter);
    BSON_APPEND_INT32(&filter, "_id", (int32_t)batch->shard);
    mongo_session_share(&bookmarks, session, BOOKMARKS);
    if (status == STATUS_OK)
        status = mongo_shards_meet(&bookmarks, &filter, error);
    mongo_session_unshare(&bookmarks);
    bson_destroy(&filter);
    return status;
}

static enum status apply_before(struct mongo_session *session, void *ctx, struct error *error)
{
    struct apply_call *call = ctx;
    enum status status = session_list(session, call, error);
    return status == STATUS_OK ? shards_meet(session, call->batch, error) : status;
}

static enum status bookmark_write(struct mongo_session *session, const struct apply_call *call, struct error *error)
{
    struct buf text;
    struct mongo_batch batch;
    const struct store_batch *applied = call->batch;
    buf_init(&text);
    bookmark_print(&text, call->results, applied->count);
    mongo_batch_init(&batch, session, "update", ACTION);
    bson_t *statement =
        BCON_NEW("q", "{", "_id", BCON_INT32((int32_t)applied->shard), "}", "u", "{", "$set", "{", "last",
                 BCON_INT64(call->results[applied->count - 1].number), "results", BCON_UTF8(text.data), "}", "}");
    enum status status = mongo_batch_end(&batch, mongo_batch_add(&batch, statement, error), error);
    buf_fini(&text);
    return status;
}

/* ---- Calls ---- */

static enum status fold_apply(struct mongo_session *session, struct apply_call *call, struct error *error)
{
    arena_reset(&call->arena);
    fold_begin(&call->fold, call->batch, &call->arena);
    call->mades = arena_alloc(&call->arena, call->fold.todo_count * sizeof(*call->mades));
    enum status status = todos_read(session, call, error);
    if (status == STATUS_OK)
        status = keys_read(session, call, error);
    if (status == STATUS_OK)
        status = fold_run(&call->fold, clock_wall_ms(), call->results, error);
    for (enum fold_change change = FOLD_INSERT; change <= FOLD_DELETE && status == STATUS_OK; change++)
        status = todos_write(session, &call->fold, change, error);
    return status == STATUS_OK ? answers_write(session, call, error) : status;
}

static enum status apply_body(struct mongo_session *session, void *ctx, struct error *error)
{
    struct apply_call *call = ctx;
    struct mongo_session bookmarks;
    mongo_session_share(&bookmarks, session, BOOKMARKS);
    enum status status = bookmark_take(&bookmarks, call, error);
    if (status == STATUS_OK)
        status = fold_apply(session, call, error);
    if (status == STATUS_OK)
        status = bookmark_write(&bookmarks, call, error);
    mongo_session_unshare(&bookmarks);
    return status;
}

enum status mongo_apply(struct store *store, const struct store_batch *batch, struct store_applied *results,
                        struct error *error)
{
    struct mongo_session session;
    struct apply_call call = {.batch = batch, .results = results};
    enum status status = mongo_session_open(&session, mongo_server_of(store), "todos", error);
    if (status)
        return status;
    arena_init(&call.arena);
    status = mongo_transact(&session, apply_before, apply_body, &call, error);
    arena_fini(&call.arena);
    mongo_session_close(&session);
    return status;
}

static enum status claim(struct mongo_session *session, unsigned shard, const struct token *owner, int64_t max_time_ms,
                         struct store_bookmark *bookmark, struct error *error)
{
    bson_t found;
    struct slice results = SLICE("");
    bson_t *filter = BCON_NEW("_id", BCON_INT32((int32_t)shard));
    bson_t *update = BCON_NEW("$set", "{", "owner", BCON_UTF8(owner->text), "}", "$setOnInsert", "{", "name",
                              BCON_UTF8(owner->text), "}", "$inc", "{", "claims", BCON_INT64(1), "}");
    struct mongo_modification modification = {.filter = filter,
                                              .update = update,
                                              .is_upsert = true,
                                              .max_time_ms = max_time_ms,
                                              .action = "claim a shard of the queue"};
    enum status status = mongo_modify_one(session, &modification, &found, error);
    if (status == STATUS_OK) {
        (void)mongo_text_read(&found, "results", &results);
        (void)mongo_text_copy(&found, "name", bookmark->name.text, sizeof(bookmark->name.text));
        status = bookmark_parse(results, bookmark, error);
    }
    bson_destroy(&found);
    bson_destroy(update);
    bson_destroy(filter);
    return status;
}

/* Ends what runs in the sessions that the bookmark lists. */
static void sessions_end(struct mongo_session *session, unsigned shard)
{
    const bson_t *bookmark;
    bson_iter_t sessions;
    bson_t reply;
    bson_error_t failure;
    bson_t *filter = BCON_NEW("_id", BCON_INT32((int32_t)shard));
    mongoc_cursor_t *cursor = mongoc_collection_find_with_opts(session->collection, filter, NULL, NULL);
    if (mongoc_cursor_next(cursor, &bookmark) && bson_iter_init_find(&sessions, bookmark, "sessions")) {
        bson_t command = BSON_INITIALIZER;
        bson_append_iter(&command, "killSessions", -1, &sessions);
        bool is_done =
            mongoc_client_command_simple(session->client, session->server->database, &command, NULL, &reply, &failure);
        log_warn(NULL, "applier_sessions_ended", "shard=%u error=\"%s\"", shard, is_done ? "" : failure.message);
        bson_destroy(&reply);
        bson_destroy(&command);
    }
    mongoc_cursor_destroy(cursor);
    bson_destroy(filter);
}

enum status mongo_apply_claim(struct store *store, unsigned shard, const struct token *owner,
                              struct store_bookmark *bookmark, struct error *error)
{
    struct mongo_session session;
    enum status status = mongo_session_open(&session, mongo_server_of(store), BOOKMARKS, error);
    if (status)
        return status;
    status = mongo_transaction_check(&session, error);
    int64_t max_time_ms = session.server->max_time_ms;
    if (status == STATUS_OK)
        status =
            claim(&session, shard, owner, max_time_ms < CLAIM_WAIT_MS ? max_time_ms : CLAIM_WAIT_MS, bookmark, error);
    if (status == STATUS_UNKNOWN) { /* it may be a batch that nobody ends */
        sessions_end(&session, shard);
        status = claim(&session, shard, owner, max_time_ms, bookmark, error);
    }
    mongo_session_close(&session);
    return status;
}
