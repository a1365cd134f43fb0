/* SPDX-License-Identifier: MIT */
/*
 * Asking Redis whether a client may go on.
 *
 * The question is sent ahead of the read that it is about, on the same connection in the same write, so it costs the read no
 * round trip: replies come in the order of the commands. A limit needs no truth beyond a window's length, so its key is not
 * under the epoch, and losing it only means that a client begins with a full burst.
 */
#include "cache/limit.h"

#include <stdlib.h>

#include "base/mem.h"
#include "cache/cache_state.h"

enum { LIMIT_WINDOW_US = 60000000, CLIENT_MAX = 64 };

struct limit_call {
    struct cache *cache;
    limit_cb done;
    void *ctx;
};

static struct limit_verdict verdict_of(const struct redis_reply *reply)
{
    struct limit_verdict verdict = {.admitted = true};
    if (!redis_reply_ok(reply) || redis_reply_count(reply) != 4)
        return verdict;
    verdict.known = true;
    verdict.admitted = redis_reply_integer(redis_reply_item(reply, 0)) == 1;
    verdict.remaining = redis_reply_integer(redis_reply_item(reply, 1));
    verdict.reset_ms = redis_reply_integer(redis_reply_item(reply, 2));
    verdict.retry_in_ms = redis_reply_integer(redis_reply_item(reply, 3));
    return verdict;
}

static void on_verdict(void *ctx, const struct redis_reply *reply)
{
    struct limit_call *call = ctx;
    struct limit_verdict verdict = verdict_of(reply);
    if (!verdict.known)
        cache_count(call->cache, STAT_LIMIT_UNKNOWN);
    else
        cache_count(call->cache, verdict.admitted ? STAT_LIMIT_ADMITTED : STAT_LIMIT_REFUSED);
    call->done(call->ctx, &verdict);
    free(call);
}

void limit_ask(struct cache *cache, struct slice client, limit_cb done, void *ctx)
{
    const struct settings *settings = cache->options.settings;
    char key[sizeof("limit:{}") + CLIENT_MAX], interval[INT64_TEXT_MAX + 1], burst[INT64_TEXT_MAX + 1];
    size_t len = client.len < CLIENT_MAX ? client.len : CLIENT_MAX;
    memcpy(key, "limit:{", 7);
    memcpy(key + 7, client.data, len);
    key[7 + len] = '}';
    const struct slice keys[] = {{key, len + 8}};
    const struct slice args[] = {slice_of_int64(interval, LIMIT_WINDOW_US / settings->rate_limit_per_minute),
                                 slice_of_int64(burst, settings->rate_limit_burst)};
    struct limit_call *call = mem_alloc(sizeof(*call));
    *call = (struct limit_call){.cache = cache, .done = done, .ctx = ctx};
    script_run(cache->redis, SCRIPT_LIMIT, keys, 1, args, 2, on_verdict, call);
}
