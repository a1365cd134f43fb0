/* SPDX-License-Identifier: MIT */
/*
 * Batches of queued writes on their way to the store: as any write, one moment for all of a batch and its bookmark.
 *
 * A claim settles no late batch. Whatever comes after it is up to the bookmark's owner and number.
 */
#include "store_queue.h"
#include "fake_store.h"
#include "store_group.h"
#include "store_late.h"
#include "store_trip.h"
#include "truth_queue.h"
#include "world.h"

enum status __real_store_apply(struct store *store, const struct store_batch *batch, struct store_applied *results,
                               struct error *error);
enum status __wrap_store_apply(struct store *store, const struct store_batch *batch, struct store_applied *results,
                               struct error *error);
enum status __real_store_apply_claim(struct store *store, unsigned shard, const struct token *owner,
                                     struct store_bookmark *bookmark, struct error *error);
enum status __wrap_store_apply_claim(struct store *store, unsigned shard, const struct token *owner,
                                     struct store_bookmark *bookmark, struct error *error);

enum status __wrap_store_apply_claim(struct store *store, unsigned shard, const struct token *owner,
                                     struct store_bookmark *bookmark, struct error *error)
{
    struct trip trip;
    if (!trip_begin(&trip, TRIP_WRITE, error))
        return trip.status;
    return trip_end(&trip, __real_store_apply_claim(store, shard, owner, bookmark, error), error);
}

/* The validator of an operator, who has a todo in mind. */
static bool is_refused(const struct store_batch *batch)
{
    bool is_refused = false;
    for (size_t i = 0; i < batch->count && store_world.refused_id; i++)
        is_refused |= !batch->writes[i].is_dead &&
                      slice_equal(slice_of(batch->writes[i].change.todo->id), slice_of(store_world.refused_id));
    return is_refused;
}

enum status store_apply_now(const struct store_batch *batch, struct store_applied *results, struct error *error)
{
    if (is_refused(batch))
        return error_set(error, STATUS_INVALID, "the simulated store's validator refuses %s", store_world.refused_id);
    for (size_t i = 0; i < batch->count; i++)
        if (!batch->writes[i].is_dead)
            store_late_settle(batch->writes[i].change.todo->id);
    enum status status = __real_store_apply(store_world.store, batch, results, error);
    for (size_t i = 0; i < batch->count && status == STATUS_OK; i++)
        if (!batch->writes[i].is_dead)
            store_look(batch->writes[i].change.todo->id);
    if (status == STATUS_OK && !store_group_is_void())
        truth_queue_applied(batch, results);
    return status;
}

enum status __wrap_store_apply(struct store *store, const struct store_batch *batch, struct store_applied *results,
                               struct error *error)
{
    struct trip trip;
    (void)store;
    if (!trip_begin(&trip, TRIP_WRITE, error)) {
        if (trip.may_be_late)
            store_late_batch(batch);
        return trip.status;
    }
    return trip_end(&trip, store_apply_now(batch, results, error), error);
}
