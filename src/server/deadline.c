/* SPDX-License-Identifier: MIT */
/*
 * Ends blocking calls that take too long, from outside: a second thread watches the loop and shuts the socket down.
 *
 * libfcgi reads a request, and sends an answer, by as many blocking calls as it takes. A socket's own time limit
 * (SO_RCVTIMEO) begins anew with each of them: a peer that sends a byte a second would hold the loop for ever. Only
 * another thread can see that the whole takes too long. shutdown() then makes libfcgi's call fail as if the peer had
 * gone.
 *
 * The loop tells what it begins by one number, made of a serial and the descriptor. The thread looks four times a
 * second. If it sees the same number for DEADLINE_MS, it puts CALL_LATE in its place by a compare-and-exchange, and the
 * loop puts CALL_NONE there in the same way. So either the loop or the thread ends a call. The loop waits for a thread
 * that is shutting down: the descriptor may be closed a moment later, and then be another connection's.
 *
 * It costs the loop two atomic writes for each begin and end, no system call and no look at the clock.
 *
 * Does not: close a descriptor, or bound how long a request waits for its answer (Redis and the store have timeouts).
 */
#include "server/deadline.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/mem.h"

enum { LOOK_MS = 250, LOOKS_MAX = DEADLINE_MS / LOOK_MS };

/* What "call" may be besides serial << 32 | fd. No fd is as large as the second one's, no serial 0. */
#define CALL_NONE UINT64_C(0)
#define CALL_LATE UINT64_MAX

struct deadline {
    _Atomic uint64_t call;
    uint64_t begun; /* the loop's copy */
    uint32_t serial;
    int stop_fd; /* an eventfd */
    pthread_t thread;
};

static void *deadline_run(void *ctx)
{
    struct deadline *deadline = ctx;
    struct pollfd stop = {.fd = deadline->stop_fd, .events = POLLIN};
    uint64_t seen = CALL_NONE;
    unsigned looks = 0;
    while (poll(&stop, 1, LOOK_MS) <= 0) {
        uint64_t call = atomic_load(&deadline->call);
        looks = call == seen ? looks + 1 : 0;
        seen = call;
        if (call == CALL_NONE || looks < LOOKS_MAX ||
            !atomic_compare_exchange_strong(&deadline->call, &call, CALL_LATE))
            continue;
        shutdown((int)(uint32_t)seen, SHUT_RDWR);
        atomic_store(&deadline->call, CALL_NONE);
    }
    return NULL;
}

void deadline_begin(struct deadline *deadline, int fd)
{
    deadline->begun = (uint64_t)++deadline->serial << 32 | (uint32_t)fd;
    atomic_store_explicit(&deadline->call, deadline->begun, memory_order_release);
}

bool deadline_end(struct deadline *deadline)
{
    uint64_t begun = deadline->begun;
    if (atomic_compare_exchange_strong(&deadline->call, &begun, CALL_NONE))
        return true;
    while (atomic_load(&deadline->call) != CALL_NONE)
        poll(NULL, 0, 1);
    return false;
}

enum status deadline_new(struct deadline **out, struct error *error)
{
    struct deadline *deadline = mem_zalloc(sizeof(*deadline));
    deadline->stop_fd = eventfd(0, EFD_CLOEXEC);
    int failed = deadline->stop_fd < 0 ? errno : pthread_create(&deadline->thread, NULL, deadline_run, deadline);
    if (!failed) {
        *out = deadline;
        return STATUS_OK;
    }
    if (deadline->stop_fd >= 0)
        close(deadline->stop_fd);
    free(deadline);
    return error_set(error, STATUS_UNAVAILABLE, "no thread or descriptor for the deadline: %s", strerror(failed));
}

void deadline_free(struct deadline *deadline)
{
    if (!deadline)
        return;
    eventfd_write(deadline->stop_fd, 1); /* the first write is always taken */
    pthread_join(deadline->thread, NULL);
    close(deadline->stop_fd);
    free(deadline);
}
