/* SPDX-License-Identifier: MIT */
/*
 * A group has one trip: all of its calls are applied at one moment, or none if its commit fails. Others never see a part
 * of it. What its end will be is drawn when it begins, so what a failing group writes is told to nobody.
 *
 * Records of purges stay when it is rolled back: one purge too many does no harm.
 */
#include "store_group.h"

#include "fake_store.h"
#include "store_trip.h"
#include "world.h"

/* From its begin to its end no time passes, so there is one at most. */
static struct group {
    bool is_open;
    bool is_lost; /* its commit will fail */
    bool is_void; /* nothing of it will have been applied */
    struct store *before;
    struct trip trip;
} group;

bool store_group_is_open(void)
{
    return group.is_open;
}

bool store_group_is_void(void)
{
    return group.is_open && group.is_void;
}

bool store_has_groups(const struct store *store)
{
    (void)store;
    return store_world.has_groups;
}

enum status store_group_begin(struct store *store, int64_t waiting_since_ms, struct error *error)
{
    (void)waiting_since_ms;
    struct trip trip;
    if (!trip_begin(&trip, TRIP_MAJORITY, error))
        return trip.status;
    if (store_world.away & TRIP_WRITE)
        return error_set(error, STATUS_UNAVAILABLE, "the simulated store takes no writes");
    group = (struct group){.is_open = true, .is_lost = trip.is_lost, .trip = trip};
    group.is_void = group.is_lost && dice_one_in(&world.dice, 2);
    struct process *process = process_enter(NULL);
    if (group.is_void)
        group.before = fake_store_backup(store);
    process_enter(process);
    return STATUS_OK;
}

enum status store_group_end(struct store *store, struct error *error)
{
    struct group ended = group;
    group = (struct group){0};
    if (ended.is_void) {
        struct process *process = process_enter(NULL);
        fake_store_roll_back(store, ended.before);
        fake_store_free(ended.before);
        process_enter(process);
    }
    if (fiber_is_orphan())
        fiber_abandon();
    if (!ended.is_lost) {
        fiber_wait(trip_way_us());
        return STATUS_OK;
    }
    bool is_told = ended.is_void && dice_one_in(&world.dice, 2);
    fiber_wait(is_told ? trip_way_us() : ended.trip.until_us > world.now_us ? ended.trip.until_us - world.now_us : 0);
    if (is_told)
        return error_set(error, STATUS_UNAVAILABLE, "the simulated store has rolled the group back");
    ended.trip.kind = TRIP_WRITE;
    return trip_give_up(&ended.trip, error);
}
