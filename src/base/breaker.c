/* SPDX-License-Identifier: MIT */
/*
 * A circuit breaker, as a state in three numbers and a flag.
 *
 *   closed     pause_ms == 0                 calls pass; failures in a row are counted, any success sets them to 0
 *   open       pause_ms > 0, not probing     nothing passes until probe_at_ms
 *   half open  pause_ms > 0, probing         one call, the probe, is under way; its outcome decides
 *
 * Why: without it, each request to a dead Redis or store waits for its own timeout. With it only the first few wait.
 * The others get an error at once, while one probe at a time finds out whether the other side is back. Each failed
 * probe doubles the pause, up to max_open_ms. A random part of up to a quarter is cut off each pause, so that workers
 * which saw the same failure don't probe at the same moment.
 *
 * Calls that began before the breaker opened report late. Their failures change nothing, unless a probe is under way:
 * then such a failure may be taken for the probe's, which costs one pause. A success always closes the breaker, because
 * the other side did answer.
 *
 * Does not: time calls, own timers, count per kind of failure. The caller decides what a failure is.
 */
#include "base/breaker.h"

#include "base/mem.h"
#include "base/random.h"

static void breaker_pause(struct breaker *breaker, uint32_t pause_ms, int64_t now_ms)
{
    breaker->pause_ms = pause_ms;
    breaker->probing = false;
    breaker->probe_at_ms = now_ms + pause_ms - (int64_t)random_below(pause_ms / 4 + 1);
}

void breaker_init(struct breaker *breaker, uint32_t trip_count, uint32_t open_ms, uint32_t max_open_ms)
{
    bug_unless(trip_count > 0 && open_ms > 0 && open_ms <= max_open_ms, "a breaker that could not open or close");
    *breaker = (struct breaker){.trip_count = trip_count, .open_ms = open_ms, .max_open_ms = max_open_ms};
}

bool breaker_allows(struct breaker *breaker, int64_t now_ms)
{
    if (breaker->pause_ms == 0)
        return true;
    if (breaker->probing || now_ms < breaker->probe_at_ms)
        return false;
    breaker->probing = true;
    return true;
}

bool breaker_is_open(const struct breaker *breaker)
{
    return breaker->pause_ms != 0;
}

bool breaker_success(struct breaker *breaker)
{
    bool was_open = breaker_is_open(breaker);
    breaker->failure_count = 0;
    breaker->pause_ms = 0;
    breaker->probing = false;
    return was_open;
}

bool breaker_failure(struct breaker *breaker, int64_t now_ms)
{
    if (breaker->probing) {
        bool at_most = breaker->pause_ms > breaker->max_open_ms / 2;
        breaker_pause(breaker, at_most ? breaker->max_open_ms : breaker->pause_ms * 2, now_ms);
        return false;
    }
    if (breaker_is_open(breaker))
        return false;
    breaker->failure_count++;
    if (breaker->failure_count < breaker->trip_count)
        return false;
    breaker_pause(breaker, breaker->open_ms, now_ms);
    return true;
}

uint32_t breaker_retry_after_ms(const struct breaker *breaker, int64_t now_ms)
{
    if (!breaker_is_open(breaker) || now_ms >= breaker->probe_at_ms)
        return 1;
    return (uint32_t)(breaker->probe_at_ms - now_ms);
}
