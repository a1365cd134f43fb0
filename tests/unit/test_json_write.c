/* SPDX-License-Identifier: MIT */
/* json.c, writing: escapes. */
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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(only_quotes_backslashes_and_controls_are_escaped),
        cmocka_unit_test(every_byte_at_every_place_is_written_as_by_the_obvious_writer),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
