/* SPDX-License-Identifier: MIT */
/*
 * FastCGI connections, with libfcgi as the codec. The loop accepts and polls; libfcgi gets a socket only once it is
 * readable, for one request:
 *
 *   IDLE --readable--> params, body --> HANDLING --answer later--> WAITING --answer--> IDLE or closed
 *                                          `-----answer at once--> ANSWERED ----------^
 *
 * A request that waits for long is held (HELD, from HANDLING or WAITING). Then libfcgi's memory and descriptor of it
 * are given back. Its answer is records of our own (fcgi_record.c), which are sent without waiting: a peer that does
 * not take them is cut off. If the peer closes, the request is gone. Its connection ends with the answer.
 *
 * Why libfcgi may block the loop: nginx sends a request only when it has all of it, and reads an answer as fast as it
 * comes. A peer that does otherwise blocks the loop for 2 s, once while it sends a request and once while it takes the
 * answer; then its connection is shut down (deadline.c). libfcgi itself does not survive every peer: lengths of
 * parameters whose sum overflows abort the process, and FCGI_GET_VALUES writes past its stack. The socket's mode, 0660,
 * and its group keep all peers but nginx out.
 *
 * Each connection has two descriptors. libfcgi closes the one that it was given when a request fails, and libuv forbids
 * closing a descriptor under an active poll. Stopping the poll around each request would cost three epoll_ctl calls per
 * request, half as many as all its other system calls. So libfcgi gets a duplicate, the poll stays active, and a
 * request costs one read and one write. If the socket becomes readable while a request is under way (the peer has
 * closed it), the poll is paused until the answer, because it is level-triggered and would spin.
 *
 * A new connection's first request is there when it is accepted, so it is served at once, and the poll begins only with
 * a connection that becomes idle: that saves one that is not kept ten system calls.
 *
 * Closing must lose no request: one may be on its way while an idle connection is closed, and nginx doesn't send a POST
 * twice. So the peer is asked to close, by an empty record of the stderr stream (FastCGI 1.0, 3.3). nginx closes an
 * idle connection on which anything comes. If it has sent a request already, the record comes before the answer and has
 * no effect, and the peer is asked again after the answer. If the peer has not closed after ASK_GRACE_MS, the worker
 * does, unless a request has come by then that a busy loop has not read yet.
 *
 * Does not: several requests on one connection at a time, FCGI_ABORT_REQUEST (libfcgi takes it for a broken body; nginx
 * never sends it), the roles authorizer and filter.
 */
#include "server/fcgi.h"

#include <errno.h>
#include <fcgiapp.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include <utlist.h>

#include "api/api.h"
#include "api/request.h"
#include "base/clock.h"
#include "base/container.h"
#include "base/log.h"
#include "base/mem.h"
#include "server/deadline.h"
#include "server/fcgi_params.h"
#include "server/fcgi_record.h"

enum {
    ASK_GRACE_MS = 1000,        /* for a peer that was asked to close */
    BODY_CHUNK_BYTES = 8192,    /* libfcgi's own buffer is as large */
    BODY_DRAIN_BYTES = 8 << 20, /* read of a longer body before the connection is given up */
    KEPT_BYTES = 64 * 1024,     /* memory that an idle connection may keep, per buffer */
};

enum connection_state {
    CONNECTION_IDLE,     /* no request; readable means one, or the end */
    CONNECTION_HANDLING, /* api_handle() is on the stack */
    CONNECTION_ANSWERED, /* it is, and has answered */
    CONNECTION_WAITING,  /* it has returned, the answer comes later */
    CONNECTION_HELD,     /* the answer comes much later, and without libfcgi */
};

struct fcgi_connection {
    struct request request;
    enum connection_state state;
    struct fcgi *fcgi;
    struct fcgi_connection *prev, *next; /* of utlist.h */
    struct watch *watch;                 /* NULL: it has not been idle yet */
    int fd;                              /* the watch's */
    FCGX_Request codec;                  /* its ipcFd, libfcgi's own descriptor, is -1 once libfcgi has closed it */
    struct buf body;
    bool body_at_eof;
    int64_t idle_since_ms;
    int64_t asked_at_ms; /* 0: not asked to close */
};

static void held_count_add(struct fcgi *fcgi, int count)
{
    fcgi->held_count += (size_t)count;
    stats_set(fcgi->services->stats, STAT_NOW_HELD, fcgi->held_count);
}

/* Uses close() for libfcgi's descriptor too: libfcgi's own function shuts the socket down and polls it. */
static void connection_close(struct fcgi_connection *connection)
{
    struct fcgi *fcgi = connection->fcgi;
    fcgi->events->watch_free(connection->watch);
    close(connection->fd);
    if (connection->codec.ipcFd >= 0)
        close(connection->codec.ipcFd);

    DL_DELETE(fcgi->connections, connection);
    fcgi->connection_count--;
    if (connection->state == CONNECTION_HELD)
        held_count_add(fcgi, -1);
    fcgi->wants_room = false;

    arena_fini(&connection->request.arena);
    buf_fini(&connection->request.scratch);
    buf_fini(&connection->request.out);
    buf_fini(&connection->body);
    free(connection);
    fcgi->on_closed(fcgi->ctx);
}

/* See the essay. If the send fails, the peer has closed, and the watch is about to report it. */
static void connection_ask_close(struct fcgi_connection *connection)
{
    static const unsigned char empty_stderr[8] = {1, 7, 0, 1, 0, 0, 0, 0};
    connection->asked_at_ms = events_now_ms(connection->fcgi->events);
    (void)!send(connection->fd, empty_stderr, sizeof(empty_stderr), MSG_DONTWAIT | MSG_NOSIGNAL);
}

static bool request_has_come(const struct fcgi_connection *connection)
{
    char first;
    return recv(connection->fd, &first, 1, MSG_PEEK | MSG_DONTWAIT) > 0;
}

/* Makes the last request's memory ready for the next one, and frees buffers that one large request made large. */
static void connection_reset(struct fcgi_connection *connection)
{
    struct request *request = &connection->request;
    if (arena_used_bytes(&request->arena) > KEPT_BYTES)
        arena_fini(&request->arena);
    if (request->scratch.capacity > KEPT_BYTES)
        buf_fini(&request->scratch);
    if (request->out.capacity > KEPT_BYTES)
        buf_fini(&request->out);
    if (connection->body.capacity > KEPT_BYTES)
        buf_fini(&connection->body);
    arena_reset(&request->arena);
    buf_reset(&request->out);
    buf_reset(&connection->body);
    fcgi_params_forget(request);
    request->status = 0;
    request->answered = false;
}

static void on_ready(void *ctx, bool readable, bool writable);

/* libuv makes the socket non-blocking, which libfcgi can't work with; the two descriptors share that flag. */
static void connection_watch(struct fcgi_connection *connection)
{
    const struct events *events = connection->fcgi->events;
    if (!connection->watch) {
        connection->watch = events->watch_new(events->loop, connection->fd, on_ready, connection);
        fcntl(connection->fd, F_SETFL, fcntl(connection->fd, F_GETFL) & ~O_NONBLOCK);
    }
    events->watch_want(connection->watch, true, false);
}

static void connection_rest(struct fcgi_connection *connection)
{
    connection_reset(connection);
    connection->state = CONNECTION_IDLE;
    connection->idle_since_ms = events_now_ms(connection->fcgi->events);
    connection->asked_at_ms = 0;
    connection_watch(connection);
    if (connection->fcgi->draining)
        connection_ask_close(connection);
    else if (connection->fcgi->wants_room)
        fcgi_make_room(connection->fcgi);
}

/* From here to connection_io_end() libfcgi may block the loop. */
static void connection_io_begin(struct fcgi_connection *connection)
{
    deadline_begin(connection->fcgi->deadline, connection->fd);
}

static void connection_io_end(struct fcgi_connection *connection, const char *what)
{
    if (!deadline_end(connection->fcgi->deadline))
        log_warn(NULL, "peer_too_slow", "doing=%s ms=%d action=\"shut down\"", what, DEADLINE_MS);
}

/*
 * Sends the answer and ends the request. Up to about 8 KB this is one write(): libfcgi's writer then holds head, body
 * and END_REQUEST. The connection is used again only if the peer wants that and this request was read to its end.
 */
static void connection_finish(struct fcgi_connection *connection)
{
    struct fcgi *fcgi = connection->fcgi;
    FCGX_Request *codec = &connection->codec;
    const struct buf *out = &connection->request.out;
    bug_unless(out->len <= INT_MAX, "an answer's size is bounded by limit and the texts' lengths");

    connection_io_begin(connection);
    FCGX_PutStr(out->data, (int)out->len, codec->out);
    bool keep = codec->keepConnection && connection->body_at_eof;
    codec->keepConnection = 1; /* or libfcgi closes its descriptor, waiting for the peer */
    FCGX_Finish_r(codec);
    connection_io_end(connection, "answer");
    fcgi->busy_count--;

    if (codec->ipcFd < 0)
        stats_add(fcgi->services->stats, STAT_CONNECTION_BROKEN, 1);
    if (keep && codec->ipcFd >= 0)
        connection_rest(connection);
    else
        connection_close(connection);
}

/* ---- Held requests ---- */

/* request_hold_fn. A peer that has closed meanwhile is noticed at the next turn, as one that closes later. */
static bool on_hold(struct request *request)
{
    struct fcgi_connection *connection = container_of(request, struct fcgi_connection, request);
    struct fcgi *fcgi = connection->fcgi;
    if (fcgi->draining || fcgi->held_count >= fcgi->held_max || !connection->body_at_eof)
        return false;
    FCGX_Free(&connection->codec, 0);
    close(connection->codec.ipcFd);
    connection->codec.ipcFd = -1;
    fcgi_params_forget(request);
    arena_fini(&request->arena);
    buf_fini(&request->scratch);
    buf_fini(&connection->body);
    connection->state = CONNECTION_HELD;
    fcgi->busy_count--;
    held_count_add(fcgi, 1);
    connection_watch(connection);
    fcgi->on_closed(fcgi->ctx);
    return true;
}

/* Its peer has gone, or does not take the answer. */
static void connection_drop(struct fcgi_connection *connection)
{
    struct request *request = &connection->request;
    stats_add(connection->fcgi->services->stats, STAT_CONNECTION_BROKEN, 1);
    if (request->waiter)
        *request->waiter = NULL;
    request->gone(request);
    connection_close(connection);
}

/* Sends what out has. False: the peer did not take all of it. */
static bool held_send(struct fcgi_connection *connection, bool is_end)
{
    struct buf *records = &connection->body;
    uint16_t request_id = (uint16_t)connection->codec.requestId;
    fcgi_record_output(records, request_id, buf_slice(&connection->request.out));
    if (is_end)
        fcgi_record_end(records, request_id);
    ssize_t sent = send(connection->fd, records->data, records->len, MSG_DONTWAIT | MSG_NOSIGNAL);
    bool is_taken = sent == (ssize_t)records->len;
    buf_fini(records);
    buf_fini(&connection->request.out);
    return is_taken;
}

/* request_answer_fn, of the rest of an answer that goes on. */
static void on_send(struct request *request)
{
    struct fcgi_connection *connection = container_of(request, struct fcgi_connection, request);
    if (!held_send(connection, false))
        connection_drop(connection);
}

static void held_finish(struct fcgi_connection *connection)
{
    if (!held_send(connection, true))
        stats_add(connection->fcgi->services->stats, STAT_CONNECTION_BROKEN, 1);
    connection_close(connection);
}

/* request_answer_fn. Inside api_handle() the request ends only after its return: the handler still uses the request. */
static void on_answer(struct request *request)
{
    struct fcgi_connection *connection = container_of(request, struct fcgi_connection, request);
    if (connection->state == CONNECTION_HANDLING) {
        connection->state = CONNECTION_ANSWERED;
        return;
    }
    if (connection->state == CONNECTION_HELD) {
        held_finish(connection);
        return;
    }
    bug_unless(connection->state == CONNECTION_WAITING, "a request is answered once, while it is under way");
    connection_finish(connection);
}

/*
 * Reads the body to its end in any case, and keeps it if it isn't too large. It counts the bytes that come and ignores
 * the length field. If a body is longer than BODY_DRAIN_BYTES, reading stops and the connection is closed after the
 * answer.
 */
static void connection_read_body(struct fcgi_connection *connection)
{
    struct request *request = &connection->request;
    FCGX_Stream *in = connection->codec.in;
    size_t max_bytes = (size_t)connection->fcgi->services->settings->body_max_bytes;
    char chunk[BODY_CHUNK_BYTES];
    size_t total = 0;
    int got;

    while ((got = FCGX_GetStr(chunk, sizeof(chunk), in)) > 0) {
        total += (size_t)got;
        if (total <= max_bytes)
            buf_append(&connection->body, chunk, (size_t)got);
        if (total > BODY_DRAIN_BYTES)
            break;
    }
    bool failed = FCGX_GetError(in) != 0;
    connection->body_at_eof = FCGX_HasSeenEOF(in) && !failed;
    if (total > max_bytes)
        request->body_state = BODY_TOO_LARGE;
    else
        request->body_state = connection->body_at_eof ? BODY_WHOLE : BODY_BROKEN;
    request->body =
        request->body_state == BODY_WHOLE ? buf_slice(&connection->body) : (struct slice){.data = "", .len = 0};
}

/*
 * Lets libfcgi read a request up to its body. Its return value isn't enough: it takes parameters that break off for
 * complete, and a write must not run without the condition that it came with. On false libfcgi has closed its
 * descriptor.
 */
static bool connection_read_request(struct fcgi_connection *connection)
{
    FCGX_Request *codec = &connection->codec;
    int fd = codec->ipcFd;
    FCGX_InitRequest(codec, -1, 0); /* no listening socket: it can't accept by itself */
    codec->ipcFd = fd;
    codec->keepConnection = 1;
    if (FCGX_Accept_r(codec) < 0)
        return false;
    if (FCGX_GetError(codec->in) == 0)
        return true;
    codec->keepConnection = 1; /* as in connection_finish() */
    FCGX_Free(codec, 1);
    return false;
}

/* The peer has closed, or sent something that is no request. Closing between requests is no fault. */
static void connection_lost(struct fcgi_connection *connection)
{
    if (connection->codec.isBeginProcessed)
        stats_add(connection->fcgi->services->stats, STAT_CONNECTION_BROKEN, 1);
    connection_close(connection);
}

static void connection_serve(struct fcgi_connection *connection)
{
    struct fcgi *fcgi = connection->fcgi;
    int64_t now_us = clock_monotonic_us();
    connection_io_begin(connection);
    if (!connection_read_request(connection)) {
        connection_io_end(connection, "parameters");
        connection_lost(connection);
        return;
    }
    connection->state = CONNECTION_HANDLING;
    fcgi->busy_count++;

    struct request *request = &connection->request;
    fcgi_params_read(request, connection->codec.envp);
    request_begin(request, now_us);
    connection_read_body(connection);
    connection_io_end(connection, "body");
    api_handle(fcgi->services, request);
    if (connection->state == CONNECTION_ANSWERED)
        connection_finish(connection);
    else if (connection->state == CONNECTION_HANDLING)
        connection->state = CONNECTION_WAITING;
}

static void on_ready(void *ctx, bool readable, bool writable)
{
    struct fcgi_connection *connection = ctx;
    (void)readable;
    (void)writable;
    if (connection->state == CONNECTION_IDLE) {
        connection_serve(connection);
        return;
    }
    if (connection->state == CONNECTION_HELD) {
        connection_drop(connection);
        return;
    }
    connection->fcgi->events->watch_want(connection->watch, false, false); /* until connection_rest() */
}

void fcgi_setup(void)
{
    /* libfcgi waits this long for the peer when it closes a connection whose request broke off. */
    setenv("LIBFCGI_OS_CLOSE_POLL_TIMEOUT", "0", 1);
    FCGX_Init();
    /* After FCGX_Init(), because that installs handlers that make a write fail with EINTR. */
    signal(SIGPIPE, SIG_IGN);
    signal(SIGUSR1, SIG_IGN);
}

void fcgi_init(struct fcgi *fcgi, const struct events *events, struct services *services, struct deadline *deadline,
               fcgi_closed_cb on_closed, void *ctx)
{
    *fcgi =
        (struct fcgi){.events = events, .services = services, .deadline = deadline, .on_closed = on_closed, .ctx = ctx};
}

void fcgi_fini(struct fcgi *fcgi)
{
    bug_unless(fcgi->busy_count == 0, "the connections end after the last answer");
    while (fcgi->connections)
        if (fcgi->connections->state == CONNECTION_HELD)
            connection_drop(fcgi->connections);
        else
            connection_close(fcgi->connections);
}

enum status fcgi_adopt(struct fcgi *fcgi, int fd, struct error *error)
{
    int codec_fd = fcntl(fd, F_DUPFD_CLOEXEC, 0);
    if (codec_fd < 0) {
        error_set(error, STATUS_UNAVAILABLE, "no descriptor left for a connection: %s", strerror(errno));
        close(fd);
        return STATUS_UNAVAILABLE;
    }
    struct fcgi_connection *connection = mem_zalloc(sizeof(*connection));
    connection->fcgi = fcgi;
    connection->fd = fd;
    connection->codec.ipcFd = codec_fd;
    connection->request.answer = on_answer;
    connection->request.hold = on_hold;
    connection->request.send = on_send;
    arena_init(&connection->request.arena);
    buf_init(&connection->request.scratch);
    buf_init(&connection->request.out);
    buf_init(&connection->body);
    DL_PREPEND(fcgi->connections, connection);
    fcgi->connection_count++;
    if (request_has_come(connection))
        connection_serve(connection);
    else
        connection_rest(connection);
    return STATUS_OK;
}

void fcgi_expire_idle(struct fcgi *fcgi, int64_t idle_limit_ms)
{
    int64_t now_ms = events_now_ms(fcgi->events);
    struct fcgi_connection *next;
    for (struct fcgi_connection *connection = fcgi->connections; connection; connection = next) {
        next = connection->next;
        if (connection->state != CONNECTION_IDLE)
            continue;
        if (connection->asked_at_ms == 0 && now_ms - connection->idle_since_ms >= idle_limit_ms)
            connection_ask_close(connection);
        else if (connection->asked_at_ms != 0 && now_ms - connection->asked_at_ms >= ASK_GRACE_MS &&
                 !request_has_come(connection))
            connection_close(connection);
    }
}

void fcgi_make_room(struct fcgi *fcgi)
{
    struct fcgi_connection *each, *oldest = NULL;
    fcgi->wants_room = true;
    DL_FOREACH(fcgi->connections, each)
    {
        if (each->state != CONNECTION_IDLE)
            continue;
        if (each->asked_at_ms != 0)
            return; /* this one is about to end */
        if (!oldest || each->idle_since_ms <= oldest->idle_since_ms)
            oldest = each;
    }
    if (oldest)
        connection_ask_close(oldest);
}

void fcgi_drain(struct fcgi *fcgi)
{
    fcgi->draining = true;
    fcgi_expire_idle(fcgi, 0);
}
