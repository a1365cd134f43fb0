/* SPDX-License-Identifier: MIT */
/*
 * The limit per client, as requests meet it: who is counted as whom, what is refused, what that costs, and who is told.
 *
 * Todo "a" is there, at version 1, and in Redis.
 */
#include "api_bed.h"

#include "base/slot.h"

static struct bed *bed;
static struct worker *worker;

static int begin(void **state)
{
    api_begin(state);
    bed = *state;
    worker = &bed->workers[0];
    fake_store_put(bed->store, "a", 1);
    bed_read(bed, worker, "a");
    fake_journal_reset();
    return 0;
}

/* Two at once, then one each second. */
static void limit_set(void)
{
    bed->settings.rate_limit_per_minute = 60;
    bed->settings.rate_limit_burst = 2;
}

static void ask_from(struct exchange *exchange, const char *method, const char *path, const char *address)
{
    exchange_init(exchange, method, path);
    exchange->request.remote_address = slice_of(address);
    exchange->request.if_match = strcmp(method, "GET") == 0 ? (struct slice){0} : SLICE("*");
    fake_journal_reset();
    exchange_run(exchange);
}

static void ask(struct exchange *exchange, const char *method, const char *path)
{
    ask_from(exchange, method, path, "192.0.2.1");
}

/* So many commands go out before Redis answers. */
static void get_sending(struct exchange *exchange, size_t count)
{
    bed_hold(worker, true);
    exchange_init(exchange, "GET", "/todos/a");
    exchange->request.remote_address = SLICE("192.0.2.1");
    request_begin(&exchange->request, 0);
    api_handle(&api_services, &exchange->request);
    assert_int_equal(fake_redis_sent_count(bed_connection(worker)), count);
    bed_hold(worker, false);
    bed_settle(bed);
    assert_int_equal(exchange->answers, 1);
}

static void a_client_beyond_its_limit_is_told_when_to_come_again(void **state)
{
    static const struct {
        const char *address;
        int64_t pass_ms; /* before it */
        int status;
        const char *limit, *retry_after;
    } rows[] = {
        {"192.0.2.1", 0, 200, "\"client\";r=1;t=1", NULL},    {"192.0.2.1", 0, 200, "\"client\";r=0;t=2", NULL},
        {"192.0.2.1", 0, 429, "\"client\";r=0;t=2", "1"},     {"192.0.2.1", 0, 429, "\"client\";r=0;t=2", "1"},
        {"192.0.2.2", 0, 200, "\"client\";r=1;t=1", NULL},    {"192.0.2.1", 999, 429, "\"client\";r=0;t=2", "1"},
        {"192.0.2.1", 1, 200, "\"client\";r=0;t=2", NULL},    {"192.0.2.1", 0, 429, "\"client\";r=0;t=2", "1"},
        {"192.0.2.1", 5000, 200, "\"client\";r=1;t=1", NULL},
    };
    (void)state;
    limit_set();
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        char row[16];
        struct exchange exchange;
        snprintf(row, sizeof(row), "row %zu", i);
        bed_pass(bed, rows[i].pass_ms);
        ask_from(&exchange, "GET", "/todos/a", rows[i].address);
        assert_number(row, exchange.request.status, rows[i].status);
        assert_text(row, exchange_header(&exchange, "RateLimit"), slice_of(rows[i].limit));
        assert_text(row, exchange_header(&exchange, "RateLimit-Policy"), SLICE("\"client\";q=2;w=2"));
        assert_text(row, exchange_header(&exchange, "Retry-After"), slice_of(rows[i].retry_after));
        if (rows[i].status == 429)
            assert_problem(row, &exchange, 429, "too-many-requests");
        exchange_fini(&exchange);
    }
    assert_int_equal(bed_counter(worker, STAT_LIMIT_ADMITTED), 5);
    assert_int_equal(bed_counter(worker, STAT_LIMIT_REFUSED), 4);
}

/* Of four requests of these addresses two are admitted, if they count as one client. */
static void a_network_of_ipv6_addresses_is_one_client(void **state)
{
    static const struct {
        const char *addresses[4];
        uint64_t admitted;
    } rows[] = {
        {{"2001:db8::1", "2001:db8::2", "2001:db8:0:0:ffff::", "2001:db8::1"}, 2},
        {{"2001:db8:0:1::1", "2001:db8:0:2::1", "2001:db8:0:1::2", "2001:db8:0:2::2"}, 4},
        {{"::ffff:192.0.2.1", "192.0.2.1", "::ffff:192.0.2.1", "192.0.2.1"}, 2},
        {{"::ffff:192.0.2.3", "::ffff:192.0.2.4", "192.0.2.5", "192.0.2.6"}, 4},
        {{"no address", "no address", "no address", "no address"}, 2},
    };
    (void)state;
    limit_set();
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        uint64_t before = bed_counter(worker, STAT_LIMIT_ADMITTED);
        for (size_t j = 0; j < COUNT_OF(rows[i].addresses); j++) {
            struct exchange exchange;
            ask_from(&exchange, "GET", "/todos/a", rows[i].addresses[j]);
            exchange_fini(&exchange);
        }
        assert_number(rows[i].addresses[0], (int64_t)(bed_counter(worker, STAT_LIMIT_ADMITTED) - before),
                      (int64_t)rows[i].admitted);
    }
}

/* Neither a lease nor a read of the store, nor a fill. The client has used up its share at another todo. */
static void a_refused_read_ends_at_its_verdict(void **state)
{
    static const struct {
        const char *path, *journal;
        int64_t pass_ms;
    } rows[] = {
        {"/todos/none", "LIMIT HGETALL", 0},
        {"/todos/a", "LIMIT HGETALL", 100000}, /* a hit past its soft lifetime, which would be refreshed */
        {"/todos", "LIMIT GET HGETALL", 0},
    };
    (void)state;
    limit_set();
    bed->settings.todo_soft_ttl_s = 1;
    bed->settings.rate_limit_burst = 1;
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct exchange exchange;
        bed_pass(bed, 1000 + rows[i].pass_ms);
        ask(&exchange, "GET", "/todos/other");
        assert_status("its share", &exchange, 404);
        exchange_fini(&exchange);
        ask(&exchange, "GET", rows[i].path);
        assert_problem(rows[i].path, &exchange, 429, "too-many-requests");
        assert_text(rows[i].path, fake_journal(), slice_of(rows[i].journal));
        exchange_fini(&exchange);
    }
}

/* Who guesses tokens is limited as well. */
static void a_request_without_its_token_counts(void **state)
{
    (void)state;
    limit_set();
    api_services.write_token = SLICE("secret");
    for (size_t i = 0; i < 4; i++) {
        struct exchange exchange;
        ask(&exchange, "DELETE", "/todos/a");
        assert_status("without the token", &exchange, i < 2 ? 401 : 429);
        assert_true(exchange_header(&exchange, "RateLimit").data);
        exchange_fini(&exchange);
    }
}

/* A shared cache would tell it to other clients. */
static void the_standing_is_told_to_this_client_alone(void **state)
{
    static const struct {
        const char *cache_control, *cdn_cache_control, *authorization;
        bool is_told;
    } rows[] = {
        {"no-cache", "", NULL, true},
        {"max-age=60", "", NULL, false},
        {"", "", NULL, false},
        {"private, max-age=60", "", NULL, true},
        {"no-cache", "max-age=60", NULL, false},
        {"no-cache", "no-store", NULL, true},
        {"max-age=60", "max-age=60", "Bearer x", true},
    };
    (void)state;
    limit_set();
    bed->settings.rate_limit_burst = 100;
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct exchange exchange;
        snprintf(bed->settings.todo_cache_control, sizeof(bed->settings.todo_cache_control), "%s",
                 rows[i].cache_control);
        snprintf(bed->settings.todo_cdn_cache_control, sizeof(bed->settings.todo_cdn_cache_control), "%s",
                 rows[i].cdn_cache_control);
        exchange_init(&exchange, "GET", "/todos/a");
        exchange.request.remote_address = SLICE("192.0.2.1");
        exchange.request.authorization = slice_of(rows[i].authorization);
        exchange_run(&exchange);
        assert_status(rows[i].cache_control, &exchange, 200);
        assert_number(rows[i].cache_control, exchange_header(&exchange, "RateLimit").data != NULL, rows[i].is_told);
        assert_number(rows[i].cache_control, exchange_header(&exchange, "RateLimit-Policy").data != NULL,
                      rows[i].is_told);
        exchange_fini(&exchange);
    }
    bed->settings.not_found_max_age_s = 60;
    struct exchange exchange;
    ask(&exchange, "GET", "/todos/none");
    assert_null(exchange_header(&exchange, "RateLimit").data);
    exchange_fini(&exchange);
}

static void who_watches_the_service_is_not_limited(void **state)
{
    static const char *const paths[] = {"/healthz", "/readyz", "/metrics"};
    (void)state;
    limit_set();
    for (size_t i = 0; i < 4 * COUNT_OF(paths); i++) {
        struct exchange exchange;
        exchange_init(&exchange, "GET", paths[i % COUNT_OF(paths)]);
        exchange.request.remote_address = SLICE("127.0.0.1");
        exchange_run(&exchange);
        assert_status(paths[i % COUNT_OF(paths)], &exchange, 200);
        exchange_fini(&exchange);
    }
    assert_int_equal(bed_counter(worker, STAT_LIMIT_ADMITTED) + bed_counter(worker, STAT_LIMIT_UNKNOWN), 0);
}

/* The read goes out behind the question, in the same moment; a write waits for the answer, and is not begun without it. */
static void a_read_waits_for_nothing_and_a_write_for_its_verdict(void **state)
{
    (void)state;
    struct exchange exchange;
    limit_set();
    get_sending(&exchange, 2);
    assert_journal("LIMIT HGETALL");
    exchange_fini(&exchange);
    ask(&exchange, "DELETE", "/todos/a");
    assert_status("second", &exchange, 204);
    exchange_fini(&exchange);
    ask(&exchange, "DELETE", "/todos/a");
    assert_status("third", &exchange, 429);
    assert_journal("LIMIT");
    exchange_fini(&exchange);
    assert_int_equal(fake_store_calls(bed->store, FAKE_CHANGE), 1);
}

static void without_redis_nobody_is_refused_and_each_is_counted(void **state)
{
    static const char *const methods[] = {"GET", "DELETE", "GET"};
    (void)state;
    limit_set();
    for (size_t i = 0; i < 3 * COUNT_OF(methods); i++) {
        struct exchange exchange;
        if (i == 0)
            fake_server_refuse(bed->server, "LIMIT", "OOM command not allowed");
        if (i == COUNT_OF(methods))
            fake_server_leave(bed->server);
        ask(&exchange, methods[i % COUNT_OF(methods)], "/todos/a");
        assert_true(exchange.request.status != 429);
        assert_null(exchange_header(&exchange, "RateLimit").data);
        assert_int_equal(bed_counter(worker, STAT_LIMIT_UNKNOWN), i + 1);
        exchange_fini(&exchange);
    }
}

/* Redis goes away between the question and its answer. */
static void a_verdict_that_is_lost_lets_the_request_through(void **state)
{
    static const char *const methods[] = {"GET", "DELETE"};
    (void)state;
    limit_set();
    for (size_t i = 0; i < COUNT_OF(methods); i++) {
        struct exchange exchange;
        fake_redis_lose_reply(bed_connection(worker), 1);
        ask(&exchange, methods[i], "/todos/a");
        assert_status(methods[i], &exchange, i == 0 ? 200 : 204);
        exchange_fini(&exchange);
        bed_pass(bed, 1000);
        assert_true(cache_is_trusted(worker->cache));
    }
}

static void errors_tell_the_standing_too(void **state)
{
    static const char *const methods[] = {"PUT", "PATCH"};
    (void)state;
    limit_set();
    for (size_t i = 0; i < COUNT_OF(methods); i++) {
        struct exchange exchange;
        ask(&exchange, methods[i], "/todos/a");
        assert_true(exchange.request.status >= 400);
        assert_text(methods[i], exchange_header(&exchange, "RateLimit"),
                    i == 0 ? SLICE("\"client\";r=1;t=1") : SLICE("\"client\";r=0;t=2"));
        exchange_fini(&exchange);
    }
}

/* EVAL follows a NOSCRIPT behind the read's own answer: that one request goes unlimited, and nothing is left behind. */
static void a_verdict_that_comes_after_the_answer_finds_nobody(void **state)
{
    (void)state;
    struct exchange exchange;
    limit_set();
    fake_server_forget_scripts(bed->server);
    ask(&exchange, "GET", "/todos/a");
    assert_status("first", &exchange, 200);
    assert_null(exchange_header(&exchange, "RateLimit").data);
    assert_journal("NOSCRIPT HGETALL LIMIT");
    exchange_fini(&exchange);
    ask(&exchange, "GET", "/todos/a");
    assert_text("the first was counted", exchange_header(&exchange, "RateLimit"), SLICE("\"client\";r=0;t=2"));
    exchange_fini(&exchange);
}

/* ---- In a cluster ---- */

/* The servers of the cluster are all the one fake Redis. */
void __wrap_cluster_send(struct cluster *cluster, unsigned slot, struct slice command, redis_reply_cb on_reply,
                         void *ctx);
void __wrap_cluster_send(struct cluster *cluster, unsigned slot, struct slice command, redis_reply_cb on_reply,
                         void *ctx)
{
    assert_ptr_equal(cluster, bed);
    assert_int_equal(slot, slot_of_key(SLICE("192.0.2.1")));
    redis_send(bed_connection(worker), command, on_reply, ctx);
}

static void in_a_cluster_a_read_waits_for_its_verdict(void **state)
{
    (void)state;
    struct exchange exchange;
    limit_set();
    api_services.limiter.redis = NULL;
    api_services.limiter.cluster = (struct cluster *)bed;
    fake_server_forget_scripts(bed->server);
    get_sending(&exchange, 1);
    assert_status("first", &exchange, 200);
    assert_text("first", exchange_header(&exchange, "RateLimit"), SLICE("\"client\";r=1;t=1"));
    assert_journal("NOSCRIPT LIMIT HGETALL");
    exchange_fini(&exchange);
    ask(&exchange, "GET", "/todos/a");
    exchange_fini(&exchange);
    ask(&exchange, "GET", "/todos/a");
    assert_status("third", &exchange, 429);
    assert_journal("LIMIT");
    exchange_fini(&exchange);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, bed_end)
    const struct CMUnitTest tests[] = {
        TEST(a_client_beyond_its_limit_is_told_when_to_come_again),
        TEST(a_network_of_ipv6_addresses_is_one_client),
        TEST(a_refused_read_ends_at_its_verdict),
        TEST(a_request_without_its_token_counts),
        TEST(the_standing_is_told_to_this_client_alone),
        TEST(who_watches_the_service_is_not_limited),
        TEST(a_read_waits_for_nothing_and_a_write_for_its_verdict),
        TEST(without_redis_nobody_is_refused_and_each_is_counted),
        TEST(a_verdict_that_is_lost_lets_the_request_through),
        TEST(errors_tell_the_standing_too),
        TEST(a_verdict_that_comes_after_the_answer_finds_nobody),
        TEST(in_a_cluster_a_read_waits_for_its_verdict),
    };
    return cmocka_run_group_tests_name("api_limit", tests, NULL, NULL);
}
