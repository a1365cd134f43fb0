/* SPDX-License-Identifier: MIT */
/*
 * After the faults: within the time that the documents say, every read is a hit again and says what the store says, the
 * outbox is empty, and every purge is delivered.
 */
#ifndef TESTS_SIM_CALM_H
#define TESTS_SIM_CALM_H

#include <stdbool.h>
#include <stdint.h>

/* Readers ask every worker for every todo and for the list, over and over, until all is well. */
void calm_begin(void);

/* Whether all is well; what is not, for a person. */
bool calm_is_well(void);
const char *calm_complaint(void);

/* All keys of ours in Redis end by themselves, and leases soon. */
void calm_judge_keys(int64_t lease_ms);

#endif
