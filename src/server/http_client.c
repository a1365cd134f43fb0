/* SPDX-License-Identifier: MIT */
/*
 * An HTTP client on the event loop: libcurl's multi interface, with our watches and timers under it.
 *
 *   start -> curl_multi_add_handle -> [curl asks for watches and one timer] -> curl_multi_socket_action -> done
 *
 * libcurl never blocks here: it tells us which descriptors it waits for and when it wants to be called. It resolves
 * names on a thread of its own; numeric addresses need none. Connections are kept and used again. libcurl notices when
 * a peer has closed one, and opens another.
 *
 * done never comes from inside start(). Adding a call only sets libcurl's timer, and a call ends only when the loop has
 * called libcurl. A done may start another call, because libcurl is not running then.
 *
 * This client is for caches that an operator named, not for the Web: no redirects, no proxies of the environment, no
 * cookies, only http and https, certificates always checked. It uses only the status of an answer; more than ANSWER_MAX
 * of body ends the call.
 */
#include "server/http_client.h"

#include <curl/curl.h>
#include <stdlib.h>
#include <utlist.h>

#include "base/mem.h"

enum { CONNECTIONS_MAX = 32, ANSWER_MAX = 1 << 20 };

struct call {
    struct http_client *client;
    struct call *prev, *next; /* of utlist.h */
    CURL *easy;
    struct curl_slist *headers;
    http_done_cb done;
    void *ctx;
    size_t answer_bytes;
    char why[CURL_ERROR_SIZE];
};

struct http_client {
    struct http http;
    const struct events *events;
    CURLM *multi;
    struct timer *timer;
    struct call *calls; /* under way */
};

/* A descriptor of libcurl's. */
struct socket {
    struct http_client *client;
    curl_socket_t fd;
    struct watch *watch;
};

/* ---- The end of calls ---- */

static void call_free(struct call *call)
{
    DL_DELETE(call->client->calls, call);
    curl_multi_remove_handle(call->client->multi, call->easy);
    curl_easy_cleanup(call->easy);
    curl_slist_free_all(call->headers);
    free(call);
}

static void call_end(struct call *call, CURLcode code)
{
    long http_status = 0;
    char why[CURL_ERROR_SIZE];
    if (code == CURLE_OK)
        curl_easy_getinfo(call->easy, CURLINFO_RESPONSE_CODE, &http_status);
    memcpy(why, call->why, sizeof(why));
    http_done_cb done = call->done;
    void *ctx = call->ctx;
    call_free(call);
    done(ctx, (int)http_status, why[0] ? why : curl_easy_strerror(code));
}

/* Ends the calls that libcurl has finished. */
static void client_reap(struct http_client *client)
{
    int left;
    for (CURLMsg *said; (said = curl_multi_info_read(client->multi, &left));) {
        struct call *call;
        CURLcode code = said->data.result; /* said is freed when the handle is removed */
        if (said->msg != CURLMSG_DONE)
            continue;
        curl_easy_getinfo(said->easy_handle, CURLINFO_PRIVATE, (char **)&call);
        call_end(call, code);
    }
}

static void client_act(struct http_client *client, curl_socket_t fd, int ready)
{
    int running;
    CURLMcode code = curl_multi_socket_action(client->multi, fd, ready, &running);
    bug_unless(code == CURLM_OK, "libcurl was called in a way that it doesn't take");
    client_reap(client);
}

/* ---- What libcurl asks for ---- */

static void on_time(void *ctx)
{
    client_act(ctx, CURL_SOCKET_TIMEOUT, 0);
}

/* libcurl may free socket from inside client_act(). */
static void on_ready(void *ctx, bool readable, bool writable)
{
    const struct socket *socket = ctx;
    client_act(socket->client, socket->fd, (readable ? CURL_CSELECT_IN : 0) | (writable ? CURL_CSELECT_OUT : 0));
}

static int on_timer_wanted(CURLM *multi, long after_ms, void *ctx)
{
    struct http_client *client = ctx;
    (void)multi;
    if (after_ms < 0)
        client->events->timer_stop(client->timer);
    else
        client->events->timer_start(client->timer, (uint32_t)after_ms);
    return 0;
}

static void socket_free(struct socket *socket)
{
    if (!socket)
        return;
    socket->client->events->watch_free(socket->watch);
    free(socket);
}

static int on_socket_wanted(CURL *easy, curl_socket_t fd, int what, void *ctx, void *socket_ctx)
{
    struct http_client *client = ctx;
    struct socket *socket = socket_ctx;
    (void)easy;
    if (what == CURL_POLL_REMOVE) {
        socket_free(socket);
        return 0;
    }
    if (!socket) {
        socket = mem_alloc(sizeof(*socket));
        *socket = (struct socket){.client = client, .fd = fd};
        socket->watch = client->events->watch_new(client->events->loop, fd, on_ready, socket);
        curl_multi_assign(client->multi, fd, socket);
    }
    client->events->watch_want(socket->watch, what != CURL_POLL_OUT, what != CURL_POLL_IN);
    return 0;
}

/* ---- Starting ---- */

static size_t on_answer(char *data, size_t size, size_t count, void *ctx)
{
    struct call *call = ctx;
    (void)data;
    call->answer_bytes += size * count;
    return call->answer_bytes > ANSWER_MAX ? 0 : size * count;
}

static void call_options(struct call *call, const struct http_call *wanted)
{
    CURL *easy = call->easy;
    curl_easy_setopt(easy, CURLOPT_PRIVATE, call);
    curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, call->why);
    curl_easy_setopt(easy, CURLOPT_URL, wanted->url);
    curl_easy_setopt(easy, CURLOPT_CUSTOMREQUEST, wanted->method);
    curl_easy_setopt(easy, CURLOPT_HTTPHEADER, call->headers);
    curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS, (long)wanted->timeout_ms);
    curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS, (long)wanted->timeout_ms);
    curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, on_answer);
    curl_easy_setopt(easy, CURLOPT_WRITEDATA, call);
    curl_easy_setopt(easy, CURLOPT_USERAGENT, PACKAGE_NAME "/" PACKAGE_VERSION);
    curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(easy, CURLOPT_PROXY, "");
    curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(easy, CURLOPT_QUICK_EXIT, 1L); /* or a call that ends would wait for its name's resolver */
    if (wanted->body.data) {
        curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE, (long)wanted->body.len);
        curl_easy_setopt(easy, CURLOPT_COPYPOSTFIELDS, wanted->body.data);
    }
}

static void client_start(void *ctx, const struct http_call *wanted, http_done_cb done, void *done_ctx)
{
    struct http_client *client = ctx;
    struct call *call = mem_zalloc(sizeof(*call));
    *call = (struct call){.client = client, .easy = curl_easy_init(), .done = done, .ctx = done_ctx};
    bug_unless(call->easy, "libcurl has no memory for a call");
    for (size_t i = 0; i < wanted->header_count; i++)
        call->headers = curl_slist_append(call->headers, wanted->headers[i]);
    call->headers = curl_slist_append(call->headers, "Expect:");
    call_options(call, wanted);
    DL_PREPEND(client->calls, call);
    CURLMcode code = curl_multi_add_handle(client->multi, call->easy);
    bug_unless(code == CURLM_OK, "libcurl doesn't take a call");
}

enum status http_client_new(struct http_client **out, const struct settings *settings, const struct events *events,
                            struct error *error)
{
    *out = NULL;
    if (!*settings->purge_url)
        return STATUS_OK;
    if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK)
        return error_set(error, STATUS_UNAVAILABLE, "libcurl can't be started");
    struct http_client *client = mem_zalloc(sizeof(*client));
    client->events = events;
    client->http = (struct http){.client = client, .start = client_start};
    client->timer = events->timer_new(events->loop, on_time, client);
    client->multi = curl_multi_init();
    bug_unless(client->multi, "libcurl has no memory for itself");
    curl_multi_setopt(client->multi, CURLMOPT_SOCKETFUNCTION, on_socket_wanted);
    curl_multi_setopt(client->multi, CURLMOPT_SOCKETDATA, client);
    curl_multi_setopt(client->multi, CURLMOPT_TIMERFUNCTION, on_timer_wanted);
    curl_multi_setopt(client->multi, CURLMOPT_TIMERDATA, client);
    curl_multi_setopt(client->multi, CURLMOPT_MAXCONNECTS, (long)CONNECTIONS_MAX);
    *out = client;
    return STATUS_OK;
}

void http_client_free(struct http_client *client)
{
    if (!client)
        return;
    while (client->calls)
        call_end(client->calls, CURLE_ABORTED_BY_CALLBACK);
    curl_multi_cleanup(client->multi);
    client->events->timer_free(client->timer);
    curl_global_cleanup();
    free(client);
}

const struct http *http_client_http(const struct http_client *client)
{
    return client ? &client->http : NULL;
}
