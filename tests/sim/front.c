/* SPDX-License-Identifier: MIT */
/*
 * Calls wait for their answer in the memory of the process that made them, in its own order; an answer is an input of
 * its loop.
 *
 * They keep no answers themselves: a purge that names a todo is noted with its time. The checker compares that with the
 * todo's changes: when a write's answer says "Purge-Status: done" (client_judge.c), and in the calm (calm.c).
 */
#include "front.h"

#include <stdlib.h>
#include <string.h>
#include <utlist.h>

#include "base/mem.h"
#include "process.h"
#include "server/http_client.h"
#include "truth.h"
#include "world.h"

enum { ANSWER_MAX_US = 4000 };

struct front_call {
    struct front_call *next;
    struct http_client *client;
    uint64_t number;
    bool is_taken; /* by the cache, whatever becomes of its answer */
    bool is_each;  /* it purges one URL, and no keys */
    http_done_cb done;
    void *ctx;
};

struct http_client {
    struct http http;
    struct process *process;
    struct front_call *calls;
};

struct front front;

static struct http_client *clients[PROCESSES_MAX];
static uint64_t last_number;

static void call_end(struct front_call *call, int http_status)
{
    http_done_cb done = call->done;
    void *ctx = call->ctx;
    LL_DELETE(call->client->calls, call);
    free(call);
    done(ctx, http_status, http_status ? "" : "the simulated cache did not answer");
}

/* A cache that is asked for a URL may not have it. */
static void deliver(void *ctx)
{
    const struct front_call *call = ctx;
    call_end(ctx, call->is_each && dice_one_in(&world.dice, 2) ? 404 : 204);
}

static void deliver_failure(void *ctx)
{
    static const int statuses[] = {0, 101, 301, 503};
    call_end(ctx, statuses[dice_below(&world.dice, 4)]);
}

static void on_answer(void *ctx, uint64_t number)
{
    struct process *process = ctx;
    struct http_client *client = process->is_alive ? clients[process->number] : NULL;
    struct front_call *call = client ? client->calls : NULL;
    while (call && call->number != number)
        call = call->next;
    if (!call)
        return;
    bool fails = !call->is_taken || front.is_away || (front.fails_in && dice_one_in(&world.dice, front.fails_in));
    process_input(process, fails ? deliver_failure : deliver, call);
}

static bool names(const struct http_call *call, const char *id)
{
    for (size_t i = 0; i < call->header_count; i++)
        if (strstr(call->headers[i], id))
            return true;
    return strstr(call->url, id) || (call->body.data && memmem(call->body.data, call->body.len, id, strlen(id)));
}

static unsigned cache_of(const char *url)
{
    return strstr(url, "cdn.example") ? 1 : 0;
}

/* By surrogate keys: "all" is everything. */
static void note_purges(const struct http_call *call)
{
    int64_t *purged_us = front.purged_us[cache_of(call->url)];
    bool is_all = names(call, "all");
    for (size_t i = 0; i < truth.todo_count; i++) {
        if (!is_all && !names(call, truth.todos[i].id))
            continue;
        purged_us[i] = world.now_us;
        world_tell("    cache %u in front: %s is purged", cache_of(call->url), truth.todos[i].id);
    }
    if (is_all || names(call, "todos"))
        purged_us[FRONT_LIST] = world.now_us;
}

bool front_was_told(size_t todo, int64_t since_us)
{
    for (unsigned i = 0; i < FRONT_CACHES; i++)
        if (front.named & 1u << i && front.purged_us[i][todo] < since_us)
            return false;
    return true;
}

static void start(void *ctx, const struct http_call *http_call, http_done_cb done, void *done_ctx)
{
    struct http_client *client = ctx;
    struct front_call *call = mem_zalloc(sizeof(*call));
    bool is_each = strncmp(http_call->url, "http://front/", 13) == 0;
    *call = (struct front_call){.client = client,
                                .number = ++last_number,
                                .is_taken = !front.is_away,
                                .is_each = is_each,
                                .done = done,
                                .ctx = done_ctx};
    LL_APPEND(client->calls, call);
    if (call->is_taken)
        note_purges(http_call);
    world_note('p', client->process->number, call->number);
    world_after(dice_between(&world.dice, 50, ANSWER_MAX_US), on_answer, client->process, call->number);
}

enum status http_client_new(struct http_client **out, const struct settings *settings, const struct events *events,
                            struct error *error)
{
    (void)error;
    *out = NULL;
    if (!settings->purge_url[0])
        return STATUS_OK;
    struct http_client *client = mem_zalloc(sizeof(*client));
    client->http = (struct http){.client = client, .start = start};
    client->process = events->loop;
    clients[client->process->number] = client;
    *out = client;
    return STATUS_OK;
}

void http_client_free(struct http_client *client)
{
    if (!client)
        return;
    while (client->calls)
        call_end(client->calls, 0);
    clients[client->process->number] = NULL;
    free(client);
}

const struct http *http_client_http(const struct http_client *client)
{
    return client ? &client->http : NULL;
}

void front_begin(const char *purge_url)
{
    front = (struct front){.named = (strstr(purge_url, "//front") ? 1u : 0) | (strstr(purge_url, "//cdn") ? 2u : 0)};
    last_number = 0;
    memset(clients, 0, sizeof(clients));
}
