/* SPDX-License-Identifier: MIT */
/*
 * todoctl purge, from its start to its end: one id, or all of them.
 *
 * As src/todoctl.c has it: a purge goes on without Redis, and the process ends when nothing is under way any more.
 */
#include <stdio.h>
#include <stdlib.h>

#include "base/mem.h"
#include "control/control.h"
#include "machine.h"
#include "server/backend.h"
#include "worker.h"
#include "world.h"

enum { END_TICK_MS = 10 };

static struct {
    struct backend *backend;
    struct control *control;
    struct timer *end_timer;
    struct stats stats;
    bool is_all;
    char id[TODO_ID_MAX + 1];
    const char *ids[1];
    int64_t epoch;
} run;

static struct process *process(void)
{
    return &processes[OPERATOR];
}

static void on_ended(void *ctx, uint64_t life)
{
    (void)ctx;
    if (process()->life != life)
        return;
    if (!backend_is_idle(run.backend) || process()->inputs) {
        process()->events.timer_start(run.end_timer, END_TICK_MS);
        return;
    }
    struct process *before = process_enter(process());
    process()->events.timer_free(run.end_timer);
    control_free(run.control);
    backend_close(run.backend);
    free(run.backend);
    process_enter(before);
    process_end(process());
}

static void on_end_tick(void *ctx)
{
    (void)ctx;
    if (backend_is_idle(run.backend))
        world_after(0, on_ended, NULL, process()->life);
    else
        process()->events.timer_start(run.end_timer, END_TICK_MS);
}

static void on_done(void *ctx, enum status status, const struct error *error)
{
    (void)ctx, (void)error;
    world_tell("operator: the purge ends with %s", status_name(status));
    run.end_timer = process()->events.timer_new(process(), on_end_tick, NULL);
    process()->events.timer_start(run.end_timer, 0);
}

static void on_started(void *ctx, enum status status, const struct error *error)
{
    (void)ctx;
    if (status != STATUS_OK && status != STATUS_UNAVAILABLE)
        on_done(NULL, status, error);
    else if (run.is_all)
        control_purge_all(run.control, &run.epoch, on_done, NULL);
    else
        control_purge(run.control, run.ids, 1, on_done, NULL);
}

bool operator_is_idle(void)
{
    return !process()->is_alive;
}

/* Half-made, it must leave nothing behind. */
bool operator_errs(const struct settings *settings, size_t number)
{
    static const struct {
        const char *redis, *purge_url, *header_file;
    } wrongs[] = {
        {"", "", ""},
        {"unix:", "", ""},
        {"unix:/r0?db=x", "", ""},
        {"localhost", "", ""},
        {":7000", "", ""},
        {"user@127.0.0.1:7000", "", ""},
        {"127.0.0.1:x", "", ""},
        {"127.0.0.1:99999", "", ""},
        {"127.0.0.1:7000/x", "", ""},
        {"sentinel://", "", ""},
        {"sentinel://127.0.0.1", "", ""},
        {"sentinel://127.0.0.1:26000/", "", ""},
        {"sentinel://127.0.0.1:26000/two words", "", ""},
        {"sentinel://127.0.0.1:26000/todos/x", "", ""},
        {"sentinel://127.0.0.1/todos", "", ""},
        {"unix:/r0", "ftp://front", ""},
        {"unix:/r0", "http://", ""},
        {"unix:/r0", "http://{key}/", ""},
        {"unix:/r0", "http://a:b@front/", ""},
        {"unix:/r0", "http://front/\x7f", ""},
        {"unix:/r0", "varnish+https://front", ""},
        {"unix:/r0", "varnish+http://front/{key}", ""},
        {"unix:/r0", "http://front http://front", ""},
        {"unix:/r0", "http://front", "sim:nothing"},
        {"unix:/r0", "http://front", "sim:no-field"},
        {"unix:/r0", "http://front", "sim:no-name"},
        {"unix:/r0", "http://front", "sim:two-words"},
    };
    static struct settings wrong;
    struct error error;
    if (!operator_is_idle())
        return false;
    number %= sizeof(wrongs) / sizeof(*wrongs);
    wrong = *settings;
    snprintf(wrong.redis, sizeof(wrong.redis), "%s", wrongs[number].redis);
    snprintf(wrong.purge_url, sizeof(wrong.purge_url), "%s", wrongs[number].purge_url);
    snprintf(wrong.purge_header_file, sizeof(wrong.purge_header_file), "%s", wrongs[number].header_file);
    process_start(process(), 0);
    struct process *before = process_enter(process());
    struct backend *backend = mem_zalloc(sizeof(*backend));
    struct backend_options options = {.loop = (struct loop *)process(), .settings = &wrong, .stats = &run.stats};
    if (backend_open(backend, &options, &error) == STATUS_OK)
        world_break("the wrong settings number %zu are taken", number);
    world_tell("operator: todoctl with wrong settings: %s", error.text);
    backend_close(backend);
    free(backend);
    process_enter(before);
    process_end(process());
    return true;
}

bool operator_purge(const struct settings *settings, const char *id)
{
    struct error error;
    if (!operator_is_idle())
        return false;
    world_tell("operator: todoctl purge %s", id ? id : "--all");
    process_start(process(), 0);
    struct process *before = process_enter(process());
    run.stats = (struct stats){0};
    run.is_all = id == NULL;
    snprintf(run.id, sizeof(run.id), "%s", id ? id : "");
    run.ids[0] = run.id;
    run.backend = mem_zalloc(sizeof(*run.backend));
    struct backend_options options = {.loop = (struct loop *)process(), .settings = settings, .stats = &run.stats};
    enum status status = backend_open(run.backend, &options, &error);
    bug_unless(status == STATUS_OK, "the drawn settings are valid");
    run.control = control_new(&(struct control_options){.events = &process()->events,
                                                        .store = run.backend->store,
                                                        .pool = run.backend->pool,
                                                        .cache = run.backend->cache});
    control_start(run.control, on_started, NULL);
    process_enter(before);
    return true;
}

void operator_kill(void)
{
    if (!operator_is_idle()) {
        world_tell("operator: todoctl is killed");
        process_kill(process());
        machine_leave(process());
    }
}
