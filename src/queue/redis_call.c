/* SPDX-License-Identifier: MIT */
/*
 * A call of the journal: sent, answered, on the disk, told.
 *
 * A call that got no answer may have been carried out: UNKNOWN, if it writes. One that Redis answered with an error was
 * not: a script that fails fails at its first change. While the journal is not ready no call is sent. It fails later,
 * behind a PING, because callbacks never come from inside.
 *
 * A Redis that syncs once a second answers before it has (durable.c). What was answered then waits for a WAITAOF. One
 * is under way at a time; what is answered before it is was sent before it, and so is on the disk, too.
 */
#include "queue/redis_call.h"

#include <stdlib.h>
#include <utlist.h>

#include "base/mem.h"
#include "queue/queue_embedded.h"
#include "redis/redis_script.h"

#define SCRIPT_ROW(name, sha, text) [QUEUE_##name] = {SLICE(sha), SLICE(text), NULL},
#define SCRIPT_ONE(name, sha, text) +1
static const struct redis_script scripts[QUEUE_SCRIPT_COUNT] = {QUEUE_SCRIPTS(SCRIPT_ROW)};
_Static_assert(QUEUE_SCRIPTS(SCRIPT_ONE) == QUEUE_SCRIPT_COUNT, "a script is missing in enum queue_script");

/* ---- Calls ---- */

struct journal_call *journal_call_new(struct journal *journal, enum call_verb verb, unsigned shard,
                                      redis_reply_cb on_reply, void *ctx)
{
    struct journal_call *call = mem_zalloc(sizeof(*call));
    call->own = redis_journal_of(journal);
    call->shard = shard;
    call->verb = verb;
    call->on_reply = on_reply;
    call->ctx = ctx;
    call->own->call_count++;
    return call;
}

void journal_call_free(struct journal_call *call)
{
    call->own->call_count--;
    free(call);
}

static void on_refused(void *ctx, const struct redis_reply *reply)
{
    struct journal_call *call = ctx;
    (void)reply;
    call->on_reply(call, NULL);
}

/* False: it is not ready, and the call fails later. */
static bool call_may_go(struct journal_call *call)
{
    call->is_sent = call->own->readiness.is_ready;
    if (!call->is_sent)
        redis_call(call->own->redis, (struct slice[]){SLICE("PING")}, 1, on_refused, call);
    return call->is_sent;
}

void journal_call_send(struct journal_call *call, const struct slice *args, size_t count)
{
    if (call_may_go(call))
        redis_call(call->own->redis, args, count, call->on_reply, call);
}

void journal_call_run(struct journal_call *call, enum queue_script script, const struct slice *keys, size_t key_count,
                      const struct slice *args, size_t arg_count)
{
    if (call_may_go(call))
        redis_script_run(call->own->redis, &scripts[script], keys, key_count, args, arg_count, call->on_reply, call);
}

void journal_ask_store(struct redis_journal *own, redis_reply_cb on_reply)
{
    const struct slice key = SLICE("todo-queue:store"), name = slice_of(readiness_store(&own->readiness));
    redis_script_run(own->redis, &scripts[QUEUE_BELONG], &key, 1, &name, 1, on_reply, own);
}

enum status journal_call_take(struct journal_call *call, const struct redis_reply *reply)
{
    const struct redis_journal *own = call->own;
    struct error *error = &call->error;
    if (redis_reply_ok(reply))
        call->status = STATUS_OK;
    else if (reply)
        call->status = error_set(error, STATUS_UNAVAILABLE, "the queue's Redis refused: %.*s",
                                 (int)redis_reply_text(reply).len, redis_reply_text(reply).data);
    else if (!call->is_sent)
        call->status =
            error_set(error, STATUS_UNAVAILABLE, "the queue's Redis is not ready: %s", own->readiness.flaw.text);
    else
        call->status = error_set(error, call->verb == CALL_WRITES ? STATUS_UNKNOWN : STATUS_UNAVAILABLE,
                                 "the queue's Redis did not answer");
    return call->status;
}

/* ---- What Redis has written, and not yet synced ---- */

void journal_sync_end(struct redis_journal *own, bool is_synced)
{
    struct journal_call *calls = own->unsynced, *call, *next;
    own->unsynced = NULL;
    own->is_syncing = false;
    LL_FOREACH_SAFE(calls, call, next)
    {
        if (!is_synced)
            call->status = error_set(&call->error, STATUS_UNKNOWN, "the queue's Redis did not sync in time");
        call->tell(call);
    }
}

/* Whatever was answered before this was sent before WAITAOF was carried out. */
static void on_synced(void *ctx, const struct redis_reply *reply)
{
    bool is_array = redis_reply_ok(reply) && redis_reply_count(reply) == 2;
    journal_sync_end(ctx, is_array && redis_reply_integer(redis_reply_item(reply, 0)) >= 1);
}

void journal_on_sync_timer(void *ctx)
{
    struct redis_journal *own = ctx;
    char most_ms[INT64_TEXT_MAX + 1];
    const struct slice args[] = {SLICE("WAITAOF"), SLICE("1"), SLICE("0"),
                                 slice_of_int64(most_ms, own->options.settings->store_timeout_ms * 3 / 4)};
    if (own->is_syncing)
        return;
    own->is_syncing = true;
    redis_call(own->redis, args, 4, on_synced, own);
}

/* The end of a call that writes. */
void journal_call_settle(struct journal_call *call)
{
    struct redis_journal *own = call->own;
    if (!call->is_sent || !own->durability.waits || call->status == STATUS_UNAVAILABLE ||
        call->status == STATUS_UNKNOWN) {
        call->tell(call);
        return;
    }
    LL_APPEND(own->unsynced, call);
    if (!own->is_syncing)
        own->options.events->timer_start(own->sync_timer, 0);
}
