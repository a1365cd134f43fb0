/* SPDX-License-Identifier: MIT */
/*
 * What changes the journal in Redis: each is one script or one command, so it is made whole or not at all, also in
 * Redis' file. Many calls of one turn of the loop go out together, and Redis syncs its file once for all of them.
 *
 * An append can't be sent again: after UNKNOWN the write may wait in the journal. The key of an Idempotency-Key tells.
 * The others may, as they find what they have done already. Holds are no promise to anybody (store/apply.h), so they
 * are not waited for until they are on the disk.
 */
#include <stdio.h>
#include <stdlib.h>

#include "base/hash.h"
#include "base/mem.h"
#include "queue/accept.h"
#include "queue/outcome.h"
#include "queue/redis_call.h"

static void kept_key_init(char key[QUEUE_KEY_ROOM], struct slice text)
{
    char hash[HASH_FINGERPRINT_LEN + 1];
    hash_secret(hash, text); /* as long as any other, whatever clients send */
    snprintf(key, QUEUE_KEY_ROOM, "todo-queue:key:%s", hash);
}

/* ---- Appending ---- */

static void append_tell(struct journal_call *call)
{
    call->told.append(call->ctx, call->status, call->ticket, &call->error);
    journal_call_free(call);
}

static void append_take(struct journal_call *call, const struct redis_reply *reply)
{
    static const char *const words[] = {[STORE_ACCEPTED] = "ok",
                                        [STORE_ACCEPT_KEPT] = "exists",
                                        [STORE_ACCEPT_MISMATCH] = "mismatch",
                                        [STORE_ACCEPT_FULL] = "full",
                                        [STORE_ACCEPT_OLD] = "old"};
    struct slice word = journal_item_text(reply, 0);
    enum store_accept accept = STORE_ACCEPTED;
    while (accept <= STORE_ACCEPT_OLD && !slice_equal(word, slice_of(words[accept])))
        accept++;
    bool has_ticket = ticket_parse(journal_item_text(reply, 1), &call->ticket);
    if (slice_equal(word, SLICE("none")))
        call->status = error_set(&call->error, STATUS_NOT_FOUND, "there is no such dead letter");
    else if (accept > STORE_ACCEPT_OLD || (accept <= STORE_ACCEPT_KEPT && !has_ticket))
        call->status = error_set(&call->error, STATUS_UNKNOWN, "the queue's Redis gave an answer that is none");
    else
        call->status = accept_status(accept, call->own->options.settings, &call->error);
}

static void on_append(void *ctx, const struct redis_reply *reply)
{
    struct journal_call *call = ctx;
    if (journal_call_take(call, reply) == STATUS_OK)
        append_take(call, reply);
    journal_call_settle(call);
}

static void append_run(struct journal_call *call, const char *kept_key, const struct slice *args, size_t arg_count)
{
    const struct shard_keys *keys = journal_call_keys(call);
    struct slice names[3 + QUEUE_SHARDS + 1] = {slice_of(keys->writes), slice_of(keys->done), slice_of(keys->dead)};
    size_t count = 3;
    for (unsigned shard = 0; shard < QUEUE_SHARDS; shard++)
        names[count++] = slice_of(call->own->keys[shard].writes);
    if (kept_key[0])
        names[count++] = slice_of(kept_key);
    journal_call_run(call, QUEUE_APPEND, names, count, args, arg_count);
}

static struct journal_call *append_new(struct journal *journal, unsigned shard, journal_append_cb done, void *ctx)
{
    struct journal_call *call = journal_call_new(journal, CALL_WRITES, shard, on_append, ctx);
    call->ticket.shard = shard;
    call->told.append = done;
    call->tell = append_tell;
    return call;
}

void redis_journal_append(struct journal *journal, const struct journal_append *append, journal_append_cb done,
                          void *ctx)
{
    const struct settings *settings = redis_journal_of(journal)->options.settings;
    char shard[INT64_TEXT_MAX + 1], depth[INT64_TEXT_MAX + 1], age_ms[INT64_TEXT_MAX + 1], ttl_ms[INT64_TEXT_MAX + 1];
    char kept_key[QUEUE_KEY_ROOM] = "";
    if (append->key.data)
        kept_key_init(kept_key, append->key);
    const struct slice args[] = {slice_of_int64(shard, append->shard),
                                 append->text,
                                 append->id,
                                 slice_of_int64(depth, settings->queue_depth_max),
                                 slice_of_int64(age_ms, settings->queue_age_max_s * 1000),
                                 append->fingerprint,
                                 slice_of_int64(ttl_ms, settings->idempotency_ttl_s * 1000)};
    append_run(append_new(journal, append->shard, done, ctx), kept_key, args, sizeof(args) / sizeof(args[0]));
}

void redis_journal_dead_retry(struct journal *journal, struct ticket ticket, journal_append_cb done, void *ctx)
{
    char shard[INT64_TEXT_MAX + 1], number[TICKET_TEXT_MAX + 1];
    const struct slice args[] = {slice_of_int64(shard, ticket.shard),
                                 slice_of(ticket_number_print(number, ticket.number))};
    append_run(append_new(journal, ticket.shard, done, ctx), "", args, 2);
}

/* ---- Settling, holding, dropping ---- */

static void done_tell(struct journal_call *call)
{
    if (call->told.done)
        call->told.done(call->ctx, call->status, &call->error);
    journal_call_free(call);
}

static struct journal_call *done_new(struct journal *journal, enum call_verb verb, unsigned shard,
                                     redis_reply_cb on_reply, journal_done_cb done, void *ctx)
{
    struct journal_call *call = journal_call_new(journal, verb, shard, on_reply, ctx);
    call->told.done = done;
    call->tell = done_tell;
    return call;
}

static void on_settled(void *ctx, const struct redis_reply *reply)
{
    struct journal_call *call = ctx;
    (void)journal_call_take(call, reply);
    journal_call_settle(call);
}

void redis_journal_settle(struct journal *journal, unsigned shard, const struct journal_outcome *outcomes, size_t count,
                          const char *reason, journal_done_cb done, void *ctx)
{
    const struct shard_keys *keys = &redis_journal_of(journal)->keys[shard];
    const struct slice names[] = {slice_of(keys->writes), slice_of(keys->done), slice_of(keys->dead)};
    struct row {
        char number[TICKET_TEXT_MAX + 1], outcome[OUTCOME_TEXT_MAX + 1];
    } *rows = mem_alloc((count + 1) * sizeof(*rows));
    struct slice *args = mem_alloc((2 + 2 * count) * sizeof(*args));
    char kept[INT64_TEXT_MAX + 1];
    args[0] = slice_of(reason ? reason[0] ? reason : "no reason" : "");
    args[1] = slice_of_int64(kept, JOURNAL_OUTCOMES_MAX);
    for (size_t i = 0; i < count; i++) {
        outcome_print(rows[i].outcome, &outcomes[i]);
        args[2 + 2 * i] = slice_of(ticket_number_print(rows[i].number, outcomes[i].applied.number));
        args[3 + 2 * i] = slice_of(rows[i].outcome);
    }
    journal_call_run(done_new(journal, CALL_WRITES, shard, on_settled, done, ctx), QUEUE_SETTLE, names, 3, args,
                     2 + 2 * count);
    free(args);
    free(rows);
}

/* Nothing depends on a hold that is lost, so it is not waited for. */
static void on_held(void *ctx, const struct redis_reply *reply)
{
    struct journal_call *call = ctx;
    if (journal_call_take(call, reply) == STATUS_OK && redis_reply_integer(reply) == 0)
        call->status = error_set(&call->error, STATUS_BUSY, "another applier holds the shard");
    done_tell(call);
}

static void hold_run(struct journal *journal, unsigned shard, const struct token *owner, int64_t held_ms,
                     journal_done_cb done, void *ctx)
{
    char ms[INT64_TEXT_MAX + 1];
    const struct slice names[] = {slice_of(redis_journal_of(journal)->keys[shard].applier)},
                       args[] = {slice_of(owner->text), slice_of_int64(ms, held_ms)};
    journal_call_run(done_new(journal, CALL_READS, shard, on_held, done, ctx), QUEUE_HOLD, names, 1, args, 2);
}

void redis_journal_hold(struct journal *journal, unsigned shard, const struct token *owner, journal_done_cb done,
                        void *ctx)
{
    hold_run(journal, shard, owner, JOURNAL_HOLD_MS, done, ctx);
}

void redis_journal_release(struct journal *journal, unsigned shard, const struct token *owner)
{
    hold_run(journal, shard, owner, 0, NULL, NULL);
}

static void on_dropped(void *ctx, const struct redis_reply *reply)
{
    struct journal_call *call = ctx;
    if (journal_call_take(call, reply) == STATUS_OK && redis_reply_integer(reply) == 0)
        call->status = error_set(&call->error, STATUS_NOT_FOUND, "there is no such dead letter");
    journal_call_settle(call);
}

void redis_journal_dead_drop(struct journal *journal, struct ticket ticket, journal_done_cb done, void *ctx)
{
    struct journal_call *call = done_new(journal, CALL_WRITES, ticket.shard, on_dropped, done, ctx);
    char number[TICKET_TEXT_MAX + 1];
    const struct slice args[] = {SLICE("XDEL"), slice_of(journal_call_keys(call)->dead),
                                 slice_of(ticket_number_print(number, ticket.number))};
    journal_call_send(call, args, 3);
}
