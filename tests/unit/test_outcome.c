/* SPDX-License-Identifier: MIT */
/* outcome.c: outcomes as text, and that others' texts are none. */
#include "testing.h"

#include "queue/outcome.h"

static void an_outcome_comes_back_from_its_text(void **state)
{
    static const struct {
        const char *text;
        struct journal_outcome outcome;
    } rows[] = {
        {"ok 1 1 4503599627370501 milk", {{7, STATUS_OK, true, {1, 4503599627370501}, ""}, "milk"}},
        {"ok 0 9223372036854775807 9223372036854775807 a.~_-",
         {{7, STATUS_OK, false, {INT64_MAX, INT64_MAX}, ""}, "a.~_-"}},
        {"not_found 0 0 0 42", {{7, STATUS_NOT_FOUND, false, {0, 0}, ""}, "42"}},
        {"exists 0 0 0 0123456789012345678901234567890123456789012345678901234567890123",
         {{7, STATUS_EXISTS, false, {0, 0}, ""}, "0123456789012345678901234567890123456789012345678901234567890123"}},
    };
    (void)state;
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        char text[OUTCOME_TEXT_MAX + 1];
        struct journal_outcome got = {.applied.number = 7};
        outcome_print(text, &rows[i].outcome);
        assert_string_equal(text, rows[i].text);
        assert_number(text, outcome_parse(slice_of(text), &got), true);
        assert_string_equal(got.id, rows[i].outcome.id);
        assert_int_equal(got.applied.status, rows[i].outcome.applied.status);
        assert_int_equal(got.applied.created, rows[i].outcome.applied.created);
        assert_int_equal(got.applied.version.v, rows[i].outcome.applied.version.v);
        assert_int_equal(got.applied.version.life, rows[i].outcome.applied.version.life);
        assert_int_equal(got.applied.number, 7);
    }
}

static void what_others_wrote_is_no_outcome(void **state)
{
    static const char *const texts[] = {
        "",
        "ok",
        "ok 1 1 1",
        "ok 1 1 1 ",
        "ok 2 1 1 a",
        "ok 1 -1 1 a",
        "ok 1 1 -1 a",
        "ok 1 01 1 a",
        "yes 1 1 1 a",
        "ok 1 1 1 a b",
        "ok  1 1 1 a",
        " ok 1 1 1 a",
        "ok 1 1 1 ..",
        "OK 1 1 1 a",
    };
    (void)state;
    for (size_t i = 0; i < COUNT_OF(texts); i++) {
        struct journal_outcome outcome;
        assert_number(texts[i], outcome_parse(slice_of(texts[i]), &outcome), false);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_outcome_comes_back_from_its_text),
        cmocka_unit_test(what_others_wrote_is_no_outcome),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
