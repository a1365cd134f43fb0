/* SPDX-License-Identifier: MIT */
/* cursor.c: round trips, and everything else refused. */
#include "testing.h"

#include "base/cursor.h"

static struct cursor make_cursor(int64_t created_at_ms, const char *id)
{
    struct cursor cursor = {.created_at_ms = created_at_ms};
    memcpy(cursor.id, id, strlen(id) + 1);
    return cursor;
}

static void what_is_printed_is_read_back(void **state)
{
    (void)state;
    static const char longest[] = "0123456789012345678901234567890123456789012345678901234567890123";
    static const int64_t times[] = {0, 1, INT64_C(1709251199123), TODO_TIME_MAX_MS};
    for (size_t i = 0; i < COUNT_OF(times); i++) {
        for (size_t id_len = 1; id_len <= TODO_ID_MAX; id_len++) {
            struct cursor cursor = make_cursor(times[i], longest + TODO_ID_MAX - id_len);
            struct cursor got;
            char text[CURSOR_TEXT_MAX + 1];
            cursor_print(text, &cursor, 255);
            assert_int_equal(strspn(text, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"),
                             strlen(text));
            assert_number(text, cursor_parse(slice_of(text), 255, &got), true);
            assert_number(text, got.created_at_ms, times[i]);
            assert_text(text, slice_of(got.id), slice_of(cursor.id));
        }
    }
}

/* Clients keep cursors over an upgrade: the text of a given place must not change by accident. */
static void the_text_of_a_place_is_fixed(void **state)
{
    (void)state;
    struct cursor cursor = make_cursor(INT64_C(1709251199123), "42");
    char text[CURSOR_TEXT_MAX + 1];
    cursor_print(text, &cursor, 1);
    assert_string_equal(text, "AQEAAAGN90-AkzQy6TW1sQ");
}

static void another_query_refuses_it(void **state)
{
    (void)state;
    struct cursor cursor = make_cursor(5, "42");
    char text[CURSOR_TEXT_MAX + 1];
    cursor_print(text, &cursor, 1);
    assert_true(cursor_parse(slice_of(text), 1, &cursor));
    assert_false(cursor_parse(slice_of(text), 2, &cursor));
}

static void any_changed_or_missing_character_is_noticed(void **state)
{
    (void)state;
    static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_=+/ %";
    for (size_t id_len = 1; id_len <= 3; id_len++) { /* all three lengths of the last group */
        struct cursor cursor = make_cursor(INT64_C(1709251199123), "abc" + 3 - id_len);
        struct cursor got;
        char text[CURSOR_TEXT_MAX + 2];
        cursor_print(text, &cursor, 7);
        size_t len = strlen(text);
        for (size_t cut = 0; cut < len; cut++)
            assert_number(text, cursor_parse((struct slice){text, cut}, 7, &got), false);
        for (size_t at = 0; at < len; at++) {
            char right = text[at];
            for (size_t i = 0; i < sizeof(alphabet); i++) {
                text[at] = alphabet[i];
                assert_number(text, cursor_parse((struct slice){text, len}, 7, &got), alphabet[i] == right);
            }
            text[at] = right;
        }
        text[len] = 'A';
        assert_false(cursor_parse((struct slice){text, len + 1}, 7, &got));
    }
}

static void text_of_any_length_is_refused_in_bounds(void **state)
{
    (void)state;
    for (size_t len = 0; len < 300; len++) {
        char *text = malloc(len ? len : 1);
        memset(text, 'A', len);
        struct cursor cursor;
        assert_false(cursor_parse((struct slice){text, len}, 0, &cursor));
        free(text);
    }
    struct cursor cursor;
    assert_false(cursor_parse((struct slice){0}, 0, &cursor));
}

static void a_well_formed_cursor_of_an_impossible_row_is_refused(void **state)
{
    (void)state;
    static const struct {
        int64_t at_ms;
        const char *id;
    } rows[] = {{-1, "42"}, {TODO_TIME_MAX_MS + 1, "42"}, {0, ".."}, {0, "a/b"}};
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct cursor cursor = make_cursor(rows[i].at_ms, rows[i].id);
        char text[CURSOR_TEXT_MAX + 1];
        cursor_print(text, &cursor, 0);
        assert_number(rows[i].id, cursor_parse(slice_of(text), 0, &cursor), false);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_printed_is_read_back),
        cmocka_unit_test(the_text_of_a_place_is_fixed),
        cmocka_unit_test(another_query_refuses_it),
        cmocka_unit_test(any_changed_or_missing_character_is_noticed),
        cmocka_unit_test(text_of_any_length_is_refused_in_bounds),
        cmocka_unit_test(a_well_formed_cursor_of_an_impossible_row_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
