/* SPDX-License-Identifier: MIT */
/*
 * What an error of Redis' means for the connection that brought it.
 *
 * Some are about one command and leave the connection as good as it was: NOSCRIPT (scripts.c sends the text), WRONGTYPE (the
 * reader deletes the entry), OOM and NOREPLICAS (a fill fails; a fence that fails costs this Redis its trust, trust.c).
 *
 * The others are about Redis as a whole, and the next command would get the same answer:
 *
 *   READONLY    it is a replica now, most likely since a failover: its primary is somewhere else
 *   MASTERDOWN  the same, and it lacks its primary besides
 *   LOADING     it has been restarted and reads its file; until then it knows nothing
 *   BUSY        a script has been running for seconds, and nothing else runs meanwhile
 *
 * To them the connection ends. That is all of the breaker that there need be: while it is down no command is sent and reads go to
 * the store; each attempt to come back is a probe, further apart each time; who answers it must first be asked who it is (trust.c),
 * at an address that the sentinels have been asked for anew (sentinel.c).
 *
 * Words are compared with the blank behind them: BUSYKEY and BUSYGROUP are other errors than BUSY.
 */
#include "redis/redis_error.h"

#include <string.h>

static const struct redis_error errors[] = {
    {"NOSCRIPT ", STAT_REDIS_NOSCRIPT, false},
    {"OOM ", STAT_REDIS_OOM, false},
    {"WRONGTYPE ", STAT_REDIS_WRONGTYPE, false},
    {"READONLY ", STAT_REDIS_READONLY, true},
    {"MASTERDOWN ", STAT_REDIS_MASTERDOWN, true},
    {"LOADING ", STAT_REDIS_LOADING, true},
    {"BUSY ", STAT_REDIS_BUSY, true},
    {"", STAT_REDIS_OTHER, false},
};

const struct redis_error *redis_error_of(struct slice text)
{
    const struct redis_error *error = errors;
    while (error->word[0] &&
           (text.len < strlen(error->word) || memcmp(text.data, error->word, strlen(error->word)) != 0))
        error++;
    return error;
}
