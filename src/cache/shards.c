/* SPDX-License-Identifier: MIT */
/*
 * The shards: each Redis that holds entries has its own connection, trust and drains.
 *
 *   one Redis   one shard, for all ids
 *   a cluster   one for each primary; slot of the id -> grants.h -> trust
 *
 * If a primary is lost, trust in it ends, and nothing else changes: the other shards keep names, entries and trust. Its
 * slots come back with it, or go to the primary that claims them next, under other epochs.
 *
 * Shards are made when a primary is met, and never freed before the end, because operations keep homes for long. When a
 * primary has gone its shard gets a connection that is down, and waits for the next primary. Whatever the old one was
 * trusted for ended before that.
 *
 * What may be believed is trust.c's to say. This file only knows which Redis is asked for which id.
 */
#include "cache/shards.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "cache/cache_state.h"
#include "cache/grants.h"
#include "cache/home.h"
#include "cache/keys.h"
#include "cache/trust.h"

enum { NEW_MS = 1000 };

struct shard {
    struct shard *next;
    struct shards *shards;
    struct cluster_node *node; /* NULL: it has gone; or there is no cluster */
    struct trust *trust;
};

struct shards {
    const struct cache_options *options;
    struct outbox *outbox;
    struct redis *redis;     /* the one Redis; in a cluster one that is down, of shards whose primary has gone */
    struct cluster *cluster; /* these two: NULL with one Redis */
    struct grants *grants;
    struct shard *first; /* with one Redis there is no other */
    int64_t began_at_ms; /* loop time; of a cluster */
};

/* ---- One Redis ---- */

static void on_up(void *ctx)
{
    struct shards *shards = ctx;
    trust_note_up(shards->first->trust);
}

static void on_down(void *ctx)
{
    struct shards *shards = ctx;
    trust_note_down(shards->first->trust);
}

static struct shard *shard_new(struct shards *shards, struct redis *redis)
{
    struct shard *shard = mem_alloc(sizeof(*shard));
    *shard = (struct shard){.next = shards->first,
                            .shards = shards,
                            .trust = trust_new(shards->options, shards->outbox, redis, shards->grants)};
    shards->first = shard;
    return shard;
}

/* ---- A cluster ---- */

static void on_node_up(void *ctx, struct cluster_node *node)
{
    struct shards *shards = ctx;
    struct shard *shard = shards->first;
    if (node->ctx)
        return; /* it was lost, and is back */
    while (shard && (shard->node || !trust_is_idle(shard->trust)))
        shard = shard->next;
    if (shard)
        trust_move(shard->trust, node->redis);
    else
        shard = shard_new(shards, node->redis);
    shard->node = node;
    node->ctx = shard;
}

static void on_node_claims(void *ctx, struct cluster_node *node)
{
    struct shard *shard = node->ctx;
    (void)ctx;
    trust_note_claims(shard->trust, cluster_claimed(node));
}

static void on_node_down(void *ctx, struct cluster_node *node)
{
    struct shard *shard = node->ctx;
    (void)ctx;
    trust_note_down(shard->trust);
}

static void on_node_gone(void *ctx, struct cluster_node *node)
{
    struct shards *shards = ctx;
    struct shard *shard = node->ctx;
    if (!shard)
        return; /* it was never up */
    shard->node = NULL;
    trust_move(shard->trust, shards->redis);
}

static bool has_slots(const struct shard *shard)
{
    return !shard->shards->cluster || (shard->node && slot_set_count(cluster_claimed(shard->node)) > 0);
}

/* A primary that is down may have slots; one that says that it has none is on its way out. */
static bool counts(const struct shard *shard)
{
    return has_slots(shard) || (shard->node && !redis_is_up(shard->node->redis));
}

static bool is_trusted(const struct shard *shard)
{
    return has_slots(shard) && trust_is_given(shard->trust);
}

/* ---- Homes ---- */

struct home home_of(const struct cache *cache, const char *id)
{
    const struct shards *shards = cache->shards;
    return shards->grants ? trust_home_in(shards->grants, slot_of_todo(id)) : trust_home(shards->first->trust);
}

struct home home_of_list(const struct cache *cache)
{
    const struct shards *shards = cache->shards;
    return shards->grants ? trust_home_in(shards->grants, slot_of_list()) : trust_home(shards->first->trust);
}

bool home_after(const struct cache *cache, const struct trust *last, struct home *home)
{
    const struct shard *shard = cache->shards->first;
    while (last && shard && shard->trust != last)
        shard = shard->next;
    if (last && shard)
        shard = shard->next;
    while (shard && !counts(shard))
        shard = shard->next;
    if (shard)
        *home = trust_home(shard->trust);
    return shard != NULL;
}

void home_note_write(const struct cache *cache)
{
    const struct home list = home_of_list(cache);
    bool is_noted = trust_is_given(list.trust);
    trust_note_write(list.trust);
    for (const struct shard *shard = cache->shards->first; shard && !is_noted; shard = shard->next) {
        trust_note_write(shard->trust);
        is_noted = is_trusted(shard);
    }
}

/* ---- All of them ---- */

size_t shards_count(const struct shards *shards)
{
    size_t count = 0;
    for (const struct shard *shard = shards->first; shard; shard = shard->next)
        count += counts(shard);
    return count;
}

size_t shards_trusted_count(const struct shards *shards)
{
    size_t count = 0;
    for (const struct shard *shard = shards->first; shard; shard = shard->next)
        count += is_trusted(shard);
    return count;
}

size_t shards_missing_slots(const struct shards *shards)
{
    size_t count = 0;
    if (!shards->grants)
        return trust_is_given(shards->first->trust) ? 0 : SLOT_COUNT;
    for (unsigned slot = 0; slot < SLOT_COUNT; slot++) {
        const struct home home = trust_home_in(shards->grants, slot);
        count += !home_holds(&home);
    }
    return count;
}

static const struct shard *first_lacking(const struct shards *shards)
{
    const struct shard *shard = shards->first;
    while (shard && (!counts(shard) || is_trusted(shard)))
        shard = shard->next;
    return shard;
}

const char *shards_lacking_primary(const struct shards *shards)
{
    const struct shard *shard = shards->cluster ? first_lacking(shards) : NULL;
    return shard ? redis_address_text(trust_redis(shard->trust)) : "";
}

enum trust_lack shards_lack(const struct shards *shards, const char **reason)
{
    const struct shard *shard = first_lacking(shards);
    if (shard)
        return trust_lack(shard->trust, reason);
    *reason = "";
    if (shards_missing_slots(shards) == 0)
        return TRUST_LACKS_NOTHING;
    if (shards->first)
        *reason = "some slots have no primary";
    return shards->first ? TRUST_LACKS_REDIS : TRUST_LACKS_TIME;
}

void shards_tend(struct shards *shards)
{
    if (shards->grants && events_now_ms(shards->options->events) >= shards->began_at_ms + NEW_MS)
        shards->grants->is_new = false;
    for (struct shard *shard = shards->first; shard; shard = shard->next)
        trust_tend(shard->trust);
}

bool shards_look(struct shards *shards)
{
    bool looks = false;
    for (struct shard *shard = shards->first; shard; shard = shard->next)
        looks |= trust_look(shard->trust);
    return looks;
}

bool shards_settle(struct shards *shards)
{
    bool is_settled = true;
    for (struct shard *shard = shards->first; shard; shard = shard->next)
        is_settled &= trust_settle(shard->trust);
    return is_settled;
}

struct cluster *shards_cluster(const struct shards *shards)
{
    return shards->cluster;
}

/* ---- Life ---- */

static enum status one_new(struct shards *shards, struct redis_options *options, struct error *error)
{
    options->on_up = on_up;
    options->on_down = on_down;
    options->ctx = shards;
    enum status status = redis_new(&shards->redis, options, error);
    if (status == STATUS_OK)
        shard_new(shards, shards->redis);
    return status;
}

static enum status cluster_begin(struct shards *shards, const struct redis_options *options, struct error *error)
{
    const struct cluster_events events = {.on_up = on_node_up,
                                          .on_claims = on_node_claims,
                                          .on_down = on_node_down,
                                          .on_gone = on_node_gone,
                                          .ctx = shards};
    shards->redis = redis_new_closed(options);
    shards->grants = mem_zalloc(sizeof(*shards->grants));
    shards->grants->is_new = true;
    shards->began_at_ms = events_now_ms(options->events);
    shards->grants->nobody = trust_new(shards->options, shards->outbox, shards->redis, shards->grants);
    enum status status = cluster_new(&shards->cluster, options, &events, error);
    shards->grants->cluster = shards->cluster;
    return status;
}

enum status shards_new(struct shards **out, const struct cache_options *options, struct outbox *outbox,
                       struct error *error)
{
    static const char scheme[] = "cluster://";
    struct shards *shards = mem_zalloc(sizeof(*shards));
    struct redis_options redis_options = {.events = options->events, .stats = options->stats};
    shards->options = options;
    shards->outbox = outbox;
    redis_options_take(&redis_options, options->settings);
    bool is_cluster = strncmp(redis_options.address, scheme, sizeof(scheme) - 1) == 0;
    enum status status =
        is_cluster ? cluster_begin(shards, &redis_options, error) : one_new(shards, &redis_options, error);
    if (status == STATUS_OK)
        *out = shards;
    else
        shards_free(shards);
    return status;
}

/* Commands fail one connection after the other, and what they were for must not go on to one that is freed already. */
static void leave_all(struct shards *shards)
{
    for (struct shard *shard = shards->first; shard; shard = shard->next) {
        trust_note_down(shard->trust);
        trust_move(shard->trust, shards->redis);
    }
}

void shards_free(struct shards *shards)
{
    if (!shards)
        return;
    if (shards->cluster)
        leave_all(shards);
    cluster_free(shards->cluster);
    redis_free(shards->redis);
    while (shards->first) {
        struct shard *shard = shards->first;
        shards->first = shard->next;
        trust_free(shard->trust);
        free(shard);
    }
    if (shards->grants)
        trust_free(shards->grants->nobody);
    free(shards->grants);
    free(shards);
}
