/* SPDX-License-Identifier: MIT */
/*
 * The pool's threads, as coroutines: a job runs until it asks the store, and the world goes on until the store has
 * answered.
 *
 * store/pool.c is the real one, with its lanes, queues and breakers. What it asks of libuv is here: uv_queue_work()
 * starts a fiber, and the idle handle runs in the loop's turns. Jobs end in the order in which the store answers them.
 */
#include <stdlib.h>
#include <sys/mman.h>
#include <ucontext.h>
#include <utlist.h>
#include <uv.h>

#include "base/mem.h"
#include "process.h"
#include "world.h"

#ifdef __SANITIZE_ADDRESS__
#include <sanitizer/common_interface_defs.h>
static const void *world_bottom;
static size_t world_size;
#endif

enum { FIBERS_MAX = 256, STACK_BYTES = 512 * 1024 };

struct fiber {
    struct fiber *prev, *next; /* of its process; or free */
    struct process *process;
    uv_work_t *work;
    uv_work_cb run;
    uv_after_work_cb after;
    ucontext_t context;
    char *stack;
    uint64_t serial; /* moves with each use and each sleep: an event of before is void */
    bool is_due;     /* it should run, but its process is frozen */
    bool has_begun, has_ended;
    bool is_orphan; /* its process is being killed */
};

/* Made in the process that it is for. */
struct job_done {
    struct job_done *next;
    uv_work_t *work;
    uv_after_work_cb after;
};

static struct fiber fibers[FIBERS_MAX];
static struct fiber *idle;
static size_t made_count;
static struct fiber *current;
static ucontext_t world_context;

static void fiber_main(void)
{
    for (;;) {
#ifdef __SANITIZE_ADDRESS__
        __sanitizer_finish_switch_fiber(NULL, &world_bottom, &world_size);
#endif
        current->has_begun = true;
        current->run(current->work);
        current->has_ended = true;
#ifdef __SANITIZE_ADDRESS__
        void *fake_stack;
        __sanitizer_start_switch_fiber(&fake_stack, world_bottom, world_size);
#endif
        swapcontext(&current->context, &world_context);
    }
}

static struct fiber *fiber_take(void)
{
    struct fiber *fiber = idle;
    if (fiber) {
        LL_DELETE(idle, fiber);
    } else {
        bug_unless(made_count < FIBERS_MAX, "too many jobs run at once");
        fiber = &fibers[made_count++];
        fiber->stack =
            mmap(NULL, STACK_BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
        bug_unless(fiber->stack != MAP_FAILED, "no memory for a stack");
    }
    getcontext(&fiber->context);
    fiber->context.uc_stack = (stack_t){.ss_sp = fiber->stack, .ss_size = STACK_BYTES};
    fiber->context.uc_link = NULL;
    makecontext(&fiber->context, fiber_main, 0);
    fiber->has_begun = fiber->has_ended = fiber->is_due = fiber->is_orphan = false;
    fiber->serial++;
    return fiber;
}

static void fiber_give_back(struct fiber *fiber)
{
    fiber->serial++;
    DL_DELETE(fiber->process->fibers, fiber);
    LL_PREPEND(idle, fiber);
}

static void fiber_finish(struct fiber *fiber)
{
    struct process *process = fiber->process, *before = process_enter(process);
    struct job_done *done = mem_zalloc(sizeof(*done));
    *done = (struct job_done){.work = fiber->work, .after = fiber->after};
    process_enter(before);
    LL_APPEND(process->dones, done);
    fiber_give_back(fiber);
    process_poke(process);
}

static void fiber_resume(struct fiber *fiber)
{
    struct process *before = process_enter(fiber->process);
    current = fiber;
#ifdef __SANITIZE_ADDRESS__
    void *fake_stack;
    __sanitizer_start_switch_fiber(&fake_stack, fiber->stack, STACK_BYTES);
#endif
    swapcontext(&world_context, &fiber->context);
#ifdef __SANITIZE_ADDRESS__
    __sanitizer_finish_switch_fiber(fake_stack, NULL, NULL);
#endif
    current = NULL;
    process_enter(before);
    if (fiber->has_ended && !fiber->is_orphan)
        fiber_finish(fiber);
}

static void on_resume(void *ctx, uint64_t serial)
{
    struct fiber *fiber = ctx;
    if (serial != fiber->serial)
        return;
    if (fiber->process->is_frozen)
        fiber->is_due = true;
    else
        fiber_resume(fiber);
}

static void fiber_sleep(struct fiber *fiber)
{
#ifdef __SANITIZE_ADDRESS__
    void *fake_stack;
    __sanitizer_start_switch_fiber(&fake_stack, world_bottom, world_size);
#endif
    swapcontext(&fiber->context, &world_context);
#ifdef __SANITIZE_ADDRESS__
    __sanitizer_finish_switch_fiber(fake_stack, &world_bottom, &world_size);
#endif
}

bool fiber_travel(int64_t after_us)
{
    struct fiber *fiber = current;
    if (!fiber || fiber->is_orphan)
        return !fiber;
    world_after(after_us, on_resume, fiber, ++fiber->serial);
    fiber_sleep(fiber);
    return !fiber->is_orphan;
}

void fiber_wait(int64_t after_us)
{
    if (!fiber_travel(after_us))
        fiber_abandon();
}

bool fiber_is_current(void)
{
    return current != NULL;
}

bool fiber_is_orphan(void)
{
    return current && current->is_orphan;
}

void fiber_abandon(void)
{
    fiber_sleep(current);
}

void fiber_drop_all(struct process *process)
{
    while (process->fibers) {
        struct fiber *fiber = process->fibers;
        fiber->is_orphan = true;
        if (fiber->has_begun)
            fiber_resume(fiber);
        fiber_give_back(fiber);
    }
}

void fiber_thaw_all(struct process *process)
{
    struct fiber *fiber;
    DL_FOREACH(process->fibers, fiber)
    if (fiber->is_due) {
        fiber->is_due = false;
        world_after(dice_between(&world.dice, 0, 200), on_resume, fiber, ++fiber->serial);
    }
}

/* ---- What store/pool.c asks of libuv ---- */

int uv_queue_work(uv_loop_t *loop, uv_work_t *work, uv_work_cb run, uv_after_work_cb after)
{
    struct process *process = (struct process *)loop;
    struct fiber *fiber = fiber_take();
    fiber->process = process;
    fiber->work = work;
    fiber->run = run;
    fiber->after = after;
    DL_APPEND(process->fibers, fiber);
    world_after(dice_between(&world.dice, 1, 60), on_resume, fiber, fiber->serial);
    return 0;
}

int uv_idle_init(uv_loop_t *loop, uv_idle_t *handle)
{
    handle->loop = loop;
    handle->idle_cb = NULL;
    return 0;
}

/* Active ones hang on each other by a member of libuv's that nobody else uses here. */
int uv_idle_start(uv_idle_t *handle, uv_idle_cb run)
{
    struct process *process = (struct process *)handle->loop;
    if (handle->idle_cb)
        return 0;
    handle->idle_cb = run;
    handle->next_closing = process->idles;
    process->idles = handle;
    process_poke(process);
    return 0;
}

int uv_idle_stop(uv_idle_t *handle)
{
    struct process *process = (struct process *)handle->loop;
    uv_idle_t **at = (uv_idle_t **)&process->idles;
    while (*at && *at != handle)
        at = (uv_idle_t **)&(*at)->next_closing;
    if (*at)
        *at = (uv_idle_t *)handle->next_closing;
    handle->idle_cb = NULL;
    return 0;
}

void uv_close(uv_handle_t *handle, uv_close_cb closed)
{
    uv_idle_stop((uv_idle_t *)handle);
    closed(handle);
}

bool fiber_turn(struct process *process)
{
    struct job_done *dones = process->dones;
    process->dones = NULL;
    while (dones) {
        struct job_done done = *dones;
        free(dones);
        dones = done.next;
        done.after(done.work, 0);
    }
    uv_idle_t *handle = process->idles;
    while (handle) {
        uv_idle_t *next = (uv_idle_t *)handle->next_closing;
        handle->idle_cb(handle);
        handle = next;
    }
    return process->idles != NULL;
}
