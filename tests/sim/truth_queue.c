/* SPDX-License-Identifier: MIT */
/*
 * One table of writes, in the order in which they became known.
 *
 * A batch that was rolled back, or whose trip was lost before it was applied, never comes here. What comes a second time
 * is the same write applied twice, whatever its todo looks like by now: the numbers tell.
 */
#include "truth_queue.h"

#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "world.h"

enum { QUEUED_MAX = 8192 };

static struct truth_queued queued[QUEUED_MAX];
static size_t queued_count;
static int64_t last_done[QUEUE_SHARDS];

void truth_queue_begin(void)
{
    queued_count = 0;
    memset(last_done, 0, sizeof(last_done));
}

static const char *name_of(struct ticket ticket)
{
    static char text[TICKET_TEXT_MAX + 1];
    ticket_print(text, ticket);
    return text;
}

static struct truth_queued *queued_find(struct ticket ticket)
{
    for (size_t i = queued_count; i-- > 0;)
        if (queued[i].ticket.shard == ticket.shard && queued[i].ticket.number == ticket.number)
            return &queued[i];
    return NULL;
}

static struct truth_queued *queued_of(struct ticket ticket)
{
    struct truth_queued *found = queued_find(ticket);
    if (found)
        return found;
    bug_unless(queued_count < QUEUED_MAX, "too many queued writes for the checker");
    queued[queued_count] = (struct truth_queued){.ticket = ticket};
    return &queued[queued_count++];
}

void truth_queue_accepted(struct ticket ticket, const char *id)
{
    struct truth_queued *write = queued_of(ticket);
    write->is_acknowledged = true;
    if (!write->id[0])
        snprintf(write->id, sizeof(write->id), "%s", id);
    world_note('Q', ticket.shard, (uint64_t)ticket.number);
}

/* ---- The store ---- */

static void note_done(struct truth_queued *write, const struct store_queued *queue, const struct store_applied *applied)
{
    if (write->is_done)
        world_break("twice: the queued write %s was applied, or given up, a second time", name_of(write->ticket));
    else if (write->ticket.number <= last_done[write->ticket.shard])
        world_break("out of order: the queued write %s was applied after a later one", name_of(write->ticket));
    last_done[write->ticket.shard] = write->ticket.number;
    write->is_done = true;
    write->is_dead = queue->is_dead;
    write->applied = *applied;
    if (queue->is_dead)
        return;
    bool is_other = *applied->id; /* its key has made that todo before, without the queue: this write made none */
    snprintf(write->id, sizeof(write->id), "%s", is_other ? applied->id : queue->change.todo->id);
    snprintf(write->name, sizeof(write->name), "%.*s", (int)queue->change.todo->name.len,
             queue->change.todo->name.data);
    write->number = is_other ? 0 : truth_todo_of(write->id)->count - 1;
}

void truth_queue_applied(const struct store_batch *batch, const struct store_applied *results)
{
    for (size_t i = 0; i < batch->count && !world.is_broken; i++) {
        struct ticket ticket = {.shard = batch->shard, .number = batch->writes[i].number};
        note_done(queued_of(ticket), &batch->writes[i], &results[i]);
        world_tell("store: the queued write %s %s: %s", name_of(ticket),
                   batch->writes[i].is_dead ? "is given up" : "is applied", status_name(results[i].status));
    }
}

/* ---- What is told ---- */

static bool has_worked(const struct truth_queued *write)
{
    return write->is_done && !write->is_dead && write->applied.status == STATUS_OK;
}

static void judge_applied(const struct truth_queued *write, struct store_version version)
{
    const struct store_version *made = &write->applied.version;
    if (!has_worked(write))
        world_break("the queued write %s was told to be applied, and is not", name_of(write->ticket));
    else if (version.v != 0 && (version.life != made->life || (version.v != made->v && version.v != made->v + 1)))
        world_break("the queued write %s was told to have made version %lld, but it made %lld", name_of(write->ticket),
                    (long long)version.v, (long long)made->v);
    else
        truth_bind(truth_todo_of(write->id), write->number);
}

void truth_queue_told(struct ticket ticket, struct slice state, struct store_version version, int64_t sent_us)
{
    struct truth_queued *write = queued_of(ticket);
    if (slice_equal(state, SLICE("pending"))) {
        if (write->told_at_us > 0 && write->told_at_us < sent_us)
            world_break("the queued write %s waits again", name_of(ticket));
        return;
    }
    if (write->told_at_us == 0)
        write->told_at_us = world.now_us;
    if (state.len == 0)
        world_break("lost: the queue doesn't know its ticket %s", name_of(ticket));
    else if (slice_equal(state, SLICE("applied")))
        judge_applied(write, version);
    else if (!write->is_done)
        world_break("the queued write %s was told to be %.*s, and waits", name_of(ticket), (int)state.len, state.data);
    else if (slice_equal(state, SLICE("failed")) && has_worked(write))
        world_break("the queued write %s was told to have failed, and was applied", name_of(ticket));
}

/* A key may have made another todo than the one that its 202 named: then the ticket says nothing of that one. */
void truth_queue_shown(struct ticket ticket, const char *id, int number, bool may_be_old)
{
    const struct truth_queued *write = queued_of(ticket);
    if (write->is_done && strcmp(write->id, id) != 0)
        return;
    if (!write->is_done)
        world_break("a read that showed the ticket %s was answered before that write was applied", name_of(ticket));
    else if (has_worked(write) && number != TRUTH_NONE && (size_t)number < write->number && !may_be_old)
        world_break("backwards: a read that showed the ticket %s was answered state %d of %s, which was state %zu by "
                    "then",
                    name_of(ticket), number, write->id, write->number);
}

bool truth_queue_made(const char *id, const char *name)
{
    for (size_t i = 0; i < queued_count; i++)
        if (queued[i].is_done && queued[i].applied.created && strcmp(queued[i].id, id) == 0 &&
            strcmp(queued[i].name, name) == 0)
            return true;
    return false;
}

void truth_queue_judge(void)
{
    for (size_t i = 0; i < queued_count && !world.is_broken; i++)
        if (queued[i].is_acknowledged && !queued[i].is_done)
            world_break("lost: the queued write %s was acknowledged, and never applied", name_of(queued[i].ticket));
}
