/* SPDX-License-Identifier: MIT */
/*
 * Preconditions on the current state of a todo, in the order of RFC 9110 13.2.2.
 *
 *   If-Match, or without it If-Unmodified-Since     fails the change (412)
 *   then If-None-Match                              fails it too (412; for a read: 304)
 *
 * The stores decide with these rules inside their one operation. SQLite calls this for the row that it holds under its
 * write lock. MongoDB puts the versions into the filter of its findAndModify, and comes here only to find out why
 * nothing matched.
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
