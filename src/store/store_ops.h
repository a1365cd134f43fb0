/* SPDX-License-Identifier: MIT */
/*
 * What a kind of store fills in; store.c dispatches to it. Private to store/.
 *
 * Contracts are those of store.h, function by function. A store's own struct begins with struct store.
 */
#ifndef STORE_STORE_OPS_H
#define STORE_STORE_OPS_H

#include "store/follow.h"
#include "store/store.h"

struct store_ops {
    const char *kind;
    void (*close)(struct store *store);
    enum status (*prepare)(struct store *store, struct error *error);
    bool (*is_prepared)(const struct store *store); /* absent: what is made stays */
    enum status (*get)(struct store *store, const char *id, struct arena *arena, struct todo *todo,
                       struct error *error);
    enum status (*list)(struct store *store, const struct store_query *query, struct arena *arena,
                        struct store_page *page, struct error *error);
    enum status (*insert)(struct store *store, const struct todo *todo, struct error *error);
    enum status (*change)(struct store *store, const struct store_change *change, struct arena *arena,
                          struct store_changed *changed, struct error *error);
    enum status (*answer_begin)(struct store *store, struct store_answer *answer, struct arena *arena,
                                struct error *error);
    enum status (*answer_end)(struct store *store, const struct store_answer *answer, struct error *error);
    enum status (*answer_forget)(struct store *store, const struct store_answer *answer, struct error *error);
    enum status (*load)(struct store *store, const struct todo *todos, size_t count, enum store_load_mode mode,
                        enum status *results, struct error *error);
    enum status (*outbox_put)(struct store *store, const struct store_fence *fences, size_t count, struct error *error);
    enum status (*outbox_list)(struct store *store, struct store_fence *fences, size_t limit, size_t *count,
                               struct error *error);
    enum status (*outbox_remove)(struct store *store, const struct store_fence *fences, size_t count,
                                 struct error *error);
    enum status (*purge_put)(struct store *store, const struct store_purge *purges, size_t count, struct error *error);
    enum status (*purge_list)(struct store *store, const struct store_purge_query *query, struct arena *arena,
                              struct store_purge *purges, size_t *count, struct error *error);
    enum status (*purge_remove)(struct store *store, const struct store_purge *purges, size_t count,
                                struct error *error);
    enum status (*meta_get)(struct store *store, struct store_meta *meta, struct error *error);
    enum status (*meta_swap)(struct store *store, int64_t expected_epoch, const struct store_meta *meta, bool *swapped,
                             struct error *error);

    /* Absent in a store that tells no changes. */
    enum status (*follow_claim)(struct store *store, const struct token *owner, uint32_t lease_ms,
                                struct resume_token *resume_after, struct error *error);
    enum status (*follow_keep)(struct store *store, const struct token *owner, uint32_t lease_ms,
                               const struct resume_token *resume_after, struct error *error);
    enum status (*follow_release)(struct store *store, const struct token *owner, struct error *error);
    enum status (*stream_open)(struct store *store, const struct resume_token *resume_after,
                               struct store_stream **stream, struct error *error);
    enum status (*stream_read)(struct store_stream *stream, uint32_t wait_ms, struct store_changes *changes,
                               struct error *error);
    void (*stream_close)(struct store_stream *stream);
};

struct store {
    const struct store_ops *ops;
};

/* A kind's own stream begins with this. */
struct store_stream {
    struct store *store;
};

/* The two kinds; uri is what store_options gave, its scheme already recognised. */
enum status sqlite_open(struct store **store, const struct store_options *options,
                        struct error *error) STATUS_MUST_CHECK;
enum status mongo_open(struct store **store, const struct store_options *options,
                       struct error *error) STATUS_MUST_CHECK;

#endif
