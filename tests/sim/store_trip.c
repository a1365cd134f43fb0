/* SPDX-License-Identifier: MIT */
/*
 * Calls on their way to the store and back.
 *
 *   sent --way--> applied --way--> answered          away: refused, nothing is applied
 *     \                 \-- the answer is lost: UNAVAILABLE for a read, UNKNOWN for a write
 *      \-- too late: the same, and the write is applied never, or late: at any time before store_late_settle()
 *
 * A barrier settles, and so does another write of the same todo: a store has its writes in one order. If the process is
 * killed, what is on its way arrives, or not.
 *
 * A call is applied at one moment; several calls of one job are several moments, unless they are a
 * group (store_group.c).
 */
#include "store_trip.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "cluster.h"
#include "fake_events.h"
#include "fake_follow.h"
#include "fake_journal.h"
#include "fake_purges.h"
#include "fake_store.h"
#include "store/follow.h"
#include "store_group.h"
#include "store_late.h"
#include "truth.h"
#include "world.h"

enum { FROZEN_LOOK_US = 20000, STREAM_LOOK_US = 40000 };

struct store_world store_world;

/* ---- What the fakes of the unit tests are told of time, and what they tell ---- */

int64_t fake_now_ms(void)
{
    return process_wall_ms(process_current());
}

void fake_clock_move(int64_t ms)
{
    (void)ms;
}

void fake_journal_add(const char *step)
{
    (void)step;
}

/* ---- States ---- */

static void tell_followers(const char *id, const struct truth_state *before, const struct truth_state *after)
{
    if (!store_world.is_followed)
        return;
    if (!after->exists)
        fake_follow_delete(id);
    else if (!before->exists)
        fake_follow_insert(id, after->v, after->updated_at_ms, after->life);
    else if (before->updated_at_ms != after->updated_at_ms && before->v != after->v)
        fake_follow_change(id, after->v, after->updated_at_ms);
    else
        fake_follow_change(id, 0, 0);
}

void store_look(const char *id)
{
    const struct truth_state *before, *after;
    if (store_group_is_void())
        return;
    bool is_forgotten = fiber_is_orphan() && truth.rules.breaks_deadlines; /* row 30: it is not purged again */
    struct process *process = process_enter(NULL);
    int by = process && !is_forgotten ? (int)process->number : TRUTH_NONE;
    if (truth_look(store_world.store, id, by, &before, &after)) {
        store_world.time++;
        tell_followers(id, before, after);
    }
    process_enter(process);
}

/* ---- Trips ---- */

int64_t trip_way_us(void)
{
    return dice_one_in(&world.dice, 8) ? dice_between(&world.dice, 0, store_world.most_us)
                                       : dice_between(&world.dice, 50, 50 + store_world.most_us / 16);
}

enum status trip_give_up(struct trip *trip, struct error *error)
{
    bool is_write = trip->kind == TRIP_WRITE;
    trip->status = is_write ? STATUS_UNKNOWN : STATUS_UNAVAILABLE;
    store_world.unknown_count += is_write;
    return error_set(error, trip->status, "the simulated store gave no answer");
}

/* ---- Watermarks: the store's time, as text of one length ---- */

static uint64_t *mark_of(const struct process *process)
{
    unsigned number = process->number;
    if (store_world.marked_life[number] != process->life)
        store_world.marks[number] = 0;
    store_world.marked_life[number] = process->life;
    return &store_world.marks[number];
}

static void mark_raise(uint64_t time)
{
    uint64_t *mark = mark_of(process_current());
    if (store_world.tells_time && time > *mark)
        *mark = time;
}

void __wrap_store_watermark(const struct store *store, struct store_watermark *mark);
void __wrap_store_raise(struct store *store, struct slice text);

void __wrap_store_watermark(const struct store *store, struct store_watermark *mark)
{
    (void)store;
    mark->text[0] = '\0';
    if (store_world.tells_time)
        snprintf(mark->text, sizeof(mark->text), "%016" PRIx64, *mark_of(process_current()));
}

void __wrap_store_raise(struct store *store, struct slice text)
{
    char digits[STORE_WATERMARK_LEN + 1];
    (void)store;
    if (text.len != STORE_WATERMARK_LEN)
        return;
    snprintf(digits, sizeof(digits), "%.*s", (int)text.len, text.data);
    mark_raise(strtoull(digits, NULL, 16));
    world_tell("    store: worker %u is told of %s", process_current()->number, digits);
}

/* True: the call arrives. An orphan's call arrives or not. */
static bool trip_arrives(struct trip *trip, int64_t after_us)
{
    if (fiber_travel(after_us))
        return true;
    if (trip->kind != TRIP_WRITE || dice_one_in(&world.dice, 2))
        fiber_abandon();
    return true;
}

/*
 * A primary without its majority answers reads of what it knows to be safe, as long as the reader has seen nothing
 * later, and no write.
 */
static bool trip_finds_majority(struct trip *trip, struct error *error)
{
    const struct process *process = process_current();
    trip->is_behind = store_world.is_lagging_for[process->number];
    trip->time = trip->is_behind ? store_world.lagging_at : store_world.time;
    if (!trip->is_behind || (trip->kind == TRIP_READ && *mark_of(process) <= store_world.lagging_at))
        return true;
    if (fiber_is_orphan())
        fiber_abandon();
    fiber_wait(trip->until_us - world.now_us);
    trip_give_up(trip, error);
    return false;
}

bool trip_begin(struct trip *trip, enum trip_kind kind, struct error *error)
{
    int64_t timeout_us = store_world.timeout_ms * 1000;
    *trip = (struct trip){.kind = kind, .until_us = world.now_us + timeout_us};
    if (!process_current() || !fiber_is_current() || store_group_is_open())
        return true;
    bool is_slow = store_world.slow_in && dice_one_in(&world.dice, store_world.slow_in);
    trip->is_lost = store_world.lost_in && dice_one_in(&world.dice, store_world.lost_in);
    trip_arrives(trip, is_slow ? dice_between(&world.dice, timeout_us / 2, timeout_us * 9 / 8) : trip_way_us());
    if (store_world.away & kind || store_world.is_away_for[process_current()->number]) {
        if (fiber_is_orphan())
            fiber_abandon();
        trip->status = error_set(error, STATUS_UNAVAILABLE, "the simulated store is away");
        return false;
    }
    while (store_world.is_frozen && world.now_us < trip->until_us && !fiber_is_orphan())
        trip_arrives(trip, FROZEN_LOOK_US);
    if (store_world.is_frozen || world.now_us > trip->until_us) {
        if (fiber_is_orphan())
            fiber_abandon();
        trip->may_be_late = kind == TRIP_WRITE && store_world.applies_late && dice_one_in(&world.dice, 2);
        trip_give_up(trip, error);
        return false;
    }
    return trip_finds_majority(trip, error);
}

/* Which store's state it meets. */
static struct store *trip_store(const struct trip *trip, struct store *store)
{
    return trip->is_behind ? store_world.behind : store;
}

enum status trip_end(struct trip *trip, enum status status, struct error *error)
{
    if (trip->kind == TRIP_WRITE)
        trip->time = ++store_world.time;
    if (!process_current() || !fiber_is_current() || store_group_is_open())
        return status;
    if (fiber_is_orphan())
        fiber_abandon();
    if (trip->is_lost) {
        fiber_wait(trip->until_us > world.now_us ? trip->until_us - world.now_us : 0);
        return trip_give_up(trip, error);
    }
    fiber_wait(trip_way_us());
    mark_raise(trip->time);
    return status;
}

/* ---- The wrapped calls: the same shape for each ---- */

#define WRAP(name, kind, params, args)                                                                                 \
    enum status __real_##name params;                                                                                  \
    enum status __wrap_##name params;                                                                                  \
    enum status __wrap_##name params                                                                                   \
    {                                                                                                                  \
        struct trip trip;                                                                                              \
        if (!trip_begin(&trip, kind, error))                                                                           \
            return trip.status;                                                                                        \
        store = trip_store(&trip, store);                                                                              \
        return trip_end(&trip, __real_##name args, error);                                                             \
    }

WRAP(store_prepare, TRIP_MAJORITY, (struct store * store, struct error *error), (store, error))
WRAP(store_list, TRIP_READ,
     (struct store * store, const struct store_query *query, struct arena *arena, struct store_page *page,
      struct error *error),
     (store, query, arena, page, error))
WRAP(store_answer_begin, TRIP_WRITE,
     (struct store * store, struct store_answer *answer, struct arena *arena, struct error *error),
     (store, answer, arena, error))
WRAP(store_answer_end, TRIP_WRITE, (struct store * store, const struct store_answer *answer, struct error *error),
     (store, answer, error))
WRAP(store_answer_forget, TRIP_WRITE, (struct store * store, const struct store_answer *answer, struct error *error),
     (store, answer, error))
WRAP(store_outbox_list, TRIP_READ,
     (struct store * store, const struct store_fence *after, struct store_fence *fences, size_t limit, size_t *count,
      struct error *error),
     (store, after, fences, limit, count, error))
WRAP(store_purge_put, TRIP_WRITE,
     (struct store * store, const struct store_purge *purges, size_t count, struct error *error),
     (store, purges, count, error))
WRAP(store_purge_list, TRIP_MAJORITY,
     (struct store * store, const struct store_purge_query *query, struct arena *arena, struct store_purge *purges,
      size_t *count, struct error *error),
     (store, query, arena, purges, count, error))
WRAP(store_purge_remove, TRIP_WRITE,
     (struct store * store, const struct store_purge *purges, size_t count, struct error *error),
     (store, purges, count, error))
WRAP(store_meta_get, TRIP_READ, (struct store * store, struct store_meta *meta, struct error *error),
     (store, meta, error))
WRAP(store_meta_swap, TRIP_WRITE,
     (struct store * store, const struct store_meta *expected, const struct store_meta *next, bool *swapped,
      struct error *error),
     (store, expected, next, swapped, error))
WRAP(store_slots_get, TRIP_READ,
     (struct store * store, struct arena *arena, struct store_meta *meta, struct slice *slots, struct error *error),
     (store, arena, meta, slots, error))
WRAP(store_follow_claim, TRIP_WRITE,
     (struct store * store, const struct token *owner, uint32_t lease_ms, struct resume_token *resume_after,
      struct error *error),
     (store, owner, lease_ms, resume_after, error))
WRAP(store_follow_keep, TRIP_WRITE,
     (struct store * store, const struct token *owner, uint32_t lease_ms, const struct resume_token *resume_after,
      struct error *error),
     (store, owner, lease_ms, resume_after, error))
WRAP(store_follow_release, TRIP_WRITE, (struct store * store, const struct token *owner, struct error *error),
     (store, owner, error))
WRAP(store_stream_open, TRIP_MAJORITY,
     (struct store * store, const struct resume_token *resume_after, struct store_stream **stream, struct error *error),
     (store, resume_after, stream, error))

/* ---- Those with more to them ---- */

enum status __real_store_insert(struct store *store, const struct todo *todo, const struct store_answer *answer,
                                struct error *error);
enum status __real_store_change(struct store *store, const struct store_change *change, struct arena *arena,
                                struct store_changed *changed, struct error *error);
enum status __real_store_get(struct store *store, const char *id, struct arena *arena, struct todo *todo,
                             struct error *error);
enum status __wrap_store_insert(struct store *store, const struct todo *todo, const struct store_answer *answer,
                                struct error *error);
enum status __wrap_store_change(struct store *store, const struct store_change *change, struct arena *arena,
                                struct store_changed *changed, struct error *error);
enum status __wrap_store_get(struct store *store, const char *id, struct arena *arena, struct todo *todo,
                             struct error *error);
enum status __real_store_outbox_put(struct store *store, const struct store_fence *fences, size_t count,
                                    struct error *error);
enum status __wrap_store_outbox_put(struct store *store, const struct store_fence *fences, size_t count,
                                    struct error *error);
enum status __real_store_outbox_remove(struct store *store, const struct store_fence *fences, size_t count,
                                       size_t *changed_count, struct error *error);
enum status __wrap_store_outbox_remove(struct store *store, const struct store_fence *fences, size_t count,
                                       size_t *changed_count, struct error *error);
enum status __real_store_slots_swap(struct store *store, const struct store_meta *expected,
                                    const struct store_meta *next, struct slice slots, bool *swapped,
                                    struct error *error);
enum status __wrap_store_slots_swap(struct store *store, const struct store_meta *expected,
                                    const struct store_meta *next, struct slice slots, bool *swapped,
                                    struct error *error);
enum status __real_store_barrier(struct store *store, struct error *error);
enum status __wrap_store_barrier(struct store *store, struct error *error);
enum status __real_store_stream_read(struct store_stream *stream, uint32_t wait_ms, struct store_changes *changes,
                                     struct error *error);
enum status __wrap_store_stream_read(struct store_stream *stream, uint32_t wait_ms, struct store_changes *changes,
                                     struct error *error);

/* A closed record that was never open: its write was fenced in Redis, and has lost it. */
static void note_records(const struct store_fence *fences, size_t count)
{
    struct process *process = process_enter(NULL);
    for (size_t i = 0; i < count && process; i++)
        if (fences[i].is_closed && !fake_store_outbox_has(store_world.store, fences[i].id, &fences[i].token))
            truth_recorded(fences[i].id, (int)process->number);
    process_enter(process);
}

enum status __wrap_store_outbox_put(struct store *store, const struct store_fence *fences, size_t count,
                                    struct error *error)
{
    struct trip trip;
    note_records(fences, count);
    if (!trip_begin(&trip, TRIP_WRITE, error))
        return trip.status;
    return trip_end(&trip, __real_store_outbox_put(store, fences, count, error), error);
}

enum status __wrap_store_outbox_remove(struct store *store, const struct store_fence *fences, size_t count,
                                       size_t *changed_count, struct error *error)
{
    struct trip trip;
    if (!trip_begin(&trip, TRIP_WRITE, error))
        return trip.status;
    enum status status = __real_store_outbox_remove(trip_store(&trip, store), fences, count, changed_count, error);
    struct process *process = process_enter(NULL);
    for (size_t i = 0; i < count; i++)
        truth_unrecorded(fences[i].id);
    process_enter(process);
    return trip_end(&trip, status, error);
}

enum status __wrap_store_slots_swap(struct store *store, const struct store_meta *expected,
                                    const struct store_meta *next, struct slice slots, bool *swapped,
                                    struct error *error)
{
    struct trip trip;
    if (!trip_begin(&trip, TRIP_WRITE, error))
        return trip.status;
    enum status status = __real_store_slots_swap(trip_store(&trip, store), expected, next, slots, swapped, error);
    if (status == STATUS_OK && *swapped)
        cluster_world_claimed();
    return trip_end(&trip, status, error);
}

enum status __wrap_store_insert(struct store *store, const struct todo *todo, const struct store_answer *answer,
                                struct error *error)
{
    struct trip trip;
    if (!trip_begin(&trip, TRIP_WRITE, error)) {
        if (trip.may_be_late)
            store_late_insert(todo, answer);
        return trip.status;
    }
    store_late_settle(todo->id);
    enum status status = __real_store_insert(store, todo, answer, error);
    store_look(todo->id);
    return trip_end(&trip, status, error);
}

enum status __wrap_store_change(struct store *store, const struct store_change *change, struct arena *arena,
                                struct store_changed *changed, struct error *error)
{
    struct trip trip;
    if (!trip_begin(&trip, TRIP_WRITE, error)) {
        if (trip.may_be_late)
            store_late_change(change);
        return trip.status;
    }
    store_late_settle(change->todo->id);
    enum status status = __real_store_change(store, change, arena, changed, error);
    store_look(change->todo->id);
    return trip_end(&trip, status, error);
}

enum status __wrap_store_get(struct store *store, const char *id, struct arena *arena, struct todo *todo,
                             struct error *error)
{
    struct trip trip;
    if (!trip_begin(&trip, TRIP_READ, error))
        return trip.status;
    world_tell("    store: worker %u reads %s, %s", process_current() ? process_current()->number : 9, id,
               trip.is_behind ? "behind" : "now");
    return trip_end(&trip, __real_store_get(trip_store(&trip, store), id, arena, todo, error), error);
}

enum status __wrap_store_barrier(struct store *store, struct error *error)
{
    struct trip trip;
    if (!trip_begin(&trip, TRIP_MAJORITY, error))
        return trip.status;
    store_late_settle(NULL);
    return trip_end(&trip, __real_store_barrier(store, error), error);
}

/* Waits as long as it may, and looks now and then. */
enum status __wrap_store_stream_read(struct store_stream *stream, uint32_t wait_ms, struct store_changes *changes,
                                     struct error *error)
{
    struct trip trip;
    int64_t until_us = world.now_us + (int64_t)wait_ms * 1000;
    if (!trip_begin(&trip, TRIP_MAJORITY, error))
        return trip.status;
    enum status status = __real_store_stream_read(stream, wait_ms, changes, error);
    while (status == STATUS_OK && changes->count == 0 && world.now_us < until_us) {
        fiber_wait(STREAM_LOOK_US);
        status = __real_store_stream_read(stream, wait_ms, changes, error);
    }
    return trip_end(&trip, status, error);
}

/* ---- What the world does ---- */

bool store_peek(struct store *store, const char *id, struct arena *arena, struct todo *todo, struct error *error)
{
    return __real_store_get(store, id, arena, todo, error) == STATUS_OK;
}

void store_write_foreign(const char *id, const char *name)
{
    struct arena arena;
    struct error error;
    struct store_changed changed;
    int64_t now_ms = process_wall_ms(NULL);
    struct todo todo = {.name = slice_of(name), .description = SLICE(""), .v = 1, .life = life_new()};
    todo.created_at_ms = todo.updated_at_ms = now_ms;
    todo_set_id(&todo, slice_of(id));
    struct store_change change = {.kind = STORE_REPLACE, .todo = &todo, .condition = {.unmodified_since_s = -1}};
    arena_init(&arena);
    store_late_settle(id);
    (void)!__real_store_change(store_world.store, &change, &arena, &changed, &error);
    arena_fini(&arena);
    store_look(id);
}

void store_delete_foreign(const char *id)
{
    store_late_settle(id);
    fake_store_remove(store_world.store, id);
    store_look(id);
}

void store_lag(unsigned process)
{
    store_late_settle(NULL);
    fake_store_free(store_world.behind);
    store_world.behind = fake_store_backup(store_world.store);
    store_world.lagging_at = store_world.time;
    store_world.has_lagged = store_world.is_lagging_for[process] = true;
}

static struct store *backup;

void store_back_up(void)
{
    fake_store_free(backup);
    backup = fake_store_backup(store_world.store);
}

bool store_has_backup(void)
{
    return backup != NULL;
}

static void bring_back(void (*restore)(struct store *store, const struct store *backup))
{
    store_late_drop();
    restore(store_world.store, backup);
    /* A restore is no change of the stream. */
    for (size_t i = 0; i < truth.todo_count; i++) {
        const struct truth_state *before, *after;
        truth_look(store_world.store, truth.todos[i].id, TRUTH_NONE, &before, &after);
    }
}

void store_bring_back(void)
{
    bring_back(fake_store_restore);
}

void store_bring_back_todos(void)
{
    bring_back(fake_store_restore_todos);
}

static void empty(struct store *store, const struct store *from)
{
    (void)from;
    fake_store_empty(store);
}

void store_empty(void)
{
    bring_back(empty);
}

void store_world_begin(int64_t most_us, int64_t timeout_ms)
{
    store_world = (struct store_world){.store = fake_store_new(), .most_us = most_us, .timeout_ms = timeout_ms};
    fake_follow_reset();
    fake_purge_reset();
}

void store_world_end(void)
{
    store_late_drop();
    fake_store_free(store_world.store);
    fake_store_free(store_world.behind);
    fake_store_free(backup);
    store_world.store = store_world.behind = backup = NULL;
}

/* ---- store_open() and store_close(), for server/backend.c ---- */

enum status store_open(struct store **store, const struct store_options *options, struct error *error)
{
    (void)options, (void)error;
    *store = store_world.store;
    return STATUS_OK;
}

void store_close(struct store *store)
{
    (void)store;
}
