/* SPDX-License-Identifier: MIT */
/*
 * Putting the fakes together, and readers and writers that note what they were told.
 *
 * The log is thrown away: tests look at answers, counters and what lies in Redis and in the store.
 */
#include "cache_bed.h"

#include "audit/auditor.h"
#include "base/log.h"
#include "base/mem.h"
#include "cache/cache_state.h"
#include "cache/flight.h"
#include "feed/feed.h"
#include "follow/follow.h"
#include "l1/file.h"

enum { STEPS_MAX = 200000 };

static void drop_line(const char *line, size_t len)
{
    (void)line, (void)len;
}

int bed_begin_idle(void **state)
{
    struct bed *bed = mem_zalloc(sizeof(*bed));
    log_init(LOG_ERROR, drop_line);
    fake_journal_reset();
    fake_http_reset();
    fake_purge_reset();
    fake_follow_reset();
    bed->events = fake_events_begin();
    settings_init(&bed->settings);
    memcpy(bed->settings.redis, "fake:a", sizeof("fake:a"));
    bed->server = fake_server_new("fake:a", "run-a");
    bed->store = fake_store_new();
    *state = bed;
    return 0;
}

static void on_wrong(void *ctx, const struct error *error)
{
    struct worker *worker = ctx;
    assert_int_equal(error->status, STATUS_INVALID);
    assert_non_null(strstr(error->text, "hides"));
    worker->hidden_count++;
}

static void worker_start(struct bed *bed, struct worker *worker)
{
    struct error error;
    worker->stats = (struct stats){0};
    if (bed->has_machines) {
        worker->l1 = l1_new(&(struct l1_options){.mbytes = 1, .needs_licence = true});
        assert_int_equal(l1_open(worker->l1, &error), STATUS_OK);
    }
    worker->pool = fake_pool_new();
    worker->follow_pool = bed->settings.follow ? fake_pool_new() : NULL;
    struct cache_options options = {.events = bed->events,
                                    .settings = &bed->settings,
                                    .store = bed->store,
                                    .pool = worker->pool,
                                    .stats = &worker->stats,
                                    .l1 = worker->l1 ? worker->l1 : bed->l1,
                                    .has_peers = bed->has_machines,
                                    .http = fake_http(),
                                    .on_wrong = on_wrong,
                                    .ctx = worker};
    assert_int_equal(cache_new(&worker->cache, &options, &error), STATUS_OK);
    worker->auditor = auditor_new(worker->cache);
    worker->follow = worker->follow_pool ? follow_new(worker->cache, worker->follow_pool) : NULL;
}

void bed_start_workers(struct bed *bed)
{
    for (int i = 0; i < BED_WORKERS; i++)
        worker_start(bed, &bed->workers[i]);
}

bool bed_follow(struct bed *bed, struct worker *worker)
{
    if (!worker->follow_pool || !fake_pool_work(worker->follow_pool))
        return false;
    bool is_done = fake_pool_done(worker->follow_pool);
    bed_settle(bed);
    return is_done;
}

/* As a worker's end does: whatever the follower was at, it comes to rest. */
static void bed_stop_following(struct bed *bed, struct worker *worker)
{
    follow_stop(worker->follow);
    for (int i = 0; i < STEPS_MAX && !follow_is_idle(worker->follow); i++)
        if (!bed_follow(bed, worker))
            bed_pass(bed, 1);
    assert_true(follow_is_idle(worker->follow));
}

void bed_stop_workers(struct bed *bed)
{
    for (int i = 0; i < BED_WORKERS; i++)
        if (bed->workers[i].follow_pool)
            bed_stop_following(bed, &bed->workers[i]);
    fake_http_always(-1);
    while (fake_http_count() > 0)
        fake_http_answer(0); /* as the client does at its end */
    feed_free(bed->feed);
    bed->feed = NULL;
    for (int i = 0; i < BED_WORKERS; i++) {
        cache_free(bed->workers[i].cache);
        auditor_free(bed->workers[i].auditor);
        follow_free(bed->workers[i].follow);
        l1_free(bed->workers[i].l1);
        bed->workers[i].l1 = NULL;
        pool_free(bed->workers[i].pool);
        pool_free(bed->workers[i].follow_pool);
        bed->workers[i].cache = NULL;
        bed->workers[i].auditor = NULL;
        bed->workers[i].follow = NULL;
        bed->workers[i].pool = bed->workers[i].follow_pool = NULL;
    }
}

void bed_set_meta(struct bed *bed, int64_t epoch, const char *run_id)
{
    struct store_meta *meta = fake_store_meta(bed->store);
    meta->epoch = meta->beat = epoch;
    snprintf(meta->cache_run_id, sizeof(meta->cache_run_id), "%s", run_id);
}

int64_t bed_move_epoch(struct worker *worker)
{
    struct error error;
    int64_t epoch;
    assert_int_equal(cache_move_epoch(worker->cache, &epoch, &error), STATUS_OK);
    return epoch;
}

void bed_begin_trusted(struct bed *bed)
{
    bed_set_meta(bed, 1, "run-a");
    bed_start_workers(bed);
    bed_settle(bed);
    assert_true(cache_is_trusted(bed->workers[0].cache));
    assert_true(cache_is_trusted(bed->workers[1].cache));
    fake_journal_reset();
}

int bed_begin(void **state)
{
    bed_begin_idle(state);
    bed_begin_trusted(*state);
    return 0;
}

int bed_begin_l1(void **state)
{
    struct error error;
    bed_begin_idle(state);
    struct bed *bed = *state;
    bed->l1 = l1_new(&(struct l1_options){.mbytes = 1});
    assert_int_equal(l1_open(bed->l1, &error), STATUS_OK);
    bed_begin_trusted(bed);
    return 0;
}

int bed_begin_machines(void **state)
{
    bed_begin_idle(state);
    struct bed *bed = *state;
    bed->has_machines = true;
    bed->settings.redis_timeout_ms = 5000; /* a connection that is held is slow, not lost */
    fake_subscription_lose("");
    bed_begin_trusted(bed);
    bed_pass(bed, 250);
    fake_journal_reset();
    return 0;
}

/* A test that failed on its way has left readers on a stack that is no more: nothing may move then. */
static bool bed_is_at_rest(const struct bed *bed)
{
    for (int i = 0; i < BED_WORKERS; i++) {
        const struct worker *worker = &bed->workers[i];
        if (worker->cache && (!flight_table_is_empty(worker->cache) || pool_busy_count(worker->pool) > 0))
            return false;
    }
    return true;
}

int bed_end(void **state)
{
    struct bed *bed = *state;
    if (!bed_is_at_rest(bed))
        return -1;
    bed_settle(bed);
    bed_stop_workers(bed);
    fake_server_free(bed->server);
    fake_store_free(bed->store);
    l1_free(bed->l1);
    assert_int_equal(fake_timer_count(), 0);
    free(bed);
    return 0;
}

struct redis *bed_connection(struct worker *worker)
{
    return cache_redis(worker->cache);
}

static bool bed_step(struct bed *bed)
{
    if (fake_timer_fire() || fake_http_step())
        return true;
    for (int i = 0; i < BED_WORKERS; i++) {
        struct worker *worker = &bed->workers[i];
        if (worker->cache && (fake_redis_step(cache_redis(worker->cache)) || fake_pool_step(worker->pool)))
            return true;
    }
    return false;
}

const char *bed_key(const struct bed *bed, const char *before, const char *behind)
{
    static char names[4][100];
    static unsigned last;
    char *name = names[++last % 4];
    long long epoch = fake_store_meta(bed->store)->epoch;
    snprintf(name, sizeof(names[0]), "%s%lld%s", before, epoch, behind);
    return name;
}

void bed_settle(struct bed *bed)
{
    int steps = 0;
    while (bed_step(bed))
        assert_true(++steps < STEPS_MAX);
}

void bed_pass(struct bed *bed, int64_t ms)
{
    bed_settle(bed);
    while (ms > 0) {
        int64_t next_ms = fake_timer_next_ms();
        int64_t step_ms = next_ms < 0 || next_ms > ms ? ms : next_ms;
        fake_clock_move(step_ms);
        ms -= step_ms;
        bed_settle(bed);
    }
}

void worker_tend(struct worker *worker)
{
    cache_tend(worker->cache);
    if (worker->follow)
        follow_tend(worker->follow);
    auditor_tend(worker->auditor);
}

void bed_tend(struct bed *bed)
{
    for (int i = 0; i < BED_WORKERS; i++)
        worker_tend(&bed->workers[i]);
    bed_settle(bed);
}

void bed_hold(struct worker *worker, bool held)
{
    fake_redis_hold(cache_redis(worker->cache), held);
    fake_pool_hold(worker->pool, held);
}

void bed_let_go(struct bed *bed)
{
    bed_hold(&bed->workers[0], false);
    bed_settle(bed);
}

void bed_execute(struct worker *worker)
{
    while (fake_timer_fire()) /* what waits for the end of the turn is sent */
        ;
    assert_true(fake_redis_execute(cache_redis(worker->cache)));
}

void bed_deliver(struct worker *worker)
{
    assert_true(fake_redis_deliver(cache_redis(worker->cache)));
}

void bed_work(struct worker *worker)
{
    assert_true(fake_pool_work(worker->pool));
}

void bed_done(struct worker *worker)
{
    assert_true(fake_pool_done(worker->pool));
}

void bed_redis(struct worker *worker)
{
    bed_execute(worker);
    bed_deliver(worker);
}

void bed_store(struct worker *worker)
{
    bed_work(worker);
    bed_done(worker);
}

/* ---- Readers ---- */

static void on_read(void *ctx, const struct cache_answer *answer)
{
    struct reader *reader = ctx;
    reader->answers++;
    reader->status = answer->status;
    reader->v = answer->status == STATUS_OK ? answer->todo->v : 0;
    reader->trace = answer->trace;
    if (answer->status == STATUS_OK)
        assert_text("id", slice_of(answer->todo->id), slice_of(reader->get.id));
}

void reader_start_asking(struct reader *reader, struct worker *worker, const char *id, struct cache_demand demand)
{
    *reader = (struct reader){.get = {.demand = demand, .done = on_read, .ctx = reader}};
    memcpy(reader->get.id, id, strlen(id) + 1);
    cache_get(worker->cache, &reader->get);
    assert_int_equal(reader->answers, 0); /* never before the starter has returned */
}

void reader_start(struct reader *reader, struct worker *worker, const char *id)
{
    reader_start_asking(reader, worker, id, (struct cache_demand){.max_age_ms = -1});
}

bool reader_ask_l1_asking(struct reader *reader, struct worker *worker, const char *id, struct cache_demand demand)
{
    struct cache_near near;
    *reader = (struct reader){.get = {.demand = demand}};
    memcpy(reader->get.id, id, strlen(id) + 1);
    if (!cache_get_near(worker->cache, &reader->get, &near))
        return false;
    on_read(reader, &near.answer);
    return true;
}

bool reader_ask_l1(struct reader *reader, struct worker *worker, const char *id)
{
    return reader_ask_l1_asking(reader, worker, id, (struct cache_demand){.max_age_ms = -1});
}

int64_t bed_read(struct bed *bed, struct worker *worker, const char *id)
{
    struct reader reader;
    reader_start(&reader, worker, id);
    bed_settle(bed);
    assert_int_equal(reader.answers, 1);
    assert_true(reader.status == STATUS_OK || reader.status == STATUS_NOT_FOUND);
    return reader.v;
}

void bed_fetch(struct bed *bed, struct reader *reader)
{
    bed_hold(&bed->workers[0], true);
    reader_start(reader, &bed->workers[0], "a");
    bed_redis(&bed->workers[0]);
    bed_redis(&bed->workers[0]);
    bed_work(&bed->workers[0]);
}

/* ---- Writers ---- */

static enum status writer_work(struct cache_write *write, struct store *store, struct error *error)
{
    struct writer *writer = (struct writer *)((char *)write - offsetof(struct writer, write));
    struct todo todos[4] = {0};
    enum status results[4];
    for (size_t i = 0; i < write->id_count; i++) {
        todos[i] = (struct todo){.name = SLICE("written"), .description = SLICE(""), .v = 1};
        todos[i].created_at_ms = todos[i].updated_at_ms = fake_now_ms();
        todo_set_id(&todos[i], slice_of(write->ids[i]));
    }
    enum status status = store_load(store, todos, write->id_count, STORE_LOAD_UPSERT, results, error);
    writer->made = todos[0];
    writer->made.v = fake_store_v(store, write->ids[0]);
    if (status == STATUS_OK)
        write->written = &writer->made;
    return status;
}

static void on_written(struct cache_write *write, enum status status, const struct error *error)
{
    struct writer *writer = (struct writer *)((char *)write - offsetof(struct writer, write));
    writer->answers++;
    writer->status = status;
    if (status != STATUS_OK)
        memcpy(writer->error, error->text, sizeof(error->text));
}

void writer_start_many(struct writer *writer, struct worker *worker, const char *const *ids, size_t count)
{
    *writer = (struct writer){.write = {.id_count = count, .work = writer_work, .done = on_written}};
    memcpy(writer->ids, ids, count * sizeof(*ids));
    writer->write.ids = writer->ids;
    cache_write_run(worker->cache, &writer->write);
    assert_int_equal(writer->answers, 0);
}

void writer_start(struct writer *writer, struct worker *worker, const char *id)
{
    writer_start_many(writer, worker, &id, 1);
}

void bed_fence(struct bed *bed, struct writer *writer)
{
    bed_hold(&bed->workers[0], true);
    writer_start(writer, &bed->workers[0], "a");
    bed_redis(&bed->workers[0]);
}

size_t bed_outbox_count(const struct bed *bed)
{
    return fake_store_outbox_count(bed->store, false) + fake_store_outbox_count(bed->store, true);
}

enum status bed_write(struct bed *bed, struct worker *worker, const char *id)
{
    struct writer writer;
    writer_start(&writer, worker, id);
    bed_settle(bed);
    assert_int_equal(writer.answers, 1);
    return writer.status;
}

uint64_t bed_counter(const struct worker *worker, enum stat_counter stat)
{
    return worker->stats.counter[stat];
}
