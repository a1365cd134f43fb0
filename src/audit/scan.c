/* SPDX-License-Identifier: MIT */
/*
 * Walking over all entries with SCAN: each call costs Redis a little, however many keys there are, and never blocks it
 * as KEYS would.
 *
 * The pattern takes entries alone: their keys end with the brace, while the keys of leases and writers go on behind it.
 * Those of earlier epochs are left out. The primaries of a cluster are walked one by one. The promise is SCAN's
 * own: an entry that is there all the while is told once or more, one that comes or goes may be.
 *
 * The caller asks for the next batch when it is through with one, so there is never more than one in memory. A batch is
 * about SCAN_COUNT keys; how many exactly is up to Redis' table.
 *
 * It does not look into the entries, and does not stop a walk by itself: a caller that asks no more has ended it.
 */
#include "audit/scan.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/mem.h"
#include "cache/keys.h"

enum { SCAN_COUNT = 500 };

bool scan_take_id(const struct cache *cache, struct slice name, char id[TODO_ID_MAX + 1])
{
    struct key key;
    const char *open = memchr(name.data, '{', name.len);
    if (!open || name.data[name.len - 1] != '}')
        return false;
    struct slice found = {.data = open + 1, .len = (size_t)(name.data + name.len - 1 - (open + 1))};
    if (!todo_id_valid(found))
        return false;
    memcpy(id, found.data, found.len);
    id[found.len] = '\0';
    key_of_entry(&key, home_of(cache, id).epoch, id);
    return slice_equal(name, key_slice(&key));
}

static void scan_give(struct cache_scan *scan, const struct redis_reply *keys)
{
    size_t key_count = redis_reply_count(keys), count = 0;
    char(*texts)[TODO_ID_MAX + 1] = mem_alloc((key_count + 1) * sizeof(*texts));
    const char **ids = mem_alloc((key_count + 1) * sizeof(*ids));
    for (size_t i = 0; i < key_count; i++) {
        if (!scan_take_id(scan->cache, redis_reply_text(redis_reply_item(keys, i)), texts[count]))
            continue;
        ids[count] = texts[count];
        count++;
    }
    scan->on_batch(scan, STATUS_OK, ids, count);
    free(ids);
    free(texts);
}

static bool cursor_take(struct cache_scan *scan, const struct redis_reply *reply)
{
    if (!redis_reply_ok(reply) || redis_reply_type(reply) != REDIS_TYPE_ARRAY || redis_reply_count(reply) != 2)
        return false;
    struct slice cursor = redis_reply_text(redis_reply_item(reply, 0));
    if (!cursor.data || cursor.len == 0 || cursor.len > SCAN_CURSOR_MAX)
        return false;
    memcpy(scan->cursor, cursor.data, cursor.len);
    scan->cursor[cursor.len] = '\0';
    if (slice_equal(cursor, SLICE("0")))
        scan->is_over = !home_after(scan->cache, scan->home.trust, &scan->home);
    return redis_reply_type(redis_reply_item(reply, 1)) == REDIS_TYPE_ARRAY;
}

static void on_scanned(void *ctx, const struct redis_reply *reply)
{
    struct cache_scan *scan = ctx;
    bool is_current = home_holds(&scan->home);
    if (is_current && cursor_take(scan, reply))
        scan_give(scan, redis_reply_item(reply, 1));
    else
        scan->on_batch(scan, STATUS_UNAVAILABLE, NULL, 0);
}

void cache_scan_next(struct cache_scan *scan)
{
    const struct home list = home_of_list(scan->cache);
    struct redis *redis = home_holds(&scan->home) ? scan->home.redis : list.redis;
    char pattern[INT64_TEXT_MAX + 16];
    bug_unless(!scan->is_over, "a scan went on after its end");
    if (list.slot == HOME_SLOT_NONE)
        snprintf(pattern, sizeof(pattern), "todo:%" PRId64 ":{*}", list.epoch);
    else
        snprintf(pattern, sizeof(pattern), "todo:*:{*}"); /* each slot has an epoch of its own */
    char count[INT64_TEXT_MAX + 1];
    const struct slice args[] = {SLICE("SCAN"),     slice_of(scan->cursor), SLICE("MATCH"),
                                 slice_of(pattern), SLICE("COUNT"),         slice_of_int64(count, SCAN_COUNT)};
    redis_call(redis, args, 6, on_scanned, scan);
}

void cache_scan_start(struct cache *cache, struct cache_scan *scan)
{
    scan->cache = cache;
    scan->is_over = false;
    if (!home_after(cache, NULL, &scan->home))
        scan->home = home_of_list(cache); /* a cluster of which no primary is known yet: no answer */
    memcpy(scan->cursor, "0", sizeof("0"));
    cache_scan_next(scan);
}
