/* SPDX-License-Identifier: MIT */
/*
 * Each record once.
 *
 * A record goes when its id's server and the list's have both answered. While one of them is away, all writes that it
 * concerns leave records that wait. If each drain, once a second, brought all of them again to the other server, it
 * would delete entries and pages that were filled since, and soon take that server's whole time.
 *
 * Once is enough: a closed record's write is over, and what was deleted for it can come back only from the store as it
 * is after the write. So the record is known by all that it says, and with the slot and the epoch that it was brought
 * to: one that was put again, or whose slot has moved, is another one. All is forgotten when trust in Redis ends.
 *
 * Of each record 128 bits are kept, MARKS_MAX at most: 16 MB. Those beyond are brought again each time.
 */
#include "cache/brought.h"

#include <stdlib.h>

#include "base/hash.h"
#include "base/mem.h"

enum { MARKS_MAX = 1 << 20, MARKS_MIN = 256 };

struct mark {
    uint64_t token, rest;
};

struct marks {
    struct mark *items;
    size_t count, room;
};

struct brought {
    struct marks last, now; /* of the last pass, sorted; of the one under way */
};

static struct mark mark_of(const struct store_fence *record, const struct home *goal)
{
    const int64_t numbers[] = {record->deadline_at_ms, record->is_closed, goal->slot, goal->epoch};
    return (struct mark){hash_bytes(slice_of(record->token.text)),
                         hash_bytes(slice_of(record->id)) ^
                             hash_bytes((struct slice){(const char *)numbers, sizeof(numbers)})};
}

static int by_value(const void *a, const void *b)
{
    const struct mark *one = a, *other = b;
    if (one->token != other->token)
        return one->token < other->token ? -1 : 1;
    return (one->rest > other->rest) - (one->rest < other->rest);
}

void brought_add(struct brought *brought, const struct store_fence *record, const struct home *goal)
{
    struct marks *now = &brought->now;
    if (now->count == MARKS_MAX)
        return;
    if (now->count == now->room) {
        now->room = now->room > 0 ? 2 * now->room : MARKS_MIN;
        now->items = mem_resize(now->items, now->room * sizeof(*now->items));
    }
    now->items[now->count++] = mark_of(record, goal);
}

bool brought_has(const struct brought *brought, const struct store_fence *record, const struct home *goal)
{
    const struct marks *last = &brought->last;
    const struct mark mark = mark_of(record, goal);
    return last->count > 0 && bsearch(&mark, last->items, last->count, sizeof(mark), by_value);
}

void brought_turn(struct brought *brought, bool is_whole)
{
    struct marks *over = is_whole ? &brought->last : &brought->now;
    free(over->items);
    *over = (struct marks){0};
    if (!is_whole)
        return;
    brought->last = brought->now;
    brought->now = (struct marks){0};
    if (brought->last.count > 0)
        qsort(brought->last.items, brought->last.count, sizeof(*brought->last.items), by_value);
}

void brought_forget(struct brought *brought)
{
    brought_turn(brought, false);
    brought_turn(brought, true);
}

struct brought *brought_new(void)
{
    return mem_zalloc(sizeof(struct brought));
}

void brought_free(struct brought *brought)
{
    if (!brought)
        return;
    free(brought->last.items);
    free(brought->now.items);
    free(brought);
}
