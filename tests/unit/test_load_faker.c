/* SPDX-License-Identifier: MIT */
/* load/faker.c: the same row for ever, and rows that look like todos. */
#include "load_testing.h"

#include "load/faker.h"

static struct arena arena;

static int begin(void **state)
{
    (void)state;
    arena_init(&arena);
    return 0;
}

static int end(void **state)
{
    (void)state;
    arena_fini(&arena);
    return 0;
}

static void assert_same(const struct todo *got, const struct todo *want)
{
    assert_text(want->id, slice_of(got->id), slice_of(want->id));
    assert_text(want->id, got->name, want->name);
    assert_text(want->id, got->description, want->description);
    assert_number(want->id, got->done, want->done);
    assert_number(want->id, got->created_at_ms, want->created_at_ms);
    assert_number(want->id, got->updated_at_ms, want->updated_at_ms);
}

/* Who loads with --upsert after an upgrade wants the same rows. */
static void a_row_is_fixed(void **state)
{
    (void)state;
    struct todo todo;
    faker_make(1, 1, &arena, &todo);
    assert_string_equal(todo.id, "1");
    assert_text("1", todo.name, SLICE("Send the small lamp"));
    assert_text("1", todo.description,
                SLICE("Pack the \"spare parcel\" in town this week. Hana has the boat in the shed. "
                      "Read the second window in the kitchen before Friday."));
    assert_true(todo.done);
    assert_int_equal(todo.v, 1);
    assert_int_equal(todo.created_at_ms, INT64_C(1704067201000));
    assert_int_equal(todo.updated_at_ms, INT64_C(1704630080000));
}

static void a_load_may_start_anywhere(void **state)
{
    (void)state;
    struct reader *whole = faker_reader_new(5, 1, 100), *part = faker_reader_new(5, 91, 10);
    struct row row, other;
    for (int i = 1; i <= 100; i++) {
        assert_int_equal(reader_next(whole, &arena, &row, NULL), STATUS_OK);
        assert_int_equal(row.number, i);
        if (i <= 90)
            continue;
        assert_int_equal(reader_next(part, &arena, &other, NULL), STATUS_OK);
        assert_same(&other.todo, &row.todo);
    }
    assert_next(whole, &arena, STATUS_NOT_FOUND, "");
    assert_next(part, &arena, STATUS_NOT_FOUND, "");
    assert_true(reader_fraction(whole) == 1);
    reader_close(whole);
    reader_close(part);
}

static void another_seed_makes_other_rows(void **state)
{
    (void)state;
    int same_count = 0;
    for (int i = 1; i <= 100; i++) {
        struct todo one, other;
        faker_make(1, i, &arena, &one);
        faker_make(2, i, &arena, &other);
        same_count += slice_equal(one.description, other.description);
    }
    assert_in_range(same_count, 0, 2);
}

static void rows_keep_the_rules_and_have_about_100_characters(void **state)
{
    (void)state;
    enum { ROWS = 20000 };
    size_t bytes = 0, done_count = 0, quoted_count = 0, newline_count = 0, foreign_count = 0;
    for (int64_t i = 1; i <= ROWS; i++) {
        struct todo todo;
        struct error error = {0};
        faker_make(7, i == ROWS ? FAKER_NUMBER_MAX : i, &arena, &todo);
        assert_number(error.text, todo_check(&todo, &error), STATUS_OK);
        bytes += todo.description.len;
        done_count += todo.done;
        quoted_count += memchr(todo.description.data, '"', todo.description.len) != NULL;
        newline_count += memchr(todo.description.data, '\n', todo.description.len) != NULL;
        foreign_count += memchr(todo.description.data, 0xc3, todo.description.len) != NULL;
        arena_reset(&arena);
    }
    assert_in_range(bytes / ROWS, 90, 110);
    assert_in_range(done_count, ROWS / 4, ROWS / 2);
    assert_in_range(quoted_count, ROWS / 20, ROWS / 3);
    assert_in_range(newline_count, ROWS / 20, ROWS / 3);
    assert_in_range(foreign_count, ROWS / 20, ROWS / 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_row_is_fixed, begin, end),
        cmocka_unit_test_setup_teardown(a_load_may_start_anywhere, begin, end),
        cmocka_unit_test_setup_teardown(another_seed_makes_other_rows, begin, end),
        cmocka_unit_test_setup_teardown(rows_keep_the_rules_and_have_about_100_characters, begin, end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
