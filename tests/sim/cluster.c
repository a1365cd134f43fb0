/* SPDX-License-Identifier: MIT */
/*
 * Whose each slot is in the end (`owners`), and the way there.
 *
 *   a move      IMPORTING at the goal -> MIGRATING at the source -> key after key -> the goal has it -> the source hears
 *               of it -> the others do. Each arrow takes its time. Orders wait for a server that is away.
 *               As long as no key has arrived it may be given up.
 *   a failover  the replica's keys are those of its primary, or older ones; it has another name, and the slots. The old
 *               primary may go on, alone, until it hears of it; then it is the new one's replica. It keeps its own keys
 *               until it gets a copy, which takes the time that row K5 of doc/consistency.md asks for; if it becomes
 *               the primary before that, then with its own keys.
 *
 * A server that hears takes over all that is true at that moment. That is more than gossip does at once; what it knows
 * before is older than any that gossip leaves for longer than that.
 */
#include "cluster.h"

#include <stdio.h>
#include <string.h>

#include "cache/keys.h"
#include "client_state.h"
#include "fault_rows.h"
#include "net.h"
#include "sim_redis.h"
#include "truth.h"
#include "world.h"

enum {
    CLUSTER_IN = 4,
    PRIMARIES_MAX = NET_CLUSTER_SERVERS / 2,
    STEP_US = 3000, /* of a move */
    SLOW_US = 60000,
    HALF_US = 1000000, /* half moved for seconds */
    BOTH_US = 700000,  /* how long both may say that they have the slots */
    ECHO_US = 100000,  /* who was told so before that ended, may act on it for so long */
    HEAR_US = 300000,
    COPY_MIN_US = 2000000, /* a full copy */
    COPY_MAX_US = 6000000,
    AWAY_US = 20000,
    FIRST_US = 500000, /* these three: if there is one kind of fault only */
    PAUSE_US = 4000000,
    STEPS_LEAST = 3000,
    AWAY_FIRST_US = 1500000, /* these three: if it is that a primary is away. Pages are filled before, and stay */
    AWAY_THINKS = 4,
    LIST_TTL_S = 60
};

struct cluster_world cluster_world;
bool cluster_world_always;

static struct sim_node nodes[NET_CLUSTER_SERVERS];
static unsigned pair_count; /* pair p is node p, and node p + pair_count */
static unsigned lead[PRIMARIES_MAX], names;
static uint64_t awaited[NET_CLUSTER_SERVERS], copies; /* the full copy that a replica waits for; 0: none */
static uint8_t owners[SLOT_COUNT];                    /* node + 1 */

static int64_t rests_until_us; /* if there is one kind of fault only: none begins before */
static bool writes_wait;       /* for the next outage: what that leaves old shows until a write */

static struct {
    bool is_there;
    unsigned first, last, from, to; /* nodes */
    bool is_begun;                  /* keys have been carried */
    int64_t step_us;
    int64_t taken_us, given_us; /* between these, both say that they have the slots */
    unsigned claims;            /* of slots that the store's record has met since taken_us */
    uint64_t serial;
} move;

static struct sim_redis *redis_of(unsigned node)
{
    return net.servers[NET_CLUSTER + node].redis;
}

static bool is_away(unsigned node)
{
    return net.servers[NET_CLUSTER + node].refuses || net.servers[NET_CLUSTER + node].is_frozen;
}

static bool is_among(unsigned slot)
{
    return slot >= move.first && slot <= move.last && owners[slot] == move.from + 1;
}

/* ---- What servers believe ---- */

static void copy(unsigned from, unsigned to)
{
    struct sim_keys *keys = sim_redis_save(redis_of(from));
    sim_redis_restore(redis_of(to), keys);
    sim_redis_forget(keys);
}

static void on_copied(void *ctx, uint64_t serial)
{
    unsigned node = (unsigned)(uintptr_t)ctx, from = lead[node % pair_count];
    if (awaited[node] != serial)
        return; /* it became the primary meanwhile */
    if (is_away(node) || is_away(from)) {
        world_after(AWAY_US, on_copied, ctx, serial);
        return;
    }
    awaited[node] = 0;
    copy(from, node);
    world_tell("    cluster: node %u has a copy of node %u", node, from);
}

static void copy_later(unsigned node)
{
    awaited[node] = ++copies;
    world_after(dice_between(&cluster_world.dice, COPY_MIN_US, COPY_MAX_US), on_copied, (void *)(uintptr_t)node,
                awaited[node]);
}

static void hear(unsigned node)
{
    struct sim_slots *slots = redis_of(node)->slots;
    bool is_moving = move.is_there && (node == move.from || node == move.to);
    memcpy(slots->owner, owners, sizeof(owners));
    for (unsigned slot = 0; slot < SLOT_COUNT; slot++)
        if (!is_moving || !is_among(slot))
            slots->goal[slot] = slots->source[slot] = SIM_NOBODY;
    bool leads = lead[node % pair_count] == node;
    if (!leads && !redis_of(node)->is_replica)
        copy_later(node);
    redis_of(node)->is_replica = !leads;
    slots->is_down = false;
    world_tell("    cluster: node %u hears", node);
}

static void on_heard(void *ctx, uint64_t serial)
{
    if (serial == fault_ground.serial && cluster_world.is_there)
        hear((unsigned)(uintptr_t)ctx);
}

static void hear_later(unsigned node)
{
    int64_t after_us = dice_between(&cluster_world.dice, 0, dice_one_in(&cluster_world.dice, 3) ? HEAR_US : STEP_US);
    world_after(after_us, on_heard, (void *)(uintptr_t)node, fault_ground.serial);
}

void cluster_world_learn(void)
{
    for (unsigned node = 0; node < 2 * pair_count; node++)
        hear(node);
}

/* ---- A move ---- */

static void on_import(void *ctx, uint64_t serial);
static void on_migrate(void *ctx, uint64_t serial);
static void on_carry(void *ctx, uint64_t serial);
static void on_taken(void *ctx, uint64_t serial);
static void on_given(void *ctx, uint64_t serial);

/* false: not now; it is tried again when both are there. */
static bool may_step(world_event_fn step, uint64_t serial)
{
    if (serial != move.serial || !move.is_there)
        return false;
    if (is_away(move.from) || is_away(move.to)) {
        world_after(AWAY_US, step, NULL, serial);
        return false;
    }
    return true;
}

static void step_later(world_event_fn step)
{
    world_after(dice_between(&cluster_world.dice, 0, move.step_us), step, NULL, move.serial);
}

static void on_import(void *ctx, uint64_t serial)
{
    (void)ctx;
    if (!may_step(on_import, serial))
        return;
    for (unsigned slot = move.first; slot <= move.last; slot++)
        if (is_among(slot))
            redis_of(move.to)->slots->source[slot] = (uint8_t)(move.from + 1);
    step_later(on_migrate);
}

static void on_migrate(void *ctx, uint64_t serial)
{
    (void)ctx;
    if (!may_step(on_migrate, serial))
        return;
    for (unsigned slot = move.first; slot <= move.last; slot++)
        if (is_among(slot))
            redis_of(move.from)->slots->goal[slot] = (uint8_t)(move.to + 1);
    step_later(on_carry);
}

/* One of its keys; false: there is none any more. */
static bool carry(void)
{
    struct sim_keys *from = sim_redis_keys(redis_of(move.from)), *to = sim_redis_keys(redis_of(move.to));
    unsigned count = 0, slot = 0;
    for (const struct sim_key *key = from->keys; key; key = key->hh.next)
        if (is_among(slot_of_key(key->name)) && dice_one_in(&cluster_world.dice, ++count))
            slot = slot_of_key(key->name);
    for (unsigned place = count ? (unsigned)dice_below(&cluster_world.dice, 4) : 0; count; place--)
        if (sim_slots_carry(from, to, slot, place))
            return true;
    return false;
}

static bool has_arrived(void)
{
    for (const struct sim_key *key = redis_of(move.to)->keys.keys; key; key = key->hh.next)
        if (is_among(slot_of_key(key->name)))
            return true;
    return false;
}

static void give_up(void)
{
    world_tell("    cluster: the move is given up");
    rests_until_us = world.now_us;
    move.is_there = false;
    hear(move.from);
    hear(move.to);
}

static void on_carry(void *ctx, uint64_t serial)
{
    (void)ctx;
    if (!may_step(on_carry, serial))
        return;
    if (!move.is_begun && dice_one_in(&cluster_world.dice, 2) && !has_arrived()) {
        give_up();
        return;
    }
    step_later(carry() ? on_carry : on_taken);
    move.is_begun = true;
}

static void on_taken(void *ctx, uint64_t serial)
{
    (void)ctx;
    if (!may_step(on_taken, serial))
        return;
    while (carry())
        continue;
    struct sim_slots *goal = redis_of(move.to)->slots;
    for (unsigned slot = move.first; slot <= move.last; slot++)
        if (is_among(slot)) {
            goal->owner[slot] = (uint8_t)(move.to + 1);
            goal->source[slot] = SIM_NOBODY;
        }
    if (move.taken_us > 0 && world.now_us - move.taken_us < TRUTH_NOTICED_US)
        truth_came_back();
    move.taken_us = world.now_us;
    move.given_us = INT64_MAX - ECHO_US;
    move.claims = 0;
    world_tell("    cluster: node %u has slots %u to %u", move.to, move.first, move.last);
    bool is_slow = cluster_world.only_moves && dice_one_in(&cluster_world.dice, 2);
    world_after(dice_between(&cluster_world.dice, 0, is_slow ? BOTH_US : STEP_US), on_given, NULL, move.serial);
}

static void on_given(void *ctx, uint64_t serial)
{
    (void)ctx;
    if (!may_step(on_given, serial))
        return;
    for (unsigned slot = move.first; slot <= move.last; slot++)
        if (is_among(slot))
            owners[slot] = (uint8_t)(move.to + 1);
    move.is_there = false;
    move.given_us = world.now_us;
    hear(move.from);
    hear(move.to);
    for (unsigned node = 0; node < 2 * pair_count; node++)
        if (node != move.from && node != move.to)
            hear_later(node);
}

static void rest(void)
{
    rests_until_us = cluster_world.only ? world.now_us + dice_between(&cluster_world.dice, 0, PAUSE_US) : 0;
}

bool cluster_world_may_go(void)
{
    if (world.now_us < rests_until_us)
        return false;
    client_plan.only_reads = false;
    return true;
}

void cluster_world_came(void)
{
    client_plan.only_reads = writes_wait;
    rest();
}

/* That of a todo or of another key, or all of one server. */
bool cluster_world_move(void)
{
    static const int64_t steps_us[] = {STEP_US, SLOW_US, HALF_US};
    struct dice *dice = &cluster_world.dice;
    unsigned from = cluster_world_pick() - NET_CLUSTER, to = lead[dice_below(dice, pair_count)], count = 0;
    if (move.is_there || world.now_us < rests_until_us)
        return false;
    move.first = 0;
    move.last = SLOT_COUNT - 1;
    if (cluster_world.only && dice_one_in(dice, 2)) {
        move.first = move.last = slot_of_key(slice_of(client_id((unsigned)dice_below(dice, client_plan.id_count))));
        from = owners[move.first] - 1u;
    } else if (!dice_one_in(dice, 4)) {
        for (const struct sim_key *key = redis_of(from)->keys.keys; key; key = key->hh.next)
            if (dice_one_in(dice, ++count))
                move.first = move.last = slot_of_key(key->name);
    }
    if (from == to || redis_of(from)->is_replica || redis_of(to)->is_replica)
        return false;
    move.is_there = true;
    move.is_begun = false;
    move.step_us = steps_us[dice_below(dice, 3)];
    rest();
    move.from = from;
    move.to = to;
    move.serial++;
    world_tell("    cluster: slots %u to %u move from node %u to node %u", move.first, move.last, from, to);
    step_later(on_import);
    return true;
}

void cluster_world_hasten(void)
{
    move.step_us = STEP_US;
}

/* ---- A failover ---- */

static void name(struct sim_redis *redis)
{
    char text[SIM_RUN_ID_LEN + 1];
    snprintf(text, sizeof(text), "%08x%032x", 0xc1050000u + names, names);
    memcpy(redis->replication_id, text, sizeof(text));
    names++;
}

static bool is_in_step(unsigned node)
{
    return redis_of(node)->is_replica && awaited[node] == 0;
}

void cluster_world_replicate(void)
{
    unsigned node = cluster_world_pick() - NET_CLUSTER, heir = (node + pair_count) % (2 * pair_count);
    if (is_in_step(heir))
        copy(node, heir);
}

bool cluster_world_fail_over(void)
{
    static const char *const losses[] = {"*:lease", "*:writers", "*:watermark", "*:gen"};
    unsigned old = cluster_world_pick() - NET_CLUSTER, heir = (old + pair_count) % (2 * pair_count);
    if (move.is_there || !redis_of(heir)->is_replica || redis_of(old)->is_replica)
        return false;
    if (cluster_world.only && is_in_step(heir) && dice_one_in(&cluster_world.dice, 2)) {
        copy(old, heir);
        return false;
    }
    bool is_behind = !is_in_step(heir) || dice_one_in(&cluster_world.dice, 2);
    if (!is_behind)
        copy(old, heir);
    while (!is_behind && dice_one_in(&cluster_world.dice, 2))
        sim_redis_evict(redis_of(heir), losses[dice_below(&cluster_world.dice, 4)]);
    name(redis_of(heir));
    redis_of(heir)->is_replica = false;
    awaited[heir] = 0;
    lead[old % pair_count] = heir;
    for (unsigned slot = 0; slot < SLOT_COUNT; slot++)
        if (owners[slot] == old + 1)
            owners[slot] = (uint8_t)(heir + 1);
    hear(heir);
    redis_of(old)->slots->is_down = dice_one_in(&cluster_world.dice, 2);
    for (unsigned node = 0; node < 2 * pair_count; node++)
        if (node != old && node != heir)
            hear_later(node);
    world_tell("    cluster: node %u takes the place of node %u", heir, old);
    return true;
}

/* ---- Beginning ---- */

/* To subscribers of all other servers, wherever a message was published; the answer counts its own alone. */
static int64_t on_publish(void *ctx, struct slice channel, struct slice message)
{
    for (unsigned node = 0; node < 2 * pair_count; node++)
        if (redis_of(node) != ctx && sim_publish(redis_of(node)->subscribers, channel, message) > 0)
            net_push(NET_CLUSTER + node);
    return 0;
}

unsigned cluster_world_pick(void)
{
    if (cluster_world.only_outages && dice_one_in(&cluster_world.dice, 2))
        return NET_CLUSTER + owners[slot_of_list()] - 1;
    return NET_CLUSTER + lead[dice_below(&cluster_world.dice, pair_count)];
}

void cluster_world_draw(uint64_t seed)
{
    static const char *const only[] = {"redis_away", "failed_over", "roles_change"};
    cluster_world = (struct cluster_world){.dice = dice_of(seed, 8)};
    cluster_world.is_there = dice_one_in(&cluster_world.dice, CLUSTER_IN) || cluster_world_always;
    pair_count = (unsigned)dice_between(&cluster_world.dice, 1, PRIMARIES_MAX);
    if (cluster_world.is_there && !dice_one_in(&cluster_world.dice, 3))
        cluster_world.only = only[dice_below(&cluster_world.dice, pair_count > 1 ? 3 : 2)];
    cluster_world.only_moves = cluster_world.only == only[2];
    cluster_world.only_outages = cluster_world.only == only[0];
    if (cluster_world.only_outages && pair_count == 1)
        pair_count = 2;
    memset(&move, 0, sizeof(move));
    memset(awaited, 0, sizeof(awaited));
    copies = 0;
    int64_t first_us = cluster_world.only_outages ? AWAY_FIRST_US : FIRST_US;
    rests_until_us = cluster_world.only ? dice_between(&cluster_world.dice, 0, first_us) : 0;
    writes_wait = false;
    names = 0;
}

/* The end of a move takes its time: an old owner may be named for a moment after it has heard. */
void cluster_world_claimed(void)
{
    if (move.serial == 0)
        return; /* each claims what it has from the beginning */
    truth_moved();
    if (move.taken_us > 0 && world.now_us < move.given_us + ECHO_US && ++move.claims > 1)
        truth_came_back();
}

void cluster_world_plan(struct client_plan *plan, unsigned *worker_count, uint64_t *steps)
{
    static const int64_t thinks_us[] = {5000, 15000, 40000, 100000};
    struct dice *dice = &cluster_world.dice;
    if (!cluster_world.only)
        return;
    unsigned most = cluster_world.only_moves ? 4 : cluster_world.only_outages ? 8 : 30;
    *worker_count = (unsigned)dice_between(dice, 2, WORKERS_MAX);
    plan->client_count = (unsigned)dice_between(dice, 3, 8);
    plan->id_count = (unsigned)dice_between(dice, 1, 2);
    plan->write_in = (unsigned)dice_between(dice, 2, most);
    plan->think_most_us = thinks_us[dice_below(dice, 4)];
    plan->think_most_us *= cluster_world.only_outages ? AWAY_THINKS : 1;
    plan->only_reads = writes_wait = cluster_world.only_outages && dice_one_in(dice, 2);
    *steps = STEPS_LEAST + dice_below(dice, STEPS_LEAST);
}

void cluster_world_set(struct settings *settings)
{
    if (!cluster_world.is_there)
        return;
    if (cluster_world.only_outages)
        settings->list_ttl_s = LIST_TTL_S;
    snprintf(settings->redis, sizeof(settings->redis), "cluster://127.0.0.1:%d", NET_PORT + NET_CLUSTER);
    for (unsigned node = 1; node < pair_count; node++)
        snprintf(settings->redis + strlen(settings->redis), 32, ",127.0.0.1:%u", NET_PORT + NET_CLUSTER + node);
}

void cluster_world_start(struct sim_redis *(*server_new)(unsigned number))
{
    if (!cluster_world.is_there)
        return;
    for (unsigned slot = 0; slot < SLOT_COUNT; slot++)
        owners[slot] = (uint8_t)(1 + slot * pair_count / SLOT_COUNT);
    for (unsigned node = 0; node < 2 * pair_count; node++) {
        struct sim_node *self = &nodes[node];
        snprintf(self->id, sizeof(self->id), "%040u", node + 1);
        snprintf(self->host, sizeof(self->host), "127.0.0.1");
        self->port = NET_PORT + NET_CLUSTER + node;
        struct sim_redis *redis = net.servers[NET_CLUSTER + node].redis = server_new(NET_CLUSTER + node);
        redis->slots = sim_slots_new(nodes, node + 1);
        redis->options.on_publish = on_publish;
        redis->options.ctx = redis;
        redis->is_replica = node >= pair_count;
        memcpy(redis->slots->owner, owners, sizeof(owners));
        if (node < pair_count)
            lead[node] = node;
    }
}
