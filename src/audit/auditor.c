/* SPDX-License-Identifier: MIT */
/*
 * The auditor: a background check of the promise that an entry equals the store.
 *
 *   hit -> (1 in audit_rate) -> waits 1 s -> compared -> waits until 10 s -> compared -> until 60 s -> compared -> forgotten
 *
 * Why three times: a wrong entry may be put there by a race soon after the hit, and one that an invalidation missed is seen
 * only when it has been left alone for a while. What is compared is the entry as it is then, whoever filled it (audit.c).
 *
 * The distance between samples is drawn, so that a client's rhythm can't hide an id from it; it is audit_rate on average.
 *
 * Bounded: SAMPLES_MAX hits are kept at most, CHECKS_MAX comparisons run at once; hits beyond that are not taken, so under a high
 * load the rate is lower than the setting's, and the store gets some thirteen reads a second from it, however many hits there are.
 *
 * The counts are todo_audit_total by kind and result; anything but 0 for "inconsistent" without foreign writers is a bug of ours. Each
 * inconsistency is in the log with the entry's history.
 */
#include "cache/auditor.h"

#include <stddef.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/mem.h"
#include "base/random.h"
#include "cache/audit.h"
#include "cache/cache_state.h"

enum { SAMPLES_MAX = 256, CHECKS_MAX = 4, ROUND_COUNT = 3 };

static const int64_t round_after_ms[ROUND_COUNT] = {1000, 10000, 60000};

struct sample {
    struct sample *next;
    struct auditor *auditor;
    bool negative;
    unsigned round;
    int64_t hit_at_ms; /* monotonic */
    struct audit_check check;
};

struct sample_list {
    struct sample *head, *tail;
};

struct auditor {
    struct cache *cache;
    uint64_t hits_left; /* until the next one is taken; 0: none is */
    unsigned sample_count, check_count;
    struct sample_list waiting[ROUND_COUNT]; /* each in the order of hit_at_ms */
};

static void list_push(struct sample_list *list, struct sample *sample)
{
    sample->next = NULL;
    if (list->tail)
        list->tail->next = sample;
    else
        list->head = sample;
    list->tail = sample;
}

static struct sample *list_pop(struct sample_list *list)
{
    struct sample *sample = list->head;
    list->head = sample->next;
    if (!list->head)
        list->tail = NULL;
    return sample;
}

static uint64_t distance_draw(const struct cache *cache)
{
    uint64_t rate = (uint64_t)cache->options.settings->audit_rate;
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
    cache_count(sample->auditor->cache, stats[result][sample->negative]);
}

static void on_checked(struct audit_check *check, enum audit_result result)
{
    struct sample *sample = (struct sample *)((char *)check - offsetof(struct sample, check));
    struct auditor *auditor = sample->auditor;
    auditor->check_count--;
    count_result(sample, result);
    if (result == AUDIT_INCONSISTENT)
        audit_check_log(check);
    if (++sample->round < ROUND_COUNT)
        list_push(&auditor->waiting[sample->round], sample);
    else
        sample_free(sample);
    if (result != AUDIT_UNANSWERED) /* else the next second is early enough */
        auditor_tend(auditor);
}

void auditor_tend(struct auditor *auditor)
{
    int64_t now_ms = clock_monotonic_us() / 1000;
    for (int round = 0; round < ROUND_COUNT; round++) {
        struct sample_list *list = &auditor->waiting[round];
        while (list->head && list->head->hit_at_ms + round_after_ms[round] <= now_ms) {
            if (auditor->check_count == CHECKS_MAX || !auditor->cache->trusted)
                return;
            auditor->check_count++;
            audit_check_run(auditor->cache, &list_pop(list)->check);
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
    sample->hit_at_ms = clock_monotonic_us() / 1000;
    sample->check.done = on_checked;
    memcpy(sample->check.id, id, strlen(id) + 1);
    list_push(&auditor->waiting[0], sample);
}

void auditor_note_hit(struct auditor *auditor, const char *id, bool negative)
{
    if (auditor->hits_left > 0 && --auditor->hits_left == 0)
        sample_take(auditor, id, negative);
}

struct auditor *auditor_new(struct cache *cache)
{
    struct auditor *auditor = mem_zalloc(sizeof(*auditor));
    auditor->cache = cache;
    auditor->hits_left = distance_draw(cache);
    return auditor;
}

void auditor_free(struct auditor *auditor)
{
    if (!auditor)
        return;
    bug_unless(auditor->check_count == 0, "the auditor is freed while it compares");
    for (int round = 0; round < ROUND_COUNT; round++)
        while (auditor->waiting[round].head)
            sample_free(list_pop(&auditor->waiting[round]));
    free(auditor);
}
