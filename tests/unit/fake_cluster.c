/* SPDX-License-Identifier: MIT */
/*
 * Each cluster (one for each worker) has a member for each primary that ever claimed a slot. What a primary claims is told while
 * the connection to it is up, as cluster.c does.
 */
#include "fake_cluster.h"

#include <stdlib.h>
#include <string.h>
#include <utlist.h>

#include "base/mem.h"
#include "fake_redis.h"

enum { PRIMARIES_MAX = 4 };

struct member {
    struct cluster_node node;
    struct member *next;
    struct cluster *cluster;
    unsigned primary;
    struct slot_set claims; /* as told */
};

struct cluster {
    struct cluster *next;
    struct redis_options options;
    struct cluster_events tell;
    struct member *members;
};

static char primaries[PRIMARIES_MAX][32]; /* their addresses */
static unsigned primary_count;
static unsigned owners[SLOT_COUNT];           /* + 1; 0: nobody */
static struct slot_set shared[PRIMARIES_MAX]; /* what they claim besides */
static struct cluster *clusters;

void fake_cluster_reset(void)
{
    primary_count = 0;
    memset(owners, 0, sizeof(owners));
    memset(shared, 0, sizeof(shared));
}

static struct slot_set slots_of(unsigned primary)
{
    struct slot_set set = shared[primary];
    for (unsigned slot = 0; slot < SLOT_COUNT; slot++)
        if (owners[slot] == primary + 1)
            slot_set_add(&set, slot);
    return set;
}

static void member_learn(struct member *member)
{
    struct slot_set claims = slots_of(member->primary);
    if (!redis_is_up(member->node.redis) || memcmp(&claims, &member->claims, sizeof(claims)) == 0)
        return;
    member->claims = claims;
    member->cluster->tell.on_claims(member->cluster->tell.ctx, &member->node);
}

static void on_up(void *ctx)
{
    struct member *member = ctx;
    member->cluster->tell.on_up(member->cluster->tell.ctx, &member->node);
    member_learn(member);
}

static void on_down(void *ctx)
{
    struct member *member = ctx;
    member->claims = (struct slot_set){0};
    member->cluster->tell.on_down(member->cluster->tell.ctx, &member->node);
}

static void member_new(struct cluster *cluster, unsigned primary)
{
    struct error error;
    struct member *member = mem_alloc(sizeof(*member));
    *member = (struct member){.cluster = cluster, .primary = primary};
    struct redis_options options = cluster->options;
    options.address = primaries[primary];
    options.on_up = on_up;
    options.on_down = on_down;
    options.ctx = member;
    bug_unless(redis_new(&member->node.redis, &options, &error) == STATUS_OK, "a fake primary's address is wrong");
    LL_APPEND(cluster->members, member);
}

static struct member *member_of(const struct cluster *cluster, const char *address)
{
    struct member *member = cluster->members;
    while (member && strcmp(primaries[member->primary], address) != 0)
        member = member->next;
    return member;
}

static unsigned primary_of(const char *address)
{
    for (unsigned i = 0; i < primary_count; i++)
        if (strcmp(primaries[i], address) == 0)
            return i;
    bug_unless(primary_count < PRIMARIES_MAX, "too many fake primaries");
    memcpy(primaries[primary_count], address, strlen(address) + 1);
    return primary_count++;
}

static void all_learn(void)
{
    for (struct cluster *cluster = clusters; cluster; cluster = cluster->next)
        for (struct member *member = cluster->members; member; member = member->next)
            member_learn(member);
}

void fake_cluster_move(const char *address, unsigned first, unsigned last)
{
    unsigned primary = primary_of(address);
    for (unsigned slot = first; slot <= last; slot++)
        owners[slot] = primary + 1;
    memset(shared, 0, sizeof(shared));
    for (struct cluster *cluster = clusters; cluster; cluster = cluster->next)
        if (!member_of(cluster, address))
            member_new(cluster, primary);
    all_learn();
}

void fake_cluster_share(const char *address, unsigned slot)
{
    slot_set_add(&shared[primary_of(address)], slot);
    all_learn();
}

void fake_cluster_forget(const char *address)
{
    unsigned primary = primary_of(address);
    for (unsigned slot = 0; slot < SLOT_COUNT; slot++)
        if (owners[slot] == primary + 1)
            owners[slot] = 0;
    for (struct cluster *cluster = clusters; cluster; cluster = cluster->next) {
        struct member *member = member_of(cluster, address);
        if (redis_is_up(member->node.redis))
            fake_redis_cut(member->node.redis);
        LL_DELETE(cluster->members, member);
        cluster->tell.on_gone(cluster->tell.ctx, &member->node);
        redis_free(member->node.redis);
        free(member);
    }
}

bool fake_cluster_step(void)
{
    for (struct cluster *cluster = clusters; cluster; cluster = cluster->next)
        for (struct member *member = cluster->members; member; member = member->next)
            if (fake_redis_step(member->node.redis))
                return true;
    return false;
}

struct redis *fake_cluster_redis(unsigned n, const char *address)
{
    const struct cluster *cluster = clusters;
    while (n-- > 0)
        cluster = cluster->next;
    return member_of(cluster, address)->node.redis;
}

/* ---- redis/cluster.h ---- */

enum status cluster_new(struct cluster **out, const struct redis_options *options, const struct cluster_events *events,
                        struct error *error)
{
    (void)error;
    struct cluster *cluster = mem_alloc(sizeof(*cluster));
    *cluster = (struct cluster){.options = *options, .tell = *events};
    for (unsigned i = 0; i < primary_count; i++)
        member_new(cluster, i);
    LL_APPEND(clusters, cluster);
    *out = cluster;
    return STATUS_OK;
}

void cluster_free(struct cluster *cluster)
{
    if (!cluster)
        return;
    while (cluster->members) {
        struct member *member = cluster->members;
        LL_DELETE(cluster->members, member);
        redis_free(member->node.redis);
        free(member);
    }
    LL_DELETE(clusters, cluster);
    free(cluster);
}

const struct slot_set *cluster_claimed(const struct cluster_node *node)
{
    return &((const struct member *)node)->claims;
}

bool cluster_is_moving(const struct cluster *cluster, unsigned slot)
{
    (void)cluster, (void)slot;
    return false;
}

void cluster_send(struct cluster *cluster, unsigned slot, struct slice command, redis_reply_cb on_reply, void *ctx)
{
    (void)cluster, (void)slot, (void)command, (void)on_reply, (void)ctx;
    bug_unless(false, "the fake cluster takes no commands of its own");
}

void cluster_send_at(struct cluster *cluster, const struct redis *node, unsigned slot, struct slice command,
                     redis_reply_cb on_reply, void *ctx)
{
    (void)slot;
    struct member *member = cluster->members;
    while (member && member->node.redis != node)
        member = member->next;
    bug_unless(member != NULL, "the fake cluster has no such connection");
    redis_send(member->node.redis, command, on_reply, ctx);
}
