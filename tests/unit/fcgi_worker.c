/* SPDX-License-Identifier: MIT */
/*
 * A worker for unit tests, in a child process: see fcgi_worker.h.
 *
 * api_handle() and request_begin() stand here in place of the real ones; the rest is the worker's own objects.
 */
#include "fcgi_worker.h"

#include <poll.h>
#include <sys/prctl.h>

#include "api/api.h"
#include "base/clock.h"
#include "base/mem.h"
#include "server/deadline.h"
#include "server/fcgi.h"
#include "server/listen_socket.h"
#include "server/listener.h"
#include "server/loop.h"
#include "testing.h"

enum { EXIT_MAX_MS = 5000 };

static struct loop *child_loop;
static struct listener *child_listener;
static struct timer *child_timer;
static unsigned child_requests, child_gone;
static bool in_child;

struct later {
    struct timer *timer;
    struct request *request;
};

void request_begin(struct request *request, int64_t now_us)
{
    request->started_at_us = now_us;
}

static void respond(struct request *request)
{
    static const char *const states[] = {"whole", "too_large", "broken"};
    buf_append_text(&request->out, "Status: 200\r\n\r\n");
    if (slice_equal(request->path, SLICE("/count"))) {
        buf_append_int(&request->out, child_requests);
    } else if (slice_equal(request->path, SLICE("/gone"))) {
        buf_append_int(&request->out, child_gone);
    } else if (slice_equal(request->path, SLICE("/big"))) {
        memset(buf_reserve(&request->out, BIG_BYTES), 'x', BIG_BYTES);
        buf_advance(&request->out, BIG_BYTES);
    } else {
        buf_append_slice(&request->out, request->method_text);
        buf_append_char(&request->out, ' ');
        buf_append_slice(&request->out, request->path);
        buf_printf(&request->out, " %zu %s", request->body.len, states[request->body_state]);
    }
    request->answered = true;
    request->answer(request);
}

static void on_later(void *ctx)
{
    struct later *later = ctx;
    loop_events(child_loop)->timer_free(later->timer);
    respond(later->request);
    free(later);
}

static void on_gone(struct request *request)
{
    child_gone++;
    loop_events(child_loop)->timer_free(request->held);
}

/* Of a held request: begun, and no end before another LATER_MS. */
static void on_held_later(void *ctx)
{
    struct request *request = ctx;
    const struct events *events = loop_events(child_loop);
    if (request->status == 0) {
        request->status = 200;
        buf_append_text(&request->out, "Status: 200\r\n\r\nbegun");
        events->timer_start(request->held, LATER_MS);
        request->send(request);
        return;
    }
    events->timer_free(request->held);
    buf_append_text(&request->out, " ended");
    request->answer(request);
}

static void hold(struct request *request)
{
    const struct events *events = loop_events(child_loop);
    request->status = 0;
    request->gone = on_gone;
    if (!request->hold(request)) {
        respond(request);
        return;
    }
    request->held = events->timer_new(events->loop, on_held_later, request);
    events->timer_start(request->held, LATER_MS);
}

void api_handle(struct services *services, struct request *request)
{
    const struct events *events = loop_events(child_loop);
    (void)services;
    child_requests++;
    if (slice_equal(request->path, SLICE("/held"))) {
        hold(request);
        return;
    }
    if (!slice_equal(request->path, SLICE("/later"))) {
        respond(request);
        return;
    }
    struct later *later = mem_zalloc(sizeof(*later));
    later->request = request;
    later->timer = events->timer_new(events->loop, on_later, later);
    events->timer_start(later->timer, LATER_MS);
}

static void on_tick(void *ctx)
{
    struct services *services = ctx;
    listener_expire_idle(child_listener);
    if (services->draining && listener_connection_count(child_listener) == 0)
        loop_stop(child_loop);
    else
        loop_events(child_loop)->timer_start(child_timer, 20);
}

static void on_signal(void *ctx, int signal_number)
{
    struct services *services = ctx;
    (void)signal_number;
    services->draining = true;
    listener_drain(child_listener);
}

/*
 * The child must never come back into the tests: cmocka catches a crash and goes on with the next test, which would start
 * workers of its own, and so on without end. And it must not outlive a test that failed before stopping it.
 */
static void child_leave_tests(void)
{
    in_child = true;
    static const int caught_by_cmocka[] = {SIGFPE, SIGILL, SIGSEGV, SIGBUS, SIGSYS};
    for (size_t i = 0; i < COUNT_OF(caught_by_cmocka); i++)
        signal(caught_by_cmocka[i], SIG_DFL);
    prctl(PR_SET_PDEATHSIG, SIGKILL);
}

static int child_run(int listen_fd, struct settings *settings)
{
    struct error error;
    struct stats *stats = mem_zalloc(sizeof(*stats));
    struct services services = {.settings = settings, .stats = stats};
    fcgi_setup();
    struct deadline *deadline;
    if (loop_new(&child_loop, 1, &error) != STATUS_OK || deadline_new(&deadline, &error) != STATUS_OK)
        return 1;
    const struct events *events = loop_events(child_loop);
    child_listener = listener_new(events, listen_fd, (size_t)settings->connections_max, (size_t)settings->changes_max,
                                  &services, deadline);
    child_timer = events->timer_new(events->loop, on_tick, &services);
    events->timer_start(child_timer, 0);
    loop_on_signal(child_loop, on_signal, &services);
    loop_run(child_loop);
    listener_free(child_listener);
    deadline_free(deadline);
    events->timer_free(child_timer);
    loop_free(child_loop);
    free(stats);
    close(listen_fd);
    return 0;
}

int64_t now_ms(void)
{
    return clock_monotonic_us() / 1000;
}

struct worker worker_start(int64_t connections_max, int64_t idle_timeout_s)
{
    struct worker worker = {.folder = "/tmp/test_fcgi.XXXXXX"};
    struct error error;
    int listen_fd;
    if (in_child)
        _exit(EXIT_FAILURE); /* back in the tests, whatever brought it here */
    assert_non_null(mkdtemp(worker.folder));
    snprintf(worker.path, sizeof(worker.path), "%s/socket", worker.folder);
    assert_int_equal(listen_socket_open(worker.path, &listen_fd, &error), STATUS_OK);
    fflush(NULL);
    worker.pid = fork();
    assert_true(worker.pid >= 0);
    if (worker.pid == 0) {
        child_leave_tests();
        struct settings settings = {.connections_max = connections_max,
                                    .idle_timeout_s = idle_timeout_s,
                                    .body_max_bytes = BODY_MAX,
                                    .changes_max = HELD_MAX};
        exit(child_run(listen_fd, &settings));
    }
    close(listen_fd);
    return worker;
}

/* Waits for the end that a SIGTERM of ours began; returns how long it took. */
int64_t worker_join(struct worker *worker, int64_t began_at_ms)
{
    int wait_status = -1;
    while (waitpid(worker->pid, &wait_status, WNOHANG) == 0) {
        if (now_ms() - began_at_ms > EXIT_MAX_MS) {
            kill(worker->pid, SIGKILL);
            fail_msg("the worker runs on after SIGTERM");
        }
        poll(NULL, 0, 5);
    }
    unlink(worker->path);
    rmdir(worker->folder);
    assert_true(WIFEXITED(wait_status));
    assert_int_equal(WEXITSTATUS(wait_status), 0);
    return now_ms() - began_at_ms;
}

int64_t worker_stop(struct worker *worker)
{
    int64_t began_at_ms = now_ms();
    kill(worker->pid, SIGTERM);
    return worker_join(worker, began_at_ms);
}
