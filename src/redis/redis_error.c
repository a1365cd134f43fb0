/* SPDX-License-Identifier: MIT */
/*
 * The errors that Redis answers, and which of them end the connection.
 *
 * Some errors are about one command only, and the connection stays: NOSCRIPT (the script's text is sent), WRONGTYPE
 * (the reader deletes the entry), OOM and NOREPLICAS (a fill fails; after a fence that failed, the cache no longer
 * trusts this Redis).
 *
 * Servers of a cluster answer MOVED, ASK, TRYAGAIN and CLUSTERDOWN, which cluster.c knows and are no faults.
 *
 * The others are about Redis as a whole, and the next command would get the same answer:
 *
 *   READONLY    it is a replica now, most likely since a failover: another server is the primary
 *   MASTERDOWN  the same, and it has lost its primary as well
 *   LOADING     it was restarted and reads its file; until then it knows nothing
 *   BUSY        a script has been running for seconds, and nothing else runs meanwhile
 *
 * After these the connection ends, and that serves as the circuit breaker. While it is down no command is sent and
 * reads go to the store. Each attempt to reconnect is a probe, and the pauses between probes grow. The sentinels are
 * asked again for the address (sentinel.c), and the cache checks which Redis it has reached before it trusts it.
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
    {"MOVED ", STAT_REDIRECT_MOVED, false},
    {"ASK ", STAT_REDIRECT_ASK, false},
    {"TRYAGAIN ", STAT_REDIRECT_AGAIN, false},
    {"CLUSTERDOWN ", STAT_REDIRECT_DOWN, false},
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
