/* SPDX-License-Identifier: MIT */
/* redis/cluster.h against servers that say what the test wants, over real sockets. */
#include "redis_bed.h"

#include "fake_node.h"
#include "redis/cluster.h"
#include "redis/redis_encode.h"
#include "redis/slot_map.h"

enum { NODES = 3, SPARE = NODES, ALL_NODES, THIRD = 6000 }; /* a slot's number / THIRD: the node that has it */

static struct fake_node nodes[ALL_NODES];
static struct cluster *cluster;
static struct seen {
    struct cluster_node *node; /* NULL: it is none (any more) */
    bool is_up;
    unsigned claims; /* so often */
} seen[ALL_NODES];

/* All nodes tell that the thirds belong to these. */
static void tell_owners(int first, int second, int third)
{
    const int owners[] = {first, second, third};
    char text[sizeof(nodes[0].slots)];
    int len = snprintf(text, sizeof(text), "*3\r\n");
    for (int i = 0; i < NODES; i++)
        len += snprintf(text + len, sizeof(text) - (size_t)len,
                        "*3\r\n:%d\r\n:%d\r\n*3\r\n$9\r\n127.0.0.1\r\n:%d\r\n$2\r\nid\r\n", i * THIRD,
                        i == NODES - 1 ? SLOT_COUNT - 1 : (i + 1) * THIRD - 1, nodes[owners[i]].port);
    for (int i = 0; i < ALL_NODES; i++)
        memcpy(nodes[i].slots, text, sizeof(text));
}

static int begin(void **state)
{
    redis_begin(state);
    memset(seen, 0, sizeof(seen));
    for (int i = 0; i < ALL_NODES; i++)
        fake_node_begin(&nodes[i]);
    tell_owners(0, 1, 2);
    return 0;
}

static int end(void **state)
{
    cluster_free(cluster);
    cluster = NULL;
    for (int i = 0; i < ALL_NODES; i++)
        fake_node_end(&nodes[i]);
    return redis_end(state);
}

/* ---- What is told of nodes ---- */

static struct seen *seen_of(const struct cluster_node *node)
{
    int i = 0;
    while (nodes[i].port != redis_peer(node->redis)->port)
        assert_true(++i < ALL_NODES);
    return &seen[i];
}

static void on_node_up(void *ctx, struct cluster_node *node)
{
    struct seen *of = seen_of(node);
    assert_ptr_equal(ctx, seen);
    assert_true(!of->is_up && redis_is_up(node->redis));
    assert_true(!of->node || of->node == node);
    of->node = node;
    of->is_up = true;
}

static void on_node_claims(void *ctx, struct cluster_node *node)
{
    (void)ctx;
    assert_true(seen_of(node)->is_up);
    seen_of(node)->claims++;
}

static void on_node_down(void *ctx, struct cluster_node *node)
{
    (void)ctx;
    assert_true(seen_of(node)->is_up);
    seen_of(node)->is_up = false;
}

static void on_node_gone(void *ctx, struct cluster_node *node)
{
    (void)ctx;
    assert_true(seen_of(node)->node && !seen_of(node)->is_up);
    seen_of(node)->node = NULL;
}

static const struct cluster_events tell = {
    .on_up = on_node_up, .on_claims = on_node_claims, .on_down = on_node_down, .on_gone = on_node_gone, .ctx = seen};

/* The setting names two of them. */
static void open_at(int first, int second)
{
    char address[64];
    struct error error;
    snprintf(address, sizeof(address), "cluster://127.0.0.1:%d,127.0.0.1:%d", nodes[first].port, nodes[second].port);
    struct redis_options options = options_of(address);
    options.timeout_ms = 1000; /* a busy machine is no silent server */
    assert_int_equal(cluster_new(&cluster, &options, &tell, &error), STATUS_OK);
}

static bool is_claimed_by(int port, unsigned slot)
{
    for (int i = 0; i < ALL_NODES; i++)
        if (nodes[i].port == port)
            return seen[i].node && cluster_claims(seen[i].node, slot);
    return false;
}

static bool owners_are_up(const void *ctx)
{
    (void)ctx;
    for (unsigned i = 0; i < NODES; i++) {
        struct redis *owner = cluster_redis(cluster, i * THIRD);
        if (!owner || !redis_is_up(owner) || !is_claimed_by(redis_peer(owner)->port, i * THIRD))
            return false;
    }
    return true;
}

static void wait_owners(void)
{
    assert_true(poll_events_until_so(owners_are_up, NULL, PATIENCE_MS));
}

static bool was_asked(const void *node)
{
    return ((const struct fake_node *)node)->story[0];
}

static bool was_asked_for_slots(const void *node)
{
    return ((const struct fake_node *)node)->slots_asked > 0;
}

static bool told_slots_twice(const void *node)
{
    return ((const struct fake_node *)node)->slots_asked >= 2;
}

/* first: as for cluster_send_at(); NULL: none */
static void send_to(struct asked *asked, unsigned slot, const char *key, const struct redis *first)
{
    struct buf command;
    *asked = (struct asked){0};
    buf_init(&command);
    redis_encode_all(&command, (struct slice[]){SLICE("GET"), slice_of(key)}, 2);
    if (first)
        cluster_send_at(cluster, first, slot, buf_slice(&command), on_reply, asked);
    else
        cluster_send(cluster, slot, buf_slice(&command), on_reply, asked);
    buf_fini(&command);
    assert_int_equal(asked->answers, 0); /* never from inside */
}

static struct asked get(unsigned slot, const char *key, const struct redis *first)
{
    struct asked asked;
    send_to(&asked, slot, key, first);
    assert_true(poll_events_until(&asked.answered, PATIENCE_MS));
    poll_events_for(1);
    assert_int_equal(asked.answers, 1);
    return asked;
}

static void assert_answered_by(int node, unsigned slot, const char *key)
{
    assert_int_equal(get(slot, key, NULL).integer, nodes[node].port);
}

static void rule(int node, const char *command, const char *word, int other, int times)
{
    char answer[64];
    snprintf(answer, sizeof(answer), "-%s 127.0.0.1:%d\r\n", word, nodes[other].port);
    fake_node_rule(&nodes[node], command, answer, times);
}

/* ---- Where commands go ---- */

static void each_command_goes_to_the_owner_of_its_slot(void **state)
{
    (void)state;
    open_at(1, 1); /* the others are learned */
    assert_true(get(0, "early", NULL).is_null);
    wait_owners();
    assert_answered_by(0, 0, "a");
    assert_answered_by(0, THIRD - 1, "b");
    assert_answered_by(1, THIRD, "c");
    assert_answered_by(2, SLOT_COUNT - 1, "d");
    assert_string_equal(nodes[0].story, "GET a; GET b");
}

static void commands_to_one_owner_keep_their_order(void **state)
{
    struct asked asked[100];
    (void)state;
    open_at(0, 1);
    wait_owners();
    for (size_t i = 0; i < COUNT_OF(asked); i++)
        send_to(&asked[i], (unsigned)i, "k", NULL);
    assert_true(poll_events_until(&asked[COUNT_OF(asked) - 1].answered, PATIENCE_MS));
    for (size_t i = 1; i < COUNT_OF(asked); i++)
        assert_int_equal(asked[i].order, asked[i - 1].order + 1);
}

static void a_redis_that_is_no_cluster_gets_no_commands(void **state)
{
    (void)state;
    for (int i = 0; i < ALL_NODES; i++)
        snprintf(nodes[i].slots, sizeof(nodes[i].slots), "-ERR This instance has cluster support disabled\r\n");
    open_at(0, 0);
    assert_true(poll_events_until_so(told_slots_twice, &nodes[0], PATIENCE_MS));
    assert_true(get(0, "a", NULL).is_null);
    assert_null(cluster_redis(cluster, 0));
    assert_string_equal(nodes[0].story, "");
}

/* As when all have been reset. */
static void a_cluster_without_slots_says_so(void **state)
{
    struct error error;
    (void)state;
    for (int i = 0; i < ALL_NODES; i++)
        snprintf(nodes[i].slots, sizeof(nodes[i].slots), "*0\r\n");
    open_at(0, 0);
    assert_true(poll_events_until_so(told_slots_twice, &nodes[0], PATIENCE_MS));
    assert_int_equal(cluster_lack(cluster, &error), STATUS_INVALID);
    assert_non_null(strstr(error.text, "which slot: it knows of none that has any"));
}

/* ---- Redirections ---- */

static void a_moved_slot_is_followed_and_remembered(void **state)
{
    (void)state;
    open_at(0, 1);
    wait_owners();
    rule(0, "GET a", "MOVED 7", 1, 1);
    assert_answered_by(1, 7, "a");
    assert_answered_by(1, 7, "b");
    assert_answered_by(0, 8, "c");
    assert_string_equal(nodes[0].story, "GET a; GET c");
}

static void a_command_that_stays_is_told_that_its_slot_has_moved(void **state)
{
    (void)state;
    open_at(0, 1);
    wait_owners();
    rule(0, "GET a", "MOVED 7", 1, 1);
    struct asked asked = get(7, "a", seen[0].node->redis);
    assert_memory_equal(asked.text, "MOVED 7 ", 8);
    assert_string_equal(nodes[1].story, "");
    assert_int_equal(get(7, "b", NULL).integer, nodes[1].port);
}

static void a_key_on_its_way_is_asked_for_at_its_goal_once(void **state)
{
    (void)state;
    open_at(0, 1);
    wait_owners();
    const struct redis *const firsts[] = {NULL, seen[0].node->redis};
    for (size_t i = 0; i < COUNT_OF(firsts); i++) {
        rule(0, "GET a", "ASK 7", 1, 1);
        assert_int_equal(get(7, "a", firsts[i]).integer, nodes[1].port);
        assert_int_equal(get(7, "a", firsts[i]).integer, nodes[0].port);
    }
    assert_string_equal(nodes[1].story, "ASKING; GET a; ASKING; GET a");
}

/* The new owner would run it under the name that the old one's keys have. */
static void a_command_that_stays_comes_back_to_where_it_began(void **state)
{
    struct asked asked;
    (void)state;
    open_at(0, 1);
    wait_owners();
    rule(0, "GET a", "ASK 7", 1, 1);
    fake_node_rule(&nodes[1], "GET a", "-TRYAGAIN Multiple keys request during rehashing of slot\r\n", 1);
    rule(0, "GET b", "MOVED 7", 1, 1);
    send_to(&asked, 7, "a", seen[0].node->redis);
    assert_int_equal(get(7, "b", NULL).integer, nodes[1].port);
    assert_true(poll_events_until(&asked.answered, PATIENCE_MS));
    assert_int_equal(asked.integer, nodes[0].port);
    assert_true(get(7, "a", (const struct redis *)cluster).is_null); /* no node has this connection */
}

static void a_server_that_a_redirection_names_first_is_connected_to(void **state)
{
    (void)state;
    open_at(0, 1);
    wait_owners();
    rule(0, "GET a", "ASK 7", SPARE, 1);
    assert_answered_by(SPARE, 7, "a");
    rule(0, "GET b", "MOVED 8", SPARE, 1);
    assert_answered_by(SPARE, 8, "b");
    assert_string_equal(nodes[SPARE].story, "ASKING; GET a; GET b");
}

static void keys_that_are_parted_are_tried_again(void **state)
{
    (void)state;
    open_at(0, 1);
    wait_owners();
    fake_node_rule(&nodes[0], "GET a", "-TRYAGAIN Multiple keys request during rehashing of slot\r\n", 3);
    assert_answered_by(0, 7, "a");
    assert_string_equal(nodes[0].story, "GET a; GET a; GET a; GET a");
}

static void nothing_is_redirected_for_ever(void **state)
{
    (void)state;
    open_at(0, 1);
    wait_owners();
    rule(0, "GET a", "MOVED 7", 1, 1000);
    rule(1, "GET a", "MOVED 7", 0, 1000);
    assert_memory_equal(get(7, "a", NULL).text, "MOVED 7 ", 8);
    rule(0, "GET b", "ASK 8", 1, 1000);
    rule(1, "GET b", "ASK 8", 0, 1000);
    assert_memory_equal(get(8, "b", NULL).text, "ASK 8 ", 6);
    fake_node_rule(&nodes[0], "GET c", "-TRYAGAIN Multiple keys request during rehashing of slot\r\n", 1000);
    assert_memory_equal(get(9, "c", NULL).text, "TRYAGAIN ", 9);
    fake_node_rule(&nodes[0], "GET d", "-CLUSTERDOWN Hash slot not served\r\n", 1000);
    assert_memory_equal(get(10, "d", NULL).text, "CLUSTERDOWN ", 12);
}

/* ---- What nodes claim ---- */

/* At the edges of the thirds. */
static bool claims_thirds(const struct seen *of, bool first, bool second, bool third)
{
    const bool thirds[] = {first, second, third};
    for (unsigned i = 0; i < NODES; i++)
        for (unsigned edge = 0; edge < 2; edge++)
            if (!of->node || cluster_claims(of->node, i * THIRD + edge * (SLOT_COUNT - 1 - 2 * THIRD)) != thirds[i])
                return false;
    return true;
}

static bool claims_nothing(const void *of)
{
    return claims_thirds(of, false, false, false);
}

static bool claims_the_first(const void *of)
{
    return claims_thirds(of, true, false, false);
}

static bool claims_the_second(const void *of)
{
    return claims_thirds(of, false, true, false);
}

static bool is_gone(const void *of)
{
    return !((const struct seen *)of)->node;
}

static void wait_that(bool (*is_so)(const void *of), int node)
{
    assert_true(poll_events_until_so(is_so, &seen[node], PATIENCE_MS));
}

static void each_node_claims_what_it_says_itself(void **state)
{
    (void)state;
    snprintf(nodes[0].slots, sizeof(nodes[0].slots), "*1\r\n*3\r\n:0\r\n:16383\r\n*2\r\n$0\r\n\r\n:%d\r\n",
             nodes[0].port);
    open_at(1, SPARE); /* a replica: it tells whom it follows */
    wait_that(claims_the_second, 1);
    assert_true(poll_events_until_so(was_asked_for_slots, &nodes[0], PATIENCE_MS));
    assert_true(poll_events_until(&seen[0].is_up, PATIENCE_MS));
    assert_true(claims_thirds(&seen[0], true, true, true)); /* of itself; it is not believed about others */
    assert_true(claims_the_second(&seen[1]));
    assert_true(seen[0].claims == 1 && seen[1].claims == 1);
    assert_null(seen[SPARE].node);
}

static bool claimed_seven;

static void on_moved(void *ctx, const struct redis_reply *reply)
{
    claimed_seven = cluster_claims(seen[0].node, 7);
    on_reply(ctx, reply);
}

static void a_slot_is_lost_before_the_command_is_told_that_it_has_moved(void **state)
{
    struct asked asked = {0};
    (void)state;
    open_at(0, 1);
    wait_owners();
    rule(0, "GET a", "MOVED 7", 1, 1);
    claimed_seven = true;
    redis_call(seen[0].node->redis, (struct slice[]){SLICE("GET"), SLICE("a")}, 2, on_moved, &asked);
    assert_true(poll_events_until(&asked.answered, PATIENCE_MS));
    assert_false(claimed_seven);
    assert_true(cluster_claims(seen[0].node, 6) && cluster_claims(seen[0].node, 8));
    assert_int_equal(seen[0].claims, 2);
    assert_answered_by(1, 7, "b");
}

static void slots_change_hands_without_a_command_that_meets_them(void **state)
{
    (void)state;
    open_at(0, 1);
    wait_owners();
    tell_owners(1, 0, 2);
    cluster_learn(cluster);
    wait_that(claims_the_second, 0);
    wait_that(claims_the_first, 1);
    assert_int_equal(seen[2].claims, 1);
}

static void a_node_that_is_down_or_cut_off_claims_nothing(void **state)
{
    (void)state;
    open_at(0, 1);
    wait_owners();
    fake_node_leave(&nodes[0]);
    wait_that(claims_nothing, 0);
    assert_false(seen[0].is_up);
    fake_node_return(&nodes[0]);
    wait_that(claims_the_first, 0);
    nodes[0].is_cut_off = true;
    wait_that(claims_nothing, 0);
    assert_true(seen[0].is_up);
    nodes[0].is_cut_off = false;
    wait_that(claims_the_first, 0);
}

static void a_primary_that_becomes_a_replica_is_gone_at_last(void **state)
{
    (void)state;
    open_at(0, 1);
    wait_owners();
    tell_owners(SPARE, 1, 2);
    fake_node_rule(&nodes[0], "GET a", "-READONLY You can't write against a read only replica.\r\n", 1);
    assert_memory_equal(get(7, "a", NULL).text, "READONLY ", 9);
    assert_true(claims_nothing(&seen[0]) && !seen[0].is_up);
    wait_that(claims_the_first, SPARE);
    for (int64_t end_us = clock_monotonic_us() + PATIENCE_MS * 1000; seen[0].node && clock_monotonic_us() < end_us;) {
        cluster_learn(cluster);
        poll_events_turn(50);
    }
    assert_true(is_gone(&seen[0]));
    assert_answered_by(SPARE, 7, "b");
}

static bool shows_two_moving(const void *ctx)
{
    (void)ctx;
    return stats.gauge[STAT_NOW_CLUSTER_MOVING] == 2;
}

static bool shows_a_third_unserved(const void *ctx)
{
    (void)ctx;
    return stats.gauge[STAT_NOW_CLUSTER_UNSERVED] == THIRD;
}

static void slots_on_their_way_or_without_a_server_are_known_and_counted(void **state)
{
    struct asked asked = {0};
    (void)state;
    open_at(0, 1);
    wait_owners();
    rule(0, "GET a", "ASK 7", 1, 1);
    redis_call(seen[0].node->redis, (struct slice[]){SLICE("GET"), SLICE("a")}, 2, on_reply, &asked);
    assert_true(poll_events_until(&asked.answered, PATIENCE_MS));
    fake_node_rule(&nodes[0], "GET b", "-TRYAGAIN Multiple keys request during rehashing of slot\r\n", 1);
    assert_answered_by(0, 9, "b");
    for (unsigned slot = 6; slot <= 10; slot++)
        assert_int_equal(cluster_is_moving(cluster, slot), slot == 7 || slot == 9);
    assert_true(cluster_claims(seen[0].node, 7)); /* it has not moved yet */
    assert_int_equal(stats.counter[STAT_REDIRECT_ASK], 1);
    assert_int_equal(stats.counter[STAT_REDIRECT_AGAIN], 1);
    assert_true(poll_events_until_so(shows_two_moving, NULL, PATIENCE_MS));
    assert_int_equal(stats.gauge[STAT_NOW_CLUSTER_NODES], 3);
    assert_int_equal(stats.gauge[STAT_NOW_CLUSTER_UNSERVED], 0);
    fake_node_leave(&nodes[1]);
    assert_true(poll_events_until_so(shows_a_third_unserved, NULL, PATIENCE_MS));
    assert_int_equal(stats.gauge[STAT_NOW_CLUSTER_NODES], 2);
}

/* ---- Servers that go ---- */

static void a_command_whose_connection_ends_is_not_sent_again(void **state)
{
    (void)state;
    open_at(0, 1);
    wait_owners();
    fake_node_rule(&nodes[0], "GET a", "", 1);
    assert_true(get(7, "a", NULL).is_null);
    wait_owners();
    assert_answered_by(0, 7, "b");
    assert_string_equal(nodes[0].story, "GET a; GET b");
    assert_string_equal(nodes[1].story, "");
}

static void the_others_go_on_without_one(void **state)
{
    (void)state;
    open_at(0, 1);
    wait_owners();
    fake_node_leave(&nodes[0]);
    assert_true(get(7, "a", NULL).is_null);
    assert_answered_by(1, THIRD, "b");
    assert_answered_by(2, 2 * THIRD, "c");
    fake_node_return(&nodes[0]);
    wait_owners();
    assert_answered_by(0, 7, "d");
}

static void another_server_takes_the_place_of_one(void **state)
{
    (void)state;
    open_at(0, 1);
    wait_owners();
    fake_node_leave(&nodes[0]);
    assert_true(get(7, "a", NULL).is_null);
    tell_owners(SPARE, 1, 2);
    wait_owners();
    assert_answered_by(SPARE, 7, "b");
}

static void if_all_are_gone_the_setting_leads_back(void **state)
{
    (void)state;
    open_at(SPARE, SPARE);
    wait_owners();
    for (int i = 0; i < NODES; i++)
        fake_node_leave(&nodes[i]);
    assert_true(get(7, "a", NULL).is_null);
    tell_owners(SPARE, SPARE, SPARE);
    wait_owners();
    assert_answered_by(SPARE, 7, "a");
}

static void all_that_waits_is_told_at_the_end(void **state)
{
    struct asked asked[3];
    (void)state;
    open_at(0, 1);
    wait_owners();
    fake_node_rule(&nodes[0], "GET c", "-TRYAGAIN Multiple keys request during rehashing of slot\r\n", 1000);
    send_to(&asked[0], 7, "c", NULL);
    assert_true(poll_events_until_so(was_asked, &nodes[0], PATIENCE_MS));
    send_to(&asked[1], THIRD, "b", NULL);
    send_to(&asked[2], 7, "a", NULL);
    cluster_free(cluster);
    cluster = NULL;
    for (size_t i = 0; i < COUNT_OF(asked); i++)
        assert_true(asked[i].answers == 1 && asked[i].is_null);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)
    const struct CMUnitTest tests[] = {
        TEST(each_command_goes_to_the_owner_of_its_slot),
        TEST(commands_to_one_owner_keep_their_order),
        TEST(a_redis_that_is_no_cluster_gets_no_commands),
        TEST(a_cluster_without_slots_says_so),
        TEST(a_moved_slot_is_followed_and_remembered),
        TEST(a_command_that_stays_is_told_that_its_slot_has_moved),
        TEST(a_key_on_its_way_is_asked_for_at_its_goal_once),
        TEST(a_command_that_stays_comes_back_to_where_it_began),
        TEST(a_server_that_a_redirection_names_first_is_connected_to),
        TEST(keys_that_are_parted_are_tried_again),
        TEST(nothing_is_redirected_for_ever),
        TEST(each_node_claims_what_it_says_itself),
        TEST(a_slot_is_lost_before_the_command_is_told_that_it_has_moved),
        TEST(slots_change_hands_without_a_command_that_meets_them),
        TEST(a_node_that_is_down_or_cut_off_claims_nothing),
        TEST(a_primary_that_becomes_a_replica_is_gone_at_last),
        TEST(slots_on_their_way_or_without_a_server_are_known_and_counted),
        TEST(a_command_whose_connection_ends_is_not_sent_again),
        TEST(the_others_go_on_without_one),
        TEST(another_server_takes_the_place_of_one),
        TEST(if_all_are_gone_the_setting_leads_back),
        TEST(all_that_waits_is_told_at_the_end),
    };
    return cmocka_run_group_tests_name("cluster", tests, NULL, NULL);
}
