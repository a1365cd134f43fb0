/* SPDX-License-Identifier: MIT */
/*
 * What caches outside may do with an answer, by kind of resource and by settings. Each function writes header fields.
 */
#ifndef API_FRESHNESS_H
#define API_FRESHNESS_H

#include "api/request.h"
#include "api/services.h"

/* Cache-Control, CDN-Cache-Control, Vary, and the keys to purge it by, of a todo's representation, 304 included. */
void freshness_of_todo(const struct services *services, struct request *request, const char *id);

/* The same of a page of the list. */
void freshness_of_list(const struct services *services, struct request *request);

/* "There is no such todo": writes Vary and the keys if caches may keep that. Returns its Cache-Control; text has room for 32 bytes. */
const char *freshness_of_absent(const struct services *services, struct request *request, const char *id,
                                char text[32]);

/*
 * What a write made old, for caches that understand groups (RFC 9875 3); and whether those that are purged have it behind
 * them, in Purge-Status.
 */
void freshness_of_write(const struct services *services, struct request *request, const char *id,
                        enum cache_purge purge);

#endif
