/* SPDX-License-Identifier: MIT */
/* An input is the id that is asked for and, line by line, the hash that lies in Redis in place of its entry. */
#include "cache/entry.h"
#include "fuzzing.h"
#include "hash.h"

static void print_and_parse(const struct entry *entry, const char *id)
{
    struct entry_args args;
    struct entry again;
    entry_print(&args, entry);
    enum entry_found found = entry_parse(&again, id, hash_reply(args.args, args.count));
    bug_unless(found == ENTRY_FOUND && again.negative == entry->negative && again.at_ms == entry->at_ms,
               "printed and read again, it is another entry");
    bug_unless(entry->negative || todo_equal(&again.todo, &entry->todo), "printed and read again, it is another todo");
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct slice rest = fuzz_input(data, size), id = fuzz_line(&rest);
    struct todo asked = TODO_DEFAULT;
    struct entry entry;
    if (!todo_id_valid(id))
        return 0;
    todo_set_id(&asked, id);
    if (entry_parse(&entry, asked.id, hash_of_lines(rest)) == ENTRY_FOUND) {
        bug_unless(entry.negative || slice_equal(slice_of(entry.todo.id), id), "another todo's entry");
        print_and_parse(&entry, asked.id);
    }
    hash_forget();
    return 0;
}
