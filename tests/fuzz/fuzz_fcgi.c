/* SPDX-License-Identifier: MIT */
/*
 * FastCGI records, as server/fcgi.c and libfcgi read them from a socket; the API behind them is a stub. An input is records one
 * after another: a letter for the type, a digit for padding and request id, two hex digits for the length, and the content.
 * A '|' between records is a pause in which the worker does what it can, and newlines between them say nothing.
 *
 * No more requests arrive than were begun, with no more bytes of bodies than were sent in bodies; each is answered, and at the
 * end the connection is gone.
 *
 * Does not: send what libfcgi itself does not survive (the essay of fcgi.c): FCGI_GET_VALUES, and lengths of parameters beyond
 * 127. A byte from 0x80 on becomes such a length in its long form. Nor other management records: libfcgi leaks memory for each.
 */
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include "api/api.h"
#include "base/hex.h"
#include "base/log.h"
#include "fuzzing.h"
#include "server/deadline.h"
#include "server/fcgi.h"
#include "tests/unit/poll_events.h"

enum { BEGIN = 1, ABORT = 2, PARAMS = 4, STDIN = 5, DATA = 8, ODD = 23, TURNS_MAX = 10000 };

static struct settings settings;
static struct stats stats;
static struct services services = {.settings = &settings, .stats = &stats};
static struct fcgi fcgi;
static struct request *waiting;
static size_t begun, body_bytes_sent;

/* ---- What stands on both sides of fcgi.c ---- */

/* The socket's own limit takes the deadline's place. */
void deadline_begin(struct deadline *deadline, int fd)
{
    struct timeval limit = {.tv_usec = 1000};
    (void)deadline;
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
}

bool deadline_end(struct deadline *deadline)
{
    (void)deadline;
    return true;
}

void request_begin(struct request *request, int64_t now_us)
{
    request->started_at_us = now_us;
}

static void respond(struct request *request)
{
    buf_append_text(&request->out, "Status: 200\r\n\r\n");
    buf_append_slice(&request->out, request->path);
    request->answered = true;
    request->answer(request);
}

void api_handle(struct services *unused, struct request *request)
{
    (void)unused;
    bug_unless(begun-- > 0, "a request that was not begun");
    bug_unless(request->body.len <= body_bytes_sent, "a body that was not sent");
    body_bytes_sent -= request->body.len;
#define PARAM_CHECK(member, param)                                                                                     \
    bug_unless(!request->member.data || !request->member.data[request->member.len], param);
    REQUEST_PARAMS(PARAM_CHECK)
#undef PARAM_CHECK
    bug_unless(waiting == NULL, "two requests at once on one connection");
    if (slice_equal(request->method_text, SLICE("LATER")))
        waiting = request;
    else
        respond(request);
}

static void drop_line(const char *line, size_t len)
{
    (void)line, (void)len;
}

static void on_closed(void *ctx)
{
    (void)ctx;
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
    (void)argc, (void)argv;
    log_init(LOG_ERROR, drop_line);
    settings_init(&settings);
    settings.body_max_bytes = 64;
    fcgi_setup();
    return 0;
}

/* ---- Records ---- */

static unsigned char record_type(char letter)
{
    static const char letters[] = "BAPID";
    static const unsigned char types[] = {BEGIN, ABORT, PARAMS, STDIN, DATA, ODD};
    const char *at = strchr(letters, letter);
    return types[at && letter ? at - letters : (ptrdiff_t)sizeof(types) - 1];
}

static void put_content(struct buf *out, unsigned char type, struct slice content)
{
    for (size_t i = 0; i < content.len; i++) {
        if (type == PARAMS && (content.data[i] & 0x80))
            buf_append(out, "\x80\0", 3);
        buf_append_char(out, type == PARAMS ? content.data[i] & 0x7f : content.data[i]);
    }
}

/* Takes a record off the front of rest. */
static void put_record(struct buf *out, struct slice *rest)
{
    unsigned char type = record_type(rest->data[0]);
    unsigned bits = (unsigned char)rest->data[1];
    size_t len = (hex_value(rest->data[2]) & 15u) << 4 | (hex_value(rest->data[3]) & 15u);
    *rest = (struct slice){rest->data + 4, rest->len - 4};
    struct slice content = {rest->data, len < rest->len ? len : rest->len};
    *rest = (struct slice){rest->data + content.len, rest->len - content.len};

    char header[8] = {1, (char)type, 0, bits & 4 ? 2 : 1, 0, 0, (char)(bits & 3), 0};
    size_t begin = out->len;
    buf_append(out, header, sizeof(header));
    put_content(out, type, content);
    size_t total = out->len - begin - sizeof(header);
    out->data[begin + 4] = (char)(total >> 8);
    out->data[begin + 5] = (char)total;
    buf_append(out, "\0\0", bits & 3);
    begun += type == BEGIN;
    body_bytes_sent += type == STDIN ? total : 0;
}

/* ---- The peer ---- */

static void drain(int fd)
{
    char answer[4096];
    while (recv(fd, answer, sizeof(answer), MSG_DONTWAIT) > 0)
        continue;
}

/* Turns of the loop, until the worker has nothing left to read. */
static void worker_turn(int peer)
{
    size_t idle = 0;
    for (int i = 0; fcgi.connection_count > 0 && idle < 2; i++) {
        uint64_t begun_before = begun;
        bug_unless(i < TURNS_MAX, "the worker spins");
        poll_events_turn(0);
        struct request *request = waiting;
        waiting = NULL;
        if (request)
            respond(request);
        drain(peer);
        idle = begun_before == begun && !request ? idle + 1 : 0;
    }
}

static void send_burst(int peer, struct buf *burst)
{
    (void)!send(peer, burst->data, burst->len, MSG_NOSIGNAL);
    buf_reset(burst);
    worker_turn(peer);
}

static void send_all(int peer, struct slice rest)
{
    struct buf burst;
    buf_init(&burst);
    while (rest.len >= 4) {
        if (rest.data[0] == '|')
            send_burst(peer, &burst);
        if (rest.data[0] == '|' || rest.data[0] == '\n')
            rest = (struct slice){rest.data + 1, rest.len - 1};
        else
            put_record(&burst, &rest);
    }
    send_burst(peer, &burst);
    buf_fini(&burst);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    int ends[2];
    struct error error;
    begun = body_bytes_sent = 0;
    fcgi_init(&fcgi, poll_events(), &services, NULL, on_closed, NULL);
    bug_unless(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) == 0, "no socket left");
    enum status status = fcgi_adopt(&fcgi, ends[0], &error);
    bug_unless(status == STATUS_OK, error.text);
    send_all(ends[1], fuzz_input(data, size));
    shutdown(ends[1], SHUT_WR);
    worker_turn(ends[1]);
    bug_unless(fcgi.connection_count == 0 && fcgi.busy_count == 0, "a connection outlives its peer");
    bug_unless(poll_events_count() == 0, "a watch outlives its connection");
    close(ends[1]);
    fcgi_fini(&fcgi);
    return 0;
}
