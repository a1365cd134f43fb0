/* SPDX-License-Identifier: MIT */
/*
 * What Redis holds of each kind, as a sample tells: the result, and the place where all processes of a machine find it.
 */
#ifndef BASE_CENSUS_H
#define BASE_CENSUS_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

enum census_kind { CENSUS_TODO, CENSUS_NEGATIVE, CENSUS_PAGE, CENSUS_LIMIT, CENSUS_KINDS };

struct census_count {
    uint64_t entries, bytes; /* estimated; bytes 0: Redis does not tell */
    int64_t oldest_ms;       /* the greatest age in the sample; 0: there is none, or it has no age */
    int64_t ttl_ms;          /* the mean of the sample; 0: there is none */
};

struct census {
    int64_t at_ms;                /* wall time; 0: there has been none */
    uint64_t keys, keys_examined; /* in Redis, of all programs; and of them */
    struct census_count counts[CENSUS_KINDS];
};

/* All zero is empty. */
struct census_board {
    _Atomic int64_t claimed_at_s;
    _Atomic uint64_t number; /* odd while it is written */
    struct census census;
};

/* Whether this process is to count, because nobody has begun to in the last period_s. */
static inline bool census_claim(struct census_board *board, int64_t now_s, int64_t period_s)
{
    int64_t last_s = atomic_load(&board->claimed_at_s);
    bool is_due = last_s > now_s || now_s - last_s >= period_s;
    return is_due && atomic_compare_exchange_strong(&board->claimed_at_s, &last_s, now_s);
}

static inline void census_put(struct census_board *board, const struct census *census)
{
    uint64_t number = atomic_load(&board->number) | 1;
    atomic_store(&board->number, number);
    board->census = *census;
    atomic_store(&board->number, number + 1);
}

/* False: it is being written; ask again. */
static inline bool census_get(const struct census_board *board, struct census *census)
{
    uint64_t number = atomic_load(&board->number);
    *census = board->census;
    atomic_thread_fence(memory_order_acquire);
    return number % 2 == 0 && atomic_load(&board->number) == number;
}

#endif
