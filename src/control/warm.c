/* SPDX-License-Identifier: MIT */
/*
 * Filling the cache, before the clients come or after a purge: with the todos that were read most, then the newest.
 *
 *   hottest ids -> each read through the cache, READS_MAX at once -> page of the store's list -> each ... -> next page
 *
 * Only the ids come from the list. Each todo is then read as a client's GET would read it, under a lease, so that no
 * entry is filled that a write has made old meanwhile. That costs one store read per todo, and needs no rule of its
 * own.
 *
 * With a rate, the n-th read begins no earlier than n - 1 reads of that rate after the first one.
 */
#include "control/control.h"

#include <stdlib.h>
#include <string.h>

#include "base/container.h"
#include "base/mem.h"
#include "base/texts.h"

enum { PAGE_ROWS = 200, READS_MAX = 8 };

struct warm;

struct slot {
    struct warm *warm;
    struct cache_get get;
    bool runs;
};

struct warm {
    struct control *control;
    struct warm_options options;
    struct warm_counts *counts;
    control_done_cb done;
    void *ctx;
    const char **hot;         /* the hottest ids, sorted by text */
    size_t hot_next;          /* of the options' */
    uint64_t left;            /* how many todos of the list are still to be read */
    uint64_t begun_count;     /* reads */
    int64_t begun_at_ms;      /* loop time */
    struct timer *rate_timer; /* until the next read may begin */

    struct store_query query;
    struct arena arena; /* the page */
    struct store_page page;
    size_t next; /* of the page */
    struct slot slots[READS_MAX];
    size_t running_count;
    struct pool_job job;
    bool is_listing;    /* the job runs */
    enum status status; /* of a read that failed */
    struct error error;
};

static void warm_go_on(struct warm *warm);

static void warm_end(struct warm *warm, enum status status, const struct error *error)
{
    warm->control->options.events->timer_free(warm->rate_timer);
    warm->done(warm->ctx, status, error);
    arena_fini(&warm->arena);
    free(warm->hot);
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
    if (warm->options.on_progress)
        warm->options.on_progress(warm->ctx, warm->begun_count - warm->running_count);
    warm_go_on(warm);
}

static bool is_hot(const struct warm *warm, const char *id)
{
    return bsearch(&id, warm->hot, warm->options.hot_count, sizeof(*warm->hot), texts_compare) != NULL;
}

/* The next one to read; NULL: the page has no more. */
static const char *id_next(struct warm *warm)
{
    if (warm->hot_next < warm->options.hot_count)
        return warm->options.hottest[warm->hot_next++].id;
    while (warm->next < warm->page.count && warm->left > 0) {
        const char *id = warm->page.todos[warm->next++].id;
        if (is_hot(warm, id))
            continue;
        warm->left--;
        return id;
    }
    return NULL;
}

/* Also false: the timer has been set for the time when it may. */
static bool rate_allows(struct warm *warm)
{
    const struct events *events = warm->control->options.events;
    if (warm->options.rate_per_s == 0)
        return true;
    int64_t due_in_ms =
        (int64_t)(warm->begun_count * 1000 / warm->options.rate_per_s) - (events_now_ms(events) - warm->begun_at_ms);
    if (due_in_ms > 0)
        events->timer_start(warm->rate_timer, (uint32_t)due_in_ms);
    return due_in_ms <= 0;
}

static void slot_read(struct slot *slot, const char *id)
{
    struct warm *warm = slot->warm;
    slot->runs = true;
    slot->get = (struct cache_get){.demand = {.max_age_ms = -1}, .done = on_read, .ctx = slot};
    memcpy(slot->get.id, id, strlen(id) + 1);
    warm->running_count++;
    warm->begun_count++;
    cache_get(warm->control->options.cache, &slot->get);
}

/* False: there is no more to read now. */
static bool warm_begin_reads(struct warm *warm)
{
    for (size_t i = 0; i < READS_MAX; i++) {
        if (warm->slots[i].runs)
            continue;
        if (!rate_allows(warm))
            return true;
        const char *id = id_next(warm);
        if (!id)
            return false;
        slot_read(&warm->slots[i], id);
    }
    return true;
}

static void on_rate(void *ctx)
{
    warm_go_on(ctx);
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
    warm->is_listing = false;
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
    warm->is_listing = true;
    warm->job = (struct pool_job){.lane = POOL_READ, .work = list_work, .done = on_listed};
    pool_run(warm->control->options.pool, &warm->job);
}

/* After a read that failed no more are begun. */
static void warm_go_on(struct warm *warm)
{
    if (warm->is_listing)
        return;
    bool has_more = warm->status == STATUS_OK && warm_begin_reads(warm);
    if (has_more || warm->running_count > 0)
        return;
    if (warm->status != STATUS_OK || !warm->page.more || warm->left == 0)
        warm_end(warm, warm->status, &warm->error);
    else
        warm_list(warm);
}

void control_warm(struct control *control, const struct warm_options *options, struct warm_counts *counts,
                  control_done_cb done, void *ctx)
{
    const struct events *events = control->options.events;
    struct warm *warm = mem_zalloc(sizeof(*warm));
    bug_unless(options->count > 0 && options->hot_count <= options->count, "as many todos are warmed as asked for");
    *counts = (struct warm_counts){0};
    warm->control = control;
    warm->options = *options;
    warm->counts = counts;
    warm->hot = mem_alloc((options->hot_count + 1) * sizeof(*warm->hot));
    for (size_t i = 0; i < options->hot_count; i++)
        warm->hot[i] = options->hottest[i].id;
    qsort(warm->hot, options->hot_count, sizeof(*warm->hot), texts_compare);
    warm->begun_at_ms = events_now_ms(events);
    warm->rate_timer = events->timer_new(events->loop, on_rate, warm);
    warm->done = done;
    warm->ctx = ctx;
    warm->left = options->count - options->hot_count;
    warm->page.more = true;
    arena_init(&warm->arena);
    for (size_t i = 0; i < READS_MAX; i++)
        warm->slots[i].warm = warm;
    warm_go_on(warm);
}
