/* SPDX-License-Identifier: MIT */
/* json.c, reading: what is accepted, what is refused and how. */
#include "testing.h"

#include "base/json.h"
#include "base/todo.h"

/* Writes each member as name:kind=value; a member named "stop" ends the walk. */
static enum status write_member(void *ctx, const struct json_member *member, struct error *error)
{
    struct buf *out = ctx;
    static const char *const kinds[] = {"null", "bool", "integer", "real", "string", "array", "object"};
    if (slice_equal(member->name, SLICE("stop")))
        return error_set(error, STATUS_BUSY, "stopped");
    buf_printf(out, "%s:%s", member->name.data, kinds[member->kind]);
    if (member->kind == JSON_KIND_BOOL)
        buf_printf(out, "=%d", member->boolean);
    else if (member->kind == JSON_KIND_INTEGER)
        buf_printf(out, "=%lld", (long long)member->integer);
    else if (member->kind == JSON_KIND_REAL)
        buf_printf(out, "=%g", member->real);
    else if (member->kind == JSON_KIND_STRING)
        buf_printf(out, "=%.*s", (int)member->text.len, member->text.data);
    buf_append_char(out, ' ');
    return STATUS_OK;
}

static void members_come_with_kind_and_value_in_their_order(void **state)
{
    (void)state;
    struct buf out;
    buf_init(&out);
    struct slice text = SLICE("{\"z\":null,\"b\":true,\"c\":false,\"i\":-9223372036854775808,\"j\":9223372036854775807,"
                              "\"r\":1.5,\"s\":\"\\u00e9\\ud83d\\ude00\\\"\",\"e\":\"\",\"a\":[1],\"o\":{},\"\":0}");
    assert_int_equal(json_object_read(text, write_member, &out, NULL), STATUS_OK);
    assert_text("all kinds", buf_slice(&out),
                SLICE("z:null b:bool=1 c:bool=0 i:integer=-9223372036854775808 j:integer=9223372036854775807 "
                      "r:real=1.5 s:string=\xC3\xA9\xF0\x9F\x98\x80\" e:string= a:array o:object :integer=0 "));
    buf_fini(&out);
}

static void the_callback_ends_the_walk(void **state)
{
    (void)state;
    struct buf out;
    struct error error;
    buf_init(&out);
    assert_int_equal(json_object_read(SLICE("{\"a\":1,\"stop\":2,\"b\":3}"), write_member, &out, &error), STATUS_BUSY);
    assert_text("before stop", buf_slice(&out), SLICE("a:integer=1 "));
    assert_string_equal(error.text, "stopped");
    buf_fini(&out);
}

/* Bytes that don't read well in a file of their own: each is refused as no JSON, with a text that is valid UTF-8. */
static void what_is_not_strict_json_is_refused(void **state)
{
    (void)state;
    static const struct {
        const char *what;
        struct slice text;
    } rows[] = {
        {"absent", {NULL, 0}},
        {"empty", {"", 0}},
        {"NUL in a value", {"{\"a\":\"x\0y\"}", 11}},
        {"NUL behind", {"{}\0", 3}},
        {"escaped NUL in a value", SLICE("{\"a\":\"\\u0000\"}")},
        {"escaped NUL in a name", SLICE("{\"a\\u0000\":1}")},
        {"invalid UTF-8", SLICE("{\"a\":\"\xFF\"}")},
        {"overlong UTF-8", SLICE("{\"a\":\"\xC0\xAF\"}")},
        {"surrogate in UTF-8", SLICE("{\"a\":\"\xED\xA0\x80\"}")},
        {"lone high surrogate", SLICE("{\"a\":\"\\ud800\"}")},
        {"lone low surrogate", SLICE("{\"a\":\"\\udc00\"}")},
        {"raw line feed in a string", SLICE("{\"a\":\"\n\"}")},
        {"byte order mark", SLICE("\xEF\xBB\xBF{}")},
        {"integer too large", SLICE("{\"a\":9223372036854775808}")},
        {"integer too small", SLICE("{\"a\":-9223372036854775809}")},
        {"real out of range", SLICE("{\"a\":1e999}")},
        {"leading zero", SLICE("{\"a\":01}")},
        {"NaN", SLICE("{\"a\":NaN}")},
        {"two documents", SLICE("{}{}")},
        {"duplicate inside", SLICE("{\"a\":{\"b\":1,\"b\":2}}")},
        {"single quotes", SLICE("{'a':1}")},
        {"comment", SLICE("{/**/}")},
        {"quote of two-byte characters", SLICE("{\"a\":\"\xC3\xA9\xC3\xA9\xC3\xA9\xC3\xA9\xC3\xA9\xC3\xA9\xC3\xA9")},
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct buf out;
        struct error error;
        buf_init(&out);
        assert_number(rows[i].what, json_object_read(rows[i].text, write_member, &out, &error), STATUS_INVALID);
        assert_text(rows[i].what, slice_of(error.pointer), SLICE(""));
        assert_memory_equal(error.text, "not valid JSON: ", 16);
        assert_number(error.text, todo_text_check(TODO_NAME, slice_of(error.text), NULL), STATUS_OK);
        assert_number(rows[i].what, (int64_t)out.len, 0);
        buf_fini(&out);
    }
}

/* {"a": with arrays or objects within each other behind it, levels in all. */
static void append_nested(struct buf *out, size_t levels, bool arrays)
{
    buf_append_text(out, "{\"a\":");
    for (size_t i = 1; i < levels; i++)
        buf_append_text(out, arrays ? "[" : "{\"a\":");
    buf_append_text(out, "1");
    for (size_t i = 1; i < levels; i++)
        buf_append_text(out, arrays ? "]" : "}");
    buf_append_text(out, "}");
}

static void nesting_is_bounded(void **state)
{
    (void)state;
    static const struct {
        size_t levels;
        const char *want; /* NULL: taken */
    } rows[] = {{1, NULL},
                {8, NULL},
                {9, "JSON nests deeper than 8 levels"},
                {2000, "JSON nests deeper than 8 levels"},
                {100000, "not valid JSON: maximum parsing depth reached"}};
    for (size_t i = 0; i < 2 * COUNT_OF(rows); i++) {
        struct buf text, out;
        struct error error = {.text = ""};
        buf_init(&text);
        buf_init(&out);
        append_nested(&text, rows[i / 2].levels, i % 2);
        const char *want = rows[i / 2].want;
        enum status status = json_object_read(buf_slice(&text), write_member, &out, &error);
        assert_number(error.text, status, want ? STATUS_INVALID : STATUS_OK);
        assert_true(!want || strncmp(error.text, want, strlen(want)) == 0);
        buf_fini(&text);
        buf_fini(&out);
    }
}

static enum status look_into_node(void *ctx, const struct json_member *member, struct error *error)
{
    (void)ctx;
    (void)error;
    assert_text("string", json_node_string(member->node, "$oid"), SLICE("abc"));
    assert_text("integer", json_node_string(member->node, "$date"), SLICE("-1700000000000"));
    assert_null(json_node_string(member->node, "none").data);
    assert_null(json_node_string(member->node, "list").data);
    const void *inner = json_node_object(member->node, "inner");
    assert_non_null(inner);
    assert_text("inside", json_node_string(inner, "$numberLong"), SLICE("5"));
    assert_null(json_node_object(member->node, "$oid"));
    assert_null(json_node_object(member->node, "none"));
    return STATUS_OK;
}

static void nodes_give_their_strings_integers_and_objects(void **state)
{
    (void)state;
    struct slice text = SLICE("{\"_id\":{\"$oid\":\"abc\",\"$date\":-1700000000000,\"list\":[],"
                              "\"inner\":{\"$numberLong\":\"5\"}}}");
    assert_int_equal(json_object_read(text, look_into_node, NULL, NULL), STATUS_OK);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(members_come_with_kind_and_value_in_their_order),
        cmocka_unit_test(the_callback_ends_the_walk),
        cmocka_unit_test(what_is_not_strict_json_is_refused),
        cmocka_unit_test(nesting_is_bounded),
        cmocka_unit_test(nodes_give_their_strings_integers_and_objects),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
