/* SPDX-License-Identifier: MIT */
/* server/check_cluster.h: what --check says of the nodes of a cluster; tests/e2e/test_cluster_check.py has a real one. */
#include "redis_bed.h"

#include "base/settings.h"
#include "fake_node.h"
#include "server/check_cluster.h"

static struct fake_node node;
static struct settings settings;
static struct error found[4];
static size_t found_count;
static bool is_done;

static void answers_info(const char *info, int times)
{
    char answer[sizeof(node.rules[0].answer)];
    assert_true(snprintf(answer, sizeof(answer), "$%zu\r\n%s\r\n", strlen(info), info) < (int)sizeof(answer));
    fake_node_rule(&node, "INFO", answer, times);
}

static int begin(void **state)
{
    redis_begin(state);
    fake_node_begin(&node);
    snprintf(node.slots, sizeof(node.slots), "*1\r\n*3\r\n:0\r\n:16383\r\n*2\r\n$9\r\n127.0.0.1\r\n:%d\r\n", node.port);
    found_count = 0;
    is_done = false;
    snprintf(settings.redis, sizeof(settings.redis), "cluster://127.0.0.1:%d", node.port);
    settings.redis_timeout_ms = 1000;
    settings.redis_reconnect_max_ms = 100;
    return 0;
}

static int end(void **state)
{
    fake_node_end(&node);
    return redis_end(state);
}

static void on_found(void *ctx, const struct error *error)
{
    (void)ctx;
    assert_true(found_count < COUNT_OF(found));
    found[found_count++] = *error;
}

static void on_done(void *ctx)
{
    (void)ctx;
    is_done = true;
}

static void look(void)
{
    struct check_cluster *check;
    struct error error;
    const struct check_cluster_options options = {
        .events = poll_events(), .settings = &settings, .stats = &stats, .on_found = on_found, .on_done = on_done};
    assert_int_equal(check_cluster_new(&check, &options, &error), STATUS_OK);
    assert_true(poll_events_until(&is_done, 2 * PATIENCE_MS));
    check_cluster_free(check);
}

static void assert_found(enum status status, const char *text)
{
    assert_int_equal(found_count, 1);
    if (!strstr(found[0].text, text))
        fail_msg("\"%s\" is not in \"%s\"", text, found[0].text);
    assert_int_equal(found[0].status, status);
}

#define GOOD_INFO                                "redis_mode:cluster\r\nrun_id:ab\r\nrole:master\r\n"
#define CONFIG(name, name_len, value, value_len) "*2\r\n$" name_len "\r\n" name "\r\n$" value_len "\r\n" value "\r\n"

static void a_good_cluster_is_not_complained_about(void **state)
{
    (void)state;
    answers_info(GOOD_INFO "maxmemory_policy:allkeys-lfu", 1);
    fake_node_rule(&node, "CONFIG GET cluster-*", CONFIG("cluster-allow-reads-when-down", "29", "no", "2"), 1);
    fake_node_rule(&node, "CONFIG GET repl-*", CONFIG("repl-diskless-sync-delay", "24", "3", "1"), 1);
    look();
    assert_int_equal(found_count, 0);
    assert_non_null(strstr(node.story, "INFO; CONFIG GET cluster-*; CONFIG GET repl-diskless-sync*; EVAL "));
    const char *keys = strstr(node.story, " todo:{");
    assert_non_null(keys);
    assert_true(strstr(keys, " todos:{") && strstr(keys, " limit:{"));
}

static void what_is_wrong_with_a_node_is_told(void **state)
{
    static const struct {
        const char *command, *answer;
        enum status status;
        const char *text;
    } rows[] = {
        {"CONFIG GET cluster-*", CONFIG("cluster-allow-reads-when-down", "29", "yes", "3"), STATUS_INVALID,
         "\"cluster-allow-reads-when-down no\""},
        {"CONFIG GET cluster-*", CONFIG("cluster-require-full-coverage", "29", "yes", "3"), STATUS_OK,
         "\"cluster-require-full-coverage no\""},
        {"CONFIG GET repl-*", CONFIG("repl-diskless-sync", "18", "no", "2"), STATUS_OK, "\"repl-diskless-sync yes\""},
        {"CONFIG GET repl-*", CONFIG("repl-diskless-sync-delay", "24", "2", "1"), STATUS_OK,
         "\"repl-diskless-sync-delay 5\""},
        {"CONFIG GET repl-*", CONFIG("repl-diskless-sync-max-replicas", "31", "1", "1"), STATUS_OK,
         "\"repl-diskless-sync-max-replicas 0\""},
        {"EVAL *", "-NOPERM this user has no permissions to run the 'eval' command\r\n", STATUS_UNAVAILABLE, "NOPERM"},
        {"INFO", GOOD_INFO "maxmemory_policy:noeviction", STATUS_OK, "allkeys-lfu"},
        {"INFO", "maxmemory_policy:allkeys-lfu", STATUS_INVALID, "it hides which Redis it is"},
        {"INFO", GOOD_INFO "loading:1", STATUS_UNAVAILABLE, "it is loading its file"},
    };
    (void)state;
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        char place[64];
        bool is_info = strcmp(rows[i].command, "INFO") == 0;
        answers_info(is_info ? rows[i].answer : GOOD_INFO, 1);
        if (!is_info)
            fake_node_rule(&node, rows[i].command, rows[i].answer, 1);
        found_count = 0;
        is_done = false;
        look();
        assert_found(rows[i].status, rows[i].text);
        snprintf(place, sizeof(place), "redis: 127.0.0.1:%d: ", node.port);
        assert_memory_equal(found[0].text, place, strlen(place));
    }
}

static void a_user_who_may_not_ask_for_settings_is_told_nothing_about_them(void **state)
{
    (void)state;
    answers_info(GOOD_INFO, 1);
    fake_node_rule(&node, "CONFIG GET cluster-*", "-NOPERM no\r\n", 1);
    look();
    assert_int_equal(found_count, 0);
}

static void a_redis_that_is_no_cluster_is_told_at_once(void **state)
{
    (void)state;
    snprintf(node.slots, sizeof(node.slots), "-ERR This instance has cluster support disabled\r\n");
    int64_t begun_us = clock_monotonic_us();
    look();
    assert_found(STATUS_INVALID, "does not tell which server of a cluster has which slot: ERR This instance has");
    assert_true(clock_monotonic_us() - begun_us < 2000000);
}

static void servers_of_two_clusters_are_told(void **state)
{
    struct fake_node other;
    (void)state;
    fake_node_begin(&other);
    snprintf(other.slots, sizeof(other.slots), "*1\r\n*3\r\n:0\r\n:16383\r\n*2\r\n$9\r\n127.0.0.1\r\n:%d\r\n",
             other.port);
    snprintf(settings.redis, sizeof(settings.redis), "cluster://127.0.0.1:%d,127.0.0.1:%d", node.port, other.port);
    answers_info(GOOD_INFO "maxmemory_policy:allkeys-lfu", 1);
    fake_node_rule(&other, "INFO", "$44\r\n" GOOD_INFO "\r\n", 1);
    look();
    assert_found(STATUS_UNAVAILABLE, "16384 slots are served by two servers each: are these servers of two clusters?");
    fake_node_end(&other);
}

static void a_cluster_that_is_away_is_waited_for_and_named(void **state)
{
    (void)state;
    fake_node_leave(&node);
    look();
    assert_found(STATUS_UNAVAILABLE, "Connection refused");
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)
    const struct CMUnitTest tests[] = {
        TEST(a_good_cluster_is_not_complained_about),
        TEST(what_is_wrong_with_a_node_is_told),
        TEST(a_user_who_may_not_ask_for_settings_is_told_nothing_about_them),
        TEST(a_redis_that_is_no_cluster_is_told_at_once),
        TEST(servers_of_two_clusters_are_told),
        TEST(a_cluster_that_is_away_is_waited_for_and_named),
    };
    return cmocka_run_group_tests_name("check_cluster", tests, NULL, NULL);
}
