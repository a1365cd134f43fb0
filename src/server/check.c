/* SPDX-License-Identifier: MIT */
/*
 * Does all that a start does, and says what is wrong, a line for each thing.
 *
 *   files -> addresses -> the store: indexes, L1, a list, a small write, a delete -> Redis: INFO, a script that writes
 *         -> the write queue: whether the store can apply its batches, whether its journal is durable
 *
 * It runs beside a live service, so it changes nothing that a worker relies on. It makes missing tables and indexes, as
 * a start would. It deletes a todo under a condition that no todo meets: MongoDB looks at the right first. It does not
 * trust Redis as a worker does, because that may move the epoch on. Its connection to Redis is its own, and its script
 * writes a key below each prefix of the service and deletes it. Files that a worker would make are not made: whoever
 * runs the check may be another user.
 *
 * Why two kinds of findings: a service must be able to start while Redis or the store is away. A wrong password, on the
 * other hand, does not mend itself, nor does a Redis that hides who it is, or is one node of a cluster. The units
 * refuse a start for the second kind only, a reload for both.
 *
 * Does not: reach the caches of purge_url, or wait longer than REDIS_WAIT_MS for Redis and as long for the journal.
 */
#include "server/check.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/random.h"
#include "base/stats.h"
#include "cache/identity.h"
#include "l1/file.h"
#include "queue/queue.h"
#include "redis/redis.h"
#include "server/backend.h"
#include "server/check_cluster.h"
#include "server/loop.h"
#include "server/write_token.h"
#include "store/follow.h"
#include "store/store.h"

enum { LOOK_MS = 10, REDIS_WAIT_MS = 3000, JOURNAL_WAIT_MS = 3000, FOLLOW_LEASE_MS = 1000, PATH_ROOM = 512 };

struct check {
    const struct settings *settings;
    void (*tell)(const char *text);
    enum check_result worst;
    struct error address; /* what is wrong with the first wrong address */
    struct stats stats;   /* that nobody reads */
    struct loop *loop;
    struct redis *redis;
    struct check_cluster *cluster; /* in place of redis */
    struct timer *look;
    int64_t redis_end_at_ms;
    unsigned wrong_count;                   /* connections in a row whose peer was a wrong one (identity.h) */
    struct identity identity;               /* of Redis, once it has told */
    char store_name[JOURNAL_STORE_MAX + 1]; /* "": the store has not told it */
    struct journal *journal;
    int64_t journal_end_at_ms; /* 0: it has answered */
};

static void check_found(struct check *check, enum check_result result, const char *text)
{
    check->tell(text);
    if (result > check->worst)
        check->worst = result;
}

/* STATUS_INVALID: of a setting or a file. */
static void check_failed(struct check *check, const struct error *error)
{
    check_found(check, error->status == STATUS_INVALID ? CHECK_WRONG : CHECK_AWAY, error->text);
}

/* ---- Files ---- */

/* Whether a worker could write the file, or make it. */
static bool is_writable(const char *path)
{
    char folder[PATH_ROOM];
    if (access(path, F_OK) == 0)
        return access(path, R_OK | W_OK) == 0;
    snprintf(folder, sizeof(folder), "%s", path);
    char *slash = strrchr(folder, '/');
    if (slash)
        slash[slash == folder] = '\0';
    return access(slash ? folder : ".", W_OK | X_OK) == 0;
}

static void check_file(struct check *check, const char *setting, const char *path, bool is_written)
{
    struct error error;
    if (!*path || (is_written ? is_writable(path) : access(path, R_OK) == 0))
        return;
    error_set(&error, STATUS_INVALID, "%s = %s: it can't be %s: %s", setting, path, is_written ? "written" : "read",
              strerror(errno));
    check_failed(check, &error);
}

static void check_files(struct check *check)
{
    const struct settings *settings = check->settings;
    char token[WRITE_TOKEN_MAX + 2];
    struct error error;
    if (write_token_read(settings->write_token_file, token, &error) != STATUS_OK)
        check_failed(check, &error);
    check_file(check, "redis_password_file", settings->redis_password_file, false);
    check_file(check, "sentinel_password_file", settings->sentinel_password_file, false);
    check_file(check, "queue_password_file", settings->queue_password_file, false);
    check_file(check, "stats_file", settings->stats_file, true);
    check_file(check, "log_file", settings->log_file, true);
}

/* ---- The store ---- */

static enum status try_list(struct store *store, struct arena *arena, struct error *error)
{
    struct store_query query = {.limit = 1};
    struct store_page page = {0};
    return store_list(store, &query, arena, &page, error);
}

/* Of a version that no todo has: nothing is deleted, whatever todo has this id. */
static enum status try_delete(struct store *store, struct arena *arena, struct error *error)
{
    const struct store_version nobodys = {.v = INT64_MAX, .life = INT64_MAX};
    const struct todo todo = {.id = "check"};
    struct store_change change = {.kind = STORE_DELETE, .todo = &todo};
    struct store_changed changed;
    change.condition =
        (struct store_condition){.unmodified_since_s = -1, .match = {.given = true, .items = &nobodys, .count = 1}};
    enum status status = store_change(store, &change, arena, &changed, error);
    return status == STATUS_MISMATCH || status == STATUS_NOT_FOUND ? STATUS_OK : status;
}

/* If another worker follows already, it has the rights. */
static enum status try_follow(struct store *store, struct error *error)
{
    struct token owner = token_new();
    struct resume_token from;
    struct store_stream *stream = NULL;
    enum status status = store_follow_claim(store, &owner, FOLLOW_LEASE_MS, &from, error);
    if (status != STATUS_OK)
        return status == STATUS_BUSY ? STATUS_OK : status;
    status = store_stream_open(store, &from, &stream, error);
    store_stream_close(stream);
    enum status released = store_follow_release(store, &owner, error);
    return status == STATUS_OK ? released : status;
}

/* Neither mends itself, and a worker without it serves nothing. */
static bool is_for_a_person(enum cause cause)
{
    return cause == CAUSE_LOGIN || cause == CAUSE_RIGHTS || cause == CAUSE_UNSUPPORTED || cause == CAUSE_DAMAGED;
}

static void check_store(struct check *check, const struct backend *backend)
{
    struct store *store = backend->store;
    struct arena arena;
    struct error error = {0};
    arena_init(&arena);
    enum status status = store_prepare(store, &error);
    if (status == STATUS_OK && backend->l1)
        status = l1_open(backend->l1, &error);
    if (status == STATUS_OK)
        status = try_list(store, &arena, &error);
    if (status == STATUS_OK)
        status = store_heartbeat(store, &error);
    if (status == STATUS_OK)
        status = try_delete(store, &arena, &error);
    if (status != STATUS_OK)
        check_found(check, is_for_a_person(error.cause) ? CHECK_WRONG : CHECK_AWAY, error.text);
    else if (check->settings->follow && try_follow(store, &error) != STATUS_OK)
        check_found(check, CHECK_AWAY, error.text); /* a worker works without it */
    else if (*check->settings->write_queue && queue_check_store(store, check->store_name, &error) != STATUS_OK)
        check_found(check, error.status == STATUS_UNSUPPORTED ? CHECK_WRONG : CHECK_AWAY, error.text);
    arena_fini(&arena);
}

/* ---- Redis ---- */

static void redis_found(struct check *check, enum status status, const char *text)
{
    struct error error;
    if (error_set(&error, status, "redis: %s", text) != STATUS_OK)
        check_failed(check, &error);
    loop_stop(check->loop);
}

/* The connection is made anew, and Redis asked again. */
static void redis_is_wrong(struct check *check, const char *text)
{
    if (++check->wrong_count == IDENTITY_ASKED_MAX)
        redis_found(check, STATUS_INVALID, text);
    else
        redis_drop(check->redis, text);
}

static void on_script(void *ctx, const struct redis_reply *reply)
{
    char text[160];
    if (!reply)
        return; /* on_look() tells why */
    slice_copy(text, sizeof(text), redis_reply_text(reply));
    redis_found(ctx, redis_reply_ok(reply) ? STATUS_OK : STATUS_UNAVAILABLE, text);
}

static void on_info(void *ctx, const struct redis_reply *reply)
{
    static const char script[] =
        "redis.call('TIME') for _, key in ipairs(KEYS) do "
        "redis.call('DEL', key) redis.call('SET', key, 1, 'PX', 1000) redis.call('DEL', key) end "
        "return redis.call('GET', KEYS[1])";
    struct check *check = ctx;
    struct identity *identity = &check->identity;
    identity_take(identity, redis_reply_ok(reply) ? redis_reply_text(reply) : SLICE(""), check->settings->redis);
    if (identity->is_wrong)
        redis_is_wrong(check, identity->flaw);
    else if (identity->flaw)
        redis_found(check, STATUS_UNAVAILABLE, identity->flaw);
    else
        redis_call(check->redis,
                   (struct slice[]){SLICE("EVAL"), slice_of(script), SLICE("3"), SLICE("todo:check"),
                                    SLICE("todos:check"), SLICE("limit:check")},
                   6, on_script, check);
}

static void on_up(void *ctx)
{
    struct check *check = ctx;
    redis_call(check->redis, (struct slice[]){SLICE("INFO")}, 1, on_info, check);
}

static void on_down(void *ctx)
{
    (void)ctx;
}

static void on_look(void *ctx)
{
    struct check *check = ctx;
    const struct events *events = loop_events(check->loop);
    if (*redis_reason(check->redis) && check->wrong_count == 0)
        redis_found(check, STATUS_UNAVAILABLE, redis_reason(check->redis));
    else if (events_now_ms(events) > check->redis_end_at_ms)
        redis_found(check, STATUS_UNAVAILABLE, "it does not answer");
    else
        events->timer_start(check->look, LOOK_MS);
}

static enum status redis_begin(struct check *check, struct error *error)
{
    const struct events *events = loop_events(check->loop);
    struct redis_options options = {
        .events = events, .stats = &check->stats, .on_up = on_up, .on_down = on_down, .ctx = check};
    redis_options_take(&options, check->settings);
    check->redis_end_at_ms = events_now_ms(events) + REDIS_WAIT_MS;
    enum status status = redis_new(&check->redis, &options, error);
    if (status == STATUS_OK)
        events->timer_start(check->look, LOOK_MS);
    return status;
}

static void on_cluster_found(void *ctx, const struct error *error)
{
    if (error->status == STATUS_OK)
        check_found(ctx, CHECK_WELL, error->text);
    else
        check_failed(ctx, error);
}

static void on_cluster_done(void *ctx)
{
    loop_stop(((struct check *)ctx)->loop);
}

static enum status cluster_begin(struct check *check, struct error *error)
{
    return check_cluster_new(&check->cluster,
                             &(struct check_cluster_options){.events = loop_events(check->loop),
                                                             .settings = check->settings,
                                                             .stats = &check->stats,
                                                             .on_found = on_cluster_found,
                                                             .on_done = on_cluster_done,
                                                             .ctx = check},
                             error);
}

/* On the loop, whose clock stood still while the store was tried. */
static void on_begin(void *ctx)
{
    struct check *check = ctx;
    struct redis_address address;
    struct error error;
    enum status status = redis_address_parse(&address, check->settings->redis, &error);
    if (status == STATUS_OK)
        status = address.is_cluster ? cluster_begin(check, &error) : redis_begin(check, &error);
    if (status == STATUS_OK)
        return;
    if (strcmp(error.text, check->address.text) != 0)
        check_failed(check, &error);
    loop_stop(check->loop);
}

static void check_redis(struct check *check)
{
    const struct events *events = loop_events(check->loop);
    struct timer *begin = events->timer_new(events->loop, on_begin, check);
    check->look = events->timer_new(events->loop, on_look, check);
    events->timer_start(begin, 0);
    loop_run(check->loop);
    redis_free(check->redis);
    check_cluster_free(check->cluster);
    events->timer_free(check->look);
    events->timer_free(begin);
}

/* ---- The journal of the write queue ---- */

static const char *cache_id(void *ctx)
{
    return ((struct check *)ctx)->identity.id;
}

static const char *store_name(void *ctx)
{
    return ((struct check *)ctx)->store_name;
}

static void on_journal_ready(void *ctx, bool is_ready, const struct error *error)
{
    struct check *check = ctx;
    if (check->journal_end_at_ms > 0 && !is_ready)
        check_failed(check, error);
    check->journal_end_at_ms = 0;
}

static void on_journal_look(void *ctx)
{
    struct check *check = ctx;
    const struct events *events = loop_events(check->loop);
    struct error error;
    if (check->journal_end_at_ms > 0 && events_now_ms(events) > check->journal_end_at_ms) {
        error_set(&error, STATUS_UNAVAILABLE, "write_queue = %s: it does not answer", check->settings->write_queue);
        check_failed(check, &error);
        check->journal_end_at_ms = 0;
    }
    if (check->journal_end_at_ms == 0 && check->journal->ops->is_idle(check->journal)) {
        loop_stop(check->loop);
        return;
    }
    check->journal->ops->tend(check->journal);
    events->timer_start(check->look, LOOK_MS);
}

static void check_journal(struct check *check)
{
    const struct events *events = loop_events(check->loop);
    struct error error;
    struct journal_options options = {.events = events,
                                      .settings = check->settings,
                                      .stats = &check->stats,
                                      .loop = loop_uv(check->loop),
                                      .cache_id = cache_id,
                                      .store_name = check->store_name[0] ? store_name : NULL,
                                      .on_ready = on_journal_ready,
                                      .ctx = check};
    if (!*check->settings->write_queue)
        return;
    if (journal_open(&check->journal, &options, &error) != STATUS_OK) {
        check_failed(check, &error);
        return;
    }
    check->journal_end_at_ms = events_now_ms(events) + JOURNAL_WAIT_MS;
    check->look = events->timer_new(events->loop, on_journal_look, check);
    events->timer_start(check->look, 0);
    loop_run(check->loop);
    check->journal->ops->free(check->journal);
    events->timer_free(check->look);
}

/* ---- All of it ---- */

/* Opens what a worker opens, which also shows whether the addresses are ones, and closes it before the loop runs. */
static void check_addresses(struct check *check)
{
    struct backend backend = {0};
    struct backend_options options = {
        .loop = check->loop, .settings = check->settings, .stats = &check->stats, .follow = check->settings->follow};
    if (backend_open(&backend, &options, &check->address) == STATUS_OK)
        check_store(check, &backend);
    else
        check_failed(check, &check->address);
    backend_close(&backend);
}

enum check_result check_run(const struct settings *settings, void (*tell)(const char *text))
{
    struct check check = {.settings = settings, .tell = tell};
    struct error error;
    check_files(&check);
    if (loop_new(&check.loop, backend_thread_count(settings, settings->follow), &error) != STATUS_OK) {
        check_failed(&check, &error);
        return check.worst;
    }
    check_addresses(&check);
    check_redis(&check);
    check_journal(&check);
    loop_free(check.loop);
    return check.worst;
}
