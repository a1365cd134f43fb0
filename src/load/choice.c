/* SPDX-License-Identifier: MIT */
/*
 * The choice of one collection out of a dump of many.
 *
 * A dump of a whole server may hold several collections called todos, and the wrong one would be loaded without a word.
 * So there is no guess: a choice that is not clear is refused, with the names to choose from. MongoDB's own collections
 * (in admin and config, and system.*) are never todos, and don't count.
 *
 * The names come from the dump, so they may be of any number and of any bytes. They are kept as far as there is room to
 * show them, and escaped.
 */
#include "load/choice.h"

#include <string.h>

#include "base/log.h"

static bool choice_is_internal(struct slice database, struct slice collection)
{
    return slice_equal(database, SLICE("admin")) || slice_equal(database, SLICE("config")) || collection.len == 0 ||
           (collection.len > 7 && memcmp(collection.data, "system.", 7) == 0);
}

static bool choice_is_named(struct slice name, struct slice database, struct slice collection)
{
    return name.len == database.len + 1 + collection.len && name.data[database.len] == '.' &&
           slice_equal((struct slice){name.data, database.len}, database) &&
           slice_equal((struct slice){name.data + database.len + 1, collection.len}, collection);
}

static void choice_show(struct choice *choice, const char *before, struct slice name)
{
    size_t used = strlen(choice->shown);
    size_t before_len = strlen(before);
    if (used + before_len >= CHOICE_SHOWN_BYTES)
        return;
    memcpy(choice->shown + used, before, before_len);
    used += before_len;
    log_value(choice->shown + used, sizeof(choice->shown) - used, name);
}

void choice_init(struct choice *choice, const char *wanted)
{
    *choice = (struct choice){.wanted = wanted};
    buf_init(&choice->chosen);
}

void choice_fini(struct choice *choice)
{
    buf_fini(&choice->chosen);
}

bool choice_offer(struct choice *choice, struct slice database, struct slice collection)
{
    if (choice_is_internal(database, collection))
        return false;
    struct slice wanted = slice_of(choice->wanted ? choice->wanted : "todos");
    bool matches = slice_equal(collection, wanted) || choice_is_named(wanted, database, collection);
    choice_show(choice, choice->offered_count > 0 ? ", " : "", database);
    choice_show(choice, ".", collection);
    choice->match_count += matches;
    choice->offered_count++;
    if (!matches && (choice->offered_count > 1 || choice->wanted))
        return false;
    buf_reset(&choice->chosen);
    buf_append_slice(&choice->chosen, database);
    buf_append_char(&choice->chosen, '.');
    buf_append_slice(&choice->chosen, collection);
    return true;
}

bool choice_is(const struct choice *choice, struct slice database, struct slice collection)
{
    return choice_is_named(buf_slice(&choice->chosen), database, collection);
}

enum status choice_end(const struct choice *choice, const char *dump, struct error *error)
{
    if (choice->match_count == 1 || (choice->offered_count == 1 && !choice->wanted))
        return STATUS_OK;
    if (choice->offered_count == 0)
        return error_set(error, STATUS_INVALID, "%s holds no collection", dump);
    return error_set(error, STATUS_INVALID, "%s holds %zu collections, %s called %.40s: %s (name one: --collection)",
                     dump, choice->offered_count, choice->match_count > 1 ? "more than one" : "none",
                     choice->wanted ? choice->wanted : "todos", choice->shown);
}
