/* SPDX-License-Identifier: MIT */
/*
 * Sending fences and unfences.
 *
 * A script touches one slot. In a cluster the todos of each slot have a call, and the list has one. If one Redis has
 * all slots, a fence or an unfence is one call for the todos and the list; if it is of one todo, other writes share it
 * (shared_fences.c). All calls are sent at once, so together they cost one round trip; the caller gets one outcome, the
 * worst of all, and the sum of what was counted. The window is a duration, not a time: Redis adds it to its own clock,
 * so workers whose clocks differ agree about when a mark is past its deadline.
 *
 * If the slot is on its way to another server, single commands take the place of its script (parted.c).
 *
 * What fencing promises is said in scripts/fence.lua, unfence.lua and publish.lua.
 * Before an unfence each slot is told how far the store has come (watermark.c).
 *
 * When a fence is sent: write.c (a write's own) and drain.c (fences that Redis could not take in time).
 *
 * Writes of others are known only once they are made, too late for a fence: follow.c invalidates their entries.
 */
#include "cache/fence.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/mem.h"
#include "cache/keys.h"
#include "cache/mutant.h"
#include "cache/parted.h"
#include "cache/scripts.h"
#include "cache/watermark.h"
#include "redis/slot_map.h"

/* ---- Many replies, one outcome ---- */

struct fence_part {
    struct fence_sum *sum;
    struct trust *trust; /* these two: of its home */
    int slot;
    bool is_counted, is_publish;
    struct parted *parted; /* what it is if the slot is on its way; NULL: no other way */
};

struct fence_sum {
    fence_done_cb done;
    void *ctx;
    const char *refusal;
    size_t part_count, replies_left;
    enum fence_outcome outcome;
    int64_t count;
    struct fence_part parts[];
};

/* Of a cluster: a slot that moves, or has moved, is no refusal. Its Redis keeps the trust in its other slots. */
static enum fence_outcome outcome_of(const struct fence_part *part, const struct redis_reply *reply)
{
    const struct redis_peer nowhere = {0};
    if (!reply)
        return FENCE_UNANSWERED;
    if (redis_reply_ok(reply))
        return FENCE_TAKEN;
    bool is_elsewhere = part->slot >= 0 && redirect_of(redis_reply_text(reply), &nowhere).kind != REDIRECT_NONE;
    return is_elsewhere ? FENCE_ELSEWHERE : FENCE_REFUSED;
}

static void part_end(struct fence_part *part, const struct redis_reply *reply, int64_t count)
{
    struct fence_sum *sum = part->sum;
    enum fence_outcome outcome = outcome_of(part, reply);
    parted_free(part->parted);
    if (outcome == FENCE_TAKEN && part->is_counted)
        sum->count += count;
    if (outcome == FENCE_REFUSED && sum->refusal)
        trust_report_refusal(part->trust, sum->refusal);
    if (outcome > sum->outcome)
        sum->outcome = outcome;
    if (--sum->replies_left > 0)
        return;
    sum->done(sum->ctx, sum->outcome, sum->count);
    free(sum);
}

static void on_parted(void *ctx, const struct redis_reply *reply, int64_t lost_count)
{
    struct fence_part *part = ctx;
    part_end(part, reply, part->is_publish ? -lost_count : lost_count);
}

/* unfence.lua tells places, the others a number. */
static int64_t counted(const struct redis_reply *reply)
{
    if (!redis_reply_ok(reply))
        return 0;
    return redis_reply_type(reply) == REDIS_TYPE_ARRAY ? (int64_t)redis_reply_count(reply) : redis_reply_integer(reply);
}

static void on_part(void *ctx, const struct redis_reply *reply)
{
    struct fence_part *part = ctx;
    if (parted_is_needed(part->parted, reply))
        parted_run(part->parted, on_parted, part);
    else
        part_end(part, reply, counted(reply));
}

static void on_joined(void *ctx, const struct redis_reply *reply, bool is_lost)
{
    part_end(ctx, reply, is_lost);
}

static struct fence_part *part_add(struct fence_sum *sum, const struct home *home, bool is_counted)
{
    struct fence_part *part = &sum->parts[sum->part_count++];
    *part = (struct fence_part){.sum = sum, .trust = home->trust, .slot = home->slot, .is_counted = is_counted};
    sum->replies_left++;
    return part;
}

/* ---- Ids of one slot ---- */

struct place {
    int slot;
    size_t at; /* in the call's ids */
};

static int by_slot(const void *a, const void *b)
{
    const struct place *one = a, *two = b;
    if (one->slot != two->slot)
        return one->slot < two->slot ? -1 : 1;
    return one->at < two->at ? -1 : 1;
}

static struct place *places_sorted(const struct fence_call *call)
{
    struct place *places = mem_alloc((call->id_count + 1) * sizeof(*places));
    bool is_one = true;
    for (size_t i = 0; i < call->id_count; i++) {
        places[i] = (struct place){.slot = call->homes[i].slot, .at = i};
        is_one = is_one && places[i].slot == places[0].slot;
    }
    if (!is_one)
        qsort(places, call->id_count, sizeof(*places), by_slot);
    return places;
}

static size_t slot_length(const struct place *places, size_t count)
{
    size_t length = 1;
    while (length < count && places[length].slot == places[0].slot)
        length++;
    return length;
}

/* ---- The scripts of a call ---- */

/* Before an unfence goes the watermark: a reader that gets a lease after it must know how far the store has come. */
struct fence_scripts {
    enum script todos, list;
    enum parted_kind parted; /* what the todos' script does */
    bool is_told;
    bool is_arg_per_id;
    const struct slice *args, *list_args;
    size_t arg_count, list_arg_count;
};

static void part_tell(const struct fence_call *call, struct fence_sum *sum, const struct home *home)
{
    if (watermark_tell(home, call->settings, call->store, on_part, &sum->parts[sum->part_count]))
        part_add(sum, home, false);
}

/* NULL: there is no cluster. */
static struct parted *todos_parted(const struct fence_call *call, enum parted_kind kind, const struct home *home,
                                   const struct todo_keys *todos, size_t count)
{
    if (!home->cluster)
        return NULL;
    int64_t window_ms = kind == PARTED_INVALIDATE ? call->settings->write_deadline_ms : call->window_ms;
    struct parted *parted = parted_new(home, kind, call->token, window_ms);
    for (size_t i = 0; i < count; i++)
        parted_add(parted, &todos[i].writers, (const struct key *[]){&todos[i].lease, &todos[i].entry}, 2);
    return parted;
}

/* Whether the script of the todos of this home takes the list's keys as well. */
static bool takes_list(const struct fence_call *call, const struct fence_scripts *scripts, const struct home *home)
{
    return call->list && !home->cluster && home->slot == call->list->slot && scripts->todos == scripts->list;
}

static void todos_send(const struct fence_call *call, const struct fence_scripts *scripts, struct fence_sum *sum,
                       const struct place *places, size_t count)
{
    const struct home *home = &call->homes[places[0].at];
    struct todo_keys *todos = mem_alloc(count * sizeof(*todos));
    struct slice *keys = mem_alloc((TODO_KEY_COUNT * count + LIST_KEY_COUNT) * sizeof(*keys));
    struct slice *args = mem_alloc((count + scripts->arg_count) * sizeof(*args));
    struct list_keys list;
    size_t key_count = TODO_KEY_COUNT * count;
    for (size_t i = 0; i < count; i++) {
        todo_keys_init(&todos[i], home->epoch, call->ids[places[i].at]);
        todo_keys_put(keys + TODO_KEY_COUNT * i, &todos[i]);
        if (scripts->is_arg_per_id)
            args[i] = scripts->args[places[i].at];
    }
    if (takes_list(call, scripts, home)) {
        list_keys_init(&list, call->list->epoch, NULL);
        list_keys_put(keys + key_count, &list);
        key_count += LIST_KEY_COUNT;
    }
    struct fence_part *part = part_add(sum, home, scripts->todos != SCRIPT_FENCE);
    part->is_publish = scripts->todos == SCRIPT_PUBLISH;
    part->parted = todos_parted(call, scripts->parted, home, todos, count);
    script_run(home->redis, scripts->todos, keys, key_count, scripts->is_arg_per_id ? args : scripts->args,
               scripts->is_arg_per_id ? count : scripts->arg_count, on_part, part);
    free(args);
    free(keys);
    free(todos);
}

static void list_send(const struct fence_call *call, const struct fence_scripts *scripts, struct fence_sum *sum)
{
    struct list_keys all;
    struct slice keys[LIST_KEY_COUNT];
    list_keys_init(&all, call->list->epoch, NULL);
    list_keys_put(keys, &all);
    struct fence_part *part = part_add(sum, call->list, false);
    if (call->list->cluster) {
        enum parted_kind kind = scripts->list == SCRIPT_FENCE ? PARTED_FENCE : PARTED_UNFENCE;
        part->parted = parted_new(call->list, kind, call->token, call->window_ms);
        parted_add(part->parted, &all.writers, (const struct key *[]){&all.generation}, 1);
    }
    script_run(call->list->redis, scripts->list, keys, LIST_KEY_COUNT, scripts->list_args, scripts->list_arg_count,
               on_part, part);
}

/* Whether the list was told as well. */
static bool slot_send(const struct fence_call *call, const struct fence_scripts *scripts, struct fence_sum *sum,
                      const struct place *places, size_t count)
{
    const struct home *home = &call->homes[places[0].at];
    bool has_list = takes_list(call, scripts, home);
    if (scripts->is_told)
        part_tell(call, sum, home);
    if (call->shared && call->id_count == 1 && has_list)
        shared_fences_add(call->shared, scripts->todos, home, call->ids[0], call->token, call->window_ms, on_joined,
                          part_add(sum, home, true));
    else
        todos_send(call, scripts, sum, places, count);
    return has_list;
}

static void fence_run(const struct fence_call *call, const struct fence_scripts *scripts, fence_done_cb done, void *ctx)
{
    struct place *places = places_sorted(call);
    /* For each slot, and for the list: a script, and a watermark before it. */
    struct fence_sum *sum = mem_zalloc(sizeof(*sum) + 2 * (call->id_count + 1) * sizeof(sum->parts[0]));
    bool is_list_told = !scripts->is_told || !call->list, is_list_sent = !call->list;
    sum->done = done;
    sum->ctx = ctx;
    sum->refusal = call->refusal;
    for (size_t i = 0, length; i < call->id_count; i += length) {
        length = slot_length(places + i, call->id_count - i);
        is_list_sent |= slot_send(call, scripts, sum, places + i, length);
        is_list_told = is_list_told || places[i].slot == call->list->slot;
    }
    if (!is_list_told)
        part_tell(call, sum, call->list);
    if (!is_list_sent)
        list_send(call, scripts, sum);
    free(places);
}

/* ---- A write's scripts ---- */

void fence_send(const struct fence_call *call, fence_done_cb done, void *ctx)
{
    char window_ms[INT64_TEXT_MAX + 1];
    const struct slice args[] = {slice_of_int64(window_ms, call->window_ms), slice_of(call->token->text)};
    const struct fence_scripts scripts = {.todos = SCRIPT_FENCE,
                                          .parted = PARTED_FENCE,
                                          .list = SCRIPT_FENCE,
                                          .args = args,
                                          .arg_count = 2,
                                          .list_args = args,
                                          .list_arg_count = 2};
    fence_run(call, &scripts, done, ctx);
}

void unfence_send(const struct fence_call *call, fence_done_cb done, void *ctx)
{
    const struct slice token = slice_of(call->token->text);
    const struct fence_scripts scripts = {.todos = SCRIPT_UNFENCE,
                                          .parted = PARTED_UNFENCE,
                                          .list = SCRIPT_UNFENCE,
                                          .is_told = true,
                                          .args = &token,
                                          .arg_count = 1,
                                          .list_args = &token,
                                          .list_arg_count = 1};
    fence_run(call, &scripts, done, ctx);
}

void publish_send(const struct fence_call *call, const struct entry *entry, int64_t ttl_ms, fence_done_cb done,
                  void *ctx)
{
    struct entry_args fields;
    struct key key;
    char ttl_text[INT64_TEXT_MAX + 1];
    bug_unless(call->id_count == 1, "one entry is published at a time");
    entry_print(&fields, entry);
    struct slice args[2 + ENTRY_ARGS_MAX] = {slice_of(call->token->text), slice_of_int64(ttl_text, ttl_ms)};
    memcpy(args + 2, fields.args, fields.count * sizeof(*args));
    const struct fence_scripts scripts = {.todos = SCRIPT_PUBLISH,
                                          .parted = PARTED_UNFENCE,
                                          .list = SCRIPT_UNFENCE,
                                          .is_told = true,
                                          .args = args,
                                          .arg_count = 2 + fields.count,
                                          .list_args = args,
                                          .list_arg_count = 1};
    fence_run(call, &scripts, done, ctx);
    key_of_entry(&key, call->homes[0].epoch, call->ids[0]);
    mutant_publish_anyway(call->homes[0].redis, key_slice(&key), fields.args, fields.count);
}

/* ---- Others' writes ---- */

enum { LEFT_TEXT_MAX = 3 * INT64_TEXT_MAX + 3 };

/* What invalidate.lua compares an entry with. */
static struct slice left_text(char text[LEFT_TEXT_MAX], const struct change_event *event)
{
    if (event->deleted)
        return SLICE("none");
    if (event->v == 0)
        return SLICE("");
    int len = snprintf(text, LEFT_TEXT_MAX, "%lld %lld", (long long)event->v, (long long)event->updated_at_ms);
    if (event->life > 0)
        len += snprintf(text + len, LEFT_TEXT_MAX - (size_t)len, " %lld", (long long)event->life);
    return (struct slice){.data = text, .len = (size_t)len};
}

void invalidate_send(const struct fence_call *call, const struct change_event *events, fence_done_cb done, void *ctx)
{
    struct slice *args = mem_alloc(call->id_count * sizeof(*args));
    char(*texts)[LEFT_TEXT_MAX] = mem_alloc(call->id_count * sizeof(*texts));
    for (size_t i = 0; i < call->id_count; i++)
        args[i] = left_text(texts[i], &events[i]);
    /* Under a token that no writer has, the list's pages go out of reach and no writer's mark is removed. */
    const struct token unused = token_new();
    const struct slice token = slice_of(unused.text);
    const struct fence_scripts scripts = {.todos = SCRIPT_INVALIDATE,
                                          .parted = PARTED_INVALIDATE,
                                          .list = SCRIPT_UNFENCE,
                                          .is_told = true,
                                          .is_arg_per_id = true,
                                          .args = args,
                                          .list_args = &token,
                                          .list_arg_count = 1};
    fence_run(call, &scripts, done, ctx);
    free(texts);
    free(args);
}

/* ---- Other machines ---- */

struct telling {
    fence_done_cb done;
    void *ctx;
    struct trust *trust; /* of the list's home */
    const char *refusal;
};

static void on_told(void *ctx, enum peers_outcome told)
{
    static const enum fence_outcome outcomes[] = {[PEERS_TOLD] = FENCE_TAKEN,
                                                  [PEERS_ELSEWHERE] = FENCE_ELSEWHERE,
                                                  [PEERS_REFUSED] = FENCE_REFUSED,
                                                  [PEERS_UNANSWERED] = FENCE_UNANSWERED};
    struct telling telling = *(struct telling *)ctx;
    free(ctx);
    if (told == PEERS_REFUSED && telling.refusal)
        trust_report_refusal(telling.trust, telling.refusal);
    telling.done(telling.ctx, outcomes[told], 0);
}

void fence_tell(struct peers *peers, const struct fence_call *call, bool waits, fence_done_cb done, void *ctx)
{
    bool is_left = call->list->slot != HOME_SLOT_NONE && call->list->trust && !home_holds(call->list);
    if (!peers || is_left) {
        done(ctx, peers ? FENCE_UNANSWERED : FENCE_TAKEN, 0);
        return;
    }
    struct telling *telling = mem_alloc(sizeof(*telling));
    *telling = (struct telling){.done = done, .ctx = ctx, .trust = call->list->trust, .refusal = call->refusal};
    peers_tell(peers, call->list->redis, call->list->epoch, call->ids, call->id_count, waits, on_told, telling);
}
