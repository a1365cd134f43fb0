/* SPDX-License-Identifier: MIT */
/*
 * For operators, on the internal listener: how well the cache does, and what happened to one entry.
 *
 * /healthz/cache has, for each kind of what is kept, the hits, misses and hit rate of the last 1, 5 and 60 minutes, and
 * what Redis holds of it. The counts are those of all workers of this machine (base/figures.h says what a hit is); what
 * Redis holds is counted by a sample every ten seconds (audit/census.c). A figure that nobody can know yet is null.
 *
 * /why/{id} is what todoctl why prints, for programs.
 */
#include <inttypes.h>

#include "api/handlers.h"
#include "base/json.h"

static void append_window(struct buf *body, const struct figure *figure, int64_t seconds)
{
    uint64_t all = figure->hits + figure->misses;
    buf_printf(body, "{\"seconds\":%" PRId64 ",\"hits\":%" PRIu64 ",\"misses\":%" PRIu64 ",\"hit_rate\":", seconds,
               figure->hits, figure->misses);
    if (all > 0)
        buf_printf(body, "%.4f", (double)figure->hits / (double)all);
    else
        buf_append_text(body, "null");
    buf_printf(body, ",\"refused_fills\":%" PRIu64 "}", figure->refused_fills);
}

/* 0 is "not known". */
static void append_number(struct buf *body, const char *name, int64_t number)
{
    buf_printf(body, ",\"%s\":", name);
    if (number > 0)
        buf_append_int(body, number);
    else
        buf_append_text(body, "null");
}

static void append_held(struct buf *body, const struct census_count *held)
{
    buf_printf(body, ",\"entries\":%" PRIu64, held->entries);
    append_number(body, "bytes", (int64_t)held->bytes);
    append_number(body, "oldest_s", held->oldest_ms / 1000);
    append_number(body, "mean_ttl_s", held->ttl_ms / 1000);
}

static void append_kind(struct buf *body, const struct figures *figures, enum figure_kind kind)
{
    const struct census_count *held = figure_held(figures, kind);
    buf_printf(body, "%s\"%s\":{\"minutes\":{", kind == 0 ? "" : ",", figure_name(kind));
    for (size_t window = 0; window < FIGURE_WINDOWS; window++) {
        buf_printf(body, "%s\"%d\":", window == 0 ? "" : ",", figure_minutes[window]);
        append_window(body, &figures->figures[kind][window], figures->seconds[window]);
    }
    buf_append_char(body, '}');
    if (held && figures->census.at_ms > 0)
        append_held(body, held);
    buf_append_char(body, '}');
}

void cache_health_get(struct services *services, struct request *request, struct slice id)
{
    (void)id;
    struct figures figures;
    struct buf *body = &request->scratch;
    services->figures(services->machine, &figures);
    buf_reset(body);
    buf_append_char(body, '{');
    for (enum figure_kind kind = 0; kind < FIGURE_KIND_COUNT; kind++)
        append_kind(body, &figures, kind);
    buf_printf(body, ",\"redis\":{\"keys\":%" PRIu64 ",\"examined\":%" PRIu64, figures.census.keys,
               figures.census.keys_examined);
    append_number(body, "counted_at_ms", figures.census.at_ms);
    buf_append_text(body, "}}");
    health_answer(request, 200, "application/json", buf_slice(body));
}

static void append_event(struct buf *body, const struct trail_event *event)
{
    buf_printf(body,
               "{\"at_us\":%" PRId64 ",\"pid\":%" PRId32 ",\"event\":\"%s\",\"meaning\":\"%s\",\"count\":%" PRIu32,
               event->at_us, event->pid, trail_kind_name(event->kind), trail_kind_meaning(event->kind), event->count);
    if (event->v > 0)
        buf_printf(body, ",\"v\":%" PRId64, event->v);
    if (event->request[0]) {
        buf_append_text(body, ",\"request\":");
        json_write_string(body, slice_of(event->request));
    }
    buf_append_char(body, '}');
}

void why_get(struct services *services, struct request *request, struct slice id)
{
    struct trail_story story;
    char text[TODO_ID_MAX + 1];
    struct buf *body = &request->scratch;
    slice_copy(text, sizeof(text), id);
    services->tell(services->machine, text, &story);
    buf_reset(body);
    buf_append_text(body, "{\"events\":[");
    for (size_t i = 0; i < story.count; i++) {
        buf_append_text(body, i == 0 ? "" : ",");
        append_event(body, &story.events[i]);
    }
    buf_append_text(body, "]}");
    trail_story_fini(&story);
    health_answer(request, 200, "application/json", buf_slice(body));
}
