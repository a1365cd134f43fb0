/* SPDX-License-Identifier: MIT */
/*
 * Where hiredis' reader puts the replies that it parses: into an arena. redis.h has the functions that callers use on a
 * reply.
 * context  loop only
 */
#ifndef REDIS_REDIS_REPLY_H
#define REDIS_REDIS_REPLY_H

#include <stddef.h>

#include "base/arena.h"

struct redisReader; /* hiredis' */

struct reply_room {
    struct arena arena;    /* reset by the owner, after each reply */
    const size_t *awaited; /* how many replies are still to come; one more ends the connection */
};

/* From now on reader builds its replies in room, which must outlive it. */
void reply_room_serve(struct reply_room *room, struct redisReader *reader);

#endif
