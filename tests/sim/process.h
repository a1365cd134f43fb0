/* SPDX-License-Identifier: MIT */
/*
 * A simulated process: its memory, its clocks, its event loop and its pool's threads.
 *
 * All of them live in this one thread. What runs in a process allocates in that process' memory, and sees its clocks;
 * process_current() says which it is. A killed process loses its memory at once, whatever it was at.
 *
 * process.c has the clocks and the loop (base/events.h), heap.c the memory, fiber.c the threads and what libuv does for
 * store/pool.c.
 */
#ifndef TESTS_SIM_PROCESS_H
#define TESTS_SIM_PROCESS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/events.h"

enum { PROCESSES_MAX = 6 };

struct block;
struct fiber;
struct job_done;

struct process {
    struct events events; /* the loop's, as the code under test sees it */
    unsigned number;
    uint64_t life; /* 0: never started; grows with each start and each end */
    bool is_alive, is_frozen;
    int64_t wall_offset_ms;    /* to the world's time */
    int64_t clock_ppm;         /* by how much its machine's clocks run too fast */
    int64_t monotonic_lost_us; /* for how long its monotonic clock stood still */
    int64_t frozen_at_us;
    bool stands_still; /* this freeze stops the monotonic clock, too */
    int64_t loop_ms;   /* the turn's */
    struct block *blocks;
    size_t block_count;
    struct timer *timers;
    struct watch *watches;
    struct turn *turns;
    struct fiber *fibers;   /* that run */
    struct job_done *dones; /* their ends, for the loop */
    void *idles;            /* uv_idle_t handles that are active */
    struct input *inputs;   /* from the outside, for the next turn */
    int64_t wake_at_us;     /* of the event that is under way; INT64_MAX: none */
    uint64_t wake_serial;
};

extern struct process processes[PROCESSES_MAX];

/* All are dead, and their memory is gone. */
void process_reset_all(void);

/* Whose code runs; NULL: the world's. */
struct process *process_current(void);

/* Switches to process (NULL: the world), and returns what was before. */
struct process *process_enter(struct process *process);

void process_start(struct process *process, int64_t wall_offset_ms);

/* At once, without a word; its connections break. */
void process_kill(struct process *process);

/* After the code in it has freed all: complains of memory, timers or watches that are still there. */
void process_end(struct process *process);

void process_freeze(struct process *process, bool stands_still);
void process_thaw(struct process *process);

int64_t process_wall_ms(const struct process *process);      /* NULL: the world's own clock */
int64_t process_monotonic_us(const struct process *process); /* also while it is frozen */

/* do_it is called in the next turn of its loop, inside the process; dropped if it dies before. */
typedef void (*process_input_fn)(void *ctx);
void process_input(struct process *process, process_input_fn do_it, void *ctx);

/* Its loop has a reason to wake. */
void process_poke(struct process *process);

/* ---- fiber.c ---- */

/*
 * In a fiber: lets the world go on for so long; elsewhere it does nothing. If the process is killed meanwhile, the
 * fiber ends here. fiber_travel() returns false instead: what it carries may be done before fiber_abandon().
 */
void fiber_wait(int64_t after_us);
bool fiber_travel(int64_t after_us);
bool fiber_is_current(void);
bool fiber_is_orphan(void);
void fiber_abandon(void);

void fiber_drop_all(struct process *process);
void fiber_thaw_all(struct process *process);
bool fiber_turn(struct process *process); /* the ends of jobs, and idle handles; whether more is to be done at once */

/* ---- heap.c ---- */

void heap_drop_all(struct process *process);

#endif
