/* SPDX-License-Identifier: MIT */
/*
 * Kept answers in the embedded store: one table, a row for each Idempotency-Key, judged by answer.c.
 *
 * A begin is one transaction under the file's write lock: read the row, judge it, write. If two requests find a record
 * past its deadline, the second reads the new deadline of the first, and is told that the request is running.
 *
 * No other code removes rows, so each begin of a new request also deletes a few expired ones. It deletes more than the
 * one that it adds, so the table shrinks again after a busy day, and a bounded number, so no single request pays for
 * that day. An expired row that is still there counts as none.
 *
 * The insert of the todo sets made in its own transaction (sqlite_store.c). So a begin that takes a request over reads
 * whether the todo was made, whatever became of it.
 *
 * The deadline of a record says which worker runs it: a take-over sets a later one. An end need not check that, because
 * the worker that took over makes the same todo. It must only be the first end.
 */
#include "store/sqlite_store.h"

#include <stdio.h>

#include "base/clock.h"
#include "store/answer.h"

enum { SWEEP_COUNT = 8 }; /* expired rows that one begin deletes at most */

struct begin_work {
    struct store_answer *answer;
    struct arena *arena;
};

static void text_copy(char *text, size_t size_bytes, struct slice source)
{
    snprintf(text, size_bytes, "%.*s", (int)source.len, source.data);
}

enum status sqlite_answer_find(struct sqlite_connection *connection, const char *key, struct arena *arena,
                               struct store_answer *stored, struct error *error)
{
    *stored = (struct store_answer){0};
    snprintf(stored->key, sizeof(stored->key), "%s", key);
    sqlite_use(connection, SQL_ANSWER_GET);
    sqlite_bind_text(connection, 1, slice_of(key));
    switch (sqlite_step(connection)) {
    case STEP_ROW:
        break;
    case STEP_DONE:
        return STATUS_NOT_FOUND;
    case STEP_FAILED:
        return sqlite_failed(connection, "read a kept answer", error);
    }
    text_copy(stored->fingerprint, sizeof(stored->fingerprint), sqlite_column_text(connection, 0));
    text_copy(stored->id, sizeof(stored->id), sqlite_column_text(connection, 1));
    stored->created_at_ms = sqlite_column_int(connection, 2);
    stored->deadline_at_ms = sqlite_column_int(connection, 3);
    stored->expires_at_ms = sqlite_column_int(connection, 4);
    stored->http_status = (int)sqlite_column_int(connection, 5);
    stored->body = arena_copy(arena, sqlite_column_text(connection, 6));
    stored->etag = arena_copy(arena, sqlite_column_text(connection, 7));
    stored->life = todo_life_of(sqlite_column_int(connection, 8), stored->created_at_ms);
    stored->is_made = sqlite_column_int(connection, 9) != 0;
    return STATUS_OK;
}

static enum status answer_write(struct sqlite_connection *connection, const struct store_answer *answer,
                                int64_t now_at_ms, struct error *error)
{
    sqlite_use(connection, SQL_ANSWER_SWEEP);
    sqlite_bind_int(connection, 1, now_at_ms);
    sqlite_bind_int(connection, 2, SWEEP_COUNT);
    if (!sqlite_run(connection))
        return sqlite_failed(connection, "delete expired answers", error);
    sqlite_use(connection, SQL_ANSWER_PUT);
    sqlite_bind_text(connection, 1, slice_of(answer->key));
    sqlite_bind_text(connection, 2, slice_of(answer->fingerprint));
    sqlite_bind_text(connection, 3, slice_of(answer->id));
    sqlite_bind_int(connection, 4, answer->created_at_ms);
    sqlite_bind_int(connection, 5, answer->deadline_at_ms);
    sqlite_bind_int(connection, 6, answer->expires_at_ms);
    sqlite_bind_int(connection, 7, answer->life);
    sqlite_bind_int(connection, 8, answer->is_made);
    return sqlite_run(connection) ? STATUS_OK : sqlite_failed(connection, "note a running request", error);
}

static enum status begin_body(struct sqlite_connection *connection, void *ctx, struct error *error)
{
    struct begin_work *work = ctx;
    struct store_answer stored;
    int64_t now_at_ms = clock_wall_ms();
    enum status status = sqlite_answer_find(connection, work->answer->key, work->arena, &stored, error);
    if (status == STATUS_OK)
        status = store_answer_judge(&stored, work->answer, now_at_ms, error);
    if (status != STATUS_OK && status != STATUS_NOT_FOUND)
        return status;
    return answer_write(connection, work->answer, now_at_ms, error);
}

enum status sqlite_answer_begin(struct store *store, struct store_answer *answer, struct arena *arena,
                                struct error *error)
{
    struct begin_work work = {.answer = answer, .arena = arena};
    return sqlite_transact(sqlite_file_of(store), begin_body, &work, error);
}

static enum status answer_end(struct sqlite_connection *connection, const struct store_answer *answer,
                              struct error *error)
{
    sqlite_use(connection, SQL_ANSWER_END);
    sqlite_bind_text(connection, 1, slice_of(answer->key));
    sqlite_bind_text(connection, 2, slice_of(answer->fingerprint));
    sqlite_bind_int(connection, 3, answer->expires_at_ms);
    sqlite_bind_int(connection, 4, answer->http_status);
    sqlite_bind_text(connection, 5, answer->body);
    sqlite_bind_text(connection, 6, answer->etag);
    if (!sqlite_run(connection))
        return sqlite_failed(connection, "keep an answer", error);
    if (sqlite_change_count(connection) == 0)
        return error_set(error, STATUS_NOT_FOUND, "no request with the key \"%.60s\" is running", answer->key);
    return STATUS_OK;
}

enum status sqlite_answer_keep(struct sqlite_connection *connection, const struct store_answer *answer,
                               int64_t now_at_ms, struct error *error)
{
    enum status status = answer_write(connection, answer, now_at_ms, error);
    return status == STATUS_OK ? answer_end(connection, answer, error) : status;
}

static enum status end_body(struct sqlite_connection *connection, void *ctx, struct error *error)
{
    return answer_end(connection, *(const struct store_answer **)ctx, error);
}

enum status sqlite_answer_end(struct store *store, const struct store_answer *answer, struct error *error)
{
    return sqlite_transact(sqlite_file_of(store), end_body, &answer, error);
}

static enum status forget_body(struct sqlite_connection *connection, void *ctx, struct error *error)
{
    const struct store_answer *answer = *(const struct store_answer **)ctx;
    sqlite_use(connection, SQL_ANSWER_FORGET);
    sqlite_bind_text(connection, 1, slice_of(answer->key));
    sqlite_bind_int(connection, 2, answer->deadline_at_ms);
    return sqlite_run(connection) ? STATUS_OK : sqlite_failed(connection, "forget a request", error);
}

enum status sqlite_answer_forget(struct store *store, const struct store_answer *answer, struct error *error)
{
    return sqlite_transact(sqlite_file_of(store), forget_body, &answer, error);
}
