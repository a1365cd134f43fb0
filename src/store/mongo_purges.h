/* SPDX-License-Identifier: MIT */
/*
 * Purges that no cache in front has acknowledged yet, in MongoDB. The contracts are those of store.h.
 */
#ifndef STORE_MONGO_PURGES_H
#define STORE_MONGO_PURGES_H

#include "store/mongo_driver.h"
#include "store/store.h"

enum status mongo_purge_put(struct mongo_server *server, const struct store_purge *purges, size_t count,
                            struct error *error) STATUS_MUST_CHECK;
enum status mongo_purge_list(struct mongo_server *server, const struct store_purge_query *query, struct arena *arena,
                             struct store_purge *purges, size_t *count, struct error *error) STATUS_MUST_CHECK;
enum status mongo_purge_remove(struct mongo_server *server, const struct store_purge *purges, size_t count,
                               struct error *error) STATUS_MUST_CHECK;

#endif
