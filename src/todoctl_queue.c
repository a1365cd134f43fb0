/* SPDX-License-Identifier: MIT */
/*
 * todoctl queue: shows the write queue, and its dead letters, and retries or drops these. control/queue.c does it; this
 * is the command line, and a loop around it.
 *
 * It needs the queue's journal alone: neither the cache's Redis, nor the store, nor a worker. Each look of --watch
 * opens the journal anew, so a server that comes back meanwhile, or another one, is no matter.
 */
#include "todoctl_queue.h"

#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "control/queue.h"
#include "program.h"
#include "server/loop.h"
#include "tool.h"

enum { WATCH_PAUSE_MS = 2000 };

static const char PROGRAM[] = "todoctl";

/* The words that may follow "queue", and what is said at the end. */
static const struct {
    const char *word, *summary;
} verbs[CONTROL_QUEUE_VERBS] = {
    [CONTROL_QUEUE_LOOK] = {"", NULL},
    [CONTROL_QUEUE_DEAD] = {"dead", "dead letters"},
    [CONTROL_QUEUE_RETRY] = {"retry", "dead letters queued again"},
    [CONTROL_QUEUE_DROP] = {"drop", "dead letters dropped"},
};

struct queue_run {
    const struct todoctl_queue *line;
    struct tool tool;
    struct control_queue_options options;
    struct control_queue *queue;
    struct timer *pause;
    enum status status;
    struct error error;
};

/* CONTROL_QUEUE_VERBS: there is no such word. */
static enum control_queue_verb verb_of(const struct todoctl_queue *line)
{
    enum control_queue_verb verb = 0;
    const char *word = line->word_count > 0 ? line->words[0] : "";
    while (verb < CONTROL_QUEUE_VERBS && strcmp(word, verbs[verb].word) != 0)
        verb++;
    return verb;
}

bool todoctl_queue_fits(const struct todoctl_queue *line)
{
    enum control_queue_verb verb = verb_of(line);
    bool changes = verb == CONTROL_QUEUE_RETRY || verb == CONTROL_QUEUE_DROP, one = line->word_count == 2;
    if (verb == CONTROL_QUEUE_VERBS || (line->watch && verb != CONTROL_QUEUE_LOOK) ||
        (line->as_json && verb != CONTROL_QUEUE_DEAD))
        return false;
    return changes ? line->all != one && (!one || control_queue_ticket_valid(line->words[1])) : !line->all && !one;
}

static void tell(void *ctx, struct slice text)
{
    (void)ctx;
    program_print(text);
}

static void on_signal(void *ctx, int signal_number)
{
    (void)ctx, (void)signal_number;
    _exit(EXIT_NOT_DONE);
}

static void on_pause_end(void *ctx)
{
    struct queue_run *run = ctx;
    control_queue_free(run->queue);
    if (isatty(STDOUT_FILENO))
        program_print(SLICE("\033[H\033[J"));
    run->status = control_queue_new(&run->queue, &run->options, &run->error);
    if (run->status != STATUS_OK)
        tool_end(&run->tool);
}

static void on_done(void *ctx, enum status status, const struct error *error)
{
    struct queue_run *run = ctx;
    run->status = status;
    if (status != STATUS_OK)
        run->error = *error;
    if (status == STATUS_OK && run->line->watch)
        loop_events(run->tool.loop)->timer_start(run->pause, WATCH_PAUSE_MS);
    else
        tool_end(&run->tool);
}

static enum status run_open(struct queue_run *run, const struct settings *settings)
{
    enum status status = tool_open_loop(&run->tool, backend_thread_count(settings, false), &run->error);
    if (status != STATUS_OK)
        return status;
    run->options.events = loop_events(run->tool.loop);
    run->options.loop = loop_uv(run->tool.loop);
    run->options.stats = &run->tool.stats;
    run->pause = run->options.events->timer_new(run->options.events->loop, on_pause_end, run);
    loop_on_signal(run->tool.loop, on_signal, run);
    return control_queue_new(&run->queue, &run->options, &run->error);
}

static int report(const struct queue_run *run)
{
    enum control_queue_verb verb = run->options.verb;
    uint64_t count = run->queue ? control_queue_count(run->queue) : 0;
    if (verbs[verb].summary && !run->line->as_json && (run->status == STATUS_OK || count > 0))
        printf("%" PRIu64 " %s\n", count, verbs[verb].summary);
    if (run->status != STATUS_OK) {
        program_complain(PROGRAM, run->error.text);
        return EXIT_NOT_DONE;
    }
    return verb == CONTROL_QUEUE_LOOK && count > 0 ? EXIT_AMISS : EXIT_WELL;
}

int todoctl_queue_run(const struct todoctl_queue *line, const struct settings *settings)
{
    struct queue_run run = {.line = line,
                            .options = {.settings = settings,
                                        .verb = verb_of(line),
                                        .ticket = line->word_count == 2 ? line->words[1] : NULL,
                                        .as_json = line->as_json,
                                        .tell = tell,
                                        .done = on_done,
                                        .ctx = &run}};
    if (line->watch)
        signal(SIGPIPE, SIG_DFL);
    run.status = run_open(&run, settings);
    if (run.status == STATUS_OK)
        tool_run(&run.tool);
    int exit_status = report(&run);
    control_queue_free(run.queue);
    if (run.pause)
        run.options.events->timer_free(run.pause);
    tool_close(&run.tool);
    return exit_status;
}
