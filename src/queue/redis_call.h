/* SPDX-License-Identifier: MIT */
/*
 * The calls of the journal in Redis: from a command to the caller's callback. Private to queue/redis_*.c.
 * context  loop only
 */
#ifndef QUEUE_REDIS_CALL_H
#define QUEUE_REDIS_CALL_H

#include "base/container.h"
#include "queue/durable.h"
#include "queue/journal_ops.h"
#include "queue/readiness.h"
#include "redis/redis.h"

enum { QUEUE_KEY_ROOM = 64 };

enum queue_script {
    QUEUE_APPEND,
    QUEUE_BELONG,
    QUEUE_FIND,
    QUEUE_HOLD,
    QUEUE_LOOK,
    QUEUE_READ,
    QUEUE_SETTLE,
    QUEUE_SCRIPT_COUNT
};

/* What no answer means: UNAVAILABLE, or UNKNOWN. */
enum call_verb { CALL_READS, CALL_WRITES };

struct journal_call;

struct shard_keys {
    char writes[QUEUE_KEY_ROOM], done[QUEUE_KEY_ROOM], dead[QUEUE_KEY_ROOM], applier[QUEUE_KEY_ROOM];
};

struct redis_journal {
    struct journal journal;
    struct journal_options options;
    struct redis *redis;
    struct shard_keys keys[QUEUE_SHARDS];
    struct durability durability;
    struct error flaw; /* of the check under way, or the last one */
    bool is_checking;
    struct readiness readiness;
    struct timer *sync_timer;
    bool is_syncing;
    struct journal_call *unsynced; /* answered, and not yet known to be on the disk */
    size_t call_count;
};

struct journal_call {
    struct redis_journal *own;
    unsigned shard;
    enum call_verb verb;
    bool is_sent;
    redis_reply_cb on_reply; /* takes the answer, and ends the call */
    union journal_told told;
    void *ctx;
    void (*tell)(struct journal_call *call); /* of one that writes: calls back with the next three, and frees it */
    struct ticket ticket;
    enum status status;
    struct error error;
    struct journal_call *next;
};

static inline struct redis_journal *redis_journal_of(const struct journal *journal)
{
    return container_of(journal, struct redis_journal, journal);
}

/* The keys of the call's shard. */
static inline const struct shard_keys *journal_call_keys(const struct journal_call *call)
{
    return &call->own->keys[call->shard];
}

/* An item of an array; empty beyond its end. */
static inline struct slice journal_item_text(const struct redis_reply *reply, size_t index)
{
    return index < redis_reply_count(reply) ? redis_reply_text(redis_reply_item(reply, index)) : SLICE("");
}

struct journal_call *journal_call_new(struct journal *journal, enum call_verb verb, unsigned shard,
                                      redis_reply_cb on_reply, void *ctx);
void journal_call_free(struct journal_call *call);

/* Sends it; while the journal is not ready, on_reply comes later with NULL. */
void journal_call_send(struct journal_call *call, const struct slice *args, size_t count);
void journal_call_run(struct journal_call *call, enum queue_script script, const struct slice *keys, size_t key_count,
                      const struct slice *args, size_t arg_count);

/* Whose the journal is: on_reply gets the name of its store. It is sent whether the journal is ready or not. */
void journal_ask_store(struct redis_journal *own, redis_reply_cb on_reply);

/* Its status and error, by the answer alone. */
enum status journal_call_take(struct journal_call *call, const struct redis_reply *reply);

/* Tells it, once what it has written is on the disk. */
void journal_call_settle(struct journal_call *call);

/* What is not known to be on the disk is told as UNKNOWN, unless it is synced. */
void journal_sync_end(struct redis_journal *own, bool is_synced);
void journal_on_sync_timer(void *own);

/* redis_read.c, redis_write.c: as in struct journal_ops */
#define REDIS_JOURNAL_OP(name) __typeof__(*((struct journal_ops *)0)->name) redis_journal_##name
REDIS_JOURNAL_OP(append);
REDIS_JOURNAL_OP(settle);
REDIS_JOURNAL_OP(hold);
REDIS_JOURNAL_OP(release);
REDIS_JOURNAL_OP(dead_retry);
REDIS_JOURNAL_OP(dead_drop);
REDIS_JOURNAL_OP(read);
REDIS_JOURNAL_OP(find);
REDIS_JOURNAL_OP(look);
REDIS_JOURNAL_OP(dead_list);
#undef REDIS_JOURNAL_OP

#endif
