/* SPDX-License-Identifier: MIT */
/* json.c, writing: escapes, and that what is written reads back. */
#include "testing.h"

#include "base/json.h"

static void only_quotes_backslashes_and_controls_are_escaped(void **state)
{
    (void)state;
    static const struct {
        struct slice text;
        const char *want;
    } rows[] = {
        {{NULL, 0}, "\"\""},
        {{"", 0}, "\"\""},
        {{"plain", 5}, "\"plain\""},
        {{"say \"hi\"", 8}, "\"say \\\"hi\\\"\""},
        {{"\\", 1}, "\"\\\\\""},
        {{"\\\"", 2}, "\"\\\\\\\"\""},
        {{"a\tb\nc\rd", 7}, "\"a\\tb\\nc\\rd\""},
        {{"\0\x01\x1F", 3}, "\"\\u0000\\u0001\\u001f\""},
        {{"/ \x7F \xC3\xA9 \xF0\x9F\x98\x80", 11}, "\"/ \x7F \xC3\xA9 \xF0\x9F\x98\x80\""},
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct buf out;
        buf_init(&out);
        json_write_string(&out, rows[i].text);
        assert_text(rows[i].want, buf_slice(&out), slice_of(rows[i].want));
        buf_fini(&out);
    }
}

/* The obvious writer, to hold the fast one against. */
static void write_plainly(struct buf *out, struct slice text)
{
    buf_append_char(out, '"');
    for (size_t i = 0; i < text.len; i++) {
        unsigned char byte = (unsigned char)text.data[i];
        if (byte == '"' || byte == '\\')
            buf_printf(out, "\\%c", byte);
        else if (byte == '\n' || byte == '\r' || byte == '\t')
            buf_printf(out, "\\%c", byte == '\n' ? 'n' : byte == '\r' ? 'r' : 't');
        else if (byte < 0x20)
            buf_printf(out, "\\u%04x", byte);
        else
            buf_append_char(out, (char)byte);
    }
    buf_append_char(out, '"');
}

/* Each byte value at each place of texts of up to 20 bytes, alone and beside its neighbours in value. */
static void every_byte_at_every_place_is_written_as_by_the_obvious_writer(void **state)
{
    (void)state;
    static const unsigned char fillers[] = {'x', 0xC3, '!', '#', '[', ']', ' '};
    struct buf got, want;
    buf_init(&got);
    buf_init(&want);
    for (size_t len = 1; len <= 20; len++) {
        for (size_t round = 0; round < len * 256 * COUNT_OF(fillers); round++) {
            char text[20];
            size_t at = round % len;
            memset(text, fillers[round / len / 256], len);
            text[at] = (char)(round / len % 256);
            if (at > 0)
                text[at - 1] = (char)(text[at] + 1); /* a borrow from one byte into the next must not hide it */
            buf_reset(&got);
            buf_reset(&want);
            json_write_string(&got, (struct slice){text, len});
            write_plainly(&want, (struct slice){text, len});
            assert_text("byte", buf_slice(&got), buf_slice(&want));
        }
    }
    buf_fini(&got);
    buf_fini(&want);
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
    json_write_todo(&out, &todo);
    assert_text("done", buf_slice(&out),
                SLICE("{\"id\":\"42\",\"name\":\"Buy \\\"milk\\\"\",\"description\":\"two\\nlines\",\"done\":true,"
                      "\"created_at\":\"2024-02-29T23:59:59.123Z\",\"updated_at\":\"2024-03-01T00:00:00.000Z\"}"));
    buf_reset(&out);
    todo.done = false;
    todo.description = SLICE("");
    json_write_todo(&out, &todo);
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
    assert_number(body.data, json_draft_read(buf_slice(&body), &arena, &draft, &error), STATUS_OK);
    assert_text("name", draft.todo.name, (struct slice){text, len});
    arena_fini(&arena);
    buf_fini(&body);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(only_quotes_backslashes_and_controls_are_escaped),
        cmocka_unit_test(every_byte_at_every_place_is_written_as_by_the_obvious_writer),
        cmocka_unit_test(a_todo_is_written_in_its_fixed_form),
        cmocka_unit_test(what_is_written_reads_back_to_the_same_values),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
