/* SPDX-License-Identifier: MIT */
/*
 * Which Redis this is, by its answer to INFO. context any (pure)
 */
#ifndef CACHE_IDENTITY_H
#define CACHE_IDENTITY_H

#include "base/slice.h"
#include "store/store.h"

struct identity {
    char id[STORE_RUN_ID_MAX + 1]; /* of this process in this life as a primary; "": it does not tell */
    const char *flaw;              /* why it may not be trusted; NULL: it may */
};

/* info: what it answered; absent or empty if it was an error. */
void identity_take(struct identity *identity, struct slice info);

#endif
