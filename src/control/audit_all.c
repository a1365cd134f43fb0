/* SPDX-License-Identifier: MIT */
/*
 * Compares every entry with the store, once.
 *
 *   batch of ids -> compared, CHECKS_MAX at once -> wrong ones: again after SECOND_LOOK_MS -> next batch
 *
 * One comparison may find an entry whose invalidation is on its way: a writer that lost Redis has put it into the
 * outbox, and the next drain delivers it. Two seconds later such an entry is gone, or right. An entry that is still
 * wrong then stays wrong until it expires.
 *
 * Memory is one batch. CHECKS_MAX and the pool bound the load on the store, so it may run beside the workers.
 */
#include "control/control.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "audit/audit.h"
#include "audit/scan.h"
#include "base/container.h"
#include "base/mem.h"

enum { CHECKS_MAX = 8, SECOND_LOOK_MS = 2000 };

struct audit_all;

struct id_list {
    char (*texts)[TODO_ID_MAX + 1];
    size_t count, capacity;
};

struct slot {
    struct audit_all *all;
    struct audit_check check;
    bool runs;
};

struct audit_all {
    struct control *control;
    struct audit_counts *counts;
    control_done_cb done;
    void *ctx;
    struct cache_scan scan;
    struct id_list ids; /* under way */
    size_t next;        /* of ids */
    struct id_list suspects;
    bool is_second_look;
    struct timer *pause;
    struct slot slots[CHECKS_MAX];
    size_t running_count;
};

static void audit_go_on(struct audit_all *all);

static void id_list_add(struct id_list *list, const char *id)
{
    if (list->count == list->capacity) {
        list->capacity = list->capacity ? 2 * list->capacity : 64;
        list->texts = mem_resize(list->texts, list->capacity * sizeof(*list->texts));
    }
    memcpy(list->texts[list->count++], id, strlen(id) + 1);
}

/* The primaries that are there were walked; a lost one's entries may be back with it. */
static enum status all_were_asked(const struct audit_all *all, struct error *error)
{
    const struct cache *cache = all->control->options.cache;
    size_t missing_count = cache_cluster(cache) ? cache_missing_slots(cache) : 0;
    if (missing_count == 0)
        return STATUS_OK;
    return error_set(error, STATUS_UNAVAILABLE,
                     "%zu slots of the cluster have no trusted primary, so their entries were not compared; of the "
                     "others' entries %" PRIu64 " are consistent, %" PRIu64 " inconsistent",
                     missing_count, all->counts->consistent, all->counts->inconsistent);
}

static void audit_end(struct audit_all *all, enum status status)
{
    struct error error = {0};
    if (status == STATUS_OK)
        status = all_were_asked(all, &error);
    else
        error_set(&error, status, "Redis was lost meanwhile, or a new epoch made its entries unreachable");
    all->control->options.events->timer_free(all->pause);
    all->done(all->ctx, status, &error);
    free(all->ids.texts);
    free(all->suspects.texts);
    free(all);
}

/* ---- Comparing the entries of ids ---- */

static void count_result(struct audit_all *all, const struct audit_check *check, enum audit_result result)
{
    bool is_suspect = result == AUDIT_INCONSISTENT || result == AUDIT_UNANSWERED;
    if (is_suspect && !all->is_second_look)
        id_list_add(&all->suspects, check->id);
    else if (result == AUDIT_INCONSISTENT)
        all->counts->inconsistent++;
    else if (result == AUDIT_UNANSWERED)
        all->counts->unanswered++;
    else if (result == AUDIT_CHANGED)
        all->counts->changed++;
    else
        all->counts->consistent++;
    if (result == AUDIT_INCONSISTENT && all->is_second_look)
        audit_check_log(check);
}

static void on_checked(struct audit_check *check, enum audit_result result)
{
    struct slot *slot = container_of(check, struct slot, check);
    struct audit_all *all = slot->all;
    slot->runs = false;
    all->running_count--;
    count_result(all, check, result);
    audit_go_on(all);
}

static void audit_begin_checks(struct audit_all *all)
{
    for (size_t i = 0; i < CHECKS_MAX && all->next < all->ids.count; i++) {
        struct slot *slot = &all->slots[i];
        if (slot->runs)
            continue;
        slot->runs = true;
        slot->check.done = on_checked;
        memcpy(slot->check.id, all->ids.texts[all->next++], sizeof(slot->check.id));
        all->running_count++;
        audit_check_run(all->control->options.cache, &slot->check);
    }
}

/* ---- From batch to batch ---- */

static void on_pause_over(void *ctx)
{
    struct audit_all *all = ctx;
    struct id_list done = all->ids;
    all->ids = all->suspects;
    all->suspects = done;
    all->suspects.count = 0;
    all->next = 0;
    all->is_second_look = true;
    audit_go_on(all);
}

static void audit_go_on(struct audit_all *all)
{
    audit_begin_checks(all);
    if (all->running_count > 0)
        return;
    if (all->suspects.count > 0)
        all->control->options.events->timer_start(all->pause, SECOND_LOOK_MS);
    else if (all->scan.is_over)
        audit_end(all, STATUS_OK);
    else
        cache_scan_next(&all->scan);
}

static void on_batch(struct cache_scan *scan, enum status status, const char *const *ids, size_t count)
{
    struct audit_all *all = container_of(scan, struct audit_all, scan);
    if (status != STATUS_OK) {
        audit_end(all, status);
        return;
    }
    all->ids.count = all->next = 0;
    all->is_second_look = false;
    for (size_t i = 0; i < count; i++)
        id_list_add(&all->ids, ids[i]);
    audit_go_on(all);
}

void control_audit(struct control *control, struct audit_counts *counts, control_done_cb done, void *ctx)
{
    const struct events *events = control->options.events;
    struct audit_all *all = mem_zalloc(sizeof(*all));
    *counts = (struct audit_counts){0};
    all->control = control;
    all->counts = counts;
    all->done = done;
    all->ctx = ctx;
    all->scan.on_batch = on_batch;
    all->pause = events->timer_new(events->loop, on_pause_over, all);
    for (size_t i = 0; i < CHECKS_MAX; i++)
        all->slots[i].all = all;
    cache_scan_start(control->options.cache, &all->scan);
}
