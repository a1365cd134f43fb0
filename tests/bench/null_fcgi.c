/* SPDX-License-Identifier: MIT */
/*
 * The worker's own loop, listener and FastCGI code over an API that does nothing: what server/ costs by itself, to be
 * compared with bare_fcgi.c. It answers every request with the same todo, at once.
 *
 * It is linked against the very objects of the worker; api_handle() and its like stand here in place of the real ones. The
 * listening socket is descriptor 0, as everywhere.
 */
#include <stdlib.h>

#include "api/api.h"
#include "base/mem.h"
#include "server/fcgi.h"
#include "server/listener.h"
#include "server/loop.h"

static const char HEAD[] = "Status: 200\r\n"
                           "Content-Type: application/json\r\n"
                           "ETag: \"1-0123456789abcdef\"\r\n"
                           "Cache-Control: no-cache\r\n"
                           "Cache-Status: todo-fcgi; hit; ttl=287\r\n"
                           "Age: 13\r\n"
                           "Content-Length: 316\r\n"
                           "\r\n";

void request_begin(struct request *request, int64_t now_us)
{
    request->started_at_us = now_us;
}

void api_handle(struct services *services, struct request *request)
{
    (void)services;
    buf_append(&request->out, HEAD, sizeof(HEAD) - 1);
    buf_append_text(&request->out,
                    "{\"id\":\"42\",\"name\":\"Prepare the quarterly report\",\"description\":\"Collect the "
                    "figures from sales and support, compare them with the plan, and send a draft to the "
                    "whole team before the end of the week; leave room for remarks\",\"done\":false,"
                    "\"created_at\":\"2024-01-31T23:59:59.123Z\",\"updated_at\":\"2024-01-31T23:59:59.123Z\"}");
    request->answer(request);
}

static void on_signal(void *ctx, int signal_number)
{
    (void)signal_number;
    loop_stop(ctx);
}

int main(void)
{
    struct loop *loop;
    struct error error;
    struct settings settings = {.connections_max = 1024, .idle_timeout_s = 75, .body_max_bytes = 65536};
    struct stats *stats = mem_zalloc(sizeof(*stats));
    struct services services = {.settings = &settings, .stats = stats};
    fcgi_setup();
    if (loop_new(&loop, 1, &error) != STATUS_OK)
        return EXIT_FAILURE;
    struct listener *listener = listener_new(loop_events(loop), 0, (size_t)settings.connections_max, &services);
    loop_on_signal(loop, on_signal, loop);
    loop_run(loop);
    listener_free(listener);
    loop_free(loop);
    free(stats);
    return EXIT_SUCCESS;
}
