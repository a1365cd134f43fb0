/* SPDX-License-Identifier: MIT */
/*
 * redis/redis.c by way of redis/sentinel.c: sentinels of the test's own, and real redis-servers at the addresses that they give.
 */
#include "redis_bed.h"

#include "fake_sentinel.h"

enum { SENTINELS = 4 };

static struct fake_sentinel sentinels[SENTINELS];
static struct redis_process other; /* than the bed's server */
static int port, other_port;

static int begin(void **state)
{
    redis_begin(state);
    redis_process_init(&other);
    for (int i = 0; i < SENTINELS; i++)
        fake_sentinel_begin(&sentinels[i]);
    return 0;
}

static int end(void **state)
{
    redis_free(redis);
    redis = NULL;
    for (int i = 0; i < SENTINELS; i++)
        fake_sentinel_end(&sentinels[i]);
    redis_process_fini(&other);
    return redis_end(state);
}

static int start_at_port(struct redis_process *process)
{
    char text[12];
    int free_port = redis_process_free_port();
    snprintf(text, sizeof(text), "%d", free_port);
    redis_process_start(process, "--port", text);
    return free_port;
}

static void start_both(void)
{
    port = start_at_port(&server);
    other_port = start_at_port(&other);
    redis_process_do(&other, "SET who other");
    redis_process_do(&server, "SET who server");
}

/* The first of them is asked first. */
static struct redis_options options_by(int count, const char *path)
{
    static char address[256];
    size_t len = (size_t)snprintf(address, sizeof(address), "sentinel://");
    for (int i = 0; i < count; i++)
        len +=
            (size_t)snprintf(address + len, sizeof(address) - len, "%s127.0.0.1:%d", i ? "," : "", sentinels[i].port);
    snprintf(address + len, sizeof(address) - len, "/%s", path);
    struct redis_options options = options_of(address);
    options.timeout_ms = 500; /* a busy machine is no silent sentinel */
    return options;
}

static void wait_up(void)
{
    assert_true(poll_events_until(&is_up, PATIENCE_MS));
}

static void assert_who(const char *who)
{
    struct asked asked;
    ask_and_wait(&asked, "GET who");
    assert_string_equal(asked.text, who);
}

static void the_primary_is_where_the_sentinel_says(void **state)
{
    (void)state;
    start_both();
    fake_sentinel_name(&sentinels[0], other_port);
    open_with(options_by(1, "the.name"));
    wait_up();
    assert_who("other");
    assert_non_null(strstr(sentinels[0].question, "the.name"));
    assert_int_equal(sentinels[0].asked, 1);
    assert_int_equal(stats.counter[STAT_REDIS_SENTINEL], 0);
}

static void the_database_is_selected_there(void **state)
{
    struct asked asked;
    (void)state;
    start_both();
    fake_sentinel_name(&sentinels[0], port);
    open_with(options_by(1, "name/3"));
    wait_up();
    ask_and_wait(&asked, "GET who");
    assert_int_equal(asked.type, REDIS_TYPE_NIL);
    ask_and_wait(&asked, "SELECT 0");
    assert_who("server");
}

/* One doesn't know the name, one never answers, one is gone; the fourth knows, and is asked first from then on. */
static void the_next_one_is_asked_and_the_one_that_knew_goes_to_the_front(void **state)
{
    (void)state;
    start_both();
    sentinels[1].answer[0] = '\0';
    struct redis_options options = options_by(4, "name");
    fake_sentinel_end(&sentinels[2]);
    fake_sentinel_name(&sentinels[3], port);
    open_with(options);
    wait_up();
    assert_who("server");
    assert_int_equal(stats.counter[STAT_REDIS_SENTINEL], 3);
    for (unsigned i = 2; i < 5; i++) {
        is_up = false;
        redis_drop(redis, "the test wants it");
        wait_up();
        assert_int_equal(sentinels[3].asked, i);
    }
    assert_int_equal(sentinels[0].asked, 1);
    assert_int_equal(sentinels[1].asked, 1);
    assert_int_equal(stats.counter[STAT_REDIS_SENTINEL], 3);
    fake_sentinel_begin(&sentinels[2]);
}

static void who_was_lost_is_looked_for_anew(void **state)
{
    (void)state;
    start_both();
    fake_sentinel_name(&sentinels[0], port);
    open_with(options_by(1, "name"));
    wait_up();
    is_up = false;
    redis_process_kill(&server);
    assert_true(poll_events_until(&is_down, PATIENCE_MS));
    unsigned asked = sentinels[0].asked;
    poll_events_for(300); /* the sentinel still names the one that is gone */
    assert_false(is_up);
    assert_in_range(sentinels[0].asked - asked, 1, 12);
    fake_sentinel_name(&sentinels[0], other_port);
    wait_up();
    assert_who("other");
}

/* A demoted primary ends its clients' connections; if not, the first command that it refuses does. */
static void a_primary_that_was_demoted_is_left_for_the_new_one(void **state)
{
    struct asked asked;
    (void)state;
    start_both();
    fake_sentinel_name(&sentinels[0], port);
    open_with(options_by(1, "name"));
    wait_up();
    redis_process_do(&server, "REPLICAOF 127.0.0.1 1");
    fake_sentinel_name(&sentinels[0], other_port);
    is_up = false;
    ask_and_wait(&asked, "SET who nobody");
    assert_int_equal(asked.type, REDIS_TYPE_ERROR);
    wait_up();
    assert_who("other");
}

static void without_a_sentinel_that_knows_nothing_is_up(void **state)
{
    struct asked asked;
    (void)state;
    start_both();
    open_with(options_by(2, "name"));
    ask(&asked, "PING");
    assert_true(poll_events_until(&asked.answered, PATIENCE_MS));
    assert_true(asked.is_null);
    poll_events_for(300);
    assert_int_equal(up_count, 0);
    assert_false(redis_is_coming(redis));
    assert_in_range(sentinels[0].asked, 2, 15); /* it backs off */
    fake_sentinel_name(&sentinels[1], port);
    wait_up();
    assert_who("server");
    assert_int_equal(down_count, 0);
}

static void an_answer_without_an_address_is_none(void **state)
{
    static const char *const nonsense[] = {"*2\r\n$0\r\n\r\n$4\r\n6379\r\n",
                                           "*2\r\n$1\r\nh\r\n$1\r\n0\r\n",
                                           "*2\r\n$1\r\nh\r\n$5\r\n65536\r\n",
                                           "*2\r\n$1\r\nh\r\n$1\r\nx\r\n",
                                           "*2\r\n:1\r\n:2\r\n",
                                           "*1\r\n$1\r\nh\r\n",
                                           "*3\r\n$1\r\nh\r\n:1\r\n:2\r\n",
                                           "$1\r\nh\r\n",
                                           "-IDONTKNOW I have no idea of it\r\n",
                                           "*2\r\n$1\r\n", /* and no more */
                                           "+OK\r\n+OK\r\n"};
    (void)state;
    start_both();
    open_with(options_by(1, "name"));
    for (size_t i = 0; i < COUNT_OF(nonsense); i++) {
        snprintf(sentinels[0].answer, sizeof(sentinels[0].answer), "%s", nonsense[i]);
        unsigned asked = sentinels[0].asked;
        for (int64_t end_us = clock_monotonic_us() + PATIENCE_MS * 1000LL; sentinels[0].asked < asked + 2;) {
            assert_true(clock_monotonic_us() < end_us);
            poll_events_turn(10);
        }
        assert_int_equal(up_count, 0);
    }
    fake_sentinel_name(&sentinels[0], port);
    wait_up();
    assert_who("server");
}

static void write_line(const char *path, const char *text)
{
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    fputs(text, file);
    fclose(file);
}

static void sentinels_and_redis_have_passwords_of_their_own(void **state)
{
    char redis_file[96], sentinel_file[96];
    (void)state;
    snprintf(redis_file, sizeof(redis_file), "%s/redis", server.folder);
    snprintf(sentinel_file, sizeof(sentinel_file), "%s/sentinel", server.folder);
    start_both();
    redis_process_do(&server, "ACL SETUSER worker on >open-redis ~* +@all");
    redis_process_do(&server, "CONFIG SET requirepass other-word");
    snprintf(sentinels[0].password, sizeof(sentinels[0].password), "open-sentinel");
    fake_sentinel_name(&sentinels[0], port);
    struct redis_options options = options_by(1, "name");
    write_line(redis_file, "open-redis\n");
    write_line(sentinel_file, "wrong\n");
    options.user = "worker";
    options.password_file = redis_file;
    options.sentinel_password_file = sentinel_file;
    open_with(options);
    poll_events_for(200);
    assert_int_equal(up_count, 0);
    assert_int_equal(sentinels[0].asked, 0);
    assert_true(stats.counter[STAT_REDIS_SENTINEL] > 0);
    write_line(sentinel_file, "open-sentinel\n");
    wait_up();
    assert_who("server");
    unlink(redis_file);
    unlink(sentinel_file);
}

static void it_may_be_freed_at_any_step(void **state)
{
    (void)state;
    start_both();
    fake_sentinel_name(&sentinels[0], port);
    for (int turns = 0; turns < 12; turns++) {
        struct asked asked;
        is_up = false;
        open_with(options_by(1, "name"));
        for (int i = 0; i < turns; i++)
            poll_events_turn(1);
        ask(&asked, "PING");
        redis_free(redis);
        redis = NULL;
        assert_int_equal(asked.answers, 1);
        assert_true(asked.is_null);
        poll_events_turn(0); /* the sentinel closes its side */
    }
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)
    const struct CMUnitTest tests[] = {
        TEST(the_primary_is_where_the_sentinel_says),
        TEST(the_database_is_selected_there),
        TEST(the_next_one_is_asked_and_the_one_that_knew_goes_to_the_front),
        TEST(who_was_lost_is_looked_for_anew),
        TEST(a_primary_that_was_demoted_is_left_for_the_new_one),
        TEST(without_a_sentinel_that_knows_nothing_is_up),
        TEST(an_answer_without_an_address_is_none),
        TEST(sentinels_and_redis_have_passwords_of_their_own),
        TEST(it_may_be_freed_at_any_step),
    };
    return run_redis_tests("sentinel", tests, NULL, NULL);
}
