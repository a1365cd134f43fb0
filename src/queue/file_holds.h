/* SPDX-License-Identifier: MIT */
/*
 * Which process of this machine applies which shard: locks and rows in a file. Private to queue/file_journal.c.
 * context  pool thread, one at a time; never waits for a lock
 */
#ifndef QUEUE_FILE_HOLDS_H
#define QUEUE_FILE_HOLDS_H

#include "base/error.h"
#include "base/random.h"
#include "queue/ticket.h"

enum { HOLDS_PATH_ROOM = 600 };

struct file_holds {
    char path[HOLDS_PATH_ROOM];
    int fd;                            /* -1: not open */
    struct token owners[QUEUE_SHARDS]; /* whom this process holds a shard for; "": nobody */
};

void file_holds_init(struct file_holds *holds, const char *path);
void file_holds_fini(struct file_holds *holds);

/* errors  STATUS_BUSY: another owner has it; UNAVAILABLE: the file can't be opened */
enum status file_holds_take(struct file_holds *holds, unsigned shard, const struct token *owner,
                            struct error *error) STATUS_MUST_CHECK;

/* Only of this owner. */
void file_holds_give(struct file_holds *holds, unsigned shard, const struct token *owner);

/* Who has it, of any process, and has renewed it lately; "": nobody. */
struct token file_holds_owner(struct file_holds *holds, unsigned shard);

#endif
