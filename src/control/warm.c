/* SPDX-License-Identifier: MIT */
/*
 * Filling the cache with the newest todos, before the clients come or after a purge.
 *
 *   page of the store's list -> each id read through the cache, READS_MAX at once -> next page
 *
 * Only the ids come from the list. Each todo is then read as a client's GET would read it, under a lease, so that no
 * entry is filled that a write has made old meanwhile. That costs one store read per todo, and needs no rule of its
 * own.
 */
#include "control/control.h"

#include <stdlib.h>
#include <string.h>

#include "base/container.h"
#include "base/mem.h"

enum { PAGE_ROWS = 200, READS_MAX = 8 };

struct warm;

struct slot {
    struct warm *warm;
    struct cache_get get;
    bool runs;
};

struct warm {
    struct control *control;
    struct warm_counts *counts;
    control_done_cb done;
    void *ctx;
    uint64_t left; /* how many todos are still to be listed */

    struct store_query query;
    struct arena arena; /* the page */
    struct store_page page;
    size_t next; /* of the page */
    struct slot slots[READS_MAX];
    size_t running_count;
    struct pool_job job;
    enum status status; /* of a read that failed */
    struct error error;
};

static void warm_go_on(struct warm *warm);

static void warm_end(struct warm *warm, enum status status, const struct error *error)
{
    warm->done(warm->ctx, status, error);
    arena_fini(&warm->arena);
    free(warm);
}

/* ---- Reading a page's todos ---- */

static void on_read(void *ctx, const struct cache_answer *answer)
{
    struct slot *slot = ctx;
    struct warm *warm = slot->warm;
    slot->runs = false;
    warm->running_count--;
    if (answer->status != STATUS_OK && answer->status != STATUS_NOT_FOUND) {
        warm->status = answer->status;
        warm->error = *answer->error;
    } else if (answer->trace.source == CACHE_HIT) {
        warm->counts->cached++;
    } else if (answer->trace.stored) {
        warm->counts->filled++;
    } else {
        warm->counts->missed++;
    }
    warm_go_on(warm);
}

static void warm_begin_reads(struct warm *warm)
{
    for (size_t i = 0; i < READS_MAX && warm->next < warm->page.count; i++) {
        struct slot *slot = &warm->slots[i];
        if (slot->runs)
            continue;
        slot->runs = true;
        slot->get = (struct cache_get){.demand = {.max_age_ms = -1}, .done = on_read, .ctx = slot};
        memcpy(slot->get.id, warm->page.todos[warm->next++].id, sizeof(slot->get.id));
        warm->running_count++;
        cache_get(warm->control->options.cache, &slot->get);
    }
}

/* ---- From page to page ---- */

static enum status list_work(struct pool_job *job, struct error *error)
{
    struct warm *warm = container_of(job, struct warm, job);
    return store_list(warm->control->options.store, &warm->query, &warm->arena, &warm->page, error);
}

static void on_listed(struct pool_job *job, enum status status, const struct error *error)
{
    struct warm *warm = container_of(job, struct warm, job);
    if (status != STATUS_OK) {
        warm_end(warm, status, error);
        return;
    }
    warm->next = 0;
    warm->left -= warm->page.count;
    warm_go_on(warm);
}

static void warm_list(struct warm *warm)
{
    if (warm->page.count > 0) {
        const struct todo *last = &warm->page.todos[warm->page.count - 1];
        warm->query.has_after = true;
        warm->query.after.created_at_ms = last->created_at_ms;
        memcpy(warm->query.after.id, last->id, sizeof(warm->query.after.id));
    }
    arena_reset(&warm->arena);
    warm->query.limit = warm->left < PAGE_ROWS ? (uint32_t)warm->left : PAGE_ROWS;
    warm->job = (struct pool_job){.lane = POOL_READ, .work = list_work, .done = on_listed};
    pool_run(warm->control->options.pool, &warm->job);
}

/* After a read that failed no more are begun. */
static void warm_go_on(struct warm *warm)
{
    if (warm->status == STATUS_OK)
        warm_begin_reads(warm);
    if (warm->running_count > 0)
        return;
    if (warm->status != STATUS_OK || !warm->page.more || warm->left == 0)
        warm_end(warm, warm->status, &warm->error);
    else
        warm_list(warm);
}

void control_warm(struct control *control, uint64_t count, struct warm_counts *counts, control_done_cb done, void *ctx)
{
    struct warm *warm = mem_zalloc(sizeof(*warm));
    bug_unless(count > 0, "one todo at least is warmed");
    *counts = (struct warm_counts){0};
    warm->control = control;
    warm->counts = counts;
    warm->done = done;
    warm->ctx = ctx;
    warm->left = count;
    arena_init(&warm->arena);
    for (size_t i = 0; i < READS_MAX; i++)
        warm->slots[i].warm = warm;
    warm_list(warm);
}
