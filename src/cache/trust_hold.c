/* SPDX-License-Identifier: MIT */
/*
 * What operations ask of a trust: each is told by its state alone. How it gets there is in trust.c, which is also where
 * a refusal is reported to, and a write that is due a beat.
 */
#include "cache/home.h"

#include "cache/trust_state.h"

bool trust_is_given(const struct trust *trust)
{
    return trust->state == TRUST_GIVEN;
}

bool trust_is_unseen(const struct trust *trust)
{
    return trust->sight.is_lost;
}

enum trust_lack trust_lack(const struct trust *trust, const char **reason)
{
    bool is_down = trust->state == TRUST_DOWN;
    *reason = is_down ? redis_reason(trust->redis) : trust->reason;
    if (trust_is_given(trust))
        return TRUST_LACKS_NOTHING;
    if (!**reason)
        return TRUST_LACKS_TIME;
    return !is_down && trust->is_stores ? TRUST_LACKS_STORE : TRUST_LACKS_REDIS;
}

bool home_holds(const struct home *home)
{
    const struct trust *trust = home->trust;
    const struct trust_hold *hold = &home->hold;
    return trust->state == TRUST_GIVEN && hold->period == trust->period &&
           (!hold->grant || grant_holds(hold->grant, trust, hold->epoch));
}

bool trust_is_coming(const struct trust *trust)
{
    switch (trust->state) {
    case TRUST_DOWN:
        return redis_is_coming(trust->redis) || redis_is_up(trust->redis);
    case TRUST_ASKING:
    case TRUST_CHECKING:
    case TRUST_DRAINING:
        return true;
    case TRUST_FAILED:
        return trust->is_behind;
    default:
        return false;
    }
}

const char *trust_run_id(const struct trust *trust)
{
    return trust->run_id;
}
