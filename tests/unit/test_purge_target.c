/* SPDX-License-Identifier: MIT */
/*
 * Whom to purge, and in which words (cache/purge_target.c).
 */
#include "testing.h"

#include "cdn/purge_target.h"

static void the_setting_is_a_list_of_urls(void **state)
{
    struct purge_target targets[PURGE_TARGETS_MAX];
    size_t count;
    (void)state;
    assert_int_equal(purge_targets_parse("", targets, &count, NULL), STATUS_OK);
    assert_int_equal(count, 0);
    assert_int_equal(
        purge_targets_parse(" varnish+http://[::1]:6081   http://c:80/p/{key}?x=1 https://api.example/purge ", targets,
                            &count, NULL),
        STATUS_OK);
    assert_int_equal(count, 3);
    assert_int_equal(targets[0].kind, PURGE_XKEY);
    assert_string_equal(targets[0].name, "varnish+http://[::1]:6081");
    assert_string_equal(targets[0].url, "http://[::1]:6081");
    assert_int_equal(targets[1].kind, PURGE_EACH);
    assert_int_equal(targets[2].kind, PURGE_POST);
    assert_string_equal(targets[2].url, "https://api.example/purge");
}

static void what_is_wrong_in_the_setting_is_told(void **state)
{
    static const struct {
        const char *setting, *why;
    } rows[] = {
        {"127.0.0.1:6081", "begins with none of"},
        {"ftp://x/", "begins with none of"},
        {"varnish+https://x", "begins with none of"},
        {"varnish://x", "begins with none of"},
        {"http:///p", "names no host"},
        {"https://", "names no host"},
        {"http://{key}.example/", "names no host"},
        {"http://me:secret@h/", "purge_header_file"},
        {"http://me:se@cret@h/", "***@h"},
        {"ftp://me:secret@h/", "begins with none of"},
        {"http://h/\xc3\xa9", "character"},
        {"http://h/\t", "character"},
        {"varnish+http://h/{key}", "{key} has no place"},
        {"http://a http://b http://a", "stands there twice"},
        {"http://a http://b http://c http://d http://e", "more than 4"},
    };
    (void)state;
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct purge_target targets[PURGE_TARGETS_MAX];
        struct error error = {0};
        size_t count;
        assert_number(rows[i].setting, purge_targets_parse(rows[i].setting, targets, &count, &error), STATUS_INVALID);
        if (!strstr(error.text, rows[i].why) || strstr(error.text, "secret@"))
            fail_msg("row \"%s\": %s", rows[i].setting, error.text);
    }
}

struct calls {
    char text[2000];
};

static void on_call(void *ctx, const struct http_call *call)
{
    struct calls *calls = ctx;
    size_t len = strlen(calls->text);
    len += (size_t)snprintf(calls->text + len, sizeof(calls->text) - len, "%s %s\n", call->method, call->url);
    for (size_t i = 0; i < call->header_count; i++)
        len += (size_t)snprintf(calls->text + len, sizeof(calls->text) - len, "%s\n", call->headers[i]);
    if (call->body.data)
        snprintf(calls->text + len, sizeof(calls->text) - len, "%.*s\n", (int)call->body.len, call->body.data);
}

static void each_kind_has_its_own_words(void **state)
{
    static const struct {
        const char *setting, *calls;
    } rows[] = {
        {"varnish+http://v:6081", "PURGE http://v:6081\nxkey-softpurge: todo-1 todos\n"},
        {"http://c/t/{key}/{key}", "PURGE http://c/t/todo-1/{key}\nToken: t\nPURGE http://c/t/todos/{key}\nToken: t\n"},
        {"https://a/p", "POST https://a/p\nToken: t\nSurrogate-Key: todo-1 todos\nContent-Type: application/json\n"
                        "{\"surrogate_keys\":[\"todo-1\",\"todos\"]}\n"},
    };
    static const char *const extra[] = {"Token: t"};
    (void)state;
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct purge_target targets[PURGE_TARGETS_MAX];
        struct calls calls = {0};
        size_t count;
        assert_number(rows[i].setting, purge_targets_parse(rows[i].setting, targets, &count, NULL), STATUS_OK);
        struct purge_round round = {
            .target = targets, .keys = SLICE("todo-1 todos"), .extra = extra, .extra_count = 1, .timeout_ms = 1};
        purge_round_calls(&round, on_call, &calls);
        assert_text(rows[i].setting, slice_of(calls.text), slice_of(rows[i].calls));
    }
}

static void a_round_holds_each_key_once_and_no_more_than_fit(void **state)
{
    struct purge_target xkey = {.kind = PURGE_XKEY}, each = {.kind = PURGE_EACH};
    struct purge_keys keys = {0};
    char key[80];
    (void)state;
    assert_true(purge_keys_add(&keys, &xkey, SLICE("todos todo-1")));
    assert_true(purge_keys_add(&keys, &xkey, SLICE("todos todo-2")));
    assert_true(purge_keys_add(&keys, &xkey, SLICE("todo-1")));
    assert_text("merged", buf_slice(&keys.text), SLICE("todos todo-1 todo-2"));
    assert_int_equal(keys.count, 3);
    purge_keys_reset(&keys);
    size_t added = 0;
    for (;; added++) {
        snprintf(key, sizeof(key), "todo-%064zu", added);
        if (!purge_keys_add(&keys, &xkey, slice_of(key)))
            break;
    }
    assert_int_equal(keys.count, added);
    assert_int_equal(added, STORE_PURGE_KEYS_MAX / 70);
    assert_true(keys.text.len <= STORE_PURGE_KEYS_MAX);
    purge_keys_reset(&keys);
    for (added = 0; added < 100; added++) {
        snprintf(key, sizeof(key), "todo-%zu", added);
        if (!purge_keys_add(&keys, &each, slice_of(key)))
            break;
    }
    assert_int_equal(added, PURGE_EACH_MAX);
    assert_int_equal(purge_round_size(&each, &keys), PURGE_EACH_MAX);
    assert_int_equal(purge_round_size(&xkey, &keys), 1);
    purge_keys_fini(&keys);
}

static void an_answer_acknowledges_or_not(void **state)
{
    static const struct {
        const char *row;
        enum purge_kind kind;
        int http_status;
        bool acknowledged;
    } rows[] = {
        {"ok", PURGE_XKEY, 200, true},           {"accepted", PURGE_POST, 202, true},
        {"none came", PURGE_XKEY, 0, false},     {"not allowed", PURGE_XKEY, 405, false},
        {"gone, by URL", PURGE_EACH, 404, true}, {"gone, as a service", PURGE_POST, 404, false},
        {"moved", PURGE_EACH, 301, false},       {"broken", PURGE_EACH, 500, false},
    };
    (void)state;
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct purge_target target = {.kind = rows[i].kind};
        assert_number(rows[i].row, purge_is_acknowledged(&target, rows[i].http_status), rows[i].acknowledged);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_setting_is_a_list_of_urls),
        cmocka_unit_test(what_is_wrong_in_the_setting_is_told),
        cmocka_unit_test(each_kind_has_its_own_words),
        cmocka_unit_test(a_round_holds_each_key_once_and_no_more_than_fit),
        cmocka_unit_test(an_answer_acknowledges_or_not),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
