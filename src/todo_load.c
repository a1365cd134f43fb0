/* SPDX-License-Identifier: MIT */
/*
 * todo-load: options, settings, start, stop. It puts made-up or imported rows into the store of a todo-fcgi service,
 * which may be running meanwhile, makes todos of foreign documents there, and exports what is there.
 *
 * To put rows in, it has the parts of a worker without its connections (loop, store, pool, cache), and load/load.c uses
 * them. Reading has a pool of its own: a store that is away doesn't stop the reading of a file, and a slow file doesn't
 * stop the writes. A dry run opens neither store nor cache. An export needs the store alone (load/export.c).
 *
 * Ctrl-C ends it in order: batches under way are finished. A second Ctrl-C ends it at once; then the fences expire by
 * themselves, as those of any killed writer.
 *
 * The result goes to stdout (of an export to -, to stderr), everything else to stderr. Exit status: 0 all rows are in,
 * or out; 1 some are; 2 none are, or it could not begin. An input without rows is an error: a pipe whose other end
 * failed looks like that.
 */
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <unistd.h>

#include "base/clock.h"
#include "load/export.h"
#include "load/faker.h"
#include "load/foreign_reader.h"
#include "load/input.h"
#include "load/load.h"
#include "options.h"
#include "program.h"
#include "server/loop.h"
#include "tool.h"

enum { EXIT_ALL = 0, EXIT_SOME = 1, EXIT_NOTHING = 2, SQLITE_WRITES = 2, NOT_GIVEN = -1 };

static const char PROGRAM[] = "todo-load";

static const char USAGE[] =
    "Usage: todo-load [-c FILE] [-o NAME=VALUE]... seed -n N [--start I] [--seed S] [--upsert] [--dry-run]\n"
    "       todo-load [-c FILE] [-o NAME=VALUE]... import FILE|FOLDER|- [--collection NAME] [--upsert] [--dry-run]\n"
    "                 [--reject FILE]\n"
    "       todo-load [-c FILE] [-o NAME=VALUE]... adopt [--dry-run] [--reject FILE]\n"
    "       todo-load [-c FILE] [-o NAME=VALUE]... export FILE|- [--gzip]\n"
    "Puts rows into the store of todo-fcgi: made-up ones (seed), or those of a file (import): JSON lines, a JSON "
    "array,\n"
    "CSV with a header, BSON, an archive or a folder of mongodump, plain or gzip, told apart by content; - is "
    "standard\n"
    "input. Or makes todos of the documents that other programs wrote into the MongoDB collection (adopt). Or writes\n"
    "all todos as JSON lines (export), which can be imported again.\n";

static const char NOTES[] =
    "Exit status: 0 all rows are in (or out), 1 some are, 2 none are. The settings that matter here are store, redis*\n"
    "and on_cache_down; todo-fcgi --help lists all.\n";

struct command_line {
    struct options options;
    int64_t count, start, seed; /* NOT_GIVEN: not given */
    bool upsert;
    bool dry_run;
    const char *reject_path;
    const char *collection; /* of a dump; NULL: none is named */
    bool gzip;
    bool adopts;      /* the rows are the store's own */
    const char *path; /* of the input, or of the export; NULL: rows are made up */
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

/* ---- The run ---- */

/* Erases a bar on the terminal's current line first. */
static void log_sink(const char *text, size_t len)
{
    if (isatty(STDERR_FILENO))
        (void)!write(STDERR_FILENO, "\r\033[K", 4);
    (void)!write(STDERR_FILENO, text, len);
}

static enum status run_open_reader(struct run *run, struct error *error)
{
    const struct command_line *line = run->line;
    if (line->adopts) {
        run->reader = foreign_reader_new(run->tool.backend.store, clock_wall_ms());
        return STATUS_OK;
    }
    if (!line->path) {
        run->reader = faker_reader_new((uint64_t)line->seed, line->start, line->count);
        return STATUS_OK;
    }
    struct format_options options = {.now_ms = clock_wall_ms(), .collection = line->collection};
    return input_open(&run->reader, line->path, &options, error);
}

static enum status run_open_rejects(struct run *run, struct error *error)
{
    struct rejects_options options = {
        .path = run->line->reject_path,
        .source = run->reader->source,
        .head = run->reader->head,
        .record_end = run->reader->ops->record_end,
        .progress = run->progress,
    };
    return rejects_open(&run->rejects, &options, error);
}

/* A store with one writer needs one batch to write and one that waits; more gain nothing. */
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
        .cache = run->line->dry_run ? NULL : run->tool.backend.cache,
        .store = run->line->dry_run ? NULL : run->tool.backend.store,
        .store_pool = run->line->dry_run ? NULL : run->tool.backend.pool,
        .mode = run->line->upsert ? STORE_LOAD_UPSERT : STORE_LOAD_INSERT,
        .writes_max = run_writes_max(run),
        .cache_required = run->settings->on_cache_down == CACHE_DOWN_REFUSE,
        .keep_raw = run->line->reject_path != NULL,
        .adopts = run->line->adopts,
    };
    run->load = load_new(&options);
}

/*
 * Each step needs those before it. The first bytes of a pipe may come late, so the wait for them comes before the loop
 * takes over Ctrl-C. An adoption reads from the store, also in a dry run. The threads are those for the store, and one
 * for reading.
 */
static enum status run_open(struct run *run, struct error *error)
{
    bool adopts = run->line->adopts;
    enum status status = adopts ? STATUS_OK : run_open_reader(run, error);
    if (status == STATUS_OK)
        status = tool_open_loop(&run->tool, backend_thread_count(run->settings, false) + 1, error);
    if (status == STATUS_OK && (adopts || !run->line->dry_run))
        status = tool_open_backend(&run->tool, run->settings, error);
    if (status == STATUS_OK && adopts)
        status = run_open_reader(run, error);
    if (status == STATUS_OK)
        status = run_open_rejects(run, error);
    if (status != STATUS_OK)
        return status;
    struct pool_options options = {
        .loop = loop_uv(run->tool.loop), .lanes = {[POOL_READ] = {1, 1}}, .stats = &run->tool.stats};
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
    progress_say(run->progress, "interrupted: finishing the writes under way; press Ctrl-C again to end at once");
    load_stop(run->load);
}

static void run_close(struct run *run)
{
    load_free(run->load);
    pool_free(run->read_pool);
    reader_close(run->reader);
    tool_close(&run->tool);
    progress_free(run->progress);
}

/* ---- The result ---- */

static const char *advice(const struct run *run)
{
    if (run->line->adopts)
        return "the same command completes it";
    return run->result.input_broken ? "import it again with --upsert once the input is whole"
                                    : "the same command with --upsert completes it";
}

static int report(const struct run *run)
{
    const struct load_result *result = &run->result;
    char in[PROGRESS_NUMBER_MAX], rejected[PROGRESS_NUMBER_MAX], number[PROGRESS_NUMBER_MAX];
    const char *done = run->line->adopts ? "are adopted" : "are in";
    printf("%s rows %s, %s rejected, %.1f s", progress_number(in, result->in_count),
           run->line->dry_run ? "are good (nothing was written)" : done,
           progress_number(rejected, result->reject_count), (double)result->elapsed_ms / 1000);
    if (result->elapsed_ms > 0)
        printf(", %s rows/s", progress_number(number, result->in_count * 1000 / (uint64_t)result->elapsed_ms));
    printf("\n");
    if (result->status != STATUS_OK)
        program_complain(PROGRAM, result->error.text);
    bool early = result->interrupted || result->status != STATUS_OK;
    if (early && result->finished_row > 0)
        fprintf(stderr, "%s: it ended early: all rows up to row %s are written or rejected, and no later ones\n",
                PROGRAM, progress_number(number, result->finished_row));
    if (early && result->in_count > 0 && !run->line->dry_run)
        program_complain(PROGRAM, advice(run));
    bool is_empty = !early && result->in_count + result->reject_count == 0;
    if (is_empty)
        program_complain(PROGRAM, run->line->adopts ? "there is nothing to adopt" : "the input holds no rows");
    if (result->in_count == 0)
        return is_empty && run->line->adopts ? EXIT_ALL : EXIT_NOTHING;
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

/* ---- The export ---- */

static volatile sig_atomic_t export_stop;

static void export_on_signal(int signal_number)
{
    (void)signal_number;
    if (export_stop)
        _exit(EXIT_SOME);
    export_stop = 1;
}

static int export_report(const struct command_line *line, const struct export_result *result)
{
    FILE *out = strcmp(line->path, "-") == 0 ? stderr : stdout;
    char number[PROGRESS_NUMBER_MAX];
    fprintf(out, "%s rows are out, %.1f s\n", progress_number(number, result->out_count),
            (double)result->elapsed_ms / 1000);
    if (result->has_skipped)
        program_complain(PROGRAM, "todos that can't be read are not in the export; todo_unreadable above says why");
    return result->has_skipped ? EXIT_SOME : EXIT_ALL;
}

static int export_rows(const struct command_line *line, const struct settings *settings)
{
    struct store_options store_options = {
        .uri = settings->store, .timeout_ms = (uint32_t)settings->store_timeout_ms, .concurrency = 1};
    struct export_options options = {.path = line->path, .is_packed = line->gzip, .stop = &export_stop};
    struct sigaction action = {.sa_handler = export_on_signal};
    struct export_result result;
    struct error error;
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
    options.progress = progress_new(stderr, isatty(STDERR_FILENO));
    enum status status = store_open(&options.store, &store_options, &error);
    if (status == STATUS_OK)
        status = export_run(&options, &result, &error);
    store_close(options.store);
    progress_free(options.progress);
    if (status == STATUS_OK)
        return export_report(line, &result);
    program_complain(PROGRAM, error.text);
    return EXIT_NOTHING;
}

/* ---- Command line ---- */

/* The options that not each command takes. */
enum {
    GIVEN_NUMBERS = 1 << 0, /* -n, --start, --seed */
    GIVEN_UPSERT = 1 << 1,
    GIVEN_DRY_RUN = 1 << 2,
    GIVEN_REJECT = 1 << 3,
    GIVEN_COLLECTION = 1 << 4,
    GIVEN_GZIP = 1 << 5,
};

static const struct command {
    const char *name;
    size_t word_count;
    unsigned options;
    const char *rule;
    int (*run)(const struct command_line *line, const struct settings *settings);
} COMMANDS[] = {
    {"seed", 1, GIVEN_NUMBERS | GIVEN_UPSERT | GIVEN_DRY_RUN,
     "seed needs -n, and takes --start, --seed, --upsert and --dry-run alone", load_rows},
    {"import", 2, GIVEN_UPSERT | GIVEN_DRY_RUN | GIVEN_REJECT | GIVEN_COLLECTION,
     "import needs one file, folder or -, and takes --collection, --upsert, --dry-run and --reject alone", load_rows},
    {"adopt", 1, GIVEN_DRY_RUN | GIVEN_REJECT, "adopt takes no file, and --dry-run and --reject alone", load_rows},
    {"export", 2, GIVEN_GZIP, "export needs one file, or -, and takes --gzip alone", export_rows},
};

enum { COMMAND_COUNT = sizeof(COMMANDS) / sizeof(COMMANDS[0]) };

static unsigned command_line_given(const struct command_line *line)
{
    bool has_numbers = line->count != NOT_GIVEN || line->start != NOT_GIVEN || line->seed != NOT_GIVEN;
    return (has_numbers ? GIVEN_NUMBERS : 0) | (line->upsert ? GIVEN_UPSERT : 0) | (line->dry_run ? GIVEN_DRY_RUN : 0) |
           (line->reject_path ? GIVEN_REJECT : 0) | (line->collection ? GIVEN_COLLECTION : 0) |
           (line->gzip ? GIVEN_GZIP : 0);
}

static bool seed_check(struct command_line *line, const struct options_table *table)
{
    if (line->start == NOT_GIVEN)
        line->start = 1;
    if (line->seed == NOT_GIVEN)
        line->seed = 1;
    if (line->start + line->count - 1 > FAKER_NUMBER_MAX)
        return options_refuse(table, "the last row's number would be too large");
    return true;
}

/* NULL: something is wrong, and it has been said. */
static const struct command *command_line_check(struct command_line *line, const struct options_table *table)
{
    const char *name = line->options.word_count > 0 ? line->options.words[0] : "";
    const struct command *command = NULL;
    for (size_t i = 0; i < COMMAND_COUNT; i++)
        if (strcmp(COMMANDS[i].name, name) == 0)
            command = &COMMANDS[i];
    if (!command) {
        options_refuse(table, "the first word says what to do: seed, import, adopt or export");
        return NULL;
    }
    unsigned given = command_line_given(line);
    bool needs_numbers = command->options & GIVEN_NUMBERS;
    if (line->options.word_count != command->word_count || (given & ~command->options) ||
        (needs_numbers && line->count == NOT_GIVEN)) {
        options_refuse(table, command->rule);
        return NULL;
    }
    line->adopts = strcmp(name, "adopt") == 0;
    if (command->word_count > 1)
        line->path = line->options.words[1];
    return !needs_numbers || seed_check(line, table) ? command : NULL;
}

static int run_with_settings(const struct command *command, const struct command_line *line)
{
    struct settings settings;
    struct error error;
    if (tool_read_settings(&settings, &line->options, &error) != STATUS_OK) {
        program_complain(PROGRAM, error.text);
        return EXIT_NOTHING;
    }
    log_init((enum log_level)settings.log_level, log_sink);
    return command->run(line, &settings);
}

int main(int argc, char **argv)
{
    struct command_line line = {.count = NOT_GIVEN, .start = NOT_GIVEN, .seed = NOT_GIVEN};
    const struct option_row rows[] = {
        {"count", 'n', "N", "seed: how many rows", .number = &line.count, 1, FAKER_NUMBER_MAX},
        {"start", 0, "I", "seed: the first row's number, which is its id (1)", .number = &line.start, 1,
         FAKER_NUMBER_MAX},
        {"seed", 0, "S", "seed: another S makes other rows (1)", .number = &line.seed, 0, FAKER_NUMBER_MAX},
        {"upsert", 0, NULL, "replace rows whose id is taken, instead of rejecting the new ones", .flag = &line.upsert},
        {"dry-run", 0, NULL, "read and check only", .flag = &line.dry_run},
        {"collection", 0, "NAME", "import: which one of a dump, as COLLECTION or DATABASE.COLLECTION (todos)",
         .text = &line.collection},
        {"gzip", 0, NULL, "export: pack it", .flag = &line.gzip},
        {"reject", 0, "FILE", "import, adopt: keep rejected rows in FILE, as they were read",
         .text = &line.reject_path},
    };
    const struct options_table table = {PROGRAM, USAGE, NOTES, false, rows, sizeof(rows) / sizeof(rows[0])};
    const struct command *command = NULL;
    enum options_outcome outcome = options_parse(&line.options, &table, argc, argv);
    if (outcome == OPTIONS_RUN)
        command = command_line_check(&line, &table);
    int exit_status = outcome == OPTIONS_ANSWERED ? EXIT_ALL : EXIT_NOTHING;
    if (command)
        exit_status = run_with_settings(command, &line);
    options_free(&line.options);
    return exit_status;
}
