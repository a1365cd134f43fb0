/* SPDX-License-Identifier: MIT */
/*
 * A cluster of two primaries under the cache (cache/shards.c, claim.c, grants.c, drain.c): slots move, a primary is lost, and no
 * entry of before is ever believed.
 */
#include "shards_bed.h"

#include "base/log.h"

/* ---- Who answers for what ---- */

static void each_id_is_kept_at_the_primary_of_its_slot(void **state)
{
    struct bed *bed = *state;
    char key[64];
    for (int i = 0; i < BED_WORKERS; i++)
        assert_true(hits(bed, i, low) && hits(bed, i, high));
    snprintf(key, sizeof(key), "todo:%lld:{%s}", (long long)home(bed, 0, low).epoch, low);
    assert_true(fake_server_has(bed->server, key));
    assert_false(fake_server_has(server_b, key));
    snprintf(key, sizeof(key), "todo:%lld:{%s}", (long long)home(bed, 0, high).epoch, high);
    assert_true(fake_server_has(server_b, key));
    assert_int_equal(home(bed, 0, low).epoch, home(bed, 1, low).epoch);
    assert_true(home(bed, 0, low).epoch != home(bed, 0, high).epoch);
}

static void writes_are_fenced_at_both_primaries(void **state)
{
    struct bed *bed = *state;
    assert_int_equal(write_by(bed, 0, low), STATUS_OK);
    assert_int_equal(write_by(bed, 1, high), STATUS_OK);
    assert_int_equal(read_by(bed, 1, low, NULL), 2);
    assert_int_equal(read_by(bed, 0, high, NULL), 2);
    assert_int_equal(bed_outbox_count(bed), 0);
    assert_int_equal(fake_store_calls(bed->store, FAKE_OUTBOX_PUT), 0);
}

/* ---- A primary is lost ---- */

static void a_lost_primary_takes_its_own_slots_alone(void **state)
{
    struct bed *bed = *state;
    const struct home before = home(bed, 0, low);
    fake_server_leave(server_b);
    settle(bed);
    assert_int_equal(trusted_count(bed, 0), 1);
    assert_int_equal(shards_count(bed->workers[0].cache->shards), 2);
    assert_int_equal(shards_missing_slots(bed->workers[0].cache->shards), SLOT_COUNT - HALF);
    assert_true(home_holds(&before));
    assert_true(hits(bed, 0, low));
    assert_false(hits(bed, 0, high));
}

/* As /readyz and the metrics tell it. */
static void the_cache_tells_how_many_primaries_are_trusted(void **state)
{
    struct bed *bed = *state;
    const struct cache *cache = bed->workers[0].cache;
    const char *reason;
    assert_int_equal(cache_lack(cache, &reason), TRUST_LACKS_NOTHING);
    assert_string_equal(cache_lacking_primary(cache), "");
    fake_server_leave(server_b);
    settle(bed);
    assert_int_equal(cache_trusted_count(cache), 1);
    assert_int_equal(cache_shard_count(cache), 2);
    assert_int_equal(cache_missing_slots(cache), SLOT_COUNT - HALF);
    assert_int_equal(cache_lack(cache, &reason), TRUST_LACKS_REDIS);
    assert_string_equal(cache_lacking_primary(cache), "fake:b");
    assert_true(cache_is_trusted(cache));
    fake_cluster_forget("fake:b");
    settle(bed);
    assert_int_equal(cache_shard_count(cache), 1);
    assert_int_equal(cache_lack(cache, &reason), TRUST_LACKS_REDIS);
    assert_text("reason", slice_of(reason), SLICE("some slots have no primary"));
    fake_server_leave(bed->server);
    settle(bed);
    assert_false(cache_is_trusted(cache));
    bed->server->away = false;
    pass(bed, 2 * FAKE_RECONNECT_MS);
}

static void the_same_primary_comes_back_with_its_entries(void **state)
{
    struct bed *bed = *state;
    int64_t epoch = home(bed, 0, high).epoch;
    fake_server_leave(server_b);
    settle(bed);
    server_b->away = false;
    pass(bed, 2 * FAKE_RECONNECT_MS);
    assert_all_trusted(bed);
    assert_int_equal(home(bed, 0, high).epoch, epoch);
    assert_true(hits(bed, 0, high) && hits(bed, 1, high));
}

static void a_primary_that_was_restarted_loses_its_entries_and_no_others(void **state)
{
    struct bed *bed = *state;
    const struct home before = home(bed, 1, low);
    int64_t epoch = home(bed, 0, high).epoch;
    fake_server_leave(server_b);
    settle(bed);
    fake_server_restart(server_b, "run-c", true);
    pass(bed, 2 * FAKE_RECONNECT_MS);
    tend(bed);
    assert_all_trusted(bed);
    assert_true(home(bed, 0, high).epoch > epoch);
    assert_false(hits(bed, 0, high));
    assert_true(home_holds(&before));
    assert_true(hits(bed, 1, low));
}

static void a_write_while_its_primary_is_away_is_drained_before_it_is_trusted_again(void **state)
{
    struct bed *bed = *state;
    fake_server_leave(server_b);
    settle(bed);
    assert_int_equal(write_by(bed, 0, high), STATUS_OK);
    tend(bed); /* a's drains pass the record by */
    assert_int_equal(bed_outbox_count(bed), 1);
    assert_true(hits(bed, 0, low));
    server_b->away = false;
    pass(bed, 2 * FAKE_RECONNECT_MS);
    assert_int_equal(read_by(bed, 1, high, NULL), 2);
    tend(bed);
    assert_int_equal(bed_outbox_count(bed), 0);
}

/* Each of its drains is overtaken by another write of this todo. */
static void a_slot_whose_writes_overtake_each_drain_is_not_granted_and_the_others_are(void **state)
{
    struct bed *bed = *state;
    struct error error;
    struct cache *cache = bed->workers[0].cache;
    struct store_fence record = {.deadline_at_ms = clock_wall_ms() + 60000, .is_closed = true};
    memcpy(record.id, high, strlen(high) + 1);
    fake_server_leave(server_b);
    settle(bed);
    fake_pool_hold(bed->workers[0].pool, true);
    server_b->away = false;
    pass(bed, 2 * FAKE_RECONNECT_MS);
    for (int i = 0; i < 100 && fake_pool_work(bed->workers[0].pool); i++) {
        record.token = token_new();
        assert_int_equal(store_outbox_put(bed->store, &record, 1, &error), STATUS_OK);
        outbox_note_closed(cache->outbox, (const char *const[]){high}, 1);
        while (fake_pool_done(bed->workers[0].pool))
            settle(bed);
    }
    const struct home late = home(bed, 0, high);
    assert_false(home_holds(&late));
    assert_int_equal(trusted_count(bed, 0), 2);
    assert_int_equal(shards_missing_slots(cache->shards), 1);
    fake_pool_hold(bed->workers[0].pool, false);
    tend(bed);
    assert_all_trusted(bed);
    assert_int_equal(bed_outbox_count(bed), 0);
}

static unsigned told_count;

static void count_told(const char *line, size_t len)
{
    (void)len;
    told_count += strstr(line, "event=slots_trusted ") != NULL;
}

/* A slot was lost for a moment, and writes overtake each of its drains: the log has a line when it is granted, and none before. */
static void a_slot_is_told_when_it_is_granted_and_not_while_it_waits(void **state)
{
    struct bed *bed = *state;
    struct worker *worker = &bed->workers[0];
    fake_pool_hold(worker->pool, true);
    fake_cluster_move("fake:a", slot_of(high), slot_of(high));
    fake_cluster_move("fake:b", slot_of(high), slot_of(high));
    settle(bed);
    told_count = 0; /* the other worker has the slot already */
    log_init(LOG_INFO, count_told);
    for (int i = 0; i < 3; i++) {
        worker_tend(worker);
        settle(bed);
        while (fake_pool_work(worker->pool)) {
            outbox_note_closed(worker->cache->outbox, (const char *const[]){high}, 1);
            while (fake_pool_done(worker->pool))
                settle(bed);
        }
        assert_int_equal(shards_missing_slots(worker->cache->shards), 1);
    }
    assert_int_equal(told_count, 0);
    fake_pool_hold(worker->pool, false);
    tend(bed);
    assert_all_trusted(bed);
    assert_int_equal(told_count, 1);
}

/* The id's shard is there, the list's is not: the record waits for both. */
static void a_record_waits_until_the_list_has_been_told_as_well(void **state)
{
    struct bed *bed = *state;
    bool is_list_low = slot_of_list() < HALF;
    const char *id = is_list_low ? high : low;
    struct fake_server *server = is_list_low ? bed->server : server_b;
    fake_server_leave(server);
    settle(bed);
    assert_int_equal(write_by(bed, 0, id), STATUS_OK);
    tend(bed);
    assert_int_equal(bed_outbox_count(bed), 1);
    assert_int_equal(read_by(bed, 1, id, NULL), 2);
    assert_int_equal(trusted_count(bed, 0), 1);
    server->away = false;
    pass(bed, 2 * FAKE_RECONNECT_MS);
    assert_all_trusted(bed);
    tend(bed);
    assert_int_equal(bed_outbox_count(bed), 0);
}

/* The record gives the list's slot to another one, which has gone: nobody has it, though the id's primary still names it. */
static void a_record_waits_while_the_list_is_merely_claimed(void **state)
{
    struct bed *bed = *state;
    bool is_list_low = slot_of_list() < HALF;
    const char *id = is_list_low ? low : high, *other = is_list_low ? "fake:b" : "fake:a";
    fake_cluster_share(other, slot_of_list());
    settle(bed);
    tend(bed);
    fake_server_leave(is_list_low ? server_b : bed->server);
    settle(bed);
    assert_int_equal(write_by(bed, 0, id), STATUS_OK);
    fake_cluster_forget(other);
    fake_cluster_share(is_list_low ? "fake:a" : "fake:b", is_list_low ? HALF : 0);
    settle(bed);
    const struct home list = home_of_list(bed->workers[0].cache);
    assert_true(list.trust == home(bed, 0, id).trust && !home_holds(&list));
    assert_int_equal(bed_outbox_count(bed), 1);
    for (int i = 0; i < 3; i++) {
        pass(bed, 1000);
        tend(bed);
    }
    const struct home taken = home_of_list(bed->workers[0].cache);
    assert_true(home_holds(&taken));
    assert_int_equal(bed_outbox_count(bed), 0);
    bed_stop_workers(bed);
}

/* The id's shard knows that all epochs have moved on, the list's does not yet. */
static void a_record_waits_until_the_lists_shard_knows_its_epoch(void **state)
{
    struct bed *bed = *state;
    struct error error;
    const char *id = slot_of_list() < HALF ? high : low;
    struct store_fence record = {.token = token_new(), .deadline_at_ms = clock_wall_ms() + 60000, .is_closed = true};
    memcpy(record.id, id, strlen(id) + 1);
    bed_move_epoch(&bed->workers[0]);
    assert_int_equal(store_outbox_put(bed->store, &record, 1, &error), STATUS_OK);
    fake_store_fail(bed->store, FAKE_META_GET, 0, STATUS_UNAVAILABLE);
    worker_tend(&bed->workers[0]);
    settle(bed);
    const struct home list = home_of_list(bed->workers[0].cache), now = home(bed, 0, id);
    assert_true(home_holds(&list) && list.serial < now.serial);
    assert_int_equal(bed_outbox_count(bed), 1);
    tend(bed);
    tend(bed);
    assert_all_trusted(bed);
    assert_int_equal(bed_outbox_count(bed), 0);
}

/* To the server of its id, which has been away, and refuses it. The list is at the other one. */
static void bring_record(struct bed *bed, const char *refusal)
{
    assert_true(slot_of_list() >= HALF);
    fake_server_leave(bed->server);
    settle(bed);
    assert_int_equal(write_by(bed, 0, low), STATUS_OK);
    fake_server_refuse(bed->server, "UNFENCE", refusal);
    bed->server->away = false;
    pass(bed, 2 * FAKE_RECONNECT_MS);
}

/* Its keys are parted, so Redis runs no script of several. Single commands take its place, and nothing waits. */
static void a_record_whose_slot_is_on_its_way_is_brought_key_by_key(void **state)
{
    struct bed *bed = *state;
    bring_record(bed, "TRYAGAIN Multiple keys request during rehashing of slot");
    tend(bed);
    assert_all_trusted(bed);
    assert_int_equal(bed_outbox_count(bed), 0);
    assert_int_equal(read_by(bed, 1, low, NULL), 2);
}

/* It has gone, and nobody has said so before. Nothing else waits for it. */
static void a_record_whose_slot_has_moved_costs_trust_in_that_slot_alone(void **state)
{
    struct bed *bed = *state;
    bring_record(bed, "MOVED 1 127.0.0.1:1");
    for (int i = 0; i < BED_WORKERS; i++) {
        const struct home now = home(bed, i, low);
        assert_false(home_holds(&now));
        assert_int_equal(trusted_count(bed, i), 2);
        assert_int_equal(shards_missing_slots(bed->workers[i].cache->shards), 1);
    }
    assert_int_equal(read_by(bed, 1, low, NULL), 2);
    assert_int_equal(bed_outbox_count(bed), 1);
    fake_server_refuse(bed->server, NULL, NULL);
    tend(bed);
    tend(bed);
    assert_all_trusted(bed);
    assert_int_equal(bed_outbox_count(bed), 0);
    assert_int_equal(read_by(bed, 0, low, NULL), 2);
    assert_true(hits(bed, 1, low));
}

/* ---- A slot moves ---- */

static void a_slot_that_moved_starts_empty_and_the_others_keep_all(void **state)
{
    struct bed *bed = *state;
    const struct home before = home(bed, 0, high);
    int64_t epoch = home(bed, 0, low).epoch;
    fake_cluster_move("fake:b", slot_of(low), slot_of(low));
    const struct home now = home(bed, 0, low);
    assert_false(home_holds(&now)); /* nobody's at once */
    settle(bed);
    tend(bed);
    assert_all_trusted(bed);
    assert_true(home(bed, 0, low).epoch > epoch);
    assert_true(home_holds(&before)); /* trust was not withdrawn for what b had */
    assert_false(hits(bed, 0, low));
    assert_true(hits(bed, 1, low));
    assert_true(hits(bed, 0, high));
    assert_int_equal(home(bed, 0, low).epoch, home(bed, 1, low).epoch);
}

static void a_slot_that_went_and_came_back_has_none_of_its_old_entries(void **state)
{
    struct bed *bed = *state;
    int64_t epoch = home(bed, 0, low).epoch;
    fake_cluster_move("fake:b", slot_of(low), slot_of(low));
    settle(bed);
    tend(bed);
    assert_int_equal(write_by(bed, 0, low), STATUS_OK);
    fake_cluster_move("fake:a", slot_of(low), slot_of(low));
    settle(bed);
    tend(bed);
    assert_all_trusted(bed);
    assert_true(home(bed, 0, low).epoch > epoch);
    assert_false(hits(bed, 0, low));
    assert_int_equal(read_by(bed, 1, low, NULL), 2);
}

/* So fast that no worker claimed it for the other one: the entries are the slot's still, but for those that were written. */
static void a_slot_that_was_away_for_a_moment_is_drained_before_it_counts_again(void **state)
{
    struct bed *bed = *state;
    bed_hold(&bed->workers[1], true);
    fake_pool_hold(bed->workers[0].pool, true);
    fake_cluster_move("fake:b", slot_of(low), slot_of(low));
    fake_cluster_move("fake:a", slot_of(low), slot_of(low));
    const struct home now = home(bed, 0, low);
    assert_false(home_holds(&now));
    fake_pool_hold(bed->workers[0].pool, false);
    bed_hold(&bed->workers[1], false);
    settle(bed);
    tend(bed);
    tend(bed);
    assert_all_trusted(bed);
    assert_int_equal(read_by(bed, 0, low, NULL), 1);
}

/* At the end of a planned move: the record goes to the one that has begun to name the slot, and not back. */
static void of_two_that_claim_a_slot_the_later_one_gets_it(void **state)
{
    struct bed *bed = *state;
    fake_cluster_share("fake:b", slot_of(low));
    settle(bed);
    tend(bed);
    int64_t epoch = home(bed, 0, low).epoch;
    assert_int_equal(fake_store_meta(bed->store)->epoch, epoch);
    for (int i = 0; i < BED_WORKERS; i++)
        assert_ptr_equal(home(bed, i, low).trust, home(bed, i, high).trust);
    fake_cluster_move("fake:b", slot_of(low), slot_of(low));
    settle(bed);
    pass(bed, 1000);
    tend(bed);
    assert_all_trusted(bed);
    assert_int_equal(home(bed, 0, low).epoch, epoch);
}

/* For example: the later one has died, and the earlier one names the slot, as it did all the time. */
static void a_claim_that_lasts_is_met_in_the_end(void **state)
{
    struct bed *bed = *state;
    fake_cluster_share("fake:b", slot_of(low));
    settle(bed);
    fake_server_leave(server_b);
    settle(bed);
    for (int i = 0; i < 3; i++) {
        pass(bed, 1000);
        tend(bed);
    }
    for (int i = 0; i < BED_WORKERS; i++) {
        const struct home now = home(bed, i, low);
        assert_true(home_holds(&now));
    }
}

static void a_claim_is_met_although_others_begin_meanwhile(void **state)
{
    struct bed *bed = *state;
    bool is_met = false;
    fake_cluster_share("fake:b", slot_of(low));
    settle(bed);
    tend(bed);
    assert_ptr_equal(home(bed, 0, low).trust, home(bed, 0, high).trust);
    for (unsigned i = 1; i <= 4; i++) {
        fake_cluster_share("fake:b", slot_of(low) + i);
        settle(bed);
        pass(bed, 500);
        tend(bed);
        is_met |= home(bed, 0, low).trust != home(bed, 0, high).trust;
    }
    assert_true(is_met);
}

/* It has been a replica for a moment, and its connections were kept. */
static void a_primary_is_asked_who_it_is_before_it_gets_a_slot(void **state)
{
    struct bed *bed = *state;
    int64_t epoch = home(bed, 0, high).epoch;
    memset(server_b->redis->replication_id, 'f', sizeof(server_b->redis->replication_id) - 1);
    fake_cluster_move("fake:b", slot_of(low), slot_of(low));
    settle(bed);
    pass(bed, 2 * FAKE_RECONNECT_MS);
    assert_true(home(bed, 0, high).epoch > epoch);
    assert_true(home(bed, 1, high).epoch > epoch);
    tend(bed);
    assert_all_trusted(bed);
}

static void all_slots_of_a_primary_can_go(void **state)
{
    struct bed *bed = *state;
    fake_cluster_move("fake:a", HALF, SLOT_COUNT - 1);
    settle(bed);
    tend(bed);
    for (int i = 0; i < BED_WORKERS; i++) {
        assert_int_equal(shards_count(bed->workers[i].cache->shards), 1);
        assert_int_equal(trusted_count(bed, i), 1);
        assert_int_equal(shards_missing_slots(bed->workers[i].cache->shards), 0);
    }
    fake_cluster_forget("fake:b");
    settle(bed);
    tend(bed);
    assert_int_equal(read_by(bed, 0, high, NULL), 1);
    assert_true(hits(bed, 1, high));
    assert_true(hits(bed, 1, low));
}

/* A failover: another server, with what the lost one had. */
static void a_replica_that_takes_over_has_another_epoch(void **state)
{
    struct bed *bed = *state;
    struct fake_server *replica = fake_server_new("fake:c", "run-c");
    int64_t epoch = home(bed, 0, high).epoch;
    fake_server_leave(server_b);
    settle(bed);
    fake_cluster_forget("fake:b");
    fake_cluster_move("fake:c", HALF, SLOT_COUNT - 1);
    settle(bed);
    tend(bed);
    assert_all_trusted(bed);
    assert_true(home(bed, 0, high).epoch > epoch);
    assert_false(hits(bed, 0, high));
    assert_true(hits(bed, 1, high));
    assert_true(hits(bed, 0, low));
    bed_stop_workers(bed);
    fake_server_free(replica);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        SHARDS_TEST(each_id_is_kept_at_the_primary_of_its_slot),
        SHARDS_TEST(writes_are_fenced_at_both_primaries),
        SHARDS_TEST(a_lost_primary_takes_its_own_slots_alone),
        SHARDS_TEST(the_cache_tells_how_many_primaries_are_trusted),
        SHARDS_TEST(the_same_primary_comes_back_with_its_entries),
        SHARDS_TEST(a_primary_that_was_restarted_loses_its_entries_and_no_others),
        SHARDS_TEST(a_write_while_its_primary_is_away_is_drained_before_it_is_trusted_again),
        SHARDS_TEST(a_slot_whose_writes_overtake_each_drain_is_not_granted_and_the_others_are),
        SHARDS_TEST(a_slot_is_told_when_it_is_granted_and_not_while_it_waits),
        SHARDS_TEST(a_record_waits_until_the_list_has_been_told_as_well),
        SHARDS_TEST(a_record_waits_while_the_list_is_merely_claimed),
        SHARDS_TEST(a_record_waits_until_the_lists_shard_knows_its_epoch),
        SHARDS_TEST(a_record_whose_slot_is_on_its_way_is_brought_key_by_key),
        SHARDS_TEST(a_record_whose_slot_has_moved_costs_trust_in_that_slot_alone),
        SHARDS_TEST(a_slot_that_moved_starts_empty_and_the_others_keep_all),
        SHARDS_TEST(a_slot_that_went_and_came_back_has_none_of_its_old_entries),
        SHARDS_TEST(a_slot_that_was_away_for_a_moment_is_drained_before_it_counts_again),
        SHARDS_TEST(of_two_that_claim_a_slot_the_later_one_gets_it),
        SHARDS_TEST(a_claim_that_lasts_is_met_in_the_end),
        SHARDS_TEST(a_claim_is_met_although_others_begin_meanwhile),
        SHARDS_TEST(a_primary_is_asked_who_it_is_before_it_gets_a_slot),
        SHARDS_TEST(all_slots_of_a_primary_can_go),
        SHARDS_TEST(a_replica_that_takes_over_has_another_epoch),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
