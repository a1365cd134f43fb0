/* SPDX-License-Identifier: MIT */
/* Records of the outbox that wait for a shard which is away (cache/brought.c): what is there goes on as if there were none. */
#include "shards_bed.h"

#include "cache/brought.h"

static bool is_list_low(void)
{
    return slot_of_list() < HALF;
}

static struct fake_server *list_server(const struct bed *bed)
{
    return is_list_low() ? bed->server : server_b;
}

/* An id beside the list, or of the other primary. */
static const char *id_of(bool is_beside_list)
{
    return is_beside_list == is_list_low() ? low : high;
}

static void tend_often(struct bed *bed)
{
    for (int i = 0; i < 3; i++)
        tend(bed);
}

/* The list is away, and a todo was written: its record waits. All have brought it, and the todo was read again. */
static const char *wait_for_list(struct bed *bed)
{
    const char *id = id_of(false);
    fake_server_leave(list_server(bed));
    settle(bed);
    assert_int_equal(write_by(bed, 0, id), STATUS_OK);
    tend(bed);
    assert_int_equal(read_by(bed, 0, id, NULL), 2);
    return id;
}

static void come_back(struct bed *bed)
{
    list_server(bed)->away = false;
    pass(bed, 2 * FAKE_RECONNECT_MS);
    tend(bed);
    assert_all_trusted(bed);
    assert_int_equal(bed_outbox_count(bed), 0);
}

static void an_entry_is_hit_while_its_record_waits_for_the_list(void **state)
{
    struct bed *bed = *state;
    const char *id = wait_for_list(bed);
    tend_often(bed);
    assert_true(hits(bed, 0, id) && hits(bed, 1, id));
    assert_int_equal(bed_outbox_count(bed), 1);
    come_back(bed);
    assert_int_equal(read_by(bed, 1, id, NULL), 2);
}

static void pages_live_while_a_record_waits_for_its_todo(void **state)
{
    struct bed *bed = *state;
    char generation[64];
    const char *id = id_of(false);
    fake_server_leave(is_list_low() ? server_b : bed->server);
    settle(bed);
    assert_int_equal(write_by(bed, 0, id), STATUS_OK);
    tend(bed);
    snprintf(generation, sizeof(generation), "todos:%lld:{list}:gen",
             (long long)home_of_list(bed->workers[0].cache).epoch);
    fake_server_set_text(list_server(bed), generation, "a reader's");
    tend_often(bed);
    assert_true(fake_server_has(list_server(bed), generation));
    assert_int_equal(bed_outbox_count(bed), 1);
    (is_list_low() ? server_b : bed->server)->away = false;
    pass(bed, 2 * FAKE_RECONNECT_MS);
    tend(bed);
    assert_false(fake_server_has(list_server(bed), generation));
    assert_int_equal(bed_outbox_count(bed), 0);
    assert_int_equal(read_by(bed, 1, id, NULL), 2);
}

/* As by a writer that was frozen, and whose write was committed late. */
static void a_record_that_is_put_again_is_brought_again(void **state)
{
    struct bed *bed = *state;
    const char *id = wait_for_list(bed);
    struct store_fence record;
    struct error error;
    size_t count;
    assert_int_equal(store_outbox_list(bed->store, NULL, &record, 1, &count, &error), STATUS_OK);
    record.deadline_at_ms++;
    tend(bed);
    assert_true(hits(bed, 1, id));
    assert_int_equal(store_outbox_put(bed->store, &record, 1, &error), STATUS_OK);
    tend(bed);
    assert_false(hits(bed, 1, id));
    come_back(bed);
}

static void a_redis_that_may_have_lost_it_gets_it_again(void **state)
{
    struct bed *bed = *state;
    const char *id = wait_for_list(bed);
    struct fake_server *server = is_list_low() ? server_b : bed->server;
    tend(bed);
    assert_true(hits(bed, 1, id));
    fake_server_leave(server);
    settle(bed);
    server->away = false;
    pass(bed, 2 * FAKE_RECONNECT_MS);
    assert_int_equal(trusted_count(bed, 1), 1);
    assert_false(hits(bed, 1, id));
    come_back(bed);
}

static void what_a_whole_pass_does_not_meet_is_forgotten(void **state)
{
    struct brought *brought = brought_new();
    const struct home goal = {.slot = 7, .epoch = 8}, later = {.slot = 7, .epoch = 9};
    struct store_fence records[600];
    (void)state;
    for (size_t i = 0; i < 600; i++) {
        records[i] = (struct store_fence){.token = token_new(), .id = "x", .is_closed = true};
        brought_add(brought, &records[i], &goal);
    }
    assert_false(brought_has(brought, &records[0], &goal)); /* the pass goes on */
    brought_turn(brought, true);
    for (size_t i = 0; i < 600; i++) {
        assert_true(brought_has(brought, &records[i], &goal));
        assert_false(brought_has(brought, &records[i], &later));
    }
    brought_add(brought, &records[1], &goal);
    brought_turn(brought, false);
    assert_true(brought_has(brought, &records[0], &goal));
    brought_add(brought, &records[1], &goal);
    brought_turn(brought, true);
    assert_false(brought_has(brought, &records[0], &goal));
    assert_true(brought_has(brought, &records[1], &goal));
    brought_add(brought, &records[1], &goal);
    brought_forget(brought);
    assert_false(brought_has(brought, &records[1], &goal));
    brought_turn(brought, true);
    assert_false(brought_has(brought, &records[1], &goal));
    brought_free(brought);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        SHARDS_TEST(an_entry_is_hit_while_its_record_waits_for_the_list),
        SHARDS_TEST(pages_live_while_a_record_waits_for_its_todo),
        SHARDS_TEST(a_record_that_is_put_again_is_brought_again),
        SHARDS_TEST(a_redis_that_may_have_lost_it_gets_it_again),
        cmocka_unit_test(what_a_whole_pass_does_not_meet_is_forgotten),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
