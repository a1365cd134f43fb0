/* SPDX-License-Identifier: MIT */
/*
 * Documents of the collection todos that are no todos: counting them, and walking through them.
 *
 * A dump of another program's todos, restored into the collection, has documents like {_id: ObjectId, id: "1", name}.
 * No read of the service finds them, as it asks by _id, by created_at and by done. A field is foreign if it is of
 * another type, or missing without having a default. The filter says so by one comparison for each field:
 *
 *   {field: {$not: {$gte: the least value of the field's type}}}     and for one with a default: , $ne: null
 *
 * A comparison holds for values of its own type only, and the server turns its negation into the two ranges of an index
 * before and behind that type. So the count, which looks at the three fields that have indexes, reads no todo at all,
 * however many there are. (The same question by $type reads all of them.) The walk looks at all fields, and therefore
 * at all documents.
 *
 * The walk is one cursor, and keeps a client of the pool. Documents that are adopted behind it don't match any more.
 */
#include <mongoc/mongoc.h>
#include <stdlib.h>

#include "base/mem.h"
#include "store/mongo_store.h"
#include "store/mongo_todo.h"

enum { INDEXED_FIELDS = 1 << TODO_ID | 1 << TODO_CREATED_AT | 1 << TODO_DONE };

struct mongo_foreign {
    struct store_foreign foreign;
    struct mongo_session session;
    mongoc_cursor_t *cursor;
};

static void least_append(bson_t *bound, enum todo_field field)
{
    switch (TODO_ROWS[field].type) {
    case TODO_TYPE_ID:
    case TODO_TYPE_TEXT:
        BSON_APPEND_UTF8(bound, "$gte", "");
        break;
    case TODO_TYPE_FLAG:
        BSON_APPEND_BOOL(bound, "$gte", false);
        break;
    case TODO_TYPE_INTEGER:
        BSON_APPEND_INT64(bound, "$gte", TODO_ROWS[field].least);
        break;
    case TODO_TYPE_TIME:
        BSON_APPEND_DATE_TIME(bound, "$gte", TODO_ROWS[field].least);
        break;
    }
}

/* Documents in which one of the set of fields is foreign. */
static bson_t *filter_new(unsigned fields)
{
    bson_t *filter = bson_new();
    bson_t any;
    uint32_t count = 0;
    BSON_APPEND_ARRAY_BEGIN(filter, "$or", &any);
    for (enum todo_field field = 0; field < TODO_FIELD_COUNT; field++) {
        char room[16];
        const char *position;
        bson_t one, negated, bound;
        if (!(fields & 1u << field))
            continue;
        bson_uint32_to_string(count++, &position, room, sizeof(room));
        BSON_APPEND_DOCUMENT_BEGIN(&any, position, &one);
        BSON_APPEND_DOCUMENT_BEGIN(&one, mongo_todo_key(field), &negated);
        BSON_APPEND_DOCUMENT_BEGIN(&negated, "$not", &bound);
        least_append(&bound, field);
        bson_append_document_end(&negated, &bound);
        if (TODO_ROWS[field].may_lack)
            BSON_APPEND_NULL(&negated, "$ne"); /* and it is there */
        bson_append_document_end(&one, &negated);
        bson_append_document_end(&any, &one);
    }
    bson_append_array_end(filter, &any);
    return filter;
}

enum status mongo_count_foreign(struct store *store, uint32_t most, uint32_t *count, struct error *error)
{
    struct mongo_session session;
    bson_t reply;
    bson_iter_t n;
    bson_error_t failure;
    enum status status = mongo_session_open(&session, mongo_server_of(store), "todos", error);
    if (status)
        return status;
    bson_t *filter = filter_new(INDEXED_FIELDS);
    bson_t *command = BCON_NEW("count", "todos", "query", BCON_DOCUMENT(filter), "limit", BCON_INT64(most), "maxTimeMS",
                               BCON_INT64(session.server->max_time_ms));
    if (!mongoc_client_read_command_with_opts(session.client, session.server->database, command, NULL, NULL, &reply,
                                              &failure))
        status = mongo_read_failed("count documents that are no todos", &failure, error);
    *count = bson_iter_init_find(&n, &reply, "n") ? (uint32_t)bson_iter_as_int64(&n) : 0;
    bson_destroy(&reply);
    bson_destroy(command);
    bson_destroy(filter);
    return mongo_session_close_read(&session, status, error);
}

enum status mongo_foreign_open(struct store *store, struct store_foreign **result, struct error *error)
{
    struct mongo_foreign *foreign = mem_zalloc(sizeof(*foreign));
    enum status status = mongo_session_open(&foreign->session, mongo_server_of(store), "todos", error);
    if (status) {
        free(foreign);
        return status;
    }
    bson_t *filter = filter_new(~0u);
    foreign->foreign.store = store;
    foreign->cursor = mongoc_collection_find_with_opts(foreign->session.collection, filter, NULL, NULL);
    bson_destroy(filter);
    *result = &foreign->foreign;
    return STATUS_OK;
}

enum status mongo_foreign_next(struct store_foreign *of_store, struct slice *document, struct error *error)
{
    struct mongo_foreign *foreign = container_of(of_store, struct mongo_foreign, foreign);
    const bson_t *next;
    bson_error_t failure;
    if (mongoc_cursor_next(foreign->cursor, &next)) {
        *document = (struct slice){.data = (const char *)bson_get_data(next), .len = next->len};
        return STATUS_OK;
    }
    bool failed = mongoc_cursor_error(foreign->cursor, &failure);
    return failed ? mongo_read_failed("read documents that are no todos", &failure, error) : STATUS_NOT_FOUND;
}

void mongo_foreign_close(struct store_foreign *of_store)
{
    struct mongo_foreign *foreign = container_of(of_store, struct mongo_foreign, foreign);
    mongoc_cursor_destroy(foreign->cursor);
    mongo_session_close(&foreign->session);
    free(foreign);
}
