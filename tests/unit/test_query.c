/* SPDX-License-Identifier: MIT */
/* query.c: splitting, decoding, refusing. */
#include "testing.h"

#include "base/buf.h"
#include "base/query.h"

/* Writes each pair as [name][value]; a pair named "stop" ends the walk. */
static enum status write_pair(void *ctx, struct slice name, struct slice value, struct error *error)
{
    struct buf *out = ctx;
    if (slice_equal(name, SLICE("stop")))
        return error_set(error, STATUS_BUSY, "stopped");
    assert_int_equal(name.data[name.len], '\0');
    assert_int_equal(value.data[value.len], '\0');
    buf_printf(out, "[%s][%s]", name.data, value.data);
    return STATUS_OK;
}

static enum status read_query(struct slice text, struct buf *out, struct error *error)
{
    struct arena arena;
    arena_init(&arena);
    buf_init(out);
    enum status status = query_read(text, &arena, write_pair, out, error);
    arena_fini(&arena);
    return status;
}

static void pairs_come_decoded_and_in_order(void **state)
{
    (void)state;
    static const struct {
        const char *query, *want;
    } rows[] = {
        {"", ""},
        {"a=1", "[a][1]"},
        {"a=1&b=2&a=3", "[a][1][b][2][a][3]"},
        {"a", "[a][]"},
        {"a=", "[a][]"},
        {"=1", "[][1]"},
        {"=", "[][]"},
        {"&&a=1&&", "[a][1]"},
        {"a=b=c", "[a][b=c]"},
        {"a+b=c+d", "[a b][c d]"},
        {"a=%20%2B%26%3d%25", "[a][ +&=%]"},
        {"%61=%C3%a9", "[a][\xC3\xA9]"},
        {"a=%2541", "[a][%41]"},
        {"a=1;b=2", "[a][1;b=2]"},
        {"a=%ff", "[a][\xFF]"},
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct error error;
        struct buf out;
        assert_number(rows[i].query, read_query(slice_of(rows[i].query), &out, &error), STATUS_OK);
        assert_text(rows[i].query, buf_slice(&out), slice_of(rows[i].want));
        buf_fini(&out);
    }
    struct buf out;
    assert_int_equal(read_query((struct slice){0}, &out, NULL), STATUS_OK);
    buf_fini(&out);
}

static void bad_escapes_are_refused_with_their_place(void **state)
{
    (void)state;
    static const struct {
        const char *query;
        int at;
    } rows[] = {{"a=%", 2},   {"a=%4", 2},  {"a=%zz", 2}, {"a=%4g", 2},       {"a=%g4", 2},  {"%", 0},
                {"a=%00", 2}, {"%00=1", 0}, {"a=%+1", 2}, {"ok=1&a=x%-1", 8}, {"a=%4&1", 2}, {"a=% 41", 2}};
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct error error;
        struct buf out, want;
        buf_init(&want);
        buf_printf(&want, "query: byte %d begins no valid percent escape (two hex digits, not 00)", rows[i].at);
        assert_number(rows[i].query, read_query(slice_of(rows[i].query), &out, &error), STATUS_INVALID);
        assert_text(rows[i].query, slice_of(error.text), buf_slice(&want));
        buf_fini(&out);
        buf_fini(&want);
    }
}

static void an_escape_that_is_cut_by_the_end_is_not_read_beyond_it(void **state)
{
    (void)state;
    struct buf out;
    assert_int_equal(read_query((struct slice){"a=%41", 4}, &out, NULL), STATUS_INVALID);
    buf_fini(&out);
}

static void the_callback_ends_the_walk(void **state)
{
    (void)state;
    struct error error;
    struct buf out;
    assert_int_equal(read_query(SLICE("a=1&stop&b=%zz"), &out, &error), STATUS_BUSY);
    assert_text("before stop", buf_slice(&out), SLICE("[a][1]"));
    assert_string_equal(error.text, "stopped");
    buf_fini(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pairs_come_decoded_and_in_order),
        cmocka_unit_test(bad_escapes_are_refused_with_their_place),
        cmocka_unit_test(an_escape_that_is_cut_by_the_end_is_not_read_beyond_it),
        cmocka_unit_test(the_callback_ends_the_walk),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
