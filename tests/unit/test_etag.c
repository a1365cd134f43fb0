/* SPDX-License-Identifier: MIT */
/* etag.c, hash.c: form and stability of tags and hashes. */
#include "testing.h"

#include "base/etag.h"
#include "base/hash.h"
#include "base/todo.h"

/* Known answers of XXH3 (seed 0) for the empty input: tags must survive builds, or every client's copy is refetched. */
static void tags_of_known_bodies_are_fixed(void **state)
{
    (void)state;
    char etag[ETAG_MAX + 1];
    etag_of_todo(etag, 1, 0x18cf, SLICE(""));
    assert_string_equal(etag, "\"1-18cf-2d06800538d394c2\"");
    etag_of_bytes(etag, SLICE(""));
    assert_string_equal(etag, "\"99aa06d3014798d86001c324468d497f\"");
    assert_true(hash_bytes(SLICE("")) == UINT64_C(0x2d06800538d394c2));
}

static void a_tag_is_quoted_printable_and_fits(void **state)
{
    (void)state;
    static const int64_t versions[] = {1, 9, 10, 1234567890, INT64_MAX};
    for (size_t i = 0; i < COUNT_OF(versions); i++) {
        char etag[ETAG_MAX + 1], want[32];
        etag_of_todo(etag, versions[i], 0, SLICE("body"));
        snprintf(want, sizeof(want), "\"%lld-0-", (long long)versions[i]);
        assert_memory_equal(etag, want, strlen(want));
        assert_int_equal(strlen(etag), strlen(want) + 16 + 1);
        assert_int_equal(etag[strlen(etag) - 1], '"');
        assert_int_equal(strspn(etag + strlen(want), "0123456789abcdef"), 16);
    }
}

static void version_and_each_byte_of_the_body_make_another_tag(void **state)
{
    (void)state;
    char body[] = "{\"id\":\"42\"}";
    char first[ETAG_MAX + 1], second[ETAG_MAX + 1];
    etag_of_todo(first, 1, 1, slice_of(body));
    etag_of_todo(second, 2, 1, slice_of(body));
    assert_string_not_equal(first, second);
    for (size_t i = 0; i < strlen(body); i++) {
        body[i] ^= 1;
        etag_of_todo(second, 1, 1, slice_of(body));
        assert_string_not_equal(first, second);
        body[i] ^= 1;
    }
    etag_of_todo(second, 1, 1, slice_of(body));
    assert_string_equal(first, second);
}

static void version_and_life_come_back_from_a_tag(void **state)
{
    (void)state;
    static const int64_t numbers[][2] = {{1, 0}, {7, 15}, {9, 16}, {7, (INT64_C(1) << 53) - 1}, {INT64_MAX, INT64_MAX}};
    for (size_t i = 0; i < COUNT_OF(numbers); i++) {
        char etag[ETAG_MAX + 1];
        int64_t v, life;
        etag_of_todo(etag, numbers[i][0], numbers[i][1], SLICE("body"));
        assert_true(etag_parse_todo(slice_of(etag), &v, &life));
        assert_true(v == numbers[i][0] && life == numbers[i][1]);
    }
}

/* As older versions made them, of created_at: such a tag names the life of a todo that was stored without one. */
static void the_tag_of_an_older_version_is_read(void **state)
{
    (void)state;
    int64_t v, life;
    assert_true(etag_parse_todo(SLICE("\"3-18bcfe56800-23f630dd792a0c56\""), &v, &life));
    assert_true(v == 3 && life == INT64_C(1700000000000));
    assert_true(life == todo_life_of(0, INT64_C(1700000000000)));
}

static void what_is_no_tag_of_a_todo_is_told(void **state)
{
    (void)state;
    static const char *const tags[] = {
        "",
        "\"",
        "\"\"",
        "*",
        "\"1-2\"",
        "\"0-2-2d06800538d394c2\"",
        "\"1--2d06800538d394c2\"",
        "\"01-2-2d06800538d394c2\"",
        "\"1-2-2d06800538d394c\"",
        "\"1-2-2d06800538d394c2",
        "1-2-2d06800538d394c2",
        "\"1-ffffffffffffffff-2d06800538d394c2\"",
        "\"99aa06d3014798d86001c324468d497f\"",
    };
    for (size_t i = 0; i < COUNT_OF(tags); i++) {
        int64_t v, life;
        assert_false(etag_parse_todo(slice_of(tags[i]), &v, &life));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(tags_of_known_bodies_are_fixed),
        cmocka_unit_test(a_tag_is_quoted_printable_and_fits),
        cmocka_unit_test(version_and_life_come_back_from_a_tag),
        cmocka_unit_test(the_tag_of_an_older_version_is_read),
        cmocka_unit_test(what_is_no_tag_of_a_todo_is_told),
        cmocka_unit_test(version_and_each_byte_of_the_body_make_another_tag),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
