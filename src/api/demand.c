/* SPDX-License-Identifier: MIT */
/*
 * What a client asks of the caches on the way to its answer, this service's own included.
 *
 * Cache-Control (RFC 9111 5.2.1) acts on Redis as on any other cache: no-cache and max-age=0 go to the store, max-age=N takes
 * entries not older than N seconds, min-fresh=N those with that much of their life left, only-if-cached takes nothing but
 * an entry.
 *
 * Todo-Version: ID.V, handed out by every write, asks for that state or a newer one. The cache keeps its promise without it
 * while Redis stays the same Redis; with it the promise holds through outages as well, because an older entry is passed by. The
 * id may hold dots, so the version is what stands behind the last one. A value that can't be read, or is about another
 * todo, asks nothing.
 */
#include "api/handlers.h"
#include "base/directive.h"

static int64_t version_of(struct slice field, const char *id)
{
    int64_t v;
    size_t id_len = strlen(id);
    if (field.len <= id_len + 1 || memcmp(field.data, id, id_len) != 0 || field.data[id_len] != '.')
        return 0;
    struct slice digits = {field.data + id_len + 1, field.len - id_len - 1};
    return slice_to_int64(digits, &v) && v > 0 ? v : 0;
}

struct cache_demand request_demand(const struct request *request, const char *id)
{
    struct cache_demand demand = {.max_age_ms = -1};
    if (request->cache_control.data) {
        struct directives directives = directives_parse(request->cache_control);
        demand.from_store = directives.no_cache;
        demand.only_if_cached = directives.only_if_cached;
        demand.min_fresh_ms = directives.min_fresh_s * 1000;
        if (directives.max_age_s >= 0)
            demand.max_age_ms = directives.max_age_s * 1000;
    }
    if (id && request->todo_version.data)
        demand.least_v = version_of(request->todo_version, id);
    return demand;
}
