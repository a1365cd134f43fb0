/* SPDX-License-Identifier: MIT */
/*
 * What a kept answer means for the next request with its key (draft-ietf-httpapi-idempotency-key-header, 2.6).
 *
 *   expired                       as if there were none: begin
 *   of another request            STATUS_MISMATCH (422): a key is for one request
 *   ended                         STATUS_EXISTS: the first answer is the answer to all of them
 *   running, before its deadline  STATUS_BUSY (409): a worker is at it
 *   running, past its deadline    its worker has died: take the request over, with its todo's id and time
 *
 * The last row is why a record has the todo's id from the start. The dead worker may have inserted its todo. The
 * request that takes over inserts the same todo under the same id, and a store that has it already says so.
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
           stored->created_at_ms <= TODO_TIME_MAX_MS;
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
    return STATUS_OK;
}
