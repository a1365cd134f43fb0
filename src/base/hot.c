/* SPDX-License-Identifier: MIT */
/*
 * Counting the ids of a sample in a bounded list.
 *
 * Each id belongs to one bucket. If it has no place there, it takes the one of the bucket's coldest id, with that id's
 * count and one more (Metwally et al., "Space-Saving", 2005, in each bucket by itself). So an id that is read often
 * gets and keeps a place, and a count is too high by at most what the coldest one had.
 *
 * Yesterday's hot ids must not stay for ever: counts are halved every HALF_LIFE_US, when they are next looked at.
 */
#include "base/hot.h"

#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "base/mem.h"

enum { HALF_LIFE_US = 600 * 1000000 };

/* What is left of a count by now. */
static uint32_t count_now(const struct hot_id *hot, int64_t age)
{
    int64_t halvings = age - hot->age;
    if (!hot->id[0] || halvings >= 32)
        return 0;
    return halvings > 0 ? hot->count >> halvings : hot->count;
}

void hot_note(struct hot_list *list, const char *id, int64_t now_us)
{
    struct hot_id *bucket = list->ids[hash_bytes(slice_of(id)) % HOT_BUCKETS];
    struct hot_id *taken = bucket;
    int64_t age = now_us / HALF_LIFE_US;
    for (size_t i = 0; i < HOT_BUCKET_IDS; i++) {
        if (strcmp(bucket[i].id, id) == 0) {
            taken = &bucket[i];
            break;
        }
        if (count_now(&bucket[i], age) < count_now(taken, age))
            taken = &bucket[i];
    }
    taken->count = count_now(taken, age) + 1;
    taken->age = age;
    slice_copy(taken->id, sizeof(taken->id), slice_of(id));
}

static int by_id(const void *a, const void *b)
{
    return strcmp(((const struct hot_id *)a)->id, ((const struct hot_id *)b)->id);
}

static int by_count(const void *a, const void *b)
{
    const struct hot_id *one = a, *other = b;
    if (one->count != other->count)
        return one->count < other->count ? 1 : -1;
    return by_id(a, b);
}

static size_t list_take(const struct hot_list *list, int64_t age, struct hot_id *out)
{
    size_t count = 0;
    for (size_t i = 0; i < HOT_BUCKETS * HOT_BUCKET_IDS; i++) {
        out[count] = list->ids[i / HOT_BUCKET_IDS][i % HOT_BUCKET_IDS];
        out[count].id[TODO_ID_MAX] = '\0';
        out[count].count = count_now(&out[count], age);
        if (out[count].count > 0 && todo_id_valid(slice_of(out[count].id)))
            count++;
    }
    return count;
}

struct hot_id *hot_merge(const struct hot_list *const *lists, size_t list_count, int64_t now_us, size_t *count)
{
    struct hot_id *all = mem_alloc((list_count * HOT_BUCKETS * HOT_BUCKET_IDS + 1) * sizeof(*all));
    size_t taken = 0, kept = 0;
    for (size_t i = 0; i < list_count; i++)
        taken += list_take(lists[i], now_us / HALF_LIFE_US, all + taken);
    qsort(all, taken, sizeof(*all), by_id);
    for (size_t i = 0; i < taken; i++)
        if (kept > 0 && by_id(&all[kept - 1], &all[i]) == 0)
            all[kept - 1].count += all[i].count;
        else
            all[kept++] = all[i];
    qsort(all, kept, sizeof(*all), by_count);
    *count = kept;
    return all;
}
