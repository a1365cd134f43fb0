/* SPDX-License-Identifier: MIT */
/* settings.c, settings_uri.c: sources, refusals, printing. Files and what they give are pairs in golden/settings. */
#include "golden.h"

#include "base/settings.h"

/* Appends the lines of settings_print() that differ from the defaults'. */
static void show_changes(const struct settings *settings, struct buf *out)
{
    struct settings defaults;
    struct buf shown, usual;
    settings_init(&defaults);
    buf_init(&shown);
    buf_init(&usual);
    settings_print(settings, &shown);
    settings_print(&defaults, &usual);
    char *rest = shown.data;
    char *usual_rest = usual.data;
    for (char *line = strsep(&rest, "\n"); rest; line = strsep(&rest, "\n"))
        if (strcmp(line, strsep(&usual_rest, "\n")) != 0)
            buf_printf(out, "%s\n", line);
    buf_fini(&shown);
    buf_fini(&usual);
}

/* A settings file as main would treat it: read and checked; what it changes is shown, or the error. */
static void read_and_show(const char *name, struct slice input, struct buf *out)
{
    struct settings settings;
    struct error error;
    settings_init(&settings);
    enum status status = settings_read_text(&settings, name, input, &error);
    if (status == STATUS_OK)
        status = settings_check(&settings, &error);
    if (status == STATUS_OK)
        show_changes(&settings, out);
    else
        buf_printf(out, "%s: %s\n", status_name(status), error.text);
}

static void files_give_settings_or_a_clear_refusal(void **state)
{
    (void)state;
    check_golden_folder("settings", read_and_show);
}

static void what_is_shown_can_be_read_again(void **state)
{
    (void)state;
    struct settings settings, again;
    struct error error;
    settings_init(&settings);
    assert_int_equal(settings_read_text(&settings, "x", SLICE("lease_ms = 777\non_cache_down = refuse"), &error), 0);
    struct buf shown, shown_again;
    buf_init(&shown);
    buf_init(&shown_again);
    settings_print(&settings, &shown);
    settings_init(&again);
    assert_int_equal(settings_read_text(&again, "x", buf_slice(&shown), &error), STATUS_OK);
    settings_print(&again, &shown_again);
    assert_text("shown again", buf_slice(&shown_again), buf_slice(&shown));
    buf_fini(&shown);
    buf_fini(&shown_again);
}

static void later_sources_win(void **state)
{
    (void)state;
    struct settings settings;
    struct error error;
    char *environment[] = {"HOME=/root", "TODO_LEASE_MS=200", "TODO_REDIS= 127.0.0.1:6379 ", "TODO=1", NULL};
    const char *const options[] = {"lease_ms=300", "log_level = debug", "stats_file="};
    settings_init(&settings);
    assert_int_equal(settings.lease_ms, 3000);
    assert_int_equal(settings_read_text(&settings, "x", SLICE("lease_ms=100\r\nredis=a:1\nstats_file=/x"), &error), 0);
    assert_int_equal(settings.lease_ms, 100);
    assert_string_equal(settings.redis, "a:1");
    assert_int_equal(settings_read_environment(&settings, environment, &error), STATUS_OK);
    assert_int_equal(settings.lease_ms, 200);
    assert_string_equal(settings.redis, "127.0.0.1:6379");
    assert_string_equal(settings.stats_file, "/x");
    assert_int_equal(settings_read_options(&settings, options, COUNT_OF(options), &error), STATUS_OK);
    assert_int_equal(settings.lease_ms, 300);
    assert_int_equal(settings.log_level, LOG_LEVEL_DEBUG);
    assert_string_equal(settings.stats_file, "");
}

static void variables_are_refused_by_their_name(void **state)
{
    (void)state;
    static const struct {
        char *first, *second;
        const char *want;
    } rows[] = {
        {"TODO_LEASE=1", NULL, "environment TODO_LEASE: there is no setting \"lease\"; did you mean lease_ms?"},
        {"TODO_LEASE_MS=1", NULL,
         "environment TODO_LEASE_MS: lease_ms: \"1\" is not a whole number from 100 to 60000 (ms)"},
        {"TODO_LEASE_MS", NULL, "environment TODO_LEASE_MS: expected TODO_NAME=value"},
        {"TODO_=1", NULL, "environment TODO_: there is no setting \"\""},
        {"TODO_LEASE_MS=200", "TODO_LEASE_MS=200",
         "environment TODO_LEASE_MS: lease_ms is set twice; keep one of the two"},
        {"TODO_XXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXX=1", NULL,
         "environment TODO_XXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXX: there is no setting "
         "\"xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx\""},
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        char *environment[] = {rows[i].first, rows[i].second, NULL};
        struct settings settings;
        struct error error;
        settings_init(&settings);
        assert_number(rows[i].want, settings_read_environment(&settings, environment, &error), STATUS_INVALID);
        assert_text(rows[i].want, slice_of(error.text), slice_of(rows[i].want));
    }
}

static void options_are_refused_by_their_name(void **state)
{
    (void)state;
    static const struct {
        const char *first, *second;
        const char *want;
    } rows[] = {
        {"lease_ms", NULL, "option -o lease_ms: expected name = value"},
        {"", NULL, "option -o : expected name = value"},
        {"laese_ms=500", NULL, "option -o laese_ms: there is no setting \"laese_ms\"; did you mean lease_ms?"},
        {"lease_ms=500", "lease_ms=501", "option -o lease_ms: lease_ms is set twice; keep one of the two"},
        {"log_level=loud", NULL, "option -o log_level: log_level: \"loud\" is none of error|warn|info|debug"},
        {"log_level=warn|info", NULL, "option -o log_level: log_level: \"warn|info\" is none of error|warn|info|debug"},
        {"log_level=", NULL, "option -o log_level: log_level: \"\" is none of error|warn|info|debug"},
        {"redis=", NULL, "option -o redis: redis has 0 bytes; it must have 1 to 500"},
        {"redis=a\nb:1", NULL, "option -o redis: redis holds a control character"},
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        const char *options[] = {rows[i].first, rows[i].second};
        struct settings settings;
        struct error error;
        settings_init(&settings);
        size_t count = rows[i].second ? 2 : 1;
        assert_number(rows[i].want, settings_read_options(&settings, options, count, &error), STATUS_INVALID);
        assert_text(rows[i].want, slice_of(error.text), slice_of(rows[i].want));
    }
}

static void texts_may_have_their_greatest_length_and_no_more(void **state)
{
    (void)state;
    struct settings settings;
    struct error error;
    char option[] = "redis_user=";
    char longest[sizeof(option) + 101];
    settings_init(&settings);
    snprintf(longest, sizeof(longest), "%s%0100d", option, 0);
    const char *options[] = {longest};
    assert_int_equal(settings_read_options(&settings, options, 1, &error), STATUS_OK);
    assert_int_equal(strlen(settings.redis_user), 100);
    snprintf(longest, sizeof(longest), "%s%0101d", option, 0);
    assert_int_equal(settings_read_options(&settings, options, 1, &error), STATUS_INVALID);
    assert_string_equal(error.text, "option -o redis_user: redis_user has 101 bytes; it must have 0 to 100");
}

static void passwords_and_secret_options_are_masked(void **state)
{
    (void)state;
    static const struct {
        const char *uri, *want;
    } rows[] = {
        {"sqlite:todo.db", "sqlite:todo.db"},
        {"sqlite:/a:b@c", "sqlite:/a:b@c"},
        {"file:/a:b@c", "file:/a:b@c"},
        {"unix:/run/redis@1.sock?db=2", "unix:/run/redis@1.sock?db=2"},
        {"127.0.0.1:6379/3", "127.0.0.1:6379/3"},
        {"::1:6379", "::1:6379"},
        {"redis://:secret@h:6379/0", "redis://:***@h:6379/0"},
        {":secret@h:6379", ":***@h:6379"},
        {"http://u:secret@a/{key} http://b/", "http://u:***@a/{key} http://b/"},
        {"mongodb://localhost/todos", "mongodb://localhost/todos"},
        {"mongodb://u:secret@h:27017/db", "mongodb://u:***@h:27017/db"},
        {"mongodb://user@h:27017/db", "mongodb://user@h:27017/db"},
        {"mongodb+srv://u:secret@h/db?w=majority", "mongodb+srv://u:***@h/db?w=majority"},
        {"mongodb://u:p@ss@h/db", "mongodb://u:***@h/db"},
        {"mongodb://u:p/w?x@h/db", "mongodb://u:***@h/db"},
        {"mongodb://u:@h/db", "mongodb://u:***@h/db"},
        {"mongodb://h/db?tls=true&tlsCertificateKeyFilePassword=secret&w=1",
         "mongodb://h/db?tls=true&tlsCertificateKeyFilePassword=***&w=1"},
        {"mongodb://h/db?authMechanismProperties=AWS_SESSION_TOKEN:secret",
         "mongodb://h/db?authMechanismProperties=***"},
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct buf out;
        buf_init(&out);
        settings_mask_uri(&out, rows[i].uri);
        assert_text(rows[i].uri, buf_slice(&out), slice_of(rows[i].want));
        buf_fini(&out);
    }
}

/* Every setting that is shown is explained, and no line is wider than a terminal. */
static void help_tells_every_setting_within_80_columns(void **state)
{
    (void)state;
    struct settings settings;
    struct buf help, shown;
    buf_init(&help);
    buf_init(&shown);
    settings_init(&settings);
    settings_print_help(&help);
    settings_print(&settings, &shown);
    char *rest = NULL;
    size_t settings_count = 0;
    for (char *line = strtok_r(shown.data, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest)) {
        char want[1200];
        snprintf(want, sizeof(want), "  %s  (", line);
        assert_number(line, strstr(help.data, want) != NULL, true);
        settings_count++;
    }
    assert_true(settings_count > 20);
    assert_non_null(strstr(help.data, "  lease_ms = 3000  (ms, 100 to 60000)\n      How long one reader may take"));
    assert_non_null(strstr(help.data, "  on_cache_down = allow  (allow|refuse)\n"));
    for (char *line = strtok_r(help.data, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest))
        assert_number(line, strlen(line) <= 80 && line[strlen(line) - 1] != ' ', true);
    buf_fini(&help);
    buf_fini(&shown);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(files_give_settings_or_a_clear_refusal),
        cmocka_unit_test(what_is_shown_can_be_read_again),
        cmocka_unit_test(later_sources_win),
        cmocka_unit_test(variables_are_refused_by_their_name),
        cmocka_unit_test(options_are_refused_by_their_name),
        cmocka_unit_test(texts_may_have_their_greatest_length_and_no_more),
        cmocka_unit_test(passwords_and_secret_options_are_masked),
        cmocka_unit_test(help_tells_every_setting_within_80_columns),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
