/* SPDX-License-Identifier: MIT */
/* The fakes, one after another; the fake loop is at the end. */
#include "load_bed.h"

#include "base/mem.h"
#include "store/foreign.h"

struct fake_load fake;

static int64_t fake_now_ms(void *loop)
{
    (void)loop;
    return fake.now_ms;
}

static struct timer *fake_timer_new(void *loop, timer_cb on_time, void *ctx)
{
    (void)loop;
    bug_unless(fake.timer_count < TIMERS_MAX, "more timers than the test expects");
    struct timer *timer = &fake.timers[fake.timer_count++];
    *timer = (struct timer){.on_time = on_time, .ctx = ctx, .due_at_ms = -1};
    return timer;
}

static void fake_timer_start(struct timer *timer, uint32_t after_ms)
{
    timer->due_at_ms = fake.now_ms + after_ms;
}

static void fake_timer_stop(struct timer *timer)
{
    if (timer)
        timer->due_at_ms = -1;
}

const struct events FAKE_EVENTS = {
    .now_ms = fake_now_ms,
    .timer_new = fake_timer_new,
    .timer_start = fake_timer_start,
    .timer_stop = fake_timer_stop,
    .timer_free = fake_timer_stop,
};

static void fake_push(struct action action)
{
    bug_unless(fake.action_count < ACTIONS_MAX, "more jobs than the test expects");
    fake.actions[fake.action_count++] = action;
    if (fake.action_count > fake.action_most)
        fake.action_most = fake.action_count;
}

void pool_run(struct pool *pool, struct pool_job *job)
{
    (void)pool;
    fake_push((struct action){.job = job});
}

bool cache_is_trusted(const struct cache *cache)
{
    (void)cache;
    return fake.trusted;
}

enum trust_lack cache_lack(const struct cache *cache, const char **reason)
{
    (void)cache;
    *reason = "";
    return fake.trusted && !fake.is_part_lost ? TRUST_LACKS_NOTHING : TRUST_LACKS_REDIS;
}

enum status cache_move_epoch(const struct cache *cache, int64_t *epoch, struct error *error)
{
    (void)cache, (void)error;
    *epoch = ++fake.epoch;
    return STATUS_OK;
}

void cache_tend(struct cache *cache)
{
    (void)cache;
}

bool cache_settle(struct cache *cache)
{
    (void)cache;
    return !fake.settles_late || fake.settles_asked++ > 0;
}

static void assert_ids_free(const struct cache_write *write)
{
    for (size_t i = 0; i < fake.action_count; i++) {
        const struct cache_write *other = fake.actions[i].write;
        for (size_t k = 0; other && k < other->id_count; k++)
            for (size_t m = 0; m < write->id_count; m++)
                assert_string_not_equal(write->ids[m], other->ids[k]);
    }
}

void cache_write_run(struct cache *cache, struct cache_write *write)
{
    (void)cache;
    assert_in_range(write->id_count, 1, 1000);
    if (write->id_count < 10)
        assert_ids_free(write);
    fake.fenced_count += write->id_count;
    fake_push((struct action){.write = write});
}

struct stored *fake_find(const char *id)
{
    for (size_t i = 0; i < fake.row_count; i++)
        if (strcmp(fake.rows[i].id, id) == 0)
            return &fake.rows[i];
    return NULL;
}

static void fake_keep(struct stored *row, const struct todo *todo)
{
    bug_unless(todo->name.len < sizeof(row->name), "a longer name than the test expects");
    row->todo = *todo;
    memcpy(row->id, todo->id, sizeof(row->id));
    memset(row->name, 0, sizeof(row->name));
    memcpy(row->name, todo->name.data, todo->name.len);
    row->todo.name = slice_of(row->name);
    row->todo.description = SLICE("");
}

enum status fake_write(const struct todo *todo, enum store_load_mode mode)
{
    struct stored *row = fake_find(todo->id);
    if (row && mode == STORE_LOAD_INSERT)
        return row->todo.life == todo->life ? STATUS_OK : STATUS_EXISTS;
    if (!row)
        row = &fake.rows[fake.row_count++];
    bug_unless(fake.row_count <= ROWS_MAX, "more rows than the test expects");
    fake_keep(row, todo);
    return STATUS_OK;
}

enum status store_load(struct store *store, const struct todo *todos, size_t count, enum store_load_mode mode,
                       enum status *results, struct error *error)
{
    (void)store;
    struct fault fault = {STATUS_OK, count};
    if (fake.load_calls < fake.fault_count)
        fault = fake.faults[fake.load_calls];
    fake.load_calls++;
    for (size_t i = 0; i < count && i < fault.applied_count; i++)
        results[i] = fake_write(&todos[i], mode);
    return fault.status == STATUS_OK ? STATUS_OK : error_set(error, fault.status, "the store said so");
}

/* Each document is in the place of its todo. */
enum status store_adopt(struct store *store, const struct todo *todos, const struct slice *documents, size_t count,
                        enum status *results, struct error *error)
{
    assert_int_equal(documents[count - 1].data[0], '{');
    fake.adopt_calls++;
    return store_load(store, todos, count, STORE_LOAD_INSERT, results, error);
}

enum status store_prepare(struct store *store, struct error *error)
{
    (void)store;
    return fake.prepare_status == STATUS_OK ? STATUS_OK : error_set(error, fake.prepare_status, "no store here");
}

/* ---- The fake loop ---- */

static void fake_run_action(void)
{
    struct error error = {0};
    struct action action = fake.actions[--fake.action_count];
    if (action.job) {
        enum status status = action.job->work(action.job, &error);
        action.job->done(action.job, status, &error);
    } else {
        enum status status = action.write->work(action.write, (struct store *)&fake, &error);
        action.write->done(action.write, status, &error);
    }
}

static void fake_run_timer(void)
{
    struct timer *next = NULL;
    for (size_t i = 0; i < fake.timer_count; i++) {
        struct timer *timer = &fake.timers[i];
        if (timer->due_at_ms >= 0 && (!next || timer->due_at_ms < next->due_at_ms))
            next = timer;
    }
    assert_non_null(next); /* else nothing will ever happen again */
    if (next->due_at_ms > fake.now_ms)
        fake.now_ms = next->due_at_ms;
    next->due_at_ms = -1;
    next->on_time(next->ctx);
}

void fake_step(void)
{
    if (fake.action_count > 0)
        fake_run_action();
    else
        fake_run_timer();
}
