/* SPDX-License-Identifier: MIT */
/*
 * Chance from a seed. Each user has a stream of its own, so that what one draws does not change what another draws.
 * context  any (pure)
 */
#ifndef TESTS_SIM_DICE_H
#define TESTS_SIM_DICE_H

#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>

struct dice {
    uint64_t state;
};

/* splitmix64: a good mixer of seeds, and a generator by itself. */
static inline uint64_t dice_next(struct dice *dice)
{
    uint64_t z = dice->state += UINT64_C(0x9e3779b97f4a7c15);
    z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
    return z ^ z >> 31;
}

static inline struct dice dice_of(uint64_t seed, uint64_t stream)
{
    struct dice dice = {.state = seed ^ stream * UINT64_C(0xd1342543de82ef95)};
    dice_next(&dice);
    return dice;
}

/* 0 <= result < bound; bound > 0. */
static inline uint64_t dice_below(struct dice *dice, uint64_t bound)
{
    return (dice_next(dice) >> 11) % bound;
}

static inline int64_t dice_between(struct dice *dice, int64_t least, int64_t most)
{
    return least + (int64_t)dice_below(dice, (uint64_t)(most - least + 1));
}

static inline bool dice_one_in(struct dice *dice, uint64_t sides)
{
    return dice_below(dice, sides) == 0;
}

/* Which sequences a program draws: so many, those of a seed from the first one on. */
struct sequences {
    unsigned count, first;
    uint64_t seed;
};

/* Of a program's arguments: [COUNT [SEED [FIRST]]]. */
static inline void sequences_choose(struct sequences *sequences, int count, char **args)
{
    if (count > 1)
        sequences->count = (unsigned)atoi(args[1]);
    if (count > 2)
        sequences->seed = strtoull(args[2], NULL, 10);
    if (count > 3)
        sequences->first = (unsigned)atoi(args[3]);
}

#endif
