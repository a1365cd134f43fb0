/* SPDX-License-Identifier: MIT */
/*
 * How caches outside may use an answer, by kind of resource and by settings. Each function writes header fields.
 */
#ifndef API_FRESHNESS_H
#define API_FRESHNESS_H

#include "api/request.h"
#include "api/services.h"

/* For a todo's representation, 304 included: Cache-Control, CDN-Cache-Control, Vary, and the keys to purge it by. */
void freshness_of_todo(const struct services *services, struct request *request, const char *id);

/* The same for a page of the list. */
void freshness_of_list(const struct services *services, struct request *request);

/* For "there is no such todo": writes Vary and keys if caches may keep it. Returns its Cache-Control. */
const char *freshness_of_absent(const struct services *services, struct request *request, const char *id,
                                char text[32]);

/*
 * For a write: the groups that it made old (RFC 9875 3), and Purge-Status, which tells whether all purged caches have
 * acknowledged.
 */
void freshness_of_write(const struct services *services, struct request *request, const char *id,
                        enum cache_purge purge);

#endif
