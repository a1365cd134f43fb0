/* SPDX-License-Identifier: MIT */
/* The queue's bed. store_apply() is wrapped, so that a test sees the batches, and refuses some. */
#include "applier_bed.h"

#include "base/mem.h"

static char batches[4096];
static const char *refused_id;

enum status __real_store_apply(struct store *store, const struct store_batch *batch, struct store_applied *results,
                               struct error *error);
enum status __wrap_store_apply(struct store *store, const struct store_batch *batch, struct store_applied *results,
                               struct error *error);

enum status __wrap_store_apply(struct store *store, const struct store_batch *batch, struct store_applied *results,
                               struct error *error)
{
    size_t len = strlen(batches);
    if (batch->writes->is_dead)
        snprintf(batches + len, sizeof(batches) - len, "dead ");
    else
        snprintf(batches + len, sizeof(batches) - len, "%zu ", batch->count);
    for (size_t i = 0; i < batch->count && refused_id && !batch->writes->is_dead; i++)
        if (strcmp(batch->writes[i].change.todo->id, refused_id) == 0)
            return error_set(error, STATUS_INVALID, "a rule of the store refuses it");
    return __real_store_apply(store, batch, results, error);
}

const char *queue_batches(void)
{
    static char copy[sizeof(batches)];
    memcpy(copy, batches, sizeof(copy));
    batches[0] = '\0';
    return copy;
}

void queue_refuse(const char *id)
{
    refused_id = id;
}

int applier_bed_begin(void **state)
{
    struct applier_bed *bed = mem_zalloc(sizeof(*bed));
    struct error error;
    void *cache_bed;
    bed_begin(&cache_bed);
    bed->bed = cache_bed;
    fake_queue_journal_begin();
    queue_batches();
    queue_refuse(NULL);
    snprintf(bed->bed->settings.write_queue, sizeof(bed->bed->settings.write_queue), "fake:");
    for (unsigned i = 0; i < BED_WORKERS; i++) {
        struct worker *worker = &bed->bed->workers[i];
        struct queue_options options = {.events = bed->bed->events,
                                        .settings = &bed->bed->settings,
                                        .cache = worker->cache,
                                        .store = bed->bed->store,
                                        .pool = worker->pool,
                                        .turn_count = 1,
                                        .stats = &worker->stats,
                                        .board = &bed->board};
        assert_int_equal(queue_new(&bed->queues[i], &options, &error), STATUS_OK);
    }
    *state = bed;
    return 0;
}

int applier_bed_end(void **state)
{
    struct applier_bed *bed = *state;
    void *cache_bed = bed->bed;
    for (unsigned i = 0; i < BED_WORKERS; i++) {
        queue_freeze(bed, i, false);
        queue_stop(bed->queues[i]);
    }
    for (int i = 0; i < 100 && !(queue_is_idle(bed->queues[0]) && queue_is_idle(bed->queues[1])); i++)
        queue_pass(bed, 100);
    for (unsigned i = 0; i < BED_WORKERS; i++) {
        if (!queue_is_idle(bed->queues[i]))
            return -1;
        queue_free(bed->queues[i]);
    }
    fake_queue_journal_begin();
    free(bed);
    return bed_end(&cache_bed);
}

void queue_settle(struct applier_bed *bed)
{
    do
        bed_settle(bed->bed);
    while (fake_queue_journal_step());
}

void queue_pass(struct applier_bed *bed, int64_t ms)
{
    for (queue_settle(bed); ms > 0; ms--) {
        fake_clock_move(1);
        bed->passed_ms++;
        for (unsigned i = 0; i < BED_WORKERS && bed->passed_ms % 1000 == 0; i++)
            if (!bed->is_frozen[i]) {
                worker_tend(&bed->bed->workers[i]);
                queue_tend(bed->queues[i]);
            }
        queue_settle(bed);
    }
}

void applier_bed_start(struct applier_bed *bed)
{
    for (unsigned i = 0; i < BED_WORKERS; i++) {
        queue_tend(bed->queues[i]); /* asks the store */
        queue_settle(bed);
        queue_tend(bed->queues[i]); /* begins to take shards */
        bed->is_frozen[1] = i == 0;
        queue_pass(bed, 2000);
    }
    assert_null(queue_lack(bed->queues[0]));
    assert_null(queue_lack(bed->queues[1]));
}

void queue_freeze(struct applier_bed *bed, unsigned worker, bool is_frozen)
{
    bed->is_frozen[worker] = is_frozen;
    bed_hold(&bed->bed->workers[worker], is_frozen);
    fake_queue_journal_hold(queue_journal(bed->queues[worker]), is_frozen);
}

/* ---- Writes ---- */

static void on_put(void *ctx, enum status status, struct ticket ticket, const struct error *error)
{
    struct put *put = ctx;
    put->answers++;
    put->status = status;
    put->ticket = ticket;
    memcpy(put->error, error->text, sizeof(error->text));
}

void put_start(struct put *put, struct queue *queue, const char *id, const char *name)
{
    struct queue_put call = {.done = on_put, .ctx = put};
    *put = (struct put){.todo = TODO_DEFAULT};
    todo_set_id(&put->todo, slice_of(id));
    put->todo.name = slice_of(name);
    put->todo.life = life_new();
    put->todo.created_at_ms = put->todo.updated_at_ms = fake_now_ms();
    call.queued.change = (struct store_change){.kind = name ? STORE_REPLACE : STORE_DELETE, .todo = &put->todo};
    call.queued.change.condition.unmodified_since_s = -1;
    queue_put(queue, &call);
    assert_int_equal(put->answers, 0); /* never before the starter has returned */
}

struct ticket put_name(struct applier_bed *bed, unsigned worker, const char *id, const char *name)
{
    struct put put;
    put_start(&put, bed->queues[worker], id, name);
    while (put.answers == 0)
        assert_true(fake_queue_journal_step());
    assert_int_equal(put.status, STATUS_OK);
    return put.ticket;
}

struct ticket several(struct applier_bed *bed, unsigned count, const char *id)
{
    struct ticket last = {0};
    char name[16];
    for (unsigned i = 1; i <= count; i++) {
        snprintf(name, sizeof(name), "name %u", i);
        last = put_name(bed, 0, id, name);
    }
    return last;
}

/* ---- What became of them ---- */

void on_found(void *ctx, enum status status, const struct journal_found *found, const struct error *error)
{
    struct find *find = ctx;
    (void)error;
    find->answers++;
    find->status = status;
    if (status != STATUS_OK)
        return;
    find->found = *found;
    slice_copy(find->reason, sizeof(find->reason), found->reason);
}

struct find queue_look_up(struct applier_bed *bed, struct ticket ticket)
{
    struct find find = {0};
    queue_find(bed->queues[1], ticket, on_found, &find);
    while (find.answers == 0)
        assert_true(fake_queue_journal_step());
    return find;
}

const char *stored_name(const struct applier_bed *bed, const char *id)
{
    static char name[TODO_NAME_MAX + 1];
    struct arena arena;
    struct todo todo;
    struct error error;
    arena_init(&arena);
    name[0] = '\0';
    if (store_get(bed->bed->store, id, &arena, &todo, &error) == STATUS_OK)
        slice_copy(name, sizeof(name), todo.name);
    arena_fini(&arena);
    return name;
}

uint64_t queue_counter(const struct applier_bed *bed, enum stat_counter stat)
{
    return bed_counter(&bed->bed->workers[0], stat) + bed_counter(&bed->bed->workers[1], stat);
}
