/* SPDX-License-Identifier: MIT */
/*
 * Kept answers in MongoDB: the collection answers, a document for each Idempotency-Key, which is its _id; judged by
 * answer.c.
 *
 * A begin is an insert, and the unique _id lets one of several be the first. The others find the key taken, read the
 * record and judge it. A record that may be replaced (it expired, or its worker died) is replaced by one findAndModify,
 * whose filter has all that was read. Of several that read the same record exactly one replaces it. The others match
 * nothing, begin again, and read the winner's record. Each writer sets a later deadline and expiry than it found, so a
 * record never looks as it did before.
 *
 * The TTL index that mongo_indexes.c makes deletes expired records, late if the server is busy. Judging looks at
 * expires_at itself, and replaces an expired record that is still there.
 *
 * life is an int64; made is true once it is known that the todo was made (mongo_made.c). A request that is taken over
 * asks for that, which costs two reads in this rare case.
 *
 * Bodies and tags are kept as text: the answers of this service are JSON in UTF-8. A record that lacks a field, or has
 * one of another type, is reported as damaged; no value is guessed.
 */
#include "store/mongo_answers.h"

#include <mongoc/mongoc.h>

#include "base/clock.h"
#include "store/answer.h"
#include "store/mongo_document.h"
#include "store/mongo_store.h"

enum { TRY_MAX = 8 };

static const char COLLECTION[] = "answers";

static void text_append(bson_t *document, const char *key, struct slice text)
{
    bson_append_utf8(document, key, -1, text.data ? text.data : "", (int)text.len);
}

/* Its end: what it was answered. */
static void end_append(bson_t *document, const struct store_answer *answer)
{
    BSON_APPEND_DATE_TIME(document, "expires_at", answer->expires_at_ms);
    BSON_APPEND_INT32(document, "http_status", answer->http_status);
    text_append(document, "body", answer->body);
    text_append(document, "etag", answer->etag);
}

/* Its beginning. */
static void begin_append(bson_t *document, const struct store_answer *answer)
{
    BSON_APPEND_UTF8(document, "fingerprint", answer->fingerprint);
    BSON_APPEND_UTF8(document, "id", answer->id);
    BSON_APPEND_DATE_TIME(document, "created_at", answer->created_at_ms);
    BSON_APPEND_INT64(document, "life", answer->life);
    BSON_APPEND_BOOL(document, "made", answer->is_made);
    BSON_APPEND_DATE_TIME(document, "deadline_at", answer->deadline_at_ms);
}

static void running_append(bson_t *document, const struct store_answer *answer)
{
    begin_append(document, answer);
    end_append(document, &(struct store_answer){.expires_at_ms = answer->expires_at_ms});
}

void mongo_answer_keep(bson_t *statement, const struct store_answer *answer)
{
    bson_t update, set;
    BCON_APPEND(statement, "q", "{", "_id", BCON_UTF8(answer->key), "}", "upsert", BCON_BOOL(true));
    BSON_APPEND_DOCUMENT_BEGIN(statement, "u", &update);
    BSON_APPEND_DOCUMENT_BEGIN(&update, "$set", &set);
    begin_append(&set, answer);
    end_append(&set, answer);
    bson_append_document_end(&update, &set);
    bson_append_document_end(statement, &update);
}

/* STATUS_EXISTS: there is a record of this key. */
static enum status running_insert(struct mongo_session *session, const struct store_answer *answer, struct error *error)
{
    bson_t *document = BCON_NEW("_id", BCON_UTF8(answer->key));
    running_append(document, answer);
    enum status status =
        mongo_insert_one(session, document, session->server->max_time_ms, "note a running request", error);
    bson_destroy(document);
    return status;
}

/* Replaces the record that was read with answer; STATUS_NOT_FOUND: it has changed since. */
static enum status running_replace(struct mongo_session *session, const struct store_answer *stored,
                                   const struct store_answer *answer, struct error *error)
{
    bson_t found, set;
    bson_t update = BSON_INITIALIZER;
    bson_t *filter =
        BCON_NEW("_id", BCON_UTF8(stored->key), "fingerprint", BCON_UTF8(stored->fingerprint), "http_status",
                 BCON_INT32(stored->http_status), "deadline_at", BCON_DATE_TIME(stored->deadline_at_ms), "expires_at",
                 BCON_DATE_TIME(stored->expires_at_ms), "made", "{", "$ne", BCON_BOOL(!stored->is_made), "}");
    BSON_APPEND_DOCUMENT_BEGIN(&update, "$set", &set);
    running_append(&set, answer);
    bson_append_document_end(&update, &set);
    struct mongo_modification modification = {.filter = filter,
                                              .update = &update,
                                              .max_time_ms = session->server->max_time_ms,
                                              .action = "take over a request"};
    enum status status = mongo_modify_one(session, &modification, &found, error);
    bson_destroy(&found);
    bson_destroy(&update);
    bson_destroy(filter);
    return status;
}

/* Records of older versions have neither. Then the todo has no life either, and its created_at stands for one. */
static void made_read(const bson_t *document, struct store_answer *stored)
{
    bson_iter_t value;
    bool has_life = bson_iter_init_find(&value, document, "life") && BSON_ITER_HOLDS_INT64(&value);
    stored->life = todo_life_of(has_life ? bson_iter_int64(&value) : 0, stored->created_at_ms);
    stored->is_made = bson_iter_init_find(&value, document, "made") && bson_iter_as_bool(&value);
}

/* The record's fields; stored's texts are copied into the arena. */
static bool fields_read(const bson_t *document, struct arena *arena, struct store_answer *stored)
{
    bson_iter_t http_status;
    bool whole = mongo_text_copy(document, "fingerprint", stored->fingerprint, sizeof(stored->fingerprint)) &&
                 mongo_text_copy(document, "id", stored->id, sizeof(stored->id)) &&
                 todo_id_valid(slice_of(stored->id)) &&
                 mongo_time_read(document, "created_at", &stored->created_at_ms) &&
                 mongo_time_read(document, "deadline_at", &stored->deadline_at_ms) &&
                 mongo_time_read(document, "expires_at", &stored->expires_at_ms) &&
                 mongo_text_read(document, "body", &stored->body) && mongo_text_read(document, "etag", &stored->etag) &&
                 bson_iter_init_find(&http_status, document, "http_status") && BSON_ITER_HOLDS_INT(&http_status);
    if (whole) {
        made_read(document, stored);
        stored->http_status = (int)bson_iter_as_int64(&http_status);
        stored->body = arena_copy(arena, stored->body);
        stored->etag = arena_copy(arena, stored->etag);
    }
    return whole;
}

enum status mongo_answer_read(const bson_t *document, struct arena *arena, struct store_answer *stored,
                              struct error *error)
{
    if (fields_read(document, arena, stored))
        return STATUS_OK;
    return error_set(error, STATUS_INVALID, "mongodb: the record \"%.80s\" in answers is damaged; remove it",
                     stored->key);
}

static enum status cursor_read(mongoc_cursor_t *cursor, struct arena *arena, struct store_answer *stored,
                               struct error *error)
{
    const bson_t *document;
    bson_error_t failure;
    if (!mongoc_cursor_next(cursor, &document)) {
        return mongoc_cursor_error(cursor, &failure) ? mongo_read_failed("read a kept answer", &failure, error)
                                                     : STATUS_NOT_FOUND;
    }
    return mongo_answer_read(document, arena, stored, error);
}

static enum status answer_read(struct mongo_session *session, struct arena *arena, struct store_answer *stored,
                               struct error *error)
{
    bson_t *filter = BCON_NEW("_id", BCON_UTF8(stored->key));
    bson_t *options = BCON_NEW("limit", BCON_INT64(1), "singleBatch", BCON_BOOL(true), "maxTimeMS",
                               BCON_INT64(session->server->max_time_ms));
    enum status status = mongo_session_catch_up(session, options, error);
    if (status == STATUS_OK) {
        mongoc_cursor_t *cursor = mongoc_collection_find_with_opts(session->collection, filter, options, NULL);
        status = cursor_read(cursor, arena, stored, error);
        mongoc_cursor_destroy(cursor);
    }
    bson_destroy(filter);
    bson_destroy(options);
    return status;
}

/*
 * A request that was taken over: was its todo made? The order is what makes the answer certain (mongo_made.c). A todo
 * that was made is there, or its record says so before it goes. The two may lie on different shards: the second read
 * shows at least the time of what the first one has seen.
 */
static enum status made_look(struct mongo_session *session, struct store_answer *answer, struct arena *arena,
                             struct error *error)
{
    struct mongo_session todos;
    struct todo todo;
    struct store_answer stored = *answer;
    mongo_session_share(&todos, session, "todos");
    enum status status = mongo_todo_find(&todos, answer->id, arena, &todo, error);
    mongo_session_unshare(&todos);
    if (status != STATUS_OK && status != STATUS_NOT_FOUND && status != STATUS_INVALID)
        return status;
    answer->is_made = status == STATUS_OK && todo.life == answer->life;
    if (answer->is_made)
        return STATUS_OK;
    status = answer_read(session, arena, &stored, error);
    if (status == STATUS_OK)
        answer->is_made = stored.is_made;
    return status == STATUS_NOT_FOUND ? STATUS_OK : status;
}

/* One round; STATUS_NOT_FOUND: the record has changed since it was read, so another round is needed. */
static enum status begin_try(struct mongo_session *session, struct store_answer *answer, struct arena *arena,
                             struct error *error)
{
    struct store_answer stored = *answer;
    enum status status = running_insert(session, answer, error);
    if (status != STATUS_EXISTS)
        return status;
    status = answer_read(session, arena, &stored, error);
    if (status == STATUS_OK)
        status = store_answer_judge(&stored, answer, clock_wall_ms(), error);
    if (status == STATUS_OK)
        status = running_replace(session, &stored, answer, error);
    bool is_taken_over = answer->life == stored.life;
    return status == STATUS_OK && is_taken_over && !answer->is_made ? made_look(session, answer, arena, error) : status;
}

enum status mongo_answer_begin(struct store *store, struct store_answer *answer, struct arena *arena,
                               struct error *error)
{
    struct mongo_session session;
    enum status status = mongo_session_open(&session, mongo_server_of(store), COLLECTION, error);
    if (status)
        return status;
    unsigned try_count = 0;
    int64_t begun_at_ms = clock_monotonic_ms();
    do {
        status = begin_try(&session, answer, arena, error);
    } while (status == STATUS_NOT_FOUND && ++try_count < TRY_MAX &&
             clock_monotonic_ms() - begun_at_ms < session.server->max_time_ms);
    mongo_session_close(&session);
    if (status == STATUS_NOT_FOUND)
        return error_set(error, STATUS_BUSY, "other workers began the request \"%.60s\" at the same time", answer->key);
    return status;
}

/* STATUS_NOT_FOUND: no record matches. */
static enum status answer_modify(struct mongo_server *server, const bson_t *filter, const bson_t *update,
                                 struct error *error)
{
    struct mongo_session session;
    bson_t found;
    enum status status = mongo_session_open(&session, server, COLLECTION, error);
    if (status)
        return status;
    struct mongo_modification modification = {.filter = filter,
                                              .update = update,
                                              .max_time_ms = server->max_time_ms,
                                              .action = update ? "keep an answer" : "forget a request"};
    status = mongo_modify_one(&session, &modification, &found, error);
    bson_destroy(&found);
    mongo_session_close(&session);
    return status;
}

enum status mongo_answer_end(struct store *store, const struct store_answer *answer, struct error *error)
{
    bson_t set;
    bson_t update = BSON_INITIALIZER;
    bson_t *filter = BCON_NEW("_id", BCON_UTF8(answer->key), "fingerprint", BCON_UTF8(answer->fingerprint),
                              "http_status", BCON_INT32(0));
    BSON_APPEND_DOCUMENT_BEGIN(&update, "$set", &set);
    end_append(&set, answer);
    bson_append_document_end(&update, &set);
    enum status status = answer_modify(mongo_server_of(store), filter, &update, error);
    bson_destroy(&update);
    bson_destroy(filter);
    if (status == STATUS_NOT_FOUND)
        return error_set(error, STATUS_NOT_FOUND, "no request with the key \"%.60s\" is running", answer->key);
    return status;
}

enum status mongo_answer_forget(struct store *store, const struct store_answer *answer, struct error *error)
{
    bson_t *filter = BCON_NEW("_id", BCON_UTF8(answer->key), "deadline_at", BCON_DATE_TIME(answer->deadline_at_ms),
                              "http_status", BCON_INT32(0));
    enum status status = answer_modify(mongo_server_of(store), filter, NULL, error);
    bson_destroy(filter);
    return status == STATUS_NOT_FOUND ? STATUS_OK : status;
}
