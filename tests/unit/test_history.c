/* SPDX-License-Identifier: MIT */
/*
 * The promise itself, over random interleavings: a read answers nothing older than any write or read that had ended before it
 * began, and nothing newer than any write that had begun before it ended.
 *
 * Every step is taken at random: a read or write begins, a command is executed or its answer delivered, a store call made or told, a
 * timer fires, entries and leases are evicted, scripts forgotten, calls fail. A run is known by its number, so it can be repeated.
 *
 * There are four kinds of runs, for the design promises less where more is lost. Two workers share a Redis that keeps marks of writers:
 * all of the above. Two workers, marks are evicted and everything flushed: until a write is answered, one reader may get the old value
 * after another got the new one; after its answer none does. One worker whose Redis is cut off, goes away and comes back under
 * another run id, empty or with old data: the same. (A second worker, which still has Redis, may be a second behind the outbox of
 * one that has lost it.) And two workers of which one follows what somebody else writes too. In the end all readers get what the
 * store has.
 */
#include "cache_bed.h"

#include "cache/cache_state.h"

enum { RUNS = 2000, STEPS = 500, SLOTS = 6 };

static uint64_t dice_state;

/* A generator of its own (xorshift), so that runs can be repeated. */
static unsigned dice(unsigned sides)
{
    dice_state ^= dice_state << 13;
    dice_state ^= dice_state >> 7;
    dice_state ^= dice_state << 17;
    return (unsigned)(dice_state >> 33) % sides;
}

struct history {
    int64_t begun; /* writes begun so far: no read may answer more */
    int64_t known; /* the newest version that anybody was answered */
};

struct slot {
    struct reader reader;
    struct writer writer;
    bool reads, writes;
    int64_t known_before; /* when it began */
};

struct kind {
    const char *name;
    unsigned workers; /* that read and write */
    bool loses_marks;
    bool loses_redis;
    bool follows; /* and somebody else writes */
};

struct run {
    struct bed *bed;
    struct history history;
    struct slot slots[SLOTS];
    unsigned number;
    const struct kind *kind;
    unsigned reads, writes, hits; /* that ended */
    int64_t told_v, told_at_ms;   /* of the last change that followers can read of */
};

struct totals {
    uint64_t reads, writes, hits;
};

static void check(const struct run *run, bool holds, const char *what, int64_t got, int64_t bound)
{
    if (!holds)
        fail_msg("%s, run %u: %s: %lld against %lld", run->kind->name, run->number, what, (long long)got,
                 (long long)bound);
}

static void collect(struct run *run)
{
    struct history *history = &run->history;
    for (size_t i = 0; i < SLOTS; i++) {
        struct slot *slot = &run->slots[i];
        if (slot->reads && slot->reader.answers > 0) {
            slot->reads = false;
            check(run, slot->reader.answers == 1, "a read was answered twice", slot->reader.answers, 1);
            if (slot->reader.status != STATUS_OK)
                continue;
            run->reads++;
            run->hits += slot->reader.trace.source == CACHE_HIT;
            if (run->kind->follows)
                continue; /* others' writes come late, and without an answer */
            check(run, slot->reader.v >= slot->known_before, "a stale read", slot->reader.v, slot->known_before);
            check(run, slot->reader.v <= history->begun, "a read from the future", slot->reader.v, history->begun);
            if (!run->kind->loses_marks && slot->reader.v > history->known)
                history->known = slot->reader.v;
        }
        if (slot->writes && slot->writer.answers > 0) {
            slot->writes = false;
            check(run, slot->writer.answers == 1, "a write was answered twice", slot->writer.answers, 1);
            run->writes += slot->writer.status == STATUS_OK;
            /* Versions are given in the store's order; that of an answered write was committed before now. */
            if (slot->writer.status == STATUS_OK && slot->known_before + 1 > history->known)
                history->known = slot->known_before + 1;
        }
    }
}

/* Most readers ask for nothing; some for what the store says, or what Redis has, or a version that may not be there yet. */
static struct cache_demand demand_draw(const struct run *run)
{
    struct cache_demand demand = {.max_age_ms = -1};
    switch (dice(12)) {
    case 0:
        demand.from_store = true;
        break;
    case 1:
        demand.only_if_cached = true;
        break;
    case 2:
        demand.least.v = run->history.known + (int64_t)dice(2);
        break;
    case 3:
        demand.max_age_ms = (int64_t)dice(1000);
        break;
    default:
        break;
    }
    return demand;
}

static void begin_something(struct run *run)
{
    struct slot *slot = &run->slots[dice(SLOTS)];
    struct worker *worker = &run->bed->workers[dice(run->kind->workers)];
    if (slot->reads || slot->writes)
        return;
    slot->known_before = run->history.known;
    slot->writes = dice(8) == 0;
    slot->reads = !slot->writes;
    if (slot->writes) {
        run->history.begun++;
        writer_start(&slot->writer, worker, "a");
    } else {
        reader_start_asking(&slot->reader, worker, "a", demand_draw(run));
    }
}

static void evict_something(struct fake_server *server, bool marks_too)
{
    long long epoch = 1 + dice(3);
    char key[64];
    switch (dice(marks_too ? 5 : 3)) {
    case 0:
        snprintf(key, sizeof(key), "todo:%lld:{a}", epoch);
        break;
    case 1:
        snprintf(key, sizeof(key), "todo:%lld:{a}:lease", epoch);
        break;
    case 3:
        snprintf(key, sizeof(key), "todo:%lld:{a}:writers", epoch);
        break;
    case 4:
        fake_server_flush(server);
        return;
    default:
        snprintf(key, sizeof(key), "todos:%lld:{list}:gen", epoch);
        break;
    }
    if (fake_server_has(server, key))
        fake_server_evict(server, key);
}

static void disturb(struct run *run)
{
    struct bed *bed = run->bed;
    switch (dice(4)) {
    case 0:
        fake_server_forget_scripts(bed->server);
        break;
    case 1:
        fake_store_fail(bed->store, FAKE_GET, dice(3), STATUS_UNAVAILABLE);
        break;
    case 2:
        fake_store_fail(bed->store, FAKE_LOAD, dice(3),
                        run->kind->loses_marks || dice(2) ? STATUS_UNAVAILABLE : STATUS_UNKNOWN);
        break;
    default:
        evict_something(bed->server, run->kind->loses_marks);
        break;
    }
}

static void lose_redis(struct run *run)
{
    struct bed *bed = run->bed;
    char run_id[16];
    switch (dice(7)) {
    case 6:
        fake_store_meta(bed->store)->epoch++; /* somebody purges all */
        break;
    case 0:
        snprintf(run_id, sizeof(run_id), "run-%u", dice(1000000));
        fake_server_restart(bed->server, run_id, dice(2));
        break;
    case 1:
        fake_server_leave(bed->server);
        break;
    case 2:
    case 3:
        bed->server->away = false;
        break;
    default:
        fake_redis_cut(bed_connection(&bed->workers[0]));
        break;
    }
}

/* The store's stream tells of each write, whose ever it is; of the version if that and the time are both new. */
static void tell_change(struct run *run)
{
    int64_t v = fake_store_v(run->bed->store, "a");
    if (!run->kind->follows || v == run->told_v)
        return;
    bool is_told = fake_now_ms() != run->told_at_ms && dice(4) > 0;
    fake_follow_change("a", is_told ? v : 0, is_told ? fake_now_ms() : 0);
    run->told_v = v;
    run->told_at_ms = fake_now_ms();
}

/* Longer than a lease that its holder couldn't give back. */
static void let_follow(struct bed *bed)
{
    for (int i = 0; i < BED_WORKERS; i++)
        fake_pool_done(bed->workers[i].follow_pool); /* a job that has worked already */
    for (int second = 0; second < 10; second++) {
        bed_tend(bed);
        for (int i = 0; i < 4 * BED_WORKERS; i++) {
            bed_follow(bed, &bed->workers[i % BED_WORKERS]);
            bed_pass(bed, 1000 / (4 * BED_WORKERS));
        }
    }
}

/* Somebody else writes, or a follower takes a step. */
static void follow_step(struct run *run, struct worker *worker)
{
    if (dice(16) == 0)
        fake_store_put(run->bed->store, "a", fake_store_v(run->bed->store, "a") + 1);
    else
        (void)(fake_pool_work(worker->follow_pool) || fake_pool_done(worker->follow_pool));
}

/* Entries live for seconds where runs are to see them end. */
static void pass_time(const struct run *run)
{
    int64_t next_ms = fake_timer_next_ms();
    if (run->bed->settings.todo_soft_ttl_s > 0)
        fake_clock_move(dice(300));
    if (next_ms > 0 && next_ms <= 40)
        fake_clock_move(next_ms);
    fake_timer_fire();
}

static void step(struct run *run)
{
    struct worker *worker = &run->bed->workers[run->kind->workers == 1 && dice(4) ? 0 : dice(BED_WORKERS)];
    unsigned side = dice(100);
    if (side < 10)
        begin_something(run);
    else if (side < 15)
        (void)(dice(2) ? fake_pool_work(worker->pool) : fake_pool_done(worker->pool));
    else if (side < 35)
        (void)(fake_pool_work(worker->pool) || fake_pool_done(worker->pool));
    else if (side < 38)
        pass_time(run);
    else if (side < 41)
        disturb(run);
    else if (side < 42 && run->kind->loses_redis)
        lose_redis(run);
    else if (side < 43)
        worker_tend(worker);
    else if (side < 72)
        fake_redis_execute(bed_connection(worker));
    else
        fake_redis_deliver(bed_connection(worker));
    if (run->kind->follows && dice(2) == 0)
        follow_step(run, worker);
    tell_change(run);
    fake_redis_refuse(bed_connection(worker));
    collect(run);
}

/* There is an entry, somebody else writes, and nothing else comes that could take it away. */
static void finish_following(struct run *run)
{
    struct bed *bed = run->bed;
    struct reader reader;
    reader_start(&reader, &bed->workers[0], "a");
    bed_pass(bed, 300);
    check(run, reader.answers == 1, "the last but one", reader.answers, 1);
    fake_store_put(bed->store, "a", fake_store_v(bed->store, "a") + 1);
    tell_change(run);
    let_follow(bed);
}

/* All that is under way ends, and both workers then read what the store has. */
static void finish(struct run *run)
{
    struct bed *bed = run->bed;
    fake_store_fail(bed->store, FAKE_GET, 0, STATUS_OK);
    bed->server->away = false;
    for (int i = 0; i < 20; i++) { /* in small steps, for a late answer must not let Redis time out */
        bed_pass(bed, 50);
        collect(run);
    }
    bed_tend(bed);
    bed_pass(bed, 100);
    bed_tend(bed);
    if (run->kind->follows)
        finish_following(run);
    for (int i = 0; i < BED_WORKERS; i++) {
        struct reader reader;
        reader_start(&reader, &bed->workers[i], "a");
        bed_pass(bed, 300);
        check(run, reader.v == fake_store_v(bed->store, "a"), "the end", reader.v, fake_store_v(bed->store, "a"));
    }
}

/* Half of the runs publish, half refresh; an entry past its end may do where the store fails. */
static void settings_draw(struct settings *settings)
{
    settings->write_policy = dice(2) ? WRITE_PUBLISH : settings->write_policy;
    if (dice(2) == 0)
        return;
    settings->todo_soft_ttl_s = 1;
    settings->todo_ttl_s = 2;
    settings->stale_if_error_s = 2;
}

static void run_once(struct totals *totals, unsigned number, const struct kind *kind)
{
    void *state;
    bed_begin_idle(&state);
    struct run run = {.bed = state, .number = number, .kind = kind};
    run.history = (struct history){.begun = 1, .known = 1};
    dice_state = UINT64_C(0x9e3779b97f4a7c15) * (number + 1);
    if (!kind->loses_redis) /* nor by being slow */
        run.bed->settings.redis_timeout_ms = 1000000;
    settings_draw(&run.bed->settings);
    run.bed->settings.follow = kind->follows;
    bed_start_workers(run.bed);
    bed_settle(run.bed);
    fake_store_put(run.bed->store, "a", 1);
    if (kind->follows)
        let_follow(run.bed);
    for (int i = 0; i < STEPS; i++)
        step(&run);
    finish(&run);
    totals->reads += run.reads;
    totals->hits += run.hits;
    totals->writes += run.writes;
    assert_int_equal(bed_end(&state), 0);
}

static void run_all(const struct kind *kind)
{
    struct totals totals = {0};
    for (unsigned number = 0; number < RUNS; number++)
        run_once(&totals, number, kind);
    assert_true(totals.reads > 10 * RUNS); /* or nothing was tried */
    assert_true(totals.hits > 2 * RUNS);
    assert_true(totals.writes > RUNS);
}

static void two_workers_keep_the_promise(void **state)
{
    static const struct kind kind = {.name = "two workers", .workers = BED_WORKERS};
    (void)state;
    run_all(&kind);
}

static void lost_marks_cost_nothing_after_the_answer(void **state)
{
    static const struct kind kind = {.name = "lost marks", .workers = BED_WORKERS, .loses_marks = true};
    (void)state;
    run_all(&kind);
}

static void a_lost_redis_costs_nothing_after_the_answer(void **state)
{
    static const struct kind kind = {.name = "lost Redis", .workers = 1, .loses_marks = true, .loses_redis = true};
    (void)state;
    run_all(&kind);
}

/* No change that the store told of is lost on its way; what readers get in between is bounded by time alone. */
static void what_others_wrote_is_read_in_the_end(void **state)
{
    static const struct kind kind = {.name = "others", .workers = BED_WORKERS, .loses_marks = true, .follows = true};
    (void)state;
    run_all(&kind);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(two_workers_keep_the_promise),
        cmocka_unit_test(lost_marks_cost_nothing_after_the_answer),
        cmocka_unit_test(what_others_wrote_is_read_in_the_end),
        cmocka_unit_test(a_lost_redis_costs_nothing_after_the_answer),
    };
    return cmocka_run_group_tests_name("history", tests, NULL, NULL);
}
