/* SPDX-License-Identifier: MIT */
/*
 * Preconditions on the current state of a todo, in the order of RFC 9110 13.2.2.
 *
 *   If-Match, or without it If-Unmodified-Since     fails the change (412)
 *   then If-None-Match                              fails it too (412; for a read: 304)
 *
 * The stores decide with these rules inside their one operation. SQLite calls this for the row that it holds under its
 * write lock. MongoDB puts the versions and fields into the filter of its findAndModify, and comes here only to find
 * out why nothing matched.
 *
 * After the condition come the fields that a client sent back as it was shown them, though it can't change them: they
 * must be as stored. So a client that edits what a GET answered, and puts it back whole, overwrites no change that came
 * in between; one that means to set such a field is told.
 *
 * Times are compared in whole seconds, because the dates of HTTP have no finer ones (RFC 9110 13.1.4): a change within
 * the second of the client's date is not noticed. Entity tags do notice it, which is why If-Match goes first.
 */
#include <stddef.h>

#include "store/store.h"

static bool versions_have(const struct store_versions *versions, const struct todo *current)
{
    if (!current)
        return false;
    if (versions->any)
        return true;
    for (size_t i = 0; i < versions->count; i++)
        if (versions->items[i].v == current->v && versions->items[i].life == current->life)
            return true;
    return false;
}

bool store_condition_holds(const struct store_condition *condition, const struct todo *current)
{
    if (condition->match.given) {
        if (!versions_have(&condition->match, current))
            return false;
    } else if (condition->unmodified_since_s >= 0 && current) {
        if (current->updated_at_ms / 1000 > condition->unmodified_since_s)
            return false;
    }
    return !condition->none_match.given || !versions_have(&condition->none_match, current);
}

enum status store_change_check(const struct store_change *change, const struct todo *current, struct error *error)
{
    if (!store_condition_holds(&change->condition, current))
        return error_set(error, STATUS_MISMATCH, "the todo \"%s\" is not as the condition wants it", change->todo->id);
    for (enum todo_field field = 0; field < TODO_FIELD_COUNT; field++) {
        unsigned bit = change->shown_fields & 1u << field;
        if (!bit || (current && todo_fields_equal(current, change->shown, bit)))
            continue;
        error_set(error, STATUS_INVALID,
                  "%s: is read-only and has another value; send what GET answers, or leave it out",
                  todo_field_name(field));
        return error_at(error, TODO_ROWS[field].pointer);
    }
    return STATUS_OK;
}

bool store_change_is_empty(const struct store_change *change, const struct todo *current)
{
    return change->kind == STORE_MERGE && todo_fields_equal(current, change->todo, change->fields);
}
