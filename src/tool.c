/* SPDX-License-Identifier: MIT */
/*
 * The parts that todo-load and todoctl have in common, opened in the order in which they need each other and closed in the other.
 *
 *   loop -> HTTP client, store -> pool -> cache        work -> tool_end() -> idle -> closed
 *
 * To the protocol a tool is one more worker, so it may not leave in the middle of something: the cache may have a call of its
 * own under way when the work is done, or begin one in the loop's last turn, and it must end before the cache does. And who has been
 * written over is purged in caches in front, as long as they answer; what they don't take is left to the workers.
 *
 * What it does not do: know what the work is, or end it (signals are the programs' own).
 */
#include "tool.h"

#include <signal.h>

#include "program.h"
#include "server/loop.h"

enum { IDLE_LOOK_MS = 5, REDIS_TIMEOUT_LEAST_MS = 2000 };

/*
 * At the default level the log would only print that connections come and go. redis_timeout_ms is made for requests that wait
 * for an answer. A tool's fence has up to a thousand ids, and a slow Redis costs it less than working without Redis.
 */
static void settings_adapt(struct settings *settings)
{
    if (settings->log_level == LOG_LEVEL_INFO)
        settings->log_level = LOG_LEVEL_WARN;
    if (settings->redis_timeout_ms < REDIS_TIMEOUT_LEAST_MS)
        settings->redis_timeout_ms = REDIS_TIMEOUT_LEAST_MS;
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
    return backend_open(&tool->backend, &options, error);
}

void tool_close(struct tool *tool)
{
    backend_close(&tool->backend);
    if (tool->loop) {
        loop_events(tool->loop)->timer_free(tool->idle);
        loop_free(tool->loop);
    }
}
