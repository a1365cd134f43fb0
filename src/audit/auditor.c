/* SPDX-License-Identifier: MIT */
/*
 * The auditor: a background check of the promise that an entry equals the store.
 *
 *   hit -> (1 in audit_rate) -> compared after 1 s -> compared after 10 s -> compared after 60 s -> forgotten
 *
 * Why three times: a race may put a wrong entry there soon after the hit; and an entry that an invalidation missed is
 * found only after it has stood for a while. It compares the entry as it is then, whichever worker filled it (audit.c).
 *
 * The distance between samples is drawn at random, so that a client's rhythm cannot hide an id from it; audit_rate on
 * average.
 *
 * Bounded: it keeps at most SAMPLES_MAX hits and runs at most CHECKS_MAX comparisons at once. It does not take further
 * hits, so under a high load the rate is lower than the setting's, and the store gets some thirteen reads a second from
 * it at most.
 *
 * The counts are todo_audit_total by kind and result. Without foreign writers, anything but 0 for "inconsistent" is a
 * bug of this service. Each inconsistency is in the log with the entry's history.
 */
#include "audit/auditor.h"

#include <stdlib.h>
#include <utlist.h>

#include "audit/audit.h"
#include "base/clock.h"
#include "base/container.h"
#include "base/mem.h"
#include "base/random.h"

enum { SAMPLES_MAX = 256, CHECKS_MAX = 4, ROUND_COUNT = 3 };

static const int64_t round_after_ms[ROUND_COUNT] = {1000, 10000, 60000};

struct sample {
    struct sample *prev, *next; /* utlist's */
    struct auditor *auditor;
    bool negative;
    unsigned round;
    int64_t hit_at_ms; /* monotonic */
    struct audit_check check;
};

struct auditor {
    struct cache *cache;
    uint64_t hits_left; /* until the next one is taken; 0: none is */
    unsigned sample_count, check_count;
    struct sample *waiting[ROUND_COUNT]; /* each in the order of hit_at_ms */
};

static uint64_t distance_draw(const struct cache *cache)
{
    uint64_t rate = (uint64_t)cache_options(cache)->settings->audit_rate;
    return rate == 0 ? 0 : 1 + random_below(2 * rate - 1);
}

static void sample_free(struct sample *sample)
{
    sample->auditor->sample_count--;
    free(sample);
}

static void count_result(const struct sample *sample, enum audit_result result)
{
    static const enum stat_counter stats[AUDIT_RESULTS][2] = {
        [AUDIT_CONSISTENT] = {STAT_AUDIT_CONSISTENT, STAT_AUDIT_NEGATIVE_CONSISTENT},
        [AUDIT_INCONSISTENT] = {STAT_AUDIT_INCONSISTENT, STAT_AUDIT_NEGATIVE_INCONSISTENT},
        [AUDIT_CHANGED] = {STAT_AUDIT_CHANGED, STAT_AUDIT_NEGATIVE_CHANGED},
        [AUDIT_UNANSWERED] = {STAT_AUDIT_UNANSWERED, STAT_AUDIT_NEGATIVE_UNANSWERED},
    };
    stats_add(cache_options(sample->auditor->cache)->stats, stats[result][sample->negative], 1);
}

static void on_checked(struct audit_check *check, enum audit_result result)
{
    struct sample *sample = container_of(check, struct sample, check);
    struct auditor *auditor = sample->auditor;
    auditor->check_count--;
    count_result(sample, result);
    if (result == AUDIT_INCONSISTENT)
        audit_check_log(check);
    if (++sample->round < ROUND_COUNT)
        DL_APPEND(auditor->waiting[sample->round], sample);
    else
        sample_free(sample);
    if (result != AUDIT_UNANSWERED) /* else the next second is early enough */
        auditor_tend(auditor);
}

void auditor_tend(struct auditor *auditor)
{
    int64_t now_ms = clock_monotonic_ms();
    for (int round = 0; round < ROUND_COUNT; round++) {
        struct sample **waiting = &auditor->waiting[round];
        while (*waiting && (*waiting)->hit_at_ms + round_after_ms[round] <= now_ms) {
            struct sample *sample = *waiting;
            if (auditor->check_count == CHECKS_MAX || !cache_is_trusted(auditor->cache))
                return;
            DL_DELETE(*waiting, sample);
            auditor->check_count++;
            audit_check_run(auditor->cache, &sample->check);
        }
    }
}

static void sample_take(struct auditor *auditor, const char *id, bool negative)
{
    auditor->hits_left = distance_draw(auditor->cache);
    if (auditor->sample_count == SAMPLES_MAX)
        return;
    auditor->sample_count++;
    struct sample *sample = mem_zalloc(sizeof(*sample));
    sample->auditor = auditor;
    sample->negative = negative;
    sample->hit_at_ms = clock_monotonic_ms();
    sample->check.done = on_checked;
    memcpy(sample->check.id, id, strlen(id) + 1);
    DL_APPEND(auditor->waiting[0], sample);
}

/* Costs a subtraction, but for hits that are taken. */
static void on_hit(void *ctx, const char *id, bool negative)
{
    struct auditor *auditor = ctx;
    if (auditor->hits_left > 0 && --auditor->hits_left == 0)
        sample_take(auditor, id, negative);
}

struct auditor *auditor_new(struct cache *cache)
{
    struct auditor *auditor = mem_zalloc(sizeof(*auditor));
    auditor->cache = cache;
    auditor->hits_left = distance_draw(cache);
    if (auditor->hits_left > 0)
        cache_watch_hits(cache, on_hit, auditor);
    return auditor;
}

void auditor_free(struct auditor *auditor)
{
    if (!auditor)
        return;
    bug_unless(auditor->check_count == 0, "the auditor is freed while it compares");
    for (int round = 0; round < ROUND_COUNT; round++)
        while (auditor->waiting[round]) {
            struct sample *sample = auditor->waiting[round];
            DL_DELETE(auditor->waiting[round], sample);
            sample_free(sample);
        }
    free(auditor);
}
