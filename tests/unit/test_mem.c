/* SPDX-License-Identifier: MIT */
/* mem.c: allocation that never returns NULL, and bugs that end the process. */
#include "testing.h"

#include "base/mem.h"

static void allocating_nothing_gives_memory_that_can_be_freed(void **state)
{
    (void)state;
    void *memory = mem_alloc(0);
    assert_non_null(memory);
    memory = mem_resize(memory, 0);
    assert_non_null(memory);
    free(memory);
    memory = mem_zalloc(0);
    assert_non_null(memory);
    free(memory);
}

static void zeroed_memory_is_zero(void **state)
{
    (void)state;
    char *memory = mem_zalloc(1000);
    for (size_t i = 0; i < 1000; i++)
        assert_int_equal(memory[i], 0);
    free(memory);
}

static void a_copied_text_is_a_text_of_its_own(void **state)
{
    (void)state;
    char original[] = "text";
    char *copy = mem_strdup(original);
    original[0] = 'n';
    assert_string_equal(copy, "text");
    free(copy);
}

static void break_a_rule(void)
{
    bug_unless(1 + 1 == 3, "arithmetic");
}

static void keep_a_rule(void)
{
    bug_unless(1 + 1 == 2, "arithmetic");
}

static void a_bug_aborts_and_its_absence_does_not(void **state)
{
    (void)state;
    assert_true(ends_by_abort(break_a_rule));
    assert_false(ends_by_abort(keep_a_rule));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(allocating_nothing_gives_memory_that_can_be_freed),
        cmocka_unit_test(zeroed_memory_is_zero),
        cmocka_unit_test(a_copied_text_is_a_text_of_its_own),
        cmocka_unit_test(a_bug_aborts_and_its_absence_does_not),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
