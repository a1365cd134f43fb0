/* SPDX-License-Identifier: MIT */
/*
 * Removing entries by id.
 *
 * A plain DEL is not enough: a reader under way could fill the old value again a moment later. So a purge is a write
 * that changes nothing in the store: fence, no store call, unfence (cache/write.c). The fence deletes the leases along
 * with the entries. If Redis can't be reached, the outbox records the purge. Like every write it also makes the list's
 * pages unreachable.
 *
 * Ids are purged CHUNK at a time, so that no script keeps Redis busy for long.
 */
#include "control/control.h"

#include <stdlib.h>

#include "base/container.h"
#include "base/mem.h"
#include "base/texts.h"

enum { CHUNK = 500 };

struct purge {
    struct control *control;
    control_done_cb done;
    void *ctx;
    const char **ids;
    size_t id_count, next;
    struct cache_write write;
};

static void purge_go_on(struct purge *purge);

/* Pool thread. */
static enum status nothing_work(struct cache_write *write, struct store *store, struct error *error)
{
    (void)write, (void)store, (void)error;
    return STATUS_OK;
}

static void purge_end(struct purge *purge, enum status status, const struct error *error)
{
    purge->done(purge->ctx, status, error);
    free(purge);
}

static void on_written(struct cache_write *write, enum status status, const struct error *error)
{
    struct purge *purge = container_of(write, struct purge, write);
    if (status != STATUS_OK || purge->next == purge->id_count)
        purge_end(purge, status, error);
    else
        purge_go_on(purge);
}

static void purge_go_on(struct purge *purge)
{
    size_t count = purge->id_count - purge->next < CHUNK ? purge->id_count - purge->next : CHUNK;
    purge->write = (struct cache_write){.ids = purge->ids + purge->next,
                                        .id_count = count,
                                        .work = nothing_work,
                                        .done = on_written,
                                        .kind = TRAIL_PURGED};
    purge->next += count;
    cache_write_run(purge->control->options.cache, &purge->write);
}

void control_purge(struct control *control, const char **ids, size_t id_count, control_done_cb done, void *ctx)
{
    struct purge *purge = mem_zalloc(sizeof(*purge));
    bug_unless(id_count > 0, "one id at least is purged");
    purge->control = control;
    purge->done = done;
    purge->ctx = ctx;
    purge->ids = ids;
    purge->id_count = texts_unique(ids, id_count);
    purge_go_on(purge);
}
