/* SPDX-License-Identifier: MIT */
/* The loader's readers of BSON: a collection's file, and the archive of mongodump. */
#include "load_testing.h"

#include <sys/resource.h>

static struct arena arena;
static struct buf bytes;

static int begin(void **state)
{
    (void)state;
    arena_init(&arena);
    buf_init(&bytes);
    return 0;
}

static int end(void **state)
{
    (void)state;
    arena_fini(&arena);
    buf_fini(&bytes);
    return 0;
}

/* ---- Documents ---- */

static void all_types_of_a_todo_are_taken(void **state)
{
    (void)state;
    size_t document = bson_begin(&bytes);
    bson_put_name(&bytes, 0x07, "_id"); /* an ObjectId */
    buf_append(&bytes, "\x65\xf0\0\0\0\0\0\0\0\0\0\x0a", 12);
    bson_put_text(&bytes, "title", "na\xc3\xafve\n\"quoted\"");
    bson_put_name(&bytes, 0x0a, "description"); /* null */
    bson_put_bool(&bytes, "completed", true);
    bson_put_date(&bytes, "created_at", 1000);
    bson_put_date(&bytes, "updated_at", 2000);
    bson_put_long(&bytes, "v", 17);
    bson_put_long(&bytes, "priority", 3);
    bson_end(&bytes, document);

    struct reader *reader = reader_of(buf_slice(&bytes));
    struct row row;
    struct error error;
    assert_string_equal(reader->ops->format, "BSON");
    assert_int_equal(reader_next(reader, &arena, &row, &error), STATUS_OK);
    assert_string_equal(row.todo.id, "65f00000000000000000000a");
    assert_text("name", row.todo.name, SLICE("na\xc3\xafve\n\"quoted\""));
    assert_true(row.todo.done);
    assert_int_equal(row.todo.v, 1);
    assert_int_equal(row.todo.created_at_ms, 1000);
    assert_int_equal(row.todo.updated_at_ms, 2000);
    assert_text("raw", row.raw, buf_slice(&bytes));
    assert_int_equal(reader->maker.note_count, 1);
    assert_string_equal(reader->maker.notes[0], "member \"priority\" is no field of a todo: it is ignored");
    assert_next(reader, &arena, STATUS_NOT_FOUND, "");
    reader_close(reader);
}

static void a_damaged_document_costs_itself_alone(void **state)
{
    (void)state;
    bson_put_row(&bytes, "a", "one");
    size_t second = bytes.len;
    bson_put_row(&bytes, "b", "two");
    bson_put_row(&bytes, "c", "three");
    bytes.data[second + 9] = 0x7a; /* the length of a string: far beyond the document */
    struct reader *reader = reader_of(buf_slice(&bytes));
    assert_row(reader, &arena, "a", "one");
    struct row bad = assert_next(reader, &arena, STATUS_INVALID, "damaged");
    assert_int_equal(bad.number, 2);
    assert_row(reader, &arena, "c", "three");
    reader_close(reader);
}

static void a_length_that_is_none_ends_the_reading(void **state)
{
    (void)state;
    bson_put_row(&bytes, "a", "one");
    bson_put_int32(&bytes, 3);
    buf_append_text(&bytes, "more");
    struct reader *reader = reader_of(buf_slice(&bytes));
    assert_row(reader, &arena, "a", "one");
    assert_next(reader, &arena, STATUS_UNAVAILABLE, "its length is impossible");
    reader_close(reader);
}

static void a_file_that_is_cut_off_ends_with_an_error(void **state)
{
    (void)state;
    bson_put_row(&bytes, "a", "one");
    bson_put_row(&bytes, "b", "two");
    struct reader *reader = reader_of((struct slice){bytes.data, bytes.len - 1});
    assert_row(reader, &arena, "a", "one");
    assert_next(reader, &arena, STATUS_UNAVAILABLE, "ends inside a BSON document");
    reader_close(reader);
}

static void put_long_row(const char *id, size_t text_bytes)
{
    char *text = calloc(1, text_bytes + 1);
    memset(text, 'x', text_bytes);
    size_t document = bson_begin(&bytes);
    bson_put_text(&bytes, "_id", id);
    bson_put_text(&bytes, "name", "n");
    bson_put_text(&bytes, "other", text);
    bson_end(&bytes, document);
    free(text);
}

static void a_document_that_is_too_long_is_passed_over(void **state)
{
    (void)state;
    put_long_row("a", SOURCE_RECORD_MAX_BYTES - 100);
    put_long_row("b", 3 * SOURCE_RECORD_MAX_BYTES);
    bson_put_row(&bytes, "c", "three");
    struct reader *reader = reader_of(buf_slice(&bytes));
    assert_row(reader, &arena, "a", "n");
    assert_next(reader, &arena, STATUS_INVALID, "longer than");
    assert_row(reader, &arena, "c", "three");
    reader_close(reader);
}

/* ---- Archives ---- */

static void archive_begin(void)
{
    buf_append(&bytes, "\x6d\xe2\x99\x81", 4);
    size_t document = bson_begin(&bytes);
    bson_put_text(&bytes, "version", "0.1");
    bson_end(&bytes, document);
}

static void archive_put_collection(const char *db, const char *collection)
{
    size_t document = bson_begin(&bytes);
    bson_put_text(&bytes, "db", db);
    bson_put_text(&bytes, "collection", collection);
    bson_put_text(&bytes, "metadata", "{}");
    bson_end(&bytes, document);
}

static void archive_put_terminator(void)
{
    buf_append(&bytes, "\xff\xff\xff\xff", 4);
}

static void archive_put_header(const char *db, const char *collection, bool is_end, uint64_t crc)
{
    size_t document = bson_begin(&bytes);
    bson_put_text(&bytes, "db", db);
    bson_put_text(&bytes, "collection", collection);
    bson_put_bool(&bytes, "EOF", is_end);
    bson_put_long(&bytes, "CRC", (int64_t)crc);
    bson_end(&bytes, document);
}

/* The rows a, b, c in two blocks, with another collection's blocks around and between them. */
static void archive_put_blocks(const char *name, uint64_t crc)
{
    archive_put_header("app", "other", false, 0);
    bson_put_row(&bytes, "x", "not ours");
    archive_put_terminator();
    archive_put_header("app", name, false, 0);
    bson_put_row(&bytes, "a", "one");
    bson_put_row(&bytes, "b", "two");
    archive_put_terminator();
    archive_put_header("app", "other", false, 0);
    bson_put_row(&bytes, "y", "not ours");
    archive_put_terminator();
    archive_put_header("app", name, false, 0);
    bson_put_row(&bytes, "c", "three");
    archive_put_terminator();
    archive_put_header("app", name, true, crc);
    archive_put_terminator();
}

/* CRC-64/XZ of the documents of a, b and c, as xz(1) computes it. */
#define ROWS_CRC UINT64_C(0x4150822a650dd178)

static void blocks_of_others_are_passed_over(void **state)
{
    (void)state;
    archive_begin();
    archive_put_collection("admin", "system.version");
    archive_put_collection("app", "other");
    archive_put_collection("app", "todos");
    archive_put_terminator();
    archive_put_blocks("todos", ROWS_CRC);
    archive_put_header("app", "other", true, 0);
    archive_put_terminator();
    struct reader *reader = reader_of(buf_slice(&bytes));
    assert_string_equal(reader->ops->format, "mongodump archive");
    assert_row(reader, &arena, "a", "one");
    assert_row(reader, &arena, "b", "two");
    struct row row;
    assert_int_equal(reader_next(reader, &arena, &row, NULL), STATUS_OK);
    assert_string_equal(row.todo.id, "c");
    assert_int_equal(row.number, 3);
    assert_next(reader, &arena, STATUS_NOT_FOUND, "");
    reader_close(reader);
}

static void the_only_collection_may_have_any_name(void **state)
{
    (void)state;
    archive_begin();
    archive_put_collection("admin", "system.version");
    archive_put_collection("app", "tasks");
    archive_put_terminator();
    archive_put_blocks("tasks", ROWS_CRC);
    struct reader *reader = reader_of(buf_slice(&bytes));
    assert_row(reader, &arena, "a", "one");
    assert_row(reader, &arena, "b", "two");
    assert_row(reader, &arena, "c", "three");
    assert_next(reader, &arena, STATUS_NOT_FOUND, "");
    reader_close(reader);
}

static void no_choice_between_collections_is_made_by_chance(void **state)
{
    (void)state;
    static const struct {
        const char *collections[3][2];
        const char *want;
    } rows[] = {
        {{{"app", "jobs"}, {"app", "tasks"}}, "none called todos: app.jobs, app.tasks"},
        {{{"app", "todos"}, {"old", "todos"}}, "more than one called todos: app.todos, old.todos"},
        {{{"admin", "system.users"}}, "holds no collection"},
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        buf_reset(&bytes);
        archive_begin();
        for (int k = 0; k < 3 && rows[i].collections[k][0]; k++)
            archive_put_collection(rows[i].collections[k][0], rows[i].collections[k][1]);
        archive_put_terminator();
        struct reader *reader;
        struct error error = {0};
        enum status status = format_open(&reader, source_of(buf_slice(&bytes)), &LOAD_FORMAT, &error);
        assert_number(rows[i].want, status, STATUS_INVALID);
        if (!strstr(error.text, rows[i].want))
            assert_string_equal(error.text, rows[i].want);
    }
}

static void a_collection_can_be_named(void **state)
{
    (void)state;
    static const struct {
        const char *collection, *want; /* a part of the error's text; NULL: it is read */
    } rows[] = {
        {"app.tasks", NULL},
        {"app.other", NULL},
        {"other", NULL},
        {"tasks", "more than one called tasks: old.tasks, app.tasks, app.other"},
        {"app.todos", "none called app.todos"},
        {"app", "none called app:"},
        {"admin.system.version", "none called"},
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        buf_reset(&bytes);
        archive_begin();
        archive_put_collection("admin", "system.version");
        archive_put_collection("old", "tasks");
        archive_put_collection("app", "tasks");
        archive_put_collection("app", "other");
        archive_put_terminator();
        archive_put_blocks("tasks", ROWS_CRC);
        struct format_options options = {.now_ms = LOAD_NOW_MS, .collection = rows[i].collection};
        struct reader *reader;
        struct error error = {0};
        enum status status = format_open(&reader, source_of(buf_slice(&bytes)), &options, &error);
        assert_number(rows[i].collection, status, rows[i].want ? STATUS_INVALID : STATUS_OK);
        if (rows[i].want && !strstr(error.text, rows[i].want))
            assert_string_equal(error.text, rows[i].want);
        if (status != STATUS_OK)
            continue;
        bool is_tasks = strcmp(rows[i].collection, "app.tasks") == 0;
        assert_row(reader, &arena, is_tasks ? "a" : "x", is_tasks ? "one" : "not ours");
        reader_close(reader);
    }
}

/* ---- Hostile archives ---- */

static void a_header_of_megabytes_is_damage(void **state)
{
    (void)state;
    archive_begin();
    archive_put_collection("app", "todos");
    archive_put_terminator();
    bson_put_int32(&bytes, 2 * SOURCE_RECORD_MAX_BYTES);
    buf_append_text(&bytes, "x");
    struct reader *reader = reader_of(buf_slice(&bytes));
    assert_next(reader, &arena, STATUS_UNAVAILABLE, "a block's header has 2097152 bytes");
    reader_close(reader);
}

static void names_of_collections_are_fit_for_a_terminal(void **state)
{
    (void)state;
    archive_begin();
    archive_put_collection("app", "a\033[2Jb");
    archive_put_collection("\033]0;x\a", "b");
    archive_put_terminator();
    struct reader *reader;
    struct error error = {0};
    assert_int_equal(format_open(&reader, source_of(buf_slice(&bytes)), &LOAD_FORMAT, &error), STATUS_INVALID);
    assert_non_null(strstr(error.text, "app.a\\x1b[2Jb, \\x1b]0;x\\x07.b"));

    buf_reset(&bytes);
    archive_begin();
    archive_put_collection("app", "\033c");
    archive_put_terminator();
    reader = reader_of(buf_slice(&bytes));
    assert_next(reader, &arena, STATUS_UNAVAILABLE, "before the end of app.\\x1bc");
    reader_close(reader);
}

static long peak_kib(void)
{
    struct rusage usage;
    assert_int_equal(getrusage(RUSAGE_SELF, &usage), 0);
    return usage.ru_maxrss;
}

/* 128 MB of names, packed into little. */
static void a_prelude_of_many_names_needs_little_memory(void **state)
{
    (void)state;
    enum { NAME_BYTES = 512 * 1024, NAME_COUNT = 256 };
    struct buf name, member;
    buf_init(&name);
    buf_init(&member);
    for (int i = 0; i < NAME_BYTES; i++)
        buf_append_char(&name, 'x');
    buf_append_char(&name, '\0');
    archive_begin();
    append_gzip(&member, buf_slice(&bytes));
    buf_reset(&bytes);
    archive_put_collection("app", name.data);
    for (int i = 0; i < NAME_COUNT; i++)
        append_gzip(&member, buf_slice(&bytes));
    buf_reset(&bytes);
    archive_put_terminator();
    append_gzip(&member, buf_slice(&bytes));
    struct reader *reader;
    struct error error = {0};
    struct source *source = source_of(buf_slice(&member));
    long before_kib = peak_kib();
    assert_int_equal(format_open(&reader, source, &LOAD_FORMAT, &error), STATUS_INVALID);
    assert_non_null(strstr(error.text, "holds 256 collections"));
    assert_in_range(peak_kib() - before_kib, 0, 16 * 1024);
    buf_fini(&name);
    buf_fini(&member);
}

static void a_wrong_check_sum_or_a_missing_end_is_an_error(void **state)
{
    (void)state;
    archive_begin();
    archive_put_collection("app", "todos");
    archive_put_terminator();
    archive_put_blocks("todos", ROWS_CRC + 1);
    struct reader *reader = reader_of(buf_slice(&bytes));
    assert_row(reader, &arena, "a", "one");
    assert_row(reader, &arena, "b", "two");
    assert_row(reader, &arena, "c", "three");
    assert_next(reader, &arena, STATUS_UNAVAILABLE, "check sum of app.todos");
    reader_close(reader);

    size_t end_len = 4 + 4; /* cut into the end header: its document is incomplete */
    reader = reader_of((struct slice){bytes.data, bytes.len - end_len});
    for (int i = 0; i < 3; i++)
        assert_int_equal(reader_next(reader, &arena, &(struct row){0}, NULL), STATUS_OK);
    assert_next(reader, &arena, STATUS_UNAVAILABLE, "ends inside");
    reader_close(reader);
}

static void an_archive_that_ends_between_blocks_is_an_error(void **state)
{
    (void)state;
    archive_begin();
    archive_put_collection("app", "todos");
    archive_put_terminator();
    archive_put_header("app", "todos", false, 0);
    bson_put_row(&bytes, "a", "one");
    archive_put_terminator();
    struct reader *reader = reader_of(buf_slice(&bytes));
    assert_row(reader, &arena, "a", "one");
    assert_next(reader, &arena, STATUS_UNAVAILABLE, "cut off before the end of app.todos");
    reader_close(reader);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(all_types_of_a_todo_are_taken, begin, end),
        cmocka_unit_test_setup_teardown(a_damaged_document_costs_itself_alone, begin, end),
        cmocka_unit_test_setup_teardown(a_length_that_is_none_ends_the_reading, begin, end),
        cmocka_unit_test_setup_teardown(a_file_that_is_cut_off_ends_with_an_error, begin, end),
        cmocka_unit_test_setup_teardown(a_document_that_is_too_long_is_passed_over, begin, end),
        cmocka_unit_test_setup_teardown(blocks_of_others_are_passed_over, begin, end),
        cmocka_unit_test_setup_teardown(the_only_collection_may_have_any_name, begin, end),
        cmocka_unit_test_setup_teardown(no_choice_between_collections_is_made_by_chance, begin, end),
        cmocka_unit_test_setup_teardown(a_collection_can_be_named, begin, end),
        cmocka_unit_test_setup_teardown(a_header_of_megabytes_is_damage, begin, end),
        cmocka_unit_test_setup_teardown(names_of_collections_are_fit_for_a_terminal, begin, end),
        cmocka_unit_test_setup_teardown(a_prelude_of_many_names_needs_little_memory, begin, end),
        cmocka_unit_test_setup_teardown(a_wrong_check_sum_or_a_missing_end_is_an_error, begin, end),
        cmocka_unit_test_setup_teardown(an_archive_that_ends_between_blocks_is_an_error, begin, end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
