/* SPDX-License-Identifier: MIT */
/*
 * States, floors and the promise's clock.
 *
 * A state is known by its version and its life. Absences look alike, and so does what a restored backup brings back:
 * then the answer counts as the latest that it may be, and binds as the earliest.
 */
#include "truth.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/mem.h"
#include "fake_store.h"
#include "store_trip.h"
#include "world.h"

struct truth truth;

void truth_begin(void)
{
    truth = (struct truth){0};
}

void truth_end(void)
{
    for (size_t i = 0; i < truth.todo_count; i++) {
        free(truth.todos[i].states);
        free(truth.todos[i].written.bounds);
        free(truth.todos[i].read.bounds);
    }
    truth.todo_count = 0;
}

/* ---- The promise's clock ---- */

struct truth_time truth_now(void)
{
    int64_t now_us = truth.halts ? truth.halted_at_us : world.now_us;
    return (struct truth_time){.world_us = world.now_us, .promise_us = now_us - truth.halted_us};
}

void truth_halt(void)
{
    if (truth.halts++ == 0)
        truth.halted_at_us = world.now_us;
}

void truth_go_on(void)
{
    if (--truth.halts == 0)
        truth.halted_us += world.now_us - truth.halted_at_us;
}

/* ---- Slots that move ---- */

void truth_moved(void)
{
    truth.moved_us = world.now_us;
}

void truth_came_back(void)
{
    truth.loose_until_us = world.now_us + TRUTH_NOTICED_US;
}

void truth_unrecorded(const char *id)
{
    struct truth_time *at = &truth_todo_of(id)->unrecorded_at;
    if (fake_store_outbox_has(store_world.store, id, NULL))
        return;
    *at = truth_now();
    at->world_us += truth.rules.told_us;
    at->promise_us += truth.rules.told_us;
}

/* ---- States ---- */

struct truth_todo *truth_todo_of(const char *id)
{
    for (size_t i = 0; i < truth.todo_count; i++)
        if (strcmp(truth.todos[i].id, id) == 0)
            return &truth.todos[i];
    bug_unless(truth.todo_count < TRUTH_IDS_MAX, "too many ids for the checker");
    struct truth_todo *todo = &truth.todos[truth.todo_count++];
    *todo = (struct truth_todo){.states = mem_zalloc(sizeof(*todo->states)), .count = 1};
    snprintf(todo->id, sizeof(todo->id), "%s", id);
    return todo; /* absent from the beginning */
}

const struct truth_state *truth_latest(const struct truth_todo *todo)
{
    return &todo->states[todo->count - 1];
}

bool truth_look(struct store *store, const char *id, int by, const struct truth_state **before,
                const struct truth_state **after)
{
    struct truth_todo *todo = truth_todo_of(id);
    const struct truth_state *latest = truth_latest(todo);
    struct arena arena;
    struct todo now = {0};
    struct error error;
    arena_init(&arena);
    bool exists = store_peek(store, id, &arena, &now, &error);
    struct truth_state state = {.from_us = world.now_us,
                                .by = by,
                                .by_record = fake_store_outbox_has(store, id, NULL),
                                .is_overtaken = truth.moved_us > 0 && world.now_us - truth.moved_us <= TRUTH_NOTICED_US,
                                .exists = exists,
                                .v = exists ? now.v : 0,
                                .life = exists ? now.life : 0,
                                .created_at_ms = exists ? now.created_at_ms : 0,
                                .updated_at_ms = exists ? now.updated_at_ms : 0};
    snprintf(state.name, sizeof(state.name), "%.*s", exists ? (int)now.name.len : 0, exists ? now.name.data : "");
    arena_fini(&arena);
    if (exists == latest->exists && state.v == latest->v && state.life == latest->life &&
        strcmp(state.name, latest->name) == 0)
        return false;
    todo->states = mem_resize(todo->states, (todo->count + 1) * sizeof(*todo->states));
    todo->states[todo->count++] = state;
    *before = &todo->states[todo->count - 2];
    *after = &todo->states[todo->count - 1];
    world_note('s', todo->count, (uint64_t)state.v);
    world_tell("store: %s is now #%zu: %s", id, todo->count - 1, exists ? state.name : "absent");
    return true;
}

void truth_recorded(const char *id, int by)
{
    struct truth_todo *todo = truth_todo_of(id);
    for (size_t i = 1; i < todo->count; i++)
        todo->states[i].by_record |= todo->states[i].by == by;
}

void truth_killed(int by)
{
    for (size_t i = 0; i < truth.todo_count && truth.rules.breaks_deadlines; i++) {
        struct truth_state *latest = &truth.todos[i].states[truth.todos[i].count - 1];
        if (latest->by == by)
            latest->by = TRUTH_NONE;
    }
}

static bool is_like(const struct truth_state *state, bool exists, int64_t v, int64_t life)
{
    return state->exists == exists && (!exists || (state->v == v && state->life == life));
}

int truth_number(const struct truth_todo *todo, bool exists, int64_t v, int64_t life)
{
    for (size_t i = todo->count; i-- > 0;)
        if (is_like(&todo->states[i], exists, v, life))
            return (int)i;
    return TRUTH_NONE;
}

/* ---- Floors ---- */

static void floor_raise(struct truth_floor *floor, size_t number)
{
    if (number == 0 || (floor->count > 0 && floor->bounds[floor->count - 1].number >= number))
        return;
    floor->bounds = mem_resize(floor->bounds, (floor->count + 1) * sizeof(*floor->bounds));
    floor->bounds[floor->count++] = (struct truth_bound){truth_now(), number};
}

bool truth_binds_late(const struct truth_todo *todo, size_t number)
{
    return truth.rules.stale_us > 0 || (truth.rules.records_wait && todo->states[number].by_record);
}

/* Of slots that come back, some workers hear late; and of what is in the outbox. */
static bool may_wait(const struct truth_todo *todo, const struct truth_state *state)
{
    if (!truth.rules.only_moves)
        return truth.rules.records_wait && state->by_record;
    return world.now_us < truth.loose_until_us ||
           (state->by_record && fake_store_outbox_has(store_world.store, todo->id, NULL));
}

/* For how long after its answer; 0: not a moment. */
static int64_t missed_us(const struct truth_todo *todo, size_t number)
{
    bool is_recorded = may_wait(todo, &todo->states[number]);
    return is_recorded && truth.rules.stale_us < TRUTH_NOTICED_US ? TRUTH_NOTICED_US : truth.rules.stale_us;
}

static bool is_binding(const struct truth_todo *todo, const struct truth_bound *bound, struct truth_time began)
{
    int64_t late_us = missed_us(todo, bound->number);
    struct truth_time at = bound->at;
    if (truth.rules.only_moves && todo->states[bound->number].by_record && todo->unrecorded_at.world_us > at.world_us)
        at = todo->unrecorded_at;
    return late_us > 0 ? at.promise_us < began.promise_us - late_us : at.world_us < began.world_us;
}

/* What was answered longer before that than the faults allow an answer to be stale. */
static size_t floor_at(const struct truth_todo *todo, const struct truth_floor *floor, struct truth_time began)
{
    for (size_t i = floor->count; i-- > 0;)
        if (is_binding(todo, &floor->bounds[i], began))
            return floor->bounds[i].number;
    return 0;
}

static void tell_stale(const struct truth_todo *todo, int number, size_t bound, bool by_list)
{
    world_break("stale: %s answered state %d of %s, though state %zu had been answered before it began, more than "
                "%lld ms ago",
                by_list ? "a page" : "a read", number, todo->id, bound, (long long)missed_us(todo, bound) / 1000);
}

void truth_told(struct truth_todo *todo, struct truth_time began, bool exists, int64_t v, int64_t life, bool by_list)
{
    int number = truth_number(todo, exists, v, life);
    if (number == TRUTH_NONE) {
        world_break("invented: an answer shows version %lld of %s, which the store never held", (long long)v, todo->id);
        return;
    }
    if (truth.rules.stale_us < 0)
        return;
    size_t bound = floor_at(todo, &todo->written, began);
    if (truth.rules.reads_bind && !by_list && floor_at(todo, &todo->read, began) > bound)
        bound = floor_at(todo, &todo->read, began);
    if ((size_t)number < bound) {
        tell_stale(todo, number, bound, by_list);
        return;
    }
    size_t least = bound;
    while (!is_like(&todo->states[least], exists, v, life))
        least++;
    if (!by_list && !(truth.rules.only_moves && todo->states[least].is_overtaken))
        floor_raise(&todo->read, least);
}

/*
 * After a restore several states may look alike. One that a worker made comes first, and of these the earliest since the
 * request was sent: only that much its answer says for certain.
 */
static int number_written(const struct truth_todo *todo, bool exists, int64_t v, int64_t life, int64_t sent_us)
{
    int found = TRUTH_NONE;
    for (size_t i = todo->count; i-- > 1;) {
        const struct truth_state *state = &todo->states[i], *before = state - 1;
        bool is_it = exists ? is_like(state, true, v, life) : !state->exists && is_like(before, true, v, life);
        bool is_better = found == TRUTH_NONE || (state->by != TRUTH_NONE &&
                                                 (todo->states[found].by == TRUTH_NONE || state->from_us >= sent_us));
        if (is_it && is_better)
            found = (int)i;
    }
    return found;
}

int truth_wrote(struct truth_todo *todo, bool exists, int64_t v, int64_t life, int64_t sent_us)
{
    int number = number_written(todo, exists, v, life, sent_us);
    if (number == TRUTH_NONE)
        world_break("lost: a write of %s was answered, but the store never held its version %lld", todo->id,
                    (long long)v);
    else
        floor_raise(&todo->written, (size_t)number);
    return number;
}

void truth_bind(struct truth_todo *todo, size_t number)
{
    floor_raise(&todo->written, number);
}
