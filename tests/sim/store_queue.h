/* SPDX-License-Identifier: MIT */
/* Batches of queued writes, as they are applied. */
#ifndef TESTS_SIM_STORE_QUEUE_H
#define TESTS_SIM_STORE_QUEUE_H

#include "store/apply.h"

/* At this moment. */
enum status store_apply_now(const struct store_batch *batch, struct store_applied *results, struct error *error);

#endif
