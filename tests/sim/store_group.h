/* SPDX-License-Identifier: MIT */
/*
 * Groups of the simulated store, and what they need of trips.
 */
#ifndef TESTS_SIM_STORE_GROUP_H
#define TESTS_SIM_STORE_GROUP_H

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "store_trip.h"

/* A call, or a group: on its way to the store and back. */
struct trip {
    enum trip_kind kind;
    enum status status; /* if it ends before it is applied */
    bool is_lost;       /* the answer */
    bool may_be_late;   /* it was too late, and may be applied all the same */
    bool is_behind;     /* a primary that lags answers */
    int64_t until_us;
    uint64_t time; /* of the store, that it has shown or made */
};

/* False: it ends before it is applied, and its status is set. */
bool trip_begin(struct trip *trip, enum trip_kind kind, struct error *error);

/* It was applied: its answer travels back, or is lost. */
enum status trip_end(struct trip *trip, enum status status, struct error *error);

/* Its answer does not come. */
enum status trip_give_up(struct trip *trip, struct error *error);

int64_t trip_way_us(void);

/* A call is a part of a group; nobody will ever see what it writes. */
bool store_group_is_open(void);
bool store_group_is_void(void);

#endif
