/* SPDX-License-Identifier: MIT */
/* gather.c: the policy of this thread, by the answers of a second. */
#include "testing.h"

#include <sched.h>

#include "server/gather.h"

enum { BEFORE = 1000000 }; /* answers of workers that had the slot before */

static int begin(void **state)
{
    (void)state;
    const struct sched_param priority = {0};
    return sched_setscheduler(0, SCHED_OTHER, &priority);
}

static void requests_gather_from_that_many_answers_a_second_on(void **state)
{
    (void)state;
    struct gather gather = {.answers = BEFORE};
    gather_tend(&gather, BEFORE);
    assert_int_equal(sched_getscheduler(0), SCHED_OTHER);
    gather_tend(&gather, BEFORE + GATHER_ANSWERS - 1);
    assert_int_equal(sched_getscheduler(0), SCHED_OTHER);
    gather_tend(&gather, BEFORE + 2 * GATHER_ANSWERS - 1);
    assert_int_equal(sched_getscheduler(0), SCHED_BATCH);
    gather_tend(&gather, BEFORE + 3 * GATHER_ANSWERS - 1);
    assert_int_equal(sched_getscheduler(0), SCHED_BATCH);
}

static void a_quiet_second_ends_it(void **state)
{
    (void)state;
    struct gather gather = {0};
    gather_tend(&gather, GATHER_ANSWERS);
    assert_int_equal(sched_getscheduler(0), SCHED_BATCH);
    gather_tend(&gather, 2 * GATHER_ANSWERS - 1);
    assert_int_equal(sched_getscheduler(0), SCHED_OTHER);
}

static void a_policy_that_somebody_chose_stays(void **state)
{
    (void)state;
    struct gather gather = {0};
    const struct sched_param priority = {0};
    assert_int_equal(sched_setscheduler(0, SCHED_BATCH, &priority), 0);
    gather_tend(&gather, GATHER_ANSWERS);
    gather_tend(&gather, GATHER_ANSWERS);
    assert_int_equal(sched_getscheduler(0), SCHED_BATCH);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(requests_gather_from_that_many_answers_a_second_on, begin),
        cmocka_unit_test_setup(a_quiet_second_ends_it, begin),
        cmocka_unit_test_setup(a_policy_that_somebody_chose_stays, begin),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
