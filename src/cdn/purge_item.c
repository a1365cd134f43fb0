/* SPDX-License-Identifier: MIT */
/*
 * Purges as they wait: in lists, and with a write's answer behind them.
 *
 * A write purges one record per cache, or several if it is a large batch. Its answer waits for all of them together:
 * the wait counts its items, and the last acknowledgement calls done(true). The first item that is not acknowledged, or
 * the timer, calls done(false) at once, because one missing acknowledgement decides the answer.
 *
 * The wait may be over long before its items are: a cache that is away is told later. So the wait's memory belongs to
 * its items, and the last of them frees it.
 *
 * It does not know what an item's record is, nor when it is sent: purge_record.c and purge_lane.c.
 */
#include "cdn/purge_item.h"

#include <stdlib.h>
#include <utlist.h>

#include "base/mem.h"

struct purge_wait {
    const struct events *events;
    size_t items_left;
    struct timer *timer;
    purge_done_cb done; /* NULL: it has been called */
    void *ctx;
};

/* ---- Waiting ---- */

static void wait_end(struct purge_wait *wait, bool acknowledged)
{
    purge_done_cb done = wait->done;
    if (!done)
        return;
    wait->done = NULL;
    wait->events->timer_free(wait->timer);
    done(wait->ctx, acknowledged);
}

static void on_wait_over(void *ctx)
{
    wait_end(ctx, false);
}

struct purge_wait *purge_wait_new(const struct events *events, uint32_t wait_ms, purge_done_cb done, void *ctx)
{
    struct purge_wait *wait = mem_zalloc(sizeof(*wait));
    *wait = (struct purge_wait){.events = events, .done = done, .ctx = ctx};
    wait->timer = events->timer_new(events->loop, on_wait_over, wait);
    events->timer_start(wait->timer, wait_ms);
    return wait;
}

void purge_item_wait(struct purge_item *item, struct purge_wait *wait)
{
    item->wait = wait;
    if (wait)
        wait->items_left++;
}

void purge_item_tell(struct purge_item *item, bool acknowledged)
{
    struct purge_wait *wait = item->wait;
    if (!wait)
        return;
    item->wait = NULL;
    bool is_last = --wait->items_left == 0;
    if (!acknowledged || is_last)
        wait_end(wait, acknowledged);
    if (is_last)
        free(wait);
}

/* ---- Lists ---- */

void purge_list_push(struct purge_list *list, struct purge_item *item)
{
    DL_APPEND(list->head, item);
    list->count++;
}

struct purge_item *purge_list_pop(struct purge_list *list)
{
    struct purge_item *item = list->head;
    if (!item)
        return NULL;
    DL_DELETE(list->head, item);
    list->count--;
    return item;
}

void purge_list_prepend(struct purge_list *list, struct purge_list *front)
{
    DL_CONCAT(front->head, list->head);
    *list = (struct purge_list){.head = front->head, .count = front->count + list->count};
    *front = (struct purge_list){0};
}

void purge_list_clear(struct purge_list *list)
{
    for (struct purge_item *item = purge_list_pop(list); item; item = purge_list_pop(list)) {
        purge_item_tell(item, false);
        free(item);
    }
}

struct purge_item *purge_item_new(const struct token *token, uint32_t sequence, struct slice keys)
{
    struct purge_item *item = mem_alloc(sizeof(*item) + keys.len + 1);
    *item = (struct purge_item){.token = *token, .sequence = sequence, .stage = PURGE_LAST};
    memcpy(item->keys, keys.data, keys.len);
    item->keys[keys.len] = '\0';
    return item;
}
