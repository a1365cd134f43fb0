/* SPDX-License-Identifier: MIT */
/*
 * For operators: is the worker alive, can it do its work, and what has it counted?
 *
 * /healthz answers as long as the loop turns; a supervisor that gets no answer should restart the worker. /readyz asks
 * the store, on a pool thread. It is 503 if that fails or the worker is about to stop, and its body says what is
 * missing. Without Redis the worker still serves reads and writes, so the body tells it but the status stays 200. The
 * same holds if the store answers but a lane of the pool is being refused: hits go on, and so does the other lane.
 * /metrics is the sum of the counters of all workers on this machine, whichever worker is asked.
 *
 * nginx offers these paths on its internal listener only.
 */
#include "api/handlers.h"
#include "base/container.h"
#include "base/json.h"
#include "store/pool.h"

struct readying {
    struct services *services;
    struct request *request;
    struct pool_job job;
};

static void answer_json(struct request *request, int status, const char *type, struct slice body)
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
    answer_json(request, 200, "application/json", SLICE("{\"status\":\"alive\"}"));
}

/* pool thread */
static enum status ready_work(struct pool_job *job, struct error *error)
{
    struct readying *self = container_of(job, struct readying, job);
    return store_prepare(self->services->store, error);
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

static void on_ready(struct pool_job *job, enum status status, const struct error *error)
{
    struct readying *self = container_of(job, struct readying, job);
    const struct services *services = self->services;
    bool is_ready = status == STATUS_OK && !services->draining;
    struct buf *body = &self->request->scratch;
    buf_reset(body);
    buf_printf(body, "{\"status\":\"%s\",\"store\":{\"kind\":\"%s\",\"status\":\"%s\"",
               is_ready ? "ready" : "not ready", store_kind(services->store), status_name(status));
    append_refused(body, services->pool);
    buf_printf(body, "},\"redis\":{\"status\":\"%s\"}", cache_is_trusted(services->cache) ? "trusted" : "away");
    if (services->draining)
        buf_append_text(body, ",\"reason\":\"the worker is stopping\"");
    else if (status != STATUS_OK) {
        buf_append_text(body, ",\"reason\":");
        json_write_string(body, slice_of(error->text));
    }
    buf_append_char(body, '}');
    answer_json(self->request, is_ready ? 200 : 503, "application/json", buf_slice(body));
}

void ready_get(struct services *services, struct request *request, struct slice id)
{
    (void)id;
    struct readying *self = arena_alloc(&request->arena, sizeof(*self));
    *self = (struct readying){.services = services, .request = request};
    self->job = (struct pool_job){.lane = POOL_CARE, .work = ready_work, .done = on_ready};
    pool_run(services->pool, &self->job);
}

void metrics_get(struct services *services, struct request *request, struct slice id)
{
    (void)id;
    buf_reset(&request->scratch);
    services->metrics(services->metrics_ctx, &request->scratch);
    answer_json(request, 200, "text/plain; version=0.0.4; charset=utf-8", buf_slice(&request->scratch));
}
