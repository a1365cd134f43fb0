/* SPDX-License-Identifier: MIT */
/*
 * A writer's side: telling all holders, and waiting for them.
 * context  loop only
 */
#ifndef PEERS_TELL_H
#define PEERS_TELL_H

#include "peers/options.h"

struct peers;
struct tells;

struct tells *tells_new(struct peers *peers);

/* When none is under way; NULL is fine. */
void tells_free(struct tells *tells);

/* peers_tell(). */
void tell_run(struct tells *tells, struct redis *redis, int64_t epoch, const char *const *ids, size_t id_count,
              bool waits, peers_told_cb done, void *ctx);

/* The rest of a message "applied". */
void tells_take_applied(struct tells *tells, struct slice message);

#endif
