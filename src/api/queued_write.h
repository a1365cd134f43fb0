/* SPDX-License-Identifier: MIT */
/*
 * A write whose client wants it queued, and not waited for.
 * context  loop only, never blocks
 */
#ifndef API_QUEUED_WRITE_H
#define API_QUEUED_WRITE_H

#include "api/request.h"
#include "api/services.h"
#include "store/apply.h"

/* What such a request may prefer besides. */
enum { QUEUED_WRITE_POSSIBLE = PREFER_ASYNC | PREFER_MINIMAL };

/* Whether the client prefers it, there is a queue, and nothing in the request's fields is for the store to decide. */
bool queued_write_may(const struct services *services, const struct request *request);

/* Gives the write to the queue, and answers. Its todo and answer live as long as the request. */
void queued_write_begin(struct services *services, struct request *request, const struct store_queued *queued);

#endif
