/* SPDX-License-Identifier: MIT */
/*
 * Commands to a Redis Cluster.
 *
 *   cluster_send -> the owner's connection -> answer --------------------------> on_reply
 *                     ^                         |-- MOVED: another owner ------.
 *                     |                         |-- ASK: once there, behind ASKING
 *                     '-------------------------+-- TRYAGAIN: after a pause ---'
 *
 * Nothing is lost and nothing runs twice: each command is kept until its answer is there, and sent again only after
 * MOVED, ASK or TRYAGAIN, which say that it did not run. If its connection ends, nobody knows: on_reply gets NULL.
 *
 * Order: commands to one slot arrive in the order in which they were sent, unless they are redirected.
 *
 * Does not: find out which server has a slot (cluster.c).
 */
#include "redis/cluster.h"

#include <stdlib.h>
#include <string.h>
#include <utlist.h>

#include "base/mem.h"
#include "redis/cluster_state.h"

enum { WAIT_MS = 10 };
enum { ROOM_BYTES = 256 };                  /* a read's command fits in */
enum { REDIRECTS_MAX = 5, WAITS_MAX = 20 }; /* of one command */

struct call {
    struct call *prev, *next; /* of those that wait */
    struct cluster *cluster;
    struct server *server; /* where it is, or goes next; NULL: nowhere */
    struct server *first;  /* of cluster_send_at(): where it begins, and comes back to; else NULL */
    unsigned slot;
    bool is_asking; /* ASKING goes before it */
    unsigned redirects_left, waits_left;
    redis_reply_cb on_reply;
    void *ctx;
    size_t room_bytes, len;
    char command[];
};

static void call_send(struct call *call);

/* A server with calls is not left. */
static void server_change(struct server **place, struct server *server)
{
    if (*place)
        (*place)->call_count--;
    *place = server;
    if (server)
        server->call_count++;
}

/* The one for a short command is kept: memory for each hit would cost as much as finding its server. */
static struct call *call_take(struct cluster *cluster, size_t len)
{
    struct call *call = cluster->spare;
    size_t room_bytes = len > ROOM_BYTES ? len : ROOM_BYTES;
    if (call && len <= ROOM_BYTES)
        LL_DELETE(cluster->spare, call);
    else
        call = mem_alloc(sizeof(*call) + room_bytes);
    call->room_bytes = room_bytes;
    return call;
}

static void call_end(struct call *call, const struct redis_reply *reply)
{
    server_change(&call->server, NULL);
    server_change(&call->first, NULL);
    call->on_reply(call->ctx, reply);
    if (call->room_bytes == ROOM_BYTES)
        LL_PREPEND(call->cluster->spare, call);
    else
        free(call);
}

static void call_wait(struct call *call, uint32_t for_ms)
{
    struct cluster *cluster = call->cluster;
    if (!cluster->waiting && !cluster->is_ending)
        cluster->options.events->timer_start(cluster->wait_timer, for_ms);
    DL_APPEND(cluster->waiting, call);
}

/* Callbacks may make new commands: these wait for the timer's next time. */
static void on_wait_timer(void *ctx)
{
    struct cluster *cluster = ctx;
    struct call *calls = cluster->waiting, *call, *next;
    cluster->waiting = NULL;
    DL_FOREACH_SAFE(calls, call, next)
    call_send(call);
}

/* Whether the command, which was not run, is on its way once more. */
static bool call_redirect(struct call *call, struct slice error)
{
    struct cluster *cluster = call->cluster;
    struct redirect redirect = redirect_of(error, &call->server->peer);
    if (redirect.kind == REDIRECT_AGAIN)
        cluster_note_moving(cluster, call->slot);
    if (redirect.kind == REDIRECT_AGAIN && call->waits_left > 0) {
        call->waits_left--;
        call->is_asking = false;
        server_change(&call->server, call->first ? call->first : cluster_owner(cluster, call->slot));
        call_wait(call, WAIT_MS);
        return true;
    }
    bool is_followed = redirect.kind == REDIRECT_ASK || (redirect.kind == REDIRECT_MOVED && !call->first);
    if (!is_followed || call->redirects_left == 0)
        return false;
    call->redirects_left--;
    call->is_asking = redirect.kind == REDIRECT_ASK;
    server_change(&call->server, cluster_server(cluster, &redirect.server));
    call_send(call);
    return true;
}

static void on_answer(void *ctx, const struct redis_reply *reply)
{
    struct call *call = ctx;
    if (!reply)
        cluster_learn(call->cluster);
    if (redis_reply_ok(reply) || !reply || !call_redirect(call, redis_reply_text(reply)))
        call_end(call, reply);
}

static void on_asking(void *ctx, const struct redis_reply *reply)
{
    (void)ctx, (void)reply; /* the command behind it tells */
}

/* A server that a redirection names may be met for the first time: then its connection is waited for. */
static bool call_awaits_server(const struct call *call)
{
    bool is_redirected = call->redirects_left < REDIRECTS_MAX;
    return is_redirected && call->waits_left > 0 && redis_is_coming(call->server->node.redis);
}

/* From a timer, or inside an answer; not from inside cluster_send() if there is no server. */
static void call_send(struct call *call)
{
    if (!call->server) {
        call_end(call, NULL);
    } else if (call_awaits_server(call)) {
        call->waits_left--;
        call_wait(call, WAIT_MS);
    } else {
        if (call->is_asking)
            redis_call(call->server->node.redis, (struct slice[]){SLICE("ASKING")}, 1, on_asking, NULL);
        redis_send(call->server->node.redis, (struct slice){call->command, call->len}, on_answer, call);
    }
}

static void call_begin(struct cluster *cluster, struct server *server, struct server *first, unsigned slot,
                       struct slice command, redis_reply_cb on_reply, void *ctx)
{
    struct call *call = call_take(cluster, command.len);
    *call = (struct call){.room_bytes = call->room_bytes,
                          .cluster = cluster,
                          .slot = slot,
                          .redirects_left = REDIRECTS_MAX,
                          .waits_left = WAITS_MAX,
                          .on_reply = on_reply,
                          .ctx = ctx,
                          .len = command.len};
    memcpy(call->command, command.data, command.len);
    server_change(&call->server, server);
    server_change(&call->first, first);
    if (call->server)
        call_send(call);
    else
        call_wait(call, 0);
}

/* ---- Public ---- */

void cluster_send(struct cluster *cluster, unsigned slot, struct slice command, redis_reply_cb on_reply, void *ctx)
{
    call_begin(cluster, cluster_owner(cluster, slot), NULL, slot, command, on_reply, ctx);
}

void cluster_send_at(struct cluster *cluster, const struct redis *node, unsigned slot, struct slice command,
                     redis_reply_cb on_reply, void *ctx)
{
    struct server *server = cluster->is_ending ? NULL : cluster->servers;
    while (server && server->node.redis != node)
        server = server->next;
    call_begin(cluster, server, server, slot, command, on_reply, ctx);
}

void calls_init(struct cluster *cluster)
{
    const struct events *events = cluster->options.events;
    cluster->wait_timer = events->timer_new(events->loop, on_wait_timer, cluster);
}

void calls_fail(struct cluster *cluster)
{
    while (cluster->waiting) {
        struct call *call = cluster->waiting;
        DL_DELETE(cluster->waiting, call);
        call_end(call, NULL);
    }
}

void calls_fini(struct cluster *cluster)
{
    while (cluster->spare) {
        struct call *call = cluster->spare;
        LL_DELETE(cluster->spare, call);
        free(call);
    }
    cluster->options.events->timer_free(cluster->wait_timer);
}
