/* SPDX-License-Identifier: MIT */
/*
 * Batches of insert, update and delete statements. Private to store/mongo*.c.
 * context  pool thread, may block; a session has one user
 */
#ifndef STORE_MONGO_BATCH_H
#define STORE_MONGO_BATCH_H

#include "store/mongo_driver.h"

/* Statements of unordered commands, sent whenever one command should not hold more, and at the end. */
struct mongo_batch {
    struct mongo_session *session;
    const char *command;   /* "insert", "update", "delete" */
    const char *array_key; /* "documents", "updates", "deletes" */
    const char *action;    /* for errors: "change the outbox" */
    struct _bson_t *statements;
    uint32_t count;
    int64_t matched_count; /* documents that the statements sent so far have found, or made */
};

void mongo_batch_init(struct mongo_batch *batch, struct mongo_session *session, const char *command,
                      const char *action);

/* Takes the statement and destroys it. An error is that of any statement of the command that was sent, if one was. */
enum status mongo_batch_add(struct mongo_batch *batch, struct _bson_t *statement,
                            struct error *error) STATUS_MUST_CHECK;

/* Sends the rest if status, that of the last add, is STATUS_OK. Only matched_count may be read afterwards. */
enum status mongo_batch_end(struct mongo_batch *batch, enum status status, struct error *error) STATUS_MUST_CHECK;

#endif
