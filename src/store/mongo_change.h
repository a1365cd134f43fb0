/* SPDX-License-Identifier: MIT */
/*
 * Changes of one todo under a condition, in MongoDB. The contract is that of store_change().
 */
#ifndef STORE_MONGO_CHANGE_H
#define STORE_MONGO_CHANGE_H

#include "store/mongo_driver.h"
#include "store/store.h"

enum status mongo_change(struct mongo_server *server, const struct store_change *change, struct arena *arena,
                         struct store_changed *changed, struct error *error) STATUS_MUST_CHECK;

#endif
