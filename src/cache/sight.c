/* SPDX-License-Identifier: MIT */
/*
 * How long a worker may go without the store.
 *
 * If the store is away, hits go on: no worker can write to it. But it may be away for this worker alone, while others
 * write and leave their invalidations in the outbox. This worker can't tell. So it says so with each hit from
 * UNSEEN_MS after its last good look on, and hits_without_store_s bounds how long it trusts Redis then.
 */
#include "cache/sight.h"

#include "base/log.h"

enum { UNSEEN_MS = 2000 };

void sight_begin(struct sight *sight, int64_t read_at_ms)
{
    sight->began_at_ms = read_at_ms;
}

void sight_end(struct sight *sight, int64_t epoch)
{
    sight->at_ms = sight->began_at_ms;
    if (sight->is_lost)
        log_info(NULL, "store_seen", "epoch=%lld", (long long)epoch);
    sight->is_lost = false;
}

bool sight_may_trust(struct sight *sight, const struct cache_options *options)
{
    int64_t unseen_ms = events_now_ms(options->events) - sight->at_ms;
    int64_t most_ms = options->settings->hits_without_store_s * 1000;
    if (unseen_ms <= UNSEEN_MS)
        return true;
    if (!sight->is_lost)
        log_warn(NULL, "store_unseen", "for_ms=%lld action=\"hits go on; other workers may write unnoticed\"",
                 (long long)unseen_ms);
    sight->is_lost = true;
    stats_add(options->stats, STAT_STORE_UNSEEN, 1);
    return most_ms <= 0 || unseen_ms <= most_ms;
}
