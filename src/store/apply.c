/* SPDX-License-Identifier: MIT */
/*
 * Which queued writes may be one batch: store_apply_run(). What a batch does is in fold.c, where it stands in
 * bookmark.c; sqlite_apply.c and mongo_apply.c apply it.
 *
 * A run ends before a write that could make a todo again behind its deletion. The todo would begin a new life in the
 * batch that ends the old one. Change feeds, and readers with a version of the old life, must meet both, so these two
 * are two changes of the store. Whether the deletion finds a todo doesn't count: the writes alone decide.
 */
#include "store/apply.h"

#include <string.h>

static bool is_deleted(const struct store_queued *writes, size_t count, const char *id)
{
    for (size_t i = 0; i < count; i++)
        if (writes[i].change.kind == STORE_DELETE && strcmp(writes[i].change.todo->id, id) == 0)
            return true;
    return false;
}

size_t store_apply_run(const struct store_queued *writes, size_t count)
{
    size_t run = 0;
    if (writes[0].is_dead)
        return 1;
    while (run < count && run < STORE_APPLY_MAX && !writes[run].is_dead &&
           !(writes[run].change.kind == STORE_REPLACE && is_deleted(writes, run, writes[run].change.todo->id)))
        run++;
    return run;
}
