/* SPDX-License-Identifier: MIT */
/*
 * What is read from the journal in a folder: writes that wait, dead letters, one ticket.
 *
 * Readers see what was committed, and wait for no writer. What they read lies in the call's arena until its caller has
 * been told. An outcome that is none, because another program wrote it, counts as forgotten. A write whose number is
 * far ahead of all that the journal gives becomes a dead letter at once.
 */
#include "base/clock.h"
#include "base/log.h"
#include "queue/file_call.h"
#include "queue/outcome.h"

static enum status read_work(struct pool_job *job, struct error *error)
{
    struct file_call *call = file_call_of(job);
    call->rows = arena_alloc(&call->arena, (call->query.limit + 1) * sizeof(*call->rows));
    return store_journal_read(call->own->store, &call->query, &call->arena, call->rows, &call->count, error);
}

static void on_buried(void *ctx, enum status status, const struct error *error)
{
    (void)ctx, (void)status, (void)error; /* what stays is read again */
}

/* A row that is far ahead of all that the journal gives. It never reaches the store. */
static void row_bury(const struct file_call *read, int64_t number)
{
    const struct journal_outcome outcome = {.applied.number = number};
    struct journal *journal = &read->own->journal;
    char text[TICKET_TEXT_MAX + 1];
    log_warn(NULL, "queue_foreign_item", "shard=%u number=%s action=\"a dead letter\"", read->query.shard,
             ticket_number_print(text, number));
    journal->ops->settle(journal, read->query.shard, &outcome, 1, "another program has written it", on_buried, NULL);
}

static void read_done(struct pool_job *job, enum status status, const struct error *error)
{
    struct file_call *call = file_call_of(job);
    struct journal_write *writes = arena_alloc(&call->arena, (call->count + 1) * sizeof(*writes));
    size_t count = 0;
    for (size_t i = 0; i < call->count; i++)
        if (ticket_number_given(call->rows[i].number, clock_wall_ms()))
            writes[count++] = (struct journal_write){call->rows[i].number, call->rows[i].text};
        else
            row_bury(call, call->rows[i].number);
    call->told.read(call->ctx, file_call_status(call, status, error), writes, count, error);
    file_call_free(call);
}

static void dead_done(struct pool_job *job, enum status status, const struct error *error)
{
    struct file_call *call = file_call_of(job);
    struct journal_dead *dead = arena_alloc(&call->arena, (call->count + 1) * sizeof(*dead));
    for (size_t i = 0; i < call->count; i++)
        dead[i] = (struct journal_dead){{call->query.shard, call->rows[i].number},
                                        call->rows[i].died_at_ms,
                                        call->rows[i].text,
                                        call->rows[i].reason};
    call->told.dead(call->ctx, file_call_status(call, status, error), dead, call->count, error);
    file_call_free(call);
}

static struct file_call *read_new(struct journal *journal, struct store_journal_query query, pool_done_cb done,
                                  void *ctx)
{
    struct file_call *call = file_call_new(journal, POOL_READ, read_work, done, ctx);
    call->query = query;
    call->query.bytes_max = JOURNAL_READ_BYTES_MAX;
    return call;
}

void file_journal_read(struct journal *journal, unsigned shard, int64_t after, size_t limit, journal_read_cb done,
                       void *ctx)
{
    struct store_journal_query query = {.shard = shard, .after = after, .limit = limit};
    struct file_call *call = read_new(journal, query, read_done, ctx);
    call->told.read = done;
    file_call_run_ready(call);
}

void file_journal_dead_list(struct journal *journal, unsigned shard, int64_t after, size_t limit, journal_dead_cb done,
                            void *ctx)
{
    struct store_journal_query query = {.dead = true, .shard = shard, .after = after, .limit = limit};
    struct file_call *call = read_new(journal, query, dead_done, ctx);
    call->told.dead = done;
    file_call_run(call);
}

static enum status find_work(struct pool_job *job, struct error *error)
{
    struct file_call *call = file_call_of(job);
    return store_journal_find(call->own->store, call->ticket.shard, call->ticket.number, &call->arena, &call->found,
                              error);
}

static void find_done(struct pool_job *job, enum status status, const struct error *error)
{
    static const enum ticket_state states[] = {[STORE_NOWHERE] = TICKET_UNKNOWN,
                                               [STORE_WAITING] = TICKET_PENDING,
                                               [STORE_SETTLED] = TICKET_SETTLED,
                                               [STORE_DEAD] = TICKET_DEAD,
                                               [STORE_GONE] = TICKET_FORGOTTEN};
    struct file_call *call = file_call_of(job);
    struct journal_found found = {.state = states[call->found.place], .reason = call->found.reason};
    found.outcome.applied.number = call->ticket.number;
    if (found.state != TICKET_SETTLED)
        slice_copy(found.outcome.id, sizeof(found.outcome.id), call->found.text);
    else if (!outcome_parse(call->found.text, &found.outcome))
        found.state = TICKET_FORGOTTEN;
    call->told.find(call->ctx, file_call_status(call, status, error), &found, error);
    file_call_free(call);
}

void file_journal_find(struct journal *journal, struct ticket ticket, journal_find_cb done, void *ctx)
{
    struct file_call *call = file_call_new(journal, POOL_READ, find_work, find_done, ctx);
    call->told.find = done;
    call->ticket = ticket;
    file_call_run(call);
}
