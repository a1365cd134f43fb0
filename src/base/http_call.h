/* SPDX-License-Identifier: MIT */
/*
 * What code without sockets needs of an HTTP client: one call, and its answer.
 *
 * server/http_client.c implements it with libcurl, unit tests with answers that they give by hand. All callbacks come
 * on the loop, once, never from inside the call that asked for them. One exception: freeing the client ends its calls
 * from inside.
 */
#ifndef BASE_HTTP_CALL_H
#define BASE_HTTP_CALL_H

#include <stddef.h>
#include <stdint.h>

#include "base/slice.h"

struct http_call {
    const char *method; /* all borrowed until start() has returned */
    const char *url;
    const char *const *headers; /* "Name: value" */
    size_t header_count;
    struct slice body;   /* absent: none */
    uint32_t timeout_ms; /* of the whole call */
};

/* http_status 0: no answer came, and why holds the reason, borrowed until the callback returns. The body is dropped. */
typedef void (*http_done_cb)(void *ctx, int http_status, const char *why);

struct http {
    void *client; /* the implementation's own */
    void (*start)(void *client, const struct http_call *call, http_done_cb done, void *ctx);
};

#endif
