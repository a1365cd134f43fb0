/* SPDX-License-Identifier: MIT */
/* queued.c: texts and what is read of them are pairs in golden/queued; each kind is written and read back. */
#include "golden.h"

#include "fields.h"
#include "queue/queued.h"

/* What was read, as it is printed; or why it was refused. */
static void read_queued(const char *name, struct slice input, struct buf *out)
{
    (void)name;
    struct arena arena;
    struct store_queued queued;
    struct error error = {0};
    arena_init(&arena);
    if (queued_read(input, &arena, &queued, &error) == STATUS_OK)
        queued_write(out, &queued);
    else
        buf_printf(out, "%s: %s", status_name(error.status), error.text);
    buf_append_char(out, '\n');
    arena_fini(&arena);
}

static void texts_are_read_as_they_were_written_or_refused(void **state)
{
    (void)state;
    check_golden_folder("queued", read_queued);
}

static void read_back(const struct store_queued *queued, struct arena *arena, struct store_queued *again)
{
    struct buf text;
    struct error error;
    buf_init(&text);
    queued_write(&text, queued);
    assert_int_equal(queued_read(buf_slice(&text), arena, again, &error), STATUS_OK);
    buf_fini(&text);
}

static void every_field_of_every_kind_comes_back(void **state)
{
    (void)state;
    static const struct {
        enum store_change_kind kind;
        bool is_insert;
        unsigned fields, wanted; /* of the change; those that must come back */
    } rows[] = {
        {STORE_REPLACE, true, 0, (1u << TODO_FIELD_COUNT) - 1},
        {STORE_REPLACE, false, 0, (1u << TODO_FIELD_COUNT) - 1},
        {STORE_MERGE, false, TODO_WRITE_FIELDS, TODO_WRITE_FIELDS | 1u << TODO_ID | 1u << TODO_UPDATED_AT},
        {STORE_MERGE, false, 1u << TODO_DONE, 1u << TODO_DONE | 1u << TODO_ID | 1u << TODO_UPDATED_AT},
        {STORE_DELETE, false, 0, 1u << TODO_ID | 1u << TODO_UPDATED_AT},
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct todo todo = field_sample();
        struct store_queued again, queued = {.is_insert = rows[i].is_insert,
                                             .change = {.kind = rows[i].kind, .fields = rows[i].fields, .todo = &todo}};
        struct arena arena;
        queued.change.condition.unmodified_since_s = -1;
        arena_init(&arena);
        read_back(&queued, &arena, &again);
        assert_int_equal(again.is_insert, rows[i].is_insert);
        assert_int_equal(again.change.kind, rows[i].kind);
        assert_int_equal(again.change.fields, rows[i].fields);
        assert_int_equal(again.change.condition.unmodified_since_s, -1);
        assert_true(todo_fields_equal(again.change.todo, &todo, rows[i].wanted));
        assert_null(again.answer);
        arena_fini(&arena);
    }
}

static void a_kept_answer_comes_back_as_that_of_its_todo(void **state)
{
    (void)state;
    struct todo todo = field_sample();
    struct store_answer answer = {.key = "k", .fingerprint = "f", .expires_at_ms = 1700000000007, .http_status = 201};
    struct store_queued again, queued = {.is_insert = true, .change = {.todo = &todo}, .answer = &answer};
    struct arena arena;
    answer.body = SLICE("{\"name\":\"\xc3\xa9\"}");
    answer.etag = SLICE("\"1-2\"");
    queued.change.condition.unmodified_since_s = -1;
    arena_init(&arena);
    read_back(&queued, &arena, &again);
    assert_non_null(again.answer);
    assert_string_equal(again.answer->key, "k");
    assert_string_equal(again.answer->fingerprint, "f");
    assert_string_equal(again.answer->id, todo.id);
    assert_int_equal(again.answer->life, todo.life);
    assert_int_equal(again.answer->created_at_ms, todo.created_at_ms);
    assert_int_equal(again.answer->expires_at_ms, 1700000000007);
    assert_int_equal(again.answer->http_status, 201);
    assert_text("body", again.answer->body, answer.body);
    assert_text("etag", again.answer->etag, answer.etag);
    arena_fini(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(texts_are_read_as_they_were_written_or_refused),
        cmocka_unit_test(every_field_of_every_kind_comes_back),
        cmocka_unit_test(a_kept_answer_comes_back_as_that_of_its_todo),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
