/* SPDX-License-Identifier: MIT */
/*
 * Which step of a write may follow which: the arrows of the picture in write.c, as a table. It is checked at each step.
 *
 * It does not decide which of the possible steps is taken: write.c does.
 */
#include "cache/write_step.h"

#include "base/mem.h"

void write_step_take(enum write_step *step, enum write_step next)
{
    static const unsigned follows[] = {
        [WRITE_AWAITING] = 1u << WRITE_FENCING,
        [WRITE_FENCING] = 1u << WRITE_AWAITING,
        [WRITE_STORING] = 1u << WRITE_AWAITING | 1u << WRITE_FENCING,
        [WRITE_UNFENCING] = 1u << WRITE_STORING | 1u << WRITE_RECORDING,
        [WRITE_RECORDING] = 1u << WRITE_STORING | 1u << WRITE_UNFENCING,
        [WRITE_ANSWERING] = 1u << WRITE_AWAITING | 1u << WRITE_FENCING | 1u << WRITE_STORING | 1u << WRITE_UNFENCING |
                            1u << WRITE_RECORDING,
    };
    bug_unless(follows[next] & 1u << *step, "a write takes a step that does not follow");
    *step = next;
}
