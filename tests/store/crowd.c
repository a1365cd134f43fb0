/* SPDX-License-Identifier: MIT */
/*
 * Threads that wait for each other at a barrier, so that they set off together and not in the order of their making:
 * what they then meet in the store is as close to "at once" as a test gets.
 *
 * A member that asserts would end its thread in the middle of somebody else's test; so they only note what they got.
 */
#include "crowd.h"

#include <pthread.h>

#include "base/mem.h"

struct member {
    crowd_member_fn run;
    void *ctx;
    unsigned number;
    pthread_barrier_t *start;
    pthread_t thread;
};

static void *member_run(void *ctx)
{
    struct member *member = ctx;
    pthread_barrier_wait(member->start);
    member->run(member->ctx, member->number);
    return NULL;
}

void crowd_run(unsigned count, crowd_member_fn run, void *ctx)
{
    struct member members[CROWD_MAX];
    pthread_barrier_t start;
    bug_unless(count > 0 && count <= CROWD_MAX, "the crowd is too large");
    pthread_barrier_init(&start, NULL, count);
    for (unsigned i = 0; i < count; i++) {
        members[i] = (struct member){.run = run, .ctx = ctx, .number = i, .start = &start};
        bug_unless(pthread_create(&members[i].thread, NULL, member_run, &members[i]) == 0, "no threads left");
    }
    for (unsigned i = 0; i < count; i++)
        pthread_join(members[i].thread, NULL);
    pthread_barrier_destroy(&start);
}
