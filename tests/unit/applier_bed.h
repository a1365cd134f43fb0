/* SPDX-License-Identifier: MIT */
/*
 * The write queue's real code over fakes: cache_bed.h's two workers with a queue each, one journal and one board.
 *
 * Everything moves by queue_settle() and queue_pass(), which also does the workers' duties once a second. A frozen worker takes
 * no step: to the others it is dead, until it is let go.
 */
#ifndef TESTS_UNIT_APPLIER_BED_H
#define TESTS_UNIT_APPLIER_BED_H

#include "cache_bed.h"
#include "fake_queue_journal.h"
#include "queue/queue.h"

struct applier_bed {
    struct bed *bed;
    struct queue *queues[BED_WORKERS];
    struct queue_board board;
    bool is_frozen[BED_WORKERS];
    int64_t passed_ms;
};

/* Both queues are made; nothing of them has begun. */
int applier_bed_begin(void **state);
int applier_bed_end(void **state);

void queue_settle(struct applier_bed *bed);
void queue_pass(struct applier_bed *bed, int64_t ms);

/* The first worker takes all shards; the second begins, and has none. */
void applier_bed_start(struct applier_bed *bed);

void queue_freeze(struct applier_bed *bed, unsigned worker, bool is_frozen);

/* The batches that reached the store since the last call of this; their sizes, with a blank behind each: "3 1 dead ". */
const char *queue_batches(void);

/* From now on the store refuses batches with a write of this todo, as a validator does; NULL: none. */
void queue_refuse(const char *id);

struct put {
    struct todo todo;
    struct ticket ticket;
    enum status status;
    unsigned answers;
    char error[240];
};

/* A PUT of id with this name, or its DELETE with none. It moves nothing. */
void put_start(struct put *put, struct queue *queue, const char *id, const char *name);

/* The same, accepted. */
struct ticket put_name(struct applier_bed *bed, unsigned worker, const char *id, const char *name);

/* PUTs by the first worker, "name 1" to "name COUNT"; the last one's ticket. */
struct ticket several(struct applier_bed *bed, unsigned count, const char *id);

struct find {
    unsigned answers;
    enum status status;
    struct journal_found found;
    char reason[240];
};

void on_found(void *ctx, enum status status, const struct journal_found *found, const struct error *error);

/* What the journal tells now. */
struct find queue_look_up(struct applier_bed *bed, struct ticket ticket);

/* The name of a todo as the store has it; "": it isn't there. Borrowed until the next call. */
const char *stored_name(const struct applier_bed *bed, const char *id);

uint64_t queue_counter(const struct applier_bed *bed, enum stat_counter stat);

#endif
