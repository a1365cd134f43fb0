/* SPDX-License-Identifier: MIT */
/*
 * Random sequences of what workers do to a Redis: their commands and scripts, over few keys so that they collide, with
 * wrong types, wrong numbers of arguments, and lifetimes that end.
 */
#ifndef TESTS_SIM_REDIS_STEPS_H
#define TESTS_SIM_REDIS_STEPS_H

#include "base/buf.h"
#include "dice.h"

enum step_kind {
    STEP_COMMAND, /* both are sent it */
    STEP_PASS,    /* time passes */
    STEP_FULL,    /* from now on it is full */
    STEP_ROOM,    /* from now on it is not */
    STEP_REPLICA, /* it becomes a replica whose primary is away */
    STEP_STALE,   /* and now refuses to tell what it has */
    STEP_PRIMARY  /* it is a primary again */
};

struct step {
    enum step_kind kind;
    int64_t pass_ms;
    struct buf command; /* encoded */
};

enum { STEPS_MAX = 40 };

struct sequence {
    struct step steps[STEPS_MAX];
    unsigned count;
};

/* now_ms is the time at which it begins; what was drawn before is freed. */
void sequence_draw(struct sequence *sequence, struct dice dice, int64_t now_ms);
void sequence_fini(struct sequence *sequence);

/* Appends commands that load the workers' scripts; returns how many. */
unsigned sequence_load(struct buf *commands);

/* A script that tells all there is to know of each key that a sequence may have touched. */
void sequence_look(struct buf *command);

/* A line for people. */
void step_print(const struct step *step);

#endif
