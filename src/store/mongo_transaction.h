/* SPDX-License-Identifier: MIT */
/*
 * Transactions of several statements in MongoDB. Private to store/mongo*.c.
 * context  pool thread, may block; a session has one user
 */
#ifndef STORE_MONGO_TRANSACTION_H
#define STORE_MONGO_TRANSACTION_H

#include "store/mongo_driver.h"

/* What a transaction reads and writes, by the session. A status other than STATUS_OK aborts it. */
typedef enum status (*mongo_body_fn)(struct mongo_session *session, void *ctx, struct error *error);

/*
 * Runs body in a transaction of the session, and again after a conflict with other clients, until the time of the call
 * is over. It reads one snapshot, and what it writes is acknowledged by a majority at its end, or not at all. before is
 * called ahead of each try, outside of the transaction.
 *
 * errors  STATUS_UNSUPPORTED: the server has no transactions; STATUS_BUSY: conflicts during every try; STATUS_INVALID:
 *         a rule of the collection refuses a document; STATUS_UNKNOWN: the commit's outcome; what else body returns
 */
enum status mongo_transact(struct mongo_session *session, mongo_body_fn before, mongo_body_fn body, void *ctx,
                           struct error *error) STATUS_MUST_CHECK;

/* Whether the server is of a kind that has transactions. STATUS_UNSUPPORTED: it stands alone. */
enum status mongo_transaction_check(struct mongo_session *session, struct error *error) STATUS_MUST_CHECK;

/* Options that make a command part of it; borrowed. NULL: without a transaction there are none. */
const struct _bson_t *mongo_transaction_options(const struct mongo_transaction *transaction);

/* The name of its session, for the server: {id: UUID}; borrowed, as long as mongo_transact() runs. */
const struct _bson_t *mongo_transaction_lsid(const struct mongo_transaction *transaction);

/* body is to be run again: STATUS_BUSY, for it to return. */
enum status mongo_transaction_again(struct mongo_transaction *transaction);

/* What remains of the time of its call, for maxTimeMS: 1 or more. */
int64_t mongo_transaction_left_ms(const struct mongo_transaction *transaction);

/* Of a command of the transaction: nothing of it was applied, and nothing will be. reply may be NULL. */
enum status mongo_transaction_failed(struct mongo_transaction *transaction, const char *action,
                                     const struct _bson_t *reply, const struct _bson_error_t *failure,
                                     struct error *error);

/* Of a write of the session: so if it has a transaction, else as mongo_write_failed(). */
enum status mongo_session_write_failed(const struct mongo_session *session, const char *action,
                                       const struct _bson_t *reply, const struct _bson_error_t *failure,
                                       struct error *error);

#endif
