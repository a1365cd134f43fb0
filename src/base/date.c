/* SPDX-License-Identifier: MIT */
/*
 * Dates as text, in both directions, without the C library's functions. strftime() and strptime() use locales and time
 * zones, which are slow and not wanted here, and every answer prints two or three dates.
 *
 * Days become years and months by arithmetic on years that begin in March, so that the leap day is the last (the method
 * of Howard Hinnant's "chrono-compatible low-level date algorithms"). The parsers walk a struct scan: each step takes
 * what it expects or marks the scan as failed. One check at the end tells whether all steps succeeded.
 *
 * RFC 850's two-digit years have no century. Times before 1970 don't exist here, so 70-99 are 19xx and 00-69 are 20xx.
 * The rule of RFC 9110 ("not more than 50 years ahead") needs a clock, which this file does not have. Until 2120 both
 * rules agree for all dates that a server of this century can have sent.
 *
 * A leap second (23:59:60 UTC) is read as the second after it, as POSIX counts. The weekday's name must be one, but
 * need not fit the date.
 *
 * Does not: print or read years outside 1970 to 9999, or finer than milliseconds (more digits are cut, never rounded).
 */
#include "base/date.h"

#include <string.h>

#include "base/mem.h"
#include "base/todo.h"

enum {
    MS_PER_S = 1000,
    S_PER_DAY = 86400,
    DAYS_PER_ERA = 146097,
    YEARS_PER_ERA = 400,
    DAYS_0000_03_01_TO_1970 = 719468
};

struct civil {
    int year;
    int month; /* 1-12 */
    int day;   /* 1-31 */
    int hour;
    int minute;
    int second; /* 60: a leap second */
};

struct scan {
    const char *next;
    const char *end;
    bool failed;
};

static const char *const month_names[] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                          "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
static const char *const day_names[] = {"Thu", "Fri", "Sat", "Sun", "Mon", "Tue", "Wed"}; /* 1970 began on a Thursday */
static const char *const long_day_names[] = {"Thursday", "Friday",  "Saturday", "Sunday",
                                             "Monday",   "Tuesday", "Wednesday"};

static void civil_from_days(int days, struct civil *civil)
{
    int shifted = days + DAYS_0000_03_01_TO_1970;
    int era = shifted / DAYS_PER_ERA;
    int day_of_era = shifted % DAYS_PER_ERA;
    int year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36524 - day_of_era / 146096) / 365;
    int day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100); /* from 1 March */
    int month = (5 * day_of_year + 2) / 153;                                                  /* 0: March */
    civil->day = day_of_year - (153 * month + 2) / 5 + 1;
    civil->month = month < 10 ? month + 3 : month - 9;
    civil->year = year_of_era + era * YEARS_PER_ERA + (civil->month <= 2);
}

static int64_t days_from_civil(const struct civil *civil)
{
    int year = civil->year - (civil->month <= 2);
    int era = year / YEARS_PER_ERA;
    int year_of_era = year % YEARS_PER_ERA;
    int month = civil->month > 2 ? civil->month - 3 : civil->month + 9;
    int day_of_year = (153 * month + 2) / 5 + civil->day - 1;
    int day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    return (int64_t)era * DAYS_PER_ERA + day_of_era - DAYS_0000_03_01_TO_1970;
}

static void civil_from_s(int64_t at_s, struct civil *civil)
{
    int second_of_day = (int)(at_s % S_PER_DAY);
    civil_from_days((int)(at_s / S_PER_DAY), civil);
    civil->hour = second_of_day / 3600;
    civil->minute = second_of_day / 60 % 60;
    civil->second = second_of_day % 60;
}

static int days_in_month(int year, int month)
{
    static const unsigned char days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    bool leap_year = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
    return days[month - 1] + (month == 2 && leap_year);
}

/* The whole of what a parser found, as milliseconds; false for a date that no calendar has, or out of our years. */
static bool civil_to_ms(const struct civil *civil, int offset_s, int ms, int64_t *at_ms)
{
    if (civil->month < 1 || civil->month > 12 || civil->day < 1 ||
        civil->day > days_in_month(civil->year, civil->month) || civil->hour > 23 || civil->minute > 59 ||
        civil->second > 60)
        return false;
    int64_t at_s =
        days_from_civil(civil) * S_PER_DAY + civil->hour * 3600 + civil->minute * 60 + civil->second - offset_s;
    if (civil->second == 60 && at_s % S_PER_DAY != 0)
        return false; /* leap seconds come before midnight UTC only */
    int64_t result = at_s * MS_PER_S + ms;
    if (result < 0 || result > TODO_TIME_MAX_MS)
        return false;
    *at_ms = result;
    return true;
}

/* Prints a number below 100 as two digits, returns the place behind them. */
static char *put_two(char *text, int value)
{
    text[0] = (char)('0' + value / 10);
    text[1] = (char)('0' + value % 10);
    return text + 2;
}

static char *put_year(char *text, int year)
{
    return put_two(put_two(text, year / 100), year % 100);
}

static char *put_text(char *text, const char *source, size_t len)
{
    memcpy(text, source, len);
    return text + len;
}

static char *put_clock(char *text, const struct civil *civil)
{
    text = put_two(text, civil->hour);
    *text++ = ':';
    text = put_two(text, civil->minute);
    *text++ = ':';
    return put_two(text, civil->second);
}

/* Takes one of the characters in any; returns it, or 0 with the scan failed. */
static char scan_any(struct scan *scan, const char *any)
{
    if (scan->failed || scan->next == scan->end || !memchr(any, *scan->next, strlen(any))) {
        scan->failed = true;
        return 0;
    }
    return *scan->next++;
}

static int scan_digits(struct scan *scan, int count)
{
    int value = 0;
    for (int i = 0; i < count; i++) {
        char digit = scan_any(scan, "0123456789");
        value = value * 10 + (digit ? digit - '0' : 0);
    }
    return value;
}

static bool scan_text(struct scan *scan, const char *text)
{
    size_t len = strlen(text);
    if (scan->failed || (size_t)(scan->end - scan->next) < len || memcmp(scan->next, text, len) != 0) {
        scan->failed = true;
        return false;
    }
    scan->next += len;
    return true;
}

/* Takes one of names; returns its index, or -1 with the scan failed. */
static int scan_name(struct scan *scan, const char *const *names, int count)
{
    for (int i = 0; i < count && !scan->failed; i++) {
        if (scan_text(scan, names[i]))
            return i;
        scan->failed = false; /* perhaps it is the next one */
    }
    scan->failed = true;
    return -1;
}

static void scan_clock(struct scan *scan, struct civil *civil)
{
    civil->hour = scan_digits(scan, 2);
    scan_text(scan, ":");
    civil->minute = scan_digits(scan, 2);
    scan_text(scan, ":");
    civil->second = scan_digits(scan, 2);
}

static void scan_month_name(struct scan *scan, struct civil *civil)
{
    civil->month = scan_name(scan, month_names, 12) + 1;
}

static bool scan_ended(const struct scan *scan)
{
    return !scan->failed && scan->next == scan->end;
}

/* An optional fraction of 1 to 9 digits, cut to milliseconds. */
static int scan_fraction_ms(struct scan *scan)
{
    if (scan->failed || scan->next == scan->end || *scan->next != '.')
        return 0;
    scan->next++;
    int ms = 0;
    int count = 0;
    while (scan->next < scan->end && *scan->next >= '0' && *scan->next <= '9') {
        ms = count < 3 ? ms * 10 + (*scan->next - '0') : ms;
        scan->next++;
        count++;
    }
    if (count < 1 || count > 9)
        scan->failed = true;
    for (; count < 3; count++)
        ms *= 10;
    return ms;
}

static int scan_offset_s(struct scan *scan)
{
    char sign = scan_any(scan, "Zz+-");
    if (sign != '+' && sign != '-')
        return 0;
    int hours = scan_digits(scan, 2);
    scan_text(scan, ":");
    int minutes = scan_digits(scan, 2);
    if (hours > 23 || minutes > 59)
        scan->failed = true;
    int offset_s = hours * 3600 + minutes * 60;
    return sign == '-' ? -offset_s : offset_s;
}

/* Sun, 06 Nov 1994 08:49:37 GMT */
static void scan_imf_fixdate(struct scan *scan, struct civil *civil)
{
    scan_name(scan, day_names, 7);
    scan_text(scan, ", ");
    civil->day = scan_digits(scan, 2);
    scan_text(scan, " ");
    scan_month_name(scan, civil);
    scan_text(scan, " ");
    civil->year = scan_digits(scan, 4);
    scan_text(scan, " ");
    scan_clock(scan, civil);
    scan_text(scan, " GMT");
}

/* Sunday, 06-Nov-94 08:49:37 GMT */
static void scan_rfc850(struct scan *scan, struct civil *civil)
{
    scan_name(scan, long_day_names, 7);
    scan_text(scan, ", ");
    civil->day = scan_digits(scan, 2);
    scan_text(scan, "-");
    scan_month_name(scan, civil);
    scan_text(scan, "-");
    int year = scan_digits(scan, 2);
    civil->year = year < 70 ? 2000 + year : 1900 + year;
    scan_text(scan, " ");
    scan_clock(scan, civil);
    scan_text(scan, " GMT");
}

/* Sun Nov  6 08:49:37 1994 */
static void scan_asctime(struct scan *scan, struct civil *civil)
{
    scan_name(scan, day_names, 7);
    scan_text(scan, " ");
    scan_month_name(scan, civil);
    scan_text(scan, " ");
    if (!scan->failed && scan->next < scan->end && *scan->next == ' ') {
        scan->next++;
        civil->day = scan_digits(scan, 1);
    } else {
        civil->day = scan_digits(scan, 2);
    }
    scan_text(scan, " ");
    scan_clock(scan, civil);
    scan_text(scan, " ");
    civil->year = scan_digits(scan, 4);
}

void date_rfc3339(char text[DATE_RFC3339_LEN + 1], int64_t at_ms)
{
    bug_unless(at_ms >= 0 && at_ms <= TODO_TIME_MAX_MS, "a time that RFC 3339 can't print");
    struct civil civil;
    civil_from_s(at_ms / MS_PER_S, &civil);
    text = put_year(text, civil.year);
    *text++ = '-';
    text = put_two(text, civil.month);
    *text++ = '-';
    text = put_two(text, civil.day);
    *text++ = 'T';
    text = put_clock(text, &civil);
    *text++ = '.';
    int ms = (int)(at_ms % MS_PER_S);
    *text++ = (char)('0' + ms / 100);
    text = put_two(text, ms % 100);
    *text++ = 'Z';
    *text = '\0';
}

void date_http(char text[DATE_HTTP_LEN + 1], int64_t at_ms)
{
    bug_unless(at_ms >= 0 && at_ms <= TODO_TIME_MAX_MS, "a time that HTTP can't print");
    struct civil civil;
    int64_t at_s = at_ms / MS_PER_S;
    civil_from_s(at_s, &civil);
    text = put_text(text, day_names[at_s / S_PER_DAY % 7], 3);
    text = put_text(text, ", ", 2);
    text = put_two(text, civil.day);
    *text++ = ' ';
    text = put_text(text, month_names[civil.month - 1], 3);
    *text++ = ' ';
    text = put_year(text, civil.year);
    *text++ = ' ';
    text = put_clock(text, &civil);
    put_text(text, " GMT", sizeof(" GMT"));
}

bool date_rfc3339_parse(struct slice text, int64_t *at_ms)
{
    if (!text.data)
        return false;
    struct scan scan = {.next = text.data, .end = text.data + text.len};
    struct civil civil;
    civil.year = scan_digits(&scan, 4);
    scan_text(&scan, "-");
    civil.month = scan_digits(&scan, 2);
    scan_text(&scan, "-");
    civil.day = scan_digits(&scan, 2);
    scan_any(&scan, "Tt ");
    scan_clock(&scan, &civil);
    int ms = scan_fraction_ms(&scan);
    int offset_s = scan_offset_s(&scan);
    return scan_ended(&scan) && civil_to_ms(&civil, offset_s, ms, at_ms);
}

bool date_http_parse(struct slice text, int64_t *at_ms)
{
    static void (*const forms[])(struct scan *, struct civil *) = {scan_imf_fixdate, scan_rfc850, scan_asctime};
    for (size_t i = 0; i < sizeof(forms) / sizeof(forms[0]) && text.data; i++) {
        struct scan scan = {.next = text.data, .end = text.data + text.len};
        struct civil civil;
        forms[i](&scan, &civil);
        if (scan_ended(&scan))
            return civil_to_ms(&civil, 0, 0, at_ms);
    }
    return false;
}
