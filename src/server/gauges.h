/* SPDX-License-Identifier: MIT */
/*
 * The gauges of this worker (base/stats_table.h): how it works at the moment, and what its process takes.
 * context  loop only
 */
#ifndef SERVER_GAUGES_H
#define SERVER_GAUGES_H

#include "api/services.h"

/* Reads some files of /proc. */
void gauges_set_process(const struct services *services);

/* Costs next to nothing. After its first time /metrics shows this worker's gauges. */
void gauges_set_work(const struct services *services);

#endif
