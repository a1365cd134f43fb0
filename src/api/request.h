/* SPDX-License-Identifier: MIT */
/*
 * A request as handlers see it, and the functions that answer it: no socket, no FastCGI.
 *
 * server/fcgi.c fills in a request and gives it to api_handle(); unit tests and fuzzers make their own. Its slices are
 * borrowed from that owner and live until the request is answered. It is answered exactly once, at once or later,
 * through request_answer().
 *
 * The parameters that the worker reads are a table. A lint test compares nginx/fastcgi_params with it.
 */
#ifndef API_REQUEST_H
#define API_REQUEST_H

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/prefer.h"
#include "base/settings.h"
#include "base/slice.h"
#include "base/stats.h"
#include "clients/limit.h"

enum method {
    METHOD_GET,
    METHOD_HEAD,
    METHOD_POST,
    METHOD_PUT,
    METHOD_PATCH,
    METHOD_DELETE,
    METHOD_OPTIONS,
    METHOD_OTHER,
};

/*
 * Member of struct request, FastCGI parameter. A header field that came in several lines is one list with commas. The
 * order is nginx' own (nginx/fastcgi_params), for each search begins where the last one ended.
 */
#define REQUEST_PARAMS(X)                                                                                              \
    X(method_text, "REQUEST_METHOD")                                                                                   \
    X(path, "DOCUMENT_URI")  /* decoded and merged by nginx; the only thing that routes */                             \
    X(query, "QUERY_STRING") /* raw */                                                                                 \
    X(content_type, "CONTENT_TYPE")                                                                                    \
    X(remote_address, "REMOTE_ADDR")                                                                                   \
    X(accept, "HTTP_ACCEPT")                                                                                           \
    X(accept_encoding, "HTTP_ACCEPT_ENCODING")                                                                         \
    X(if_none_match, "HTTP_IF_NONE_MATCH")                                                                             \
    X(if_match, "HTTP_IF_MATCH")                                                                                       \
    X(if_modified_since, "HTTP_IF_MODIFIED_SINCE")                                                                     \
    X(if_unmodified_since, "HTTP_IF_UNMODIFIED_SINCE")                                                                 \
    X(authorization, "HTTP_AUTHORIZATION")                                                                             \
    X(cache_control, "HTTP_CACHE_CONTROL")                                                                             \
    X(content_encoding, "HTTP_CONTENT_ENCODING")                                                                       \
    X(content_range, "HTTP_CONTENT_RANGE")                                                                             \
    X(idempotency_key, "HTTP_IDEMPOTENCY_KEY")                                                                         \
    X(todo_version, "HTTP_TODO_VERSION")                                                                               \
    X(prefer, "HTTP_PREFER")                                                                                           \
    X(last_event_id, "HTTP_LAST_EVENT_ID")                                                                             \
    X(traceparent, "HTTP_TRACEPARENT")

enum body_state {
    BODY_WHOLE,     /* all of it, perhaps empty, is in body */
    BODY_TOO_LARGE, /* longer than body_max_bytes: read to its end and dropped */
    BODY_BROKEN,    /* the peer closed, or sent another length than it announced */
};

struct request;
struct route_row;
typedef void (*request_answer_fn)(struct request *request);
typedef bool (*request_hold_fn)(struct request *request);

struct request {
#define REQUEST_PARAM_MEMBER(member, param) struct slice member; /* absent if the peer didn't send it */
    REQUEST_PARAMS(REQUEST_PARAM_MEMBER)
#undef REQUEST_PARAM_MEMBER
    enum method method;
    struct slice body;
    enum body_state body_state;
    char id[33];                     /* the trace's, else a new one */
    int64_t started_at_us;           /* monotonic */
    struct arena arena;              /* for all that lives until the answer; reset by the request's owner */
    unsigned route;                  /* under which it is counted */
    const struct route_row *row;     /* of route.c */
    struct stats *stats;             /* where it is counted */
    const struct settings *settings; /* NULL until api_handle() */
    int status;                      /* of the answer */
    struct buf scratch;              /* the handler's, for a body */
    struct buf out;                  /* header block and body, one run of bytes, as a FastCGI responder sends them */
    request_answer_fn answer;        /* the owner's: sends it */
    request_hold_fn hold;            /* these two the owner's: request_hold(), request_send() */
    request_answer_fn send;
    request_answer_fn gone; /* the handler's, of a held request: its client has gone, and it ends without an answer */
    void *held;             /* the handler's */
    bool answered;
    struct limit_verdict limit; /* how much of its limit the client has used, as far as known */
    bool is_shared; /* a shared cache may give this answer to others: it must not tell this client's limit */
    struct preferences preferences; /* request_prefer(): of a write, or of what can be waited for */
    unsigned applied;               /* request_applies(): those of them that the answer names */
    int64_t redis_us, store_us;     /* how long each took, for Server-Timing; -1: it wasn't asked */
    struct request **waiter;        /* in a struct that may outlive the request; the answer sets it to NULL */
};

/*
 * A request that waits for long. It is held with little memory: all slices and what the arena has are gone then. It is
 * answered as ever, or gone() ends it. False: as many wait as may; the request is as it was.
 */
bool request_hold(struct request *request, request_answer_fn gone, void *held);

/* Sends what out has by now, of an answer without an announced length; more follows, until request_answer(). */
void request_send(struct request *request);

/* Parses method and id, and prepares the rest for an answer. The owner calls it when the parameters are filled in. */
void request_begin(struct request *request, int64_t now_us);

/*
 * Building an answer: status first, then headers, then the body, then request_answer().
 *
 * response_header() takes printable ASCII values only. Any other value is a bug and aborts, so nothing that a client
 * sent can add a header. HEAD and 304 get no body; for HEAD, Content-Length is the length that GET would have sent.
 * response_body() also writes RateLimit and RateLimit-Policy if the client's limit was checked and the answer is for
 * this client alone, and Server-Timing if the settings ask for it.
 */
void response_begin(struct request *request, int status);
void response_header_put(struct request *request, struct slice name, struct slice value);
void response_body(struct request *request, struct slice body);
void response_endless(struct request *request); /* in its place: what is appended to out, and sent, is the body */
void request_answer(struct request *request);

/* Inline, so that the compiler counts the letters of names and of fixed values. */
static inline void response_header_slice(struct request *request, const char *name, struct slice value)
{
    response_header_put(request, slice_of(name), value);
}

static inline void response_header(struct request *request, const char *name, const char *value)
{
    response_header_slice(request, name, slice_of(value));
}

#endif
