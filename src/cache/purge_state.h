/* SPDX-License-Identifier: MIT */
/*
 * What purge.c (the whole), purge_lane.c (calls) and purge_record.c (records) share.
 */
#ifndef CACHE_PURGE_STATE_H
#define CACHE_PURGE_STATE_H

#include "base/arena.h"
#include "cache/cache_state.h"
#include "cache/purge.h"
#include "cache/purge_target.h"
#include "store/pool.h"

enum {
    PURGE_DRAIN_MAX = 256,    /* records of a listing */
    PURGE_WAITING_MAX = 4096, /* items per list in memory; what is more is left to its record */
    PURGE_EXTRA_MAX = 8,      /* lines of purge_header_file */
};

enum purge_stage {
    PURGE_FIRST, /* acknowledged, it waits for its second time */
    PURGE_ONCE,  /* acknowledged, it is forgotten; its record stays for the drain */
    PURGE_LAST,  /* acknowledged, its record goes */
};

struct purge_wait;

/* One record on its way to one target. */
struct purge_item {
    struct purge_item *next;
    struct token token;
    uint32_t sequence;
    enum purge_stage stage;
    bool drained;            /* it came from a listing */
    int64_t again_at_ms;     /* monotonic */
    struct purge_wait *wait; /* NULL: nobody waits */
    char keys[];
};

struct purge_list {
    struct purge_item *head, *tail;
    size_t count;
};

struct purge_lane;

/* Takes an item that is acknowledged for the last time. */
typedef void (*purge_last_fn)(struct purge_lane *lane, struct purge_item *item);

/* A target and what is on its way there. */
struct purge_lane {
    struct purge *purge;
    purge_last_fn on_last;
    struct purge_target target;
    struct purge_list waiting, under_way, again;
    struct purge_keys keys; /* of the round under way */
    size_t calls_left;
    bool round_failed;
    struct timer *timer; /* the next round */
    bool scheduled;
    uint32_t pause_ms;          /* before the next round; 0: the target answers, or hasn't been asked */
    struct pool_job job;        /* the listing; these five are purge_record.c's */
    bool lists;                 /* the job runs */
    struct arena arena;         /* the listing's texts */
    size_t drained_left;        /* of the last listing, not acknowledged yet */
    bool drain_more;            /* the last listing was full */
    struct store_purge *listed; /* PURGE_DRAIN_MAX, owned */
    size_t listed_count;
};

struct purge {
    struct cache *cache;
    struct purge_lane lanes[PURGE_TARGETS_MAX];
    size_t lane_count;
    struct buf extra; /* purge_header_file's text, lines ended by NUL */
    const char *extra_lines[PURGE_EXTRA_MAX];
    size_t extra_count;
    struct purge_list removals; /* acknowledged: their records may go */
    struct pool_job removal;
    bool removes;                /* the job runs */
    bool list_next;              /* listings wait for it */
    struct store_purge *removed; /* of that job, owned */
    size_t removed_count;
};

/* purge_lane.c */
void purge_list_push(struct purge_list *list, struct purge_item *item);
struct purge_item *purge_list_pop(struct purge_list *list);
void purge_list_clear(struct purge_list *list);

void purge_lane_init(struct purge_lane *lane, struct purge *purge, const struct purge_target *target,
                     purge_last_fn on_last);
void purge_lane_fini(struct purge_lane *lane);
void purge_lane_tend(struct purge_lane *lane);

/* Copies keys; takes it to the lane's target with whatever else is on its way. */
struct purge_item *purge_item_new(const struct token *token, uint32_t sequence, struct slice keys);
void purge_lane_add(struct purge_lane *lane, struct purge_item *item);

/* One write's wait for all of its items, purge_wait_ms at most; done is called once. It lives as long as one of them. */
struct purge_wait *purge_wait_new(struct purge *purge, purge_done_cb done, void *ctx);
void purge_item_wait(struct purge_item *item, struct purge_wait *wait); /* NULL: nobody waits */

/* purge_record.c: cuts a write's keys into records; the text is borrowed until emit returns. */
typedef void (*purge_part_fn)(void *ctx, size_t lane, uint32_t sequence, struct slice keys);
void purge_parts(const struct purge *purge, const struct purge_write *write, purge_part_fn emit, void *ctx);

/* purge_record.c: takes the item; its record goes, soon. */
void purge_record_done(struct purge_lane *lane, struct purge_item *item);
void purge_record_tend(struct purge *purge);

#endif
