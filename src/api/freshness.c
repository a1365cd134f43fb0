/* SPDX-License-Identifier: MIT */
/*
 * Freshness: how long caches outside may answer by themselves, and by which keys they can be purged.
 *
 * By default a todo and a page are "no-cache": caches may keep them but must ask each time, and a 304 costs one round
 * trip to Redis. An operator with a CDN that can be purged sets times (todo_cache_control, list_cache_control),
 * different ones for the CDN if needed (RFC 9213), and surrogate_keys. Then each answer names its content,
 *
 *   a todo   Surrogate-Key: todo-ID    Cache-Tag: todo-ID    Cache-Groups: "todo-ID"
 *   a page   Surrogate-Key: todos      Cache-Tag: todos      Cache-Groups: "todos"
 *
 * and a write names both in Cache-Group-Invalidation (RFC 9875). A page doesn't name its todos, because any write may
 * change any page.
 *
 * With purge_url the service purges these keys itself, and Purge-Status in a write's answer says whether that is done
 * or pending.
 *
 * An answer to a request with Authorization may not be stored by any cache, whatever the settings say. Vary names
 * Todo-Version, because a request that carries it asks for a state that a stored answer may not show. That holds for a
 * 404 that caches may keep too: it is purged by the todo's keys, and a client that has just made the todo must not get
 * it.
 *
 * An answer that a shared cache may give to other clients tells nothing about this one (is_shared: RateLimit).
 * "no-cache" is not such an answer, because the cache asks each time, and the 304 brings the fields of who asked.
 */
#include "api/freshness.h"

#include <stdio.h>

#include "base/directive.h"

static const char VARY[] = "Authorization, Todo-Version", VARY_LIST[] = "Authorization, Todo-Version, Accept-Encoding";

static void response_keys(struct request *request, const char *prefix, const char *id)
{
    char key[8 + TODO_ID_MAX], group[sizeof(key) + 2];
    snprintf(key, sizeof(key), "%s%s", prefix, id);
    snprintf(group, sizeof(group), "\"%s\"", key);
    response_header(request, "Surrogate-Key", key);
    response_header(request, "Cache-Tag", key);
    response_header(request, "Cache-Groups", group);
}

static void response_cache_control(struct request *request, const char *cache_control, const char *cdn_cache_control,
                                   const char *vary)
{
    bool is_private = request->authorization.data != NULL;
    if (is_private)
        response_header(request, "Cache-Control", "private, no-store");
    else if (*cache_control)
        response_header(request, "Cache-Control", cache_control);
    if (!is_private && *cdn_cache_control)
        response_header(request, "CDN-Cache-Control", cdn_cache_control);
    if (!is_private && request->limit.known)
        request->is_shared = directives_allow_sharing(slice_of(cache_control)) ||
                             (*cdn_cache_control && directives_allow_sharing(slice_of(cdn_cache_control)));
    response_header(request, "Vary", vary);
}

void freshness_of_todo(const struct services *services, struct request *request, const char *id)
{
    const struct settings *settings = services->settings;
    response_cache_control(request, settings->todo_cache_control, settings->todo_cdn_cache_control, VARY);
    if (settings->surrogate_keys)
        response_keys(request, "todo-", id);
}

void freshness_of_list(const struct services *services, struct request *request)
{
    const struct settings *settings = services->settings;
    response_cache_control(request, settings->list_cache_control, settings->list_cdn_cache_control, VARY_LIST);
    if (settings->surrogate_keys)
        response_keys(request, "todos", "");
}

const char *freshness_of_absent(const struct services *services, struct request *request, const char *id, char text[32])
{
    if (services->settings->not_found_max_age_s == 0 || request->authorization.data)
        return "no-store";
    response_header(request, "Vary", VARY);
    if (services->settings->surrogate_keys)
        response_keys(request, "todo-", id);
    request->is_shared = true;
    snprintf(text, 32, "max-age=%lld", (long long)services->settings->not_found_max_age_s);
    return text;
}

void freshness_of_write(const struct services *services, struct request *request, const char *id,
                        enum cache_purge purge)
{
    response_header(request, "Cache-Control", "no-store");
    if (purge != CACHE_PURGE_NONE)
        response_header(request, "Purge-Status", purge == CACHE_PURGE_DONE ? "done" : "pending");
    if (!services->settings->surrogate_keys)
        return;
    char groups[24 + TODO_ID_MAX];
    snprintf(groups, sizeof(groups), "\"todo-%s\", \"todos\"", id);
    response_header(request, "Cache-Group-Invalidation", groups);
}
