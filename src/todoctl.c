/* SPDX-License-Identifier: MIT */
/*
 * todoctl: options, settings, start, stop. It operates on the cache of a todo-fcgi service, which may be running
 * meanwhile.
 *
 *   stats          prints hit rates, or the counters' page, from the file that the workers share
 *   audit --all    compares every entry with the store
 *   warm           fills the cache with the todos that were read most, and the newest
 *   purge          removes entries, or all of them
 *   backup FILE    copies the store into a file
 *   restore FILE   puts such a copy in its place
 *   roll PID       replaces the workers of this supervisor, while they serve
 *   why            tells what lately happened to a todo's entry
 *   queue          shows the write queue; shows, retries and drops its dead letters (todoctl_queue.c)
 *
 * The parts are those of a worker without its connections (loop, store, pool, cache), and control/ uses them. stats,
 * roll, why and queue need none of them; stats and why work when everything else is away.
 *
 * Ctrl-C ends it at once. Its fences then expire by themselves, as those of any killed writer.
 *
 * The result goes to stdout, everything else to stderr. Exit status: 0 all is well; 1 it ran, and something is wrong
 * (an entry differs from the store, a todo couldn't be warmed); 2 it could not be done, or not to the end.
 */
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/clock.h"
#include "control/bar.h"
#include "control/control.h"
#include "control/figures_table.h"
#include "control/roll.h"
#include "control/why.h"
#include "options.h"
#include "program.h"
#include "server/loop.h"
#include "server/ready.h"
#include "server/stats_file.h"
#include "todoctl_queue.h"
#include "tool.h"

enum { WARM_DEFAULT = 1000, WARM_MAX = 100000000, BAR_PAUSE_MS = 100, WATCH_PAUSE_S = 2 };

static const char PROGRAM[] = "todoctl";

static const char USAGE[] =
    "Usage: todoctl [-c FILE] [-o NAME=VALUE]... stats [--watch | --metrics]\n"
    "       todoctl [-c FILE] [-o NAME=VALUE]... audit --all\n"
    "       todoctl [-c FILE] [-o NAME=VALUE]... warm [-n N] [--rate N]\n"
    "       todoctl [-c FILE] [-o NAME=VALUE]... purge ID... | --all\n"
    "       todoctl [-c FILE] [-o NAME=VALUE]... roll PID\n"
    "       todoctl [-c FILE] [-o NAME=VALUE]... backup FILE | restore FILE\n"
    "       todoctl [-c FILE] [-o NAME=VALUE]... why ID\n"
    "       todoctl [-c FILE] [-o NAME=VALUE]... queue [--watch] | dead [--json] | retry|drop TICKET|--all\n"
    "Looks after the cache of todo-fcgi: shows hit rates (stats), compares every entry with the store (audit),\n"
    "fills in the hottest and the newest todos (warm), removes entries (purge). Replaces the workers of the\n"
    "supervisor PID (roll). Copies an SQLite store into a file (backup), and puts such a copy in its place\n"
    "(restore). Tells what lately happened to an entry (why). Shows the queue of writes (queue).\n";

static const char NOTES[] = "Exit status: 0 all is well; 1 it ran, and something is wrong; 2 it wasn't done.\n";

struct verb;

struct command_line {
    const struct verb *verb;
    struct options options;
    bool all;
    bool watch, metrics, as_json;
    int64_t count, rate; /* 0: not given */
    const char **words;  /* argv's, behind the verb */
    size_t word_count;
    int64_t supervisor;
    struct todoctl_queue queue;
};

/* The parts of a run, and how it ended. */
struct run {
    const struct command_line *line;
    const struct settings *settings;
    struct tool tool;
    struct control *control;
    enum status status;
    struct error error;
    struct audit_counts audited;
    struct warm_counts warmed;
    struct hot_id *hottest;
    uint64_t warm_count;
    int64_t warm_begun_ms, shown_ms; /* monotonic */
    int64_t epoch;
    struct restored restored;
};

/* Options that some verbs take, and others must not be given. */
enum { TAKES_ALL = 1, TAKES_PACE = 2, TAKES_WATCH = 4, TAKES_METRICS = 8, TAKES_JSON = 16 };

/* What must be there before start is called. */
enum need { NEEDS_NOTHING, NEEDS_STORE, NEEDS_REDIS };

struct verb {
    const char *word;
    size_t words_least, words_most; /* behind it */
    unsigned options;
    bool (*fits)(struct command_line *line); /* what else must hold; NULL: nothing */
    const char *complaint;                   /* if any of that is not so */
    bool has_ids;                            /* its words are ids */
    int (*run)(const struct command_line *line, struct settings *settings);
    enum need need; /* these three: of verbs that control_cache() runs */
    void (*start)(struct run *run);
    int (*report)(const struct run *run);
};

/* ---- The run ---- */

static enum status run_open(struct run *run, struct error *error)
{
    struct tool *tool = &run->tool;
    enum status status = tool_open_loop(tool, backend_thread_count(run->settings, false), error);
    if (status == STATUS_OK)
        status = tool_open_backend(tool, run->settings, error);
    if (status != STATUS_OK)
        return status;
    struct control_options control_options = {.events = loop_events(tool->loop),
                                              .store = tool->backend.store,
                                              .pool = tool->backend.pool,
                                              .cache = tool->backend.cache};
    run->control = control_new(&control_options);
    return STATUS_OK;
}

static void on_done(void *ctx, enum status status, const struct error *error)
{
    struct run *run = ctx;
    run->status = status;
    if (status != STATUS_OK)
        run->error = *error;
    tool_end(&run->tool);
}

/* ---- Warming ---- */

/* On a terminal only, and not more often than a person can see. */
static void on_progress(void *ctx, uint64_t read_count)
{
    struct run *run = ctx;
    int64_t now_ms = clock_monotonic_ms();
    struct buf text;
    if (!isatty(STDERR_FILENO) || (now_ms - run->shown_ms < BAR_PAUSE_MS && read_count < run->warm_count))
        return;
    run->shown_ms = now_ms;
    buf_init(&text);
    bar_print(read_count, run->warm_count, now_ms - run->warm_begun_ms, &text);
    fprintf(stderr, "\r%s\033[K%s", text.data, read_count == run->warm_count ? "\n" : "");
    buf_fini(&text);
}

static void start_warm(struct run *run)
{
    const struct command_line *line = run->line;
    struct warm_options options = {.count = line->count ? (uint64_t)line->count : WARM_DEFAULT,
                                   .rate_per_s = (uint64_t)line->rate,
                                   .on_progress = on_progress};
    if (run->tool.stats_file)
        run->hottest = stats_file_hottest(run->tool.stats_file, &options.hot_count);
    if (options.hot_count > options.count)
        options.hot_count = (size_t)options.count;
    options.hottest = run->hottest;
    run->warm_count = options.count;
    run->warm_begun_ms = clock_monotonic_ms();
    control_warm(run->control, &options, &run->warmed, on_done, run);
}

static void start_audit(struct run *run)
{
    control_audit(run->control, &run->audited, on_done, run);
}

static void start_purge(struct run *run)
{
    const struct command_line *line = run->line;
    if (line->all)
        control_purge_all(run->control, &run->epoch, on_done, run);
    else
        control_purge(run->control, line->words, line->word_count, on_done, run);
}

static void start_backup(struct run *run)
{
    control_backup(run->control, run->line->words[0], on_done, run);
}

static void start_restore(struct run *run)
{
    control_restore(run->control, run->line->words[0], &run->restored, on_done, run);
}

static void on_started(void *ctx, enum status status, const struct error *error)
{
    struct run *run = ctx;
    const struct verb *verb = run->line->verb;
    if (status != STATUS_OK && (status != STATUS_UNAVAILABLE || verb->need == NEEDS_REDIS))
        on_done(run, status, error);
    else
        verb->start(run);
}

static void on_signal(void *ctx, int signal_number)
{
    (void)ctx, (void)signal_number;
    _exit(EXIT_NOT_DONE);
}

/* ---- The result ---- */

static int report_audit(const struct run *run)
{
    const struct audit_counts *counts = &run->audited;
    printf("%" PRIu64 " entries compared with the store: %" PRIu64 " consistent, %" PRIu64 " inconsistent, %" PRIu64
           " changed meanwhile, %" PRIu64 " unanswered\n",
           counts->consistent + counts->inconsistent + counts->changed + counts->unanswered, counts->consistent,
           counts->inconsistent, counts->changed, counts->unanswered);
    if (counts->inconsistent > 0)
        return EXIT_AMISS;
    return counts->unanswered > 0 ? EXIT_NOT_DONE : EXIT_WELL;
}

static int report_warm(const struct run *run)
{
    const struct warm_counts *counts = &run->warmed;
    printf("%" PRIu64 " todos read: %" PRIu64 " filled in, %" PRIu64 " were cached already, %" PRIu64 " not filled\n",
           counts->filled + counts->cached + counts->missed, counts->filled, counts->cached, counts->missed);
    return counts->missed > 0 ? EXIT_AMISS : EXIT_WELL;
}

static int report_purge(const struct run *run)
{
    if (run->line->all)
        printf("the epoch is %" PRId64 " now: older entries can no longer be read\n", run->epoch);
    else
        printf("purged\n");
    return EXIT_WELL;
}

static int report_backup(const struct run *run)
{
    printf("%s is the backup\n", run->line->words[0]);
    return EXIT_WELL;
}

static int report_restore(const struct run *run)
{
    printf("%" PRId64 " todos are restored; the epoch is %" PRId64 " now: older entries can no longer be read\n",
           run->restored.count, run->restored.epoch);
    return EXIT_WELL;
}

static int control_cache(const struct command_line *line, struct settings *settings)
{
    struct run run = {.line = line, .settings = settings};
    int exit_status = EXIT_NOT_DONE;
    run.status = run_open(&run, &run.error);
    if (run.status == STATUS_OK) {
        loop_on_signal(run.tool.loop, on_signal, &run);
        if (line->verb->need == NEEDS_NOTHING)
            line->verb->start(&run);
        else
            control_start(run.control, on_started, &run);
        tool_run(&run.tool);
    }
    if (run.status == STATUS_OK)
        exit_status = line->verb->report(&run);
    else
        program_complain(PROGRAM, run.error.text);
    free(run.hottest);
    control_free(run.control);
    tool_close(&run.tool);
    return exit_status;
}

static void print_figures(struct stats_file *file, struct buf *text)
{
    struct figures figures;
    stats_file_figures(file, &figures);
    figures_print(&figures, clock_wall_ms(), text);
}

static void print_story(struct stats_file *file, const char *id, struct buf *text)
{
    struct trail_story story;
    stats_file_tell(file, id, &story);
    why_print(id, &story, text);
    trail_story_fini(&story);
}

/* What needs nothing but the workers' file, which is opened anew each time: new workers may have replaced it. */
static int print_file(const struct command_line *line, struct settings *settings)
{
    struct stats_file *file;
    struct error error;
    struct buf text;
    enum status status =
        settings->stats_file[0]
            ? stats_file_view(&file, settings->stats_file, &error)
            : error_set(&error, STATUS_INVALID, "stats_file isn't set: each worker counts for itself, ask /metrics");
    if (status != STATUS_OK) {
        program_complain(PROGRAM, error.text);
        return EXIT_NOT_DONE;
    }
    buf_init(&text);
    if (line->verb->has_ids)
        print_story(file, line->words[0], &text);
    else if (line->metrics)
        stats_file_print(file, &text);
    else
        print_figures(file, &text);
    program_print(buf_slice(&text));
    buf_fini(&text);
    stats_file_close(file);
    return EXIT_WELL;
}

static bool is_worker_ready(void *settings, pid_t pid)
{
    return ready_is_said(((const struct settings *)settings)->stats_file, pid);
}

static void tell_step(const char *text)
{
    printf("%s\n", text);
    fflush(stdout);
}

static int roll(const struct command_line *line, struct settings *settings)
{
    struct error error;
    struct roll_options roll_options = {
        .supervisor = (pid_t)line->supervisor, .is_ready = is_worker_ready, .ctx = settings, .tell = tell_step};
    if (!settings->stats_file[0]) {
        program_complain(PROGRAM, "stats_file isn't set: workers say by it that they are ready");
        return EXIT_NOT_DONE;
    }
    if (control_roll(&roll_options, &error) == STATUS_OK)
        return EXIT_WELL;
    program_complain(PROGRAM, error.text);
    return EXIT_NOT_DONE;
}

/* --watch goes on until it is interrupted, or its reader is gone. */
static int stats(const struct command_line *line, struct settings *settings)
{
    int exit_status = EXIT_WELL;
    if (!line->watch)
        return print_file(line, settings);
    signal(SIGPIPE, SIG_DFL);
    while (exit_status == EXIT_WELL) {
        if (isatty(STDOUT_FILENO))
            program_print(SLICE("\033[H\033[J"));
        exit_status = print_file(line, settings);
        sleep(exit_status == EXIT_WELL ? WATCH_PAUSE_S : 0);
    }
    return exit_status;
}

static int queue(const struct command_line *line, struct settings *settings)
{
    return todoctl_queue_run(&line->queue, settings);
}

/* ---- Command line ---- */

static bool stats_fits(struct command_line *line)
{
    return !(line->watch && line->metrics);
}

static bool audit_fits(struct command_line *line)
{
    return line->all;
}

static bool purge_fits(struct command_line *line)
{
    return line->all == (line->word_count == 0);
}

static bool queue_fits(struct command_line *line)
{
    line->queue = (struct todoctl_queue){line->words, line->word_count, line->all, line->watch, line->as_json};
    return todoctl_queue_fits(&line->queue);
}

static bool roll_fits(struct command_line *line)
{
    return slice_to_int64(slice_of(line->words[0]), &line->supervisor) && line->supervisor > 0 &&
           line->supervisor <= INT32_MAX;
}

/* clang-format off */
static const struct verb verbs[] = {
    {"stats", 0, 0, TAKES_WATCH | TAKES_METRICS, stats_fits, "stats takes --watch or --metrics alone", .run = stats},
    {"audit", 0, 0, TAKES_ALL, audit_fits, "audit needs --all; a sample is audited by the workers all the time",
     false, control_cache, NEEDS_REDIS, start_audit, report_audit},
    {"warm", 0, 0, TAKES_PACE, NULL, "warm takes -n and --rate, and nothing else",
     false, control_cache, NEEDS_REDIS, start_warm, report_warm},
    {"purge", 0, SIZE_MAX, TAKES_ALL, purge_fits, "purge needs ids, or --all",
     true, control_cache, NEEDS_STORE, start_purge, report_purge},
    {"roll", 1, 1, 0, roll_fits, "roll needs the pid of the workers' supervisor, multiwatch", .run = roll},
    {"backup", 1, 1, 0, NULL, "backup needs one file",
     false, control_cache, NEEDS_NOTHING, start_backup, report_backup},
    {"restore", 1, 1, 0, NULL, "restore needs one file",
     false, control_cache, NEEDS_STORE, start_restore, report_restore},
    {"why", 1, 1, 0, NULL, "why needs one id", .has_ids = true, .run = print_file},
    {"queue", 0, 2, TAKES_ALL | TAKES_WATCH | TAKES_JSON, queue_fits,
     "queue takes --watch; or dead [--json]; or retry or drop, and a ticket or --all", .run = queue},
};
/* clang-format on */

enum { VERB_COUNT = sizeof(verbs) / sizeof(*verbs) };

static const struct verb *verb_find(const char *word)
{
    for (size_t i = 0; i < VERB_COUNT; i++)
        if (strcmp(word, verbs[i].word) == 0)
            return &verbs[i];
    return NULL;
}

static bool verbs_refuse(const struct options_table *table)
{
    struct buf text;
    buf_init(&text);
    buf_append_text(&text, "say what to do: ");
    for (size_t i = 0; i < VERB_COUNT; i++)
        buf_printf(&text, "%s%s", i == 0 ? "" : i + 1 < VERB_COUNT ? ", " : " or ", verbs[i].word);
    options_refuse(table, text.data);
    buf_fini(&text);
    return false;
}

static bool ids_check(const struct command_line *line)
{
    for (size_t i = 0; i < line->word_count; i++)
        if (!todo_id_valid(slice_of(line->words[i]))) {
            fprintf(stderr, "%s: '%s' can't be the id of a todo\n", PROGRAM, line->words[i]);
            return false;
        }
    return true;
}

static bool command_line_check(struct command_line *line, const struct options_table *table)
{
    unsigned given = (line->all ? TAKES_ALL : 0u) | (line->count > 0 || line->rate > 0 ? TAKES_PACE : 0u) |
                     (line->watch ? TAKES_WATCH : 0u) | (line->metrics ? TAKES_METRICS : 0u) |
                     (line->as_json ? TAKES_JSON : 0u);
    const struct verb *verb = line->options.word_count > 0 ? verb_find(line->options.words[0]) : NULL;
    if (!verb)
        return verbs_refuse(table);
    line->verb = verb;
    line->words = (const char **)line->options.words + 1;
    line->word_count = line->options.word_count - 1;
    if ((given & ~verb->options) != 0 || line->word_count < verb->words_least || line->word_count > verb->words_most ||
        (verb->fits && !verb->fits(line)))
        return options_refuse(table, verb->complaint);
    return !verb->has_ids || ids_check(line);
}

static int run_with_settings(const struct command_line *line)
{
    struct settings settings;
    struct error error;
    if (tool_read_settings(&settings, &line->options, &error) != STATUS_OK ||
        program_open_log(&settings, &error) != STATUS_OK) {
        program_complain(PROGRAM, error.text);
        return EXIT_NOT_DONE;
    }
    return line->verb->run(line, &settings);
}

int main(int argc, char **argv)
{
    struct command_line line = {.count = 0};
    const struct option_row rows[] = {
        {"all", 0, NULL, "audit, purge: every entry; queue: every dead letter", .flag = &line.all},
        {"count", 'n', "N", "warm: how many todos (1000)", .number = &line.count, 1, WARM_MAX},
        {"rate", 0, "N", "warm: todos a second at most (no limit)", .number = &line.rate, 1, WARM_MAX},
        {"watch", 'w', NULL, "stats, queue: again every 2 s", .flag = &line.watch},
        {"metrics", 0, NULL, "stats: the counters, as /metrics prints them", .flag = &line.metrics},
        {"json", 0, NULL, "queue dead: a line of JSON for each", .flag = &line.as_json},
    };
    const struct options_table table = {PROGRAM, USAGE, NOTES, false, rows, sizeof(rows) / sizeof(rows[0])};
    int exit_status = EXIT_NOT_DONE;
    enum options_outcome outcome = options_parse(&line.options, &table, argc, argv);
    if (outcome == OPTIONS_ANSWERED)
        exit_status = EXIT_WELL;
    else if (outcome == OPTIONS_RUN && command_line_check(&line, &table))
        exit_status = run_with_settings(&line);
    options_free(&line.options);
    return exit_status;
}
