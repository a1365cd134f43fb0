/* SPDX-License-Identifier: MIT */
/* breaker.c: its three states, over a clock that the tests move. */
#include "testing.h"

#include "base/breaker.h"

static struct breaker open_breaker(void)
{
    struct breaker breaker;
    breaker_init(&breaker, 3, 100, 1000);
    assert_false(breaker_failure(&breaker, 0));
    assert_false(breaker_failure(&breaker, 0));
    assert_true(breaker_failure(&breaker, 0));
    return breaker;
}

static void it_opens_after_failures_in_a_row_only(void **state)
{
    (void)state;
    struct breaker breaker;
    breaker_init(&breaker, 3, 100, 1000);
    for (int i = 0; i < 10; i++) {
        assert_false(breaker_failure(&breaker, 0));
        assert_false(breaker_failure(&breaker, 0));
        assert_false(breaker_success(&breaker));
        assert_true(breaker_allows(&breaker, 0));
    }
    breaker_failure(&breaker, 0);
    breaker_failure(&breaker, 0);
    assert_false(breaker_is_open(&breaker));
    assert_true(breaker_failure(&breaker, 0));
    assert_true(breaker_is_open(&breaker));
    assert_false(breaker_allows(&breaker, 0));
}

static void one_probe_passes_after_the_pause(void **state)
{
    (void)state;
    struct breaker breaker = open_breaker();
    assert_false(breaker_allows(&breaker, 74)); /* a pause of 100 ms is cut by at most 25 */
    assert_true(breaker_allows(&breaker, 100));
    assert_false(breaker_allows(&breaker, 100));
    assert_false(breaker_allows(&breaker, 100000));
    assert_true(breaker_is_open(&breaker));
}

static void a_probe_that_succeeds_closes_it(void **state)
{
    (void)state;
    struct breaker breaker = open_breaker();
    assert_true(breaker_allows(&breaker, 100));
    assert_true(breaker_success(&breaker));
    assert_false(breaker_is_open(&breaker));
    assert_true(breaker_allows(&breaker, 100));
    assert_false(breaker_success(&breaker));
    /* Its count begins anew, and so does its pause. */
    breaker_failure(&breaker, 100);
    breaker_failure(&breaker, 100);
    assert_false(breaker_is_open(&breaker));
    assert_true(breaker_failure(&breaker, 100));
    assert_true(breaker_allows(&breaker, 200));
}

static void each_failed_probe_doubles_the_pause_up_to_a_bound(void **state)
{
    (void)state;
    struct breaker breaker = open_breaker();
    static const int64_t pauses_ms[] = {200, 400, 800, 1000, 1000};
    int64_t now_ms = 100;
    for (size_t i = 0; i < COUNT_OF(pauses_ms); i++) {
        assert_true(breaker_allows(&breaker, now_ms));
        assert_false(breaker_failure(&breaker, now_ms)); /* it was open before: nothing to log */
        assert_false(breaker_allows(&breaker, now_ms + pauses_ms[i] * 3 / 4 - 1));
        now_ms += pauses_ms[i];
    }
    assert_true(breaker_allows(&breaker, now_ms));
}

static void failures_of_calls_from_before_change_nothing(void **state)
{
    (void)state;
    struct breaker breaker = open_breaker();
    for (int i = 0; i < 10; i++)
        assert_false(breaker_failure(&breaker, 90));
    assert_true(breaker_allows(&breaker, 100));
}

static void a_late_success_closes_it_as_well(void **state)
{
    (void)state;
    struct breaker breaker = open_breaker();
    assert_true(breaker_success(&breaker));
    assert_true(breaker_allows(&breaker, 1));
}

static void retry_after_is_the_rest_of_the_pause_and_never_zero(void **state)
{
    (void)state;
    struct breaker breaker = open_breaker();
    uint32_t after_ms = breaker_retry_after_ms(&breaker, 0);
    assert_in_range(after_ms, 75, 100);
    assert_int_equal(breaker_retry_after_ms(&breaker, 50), after_ms - 50);
    assert_int_equal(breaker_retry_after_ms(&breaker, 500), 1);
    breaker_success(&breaker);
    assert_int_equal(breaker_retry_after_ms(&breaker, 0), 1);
}

static void workers_do_not_probe_in_step(void **state)
{
    (void)state;
    unsigned seen = 0;
    for (int i = 0; i < 1000; i++) {
        struct breaker breaker = open_breaker();
        assert_in_range(breaker.probe_at_ms, 75, 100);
        seen |= 1u << (breaker.probe_at_ms - 75);
    }
    assert_int_equal(seen, (1u << 26) - 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(it_opens_after_failures_in_a_row_only),
        cmocka_unit_test(one_probe_passes_after_the_pause),
        cmocka_unit_test(a_probe_that_succeeds_closes_it),
        cmocka_unit_test(each_failed_probe_doubles_the_pause_up_to_a_bound),
        cmocka_unit_test(failures_of_calls_from_before_change_nothing),
        cmocka_unit_test(a_late_success_closes_it_as_well),
        cmocka_unit_test(retry_after_is_the_rest_of_the_pause_and_never_zero),
        cmocka_unit_test(workers_do_not_probe_in_step),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
