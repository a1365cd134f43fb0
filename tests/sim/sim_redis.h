/* SPDX-License-Identifier: MIT */
/*
 * A Redis in memory, as far as the cache needs one: RESP in, RESP out, the commands that workers send, and the real Lua
 * scripts. What a connection is, and when its commands are carried out, is up to the owner.
 *
 * What a test may do to it stands in the struct and below. The same calls give the same replies: time is the owner's,
 * and what is drawn at random comes from the seed.
 * context  one thread
 */
#ifndef TESTS_SIM_SIM_REDIS_H
#define TESTS_SIM_SIM_REDIS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/slice.h"
#include "dice.h"
#include "sim_redis_channels.h"
#include "sim_redis_keys.h"
#include "sim_redis_slots.h"

enum { SIM_RUN_ID_LEN = 40 };

struct sim_redis_options {
    const char *run_id, *replication_id;              /* as INFO tells them; copied */
    int64_t (*now_ms)(void *ctx);                     /* wall time; stands still while a command is carried out */
    void (*on_command)(void *ctx, struct slice word); /* before each; NULL: nobody asks. A script's word is its name */
    /* A message for subscribers that are no clients of this server; returns how many. NULL: there are none. */
    int64_t (*on_publish)(void *ctx, struct slice channel, struct slice message);
    void *ctx;
    uint64_t seed;
};

struct sim_redis {
    char run_id[SIM_RUN_ID_LEN + 1];
    char replication_id[SIM_RUN_ID_LEN + 1];
    bool is_replica;          /* refuses what writes; READONLY */
    bool is_stale;            /* a replica that has lost its primary, and says so: MASTERDOWN */
    bool is_loading;          /* LOADING */
    bool is_busy;             /* with a script that doesn't end; BUSY */
    bool is_full;             /* at maxmemory with noeviction: OOM */
    bool is_durable;          /* says that it syncs its file before it answers; what it has, a restart keeps */
    const char *password;     /* NULL: nobody has to AUTH; borrowed */
    const char *primary_host; /* a sentinel's answer; NULL: it knows none; borrowed */
    const char *primary_port;
    struct sim_slots *slots; /* of a server of a cluster, owned; NULL: it is none */
    unsigned command_count;  /* carried out or refused */
    unsigned push_count;     /* messages that subscribers got, in their outputs */

    /* Its own. */
    struct sim_redis_options options;
    struct sim_keys keys;
    struct sim_loaded *scripts;
    struct sim_subscriber *subscribers;
    struct dice dice;
    char refused_words[80], refusal[80];
};

struct sim_redis *sim_redis_new(struct sim_redis_options options);
void sim_redis_free(struct sim_redis *redis); /* NULL is fine */

/* ---- One connection; it ends before its server. ---- */

struct sim_client *sim_client_new(struct sim_redis *redis);
void sim_client_free(struct sim_client *client); /* NULL is fine; commands that wait are lost */

/* What the client has sent, cut anywhere. */
void sim_client_feed(struct sim_client *client, struct slice bytes);

/* The oldest whole command is carried out, and its reply appended to the output; false: there is none. */
bool sim_client_execute(struct sim_client *client);

bool sim_client_is_subscribed(const struct sim_client *client);

/* What the client has not received yet; the owner takes it from the front. Of a subscriber it grows by others' commands. */
struct buf *sim_client_output(struct sim_client *client);

/* ---- What can happen to it ---- */

/* Comes back under another run id, without scripts. Its connections end: that is up to the owner. */
void sim_redis_restart(struct sim_redis *redis, const char *run_id, bool keeps_data);

/* All keys as they are now, to be put back into this Redis or into another one: a file's older state, a replica's. */
struct sim_keys *sim_redis_save(const struct sim_redis *redis);
void sim_redis_restore(struct sim_redis *redis, const struct sim_keys *saved);
void sim_redis_forget(struct sim_keys *saved);

/* Evicts a key that is drawn among those whose names match the pattern of a shell; false: there is none. */
bool sim_redis_evict(struct sim_redis *redis, const char *pattern);

void sim_redis_flush(struct sim_redis *redis);
void sim_redis_flush_scripts(struct sim_redis *redis);

/* As if somebody had called the script before; it must be one that can be compiled. */
void sim_redis_load_script(struct sim_redis *redis, struct slice text);

/* From now on commands and scripts of these names (with blanks between them) answer error; NULL ends that. */
void sim_redis_refuse(struct sim_redis *redis, const char *words, const char *error);

/* To look in and to put in, at this moment. */
struct sim_keys *sim_redis_keys(struct sim_redis *redis);

#endif
