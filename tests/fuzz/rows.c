/* SPDX-License-Identifier: MIT */
/*
 * Whatever a file holds: a reader comes to an end, and each row that it calls good is a todo that keeps the rules and that JSON
 * takes there and back.
 */
#include "rows.h"

#include <sys/mman.h>
#include <unistd.h>

#include "base/todo_json.h"
#include "fuzzing.h"

enum { ROW_FIELDS = TODO_WRITE_FIELDS | TODO_READ_FIELDS | 1u << TODO_ID };

struct source *rows_source(struct slice bytes)
{
    int fd = memfd_create("input", MFD_CLOEXEC);
    bug_unless(fd >= 0 && write(fd, bytes.data, bytes.len) == (ssize_t)bytes.len && lseek(fd, 0, SEEK_SET) == 0,
               "no memory for a file");
    struct source *source;
    struct error error;
    enum status status = source_open_fd(&source, fd, "input", &error);
    bug_unless(status == STATUS_OK, error.text);
    return source;
}

/* A client's names must show something; a file's need not. */
static void check_json(const struct todo *todo, struct arena *arena)
{
    struct buf text;
    struct todo_draft draft;
    struct error error;
    buf_init(&text);
    todo_json_write(&text, todo);
    enum status status = todo_json_read(buf_slice(&text), DRAFT_WHOLE, arena, &draft, &error);
    if (status == STATUS_OK)
        bug_unless(todo_fields_equal(&draft.todo, todo, ROW_FIELDS), "a row that JSON changes");
    else
        bug_unless(todo_text_is_blank(todo->name), error.text);
    buf_fini(&text);
}

void rows_read(struct reader *reader)
{
    struct arena arena;
    enum status status = STATUS_OK;
    uint64_t last = 0;
    arena_init(&arena);
    while (status == STATUS_OK || status == STATUS_INVALID) {
        struct row row;
        struct error error = {0};
        arena_reset(&arena);
        status = reader_next(reader, &arena, &row, &error);
        if (status == STATUS_OK) {
            bug_unless(row.number > last, "rows are numbered upward");
            last = row.number;
            enum status checked = todo_check(&row.todo, &error);
            bug_unless(checked == STATUS_OK, error.text);
            check_json(&row.todo, &arena);
        } else {
            bug_unless(error.text[0] != '\0' || status == STATUS_NOT_FOUND, "a row is refused without a word");
        }
    }
    bug_unless(status == STATUS_NOT_FOUND || status == STATUS_UNAVAILABLE, "no other end is known");
    arena_fini(&arena);
    reader_close(reader);
}

void rows_fuzz(struct slice bytes, rows_open_fn open)
{
    struct source *source = rows_source(bytes);
    struct reader *reader;
    struct error error = {0};
    if (open(&reader, source, &error) != STATUS_OK) {
        bug_unless(error.text[0] != '\0', "an input is refused without a word");
        source_close(source);
        return;
    }
    reader->source = source;
    row_maker_init(&reader->maker, ROWS_NOW_MS);
    rows_read(reader);
}
