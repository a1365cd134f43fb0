/* SPDX-License-Identifier: MIT */
/*
 * A store of a few rows, with what its callers must be able to cope with: it goes away, and one call of a kind fails.
 *
 * It keeps the contract of store.h, conformance is tested on the real ones (tests/store). Every call is noted in the journal
 * by its name.
 *
 * Lives are no chance here, but are counted from LIFE_LEAST + 1 on, anew with each store: conversations that are written down
 * show them. life_new() is wrapped by the linker.
 */
#include "fake_store_inside.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/mem.h"
#include "base/random.h"
#include "fake_events.h"
#include "fake_journal.h"
#include "store/answer.h"

static const char *const names[FAKE_CALLS] = {
    "prepare",       "get",       "list",       "insert",      "change",        "answer_begin", "answer_end",
    "answer_forget", "load",      "outbox_put", "outbox_list", "outbox_remove", "barrier",      "heartbeat",
    "meta_get",      "meta_swap", "slots_get",  "slots_swap",  "apply",         "apply_claim"};

/* Notes the call; any status but STATUS_OK is its end, STATUS_UNKNOWN after it was applied. */
static enum status call_fail(const struct store *store, enum status status, const char *text, struct error *error)
{
    error_set(error, status, "%s", text);
    return error_because(error, store->cause, status);
}

enum status fake_call_begin(struct store *store, enum fake_call call, struct error *error)
{
    fake_journal_add(names[call]);
    store->calls[call]++;
    fake_clock_move(store->slow_ms[call]);
    store->slow_ms[call] = 0;
    if (store->away)
        return call_fail(store, STATUS_UNAVAILABLE, "the fake store is away", error);
    if (store->fails_with == STATUS_OK || store->fails != call || store->fails_after-- > 0)
        return STATUS_OK;
    enum status status = store->fails_with;
    store->fails_with = STATUS_OK;
    return call_fail(store, status, "this call was to fail", error);
}

struct row *fake_row_find(const struct store *store, const char *id)
{
    for (size_t i = 0; i < store->row_count; i++)
        if (strcmp(store->rows[i].todo.id, id) == 0)
            return (struct row *)&store->rows[i];
    return NULL;
}

void fake_row_set(struct store *store, const struct todo *todo)
{
    struct row *row = fake_row_find(store, todo->id);
    bug_unless(row || store->row_count < ROWS_MAX, "the fake store is full");
    if (!row)
        row = &store->rows[store->row_count++];
    row->todo = *todo;
    snprintf(row->name, TEXT_MAX, "%.*s", (int)todo->name.len, todo->name.data);
    snprintf(row->description, TEXT_MAX, "%.*s", (int)todo->description.len, todo->description.data);
    row->todo.name = slice_of(row->name);
    row->todo.description = slice_of(row->description);
}

/* ---- store.h ---- */

const char *store_kind(const struct store *store)
{
    (void)store;
    return "fake";
}

enum status store_prepare(struct store *store, struct error *error)
{
    return fake_call_begin(store, FAKE_PREPARE, error);
}

enum status store_survey(struct store *store, struct store_survey *survey, struct error *error)
{
    (void)error;
    *survey = store->survey;
    return STATUS_OK;
}

bool store_is_prepared(const struct store *store)
{
    (void)store;
    return true;
}

enum status store_get(struct store *store, const char *id, struct arena *arena, struct todo *todo, struct error *error)
{
    enum status status = fake_call_begin(store, FAKE_GET, error);
    if (status != STATUS_OK)
        return status;
    const struct row *row = fake_row_find(store, id);
    if (!row)
        return STATUS_NOT_FOUND;
    todo_copy(todo, &row->todo, arena);
    return STATUS_OK;
}

static int order(const struct todo *a, int64_t created_at_ms, const char *id)
{
    if (a->created_at_ms != created_at_ms)
        return a->created_at_ms < created_at_ms ? -1 : 1;
    return strcmp(a->id, id);
}

static int compare_rows(const void *a, const void *b)
{
    const struct row *left = a, *right = b;
    return order(&left->todo, right->todo.created_at_ms, right->todo.id);
}

static bool row_is_wanted(const struct store_query *query, const struct todo *todo)
{
    if (query->done != STORE_DONE_ANY && todo->done != (query->done == STORE_DONE_YES))
        return false;
    int side = query->has_after ? order(todo, query->after.created_at_ms, query->after.id) : 0;
    return !query->has_after || (query->ascending ? side > 0 : side < 0);
}

enum status store_list(struct store *store, const struct store_query *query, struct arena *arena,
                       struct store_page *page, struct error *error)
{
    enum status status = fake_call_begin(store, FAKE_LIST, error);
    if (status != STATUS_OK)
        return status;
    struct row sorted[ROWS_MAX];
    memcpy(sorted, store->rows, store->row_count * sizeof(*sorted));
    qsort(sorted, store->row_count, sizeof(*sorted), compare_rows);
    *page = (struct store_page){.todos = arena_alloc(arena, query->limit * sizeof(*page->todos))};
    for (size_t i = 0; i < store->row_count && !page->more; i++) {
        const struct todo *todo = &sorted[query->ascending ? i : store->row_count - 1 - i].todo;
        if (!row_is_wanted(query, todo))
            continue;
        page->more = page->count == query->limit;
        if (!page->more)
            todo_copy(&page->todos[page->count++], todo, arena);
    }
    return STATUS_OK;
}

struct kept *fake_kept_find(struct store *store, const char *key)
{
    for (size_t i = 0; i < store->kept_count; i++)
        if (strcmp(store->kept[i].answer.key, key) == 0)
            return &store->kept[i];
    return NULL;
}

/* The record of the key, or room for it. */
struct kept *fake_kept_make(struct store *store, const char *key)
{
    struct kept *kept = fake_kept_find(store, key);
    bug_unless(kept || store->kept_count < ANSWERS_MAX, "the fake store keeps too many answers");
    return kept ? kept : &store->kept[store->kept_count++];
}

enum status store_insert(struct store *store, const struct todo *todo, const struct store_answer *answer,
                         struct error *error)
{
    enum status status = fake_call_begin(store, FAKE_INSERT, error);
    if (status != STATUS_OK && status != STATUS_UNKNOWN)
        return status;
    const struct row *row = fake_row_find(store, todo->id);
    if (row && row->todo.life != todo->life)
        return STATUS_EXISTS;
    if (row)
        return store_insert_own(&row->todo, todo, error);
    fake_row_set(store, todo);
    if (answer)
        fake_kept_find(store, answer->key)->answer.is_made = true;
    return status;
}

void fake_row_remove(struct store *store, const char *id)
{
    struct row *row = fake_row_find(store, id), *last = &store->rows[--store->row_count];
    *row = *last;
    row->todo.name = slice_of(row->name);
    row->todo.description = slice_of(row->description);
}

/* What a change of these fields makes of the todo that is there. */
static struct todo changed_todo(const struct todo *current, const struct todo *values, unsigned fields)
{
    struct todo next = *current;
    next.v++;
    next.updated_at_ms = values->updated_at_ms;
    todo_set_fields(&next, values, fields);
    return next;
}

enum status store_change(struct store *store, const struct store_change *change, struct arena *arena,
                         struct store_changed *changed, struct error *error)
{
    enum status status = fake_call_begin(store, FAKE_CHANGE, error);
    if (status != STATUS_OK && status != STATUS_UNKNOWN)
        return status;
    const struct row *row = fake_row_find(store, change->todo->id);
    enum status allowed = store_change_check(change, row ? &row->todo : NULL, error);
    if (allowed != STATUS_OK)
        return allowed;
    if (!row && change->kind != STORE_REPLACE)
        return error_set(error, STATUS_NOT_FOUND, "there is no such todo");
    if (row && row->todo.v == INT64_MAX && change->kind != STORE_DELETE)
        return error_set(error, STATUS_INVALID, "the todo has had all versions");
    struct todo next = row ? row->todo : *change->todo;
    if (!row)
        next.v = 1;
    if (row && change->kind != STORE_DELETE && !store_change_is_empty(change, &row->todo))
        next = changed_todo(&row->todo, change->todo, store_change_fields(change));
    changed->created = row == NULL;
    todo_copy(&changed->todo, &next, arena); /* before the row goes: its texts may be the row's */
    if (change->kind == STORE_DELETE)
        fake_row_remove(store, next.id);
    else
        fake_row_set(store, &changed->todo);
    return status;
}

enum status store_answer_begin(struct store *store, struct store_answer *answer, struct arena *arena,
                               struct error *error)
{
    enum status status = fake_call_begin(store, FAKE_ANSWER_BEGIN, error);
    (void)arena;
    if (status != STATUS_OK)
        return status;
    struct kept *kept = fake_kept_find(store, answer->key);
    if (kept)
        status = store_answer_judge(&kept->answer, answer, fake_now_ms(), error);
    if (status != STATUS_OK)
        return status;
    kept = fake_kept_make(store, answer->key);
    *kept = (struct kept){.answer = *answer};
    kept->answer.http_status = 0;
    return STATUS_OK;
}

void fake_answer_keep(struct kept *kept, const struct store_answer *answer)
{
    kept->answer = *answer;
    snprintf(kept->body, BODY_MAX, "%.*s", (int)answer->body.len, answer->body.data);
    snprintf(kept->etag, TEXT_MAX, "%.*s", (int)answer->etag.len, answer->etag.data);
    kept->answer.body = slice_of(kept->body);
    kept->answer.etag = slice_of(kept->etag);
}

enum status store_answer_end(struct store *store, const struct store_answer *answer, struct error *error)
{
    enum status status = fake_call_begin(store, FAKE_ANSWER_END, error);
    if (status != STATUS_OK)
        return status;
    struct kept *kept = fake_kept_find(store, answer->key);
    if (!kept || kept->answer.expires_at_ms == 0 || kept->answer.http_status != 0 ||
        strcmp(kept->answer.fingerprint, answer->fingerprint) != 0)
        return error_set(error, STATUS_NOT_FOUND, "no such request is running");
    fake_answer_keep(kept, answer);
    return STATUS_OK;
}

enum status store_answer_forget(struct store *store, const struct store_answer *answer, struct error *error)
{
    enum status status = fake_call_begin(store, FAKE_ANSWER_FORGET, error);
    struct kept *kept = fake_kept_find(store, answer->key);
    bool is_own = kept && kept->answer.http_status == 0 && kept->answer.deadline_at_ms == answer->deadline_at_ms;
    if (status == STATUS_OK && is_own)
        kept->answer.expires_at_ms = 0; /* as if it had never been */
    return status;
}

enum status store_load(struct store *store, const struct todo *todos, size_t count, enum store_load_mode mode,
                       enum status *results, struct error *error)
{
    enum status status = fake_call_begin(store, FAKE_LOAD, error);
    if (status != STATUS_OK && status != STATUS_UNKNOWN)
        return status;
    for (size_t i = 0; i < count; i++) {
        const struct row *row = fake_row_find(store, todos[i].id);
        bool is_foreign = row && mode == STORE_LOAD_INSERT && row->todo.life != todos[i].life;
        results[i] = is_foreign ? STATUS_EXISTS : STATUS_OK;
        struct todo next = row ? changed_todo(&row->todo, &todos[i], TODO_WRITE_FIELDS) : todos[i];
        if (!row || mode == STORE_LOAD_UPSERT)
            fake_row_set(store, &next);
    }
    return status;
}

static struct store_fence *fence_find(struct store *store, const struct store_fence *wanted)
{
    for (size_t i = 0; i < store->fence_count; i++) {
        struct store_fence *fence = &store->fences[i];
        if (strcmp(fence->token.text, wanted->token.text) == 0 && strcmp(fence->id, wanted->id) == 0)
            return fence;
    }
    return NULL;
}

enum status store_outbox_put(struct store *store, const struct store_fence *fences, size_t count, struct error *error)
{
    enum status status = fake_call_begin(store, FAKE_OUTBOX_PUT, error);
    if (status != STATUS_OK && status != STATUS_UNKNOWN)
        return status;
    for (size_t i = 0; i < count; i++)
        fake_store_outbox_add(store, &fences[i]);
    return status;
}

enum status store_outbox_list(struct store *store, const struct store_fence *after, struct store_fence *fences,
                              size_t limit, size_t *count, struct error *error)
{
    enum status status = fake_call_begin(store, FAKE_OUTBOX_LIST, error);
    *count = 0;
    if (status != STATUS_OK)
        return status;
    for (size_t i = 0; i < store->fence_count && *count < limit; i++)
        if (!after || store->fences[i].place > after->place)
            fences[(*count)++] = store->fences[i];
    return STATUS_OK;
}

enum status store_outbox_remove(struct store *store, const struct store_fence *fences, size_t count,
                                size_t *changed_count, struct error *error)
{
    enum status status = fake_call_begin(store, FAKE_OUTBOX_REMOVE, error);
    *changed_count = 0;
    if (status != STATUS_OK)
        return status;
    for (size_t i = 0; i < count; i++) {
        struct store_fence *fence = fence_find(store, &fences[i]);
        if (!fence)
            continue;
        if (fence->is_closed != fences[i].is_closed || fence->deadline_at_ms != fences[i].deadline_at_ms) {
            ++*changed_count;
            continue;
        }
        size_t behind = store->fence_count - (size_t)(fence - store->fences) - 1;
        memmove(fence, fence + 1, behind * sizeof(*fence));
        store->fence_count--;
    }
    return STATUS_OK;
}

enum status store_meta_get(struct store *store, struct store_meta *meta, struct error *error)
{
    enum status status = fake_call_begin(store, FAKE_META_GET, error);
    if (status == STATUS_OK)
        *meta = store->meta;
    return status;
}

void store_watermark(const struct store *store, struct store_watermark *mark)
{
    *mark = store->watermark;
}

void store_raise(struct store *store, struct slice text)
{
    if (text.len == STORE_WATERMARK_LEN && memcmp(text.data, store->watermark.text, text.len) > 0)
        memcpy(store->watermark.text, text.data, text.len);
}

enum status store_barrier(struct store *store, struct error *error)
{
    return fake_call_begin(store, FAKE_BARRIER, error);
}

enum status store_heartbeat(struct store *store, struct error *error)
{
    return fake_call_begin(store, FAKE_HEARTBEAT, error);
}

static bool meta_swap(struct store *store, const struct store_meta *expected, const struct store_meta *next)
{
    bool is_expected = store->meta.epoch == expected->epoch && store->meta.beat == expected->beat;
    if (is_expected)
        store->meta = *next;
    return is_expected;
}

enum status store_meta_swap(struct store *store, const struct store_meta *expected, const struct store_meta *next,
                            bool *swapped, struct error *error)
{
    enum status status = fake_call_begin(store, FAKE_META_SWAP, error);
    *swapped = status == STATUS_OK && meta_swap(store, expected, next);
    return status;
}

enum status store_slots_get(struct store *store, struct arena *arena, struct store_meta *meta, struct slice *slots,
                            struct error *error)
{
    enum status status = fake_call_begin(store, FAKE_SLOTS_GET, error);
    *meta = status == STATUS_OK ? store->meta : (struct store_meta){0};
    *slots = arena_copy(arena, status == STATUS_OK ? slice_of(store->slots) : SLICE(""));
    return status;
}

enum status store_slots_swap(struct store *store, const struct store_meta *expected, const struct store_meta *next,
                             struct slice slots, bool *swapped, struct error *error)
{
    enum status status = fake_call_begin(store, FAKE_SLOTS_SWAP, error);
    bug_unless(slots.len < sizeof(store->slots), "the slots are too long for the fake store");
    *swapped = status == STATUS_OK && meta_swap(store, expected, next);
    if (*swapped)
        snprintf(store->slots, sizeof(store->slots), "%.*s", (int)slots.len, slots.data);
    return status;
}

/* ---- What tests do to it ---- */

static int64_t life_count;

int64_t __wrap_life_new(void);

int64_t __wrap_life_new(void)
{
    return LIFE_LEAST + ++life_count;
}

struct store *fake_store_new(void)
{
    life_count = 0;
    return mem_zalloc(sizeof(struct store));
}

void fake_store_free(struct store *store)
{
    free(store);
}

void fake_store_set_away(struct store *store, bool away)
{
    store->away = away;
}

void fake_store_say(struct store *store, enum cause cause)
{
    store->cause = cause;
}

void fake_store_fail(struct store *store, enum fake_call call, unsigned skip, enum status status)
{
    store->fails = call;
    store->fails_after = skip;
    store->fails_with = status;
}

void fake_store_slow(struct store *store, enum fake_call call, int64_t ms)
{
    store->slow_ms[call] = ms;
}

unsigned fake_store_calls(const struct store *store, enum fake_call call)
{
    return store->calls[call];
}

void fake_store_put(struct store *store, const char *id, int64_t v)
{
    char name[TEXT_MAX];
    snprintf(name, sizeof(name), "name %lld", (long long)v);
    struct todo todo = {.name = slice_of(name), .description = SLICE(""), .v = v};
    todo_set_id(&todo, slice_of(id));
    const struct row *row = fake_row_find(store, id);
    todo.life = row ? row->todo.life : life_new();
    todo.created_at_ms = row ? row->todo.created_at_ms : fake_now_ms();
    todo.updated_at_ms = fake_now_ms();
    fake_row_set(store, &todo);
}

void fake_store_remove(struct store *store, const char *id)
{
    if (fake_row_find(store, id))
        fake_row_remove(store, id);
}

int64_t fake_store_life(const struct store *store, const char *id)
{
    return fake_row_find(store, id)->todo.life;
}

int64_t fake_store_v(const struct store *store, const char *id)
{
    const struct row *row = fake_row_find(store, id);
    return row ? row->todo.v : 0;
}

struct store_answer *fake_store_answer(struct store *store, const char *key)
{
    struct kept *kept = fake_kept_find(store, key);
    return kept ? &kept->answer : NULL;
}

size_t fake_store_outbox_count(const struct store *store, bool is_closed)
{
    size_t count = 0;
    for (size_t i = 0; i < store->fence_count; i++)
        count += store->fences[i].is_closed == is_closed ? 1 : 0;
    return count;
}

void fake_store_outbox_add(struct store *store, const struct store_fence *fence)
{
    struct store_fence *old = fence_find(store, fence);
    bug_unless(old || store->fence_count < FENCES_MAX, "the fake store's outbox is full");
    int64_t place = old ? old->place : ++store->last_place;
    if (!old)
        old = &store->fences[store->fence_count++];
    *old = *fence;
    old->place = place;
}

bool fake_store_outbox_has(const struct store *store, const char *id, const struct token *token)
{
    for (size_t i = 0; i < store->fence_count; i++)
        if (strcmp(store->fences[i].id, id) == 0 && (!token || strcmp(store->fences[i].token.text, token->text) == 0))
            return true;
    return false;
}

struct store_meta *fake_store_meta(struct store *store)
{
    return &store->meta;
}

struct store_survey *fake_store_survey(struct store *store)
{
    return &store->survey;
}

/* Each row's todo points to its own texts. */
static void rows_take(struct store *store, const struct store *from)
{
    memcpy(store->rows, from->rows, sizeof(store->rows));
    store->row_count = from->row_count;
    for (size_t i = 0; i < store->row_count; i++) {
        store->rows[i].todo.name = slice_of(store->rows[i].name);
        store->rows[i].todo.description = slice_of(store->rows[i].description);
    }
}

struct store *fake_store_backup(const struct store *store)
{
    struct store *backup = mem_alloc(sizeof(*backup));
    memcpy(backup, store, sizeof(*backup));
    rows_take(backup, store);
    return backup;
}

void fake_store_restore_todos(struct store *store, const struct store *backup)
{
    rows_take(store, backup);
}

void fake_store_restore(struct store *store, const struct store *backup)
{
    rows_take(store, backup);
    memcpy(store->fences, backup->fences, sizeof(store->fences));
    store->fence_count = backup->fence_count;
    store->meta = backup->meta;
    memcpy(store->slots, backup->slots, sizeof(store->slots));
}

void fake_store_roll_back(struct store *store, const struct store *copy)
{
    fake_store_restore(store, copy);
    memcpy(store->applied, copy->applied, sizeof(store->applied));
    memcpy(store->kept, copy->kept, sizeof(store->kept));
    store->kept_count = copy->kept_count;
}

void fake_store_empty(struct store *store)
{
    store->row_count = store->fence_count = store->kept_count = 0;
    store->meta = (struct store_meta){0};
    store->slots[0] = '\0';
    memset(store->applied, 0, sizeof(store->applied));
}
