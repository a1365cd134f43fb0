/* SPDX-License-Identifier: MIT */
/* Caches in front of the service, which are told what to forget: server/http_client.h in the simulated world. */
#ifndef TESTS_SIM_FRONT_H
#define TESTS_SIM_FRONT_H

#include <stdbool.h>
#include <stdint.h>

#include "truth.h"

enum { FRONT_CACHES = 2, FRONT_LIST = TRUTH_IDS_MAX };

struct front {
    bool is_away;                                       /* no answer comes */
    unsigned fails_in;                                  /* one call in so many fails; 0: none */
    unsigned named;                                     /* bits of the caches that purge_url names */
    int64_t purged_us[FRONT_CACHES][TRUTH_IDS_MAX + 1]; /* when the latest purge of each of the checker's todos came */
};

extern struct front front;

void front_begin(const char *purge_url);

/* Whether each of them was told of that todo (FRONT_LIST: of the list) since then. */
bool front_was_told(size_t todo, int64_t since_us);

#endif
