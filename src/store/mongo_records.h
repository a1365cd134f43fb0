/* SPDX-License-Identifier: MIT */
/*
 * What the cache keeps in MongoDB: its outbox and its epoch. The contracts are those of store.h.
 */
#ifndef STORE_MONGO_RECORDS_H
#define STORE_MONGO_RECORDS_H

#include "store/mongo_driver.h"
#include "store/store.h"

enum status mongo_records_put(struct mongo_server *server, const struct store_fence *fences, size_t count,
                              struct error *error) STATUS_MUST_CHECK;
enum status mongo_records_list(struct mongo_server *server, struct store_fence *fences, size_t limit, size_t *count,
                               struct error *error) STATUS_MUST_CHECK;
enum status mongo_records_remove(struct mongo_server *server, const struct store_fence *fences, size_t count,
                                 struct error *error) STATUS_MUST_CHECK;
enum status mongo_epoch_get(struct mongo_server *server, struct store_meta *meta,
                            struct error *error) STATUS_MUST_CHECK;
enum status mongo_epoch_swap(struct mongo_server *server, int64_t expected_epoch, const struct store_meta *meta,
                             bool *swapped, struct error *error) STATUS_MUST_CHECK;

#endif
