/* SPDX-License-Identifier: MIT */
/*
 * The commands of a simulated Redis that know nothing but keys. sim_redis.c has those that are about the server, its
 * connections and scripts.
 * context  any (pure)
 */
#ifndef TESTS_SIM_SIM_REDIS_COMMANDS_H
#define TESTS_SIM_SIM_REDIS_COMMANDS_H

#include <stdbool.h>
#include <stddef.h>

#include "base/buf.h"
#include "base/slice.h"
#include "sim_redis_keys.h"

struct sim_client;

struct sim_call {
    struct sim_keys *keys;
    struct sim_client *client;
    const struct slice *args; /* the command's name is the first */
    size_t count;
    struct buf *reply; /* one reply is appended */
};

/* What Redis says of a command in its COMMAND INFO, as far as it decides where the command is refused. */
enum sim_flag {
    SIM_WRITE = 1,      /* not on a replica */
    SIM_GROWS = 2,      /* "denyoom": not when Redis is full */
    SIM_LOADING = 4,    /* even while Redis loads its file */
    SIM_STALE = 8,      /* even on a replica that has lost its primary */
    SIM_NO_SCRIPT = 16, /* not from a script */
    SIM_AUTH = 32,      /* from anybody, even while Redis is busy */
    SIM_SUBSCRIBER = 64,
    SIM_KEY = 128,         /* the first argument is a key */
    SIM_KEYS = 256,        /* all arguments are */
    SIM_KEYS_COUNTED = 512 /* so many as the second argument says, behind it */
};

struct sim_command {
    const char *name; /* in capitals; the table's end: NULL */
    int arity;        /* with the name; negative: that many or more */
    unsigned flags;
    void (*run)(const struct sim_call *call);
};

extern const struct sim_command sim_key_commands[], sim_server_commands[], sim_cluster_commands[];

/* NULL: the table has none of that name. */
const struct sim_command *sim_command_find(const struct sim_command *table, struct slice name);

bool sim_command_takes(const struct sim_command *command, size_t count);

/* Compares without regard to case, as Redis reads names and options. */
bool sim_word_is(struct slice word, const char *name);

/* The key that is the first argument, NULL if absent; false: it is of another type, and the reply says so. */
bool sim_key_take(const struct sim_call *call, enum sim_type type, struct sim_key **key);

/* An argument as a whole number; if it is none, the reply is that error. */
bool sim_take_integer(const struct sim_call *call, size_t index, int64_t *value);

#endif
