/* SPDX-License-Identifier: MIT */
/* date.c: RFC 3339 and HTTP dates, both ways. */
#include "testing.h"

#include <time.h>

#include "base/date.h"
#include "base/todo.h"

static void known_times_print_and_read_back(void **state)
{
    (void)state;
    static const struct {
        int64_t at_ms;
        const char *rfc3339, *http;
    } rows[] = {
        {0, "1970-01-01T00:00:00.000Z", "Thu, 01 Jan 1970 00:00:00 GMT"},
        {1, "1970-01-01T00:00:00.001Z", "Thu, 01 Jan 1970 00:00:00 GMT"},
        {INT64_C(784111777000), "1994-11-06T08:49:37.000Z", "Sun, 06 Nov 1994 08:49:37 GMT"},
        {INT64_C(951782399999), "2000-02-28T23:59:59.999Z", "Mon, 28 Feb 2000 23:59:59 GMT"},
        {INT64_C(951782400000), "2000-02-29T00:00:00.000Z", "Tue, 29 Feb 2000 00:00:00 GMT"},
        {INT64_C(1709251199123), "2024-02-29T23:59:59.123Z", "Thu, 29 Feb 2024 23:59:59 GMT"},
        {INT64_C(4107542400000), "2100-03-01T00:00:00.000Z", "Mon, 01 Mar 2100 00:00:00 GMT"},
        {TODO_TIME_MAX_MS, "9999-12-31T23:59:59.999Z", "Fri, 31 Dec 9999 23:59:59 GMT"},
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        char text[64];
        int64_t at_ms = -1;
        date_rfc3339(text, rows[i].at_ms);
        assert_text(rows[i].rfc3339, slice_of(text), slice_of(rows[i].rfc3339));
        assert_true(date_rfc3339_parse(slice_of(text), &at_ms));
        assert_number(rows[i].rfc3339, at_ms, rows[i].at_ms);
        date_http(text, rows[i].at_ms);
        assert_text(rows[i].http, slice_of(text), slice_of(rows[i].http));
        assert_true(date_http_parse(slice_of(text), &at_ms));
        assert_number(rows[i].http, at_ms, rows[i].at_ms / 1000 * 1000);
    }
}

/* A step that meets all months, hours and weekdays, through all years. */
static void all_years_agree_with_the_c_library(void **state)
{
    (void)state;
    for (int64_t at_s = 0; at_s <= TODO_TIME_MAX_MS / 1000; at_s += 86400 * 13 + 4567) {
        time_t now = (time_t)at_s;
        struct tm parts;
        char got[64], want[64];
        gmtime_r(&now, &parts);
        strftime(want, sizeof(want), "%Y-%m-%dT%H:%M:%S.000Z", &parts);
        date_rfc3339(got, at_s * 1000);
        assert_string_equal(got, want);
        strftime(want, sizeof(want), "%a, %d %b %Y %H:%M:%S GMT", &parts);
        date_http(got, at_s * 1000);
        assert_string_equal(got, want);
        int64_t at_ms;
        assert_true(date_http_parse(slice_of(got), &at_ms));
        assert_int_equal(at_ms, at_s * 1000);
    }
}

static void rfc3339_is_read_in_all_its_forms_and_no_other(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        int64_t want; /* -1: refused */
    } rows[] = {
        {"1970-01-01T00:00:01Z", 1000},
        {"1970-01-01t00:00:01z", 1000},
        {"1970-01-01 00:00:01Z", 1000},
        {"1970-01-01T00:00:01.5Z", 1500},
        {"1970-01-01T00:00:01.05Z", 1050},
        {"1970-01-01T00:00:01.123456789Z", 1123},
        {"1970-01-01T00:00:01.999999999Z", 1999},
        {"1970-01-01T01:00:00+01:00", 0},
        {"1970-01-01T01:30:00.250+01:30", 250},
        {"1969-12-31T23:00:00-01:00", 0},
        {"1970-01-01T00:00:00-00:00", 0},
        {"2016-12-31T23:59:60Z", INT64_C(1483228800000)},
        {"2017-01-01T00:59:60+01:00", INT64_C(1483228800000)},
        {"2016-12-31T23:58:60Z", -1},
        {"1970-01-01T00:00:01.1234567890Z", -1},
        {"1970-01-01T00:00:01.Z", -1},
        {"1970-01-01T00:00:01", -1},
        {"1970-01-01T00:00:01+0100", -1},
        {"1970-01-01T00:00:01+01", -1},
        {"1970-01-01T00:00:01+24:00", -1},
        {"1970-01-01T00:00:01+01:60", -1},
        {"1970-01-01T00:00:01Z ", -1},
        {" 1970-01-01T00:00:01Z", -1},
        {"1970-01-01_00:00:01Z", -1},
        {"1970-1-01T00:00:01Z", -1},
        {"1970-01-01T24:00:00Z", -1},
        {"1970-01-01T00:60:00Z", -1},
        {"1970-01-01T00:00:61Z", -1},
        {"1970-00-01T00:00:00Z", -1},
        {"1970-13-01T00:00:00Z", -1},
        {"1970-01-00T00:00:00Z", -1},
        {"1970-01-32T00:00:00Z", -1},
        {"1970-04-31T00:00:00Z", -1},
        {"2023-02-29T00:00:00Z", -1},
        {"2100-02-29T00:00:00Z", -1},
        {"1969-12-31T23:59:59Z", -1},
        {"0000-01-01T00:00:00Z", -1},
        {"1970-01-01T00:00:00+00:01", -1},
        {"9999-12-31T23:59:59-00:01", -1},
        {"+970-01-01T00:00:00Z", -1},
        {"1970-01-01", -1},
        {"", -1},
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        int64_t at_ms = -1;
        assert_number(rows[i].text, date_rfc3339_parse(slice_of(rows[i].text), &at_ms), rows[i].want >= 0);
        assert_number(rows[i].text, at_ms, rows[i].want);
    }
    int64_t at_ms;
    assert_false(date_rfc3339_parse((struct slice){0}, &at_ms));
}

static void http_dates_are_read_in_three_forms_and_no_other(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        int64_t want_s; /* -1: refused */
    } rows[] = {
        {"Sun, 06 Nov 1994 08:49:37 GMT", 784111777},
        {"Sunday, 06-Nov-94 08:49:37 GMT", 784111777},
        {"Sun Nov  6 08:49:37 1994", 784111777},
        {"Wed Nov 16 08:49:37 1994", 784975777},
        {"Thursday, 01-Jan-70 00:00:00 GMT", 0},
        {"Tuesday, 31-Dec-69 23:59:59 GMT", INT64_C(3155759999)},
        {"Sun, 06 Nov 1994 08:49:37 UTC", -1},
        {"Sun, 06 Nov 1994 08:49:37 +0000", -1},
        {"Sun, 6 Nov 1994 08:49:37 GMT", -1},
        {"sun, 06 nov 1994 08:49:37 gmt", -1},
        {"Son, 06 Nov 1994 08:49:37 GMT", -1},
        {"Sun, 06 Nov 1994 08:49:37 GMT ", -1},
        {"Sun, 31 Nov 1994 08:49:37 GMT", -1},
        {"Sun, 06 Nov 1994 25:49:37 GMT", -1},
        {"Sun, 06-Nov-94 08:49:37 GMT", -1},
        {"Sun Nov 6 08:49:37 1994", -1},
        {"Sun Nov  6 08:49:37 1994 GMT", -1},
        {"Sun, 06 Nov 1969 08:49:37 GMT", -1},
        {"0", -1},
        {"", -1},
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        int64_t at_ms = -1000;
        assert_number(rows[i].text, date_http_parse(slice_of(rows[i].text), &at_ms), rows[i].want_s >= 0);
        assert_number(rows[i].text, at_ms, rows[i].want_s * 1000);
    }
    int64_t at_ms;
    assert_false(date_http_parse((struct slice){0}, &at_ms));
}

/* Every cut of a good date, and every one of its bytes replaced, must be refused or read within bounds. */
static void damaged_dates_never_read_beyond_their_end(void **state)
{
    (void)state;
    static const char *const dates[] = {"2024-02-29T23:59:59.123+01:00", "Sunday, 06-Nov-94 08:49:37 GMT"};
    for (size_t i = 0; i < COUNT_OF(dates); i++) {
        size_t len = strlen(dates[i]);
        for (size_t cut = 0; cut < len; cut++) {
            char *text = malloc(cut ? cut : 1); /* exact size, so that AddressSanitizer sees an overrun */
            memcpy(text, dates[i], cut);
            int64_t at_ms;
            assert_false(date_rfc3339_parse((struct slice){text, cut}, &at_ms));
            assert_false(date_http_parse((struct slice){text, cut}, &at_ms));
            free(text);
        }
    }
}

static void print_a_time_before_1970(void)
{
    char text[64];
    date_rfc3339(text, -1);
}

static void print_a_time_after_9999(void)
{
    char text[64];
    date_http(text, TODO_TIME_MAX_MS + 1);
}

static void unprintable_times_are_bugs(void **state)
{
    (void)state;
    assert_true(ends_by_abort(print_a_time_before_1970));
    assert_true(ends_by_abort(print_a_time_after_9999));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(known_times_print_and_read_back),
        cmocka_unit_test(all_years_agree_with_the_c_library),
        cmocka_unit_test(rfc3339_is_read_in_all_its_forms_and_no_other),
        cmocka_unit_test(http_dates_are_read_in_three_forms_and_no_other),
        cmocka_unit_test(damaged_dates_never_read_beyond_their_end),
        cmocka_unit_test(unprintable_times_are_bugs),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
