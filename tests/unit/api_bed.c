/* SPDX-License-Identifier: MIT */
/* A request needs little: its parameters as slices, memory of its own, and somebody who is told that it is answered. */
#include "api_bed.h"

#include "feed/feed.h"

struct services api_services;
static struct bed *bed;

static void on_answer(struct request *request)
{
    ((struct exchange *)request)->answers++;
}

static bool on_hold(struct request *request)
{
    struct exchange *exchange = (struct exchange *)request;
    exchange->held = api_services.settings->changes_max > 0;
    return exchange->held;
}

static void on_send(struct request *request)
{
    buf_append_slice(&((struct exchange *)request)->sent, buf_slice(&request->out));
    buf_reset(&request->out);
}

static void print_metrics(void *ctx, struct buf *out)
{
    (void)ctx;
    buf_append_text(out, "todo_up 1\n");
}

static void sum_workers(void *ctx, struct stats *sum)
{
    (void)ctx;
    const struct stats *slots[] = {&bed->workers[0].stats};
    stats_sum(slots, 1, sum);
}

static void make_figures(void *ctx, struct figures *figures)
{
    static const struct stats_history none;
    (void)ctx;
    *figures = (struct figures){.census = {.at_ms = 0}};
    figures_make(figures, bed->workers[0].stats.counter, &none, 0);
}

static void tell_story(void *ctx, const char *id, struct trail_story *story)
{
    (void)ctx, (void)id;
    *story = (struct trail_story){.count = 0};
}

int api_begin(void **state)
{
    bed_begin(state);
    bed = *state;
    coding_fini(&api_services.coding); /* the last test's */
    fake_follow_reset();
    fake_feed_begin(1);
    bed->feed =
        feed_new(&(struct feed_options){.events = bed->events, .store = bed->store, .pool = bed->workers[0].pool});
    api_services = (struct services){.settings = &bed->settings,
                                     .cache = bed->workers[0].cache,
                                     .store = bed->store,
                                     .pool = bed->workers[0].pool,
                                     .feed = bed->feed,
                                     .queue = fake_queue_begin(bed->events),
                                     .stats = &bed->workers[0].stats,
                                     .limiter = {.redis = cache_redis(bed->workers[0].cache),
                                                 .settings = &bed->settings,
                                                 .stats = &bed->workers[0].stats},
                                     .metrics = print_metrics,
                                     .sum = sum_workers,
                                     .figures = make_figures,
                                     .tell = tell_story};
    return 0;
}

void exchange_init(struct exchange *exchange, const char *method, const char *path)
{
    *exchange = (struct exchange){.request = {.method_text = slice_of(method), .path = slice_of(path)}};
    exchange->request.traceparent = SLICE("00-5eed0123456789abcdef0123456789ab-0123456789abcdef-01");
    exchange->request.answer = on_answer;
    exchange->request.hold = on_hold;
    exchange->request.send = on_send;
    buf_init(&exchange->sent);
    arena_init(&exchange->request.arena);
    buf_init(&exchange->request.scratch);
    buf_init(&exchange->request.out);
}

void exchange_fini(struct exchange *exchange)
{
    arena_fini(&exchange->request.arena);
    buf_fini(&exchange->request.scratch);
    buf_fini(&exchange->request.out);
    buf_fini(&exchange->sent);
}

void exchange_run(struct exchange *exchange)
{
    request_begin(&exchange->request, 0);
    api_handle(&api_services, &exchange->request);
    bed_settle(bed);
    if (exchange->answers == 0) /* a write waits for a Redis that is coming back */
        bed_pass(bed, 2 * FAKE_RECONNECT_MS);
    assert_int_equal(exchange->answers, 1);
}

void exchange_wait(struct exchange *exchange)
{
    request_begin(&exchange->request, 0);
    api_handle(&api_services, &exchange->request);
    bed_settle(bed);
    assert_int_equal(exchange->answers, 0);
}

void exchange_leave(struct exchange *exchange)
{
    exchange->request.gone(&exchange->request);
}

struct slice exchange_header(const struct exchange *exchange, const char *name)
{
    char wanted[64];
    snprintf(wanted, sizeof(wanted), "\r\n%s: ", name);
    const char *end = strstr(exchange->request.out.data, "\r\n\r\n");
    const char *at = strstr(exchange->request.out.data, wanted);
    if (!at || at >= end)
        return (struct slice){0};
    at += strlen(wanted);
    return (struct slice){at, (size_t)(strchr(at, '\r') - at)};
}

struct slice exchange_body(const struct exchange *exchange)
{
    const struct buf *out = &exchange->request.out;
    const char *at = strstr(out->data, "\r\n\r\n") + 4;
    return (struct slice){at, out->len - (size_t)(at - out->data)};
}

bool exchange_body_has(const struct exchange *exchange, const char *text)
{
    return strstr(exchange_body(exchange).data, text) != NULL;
}

void assert_status(const char *row, const struct exchange *exchange, int want)
{
    char line[32];
    int len = snprintf(line, sizeof(line), "Status: %d ", want);
    assert_text(row, (struct slice){exchange->request.out.data, (size_t)len}, slice_of(line));
    assert_number(row, exchange->request.status, want);
}

void assert_problem(const char *row, const struct exchange *exchange, int status, const char *slug)
{
    char type[80];
    snprintf(type, sizeof(type), "{\"type\":\"/problems/%s\",\"status\":%d,", slug, status);
    assert_status(row, exchange, status);
    assert_text(row, exchange_header(exchange, "Content-Type"), SLICE("application/problem+json"));
    assert_text(row, exchange_header(exchange, "Cache-Control"), SLICE("no-store"));
    if (exchange->request.method != METHOD_HEAD)
        assert_text(row, (struct slice){exchange_body(exchange).data, strlen(type)}, slice_of(type));
}
