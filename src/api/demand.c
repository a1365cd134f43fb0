/* SPDX-License-Identifier: MIT */
/*
 * The demands that a request makes on caches, this service's own included.
 *
 * Cache-Control (RFC 9111 5.2.1) applies to Redis as to any other cache. no-cache and max-age=0 go to the store.
 * max-age=N accepts entries not older than N seconds. min-fresh=N accepts entries that live at least N seconds longer.
 * only-if-cached accepts nothing but an entry.
 *
 * Todo-Version, which every write returns, asks for that state or a newer one. While Redis stays the same server, reads
 * after a write see that write even without the header. With the header they do so through outages as well, because an
 * older entry is not used. A value that can't be parsed, or names another todo, has no effect. The ticket of a queued
 * write has none here: todo_get.c asks the queue.
 *
 * A client that is beyond its limit demands nothing: limit_pass() may learn that while the cache asks Redis.
 *
 * Does not: read the conditions of a request (base/condition.c).
 */
#include "api/handlers.h"
#include "base/directive.h"
#include "base/todo_version.h"

struct cache_demand request_demand(const struct request *request, const char *id)
{
    struct cache_demand demand = {.max_age_ms = -1, .is_refused = &request->limit.refused};
    if (request->cache_control.data) {
        struct directives directives = directives_parse(request->cache_control);
        demand.from_store = directives.no_cache;
        demand.only_if_cached = directives.only_if_cached;
        demand.min_fresh_ms = directives.min_fresh_s * 1000;
        if (directives.max_age_s >= 0)
            demand.max_age_ms = directives.max_age_s * 1000;
    }
    if (id && request->todo_version.data)
        demand.least = todo_version_parse(request->todo_version, id);
    return demand;
}
