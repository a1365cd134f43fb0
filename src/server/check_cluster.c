/* SPDX-License-Identifier: MIT */
/*
 * Asks each primary of a Redis Cluster what a worker needs to know, all at once:
 *
 *   it claims slots -> INFO -> CONFIG GET -> a script that writes to one of its slots -> done
 *
 * It ends when all slots are claimed and all nodes are done, or after WAIT_MS, and then tells what is missing. A server
 * that does not tell the slots ends it at once, unless another one does.
 *
 * If the setting names servers of two clusters, each slot is claimed twice. A service would work there, stay right, and
 * hit little: each second the slots go to the other cluster, under other epochs.
 *
 * cluster-allow-reads-when-down must be no: a primary that is cut off from the others would go on to answer with
 * entries that a write has deleted at its successor. The other settings are advice: a service works without them, but
 * the loss of one shard would take all others along, or a full Redis would refuse entries and not evict old ones, or a
 * primary that is a replica for a moment only would come back with older entries, unnoticed (row K5).
 *
 * A user of Redis who may not ask for the settings is told nothing about them: that right is not needed by workers.
 *
 * Does not: look at replicas, or trust a node as a worker does.
 */
#include "server/check_cluster.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <utlist.h>

#include "base/mem.h"
#include "base/slot.h"
#include "cache/identity.h"
#include "redis/cluster.h"
#include "redis/redis_info.h"
#include "redis/slot_map.h"

enum {
    LOOK_MS = 10,
    WAIT_MS = 3000,
    KEY_ROOM = 32,
    SYNC_DELAY_LEAST_S = 3 /* Redis counts whole seconds, so 2 s: workers ask once a second who a server is */
};

struct node_check {
    struct node_check *next;
    struct check_cluster *check;
    struct cluster_node *node; /* NULL: it is gone */
    bool is_begun, is_done;
};

struct check_cluster {
    struct check_cluster_options options;
    struct cluster *cluster;
    struct node_check *nodes;
    struct timer *look;
    int64_t end_at_ms;
};

static void node_found(const struct node_check *self, enum status status, const char *text)
{
    const struct check_cluster_options *options = &self->check->options;
    const struct redis_peer *peer = redis_peer(self->node->redis);
    struct error error;
    (void)error_set(&error, status, "redis: %s:%d: %s", peer->host, peer->port, text);
    options->on_found(options->ctx, &error);
}

/* ---- A script ---- */

static void on_script(void *ctx, const struct redis_reply *reply)
{
    struct node_check *self = ctx;
    char text[160];
    if (!reply)
        return; /* on_down() comes */
    slice_copy(text, sizeof(text), redis_reply_text(reply));
    self->is_done = true;
    if (!redis_reply_ok(reply) &&
        redirect_of(redis_reply_text(reply), redis_peer(self->node->redis)).kind == REDIRECT_NONE)
        node_found(self, STATUS_UNAVAILABLE, text);
}

static unsigned first_slot(const struct cluster_node *node)
{
    unsigned slot = 0;
    while (slot < SLOT_COUNT - 1 && !cluster_claims(node, slot))
        slot++;
    return slot;
}

/* A key below each prefix of the service, all in a slot that the node has. */
static void script_send(struct node_check *self)
{
    static const char script[] =
        "redis.call('TIME') for _, key in ipairs(KEYS) do "
        "redis.call('DEL', key) redis.call('SET', key, 1, 'PX', 1000) redis.call('DEL', key) end "
        "return redis.call('GET', KEYS[1])";
    static const char *const prefixes[] = {"todo:", "todos:", "limit:"};
    char tag[SLOT_TAG_MAX + 1], keys[3][KEY_ROOM];
    struct slice args[6] = {SLICE("EVAL"), slice_of(script), SLICE("3")};
    slot_tag(first_slot(self->node), tag);
    for (size_t i = 0; i < 3; i++) {
        snprintf(keys[i], sizeof(keys[i]), "%s{%s}:check", prefixes[i], tag);
        args[3 + i] = slice_of(keys[i]);
    }
    redis_call(self->node->redis, args, 6, on_script, self);
}

/* ---- CONFIG GET ---- */

/* Of the reply's names and values; empty: the name is not there. */
static struct slice config_value(const struct redis_reply *reply, const char *name)
{
    for (size_t i = 0; redis_reply_ok(reply) && i + 1 < redis_reply_count(reply); i += 2)
        if (slice_equal(redis_reply_text(redis_reply_item(reply, i)), slice_of(name)))
            return redis_reply_text(redis_reply_item(reply, i + 1));
    return SLICE("");
}

static bool config_is(const struct redis_reply *reply, const char *name, const char *value)
{
    return slice_equal(config_value(reply, name), slice_of(value));
}

static void config_get(struct node_check *self, const char *pattern, redis_reply_cb on_reply)
{
    redis_call(self->node->redis, (struct slice[]){SLICE("CONFIG"), SLICE("GET"), slice_of(pattern)}, 3, on_reply,
               self);
}

/* How long a replica waits for a full copy. */
static void on_sync_config(void *ctx, const struct redis_reply *reply)
{
    struct node_check *self = ctx;
    int64_t delay_s = SYNC_DELAY_LEAST_S, crowd = 0;
    if (!reply)
        return;
    (void)slice_to_int64(config_value(reply, "repl-diskless-sync-delay"), &delay_s);
    (void)slice_to_int64(config_value(reply, "repl-diskless-sync-max-replicas"), &crowd);
    if (config_is(reply, "repl-diskless-sync", "no") || delay_s < SYNC_DELAY_LEAST_S || crowd > 0)
        node_found(self, STATUS_OK,
                   "full copies must wait until workers have seen who is a replica: \"repl-diskless-sync yes\", "
                   "\"repl-diskless-sync-delay 5\", \"repl-diskless-sync-max-replicas 0\"");
    script_send(self);
}

static void on_config(void *ctx, const struct redis_reply *reply)
{
    struct node_check *self = ctx;
    if (!reply)
        return;
    if (config_is(reply, "cluster-allow-reads-when-down", "yes"))
        node_found(self, STATUS_INVALID,
                   "cut off from the others it would answer with old entries: it needs the line "
                   "\"cluster-allow-reads-when-down no\"");
    if (config_is(reply, "cluster-require-full-coverage", "yes"))
        node_found(self, STATUS_OK,
                   "if one shard is lost, all others refuse commands: \"cluster-require-full-coverage no\" keeps them "
                   "at work");
    config_get(self, "repl-diskless-sync*", on_sync_config);
}

/* ---- INFO ---- */

static void on_info(void *ctx, const struct redis_reply *reply)
{
    struct node_check *self = ctx;
    struct identity identity;
    char policy[32];
    if (!reply)
        return;
    struct slice info = redis_reply_ok(reply) ? redis_reply_text(reply) : SLICE("");
    identity_take(&identity, info, self->check->options.settings->redis);
    redis_info_value(info, "maxmemory_policy", policy, sizeof(policy));
    if (identity.flaw)
        node_found(self, identity.is_wrong ? STATUS_INVALID : STATUS_UNAVAILABLE, identity.flaw);
    if (strcmp(policy, "noeviction") == 0)
        node_found(self, STATUS_OK,
                   "when it is full it refuses new entries: \"maxmemory-policy allkeys-lfu\" evicts old ones");
    config_get(self, "cluster-*", on_config);
}

/* ---- Nodes ---- */

static void on_up(void *ctx, struct cluster_node *node)
{
    struct check_cluster *check = ctx;
    if (node->ctx)
        return;
    struct node_check *self = mem_zalloc(sizeof(*self));
    *self = (struct node_check){.check = check, .node = node};
    LL_PREPEND(check->nodes, self);
    node->ctx = self;
}

static void on_claims(void *ctx, struct cluster_node *node)
{
    struct node_check *self = node->ctx;
    (void)ctx;
    if (self->is_begun)
        return;
    self->is_begun = true;
    redis_call(node->redis, (struct slice[]){SLICE("INFO")}, 1, on_info, self);
}

static void on_down(void *ctx, struct cluster_node *node)
{
    struct node_check *self = node->ctx;
    (void)ctx;
    self->is_begun = false;
}

static void on_gone(void *ctx, struct cluster_node *node)
{
    struct node_check *self = node->ctx;
    (void)ctx;
    self->node = NULL;
    self->is_done = true;
}

/* ---- The end ---- */

/* shared_count: slots that more than one claims. */
static unsigned claimed_count(const struct check_cluster *check, unsigned *shared_count)
{
    struct slot_set all = {0};
    *shared_count = 0;
    for (const struct node_check *node = check->nodes; node; node = node->next) {
        if (!node->node)
            continue;
        struct slot_set shared = *cluster_claimed(node->node);
        slot_set_keep(&shared, &all);
        *shared_count += slot_set_count(&shared);
        slot_set_add_all(&all, cluster_claimed(node->node));
    }
    return slot_set_count(&all);
}

static bool nodes_are_done(const struct check_cluster *check)
{
    const struct node_check *node = check->nodes;
    while (node && node->is_done)
        node = node->next;
    return !node;
}

static void tell_shared(const struct check_cluster *check, unsigned count)
{
    struct error error;
    if (count == 0)
        return;
    error_set(
        &error, STATUS_UNAVAILABLE,
        "redis: %u slots are served by two servers each: are these servers of two clusters? If slots are on their "
        "way, or a replica takes over, try again",
        count);
    check->options.on_found(check->options.ctx, &error);
}

static void tell_missing(const struct check_cluster *check, unsigned claimed)
{
    const struct check_cluster_options *options = &check->options;
    struct error lack, error;
    for (const struct node_check *node = check->nodes; node; node = node->next)
        if (!node->is_done)
            node_found(node, STATUS_UNAVAILABLE, "it does not answer");
    if (claimed == SLOT_COUNT)
        return;
    enum status status = cluster_lack(check->cluster, &lack);
    if (!check->nodes)
        error_set(&error, status, "redis: %s", lack.text);
    else
        error_set(&error, STATUS_UNAVAILABLE,
                  "redis: no server serves %u of the %u slots of the cluster: is a primary away, without a replica?",
                  SLOT_COUNT - claimed, (unsigned)SLOT_COUNT);
    options->on_found(options->ctx, &error);
}

/* Time is up, or it is no cluster. */
static bool is_late(const struct check_cluster *check)
{
    struct error lack;
    return events_now_ms(check->options.events) > check->end_at_ms ||
           (!check->nodes && cluster_lack(check->cluster, &lack) == STATUS_INVALID);
}

static void on_look(void *ctx)
{
    struct check_cluster *check = ctx;
    const struct events *events = check->options.events;
    unsigned shared_count, claimed = claimed_count(check, &shared_count);
    if (!is_late(check) && (claimed < SLOT_COUNT || !nodes_are_done(check))) {
        events->timer_start(check->look, LOOK_MS);
        return;
    }
    tell_shared(check, shared_count);
    tell_missing(check, claimed);
    check->options.on_done(check->options.ctx);
}

/* ---- Public ---- */

enum status check_cluster_new(struct check_cluster **out, const struct check_cluster_options *options,
                              struct error *error)
{
    struct check_cluster *check = mem_zalloc(sizeof(*check));
    const struct cluster_events tell = {
        .on_up = on_up, .on_claims = on_claims, .on_down = on_down, .on_gone = on_gone, .ctx = check};
    struct redis_options redis_options = {.events = options->events, .stats = options->stats};
    check->options = *options;
    redis_options_take(&redis_options, options->settings);
    enum status status = cluster_new(&check->cluster, &redis_options, &tell, error);
    if (status != STATUS_OK) {
        free(check);
        return status;
    }
    check->end_at_ms = events_now_ms(options->events) + WAIT_MS;
    check->look = options->events->timer_new(options->events->loop, on_look, check);
    options->events->timer_start(check->look, LOOK_MS);
    *out = check;
    return STATUS_OK;
}

void check_cluster_free(struct check_cluster *check)
{
    if (!check)
        return;
    cluster_free(check->cluster);
    check->options.events->timer_free(check->look);
    for (struct node_check *node = check->nodes, *next; node; node = next) {
        next = node->next;
        free(node);
    }
    free(check);
}
