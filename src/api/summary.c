/* SPDX-License-Identifier: MIT */
/*
 * GET /stats: what the cache does for everybody, in a few numbers, for the page and for whoever is curious.
 *
 *   {"reads":{"l1":9,"redis":40,"database":3},"writes":2,"errors":0,"redis":"trusted","queue":true,
 *    "times":{"up_to_ms":[0.05,...,null],"count":[7,...]}}
 *
 * The numbers are sums since the counters' file was made, of all workers of this machine: who asks twice subtracts.
 * reads counts reads of todos and pages by who answered them, errors the answers with status 500 and 503, times how
 * long reads took, the last count those that took longer than all bounds. redis is "away" if the worker that was asked
 * does not read from Redis at present, "trusted 9 of 10" if it reads from so many primaries of a cluster. queue says
 * whether writes may be queued (queued_write.c).
 *
 * It holds nothing that tells of one todo, one client or the machines behind; public_stats takes even this away. Any
 * cache may keep it for a second, so that many pages that watch cost as much as one.
 */
#include <inttypes.h>
#include <string.h>

#include "api/api.h"
#include "api/handlers.h"
#include "api/problem.h"

static uint64_t errors_of(const struct stats *sum, const char *const *routes, size_t route_count)
{
    uint64_t errors = 0;
    for (size_t i = 0; i < route_count; i++)
        if (strncmp(routes[i], "todo_", strlen("todo_")) == 0)
            errors += stats_answers(sum, i, 500) + stats_answers(sum, i, 503);
    return errors;
}

static void append_times(struct buf *body, const struct stats *sum, const char *const *routes, size_t route_count)
{
    uint64_t count[STATS_BOUND_COUNT + 1] = {0};
    for (size_t i = 0; i < route_count; i++)
        for (size_t j = 0; j <= STATS_BOUND_COUNT; j++)
            if (strcmp(routes[i], "todo_get") == 0 || strcmp(routes[i], "todo_list") == 0)
                count[j] += sum->route_time[i].bucket[j];
    buf_append_text(body, ",\"times\":{\"up_to_ms\":[");
    for (size_t j = 0; j < STATS_BOUND_COUNT; j++)
        buf_printf(body, "%g,", (double)STATS_BOUND_US[j] / 1000);
    buf_append_text(body, "null],\"count\":[");
    for (size_t j = 0; j <= STATS_BOUND_COUNT; j++)
        buf_printf(body, "%s%" PRIu64, j == 0 ? "" : ",", count[j]);
    buf_append_text(body, "]}}");
}

static void append_reads(struct buf *body, const struct stats *sum)
{
    const uint64_t *counter = sum->counter;
    uint64_t l1 = counter[STAT_L1_HIT], hits = counter[STAT_HIT] + counter[STAT_NEGATIVE_HIT] + counter[STAT_LIST_HIT];
    uint64_t database = counter[STAT_MISS] + counter[STAT_BYPASS] + counter[STAT_REQUEST] + counter[STAT_LIST_MISS] +
                        counter[STAT_LIST_BYPASS] + counter[STAT_LIST_REQUEST];
    uint64_t redis = hits > l1 ? hits - l1 : 0, writes = counter[STAT_STORE_WRITE_OK];
    buf_printf(body, "{\"reads\":{\"l1\":%" PRIu64 ",\"redis\":%" PRIu64, l1, redis);
    buf_printf(body, ",\"database\":%" PRIu64 "},\"writes\":%" PRIu64, database, writes);
}

static void append_redis(struct buf *body, const struct cache *cache)
{
    const char *reason;
    size_t trusted_count = cache_trusted_count(cache);
    if (cache_lack(cache, &reason) == TRUST_LACKS_NOTHING)
        buf_append_text(body, ",\"redis\":\"trusted\"");
    else if (trusted_count > 0)
        buf_printf(body, ",\"redis\":\"trusted %zu of %zu\"", trusted_count, cache_shard_count(cache));
    else
        buf_append_text(body, ",\"redis\":\"away\"");
}

void summary_get(struct services *services, struct request *request, struct slice id)
{
    (void)id;
    if (!services->settings->public_stats) {
        problem_answer(request, PROBLEM_NOT_FOUND, "This service keeps its counters to itself.");
        return;
    }
    if (!request_has_no_query(request) || !request_accepts_json(request))
        return;
    size_t route_count;
    const char *const *routes = api_route_names(&route_count);
    struct stats *sum = arena_alloc(&request->arena, sizeof(*sum));
    struct buf *body = &request->scratch;
    services->sum(services->machine, sum);
    buf_reset(body);
    append_reads(body, sum);
    buf_printf(body, ",\"errors\":%" PRIu64, errors_of(sum, routes, route_count));
    append_redis(body, services->cache);
    buf_printf(body, ",\"queue\":%s", queue_is_on(services->queue) ? "true" : "false");
    append_times(body, sum, routes, route_count);
    response_begin(request, 200);
    response_header(request, "Content-Type", "application/json");
    response_header(request, "Cache-Control", "max-age=1");
    response_body(request, buf_slice(body));
    request_answer(request);
}
