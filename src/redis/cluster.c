/* SPDX-License-Identifier: MIT */
/*
 * The servers of a Redis Cluster: which there are, and which slots each of them has.
 *
 * Each second all connected servers are asked (CLUSTER SLOTS), and sooner if something says that it has changed: MOVED,
 * CLUSTERDOWN, a connection that came or went, a command that was lost. Two things are taken from the answers:
 *
 *   map     where commands are sent: the whole answer of one server, another one each time. What MOVED says counts at
 *           once. A server that is cut off may tell an old map; the next MOVED or the next second corrects it.
 *   claims  which slots a server has itself: from its own answer alone. One that does not serve (cluster_state:fail)
 *           claims nothing: it is cut off from most others, and they may have given its slots to its replica.
 *
 * MOVED ends a claim, whoever sent the command that met it: the connection hands each error to on_server_error() first.
 *
 * Each server has a connection of its own (redis.c), with its own timeouts and pauses: if one is lost, commands to the
 * others go on. A server that claims nothing, and that ten maps in a row have not named, is left when nothing is under
 * way there. If no server of the map is up, those of the setting are tried again. Servers are told apart by the
 * addresses in the map: one that the setting names differently is asked for the map only, and left.
 *
 * Does not: redirect commands (cluster_call.c), look at keys (base/slot.c), ask replicas, or know what may be believed
 * (cache/).
 */
#include "redis/cluster.h"

#include <stdlib.h>
#include <string.h>
#include <utlist.h>

#include "base/container.h"
#include "base/log.h"
#include "base/mem.h"
#include "redis/cluster_state.h"
#include "redis/redis_info.h"

enum { LEARN_MS = 1000, LEARN_SOON_MS = 100, MOVING_MS = 10000, UNWANTED_MAX = 10 };

/* ---- Servers ---- */

void cluster_learn(struct cluster *cluster)
{
    if (cluster->is_soon || cluster->is_ending)
        return;
    cluster->is_soon = true;
    cluster->options.events->timer_start(cluster->learn_timer, LEARN_SOON_MS);
}

static void on_server_up(void *ctx);
static void on_server_down(void *ctx);
static void on_server_error(void *ctx, struct slice error);

static struct server *server_find(const struct cluster *cluster, const struct redis_peer *peer)
{
    struct server *server = cluster->servers;
    while (server && (server->peer.port != peer->port || strcmp(server->peer.host, peer->host) != 0))
        server = server->next;
    return server;
}

struct server *cluster_server(struct cluster *cluster, const struct redis_peer *peer)
{
    struct server *server = server_find(cluster, peer);
    if (server)
        return server;
    server = mem_zalloc(sizeof(*server));
    server->cluster = cluster;
    server->peer = *peer;
    struct redis_options options = cluster->options;
    options.on_up = on_server_up;
    options.on_down = on_server_down;
    options.on_error = on_server_error;
    options.ctx = server;
    server->node.redis = redis_new_at(&options, peer);
    LL_PREPEND(cluster->servers, server);
    return server;
}

static void servers_want(struct cluster *cluster, const struct redis_peer *peers, size_t count)
{
    for (size_t i = 0; i < count; i++)
        cluster_server(cluster, &peers[i])->unwanted_count = 0;
}

static void server_leave(struct server *server)
{
    const struct cluster_events *tell = &server->cluster->tell;
    LL_DELETE(server->cluster->servers, server);
    if (server->is_up)
        tell->on_down(tell->ctx, &server->node);
    if (server->is_node)
        tell->on_gone(tell->ctx, &server->node);
    redis_free(server->node.redis);
    free(server);
}

static void servers_leave_unwanted(struct cluster *cluster)
{
    for (struct server *server = cluster->servers, *next; server; server = next) {
        next = server->next;
        if (server->unwanted_count >= UNWANTED_MAX && server->call_count == 0 && redis_is_idle(server->node.redis))
            server_leave(server);
    }
}

/* ---- What each claims ---- */

static void claims_take(struct server *server, const struct slot_set *claims)
{
    const struct cluster_events *tell = &server->cluster->tell;
    if (memcmp(&server->claims, claims, sizeof(*claims)) == 0 || server->cluster->is_ending)
        return;
    server->claims = *claims;
    if (!server->is_up) { /* then there were none, so there are some now */
        server->is_up = server->is_node = true;
        tell->on_up(tell->ctx, &server->node);
    }
    if (server->is_up) /* on_up may have dropped the connection */
        tell->on_claims(tell->ctx, &server->node);
}

static void claim_lose(struct server *server, unsigned slot)
{
    struct slot_set claims = server->claims;
    slot_set_remove(&claims, slot);
    claims_take(server, &claims);
}

static void map_change(struct cluster *cluster)
{
    struct slot_map *last = cluster->map;
    cluster->map = cluster->next_map;
    cluster->next_map = last;
    memset(cluster->owners, 0, sizeof(cluster->owners));
    cluster->untold.status = STATUS_OK;
    for (struct server *server = cluster->servers; server; server = server->next)
        server->unwanted_count = slot_set_count(&server->claims) > 0 ? 0 : server->unwanted_count + 1;
    servers_want(cluster, cluster->map->servers, cluster->map->server_count);
}

static void on_state(void *ctx, const struct redis_reply *reply)
{
    struct server *server = ctx;
    char state[8] = "";
    if (redis_reply_ok(reply))
        redis_info_value(redis_reply_text(reply), "cluster_state", state, sizeof(state));
    server->is_serving = strcmp(state, "fail") != 0;
}

/* Told once, until a server tells. */
static void note_untold(const struct server *server, const struct redis_reply *reply)
{
    struct error *error = &server->cluster->untold;
    struct slice text = redis_reply_text(reply);
    if (error->status != STATUS_OK)
        return;
    if (!text.data)
        text = SLICE("it knows of none that has any");
    error_set(error, STATUS_INVALID, "%s:%d does not tell which server of a cluster has which slot: %.*s",
              server->peer.host, server->peer.port, (int)text.len, text.data);
    log_warn(NULL, "cluster_unknown", "error=\"%s\"", error->text);
}

static void on_slots(void *ctx, const struct redis_reply *reply)
{
    struct server *server = ctx;
    struct cluster *cluster = server->cluster;
    struct slot_set claims = {0};
    server->is_asked = false;
    if (!reply)
        return; /* on_server_down() comes */
    bool is_told = slot_map_take(cluster->next_map, reply, &server->peer);
    if (is_told && server->is_serving)
        claims = slot_map_of(cluster->next_map, &server->peer);
    if (is_told && server == cluster->teller)
        map_change(cluster);
    if (!is_told)
        note_untold(server, reply);
    if (memcmp(&claims, &server->claims, sizeof(claims)) != 0)
        log_info(NULL, "cluster_claims", "node=%s:%d slots=%u before=%u", server->peer.host, server->peer.port,
                 slot_set_count(&claims), slot_set_count(&server->claims));
    claims_take(server, &claims);
}

/* On its own connection: what it answers there about itself is newer than what it answered there before. */
static void server_ask(struct server *server)
{
    if (!redis_is_up(server->node.redis) || server->is_asked)
        return;
    server->is_asked = true;
    redis_call(server->node.redis, (struct slice[]){SLICE("CLUSTER"), SLICE("INFO")}, 2, on_state, server);
    redis_call(server->node.redis, (struct slice[]){SLICE("CLUSTER"), SLICE("SLOTS")}, 2, on_slots, server);
}

static void on_server_up(void *ctx)
{
    struct server *server = ctx;
    if (!server->cluster->teller)
        server->cluster->teller = server;
    server_ask(server);
}

static void on_server_down(void *ctx)
{
    struct server *server = ctx;
    const struct cluster_events *tell = &server->cluster->tell;
    bool was_up = server->is_up;
    server->claims = (struct slot_set){0};
    server->is_up = false;
    if (server->cluster->teller == server)
        server->cluster->teller = NULL;
    if (was_up)
        tell->on_down(tell->ctx, &server->node);
    cluster_learn(server->cluster);
}

/* ---- Who owns what ---- */

void cluster_note_moving(struct cluster *cluster, unsigned slot)
{
    slot_set_add(&cluster->moving[0], slot);
}

static void forget_moving(struct cluster *cluster)
{
    int64_t now_ms = events_now_ms(cluster->options.events);
    if (now_ms - cluster->moving_at_ms < MOVING_MS)
        return;
    cluster->moving_at_ms = now_ms;
    cluster->moving[1] = cluster->moving[0];
    cluster->moving[0] = (struct slot_set){0};
}

/* One that is up, another one each time; NULL: none is. */
static struct server *teller_choose(struct cluster *cluster)
{
    size_t count = 0, at = 0;
    for (struct server *server = cluster->servers; server; server = server->next)
        count += redis_is_up(server->node.redis);
    size_t turn = count > 0 ? cluster->turn++ % count : 0;
    for (struct server *server = cluster->servers; server; server = server->next)
        if (redis_is_up(server->node.redis) && at++ == turn)
            return server;
    return NULL;
}

static void gauges_set(const struct cluster *cluster)
{
    struct stats *stats = cluster->options.stats;
    struct slot_set served = {0}, moving = cluster->moving[0];
    uint64_t node_count = 0;
    for (const struct server *server = cluster->servers; server; server = server->next) {
        slot_set_add_all(&served, &server->claims);
        node_count += server->is_up;
    }
    slot_set_add_all(&moving, &cluster->moving[1]);
    stats_set(stats, STAT_NOW_CLUSTER_NODES, node_count);
    stats_set(stats, STAT_NOW_CLUSTER_UNSERVED, SLOT_COUNT - slot_set_count(&served));
    stats_set(stats, STAT_NOW_CLUSTER_MOVING, slot_set_count(&moving));
}

static void on_learn_timer(void *ctx)
{
    struct cluster *cluster = ctx;
    cluster->is_soon = false;
    cluster->options.events->timer_start(cluster->learn_timer, LEARN_MS);
    servers_leave_unwanted(cluster);
    forget_moving(cluster);
    gauges_set(cluster);
    cluster->teller = teller_choose(cluster);
    if (!cluster->teller)
        servers_want(cluster, cluster->address.peers, cluster->address.peer_count);
    for (struct server *server = cluster->servers; server; server = server->next)
        server_ask(server);
}

struct server *cluster_owner(struct cluster *cluster, unsigned slot)
{
    unsigned owner = cluster->map->owners[slot];
    if (owner == 0 || cluster->is_ending)
        return NULL;
    struct server **server = &cluster->owners[owner - 1];
    if (!*server)
        *server = cluster_server(cluster, &cluster->map->servers[owner - 1]);
    return *server;
}

/* Each error that a server answers comes here first, whoever sent the command. */
static void on_server_error(void *ctx, struct slice error)
{
    struct server *server = ctx;
    struct cluster *cluster = server->cluster;
    struct redirect redirect = redirect_of(error, &server->peer);
    if (redirect.kind == REDIRECT_MOVED) {
        slot_map_move(cluster->map, redirect.slot, &redirect.server);
        servers_want(cluster, &redirect.server, 1);
        claim_lose(server, redirect.slot);
    }
    if (redirect.kind == REDIRECT_ASK)
        cluster_note_moving(cluster, redirect.slot);
    if (redirect.kind == REDIRECT_MOVED || redirect.kind == REDIRECT_DOWN)
        cluster_learn(cluster);
}

/* ---- Public ---- */

enum status cluster_lack(const struct cluster *cluster, struct error *error)
{
    const struct server *server = cluster->servers;
    if (cluster->untold.status != STATUS_OK) {
        *error = cluster->untold;
        return error->status;
    }
    while (server && !*redis_reason(server->node.redis))
        server = server->next;
    if (!server)
        return error_set(error, STATUS_UNAVAILABLE, "it does not answer");
    return error_set(error, STATUS_UNAVAILABLE, "%s:%d: %s", server->peer.host, server->peer.port,
                     redis_reason(server->node.redis));
}

struct redis *cluster_redis(struct cluster *cluster, unsigned slot)
{
    const struct server *server = cluster_owner(cluster, slot);
    return server ? server->node.redis : NULL;
}

const struct slot_set *cluster_claimed(const struct cluster_node *node)
{
    return &container_of(node, const struct server, node)->claims;
}

bool cluster_claims(const struct cluster_node *node, unsigned slot)
{
    return slot_set_has(cluster_claimed(node), slot);
}

bool cluster_is_moving(const struct cluster *cluster, unsigned slot)
{
    return slot_set_has(&cluster->moving[0], slot) || slot_set_has(&cluster->moving[1], slot);
}

enum status cluster_new(struct cluster **out, const struct redis_options *options, const struct cluster_events *tell,
                        struct error *error)
{
    struct redis_address address;
    enum status status = redis_address_parse(&address, options->address, error);
    if (status != STATUS_OK)
        return status;
    bug_unless(address.is_cluster, "a cluster is made of another address");
    struct cluster *cluster = mem_zalloc(sizeof(*cluster));
    const struct events *events = options->events;
    cluster->options = *options;
    cluster->tell = *tell;
    cluster->address = address;
    cluster->map = mem_zalloc(sizeof(*cluster->map));
    cluster->next_map = mem_zalloc(sizeof(*cluster->next_map));
    calls_init(cluster);
    cluster->learn_timer = events->timer_new(events->loop, on_learn_timer, cluster);
    servers_want(cluster, address.peers, address.peer_count);
    events->timer_start(cluster->learn_timer, LEARN_MS);
    *out = cluster;
    return STATUS_OK;
}

void cluster_free(struct cluster *cluster)
{
    if (!cluster)
        return;
    const struct events *events = cluster->options.events;
    cluster->is_ending = true; /* from now on no server is found: what callbacks send fails */
    for (struct server *server = cluster->servers; server; server = server->next) {
        redis_free(server->node.redis);
        server->node.redis = NULL;
    }
    calls_fail(cluster);
    for (struct server *server = cluster->servers, *next; server; server = next) {
        next = server->next;
        free(server);
    }
    calls_fini(cluster);
    events->timer_free(cluster->learn_timer);
    free(cluster->map);
    free(cluster->next_map);
    free(cluster);
}
