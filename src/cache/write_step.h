/* SPDX-License-Identifier: MIT */
/*
 * The steps of a fenced write, in the order that the picture in write.c shows. context  any (pure)
 */
#ifndef CACHE_WRITE_STEP_H
#define CACHE_WRITE_STEP_H

enum write_step {
    WRITE_AWAITING,  /* a Redis that is about to be trusted */
    WRITE_FENCING,   /* Redis is setting the mark; then other machines apply what is told to them */
    WRITE_STORING,   /* the caller's work, on a pool thread */
    WRITE_UNFENCING, /* Redis is removing the mark */
    WRITE_RECORDING, /* a closed record is on its way to the outbox */
    WRITE_ANSWERING, /* caches in front, then the caller */
};

/* A step that the picture does not have is a bug, and aborts. */
void write_step_take(enum write_step *step, enum write_step next);

#endif
