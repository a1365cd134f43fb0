/* SPDX-License-Identifier: MIT */
/* error.c: the setter, cuts, names. */
#include "testing.h"

#include "base/error.h"

static void setting_an_error_answers_its_status(void **state)
{
    (void)state;
    struct error error;
    assert_int_equal(error_set(&error, STATUS_BUSY, "queue of %d is full", 5), STATUS_BUSY);
    assert_int_equal(error.status, STATUS_BUSY);
    assert_string_equal(error.text, "queue of 5 is full");
    assert_string_equal(error.pointer, "");
    assert_int_equal(error_set(NULL, STATUS_EXISTS, "nobody asks"), STATUS_EXISTS);
}

static void a_pointer_belongs_to_the_error_that_was_set_last(void **state)
{
    (void)state;
    struct error error;
    error_set(&error, STATUS_INVALID, "bad");
    assert_int_equal(error_at(&error, "/name"), STATUS_INVALID);
    assert_string_equal(error.pointer, "/name");
    error_set(&error, STATUS_INVALID, "worse");
    assert_string_equal(error.pointer, "");
    assert_int_equal(error_at(NULL, "/name"), STATUS_INVALID);
}

static void the_old_text_may_be_part_of_the_new_one(void **state)
{
    (void)state;
    struct error error;
    error_set(&error, STATUS_INVALID, "no such file");
    error_set(&error, error.status, "todo.conf: %s", error.text);
    assert_string_equal(error.text, "todo.conf: no such file");
}

/* Long texts of two-byte characters, at both offsets: the cut must fall between two of them. */
static void long_texts_are_cut_between_characters(void **state)
{
    (void)state;
    char text[1024] = "";
    while (strlen(text) < 1000)
        strcat(text, "\xC3\xA9");
    for (int offset = 0; offset < 2; offset++) {
        struct error error;
        error_set(&error, STATUS_INVALID, "%s%s", offset ? "x" : "", text);
        error_at(&error, text + offset);
        assert_int_equal(strlen(error.text), (sizeof(error.text) - 1 - (size_t)offset) / 2 * 2 + (size_t)offset);
        assert_int_equal((unsigned char)error.text[strlen(error.text) - 1], 0xA9);
        assert_true(strlen(error.pointer) < sizeof(error.pointer));
        assert_int_equal((unsigned char)error.pointer[strlen(error.pointer) - 1], 0xA9);
    }
}

static void every_status_has_a_name_of_its_own(void **state)
{
    (void)state;
    for (int a = 0; a < STATUS_COUNT; a++) {
        assert_non_null(status_name((enum status)a));
        for (int b = 0; b < a; b++)
            assert_string_not_equal(status_name((enum status)a), status_name((enum status)b));
    }
    assert_string_equal(status_name(STATUS_NOT_FOUND), "not_found");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(setting_an_error_answers_its_status),
        cmocka_unit_test(a_pointer_belongs_to_the_error_that_was_set_last),
        cmocka_unit_test(the_old_text_may_be_part_of_the_new_one),
        cmocka_unit_test(long_texts_are_cut_between_characters),
        cmocka_unit_test(every_status_has_a_name_of_its_own),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
