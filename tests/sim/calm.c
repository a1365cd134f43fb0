/* SPDX-License-Identifier: MIT */
/*
 * A round: each todo and the list are read at each worker, and once all are answered, again. The second time must be a
 * hit and show what the store holds, and each machine must have its licence. Rounds go on until one is all right.
 */
#include "calm.h"

#include <fnmatch.h>
#include <stdio.h>
#include <string.h>

#include "base/etag.h"
#include "cluster.h"
#include "fake_purges.h"
#include "fake_store.h"
#include "fault.h"
#include "front.h"
#include "l1/licence.h"
#include "l1/memory.h"
#include "net.h"
#include "server/backend.h"
#include "sim_redis.h"
#include "sim_redis_keys.h"
#include "store_trip.h"
#include "truth.h"
#include "worker.h"
#include "world.h"

enum { ROUND_PAUSE_US = 300000, AGAIN_US = 20000, PROBES_MAX = WORKERS_MAX * (TRUTH_IDS_MAX + 1) };

struct probe {
    struct worker *worker;
    const struct truth_todo *todo; /* NULL: the list */
    struct request request;
    char path[96];
};

static struct probe probes[PROBES_MAX];
static size_t probe_count, done_count;
static bool is_again, is_round_good, is_well;
static char complaint[200];

static void round_begin(void *ctx, uint64_t serial);

static void complain(const struct probe *probe, const char *what)
{
    if (is_round_good)
        snprintf(complaint, sizeof(complaint), "worker %u, %s: %s", probe->worker->process->number, probe->path, what);
    is_round_good = false;
}

static bool shows_latest(const struct probe *probe, const struct request *request)
{
    const struct truth_state *latest = truth_latest(probe->todo);
    if (!latest->exists || request->status != 200)
        return !latest->exists && request->status == 404;
    int64_t v, life;
    const char *etag = strstr(request->out.data, "\r\nETag: ");
    if (!etag)
        return false;
    etag += 8;
    return etag_parse_todo((struct slice){etag, (size_t)(strchr(etag, '\r') - etag)}, &v, &life) && v == latest->v &&
           life == latest->life;
}

/* All that the store holds stands in it, unless it is too long for one page. */
static bool page_is_right(const struct request *request)
{
    for (size_t i = 0; i < truth.todo_count; i++) {
        const struct truth_state *latest = truth_latest(&truth.todos[i]);
        char quoted[40];
        snprintf(quoted, sizeof(quoted), "\"name\":\"%s\"", latest->name);
        if (request->status != 200 || (latest->exists && !strstr(request->out.data, quoted)))
            return false;
    }
    return true;
}

static void judge(const struct probe *probe, const struct request *request)
{
    const char *cache = strstr(request->out.data, "Cache-Status: ");
    world_tell("calm: worker %u, %s: %d %.*s", probe->worker->process->number, probe->path, request->status,
               cache ? (int)strcspn(cache, "\r") : 0, cache ? cache : "");
    bool is_right = probe->todo ? shows_latest(probe, request) : page_is_right(request);
    if (!is_right)
        complain(probe, "is not what the store holds");
    else if (!strstr(request->out.data, "; hit"))
        complain(probe, "is no hit");
}

/* What a worker has made, and what it follows: each cache in front was told of it, or of all. */
static bool purges_came(void)
{
    for (size_t i = 0; i < truth.todo_count; i++) {
        const struct truth_state *latest = truth_latest(&truth.todos[i]);
        bool is_owed = latest->by != TRUTH_NONE || store_world.is_followed;
        if (is_owed && !(front_was_told(i, latest->from_us) && front_was_told(FRONT_LIST, latest->from_us)))
            return false;
    }
    return fake_purge_count() == 0;
}

/* A machine that has an L1 answers from it again. */
static bool has_licence(const struct worker *worker)
{
    const struct l1_table *l1 = worker->backend->l1;
    struct process *before = process_enter(worker->process);
    bool may_answer = !l1_keeps(l1) || l1_may_answer(l1, atomic_load(&l1->header->licence_epoch));
    process_enter(before);
    return may_answer;
}

static void round_end(void)
{
    const struct store *store = store_world.store;
    for (size_t i = 0; i < probe_count; i++)
        if (probes[i].worker->state == WORKER_UP && !has_licence(probes[i].worker))
            complain(&probes[i], "(its machine has no licence)");
    if (fake_store_outbox_count(store, true) + fake_store_outbox_count(store, false) > 0)
        complain(&probes[0], "(the outbox is not empty)");
    if (!purges_came())
        complain(&probes[0], "(a purge is not delivered)");
    is_well = is_round_good;
    world_tell("calm: %s", is_well ? "all is well" : complaint);
    if (!is_well)
        world_after(ROUND_PAUSE_US, round_begin, NULL, 0);
}

static void ask_all(void *ctx, uint64_t serial);

static void on_answer(void *ctx, const struct request *request)
{
    if (is_again)
        judge(ctx, request);
    if (++done_count < probe_count)
        return;
    if (is_again)
        round_end();
    else
        world_after(AGAIN_US, ask_all, NULL, 1);
}

static void probe_ask(struct probe *probe)
{
    probe->request = (struct request){.method_text = SLICE("GET"),
                                      .path = slice_of(probe->path),
                                      .remote_address = slice_of(probe->path), /* each a client of its own */
                                      .traceparent = SLICE("00-5eed0123456789abcdef0123456789ab-0123456789abcdef-01")};
    worker_ask(probe->worker, &probe->request, on_answer, probe);
}

static void probe_add(struct worker *worker, const struct truth_todo *todo)
{
    struct probe *probe = &probes[probe_count++];
    *probe = (struct probe){.worker = worker, .todo = todo};
    if (todo)
        snprintf(probe->path, sizeof(probe->path), "/todos/%s", todo->id);
    else
        snprintf(probe->path, sizeof(probe->path), "/todos");
}

static void ask_all(void *ctx, uint64_t again)
{
    (void)ctx;
    is_again = again;
    done_count = 0;
    for (size_t i = 0; i < probe_count; i++)
        probe_ask(&probes[i]);
}

static void round_begin(void *ctx, uint64_t serial)
{
    (void)ctx, (void)serial;
    probe_count = 0;
    is_round_good = true;
    for (size_t i = 0; i < WORKERS_MAX; i++) {
        if (workers[i].state != WORKER_UP)
            continue;
        for (size_t j = 0; j < truth.todo_count; j++)
            probe_add(&workers[i], &truth.todos[j]);
        probe_add(&workers[i], NULL);
    }
    ask_all(NULL, 0);
}

void calm_begin(void)
{
    cluster_world_hasten();
    is_well = false;
    snprintf(complaint, sizeof(complaint), "a read is not answered");
    round_begin(NULL, 0);
}

bool calm_is_well(void)
{
    return is_well;
}

static void judge_keys(struct sim_redis *redis, int64_t lease_ms)
{
    const struct sim_keys *keys = sim_redis_keys(redis);
    for (const struct sim_key *key = keys->keys; key; key = key->hh.next) {
        int64_t left_ms = key->expires_at_ms == SIM_FOREVER ? INT64_MAX : key->expires_at_ms - keys->now_ms;
        bool is_ours = !slice_equal(key->pairs[0].value, SLICE(FAULT_FOREIGN_TEXT));
        bool is_lease = fnmatch("*:lease", key->name_bytes, 0) == 0;
        if (is_ours && left_ms > (is_lease ? lease_ms : INT64_MAX - 1))
            world_break("Redis keeps %s for too long", key->name_bytes);
    }
}

void calm_judge_keys(int64_t lease_ms)
{
    if (!cluster_world.is_there)
        judge_keys(net.servers[net.primary].redis, lease_ms);
    for (unsigned i = 0; i < NET_CLUSTER_SERVERS && cluster_world.is_there; i++)
        if (net.servers[NET_CLUSTER + i].redis && !net.servers[NET_CLUSTER + i].redis->is_replica)
            judge_keys(net.servers[NET_CLUSTER + i].redis, lease_ms);
}

const char *calm_complaint(void)
{
    return complaint;
}
