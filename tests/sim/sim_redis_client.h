/* SPDX-License-Identifier: MIT */
/*
 * A connection of a simulated Redis, for the files that carry out its commands.
 */
#ifndef TESTS_SIM_SIM_REDIS_CLIENT_H
#define TESTS_SIM_SIM_REDIS_CLIENT_H

#include "sim_redis.h"
#include "sim_redis_resp.h"

struct sim_client {
    struct sim_redis *redis;
    struct buf input, output;
    size_t taken; /* of the input */
    struct resp_command command;
    struct sim_subscriber subscriber;
    bool is_authenticated;
    bool is_asking; /* the next command may be about a slot that is on its way here */
};

#endif
