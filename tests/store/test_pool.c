/* SPDX-License-Identifier: MIT */
/*
 * The pool on a real loop: order, bounds, groups, the breaker, and that no job is told its end before pool_run() has returned.
 *
 * Work that must last waits on a gate, so that no case depends on how fast threads are.
 */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <uv.h>

#include <cmocka.h>

#include "base/container.h"
#include "store/pool.h"
#include "store/store_ops.h"

enum { JOB_MAX = 64 };

struct gate {
    pthread_mutex_t lock;
    pthread_cond_t opened;
    bool open;
};

struct bench {
    uv_loop_t loop;
    struct pool *pool;
    struct stats stats;
    struct gate gate;
    enum pool_lane gated; /* NONE: all lanes are */
    atomic_int running_count, most_running_count, started_count;
    unsigned done_order[JOB_MAX];
    unsigned done_count;
    bool in_run; /* pool_run() is on the stack */
    bool told_inside;
};

struct bench_job {
    struct pool_job job; /* first, so that a job is its bench_job */
    struct bench *bench;
    unsigned number;
    enum status answer; /* what work returns */
    enum status told;   /* what done got */
    int start_order;
    char text[128];
    enum cause cause;
};

static void gate_open(struct gate *gate)
{
    pthread_mutex_lock(&gate->lock);
    gate->open = true;
    pthread_cond_broadcast(&gate->opened);
    pthread_mutex_unlock(&gate->lock);
}

static void gate_pass(struct gate *gate)
{
    pthread_mutex_lock(&gate->lock);
    while (!gate->open)
        pthread_cond_wait(&gate->opened, &gate->lock);
    pthread_mutex_unlock(&gate->lock);
}

static enum status work(struct pool_job *job, struct error *error)
{
    struct bench_job *own = (struct bench_job *)job;
    struct bench *bench = own->bench;
    int running = atomic_fetch_add(&bench->running_count, 1) + 1;
    int most = atomic_load(&bench->most_running_count);
    while (running > most && !atomic_compare_exchange_weak(&bench->most_running_count, &most, running)) {
    }
    own->start_order = atomic_fetch_add(&bench->started_count, 1);
    if (!bench->gated || bench->gated == job->lane)
        gate_pass(&bench->gate);
    atomic_fetch_sub(&bench->running_count, 1);
    if (own->answer == STATUS_OK)
        return STATUS_OK;
    error_set(error, own->answer, "as the test wants it");
    return error_because(error, CAUSE_RIGHTS, own->answer);
}

static void on_done(struct pool_job *job, enum status status, const struct error *error)
{
    struct bench_job *own = (struct bench_job *)job;
    own->told = status;
    snprintf(own->text, sizeof(own->text), "%.120s", error->text);
    own->cause = error->cause;
    own->bench->told_inside |= own->bench->in_run;
    own->bench->done_order[own->bench->done_count++] = own->number;
}

static void submit_to(enum pool_lane lane, struct bench *bench, struct bench_job *jobs, unsigned first, unsigned count,
                      enum status answer)
{
    for (unsigned i = first; i < first + count; i++) {
        jobs[i] = (struct bench_job){.job = {.lane = lane, .work = work, .done = on_done},
                                     .bench = bench,
                                     .number = i,
                                     .answer = answer,
                                     .told = STATUS_COUNT};
        bench->in_run = true;
        pool_run(bench->pool, &jobs[i].job);
        bench->in_run = false;
    }
}

static void submit(struct bench *bench, struct bench_job *jobs, unsigned first, unsigned count, enum status answer)
{
    submit_to(POOL_READ, bench, jobs, first, count, answer);
}

static void bench_init_lanes(struct bench *bench, const struct pool_options *lanes)
{
    memset(bench, 0, sizeof(*bench));
    pthread_mutex_init(&bench->gate.lock, NULL);
    pthread_cond_init(&bench->gate.opened, NULL);
    uv_loop_init(&bench->loop);
    struct pool_options options = *lanes;
    options.loop = &bench->loop;
    options.stats = &bench->stats;
    bench->pool = pool_new(&options);
}

static void bench_init(struct bench *bench, uint32_t concurrency, uint32_t queue_max)
{
    bench_init_lanes(bench, &(struct pool_options){.lanes = {[POOL_READ] = {concurrency, queue_max}}});
}

static void bench_run(struct bench *bench)
{
    gate_open(&bench->gate);
    uv_run(&bench->loop, UV_RUN_DEFAULT);
}

/* Also that the pool leaves no handle behind, in whatever state it is freed. */
static void bench_fini(struct bench *bench)
{
    pool_free(bench->pool);
    uv_run(&bench->loop, UV_RUN_DEFAULT);
    assert_int_equal(uv_loop_close(&bench->loop), 0);
    pthread_cond_destroy(&bench->gate.opened);
    pthread_mutex_destroy(&bench->gate.lock);
    assert_false(bench->told_inside);
}

static uint64_t histogram_count(const struct stats_histogram *histogram)
{
    uint64_t count = 0;
    for (size_t i = 0; i <= STATS_BOUND_COUNT; i++)
        count += histogram->bucket[i];
    return count;
}

static void test_no_more_jobs_run_at_once_than_allowed(void **state)
{
    (void)state;
    struct bench bench;
    struct bench_job jobs[20];
    bench_init(&bench, 3, 100);
    submit(&bench, jobs, 0, 20, STATUS_OK);
    assert_int_equal(pool_busy_count(bench.pool), 20);
    bench_run(&bench);
    assert_int_equal(bench.done_count, 20);
    assert_true(atomic_load(&bench.most_running_count) <= 3);
    assert_int_equal(pool_busy_count(bench.pool), 0);
    assert_int_equal(histogram_count(&bench.stats.time[STAT_TIME_STORE]), 20);
    assert_int_equal(histogram_count(&bench.stats.time[STAT_TIME_STORE_WAIT]), 20);
    bench_fini(&bench);
}

static void test_jobs_start_in_their_order(void **state)
{
    (void)state;
    struct bench bench;
    struct bench_job jobs[30];
    bench_init(&bench, 1, 100);
    submit(&bench, jobs, 0, 30, STATUS_OK);
    bench_run(&bench);
    for (unsigned i = 0; i < 30; i++) {
        assert_int_equal(jobs[i].start_order, i);
        assert_int_equal(bench.done_order[i], i);
        assert_int_equal(jobs[i].told, STATUS_OK);
    }
    bench_fini(&bench);
}

static void test_a_full_queue_turns_jobs_away_and_counts_them(void **state)
{
    (void)state;
    struct bench bench;
    struct bench_job jobs[10];
    bench_init(&bench, 2, 3);
    submit(&bench, jobs, 0, 10, STATUS_OK);
    bench_run(&bench);
    for (unsigned i = 0; i < 10; i++) {
        assert_int_equal(jobs[i].told, i < 5 ? STATUS_OK : STATUS_BUSY);
        assert_int_equal(jobs[i].job.worked, i < 5);
    }
    assert_int_equal(atomic_load(&bench.started_count), 5);
    assert_int_equal(bench.stats.counter[STAT_STORE_BUSY_READ], 5);
    assert_int_equal(histogram_count(&bench.stats.time[STAT_TIME_STORE]), 5);
    bench_fini(&bench);
}

static void test_without_a_queue_a_free_slot_is_enough(void **state)
{
    (void)state;
    struct bench bench;
    struct bench_job jobs[3];
    bench_init(&bench, 2, 0);
    submit(&bench, jobs, 0, 3, STATUS_OK);
    bench_run(&bench);
    assert_int_equal(jobs[0].told, STATUS_OK);
    assert_int_equal(jobs[1].told, STATUS_OK);
    assert_int_equal(jobs[2].told, STATUS_BUSY);
    bench_fini(&bench);
}

static void test_failures_in_a_row_open_the_breaker_and_empty_the_queue(void **state)
{
    (void)state;
    struct bench bench;
    struct bench_job jobs[12];
    uint32_t retry_after_ms;
    bench_init(&bench, 1, 100);
    assert_true(pool_is_open(bench.pool, POOL_READ, &retry_after_ms));
    submit(&bench, jobs, 0, 12, STATUS_UNAVAILABLE);
    bench_run(&bench);
    for (unsigned i = 0; i < 12; i++) {
        assert_int_equal(jobs[i].told, STATUS_UNAVAILABLE);
        assert_int_equal(jobs[i].job.worked, i < 5);
        assert_int_equal(bench.done_order[i], i);
    }
    assert_string_equal(jobs[4].text, "as the test wants it");
    assert_string_not_equal(jobs[5].text, "as the test wants it");
    for (unsigned i = 5; i < 12; i++) { /* the refusals repeat why */
        assert_non_null(strstr(jobs[i].text, ": as the test wants it"));
        assert_int_equal(jobs[i].cause, CAUSE_RIGHTS);
    }
    assert_false(pool_is_open(bench.pool, POOL_READ, &retry_after_ms));
    assert_in_range(retry_after_ms, 1, 5000);
    bench_fini(&bench);
}

static void test_answers_of_the_store_are_no_failures(void **state)
{
    (void)state;
    static const enum status answers[] = {STATUS_NOT_FOUND, STATUS_EXISTS, STATUS_INVALID};
    struct bench bench;
    struct bench_job jobs[30];
    uint32_t retry_after_ms;
    bench_init(&bench, 2, 100);
    for (unsigned i = 0; i < 30; i++)
        submit(&bench, jobs, i, 1, answers[i % 3]);
    bench_run(&bench);
    assert_true(pool_is_open(bench.pool, POOL_READ, &retry_after_ms));
    assert_int_equal(atomic_load(&bench.started_count), 30);
    bench_fini(&bench);
}

static void test_one_probe_goes_through_and_its_success_lets_all_pass(void **state)
{
    (void)state;
    struct bench bench;
    struct bench_job jobs[30];
    uint32_t retry_after_ms;
    bench_init(&bench, 2, 100);
    submit(&bench, jobs, 0, 10, STATUS_UNKNOWN);
    bench_run(&bench);
    assert_false(pool_is_open(bench.pool, POOL_READ, &retry_after_ms));
    uv_sleep(retry_after_ms + 2);
    assert_true(pool_is_open(bench.pool, POOL_READ, &retry_after_ms));
    int started_count = atomic_load(&bench.started_count);
    bench.gate.open = false; /* no thread is at work */
    submit(&bench, jobs, 10, 4, STATUS_OK);
    bench_run(&bench);
    assert_int_equal(atomic_load(&bench.started_count), started_count + 1);
    assert_int_equal(jobs[10].told, STATUS_OK);
    for (unsigned i = 11; i < 14; i++)
        assert_int_equal(jobs[i].told, STATUS_UNAVAILABLE);
    submit(&bench, jobs, 14, 10, STATUS_OK);
    bench_run(&bench);
    for (unsigned i = 14; i < 24; i++)
        assert_int_equal(jobs[i].told, STATUS_OK);
    bench_fini(&bench);
}

/* Queues another job from inside a done, once. */
static void on_done_then_again(struct pool_job *job, enum status status, const struct error *error)
{
    struct bench_job *own = (struct bench_job *)job;
    on_done(job, status, error);
    submit(own->bench, own + 1, 0, 1, STATUS_OK);
}

static void test_a_job_may_be_queued_from_a_done(void **state)
{
    (void)state;
    struct bench bench;
    struct bench_job jobs[2];
    bench_init(&bench, 1, 0);
    submit(&bench, jobs, 0, 1, STATUS_OK);
    jobs[0].job.done = on_done_then_again;
    bench_run(&bench);
    assert_int_equal(bench.done_count, 2);
    assert_int_equal(jobs[1].told, STATUS_OK);
    bench_fini(&bench);
}

/* All calls of a lane wait on the gate, and its queue is full: the other lanes' calls come and go. */
static void test_a_blocked_lane_delays_no_other(void **state)
{
    (void)state;
    struct bench bench;
    struct bench_job writes[6], others[4];
    bench_init_lanes(
        &bench, &(struct pool_options){.lanes = {[POOL_READ] = {1, 1}, [POOL_WRITE] = {2, 3}, [POOL_CARE] = {1, 1}}});
    bench.gated = POOL_WRITE;
    submit_to(POOL_WRITE, &bench, writes, 0, 6, STATUS_OK);
    while (atomic_load(&bench.started_count) < 2)
        uv_sleep(1);
    submit_to(POOL_READ, &bench, others, 0, 2, STATUS_OK);
    submit_to(POOL_CARE, &bench, others, 2, 2, STATUS_OK);
    while (bench.done_count < 5)
        uv_run(&bench.loop, UV_RUN_ONCE);
    assert_int_equal(writes[5].told, STATUS_BUSY);
    for (unsigned i = 0; i < 4; i++)
        assert_int_equal(others[i].told, STATUS_OK);
    assert_int_equal(bench.stats.counter[STAT_STORE_BUSY_WRITE], 1);
    assert_int_equal(bench.stats.counter[STAT_STORE_BUSY_READ], 0);
    bench_run(&bench);
    assert_int_equal(bench.done_count, 10);
    bench_fini(&bench);
}

static void test_a_lane_that_fails_opens_its_own_breaker_only(void **state)
{
    (void)state;
    struct bench bench;
    struct bench_job writes[8], reads[8], cares[1];
    uint32_t retry_after_ms;
    bench_init_lanes(
        &bench, &(struct pool_options){.lanes = {[POOL_READ] = {1, 10}, [POOL_WRITE] = {1, 10}, [POOL_CARE] = {1, 0}}});
    submit_to(POOL_WRITE, &bench, writes, 0, 8, STATUS_UNAVAILABLE);
    submit_to(POOL_READ, &bench, reads, 0, 8, STATUS_OK);
    bench_run(&bench);
    assert_false(pool_is_open(bench.pool, POOL_WRITE, &retry_after_ms));
    assert_in_range(retry_after_ms, 1, 5000);
    assert_true(pool_is_open(bench.pool, POOL_READ, &retry_after_ms));
    assert_true(pool_is_open(bench.pool, POOL_CARE, &retry_after_ms));
    submit_to(POOL_READ, &bench, reads, 0, 1, STATUS_OK);
    submit_to(POOL_CARE, &bench, cares, 0, 1, STATUS_OK);
    bench_run(&bench);
    assert_int_equal(reads[0].told, STATUS_OK);
    assert_int_equal(cares[0].told, STATUS_OK);
    assert_false(pool_is_open(bench.pool, POOL_WRITE, &retry_after_ms)); /* others' answers don't close it */
    assert_int_equal(bench.stats.counter[STAT_STORE_AWAY_WRITE], 3);
    assert_int_equal(bench.stats.counter[STAT_STORE_AWAY_READ], 0);
    bench_fini(&bench);
}

static enum status refuse(void *ctx, struct error *error)
{
    return *(bool *)ctx ? error_set(error, STATUS_UNAVAILABLE, "its folder is not there") : STATUS_OK;
}

static void test_what_must_come_before_each_job_may_refuse_it(void **state)
{
    (void)state;
    struct bench bench;
    struct bench_job jobs[2] = {0};
    bool refuses = true;
    bench_init_lanes(
        &bench, &(struct pool_options){.lanes = {[POOL_READ] = {1, 10}}, .before = refuse, .before_ctx = &refuses});
    gate_open(&bench.gate);
    submit(&bench, jobs, 0, 1, STATUS_OK);
    bench_run(&bench);
    assert_int_equal(jobs[0].told, STATUS_UNAVAILABLE);
    assert_string_equal(jobs[0].text, "its folder is not there");
    assert_int_equal(atomic_load(&bench.started_count), 0);
    refuses = false;
    submit(&bench, jobs, 1, 1, STATUS_OK);
    bench_run(&bench);
    assert_int_equal(jobs[1].told, STATUS_OK);
    assert_int_equal(atomic_load(&bench.started_count), 1);
    bench_fini(&bench);
}

/* ---- Groups ---- */

/* A store whose group begins when the gate is open. */
struct grouping {
    struct store store;
    struct bench *bench;
    atomic_uint asked_count, begun_count;
    enum status begin, end;
    int64_t waiting_since_ms; /* of the last begin */
};

static enum status grouping_begin(struct store *store, int64_t waiting_since_ms, struct error *error)
{
    struct grouping *grouping = container_of(store, struct grouping, store);
    grouping->waiting_since_ms = waiting_since_ms;
    atomic_fetch_add(&grouping->asked_count, 1);
    gate_pass(&grouping->bench->gate);
    if (grouping->begin != STATUS_OK)
        return error_set(error, grouping->begin, "no begin");
    atomic_fetch_add(&grouping->begun_count, 1);
    return STATUS_OK;
}

static enum status grouping_end(struct store *store, struct error *error)
{
    const struct grouping *grouping = container_of(store, struct grouping, store);
    return grouping->end == STATUS_OK ? STATUS_OK : error_set(error, grouping->end, "no end");
}

static const struct store_ops GROUPING_OPS = {.group_begin = grouping_begin, .group_end = grouping_end};

static void bench_init_grouping(struct bench *bench, struct grouping *grouping)
{
    *grouping = (struct grouping){.store.ops = &GROUPING_OPS, .bench = bench};
    bench_init_lanes(bench, &(struct pool_options){.lanes = {[POOL_WRITE] = {1, 100, &grouping->store}}});
}

static void test_jobs_that_come_while_the_first_one_waits_are_one_group(void **state)
{
    (void)state;
    struct bench bench;
    struct grouping grouping;
    struct bench_job jobs[20];
    bench_init_grouping(&bench, &grouping);
    submit_to(POOL_WRITE, &bench, jobs, 0, 1, STATUS_OK);
    while (atomic_load(&grouping.asked_count) == 0)
        uv_sleep(1);
    submit_to(POOL_WRITE, &bench, jobs, 1, 18, STATUS_OK);
    submit_to(POOL_WRITE, &bench, jobs, 19, 1, STATUS_EXISTS);
    assert_int_equal(pool_busy_count(bench.pool), 20);
    bench_run(&bench);
    assert_int_equal(atomic_load(&grouping.begun_count), 1);
    for (unsigned i = 0; i < 20; i++) {
        assert_int_equal(jobs[i].start_order, i);
        assert_int_equal(bench.done_order[i], i);
        assert_int_equal(jobs[i].told, i == 19 ? STATUS_EXISTS : STATUS_OK);
        assert_int_equal(jobs[i].job.ended_at_us, jobs[0].job.ended_at_us);
    }
    assert_int_equal(histogram_count(&bench.stats.time[STAT_TIME_STORE]), 20);
    bench_fini(&bench);
}

static void test_a_failed_commit_is_told_to_all_of_its_group(void **state)
{
    static const enum status ends[] = {STATUS_UNKNOWN, STATUS_UNAVAILABLE};
    (void)state;
    for (unsigned i = 0; i < 2; i++) {
        struct bench bench;
        struct grouping grouping;
        struct bench_job jobs[3];
        bench_init_grouping(&bench, &grouping);
        grouping.end = ends[i];
        submit_to(POOL_WRITE, &bench, jobs, 0, 2, STATUS_OK);
        submit_to(POOL_WRITE, &bench, jobs, 2, 1, STATUS_EXISTS); /* perhaps only because of the others */
        bench_run(&bench);
        for (unsigned j = 0; j < 3; j++) {
            assert_int_equal(jobs[j].told, ends[i]);
            assert_string_equal(jobs[j].text, "no end");
        }
        bench_fini(&bench);
    }
}

/* The one that has waited longest is told; the others may still get their turn. */
static void test_of_a_group_that_can_not_begin_only_the_first_job_fails(void **state)
{
    (void)state;
    struct bench bench;
    struct grouping grouping;
    struct bench_job jobs[4];
    bench_init_grouping(&bench, &grouping);
    grouping.begin = STATUS_UNAVAILABLE;
    submit_to(POOL_WRITE, &bench, jobs, 0, 4, STATUS_OK);
    gate_open(&bench.gate);
    while (bench.done_count == 0)
        uv_run(&bench.loop, UV_RUN_ONCE);
    grouping.begin = STATUS_OK;
    bench_run(&bench);
    assert_int_equal(jobs[0].told, STATUS_UNAVAILABLE);
    assert_string_equal(jobs[0].text, "no begin");
    assert_int_equal(jobs[3].told, STATUS_OK);
    assert_int_equal(jobs[3].job.worked, true);
    assert_in_range(grouping.waiting_since_ms, jobs[1].job.queued_at_us / 1000, jobs[3].job.queued_at_us / 1000);
    bench_fini(&bench);
}

static void test_an_unused_pool_can_be_freed(void **state)
{
    (void)state;
    struct bench bench;
    bench_init(&bench, 4, 4);
    bench_fini(&bench);
    pool_free(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_no_more_jobs_run_at_once_than_allowed),
        cmocka_unit_test(test_jobs_start_in_their_order),
        cmocka_unit_test(test_a_full_queue_turns_jobs_away_and_counts_them),
        cmocka_unit_test(test_without_a_queue_a_free_slot_is_enough),
        cmocka_unit_test(test_failures_in_a_row_open_the_breaker_and_empty_the_queue),
        cmocka_unit_test(test_answers_of_the_store_are_no_failures),
        cmocka_unit_test(test_one_probe_goes_through_and_its_success_lets_all_pass),
        cmocka_unit_test(test_a_job_may_be_queued_from_a_done),
        cmocka_unit_test(test_a_blocked_lane_delays_no_other),
        cmocka_unit_test(test_a_lane_that_fails_opens_its_own_breaker_only),
        cmocka_unit_test(test_what_must_come_before_each_job_may_refuse_it),
        cmocka_unit_test(test_jobs_that_come_while_the_first_one_waits_are_one_group),
        cmocka_unit_test(test_a_failed_commit_is_told_to_all_of_its_group),
        cmocka_unit_test(test_of_a_group_that_can_not_begin_only_the_first_job_fails),
        cmocka_unit_test(test_an_unused_pool_can_be_freed),
    };
    return cmocka_run_group_tests_name("store pool", tests, NULL, NULL);
}
