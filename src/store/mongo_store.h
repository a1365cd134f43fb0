/* SPDX-License-Identifier: MIT */
/*
 * The MongoDB store's own struct, and its operations by the file that has them. Their types and contracts are those of
 * store_NAME() in store.h, feed.h and follow.h. Private to store/mongo*.c.
 */
#ifndef STORE_MONGO_STORE_H
#define STORE_MONGO_STORE_H

#include "base/container.h"
#include "store/mongo_driver.h"
#include "store/store_ops.h"

struct mongo_store {
    struct store store;
    struct mongo_server server;
};

static inline struct mongo_server *mongo_server_of(struct store *store)
{
    return &container_of(store, struct mongo_store, store)->server;
}

/* mongo_read.c */
__typeof__(store_get) mongo_get;
__typeof__(store_list) mongo_list;

/* mongo_insert.c */
__typeof__(store_insert) mongo_insert;
__typeof__(store_load) mongo_load;

/* mongo_change.c */
__typeof__(store_change) mongo_change;

/* mongo_answers.c */
__typeof__(store_answer_begin) mongo_answer_begin;
__typeof__(store_answer_end) mongo_answer_end;
__typeof__(store_answer_forget) mongo_answer_forget;

/* mongo_apply.c */
__typeof__(store_apply_claim) mongo_apply_claim;
__typeof__(store_apply) mongo_apply;

/* mongo_outbox.c */
__typeof__(store_outbox_put) mongo_outbox_put;
__typeof__(store_outbox_list) mongo_outbox_list;
__typeof__(store_outbox_remove) mongo_outbox_remove;

/* mongo_purges.c */
__typeof__(store_purge_put) mongo_purge_put;
__typeof__(store_purge_list) mongo_purge_list;
__typeof__(store_purge_remove) mongo_purge_remove;

/* mongo_meta.c */
__typeof__(store_barrier) mongo_barrier;
__typeof__(store_heartbeat) mongo_heartbeat;
__typeof__(store_meta_get) mongo_meta_get;
__typeof__(store_meta_swap) mongo_meta_swap;
__typeof__(store_slots_get) mongo_slots_get;
__typeof__(store_slots_swap) mongo_slots_swap;

/* mongo_watermark.c */
__typeof__(store_watermark) mongo_watermark;
__typeof__(store_raise) mongo_raise;

/* mongo_foreign.c */
__typeof__(store_foreign_open) mongo_foreign_open;
__typeof__(store_foreign_next) mongo_foreign_next;
__typeof__(store_foreign_close) mongo_foreign_close;
enum status mongo_count_foreign(struct store *store, uint32_t most, uint32_t *count,
                                struct error *error) STATUS_MUST_CHECK;

/* mongo_adopt.c */
__typeof__(store_adopt) mongo_adopt;

/* mongo_feed.c */
__typeof__(store_feed_last) mongo_feed_last;
__typeof__(store_feed_read) mongo_feed_read;
__typeof__(store_feed_add) mongo_feed_add;

/* mongo_follow.c */
__typeof__(store_follow_claim) mongo_follow_claim;
__typeof__(store_follow_keep) mongo_follow_keep;
__typeof__(store_follow_release) mongo_follow_release;

/* mongo_stream.c */
__typeof__(store_stream_open) mongo_stream_open;
__typeof__(store_stream_read) mongo_stream_read;
__typeof__(store_stream_close) mongo_stream_close;

#endif
