/* SPDX-License-Identifier: MIT */
/*
 * Outcomes of queued writes on their way to the journal: what an applier settles in one step.
 *
 * Either all of them are dead letters, for one reason, or none is. A dead letter whose text can't be read has no id
 * here; the journal knows it.
 *
 * They are counted when the journal has acknowledged them. If its answer was lost, an outcome may be missing in the
 * counters, or be in them twice; in the journal it stands once.
 */
#include "queue/settlement.h"

#include "base/log.h"

void settlement_begin(struct settlement *settlement, const char *reason)
{
    settlement->count = 0;
    slice_copy(settlement->reason, sizeof(settlement->reason), slice_of(reason));
}

void settlement_add(struct settlement *settlement, const struct store_queued *write,
                    const struct store_applied *applied)
{
    struct journal_outcome *outcome = &settlement->outcomes[settlement->count++];
    *outcome = (struct journal_outcome){.applied = *applied};
    if (*applied->id)
        memcpy(outcome->id, applied->id, sizeof(outcome->id));
    else if (write->change.todo)
        memcpy(outcome->id, write->change.todo->id, sizeof(outcome->id));
}

void settlement_send(const struct settlement *settlement, struct journal *journal, unsigned shard, journal_done_cb done,
                     void *ctx)
{
    const char *reason = *settlement->reason ? settlement->reason : NULL;
    journal->ops->settle(journal, shard, settlement->outcomes, settlement->count, reason, done, ctx);
}

static void on_sent_early(void *ctx, enum status status, const struct error *error)
{
    (void)ctx, (void)status, (void)error;
}

void settlement_send_early(struct settlement *settlement, struct journal *journal, const struct store_batch *batch)
{
    settlement_begin(settlement, "");
    for (size_t i = 0; i < batch->count; i++)
        settlement_add(settlement, &batch->writes[i], &(struct store_applied){.number = batch->writes[i].number});
    settlement_send(settlement, journal, batch->shard, on_sent_early, NULL);
}

static void note_dead(const struct journal_outcome *outcome, const char *reason, const struct queue_options *queue,
                      unsigned shard)
{
    char ticket[TICKET_TEXT_MAX + 1];
    ticket_print(ticket, (struct ticket){shard, outcome->applied.number});
    log_warn(NULL, "queue_dead_letter", "ticket=%s id=%s reason=\"%s\"", ticket, outcome->id, reason);
    if (*outcome->id)
        trail_note(cache_options(queue->cache)->trail, TRAIL_DEAD_LETTER, outcome->id, NULL, 0);
    stats_add(queue->stats, STAT_QUEUE_DEAD, 1);
}

void settlement_note(const struct settlement *settlement, const struct queue_options *queue, unsigned shard)
{
    for (size_t i = 0; i < settlement->count; i++) {
        const struct journal_outcome *outcome = &settlement->outcomes[i];
        if (*settlement->reason)
            note_dead(outcome, settlement->reason, queue, shard);
        else
            stats_add(queue->stats, outcome->applied.status == STATUS_OK ? STAT_QUEUE_APPLIED : STAT_QUEUE_REJECTED, 1);
    }
}
