/* SPDX-License-Identifier: MIT */
/*
 * What a sharded cluster needs beyond what a replica set does. Private to store/mongo*.c.
 * context  pool thread, may block
 */
#ifndef STORE_MONGO_SHARDS_H
#define STORE_MONGO_SHARDS_H

#include "store/mongo_driver.h"

/*
 * Whether every collection that is sharded is so by its _id. Asked of a client that has met the server, as is the next
 * one; of what is no cluster there is nothing to ask.
 * errors  STATUS_INVALID: one is not
 */
enum status mongo_shards_check(struct mongo_session *session, struct error *error) STATUS_MUST_CHECK;

/* A barrier of all shards: store_barrier(). */
enum status mongo_shards_await(struct mongo_server *server, struct error *error) STATUS_MUST_CHECK;

/*
 * A transaction of the session's client that begins afterwards sees what those shards have done by now that a filter of
 * the session's collection leads to.
 */
enum status mongo_shards_meet(struct mongo_session *session, const struct _bson_t *filter,
                              struct error *error) STATUS_MUST_CHECK;

#endif
