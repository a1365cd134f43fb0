/* SPDX-License-Identifier: MIT */
/*
 * Which Redis this is, by its answer to INFO. context any (pure)
 */
#ifndef CACHE_IDENTITY_H
#define CACHE_IDENTITY_H

#include <stdbool.h>

#include "base/slice.h"
#include "store/store.h"

/* So often in a row is it asked before "it hides who it is" is taken for the answer. */
enum { IDENTITY_ASKED_MAX = 3, IDENTITY_TEXT_MAX = 512 };

struct identity {
    char id[STORE_RUN_ID_MAX + 1]; /* of this process in this life as a primary; "": it does not tell */
    const char *flaw;              /* why it may not be trusted; NULL: it may */
    bool is_wrong;                 /* a flaw that only a person can mend: it does not tell who it is, or is a node */
    char text[IDENTITY_TEXT_MAX];  /* where flaw may be */
};

/*
 * info: what it answered; absent or empty if it was an error, or the connection ended instead. address: of the setting
 * that led there (redis_address.h): a node of a cluster is wrong where one Redis is expected.
 */
void identity_take(struct identity *identity, struct slice info, const char *address);

#endif
