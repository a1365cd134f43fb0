/* SPDX-License-Identifier: MIT */
/*
 * redis/redis.c against a real redis-server: order, timeouts, loss and return, and that every command's callback comes exactly
 * once whatever happens.
 *
 * The server is stopped and killed by its pid. Times are generous above and exact below: nothing may come before it is due.
 */
#include "redis_bed.h"

#include <sys/socket.h>
#include <sys/un.h>

/* ---- All is well ---- */

static void answers_come_in_the_order_of_the_commands(void **state)
{
    static struct asked asked[5000];
    (void)state;
    open_up(PATIENCE_MS);
    for (size_t i = 0; i < COUNT_OF(asked); i++) {
        char words[32];
        snprintf(words, sizeof(words), "ECHO %zu", i);
        ask(&asked[i], words);
    }
    assert_true(poll_events_until(&asked[COUNT_OF(asked) - 1].answered, PATIENCE_MS));
    for (size_t i = 0; i < COUNT_OF(asked); i++) {
        char want[16];
        snprintf(want, sizeof(want), "%zu", i);
        assert_string_equal(asked[i].text, want);
        assert_int_equal(asked[i].order, i + 1);
    }
}

static void each_type_of_answer_is_told(void **state)
{
    static const struct {
        const char *words;
        enum redis_type type;
        const char *text;
        int64_t integer;
        size_t count;
    } rows[] = {
        {"GET none", REDIS_TYPE_NIL, "", 0, 0},
        {"PING", REDIS_TYPE_TEXT, "PONG", 0, 0},
        {"ECHO x", REDIS_TYPE_TEXT, "x", 0, 0},
        {"INCRBY n -7", REDIS_TYPE_INTEGER, "", -7, 0},
        {"HGETALL none", REDIS_TYPE_ARRAY, "", 0, 0},
        {"MGET a b c", REDIS_TYPE_ARRAY, "", 0, 3},
        {"EVAL return{{1,{2}},'x'} 0", REDIS_TYPE_ARRAY, "", 0, 2},
        {"HGETALL n", REDIS_TYPE_ERROR, "WRONGTYPE Operation against a key holding the wrong kind of value", 0, 0},
        {"EVALSHA 0000000000000000000000000000000000000000 0", REDIS_TYPE_ERROR,
         "NOSCRIPT No matching script. Please use EVAL.", 0, 0},
    };
    (void)state;
    open_up(PATIENCE_MS);
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct asked asked;
        ask_and_wait(&asked, rows[i].words);
        assert_number(rows[i].words, asked.type, rows[i].type);
        assert_text(rows[i].words, slice_of(asked.text), slice_of(rows[i].text));
        assert_number(rows[i].words, asked.integer, rows[i].integer);
        assert_number(rows[i].words, (int64_t)asked.count, (int64_t)rows[i].count);
    }
    assert_int_equal(stats.counter[STAT_REDIS_WRONGTYPE], 1);
    assert_int_equal(stats.counter[STAT_REDIS_NOSCRIPT], 1);
    assert_int_equal(stats.counter[STAT_REDIS_OTHER], 0);
}

static void big_and_binary_values_come_whole(void **state)
{
    enum { BIG = 5 << 20 };
    (void)state;
    open_up(PATIENCE_MS);
    char *big = malloc(BIG);
    for (size_t i = 0; i < BIG; i++)
        big[i] = (char)(i % 251);
    struct asked set = {0}, get = {0}, strlen_of = {0};
    redis_call(redis, (struct slice[]){SLICE("SET"), SLICE("k\0\r\n"), {big, BIG}}, 3, on_reply, &set);
    redis_call(redis, (struct slice[]){SLICE("STRLEN"), SLICE("k\0\r\n")}, 2, on_reply, &strlen_of);
    redis_call(redis, (struct slice[]){SLICE("GET"), SLICE("k\0\r\n")}, 2, on_reply, &get);
    assert_true(poll_events_until(&get.answered, PATIENCE_MS));
    assert_int_equal(strlen_of.integer, BIG);
    assert_int_equal(get.len, BIG);
    free(big);
}

static void a_database_is_selected(void **state)
{
    (void)state;
    char address[128];
    struct asked asked;
    redis_process_start(&server, NULL, NULL);
    snprintf(address, sizeof(address), "%s?db=3", server.address);
    open_with(options_of(address));
    assert_true(poll_events_until(&is_up, PATIENCE_MS));
    ask_and_wait(&asked, "SET k v");
    ask_and_wait(&asked, "SELECT 0");
    ask_and_wait(&asked, "GET k");
    assert_int_equal(asked.type, REDIS_TYPE_NIL);
    ask_and_wait(&asked, "SELECT 3");
    ask_and_wait(&asked, "GET k");
    assert_string_equal(asked.text, "v");
}

/* ---- Frozen, killed, not there ---- */

static void a_frozen_server_is_given_up_after_the_timeout(void **state)
{
    struct asked asked[300];
    (void)state;
    open_up(TIMEOUT_MS);
    kill(server.pid, SIGSTOP);
    int64_t begun_us = clock_monotonic_us();
    for (size_t i = 0; i < COUNT_OF(asked); i++)
        ask(&asked[i], "ECHO x");
    assert_true(poll_events_until(&is_down, PATIENCE_MS));
    int64_t took_ms = (clock_monotonic_us() - begun_us) / 1000;
    assert_true(took_ms >= TIMEOUT_MS && took_ms < 10 * TIMEOUT_MS);
    for (size_t i = 0; i < COUNT_OF(asked); i++) {
        assert_int_equal(asked[i].answers, 1);
        assert_true(asked[i].is_null);
        assert_false(asked[i].was_down); /* on_down comes last */
    }
    assert_false(redis_is_up(redis));
    assert_int_equal(stats.counter[STAT_REDIS_TIMEOUT], 1);
    kill(server.pid, SIGCONT);
    assert_true(poll_events_until(&is_up, PATIENCE_MS));
    assert_echo("after");
    assert_int_equal(asked[0].answers, 1);
    assert_int_equal(up_count, 2);
    assert_int_equal(down_count, 1);
}

/* Of the answer more waits in the socket than is read at once. */
static void a_loop_that_was_late_itself_reads_before_it_gives_up(void **state)
{
    struct asked asked;
    (void)state;
    open_up(TIMEOUT_MS);
    ask_and_wait(&asked, "EVAL return(redis.call('SETRANGE','big',999999,'x')) 0");
    ask(&asked, "GET big");
    poll_events_turn(0); /* sent */
    usleep(2 * TIMEOUT_MS * 1000);
    assert_true(poll_events_until(&asked.answered, PATIENCE_MS));
    assert_int_equal(asked.len, 1000000);
    assert_int_equal(down_count, 0);
}

/* Late before the turn's end, when commands go out; and while a large one has gone in part. */
static void a_loop_that_was_late_itself_writes_before_it_gives_up(void **state)
{
    enum { BIG = 2 << 20 };
    struct asked asked;
    (void)state;
    open_up(TIMEOUT_MS);
    ask(&asked, "ECHO x");
    usleep(2 * TIMEOUT_MS * 1000);
    assert_true(poll_events_until(&asked.answered, PATIENCE_MS));
    assert_string_equal(asked.text, "x");
    char *big = calloc(1, BIG);
    asked = (struct asked){0};
    redis_call(redis, (struct slice[]){SLICE("SET"), SLICE("k"), {big, BIG}}, 3, on_reply, &asked);
    free(big);
    for (int i = 0; i < 3; i++) {
        poll_events_turn(0);
        usleep(2 * TIMEOUT_MS * 1000);
    }
    assert_true(poll_events_until(&asked.answered, PATIENCE_MS));
    assert_string_equal(asked.text, "OK");
    assert_int_equal(down_count, 0);
}

/* A server whose answers the test writes itself, byte by byte: connected, greeted, and asked for a large value. */
struct trickle {
    char path[96];
    int listener, fd;
    struct asked asked;
};

static void trickle_begin(struct trickle *trickle, uint32_t timeout_ms)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    char name[104], bytes[256];
    snprintf(trickle->path, sizeof(trickle->path), "%s/trickle", server.folder);
    snprintf(name, sizeof(name), "unix:%s", trickle->path);
    memcpy(address.sun_path, trickle->path, strlen(trickle->path) + 1);
    trickle->listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(trickle->listener, (struct sockaddr *)&address, sizeof(address)), 0);
    assert_int_equal(listen(trickle->listener, 8), 0);
    struct redis_options options = options_of(name);
    options.timeout_ms = timeout_ms;
    open_with(options);
    trickle->fd = accept(trickle->listener, NULL, NULL);
    poll_events_turn(0);
    assert_true(read(trickle->fd, bytes, sizeof(bytes)) > 0); /* SELECT */
    assert_int_equal(send(trickle->fd, "+OK\r\n", 5, 0), 5);
    assert_true(poll_events_until(&is_up, PATIENCE_MS));
    ask(&trickle->asked, "GET k");
    assert_int_equal(send(trickle->fd, "$500\r\n", 6, 0), 6);
}

/* A byte each pause_ms, count times or until the connection is given up; returns how long that was. */
static int64_t trickle_send(const struct trickle *trickle, size_t count, int64_t pause_ms)
{
    int64_t begun_us = clock_monotonic_us();
    for (size_t i = 0; i < count && !is_down; i++) {
        send(trickle->fd, "x", 1, MSG_NOSIGNAL);
        poll_events_for(pause_ms);
    }
    return (clock_monotonic_us() - begun_us) / 1000;
}

static void trickle_end(struct trickle *trickle)
{
    close(trickle->fd);
    close(trickle->listener);
    unlink(trickle->path);
}

/* A large answer takes long to come; the commands behind it are no older than it. */
static void a_server_that_sends_all_the_time_is_not_silent(void **state)
{
    char rest[502];
    struct trickle trickle;
    (void)state;
    trickle_begin(&trickle, TIMEOUT_MS);
    assert_true(trickle_send(&trickle, 20, TIMEOUT_MS / 5) > 3 * TIMEOUT_MS);
    assert_true(is_up);
    memset(rest, 'x', 480);
    memcpy(rest + 480, "\r\n", 2);
    assert_int_equal(send(trickle.fd, rest, 482, 0), 482);
    assert_true(poll_events_until(&trickle.asked.answered, PATIENCE_MS));
    assert_int_equal(trickle.asked.len, 500);
    trickle_end(&trickle);
}

static void a_server_that_sends_too_little_is_given_up_in_the_end(void **state)
{
    enum { SHORT_MS = 40, LATE_MS = 20 * SHORT_MS };
    struct trickle trickle;
    (void)state;
    trickle_begin(&trickle, SHORT_MS);
    assert_in_range(trickle_send(&trickle, 400, SHORT_MS / 4), LATE_MS, 2 * LATE_MS);
    assert_true(is_down);
    assert_true(trickle.asked.is_null);
    assert_int_equal(stats.counter[STAT_REDIS_TIMEOUT], 1);
    trickle_end(&trickle);
}

static void a_killed_server_is_noticed_and_its_successor_found(void **state)
{
    struct asked asked[3];
    (void)state;
    open_up(TIMEOUT_MS);
    kill(server.pid, SIGSTOP);
    for (size_t i = 0; i < COUNT_OF(asked); i++)
        ask(&asked[i], "ECHO x");
    poll_events_turn(0);
    redis_process_kill(&server);
    assert_true(poll_events_until(&is_down, PATIENCE_MS));
    for (size_t i = 0; i < COUNT_OF(asked); i++)
        assert_true(asked[i].is_null && asked[i].answers == 1);
    poll_events_for(150); /* attempts fail meanwhile */
    redis_process_start(&server, NULL, NULL);
    assert_true(poll_events_until(&is_up, PATIENCE_MS));
    assert_echo("again");
    assert_int_equal(down_count, 1);
}

static void an_idle_connection_that_breaks_is_noticed(void **state)
{
    (void)state;
    open_up(TIMEOUT_MS);
    redis_process_kill(&server);
    assert_true(poll_events_until(&is_down, PATIENCE_MS));
    assert_int_equal(stats.counter[STAT_REDIS_LOST], 1);
}

static void a_server_that_is_not_there_at_first_is_found_later(void **state)
{
    struct asked asked;
    (void)state;
    open_with(options_of(server.address));
    ask(&asked, "PING");
    assert_true(poll_events_until(&asked.answered, PATIENCE_MS));
    assert_true(asked.is_null);
    poll_events_for(200);
    assert_false(is_up);
    assert_int_equal(down_count, 0);                           /* it never was up */
    assert_in_range(stats.counter[STAT_REDIS_CONNECT], 2, 15); /* it backs off */
    redis_process_start(&server, NULL, NULL);
    assert_true(poll_events_until(&is_up, PATIENCE_MS));
    assert_echo("found");
}

/* A command that its callback makes, when the loss is found out while writing, just before the loop would sleep. */
static struct asked second;

static void on_reply_ask_again(void *ctx, const struct redis_reply *reply)
{
    on_reply(ctx, reply);
    ask(&second, "PING");
}

static void a_command_refused_at_the_last_moment_is_not_slept_over(void **state)
{
    struct asked first = {0};
    (void)state;
    open_up(TIMEOUT_MS);
    redis_process_kill(&server);
    redis_call(redis, (struct slice[]){SLICE("PING")}, 1, on_reply_ask_again, &first);
    int64_t would_sleep_ms = poll_events_turn(0);
    assert_true(first.is_null);
    assert_int_equal(would_sleep_ms, 0);
    poll_events_turn(0);
    assert_int_equal(second.answers, 1);
    assert_true(second.is_null);
}

static void a_command_made_by_a_refused_ones_callback_is_refused_too(void **state)
{
    struct asked first = {0}, other;
    (void)state;
    second = (struct asked){0};
    open_with(options_of("unix:/nowhere/redis.sock"));
    redis_call(redis, (struct slice[]){SLICE("PING")}, 1, on_reply_ask_again, &first);
    ask(&other, "PING");
    assert_true(poll_events_until(&second.answered, PATIENCE_MS));
    assert_true(first.is_null && other.is_null && second.is_null);
}

/* ---- Ended by ourselves ---- */

static void on_reply_drop(void *ctx, const struct redis_reply *reply)
{
    on_reply(ctx, reply);
    redis_drop(redis, "the test wants it");
    redis_drop(redis, "twice is no harm");
}

static void a_connection_may_be_dropped_from_inside_a_callback(void **state)
{
    struct asked before, dropping = {0}, after[2];
    (void)state;
    open_up(TIMEOUT_MS);
    ask(&before, "ECHO before");
    redis_call(redis, (struct slice[]){SLICE("PING")}, 1, on_reply_drop, &dropping);
    ask(&after[0], "ECHO after");
    ask(&after[1], "ECHO after");
    assert_true(poll_events_until(&after[1].answered, PATIENCE_MS));
    assert_string_equal(before.text, "before");
    assert_string_equal(dropping.text, "PONG");
    assert_true(after[0].is_null && after[1].is_null);
    assert_int_equal(down_count, 1);
    is_up = false;
    assert_true(poll_events_until(&is_up, PATIENCE_MS));
    assert_echo("again");
}

static void a_connection_may_be_dropped_when_it_is_idle_and_when_it_is_down(void **state)
{
    (void)state;
    open_up(TIMEOUT_MS);
    redis_drop(redis, "idle");
    assert_int_equal(down_count, 1);
    redis_drop(redis, "down");
    assert_int_equal(down_count, 1);
    assert_true(poll_events_until(&is_up, PATIENCE_MS));
    assert_int_equal(up_count, 2);
}

static void freeing_it_fails_what_is_under_way(void **state)
{
    struct asked sent[3], refused;
    (void)state;
    open_up(TIMEOUT_MS);
    for (size_t i = 0; i < COUNT_OF(sent); i++)
        ask(&sent[i], "ECHO x");
    redis_free(redis);
    redis = NULL;
    for (size_t i = 0; i < COUNT_OF(sent); i++)
        assert_true(sent[i].is_null && sent[i].answers == 1);
    assert_int_equal(down_count, 0);
    is_up = false;
    open_with(options_of(server.address));
    ask(&refused, "PING");
    redis_free(redis);
    redis = NULL;
    assert_true(refused.is_null && refused.answers == 1);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, redis_begin, redis_end)
    const struct CMUnitTest tests[] = {
        TEST(answers_come_in_the_order_of_the_commands),
        TEST(each_type_of_answer_is_told),
        TEST(big_and_binary_values_come_whole),
        TEST(a_database_is_selected),
        TEST(a_frozen_server_is_given_up_after_the_timeout),
        TEST(a_loop_that_was_late_itself_reads_before_it_gives_up),
        TEST(a_loop_that_was_late_itself_writes_before_it_gives_up),
        TEST(a_server_that_sends_all_the_time_is_not_silent),
        TEST(a_server_that_sends_too_little_is_given_up_in_the_end),
        TEST(a_killed_server_is_noticed_and_its_successor_found),
        TEST(an_idle_connection_that_breaks_is_noticed),
        TEST(a_server_that_is_not_there_at_first_is_found_later),
        TEST(a_command_refused_at_the_last_moment_is_not_slept_over),
        TEST(a_command_made_by_a_refused_ones_callback_is_refused_too),
        TEST(a_connection_may_be_dropped_from_inside_a_callback),
        TEST(a_connection_may_be_dropped_when_it_is_idle_and_when_it_is_down),
        TEST(freeing_it_fails_what_is_under_way),
    };
    return run_redis_tests("redis", tests, NULL, NULL);
}
