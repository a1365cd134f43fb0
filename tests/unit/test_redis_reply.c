/* SPDX-License-Identifier: MIT */
/* redis/redis_reply.c: what bytes are a reply, whole or in part, and what none. */
#include "testing.h"

#include "redis/redis_reply.h"

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

/* Reads a copy without anything behind it, so that a sanitizer sees a read beyond the end. */
static enum redis_reading read_copy(struct redis_reply *reply, struct slice bytes, size_t *left)
{
    char *copy = malloc(bytes.len);
    memcpy(copy, bytes.data, bytes.len);
    struct slice rest = {copy, bytes.len};
    enum redis_reading reading = redis_reply_read(reply, &rest, &arena);
    *left = rest.len;
    assert_ptr_equal(rest.data + rest.len, copy + bytes.len);
    free(copy);
    return reading;
}

static void each_type_is_read(void **state)
{
    static const struct {
        const char *bytes;
        enum redis_type type;
        const char *text;
        int64_t integer;
        size_t count;
    } rows[] = {
        {"+OK\r\n", REDIS_TYPE_TEXT, "OK", 0, 0},
        {"+\r\n", REDIS_TYPE_TEXT, "", 0, 0},
        {"-ERR no\r\n", REDIS_TYPE_ERROR, "ERR no", 0, 0},
        {":0\r\n", REDIS_TYPE_INTEGER, NULL, 0, 0},
        {":-9223372036854775808\r\n", REDIS_TYPE_INTEGER, NULL, INT64_MIN, 0},
        {"$3\r\na\rb\r\n", REDIS_TYPE_TEXT, "a\rb", 0, 0},
        {"$0\r\n\r\n", REDIS_TYPE_TEXT, "", 0, 0},
        {"$-1\r\n", REDIS_TYPE_NIL, NULL, 0, 0},
        {"*-1\r\n", REDIS_TYPE_NIL, NULL, 0, 0},
        {"*0\r\n", REDIS_TYPE_ARRAY, NULL, 0, 0},
        {"*2\r\n*1\r\n:1\r\n$-1\r\n", REDIS_TYPE_ARRAY, NULL, 0, 2},
    };
    (void)state;
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct redis_reply reply;
        struct slice bytes = slice_of(rows[i].bytes);
        assert_number(rows[i].bytes, redis_reply_read(&reply, &bytes, &arena), REDIS_READ_WHOLE);
        assert_number(rows[i].bytes, (int64_t)bytes.len, 0);
        assert_number(rows[i].bytes, redis_reply_type(&reply), rows[i].type);
        assert_text(rows[i].bytes, redis_reply_text(&reply), slice_of(rows[i].text));
        assert_number(rows[i].bytes, redis_reply_integer(&reply), rows[i].integer);
        assert_number(rows[i].bytes, (int64_t)redis_reply_count(&reply), (int64_t)rows[i].count);
    }
}

static void items_are_in_their_places(void **state)
{
    struct redis_reply reply;
    struct slice bytes = SLICE("*3\r\n$1\r\na\r\n*2\r\n:1\r\n*1\r\n+deep\r\n-ERR c\r\n+next\r\n");
    (void)state;
    assert_int_equal(redis_reply_read(&reply, &bytes, &arena), REDIS_READ_WHOLE);
    assert_text("the next reply", bytes, SLICE("+next\r\n"));
    assert_text("first", redis_reply_text(redis_reply_item(&reply, 0)), SLICE("a"));
    const struct redis_reply *inner = redis_reply_item(&reply, 1);
    assert_int_equal(redis_reply_integer(redis_reply_item(inner, 0)), 1);
    assert_text("deep", redis_reply_text(redis_reply_item(redis_reply_item(inner, 1), 0)), SLICE("deep"));
    assert_true(redis_reply_is_error(redis_reply_item(&reply, 2), "ERR"));
    assert_false(redis_reply_is_error(redis_reply_item(&reply, 2), "ERR c is longer"));
    assert_false(redis_reply_ok(redis_reply_item(&reply, 2)));
}

static void a_part_is_told_from_the_whole_wherever_it_is_cut(void **state)
{
    static const struct slice whole =
        SLICE("*6\r\n$12\r\n0123456789\r\n\r\n:-17\r\n$-1\r\n*1\r\n+OK\r\n-ERR x\r\n*-1\r\n");
    struct redis_reply reply;
    size_t left;
    (void)state;
    for (size_t len = 0; len < whole.len; len++) {
        assert_int_equal(read_copy(&reply, (struct slice){whole.data, len}, &left), REDIS_READ_PART);
        assert_int_equal(left, len);
        arena_reset(&arena);
    }
    assert_int_equal(read_copy(&reply, whole, &left), REDIS_READ_WHOLE);
    assert_int_equal(left, 0);
}

static void what_is_no_reply_is_broken(void **state)
{
    static const char *const rows[] = {
        "?\r\n",
        "\r\n",
        "$\r\n",
        "$-2\r\n",
        "$-12\r\n",
        "$+1\r\na\r\n",
        "$1\r\nabc",
        "$1\rxa\r\n",
        "$1x\r\n",
        "$999999999999\r\n",
        "*x\r\n",
        ":\r\n",
        ":1x\r\n",
        ":01\r\n",
        ":9223372036854775808\r\n",
        "+OK\rx",
        "*1\r\n?\r\n",
        "*1\r\n$1\r\nab\r\n",
        "*9999999999\r\n",
        "*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n:1\r\n",
    };
    (void)state;
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct redis_reply reply;
        size_t left;
        assert_number(rows[i], read_copy(&reply, slice_of(rows[i]), &left), REDIS_READ_BROKEN);
        arena_reset(&arena);
    }
}

/* Else a peer's few bytes would cost memory without end. */
static void announced_items_get_no_memory_before_they_come(void **state)
{
    struct redis_reply reply;
    struct slice bytes = SLICE("*500000000\r\n:1\r\n");
    (void)state;
    assert_int_equal(redis_reply_read(&reply, &bytes, &arena), REDIS_READ_PART);
    assert_int_equal(arena_used_bytes(&arena), 0);
}

static void a_line_without_end_is_given_up(void **state)
{
    static char line[70000] = "+";
    struct redis_reply reply;
    struct slice bytes = {line, 60000};
    (void)state;
    memset(line + 1, 'a', sizeof(line) - 1);
    assert_int_equal(redis_reply_read(&reply, &bytes, &arena), REDIS_READ_PART);
    bytes = (struct slice){line, sizeof(line)};
    assert_int_equal(redis_reply_read(&reply, &bytes, &arena), REDIS_READ_BROKEN);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(each_type_is_read, begin, end),
        cmocka_unit_test_setup_teardown(items_are_in_their_places, begin, end),
        cmocka_unit_test_setup_teardown(a_part_is_told_from_the_whole_wherever_it_is_cut, begin, end),
        cmocka_unit_test_setup_teardown(what_is_no_reply_is_broken, begin, end),
        cmocka_unit_test_setup_teardown(announced_items_get_no_memory_before_they_come, begin, end),
        cmocka_unit_test_setup_teardown(a_line_without_end_is_given_up, begin, end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
