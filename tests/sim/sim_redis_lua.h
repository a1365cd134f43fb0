/* SPDX-License-Identifier: MIT */
/*
 * Lua scripts under Redis' rules. A script is compiled once in a process, whichever Redis runs it.
 * context  one thread
 */
#ifndef TESTS_SIM_SIM_REDIS_LUA_H
#define TESTS_SIM_SIM_REDIS_LUA_H

#include <stddef.h>

#include "base/buf.h"
#include "base/slice.h"

enum { SIM_SHA_LEN = 40 };

struct sim_script;

/* NULL: it can't be compiled, and the error is appended to reply. */
const struct sim_script *sim_script_compile(struct slice text, struct buf *reply);

struct slice sim_script_sha(const struct sim_script *script);

/* The name of its file in capitals, "ACQUIRE", if it is one of the workers' scripts; else absent. */
struct slice sim_script_name(const struct sim_script *script);

/* What redis.call() does: carries out a command and appends its reply, which may be an error. */
typedef void (*sim_script_call_fn)(void *ctx, const struct slice *args, size_t count, struct buf *reply);

struct sim_script_run {
    const struct slice *keys, *args;
    size_t key_count, arg_count;
    sim_script_call_fn call;
    void *ctx;
};

/* Runs a script; what it returns is appended to reply. */
void sim_script_run(const struct sim_script *script, const struct sim_script_run *run, struct buf *reply);

#endif
