/* SPDX-License-Identifier: MIT */
/*
 * What a batch of queued writes does. The stores only read, ask this, and write.
 *
 * Each write is applied to what those before it have made of its todo, by the rules of store_change() and
 * store_insert(). So a thousand changes of one todo are one change of its row, from v 5 to v 1005, and each of them is
 * told its own version. Nothing is written of a todo that is made and deleted in one batch.
 *
 * An insert whose id has the very life that it brings is its own, from an earlier try. That should not happen, as the
 * bookmark keeps a batch from being applied twice; it costs nothing to be sure.
 *
 * An insert with an Idempotency-Key asks the record of the key, by the rules of answer.c:
 *
 *   none, or expired               the todo is made, and the record has the answer from then on
 *   of another request             MISMATCH
 *   answered                       OK without another todo, or the refusal that the answer was; it tells of that todo
 *   running                        the whole batch waits: BUSY
 *   left by a worker that died     OK if its todo was made. If not, and it would have had this id, the todo is made:
 *                                  the other insert, should it come after all, finds the id taken. With another id it
 *                                  would make a second todo, so that is a MISMATCH; the request without the queue,
 *                                  sent again, takes the record over.
 *
 * A dead letter does nothing, but stands in the bookmark: no applier can take it for one that still waits.
 *
 * A refused insert (its id is taken) keeps its answer as well, as a POST without the queue does.
 */
#include "store/fold.h"

#include <stdlib.h>
#include <string.h>

#include "base/texts.h"
#include "store/answer.h"

/* ---- Which todos and keys ---- */

void fold_begin(struct fold *fold, const struct store_batch *batch, struct arena *arena)
{
    const char *ids[STORE_APPLY_MAX], *keys[STORE_APPLY_MAX];
    *fold = (struct fold){.batch = batch};
    if (batch->writes[0].is_dead)
        return;
    for (size_t i = 0; i < batch->count; i++) {
        ids[i] = batch->writes[i].change.todo->id;
        if (batch->writes[i].answer)
            keys[fold->key_count++] = batch->writes[i].answer->key;
    }
    fold->todo_count = texts_unique(ids, batch->count);
    fold->key_count = texts_unique(keys, fold->key_count);
    fold->todos = arena_alloc(arena, fold->todo_count * sizeof(*fold->todos));
    fold->keys = arena_alloc(arena, fold->key_count * sizeof(*fold->keys));
    for (size_t i = 0; i < fold->todo_count; i++)
        fold->todos[i] = (struct fold_todo){.id = ids[i], .found = STATUS_NOT_FOUND};
    for (size_t i = 0; i < fold->key_count; i++)
        fold->keys[i] = (struct fold_key){.key = keys[i], .found = STATUS_NOT_FOUND};
}

static int todo_compare(const void *id, const void *todo)
{
    return strcmp(id, ((const struct fold_todo *)todo)->id);
}

static int key_compare(const void *text, const void *key)
{
    return strcmp(text, ((const struct fold_key *)key)->key);
}

struct fold_todo *fold_find(const struct fold *fold, const char *id)
{
    return bsearch(id, fold->todos, fold->todo_count, sizeof(*fold->todos), todo_compare);
}

/* ---- Writes ---- */

static void applied_set(struct store_applied *applied, int64_t v, int64_t life)
{
    applied->status = STATUS_OK;
    applied->version = (struct store_version){.v = v, .life = life};
}

static void create(struct fold_todo *todo, const struct todo *made, struct store_applied *applied)
{
    todo->next = *made;
    todo->next.v = 1;
    todo->exists = true;
    applied->created = true;
    applied_set(applied, 1, made->life);
}

static void update(struct fold_todo *todo, const struct store_change *change, struct store_applied *applied)
{
    struct todo *next = &todo->next;
    if (!store_change_is_empty(change, next)) {
        if (next->v == INT64_MAX) {
            applied->status = STATUS_INVALID;
            return;
        }
        next->v++;
        if (next->updated_at_ms < change->todo->updated_at_ms)
            next->updated_at_ms = change->todo->updated_at_ms;
        todo_set_fields(next, change->todo, store_change_fields(change));
    }
    applied_set(applied, next->v, next->life);
}

static void apply_change(struct fold_todo *todo, const struct store_change *change, struct store_applied *applied)
{
    if (todo->found == STATUS_INVALID) {
        applied->status = STATUS_INVALID;
    } else if (!todo->exists) {
        applied->status = STATUS_NOT_FOUND;
        if (change->kind == STORE_REPLACE)
            create(todo, change->todo, applied);
    } else if (change->kind == STORE_DELETE) {
        applied_set(applied, todo->next.v < INT64_MAX ? todo->next.v + 1 : todo->next.v, todo->next.life);
        todo->exists = false;
    } else {
        update(todo, change, applied);
    }
}

static void apply_insert(struct fold_todo *todo, const struct todo *made, struct store_applied *applied)
{
    if (todo->exists && todo->next.life == made->life)
        applied_set(applied, 1, made->life);
    else if (todo->exists || todo->found == STATUS_INVALID)
        applied->status = STATUS_EXISTS;
    else
        create(todo, made, applied);
}

/* ---- Keys ---- */

/* What the record of the key says of a write. NOT_FOUND: to be made; else applied has it, unless it is BUSY. */
static enum status key_ask(const struct fold_key *key, const struct store_queued *write, int64_t now_ms,
                           struct store_applied *applied, struct error *error)
{
    struct store_answer asked = *write->answer;
    if (key->found != STATUS_OK || key->stored.expires_at_ms <= now_ms)
        return key->found == STATUS_INVALID ? applied->status = STATUS_INVALID : STATUS_NOT_FOUND;
    enum status status = store_answer_judge(&key->stored, &asked, now_ms, error);
    bool is_answered = status == STATUS_EXISTS;
    if (is_answered ? asked.http_status == 201 : status == STATUS_OK && asked.is_made)
        applied_set(applied, 1, asked.life);
    else if (status == STATUS_OK && strcmp(asked.id, write->change.todo->id) == 0)
        return STATUS_NOT_FOUND;
    else
        applied->status = status == STATUS_OK ? STATUS_MISMATCH : status;
    if (applied->status != STATUS_MISMATCH && strcmp(asked.id, write->change.todo->id) != 0)
        memcpy(applied->id, asked.id, sizeof(applied->id));
    return applied->status;
}

static enum status apply_keyed(struct fold_key *key, struct fold_todo *todo, const struct store_queued *write,
                               int64_t now_ms, struct store_applied *applied, struct error *error)
{
    enum status status = key_ask(key, write, now_ms, applied, error);
    if (status != STATUS_NOT_FOUND)
        return status == STATUS_BUSY ? STATUS_BUSY : STATUS_OK;
    apply_insert(todo, write->change.todo, applied);
    key->stored = *write->answer;
    key->stored.http_status = applied->status == STATUS_OK ? write->answer->http_status : 409;
    key->found = STATUS_OK;
    key->is_kept = true;
    return STATUS_OK;
}

/* ---- All of it ---- */

static enum status apply_one(struct fold *fold, const struct store_queued *write, int64_t now_ms,
                             struct store_applied *applied, struct error *error)
{
    *applied = (struct store_applied){.number = write->number, .status = write->is_dead ? STATUS_INVALID : STATUS_OK};
    if (write->is_dead)
        return STATUS_OK;
    struct fold_todo *todo = fold_find(fold, write->change.todo->id);
    if (write->answer) {
        struct fold_key *key =
            bsearch(write->answer->key, fold->keys, fold->key_count, sizeof(*fold->keys), key_compare);
        return apply_keyed(key, todo, write, now_ms, applied, error);
    }
    if (write->is_insert)
        apply_insert(todo, write->change.todo, applied);
    else
        apply_change(todo, &write->change, applied);
    return STATUS_OK;
}

enum status fold_run(struct fold *fold, int64_t now_ms, struct store_applied *results, struct error *error)
{
    enum status status = STATUS_OK;
    for (size_t i = 0; i < fold->todo_count; i++) {
        struct fold_todo *todo = &fold->todos[i];
        todo->exists = todo->found == STATUS_OK;
        if (todo->exists)
            todo->next = todo->stored;
    }
    for (size_t i = 0; i < fold->batch->count && status == STATUS_OK; i++)
        status = apply_one(fold, &fold->batch->writes[i], now_ms, &results[i], error);
    return status;
}

enum fold_change fold_change(const struct fold_todo *todo)
{
    bool existed = todo->found == STATUS_OK;
    if (!existed)
        return todo->exists ? FOLD_INSERT : FOLD_NONE;
    if (!todo->exists)
        return FOLD_DELETE;
    return todo->next.v == todo->stored.v ? FOLD_NONE : FOLD_UPDATE;
}
