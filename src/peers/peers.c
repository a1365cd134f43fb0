/* SPDX-License-Identifier: MIT */
/*
 * The room's life: its scripts, its second connection to Redis, and the beat of both.
 *
 *   tell.c    a writer: tell.lua -> "applied" from each holder, or the time of a licence -> expel.lua -> done
 *   agent.c   a holder: join.lua -> renew.lua each 100 ms; "told" -> applies -> "applied"
 *
 * Messages make it quick, and it is right without them: what they say is in the boxes too (tell.lua), and a box comes
 * with each renew. So a lost message costs a write 100 ms, and a lost acknowledgement the rest of a licence's time.
 *
 * In a cluster all of it is where the list is. If the list's slot moves, or its server is lost, another epoch begins
 * there, in which no machine holds a licence, and each agent joins anew. While that slot is on its way a writer's
 * scripts go after the holders, for its write waits for them. An agent's don't: its box may be elsewhere. So soon
 * nobody holds. A box that is not beside the holders is not made there (tell.lua).
 *
 * A connection may be dead without a sign. So each process sends itself an echo once a second, by Redis; if none comes
 * for ECHO_MAX_MS, the second connection is made anew.
 *
 * Words of messages: "told INCARNATION FIRST CHANNEL NAMES", "applied MACHINE INCARNATION LAST", "echo".
 */
#include "peers/peers.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/mem.h"
#include "l1/licence.h"
#include "peers/agent.h"
#include "peers/peers_embedded.h"
#include "peers/peers_state.h"
#include "peers/tell.h"
#include "redis/subscription.h"

enum { ECHO_TICKS = 10, ECHO_MAX_MS = 3000, KEY_MAX = 64 };

#define SCRIPT_ROW(name, sha, text) [PEERS_##name] = {SLICE(sha), SLICE(text), NULL},
#define SCRIPT_ONE(name, sha, text) +1
static const struct redis_script scripts[PEERS_SCRIPT_COUNT] = {PEERS_SCRIPTS(SCRIPT_ROW)};
_Static_assert(PEERS_SCRIPTS(SCRIPT_ONE) == PEERS_SCRIPT_COUNT, "a script is missing in enum peers_script");

void peers_run_at(struct peers *peers, struct redis *redis, enum peers_script script, int64_t epoch,
                  const struct slice *args, size_t count, redis_reply_cb on_reply, void *ctx)
{
    char key[KEY_MAX + 1];
    snprintf(key, sizeof(key), "todos:%" PRId64 ":{list}:holders", epoch);
    const struct slice keys[] = {slice_of(key)};
    bool is_writers = script == PEERS_TELL || script == PEERS_EXPEL;
    if (peers->options.cluster && is_writers)
        redis_script_run_at(peers->options.cluster, redis, &peers->scripts[script], keys, 1, args, count, on_reply,
                            ctx);
    else
        redis_script_run(redis, &peers->scripts[script], keys, 1, args, count, on_reply, ctx);
}

void peers_run(struct peers *peers, enum peers_script script, int64_t epoch, const struct slice *args, size_t count,
               redis_reply_cb on_reply, void *ctx)
{
    peers_run_at(peers, peers->options.redis(peers->options.ctx), script, epoch, args, count, on_reply, ctx);
}

static void on_published(void *ctx, const struct redis_reply *reply)
{
    (void)ctx, (void)reply; /* whom it reaches, it reaches sooner */
}

void peers_publish(struct peers *peers, struct slice channel, struct slice message)
{
    redis_call(peers->options.redis(peers->options.ctx), (struct slice[]){SLICE("PUBLISH"), channel, message}, 3,
               on_published, NULL);
}

/* ---- Messages ---- */

static void on_message(void *ctx, struct slice message)
{
    struct peers *peers = ctx;
    struct slice rest = {0}, word = slice_split(message, ' ', &rest);
    if (slice_equal(word, SLICE("told")) && peers->agent)
        agent_take_told(peers->agent, rest);
    else if (slice_equal(word, SLICE("applied")))
        tells_take_applied(peers->tells, rest);
    else if (slice_equal(word, SLICE("echo")))
        peers->echo_heard_at_ms = events_now_ms(peers->options.events);
}

static void echo_tick(struct peers *peers)
{
    int64_t now_ms = events_now_ms(peers->options.events);
    bool is_up = subscription_is_up(peers->subscription);
    if (is_up && !peers->was_up)
        peers->echo_heard_at_ms = now_ms;
    peers->was_up = is_up;
    if (is_up && now_ms - peers->echo_heard_at_ms > ECHO_MAX_MS)
        subscription_drop(peers->subscription);
    else if (is_up && peers->ticks++ % ECHO_TICKS == 0)
        peers_publish(peers, slice_of(peers->channel), SLICE("echo"));
}

static void on_tick(void *ctx)
{
    struct peers *peers = ctx;
    peers->options.events->timer_start(peers->timer, RENEW_MS);
    subscription_tend(peers->subscription, peers->options.redis(peers->options.ctx));
    echo_tick(peers);
    if (peers->agent)
        agent_tick(peers->agent);
}

/* ---- Public ---- */

void peers_tell(struct peers *peers, struct redis *redis, int64_t epoch, const char *const *ids, size_t id_count,
                bool waits, peers_told_cb done, void *ctx)
{
    tell_run(peers->tells, redis, epoch, ids, id_count, waits, done, ctx);
}

bool peers_settle(struct peers *peers)
{
    return !peers->agent || agent_settle(peers->agent);
}

static void subscription_begin(struct peers *peers)
{
    snprintf(peers->channel, sizeof(peers->channel), "todos:peer:%s", token_new().text);
    struct subscription_options options = {.events = peers->options.events,
                                           .stats = peers->options.stats,
                                           .settings = peers->options.settings,
                                           .channels = {peers->channel, PEERS_APPLIED_CHANNEL},
                                           .on_message = on_message,
                                           .ctx = peers};
    peers->subscription = subscription_new(&options);
}

struct peers *peers_new(const struct peers_options *options)
{
    struct peers *peers = mem_zalloc(sizeof(*peers));
    const struct events *events = options->events;
    peers->options = *options;
    for (size_t i = 0; i < PEERS_SCRIPT_COUNT; i++) {
        peers->scripts[i] = scripts[i];
        peers->scripts[i].discard = options->discard;
    }
    if (options->l1)
        snprintf(peers->machine, sizeof(peers->machine), "%016" PRIx64, l1_machine(options->l1));
    subscription_begin(peers);
    peers->agent = l1_keeps(options->l1) ? agent_new(peers) : NULL;
    peers->tells = tells_new(peers);
    peers->timer = events->timer_new(events->loop, on_tick, peers);
    events->timer_start(peers->timer, 0);
    return peers;
}

void peers_free(struct peers *peers)
{
    if (!peers)
        return;
    peers->options.events->timer_free(peers->timer);
    subscription_free(peers->subscription);
    agent_free(peers->agent);
    tells_free(peers->tells);
    free(peers);
}
