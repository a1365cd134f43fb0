/* SPDX-License-Identifier: MIT */
/*
 * What a kept answer means for the next request with its key (draft-ietf-httpapi-idempotency-key-header, 2.6).
 *
 *   expired                       as if there were none: begin
 *   of another request            STATUS_MISMATCH (422): a key is for one request
 *   ended                         STATUS_EXISTS: the first answer is the answer to all of them
 *   running, before its deadline  STATUS_BUSY (409): a worker is at it
 *   running, past its deadline    its worker has died: take the request over, with its todo's id, life and time
 *
 * The last row is why a record has the todo's id and life from the start. The dead worker may have inserted its todo,
 * and others may have changed or deleted it since. SQLite notes in the record that the todo is made, inside the
 * insert's transaction; MongoDB finds out when the request is taken over (mongo_made.c). If it was made, it is not made
 * again. Else the request that takes over inserts it; if the first insert comes after all, the two have one life.
 *
 * Both stores read a record, judge it by these rules, and write only if the record is still the same: SQLite under its
 * write lock, MongoDB by a filter on the fields that it read.
 */
#include "store/answer.h"

#include <string.h>

#include "base/etag.h"

/* The fields that become headers and times: a record by a foreign writer must not abort the worker that reads it. */
static bool answer_is_sound(const struct store_answer *stored)
{
    for (size_t i = 0; i < stored->etag.len; i++)
        if (stored->etag.data[i] <= ' ' || stored->etag.data[i] > '~')
            return false;
    return stored->etag.len <= ETAG_MAX && todo_id_valid(slice_of(stored->id)) && stored->created_at_ms >= 0 &&
           stored->created_at_ms <= TODO_TIME_MAX_MS && stored->life >= 0;
}

enum status store_insert_own(const struct todo *stored, const struct todo *todo, struct error *error)
{
    if (todo_equal(stored, todo))
        return STATUS_OK;
    return error_set(error, STATUS_MISMATCH, "the todo \"%s\" was made by this request, and changed since", todo->id);
}

enum status store_answer_judge(const struct store_answer *stored, struct store_answer *asked, int64_t now_ms,
                               struct error *error)
{
    if (stored->expires_at_ms <= now_ms)
        return STATUS_OK;
    if (!answer_is_sound(stored)) {
        return error_set(error, STATUS_INVALID, "the kept answer of the key \"%.60s\" is damaged; remove it",
                         asked->key);
    }
    if (strcmp(stored->fingerprint, asked->fingerprint) != 0)
        return error_set(error, STATUS_MISMATCH, "the key \"%.60s\" belongs to another request", asked->key);
    if (stored->http_status != 0) {
        *asked = *stored;
        return error_set(error, STATUS_EXISTS, "the request \"%.60s\" has been answered", asked->key);
    }
    if (stored->deadline_at_ms > now_ms)
        return error_set(error, STATUS_BUSY, "the request \"%.60s\" is still running", asked->key);
    memcpy(asked->id, stored->id, sizeof(asked->id));
    asked->created_at_ms = stored->created_at_ms;
    asked->life = stored->life;
    asked->is_made = stored->is_made;
    return STATUS_OK;
}
