/* SPDX-License-Identifier: MIT */
/*
 * The indexes that the MongoDB store stands on.
 */
#ifndef STORE_MONGO_INDEXES_H
#define STORE_MONGO_INDEXES_H

#include "store/mongo_driver.h"

/* Makes those that are missing; STATUS_UNAVAILABLE: not (yet) all there. */
enum status mongo_indexes_make(struct mongo_session *session, struct error *error) STATUS_MUST_CHECK;

#endif
