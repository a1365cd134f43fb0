/* SPDX-License-Identifier: MIT */
/* directive.c: Cache-Control of requests, and what settings may hold. */
#include "testing.h"

#include "base/directive.h"

#define MOST DIRECTIVE_SECONDS_MAX

static void each_field_asks_what_the_standard_says(void **state)
{
    (void)state;
    static const struct {
        const char *field;
        struct directives want;
    } rows[] = {
        {NULL, {.max_age_s = -1}},
        {"", {.max_age_s = -1}},
        {"no-cache", {.no_cache = true, .max_age_s = -1}},
        {"No-Cache", {.no_cache = true, .max_age_s = -1}},
        {" , no-cache ,", {.no_cache = true, .max_age_s = -1}},
        {"no-store", {.no_cache = true, .max_age_s = -1}},
        {"no-cache=\"Set-Cookie\"", {.no_cache = true, .max_age_s = -1}},
        {"max-age=0", {.no_cache = true, .max_age_s = 0}},
        {"max-age=60", {.max_age_s = 60}},
        {"MAX-AGE=60", {.max_age_s = 60}},
        {"max-age=\"60\"", {.max_age_s = 60}},
        {"max-age=0060", {.max_age_s = 60}},
        {"max-age=5, max-age=60", {.max_age_s = 5}},
        {"max-age=60, max-age=5", {.max_age_s = 5}},
        {"max-age=60, max-age=0", {.no_cache = true, .max_age_s = 0}},
        /* can't be read: the strictest */
        {"max-age", {.no_cache = true, .max_age_s = 0}},
        {"max-age=", {.no_cache = true, .max_age_s = 0}},
        {"max-age=\"\"", {.no_cache = true, .max_age_s = 0}},
        {"max-age=x", {.no_cache = true, .max_age_s = 0}},
        {"max-age=-1", {.no_cache = true, .max_age_s = 0}},
        {"max-age=1.5", {.no_cache = true, .max_age_s = 0}},
        {"max-age=+5", {.no_cache = true, .max_age_s = 0}},
        {"max-age= 5", {.no_cache = true, .max_age_s = 0}},
        {"min-fresh", {.max_age_s = -1, .min_fresh_s = MOST}},
        {"min-fresh=x", {.max_age_s = -1, .min_fresh_s = MOST}},
        /* too large: 2^31 */
        {"max-age=2147483648", {.max_age_s = MOST}},
        {"max-age=9223372036854775807", {.max_age_s = MOST}},
        {"max-age=99999999999999999999999999", {.max_age_s = MOST}},
        {"min-fresh=9223372036854775807", {.max_age_s = -1, .min_fresh_s = MOST}},
        {"min-fresh=30", {.max_age_s = -1, .min_fresh_s = 30}},
        {"min-fresh=30, min-fresh=20", {.max_age_s = -1, .min_fresh_s = 30}},
        {"only-if-cached", {.max_age_s = -1, .only_if_cached = true}},
        {"only-if-cached, max-age=9", {.max_age_s = 9, .only_if_cached = true}},
        {"only-if-cached, no-cache", {.max_age_s = -1, .only_if_cached = true, .no_cache = true}},
        /* not ours, or not these */
        {"max-stale=60", {.max_age_s = -1}},
        {"no-transform", {.max_age_s = -1}},
        {"community=\"no-cache, max-age=0\"", {.max_age_s = -1}},
        {"community=\"no-cache", {.max_age_s = -1}},
        {"no-cached", {.max_age_s = -1}},
        {"no-cach", {.max_age_s = -1}},
        {"x-max-age=0", {.max_age_s = -1}},
        {"no-cache max-age=5", {.max_age_s = -1}},
        {"=5", {.max_age_s = -1}},
        {"\xff\xfe=\x01", {.max_age_s = -1}},
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        const char *row = rows[i].field ? rows[i].field : "absent";
        struct directives got = directives_parse(slice_of(rows[i].field));
        assert_number(row, got.no_cache, rows[i].want.no_cache);
        assert_number(row, got.only_if_cached, rows[i].want.only_if_cached);
        assert_number(row, got.max_age_s, rows[i].want.max_age_s);
        assert_number(row, got.min_fresh_s, rows[i].want.min_fresh_s);
    }
}

static void a_setting_must_look_like_the_field(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        bool want;
    } rows[] = {
        {"", true},
        {"no-cache", true},
        {"public, max-age=60, s-maxage=600, stale-while-revalidate=30, stale-if-error=86400", true},
        {"max-age=60,must-revalidate", true},
        {"private=\"x-field\"", true},
        {"private=\"a, b\"", true},
        {"immutable ", true},
        {"max age=60", false},
        {"max-age=6 0", false},
        {"max-age=", false},
        {"=60", false},
        {"max-age=60;s-maxage=60", false},
        {"no-cache, , max-age=1", false},
        {",", false},
        {"no-cache\r\nX: y", false},
        {"no-cache\n", false},
        {"n\xc3\xb6-cache", false},
        {"a=\"b\r\nX: y\"", false},
        {"a=\"b\"c\"", false},
        {"a=\"b", false},
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++)
        assert_number(rows[i].text, directives_valid(slice_of(rows[i].text)), rows[i].want);
}

static void only_some_answers_may_go_to_others(void **state)
{
    (void)state;
    static const struct {
        const char *field;
        bool want;
    } rows[] = {
        {NULL, true},
        {"", true},
        {"max-age=60", true},
        {"max-age=0, s-maxage=60", true},
        {"no-cache", false},
        {"No-Store", false},
        {"max-age=60, private", false},
        {"private=\"x-field\"", true},
        {"no-cache=\"a, private\", max-age=1", true},
        {"x-private", true},
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++)
        assert_number(rows[i].field, directives_allow_sharing(slice_of(rows[i].field)), rows[i].want);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_field_asks_what_the_standard_says),
        cmocka_unit_test(a_setting_must_look_like_the_field),
        cmocka_unit_test(only_some_answers_may_go_to_others),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
