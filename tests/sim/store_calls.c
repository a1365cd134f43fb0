/* SPDX-License-Identifier: MIT */
/*
 * One function for each kind of call: it makes the arguments out of the dice's numbers, calls, and prints.
 *
 * A play's ids, keys and tokens have its number in them, so that plays on the same store don't meet. What is printed
 * has no number of a play, no place in a store's own order and no text of an error: stores may differ there.
 */
#include "store_calls.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

enum { IDS = 3, TOKENS = 2, URLS = 2, PURGES_MAX = 8, APPLY_MAX = 5 };

static const char *const urls[URLS] = {"http://one/", "http://two/"};
static const int64_t BASE_MS = INT64_C(1700000000000);

struct run {
    const struct call *call;
    struct side *side;
    unsigned play;
    int64_t now_ms;
    struct buf *out;
    struct arena arena;
};

static unsigned number(const struct run *run, unsigned index, unsigned bound)
{
    return run->call->number[index] % bound;
}

/* ---- Values ---- */

static void name_print(char *text, size_t size_bytes, const struct run *run, const char *what, unsigned which)
{
    snprintf(text, size_bytes, "%s%u-%u", what, which, run->play);
}

static struct todo todo_of(const struct run *run, unsigned which, unsigned seed)
{
    static const char *const names[] = {"a", "it's \"b\"", "\xc3\xa4 \xf0\x9f\x9a\x80"};
    static const char *const descriptions[] = {"", "line\nline", "x"};
    struct todo todo = {.name = slice_of(names[seed % 3]),
                        .description = slice_of(descriptions[seed / 3 % 3]),
                        .done = seed / 9 % 2,
                        .v = which == 0 && seed / 18 % 8 == 0 ? INT64_MAX - seed / 144 % 2 : 1,
                        .life = LIFE_LEAST + 1 + seed / 18 % 2,
                        .created_at_ms = BASE_MS + seed / 36 % 3 * 500,
                        .updated_at_ms = BASE_MS + 2000 + seed % 3 * 500};
    name_print(todo.id, sizeof(todo.id), run, "todo", which);
    return todo;
}

static void token_set(struct token *token, const struct run *run, unsigned which)
{
    snprintf(token->text, sizeof(token->text), "%08x%024x", run->play, which);
}

/* ---- Outcomes ---- */

static bool print_status(const struct run *run, enum status status)
{
    static const char *const names[] = {"OK",   "NOT_FOUND",   "EXISTS",  "MISMATCH",   "INVALID",
                                        "BUSY", "UNAVAILABLE", "UNKNOWN", "UNSUPPORTED"};
    buf_printf(run->out, "%s", names[status]);
    return status == STATUS_OK;
}

/* Without the play's number behind the last '-'. */
static void print_id(const struct run *run, const char *id)
{
    buf_printf(run->out, " %.*s", (int)strcspn(id, "-"), id);
}

static void print_todo(const struct run *run, const struct todo *todo)
{
    print_id(run, todo->id);
    for (enum todo_field field = TODO_ID + 1; field < TODO_FIELD_COUNT; field++) {
        const void *member = todo_member_const(todo, field);
        buf_printf(run->out, " %s=", todo_field_name(field));
        switch (TODO_ROWS[field].type) {
        case TODO_TYPE_FLAG:
            buf_append_int(run->out, *(const bool *)member);
            break;
        case TODO_TYPE_INTEGER:
        case TODO_TYPE_TIME:
            buf_append_int(run->out, *(const int64_t *)member);
            break;
        default:
            buf_append_slice(run->out, *(const struct slice *)member);
        }
    }
}

/* ---- Todos ---- */

static void run_get(struct run *run)
{
    struct todo wanted = todo_of(run, number(run, 0, IDS), 0), todo;
    if (print_status(run, run->side->ops->get(run->side->store, wanted.id, &run->arena, &todo, NULL)))
        print_todo(run, &todo);
}

static void run_list(struct run *run)
{
    struct store_query query = {.limit = 1 + number(run, 0, 3),
                                .ascending = number(run, 1, 2),
                                .done = (enum store_done_filter)number(run, 2, 3),
                                .has_after = number(run, 3, 2)};
    struct todo after = todo_of(run, number(run, 4, IDS), run->call->number[5]);
    struct store_page page;
    query.after.created_at_ms = after.created_at_ms;
    memcpy(query.after.id, after.id, sizeof(after.id));
    if (!print_status(run, run->side->ops->list(run->side->store, &query, &run->arena, &page, NULL)))
        return;
    buf_printf(run->out, " more=%d", page.more);
    for (size_t i = 0; i < page.count; i++)
        print_todo(run, &page.todos[i]);
}

static void run_insert(struct run *run)
{
    struct todo todo = todo_of(run, number(run, 0, IDS), run->call->number[1]);
    print_status(run, run->side->ops->insert(run->side->store, &todo, NULL, NULL));
}

static struct store_versions versions_of(const struct run *run, unsigned dice, struct store_version items[2])
{
    unsigned kind = dice % 6;
    for (unsigned i = 0; i < 2; i++)
        items[i] = (struct store_version){1 + (int64_t)(dice / 6 + i) % 4, LIFE_LEAST + 1 + (dice / 24 + i) % 2};
    (void)run;
    return (struct store_versions){
        .given = kind < 4, .any = kind == 0, .items = items, .count = kind == 0 ? 0 : kind % 3};
}

static void run_change(struct run *run)
{
    struct todo todo = todo_of(run, number(run, 0, IDS), run->call->number[1]);
    struct store_version match[2], none_match[2];
    struct store_change change = {.kind = (enum store_change_kind)number(run, 2, 3), .todo = &todo};
    struct store_changed changed = {0};
    if (change.kind == STORE_MERGE)
        change.fields = run->call->number[3] & TODO_WRITE_FIELDS;
    change.condition.unmodified_since_s = number(run, 4, 3) ? -1 : BASE_MS / 1000 + number(run, 4, 12) / 3;
    if (number(run, 5, 3) == 0)
        change.condition.match = versions_of(run, run->call->number[6], match);
    if (number(run, 5, 5) == 0)
        change.condition.none_match = versions_of(run, run->call->number[7], none_match);
    if (!print_status(run, run->side->ops->change(run->side->store, &change, &run->arena, &changed, NULL)))
        return;
    buf_append_text(run->out, changed.created ? " created" : "");
    print_todo(run, &changed.todo);
}

/* Not of the first todo, which may have the last version: each store has another error for that. */
static void run_load(struct run *run)
{
    struct todo todos[IDS];
    enum status results[IDS];
    unsigned first = number(run, 0, IDS - 1), count = 1 + number(run, 1, IDS - 1);
    enum store_load_mode mode = number(run, 2, 2) ? STORE_LOAD_INSERT : STORE_LOAD_UPSERT;
    for (unsigned i = 0; i < count; i++)
        todos[i] = todo_of(run, 1 + (first + i) % (IDS - 1), run->call->number[3 + i]);
    if (!print_status(run, run->side->ops->load(run->side->store, todos, count, mode, results, NULL)))
        return;
    for (unsigned i = 0; i < count; i++) {
        buf_append_char(run->out, ' ');
        print_status(run, results[i]);
    }
}

/* ---- Requests with a key ---- */

/* Whether its todo is made is told only of a request that is running. */
static void print_answer(const struct run *run, const struct store_answer *answer)
{
    print_id(run, answer->id);
    buf_printf(run->out, " created=%" PRId64 " life=%" PRId64, answer->created_at_ms, answer->life);
    if (answer->http_status)
        buf_printf(run->out, " status=%d expires=%" PRId64 " body=%.*s etag=%.*s", answer->http_status,
                   answer->expires_at_ms - run->now_ms, (int)answer->body.len, answer->body.data, (int)answer->etag.len,
                   answer->etag.data);
    else
        buf_printf(run->out, " made=%d", answer->is_made);
}

static void run_begin(struct run *run)
{
    unsigned key = number(run, 0, CALL_KEYS);
    struct todo todo = todo_of(run, number(run, 1, IDS), run->call->number[2]);
    struct store_answer answer = {.created_at_ms = todo.created_at_ms,
                                  .life = LIFE_LEAST + 10 + run->call->number[5], /* no other todo's */
                                  .deadline_at_ms = run->now_ms + 100 + number(run, 3, 2) * 900,
                                  .expires_at_ms = run->now_ms + 2000 + number(run, 3, 3) * 1000};
    name_print(answer.key, sizeof(answer.key), run, "key", key);
    snprintf(answer.fingerprint, sizeof(answer.fingerprint), "%032u", number(run, 4, 5) == 0);
    memcpy(answer.id, todo.id, sizeof(todo.id));
    enum status status = run->side->ops->answer_begin(run->side->store, &answer, &run->arena, NULL);
    print_status(run, status);
    if (status == STATUS_OK)
        run->side->begun[key] = answer;
    if (status == STATUS_OK || status == STATUS_EXISTS)
        print_answer(run, &answer);
}

/*
 * The request that this side began under the key of the call. NULL: none, or its record has expired; then a store may have
 * removed it or not.
 */
static const struct store_answer *begun(const struct run *run)
{
    const struct store_answer *answer = &run->side->begun[number(run, 0, CALL_KEYS)];
    return answer->key[0] && answer->expires_at_ms > run->now_ms ? answer : NULL;
}

static void run_make(struct run *run)
{
    const struct store_answer *answer = begun(run);
    if (!answer || answer->is_made)
        return;
    struct todo todo = todo_of(run, 0, run->call->number[1]);
    memcpy(todo.id, answer->id, sizeof(todo.id));
    todo.v = 1;
    todo.life = answer->life;
    todo.created_at_ms = todo.updated_at_ms = answer->created_at_ms;
    print_status(run, run->side->ops->insert(run->side->store, &todo, answer, NULL));
}

static void run_end(struct run *run)
{
    const struct store_answer *answer = begun(run);
    if (!answer)
        return;
    struct store_answer ended = *answer;
    ended.http_status = number(run, 1, 2) ? 201 : 409;
    ended.body = SLICE("{\"a\":\"\xc3\xa4\"}");
    ended.etag = number(run, 2, 2) ? SLICE("\"1-x\"") : SLICE("");
    ended.expires_at_ms = run->now_ms + 3000;
    print_status(run, run->side->ops->answer_end(run->side->store, &ended, NULL));
}

static void run_forget(struct run *run)
{
    const struct store_answer *answer = begun(run);
    if (answer)
        print_status(run, run->side->ops->answer_forget(run->side->store, answer, NULL));
}

/* ---- Batches of queued writes ---- */

static void print_applied(const struct run *run, const struct store_applied *applied)
{
    buf_printf(run->out, " %" PRId64 ":", applied->number);
    print_status(run, applied->status);
    buf_printf(run->out, "%s v=%" PRId64 " life=%" PRId64, applied->created ? " created" : "", applied->version.v,
               applied->version.life);
}

static void run_apply_claim(struct run *run)
{
    struct token owner;
    struct store_bookmark bookmark;
    token_set(&owner, run, number(run, 0, TOKENS));
    if (!print_status(run, run->side->ops->apply_claim(run->side->store, run->play, &owner, &bookmark, NULL)))
        return;
    for (size_t i = 0; i < bookmark.count; i++)
        print_applied(run, &bookmark.last[i]);
}

/* Half of the inserts have a key. */
static void answer_draw(const struct run *run, unsigned dice, const struct todo *todo, struct store_answer *answer)
{
    *answer = (struct store_answer){.created_at_ms = todo->created_at_ms,
                                    .life = todo->life,
                                    .expires_at_ms = run->now_ms + 2000 + dice % 3 * 1000,
                                    .http_status = 201,
                                    .body = SLICE("{}"),
                                    .etag = SLICE("\"q\"")};
    name_print(answer->key, sizeof(answer->key), run, "key", dice / 3 % CALL_KEYS);
    snprintf(answer->fingerprint, sizeof(answer->fingerprint), "%032u", dice / 9 % 5 == 0);
    memcpy(answer->id, todo->id, sizeof(answer->id));
}

static void run_apply(struct run *run)
{
    struct todo todos[APPLY_MAX];
    struct store_answer answers[APPLY_MAX];
    struct store_queued writes[APPLY_MAX];
    struct store_applied results[APPLY_MAX];
    struct store_batch batch = {.shard = run->play, .writes = writes};
    token_set(&batch.owner, run, number(run, 0, TOKENS));
    for (unsigned i = 0; i < APPLY_MAX; i++) {
        unsigned dice = run->call->number[3 + i];
        todos[i] = todo_of(run, dice % IDS, dice / IDS);
        writes[i] =
            (struct store_queued){.number = 1 + number(run, 1, 12) + i,
                                  .is_insert = dice / 7 % 4 == 3,
                                  .change = {.kind = (enum store_change_kind)(dice / 7 % 4 % 3),
                                             .fields = dice / 7 % 4 == STORE_MERGE ? dice & TODO_WRITE_FIELDS : 0,
                                             .todo = &todos[i],
                                             .condition = {.unmodified_since_s = -1}}};
        answer_draw(run, dice / 5, &todos[i], &answers[i]);
        if (writes[i].is_insert && dice / 11 % 2)
            writes[i].answer = &answers[i];
    }
    batch.count = store_apply_run(writes, 1 + number(run, 2, APPLY_MAX));
    if (!print_status(run, run->side->ops->apply(run->side->store, &batch, results, NULL)))
        return;
    for (size_t i = 0; i < batch.count; i++)
        print_applied(run, &results[i]);
}

/* ---- The outbox ---- */

static struct store_fence fence_of(const struct run *run, unsigned dice)
{
    struct store_fence fence = {.deadline_at_ms = BASE_MS + dice % 2, .is_closed = dice / 2 % 2};
    token_set(&fence.token, run, dice / 4 % TOKENS);
    name_print(fence.id, sizeof(fence.id), run, "todo", dice / 4 / TOKENS % IDS);
    return fence;
}

/* One or two, of different todos: one call names no record twice. */
static size_t fences_of(const struct run *run, struct store_fence fences[2])
{
    fences[0] = fence_of(run, run->call->number[0]);
    fences[1] = fence_of(run, run->call->number[1]);
    name_print(fences[1].id, sizeof(fences[1].id), run, "todo", (unsigned)(fences[0].id[4] - '0' + 1) % IDS);
    return 1 + number(run, 2, 2);
}

static void run_outbox_put(struct run *run)
{
    struct store_fence fences[2];
    size_t count = fences_of(run, fences);
    print_status(run, run->side->ops->outbox_put(run->side->store, fences, count, NULL));
}

static int by_text(const void *a, const void *b)
{
    return strcmp(a, b);
}

/* Which one comes first is up to the store: they are sorted. */
static void run_outbox_list(struct run *run)
{
    struct store_fence page[CALL_FENCES_MAX], last;
    char lines[2 * CALL_FENCES_MAX][160];
    size_t limit = 1 + number(run, 0, 4), count = limit, total = 0;
    while (count == limit) {
        enum status status =
            run->side->ops->outbox_list(run->side->store, total ? &last : NULL, page, limit, &count, NULL);
        if (status != STATUS_OK && print_status(run, status))
            return;
        for (size_t i = 0; i < count; i++, total++) {
            bug_unless(total < 2 * CALL_FENCES_MAX, "the outbox has no end");
            snprintf(lines[total], sizeof(lines[0]), " %.*s by %s until %" PRId64 " closed=%d",
                     (int)strcspn(page[i].id, "-"), page[i].id, page[i].token.text + 8, page[i].deadline_at_ms,
                     page[i].is_closed);
            last = page[i];
        }
    }
    qsort(lines, total, sizeof(lines[0]), by_text);
    for (size_t i = 0; i < total; i++)
        buf_append_text(run->out, lines[i]);
}

static void run_outbox_remove(struct run *run)
{
    struct store_fence fences[2];
    size_t changed, count = fences_of(run, fences);
    if (print_status(run, run->side->ops->outbox_remove(run->side->store, fences, count, &changed, NULL)))
        buf_printf(run->out, " changed=%zu", changed);
}

/* ---- Purges ---- */

static struct store_purge purge_of(const struct run *run, unsigned dice)
{
    static const char *const keys[] = {"a", "a b", "c"};
    struct store_purge purge = {.sequence = dice % 2,
                                .url = urls[dice / 2 % URLS],
                                .keys = keys[dice / 4 % 3],
                                .due_at_ms = run->now_ms - 1000 + dice / 12 % 3000};
    token_set(&purge.token, run, dice / 8 % TOKENS);
    return purge;
}

static void run_purge_put(struct run *run)
{
    struct store_purge purges[2] = {purge_of(run, run->call->number[0]), purge_of(run, run->call->number[1])};
    purges[1].sequence = !purges[0].sequence; /* one call names no record twice */
    size_t count = 1 + number(run, 2, 2);
    print_status(run, run->side->ops->purge_put(run->side->store, purges, count, NULL));
}

static void run_purge_list(struct run *run)
{
    struct store_purge any = purge_of(run, run->call->number[0]), purges[PURGES_MAX];
    struct store_purge_query query = {any.url, run->now_ms + number(run, 1, 2) * 500, 1 + number(run, 2, PURGES_MAX)};
    size_t count = 0;
    if (!print_status(run, run->side->ops->purge_list(run->side->store, &query, &run->arena, purges, &count, NULL)))
        return;
    for (size_t i = 0; i < count; i++)
        buf_printf(run->out, " %s/%u to %s: %s due %" PRId64, purges[i].token.text + 8, purges[i].sequence,
                   purges[i].url, purges[i].keys, purges[i].due_at_ms - run->now_ms);
}

static void run_purge_remove(struct run *run)
{
    struct store_purge purge = purge_of(run, run->call->number[0]);
    print_status(run, run->side->ops->purge_remove(run->side->store, &purge, 1, NULL));
}

/* ---- The rest ---- */

static struct store_meta meta_of(unsigned dice)
{
    struct store_meta meta = {.epoch = 1 + dice % 2, .beat = 1 + dice / 2 % 2};
    snprintf(meta.cache_run_id, sizeof(meta.cache_run_id), "run-%u", dice / 4 % 2);
    return meta;
}

static void run_meta_get(struct run *run)
{
    struct store_meta meta;
    if (print_status(run, run->side->ops->meta_get(run->side->store, &meta, NULL)))
        buf_printf(run->out, " %" PRId64 " %" PRId64 " %s", meta.epoch, meta.beat, meta.cache_run_id);
}

static void run_meta_swap(struct run *run)
{
    struct store_meta expected = meta_of(run->call->number[0]), next = meta_of(run->call->number[1]);
    bool swapped;
    if (print_status(run, run->side->ops->meta_swap(run->side->store, &expected, &next, &swapped, NULL)))
        buf_printf(run->out, " swapped=%d", swapped);
}

static void run_slots_get(struct run *run)
{
    struct store_meta meta;
    struct slice slots = SLICE("");
    if (print_status(run, run->side->ops->slots_get(run->side->store, &run->arena, &meta, &slots, NULL)))
        buf_printf(run->out, " %" PRId64 " %" PRId64 " %s \"%s\"", meta.epoch, meta.beat, meta.cache_run_id,
                   slots.data);
}

static void run_slots_swap(struct run *run)
{
    static const char *const slots[] = {"", "1\n0-16383 1 1\n", "2\n"};
    struct store_meta expected = meta_of(run->call->number[0]), next = meta_of(run->call->number[1]);
    bool swapped;
    if (print_status(run, run->side->ops->slots_swap(run->side->store, &expected, &next,
                                                     slice_of(slots[number(run, 2, 3)]), &swapped, NULL)))
        buf_printf(run->out, " swapped=%d", swapped);
}

static void run_barrier(struct run *run)
{
    print_status(run, run->side->ops->barrier(run->side->store, NULL));
}

/* ---- All kinds ---- */

static const struct {
    const char *name;
    unsigned weight;
    void (*run)(struct run *run);
} kinds[CALL_KINDS] = {
    [CALL_GET] = {"get", 4, run_get},
    [CALL_LIST] = {"list", 5, run_list},
    [CALL_INSERT] = {"insert", 6, run_insert},
    [CALL_CHANGE] = {"change", 14, run_change},
    [CALL_LOAD] = {"load", 5, run_load},
    [CALL_BEGIN] = {"answer_begin", 10, run_begin},
    [CALL_MAKE] = {"insert of a request", 6, run_make},
    [CALL_END] = {"answer_end", 5, run_end},
    [CALL_FORGET] = {"answer_forget", 3, run_forget},
    [CALL_APPLY_CLAIM] = {"apply_claim", 6, run_apply_claim},
    [CALL_APPLY] = {"apply", 14, run_apply},
    [CALL_OUTBOX_PUT] = {"outbox_put", 5, run_outbox_put},
    [CALL_OUTBOX_LIST] = {"outbox_list", 3, run_outbox_list},
    [CALL_OUTBOX_REMOVE] = {"outbox_remove", 5, run_outbox_remove},
    [CALL_PURGE_PUT] = {"purge_put", 5, run_purge_put},
    [CALL_PURGE_LIST] = {"purge_list", 4, run_purge_list},
    [CALL_PURGE_REMOVE] = {"purge_remove", 3, run_purge_remove},
    [CALL_META_GET] = {"meta_get", 1, run_meta_get},
    [CALL_META_SWAP] = {"meta_swap", 4, run_meta_swap},
    [CALL_SLOTS_GET] = {"slots_get", 2, run_slots_get},
    [CALL_SLOTS_SWAP] = {"slots_swap", 4, run_slots_swap},
    [CALL_BARRIER] = {"barrier", 1, run_barrier},
    [CALL_PASS] = {"time passes", 8, NULL},
};

static enum call_kind draw_kind(struct dice *dice)
{
    unsigned sum = 0;
    for (enum call_kind kind = 0; kind < CALL_KINDS; kind++)
        sum += kinds[kind].weight;
    uint64_t side = dice_below(dice, sum);
    enum call_kind kind = 0;
    while (side >= kinds[kind].weight)
        side -= kinds[kind++].weight;
    return kind;
}

void calls_draw(struct calls *calls, struct dice dice)
{
    calls->count = CALLS_MAX / 2 + (unsigned)dice_below(&dice, CALLS_MAX / 2 + 1);
    for (unsigned i = 0; i < calls->count; i++) {
        calls->items[i].kind = draw_kind(&dice);
        for (unsigned k = 0; k < sizeof(calls->items[i].number) / sizeof(unsigned); k++)
            calls->items[i].number[k] = (unsigned)dice_below(&dice, 1000000);
    }
}

void call_run(const struct call *call, struct side *side, unsigned play, int64_t now_ms, struct buf *outcome)
{
    struct run run = {.call = call, .side = side, .play = play, .now_ms = now_ms, .out = outcome};
    arena_init(&run.arena);
    if (kinds[call->kind].run)
        kinds[call->kind].run(&run);
    arena_fini(&run.arena);
}

int64_t call_pass_ms(const struct call *call)
{
    static const int64_t some_ms[] = {1, 100, 1000, 3000};
    return call->kind == CALL_PASS ? some_ms[call->number[0] % 4] : 0;
}

const char *call_name(const struct call *call)
{
    return kinds[call->kind].name;
}

/* ---- Between plays ---- */

void call_begin(struct side *side)
{
    struct store_meta meta, first = meta_of(0);
    bool swapped = false;
    for (unsigned key = 0; key < CALL_KEYS; key++)
        side->begun[key].key[0] = '\0';
    bool is_set = side->ops->meta_get(side->store, &meta, NULL) == STATUS_OK &&
                  side->ops->slots_swap(side->store, &meta, &first, SLICE(""), &swapped, NULL) == STATUS_OK && swapped;
    bug_unless(is_set, "a store does not begin with its record set");
}

static void todos_remove(struct side *side, struct arena *arena)
{
    const struct store_query all = {.limit = IDS};
    struct store_page page;
    struct store_changed changed;
    bool is_removed = side->ops->list(side->store, &all, arena, &page, NULL) == STATUS_OK;
    for (size_t i = 0; is_removed && i < page.count; i++) {
        struct store_change change = {.kind = STORE_DELETE, .todo = &page.todos[i], .condition.unmodified_since_s = -1};
        is_removed = side->ops->change(side->store, &change, arena, &changed, NULL) == STATUS_OK;
    }
    bug_unless(is_removed, "a store keeps a todo");
}

void call_clean(struct side *side)
{
    struct store_fence fences[CALL_FENCES_MAX];
    struct store_purge purges[PURGES_MAX];
    struct arena arena;
    size_t count, changed;
    arena_init(&arena);
    bool is_removed = side->ops->outbox_list(side->store, NULL, fences, CALL_FENCES_MAX, &count, NULL) == STATUS_OK &&
                      side->ops->outbox_remove(side->store, fences, count, &changed, NULL) == STATUS_OK;
    for (unsigned i = 0; i < URLS; i++) {
        struct store_purge_query query = {urls[i], INT64_MAX / 2, PURGES_MAX};
        is_removed &= side->ops->purge_list(side->store, &query, &arena, purges, &count, NULL) == STATUS_OK &&
                      side->ops->purge_remove(side->store, purges, count, NULL) == STATUS_OK;
    }
    bug_unless(is_removed, "a store keeps a record");
    todos_remove(side, &arena);
    arena_fini(&arena);
}
