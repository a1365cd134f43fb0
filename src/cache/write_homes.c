/* SPDX-License-Identifier: MIT */
/*
 * The homes of one write. It may go to Redis only if all of them are trusted: its fence must stand for every id and for
 * the list before the store is asked, and one record in the outbox stands for all as well. So what is asked here is
 * asked of all together. Only when the record stands, entries go wherever a home is trusted: elsewhere the record is
 * drained before reads trust it again.
 *
 * A home that moved since it was taken has lost the write's mark: its entries have another epoch in their keys.
 */
#include "cache/write_homes.h"

#include <stdlib.h>

#include "base/mem.h"

static struct home home_now(const struct write_homes *homes, size_t i)
{
    return i < homes->id_count ? home_of(homes->cache, homes->ids[i]) : home_of_list(homes->cache);
}

void write_homes_init(struct write_homes *homes, const struct cache *cache, const char *const *ids, size_t id_count)
{
    *homes = (struct write_homes){.cache = cache, .ids = ids, .id_count = id_count};
    homes->taken = mem_alloc((id_count + 1) * sizeof(*homes->taken));
}

void write_homes_fini(struct write_homes *homes)
{
    free(homes->taken);
}

/* A slot of a cluster is granted when its shard, which is trusted for others, has drained the outbox for it. */
static bool is_coming(const struct home *home)
{
    return trust_is_given(home->trust) || trust_is_coming(home->trust) || home->is_unmet;
}

enum homes_trust write_homes_look(const struct write_homes *homes)
{
    enum homes_trust trust = HOMES_TRUSTED;
    for (size_t i = 0; i <= homes->id_count; i++) {
        struct home now = home_now(homes, i);
        if (home_holds(&now))
            continue;
        if (!is_coming(&now))
            return HOMES_AWAY;
        trust = HOMES_COMING;
    }
    return trust;
}

bool write_homes_any_trusted(const struct write_homes *homes)
{
    for (size_t i = 0; i <= homes->id_count; i++) {
        struct home now = home_now(homes, i);
        if (home_holds(&now))
            return true;
    }
    return false;
}

bool write_homes_are_behind(const struct write_homes *homes, int64_t serial)
{
    bool are_behind = false;
    for (size_t i = 0; i <= homes->id_count; i++) {
        struct home now = home_now(homes, i);
        if (now.slot == HOME_SLOT_NONE || (home_holds(&now) && now.serial >= serial))
            continue;
        are_behind |= home_holds(&now) ? trust_look(now.trust) : is_coming(&now);
    }
    return are_behind;
}

int64_t write_homes_take(struct write_homes *homes)
{
    int64_t serial = INT64_MAX;
    for (size_t i = 0; i <= homes->id_count; i++) {
        homes->taken[i] = home_now(homes, i);
        if (homes->taken[i].serial < serial)
            serial = homes->taken[i].serial;
    }
    return serial;
}

bool write_homes_stand(const struct write_homes *homes)
{
    for (size_t i = 0; i <= homes->id_count; i++) {
        struct home now = home_now(homes, i);
        if (!home_stands(&homes->taken[i], &now))
            return false;
    }
    return true;
}
