/* SPDX-License-Identifier: MIT */
/*
 * An HTTP client on the event loop, behind base/http_call.h. The only place that sees libcurl.
 * context  loop only, never blocks
 */
#ifndef SERVER_HTTP_CLIENT_H
#define SERVER_HTTP_CLIENT_H

#include "base/error.h"
#include "base/events.h"
#include "base/http_call.h"
#include "base/settings.h"

struct http_client;

/* events is borrowed. *client stays NULL if purge_url is empty. */
enum status http_client_new(struct http_client **client, const struct settings *settings, const struct events *events,
                            struct error *error) STATUS_MUST_CHECK;

/* Calls under way end from inside this call, without an answer; start no more of them. NULL is fine. */
void http_client_free(struct http_client *client);

/* Borrowed for the client's life; NULL for no client. */
const struct http *http_client_http(const struct http_client *client);

#endif
