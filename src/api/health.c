/* SPDX-License-Identifier: MIT */
/*
 * For operators: is the worker alive, can it do its work, and what has it counted?
 *
 * /healthz answers as long as the loop turns; a supervisor that gets no answer should restart the worker.
 *
 * /readyz reads from the store, and then writes a heartbeat in the lane of clients' writes. It is 503 if the store does
 * not answer, if the worker is about to stop, or if the heartbeat fails for a cause that only a person can end: a full
 * disk, a missing right. The body says what is missing and why, in the store's own words, also while a breaker refuses.
 * Without Redis the worker still serves reads and writes, so the body tells it but the status stays 200. The same holds
 * for the write queue's journal, for a store that answers but fails writes for another cause (another process holds a
 * lock), and for a lane of the pool that is being refused: hits go on, and so does the other lane. A store that is
 * empty, or has documents of others, gets a notice: its name in the settings may be wrong.
 *
 * /metrics is the sum of the counters of all workers on this machine, whichever worker is asked.
 *
 * nginx offers these paths on its internal listener only.
 */
#include "api/handlers.h"
#include "base/container.h"
#include "base/json.h"
#include "store/foreign.h"
#include "store/pool.h"

struct readying {
    struct services *services;
    struct request *request;
    struct pool_job job;
    enum status writes; /* the heartbeat's, once it has been tried */
    struct store_survey survey;
};

void health_answer(struct request *request, int status, const char *type, struct slice body)
{
    response_begin(request, status);
    response_header(request, "Content-Type", type);
    response_header(request, "Cache-Control", "no-store");
    response_body(request, body);
    request_answer(request);
}

void health_get(struct services *services, struct request *request, struct slice id)
{
    (void)services, (void)id;
    health_answer(request, 200, "application/json", SLICE("{\"status\":\"alive\"}"));
}

/* pool thread */
static enum status ready_work(struct pool_job *job, struct error *error)
{
    struct readying *self = container_of(job, struct readying, job);
    struct store *store = self->services->store;
    struct store_meta meta;
    struct error ignored;
    enum status status = store_prepare(store, error);
    if (status == STATUS_OK)
        status = store_meta_get(store, &meta, error);
    if (status == STATUS_OK && store_survey(store, &self->survey, &ignored) != STATUS_OK)
        self->survey.text[0] = '\0'; /* a hint, no condition */
    return status;
}

/* The lanes whose calls are refused at present, as the store failed several times in a row. */
static void append_refused(struct buf *body, const struct pool *pool)
{
    bool is_first = true;
    uint32_t retry_after_ms;
    for (enum pool_lane lane = POOL_READ; lane < POOL_LANE_COUNT; lane++) {
        if (pool_is_open(pool, lane, &retry_after_ms))
            continue;
        buf_printf(body, "%s\"%s\"", is_first ? ",\"refused\":[" : ",", pool_lane_name(lane));
        is_first = false;
    }
    buf_append_text(body, is_first ? "" : "]");
}

/* If there is any. */
static void append_text(struct buf *body, const char *name, const char *text)
{
    if (!*text)
        return;
    buf_printf(body, ",\"%s\":", name);
    json_write_string(body, slice_of(text));
}

static void append_redis(struct buf *body, const struct cache *cache)
{
    static const char *const names[] = {
        [TRUST_LACKS_NOTHING] = "trusted",
        [TRUST_LACKS_TIME] = "connecting",
        [TRUST_LACKS_REDIS] = "away",
        [TRUST_LACKS_STORE] = "waits for the store",
    };
    const char *reason;
    enum trust_lack lack = cache_lack(cache, &reason);
    size_t trusted_count = cache_trusted_count(cache);
    buf_append_text(body, ",\"redis\":{\"status\":\"");
    if (lack != TRUST_LACKS_NOTHING && trusted_count > 0)
        buf_printf(body, "trusted %zu of %zu\"", trusted_count, cache_shard_count(cache));
    else
        buf_printf(body, "%s\"", names[lack]);
    append_text(body, "primary", cache_lacking_primary(cache));
    append_text(body, "reason", reason);
    buf_append_char(body, '}');
}

/* Without the queue all but queued writes goes on. */
static void append_queue(struct buf *body, const struct queue *queue)
{
    const char *lack = queue_lack(queue);
    if (!queue)
        return;
    buf_printf(body, ",\"queue\":{\"status\":\"%s\"", lack ? "not ready" : "ready");
    append_text(body, "reason", lack ? lack : "");
    buf_append_char(body, '}');
}

/* status: of the first call that failed */
static void ready_answer(struct readying *self, enum status status, const struct error *error)
{
    const struct services *services = self->services;
    bool reads = self->writes != STATUS_COUNT;
    bool is_ready = reads && (status == STATUS_OK || error->cause == CAUSE_NONE) && !services->draining;
    struct buf *body = &self->request->scratch;
    buf_reset(body);
    buf_printf(body, "{\"status\":\"%s\",\"store\":{\"kind\":\"%s\",\"status\":\"%s\"",
               is_ready ? "ready" : "not ready", store_kind(services->store), status_name(reads ? STATUS_OK : status));
    if (reads)
        buf_printf(body, ",\"writes\":\"%s\"", status_name(self->writes));
    append_refused(body, services->pool);
    append_text(body, "notice", self->survey.text);
    buf_append_char(body, '}');
    append_redis(body, services->cache);
    append_queue(body, services->queue);
    append_text(body, "reason", services->draining ? "the worker is stopping" : status != STATUS_OK ? error->text : "");
    buf_append_char(body, '}');
    health_answer(self->request, is_ready ? 200 : 503, "application/json", buf_slice(body));
}

/* pool thread */
static enum status beat_work(struct pool_job *job, struct error *error)
{
    struct readying *self = container_of(job, struct readying, job);
    return store_heartbeat(self->services->store, error);
}

static void on_beat(struct pool_job *job, enum status status, const struct error *error)
{
    struct readying *self = container_of(job, struct readying, job);
    self->writes = status;
    ready_answer(self, status, error);
}

static void on_ready(struct pool_job *job, enum status status, const struct error *error)
{
    struct readying *self = container_of(job, struct readying, job);
    if (status != STATUS_OK) {
        ready_answer(self, status, error);
        return;
    }
    self->job = (struct pool_job){.lane = POOL_WRITE, .work = beat_work, .done = on_beat};
    pool_run(self->services->pool, &self->job);
}

void ready_get(struct services *services, struct request *request, struct slice id)
{
    (void)id;
    struct readying *self = arena_alloc(&request->arena, sizeof(*self));
    *self = (struct readying){.services = services, .request = request, .writes = STATUS_COUNT};
    self->job = (struct pool_job){.lane = POOL_CARE, .work = ready_work, .done = on_ready};
    pool_run(services->pool, &self->job);
}

void metrics_get(struct services *services, struct request *request, struct slice id)
{
    (void)id;
    buf_reset(&request->scratch);
    services->metrics(services->machine, &request->scratch);
    health_answer(request, 200, "text/plain; version=0.0.4; charset=utf-8", buf_slice(&request->scratch));
}
