/* SPDX-License-Identifier: MIT */
/* buf.c: appending, growing, printing. */
#include "testing.h"

#include "base/buf.h"

static void an_unused_buffer_is_empty_text(void **state)
{
    (void)state;
    struct buf buf;
    buf_init(&buf);
    assert_non_null(buf_slice(&buf).data);
    assert_int_equal(buf_slice(&buf).len, 0);
    buf_reset(&buf);
    buf_append(&buf, NULL, 0);
    assert_int_equal(buf.len, 0);
    assert_string_equal(buf.data, "");
    buf_fini(&buf);
}

static void appends_stand_one_behind_the_other_and_end_in_nul(void **state)
{
    (void)state;
    struct buf buf;
    buf_init(&buf);
    buf_append(&buf, "a\0b", 3);
    buf_append_text(&buf, "text");
    buf_append_char(&buf, '!');
    buf_append_slice(&buf, SLICE(" slice"));
    buf_append_slice(&buf, (struct slice){0});
    buf_append_int(&buf, -5);
    buf_printf(&buf, "[%s %d]", "x", 3);
    assert_text("all", buf_slice(&buf), SLICE("a\0btext! slice-5[x 3]"));
    assert_int_equal(buf.data[buf.len], '\0');
    buf_fini(&buf);
}

static void integers_print_as_the_c_library_prints_them(void **state)
{
    (void)state;
    static const int64_t rows[] = {0, 1, -1, 9, 10, 99, 100, 1234567890, INT64_MAX, INT64_MIN, -1000};
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        char want[32];
        snprintf(want, sizeof(want), "%lld", (long long)rows[i]);
        struct buf buf;
        buf_init(&buf);
        buf_append_int(&buf, rows[i]);
        assert_text(want, buf_slice(&buf), slice_of(want));
        buf_fini(&buf);
    }
}

/* Texts around the sizes at which the buffer grows, printed and appended, must come out whole. */
static void growing_keeps_what_is_there(void **state)
{
    (void)state;
    for (size_t len = 0; len < 1100; len++) {
        char text[1200];
        memset(text, 'x', len);
        text[len] = '\0';
        struct buf buf;
        buf_init(&buf);
        buf_append_text(&buf, "head");
        buf_printf(&buf, "<%s>", text);
        buf_append(&buf, text, len);
        assert_int_equal(buf.len, 4 + 2 + 2 * len);
        assert_memory_equal(buf.data, "head<", 5);
        assert_int_equal(buf.data[5 + len], '>');
        assert_int_equal(strlen(buf.data), buf.len);
        buf_fini(&buf);
    }
}

static void what_is_dropped_leaves_the_rest_in_front(void **state)
{
    struct buf buf;
    (void)state;
    buf_init(&buf);
    buf_append_text(&buf, "abcdef");
    buf_drop(&buf, 0);
    assert_string_equal(buf.data, "abcdef");
    buf_drop(&buf, 2);
    assert_string_equal(buf.data, "cdef");
    assert_int_equal(buf.len, 4);
    buf_drop(&buf, 4);
    assert_string_equal(buf.data, "");
    buf_append_text(&buf, "g");
    assert_string_equal(buf.data, "g");
    buf_fini(&buf);
}

static void a_reset_keeps_the_memory(void **state)
{
    (void)state;
    struct buf buf;
    buf_init(&buf);
    buf_append_text(&buf, "first");
    const char *memory = buf.data;
    buf_reset(&buf);
    assert_int_equal(buf.len, 0);
    assert_string_equal(buf.data, "");
    buf_append_text(&buf, "second");
    assert_ptr_equal(buf.data, memory);
    assert_string_equal(buf.data, "second");
    buf_fini(&buf);
}

static void reserved_room_is_used_by_advancing(void **state)
{
    (void)state;
    struct buf buf;
    buf_init(&buf);
    buf_append_text(&buf, "ab");
    memcpy(buf_reserve(&buf, 1000), "cd", 2);
    buf_advance(&buf, 2);
    assert_string_equal(buf.data, "abcd");
    assert_true(buf.capacity > 1002);
    buf_fini(&buf);
}

static void advance_too_far(void)
{
    struct buf buf;
    buf_init(&buf);
    buf_reserve(&buf, 1);
    buf_advance(&buf, buf.capacity);
}

static void reserve_more_than_there_is(void)
{
    struct buf buf;
    buf_init(&buf);
    buf_append_text(&buf, "x");
    buf_reserve(&buf, SIZE_MAX - 1);
}

static void overruns_are_bugs(void **state)
{
    (void)state;
    assert_true(ends_by_abort(advance_too_far));
    assert_true(ends_by_abort(reserve_more_than_there_is));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_unused_buffer_is_empty_text),
        cmocka_unit_test(appends_stand_one_behind_the_other_and_end_in_nul),
        cmocka_unit_test(integers_print_as_the_c_library_prints_them),
        cmocka_unit_test(growing_keeps_what_is_there),
        cmocka_unit_test(what_is_dropped_leaves_the_rest_in_front),
        cmocka_unit_test(a_reset_keeps_the_memory),
        cmocka_unit_test(reserved_room_is_used_by_advancing),
        cmocka_unit_test(overruns_are_bugs),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
