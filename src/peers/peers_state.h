/* SPDX-License-Identifier: MIT */
/*
 * What the parts of this room share.
 */
#ifndef PEERS_PEERS_STATE_H
#define PEERS_PEERS_STATE_H

#include "base/random.h"
#include "peers/options.h"

enum peers_script { PEERS_EXPEL, PEERS_JOIN, PEERS_RENEW, PEERS_TELL, PEERS_SCRIPT_COUNT };

/*
 * How long a licence lasts, by how much at most two clocks may differ in that time, and how often it is renewed. One
 * lost renew ends none. A write that waits until it is over takes less than 300 ms, with its own time.
 */
enum { LICENCE_MS = 285, DRIFT_MS = 3, RENEW_MS = 100 };

enum { MACHINE_LEN = 16, CHANNEL_LEN = TOKEN_LEN + 16 };

struct peers {
    struct peers_options options;
    struct redis_script scripts[PEERS_SCRIPT_COUNT];
    char machine[MACHINE_LEN + 1]; /* "": this process is of none */
    char channel[CHANNEL_LEN + 1]; /* of this process */
    struct subscription *subscription;
    struct timer *timer;
    unsigned ticks;
    bool was_up;              /* the subscription, at the last tick */
    int64_t echo_heard_at_ms; /* loop time */
    struct agent *agent;      /* NULL: this process can't be one */
    struct tells *tells;
};

/* Runs a script on the holders of an epoch; the first one at a Redis that need not be trusted yet. */
void peers_run_at(struct peers *peers, struct redis *redis, enum peers_script script, int64_t epoch,
                  const struct slice *args, size_t count, redis_reply_cb on_reply, void *ctx);
void peers_run(struct peers *peers, enum peers_script script, int64_t epoch, const struct slice *args, size_t count,
               redis_reply_cb on_reply, void *ctx);

/* All holders' acknowledgements that nobody asked for by name. */
#define PEERS_APPLIED_CHANNEL "todos:applied"

void peers_publish(struct peers *peers, struct slice channel, struct slice message);

#endif
