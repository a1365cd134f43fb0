/* SPDX-License-Identifier: MIT */
/*
 * Where hiredis' reader puts the replies that it parses: into an arena. What callers see of a reply is in redis.h.
 * context  loop only
 */
#ifndef REDIS_REDIS_REPLY_H
#define REDIS_REDIS_REPLY_H

#include <stddef.h>

#include "base/arena.h"

struct redisReader; /* hiredis' */

struct reply_room {
    struct arena arena;    /* reset by the owner, after each reply */
    const size_t *awaited; /* replies that are still to come; a reply that nobody awaits ends the connection */
};

/* From here on reader builds its replies in room, which must outlive it. */
void reply_room_serve(struct reply_room *room, struct redisReader *reader);

#endif
