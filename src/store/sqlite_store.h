/* SPDX-License-Identifier: MIT */
/*
 * The embedded store's own struct, and its operations by the file that has them. Their types and contracts are those of
 * store_NAME() in store.h. Private to store/sqlite*.c.
 */
#ifndef STORE_SQLITE_STORE_H
#define STORE_SQLITE_STORE_H

#include "base/container.h"
#include "store/sqlite.h"
#include "store/store_ops.h"

struct sqlite_store {
    struct store store;
    struct sqlite_file *file;
    char *path; /* the file's */
};

static inline struct sqlite_file *sqlite_file_of(struct store *store)
{
    return container_of(store, struct sqlite_store, store)->file;
}

/* sqlite_transaction.c */

/* What a call writes. A status other than STATUS_OK takes it back; sqlite_transact() returns it. */
typedef enum status (*sqlite_body_fn)(struct sqlite_connection *connection, void *ctx, struct error *error);

/* STATUS_UNKNOWN: the commit failed, and may or may not be applied. In a group there is no commit yet. */
enum status sqlite_transact(struct sqlite_file *file, sqlite_body_fn body, void *ctx,
                            struct error *error) STATUS_MUST_CHECK;
__typeof__(store_group_begin) sqlite_group_begin;
__typeof__(store_group_end) sqlite_group_end;

/* In place of the end: nothing of the group is applied. */
void sqlite_group_drop(void);

/* sqlite_apply.c */
__typeof__(store_apply_claim) sqlite_apply_claim;
__typeof__(store_apply) sqlite_apply;

/* sqlite_backup.c */
__typeof__(store_backup) sqlite_backup;
__typeof__(store_restore) sqlite_restore;

/* sqlite_change.c */
__typeof__(store_change) sqlite_change;

/* sqlite_answers.c */
__typeof__(store_answer_begin) sqlite_answer_begin;
__typeof__(store_answer_end) sqlite_answer_end;
__typeof__(store_answer_forget) sqlite_answer_forget;

/* Within a transaction: reads the record of a key, texts into arena; STATUS_NOT_FOUND sets no text in error. */
enum status sqlite_answer_find(struct sqlite_connection *connection, const char *key, struct arena *arena,
                               struct store_answer *stored, struct error *error) STATUS_MUST_CHECK;

/* Within a transaction: keeps an answer, in place of any record of its key. */
enum status sqlite_answer_keep(struct sqlite_connection *connection, const struct store_answer *answer,
                               int64_t now_at_ms, struct error *error) STATUS_MUST_CHECK;

/* sqlite_outbox.c */
__typeof__(store_outbox_put) sqlite_outbox_put;
__typeof__(store_outbox_list) sqlite_outbox_list;
__typeof__(store_outbox_remove) sqlite_outbox_remove;
__typeof__(store_heartbeat) sqlite_heartbeat;

/* sqlite_purges.c */
__typeof__(store_purge_put) sqlite_purge_put;
__typeof__(store_purge_list) sqlite_purge_list;
__typeof__(store_purge_remove) sqlite_purge_remove;

/* sqlite_feed.c */
__typeof__(store_feed_last) sqlite_feed_last;
__typeof__(store_feed_read) sqlite_feed_read;

/* sqlite_meta.c */
__typeof__(store_barrier) sqlite_barrier;
__typeof__(store_meta_get) sqlite_meta_get;
__typeof__(store_meta_swap) sqlite_meta_swap;
__typeof__(store_slots_get) sqlite_slots_get;
__typeof__(store_slots_swap) sqlite_slots_swap;

#endif
