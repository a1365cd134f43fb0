/* SPDX-License-Identifier: MIT */
/*
 * The calls of the journal in a folder: jobs of its pool. Private to queue/file_*.c.
 * context  loop only
 */
#ifndef QUEUE_FILE_CALL_H
#define QUEUE_FILE_CALL_H

#include "base/arena.h"
#include "base/container.h"
#include "queue/file_holds.h"
#include "queue/journal_ops.h"
#include "queue/readiness.h"
#include "store/journal.h"
#include "store/pool.h"

enum { FOLDER_ROOM = 512 };

struct file_journal {
    struct journal journal;
    struct journal_options options;
    struct store *store;
    struct pool *pool;
    char folder[FOLDER_ROOM];
    bool was_opened; /* the care lane's thread */
    struct readiness readiness;
    bool is_probing;
    struct file_holds holds; /* the care lane's thread */
};

struct file_call {
    struct pool_job job;
    struct file_journal *own;
    struct arena arena; /* of what the call was given, and of what it is answered */
    union journal_told told;
    void *ctx;
    struct ticket ticket;
    size_t count;
    union {
        struct store_arrival arrival;
        struct store_leaving leaving;
        struct {
            struct store_journal_query query;
            struct store_journal_row *rows;
        };
        struct store_journal_found found;
        struct journal_figures figures;
        struct token owner;
        struct slice store_name; /* of a probe: ours; then, the journal's */
    };
    enum store_accept accept;
};

static inline struct file_journal *file_journal_of(const struct journal *journal)
{
    return container_of(journal, struct file_journal, journal);
}

static inline struct file_call *file_call_of(struct pool_job *job)
{
    return container_of(job, struct file_call, job);
}

struct file_call *file_call_new(struct journal *journal, enum pool_lane lane, pool_work_fn work, pool_done_cb done,
                                void *ctx);
void file_call_run(struct file_call *call);
void file_call_run_ready(struct file_call *call); /* while the journal is not ready it fails */
void file_call_free(struct file_call *call);

/*
 * The status for the caller: a call that found no free connection, or no room in the pool, was not made. What failed
 * shows that the journal can't be written or read; the next probe tells when it can.
 */
enum status file_call_status(struct file_call *call, enum status status, const struct error *error);

/* file_read.c: as in struct journal_ops */
__typeof__(*((struct journal_ops *)0)->read) file_journal_read;
__typeof__(*((struct journal_ops *)0)->find) file_journal_find;
__typeof__(*((struct journal_ops *)0)->dead_list) file_journal_dead_list;

#endif
