/* SPDX-License-Identifier: MIT */
/*
 * redis/redis.c and the errors of a real redis-server: which of them end the connection, and that it comes back when it should.
 * Each is provoked as it comes about in life: by REPLICAOF, a script without end, a file that takes long to load, no memory.
 */
#include "redis_bed.h"

/* The answer reaches who asked, those behind it get none, and the connection ends. */
static void assert_left(const char *words, const char *error, enum stat_counter stat)
{
    struct asked asked, behind;
    uint64_t before = stats.counter[stat];
    unsigned downs = down_count;
    is_down = false;
    ask(&asked, words);
    ask(&behind, words);
    assert_true(poll_events_until(&behind.answered, PATIENCE_MS));
    assert_true(poll_events_until(&is_down, PATIENCE_MS));
    assert_int_equal(asked.type, REDIS_TYPE_ERROR);
    assert_memory_equal(asked.text, error, strlen(error));
    assert_true(behind.is_null);
    assert_int_equal(down_count, downs + 1);
    assert_true(stats.counter[stat] > before);
    assert_false(redis_is_coming(redis));
}

static void a_primary_made_a_replica_is_left(void **state)
{
    (void)state;
    open_up(PATIENCE_MS);
    redis_process_do(&server, "REPLICAOF 127.0.0.1 1");
    assert_left("SET k v", "READONLY ", STAT_REDIS_READONLY);
    assert_true(poll_events_until(&is_up, PATIENCE_MS));
    assert_left("EVAL return(redis.call('DEL','k')) 1 k", "READONLY ", STAT_REDIS_READONLY);
    assert_true(poll_events_until(&is_up, PATIENCE_MS));
    redis_process_do(&server, "CONFIG SET replica-serve-stale-data no");
    assert_left("GET k", "MASTERDOWN ", STAT_REDIS_MASTERDOWN);
    redis_process_do(&server, "REPLICAOF NO ONE");
    assert_true(poll_events_until(&is_up, PATIENCE_MS));
    assert_echo("again");
}

static void a_server_that_runs_a_script_for_ever_is_left_until_it_ends(void **state)
{
    (void)state;
    open_up(PATIENCE_MS);
    redis_process_do(&server, "CONFIG SET busy-reply-threshold 1");
    int fd = redis_process_tell(&server, "EVAL \"while true do end\" 0");
    struct asked asked = {0};
    do { /* the script may begin a moment later */
        is_down = false;
        ask_and_wait(&asked, "ECHO x");
    } while (asked.type != REDIS_TYPE_ERROR);
    assert_memory_equal(asked.text, "BUSY ", 5);
    assert_true(poll_events_until(&is_down, PATIENCE_MS));
    is_up = false;
    uint64_t counted = stats.counter[STAT_REDIS_BUSY];
    poll_events_for(500); /* attempts, each further apart, up to reconnect_max_ms */
    assert_false(is_up);
    assert_in_range(stats.counter[STAT_REDIS_BUSY] - counted, 1, 20);
    redis_process_do(&server, "SCRIPT KILL");
    close(fd);
    assert_true(poll_events_until(&is_up, PATIENCE_MS));
    assert_echo("again");
}

static void write_slow_loading(const char *path)
{
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    fputs("key-load-delay 1000\nloading-process-events-interval-bytes 1024\n", file);
    fclose(file);
}

static void a_server_that_loads_its_file_is_not_up_until_it_has(void **state)
{
    char config[96], dump[96];
    struct asked asked;
    (void)state;
    snprintf(config, sizeof(config), "%s/slow.conf", server.folder);
    snprintf(dump, sizeof(dump), "%s/dump.rdb", server.folder);
    write_slow_loading(config);
    open_up(PATIENCE_MS);
    ask_and_wait(&asked, "EVAL for\ti=1,50000\tdo\tredis.call('SET','k'..i,i)\tend 0");
    ask_and_wait(&asked, "SAVE");
    assert_string_equal(asked.text, "OK");
    is_up = is_down = false;
    redis_process_kill(&server);
    assert_true(poll_events_until(&is_down, PATIENCE_MS));
    redis_process_start(&server, "--include", config);
    for (int i = 0; i < PATIENCE_MS && stats.counter[STAT_REDIS_LOADING] == 0; i++)
        poll_events_turn(1);
    assert_memory_equal(redis_reason(redis), "LOADING ", 8);
    assert_false(is_up);
    redis_process_do(&server, "CONFIG SET key-load-delay 0");
    do {
        assert_true(poll_events_until(&is_up, PATIENCE_MS));
        is_up = false;
        ask_and_wait(&asked, "GET k50000");
    } while (asked.is_null || asked.type == REDIS_TYPE_ERROR);
    assert_string_equal(asked.text, "50000");
    unlink(config);
    unlink(dump);
}

/* The answer reaches who asked, is counted, and that is all. */
static void assert_stays(const char *words, const char *error, enum stat_counter stat)
{
    struct asked asked;
    uint64_t before = stats.counter[stat];
    ask_and_wait(&asked, words);
    assert_text(words, (struct slice){asked.text, strlen(error)}, slice_of(error));
    assert_number(words, (int64_t)(stats.counter[stat] - before), 1);
    assert_echo("still");
    assert_int_equal(up_count, 1);
    assert_int_equal(down_count, 0);
}

static void errors_about_one_command_leave_the_connection_as_it_is(void **state)
{
    struct asked asked;
    (void)state;
    open_up(PATIENCE_MS);
    ask_and_wait(&asked, "SET k v");
    ask_and_wait(&asked, "XGROUP CREATE s g $ MKSTREAM");
    assert_stays("XGROUP CREATE s g $", "BUSYGROUP ", STAT_REDIS_OTHER);
    assert_stays("EVALSHA 0000000000000000000000000000000000000000 0", "NOSCRIPT ", STAT_REDIS_NOSCRIPT);
    assert_stays("HGETALL k", "WRONGTYPE ", STAT_REDIS_WRONGTYPE);
    assert_stays("EVAL return(redis.call('HGETALL','k')) 1 k", "WRONGTYPE ", STAT_REDIS_WRONGTYPE);
    ask_and_wait(&asked, "CONFIG SET maxmemory 1");
    assert_stays("SET k v", "OOM ", STAT_REDIS_OOM);
    assert_stays("EVAL return(redis.call('SET','k','v')) 1 k", "OOM ", STAT_REDIS_OOM);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, redis_begin, redis_end)
    const struct CMUnitTest tests[] = {
        TEST(a_primary_made_a_replica_is_left),
        TEST(a_server_that_runs_a_script_for_ever_is_left_until_it_ends),
        TEST(a_server_that_loads_its_file_is_not_up_until_it_has),
        TEST(errors_about_one_command_leave_the_connection_as_it_is),
    };
    return run_redis_tests("redis_errors", tests, NULL, NULL);
}
