/* SPDX-License-Identifier: MIT */
/* todo_version.c: Todo-Version as text, and which todos meet it. */
#include "testing.h"

#include "base/todo_version.h"

static void a_state_comes_back_from_its_text(void **state)
{
    static const struct {
        const char *id, *text;
        struct todo_version version;
    } rows[] = {
        {"milk", "milk.1.10000000000001", {1, LIFE_LEAST + 1}},
        {"a.7", "a.7.3.1fffffffffffff", {3, 2 * LIFE_LEAST - 1}},
        {"x", "x.9223372036854775807.7fffffffffffffff", {INT64_MAX, INT64_MAX}},
        {"old", "old.2.18bcfe56800", {2, INT64_C(1700000000000)}},
        {"x", "x.1.0", {1, 0}},
    };
    (void)state;
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        char text[TODO_VERSION_TEXT_MAX + 1];
        todo_version_print(text, rows[i].id, rows[i].version);
        assert_string_equal(text, rows[i].text);
        struct todo_version version = todo_version_parse(slice_of(text), rows[i].id);
        assert_true(version.v == rows[i].version.v && version.life == rows[i].version.life);
    }
}

static void the_longest_text_fits(void **state)
{
    (void)state;
    char id[TODO_ID_MAX + 1], text[TODO_VERSION_TEXT_MAX + 1];
    memset(id, 'x', TODO_ID_MAX);
    id[TODO_ID_MAX] = '\0';
    todo_version_print(text, id, (struct todo_version){INT64_MAX, INT64_MAX});
    struct todo_version version = todo_version_parse(slice_of(text), id);
    assert_true(version.v == INT64_MAX && version.life == INT64_MAX);
}

static void a_text_without_a_life_is_of_an_older_version(void **state)
{
    (void)state;
    struct todo_version version = todo_version_parse(SLICE("milk.3"), "milk");
    assert_true(version.v == 3 && version.life == 0);
    version = todo_version_parse(SLICE("a.7.3"), "a.7");
    assert_true(version.v == 3 && version.life == 0);
}

static void what_is_no_state_of_this_todo_says_nothing(void **state)
{
    static const char *const texts[] = {
        "",
        "x",
        "x.",
        "x.0",
        "x.-1",
        "x.01",
        "x.1e3",
        "x. 1",
        "x.1 ",
        "x.99999999999999999999",
        "y.1",
        "xx.1",
        "X.1",
        "x.1.",
        "x.0.1",
        "x.1.g",
        "x.1.1F",
        "x.1.1g",
        "x.1.1.1",
        "x.1.-1",
        "x.1.ffffffffffffffff",
        "x.1.10000000000000000",
        "\"x.1\"",
        "x.1, x.2",
    };
    (void)state;
    for (size_t i = 0; i < COUNT_OF(texts); i++) {
        struct todo_version version = todo_version_parse(slice_of(texts[i]), "x");
        assert_number(texts[i], version.v, 0);
        assert_number(texts[i], version.life, 0);
    }
}

static void a_state_is_met_by_itself_and_later_ones_of_its_life(void **state)
{
    static const struct {
        struct todo_version least;
        int64_t v, life; /* of the todo; v 0: there is none */
        bool met;
    } rows[] = {
        {{0, 0}, 0, 0, true},  {{0, 0}, 1, 5, true},  {{1, 0}, 0, 0, false}, {{2, 0}, 2, 5, true},
        {{2, 0}, 1, 5, false}, {{2, 5}, 0, 0, false}, {{2, 5}, 1, 5, false}, {{2, 5}, 2, 5, true},
        {{2, 5}, 3, 5, true},  {{1, 5}, 9, 4, false}, {{1, 5}, 9, 6, false}, {{5, 5}, 1, 6, false},
    };
    (void)state;
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct todo todo = {.v = rows[i].v, .life = rows[i].life};
        char row[16];
        snprintf(row, sizeof(row), "row %zu", i);
        assert_number(row, todo_version_is_met(&rows[i].least, rows[i].v ? &todo : NULL), rows[i].met);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_state_comes_back_from_its_text),
        cmocka_unit_test(the_longest_text_fits),
        cmocka_unit_test(a_text_without_a_life_is_of_an_older_version),
        cmocka_unit_test(what_is_no_state_of_this_todo_says_nothing),
        cmocka_unit_test(a_state_is_met_by_itself_and_later_ones_of_its_life),
    };
    return cmocka_run_group_tests_name("todo_version", tests, NULL, NULL);
}
