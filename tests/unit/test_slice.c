/* SPDX-License-Identifier: MIT */
/* slice.c: trimming, splitting, strict integers, equality, cuts between characters. */
#include "testing.h"

static void only_the_one_spelling_of_an_integer_is_taken(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        bool want;
        int64_t value;
    } rows[] = {
        {"0", true, 0},
        {"7", true, 7},
        {"-7", true, -7},
        {"10", true, 10},
        {"9223372036854775807", true, INT64_MAX},
        {"-9223372036854775808", true, INT64_MIN},
        {"9223372036854775808", false, 0},
        {"-9223372036854775809", false, 0},
        {"99999999999999999999999", false, 0},
        {"", false, 0},
        {"-", false, 0},
        {"-0", false, 0},
        {"00", false, 0},
        {"07", false, 0},
        {"-07", false, 0},
        {"+7", false, 0},
        {" 7", false, 0},
        {"7 ", false, 0},
        {"--7", false, 0},
        {"7a", false, 0},
        {"0x7", false, 0},
        {"1.0", false, 0},
        {"1e3", false, 0},
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        int64_t value = 4711;
        assert_number(rows[i].text, slice_to_int64(slice_of(rows[i].text), &value), rows[i].want);
        assert_number(rows[i].text, value, rows[i].want ? rows[i].value : 4711);
    }
}

static void an_integer_ends_where_its_slice_ends(void **state)
{
    (void)state;
    int64_t value;
    assert_true(slice_to_int64((struct slice){"1234", 2}, &value));
    assert_int_equal(value, 12);
    assert_false(slice_to_int64((struct slice){"12\0"
                                               "34",
                                               5},
                                &value));
    assert_false(slice_to_int64((struct slice){0}, &value));
}

static void slices_are_equal_by_their_bytes(void **state)
{
    (void)state;
    assert_true(slice_equal(SLICE("ab"), slice_of("ab")));
    assert_false(slice_equal(SLICE("ab"), SLICE("ac")));
    assert_false(slice_equal(SLICE("ab"), SLICE("abc")));
    assert_true(slice_equal(SLICE(""), (struct slice){0}));
}

static void a_cut_never_splits_a_character(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        size_t max, want;
    } rows[] = {
        {"abc", 3, 3},
        {"abc", 9, 3},
        {"abc", 2, 2},
        {"abc", 0, 0},
        {"a\xC3\xA9", 2, 1},
        {"a\xC3\xA9", 3, 3},
        {"\xE2\x82\xAC", 2, 0},
        {"\xF0\x9F\x98\x80x", 3, 0},
        {"\xF0\x9F\x98\x80x", 4, 4},
        {"", 0, 0},
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++)
        assert_number(rows[i].text, (int64_t)slice_cut(slice_of(rows[i].text), rows[i].max), (int64_t)rows[i].want);
}

static void blanks_go_from_the_ends_alone(void **state)
{
    (void)state;
    static const struct {
        const char *text, *want, *want_end;
    } rows[] = {
        {"", "", ""},
        {" \t ", "", ""},
        {"a b", "a b", "a b"},
        {" \ta b\t ", "a b", " \ta b"},
        {"\na\n", "\na\n", "\na\n"},
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        assert_true(slice_equal(slice_trim(slice_of(rows[i].text), " \t"), slice_of(rows[i].want)));
        assert_true(slice_equal(slice_trim_end(slice_of(rows[i].text), " \t"), slice_of(rows[i].want_end)));
    }
    assert_int_equal(slice_trim((struct slice){"a\0", 2}, " \t").len, 2);
    assert_null(slice_trim((struct slice){0}, " \t").data);
}

static void text_is_split_at_the_first_mark(void **state)
{
    (void)state;
    static const struct {
        const char *text, *want, *want_rest;
    } rows[] = {
        {"a=b=c", "a", "b=c"}, {"a=", "a", ""}, {"=", "", ""}, {"ab", "ab", NULL}, {"", "", NULL},
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct slice rest = SLICE("untouched");
        assert_true(slice_equal(slice_split(slice_of(rows[i].text), '=', &rest), slice_of(rows[i].want)));
        assert_true(slice_equal(rest, slice_of(rows[i].want_rest)));
        assert_int_equal(rest.data != NULL, rows[i].want_rest != NULL);
    }
    struct slice text = SLICE("a=b");
    text = slice_split(text, '=', &text); /* text and rest may be the same */
    assert_true(slice_equal(text, SLICE("a")));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(only_the_one_spelling_of_an_integer_is_taken),
        cmocka_unit_test(an_integer_ends_where_its_slice_ends),
        cmocka_unit_test(slices_are_equal_by_their_bytes),
        cmocka_unit_test(a_cut_never_splits_a_character),
        cmocka_unit_test(blanks_go_from_the_ends_alone),
        cmocka_unit_test(text_is_split_at_the_first_mark),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
