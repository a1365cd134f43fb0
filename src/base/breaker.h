/* SPDX-License-Identifier: MIT */
/*
 * A circuit breaker: after some failures in a row it lets nothing through for a while, then one probe at a time.
 *
 * closed: all calls pass. open: none passes until probe_at_ms. half open: one passes; its success closes the breaker,
 * its failure opens it again, for twice as long (up to max_open_ms).
 * context  any (pure): time comes in as an argument, monotonic ms
 */
#ifndef BASE_BREAKER_H
#define BASE_BREAKER_H

#include <stdbool.h>
#include <stdint.h>

struct breaker {
    uint32_t trip_count;  /* failures in a row that open it */
    uint32_t open_ms;     /* first pause */
    uint32_t max_open_ms; /* longest pause */
    uint32_t failure_count;
    uint32_t pause_ms; /* the present pause; 0: closed */
    int64_t probe_at_ms;
    bool probing;
};

void breaker_init(struct breaker *breaker, uint32_t trip_count, uint32_t open_ms, uint32_t max_open_ms);

/* Whether a call may be made now. True in the half-open state promises a success or failure report. */
bool breaker_allows(struct breaker *breaker, int64_t now_ms);
bool breaker_is_open(const struct breaker *breaker);

/* Both return true if that changed whether the breaker is open, so that the caller logs it once. */
bool breaker_success(struct breaker *breaker);
bool breaker_failure(struct breaker *breaker, int64_t now_ms);

/* How long until the next probe; at least 1: a Retry-After. */
uint32_t breaker_retry_after_ms(const struct breaker *breaker, int64_t now_ms);

#endif
