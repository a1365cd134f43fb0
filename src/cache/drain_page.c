/* SPDX-License-Identifier: MIT */
/*
 * What a drain does on a pool thread, where it may block: it lists a page of records, and removes closed ones.
 *
 * A removal looks first whether the epoch still stands under which the records were brought to Redis. In a cluster the
 * record's epoch moves with each slot, so then the slots are read: those of the records and the list's count.
 *
 * It does not talk to Redis: drain.c does, in between.
 */
#include "cache/drain_page.h"

#include <stdlib.h>

#include "base/arena.h"
#include "base/clock.h"
#include "base/container.h"
#include "base/failpoint.h"
#include "base/mem.h"
#include "cache/slots.h"

/*
 * pool thread. Without a barrier, records past their deadline stay open: their fences leave marks that doubt.c clears.
 */
enum status drain_page_list_work(struct pool_job *job, struct error *error)
{
    struct drain_page *page = container_of(job, struct drain_page, job);
    struct store *store = page->store;
    const struct store_fence *after = page->is_first ? NULL : &page->last;
    struct error no_barrier;
    enum status status = store_outbox_list(store, after, page->fences, DRAIN_PAGE_MAX, &page->count, error);
    size_t past_count = 0;
    page->listed_at_ms = clock_wall_ms();
    for (size_t i = 0; status == STATUS_OK && i < page->count; i++)
        past_count += drain_page_is_past(page, &page->fences[i]);
    page->has_barrier = past_count > 0 && store_barrier(store, &no_barrier) == STATUS_OK;
    return status;
}

/* pool thread. Of a cluster: whether the closed records' slots, and the list's, are where the records were brought. */
static enum status slots_stand(const struct drain_page *page, struct slots *slots, bool *stand, struct error *error)
{
    struct arena arena;
    struct store_meta meta;
    struct slice text;
    arena_init(&arena);
    enum status status = store_slots_get(page->store, &arena, &meta, &text, error);
    *stand = status == STATUS_OK && slots_parse(slots, text, meta.epoch) &&
             slots->epochs[page->list.slot] == page->list.epoch;
    for (size_t i = 0; i < page->closed_count && *stand; i++) {
        unsigned slot = slot_of_key(slice_of(page->fences[i].id));
        *stand = slots->epochs[slot] == page->own->of[slot];
    }
    arena_fini(&arena);
    return status;
}

/* pool thread */
static enum status check_epoch(const struct drain_page *page, struct error *error)
{
    struct store_meta meta;
    bool stand = false;
    enum status status = store_meta_get(page->store, &meta, error);
    bool is_list_known = !page->is_list_away || page->list.serial == meta.epoch; /* its shard may be late */
    if (status != STATUS_OK || (meta.epoch == page->epoch && is_list_known))
        return status;
    if (page->own) {
        struct slots *slots = mem_alloc(sizeof(*slots));
        status = slots_stand(page, slots, &stand, error);
        free(slots);
    }
    if (status != STATUS_OK || stand)
        return status;
    return error_set(error, STATUS_BUSY, "the epoch has moved on to %lld meanwhile", (long long)meta.epoch);
}

/* pool thread */
enum status drain_page_remove_work(struct pool_job *job, struct error *error)
{
    struct drain_page *page = container_of(job, struct drain_page, job);
    failpoint_pass(FAILPOINT_DRAIN_BEFORE_REMOVE);
    enum status status = check_epoch(page, error);
    if (status != STATUS_OK)
        return status;
    return store_outbox_remove(page->store, page->fences, page->closed_count, &page->changed_count, error);
}
