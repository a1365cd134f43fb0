/* SPDX-License-Identifier: MIT */
/*
 * todo-load: options, settings, start, stop. It puts made-up or imported rows into the store of a todo-fcgi service, beside
 * which it may run.
 *
 * The parts are those of a worker without its connections: loop, store, pool, cache; in their midst is load/load.c. Reading
 * has a pool of its own, so that a store that is away doesn't stop the reading of a file, and the other way round.
 * A dry run opens neither store nor cache.
 *
 * Ctrl-C ends it in order: what is being written is finished. A second one ends it at once; the fences then run out by
 * themselves, as those of any writer that is killed.
 *
 * The result goes to stdout, everything else to stderr. Exit status: 0 all rows are in; 1 some are; 2 none are, or nothing was
 * begun. No rows at all are all rows.
 */
#include <getopt.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/mem.h"
#include "load/faker.h"
#include "load/format.h"
#include "load/load.h"
#include "program.h"
#include "server/loop.h"
#include "tool.h"

enum { EXIT_ALL = 0, EXIT_SOME = 1, EXIT_NOTHING = 2, SQLITE_WRITES = 2, REDIS_TIMEOUT_LEAST_MS = 2000 };

static const char PROGRAM[] = "todo-load";

static const char USAGE[] =
    "Usage: todo-load [-c FILE] [-o NAME=VALUE]... seed -n N [--start I] [--seed S] [--upsert] [--dry-run]\n"
    "       todo-load [-c FILE] [-o NAME=VALUE]... import FILE|- [--upsert] [--dry-run] [--reject FILE]\n"
    "Puts rows into the store of todo-fcgi: made-up ones (seed), or those of a file (import): JSON lines, CSV with a\n"
    "header, BSON or an archive of mongodump, plain or gzip, told apart by content; - is standard input.\n"
    "\n"
    "  -c, --config FILE        read settings from FILE\n"
    "  -o, --option NAME=VALUE  set one setting; goes before FILE and the environment (TODO_NAME)\n"
    "  -n, --count N            seed: how many rows\n"
    "      --start I            seed: the first row's number, which is its id (1)\n"
    "      --seed S             seed: another S makes other rows (1)\n"
    "      --upsert             replace rows whose id is taken, instead of rejecting the new ones\n"
    "      --dry-run            read and check only\n"
    "      --reject FILE        import: keep rejected rows in FILE, as they were read\n"
    "      --help               print this, and exit\n"
    "      --version            print the version, and exit\n"
    "\n"
    "Exit status: 0 all rows are in, 1 some are, 2 none are. The settings that matter here are store, redis* and\n"
    "on_cache_down; todo-fcgi --help lists all.\n";

enum action { ACTION_SEED, ACTION_IMPORT, ACTION_HELP, ACTION_VERSION, ACTION_REFUSE };

struct command_line {
    enum action action;
    const char *config_file;
    const char **options; /* owned; the texts are argv's */
    size_t option_count;
    int64_t count, start, seed; /* count 0: not given */
    bool seed_given;            /* one of the three */
    bool upsert;
    bool dry_run;
    const char *reject_path;
    const char *input_path;
};

/* The parts of a run, and how it ended. */
struct run {
    const struct command_line *line;
    const struct settings *settings;
    struct tool tool; /* without a store in a dry run */
    struct pool *read_pool;
    struct reader *reader;
    struct rejects *rejects;
    struct progress *progress;
    struct load *load;
    struct load_result result;
    unsigned signal_count;
};

/* ---- Command line ---- */

static bool refuse(const char *text)
{
    fprintf(stderr, "%s: %s (%s --help tells more)\n", PROGRAM, text, PROGRAM);
    return false;
}

static bool number_parse(const char *text, int64_t least, const char *what, int64_t *number)
{
    if (slice_to_int64(slice_of(text), number) && *number >= least && *number <= FAKER_NUMBER_MAX)
        return true;
    fprintf(stderr, "%s: %s must be a whole number from %" PRId64 " to %" PRId64 ", not '%s'\n", PROGRAM, what, least,
            FAKER_NUMBER_MAX, text);
    return false;
}

static bool command_line_take(struct command_line *line, int found, const char *value)
{
    line->seed_given |= found == 'n' || found == 'S' || found == 'R';
    switch (found) {
    case 'c':
        line->config_file = value;
        return true;
    case 'o':
        line->options[line->option_count++] = value;
        return true;
    case 'n':
        return number_parse(value, 1, "--count", &line->count);
    case 'S':
        return number_parse(value, 1, "--start", &line->start);
    case 'R':
        return number_parse(value, 0, "--seed", &line->seed);
    case 'u':
        line->upsert = true;
        return true;
    case 'd':
        line->dry_run = true;
        return true;
    case 'r':
        line->reject_path = value;
        return true;
    default:
        return false; /* getopt_long() has said why */
    }
}

static bool command_line_check(struct command_line *line, int count, char **words)
{
    if (count == 0)
        return refuse("say what to do: seed or import");
    bool is_seed = strcmp(words[0], "seed") == 0;
    if (!is_seed && strcmp(words[0], "import") != 0)
        return refuse("it is seed or import that comes first");
    line->action = is_seed ? ACTION_SEED : ACTION_IMPORT;
    if (is_seed && (count > 1 || line->count == 0 || line->reject_path))
        return refuse("seed takes no file and no --reject, and needs -n");
    if (!is_seed && (count != 2 || line->seed_given))
        return refuse("import needs one file, or -, and takes none of -n, --start, --seed");
    if (is_seed && line->start + line->count - 1 > FAKER_NUMBER_MAX)
        return refuse("the last row's number would be too large");
    line->input_path = is_seed ? NULL : words[1];
    return true;
}

static void command_line_parse(struct command_line *line, int argc, char **argv)
{
    static const struct option longs[] = {
        {"config", required_argument, NULL, 'c'},
        {"option", required_argument, NULL, 'o'},
        {"count", required_argument, NULL, 'n'},
        {"start", required_argument, NULL, 'S'},
        {"seed", required_argument, NULL, 'R'},
        {"upsert", no_argument, NULL, 'u'},
        {"dry-run", no_argument, NULL, 'd'},
        {"reject", required_argument, NULL, 'r'},
        {"help", no_argument, NULL, 'H'},
        {"version", no_argument, NULL, 'V'},
        {0},
    };
    int found;
    *line = (struct command_line){
        .options = mem_zalloc((size_t)argc * sizeof(*line->options)), .start = 1, .seed = 1, .action = ACTION_REFUSE};
    while ((found = getopt_long(argc, argv, "c:o:n:", longs, NULL)) != -1) {
        if (found == 'H' || found == 'V') {
            line->action = found == 'H' ? ACTION_HELP : ACTION_VERSION;
            return;
        }
        if (!command_line_take(line, found, optarg))
            return;
    }
    if (!command_line_check(line, argc - optind, argv + optind))
        line->action = ACTION_REFUSE;
}

/* ---- The run ---- */

/* A bar may be on the terminal's present line: wipe it first. */
static void log_sink(const char *text, size_t len)
{
    if (isatty(STDERR_FILENO))
        (void)!write(STDERR_FILENO, "\r\033[K", 4);
    (void)!write(STDERR_FILENO, text, len);
}

/* At the default level the log's news of connections would only disturb. */
static void run_open_log(const struct settings *settings)
{
    int level = settings->log_level == LOG_LEVEL_INFO ? LOG_LEVEL_WARN : settings->log_level;
    log_init((enum log_level)level, log_sink);
}

static enum status run_open_reader(struct run *run, struct error *error)
{
    const struct command_line *line = run->line;
    if (line->action == ACTION_SEED) {
        run->reader = faker_reader_new((uint64_t)line->seed, line->start, line->count);
        return STATUS_OK;
    }
    struct source *source;
    enum status status = source_open(&source, line->input_path, error);
    return status == STATUS_OK ? format_open(&run->reader, source, clock_wall_ms(), error) : status;
}

static enum status run_open_rejects(struct run *run, struct error *error)
{
    struct rejects_options options = {
        .path = run->line->reject_path,
        .input_path = run->line->input_path,
        .head = run->reader->head,
        .record_end = run->reader->ops->record_end,
        .progress = run->progress,
    };
    return rejects_open(&run->rejects, &options, error);
}

/* A store with one writer gains nothing from more batches than one to write and one to wait. */
static uint32_t run_writes_max(const struct run *run)
{
    int64_t writes = run->tool.backend.store && strcmp(store_kind(run->tool.backend.store), "sqlite") == 0
                         ? SQLITE_WRITES
                         : LOAD_WRITES_MAX;
    return (uint32_t)(writes < run->settings->store_concurrency ? writes : run->settings->store_concurrency);
}

static void run_new_load(struct run *run)
{
    struct load_options options = {
        .events = loop_events(run->tool.loop),
        .reader = run->reader,
        .rejects = run->rejects,
        .progress = run->progress,
        .read_pool = run->read_pool,
        .cache = run->tool.backend.cache,
        .store = run->tool.backend.store,
        .store_pool = run->tool.backend.pool,
        .mode = run->line->upsert ? STORE_LOAD_UPSERT : STORE_LOAD_INSERT,
        .writes_max = run_writes_max(run),
        .cache_required = run->settings->on_cache_down == CACHE_DOWN_REFUSE,
        .keep_raw = run->line->reject_path != NULL,
    };
    run->load = load_new(&options);
}

/*
 * Each step needs those before it. The first bytes of a pipe may be long in coming: they are waited for before the loop takes
 * Ctrl-C for itself. The threads are the store's, and one for reading.
 */
static enum status run_open(struct run *run, struct error *error)
{
    enum status status = run_open_reader(run, error);
    if (status == STATUS_OK)
        status = tool_open_loop(&run->tool, (unsigned)run->settings->store_concurrency + 1, error);
    if (status == STATUS_OK)
        status = run_open_rejects(run, error);
    if (status == STATUS_OK && !run->line->dry_run)
        status = tool_open_backend(&run->tool, run->settings, error);
    if (status != STATUS_OK)
        return status;
    struct pool_options options = {
        .loop = loop_uv(run->tool.loop), .concurrency = 1, .queue_max = 1, .stats = &run->tool.stats};
    run->read_pool = pool_new(&options);
    run_new_load(run);
    return STATUS_OK;
}

static void run_on_done(void *ctx, const struct load_result *result)
{
    struct run *run = ctx;
    run->result = *result;
    tool_end(&run->tool);
}

static void run_on_signal(void *ctx, int signal_number)
{
    struct run *run = ctx;
    (void)signal_number;
    if (run->signal_count++ > 0)
        _exit(EXIT_SOME);
    progress_say(run->progress, "interrupted: finishing what is being written; once more to end at once");
    load_stop(run->load);
}

static void run_close(struct run *run)
{
    load_free(run->load);
    pool_free(run->read_pool);
    tool_close(&run->tool);
    reader_close(run->reader);
    progress_free(run->progress);
}

/* ---- The result ---- */

static int report(const struct run *run)
{
    const struct load_result *result = &run->result;
    char in[PROGRESS_NUMBER_MAX], rejected[PROGRESS_NUMBER_MAX], number[PROGRESS_NUMBER_MAX];
    printf("%s rows %s, %s rejected, %.1f s", progress_number(in, result->in_count),
           run->line->dry_run ? "are good (nothing was written)" : "are in",
           progress_number(rejected, result->reject_count), (double)result->elapsed_ms / 1000);
    if (result->elapsed_ms > 0)
        printf(", %s rows/s", progress_number(number, result->in_count * 1000 / (uint64_t)result->elapsed_ms));
    printf("\n");
    if (result->status != STATUS_OK)
        program_complain(PROGRAM, result->error.text);
    bool early = result->interrupted || result->status != STATUS_OK;
    if (early && result->settled_row > 0)
        fprintf(stderr, "%s: it ended early: all rows up to row %s are dealt with, none behind it\n", PROGRAM,
                progress_number(number, result->settled_row));
    if (early && result->in_count > 0 && !run->line->dry_run)
        fprintf(stderr, "%s: the same command with --upsert completes it\n", PROGRAM);
    if (result->in_count == 0 && (early || result->reject_count > 0))
        return EXIT_NOTHING;
    return early || result->reject_count > 0 ? EXIT_SOME : EXIT_ALL;
}

static int load_rows(const struct command_line *line, const struct settings *settings)
{
    struct run run = {.line = line, .settings = settings};
    struct error error;
    int exit_status = EXIT_NOTHING;
    run.progress = progress_new(stderr, isatty(STDERR_FILENO));
    if (run_open(&run, &error) == STATUS_OK) {
        loop_on_signal(run.tool.loop, run_on_signal, &run);
        load_start(run.load, run_on_done, &run);
        tool_run(&run.tool);
        exit_status = report(&run);
    } else {
        program_complain(PROGRAM, error.text);
    }
    if (rejects_close(run.rejects, &error) != STATUS_OK) {
        program_complain(PROGRAM, error.text);
        exit_status = exit_status == EXIT_ALL ? EXIT_SOME : exit_status;
    }
    run_close(&run);
    return exit_status;
}

/*
 * redis_timeout_ms is made for requests that wait. Here nobody waits, a fence has a thousand ids, and to do without Redis is dearer
 * than to wait for one that is slow.
 */
static void settings_adapt(struct settings *settings)
{
    if (settings->redis_timeout_ms < REDIS_TIMEOUT_LEAST_MS)
        settings->redis_timeout_ms = REDIS_TIMEOUT_LEAST_MS;
}

static int run_with_settings(const struct command_line *line)
{
    struct settings settings;
    struct error error;
    if (program_read_settings(&settings, line->config_file, line->options, line->option_count, &error) != STATUS_OK) {
        program_complain(PROGRAM, error.text);
        return EXIT_NOTHING;
    }
    run_open_log(&settings);
    settings_adapt(&settings);
    signal(SIGPIPE, SIG_IGN);
    return load_rows(line, &settings);
}

int main(int argc, char **argv)
{
    struct command_line line;
    int exit_status = EXIT_ALL;
    command_line_parse(&line, argc, argv);
    if (line.action == ACTION_HELP)
        program_print(slice_of(USAGE));
    else if (line.action == ACTION_VERSION)
        printf("%s %s\n", PROGRAM, PACKAGE_VERSION);
    else
        exit_status = line.action == ACTION_REFUSE ? EXIT_NOTHING : run_with_settings(&line);
    free(line.options);
    return exit_status;
}
