/* SPDX-License-Identifier: MIT */
/*
 * Who answers for a slot: a table that each shard's trust writes to, and each operation reads.
 *
 *   claimed by its primary -> the record names it, under an epoch -> the outbox is drained for it -> granted
 *        \-- not any more (MOVED, CLUSTER SLOTS) --\-- another epoch there --> nobody's, at once
 *
 * Two shards of one process learn at different times that a slot has moved. Epochs only grow, so a slot that was
 * granted under a later one never goes back to a shard that knows an earlier one, whoever comes late.
 *
 * A grant alone is not enough: its trust must be given, too. So if a connection is lost nothing is written here, and
 * operations still find whose slot it was, and whether that one is coming back.
 *
 * It does not know the record, nor when a drain is over: trust.c does.
 */
#include "cache/grants.h"

void grants_claim(struct grants *grants, struct trust *trust, const struct slot_set *claims)
{
    for (unsigned slot = 0; slot < SLOT_COUNT; slot++) {
        struct grant *grant = &grants->of[slot];
        bool is_claimed = slot_set_has(claims, slot);
        if (is_claimed && !grant->trust) {
            grant->trust = trust;
        } else if (!is_claimed && grant->trust == trust) {
            grant->trust = NULL;
            grant->is_given = false;
        }
    }
}

void grants_keep(struct grants *grants, const struct trust *trust, const struct slot_epochs *own)
{
    for (unsigned slot = 0; slot < SLOT_COUNT; slot++)
        if (grants->of[slot].trust == trust && grants->of[slot].epoch != own->of[slot])
            grants->of[slot].is_given = false;
}

void grants_withhold(struct grants *grants, const struct trust *trust, const struct slot_set *late)
{
    for (unsigned slot = 0; slot < SLOT_COUNT; slot++)
        if (grants->of[slot].trust == trust && slot_set_has(late, slot))
            grants->of[slot].is_given = false;
}

static bool is_due(const struct grants *grants, unsigned slot, const struct slot_epochs *own,
                   const struct slot_set *claims)
{
    int64_t epoch = own->of[slot];
    return epoch != 0 && epoch >= grants->of[slot].epoch && slot_set_has(claims, slot);
}

size_t grants_give(struct grants *grants, struct trust *trust, const struct slot_epochs *own,
                   const struct slot_set *claims)
{
    size_t count = 0;
    for (unsigned slot = 0; slot < SLOT_COUNT; slot++) {
        if (!is_due(grants, slot, own, claims))
            continue;
        grants->of[slot] = (struct grant){.trust = trust, .epoch = own->of[slot], .is_given = true};
        count++;
    }
    return count;
}

bool grants_lack(const struct grants *grants, const struct trust *trust, const struct slot_epochs *own,
                 const struct slot_set *claims)
{
    for (unsigned slot = 0; slot < SLOT_COUNT; slot++)
        if (is_due(grants, slot, own, claims) && !grant_holds(&grants->of[slot], trust, own->of[slot]))
            return true;
    return false;
}
