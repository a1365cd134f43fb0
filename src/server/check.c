/* SPDX-License-Identifier: MIT */
/*
 * Does all that a start does, and says what is wrong, a line for each thing.
 *
 *   files -> addresses -> the store: indexes, L1, a list, a small write, a delete -> Redis: INFO, a script that writes
 *
 * It runs beside a live service, so it changes nothing that a worker relies on. It makes missing tables and indexes, as
 * a start would. It deletes a todo under a condition that no todo meets: MongoDB looks at the right first. It does not
 * trust Redis as a worker does, because that may move the epoch on. Its connection to Redis is its own, and its script
 * writes a key below each prefix of the service and deletes it. Files that a worker would make are not made: whoever
 * runs the check may be another user.
 *
 * Why two kinds of findings: a service must be able to start while Redis or the store is away. A wrong password, on the
 * other hand, does not mend itself. The units refuse a start for the second kind only, a reload for both.
 *
 * Does not: reach the caches of purge_url, or wait longer than REDIS_WAIT_MS for Redis.
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
#include "redis/redis.h"
#include "server/backend.h"
#include "server/loop.h"
#include "server/write_token.h"
#include "store/follow.h"
#include "store/store.h"

enum { LOOK_MS = 10, REDIS_WAIT_MS = 3000, FOLLOW_LEASE_MS = 1000, PATH_ROOM = 512 };

struct check {
    const struct settings *settings;
    void (*tell)(const char *text);
    enum check_result worst;
    struct error address; /* what is wrong with the first wrong address */
    struct stats stats;   /* that nobody reads */
    struct loop *loop;
    struct redis *redis;
    struct timer *look;
    int64_t redis_end_at_ms;
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
    arena_fini(&arena);
}

/* ---- Redis ---- */

static void redis_found(struct check *check, const char *text)
{
    struct error error;
    if (text) {
        error_set(&error, STATUS_UNAVAILABLE, "redis: %s", text);
        check_failed(check, &error);
    }
    loop_stop(check->loop);
}

static void on_script(void *ctx, const struct redis_reply *reply)
{
    char text[160];
    if (!reply)
        return; /* on_look() tells why */
    slice_copy(text, sizeof(text), redis_reply_text(reply));
    redis_found(ctx, redis_reply_ok(reply) ? NULL : text);
}

static void on_info(void *ctx, const struct redis_reply *reply)
{
    static const char script[] =
        "redis.call('TIME') for _, key in ipairs(KEYS) do "
        "redis.call('DEL', key) redis.call('SET', key, 1, 'PX', 1000) redis.call('DEL', key) end "
        "return redis.call('GET', KEYS[1])";
    struct check *check = ctx;
    struct identity identity;
    if (!reply)
        return;
    identity_take(&identity, redis_reply_ok(reply) ? redis_reply_text(reply) : SLICE(""));
    if (identity.flaw)
        redis_found(check, identity.flaw);
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
    if (*redis_reason(check->redis))
        redis_found(check, redis_reason(check->redis));
    else if (events_now_ms(events) > check->redis_end_at_ms)
        redis_found(check, "it does not answer");
    else
        events->timer_start(check->look, LOOK_MS);
}

/* On the loop, whose clock stood still while the store was tried. */
static void on_begin(void *ctx)
{
    struct check *check = ctx;
    const struct events *events = loop_events(check->loop);
    struct error error;
    struct redis_options options = {
        .events = events, .stats = &check->stats, .on_up = on_up, .on_down = on_down, .ctx = check};
    redis_options_take(&options, check->settings);
    check->redis_end_at_ms = events_now_ms(events) + REDIS_WAIT_MS;
    if (redis_new(&check->redis, &options, &error) == STATUS_OK)
        events->timer_start(check->look, LOOK_MS);
    else {
        if (strcmp(error.text, check->address.text) != 0)
            check_failed(check, &error);
        loop_stop(check->loop);
    }
}

static void check_redis(struct check *check)
{
    const struct events *events = loop_events(check->loop);
    struct timer *begin = events->timer_new(events->loop, on_begin, check);
    check->look = events->timer_new(events->loop, on_look, check);
    events->timer_start(begin, 0);
    loop_run(check->loop);
    redis_free(check->redis);
    events->timer_free(check->look);
    events->timer_free(begin);
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
    loop_free(check.loop);
    return check.worst;
}
