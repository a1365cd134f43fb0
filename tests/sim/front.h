/* SPDX-License-Identifier: MIT */
/* A cache in front of the service, which is told what to forget: server/http_client.h in the simulated world. */
#ifndef TESTS_SIM_FRONT_H
#define TESTS_SIM_FRONT_H

#include <stdbool.h>
#include <stdint.h>

struct front {
    bool is_away;          /* no answer comes */
    unsigned fails_in;     /* one call in so many fails; 0: none */
    int64_t purged_us[64]; /* when the latest purge of each of the checker's todos came; 0: never */
    unsigned purge_count;
};

extern struct front front;

void front_begin(void);

#endif
