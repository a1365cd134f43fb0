/* SPDX-License-Identifier: MIT */
/*
 * file_journal.c in a folder of the test's own, on libuv: several processes, of which some are killed, and a disk that is full.
 */
#include "queue_bed.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <uv.h>

#include "base/clock.h"
#include "base/log.h"
#include "store/journal.h"

static uv_loop_t loop;
static char folder[64];

static void drop_line(const char *line, size_t len)
{
    (void)line, (void)len;
}

static bool until(const bool *flag, int64_t within_ms)
{
    for (int64_t until_ms = clock_monotonic_ms() + within_ms; !*flag && clock_monotonic_ms() < until_ms;) {
        uv_run(&loop, UV_RUN_NOWAIT);
        usleep(200);
    }
    return *flag;
}

static void journal_open_at(const char *path)
{
    struct error error;
    struct journal_options options = bed_options();
    uv_loop_init(&loop);
    options.loop = &loop;
    snprintf(bed_settings.write_queue, sizeof(bed_settings.write_queue), "file:%s", path);
    assert_int_equal(journal_open(&bed_journal, &options, &error), STATUS_OK);
    assert_false(bed_was_told);
}

static void journal_close(void)
{
    while (!bed_journal->ops->is_idle(bed_journal))
        until(&(bool){false}, 1);
    bed_journal->ops->free(bed_journal);
    bed_journal = NULL;
    uv_run(&loop, UV_RUN_DEFAULT);
    assert_int_equal(uv_loop_close(&loop), 0);
}

static void reopen(void)
{
    char path[80];
    if (bed_journal)
        journal_close();
    snprintf(path, sizeof(path), "%s/queue/", folder);
    journal_open_at(path);
}

static int begin(void **state)
{
    (void)state;
    log_init(LOG_ERROR, drop_line);
    bed_until = until;
    bed_open = reopen;
    bed_journal = NULL;
    bed_store = NULL;
    settings_init(&bed_settings);
    snprintf(folder, sizeof(folder), "/tmp/test_queue.XXXXXX");
    assert_non_null(mkdtemp(folder));
    return 0;
}

static void open_ready(void)
{
    reopen();
    bed_wait_until(true);
}

static int begin_ready(void **state)
{
    begin(state);
    open_ready();
    return 0;
}

static int end(void **state)
{
    char command[96];
    (void)state;
    if (bed_journal)
        journal_close();
    snprintf(command, sizeof(command), "rm -rf %s", folder);
    assert_int_equal(system(command), 0);
    return 0;
}

/* ---- The folder ---- */

static void a_missing_folder_is_made(void **state)
{
    struct stat info;
    char path[96];
    (void)state;
    snprintf(path, sizeof(path), "%s/queue", folder);
    assert_int_equal(stat(path, &info), 0);
    assert_int_equal(info.st_mode & 07777, 0750);
    snprintf(path, sizeof(path), "%s/queue/queue.db", folder);
    assert_int_equal(stat(path, &info), 0);
    assert_int_equal(info.st_mode & 07777, 0640);
}

static void a_folder_that_cant_be_made_is_told(void **state)
{
    char path[96];
    (void)state;
    snprintf(path, sizeof(path), "%s/file", folder);
    close(open(path, O_CREAT | O_WRONLY, 0600));
    snprintf(path, sizeof(path), "%s/file/queue", folder);
    journal_open_at(path);
    bed_wait_until(false);
    assert_int_equal(bed_error.status, STATUS_UNAVAILABLE);
    if (!strstr(bed_error.text, "can't make the folder") || !strstr(bed_error.text, "Not a directory"))
        fail_msg("%s", bed_error.text);
    assert_int_equal(bed_append(bed_journal, "milk").status, STATUS_UNAVAILABLE);
    assert_int_equal(bed_find(bed_journal, (struct ticket){1, 1}).status, STATUS_UNAVAILABLE);
    assert_int_equal(bed_hold(bed_journal, 1, "0123456789abcdef0123456789abcdef").status, STATUS_UNAVAILABLE);
    snprintf(path, sizeof(path), "%s/file", folder);
    unlink(path);
    mkdir(path, 0700);
    bed_wait_until(true);
    assert_int_equal(bed_append(bed_journal, "milk").status, STATUS_OK);
}

/* More calls than it takes to open a breaker. */
static void calls_while_it_is_away_hide_neither_the_cause_nor_its_return(void **state)
{
    char path[96];
    (void)state;
    snprintf(path, sizeof(path), "%s/queue", folder);
    close(open(path, O_CREAT | O_WRONLY, 0600));
    reopen();
    bed_wait_until(false);
    const char *cause = strstr(bed_error.text, "queue/: ") + strlen("queue/: ");
    for (unsigned i = 0; i < 20; i++) {
        assert_int_equal(bed_hold(bed_journal, i % QUEUE_SHARDS, "0123456789abcdef0123456789abcdef").status,
                         STATUS_UNAVAILABLE);
        struct answer read = bed_read(bed_journal, i % QUEUE_SHARDS, 0, 1);
        assert_int_equal(read.status, STATUS_UNAVAILABLE);
        assert_non_null(strstr(read.error.text, cause));
    }
    bed_was_told = false;
    bed_journal->ops->tend(bed_journal);
    bed_until(&bed_was_told, 100);
    assert_false(bed_was_told); /* it would be news */
    unlink(path);
    bed_journal->ops->tend(bed_journal);
    assert_true(bed_until(&bed_is_ready, BED_PATIENCE_MS));
    assert_int_equal(bed_append(bed_journal, "milk").status, STATUS_OK);
}

static void a_file_that_is_removed_or_replaced_accepts_nothing(void **state)
{
    char path[96], away[96], command[400];
    (void)state;
    snprintf(path, sizeof(path), "%s/queue", folder);
    snprintf(away, sizeof(away), "%s/away", folder);
    const struct answer first = bed_append(bed_journal, "milk");
    assert_int_equal(rename(path, away), 0);
    assert_int_equal(bed_append(bed_journal, "milk").status, STATUS_UNAVAILABLE);
    bed_wait_until(false);
    assert_non_null(strstr(bed_error.text, "has removed or replaced"));
    snprintf(command, sizeof(command), "cp -r %s %s", away, path);
    assert_int_equal(system(command), 0);
    bed_was_told = false;
    bed_journal->ops->tend(bed_journal);
    bed_until(&bed_was_told, 100);
    assert_false(bed_was_told); /* it is a copy */
    snprintf(command, sizeof(command), "rm -r %s && mv %s %s", path, away, path);
    assert_int_equal(system(command), 0);
    bed_wait_until(true);
    assert_int_equal(bed_find(bed_journal, first.ticket).found.state, TICKET_PENDING);
    assert_int_equal(bed_append(bed_journal, "milk").status, STATUS_OK);
}

static uint64_t free_bytes;

int __real_statvfs(const char *path, struct statvfs *disk);
int __wrap_statvfs(const char *path, struct statvfs *disk);

int __wrap_statvfs(const char *path, struct statvfs *disk)
{
    int failed = __real_statvfs(path, disk);
    if (free_bytes > 0)
        disk->f_bavail = free_bytes / disk->f_frsize;
    return failed;
}

static void what_settling_needs_is_left_on_the_disk(void **state)
{
    const struct answer first = bed_append(bed_journal, "milk");
    (void)state;
    free_bytes = (16 << 20) - 4096;
    struct answer refused = bed_append(bed_journal, "milk");
    assert_int_equal(refused.status, STATUS_BUSY);
    assert_non_null(strstr(refused.error.text, "less than 16 MB"));
    assert_int_equal(bed_settle(bed_journal, first.ticket.shard, &first.ticket.number, 1, NULL).status, STATUS_OK);
    assert_true(bed_is_ready);
    free_bytes = 16 << 20;
    assert_int_equal(bed_append(bed_journal, "milk").status, STATUS_OK);
    free_bytes = 0;
}

static void a_disk_that_is_full_accepts_nothing_and_loses_nothing(void **state)
{
    struct rlimit before, tight = {.rlim_cur = 256 << 10};
    int64_t acknowledged[BED_WRITES_MAX];
    size_t count = 0;
    (void)state;
    signal(SIGXFSZ, SIG_IGN);
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
    tight.rlim_max = before.rlim_max;
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &tight), 0);
    struct answer answer;
    while ((answer = bed_append(bed_journal, "milk")).status == STATUS_OK && count < BED_WRITES_MAX)
        acknowledged[count++] = answer.ticket.number;
    assert_true(answer.status == STATUS_UNAVAILABLE || answer.status == STATUS_UNKNOWN);
    assert_in_range(count, 1, BED_WRITES_MAX - 1);
    bed_wait_until(false);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
    bed_wait_until(true);
    struct answer read = bed_read(bed_journal, ticket_shard(SLICE("milk")), 0, BED_WRITES_MAX);
    assert_in_range(read.count, count, count + (answer.status == STATUS_UNKNOWN));
    assert_memory_equal(read.numbers, acknowledged, count * sizeof(acknowledged[0]));
    assert_int_equal(bed_append(bed_journal, "milk").status, STATUS_OK);
}

static void a_setting_that_names_no_journal_is_refused(void **state)
{
    static const char *const settings[] = {"file:",          "redis://",       "/var/queue",
                                           "localhost:6379", "rediss://h:1",   "redis://localhost",
                                           "redis://h:0",    "redis://h:1/x",  "redis://sentinel://h:1/main",
                                           "FILE:/x",        "redis://a:p@h:1"};
    (void)state;
    for (size_t i = 0; i < COUNT_OF(settings); i++) {
        struct journal_options options = bed_options();
        struct error error;
        snprintf(bed_settings.write_queue, sizeof(bed_settings.write_queue), "%s", settings[i]);
        assert_number(settings[i], journal_open(&bed_journal, &options, &error), STATUS_INVALID);
        if (!strstr(error.text, "give redis://HOST:PORT[/DB]") || strstr(error.text, "a:p@"))
            fail_msg("%s: %s", settings[i], error.text);
    }
    bed_journal = NULL;
}

/* ---- Several processes ---- */

/* A process of its own, with the journal open; it runs work() and then waits to be killed. Its numbers come through the pipe. */
static pid_t process_start(void (*work)(int out), int *in)
{
    int ends[2];
    assert_int_equal(pipe(ends), 0);
    pid_t pid = fork();
    if (pid == 0) {
        close(ends[0]);
        open_ready();
        work(ends[1]);
        for (;;)
            pause();
    }
    close(ends[1]);
    *in = ends[0];
    return pid;
}

static void process_kill(pid_t pid)
{
    assert_int_equal(kill(pid, SIGKILL), 0);
    assert_int_equal(waitpid(pid, NULL, 0), pid);
}

static void append_for_ever(int out)
{
    for (;;) {
        struct answer answer = bed_append(bed_journal, "milk");
        if (answer.status == STATUS_OK)
            (void)!write(out, &answer.ticket.number, sizeof(answer.ticket.number));
    }
}

static void what_was_acknowledged_is_there_after_a_kill_of_one_of_two(void **state)
{
    enum { EACH = 100, MAX = 4096 };
    static int64_t numbers[MAX];
    size_t count = 0, seen = 0;
    int in[2];
    (void)state;
    pid_t pids[] = {process_start(append_for_ever, &in[0]), process_start(append_for_ever, &in[1])};
    for (size_t i = 0; i < 2; i++)
        for (size_t n = 0; n < EACH; n++)
            assert_int_equal(read(in[i], &numbers[count++], sizeof(numbers[0])), sizeof(numbers[0]));
    for (size_t i = 0; i < 2; i++) {
        process_kill(pids[i]);
        while (count < MAX && read(in[i], &numbers[count], sizeof(numbers[0])) == sizeof(numbers[0]))
            count++;
        close(in[i]);
    }
    open_ready();
    int64_t after = 0;
    for (struct answer read; (read = bed_read(bed_journal, ticket_shard(SLICE("milk")), after, 256)).count > 0;)
        for (size_t i = 0; i < read.count; i++) {
            assert_true(read.numbers[i] > after);
            after = read.numbers[i];
            for (size_t a = 0; a < count; a++)
                seen += numbers[a] == after; /* a number that was given twice would count twice */
        }
    assert_int_equal(seen, count);
}

static void hold_three(int out)
{
    int64_t held = bed_hold(bed_journal, 3, "fedcba9876543210fedcba9876543210").status;
    (void)!write(out, &held, sizeof(held));
}

static void a_shard_is_free_when_its_holder_is_killed(void **state)
{
    static const char own[] = "0123456789abcdef0123456789abcdef", others[] = "fedcba9876543210fedcba9876543210";
    int64_t held = -1;
    int in;
    (void)state;
    pid_t pid = process_start(hold_three, &in);
    assert_int_equal(read(in, &held, sizeof(held)), sizeof(held));
    close(in);
    assert_int_equal(held, STATUS_OK);
    open_ready();
    assert_int_equal(bed_hold(bed_journal, 3, own).status, STATUS_BUSY);
    assert_string_equal(bed_look(bed_journal).figures.shards[3].applier, others);
    assert_int_equal(bed_hold(bed_journal, 4, own).status, STATUS_OK);
    assert_int_equal(bed_hold(bed_journal, 4, others).status, STATUS_BUSY); /* within one process, too */
    process_kill(pid);
    assert_string_equal(bed_look(bed_journal).figures.shards[3].applier, "");
    assert_int_equal(bed_hold(bed_journal, 3, own).status, STATUS_OK);
    assert_string_equal(bed_look(bed_journal).figures.shards[3].applier, own);
}

/* Renews when it is told to, and answers with the outcome. */
static void hold_three_twice(int out)
{
    hold_three(out);
    raise(SIGSTOP);
    hold_three(out);
}

static void a_shard_of_a_stopped_process_is_taken_and_it_learns_so(void **state)
{
    static const char own[] = "0123456789abcdef0123456789abcdef", third[] = "00000000000000000000000000000000";
    int64_t held = -1;
    int in, info;
    (void)state;
    pid_t pid = process_start(hold_three_twice, &in);
    assert_int_equal(read(in, &held, sizeof(held)), sizeof(held));
    assert_int_equal(held, STATUS_OK);
    assert_int_equal(waitpid(pid, &info, WUNTRACED), pid);
    open_ready();
    assert_int_equal(bed_hold(bed_journal, 3, own).status, STATUS_BUSY);
    int64_t begun_ms = clock_monotonic_ms();
    while (bed_hold(bed_journal, 3, own).status == STATUS_BUSY)
        if (clock_monotonic_ms() - begun_ms > BED_PATIENCE_MS)
            fail_msg("it is never taken");
    assert_string_equal(bed_look(bed_journal).figures.shards[3].applier, own);
    assert_int_equal(bed_hold(bed_journal, 3, own).status, STATUS_OK);
    assert_int_equal(bed_hold(bed_journal, 3, third).status, STATUS_BUSY);
    assert_int_equal(kill(pid, SIGCONT), 0);
    assert_int_equal(read(in, &held, sizeof(held)), sizeof(held));
    assert_int_equal(held, STATUS_BUSY);
    assert_int_equal(bed_hold(bed_journal, 3, own).status, STATUS_OK);
    process_kill(pid);
    close(in);
    assert_string_equal(bed_look(bed_journal).figures.shards[3].applier, own);
}

/* ---- Outcomes ---- */

static void old_outcomes_are_forgotten(void **state)
{
    enum { KEPT = 3, WRITES = 8 };
    char path[96];
    (void)state;
    snprintf(path, sizeof(path), "%s/queue.db", folder);
    struct store *store = store_journal_new(path, 1, 2000);
    struct store_departure items[WRITES];
    struct arena arena;
    struct error error;
    arena_init(&arena);
    for (size_t i = 0; i < WRITES; i++) {
        struct store_arrival arrival = {.number = 1, .id = SLICE("a"), .text = SLICE("t"), .depth_max = 100};
        enum store_accept accept;
        assert_int_equal(store_journal_append(store, &arrival, &accept, &error), STATUS_OK);
        assert_int_equal(arrival.number, i + 1);
        items[i] = (struct store_departure){arrival.number, SLICE("ok 0 1 1 a")};
    }
    for (size_t i = 0; i < WRITES; i += 2) {
        struct store_leaving leaving = {.items = items + i, .count = 2, .kept_max = KEPT};
        assert_int_equal(store_journal_settle(store, &leaving, &error), STATUS_OK);
    }
    for (size_t i = 0; i < WRITES; i++) {
        struct store_journal_found found;
        assert_int_equal(store_journal_find(store, 0, (int64_t)i + 1, &arena, &found, &error), STATUS_OK);
        assert_int_equal(found.place, i < WRITES - KEPT ? STORE_GONE : STORE_SETTLED);
    }
    arena_fini(&arena);
    store_close(store);
}

#define TEST(name, from) cmocka_unit_test_setup_teardown(name, from, end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        /* First, as no thread may have been started in a process that forks. */
        TEST(what_was_acknowledged_is_there_after_a_kill_of_one_of_two, begin),
        TEST(a_shard_is_free_when_its_holder_is_killed, begin),
        TEST(a_shard_of_a_stopped_process_is_taken_and_it_learns_so, begin),
        BED_TESTS(begin_ready, end),
        TEST(a_setting_that_names_no_journal_is_refused, begin),
        TEST(a_missing_folder_is_made, begin_ready),
        TEST(a_folder_that_cant_be_made_is_told, begin),
        TEST(calls_while_it_is_away_hide_neither_the_cause_nor_its_return, begin),
        TEST(a_file_that_is_removed_or_replaced_accepts_nothing, begin_ready),
        TEST(what_settling_needs_is_left_on_the_disk, begin_ready),
        TEST(a_disk_that_is_full_accepts_nothing_and_loses_nothing, begin_ready),
        TEST(old_outcomes_are_forgotten, begin),
    };
    return cmocka_run_group_tests_name("file journal", tests, NULL, NULL);
}
