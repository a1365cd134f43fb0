/* SPDX-License-Identifier: MIT */
/*
 * Two machines on one Redis, a worker and an L1 each: worker 0 writes, worker 1 has kept todo "a" at version 1.
 */
#include "cache_bed.h"

#include "base/mem.h"
#include "cache/cache_state.h"
#include "peers/peers.h"

enum { LICENCE_MS = 285, RENEW_MS = 100, WAIT_MAX_MS = 290 };

static int begin(void **state)
{
    bed_begin_machines(state);
    struct bed *bed = *state;
    bed->settings.xfetch_beta = 0;
    fake_store_put(bed->store, "a", 1);
    assert_int_equal(bed_read(bed, &bed->workers[1], "a"), 1);
    fake_journal_reset();
    return 0;
}

/* The version that the L1 of worker 1 answers; -1: it doesn't. */
static int64_t l1_v(struct bed *bed, const char *id)
{
    struct reader reader;
    return reader_ask_l1(&reader, &bed->workers[1], id) ? reader.v : -1;
}

/* Until the write is answered; before that, the other machine may have what it had. Returns how long it took. */
static int64_t pass_until_answered(struct bed *bed, const struct writer *writer)
{
    int64_t passed_ms = 0;
    bed_settle(bed);
    for (; writer->answers == 0 && passed_ms < 1000; passed_ms++)
        bed_pass(bed, 1);
    assert_int_equal(writer->answers, 1);
    assert_int_equal(writer->status, STATUS_OK);
    return passed_ms;
}

static int64_t write_ms(struct bed *bed, struct worker *worker, const char *id)
{
    struct writer writer;
    writer_start(&writer, worker, id);
    return pass_until_answered(bed, &writer);
}

static void a_write_waits_until_the_other_machine_has_applied_it(void **state)
{
    struct bed *bed = *state;
    assert_int_equal(l1_v(bed, "a"), 1);
    assert_true(write_ms(bed, &bed->workers[0], "a") <= 3);
    assert_int_equal(l1_v(bed, "a"), -1);
    assert_int_equal(bed_counter(&bed->workers[0], STAT_TELL_APPLIED), 1);
    assert_int_equal(bed_read(bed, &bed->workers[1], "a"), 2);
    assert_int_equal(l1_v(bed, "a"), 2);
}

static void the_store_is_not_asked_before_that(void **state)
{
    struct bed *bed = *state;
    struct writer writer;
    fake_subscription_lose("told");
    writer_start(&writer, &bed->workers[0], "a");
    bed_settle(bed);
    assert_int_equal(fake_store_v(bed->store, "a"), 1);
    assert_int_equal(l1_v(bed, "a"), 1);
    pass_until_answered(bed, &writer);
    assert_int_equal(fake_store_v(bed->store, "a"), 2);
    assert_int_equal(l1_v(bed, "a"), -1);
}

static void a_lost_message_costs_a_renew(void **state)
{
    struct bed *bed = *state;
    fake_subscription_lose("told");
    int64_t waited_ms = write_ms(bed, &bed->workers[0], "a");
    assert_true(waited_ms > 3 && waited_ms <= RENEW_MS + 5);
    assert_int_equal(l1_v(bed, "a"), -1);
}

static void a_gap_in_the_messages_is_not_acknowledged(void **state)
{
    struct bed *bed = *state;
    struct writer first, second;
    assert_int_equal(bed_read(bed, &bed->workers[1], "b"), 0);
    assert_int_equal(l1_v(bed, "b"), 0);
    fake_subscription_lose("told");
    writer_start(&first, &bed->workers[0], "b");
    bed_settle(bed);
    fake_subscription_lose("");
    writer_start(&second, &bed->workers[0], "a");
    pass_until_answered(bed, &second);
    assert_int_equal(l1_v(bed, "a"), -1);
    assert_int_equal(l1_v(bed, "b"), -1);
    assert_int_equal(first.answers, 1);
}

static void a_frozen_machine_is_waited_for_once(void **state)
{
    struct bed *bed = *state;
    bed_hold(&bed->workers[1], true);
    int64_t waited_ms = write_ms(bed, &bed->workers[0], "a");
    assert_true(waited_ms > RENEW_MS && waited_ms <= WAIT_MAX_MS);
    assert_int_equal(l1_v(bed, "a"), -1);
    assert_int_equal(bed_counter(&bed->workers[0], STAT_TELL_OVER), 1);
    assert_int_equal(write_ms(bed, &bed->workers[0], "a"), 0);
    bed_hold(&bed->workers[1], false);
    bed_pass(bed, 2 * RENEW_MS);
    assert_int_equal(l1_v(bed, "a"), -1);
    assert_int_equal(bed_read(bed, &bed->workers[1], "a"), 3);
    assert_int_equal(l1_v(bed, "a"), 3);
    assert_true(bed_counter(&bed->workers[1], STAT_LICENCE_LOST) > 0);
}

static void a_licence_counts_from_before_its_renew(void **state)
{
    struct bed *bed = *state;
    struct redis *redis = bed_connection(&bed->workers[1]);
    bed_hold(&bed->workers[1], true);
    bed_pass(bed, LICENCE_MS - RENEW_MS - 10);
    while (fake_redis_execute(redis))
        continue;
    bed_pass(bed, RENEW_MS + 20); /* the answers are on their way all the time */
    assert_int_equal(l1_v(bed, "a"), -1);
    bed_hold(&bed->workers[1], false);
    bed_settle(bed);
    assert_int_equal(l1_v(bed, "a"), 1); /* of the renew that was sent last */
    bed_hold(&bed->workers[1], true);
    bed_pass(bed, RENEW_MS);
    assert_int_equal(l1_v(bed, "a"), -1);
    bed_hold(&bed->workers[1], false);
}

static void who_has_renewed_is_not_expelled(void **state)
{
    struct bed *bed = *state;
    fake_subscription_lose("applied");
    assert_true(write_ms(bed, &bed->workers[0], "a") > LICENCE_MS);
    fake_subscription_lose("");
    bed_pass(bed, 2 * RENEW_MS);
    assert_int_equal(bed_counter(&bed->workers[1], STAT_LICENCE_LOST), 0);
    assert_int_equal(bed_read(bed, &bed->workers[1], "a"), 2);
    assert_int_equal(l1_v(bed, "a"), 2);
    assert_true(write_ms(bed, &bed->workers[0], "a") > 0);
    assert_int_equal(l1_v(bed, "a"), -1);
}

static void lost_trust_ends_hits_at_once(void **state)
{
    struct bed *bed = *state;
    fake_redis_cut(bed_connection(&bed->workers[1]));
    assert_int_equal(l1_v(bed, "a"), -1);
}

static void if_redis_loses_the_holders_they_join_anew_and_clear(void **state)
{
    struct bed *bed = *state;
    fake_server_evict(bed->server, "todos:1:{list}:holders");
    assert_int_equal(write_ms(bed, &bed->workers[0], "a"), 0);
    bed_pass(bed, 2 * RENEW_MS + 5);
    assert_true(fake_server_has(bed->server, "todos:1:{list}:holders"));
    assert_int_equal(l1_v(bed, "a"), -1);
    assert_true(write_ms(bed, &bed->workers[0], "a") > 0);
}

static void an_evicted_box_clears_the_table(void **state)
{
    struct bed *bed = *state;
    struct writer writer;
    assert_int_equal(bed_read(bed, &bed->workers[1], "b"), 0);
    fake_subscription_lose("told");
    writer_start(&writer, &bed->workers[0], "a");
    bed_settle(bed);
    assert_true(sim_redis_evict(bed->server->redis, "todos:1:{list}:holders:*"));
    pass_until_answered(bed, &writer);
    assert_int_equal(l1_v(bed, "a"), -1);
    assert_int_equal(l1_v(bed, "b"), -1);
}

static void on_told(void *ctx, enum peers_outcome outcome)
{
    *(unsigned *)ctx += outcome == PEERS_TOLD;
}

static void a_box_that_grows_too_large_clears_the_table(void **state)
{
    struct bed *bed = *state;
    enum { IDS = 3000 };
    char(*texts)[8] = mem_alloc(IDS * sizeof(*texts));
    const char **ids = mem_alloc(IDS * sizeof(*ids));
    unsigned told = 0;
    for (int i = 0; i < IDS; i++) {
        snprintf(texts[i], sizeof(texts[i]), "x%d", i);
        ids[i] = texts[i];
    }
    fake_subscription_lose("told");
    struct cache *cache = bed->workers[0].cache;
    peers_tell(cache->options.peers, cache_redis(cache), 1, ids, IDS, true, on_told, &told);
    bed_pass(bed, 2 * RENEW_MS);
    assert_int_equal(told, 1);
    assert_int_equal(l1_v(bed, "a"), -1);
    free(ids);
    free(texts);
}

/* Worker 0 has committed, its mark is lost, and the other machine keeps what it reads. */
static void a_write_that_lost_its_mark_tells_again_before_its_answer(void **state)
{
    struct bed *bed = *state;
    struct writer writer;
    struct worker *held = &bed->workers[0];
    writer_start(&writer, held, "a");
    bed_settle(bed);
    bed_hold(held, true);
    bed_pass(bed, 2); /* told, applied, and the store is asked when the test says so */
    fake_server_evict(bed->server, "todo:1:{a}:writers");
    assert_int_equal(bed_read(bed, &bed->workers[1], "a"), 1);
    assert_int_equal(l1_v(bed, "a"), 1);
    bed_store(held);
    bed_hold(held, false);
    pass_until_answered(bed, &writer);
    assert_int_equal(l1_v(bed, "a"), -1);
}

static void what_a_drain_brings_to_redis_is_told(void **state)
{
    struct bed *bed = *state;
    struct writer writer;
    bed_hold(&bed->workers[0], true);
    fake_redis_cut(bed_connection(&bed->workers[0]));
    writer_start(&writer, &bed->workers[0], "a");
    bed_store(&bed->workers[0]);
    bed_hold(&bed->workers[0], false);
    pass_until_answered(bed, &writer);
    bed_pass(bed, 100);
    bed_tend(bed);
    bed_pass(bed, 2 * RENEW_MS);
    assert_int_equal(bed_outbox_count(bed), 0);
    assert_int_equal(l1_v(bed, "a"), -1);
}

static void a_worker_that_ends_gives_its_licence_back(void **state)
{
    struct bed *bed = *state;
    while (!cache_settle(bed->workers[1].cache))
        bed_pass(bed, 1);
    assert_int_equal(l1_v(bed, "a"), -1);
    assert_int_equal(write_ms(bed, &bed->workers[0], "a"), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_write_waits_until_the_other_machine_has_applied_it, begin, bed_end),
        cmocka_unit_test_setup_teardown(the_store_is_not_asked_before_that, begin, bed_end),
        cmocka_unit_test_setup_teardown(a_lost_message_costs_a_renew, begin, bed_end),
        cmocka_unit_test_setup_teardown(a_gap_in_the_messages_is_not_acknowledged, begin, bed_end),
        cmocka_unit_test_setup_teardown(a_frozen_machine_is_waited_for_once, begin, bed_end),
        cmocka_unit_test_setup_teardown(a_licence_counts_from_before_its_renew, begin, bed_end),
        cmocka_unit_test_setup_teardown(who_has_renewed_is_not_expelled, begin, bed_end),
        cmocka_unit_test_setup_teardown(lost_trust_ends_hits_at_once, begin, bed_end),
        cmocka_unit_test_setup_teardown(if_redis_loses_the_holders_they_join_anew_and_clear, begin, bed_end),
        cmocka_unit_test_setup_teardown(an_evicted_box_clears_the_table, begin, bed_end),
        cmocka_unit_test_setup_teardown(a_box_that_grows_too_large_clears_the_table, begin, bed_end),
        cmocka_unit_test_setup_teardown(a_write_that_lost_its_mark_tells_again_before_its_answer, begin, bed_end),
        cmocka_unit_test_setup_teardown(what_a_drain_brings_to_redis_is_told, begin, bed_end),
        cmocka_unit_test_setup_teardown(a_worker_that_ends_gives_its_licence_back, begin, bed_end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
