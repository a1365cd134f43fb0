/* SPDX-License-Identifier: MIT */
/*
 * MongoDB behind the seam: what is asked of the collection todos. Changes under a condition are in mongo_change.c, kept
 * answers in mongo_answers.c, the cache's own records in mongo_records.c and mongo_purges.c, indexes in mongo_indexes.c; how documents,
 * commands and errors look in mongo_document.c and mongo_driver.c, how long things may take in mongo_uri.c.
 *
 * Most calls are one round trip, and every operation carries maxTimeMS, so that the server stops working on what
 * nobody waits for any more; a fence's deadline rests on that. Inserts go by the driver's CRUD calls, and the swap by
 * findAndModify, because the driver repeats these after a failover.
 *
 * A taken id may be the caller's own doing, by a try whose answer got lost: an insert that hears of one reads the stored
 * document, and EXISTS is said only if it differs from its own. A load tells taken ids by their code and goes on; every
 * row must be accounted for.
 *
 * A list is a range of the index that it names (hint): the server must not choose another plan, whatever else the
 * collection holds. Where somebody has dropped the index, or the collection, prepare is due again. A list sees only
 * documents whose created_at is a date and whose _id is a string; others have no place in the order. One that can't be
 * read is passed over, logged once per call, and the reading goes on behind it, so that a client's cursor always moves.
 *
 * No transactions: it runs on a standalone server (then with retryWrites=false) as on a sharded cluster; following the changes of
 * others needs more (mongo_stream.c). An index built on a large collection takes longer than a call: prepare then fails until it is there.
 */
#include <mongoc/mongoc.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/log.h"
#include "base/mem.h"
#include "store/mongo_answers.h"
#include "store/mongo_change.h"
#include "store/mongo_document.h"
#include "store/mongo_driver.h"
#include "store/mongo_follow.h"
#include "store/mongo_indexes.h"
#include "store/mongo_purges.h"
#include "store/mongo_records.h"
#include "store/mongo_stream.h"
#include "store/store_ops.h"

struct mongo_store {
    struct store store;
    struct mongo_server server;
};

static struct mongo_server *server_of(struct store *store)
{
    return &((struct mongo_store *)store)->server;
}

static int64_t clock_ms(clockid_t clock)
{
    struct timespec now;
    clock_gettime(clock, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static void mongo_close(struct store *store)
{
    mongo_server_fini(server_of(store));
    free(store);
}

/* Asks the primary for its pulse: what takes writes is what must be there. */
static enum status server_ping(struct mongo_session *session, struct error *error)
{
    bson_error_t failure;
    bson_t *command = BCON_NEW("ping", BCON_INT32(1), "maxTimeMS", BCON_INT64(session->server->max_time_ms));
    bool answered =
        mongoc_client_command_simple(session->client, session->server->database, command, NULL, NULL, &failure);
    bson_destroy(command);
    return answered ? STATUS_OK : mongo_read_failed("reach it", &failure, error);
}

static enum status mongo_prepare(struct store *store, struct error *error)
{
    struct mongo_server *server = server_of(store);
    struct mongo_session session;
    enum status status = mongo_session_open(&session, server, "todos", error);
    if (status)
        return status;
    if (atomic_load(&server->is_prepared)) {
        status = server_ping(&session, error);
    } else {
        atomic_store(&server->is_prepared, true); /* before, for the indexes may be dropped meanwhile */
        status = mongo_indexes_make(&session, error);
        if (status != STATUS_OK)
            atomic_store(&server->is_prepared, false);
    }
    mongo_session_close(&session);
    return status;
}

static bool mongo_is_prepared(const struct store *store)
{
    return atomic_load(&((const struct mongo_store *)store)->server.is_prepared);
}

static enum status mongo_get(struct store *store, const char *id, struct arena *arena, struct todo *todo,
                             struct error *error)
{
    struct mongo_session session;
    enum status status = mongo_session_open(&session, server_of(store), "todos", error);
    if (status)
        return status;
    status = mongo_todo_find(&session, id, arena, todo, error);
    mongo_session_close(&session);
    return status;
}

/* How far a list has been read, readable or not. */
struct place {
    int64_t created_at_ms;
    const char *id; /* in the arena; NULL: before all */
};

struct listing {
    struct mongo_session *session;
    const struct store_query *query;
    struct arena *arena;
    struct store_page *page;
    struct place place;
    size_t skipped_count;
    struct error unreadable; /* the last one's */
};

/* The bound on created_at keeps the range tight; $or only decides among those of the same millisecond. */
static bson_t *list_filter(const struct store_query *query, const struct place *place)
{
    const char *behind = query->ascending ? "$gt" : "$lt";
    const char *from = query->ascending ? "$gte" : "$lte";
    int64_t edge_ms = query->ascending ? 0 : TODO_TIME_MAX_MS;
    bson_t *filter = BCON_NEW("created_at", "{", from, BCON_DATE_TIME(place->id ? place->created_at_ms : edge_ms), "}",
                              "_id", "{", "$gte", BCON_UTF8(""), "}");
    if (query->done != STORE_DONE_ANY)
        BSON_APPEND_BOOL(filter, "done", query->done == STORE_DONE_YES);
    if (place->id) {
        BCON_APPEND(filter, "$or", "[", "{", "created_at", "{", behind, BCON_DATE_TIME(place->created_at_ms), "}", "}",
                    "{", "_id", "{", behind, BCON_UTF8(place->id), "}", "}", "]");
    }
    return filter;
}

static void list_options(bson_t *options, const struct listing *listing, int64_t limit)
{
    int32_t direction = listing->query->ascending ? 1 : -1;
    mongo_find_options(options, listing->session->server, limit);
    BCON_APPEND(options, "sort", "{", "created_at", BCON_INT32(direction), "_id", BCON_INT32(direction), "}");
    BSON_APPEND_UTF8(options, "hint",
                     listing->query->done == STORE_DONE_ANY ? "todos_by_time" : "todos_by_done_and_time");
}

/* The filter lets nothing pass that has no place. */
static void place_move(struct listing *listing, const bson_t *document)
{
    bson_iter_t created_at, id;
    uint32_t len;
    bool placed = bson_iter_init_find(&created_at, document, "created_at") && BSON_ITER_HOLDS_DATE_TIME(&created_at) &&
                  bson_iter_init_find(&id, document, "_id") && BSON_ITER_HOLDS_UTF8(&id);
    if (!placed)
        return;
    const char *text = bson_iter_utf8(&id, &len);
    listing->place.created_at_ms = bson_iter_date_time(&created_at);
    listing->place.id = arena_copy(listing->arena, (struct slice){.data = text, .len = len}).data;
}

/*
 * Without the index that a list names the server refuses it, under codes that have changed over its versions. That is BUSY: to the
 * pool's breaker the store is there, for else a few lists would keep everybody from it, who makes the index included.
 */
static enum status list_failed(struct listing *listing, const bson_error_t *failure, struct error *error)
{
    if (failure->domain != MONGOC_ERROR_SERVER || !strstr(failure->message, "hint"))
        return mongo_read_failed("list todos", failure, error);
    atomic_store(&listing->session->server->is_prepared, false);
    return error_set(error, STATUS_BUSY, "mongodb: an index that lists need is gone, and is made anew: %.150s",
                     failure->message);
}

/* Reads up to wanted documents from the place on; read_count tells how many there were, readable or not. */
static enum status list_read(struct listing *listing, size_t wanted, size_t *read_count, struct error *error)
{
    struct store_page *page = listing->page;
    const bson_t *document;
    bson_error_t failure;
    bson_t options = BSON_INITIALIZER;
    bson_t *filter = list_filter(listing->query, &listing->place);
    list_options(&options, listing, (int64_t)wanted);
    mongoc_cursor_t *cursor = mongoc_collection_find_with_opts(listing->session->collection, filter, &options, NULL);
    for (*read_count = 0; mongoc_cursor_next(cursor, &document); (*read_count)++) {
        place_move(listing, document);
        if (mongo_todo_read(document, listing->arena, &page->todos[page->count], &listing->unreadable) == STATUS_OK)
            page->count++;
        else
            listing->skipped_count++;
    }
    bool failed = mongoc_cursor_error(cursor, &failure);
    mongoc_cursor_destroy(cursor);
    bson_destroy(filter);
    bson_destroy(&options);
    return failed ? list_failed(listing, &failure, error) : STATUS_OK;
}

/* Once in nearly all cases; again where unreadable documents left room. One more than the page holds tells of more. */
static enum status list_fill(struct listing *listing, struct error *error)
{
    size_t room = (size_t)listing->query->limit + 1;
    int64_t deadline_ms = clock_ms(CLOCK_MONOTONIC) + listing->session->server->timeout_ms;
    listing->page->todos = arena_alloc(listing->arena, room * sizeof(*listing->page->todos));
    while (listing->page->count < room) {
        size_t wanted = room - listing->page->count;
        size_t read_count;
        enum status status = list_read(listing, wanted, &read_count, error);
        if (status)
            return status;
        if (read_count < wanted)
            return STATUS_OK;
        if (listing->page->count < room && clock_ms(CLOCK_MONOTONIC) >= deadline_ms) {
            return error_set(error, STATUS_UNAVAILABLE, "mongodb: too many documents that can't be read: %.150s",
                             listing->unreadable.text);
        }
    }
    return STATUS_OK;
}

static enum status mongo_list(struct store *store, const struct store_query *query, struct arena *arena,
                              struct store_page *page, struct error *error)
{
    struct mongo_session session;
    enum status status = mongo_session_open(&session, server_of(store), "todos", error);
    if (status)
        return status;
    struct listing listing = {.session = &session, .query = query, .arena = arena, .page = page};
    if (query->has_after)
        listing.place = (struct place){.created_at_ms = query->after.created_at_ms, .id = query->after.id};
    status = list_fill(&listing, error);
    mongo_session_close(&session);
    if (page->count > query->limit) {
        page->count = query->limit;
        page->more = true;
    }
    char text[256];
    if (listing.skipped_count > 0) {
        log_warn(NULL, "todo_unreadable", "skipped=%zu error=\"%s\"", listing.skipped_count,
                 log_value(text, sizeof(text), slice_of(listing.unreadable.text)));
    }
    return status;
}

/* Whose row took the id? Without an answer to that, the insert's own outcome is not known. */
static enum status insert_settle(struct store *store, const struct todo *todo, struct error *error)
{
    struct arena arena;
    struct todo stored;
    struct error reason = {0};
    arena_init(&arena);
    enum status status = mongo_get(store, todo->id, &arena, &stored, &reason);
    bool same = status == STATUS_OK && todo_equal(&stored, todo);
    arena_fini(&arena);
    if (same)
        return STATUS_OK;
    if (status == STATUS_UNAVAILABLE || status == STATUS_BUSY) {
        return error_set(error, STATUS_UNKNOWN, "the id \"%s\" is taken, and by whom can't be read: %.130s", todo->id,
                         reason.text);
    }
    return error_set(error, STATUS_EXISTS, "there is a todo with the id \"%s\" already", todo->id);
}

static enum status mongo_insert(struct store *store, const struct todo *todo, struct error *error)
{
    struct mongo_session session;
    enum status status = mongo_session_open(&session, server_of(store), "todos", error);
    if (status)
        return status;
    bson_t document = BSON_INITIALIZER;
    mongo_todo_write(&document, todo);
    status = mongo_insert_one(&session, &document, session.server->max_time_ms, "insert a todo", error);
    bson_destroy(&document);
    mongo_session_close(&session);
    return status == STATUS_EXISTS ? insert_settle(store, todo, error) : status;
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
                               enum status *results, struct error *error)
{
    bson_t reply;
    bson_iter_t inserted;
    bson_error_t failure = {0};
    /* Not validated once more: they were made field by field from todos that are valid. It is a sixth of a load's work. */
    bson_t *options = BCON_NEW("ordered", BCON_BOOL(false), "validate", BCON_BOOL(false), "maxTimeMS",
                               BCON_INT64(session->server->max_time_ms));
    enum status status = STATUS_OK;
    bool ok = mongoc_collection_insert_many(session->collection, documents, count, options, &reply, &failure);
    int64_t taken_count = load_count_taken(&reply, count, results);
    int64_t inserted_count =
        bson_iter_init_find(&inserted, &reply, "insertedCount") ? bson_iter_as_int64(&inserted) : 0;
    /* All are spoken for, or something went wrong on the way. Fewer: a network that broke between two commands. */
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

static enum status mongo_load_insert(struct mongo_session *session, const struct todo *todos, size_t count,
                                     enum status *results, struct error *error)
{
    bson_t **documents = mem_alloc(count * sizeof(documents[0]));
    for (size_t i = 0; i < count; i++) {
        results[i] = STATUS_OK;
        documents[i] = bson_sized_new(160 + todos[i].name.len + todos[i].description.len);
        mongo_todo_write(documents[i], &todos[i]);
    }
    enum status status = load_insert(session, (const bson_t **)documents, count, results, error);
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
    bson_append_utf8(&set, "name", -1, todo->name.data, (int)todo->name.len);
    bson_append_utf8(&set, "description", -1, todo->description.data ? todo->description.data : "",
                     (int)todo->description.len);
    BSON_APPEND_BOOL(&set, "done", todo->done);
    BSON_APPEND_DATE_TIME(&set, "updated_at", todo->updated_at_ms);
    bson_append_document_end(&update, &set);
    BCON_APPEND(&update, "$inc", "{", "v", BCON_INT64(1), "}", "$setOnInsert", "{", "created_at",
                BCON_DATE_TIME(todo->created_at_ms), "}");
    bson_append_document_end(statement, &update);
}

static enum status mongo_load_upsert(struct mongo_session *session, const struct todo *todos, size_t count,
                                     enum status *results, struct error *error)
{
    static const char action[] = "insert or update todos";
    enum status status = STATUS_OK;
    struct mongo_batch batch;
    mongo_batch_init(&batch, session, "update");
    for (size_t i = 0; i < count && status == STATUS_OK; i++) {
        bson_t statement = BSON_INITIALIZER;
        upsert_write(&statement, &todos[i]);
        mongo_batch_add(&batch, &statement);
        bson_destroy(&statement);
        results[i] = STATUS_OK;
        if (mongo_batch_is_full(&batch))
            status = mongo_batch_send(&batch, action, error);
    }
    status = status ? status : mongo_batch_send(&batch, action, error);
    mongo_batch_fini(&batch);
    return status;
}

static enum status mongo_load(struct store *store, const struct todo *todos, size_t count, enum store_load_mode mode,
                              enum status *results, struct error *error)
{
    struct mongo_session session;
    enum status status = mongo_session_open(&session, server_of(store), "todos", error);
    if (status)
        return status;
    status = mode == STORE_LOAD_UPSERT ? mongo_load_upsert(&session, todos, count, results, error)
                                       : mongo_load_insert(&session, todos, count, results, error);
    mongo_session_close(&session);
    return status;
}

static enum status mongo_outbox_put(struct store *store, const struct store_fence *fences, size_t count,
                                    struct error *error)
{
    return mongo_records_put(server_of(store), fences, count, error);
}

static enum status mongo_outbox_list(struct store *store, struct store_fence *fences, size_t limit, size_t *count,
                                     struct error *error)
{
    return mongo_records_list(server_of(store), fences, limit, count, error);
}

static enum status mongo_outbox_remove(struct store *store, const struct store_fence *fences, size_t count,
                                       struct error *error)
{
    return mongo_records_remove(server_of(store), fences, count, error);
}

static enum status mongo_meta_get(struct store *store, struct store_meta *meta, struct error *error)
{
    return mongo_epoch_get(server_of(store), meta, error);
}

static enum status mongo_meta_swap(struct store *store, int64_t expected_epoch, const struct store_meta *meta,
                                   bool *swapped, struct error *error)
{
    return mongo_epoch_swap(server_of(store), expected_epoch, meta, swapped, error);
}

static enum status mongo_store_change(struct store *store, const struct store_change *change, struct arena *arena,
                                      struct store_changed *changed, struct error *error)
{
    return mongo_change(server_of(store), change, arena, changed, error);
}

static enum status mongo_store_answer_begin(struct store *store, struct store_answer *answer, struct arena *arena,
                                            struct error *error)
{
    return mongo_answer_begin(server_of(store), answer, arena, error);
}

static enum status mongo_store_answer_end(struct store *store, const struct store_answer *answer, struct error *error)
{
    return mongo_answer_end(server_of(store), answer, error);
}

static enum status mongo_store_answer_forget(struct store *store, const struct store_answer *answer,
                                             struct error *error)
{
    return mongo_answer_forget(server_of(store), answer, error);
}

static enum status mongo_store_follow_claim(struct store *store, const struct token *owner, uint32_t lease_ms,
                                            struct resume_token *resume_after, struct error *error)
{
    return mongo_follow_claim(server_of(store), owner, lease_ms, resume_after, error);
}

static enum status mongo_store_follow_keep(struct store *store, const struct token *owner, uint32_t lease_ms,
                                           const struct resume_token *resume_after, struct error *error)
{
    return mongo_follow_keep(server_of(store), owner, lease_ms, resume_after, error);
}

static enum status mongo_store_follow_release(struct store *store, const struct token *owner, struct error *error)
{
    return mongo_follow_release(server_of(store), owner, error);
}

static enum status mongo_store_stream_open(struct store *store, const struct resume_token *resume_after,
                                           struct store_stream **stream, struct error *error)
{
    return mongo_stream_open(server_of(store), store, resume_after, stream, error);
}

static enum status mongo_store_purge_put(struct store *store, const struct store_purge *purges, size_t count,
                                         struct error *error)
{
    return mongo_purge_put(server_of(store), purges, count, error);
}

static enum status mongo_store_purge_list(struct store *store, const struct store_purge_query *query,
                                          struct arena *arena, struct store_purge *purges, size_t *count,
                                          struct error *error)
{
    return mongo_purge_list(server_of(store), query, arena, purges, count, error);
}

static enum status mongo_store_purge_remove(struct store *store, const struct store_purge *purges, size_t count,
                                            struct error *error)
{
    return mongo_purge_remove(server_of(store), purges, count, error);
}

static const struct store_ops MONGO_OPS = {
    .kind = "mongodb",
    .close = mongo_close,
    .prepare = mongo_prepare,
    .is_prepared = mongo_is_prepared,
    .get = mongo_get,
    .list = mongo_list,
    .insert = mongo_insert,
    .change = mongo_store_change,
    .answer_begin = mongo_store_answer_begin,
    .answer_end = mongo_store_answer_end,
    .answer_forget = mongo_store_answer_forget,
    .load = mongo_load,
    .outbox_put = mongo_outbox_put,
    .outbox_list = mongo_outbox_list,
    .outbox_remove = mongo_outbox_remove,
    .purge_put = mongo_store_purge_put,
    .purge_list = mongo_store_purge_list,
    .purge_remove = mongo_store_purge_remove,
    .meta_get = mongo_meta_get,
    .meta_swap = mongo_meta_swap,
    .follow_claim = mongo_store_follow_claim,
    .follow_keep = mongo_store_follow_keep,
    .follow_release = mongo_store_follow_release,
    .stream_open = mongo_store_stream_open,
    .stream_read = mongo_stream_read,
    .stream_close = mongo_stream_close,
};

enum status mongo_open(struct store **store, const struct store_options *options, struct error *error)
{
    struct mongo_store *opened = mem_zalloc(sizeof(*opened));
    opened->store.ops = &MONGO_OPS;
    enum status status =
        mongo_server_init(&opened->server, options->uri, options->timeout_ms, options->concurrency, error);
    if (status) {
        free(opened);
        return status;
    }
    *store = &opened->store;
    return STATUS_OK;
}
