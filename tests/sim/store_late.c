/* SPDX-License-Identifier: MIT */
/*
 * Late writes wait in a list; each has a moment of its own, and what settles may come before it. Then it is applied, or
 * never.
 *
 * They are the world's: the process that sent one may be gone.
 */
#include "store_late.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "store_queue.h"
#include "store_trip.h"
#include "world.h"

enum { LATE_MAX = 64 };

struct late {
    struct arena arena;
    bool is_insert;
    struct todo todo;
    bool has_answer;
    struct store_answer answer;
    struct store_change change; /* its todo is the one above */
    struct store_version match[4], none_match[4];
    struct store_batch batch; /* in place of all these, if its count is not 0 */
};

static struct late *lates[LATE_MAX];
static unsigned late_count;

enum status __real_store_insert(struct store *store, const struct todo *todo, const struct store_answer *answer,
                                struct error *error);
enum status __real_store_change(struct store *store, const struct store_change *change, struct arena *arena,
                                struct store_changed *changed, struct error *error);
static void late_free(struct late *late)
{
    arena_fini(&late->arena);
    free(late);
}

static void late_apply(struct late *late)
{
    struct error error;
    struct store_changed changed;
    world_tell("store: a late write of %s is applied", late->batch.count ? "a batch" : late->todo.id);
    if (late->batch.count > 0) {
        struct store_applied results[STORE_APPLY_MAX];
        (void)!store_apply_now(&late->batch, results, &error);
        return;
    }
    if (late->is_insert)
        (void)!__real_store_insert(store_world.store, &late->todo, late->has_answer ? &late->answer : NULL, &error);
    else
        (void)!__real_store_change(store_world.store, &late->change, &late->arena, &changed, &error);
    store_look(late->todo.id);
}

static bool is_about(const struct late *late, const char *id)
{
    bool is_about = !id || strcmp(late->todo.id, id) == 0;
    for (size_t i = 0; i < late->batch.count && !is_about; i++)
        is_about = !late->batch.writes[i].is_dead && strcmp(late->batch.writes[i].change.todo->id, id) == 0;
    return is_about;
}

/* One that is applied may settle others: they are out of the list by then. */
void store_late_settle(const char *id)
{
    struct process *before = process_enter(NULL);
    struct late *settled[LATE_MAX];
    unsigned settled_count = 0, kept = 0;
    for (unsigned i = 0; i < late_count; i++)
        if (is_about(lates[i], id))
            settled[settled_count++] = lates[i];
        else
            lates[kept++] = lates[i];
    late_count = kept;
    for (unsigned i = 0; i < settled_count; i++) {
        if (dice_one_in(&world.dice, 2))
            late_apply(settled[i]);
        late_free(settled[i]);
    }
    process_enter(before);
}

static void on_late(void *ctx, uint64_t serial)
{
    (void)ctx, (void)serial;
    if (late_count == 0)
        return;
    const struct late *late = lates[dice_below(&world.dice, late_count)];
    if (late->batch.count == 0)
        store_late_settle(late->todo.id);
    else if (!late->batch.writes[0].is_dead)
        store_late_settle(late->batch.writes[0].change.todo->id);
    else
        store_late_settle(NULL);
}

static struct late *late_new(const struct todo *todo)
{
    struct late *late = mem_zalloc(sizeof(*late));
    arena_init(&late->arena);
    todo_copy(&late->todo, todo, &late->arena);
    return late;
}

static void late_add(struct late *late)
{
    if (late_count == LATE_MAX) {
        late_free(late);
        return;
    }
    lates[late_count++] = late;
    world_after(dice_between(&world.dice, 0, 15000000), on_late, NULL, 0);
}

static struct store_versions versions_copy(const struct store_versions *from, struct store_version to[4])
{
    struct store_versions copy = *from;
    copy.count = from->count < 4 ? from->count : 4;
    if (copy.count > 0)
        memcpy(to, from->items, copy.count * sizeof(*to));
    copy.items = to;
    return copy;
}

void store_late_insert(const struct todo *todo, const struct store_answer *answer)
{
    struct process *before = process_enter(NULL);
    struct late *late = late_new(todo);
    late->is_insert = true;
    late->has_answer = answer != NULL;
    if (answer)
        late->answer = *answer;
    late_add(late);
    process_enter(before);
}

void store_late_change(const struct store_change *change)
{
    struct process *before = process_enter(NULL);
    struct late *late = late_new(change->todo);
    late->change = *change;
    late->change.todo = &late->todo;
    late->change.condition.match = versions_copy(&change->condition.match, late->match);
    late->change.condition.none_match = versions_copy(&change->condition.none_match, late->none_match);
    late_add(late);
    process_enter(before);
}

static void queued_copy(struct store_queued *to, const struct store_queued *from, struct arena *arena)
{
    *to = *from;
    if (from->is_dead)
        return;
    struct todo *todo = arena_alloc(arena, sizeof(*todo));
    todo_copy(todo, from->change.todo, arena);
    to->change.todo = todo;
    if (!from->answer)
        return;
    struct store_answer *answer = arena_alloc(arena, sizeof(*answer));
    *answer = *from->answer;
    answer->body = arena_copy(arena, from->answer->body);
    answer->etag = arena_copy(arena, from->answer->etag);
    to->answer = answer;
}

void store_late_batch(const struct store_batch *batch)
{
    struct process *before = process_enter(NULL);
    struct late *late = mem_zalloc(sizeof(*late));
    arena_init(&late->arena);
    struct store_queued *writes = arena_alloc(&late->arena, batch->count * sizeof(*writes));
    for (size_t i = 0; i < batch->count; i++)
        queued_copy(&writes[i], &batch->writes[i], &late->arena);
    late->batch = *batch;
    late->batch.writes = writes;
    late_add(late);
    process_enter(before);
}

void store_late_drop(void)
{
    while (late_count > 0)
        late_free(lates[--late_count]);
}
