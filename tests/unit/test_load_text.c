/* SPDX-License-Identifier: MIT */
/* The loader's source and its readers of text: gzip, lines, JSON lines, CSV, and telling them apart. */
#include "load_testing.h"

#include <pthread.h>
#include <time.h>

static struct arena arena;

static int begin(void **state)
{
    (void)state;
    arena_init(&arena);
    return 0;
}

static int end(void **state)
{
    (void)state;
    arena_fini(&arena);
    return 0;
}

/* ---- Source ---- */

static void append_lines(struct buf *out, int from, int to)
{
    for (int i = from; i < to; i++)
        buf_printf(out, "{\"id\":\"%d\",\"name\":\"row %d\"}\n", i, i);
}

static void assert_lines(struct slice bytes, int count)
{
    struct reader *reader = reader_of(bytes);
    for (int i = 0; i < count; i++) {
        char id[16], name[16];
        snprintf(id, sizeof(id), "%d", i);
        snprintf(name, sizeof(name), "row %d", i);
        assert_row(reader, &arena, id, name);
        arena_reset(&arena);
    }
    assert_next(reader, &arena, STATUS_NOT_FOUND, "");
    reader_close(reader);
}

static void gzip_is_unpacked_also_in_several_members(void **state)
{
    (void)state;
    struct buf plain, packed;
    buf_init(&plain);
    buf_init(&packed);
    append_lines(&plain, 0, 20000);
    append_gzip(&packed, buf_slice(&plain));
    assert_lines(buf_slice(&plain), 20000);
    assert_lines(buf_slice(&packed), 20000);
    buf_reset(&plain);
    append_lines(&plain, 20000, 20100);
    append_gzip(&packed, buf_slice(&plain));
    assert_lines(buf_slice(&packed), 20100);
    buf_fini(&plain);
    buf_fini(&packed);
}

/* Reads to the end of damaged input; returns how many rows were good. */
static int count_before_damage(struct slice bytes, const char *want)
{
    struct reader *reader = reader_of(bytes);
    struct error error = {0};
    struct row row;
    int count = 0;
    enum status status;
    while ((status = reader_next(reader, &arena, &row, &error)) == STATUS_OK)
        count++;
    assert_number(want, status, STATUS_UNAVAILABLE);
    if (!strstr(error.text, want))
        assert_string_equal(error.text, want);
    reader_close(reader);
    return count;
}

static void damaged_gzip_ends_with_an_error(void **state)
{
    (void)state;
    enum { ROWS = 20000 };
    struct buf plain, packed;
    buf_init(&plain);
    buf_init(&packed);
    append_lines(&plain, 0, ROWS);
    append_gzip(&packed, buf_slice(&plain));
    assert_in_range(count_before_damage((struct slice){packed.data, packed.len - 3}, "cut off"), 1, ROWS);
    assert_in_range(count_before_damage((struct slice){packed.data, packed.len / 2}, "cut off"), 1,
                    ROWS / 2 + ROWS / 4);
    packed.data[packed.len - 6] ^= 1; /* the check sum */
    assert_in_range(count_before_damage(buf_slice(&packed), "damaged"), 1, ROWS);
    buf_fini(&plain);
    buf_fini(&packed);
}

static void *cancel_soon(void *source)
{
    nanosleep(&(struct timespec){.tv_nsec = 50 * 1000 * 1000}, NULL);
    source_cancel(source);
    return NULL;
}

static void a_read_that_waits_for_a_pipe_can_be_cancelled(void **state)
{
    (void)state;
    int ends[2];
    struct source *source;
    struct slice window;
    struct error error;
    pthread_t thread;
    assert_int_equal(pipe(ends), 0);
    assert_int_equal(write(ends[1], "ab", 2), 2);
    assert_int_equal(source_open_fd(&source, ends[0], "pipe", &error), STATUS_OK);
    assert_int_equal(pthread_create(&thread, NULL, cancel_soon, source), 0);
    assert_int_equal(source_peek(source, 3, &window, &error), STATUS_UNAVAILABLE);
    assert_non_null(strstr(error.text, "interrupted"));
    pthread_join(thread, NULL);
    source_close(source);
    close(ends[1]);
}

/* ---- JSON lines ---- */

static void json_lines_are_numbered_as_an_editor_does(void **state)
{
    (void)state;
    struct reader *reader = reader_of(SLICE("\xef\xbb\xbf{\"id\":\"a\",\"name\":\"one\"}\r\n"
                                            "\n"
                                            "{\"id\":\n"
                                            " \t {\"id\":\"b\",\"name\":\"\\u00e9\\n\\\"\"} \n"
                                            "[1]\n"
                                            "{\"_id\":\"c\",\"name\":\"no newline behind it\"}"));
    assert_string_equal(reader->ops->format, "JSON lines");
    assert_row(reader, &arena, "a", "one");
    struct row bad = assert_next(reader, &arena, STATUS_INVALID, "JSON");
    assert_int_equal(bad.number, 3);
    assert_text("raw", bad.raw, SLICE("{\"id\":\n"));
    assert_row(reader, &arena, "b", "\xc3\xa9\n\"");
    bad = assert_next(reader, &arena, STATUS_INVALID, "JSON");
    assert_int_equal(bad.number, 5);
    assert_row(reader, &arena, "c", "no newline behind it");
    assert_next(reader, &arena, STATUS_NOT_FOUND, "");
    reader_close(reader);
}

static void extended_json_is_understood(void **state)
{
    (void)state;
    struct reader *reader =
        reader_of(SLICE("{\"_id\":{\"$oid\":\"65f000000000000000000001\"},\"name\":\"n\","
                        "\"created_at\":{\"$date\":\"1970-01-01T00:00:01Z\"},"
                        "\"updated_at\":{\"$date\":{\"$numberLong\":\"2000\"}}}\n"
                        "{\"_id\":{\"$numberLong\":\"42\"},\"name\":\"n\"}\n"
                        "{\"_id\":{\"$numberInt\":\"7\"},\"name\":\"n\",\"created_at\":{\"$date\":3000}}\n"
                        "{\"_id\":{\"$numberDecimal\":\"7\"},\"name\":\"n\"}\n"
                        "{\"_id\":\"d\",\"name\":\"n\",\"created_at\":{\"$date\":\"soon\"}}\n"));
    struct row row;
    struct error error;
    assert_int_equal(reader_next(reader, &arena, &row, &error), STATUS_OK);
    assert_string_equal(row.todo.id, "65f000000000000000000001");
    assert_int_equal(row.todo.created_at_ms, 1000);
    assert_int_equal(row.todo.updated_at_ms, 2000);
    assert_row(reader, &arena, "42", "n");
    assert_int_equal(reader_next(reader, &arena, &row, &error), STATUS_OK);
    assert_string_equal(row.todo.id, "7");
    assert_int_equal(row.todo.created_at_ms, 3000);
    assert_next(reader, &arena, STATUS_INVALID, "id is of a type");
    assert_next(reader, &arena, STATUS_INVALID, "created_at \"soon\"");
    reader_close(reader);
}

static void a_line_that_is_too_long_costs_itself_alone(void **state)
{
    (void)state;
    struct buf text;
    buf_init(&text);
    buf_append_text(&text, "{\"id\":\"a\",\"name\":\"n\"}\n{\"id\":\"");
    for (int i = 0; i < SOURCE_RECORD_MAX_BYTES; i++)
        buf_append_char(&text, 'x');
    buf_append_text(&text, "\"}\n{\"id\":\"b\",\"name\":\"n\"}\n");
    struct reader *reader = reader_of(buf_slice(&text));
    assert_row(reader, &arena, "a", "n");
    struct row bad = assert_next(reader, &arena, STATUS_INVALID, "longer than");
    assert_int_equal(bad.number, 2);
    assert_null(bad.raw.data);
    assert_row(reader, &arena, "b", "n");
    assert_next(reader, &arena, STATUS_NOT_FOUND, "");
    reader_close(reader);
    buf_fini(&text);
}

/* ---- A JSON array ---- */

static void an_array_gives_its_objects_in_one_line_or_many(void **state)
{
    (void)state;
    struct reader *reader =
        reader_of(SLICE("\xef\xbb\xbf \n[{\"id\":\"a\",\"name\":\"[1],{}\\\"\\\\\"},{\"_id\":{\"$oid\":"
                        "\"65f000000000000000000001\"},\"name\":\"two\"}\n,\r\n"
                        "{\n  \"id\": \"c\",\n  \"name\": \"three\"\n}\n]\n \n"));
    assert_string_equal(reader->ops->format, "JSON array");
    assert_row(reader, &arena, "a", "[1],{}\"\\");
    assert_row(reader, &arena, "65f000000000000000000001", "two");
    struct row row;
    assert_int_equal(reader_next(reader, &arena, &row, NULL), STATUS_OK);
    assert_int_equal(row.number, 3);
    assert_text("in one line", row.raw, SLICE("{   \"id\": \"c\",   \"name\": \"three\" }\n"));
    assert_next(reader, &arena, STATUS_NOT_FOUND, "");
    reader_close(reader);
}

static void a_bad_element_of_an_array_costs_itself_alone(void **state)
{
    (void)state;
    struct buf text;
    buf_init(&text);
    buf_append_text(&text, "[7, {\"id\":}, {\"id\":\"a\",\"name\":\"one\"}, {\"id\":\"b\",\"name\":\"");
    for (int i = 0; i < 2 * SOURCE_RECORD_MAX_BYTES; i++)
        buf_append_char(&text, i % 2 ? ',' : '}');
    buf_append_text(&text, "\"}, {\"id\":\"c\",\"name\":\"three\"}, ]");
    struct reader *reader = reader_of(buf_slice(&text));
    assert_next(reader, &arena, STATUS_INVALID, "JSON");
    assert_next(reader, &arena, STATUS_INVALID, "JSON");
    assert_row(reader, &arena, "a", "one");
    struct row bad = assert_next(reader, &arena, STATUS_INVALID, "longer than");
    assert_int_equal(bad.number, 4);
    assert_null(bad.raw.data);
    assert_row(reader, &arena, "c", "three");
    assert_next(reader, &arena, STATUS_INVALID, "JSON"); /* behind the last comma */
    assert_next(reader, &arena, STATUS_NOT_FOUND, "");
    reader_close(reader);
    buf_fini(&text);
}

static void an_array_that_is_not_whole_is_an_error(void **state)
{
    (void)state;
    static const struct {
        const char *text, *want;
        int good_count;
    } rows[] = {
        {"[{\"name\":\"a\"},{\"name\":\"b\"}", "ends inside the JSON array", 1},
        {"[{\"name\":\"a\"},{\"name\":\"b}]", "ends inside the JSON array", 1},
        {"[", "ends inside the JSON array", 0},
        {"[{\"name\":\"a\"}] [", "text behind the JSON array's end", 1},
        {"[]", "", 0},
        {" [ ] ", "", 0},
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct reader *reader = reader_of(slice_of(rows[i].text));
        struct row row;
        for (int k = 0; k < rows[i].good_count; k++)
            assert_int_equal(reader_next(reader, &arena, &row, NULL), STATUS_OK);
        assert_next(reader, &arena, rows[i].want[0] ? STATUS_UNAVAILABLE : STATUS_NOT_FOUND, rows[i].want);
        reader_close(reader);
    }
}

/* ---- CSV ---- */

static void csv_follows_rfc_4180(void **state)
{
    (void)state;
    struct reader *reader = reader_of(SLICE("\xef\xbb\xbfid,name,\"description\",done\r\n"
                                            "1,plain,,yes\r\n"
                                            "\r\n"
                                            "2,\"quoted, with comma\",\"two\r\nlines\",0\r\n"
                                            "3,\"say \"\"hi\"\"\",\"\"\"\",TRUE\n"
                                            "4,5\" disk,a\"b,no"));
    struct row row;
    struct error error;
    assert_string_equal(reader->ops->format, "CSV");
    assert_text("head", reader->head, SLICE("id,name,\"description\",done\r\n"));
    assert_int_equal(reader_next(reader, &arena, &row, &error), STATUS_OK);
    assert_true(row.todo.done);
    assert_text("1", row.todo.description, SLICE(""));
    assert_int_equal(reader_next(reader, &arena, &row, &error), STATUS_OK);
    assert_int_equal(row.number, 2);
    assert_text("2", row.todo.name, SLICE("quoted, with comma"));
    assert_text("2", row.todo.description, SLICE("two\r\nlines"));
    assert_text("2", row.raw, SLICE("2,\"quoted, with comma\",\"two\r\nlines\",0\r\n"));
    assert_int_equal(reader_next(reader, &arena, &row, &error), STATUS_OK);
    assert_text("3", row.todo.name, SLICE("say \"hi\""));
    assert_text("3", row.todo.description, SLICE("\""));
    assert_row(reader, &arena, "4", "5\" disk");
    assert_next(reader, &arena, STATUS_NOT_FOUND, "");
    reader_close(reader);
}

static void a_bad_csv_record_costs_itself_alone(void **state)
{
    (void)state;
    struct reader *reader = reader_of(SLICE("id,name\n"
                                            "1,one,more\n"
                                            "2\n"
                                            "3,\"x\"y\n"
                                            "4,four\n"
                                            "5,\"never closed\n"
                                            "6,six\n"));
    assert_next(reader, &arena, STATUS_INVALID, "it has 3 fields, the header names 2");
    assert_next(reader, &arena, STATUS_INVALID, "it has 1 fields, the header names 2");
    assert_next(reader, &arena, STATUS_INVALID, "field 2 has text behind its closing quote");
    assert_row(reader, &arena, "4", "four");
    struct row bad = assert_next(reader, &arena, STATUS_INVALID, "a quote opens");
    assert_int_equal(bad.number, 5);
    assert_text("raw", bad.raw, SLICE("5,\"never closed\n"));
    assert_row(reader, &arena, "6", "six");
    assert_next(reader, &arena, STATUS_NOT_FOUND, "");
    reader_close(reader);
}

static void long_csv_records_are_read_up_to_the_limit(void **state)
{
    (void)state;
    struct buf text;
    buf_init(&text);
    buf_append_text(&text, "id,name,other\n1,n,\"");
    for (int i = 0; i < SOURCE_RECORD_MAX_BYTES - 8; i++)
        buf_append_char(&text, i % 50 == 49 ? '\n' : 'x');
    buf_append_text(&text, "\"\n2,n,");
    for (int i = 0; i < SOURCE_RECORD_MAX_BYTES; i++)
        buf_append_char(&text, 'x');
    buf_append_text(&text, "\n3,n,\n");
    struct reader *reader = reader_of(buf_slice(&text));
    assert_row(reader, &arena, "1", "n");
    assert_next(reader, &arena, STATUS_INVALID, "longer than");
    assert_row(reader, &arena, "3", "n");
    assert_next(reader, &arena, STATUS_NOT_FOUND, "");
    reader_close(reader);
    buf_fini(&text);
}

/* Each line begins a record that is never closed, as the lines behind it don't match it. */
static void csv_of_open_quotes_is_read_in_one_pass(void **state)
{
    (void)state;
    static const char *const lines[] = {"a\"b,\"\n", "a\",\"\n"};
    for (size_t i = 0; i < COUNT_OF(lines); i++) {
        struct buf text;
        buf_init(&text);
        buf_append_text(&text, "id,name\n1,one\n");
        size_t line_count = 0;
        for (; text.len < 2 * SOURCE_RECORD_MAX_BYTES; line_count++)
            buf_append_text(&text, lines[i]);
        buf_append_text(&text, "2,two\n");
        struct reader *reader = reader_of(buf_slice(&text));
        clock_t began = clock();
        assert_row(reader, &arena, "1", "one");
        for (size_t k = 0; k < line_count; k++) {
            arena_reset(&arena);
            assert_int_equal(reader_next(reader, &arena, &(struct row){0}, &(struct error){0}), STATUS_INVALID);
            assert_in_range(clock() - began, 0,
                            20 * CLOCKS_PER_SEC); /* a tenth of a second, if nothing is read twice */
        }
        assert_row(reader, &arena, "2", "two");
        assert_next(reader, &arena, STATUS_NOT_FOUND, "");
        reader_close(reader);
        buf_fini(&text);
    }
}

/* A record that an open quote has swallowed in vain doesn't change how the lines behind it are read. */
static void lines_behind_an_open_quote_are_read_as_ever(void **state)
{
    (void)state;
    struct reader *reader = reader_of(SLICE("id,name\n"
                                            "1,\"open\n"
                                            "2,\"two\nlines\"\n"
                                            "3,\"\"\"three\"\n"
                                            "4,\"open\n"
                                            "5,five\n"));
    struct row bad = assert_next(reader, &arena, STATUS_INVALID, "text behind its closing quote");
    assert_text("raw", bad.raw, SLICE("1,\"open\n2,\"two\n"));
    assert_next(reader, &arena, STATUS_INVALID, "it has 1 fields");
    assert_row(reader, &arena, "3", "\"three");
    assert_next(reader, &arena, STATUS_INVALID, "a quote opens");
    assert_row(reader, &arena, "5", "five");
    assert_next(reader, &arena, STATUS_NOT_FOUND, "");
    reader_close(reader);
}

/* ---- Telling formats apart ---- */

static void what_is_none_of_ours_is_refused_with_advice(void **state)
{
    (void)state;
    static const struct {
        struct slice bytes;
        const char *want;
    } rows[] = {
        {SLICE("\xff\xfei\0d\0"), "UTF-16"},
        {SLICE("just some words\n"), "not recognised"},
        {SLICE("id,description\n1,x\n"), "not recognised"},
        {SLICE("\x7f"
               "ELF\x02\x01\x01\0\0\0\"\0\0"),
         "not recognised"},
        {SLICE("name,id,name\n"), "column 3 of the CSV header has another column's name"},
        {SLICE("\x6d\xe2\x99\x81"), "cut off"},
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct reader *reader;
        struct error error = {0};
        enum status status = format_open(&reader, source_of(rows[i].bytes), &LOAD_FORMAT, &error);
        assert_number(rows[i].want, status == STATUS_OK, false);
        if (!strstr(error.text, rows[i].want))
            assert_string_equal(error.text, rows[i].want);
    }
}

static void a_collection_is_named_of_dumps_alone(void **state)
{
    (void)state;
    static const struct format_options options = {.collection = "todos"};
    static const struct slice inputs[] = {SLICE("{}\n"), SLICE("id,name\n"), SLICE("\x05\0\0\0\0")};
    for (size_t i = 0; i < COUNT_OF(inputs); i++) {
        struct reader *reader;
        struct error error = {0};
        assert_int_equal(format_open(&reader, source_of(inputs[i]), &options, &error), STATUS_INVALID);
        assert_non_null(strstr(error.text, "--collection"));
    }
}

static void an_empty_input_has_no_rows(void **state)
{
    (void)state;
    static const struct slice inputs[] = {SLICE(""), SLICE("\n\n"), SLICE("\xef\xbb\xbf")};
    for (size_t i = 0; i < COUNT_OF(inputs); i++) {
        struct reader *reader = reader_of(inputs[i]);
        assert_next(reader, &arena, STATUS_NOT_FOUND, "");
        reader_close(reader);
    }
}

static void a_file_tells_how_far_it_is_read(void **state)
{
    (void)state;
    struct reader *reader = reader_of(SLICE("{\"id\":\"a\",\"name\":\"n\"}\n"));
    assert_row(reader, &arena, "a", "n");
    assert_true(reader_fraction(reader) == 1);
    reader_close(reader);
    int ends[2];
    struct source *source;
    assert_int_equal(pipe(ends), 0);
    close(ends[1]);
    assert_int_equal(source_open_fd(&source, ends[0], "pipe", NULL), STATUS_OK);
    assert_int_equal(format_open(&reader, source, &LOAD_FORMAT, NULL), STATUS_OK);
    assert_true(reader_fraction(reader) < 0);
    reader_close(reader);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(gzip_is_unpacked_also_in_several_members, begin, end),
        cmocka_unit_test_setup_teardown(damaged_gzip_ends_with_an_error, begin, end),
        cmocka_unit_test_setup_teardown(a_read_that_waits_for_a_pipe_can_be_cancelled, begin, end),
        cmocka_unit_test_setup_teardown(json_lines_are_numbered_as_an_editor_does, begin, end),
        cmocka_unit_test_setup_teardown(extended_json_is_understood, begin, end),
        cmocka_unit_test_setup_teardown(a_line_that_is_too_long_costs_itself_alone, begin, end),
        cmocka_unit_test_setup_teardown(an_array_gives_its_objects_in_one_line_or_many, begin, end),
        cmocka_unit_test_setup_teardown(a_bad_element_of_an_array_costs_itself_alone, begin, end),
        cmocka_unit_test_setup_teardown(an_array_that_is_not_whole_is_an_error, begin, end),
        cmocka_unit_test_setup_teardown(csv_follows_rfc_4180, begin, end),
        cmocka_unit_test_setup_teardown(a_bad_csv_record_costs_itself_alone, begin, end),
        cmocka_unit_test_setup_teardown(long_csv_records_are_read_up_to_the_limit, begin, end),
        cmocka_unit_test_setup_teardown(csv_of_open_quotes_is_read_in_one_pass, begin, end),
        cmocka_unit_test_setup_teardown(lines_behind_an_open_quote_are_read_as_ever, begin, end),
        cmocka_unit_test_setup_teardown(what_is_none_of_ours_is_refused_with_advice, begin, end),
        cmocka_unit_test_setup_teardown(a_collection_is_named_of_dumps_alone, begin, end),
        cmocka_unit_test_setup_teardown(an_empty_input_has_no_rows, begin, end),
        cmocka_unit_test_setup_teardown(a_file_tells_how_far_it_is_read, begin, end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
