/* SPDX-License-Identifier: MIT */
/*
 * The indexes that the MongoDB store needs. Private to store/mongo*.c.
 * context  pool thread, may block
 */
#ifndef STORE_MONGO_INDEXES_H
#define STORE_MONGO_INDEXES_H

#include "store/mongo_driver.h"

/* Makes the missing ones. STATUS_UNAVAILABLE: some are not there, or not yet. */
enum status mongo_indexes_make(struct mongo_session *session, struct error *error) STATUS_MUST_CHECK;

#endif
