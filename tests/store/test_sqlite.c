/* SPDX-License-Identifier: MIT */
/*
 * What only SQLite does to a store: one file for several processes, rules in its tables, locks, versions, plans.
 *
 * A second connection, straight to sqlite3, plays the foreign program: it breaks rules, holds locks, asks for plans.
 */
#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <sqlite3.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/log.h"
#include "fixture.h"
#include "store/sqlite.h"
#include "store/sqlite_sql.h"

static const char *path_of(const struct fixture *fixture)
{
    return fixture->uri + strlen("sqlite:");
}

static sqlite3 *foreign_open(const char *path)
{
    sqlite3 *db;
    assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
    return db;
}

/* libsqlite3 calls this one, as the program's names go before the C library's. */
static bool disk_is_full;
ssize_t pwrite64(int fd, const void *bytes, size_t len, off64_t offset);
ssize_t pwrite64(int fd, const void *bytes, size_t len, off64_t offset)
{
    if (!disk_is_full)
        return syscall(SYS_pwrite64, fd, bytes, len, offset);
    errno = ENOSPC;
    return -1;
}

/* What a foreign writer of this version names; newer columns have defaults. */
#define THE_COLUMNS "id, name, description, done, v, created_at, updated_at"

static void test_rows_outside_the_rules_are_kept_out(void **state)
{
    static const char *const values[] = {
        "'', 'n', '', 0, 1, 0, 0",
        "'.', 'n', '', 0, 1, 0, 0",
        "'..', 'n', '', 0, 1, 0, 0",
        "'a b', 'n', '', 0, 1, 0, 0",
        "'a/b', 'n', '', 0, 1, 0, 0",
        "'ä', 'n', '', 0, 1, 0, 0",
        "'a' || char(0), 'n', '', 0, 1, 0, 0",
        "'a[', 'n', '', 0, 1, 0, 0",
        "printf('%065d', 1), 'n', '', 0, 1, 0, 0",
        "x'41', 'n', '', 0, 1, 0, 0",
        "NULL, 'n', '', 0, 1, 0, 0",
        "'a', '', '', 0, 1, 0, 0",
        "'a', printf('%0201d', 1), '', 0, 1, 0, 0",
        "'a', 'n' || char(1), '', 0, 1, 0, 0",
        "'a', 'n' || char(31), '', 0, 1, 0, 0",
        "'a', 'n' || char(0) || 'm', '', 0, 1, 0, 0",
        "'a', char(11), '', 0, 1, 0, 0",
        "'a', x'6e', '', 0, 1, 0, 0",
        "'a', NULL, '', 0, 1, 0, 0",
        "'a', 'n', printf('%04001d', 1), 0, 1, 0, 0",
        "'a', 'n', char(14), 0, 1, 0, 0",
        "'a', 'n', NULL, 0, 1, 0, 0",
        "'a', 'n', '', 2, 1, 0, 0",
        "'a', 'n', '', 'yes', 1, 0, 0",
        "'a', 'n', '', NULL, 1, 0, 0",
        "'a', 'n', '', 0, 0, 0, 0",
        "'a', 'n', '', 0, 1.5, 0, 0",
        "'a', 'n', '', 0, 1, -1, 0",
        "'a', 'n', '', 0, 1, 253402300800000, 0",
        "'a', 'n', '', 0, 1, 0, 253402300800000",
        "'a', 'n', '', 0, 1, 'now', 0",
    };
    struct fixture *fixture = *state;
    sqlite3 *db = foreign_open(path_of(fixture));
    for (size_t i = 0; i < sizeof(values) / sizeof(values[0]); i++) {
        char sql[256];
        snprintf(sql, sizeof(sql), "INSERT INTO todos (" THE_COLUMNS ") VALUES (%s)", values[i]);
        if (sqlite3_exec(db, sql, NULL, NULL, NULL) != SQLITE_CONSTRAINT)
            fail_msg("not refused: %s", values[i]);
    }
    /* At the edge of all rules at once, so that the refusals above are not for another reason. */
    const char *edge = "INSERT INTO todos (" THE_COLUMNS ") VALUES (printf('%064d', 1), printf('%0200d', 1),"
                       " char(9, 10, 13, 127) || printf('%03996d', 1), 1, 1, 0, 253402300799999)";
    assert_int_equal(sqlite3_exec(db, edge, NULL, NULL, NULL), SQLITE_OK);
    sqlite3_close(db);
}

static void set_column(sqlite3 *db, const char *name, int64_t value, int want)
{
    char sql[128];
    snprintf(sql, sizeof(sql), "UPDATE todos SET %s = %lld", name, (long long)value);
    if (sqlite3_exec(db, sql, NULL, NULL, NULL) != want)
        fail_msg("%s: %s", want == SQLITE_OK ? "refused" : "not refused", sql);
}

/* A column that was added later has no CHECK (sqlite_sql.c): its limits are found when the row is read. */
static void assert_unreadable(struct fixture *fixture, const char *id, const char *name)
{
    struct todo todo;
    struct error error = {0};
    assert_int_equal(store_get(fixture->store, id, &fixture->arena, &todo, &error), STATUS_INVALID);
    assert_non_null(strstr(error.text, name));
}

static void test_columns_have_the_limits_of_their_fields(void **state)
{
    struct fixture *fixture = *state;
    struct todo todo = fixture_todo(&fixture->arena, 1);
    assert_int_equal(store_insert(fixture->store, &todo, NULL, NULL), STATUS_OK);
    sqlite3 *db = foreign_open(path_of(fixture));
    for (enum todo_field field = 0; field < TODO_FIELD_COUNT; field++) {
        const struct todo_row *row = &TODO_ROWS[field];
        if (row->type == TODO_TYPE_ID || row->type == TODO_TYPE_TEXT)
            continue;
        set_column(db, row->name.data, row->least, SQLITE_OK);
        set_column(db, row->name.data, row->most, SQLITE_OK);
        set_column(db, row->name.data, row->least - 1, field == TODO_LIFE ? SQLITE_OK : SQLITE_CONSTRAINT);
        if (field == TODO_LIFE) {
            assert_unreadable(fixture, todo.id, row->name.data);
            set_column(db, row->name.data, row->most, SQLITE_OK);
        }
        if (row->most < INT64_MAX)
            set_column(db, row->name.data, row->most + 1, SQLITE_CONSTRAINT);
    }
    sqlite3_close(db);
}

static void test_a_row_that_breaks_a_rule_stops_an_insert_with_its_name(void **state)
{
    struct fixture *fixture = *state;
    struct todo todo = fixture_todo(&fixture->arena, 1);
    struct error error = {0};
    todo.v = 0;
    assert_int_equal(store_insert(fixture->store, &todo, NULL, &error), STATUS_INVALID);
    assert_non_null(strstr(error.text, "t1"));
    todo.v = 1;
    assert_int_equal(store_insert(fixture->store, &todo, NULL, &error), STATUS_OK);
}

static void test_a_row_with_bad_text_is_named_by_a_get_and_passed_over_by_a_list(void **state)
{
    struct fixture *fixture = *state;
    struct store_query query = {.limit = 2, .ascending = true};
    struct store_page page;
    struct todo todo;
    struct error error = {0};
    for (unsigned i = 0; i < 3; i++) {
        todo = fixture_todo(&fixture->arena, i * 4);
        assert_int_equal(store_insert(fixture->store, &todo, NULL, NULL), STATUS_OK);
    }
    sqlite3 *db = foreign_open(path_of(fixture));
    assert_int_equal(sqlite3_exec(db, "UPDATE todos SET name = CAST(x'ff' AS TEXT) WHERE id = 't4'", NULL, NULL, NULL),
                     SQLITE_OK);
    sqlite3_close(db);
    assert_int_equal(store_get(fixture->store, "t4", &fixture->arena, &todo, &error), STATUS_INVALID);
    assert_non_null(strstr(error.text, "t4"));
    assert_non_null(strstr(error.text, "name"));
    assert_int_equal(store_list(fixture->store, &query, &fixture->arena, &page, &error), STATUS_OK);
    assert_int_equal(page.count, 2);
    assert_string_equal(page.todos[1].id, "t8");
    assert_false(page.more);
}

static void assert_plan(sqlite3 *db, enum sqlite_sql sql, const char *wanted)
{
    char text[1024];
    sqlite3_stmt *plan;
    bool found = false;
    snprintf(text, sizeof(text), "EXPLAIN QUERY PLAN %s", SQLITE_SQL[sql]);
    assert_int_equal(sqlite3_prepare_v2(db, text, -1, &plan, NULL), SQLITE_OK);
    while (sqlite3_step(plan) == SQLITE_ROW) {
        const char *detail = (const char *)sqlite3_column_text(plan, 3);
        found |= strstr(detail, wanted) != NULL;
        if (strstr(detail, "SCAN todos") || strstr(detail, "TEMP B-TREE"))
            fail_msg("%s: %s", text, detail);
    }
    sqlite3_finalize(plan);
    if (!found)
        fail_msg("%s: not \"%s\"", text, wanted);
}

static void test_every_read_goes_by_an_index(void **state)
{
    struct fixture *fixture = *state;
    sqlite3 *db = foreign_open(path_of(fixture));
    static const char by_time[] = "USING INDEX todos_by_time ((created_at,id)";
    static const char by_done[] = "USING INDEX todos_by_done_and_time (done=? AND (created_at,id)";
    assert_plan(db, SQL_GET, "USING PRIMARY KEY (id=?)");
    assert_plan(db, SQL_LIST_UP, by_time);
    assert_plan(db, SQL_LIST_DOWN, by_time);
    assert_plan(db, SQL_LIST_DONE_UP, by_done);
    assert_plan(db, SQL_LIST_DONE_DOWN, by_done);
    sqlite3_close(db);
}

static void test_the_file_is_in_wal_mode_and_for_owner_and_group_only(void **state)
{
    struct fixture *fixture = *state;
    struct stat about;
    assert_int_equal(stat(path_of(fixture), &about), 0);
    assert_int_equal(about.st_mode & 0137, 0);
    sqlite3 *db = foreign_open(path_of(fixture));
    sqlite3_stmt *mode;
    assert_int_equal(sqlite3_prepare_v2(db, "PRAGMA journal_mode", -1, &mode, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_step(mode), SQLITE_ROW);
    assert_string_equal((const char *)sqlite3_column_text(mode, 0), "wal");
    sqlite3_finalize(mode);
    sqlite3_close(db);
}

static void test_a_lock_held_elsewhere_stops_writes_in_time_and_no_reads(void **state)
{
    struct fixture *fixture = *state;
    struct todo todo = fixture_todo(&fixture->arena, 1);
    struct error error = {0};
    struct store *hasty = fixture_open(fixture, 200);
    sqlite3 *db = foreign_open(path_of(fixture));
    assert_int_equal(store_insert(hasty, &todo, NULL, NULL), STATUS_OK);
    assert_int_equal(sqlite3_exec(db, "BEGIN IMMEDIATE", NULL, NULL, NULL), SQLITE_OK);
    struct todo next = fixture_todo(&fixture->arena, 2);
    int64_t began_ms = clock_monotonic_ms();
    assert_int_equal(store_insert(hasty, &next, NULL, &error), STATUS_UNAVAILABLE);
    assert_in_range(clock_monotonic_ms() - began_ms, 150, FIXTURE_PATIENCE_MS);
    assert_non_null(strstr(error.text, "lock"));
    assert_int_equal(store_barrier(hasty, &error), STATUS_UNAVAILABLE); /* that writer may still commit */
    assert_stored(fixture, &todo);
    assert_int_equal(sqlite3_exec(db, "ROLLBACK", NULL, NULL, NULL), SQLITE_OK);
    assert_int_equal(store_barrier(hasty, &error), STATUS_OK);
    assert_int_equal(store_insert(hasty, &next, NULL, &error), STATUS_OK);
    sqlite3_close(db);
    store_close(hasty);
}

/* The log, as far as it is about the lock. */
static char lock_log[4096];

static void on_log(const char *line, size_t len)
{
    size_t used = strlen(lock_log);
    if (strstr(line, "event=sqlite_") && used + len < sizeof(lock_log))
        memcpy(lock_log + used, line, len);
}

static unsigned times_logged(const char *text)
{
    unsigned count = 0;
    for (const char *at = lock_log; (at = strstr(at, text)) != NULL; at++)
        count++;
    return count;
}

/* This program once more, as another process that takes the lock and stops: hold_lock() is what it does. */
static pid_t holder_start(const char *path)
{
    pid_t pid = fork();
    int ended;
    if (pid == 0) {
        execl("/proc/self/exe", "holder", path, (char *)NULL);
        _exit(1);
    }
    assert_int_equal(waitpid(pid, &ended, WUNTRACED), pid);
    assert_true(WIFSTOPPED(ended));
    return pid;
}

static int hold_lock(const char *path)
{
    sqlite3 *db;
    if (sqlite3_open(path, &db) != SQLITE_OK || sqlite3_exec(db, "BEGIN IMMEDIATE", NULL, NULL, NULL) != SQLITE_OK)
        return 1;
    raise(SIGSTOP);
    return 0;
}

static void test_a_stopped_process_that_holds_the_lock_is_named_once(void **state)
{
    struct fixture *fixture = *state;
    struct todo todo = fixture_todo(&fixture->arena, 1), next = fixture_todo(&fixture->arena, 2);
    struct error error = {0};
    char named[64];
    assert_int_equal(store_insert(fixture->store, &todo, NULL, NULL), STATUS_OK);
    pid_t holder = holder_start(path_of(fixture));
    log_init(LOG_INFO, on_log);
    struct store *hasty = fixture_open(fixture, 300);
    assert_int_equal(store_get(hasty, todo.id, &fixture->arena, &next, &error), STATUS_OK);
    next = fixture_todo(&fixture->arena, 2);
    for (int i = 0; i < 3; i++) {
        int64_t began_ms = clock_monotonic_ms();
        assert_int_equal(store_insert(hasty, &next, NULL, &error), STATUS_UNAVAILABLE);
        assert_in_range(clock_monotonic_ms() - began_ms, 150, FIXTURE_PATIENCE_MS);
        snprintf(named, sizeof(named), "process %d (", (int)holder);
        assert_non_null(strstr(error.text, named));
        assert_non_null(strstr(error.text, "stopped"));
    }
    snprintf(named, sizeof(named), "event=sqlite_locked holder_pid=%d ", (int)holder);
    assert_int_equal(times_logged(named), 1);
    assert_int_equal(times_logged("stopped=1"), 1);
    assert_int_equal(times_logged("event=sqlite_unlocked"), 0);
    assert_int_equal(kill(holder, SIGKILL), 0);
    assert_int_equal(waitpid(holder, NULL, 0), holder);
    assert_int_equal(store_insert(hasty, &next, NULL, &error), STATUS_OK);
    assert_int_equal(times_logged("event=sqlite_unlocked"), 1);
    log_init(LOG_INFO, NULL);
    store_close(hasty);
}

/* Of a commit that failed: only these codes say for certain that nothing was applied. */
static void test_a_failed_commit_is_void_only_if_it_found_a_lock(void **state)
{
    static const struct {
        int code;
        bool is_void;
    } cases[] = {
        {SQLITE_BUSY, true},          {SQLITE_BUSY_RECOVERY, true}, {SQLITE_BUSY_SNAPSHOT, true},
        {SQLITE_LOCKED, true},        {SQLITE_ERROR, false},        {SQLITE_FULL, false},
        {SQLITE_IOERR, false},        {SQLITE_IOERR_FSYNC, false},  {SQLITE_IOERR_WRITE, false},
        {SQLITE_IOERR_SHMMAP, false}, {SQLITE_NOMEM, false},        {SQLITE_INTERRUPT, false},
        {SQLITE_CORRUPT, false},      {SQLITE_READONLY, false},     {SQLITE_PROTOCOL, false},
        {SQLITE_CONSTRAINT, false},   {SQLITE_CANTOPEN, false},     {12345, false},
    };
    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
        if (sqlite_commit_is_void(cases[i].code) != cases[i].is_void)
            fail_msg("code %d", cases[i].code);
}

static void test_a_read_ends_when_its_time_is_up(void **state)
{
    enum { COUNT = 20000 };
    struct fixture *fixture = *state;
    sqlite3 *db = foreign_open(path_of(fixture));
    /* Rows that a list must pass over one by one: with checks off, for nothing lets them in otherwise. */
    assert_int_equal(sqlite3_exec(db,
                                  "PRAGMA ignore_check_constraints = ON; BEGIN;"
                                  "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 2000000)"
                                  " INSERT INTO todos (" THE_COLUMNS
                                  ") SELECT 'x' || i, '', '', 0, 1, i, 0 FROM n; COMMIT;",
                                  NULL, NULL, NULL),
                     SQLITE_OK);
    sqlite3_close(db);
    struct store *hasty = fixture_open(fixture, 50);
    struct store_query query = {.limit = COUNT};
    struct store_page page;
    struct error error = {0};
    struct todo todo;
    int64_t began_ms = clock_monotonic_ms();
    assert_int_equal(store_list(hasty, &query, &fixture->arena, &page, &error), STATUS_UNAVAILABLE);
    assert_in_range(clock_monotonic_ms() - began_ms, 50, FIXTURE_PATIENCE_MS);
    assert_non_null(strstr(error.text, "longer"));
    assert_int_equal(store_get(hasty, "nobody", &fixture->arena, &todo, &error), STATUS_NOT_FOUND);
    store_close(hasty);
}

/* Opening does nothing yet; the first call says what is wrong. */
static void assert_away(const char *uri, struct error *error)
{
    struct store *store;
    struct store_options options = {.uri = uri, .timeout_ms = 300, .concurrency = 1};
    assert_int_equal(store_open(&store, &options, error), STATUS_OK);
    assert_int_equal(store_prepare(store, error), STATUS_UNAVAILABLE);
    store_close(store);
}

static void test_a_file_from_a_newer_program_is_refused(void **state)
{
    struct fixture *fixture = *state;
    sqlite3 *db = foreign_open(path_of(fixture));
    assert_int_equal(sqlite3_exec(db, "PRAGMA user_version = 99", NULL, NULL, NULL), SQLITE_OK);
    sqlite3_close(db);
    struct error error = {0};
    assert_away(fixture->uri, &error);
    assert_non_null(strstr(error.text, "newer"));
    assert_non_null(strstr(error.text, "99"));
}

static void test_a_file_that_is_no_database_is_left_alone(void **state)
{
    struct fixture *fixture = *state;
    static const char words[] = "Dear diary, today I was opened as a database.\n";
    char bytes[sizeof(words)] = "";
    struct error error = {0};
    strcat(fixture->uri, ".txt");
    FILE *file = fopen(path_of(fixture), "w");
    assert_non_null(file);
    fputs(words, file);
    fclose(file);
    assert_away(fixture->uri, &error);
    assert_non_null(strstr(error.text, "no database"));
    file = fopen(path_of(fixture), "r");
    assert_non_null(fgets(bytes, sizeof(bytes), file));
    fclose(file);
    assert_string_equal(bytes, words);
}

static void test_a_folder_that_comes_later_is_a_store_that_comes_back(void **state)
{
    struct fixture *fixture = *state;
    struct store *store;
    struct error error = {0};
    char folder[sizeof(fixture->uri)];
    struct store_options options = {.uri = fixture->uri, .timeout_ms = 300, .concurrency = 2};
    snprintf(folder, sizeof(folder), "%s.later", path_of(fixture));
    strcat(fixture->uri, ".later/todo.db");
    assert_int_equal(store_open(&store, &options, &error), STATUS_OK);
    assert_int_equal(store_prepare(store, &error), STATUS_UNAVAILABLE);
    assert_int_equal(mkdir(folder, 0750), 0);
    assert_int_equal(store_prepare(store, &error), STATUS_OK);
    store_close(store);
}

/* A person has run todo-load as root before the first worker ran. */
static void test_what_root_makes_belongs_to_the_folders_owner(void **state)
{
    struct fixture *fixture = *state;
    enum { SOMEBODY = 65534 };
    char path[sizeof(fixture->uri) + 8];
    struct stat about;
    if (geteuid() != 0)
        skip();
    snprintf(path, sizeof(path), "%s.owned", path_of(fixture));
    strcat(fixture->uri, ".owned/todo.db");
    assert_int_equal(mkdir(path, 0750), 0);
    assert_int_equal(chown(path, SOMEBODY, SOMEBODY), 0);
    struct store *store = fixture_open(fixture, 1000);
    static const char *const suffixes[] = {"", "-wal", "-shm", "-turn"};
    for (size_t i = 0; i < sizeof(suffixes) / sizeof(suffixes[0]); i++) {
        snprintf(path, sizeof(path), "%s%s", path_of(fixture), suffixes[i]);
        if (stat(path, &about) != 0 || about.st_uid != SOMEBODY || about.st_gid != SOMEBODY)
            fail_msg("%s is not the folder's owner's", path);
    }
    store_close(store);
}

static void test_what_can_not_be_opened_says_why(void **state)
{
    static const struct {
        const char *uri, *reason;
    } cases[] = {
        {"sqlite:/nonexistent/folder/todo.db", "folder"},
        {"sqlite:/", "folder"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct error error = {0};
        assert_away(cases[i].uri, &error);
        assert_non_null(strstr(error.text, cases[i].reason));
        assert_non_null(strstr(error.text, cases[i].uri));
    }
}

enum { PROCESS_COUNT = 4, ROWS_PER_PROCESS = 200 };

/* A process of its own: opens the file, which may not be there yet, and loads rows in small batches. */
static int load_rows(const char *uri, unsigned number)
{
    struct store *store;
    struct arena arena;
    struct error error = {0};
    struct store_options options = {.uri = uri, .timeout_ms = 20000, .concurrency = 2};
    arena_init(&arena);
    if (store_open(&store, &options, &error) != STATUS_OK) {
        print_error("process %u: %s\n", number, error.text);
        return 1;
    }
    for (unsigned i = 0; i < ROWS_PER_PROCESS; i += 10) {
        struct todo todos[10];
        enum status results[10];
        for (unsigned j = 0; j < 10; j++)
            todos[j] = fixture_todo(&arena, number * ROWS_PER_PROCESS + i + j);
        if (store_load(store, todos, 10, STORE_LOAD_INSERT, results, &error) != STATUS_OK) {
            print_error("process %u: %s\n", number, error.text);
            return 1;
        }
    }
    store_close(store);
    arena_fini(&arena);
    return 0;
}

static void test_processes_may_make_and_fill_one_file_at_once(void **state)
{
    struct fixture *fixture = *state;
    pid_t children[PROCESS_COUNT];
    store_close(fixture->store); /* no connection may live through a fork */
    strcat(fixture->uri, ".shared");
    for (unsigned i = 0; i < PROCESS_COUNT; i++) {
        children[i] = fork();
        if (children[i] == 0)
            _exit(load_rows(fixture->uri, i));
    }
    for (unsigned i = 0; i < PROCESS_COUNT; i++) {
        int ended;
        assert_int_equal(waitpid(children[i], &ended, 0), children[i]);
        assert_int_equal(ended, 0);
    }
    fixture->store = fixture_open(fixture, FIXTURE_TIMEOUT_MS);
    struct store_query query = {.limit = PROCESS_COUNT * ROWS_PER_PROCESS + 1};
    struct store_page page;
    assert_int_equal(store_list(fixture->store, &query, &fixture->arena, &page, NULL), STATUS_OK);
    assert_int_equal(page.count, PROCESS_COUNT * ROWS_PER_PROCESS);
}

#define ON_EMPTY_STORE(test) cmocka_unit_test_setup_teardown(test, fixture_setup, fixture_teardown)

static void test_a_full_disk_is_told_by_each_write_and_by_the_heartbeat(void **state)
{
    struct fixture *fixture = *state;
    struct todo first = fixture_todo(&fixture->arena, 1), second = fixture_todo(&fixture->arena, 2);
    struct error error = {0};
    assert_int_equal(store_heartbeat(fixture->store, &error), STATUS_OK);
    assert_int_equal(store_insert(fixture->store, &first, NULL, &error), STATUS_OK);
    disk_is_full = true;
    assert_int_not_equal(store_heartbeat(fixture->store, &error), STATUS_OK);
    assert_int_equal(error.cause, CAUSE_FULL);
    assert_non_null(strstr(error.text, "free some disk space"));
    error = (struct error){0};
    assert_int_not_equal(store_insert(fixture->store, &second, NULL, &error), STATUS_OK);
    assert_int_equal(error.cause, CAUSE_FULL);
    assert_stored(fixture, &first);
    disk_is_full = false;
    assert_int_equal(store_heartbeat(fixture->store, &error), STATUS_OK);
    size_t count;
    struct store_fence fence;
    assert_int_equal(store_outbox_list(fixture->store, NULL, &fence, 1, &count, &error), STATUS_OK);
    assert_int_equal(count, 0);
}

static void assert_moved(struct fixture *fixture)
{
    struct todo todo = fixture_todo(&fixture->arena, 2), found;
    struct error error = {0};
    assert_int_equal(store_insert(fixture->store, &todo, NULL, &error), STATUS_UNAVAILABLE);
    assert_non_null(strstr(error.text, "removed or replaced"));
    assert_int_equal(store_get(fixture->store, "t1", &fixture->arena, &found, &error), STATUS_UNAVAILABLE);
    assert_int_equal(store_heartbeat(fixture->store, &error), STATUS_UNAVAILABLE);
}

static void test_a_file_that_was_moved_away_is_a_store_that_is_away(void **state)
{
    struct fixture *fixture = *state;
    const char *path = path_of(fixture);
    struct todo todo = fixture_todo(&fixture->arena, 1);
    struct error error = {0};
    char away[sizeof(fixture->uri) + 8], command[3 * sizeof(away)];
    snprintf(away, sizeof(away), "%s.away", path);
    assert_int_equal(store_insert(fixture->store, &todo, NULL, &error), STATUS_OK);
    assert_int_equal(rename(path, away), 0);
    assert_moved(fixture);
    snprintf(command, sizeof(command), "cp %s %s", away, path);
    assert_int_equal(system(command), 0);
    assert_moved(fixture);
    assert_int_equal(rename(away, path), 0);
    assert_stored(fixture, &todo);
    assert_int_equal(store_heartbeat(fixture->store, &error), STATUS_OK);
}

int main(int argument_count, char **arguments)
{
    if (argument_count == 2 && strcmp(arguments[0], "holder") == 0)
        return hold_lock(arguments[1]);
    const struct CMUnitTest tests[] = {
        ON_EMPTY_STORE(test_rows_outside_the_rules_are_kept_out),
        ON_EMPTY_STORE(test_columns_have_the_limits_of_their_fields),
        ON_EMPTY_STORE(test_a_row_that_breaks_a_rule_stops_an_insert_with_its_name),
        ON_EMPTY_STORE(test_a_row_with_bad_text_is_named_by_a_get_and_passed_over_by_a_list),
        ON_EMPTY_STORE(test_every_read_goes_by_an_index),
        ON_EMPTY_STORE(test_the_file_is_in_wal_mode_and_for_owner_and_group_only),
        ON_EMPTY_STORE(test_a_lock_held_elsewhere_stops_writes_in_time_and_no_reads),
        ON_EMPTY_STORE(test_a_stopped_process_that_holds_the_lock_is_named_once),
        cmocka_unit_test(test_a_failed_commit_is_void_only_if_it_found_a_lock),
        ON_EMPTY_STORE(test_a_read_ends_when_its_time_is_up),
        ON_EMPTY_STORE(test_a_file_from_a_newer_program_is_refused),
        ON_EMPTY_STORE(test_a_file_that_is_no_database_is_left_alone),
        ON_EMPTY_STORE(test_a_folder_that_comes_later_is_a_store_that_comes_back),
        ON_EMPTY_STORE(test_a_file_that_was_moved_away_is_a_store_that_is_away),
        ON_EMPTY_STORE(test_what_root_makes_belongs_to_the_folders_owner),
        cmocka_unit_test(test_what_can_not_be_opened_says_why),
        ON_EMPTY_STORE(test_a_full_disk_is_told_by_each_write_and_by_the_heartbeat),
        ON_EMPTY_STORE(test_processes_may_make_and_fill_one_file_at_once),
    };
    return fixture_run_on_sqlite("store, SQLite alone", tests, sizeof(tests) / sizeof(tests[0]));
}
