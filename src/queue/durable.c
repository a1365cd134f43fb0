/* SPDX-License-Identifier: MIT */
/*
 * Is this Redis a journal? Its own words, in its answers to INFO and CONFIG GET.
 *
 * With appendonly yes and appendfsync always, Redis syncs its file before it answers, and many commands that came
 * together by one sync. With appendfsync everysec it answers before. From 7.2 on WAITAOF tells when the sync is done,
 * so such a Redis is as good, up to a second slower; an older one would lose a second of acknowledged writes.
 *
 * Three settings undo that. maxmemory-policy other than noeviction: a full Redis removes writes that wait.
 * no-appendfsync-on-rewrite yes: no sync while the file is rewritten, even with always. A replica's data is another
 * server's. A cluster can't run our scripts, which look at all shards.
 *
 * The cache's Redis is refused even if it were durable: a journal must not share the memory, the restarts and the
 * FLUSHALL of a cache.
 *
 * It believes what it is told. That the disk keeps what it has synced nobody can ask.
 */
#include "queue/durable.h"

#include <stdio.h>
#include <string.h>

#include "cache/identity.h"
#include "redis/redis_info.h"

enum { WAITAOF_SINCE = 702, EVERYSEC_TIMEOUT_MS = 1500, VALUE_ROOM = 32 };

/* What INFO must say, the first that doesn't is told. */
static const struct rule {
    const char *name, *want;
    enum status status; /* INVALID: an operator must change it */
    const char *flaw;
} RULES[] = {
    {"role", "master", STATUS_INVALID, "it is a replica: name the primary"},
    {"loading", "0", STATUS_UNAVAILABLE, "it is loading its file"},
    {"cluster_enabled", "0", STATUS_INVALID, "it is part of a cluster: name a Redis that stands alone"},
    {"aof_enabled", "1", STATUS_INVALID, "it is not durable: its redis.conf needs the line \"appendonly yes\""},
    {"maxmemory_policy", "noeviction", STATUS_INVALID,
     "it evicts writes when it is full: its redis.conf needs the line \"maxmemory-policy noeviction\""},
    {"aof_last_write_status", "ok", STATUS_UNAVAILABLE,
     "it can't write its append-only file: is its disk full? See its log"},
};

/* "7.2.4" is 702. */
static int version_of(struct slice info)
{
    char text[VALUE_ROOM];
    int major = 0, minor = 0;
    redis_info_value(info, "redis_version", text, sizeof(text));
    return sscanf(text, "%3d.%2d", &major, &minor) == 2 ? major * 100 + minor : 0;
}

enum status durability_take_info(struct durability *durability, const struct redis_reply *info, const char *cache_id,
                                 struct error *error)
{
    char value[VALUE_ROOM];
    struct identity identity;
    if (!info)
        return error_set(error, STATUS_UNAVAILABLE, "it doesn't answer");
    if (!redis_reply_ok(info))
        return error_set(error, STATUS_INVALID, "it doesn't tell who it is: allow +info to the user of queue_user");
    for (size_t i = 0; i < sizeof(RULES) / sizeof(RULES[0]); i++) {
        redis_info_value(redis_reply_text(info), RULES[i].name, value, sizeof(value));
        if (strcmp(value, RULES[i].want) != 0)
            return error_set(error, RULES[i].status, "%s", RULES[i].flaw);
    }
    identity_take(&identity, redis_reply_text(info), "");
    if (identity.id[0] && strcmp(identity.id, cache_id) == 0)
        return error_set(error, STATUS_INVALID, "it is the cache's Redis: the queue needs one of its own");
    durability->version = version_of(redis_reply_text(info));
    return STATUS_OK;
}

/* Of the reply's names and values; empty: it is not there. */
static struct slice config_value(const struct redis_reply *config, const char *name)
{
    for (size_t i = 0; i + 1 < redis_reply_count(config); i += 2)
        if (slice_equal(redis_reply_text(redis_reply_item(config, i)), slice_of(name)))
            return redis_reply_text(redis_reply_item(config, i + 1));
    return SLICE("");
}

enum status durability_take_config(struct durability *durability, const struct redis_reply *config, int64_t timeout_ms,
                                   struct error *error)
{
    if (!config)
        return error_set(error, STATUS_UNAVAILABLE, "it doesn't answer");
    if (!redis_reply_ok(config))
        return error_set(error, STATUS_INVALID,
                         "it doesn't tell whether it is durable: allow +config|get to the user of queue_user");
    struct slice fsync = config_value(config, "appendfsync");
    bool is_everysec = slice_equal(fsync, SLICE("everysec"));
    if (!slice_equal(fsync, SLICE("always")) && !(is_everysec && durability->version >= WAITAOF_SINCE))
        return error_set(error, STATUS_INVALID,
                         "it answers before it syncs: its redis.conf needs the line \"appendfsync always\"");
    if (is_everysec && timeout_ms < EVERYSEC_TIMEOUT_MS)
        return error_set(error, STATUS_INVALID,
                         "it syncs once a second: set \"appendfsync always\", or store_timeout_ms = %d or more",
                         EVERYSEC_TIMEOUT_MS);
    if (!slice_equal(config_value(config, "no-appendfsync-on-rewrite"), SLICE("no")))
        return error_set(error, STATUS_INVALID,
                         "it doesn't sync during a rewrite: its redis.conf needs the line \"no-appendfsync-on-rewrite "
                         "no\"");
    durability->waits = is_everysec;
    return STATUS_OK;
}
