/* SPDX-License-Identifier: MIT */
/*
 * The outbox: invalidations that Redis could not take, kept in the store beside the data they concern, and brought to
 * Redis when it answers again.
 *
 * Writes put their records there by themselves (write_store.c), and drains take them to Redis (drain.c). This file
 * knows what this process has seen of them, for both: whether records were closed, and since when some have waited.
 *
 * What is owed: if neither Redis nor the store took a write's invalidation, this process keeps it until the store takes
 * it.
 */
#include "cache/outbox.h"

#include <stdlib.h>
#include <string.h>
#include <utlist.h>

#include "base/container.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/slot.h"
#include "cache/keys.h"

struct owed {
    struct owed *next;
    size_t count;
    struct store_fence fences[];
};

struct outbox {
    const struct cache_options *options;
    uint64_t closed_count;          /* how often a write of this process has closed its records */
    uint64_t closed_at[SLOT_COUNT]; /* of each slot's id: the count then */
    bool is_waiting;                /* these two: there may be records, since when */
    int64_t waiting_since_ms;
    struct owed *owed;
    struct owed *paying; /* taken from the list, for the job that runs; NULL: none does */
    struct pool_job owed_job;
};

/* ---- What is known of it ---- */

void outbox_note_waiting(struct outbox *outbox)
{
    if (!outbox->is_waiting)
        outbox->waiting_since_ms = events_now_ms(outbox->options->events);
    outbox->is_waiting = true;
}

void outbox_note_empty(struct outbox *outbox)
{
    if (!outbox->owed)
        outbox->is_waiting = false;
}

void outbox_note_closed(struct outbox *outbox, const char *const *ids, size_t id_count)
{
    outbox->closed_count++;
    for (size_t i = 0; i < id_count; i++)
        outbox->closed_at[slot_of_key(slice_of(ids[i]))] = outbox->closed_count;
    outbox_note_waiting(outbox);
}

uint64_t outbox_closed_count(const struct outbox *outbox, int slot)
{
    bool is_of_all = slot < 0 || (unsigned)slot == slot_of_list();
    return is_of_all ? outbox->closed_count : outbox->closed_at[slot];
}

uint32_t outbox_waiting_s(const struct outbox *outbox)
{
    if (!outbox->is_waiting)
        return 0;
    return (uint32_t)((events_now_ms(outbox->options->events) - outbox->waiting_since_ms) / 1000);
}

/* ---- What is owed ---- */

void outbox_owe(struct outbox *outbox, const struct token *token, const char *const *ids, size_t id_count)
{
    struct owed *owed = mem_zalloc(sizeof(*owed) + id_count * sizeof(owed->fences[0]));
    owed->count = id_count;
    for (size_t i = 0; i < id_count; i++) {
        owed->fences[i] = (struct store_fence){.token = *token, .is_closed = true};
        memcpy(owed->fences[i].id, ids[i], strlen(ids[i]) + 1);
    }
    LL_PREPEND(outbox->owed, owed);
    outbox_note_waiting(outbox);
    log_warn(NULL, "invalidation_owed", "token=%s ids=%zu first=%s", token->text, id_count, ids[0]);
}

/* pool thread */
static enum status owed_work(struct pool_job *job, struct error *error)
{
    struct outbox *outbox = container_of(job, struct outbox, owed_job);
    const struct owed *owed = outbox->paying;
    return store_outbox_put(outbox->options->store, owed->fences, owed->count, error);
}

static void on_owed_put(struct pool_job *job, enum status status, const struct error *error)
{
    struct outbox *outbox = container_of(job, struct outbox, owed_job);
    struct owed *owed = outbox->paying;
    (void)error;
    outbox->paying = NULL;
    if (status == STATUS_OK) {
        free(owed);
        outbox_tend(outbox);
    } else {
        LL_PREPEND(outbox->owed, owed);
    }
}

void outbox_tend(struct outbox *outbox)
{
    if (!outbox->owed || outbox->paying)
        return;
    outbox->paying = outbox->owed;
    LL_DELETE(outbox->owed, outbox->paying);
    outbox->owed_job = (struct pool_job){.lane = POOL_CARE, .work = owed_work, .done = on_owed_put};
    pool_run(outbox->options->pool, &outbox->owed_job);
}

struct outbox *outbox_new(const struct cache_options *options)
{
    struct outbox *outbox = mem_zalloc(sizeof(*outbox));
    outbox->options = options;
    return outbox;
}

void outbox_free(struct outbox *outbox)
{
    if (!outbox)
        return;
    bug_unless(!outbox->paying, "the outbox is freed while a job of its runs");
    while (outbox->owed) {
        struct owed *owed = outbox->owed;
        LL_DELETE(outbox->owed, owed);
        log_error(NULL, "invalidation_lost", "token=%s ids=%zu first=%s", owed->fences[0].token.text, owed->count,
                  owed->fences[0].id);
        free(owed);
    }
    free(outbox);
}
