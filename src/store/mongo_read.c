/* SPDX-License-Identifier: MIT */
/*
 * Reads from the collection todos: one by its _id, or a page of a list.
 *
 * A list is a range of the index that it names (hint), so the server can't choose a slow plan, whatever else the
 * collection holds. If somebody has dropped the index, or the collection, the list fails and prepare is due again.
 *
 * A list sees only documents whose created_at is a date and whose _id is a string; others have no position in its
 * order. A document in the range that can't be read is skipped and logged, and the reading goes on behind it, so that a
 * client's cursor always moves. Skipped documents may leave the page short: the range behind them is then read too, in
 * steps that double, until the page is full. If the call's time is over before, the list fails, by no fault of the
 * store: the pool's breaker does not count it.
 *
 * Why not skip and limit: they read all rows before the page. Why $or in the filter: a position is a pair (created_at,
 * _id), and MongoDB has no comparison of pairs.
 */
#include <mongoc/mongoc.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "store/mongo_document.h"
#include "store/mongo_store.h"
#include "store/mongo_todo.h"

enum status mongo_get(struct store *store, const char *id, struct arena *arena, struct todo *todo, struct error *error)
{
    struct mongo_session session;
    enum status status = mongo_session_open(&session, mongo_server_of(store), "todos", error);
    if (status)
        return status;
    status = mongo_todo_find(&session, id, arena, todo, error);
    return mongo_session_close_read(&session, status, error);
}

/* The last row that a list has read, readable or not. */
struct position {
    int64_t created_at_ms;
    const char *id; /* in the arena; NULL: none yet */
};

enum { STEP_MAX = 512 }; /* documents in one answer of the server, which takes 16 MB */

struct listing {
    struct mongo_session *session;
    const struct store_query *query;
    struct arena *arena;
    struct store_page *page;
    struct position position;
    size_t skipped_count;
    struct error unreadable; /* the last one's */
};

/* The bound on created_at keeps the range tight; $or only decides between rows of the same millisecond. */
static bson_t *list_filter(const struct store_query *query, const struct position *position)
{
    const char *behind = query->ascending ? "$gt" : "$lt";
    const char *from = query->ascending ? "$gte" : "$lte";
    int64_t edge_ms = query->ascending ? 0 : TODO_TIME_MAX_MS;
    bson_t *filter = BCON_NEW("created_at", "{", from, BCON_DATE_TIME(position->id ? position->created_at_ms : edge_ms),
                              "}", "_id", "{", "$gte", BCON_UTF8(""), "}");
    if (query->done == STORE_DONE_YES)
        BSON_APPEND_BOOL(filter, "done", true);
    else if (query->done == STORE_DONE_NO) /* null stands for a done that is not there, too */
        BCON_APPEND(filter, "done", "{", "$in", "[", BCON_BOOL(false), BCON_NULL, "]", "}");
    if (position->id) {
        BCON_APPEND(filter, "$or", "[", "{", "created_at", "{", behind, BCON_DATE_TIME(position->created_at_ms), "}",
                    "}", "{", "_id", "{", behind, BCON_UTF8(position->id), "}", "}", "]");
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

/* The filter lets only documents pass that have a position. */
static void position_move(struct listing *listing, const bson_t *document)
{
    bson_iter_t created_at, id;
    uint32_t len;
    bool has_position = bson_iter_init_find(&created_at, document, "created_at") &&
                        BSON_ITER_HOLDS_DATE_TIME(&created_at) && bson_iter_init_find(&id, document, "_id") &&
                        BSON_ITER_HOLDS_UTF8(&id);
    if (!has_position)
        return;
    const char *text = bson_iter_utf8(&id, &len);
    listing->position.created_at_ms = bson_iter_date_time(&created_at);
    listing->position.id = arena_copy(listing->arena, (struct slice){.data = text, .len = len}).data;
}

/*
 * The server refuses a list whose index is gone, with codes that have changed over its versions. The status is BUSY,
 * not UNAVAILABLE: a few such lists must not open the pool's breaker, which would also keep away the call that makes
 * the index.
 */
static enum status list_failed(struct listing *listing, const bson_error_t *failure, struct error *error)
{
    if (failure->domain != MONGOC_ERROR_SERVER || !strstr(failure->message, "hint"))
        return mongo_read_failed("list todos", failure, error);
    atomic_store(&listing->session->server->is_prepared, false);
    return error_set(error, STATUS_BUSY, "mongodb: an index that lists need is gone, and is made anew: %.150s",
                     failure->message);
}

/*
 * Reads up to wanted documents behind the position, until the page has as many as there is room for; read_count: how
 * many there were, readable or not.
 */
static enum status list_read(struct listing *listing, size_t room, size_t wanted, size_t *read_count,
                             struct error *error)
{
    struct store_page *page = listing->page;
    const bson_t *document;
    bson_error_t failure;
    bson_t options = BSON_INITIALIZER;
    list_options(&options, listing, (int64_t)wanted);
    enum status status = mongo_session_catch_up(listing->session, &options, error);
    if (status != STATUS_OK) {
        bson_destroy(&options);
        return status;
    }
    bson_t *filter = list_filter(listing->query, &listing->position);
    mongoc_cursor_t *cursor = mongoc_collection_find_with_opts(listing->session->collection, filter, &options, NULL);
    for (*read_count = 0; page->count < room && mongoc_cursor_next(cursor, &document); (*read_count)++) {
        position_move(listing, document);
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

/* Reads once, and again only if unreadable documents were skipped. The row beyond the page shows that there is more. */
static enum status list_fill(struct listing *listing, struct error *error)
{
    size_t room = (size_t)listing->query->limit + 1;
    int64_t deadline_ms = clock_monotonic_ms() + listing->session->server->timeout_ms;
    listing->page->todos = arena_alloc(listing->arena, room * sizeof(*listing->page->todos));
    for (size_t wanted = room; listing->page->count < room; wanted = 2 * wanted < STEP_MAX ? 2 * wanted : STEP_MAX) {
        size_t read_count;
        enum status status = list_read(listing, room, wanted, &read_count, error);
        if (status)
            return status;
        if (read_count < wanted)
            return STATUS_OK;
        if (listing->page->count < room && clock_monotonic_ms() >= deadline_ms) {
            error_set(error, STATUS_INVALID, "too many documents that can't be read: %.150s", listing->unreadable.text);
            return error_because(error, CAUSE_UNREADABLE, STATUS_INVALID);
        }
    }
    return STATUS_OK;
}

enum status mongo_list(struct store *store, const struct store_query *query, struct arena *arena,
                       struct store_page *page, struct error *error)
{
    struct mongo_session session;
    enum status status = mongo_session_open(&session, mongo_server_of(store), "todos", error);
    if (status)
        return status;
    struct listing listing = {.session = &session, .query = query, .arena = arena, .page = page};
    if (query->has_after)
        listing.position = (struct position){.created_at_ms = query->after.created_at_ms, .id = query->after.id};
    status = mongo_session_close_read(&session, list_fill(&listing, error), error);
    if (page->count > query->limit) {
        page->count = query->limit;
        page->more = true;
    }
    page->has_skipped = listing.skipped_count > 0;
    if (listing.skipped_count > 0)
        log_warn_often(NULL, "todo_unreadable", "skipped=%zu error=\"%s\"", listing.skipped_count,
                       listing.unreadable.text);
    return status;
}
