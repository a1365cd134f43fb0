/* SPDX-License-Identifier: MIT */
/* log.c: lines, levels, cuts, escapes. */
#include "testing.h"

#include "base/date.h"
#include "base/log.h"

static char seen_line[8192];
static size_t seen_len;
static int seen_count;

static void keep_line(const char *line, size_t len)
{
    assert_true(len < sizeof(seen_line));
    memcpy(seen_line, line, len);
    seen_line[len] = '\0';
    seen_len = len;
    seen_count++;
}

static int reset_log(void **state)
{
    (void)state;
    seen_line[0] = '\0';
    seen_len = 0;
    seen_count = 0;
    log_init(LOG_INFO, keep_line);
    log_flush();
    log_flush(); /* forgets what an earlier test has repeated */
    seen_count = 0;
    return 0;
}

/* The line behind its time, which is checked to be one. */
static struct slice line_tail(void)
{
    int64_t at_ms;
    assert_true(seen_len > DATE_RFC3339_LEN);
    assert_true(date_rfc3339_parse((struct slice){seen_line, DATE_RFC3339_LEN}, &at_ms));
    assert_int_equal(seen_line[DATE_RFC3339_LEN], ' ');
    return slice_of(seen_line + DATE_RFC3339_LEN + 1);
}

static void a_line_has_time_level_pid_request_event_and_pairs(void **state)
{
    (void)state;
    char want[256];
    log_warn("3f2a", "redis_lost", "error=\"%s\" count=%d", "timed out", 3);
    snprintf(want, sizeof(want), "level=warn pid=%d req=3f2a event=redis_lost error=\"timed out\" count=3\n",
             (int)getpid());
    assert_text("with a request", line_tail(), slice_of(want));
    log_error(NULL, "bad", "x=%d", 1);
    snprintf(want, sizeof(want), "level=error pid=%d event=bad x=1\n", (int)getpid());
    assert_text("without a request", line_tail(), slice_of(want));
    log_info(NULL, "started", "%s", "");
    snprintf(want, sizeof(want), "level=info pid=%d event=started\n", (int)getpid());
    assert_text("without pairs", line_tail(), slice_of(want));
    assert_int_equal(seen_count, 3);
}

static void less_serious_events_than_the_level_are_left_out(void **state)
{
    (void)state;
    log_debug(NULL, "detail", "x=%d", 1);
    assert_int_equal(seen_count, 0);
    assert_false(log_enabled(LOG_DEBUG));
    log_init(LOG_DEBUG, keep_line);
    log_debug(NULL, "detail", "x=%d", 1);
    assert_int_equal(seen_count, 1);
    log_init(LOG_ERROR, keep_line);
    log_warn(NULL, "warning", "x=%d", 1);
    log_info(NULL, "news", "x=%d", 1);
    assert_int_equal(seen_count, 1);
    log_error(NULL, "failure", "x=%d", 1);
    assert_int_equal(seen_count, 2);
}

static void a_line_break_inside_a_value_makes_no_second_line(void **state)
{
    (void)state;
    log_info(NULL, "odd", "error=\"%s\"", "one\ntwo\r\tthree\x7F");
    assert_ptr_equal(strchr(seen_line, '\n'), seen_line + seen_len - 1);
    assert_non_null(strstr(seen_line, "error=\"one\\x0atwo\\x0d\\x09three\\x7f\""));
    log_info(NULL, "odd", "id=%s", "one\ntwo\r\tthree\x7F");
    assert_ptr_equal(strchr(seen_line, '\n'), seen_line + seen_len - 1);
    assert_non_null(strstr(seen_line, "id=one two  three "));
}

/* Lengths around the limit, of two-byte characters: always one line, never half a character. */
static void a_long_line_is_cut_between_characters_and_says_so(void **state)
{
    (void)state;
    char text[6000] = "";
    for (size_t i = 0; i < 2900; i++)
        memcpy(text + 2 * i, "\xC3\xA9", 3);
    for (int len = 1900; len < 2600; len += 2) {
        log_info(NULL, "long", "%s%.*s", len / 2 % 2 ? "x" : "", len, text);
        assert_int_equal(seen_line[seen_len - 1], '\n');
        assert_true(seen_len <= 2048);
        bool cut = memcmp(seen_line + seen_len - 4, "...\n", 4) == 0;
        assert_int_equal((unsigned char)seen_line[seen_len - (cut ? 5 : 2)], 0xA9);
        assert_true(cut || seen_len > (size_t)len);
    }
    assert_int_equal(seen_count, 350);
}

static void values_of_clients_are_escaped(void **state)
{
    (void)state;
    static const struct {
        const char *value;
        size_t size;
        const char *want;
    } rows[] = {
        {"plain", 100, "plain"},
        {"say \"hi\"", 100, "say \\\"hi\\\""},
        {"back\\slash", 100, "back\\\\slash"},
        {"a\nb\x01\x7F", 100, "a\\x0ab\\x01\\x7f"},
        {"\xC3\xA9", 100, "\xC3\xA9"},
        {"", 100, ""},
        {"abcdef", 4, "abc"},
        {"abcdef", 1, ""},
        {"ab\"", 4, "ab"},
        {"ab\n", 6, "ab"},
        {"ab\n", 7, "ab\\x0a"},
        {"a\xC3\xA9", 3, "a"},
        {"a\xC3\xA9", 4, "a\xC3\xA9"},
        {"\xF0\x9F\x98\x80", 4, ""},
        {"\xC3\xA9\xC3\xA9", 3, "\xC3\xA9"},
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        char text[100];
        assert_text(rows[i].value, slice_of(log_value(text, rows[i].size, slice_of(rows[i].value))),
                    slice_of(rows[i].want));
    }
}

/* Texts of libraries and servers: whatever they hold, one value in its quotes. */
static void a_string_between_quotes_is_escaped(void **state)
{
    struct slice absent = slice_of(getenv("TODO_TEST_THAT_NOBODY_SETS"));
    (void)state;
    log_info(NULL, "odd", "error=\"%s\" key=%s", "Field \"a\\b\" is missing\n", "x\ny");
    assert_non_null(strstr(seen_line, "error=\"Field \\\"a\\\\b\\\" is missing\\x0a\" key=x y\n"));
    log_info(NULL, "cut", "path=\"%.*s\" at=\"%s:%d, %s\" none=\"%.*s\"", 2, "/\"long", "h\"", 7, "q\"",
             (int)absent.len, absent.data);
    assert_non_null(strstr(seen_line, "path=\"/\\\"\" at=\"h\\\":7, q\\\"\" none=\"\"\n"));
}

static void numbers_are_printed_as_printf_does(void **state)
{
    (void)state;
    log_info(NULL, "numbers", "a=%d b=%u c=%zu d=%lld e=%llu f=%llx", -1, 4294967295U, (size_t)1 << 40, -(1LL << 62),
             ~0ULL, 255ULL);
    assert_non_null(strstr(seen_line, "a=-1 b=4294967295 c=1099511627776 d=-4611686018427387904 e=18446744073709551615"
                                      " f=ff\n"));
}

/* ---- What may repeat ---- */

static void a_line_that_repeats_goes_out_once_a_second_with_a_count(void **state)
{
    (void)state;
    for (int i = 0; i < 6615; i++)
        log_warn_often("r", "unavailable", "status=%s error=\"gone; again in %d ms\"", "unavailable", i);
    assert_int_equal(seen_count, 1);
    assert_non_null(strstr(seen_line, " req=r event=unavailable status=unavailable error=\"gone; again in 0 ms\"\n"));
    log_flush();
    assert_int_equal(seen_count, 2);
    assert_null(strstr(seen_line, "req="));
    assert_non_null(strstr(seen_line, "level=warn"));
    assert_non_null(
        strstr(seen_line, " event=unavailable status=unavailable error=\"gone; again in 0 ms\" repeats=6614\n"));
    log_warn_often("r", "unavailable", "status=%s error=\"gone; again in %d ms\"", "unavailable", 7);
    assert_int_equal(seen_count, 2);
    log_flush();
    assert_int_equal(seen_count, 3);
    assert_non_null(strstr(seen_line, " repeats=1\n"));
    log_flush(); /* a second without it: then it goes out at once again */
    log_warn_often("s", "unavailable", "status=%s error=\"gone; again in %d ms\"", "unavailable", 8);
    assert_int_equal(seen_count, 4);
    assert_non_null(strstr(seen_line, " req=s event=unavailable"));
}

static void each_cause_has_a_line_of_its_own(void **state)
{
    (void)state;
    for (int i = 0; i < 100; i++) {
        log_warn_often(NULL, "unavailable", "error=\"%s\"", "no rights");
        log_warn_often(NULL, "unavailable", "error=\"%s\"", "disk full");
    }
    assert_int_equal(seen_count, 2);
    log_flush();
    assert_int_equal(seen_count, 4);
}

/* Texts that differ by more than digits can't fill the log either. */
static void many_causes_are_counted_together(void **state)
{
    (void)state;
    for (int i = 0; i < 1000; i++) {
        char id[] = {(char)('a' + i % 26), (char)('a' + i / 26 % 26), (char)('a' + i / 676), '\0'};
        log_warn_often(NULL, "todo_unreadable", "error=\"the todo %s\"", id);
    }
    int first_count = seen_count;
    assert_in_range(first_count, 10, 20);
    log_flush();
    assert_int_equal(seen_count, first_count + 1);
    char want[32];
    snprintf(want, sizeof(want), " repeats=%d\n", 1000 - first_count);
    assert_non_null(strstr(seen_line, want));
}

static void without_a_sink_lines_go_to_the_error_stream(void **state)
{
    (void)state;
    int ends[2];
    assert_int_equal(pipe(ends), 0);
    int old_stderr = dup(STDERR_FILENO);
    dup2(ends[1], STDERR_FILENO);
    log_init(LOG_INFO, NULL);
    log_info(NULL, "to_stderr", "x=%d", 1);
    dup2(old_stderr, STDERR_FILENO);
    close(old_stderr);
    close(ends[1]);
    char line[512];
    ssize_t len = read(ends[0], line, sizeof(line) - 1);
    close(ends[0]);
    assert_true(len > 0);
    line[len] = '\0';
    assert_non_null(strstr(line, "event=to_stderr x=1\n"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(a_line_has_time_level_pid_request_event_and_pairs, reset_log),
        cmocka_unit_test_setup(less_serious_events_than_the_level_are_left_out, reset_log),
        cmocka_unit_test_setup(a_line_break_inside_a_value_makes_no_second_line, reset_log),
        cmocka_unit_test_setup(a_long_line_is_cut_between_characters_and_says_so, reset_log),
        cmocka_unit_test_setup(values_of_clients_are_escaped, reset_log),
        cmocka_unit_test_setup(a_string_between_quotes_is_escaped, reset_log),
        cmocka_unit_test_setup(numbers_are_printed_as_printf_does, reset_log),
        cmocka_unit_test_setup(a_line_that_repeats_goes_out_once_a_second_with_a_count, reset_log),
        cmocka_unit_test_setup(each_cause_has_a_line_of_its_own, reset_log),
        cmocka_unit_test_setup(many_causes_are_counted_together, reset_log),
        cmocka_unit_test_setup(without_a_sink_lines_go_to_the_error_stream, reset_log),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
