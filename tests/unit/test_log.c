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
    assert_non_null(strstr(seen_line, "error=\"one two  three \""));
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
        cmocka_unit_test_setup(without_a_sink_lines_go_to_the_error_stream, reset_log),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
