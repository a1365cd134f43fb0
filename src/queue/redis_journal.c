/* SPDX-License-Identifier: MIT */
/*
 * The journal in a Redis of its own, which syncs its file before it answers.
 *
 *   todo-queue:{S}            stream of the writes that wait in shard S: text, id
 *   todo-queue:{S}:done       stream of outcomes, under the same numbers; the oldest are forgotten
 *   todo-queue:{S}:dead       stream of dead letters, under the same numbers: text, id, reason, at
 *   todo-queue:{S}:applier    who applies the shard; it ends by itself
 *   todo-queue:store          the name of the store that the writes are for (readiness.c)
 *   todo-queue:key:HASH       of an Idempotency-Key: the fingerprint of its request, and its ticket
 *
 * A number is the id of a stream's item. The calls are in redis_write.c and redis_read.c. This file decides whether
 * they may be sent:
 *
 *   connected -> INFO, CONFIG GET, belong.lua -> durable, and our store's -> ready -> the same again once a second
 *                                             \-> no: dropped, with the reason, and connected anew after a pause
 *
 * So a Redis whose settings somebody changes is left within a second, and one that is mended is found by itself.
 *
 * Does not: follow a failover. A replica may lack what its primary has acknowledged, so a journal's Redis that is gone
 * has to come back with its own file.
 */
#include <stdio.h>
#include <stdlib.h>

#include "base/mem.h"
#include "queue/redis_call.h"

/* ---- Ready or not ---- */

static void check_begin(struct redis_journal *own);

static void tell_down(struct redis_journal *own)
{
    struct error flaw;
    error_set(&flaw, STATUS_UNAVAILABLE, "%s", redis_reason(own->redis));
    readiness_tell(&own->readiness, &flaw);
}

static void check_end(struct redis_journal *own)
{
    own->is_checking = false;
    if (!redis_is_up(own->redis))
        return;
    if (own->flaw.status) {
        readiness_tell(&own->readiness, &own->flaw);
        redis_drop(own->redis, own->flaw.text);
        return;
    }
    redis_accept(own->redis);
    readiness_tell(&own->readiness, NULL);
}

static void on_info(void *ctx, const struct redis_reply *reply)
{
    struct redis_journal *own = ctx;
    const struct journal_options *options = &own->options;
    const char *cache_id = options->cache_id ? options->cache_id(options->ctx) : "";
    own->flaw = (struct error){0};
    own->flaw.status = durability_take_info(&own->durability, reply, cache_id, &own->flaw);
}

static void on_config(void *ctx, const struct redis_reply *reply)
{
    struct redis_journal *own = ctx;
    if (own->flaw.status == STATUS_OK)
        own->flaw.status =
            durability_take_config(&own->durability, reply, own->options.settings->store_timeout_ms, &own->flaw);
    if (!own->options.store_name)
        check_end(own);
}

static enum status store_take(const struct redis_journal *own, const struct redis_reply *reply, struct error *error)
{
    if (!reply)
        return error_set(error, STATUS_UNAVAILABLE, "it doesn't answer");
    struct slice text = redis_reply_text(reply);
    if (redis_reply_ok(reply))
        return readiness_compare(&own->readiness, text, error);
    return error_set(error, STATUS_UNAVAILABLE, "it doesn't tell whose it is: %.*s", (int)text.len, text.data);
}

static void on_store(void *ctx, const struct redis_reply *reply)
{
    struct redis_journal *own = ctx;
    if (own->flaw.status == STATUS_OK)
        own->flaw.status = store_take(own, reply, &own->flaw);
    if (own->flaw.status != STATUS_BUSY) {
        check_end(own);
        return;
    }
    own->is_checking = false;
    if (*readiness_store(&own->readiness)) /* it is known by now */
        check_begin(own);
}

static void check_begin(struct redis_journal *own)
{
    if (own->is_checking)
        return;
    own->is_checking = true;
    redis_call(own->redis, (struct slice[]){SLICE("INFO")}, 1, on_info, own);
    redis_call(own->redis, (struct slice[]){SLICE("CONFIG"), SLICE("GET"), SLICE("*appendfsync*")}, 3, on_config, own);
    if (own->options.store_name)
        journal_ask_store(own, on_store);
}

static void on_up(void *ctx)
{
    check_begin(ctx);
}

static void on_down(void *ctx)
{
    tell_down(ctx);
}

/* ---- The seam ---- */

static void shard_keys_init(struct shard_keys *keys, unsigned shard)
{
    snprintf(keys->writes, sizeof(keys->writes), "todo-queue:{%u}", shard);
    snprintf(keys->done, sizeof(keys->done), "todo-queue:{%u}:done", shard);
    snprintf(keys->dead, sizeof(keys->dead), "todo-queue:{%u}:dead", shard);
    snprintf(keys->applier, sizeof(keys->applier), "todo-queue:{%u}:applier", shard);
}

static bool redis_journal_is_ready(const struct journal *journal)
{
    return redis_journal_of(journal)->readiness.is_ready;
}

static bool redis_journal_is_idle(const struct journal *journal)
{
    return redis_journal_of(journal)->call_count == 0;
}

static void redis_journal_tend(struct journal *journal)
{
    struct redis_journal *own = redis_journal_of(journal);
    if (redis_is_up(own->redis))
        check_begin(own);
    else if (redis_reason(own->redis)[0])
        tell_down(own);
}

static void redis_journal_free(struct journal *journal)
{
    struct redis_journal *own = redis_journal_of(journal);
    own->readiness.is_ready = false;
    redis_free(own->redis);
    journal_sync_end(own, false);
    own->options.events->timer_free(own->sync_timer);
    free(own);
}

static const struct journal_ops REDIS_JOURNAL_OPS = {
    .free = redis_journal_free,
    .is_ready = redis_journal_is_ready,
    .is_idle = redis_journal_is_idle,
    .tend = redis_journal_tend,
    .append = redis_journal_append,
    .read = redis_journal_read,
    .settle = redis_journal_settle,
    .hold = redis_journal_hold,
    .release = redis_journal_release,
    .find = redis_journal_find,
    .look = redis_journal_look,
    .dead_list = redis_journal_dead_list,
    .dead_retry = redis_journal_dead_retry,
    .dead_drop = redis_journal_dead_drop,
};

enum status redis_journal_open(struct journal **journal, const struct journal_options *options, const char *address,
                               struct error *error)
{
    const struct settings *settings = options->settings;
    struct redis_journal *own = mem_zalloc(sizeof(*own));
    struct redis_options redis_options = {.events = options->events,
                                          .stats = options->stats,
                                          .address = address,
                                          .user = settings->queue_user,
                                          .password_file = settings->queue_password_file,
                                          .sentinel_user = "",
                                          .sentinel_password_file = "",
                                          .timeout_ms = (uint32_t)settings->store_timeout_ms,
                                          .reconnect_max_ms = (uint32_t)settings->redis_reconnect_max_ms,
                                          .on_up = on_up,
                                          .on_down = on_down,
                                          .ctx = own};
    own->journal.ops = &REDIS_JOURNAL_OPS;
    own->options = *options;
    own->readiness.options = &own->options;
    for (unsigned shard = 0; shard < QUEUE_SHARDS; shard++)
        shard_keys_init(&own->keys[shard], shard);
    if (redis_new(&own->redis, &redis_options, error) != STATUS_OK) {
        free(own);
        return STATUS_INVALID;
    }
    own->sync_timer = options->events->timer_new(options->events->loop, journal_on_sync_timer, own);
    *journal = &own->journal;
    return STATUS_OK;
}
