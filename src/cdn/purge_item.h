/* SPDX-License-Identifier: MIT */
/*
 * One purge on its way to one cache in front, lists of them, and a write's wait for all of its own.
 * context  loop only
 */
#ifndef CDN_PURGE_ITEM_H
#define CDN_PURGE_ITEM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/events.h"
#include "base/random.h"
#include "base/slice.h"

enum purge_stage {
    PURGE_FIRST, /* once acknowledged, it waits for its second time */
    PURGE_ONCE,  /* once acknowledged, it is forgotten; its record stays for the drain */
    PURGE_LAST,  /* once acknowledged, its record is removed */
};

struct purge_wait;

/* The keys of one record, for one cache. */
struct purge_item {
    struct purge_item *prev, *next; /* utlist's */
    struct token token;             /* these two name the record */
    uint32_t sequence;
    enum purge_stage stage;
    bool is_drained;         /* it came from a listing of the store's records */
    int64_t again_at_ms;     /* loop time */
    struct purge_wait *wait; /* NULL: no write waits for it */
    char keys[];
};

struct purge_list {
    struct purge_item *head;
    size_t count;
};

/* Copies keys. Its stage is PURGE_LAST. */
struct purge_item *purge_item_new(const struct token *token, uint32_t sequence, struct slice keys);

void purge_list_push(struct purge_list *list, struct purge_item *item);

/* The oldest one; NULL: the list is empty. */
struct purge_item *purge_list_pop(struct purge_list *list);

/* Puts the items of front before those of list; front is empty then. */
void purge_list_prepend(struct purge_list *list, struct purge_list *front);

/* Frees all items. The writes that wait for them are told that there is no acknowledgement. */
void purge_list_clear(struct purge_list *list);

typedef void (*purge_done_cb)(void *ctx, bool acknowledged);

/* One write's wait for all of its items, wait_ms at most: done is called once. It lives as long as one of its items. */
struct purge_wait *purge_wait_new(const struct events *events, uint32_t wait_ms, purge_done_cb done, void *ctx);

/* The wait counts this item as well. NULL: no write waits for it. */
void purge_item_wait(struct purge_item *item, struct purge_wait *wait);

/* The item is acknowledged; or it is not, and its write must not wait any longer. */
void purge_item_tell(struct purge_item *item, bool acknowledged);

#endif
