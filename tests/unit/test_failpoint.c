/* SPDX-License-Identifier: MIT */
/* failpoint.c: what may be armed where, and what a pass then does. */
#include "testing.h"

#include "base/failpoint.h"

static unsigned killed, slept;
static uint32_t slept_ms;

static void on_kill(void)
{
    killed++;
}

static void on_sleep_ms(uint32_t ms)
{
    slept++;
    slept_ms = ms;
}

static const struct failpoint_effects effects = {.kill = on_kill, .sleep_ms = on_sleep_ms};

static enum status arm(const char *text)
{
    struct error error;
    killed = slept = 0;
    return failpoint_setup(slice_of(text), &effects, &error);
}

static void what_makes_no_sense_is_refused(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        enum status want;
    } rows[] = {
        {"", STATUS_OK},
        {"fill_before=kill", STATUS_OK},
        {"fill_before=kill@0.01", STATUS_OK},
        {"fill_before=kill@1", STATUS_OK},
        {"fill_before=kill@0", STATUS_OK},
        {"fill_before=kill@0.000001", STATUS_OK},
        {"fill_before=delay:50", STATUS_OK},
        {"fill_before=delay:50@0.5,fill_before=kill@0.5", STATUS_OK},
        {"acquire_ignore_writers=on", STATUS_OK},
        {"write_before_unfence=kill", STATUS_OK},
        {"write_before_unfence=delay:50", STATUS_INVALID}, /* the loop never waits */
        {"fill_before=on", STATUS_INVALID},
        {"acquire_ignore_writers=kill", STATUS_INVALID},
        {"acquire_ignore_writers=delay:5", STATUS_INVALID},
        {"acquire_ignore_writers=on@0.5", STATUS_INVALID},
        {"acquire_ignore_writers", STATUS_INVALID},
        {"fill_behind=kill", STATUS_INVALID},
        {"fill_before", STATUS_INVALID},
        {"fill_before=", STATUS_INVALID},
        {"=kill", STATUS_INVALID},
        {"fill_before=kill@", STATUS_INVALID},
        {"fill_before=kill@2", STATUS_INVALID},
        {"fill_before=kill@1.1", STATUS_INVALID},
        {"fill_before=kill@-1", STATUS_INVALID},
        {"fill_before=kill@.5", STATUS_INVALID},
        {"fill_before=kill@0.", STATUS_INVALID},
        {"fill_before=kill@0.0000001", STATUS_INVALID},
        {"fill_before=kill:5", STATUS_INVALID},
        {"fill_before=delay", STATUS_INVALID},
        {"fill_before=delay:", STATUS_INVALID},
        {"fill_before=delay:0", STATUS_INVALID},
        {"fill_before=delay:60001", STATUS_INVALID},
        {"fill_before=kill,", STATUS_OK},
        {",fill_before=kill", STATUS_INVALID},
        {"fill_before=kill fill_before=kill", STATUS_INVALID},
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++)
        assert_number(rows[i].text, arm(rows[i].text), rows[i].want);
}

static void an_armed_point_acts_and_no_other(void **state)
{
    (void)state;
    assert_int_equal(arm("fill_before=kill,write_after_commit=delay:7"), STATUS_OK);
    failpoint_pass(FAILPOINT_WRITE_AFTER_FENCE);
    assert_int_equal(killed + slept, 0);
    failpoint_pass(FAILPOINT_WRITE_AFTER_COMMIT);
    assert_int_equal(slept, 1);
    assert_int_equal(slept_ms, 7);
    assert_int_equal(killed, 0);
    failpoint_pass(FAILPOINT_FILL_BEFORE);
    assert_int_equal(killed, 1);
}

static void arming_anew_disarms_the_rest(void **state)
{
    (void)state;
    assert_int_equal(arm("fill_before=kill,acquire_ignore_writers=on"), STATUS_OK);
    assert_true(failpoint_is_on(FAILPOINT_ACQUIRE_IGNORE_WRITERS));
    assert_false(failpoint_is_on(FAILPOINT_FILL_WITHOUT_LEASE));
    assert_int_equal(arm(""), STATUS_OK);
    assert_false(failpoint_is_on(FAILPOINT_ACQUIRE_IGNORE_WRITERS));
    failpoint_pass(FAILPOINT_FILL_BEFORE);
    assert_int_equal(killed, 0);
}

static void a_chance_is_about_what_it_says(void **state)
{
    (void)state;
    assert_int_equal(arm("fill_before=kill@0.1,fill_before=delay:1@0.9"), STATUS_OK);
    for (int i = 0; i < 10000; i++)
        failpoint_pass(FAILPOINT_FILL_BEFORE);
    assert_true(killed > 700 && killed < 1300); /* ten standard deviations */
    assert_true(slept > 8700 && slept < 9300);
    assert_int_equal(arm("fill_before=kill@0"), STATUS_OK);
    for (int i = 0; i < 10000; i++)
        failpoint_pass(FAILPOINT_FILL_BEFORE);
    assert_int_equal(killed, 0);
}

static void pass_a_switch(void)
{
    failpoint_pass(FAILPOINT_FILL_WITHOUT_LEASE);
}

static void passing_a_switch_is_a_bug(void **state)
{
    (void)state;
    assert_int_equal(arm(""), STATUS_OK);
    assert_true(ends_by_abort(pass_a_switch));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_makes_no_sense_is_refused), cmocka_unit_test(an_armed_point_acts_and_no_other),
        cmocka_unit_test(arming_anew_disarms_the_rest),   cmocka_unit_test(a_chance_is_about_what_it_says),
        cmocka_unit_test(passing_a_switch_is_a_bug),
    };
    return cmocka_run_group_tests_name("failpoint", tests, NULL, NULL);
}
