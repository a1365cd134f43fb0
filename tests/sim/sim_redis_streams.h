/* SPDX-License-Identifier: MIT */
/*
 * A simulated Redis' streams, as far as the queue's journal uses them.
 * context  any (pure)
 */
#ifndef TESTS_SIM_SIM_REDIS_STREAMS_H
#define TESTS_SIM_SIM_REDIS_STREAMS_H

#include "sim_redis_commands.h"

extern const struct sim_command sim_stream_commands[];

#endif
