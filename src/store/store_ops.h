/* SPDX-License-Identifier: MIT */
/*
 * The operations that a kind of store implements; store_dispatch.c calls them. Private to store/.
 *
 * An operation has the type and the contract of the function store_NAME() in store.h, apply.h, backup.h, feed.h,
 * follow.h or foreign.h. The table names the implementing functions directly. A store's own struct begins with struct
 * store.
 */
#ifndef STORE_STORE_OPS_H
#define STORE_STORE_OPS_H

#include "store/apply.h"
#include "store/backup.h"
#include "store/feed.h"
#include "store/follow.h"
#include "store/foreign.h"
#include "store/store.h"

/* A pointer to a function of the same type as store_NAME(). */
#define STORE_OP(name) __typeof__(store_##name) *name

struct store_ops {
    const char *kind;
    STORE_OP(close);
    STORE_OP(prepare);
    STORE_OP(is_prepared); /* NULL: what prepare makes stays */
    STORE_OP(get);
    STORE_OP(list);
    STORE_OP(insert);
    STORE_OP(change);
    STORE_OP(load);
    STORE_OP(answer_begin);
    STORE_OP(answer_end);
    STORE_OP(answer_forget);
    STORE_OP(outbox_put);
    STORE_OP(outbox_list);
    STORE_OP(outbox_remove);
    STORE_OP(purge_put);
    STORE_OP(purge_list);
    STORE_OP(purge_remove);
    STORE_OP(feed_last);
    STORE_OP(feed_read); /* from the row after->seq on, whatever its mark; store_dispatch.c looks for gaps */
    STORE_OP(feed_add);  /* NULL: it writes its feed itself */
    STORE_OP(apply_claim);
    STORE_OP(apply);
    STORE_OP(barrier);
    STORE_OP(heartbeat);
    STORE_OP(meta_get);
    STORE_OP(meta_swap);
    STORE_OP(slots_get);
    STORE_OP(slots_swap);
    STORE_OP(watermark); /* NULL: its reads never fall behind; then there is no raise either */
    STORE_OP(raise);
    STORE_OP(group_begin); /* NULL: it gains nothing by groups, and has no end either */
    STORE_OP(group_end);
    STORE_OP(backup); /* NULL: a server has tools of its own, and for the way back, too */
    STORE_OP(restore);
    const char *(*place)(const struct store *store); /* where it keeps the todos: its file, its database */
    const char *place_kind;                          /* "file", "database" */
    /* How many foreign documents there are, up to most. NULL: it can't have any, and has none of the next four. */
    enum status (*count_foreign)(struct store *store, uint32_t most, uint32_t *count, struct error *error);
    STORE_OP(foreign_open);
    STORE_OP(foreign_next);
    STORE_OP(foreign_close);
    STORE_OP(adopt);
    STORE_OP(follow_claim); /* NULL: the store can't report changes, and has none of the rest */
    STORE_OP(follow_keep);
    STORE_OP(follow_release);
    STORE_OP(stream_open);
    STORE_OP(stream_read);
    STORE_OP(stream_close);
};

#undef STORE_OP

struct store {
    const struct store_ops *ops;
};

struct store_stream {
    struct store *store;
};

struct store_foreign {
    struct store *store;
};

/* What store_open() calls for each kind: as store_open(), which has checked the options. */
__typeof__(store_open) sqlite_open;
__typeof__(store_open) mongo_open;

#endif
