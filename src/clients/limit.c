/* SPDX-License-Identifier: MIT */
/*
 * Asking Redis whether a client may go on.
 *
 * The question is sent ahead of the read that it is about, on the same connection and in the same write. Redis answers
 * in the order of the commands, so the verdict is there first and costs the read no round trip. In a cluster client and
 * todo are mostly on different servers, and the read waits for the verdict.
 *
 * The key of a client stands outside the epoch: a limit needs no truth beyond a window's length. If the key is lost,
 * that client begins with a full burst, and nothing else happens.
 *
 * It does not refuse anybody: api/limit.c decides what a verdict means for a request.
 */
#include "clients/limit.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/mem.h"
#include "clients/limit_embedded.h"
#include "redis/redis_script.h"

enum { LIMIT_WINDOW_US = 60000000, CLIENT_MAX = 64 };

#define LIMIT_ROW(name, sha, text)                                                                                     \
    {                                                                                                                  \
        SLICE(sha), SLICE(text), NULL                                                                                  \
    }
static const struct redis_script limit_script = LIMIT_SCRIPTS(LIMIT_ROW);

struct limit_call {
    struct stats *stats;
    limit_cb done;
    void *ctx;
};

static struct limit_verdict verdict_of(const struct redis_reply *reply)
{
    struct limit_verdict verdict = {0};
    if (!redis_reply_ok(reply) || redis_reply_count(reply) != 4)
        return verdict;
    verdict.known = true;
    verdict.refused = redis_reply_integer(redis_reply_item(reply, 0)) == 0;
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
        stats_add(call->stats, STAT_LIMIT_UNKNOWN, 1);
    else
        stats_add(call->stats, verdict.refused ? STAT_LIMIT_REFUSED : STAT_LIMIT_ADMITTED, 1);
    call->done(call->ctx, &verdict);
    free(call);
}

/* Who has one IPv6 address has a network of them, a /64 or more. An IPv4 address may be written as an IPv6 one. */
static void client_of(char client[CLIENT_MAX + 1], struct slice address)
{
    struct in6_addr ip;
    snprintf(client, CLIENT_MAX + 1, "%.*s", (int)address.len, address.data);
    if (inet_pton(AF_INET6, client, &ip) != 1)
        return;
    if (IN6_IS_ADDR_V4MAPPED(&ip)) {
        inet_ntop(AF_INET, ip.s6_addr + 12, client, CLIENT_MAX + 1);
        return;
    }
    memset(ip.s6_addr + 8, 0, 8);
    inet_ntop(AF_INET6, &ip, client, CLIENT_MAX + 1);
    strcat(client, "/64");
}

void limit_ask(const struct limiter *limiter, struct slice address, limit_cb done, void *ctx)
{
    const struct settings *settings = limiter->settings;
    char client[CLIENT_MAX + 1], key[sizeof("limit:{}") + CLIENT_MAX];
    char interval[INT64_TEXT_MAX + 1], burst[INT64_TEXT_MAX + 1];
    client_of(client, address);
    snprintf(key, sizeof(key), "limit:{%s}", client);
    const struct slice keys[] = {slice_of(key)};
    const struct slice args[] = {slice_of_int64(interval, LIMIT_WINDOW_US / settings->rate_limit_per_minute),
                                 slice_of_int64(burst, settings->rate_limit_burst)};
    struct limit_call *call = mem_alloc(sizeof(*call));
    *call = (struct limit_call){.stats = limiter->stats, .done = done, .ctx = ctx};
    if (limiter->cluster)
        redis_script_run_in(limiter->cluster, &limit_script, keys, 1, args, 2, on_verdict, call);
    else
        redis_script_run(limiter->redis, &limit_script, keys, 1, args, 2, on_verdict, call);
}
