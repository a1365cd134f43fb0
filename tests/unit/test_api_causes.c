/* SPDX-License-Identifier: MIT */
/*
 * What clients and operators are told of a store that fails: by its status and its cause.
 */
#include "api_bed.h"

static struct bed *bed;

static int begin(void **state)
{
    api_begin(state);
    bed = *state;
    return 0;
}

/* What a person must mend makes the worker unready; a lock that another process holds does not. */
static void readiness_tries_a_write_and_tells_why_it_fails(void **state)
{
    static const struct {
        enum status fails;
        enum cause cause;
        int want;
        const char *writes;
    } rows[] = {
        {STATUS_OK, CAUSE_NONE, 200, "\"writes\":\"ok\""},
        {STATUS_UNAVAILABLE, CAUSE_NONE, 200, "\"writes\":\"unavailable\""},
        {STATUS_UNAVAILABLE, CAUSE_FULL, 503, "\"writes\":\"unavailable\""},
        {STATUS_UNKNOWN, CAUSE_FULL, 503, "\"writes\":\"unknown\""},
        {STATUS_UNAVAILABLE, CAUSE_RIGHTS, 503, "\"writes\":\"unavailable\""},
    };
    (void)state;
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct exchange exchange;
        unsigned before = fake_store_calls(bed->store, FAKE_HEARTBEAT);
        exchange_init(&exchange, "GET", "/readyz");
        if (rows[i].fails != STATUS_OK)
            fake_store_fail(bed->store, FAKE_HEARTBEAT, 0, rows[i].fails);
        fake_store_say(bed->store, rows[i].cause);
        exchange_run(&exchange);
        fake_store_say(bed->store, CAUSE_NONE);
        assert_status(rows[i].writes, &exchange, rows[i].want);
        assert_number("beats", fake_store_calls(bed->store, FAKE_HEARTBEAT), before + 1);
        assert_number(rows[i].writes, exchange_body_has(&exchange, rows[i].writes), true);
        assert_number("reason", exchange_body_has(&exchange, "\"reason\":\"this call was to fail\""),
                      rows[i].fails != STATUS_OK);
        exchange_fini(&exchange);
    }
}

static void a_failing_store_is_told_by_its_cause(void **state)
{
    static const struct {
        const char *method, *path;
        enum fake_call call;
        enum status fails;
        enum cause cause;
        int want;
        const char *slug, *detail;
    } rows[] = {
        {"GET", "/todos/z1", FAKE_GET, STATUS_UNAVAILABLE, CAUSE_NONE, 503, "unavailable",
         "can't be reached. Try again"},
        {"GET", "/todos/z2", FAKE_GET, STATUS_UNAVAILABLE, CAUSE_LOGIN, 503, "unavailable", "user or password"},
        {"GET", "/todos/z3", FAKE_GET, STATUS_UNAVAILABLE, CAUSE_RIGHTS, 503, "unavailable", "grants the right"},
        {"GET", "/todos/z4", FAKE_GET, STATUS_UNAVAILABLE, CAUSE_UNSUPPORTED, 503, "unavailable", "can't do what"},
        {"GET", "/todos/z5", FAKE_GET, STATUS_UNAVAILABLE, CAUSE_DAMAGED, 503, "unavailable", "damaged"},
        {"GET", "/todos/z6", FAKE_GET, STATUS_INVALID, CAUSE_UNREADABLE, 500, "unreadable", "this call was to fail"},
        {"GET", "/todos", FAKE_LIST, STATUS_INVALID, CAUSE_UNREADABLE, 500, "unreadable", "this call was"},
        {"DELETE", "/todos/z7", FAKE_CHANGE, STATUS_UNAVAILABLE, CAUSE_FULL, 503, "unavailable",
         "disk is full, until an operator makes room. Nothing was changed."},
        {"PUT", "/todos/z8", FAKE_CHANGE, STATUS_UNKNOWN, CAUSE_FULL, 503, "unknown-outcome",
         "disk is full, until an operator makes room. The write may have been applied"},
        {"PUT", "/todos/z9", FAKE_CHANGE, STATUS_UNKNOWN, CAUSE_NONE, 503, "unknown-outcome", "answer in time"},
        {"DELETE", "/todos/z10", FAKE_CHANGE, STATUS_INVALID, CAUSE_RULE, 503, "unavailable", "A rule of the database"},
    };
    (void)state;
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct exchange exchange;
        exchange_init(&exchange, rows[i].method, rows[i].path);
        exchange.request.content_type = SLICE("application/json");
        exchange.request.body = SLICE("{\"name\":\"x\"}");
        fake_store_fail(bed->store, rows[i].call, 0, rows[i].fails);
        fake_store_say(bed->store, rows[i].cause);
        exchange_run(&exchange);
        fake_store_say(bed->store, CAUSE_NONE);
        assert_problem(rows[i].path, &exchange, rows[i].want, rows[i].slug);
        assert_number(rows[i].path, exchange_body_has(&exchange, rows[i].detail), true);
        assert_number(rows[i].path, exchange_header(&exchange, "Retry-After").data != NULL, rows[i].want == 503);
        exchange_fini(&exchange);
    }
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, bed_end)
    const struct CMUnitTest tests[] = {
        TEST(readiness_tries_a_write_and_tells_why_it_fails),
        TEST(a_failing_store_is_told_by_its_cause),
    };
    return cmocka_run_group_tests_name("api_causes", tests, NULL, NULL);
}
