/* SPDX-License-Identifier: MIT */
/*
 * The holder's side: a licence for this machine, renewed each 100 ms, and its box.
 *
 *   OUT --in charge, Redis trusted, messages come--> JOINING --joined--> HOLDING --renewed--> HOLDING
 *    ^                                                  |                   |
 *    '---------- no holder any more, no trust, no messages, the end --------'
 *
 * Every process that maps the table tries to be the agent; the lock lets in one (l1/licence.c). If it is killed, the
 * kernel drops the lock, and another one joins under an incarnation of its own. If it is frozen, it keeps the lock: the
 * licence runs out, hits go to Redis, and writers expel the machine.
 *
 * Rules, each of which tests/model/l1_leases.pml leaves out once:
 * - A licence counts from before its call was sent, and is extended after the box that came with it was applied.
 * - The table is cleared after the join was answered. Until then others' writes were told to nobody.
 * - A renew makes nobody a holder. Who is none any more joins anew, and so clears its table.
 * - Numbers of the box are counted. After a gap a message proves nothing, and is not acknowledged; a gap in the box
 *   itself (it grew too large, or was evicted) clears the table.
 * - What is acknowledged has been applied, and the acknowledgement says up to which number.
 *
 * If the licence is in doubt it ends first, in the shared memory, and the rest follows.
 */
#include "peers/agent.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/failpoint.h"
#include "base/log.h"
#include "base/mem.h"
#include "l1/licence.h"
#include "peers/peers_state.h"
#include "redis/subscription.h"

enum agent_state { AGENT_OUT, AGENT_JOINING, AGENT_HOLDING };

struct agent {
    struct peers *peers;
    enum agent_state state;
    bool is_in_charge;
    bool is_calling;   /* a script is under way */
    bool is_call_void; /* its answer concerns a licence that has been given up */
    bool wants_renew;  /* a message has shown that there is more in the box */
    bool is_leaving;   /* for good */
    struct token incarnation;
    int64_t epoch;
    int64_t applied;    /* the box, up to this number */
    int64_t sent_at_us; /* boot time: before the call under way was sent */
};

static void agent_renew(struct agent *agent);

static struct l1_table *l1_of(const struct agent *agent)
{
    return agent->peers->options.l1;
}

static void agent_count(const struct agent *agent, enum stat_counter stat)
{
    stats_add(agent->peers->options.stats, stat, 1);
}

static void agent_call(struct agent *agent, enum peers_script script, const struct slice *args, size_t count,
                       redis_reply_cb on_reply)
{
    agent->is_calling = true;
    agent->is_call_void = false;
    agent->sent_at_us = clock_boot_us();
    peers_run(agent->peers, script, agent->epoch, args, count, on_reply, agent);
}

/* Whether the answer is of use; from here on another call may be made. */
static bool call_ends(struct agent *agent)
{
    agent->is_calling = false;
    return !agent->is_call_void;
}

/* ---- Holding ---- */

static void licence_extend(struct agent *agent)
{
    int64_t from_us = failpoint_is_on(FAILPOINT_LICENCE_FROM_REPLY) ? clock_boot_us() : agent->sent_at_us;
    l1_licence_extend(l1_of(agent), agent->epoch, from_us + (LICENCE_MS - DRIFT_MS) * INT64_C(1000));
}

static void licence_lose(struct agent *agent)
{
    l1_licence_end(l1_of(agent));
    agent->state = AGENT_OUT;
    agent->is_call_void = true;
    agent_count(agent, STAT_LICENCE_LOST);
}

static void acknowledge(const struct agent *agent, struct slice channel)
{
    char message[128];
    int len = snprintf(message, sizeof(message), "applied %s %s %lld", agent->peers->machine, agent->incarnation.text,
                       (long long)agent->applied);
    peers_publish(agent->peers, channel, (struct slice){.data = message, .len = (size_t)len});
}

/* Names from number first on. */
static void apply(struct agent *agent, int64_t first, struct slice names)
{
    int64_t last = first + (int64_t)(names.len / L1_NAME_BYTES);
    if (first > agent->applied && !failpoint_is_on(FAILPOINT_BOX_GAP_IGNORED))
        l1_raise_all(l1_of(agent));
    if (!failpoint_is_on(FAILPOINT_NAMES_UNAPPLIED))
        l1_raise_names(l1_of(agent), names);
    if (last > agent->applied)
        agent->applied = last;
}

static void on_renewed(void *ctx, const struct redis_reply *reply)
{
    struct agent *agent = ctx;
    if (!call_ends(agent) || !redis_reply_ok(reply))
        return; /* the licence runs out unless the next call is answered */
    if (redis_reply_count(reply) != 2 && failpoint_is_on(FAILPOINT_EXPULSION_IGNORED)) {
        licence_extend(agent);
        return;
    }
    if (redis_reply_count(reply) != 2) {
        licence_lose(agent);
        log_info(NULL, "l1_licence_lost", "machine=%s", agent->peers->machine);
        return;
    }
    int64_t before = agent->applied;
    apply(agent, redis_reply_integer(redis_reply_item(reply, 0)), redis_reply_text(redis_reply_item(reply, 1)));
    licence_extend(agent);
    agent_count(agent, STAT_LICENCE_RENEWED);
    if (agent->applied > before)
        acknowledge(agent, SLICE(PEERS_APPLIED_CHANNEL));
    if (agent->wants_renew)
        agent_renew(agent);
}

static void agent_renew(struct agent *agent)
{
    char applied[INT64_TEXT_MAX + 1];
    const struct slice args[] = {slice_of(agent->peers->machine), slice_of(agent->incarnation.text),
                                 slice_of_int64(applied, agent->applied)};
    agent->wants_renew = false;
    agent_call(agent, PEERS_RENEW, args, 3, on_renewed);
}

/* A message may come before the box that it belongs behind. */
void agent_take_told(struct agent *agent, struct slice message)
{
    struct slice rest = {0}, incarnation = slice_split(message, ' ', &rest), first_text = slice_split(rest, ' ', &rest);
    struct slice channel = slice_split(rest, ' ', &rest);
    int64_t first;
    if (agent->state == AGENT_OUT || !slice_equal(incarnation, slice_of(agent->incarnation.text)) ||
        !slice_to_int64(first_text, &first) || !rest.data)
        return;
    if (agent->state == AGENT_HOLDING && first <= agent->applied) {
        apply(agent, first, rest);
        acknowledge(agent, channel);
    } else if (agent->is_calling) {
        agent->wants_renew = true;
    } else {
        agent_renew(agent);
    }
}

/* ---- Joining and leaving ---- */

static void on_joined(void *ctx, const struct redis_reply *reply)
{
    struct agent *agent = ctx;
    if (!call_ends(agent))
        return;
    if (!redis_reply_ok(reply)) {
        agent->state = AGENT_OUT;
        return;
    }
    if (!failpoint_is_on(FAILPOINT_JOIN_UNCLEARED) && !failpoint_is_on(FAILPOINT_JOIN_CLEARED_EARLY))
        l1_raise_all(l1_of(agent));
    agent->state = AGENT_HOLDING;
    licence_extend(agent);
    agent_count(agent, STAT_LICENCE_JOINED);
    if (agent->wants_renew)
        agent_renew(agent);
}

static void agent_join(struct agent *agent)
{
    struct peers *peers = agent->peers;
    agent->incarnation = token_new();
    agent->applied = 0;
    agent->wants_renew = false;
    agent->state = AGENT_JOINING;
    if (failpoint_is_on(FAILPOINT_JOIN_CLEARED_EARLY))
        l1_raise_all(l1_of(agent));
    const struct slice args[] = {slice_of(peers->machine), slice_of(agent->incarnation.text), slice_of(peers->channel)};
    agent_call(agent, PEERS_JOIN, args, 3, on_joined);
}

static void on_left(void *ctx, const struct redis_reply *reply)
{
    struct agent *agent = ctx;
    (void)reply; /* if it was lost, each writer that meets this holder waits, until the first one expels it */
    call_ends(agent);
}

/* Another process may take over. */
static void agent_leave(struct agent *agent)
{
    if (agent->state != AGENT_OUT) {
        licence_lose(agent);
        const struct slice args[] = {slice_of(agent->peers->machine), slice_of(agent->incarnation.text), SLICE("")};
        if (!agent->is_calling)
            agent_call(agent, PEERS_EXPEL, args, 3, on_left);
    }
    if (agent->is_in_charge)
        l1_charge_leave(l1_of(agent));
    agent->is_in_charge = false;
}

void agent_tick(struct agent *agent)
{
    const struct peers_options *options = &agent->peers->options;
    int64_t epoch = options->epoch(options->ctx);
    bool may_hold = epoch != 0 && subscription_is_up(agent->peers->subscription) && !agent->is_leaving;
    if (!may_hold || (agent->state != AGENT_OUT && epoch != agent->epoch))
        agent_leave(agent);
    if (!may_hold || agent->is_calling)
        return;
    if (!agent->is_in_charge)
        agent->is_in_charge = l1_charge_take(l1_of(agent));
    if (!agent->is_in_charge)
        return;
    agent->epoch = epoch;
    if (agent->state == AGENT_OUT)
        agent_join(agent);
    else
        agent_renew(agent);
}

bool agent_settle(struct agent *agent)
{
    agent->is_leaving = true;
    agent_leave(agent);
    return !agent->is_calling;
}

struct agent *agent_new(struct peers *peers)
{
    struct agent *agent = mem_zalloc(sizeof(*agent));
    agent->peers = peers;
    return agent;
}

void agent_free(struct agent *agent)
{
    if (!agent)
        return;
    if (agent->state != AGENT_OUT)
        l1_licence_end(l1_of(agent));
    if (agent->is_in_charge)
        l1_charge_leave(l1_of(agent));
    free(agent);
}
