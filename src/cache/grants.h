/* SPDX-License-Identifier: MIT */
/*
 * Which shard of a cluster answers for which slot, as this process knows it. context loop only
 */
#ifndef CACHE_GRANTS_H
#define CACHE_GRANTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/slot.h"

struct cluster;
struct trust;

/* The epochs of the slots that are a Redis' own; 0: it is not. */
struct slot_epochs {
    int64_t of[SLOT_COUNT];
};

struct grant {
    struct trust *trust; /* whose slot it is, or will be; NULL: nobody's */
    int64_t epoch;       /* the latest that the slot was granted under; 0: never */
    bool is_given;       /* its trust may answer for it as long as it is given */
};

struct grants {
    struct grant of[SLOT_COUNT];
    struct cluster *cluster;
    struct trust *nobody; /* stands for the owner of a slot that has none; never given */
    bool is_new;          /* not all primaries may have been met yet */
};

static inline bool grant_holds(const struct grant *grant, const struct trust *trust, int64_t epoch)
{
    return grant->is_given && grant->trust == trust && grant->epoch == epoch;
}

/* Its primary claims these slots alone. Those that nobody has wait for it; it loses those that it claims no longer. */
void grants_claim(struct grants *grants, struct trust *trust, const struct slot_set *claims);

/* The store's record has changed: it loses the slots that are not its own any more, or have another epoch. */
void grants_keep(struct grants *grants, const struct trust *trust, const struct slot_epochs *own);

/*
 * The outbox was drained for these slots. It gets those that it claims, unless another one has got them under a later
 * epoch. Returns how many it has then.
 */
size_t grants_give(struct grants *grants, struct trust *trust, const struct slot_epochs *own,
                   const struct slot_set *claims);

/* A write has overtaken the drain of these slots. What it had of them in an earlier period is nobody's. */
void grants_withhold(struct grants *grants, const struct trust *trust, const struct slot_set *late);

/* Whether grants_give() would give it a slot that it has not. */
bool grants_lack(const struct grants *grants, const struct trust *trust, const struct slot_epochs *own,
                 const struct slot_set *claims);

#endif
