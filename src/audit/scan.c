/* SPDX-License-Identifier: MIT */
/*
 * Walking over all entries with SCAN: each call costs Redis a little, however many keys there are, and never blocks it
 * as KEYS would.
 *
 * The pattern takes this epoch's entries alone: their keys end with the brace, while the keys of leases and writers go
 * on behind it. The promise is SCAN's own: an entry that is there all the while is told once or more, one that comes or
 * goes may be.
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

enum { SCAN_COUNT = 500 };

/* The id in "todo:EPOCH:{ID}"; absent if there is no valid one. */
static struct slice id_in_key(struct slice key)
{
    const char *open = memchr(key.data, '{', key.len);
    if (!open || key.data[key.len - 1] != '}')
        return (struct slice){0};
    struct slice id = {.data = open + 1, .len = (size_t)(key.data + key.len - 1 - (open + 1))};
    return todo_id_valid(id) ? id : (struct slice){0};
}

static void scan_give(struct cache_scan *scan, const struct redis_reply *keys)
{
    size_t key_count = redis_reply_count(keys), count = 0;
    char(*texts)[TODO_ID_MAX + 1] = mem_alloc((key_count + 1) * sizeof(*texts));
    const char **ids = mem_alloc((key_count + 1) * sizeof(*ids));
    for (size_t i = 0; i < key_count; i++) {
        struct slice id = id_in_key(redis_reply_text(redis_reply_item(keys, i)));
        if (!id.data)
            continue;
        memcpy(texts[count], id.data, id.len);
        texts[count][id.len] = '\0';
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
    scan->is_over = slice_equal(cursor, SLICE("0"));
    return redis_reply_type(redis_reply_item(reply, 1)) == REDIS_TYPE_ARRAY;
}

static void on_scanned(void *ctx, const struct redis_reply *reply)
{
    struct cache_scan *scan = ctx;
    bool is_current = trust_holds(cache_trust(scan->cache), scan->hold);
    if (is_current && cursor_take(scan, reply))
        scan_give(scan, redis_reply_item(reply, 1));
    else
        scan->on_batch(scan, STATUS_UNAVAILABLE, NULL, 0);
}

void cache_scan_next(struct cache_scan *scan)
{
    char pattern[INT64_TEXT_MAX + 16];
    bug_unless(!scan->is_over, "a scan went on after its end");
    snprintf(pattern, sizeof(pattern), "todo:%" PRId64 ":{*}", trust_epoch(cache_trust(scan->cache)));
    char count[INT64_TEXT_MAX + 1];
    const struct slice args[] = {SLICE("SCAN"),     slice_of(scan->cursor), SLICE("MATCH"),
                                 slice_of(pattern), SLICE("COUNT"),         slice_of_int64(count, SCAN_COUNT)};
    redis_call(cache_redis(scan->cache), args, 6, on_scanned, scan);
}

void cache_scan_start(struct cache *cache, struct cache_scan *scan)
{
    scan->cache = cache;
    scan->is_over = false;
    scan->hold = trust_take(cache_trust(cache));
    memcpy(scan->cursor, "0", sizeof("0"));
    cache_scan_next(scan);
}
