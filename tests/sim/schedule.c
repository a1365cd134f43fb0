/* SPDX-License-Identifier: MIT */
/*
 * A schedule draws its settings, how many workers and clients there are, and which faults may strike (swarm testing: few
 * kinds at a time find more than all at once). Then the world runs, until it has made its steps. Then the faults end,
 * and calm.c looks whether all recovers; the workers end in order and must leave nothing behind.
 *
 * Half of the schedules enable mild faults only, for which doc/consistency.md promises that nothing is ever stale.
 */
#include "schedule.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/failpoint.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/random.h"
#include "calm.h"
#include "client.h"
#include "cluster.h"
#include "fake_follow.h"
#include "fake_store.h"
#include "fault.h"
#include "files.h"
#include "front.h"
#include "machine.h"
#include "net.h"
#include "schedule_queue.h"
#include "sim_redis.h"
#include "store_trip.h"
#include "truth.h"
#include "truth_queue.h"
#include "worker.h"
#include "world.h"

enum { STEPS_LEAST = 300, STEPS_MORE = 900, STEPS_MORE_SLOW = 3000, KEY_TRIES = 20, KEEPER_MS = 700 };
enum { CALM_MARGIN_S = 12, IDLE_MAX_S = 60, CALM_LATENCY_US = 1000, CALM_PAUSE_US = 300000 };

int schedule_mutant = -1;

static struct settings settings;
static struct dice dice; /* for what is drawn before the world runs */
static unsigned worker_count;
static uint64_t servers_seed;
static bool is_calm, is_quiet; /* no fault strikes any more: they end, or go on */
static bool is_over;           /* the keeper starts no worker any more */

/* ---- Chance, and rules left out ---- */

static struct dice kernel;
static uint64_t kernel_calls;

ssize_t __wrap_getrandom(void *bytes, size_t len, unsigned flags);

ssize_t __wrap_getrandom(void *bytes, size_t len, unsigned flags)
{
    (void)flags;
    kernel_calls++;
    for (size_t at = 0; at < len; at += sizeof(uint64_t)) {
        uint64_t next = dice_next(&kernel);
        memcpy((char *)bytes + at, &next, len - at < sizeof(next) ? len - at : sizeof(next));
    }
    return (ssize_t)len;
}

/* base/random.c keeps a supply: what an earlier schedule left of it is used up. */
static void kernel_begin(uint64_t seed)
{
    char byte;
    kernel = dice_of(seed, 3);
    uint64_t before = kernel_calls;
    while (kernel_calls == before)
        random_bytes(&byte, 1);
}

void __wrap_uuid7_new(char text[UUID_LEN + 1], int64_t now_ms);

/* base/random.c's never repeats a time that the process has used before, and so remembers earlier schedules. */
void __wrap_uuid7_new(char text[UUID_LEN + 1], int64_t now_ms)
{
    uint64_t high = dice_next(&kernel), low = dice_next(&kernel);
    snprintf(text, UUID_LEN + 1, "%08x-%04x-7%03x-%04x-%012" PRIx64, (unsigned)(now_ms >> 16),
             (unsigned)(now_ms & 0xffff), (unsigned)(high & 0xfff), (unsigned)(0x8000 | (high >> 12 & 0x3fff)),
             low & 0xffffffffffff);
}

void failpoint_pass(enum failpoint point)
{
    (void)point; /* faults strike at any step */
}

bool failpoint_is_on(enum failpoint point)
{
    return (int)point == schedule_mutant;
}

/* ---- The workers' log ---- */

static bool was_untrusted; /* a worker knows that Redis is not to be trusted, or that no sentinel finds it */

static void take_line(const char *line, size_t len)
{
    const char *event = memmem(line, len, "event=", 6);
    const char *from = event ? event : line;
    was_untrusted |= memmem(line, len, "redis_not_trusted", 17) || memmem(line, len, "sentinel_failed", 15);
    if (truth.rules.knows_beat && memmem(line, len, "has gone back", 13))
        world_break("a worker takes the store for one that has gone back");
    if (world.tells_story)
        printf("                 log: %.*s", (int)(line + len - from), from);
}

/* ---- Drawing ---- */

static int64_t draw_of(const int64_t *values, size_t count)
{
    return values[dice_below(&dice, count)];
}

#define DRAW(...) draw_of((const int64_t[]){__VA_ARGS__}, sizeof((int64_t[]){__VA_ARGS__}) / sizeof(int64_t))

/*
 * Kinds of schedules. Where a promise allows time, clients think longer and there are more steps: more time passes.
 */
struct kind {
    unsigned traits; /* that its faults may have */
    bool takes_time, has_peers;
    const char *mover;  /* the only fault that moves the epoch; NULL: any may */
    const char *only;   /* the only fault at all; NULL: any may */
    bool is_unfollowed; /* nobody follows other programs' writes */
};

/* For machines that have licences: of some hundred milliseconds, so all of them take time. */
static const struct kind peers_kinds[] = {
    {.traits = 0, .takes_time = true},
    {.traits = FAULT_KILLS, .takes_time = true},
    {.traits = FAULT_PAUSES, .takes_time = true},
    {.traits = FAULT_PAUSES | FAULT_KILLS, .takes_time = true},
    {.traits = FAULT_LOSES_HOLDERS, .takes_time = true},
    {.traits = FAULT_LOSES_MARKS, .takes_time = true, .only = "marks_lost"},
    {.traits = FAULT_OUTAGE, .takes_time = true},
    {.traits = FAULT_MOVES_EPOCH | FAULT_OUTAGE, .takes_time = true},
};

/* For what can happen to an applier, and to its calls. */
static const struct kind queue_kinds[] = {
    {.traits = 0, .takes_time = true},
    {.traits = FAULT_KILLS, .takes_time = true},
    {.traits = FAULT_UNKNOWN | FAULT_HALTS, .takes_time = true},
    {.traits = FAULT_KILLS | FAULT_UNKNOWN | FAULT_HALTS, .takes_time = true},
    {.traits = FAULT_OUTAGE | FAULT_HALTS | FAULT_FREEZES, .takes_time = true},
};

static void draw_times(const struct kind *kind)
{
    settings.redis_timeout_ms = DRAW(100, 100, 100, 50, 300);
    settings.redis_reconnect_max_ms = DRAW(50, 200, 1000);
    settings.store_timeout_ms = DRAW(200, 500, 500, 1000, 2000);
    settings.write_deadline_ms = DRAW(3000, 5000, 10000);
    settings.lease_ms = DRAW(300, 1000, 3000);
    settings.lease_wait_ms = DRAW(0, 50, 200);
    settings.todo_ttl_s = kind->is_unfollowed ? DRAW(1, 3) : DRAW(1, 3, 300, 300);
    settings.negative_ttl_s = kind->is_unfollowed ? DRAW(1, 3) : DRAW(1, 3, 60);
    settings.list_ttl_s = kind->is_unfollowed ? DRAW(1, 3) : DRAW(1, 3, 60);
    settings.todo_soft_ttl_s = DRAW(0, 0, 1);
    settings.xfetch_beta = DRAW(0, 1, 1, 50);
    settings.stale_if_error_s = DRAW(0, 0, 0, 3);
    settings.hits_without_store_s = DRAW(0, 0, 2, 4);
    settings.drain_timeout_ms = DRAW(500, 4000);
}

static void draw_rest(void)
{
    static const char *const targets[] = {"varnish+http://front:80", "https://cdn.example/purge", "http://front/{key}",
                                          "varnish+http://front:80 https://cdn.example/purge",
                                          "https://cdn.example/purge http://front/{key}"};
    settings.write_policy = (int)DRAW(WRITE_INVALIDATE, WRITE_PUBLISH, WRITE_PUBLISH);
    settings.on_cache_down = (int)DRAW(CACHE_DOWN_ALLOW, CACHE_DOWN_ALLOW, CACHE_DOWN_ALLOW, CACHE_DOWN_REFUSE);
    settings.store_concurrency = DRAW(1, 2, 8);
    settings.store_queue = DRAW(2, 1000, 1000);
    settings.audit_rate = DRAW(0, 3);
    settings.rate_limit_per_minute = DRAW(0, 0, 0, 6000);
    settings.rate_limit_burst = 20;
    settings.server_timing = DRAW(0, 1);
    settings.require_if_match = DRAW(0, 0, 0, 0, 0, 0, 0, 1);
    settings.not_found_max_age_s = DRAW(0, 0, 10);
    settings.surrogate_keys = DRAW(0, 1);
    if (settings.surrogate_keys && dice_one_in(&dice, 2))
        snprintf(settings.purge_url, sizeof(settings.purge_url), "%s", targets[dice_below(&dice, 5)]);
    if (dice_one_in(&dice, 3))
        snprintf(settings.purge_header_file, sizeof(settings.purge_header_file), "sim:headers");
    if (dice_one_in(&dice, 4))
        snprintf(settings.redis_password_file, sizeof(settings.redis_password_file), "sim:password");
    if (dice_one_in(&dice, 8))
        snprintf(settings.redis_user, sizeof(settings.redis_user), "default");
    settings.purge_wait_ms = DRAW(0, 50);
    settings.purge_again_ms = DRAW(0, 200, 2000);
}

static void settings_draw(const struct kind *kind)
{
    static const char *const addresses[] = {"unix:/r0", "unix:/r0?db=0", "127.0.0.1:7000", "127.0.0.1:7000/0",
                                            "sentinel://127.0.0.1:26000,127.0.0.1:26001/todos"};
    struct error error;
    do {
        settings_init(&settings);
        snprintf(settings.redis, sizeof(settings.redis), "%s", addresses[dice_below(&dice, 5)]);
        settings.log_level = LOG_LEVEL_ERROR;
        settings.follow = kind->traits & FAULT_FOREIGN && (!kind->is_unfollowed || dice_one_in(&dice, 2));
        draw_times(kind);
        draw_rest();
    } while (settings_check(&settings, &error) != STATUS_OK);
}

static struct kind kind_draw(struct dice *peers)
{
    static const struct kind kinds[] = {
        {.traits = 0},
        {.traits = FAULT_KILLS},
        {.traits = FAULT_UNKNOWN | FAULT_HALTS},
        {.traits = FAULT_KILLS | FAULT_UNKNOWN | FAULT_HALTS},
        {.traits = FAULT_HALTS},
        {.traits = FAULT_LOSES_MARKS},
        {.traits = FAULT_LOSES_MARKS, .only = "marks_lost"},
        {.traits = FAULT_LOSES_MARKS, .only = "marks_lost"},
        {.traits = FAULT_OUTAGE},
        {.traits = FAULT_OUTAGE, .takes_time = true},
        {.traits = FAULT_OUTAGE, .takes_time = true, .only = "cut_early"},
        {.traits = FAULT_OUTAGE, .takes_time = true, .only = "cut_early"},
        {.traits = FAULT_OUTAGE | FAULT_KILLS, .takes_time = true},
        {.traits = FAULT_OUTAGE | FAULT_HALTS | FAULT_FREEZES, .takes_time = true},
        {.traits = FAULT_MOVES_EPOCH},
        {.traits = FAULT_MOVES_EPOCH, .takes_time = true},
        {.traits = FAULT_MOVES_EPOCH | FAULT_OUTAGE, .takes_time = true},
        {.traits = FAULT_MOVES_EPOCH | FAULT_LOSES_MARKS, .takes_time = true},
        {.traits = FAULT_LAGS | FAULT_HALTS},
        {.traits = FAULT_LAGS | FAULT_HALTS, .takes_time = true},
        {.traits = FAULT_LAGS | FAULT_HALTS | FAULT_UNTELLS, .takes_time = true},
        {.traits = FAULT_KILLS | FAULT_UNKNOWN | FAULT_HALTS, .takes_time = true},
        {.traits = FAULT_FOREIGN | FAULT_MOVES_EPOCH, .takes_time = true},
        {.traits = FAULT_FOREIGN | FAULT_MOVES_EPOCH, .takes_time = true, .mover = "purged_all"},
        {.traits = FAULT_FOREIGN | FAULT_MOVES_EPOCH, .takes_time = true, .mover = "purged_all"},
        {.traits = FAULT_MOVES_EPOCH, .takes_time = true, .mover = "purged_all"},
        {.traits = FAULT_MOVES_EPOCH, .takes_time = true, .mover = "purged_all"},
        {.traits = FAULT_RESTORES, .takes_time = true},
        {.traits = FAULT_RESTORES, .takes_time = true},
        {.traits = FAULT_FOREIGN},
        {.traits = FAULT_FOREIGN | FAULT_KILLS | FAULT_OUTAGE, .takes_time = true},
        {.traits = FAULT_FOREIGN | FAULT_OUTAGE | FAULT_HALTS | FAULT_FREEZES, .takes_time = true},
        {.traits = FAULT_FOREIGN, .takes_time = true, .is_unfollowed = true},
        {.traits = FAULT_FOREIGN | FAULT_RESTORES, .takes_time = true, .is_unfollowed = true},
        {.traits = ~(unsigned)FAULT_FOREIGN, .takes_time = true},
        {.traits = FAULT_MOVES_EPOCH, .takes_time = true, .mover = "restarted_old"},
        {.traits = FAULT_OUTAGE, .takes_time = true, .only = "worker_cut_off"},
    };
    struct kind kind = kinds[dice_below(&dice, sizeof(kinds) / sizeof(*kinds))];
    if (machines_are_peers() && dice_one_in(peers, 2))
        kind = peers_kinds[dice_below(peers, sizeof(peers_kinds) / sizeof(*peers_kinds))];
    if (schedule_queue.is_there && dice_one_in(&schedule_queue.dice, 2))
        kind = queue_kinds[dice_below(&schedule_queue.dice, sizeof(queue_kinds) / sizeof(*queue_kinds))];
    if (cluster_world.only || (cluster_world.is_there && dice_one_in(&cluster_world.dice, 2)))
        kind = (struct kind){.traits = FAULT_MOVES_EPOCH, .takes_time = true, .only = cluster_world.only};
    kind.has_peers = machines_are_peers();
    return kind;
}

static bool fault_fits(size_t number, const struct kind *kind)
{
    unsigned traits = fault_traits(number);
    if (traits & FAULT_QUEUE)
        return schedule_queue.is_there && dice_one_in(&schedule_queue.dice, 2);
    if (traits & FAULT_PEERS && !kind->has_peers)
        return false;
    if (kind->only)
        return strcmp(fault_name(number), kind->only) == 0;
    traits &= ~(unsigned)FAULT_PEERS;
    if (traits & FAULT_LOSES_MARKS)
        traits &= ~(unsigned)FAULT_LOSES_HOLDERS; /* who loses marks may lose these, too */
    unsigned mild = FAULT_MILD | FAULT_FORGETS | FAULT_CUTS | (kind->traits & FAULT_LAGS ? 0 : FAULT_UNTELLS);
    if (traits & ~(kind->traits | mild))
        return false;
    if (kind->mover && traits & FAULT_MOVES_EPOCH)
        return strcmp(fault_name(number), kind->mover) == 0;
    return traits == kind->traits || dice_one_in(&dice, traits & FAULT_MILD ? 3 : 2);
}

static uint64_t faults_draw(const struct kind *kind)
{
    uint64_t enabled = 0;
    for (size_t i = 0; i < fault_count(); i++)
        if (fault_fits(i, kind))
            enabled |= UINT64_C(1) << i;
    return enabled;
}

/* ---- The run ---- */

static int64_t redis_now_ms(void *ctx)
{
    (void)ctx;
    return process_wall_ms(NULL) + 1234;
}

static void on_command(void *ctx, struct slice word)
{
    (void)ctx;
    world_tell("    redis: %.*s", (int)word.len, word.data);
}

static struct sim_redis *server_new(unsigned number)
{
    char run_id[SIM_RUN_ID_LEN + 1], replication_id[SIM_RUN_ID_LEN + 1];
    snprintf(run_id, sizeof(run_id), "%08x%032x", number + 1, number + 1);
    snprintf(replication_id, sizeof(replication_id), "%08x%032x", number + 11, number + 11);
    struct sim_redis *redis = sim_redis_new((struct sim_redis_options){.run_id = run_id,
                                                                       .replication_id = replication_id,
                                                                       .now_ms = redis_now_ms,
                                                                       .on_command = on_command,
                                                                       .seed = servers_seed + number});
    redis->password = settings.redis_password_file[0] ? FILES_PASSWORD : NULL;
    return redis;
}

static void servers_start(uint64_t seed)
{
    servers_seed = seed;
    files = (struct files){0};
    for (unsigned i = 0; i < 2; i++)
        net.servers[i].redis = server_new(i);
    net.servers[1].redis->is_replica = true;
    cluster_world_start(server_new);
}

static int64_t wall_offset_draw(void)
{
    return dice_one_in(&world.dice, 2) ? 0 : dice_between(&world.dice, -2500, 2500);
}

/* multiwatch: it starts a worker again that has ended. Not all at once, or all would look at the store at once. */
static void on_keeper(void *ctx, uint64_t serial)
{
    (void)ctx;
    for (size_t i = 0; i < worker_count && !is_over; i++)
        if (workers[i].state == WORKER_DOWN && !workers_are_held && (is_calm || dice_one_in(&world.dice, 2)))
            worker_start(&workers[i], &settings, is_calm ? 0 : wall_offset_draw());
    if (!is_over)
        world_after(dice_between(&world.dice, 50, KEEPER_MS) * 1000, on_keeper, ctx, serial);
}

static void on_strike(void *ctx, uint64_t serial)
{
    (void)serial;
    if (is_calm || is_quiet)
        return;
    faults_strike();
    const int64_t *most_us = ctx;
    world_after(dice_between(&world.dice, 100, *most_us), on_strike, ctx, 0);
}

/* At a pace of their own, for a change is missed only while nobody looks. */
static void on_foreign(void *ctx, uint64_t most_us)
{
    if (is_calm || is_quiet)
        return;
    faults_write_foreign();
    world_after(dice_between(&world.dice, 1000, (int64_t)most_us), on_foreign, ctx, most_us);
}

/* What the world has seen happen loosens the promise, whatever was planned: rows 11, 19 and 22. */
static void rules_follow(struct truth_rules *rules)
{
    rules->records_wait = rules->records_wait || was_untrusted || workers_lost_redis() || clients_have_waited();
}

static void run_until(int64_t until_us, uint64_t steps_most, bool (*is_done)(void))
{
    while (!world.is_broken && (steps_most == 0 || world.steps < steps_most) && !(is_done && is_done()) &&
           world_step(until_us))
        rules_follow(&truth.rules);
}

static bool no_worker_is_left(void)
{
    for (size_t i = 0; i < WORKERS_MAX; i++)
        if (workers[i].state != WORKER_DOWN)
            return false;
    return true;
}

/* And every worker that should be there is. */
static bool all_is_idle(void)
{
    for (size_t i = 0; i < worker_count; i++)
        if (workers[i].state != WORKER_UP)
            return false;
    return clients_are_idle() && operator_is_idle();
}

/*
 * A key whose request was lost, or that could not be given back, can be taken over when its deadline is past. One after
 * the other, for a short queue would turn many away.
 */
static void answer_keys(void)
{
    unsigned open_count = clients_open_keys();
    for (int tries = 0; tries < KEY_TRIES && open_count > 0 && !world.is_broken; tries++) {
        unsigned before = open_count;
        clients_retry_key();
        run_until(world.now_us + (int64_t)IDLE_MAX_S * 1000000, 0, all_is_idle);
        open_count = clients_open_keys();
        if (open_count == before)
            run_until(world.now_us + settings.write_deadline_ms * 1000, 0, NULL);
    }
    if (open_count > 0)
        world_break("no recovery: a key's request is not answered");
    clients_judge_keys();
}

static void calm_down(struct schedule_result *result)
{
    int64_t began_us = world.now_us;
    is_calm = true;
    faults_end();
    net.most_us = store_world.most_us = CALM_LATENCY_US;
    net.messages_lost_in = 0;
    for (size_t i = 0; i < worker_count; i++)
        processes[i].wall_offset_ms = 0;
    clients_stop();
    run_until(world.now_us + (int64_t)IDLE_MAX_S * 1000000, 0, all_is_idle);
    if (!world.is_broken && !all_is_idle())
        world_break("a request was never answered");
    if (!world.is_broken)
        answer_keys();
    int64_t limit_ms = settings.write_deadline_ms + 4 * settings.store_timeout_ms + CALM_MARGIN_S * 1000;
    run_until(world.now_us + (int64_t)IDLE_MAX_S * 1000000, 0, schedule_queue_is_empty);
    if (!world.is_broken && !schedule_queue_is_empty())
        world_break("no recovery: queued writes wait");
    truth_queue_judge();
    if (truth.rules.stale_us < 0 || truth.rules.stale_us > 10000000 || !truth.rules.reads_bind)
        limit_ms += (settings.todo_ttl_s + settings.stale_if_error_s + settings.list_ttl_s) * 1000;
    run_until(world.now_us + CALM_PAUSE_US, 0, NULL);
    calm_begin();
    run_until(world.now_us + limit_ms * 1000, 0, calm_is_well);
    if (!world.is_broken && !calm_is_well())
        world_break("no recovery in %" PRId64 " ms: %s", limit_ms, calm_complaint());
    calm_judge_keys(settings.lease_ms);
    result->calm_us = world.now_us - began_us;
}

static void end_all(void)
{
    is_over = true;
    for (size_t i = 0; i < worker_count && !world.is_broken; i++)
        worker_stop(&workers[i]);
    run_until(world.now_us + (int64_t)IDLE_MAX_S * 1000000, 0, no_worker_is_left);
    if (!world.is_broken && !no_worker_is_left())
        world_break("a worker does not end");
}

static void world_free(void)
{
    faults_free();
    process_reset_all();
    net_end();
    machines_end();
    store_world_end();
    truth_end();
    for (size_t i = 0; i < WORKERS_MAX; i++)
        workers[i] = (struct worker){0};
}

/*
 * Licences are of some hundred milliseconds: clients and faults at that pace, and something on each machine. A mark that
 * is lost must meet a write.
 */
static void peers_draw(struct dice *peers, const struct kind *kind, struct client_plan *plan, int64_t *strike_us,
                       uint64_t *steps)
{
    static const int64_t thinks_us[] = {3000, 10000, 30000, 100000}, strikes_us[] = {10000, 30000, 100000, 300000};
    static const unsigned write_ins[] = {2, 4, 8, 30};
    snprintf(settings.store, sizeof(settings.store), "mongodb://store/todos");
    worker_count = (unsigned)dice_between(peers, machine_count(), WORKERS_MAX);
    plan->client_count = (unsigned)dice_between(peers, 3, CLIENTS_MAX);
    plan->id_count = (unsigned)dice_between(peers, 1, 3);
    plan->write_in = write_ins[dice_below(peers, 4)];
    plan->think_most_us = thinks_us[dice_below(peers, kind->only ? 2 : 4)];
    *strike_us = kind->only ? 5000 : strikes_us[dice_below(peers, 4)];
    *steps = STEPS_MORE_SLOW + dice_below(peers, STEPS_MORE_SLOW);
}

static uint64_t world_draw(const struct schedule *schedule, int64_t *strike_us, uint64_t *steps)
{
    struct dice *peers = machines_draw(schedule->seed);
    dice = dice_of(schedule->seed, 4);
    schedule_queue_draw(schedule->seed);
    cluster_world_draw(schedule->seed);
    struct kind kind = kind_draw(peers);
    unsigned traits = kind.traits;
    *steps = STEPS_LEAST + dice_below(&dice, kind.takes_time ? STEPS_MORE_SLOW : STEPS_MORE);
    settings_draw(&kind);
    schedule_queue_set(traits, &settings);
    cluster_world_set(&settings);
    uint64_t enabled = faults_draw(&kind) & ~schedule->without_faults;
    bool is_strict =
        !(traits & ~(FAULT_KILLS | FAULT_UNKNOWN | FAULT_HALTS | FAULT_MILD | FAULT_LOSES_HOLDERS | FAULT_PAUSES));
    worker_count = (unsigned)dice_between(&dice, 1, WORKERS_MAX);
    struct client_plan plan = {.client_count = (unsigned)DRAW(2, 3, 4, 6, 8, CLIENTS_MAX),
                               .id_count = (unsigned)DRAW(1, 1, 2, 3, 4),
                               .write_in = (unsigned)DRAW(2, 4, 8, 30),
                               .list_in = (unsigned)DRAW(4, 8),
                               .key_in = (unsigned)DRAW(3, 10),
                               .think_most_us = kind.takes_time ? DRAW(5000, 30000, 100000, 300000, 1000000)
                                                                : DRAW(200, 1000, 5000, 30000),
                               .seed = schedule->seed,
                               .silent = (uint32_t)schedule->without_clients};
    *strike_us = kind.takes_time ? DRAW(20000, 100000, 500000, 3000000, 3000000) : DRAW(500, 2000, 5000, 20000, 100000);
    if (traits == FAULT_LOSES_MARKS) { /* what is lost between two writes that cross costs the most if they publish */
        settings.write_policy = WRITE_PUBLISH;
        plan.write_in = (unsigned)DRAW(2, 3);
        plan.id_count = (unsigned)DRAW(1, 1, 2);
        plan.client_count = (unsigned)DRAW(4, 6, 8);
        plan.think_most_us = DRAW(200, 1000, 3000);
        *strike_us = kind.only ? DRAW(1000, 3000, 6000) : DRAW(300, 1000, 3000);
    } else if (traits == FAULT_RESTORES) { /* what a backup lacks must be in Redis by then, and not be written again */
        settings.todo_ttl_s = 300;
        plan.write_in = (unsigned)DRAW(4, 8);
        plan.id_count = 4;
        plan.think_most_us = DRAW(300000, 1000000);
        *strike_us = DRAW(300000, 1000000);
    } else if (kind.mover || kind.only) { /* what an invalidation has missed shows until the next write, or its end */
        settings.todo_ttl_s = 300;
        worker_count = (unsigned)dice_between(&dice, 2, WORKERS_MAX);
        plan.write_in = (unsigned)DRAW(4, 8, 30);
        plan.think_most_us = DRAW(30000, 30000, 200000);
        *strike_us = kind.only ? DRAW(20000, 60000) : DRAW(300000, 300000, 1500000);
    }
    if (kind.has_peers)
        peers_draw(peers, &kind, &plan, strike_us, steps);
    schedule_queue_plan(&plan, strike_us, steps);
    cluster_world_plan(&plan, &worker_count, steps);
    process_reset_all();
    machines_begin(schedule->seed);
    settings.l1_mbytes = machine_draw_mbytes();
    kernel_begin(schedule->seed);
    truth_begin();
    front_begin(settings.purge_url);
    net_begin(is_strict ? 4000 : DRAW(4000, 20000, 80000), dice_one_in(&dice, 2));
    net.messages_lost_in = kind.has_peers && kind.only ? (unsigned)dice_below(peers, 3) : 0;
    store_world_begin(traits == FAULT_LOSES_MARKS ? 20000 : DRAW(500, 3000, 20000), settings.store_timeout_ms);
    store_world.applies_late = dice_one_in(&dice, 2);
    store_world.tells_time = dice_one_in(&dice, 2) || traits & FAULT_LAGS;
    store_world.is_followed = settings.follow && !kind.is_unfollowed;
    struct dice own = dice_of(schedule->seed, 5);
    store_world.has_groups = !store_world.tells_time && !kind.has_peers && !settings.follow && dice_one_in(&own, 2);
    fake_follow_set_unsupported(kind.is_unfollowed && dice_one_in(&dice, 2), kind.is_unfollowed);
    if (dice_one_in(&dice, 8)) /* of a version that knew no beats */
        *fake_store_meta(store_world.store) =
            (struct store_meta){.epoch = 7, .cache_run_id = "000000010000000000000000000b000000000000"};
    servers_start(schedule->seed);
    schedule_queue_start(schedule->seed);
    truth.rules = fault_rules(enabled, &settings);
    faults_begin(enabled, &settings, schedule->seed);
    clients_begin(&plan);
    return enabled;
}

struct schedule_result schedule_run(const struct schedule *schedule)
{
    struct schedule_result result = {0};
    int64_t strike_us;
    uint64_t steps;
    world_begin(schedule->seed, schedule->tells_story);
    is_over = is_calm = is_quiet = was_untrusted = workers_are_held = false;
    log_flush(); /* lines that an earlier schedule repeated */
    log_init(schedule->tells_story ? LOG_INFO : LOG_WARN, take_line);
    result.faults_enabled = world_draw(schedule, &strike_us, &steps);
    uint64_t last_step = schedule->steps_most > 0 && schedule->steps_most < steps ? schedule->steps_most : steps;
    uint64_t last_write = steps * 2 / 3; /* whatever the prefix is, or it would tell another story */
    on_keeper(NULL, 0);
    world_after(dice_between(&world.dice, 100, strike_us), on_strike, &strike_us, 0);
    on_foreign(NULL, (uint64_t)DRAW(100000, 1000000, 3000000));
    run_until(INT64_MAX, last_write < last_step ? last_write : last_step, NULL);
    clients_only_read();
    is_quiet = dice_one_in(&dice, 2);
    run_until(INT64_MAX, last_step, NULL);
    result.run_steps = world.steps;
    result.faults = faults_struck();
    if (!world.is_broken)
        calm_down(&result);
    if (!world.is_broken)
        end_all();
    result.hash = world.hash;
    result.steps = world.steps;
    result.took_us = world.now_us;
    result.is_broken = world.is_broken;
    memcpy(result.rule, world.rule, sizeof(result.rule));
    world_free();
    return result;
}
