/* SPDX-License-Identifier: MIT */
/* What a person sees and keeps: load/progress.c, load/rejects.c. */
#include "load_testing.h"

#include "load/progress.h"
#include "load/rejects.h"

static char *output;
static size_t output_len;
static FILE *out;

static int begin(void **state)
{
    (void)state;
    out = open_memstream(&output, &output_len);
    return out ? 0 : -1;
}

static int end(void **state)
{
    (void)state;
    fclose(out);
    free(output);
    return 0;
}

static void numbers_have_commas(void **state)
{
    (void)state;
    static const struct {
        uint64_t number;
        const char *want;
    } rows[] = {{0, "0"},
                {999, "999"},
                {1000, "1,000"},
                {123456, "123,456"},
                {1234567, "1,234,567"},
                {UINT64_MAX, "18,446,744,073,709,551,615"}};
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        char text[PROGRESS_NUMBER_MAX];
        assert_string_equal(progress_number(text, rows[i].number), rows[i].want);
    }
}

static void lines_tell_rate_and_time_left(void **state)
{
    (void)state;
    struct progress *progress = progress_new(out, false);
    progress_show(progress, &(struct progress_state){.row_count = 5000, .fraction = 0.25, .elapsed_ms = 2000});
    assert_string_equal(output, "5,000 rows, 25 %, 2,500/s, 6 s left\n");
    progress_show(progress, &(struct progress_state){.row_count = 5000, .fraction = -1, .elapsed_ms = 2000});
    assert_non_null(strstr(output, "\n5,000 rows, 2,500/s\n"));
    progress_show(progress, &(struct progress_state){.row_count = 0, .fraction = 0, .elapsed_ms = 0});
    assert_non_null(strstr(output, "\n0 rows, 0 %, 0/s\n"));
    progress_free(progress);
}

static void a_bar_makes_room_for_messages(void **state)
{
    (void)state;
    struct progress *progress = progress_new(out, true);
    progress_show(progress, &(struct progress_state){.row_count = 5, .fraction = 0.5, .elapsed_ms = 600000});
    progress_say(progress, "row %d: bad", 7);
    progress_say(progress, "more");
    progress_clear(progress);
    assert_string_equal(output, "\r\033[K[#############-------------]  50 %  5 rows  0/s  10 min left"
                                "\r\033[Krow 7: bad\nmore\n");
    progress_free(progress);
}

static void read_file(const char *path, struct buf *text)
{
    FILE *file = fopen(path, "r");
    assert_non_null(file);
    size_t got;
    while ((got = fread(buf_reserve(text, 4096), 1, 4096, file)) > 0)
        buf_advance(text, got);
    fclose(file);
}

static void rejects_are_counted_shown_and_kept(void **state)
{
    (void)state;
    char path[] = "/tmp/todo-rejects-XXXXXX";
    int fd = mkstemp(path);
    struct rejects *rejects;
    struct error error;
    struct buf text;
    assert_true(fd >= 0);
    assert_int_equal(write(fd, "old", 3), 3);
    struct progress *progress = progress_new(out, false);
    struct rejects_options options = {
        .path = path, .head = SLICE("id,name\n"), .record_end = "\n", .progress = progress};
    assert_int_equal(rejects_open(&rejects, &options, &error), STATUS_OK);
    for (int i = 1; i <= 12; i++)
        rejects_add(rejects, (uint64_t)i, "bad", i % 2 ? SLICE("x,y\n") : SLICE("z"));
    rejects_add(rejects, 13, "too long to keep", (struct slice){0});
    assert_int_equal(rejects_count(rejects), 13);
    assert_non_null(strstr(output, "row 1: bad\n"));
    assert_non_null(strstr(output, "row 10: bad\n"));
    assert_null(strstr(output, "row 11: bad\n"));
    assert_non_null(strstr(output, "first 10"));
    assert_int_equal(rejects_close(rejects, &error), STATUS_OK);
    buf_init(&text);
    read_file(path, &text);
    assert_string_equal(text.data, "id,name\nx,y\nz\nx,y\nz\nx,y\nz\nx,y\nz\nx,y\nz\nx,y\nz\n");
    buf_fini(&text);

    struct source *source; /* the input itself, and what it holds, must survive */
    assert_int_equal(source_open(&source, path, &error), STATUS_OK);
    options.source = source;
    assert_int_equal(rejects_open(&rejects, &options, &error), STATUS_INVALID);
    assert_int_not_equal(lseek(fd, 0, SEEK_END), 0);
    source_close(source);
    progress_free(progress);
    unlink(path);
    close(fd);
}

static void a_file_that_cannot_be_written_is_told(void **state)
{
    (void)state;
    struct rejects *rejects;
    struct error error;
    struct progress *progress = progress_new(out, false);
    struct rejects_options options = {.path = "/nowhere/rejects", .record_end = "", .progress = progress};
    assert_int_equal(rejects_open(&rejects, &options, &error), STATUS_UNAVAILABLE);
    options.path = "/dev/full";
    assert_int_equal(rejects_open(&rejects, &options, &error), STATUS_OK);
    rejects_add(rejects, 1, "bad", SLICE("x"));
    assert_int_equal(rejects_close(rejects, &error), STATUS_UNAVAILABLE);
    assert_non_null(strstr(error.text, "incomplete"));
    progress_free(progress);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(numbers_have_commas),
        cmocka_unit_test_setup_teardown(lines_tell_rate_and_time_left, begin, end),
        cmocka_unit_test_setup_teardown(a_bar_makes_room_for_messages, begin, end),
        cmocka_unit_test_setup_teardown(rejects_are_counted_shown_and_kept, begin, end),
        cmocka_unit_test_setup_teardown(a_file_that_cannot_be_written_is_told, begin, end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
