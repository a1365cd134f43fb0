/* SPDX-License-Identifier: MIT */
/*
 * What is read from the journal in Redis.
 *
 * An answer is read strictly: what our scripts would not write was written by somebody else. A write without a text is
 * handed on as it is (its reader refuses it, and it becomes a dead letter); an outcome that is none counts as
 * forgotten. An item whose number is none of the journal's, or far ahead of all, is removed, and the log tells.
 */
#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "queue/outcome.h"
#include "queue/redis_call.h"

enum { KEYS_PER_SHARD = 3, LOOK_FIELDS = 5 };

static int64_t item_number(const struct redis_reply *reply, size_t index)
{
    int64_t number = 0;
    return ticket_number_parse(journal_item_text(reply, index), &number) ? number : 0;
}

/* ---- Writes ---- */

static void on_removed(void *ctx, const struct redis_reply *reply)
{
    (void)reply;
    journal_call_free(ctx);
}

/* An item whose number no journal gives; it would be read again and again, and can't be settled. */
static void item_remove(const struct journal_call *read, struct slice number)
{
    struct journal_call *call = journal_call_new(&read->own->journal, CALL_WRITES, read->shard, on_removed, NULL);
    const struct slice args[] = {SLICE("XDEL"), slice_of(journal_call_keys(call)->writes), number};
    log_warn(NULL, "queue_foreign_item", "shard=%u number=%.*s action=\"removed\"", read->shard, (int)number.len,
             number.data);
    journal_call_send(call, args, 3);
}

static void on_read(void *ctx, const struct redis_reply *reply)
{
    struct journal_call *call = ctx;
    bool is_ok = journal_call_take(call, reply) == STATUS_OK;
    size_t item_count = is_ok ? redis_reply_count(reply) / 2 : 0, count = 0;
    struct journal_write *writes = mem_alloc((item_count + 1) * sizeof(*writes));
    for (size_t i = 0; i < item_count; i++) {
        int64_t number = item_number(reply, 2 * i);
        if (ticket_number_given(number, clock_wall_ms()))
            writes[count++] = (struct journal_write){number, journal_item_text(reply, 2 * i + 1)};
        else
            item_remove(call, journal_item_text(reply, 2 * i));
    }
    call->told.read(call->ctx, call->status, writes, count, &call->error);
    free(writes);
    journal_call_free(call);
}

void redis_journal_read(struct journal *journal, unsigned shard, int64_t after, size_t limit, journal_read_cb done,
                        void *ctx)
{
    struct journal_call *call = journal_call_new(journal, CALL_READS, shard, on_read, ctx);
    char number[TICKET_TEXT_MAX + 1], most[INT64_TEXT_MAX + 1], bytes[INT64_TEXT_MAX + 1];
    call->told.read = done;
    const struct slice names[] = {slice_of(journal_call_keys(call)->writes)};
    const struct slice args[] = {slice_of(ticket_number_print(number, after)), slice_of_int64(most, (int64_t)limit),
                                 slice_of_int64(bytes, JOURNAL_READ_BYTES_MAX)};
    journal_call_run(call, QUEUE_READ, names, 1, args, 3);
}

/* ---- One ticket ---- */

static void found_take(struct journal_found *found, const struct redis_reply *reply)
{
    struct slice word = journal_item_text(reply, 0), text = journal_item_text(reply, 1);
    if (SLICE_IS(word, "settled")) {
        found->state = outcome_parse(text, &found->outcome) ? TICKET_SETTLED : TICKET_FORGOTTEN;
        return;
    }
    found->state = SLICE_IS(word, "pending")     ? TICKET_PENDING
                   : SLICE_IS(word, "dead")      ? TICKET_DEAD
                   : SLICE_IS(word, "forgotten") ? TICKET_FORGOTTEN
                                                 : TICKET_UNKNOWN;
    slice_copy(found->outcome.id, sizeof(found->outcome.id), text);
    found->reason = journal_item_text(reply, 2);
}

static void on_found(void *ctx, const struct redis_reply *reply)
{
    struct journal_call *call = ctx;
    struct journal_found found = {.state = TICKET_UNKNOWN, .outcome.applied.number = call->ticket.number};
    if (journal_call_take(call, reply) == STATUS_OK)
        found_take(&found, reply);
    call->told.find(call->ctx, call->status, &found, &call->error);
    journal_call_free(call);
}

void redis_journal_find(struct journal *journal, struct ticket ticket, journal_find_cb done, void *ctx)
{
    struct journal_call *call = journal_call_new(journal, CALL_READS, ticket.shard, on_found, ctx);
    const struct shard_keys *keys = journal_call_keys(call);
    char number[TICKET_TEXT_MAX + 1];
    call->told.find = done;
    call->ticket = ticket;
    const struct slice names[] = {slice_of(keys->writes), slice_of(keys->done), slice_of(keys->dead)};
    const struct slice args[] = {slice_of(ticket_number_print(number, ticket.number))};
    journal_call_run(call, QUEUE_FIND, names, 3, args, 1);
}

/* ---- Figures ---- */

static void on_looked(void *ctx, const struct redis_reply *reply)
{
    struct journal_call *call = ctx;
    struct journal_figures figures = {0};
    bool is_ok = journal_call_take(call, reply) == STATUS_OK;
    for (size_t i = 0; is_ok && i < QUEUE_SHARDS && (i + 1) * LOOK_FIELDS <= redis_reply_count(reply); i++) {
        size_t at = i * LOOK_FIELDS;
        figures.shards[i].depth = (uint64_t)redis_reply_integer(redis_reply_item(reply, at));
        figures.shards[i].oldest_at_ms = item_number(reply, at + 1) >> TICKET_SEQ_BITS;
        figures.shards[i].dead_count = (uint64_t)redis_reply_integer(redis_reply_item(reply, at + 2));
        figures.shards[i].last_number = item_number(reply, at + 3);
        slice_copy(figures.shards[i].applier, sizeof(figures.shards[i].applier), journal_item_text(reply, at + 4));
    }
    call->told.look(call->ctx, call->status, &figures, &call->error);
    journal_call_free(call);
}

void redis_journal_look(struct journal *journal, journal_look_cb done, void *ctx)
{
    struct journal_call *call = journal_call_new(journal, CALL_READS, 0, on_looked, ctx);
    struct slice names[KEYS_PER_SHARD * QUEUE_SHARDS];
    call->told.look = done;
    for (unsigned shard = 0; shard < QUEUE_SHARDS; shard++) {
        const struct shard_keys *keys = &call->own->keys[shard];
        names[shard * KEYS_PER_SHARD] = slice_of(keys->writes);
        names[shard * KEYS_PER_SHARD + 1] = slice_of(keys->dead);
        names[shard * KEYS_PER_SHARD + 2] = slice_of(keys->applier);
    }
    journal_call_run(call, QUEUE_LOOK, names, KEYS_PER_SHARD * QUEUE_SHARDS, NULL, 0);
}

/* ---- Dead letters ---- */

/* {number, {"text", text, "id", id, "reason", reason, "at", ms}} */
static void dead_take(struct journal_dead *dead, unsigned shard, const struct redis_reply *item)
{
    static const struct redis_reply none = {.type = REDIS_TYPE_ARRAY};
    const struct redis_reply *fields = redis_reply_count(item) == 2 ? redis_reply_item(item, 1) : &none;
    *dead = (struct journal_dead){.ticket = {shard, item_number(item, 0)},
                                  .text = journal_item_text(fields, 1),
                                  .reason = journal_item_text(fields, 5)};
    if (!slice_to_int64(journal_item_text(fields, 7), &dead->died_at_ms))
        dead->died_at_ms = 0;
}

static void on_dead_listed(void *ctx, const struct redis_reply *reply)
{
    struct journal_call *call = ctx;
    size_t count = journal_call_take(call, reply) == STATUS_OK ? redis_reply_count(reply) : 0;
    struct journal_dead *dead = mem_alloc((count + 1) * sizeof(*dead));
    for (size_t i = 0; i < count; i++)
        dead_take(&dead[i], call->shard, redis_reply_item(reply, i));
    call->told.dead(call->ctx, call->status, dead, count, &call->error);
    free(dead);
    journal_call_free(call);
}

void redis_journal_dead_list(struct journal *journal, unsigned shard, int64_t after, size_t limit, journal_dead_cb done,
                             void *ctx)
{
    struct journal_call *call = journal_call_new(journal, CALL_READS, shard, on_dead_listed, ctx);
    char number[TICKET_TEXT_MAX + 1], from[1 + TICKET_TEXT_MAX + 1], most[INT64_TEXT_MAX + 1];
    call->told.dead = done;
    snprintf(from, sizeof(from), "(%s", ticket_number_print(number, after));
    const struct slice args[] = {SLICE("XRANGE"), slice_of(journal_call_keys(call)->dead), slice_of(from), SLICE("+"),
                                 SLICE("COUNT"),  slice_of_int64(most, (int64_t)limit)};
    journal_call_send(call, args, 6);
}
