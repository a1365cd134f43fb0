/* SPDX-License-Identifier: MIT */
/*
 * Replaces, merges and deletes one todo under a condition, in MongoDB.
 *
 * The condition goes into the filter of one findAndModify. The server checks it on the very document that it changes,
 * so of two changes under one If-Match the second matches nothing. Nothing is read first.
 *
 *   If-Match, a list         $or of (v, life)
 *   If-None-Match, a list    $nor of the same
 *   If-Unmodified-Since      updated_at before the next second
 *   fields that were shown   their values
 *   "*"                      no filter: a document that is found exists, and one that exists is not inserted
 *
 * If nothing matches there are three cases. First: a replacement that asks for no version is then an insert; the unique
 * _id decides between several. Second: a read shows that the todo is absent, or fails the condition, by the same rules
 * as everywhere (condition.c). Third: the todo meets the condition now, because another client changed it in between.
 * Then all is tried again, a few times and within the time of one call, so that the fence outlives the last try.
 *
 * "If-None-Match: *" begins with the insert, because no existing todo meets it. The duplicate cannot be our own insert:
 * mongo_document.c says why. Of several equal todos that are sent at once, exactly one is reported as created.
 *
 * A MERGE asks that one of its fields differs, so that it makes a new version only if it changes something. If nothing
 * matches, the next try asks that none differs, and leaves the document as it is.
 *
 * A document without a life has its created_at for one (todo.h), so a small life is asked for in both ways.
 *
 * A todo that was made with an Idempotency-Key is not deleted by the first try. Its making is noted first, and the next
 * try deletes it (mongo_made.c).
 *
 * The filter also asks for a v that can grow by one and a date in updated_at, because $inc fails on anything else. A
 * document that a foreign writer has spoilt is reported as in a read (STATUS_INVALID).
 */
#include <mongoc/mongoc.h>

#include "base/clock.h"
#include "store/mongo_document.h"
#include "store/mongo_made.h"
#include "store/mongo_store.h"
#include "store/mongo_todo.h"

enum { TRY_MAX = 8 };

static const char ACTION[] = "change a todo";

struct change_call {
    struct mongo_session *session;
    const struct store_change *change;
    struct arena *arena;
    struct store_changed *changed;
    int64_t begun_at_ms;
    unsigned try_count;
    struct mongo_made made; /* the marker whose making is noted, so that its todo may be deleted */
};

/* What remains of the server's time for all tries together; 0: nothing. */
static int64_t left_ms(const struct change_call *call)
{
    int64_t left = call->session->server->max_time_ms - (clock_monotonic_ms() - call->begun_at_ms);
    return left > 0 ? left : 0;
}

/* maxTimeMS of the next operation: 0 would be no limit. */
static int64_t operation_max_ms(const struct change_call *call)
{
    int64_t left = left_ms(call);
    return left > 0 ? left : 1;
}

/* Whether a todo that exists could meet the condition at all. */
static bool may_update(const struct store_condition *condition)
{
    const struct store_versions *match = &condition->match;
    return !condition->none_match.any && !(match->given && !match->any && match->count == 0);
}

static bool may_create(const struct store_change *change)
{
    return change->kind == STORE_REPLACE && !change->condition.match.given && !change->shown_fields;
}

static bson_t *element_begin(bson_t *list, uint32_t *at, bson_t *each)
{
    char room[16];
    const char *key;
    bson_uint32_to_string((*at)++, &key, room, sizeof(room));
    bson_append_document_begin(list, key, -1, each);
    return each;
}

static void version_append(bson_t *list, uint32_t *at, const struct store_version *version)
{
    bson_t each;
    BCON_APPEND(element_begin(list, at, &each), "v", BCON_INT64(version->v), "life", BCON_INT64(version->life));
    bson_append_document_end(list, &each);
    if (version->life > TODO_TIME_MAX_MS)
        return;
    BCON_APPEND(element_begin(list, at, &each), "v", BCON_INT64(version->v), "life", "{", "$in", "[", BCON_NULL,
                BCON_INT64(0), "]", "}", "created_at", BCON_DATE_TIME(version->life));
    bson_append_document_end(list, &each);
}

/* A todo that has these values of a set of fields; no fields: nothing is asked. */
struct wanted_values {
    const struct todo *todo;
    unsigned fields;
};

/* OPERATION: [one element for each version and life, one for the values] */
static void list_append(bson_t *filter, const char *operation, const struct store_versions *versions,
                        struct wanted_values values)
{
    bson_t list, each;
    uint32_t at = 0;
    bool has_versions = versions && versions->given && !versions->any && versions->count > 0;
    if (!has_versions && !values.fields)
        return;
    bson_append_array_begin(filter, operation, -1, &list);
    for (size_t i = 0; has_versions && i < versions->count; i++)
        version_append(&list, &at, &versions->items[i]);
    if (values.fields) {
        mongo_todo_write(element_begin(&list, &at, &each), values.todo, values.fields);
        bson_append_document_end(&list, &each);
    }
    bson_append_array_end(filter, &list);
}

/* is_empty: for a MERGE that leaves the todo as it is; else at least one of its fields must differ. */
static void values_append(bson_t *filter, const struct store_change *change, bool is_empty)
{
    struct wanted_values none = {0}, merged = {change->todo, change->kind == STORE_MERGE ? change->fields : 0};
    struct wanted_values shown = {change->shown, change->shown_fields};
    list_append(filter, "$or", &change->condition.match, none);
    list_append(filter, "$nor", &change->condition.none_match, is_empty ? none : merged);
    list_append(filter, "$and", NULL, is_empty ? merged : shown);
}

static bson_t *filter_new(const struct change_call *call, bool is_empty)
{
    const struct store_change *change = call->change;
    const struct store_condition *condition = &change->condition;
    int64_t v_max = change->kind == STORE_DELETE || is_empty ? INT64_MAX : INT64_MAX - 1;
    int64_t updated_max_ms = TODO_TIME_MAX_MS;
    int64_t since_s = condition->unmodified_since_s;
    if (!condition->match.given && since_s >= 0 && since_s < TODO_TIME_MAX_MS / 1000)
        updated_max_ms = since_s * 1000 + 999;
    bson_t *filter =
        BCON_NEW("_id", BCON_UTF8(change->todo->id), "v", "{", "$gte", BCON_INT64(1), "$lte", BCON_INT64(v_max), "}",
                 "updated_at", "{", "$gte", BCON_DATE_TIME(0), "$lte", BCON_DATE_TIME(updated_max_ms), "}");
    values_append(filter, change, is_empty);
    if (change->kind == STORE_DELETE)
        mongo_made_filter(filter, &call->made);
    return filter;
}

/* An update that changes nothing still waits for the majority: no later read is older than what it found. */
static bson_t *update_new(const struct store_change *change, bool is_empty)
{
    bson_t set;
    if (is_empty)
        return BCON_NEW("$inc", "{", "v", BCON_INT64(0), "}");
    bson_t *update = BCON_NEW("$inc", "{", "v", BCON_INT64(1), "}");
    BSON_APPEND_DOCUMENT_BEGIN(update, "$set", &set);
    mongo_todo_write(&set, change->todo, store_change_fields(change) | 1u << TODO_UPDATED_AT);
    bson_append_document_end(update, &set);
    return update;
}

/* STATUS_NOT_FOUND: no document matched. */
static enum status update_try(struct change_call *call, bool is_empty, struct error *error)
{
    const struct store_change *change = call->change;
    bson_t *filter = filter_new(call, is_empty);
    bson_t *update = change->kind == STORE_DELETE ? NULL : update_new(change, is_empty);
    bson_t fields = BSON_INITIALIZER, found;
    mongo_todo_project(&fields);
    struct mongo_modification modification = {
        .filter = filter, .update = update, .fields = &fields, .max_time_ms = operation_max_ms(call), .action = ACTION};
    enum status status = mongo_modify_one(call->session, &modification, &found, error);
    if (status == STATUS_OK)
        status = mongo_todo_read(&found, call->arena, &call->changed->todo, error);
    bson_destroy(&found);
    bson_destroy(&fields);
    bson_destroy(update);
    bson_destroy(filter);
    return status;
}

/* STATUS_EXISTS: the id was taken. */
static enum status create_try(struct change_call *call, struct error *error)
{
    bson_t document = BSON_INITIALIZER;
    struct todo *todo = &call->changed->todo;
    todo_copy(todo, call->change->todo, call->arena);
    todo->v = 1;
    mongo_todo_write(&document, todo, ~0u);
    enum status status = mongo_insert_one(call->session, &document, operation_max_ms(call), ACTION, error);
    call->changed->created = status == STATUS_OK;
    bson_destroy(&document);
    return status;
}

/* Why nothing matched; STATUS_BUSY: the todo matches by now, or it may be deleted by now. */
static enum status reason_read(struct change_call *call, struct error *error)
{
    const struct store_change *change = call->change;
    const char *id = change->todo->id;
    struct todo current;
    enum status status = mongo_made_find(call->session, id, call->arena, &current, &call->made, error);
    if (status != STATUS_OK && status != STATUS_NOT_FOUND)
        return status;
    enum status allowed = store_change_check(change, status == STATUS_OK ? &current : NULL, error);
    if (allowed != STATUS_OK)
        return allowed;
    if (status == STATUS_NOT_FOUND && !may_create(change))
        return status;
    if (status == STATUS_OK && change->kind != STORE_DELETE && current.v == INT64_MAX)
        return error_set(error, STATUS_INVALID, "the todo \"%s\" has had all versions that can be counted", id);
    if (change->kind == STORE_DELETE && call->made.key[0]) {
        enum status noted = mongo_made_note(call->session, &current, &call->made, operation_max_ms(call), error);
        if (noted != STATUS_OK)
            return noted;
    }
    return error_set(error, STATUS_BUSY, "the todo \"%s\" was changed by other clients during every try; send it again",
                     id);
}

/* One round; STATUS_BUSY: another may succeed. */
static enum status change_try(struct change_call *call, struct error *error)
{
    enum status status = STATUS_NOT_FOUND;
    bool is_merge = call->change->kind == STORE_MERGE, is_possible = may_update(&call->change->condition);
    if (is_possible && !(is_merge && !call->change->fields))
        status = update_try(call, false, error);
    if (status == STATUS_NOT_FOUND && is_merge && is_possible && left_ms(call) > 0)
        status = update_try(call, true, error);
    if (status == STATUS_NOT_FOUND && may_create(call->change) && left_ms(call) > 0)
        status = create_try(call, error);
    return status == STATUS_NOT_FOUND || status == STATUS_EXISTS ? reason_read(call, error) : status;
}

enum status mongo_change(struct store *store, const struct store_change *change, struct arena *arena,
                         struct store_changed *changed, struct error *error)
{
    struct mongo_session session;
    struct change_call call = {.session = &session, .change = change, .arena = arena, .changed = changed};
    enum status status = mongo_session_open(&session, mongo_server_of(store), "todos", error);
    if (status)
        return status;
    call.begun_at_ms = clock_monotonic_ms();
    do {
        status = change_try(&call, error);
    } while (status == STATUS_BUSY && ++call.try_count < TRY_MAX && left_ms(&call) > 0);
    mongo_session_close(&session);
    return status;
}
