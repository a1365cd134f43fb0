/* SPDX-License-Identifier: MIT */
/*
 * An input is a text in the journal, or of a client: a queued write, an outcome, a ticket. What is read of it is printed, and read
 * again it is printed the same.
 */
#include "fuzzing.h"
#include "queue/outcome.h"
#include "queue/queued.h"

static bool reprint(struct slice text, struct arena *arena, struct buf *out)
{
    struct store_queued queued;
    struct error error = {0};
    if (queued_read(text, arena, &queued, &error) != STATUS_OK) {
        bug_unless(error.status == STATUS_INVALID && error.text[0] != '\0', "a text is refused without a word");
        return false;
    }
    bug_unless(todo_id_valid(slice_of(queued.change.todo->id)), "a write of no todo");
    if (queued.change.kind == STORE_REPLACE)
        bug_unless(todo_check(queued.change.todo, &error) == STATUS_OK, "a todo that breaks a rule");
    queued_write(out, &queued);
    return true;
}

static void read_small(struct slice text)
{
    struct journal_outcome outcome = {0};
    struct ticket ticket;
    char printed[OUTCOME_TEXT_MAX + 1], name[TICKET_TEXT_MAX + 1];
    if (outcome_parse(text, &outcome)) {
        outcome_print(printed, &outcome);
        bug_unless(slice_equal(slice_of(printed), text), "an outcome has one text");
    }
    if (ticket_parse(text, &ticket)) {
        ticket_print(name, ticket);
        bug_unless(slice_equal(slice_of(name), text), "a ticket has one text");
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena arena;
    struct buf first, second;
    arena_init(&arena);
    buf_init(&first);
    buf_init(&second);
    read_small(fuzz_input(data, size));
    if (reprint(fuzz_input(data, size), &arena, &first)) {
        bool is_read = reprint(buf_slice(&first), &arena, &second);
        bug_unless(is_read && slice_equal(buf_slice(&first), buf_slice(&second)),
                   "printed and read again, it is another");
    }
    buf_fini(&second);
    buf_fini(&first);
    arena_fini(&arena);
    return 0;
}
