/* SPDX-License-Identifier: MIT */
/* The rows of the table of faults, and the ground that they stand on. */
#ifndef TESTS_SIM_FAULT_ROWS_H
#define TESTS_SIM_FAULT_ROWS_H

#include "dice.h"
#include "fault.h"
#include "worker.h"

struct fault_row {
    const char *name;
    unsigned traits;
    bool (*begin)(void); /* false: it can't happen now */
    void (*end)(void);   /* NULL: it does not last */
    int64_t least_ms, most_ms;
};

struct fault_ground {
    struct dice dice;
    const struct settings *settings;
    uint64_t serial; /* a schedule's events don't reach into the next one */
};

extern struct fault_ground fault_ground;

/* The primary; of a cluster, one of them, which is drawn. */
unsigned fault_server(void);
struct sim_redis *fault_primary(void);

/* One of the workers in that state that are not frozen; NULL: none is. */
struct worker *fault_worker(enum worker_state state);

/* Of fault_redis.c, fault_world.c, fault_peers.c and fault_queue.c. */
extern const struct fault_row fault_redis_rows[], fault_world_rows[], fault_peers_rows[], fault_queue_rows[];
extern const size_t fault_redis_count, fault_world_count, fault_peers_count, fault_queue_count;

void fault_redis_free(void);
void fault_queue_free(void);

/* Every Redis takes all commands again. */
void fault_redis_accepts(void);

/* A key whose name matches the pattern of a shell is evicted, or another program puts something in its place. */
bool fault_lose(const char *pattern);

/* The latter, unless but matches: by a hash, or by a value of another type or a text. */
bool fault_replace(const char *pattern, const char *but, bool by_hash);

bool fault_foreign_write(void);

/* A restore that waits for its moment is given up. */
void fault_world_end(void);

#endif
