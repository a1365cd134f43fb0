/* SPDX-License-Identifier: MIT */
/* condition.c: lists of entity tags, and a read's conditions in the order of RFC 9110 13.2.2. */
#include "testing.h"

#include "base/buf.h"
#include "base/condition.h"

#define ETAG SLICE("\"3-18c-aa\"")

static void tags_are_taken_one_by_one(void **state)
{
    (void)state;
    static const struct {
        const char *field, *want;
    } rows[] = {
        {"", ""},
        {"\"a\"", "[\"a\"]"},
        {"W/\"a\"", "[\"a\"]"},
        {"\"a\", \"b\"", "[\"a\"][\"b\"]"},
        {"\"a\",\"b\"", "[\"a\"][\"b\"]"},
        {"\t\"a\" ,\t, W/\"b\" ,", "[\"a\"][\"b\"]"},
        {"\"\"", "[\"\"]"},
        {"\"a,b\", \"c\"", "[\"a,b\"][\"c\"]"},
        {"\"a b\"", "[\"a b\"]"},
        {"\"\xc3\xa9\"", "[\"\xc3\xa9\"]"},
        {"\"a\\\", \"b\"", "[\"a\\\"][\"b\"]"}, /* a backslash escapes nothing in a tag */
        {"*", ""},
        {"a", ""},
        {"\"", ""},
        {"\"a", ""},
        {"W/", ""},
        {"W/a", ""},
        {"w/\"a\"", ""}, /* the mark is case-sensitive (8.8.3) */
        {"W/W/\"a\"", ""},
        {"\"a\", b, \"c\"", "[\"a\"]"}, /* what comes after something that is no tag is not looked at */
        {"\"a\", \"b", "[\"a\"]"},
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct slice field = slice_of(rows[i].field);
        struct buf got;
        buf_init(&got);
        buf_append_text(&got, "");
        for (struct slice tag = condition_take_tag(&field); tag.data; tag = condition_take_tag(&field))
            buf_printf(&got, "[%.*s]", (int)tag.len, tag.data);
        assert_text(rows[i].field, buf_slice(&got), slice_of(rows[i].want));
        buf_fini(&got);
    }
}

static void a_field_is_never_read_beyond_its_end(void **state)
{
    (void)state;
    static const char text[] = "W/\"a\", \"b\"";
    for (size_t len = 0; len <= strlen(text); len++) {
        char *exact = malloc(len + 1); /* so that a sanitizer sees a step too far */
        memcpy(exact + 1, text, len);
        struct slice field = {exact + 1, len};
        size_t count = 0;
        while (condition_take_tag(&field).data)
            count++;
        assert_number(text, (int64_t)count, len < 5 ? 0 : len < 10 ? 1 : 2);
        free(exact);
    }
}

static void a_field_of_a_write_is_a_list_of_tags_and_nothing_else(void **state)
{
    (void)state;
    static const struct {
        const char *field;
        bool want;
    } rows[] = {
        {NULL, true}, /* no condition */
        {"*", true},
        {"\"a\"", true},
        {"\"\"", true},
        {"W/\"a\"", true},
        {"\"a\", \"b\"", true},
        {"\"a,b\" ,\tW/\"c\"", true},
        {", \"a\",, \"b\" ,", true}, /* empty elements are passed over (5.6.1.2) */
        {"\"\xc3\xa9\"", true},
        {"", false},
        {" ", false},
        {",", false},
        {"a", false},
        {"\"a", false},
        {"a\"", false},
        {"\"a\" \"b\"", false},
        {"\"a\"\"b\"", false},
        {"\"a\"b", false},
        {"\"a\", b", false},
        {"\"a\", W/", false},
        {"\"a\", *", false},
        {"*, \"a\"", false},
        {"w/\"a\"", false},
        {"W/ \"a\"", false},
        {"\"a b\"", false},
        {"\"a\x7f\"", false},
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++)
        assert_number(rows[i].field ? rows[i].field : "absent", condition_is_sound(slice_of(rows[i].field)),
                      rows[i].want);
}

static void a_list_is_searched_for_one_tag(void **state)
{
    (void)state;
    static const struct {
        const char *field;
        bool want;
    } rows[] = {
        {NULL, false},
        {"", false},
        {"*", true},
        {"\"3-18c-aa\"", true},
        {"W/\"3-18c-aa\"", true},
        {"\"1\", W/\"2\", \"3-18c-aa\"", true},
        {"\"3-18c-aa\", \"1\"", true},
        {"\"3-18c-a\"", false},
        {"\"3-18c-aaa\"", false},
        {"\"3-18C-AA\"", false},
        {"3-18c-aa", false},
        {"\"*\"", false},
        {"**", false},
        {"\"1\", *", false}, /* "*" stands alone or not at all (13.1.1) */
        {"\"1, \"3-18c-aa\"", false},
        {"junk \"3-18c-aa\"", false},
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++)
        assert_number(rows[i].field ? rows[i].field : "absent", condition_lists(slice_of(rows[i].field), ETAG),
                      rows[i].want);
}

/* Fields as texts of the table below. TAG is the representation's, OTHER is not; it was modified at NOW. */
#define TAG    "\"3-18c-aa\""
#define OTHER  "\"2-18c-bb\""
#define NOW    "Tue, 14 Nov 2023 22:13:20 GMT"
#define BEFORE "Tue, 14 Nov 2023 22:13:19 GMT"
#define AFTER  "Tue, 14 Nov 2023 22:13:21 GMT"
#define OLD    "Tuesday, 14-Nov-23 22:13:20 GMT"
#define HOLDS  CONDITION_HOLDS
#define NOT304 CONDITION_NOT_MODIFIED
#define NOT412 CONDITION_FAILED
static const int64_t MODIFIED_AT_MS = 1700000000999; /* NOW, and nearly a second more */

static void conditions_are_decided_in_the_standards_order(void **state)
{
    (void)state;
    static const struct {
        const char *if_match, *if_unmodified_since, *if_none_match, *if_modified_since;
        enum condition_outcome want;
    } rows[] = {
        {NULL, NULL, NULL, NULL, HOLDS},
        /* 1. If-Match */
        {TAG, NULL, NULL, NULL, HOLDS},
        {"*", NULL, NULL, NULL, HOLDS},
        {OTHER, NULL, NULL, NULL, NOT412},
        {"", NULL, NULL, NULL, NOT412},
        {"junk", NULL, NULL, NULL, NOT412},
        {OTHER ", W/" TAG, NULL, NULL, NULL, HOLDS}, /* weakened by nginx' gzip on its way */
        /* 2. If-Unmodified-Since, only without If-Match */
        {NULL, NOW, NULL, NULL, HOLDS},
        {NULL, AFTER, NULL, NULL, HOLDS},
        {NULL, BEFORE, NULL, NULL, NOT412},
        {NULL, OLD, NULL, NULL, HOLDS},
        {NULL, "yesterday", NULL, NULL, HOLDS},
        {NULL, "0", NULL, NULL, HOLDS},
        {TAG, BEFORE, NULL, NULL, HOLDS},
        {OTHER, AFTER, NULL, NULL, NOT412},
        /* 3. If-None-Match */
        {NULL, NULL, TAG, NULL, NOT304},
        {NULL, NULL, "W/" TAG, NULL, NOT304},
        {NULL, NULL, OTHER ", " TAG, NULL, NOT304},
        {NULL, NULL, "*", NULL, NOT304},
        {NULL, NULL, OTHER, NULL, HOLDS},
        {NULL, NULL, "", NULL, HOLDS},
        {NULL, NULL, "junk", NULL, HOLDS},
        /* 4. If-Modified-Since, only without If-None-Match */
        {NULL, NULL, NULL, NOW, NOT304},
        {NULL, NULL, NULL, AFTER, NOT304},
        {NULL, NULL, NULL, BEFORE, HOLDS},
        {NULL, NULL, NULL, "yesterday", HOLDS},
        {NULL, NULL, OTHER, AFTER, HOLDS},
        {NULL, NULL, TAG, BEFORE, NOT304},
        {NULL, NULL, "junk", AFTER, HOLDS},
        /* Several */
        {OTHER, NULL, TAG, NULL, NOT412},
        {TAG, NULL, TAG, NULL, NOT304},
        {TAG, NULL, OTHER, AFTER, HOLDS},
        {NULL, BEFORE, TAG, NULL, NOT412},
        {NULL, NOW, TAG, BEFORE, NOT304},
        {NULL, BEFORE, NULL, AFTER, NOT412},
        {NULL, NOW, NULL, NOW, NOT304},
        {TAG, BEFORE, OTHER, AFTER, HOLDS},
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        char row[16];
        const struct condition_fields fields = {.if_match = slice_of(rows[i].if_match),
                                                .if_unmodified_since = slice_of(rows[i].if_unmodified_since),
                                                .if_none_match = slice_of(rows[i].if_none_match),
                                                .if_modified_since = slice_of(rows[i].if_modified_since)};
        snprintf(row, sizeof(row), "row %zu", i);
        assert_number(row, condition_of_read(&fields, ETAG, MODIFIED_AT_MS), rows[i].want);
    }
}

/* A page of a list has an ETag and no Last-Modified: dates say nothing about it. */
static void without_a_time_of_change_dates_are_passed_over(void **state)
{
    (void)state;
    struct condition_fields fields = {.if_modified_since = SLICE(AFTER)};
    assert_int_equal(condition_of_read(&fields, ETAG, -1), CONDITION_HOLDS);
    fields = (struct condition_fields){.if_unmodified_since = SLICE(BEFORE)};
    assert_int_equal(condition_of_read(&fields, ETAG, -1), CONDITION_HOLDS);
    fields.if_none_match = SLICE(TAG);
    assert_int_equal(condition_of_read(&fields, ETAG, -1), CONDITION_NOT_MODIFIED);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(tags_are_taken_one_by_one),
        cmocka_unit_test(a_field_is_never_read_beyond_its_end),
        cmocka_unit_test(a_field_of_a_write_is_a_list_of_tags_and_nothing_else),
        cmocka_unit_test(a_list_is_searched_for_one_tag),
        cmocka_unit_test(conditions_are_decided_in_the_standards_order),
        cmocka_unit_test(without_a_time_of_change_dates_are_passed_over),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
