/* SPDX-License-Identifier: MIT */
/* todo_json.c: bodies and what they give are pairs in golden/draft and golden/patch; each field is written and read back. */
#include "golden.h"

#include "base/json.h"
#include "base/todo_json.h"
#include "fields.h"

/* False: it was refused, and out has status, pointer and text of the error. */
static bool parse(enum draft_kind kind, struct slice input, struct arena *arena, struct todo_draft *draft,
                  struct buf *out)
{
    struct error error;
    if (todo_json_read(input, kind, arena, draft, &error) == STATUS_OK)
        return true;
    buf_printf(out, "%s at \"%s\": %s\n", status_name(error.status), error.pointer, error.text);
    return false;
}

/* A body as POST would read it: the members that were there, in fixed order; or the error. */
static void read_draft(const char *name, struct slice input, struct buf *out)
{
    (void)name;
    struct arena arena;
    struct todo_draft draft;
    arena_init(&arena);
    if (!parse(DRAFT_NEW, input, &arena, &draft, out)) {
        arena_fini(&arena);
        return;
    }
    if (draft.present & 1u << TODO_ID)
        buf_printf(out, "id=%s\n", draft.todo.id);
    if (draft.present & 1u << TODO_NAME)
        buf_printf(out, "name=%s\n", draft.todo.name.data);
    if (draft.present & 1u << TODO_DESCRIPTION)
        buf_printf(out, "description=%s\n", draft.todo.description.data);
    if (draft.present & 1u << TODO_DONE)
        buf_printf(out, "done=%d\n", draft.todo.done);
    arena_fini(&arena);
}

static void bodies_give_a_draft_or_a_clear_refusal(void **state)
{
    (void)state;
    check_golden_folder("draft", read_draft);
}

/* A PUT may have them: what a GET answered, sent back. */
static void a_whole_todo_may_have_its_times(void **state)
{
    (void)state;
    static const struct {
        const char *value, *want; /* NULL: it is taken */
    } rows[] = {
        {"\"2023-11-14T22:13:20.007Z\"", NULL},
        {"\"2023-11-14T23:13:20.007+01:00\"", NULL},
        {"\"2023-11-14\"", "updated_at: must be the time that GET answers, or left out"},
        {"1700000000007", "updated_at: must be the time that GET answers, or left out"},
        {"null", "updated_at: must be the time that GET answers, or left out"},
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        char body[96];
        struct arena arena;
        struct todo_draft draft;
        struct error error = {0};
        arena_init(&arena);
        int len = snprintf(body, sizeof(body), "{\"name\":\"x\",\"updated_at\":%s}", rows[i].value);
        enum status status = todo_json_read((struct slice){body, (size_t)len}, DRAFT_WHOLE, &arena, &draft, &error);
        assert_number(rows[i].value, status, rows[i].want ? STATUS_INVALID : STATUS_OK);
        if (rows[i].want) {
            assert_text(rows[i].value, slice_of(error.text), slice_of(rows[i].want));
            assert_string_equal(error.pointer, "/updated_at");
        } else {
            assert_int_equal(draft.present, 1u << TODO_NAME | 1u << TODO_UPDATED_AT);
            assert_int_equal(draft.todo.updated_at_ms, 1700000000007);
        }
        arena_fini(&arena);
    }
}

/* A merge patch: what it names, with the value that the member is to have; or the error. */
static void read_patch(const char *name, struct slice input, struct buf *out)
{
    (void)name;
    struct arena arena;
    struct todo_draft draft;
    arena_init(&arena);
    if (!parse(DRAFT_PATCH, input, &arena, &draft, out)) {
        arena_fini(&arena);
        return;
    }
    buf_append_text(out, "present:");
    if (draft.present & 1u << TODO_ID)
        buf_printf(out, " id=%s", draft.todo.id);
    if (draft.present & 1u << TODO_NAME)
        buf_printf(out, " name=%s", draft.todo.name.data);
    if (draft.present & 1u << TODO_DESCRIPTION)
        buf_printf(out, " description=%s", draft.todo.description.data);
    if (draft.present & 1u << TODO_DONE)
        buf_printf(out, " done=%d", draft.todo.done);
    buf_append_char(out, '\n');
    arena_fini(&arena);
}

static void patches_name_what_they_change_or_are_refused(void **state)
{
    (void)state;
    check_golden_folder("patch", read_patch);
}

static void a_draft_without_description_has_an_empty_one(void **state)
{
    (void)state;
    struct arena arena;
    struct todo_draft draft;
    arena_init(&arena);
    assert_int_equal(todo_json_read(SLICE("{}"), DRAFT_NEW, &arena, &draft, NULL), STATUS_OK);
    assert_int_equal(draft.present, 0);
    assert_null(draft.todo.name.data);
    assert_non_null(draft.todo.description.data);
    assert_int_equal(draft.todo.description.len, 0);
    arena_fini(&arena);
}

static void a_todo_is_written_in_its_fixed_form(void **state)
{
    (void)state;
    struct todo todo = {.name = SLICE("Buy \"milk\""),
                        .description = SLICE("two\nlines"),
                        .done = true,
                        .v = 3,
                        .created_at_ms = INT64_C(1709251199123),
                        .updated_at_ms = INT64_C(1709251200000)};
    todo_set_id(&todo, SLICE("42"));
    struct buf out;
    buf_init(&out);
    todo_json_write(&out, &todo);
    assert_text("done", buf_slice(&out),
                SLICE("{\"id\":\"42\",\"name\":\"Buy \\\"milk\\\"\",\"description\":\"two\\nlines\",\"done\":true,"
                      "\"created_at\":\"2024-02-29T23:59:59.123Z\",\"updated_at\":\"2024-03-01T00:00:00.000Z\"}"));
    buf_reset(&out);
    todo.done = false;
    todo.description = SLICE("");
    todo_json_write(&out, &todo);
    assert_text("not done", buf_slice(&out),
                SLICE("{\"id\":\"42\",\"name\":\"Buy \\\"milk\\\"\",\"description\":\"\",\"done\":false,"
                      "\"created_at\":\"2024-02-29T23:59:59.123Z\",\"updated_at\":\"2024-03-01T00:00:00.000Z\"}"));
    buf_fini(&out);
}

/* All that a name or a description may hold: every allowed ASCII character and one of each length of UTF-8. */
static void what_is_written_reads_back_to_the_same_values(void **state)
{
    (void)state;
    char text[160] = "\t\n\r\xC3\xA9\xE2\x82\xAC\xF0\x9F\x98\x80";
    size_t len = strlen(text);
    for (char c = ' '; c < 0x7F; c++)
        text[len++] = c;
    text[len++] = 0x7F;

    struct buf body;
    buf_init(&body);
    buf_append_text(&body, "{\"name\":");
    json_write_string(&body, (struct slice){text, len});
    buf_append_text(&body, "}");
    struct arena arena;
    struct todo_draft draft;
    struct error error = {.text = ""};
    arena_init(&arena);
    assert_number(body.data, todo_json_read(buf_slice(&body), DRAFT_NEW, &arena, &draft, &error), STATUS_OK);
    assert_text("name", draft.todo.name, (struct slice){text, len});
    arena_fini(&arena);
    buf_fini(&body);
}

/* {"name":value} of one field, as a client writes it; an answer has the same member. */
static void write_member(struct buf *out, const struct todo *todo, enum todo_field field)
{
    const void *member = todo_member_const(todo, field);
    buf_printf(out, "\"%s\":", todo_field_name(field));
    switch (TODO_ROWS[field].type) {
    case TODO_TYPE_ID:
        buf_printf(out, "\"%s\"", (const char *)member);
        return;
    case TODO_TYPE_TEXT:
        json_write_string(out, *(const struct slice *)member);
        return;
    case TODO_TYPE_FLAG:
        buf_append_text(out, *(const bool *)member ? "true" : "false");
        return;
    case TODO_TYPE_INTEGER:
        buf_append_int(out, *(const int64_t *)member);
        return;
    case TODO_TYPE_TIME:
        buf_append_text(out, "\"1970-01-01T00:00:00.001Z\"");
        return;
    }
}

static void each_field_that_a_client_may_read_is_written(void **state)
{
    (void)state;
    struct todo todo = field_sample();
    struct buf out, want;
    buf_init(&out);
    todo_json_write(&out, &todo);
    for (enum todo_field field = 0; field < TODO_FIELD_COUNT; field++) {
        buf_init(&want);
        write_member(&want, &todo, field);
        bool is_shown = strstr(out.data, want.data) != NULL;
        assert_number(todo_field_name(field), is_shown, TODO_ROWS[field].access != TODO_ACCESS_HIDDEN);
        buf_fini(&want);
    }
    buf_fini(&out);
}

/* One field alone: POST and PATCH take it, or refuse it by name. */
static void check_field_alone(enum todo_field field, bool is_patch)
{
    struct todo todo = field_sample(), want = TODO_DEFAULT;
    struct buf body;
    struct arena arena;
    struct todo_draft draft;
    struct error error = {0};
    arena_init(&arena);
    buf_init(&body);
    buf_append_char(&body, '{');
    write_member(&body, &todo, field);
    buf_append_char(&body, '}');
    bool may_set = TODO_ROWS[field].access == TODO_ACCESS_CREATE || TODO_ROWS[field].access == TODO_ACCESS_WRITE;
    enum status status = todo_json_read(buf_slice(&body), is_patch ? DRAFT_PATCH : DRAFT_NEW, &arena, &draft, &error);
    assert_number(body.data, status, may_set ? STATUS_OK : STATUS_INVALID);
    if (may_set) {
        todo_set_fields(&want, &todo, 1u << field);
        assert_number(body.data, draft.present, 1u << field);
        assert_true(todo_equal(&draft.todo, &want));
    } else {
        assert_text(body.data, slice_of(error.pointer), slice_of(TODO_ROWS[field].pointer));
    }
    buf_fini(&body);
    arena_fini(&arena);
}

static void each_field_that_a_client_may_set_is_read(void **state)
{
    (void)state;
    for (enum todo_field field = 0; field < TODO_FIELD_COUNT; field++) {
        check_field_alone(field, false);
        check_field_alone(field, true);
    }
}

static void null_in_a_patch_brings_each_default_back(void **state)
{
    (void)state;
    for (enum todo_field field = 0; field < TODO_FIELD_COUNT; field++) {
        char body[64];
        struct arena arena;
        struct todo_draft draft;
        arena_init(&arena);
        int len = snprintf(body, sizeof(body), "{\"%s\":null}", todo_field_name(field));
        bool has_default = TODO_ROWS[field].access == TODO_ACCESS_WRITE && !todo_field_required(field);
        assert_number(body, todo_json_read((struct slice){body, (size_t)len}, DRAFT_PATCH, &arena, &draft, NULL),
                      has_default ? STATUS_OK : STATUS_INVALID);
        if (has_default)
            assert_true(draft.present == 1u << field && todo_equal(&draft.todo, &TODO_DEFAULT));
        arena_fini(&arena);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bodies_give_a_draft_or_a_clear_refusal),
        cmocka_unit_test(patches_name_what_they_change_or_are_refused),
        cmocka_unit_test(a_whole_todo_may_have_its_times),
        cmocka_unit_test(a_draft_without_description_has_an_empty_one),
        cmocka_unit_test(a_todo_is_written_in_its_fixed_form),
        cmocka_unit_test(what_is_written_reads_back_to_the_same_values),
        cmocka_unit_test(each_field_that_a_client_may_read_is_written),
        cmocka_unit_test(each_field_that_a_client_may_set_is_read),
        cmocka_unit_test(null_in_a_patch_brings_each_default_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
