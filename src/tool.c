/* SPDX-License-Identifier: MIT */
/*
 * The parts that todo-load and todoctl share, opened in the order in which they need each other and closed in the
 * opposite one.
 *
 *   loop -> backend (store, pool, cache)        work -> tool_end() -> idle -> closed
 *
 * To the cache's protocol a tool is one more worker, so it may not end in the middle of a call. When its work is done,
 * the cache may have a call of its own under way, or begin one in the loop's last turn. So a tool waits until the
 * backend is idle. Purges of caches in front are then sent as well, as long as those answer; the workers send the
 * others.
 *
 * Does not: know the work, or end it (each program handles its own signals).
 */
#include "tool.h"

#include <signal.h>

#include "program.h"
#include "server/loop.h"
#include "server/stats_file.h"

enum { IDLE_LOOK_MS = 5, REDIS_TIMEOUT_MIN_MS = 2000 };

/*
 * The person who runs a tool reads its log. At the default level that would only say that connections come and go.
 * redis_timeout_ms is made for requests that wait for an answer. A tool's fence has up to a thousand ids, and a slow
 * Redis costs it less than working without Redis.
 */
static void settings_adapt(struct settings *settings)
{
    if (settings->log_level == LOG_LEVEL_INFO)
        settings->log_level = LOG_LEVEL_WARN;
    settings->log_file[0] = '\0';
    if (settings->redis_timeout_ms < REDIS_TIMEOUT_MIN_MS)
        settings->redis_timeout_ms = REDIS_TIMEOUT_MIN_MS;
}

enum status tool_read_settings(struct settings *settings, const struct options *options, struct error *error)
{
    enum status status = program_read_settings(settings, options, error);
    if (status == STATUS_OK)
        settings_adapt(settings);
    signal(SIGPIPE, SIG_IGN);
    return status;
}

/* ---- Running ---- */

static bool tool_is_idle(const struct tool *tool)
{
    return !tool->backend.cache || backend_is_idle(&tool->backend);
}

static void on_idle_look(void *ctx)
{
    struct tool *tool = ctx;
    if (tool_is_idle(tool))
        loop_stop(tool->loop);
    else
        loop_events(tool->loop)->timer_start(tool->idle, IDLE_LOOK_MS);
}

void tool_end(struct tool *tool)
{
    loop_events(tool->loop)->timer_start(tool->idle, 0);
}

void tool_run(struct tool *tool)
{
    loop_run(tool->loop);
    while (!tool_is_idle(tool)) {
        tool_end(tool);
        loop_run(tool->loop);
    }
}

/* ---- Life ---- */

enum status tool_open_loop(struct tool *tool, unsigned thread_count, struct error *error)
{
    enum status status = loop_new(&tool->loop, thread_count, error);
    if (status == STATUS_OK)
        tool->idle = loop_events(tool->loop)->timer_new(loop_events(tool->loop)->loop, on_idle_look, tool);
    return status;
}

enum status tool_open_backend(struct tool *tool, const struct settings *settings, struct error *error)
{
    struct backend_options options = {.loop = tool->loop, .settings = settings, .stats = &tool->stats};
    struct error ignored; /* no worker has made the file yet, or another user has: that must not stop a tool */
    if (settings->stats_file[0] && stats_file_join(&tool->stats_file, settings->stats_file, &ignored) == STATUS_OK)
        options.trail = stats_file_trail(tool->stats_file);
    return backend_open(&tool->backend, &options, error);
}

void tool_close(struct tool *tool)
{
    log_flush();
    backend_close(&tool->backend);
    if (tool->loop) {
        loop_events(tool->loop)->timer_free(tool->idle);
        loop_free(tool->loop);
    }
    stats_file_close(tool->stats_file);
}
