/* SPDX-License-Identifier: MIT */
/*
 * What only SQLite does to changes and kept answers: a file of an older version that is brought up in place, expired rows
 * that nobody else deletes, rows that foreign programs wrote, and rivals that are processes.
 *
 * STORE_TEST_DIR is where version-1.sql lies; tests/store/local.mk sets it.
 */
#include <setjmp.h>
#include <sqlite3.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/random.h"
#include "fixture.h"
#include "store/sqlite_sql.h"

static const char *path_of(const struct fixture *fixture)
{
    return fixture->uri + strlen("sqlite:");
}

static sqlite3 *foreign_open(const struct fixture *fixture)
{
    sqlite3 *db;
    assert_int_equal(sqlite3_open(path_of(fixture), &db), SQLITE_OK);
    return db;
}

static void run(sqlite3 *db, const char *sql)
{
    char *reason = NULL;
    if (sqlite3_exec(db, sql, NULL, NULL, &reason) != SQLITE_OK)
        fail_msg("%s: %s", sql, reason);
}

static int64_t ask(const struct fixture *fixture, const char *sql)
{
    sqlite3 *db = foreign_open(fixture);
    sqlite3_stmt *statement;
    assert_int_equal(sqlite3_prepare_v2(db, sql, -1, &statement, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_step(statement), SQLITE_ROW);
    int64_t number = sqlite3_column_int64(statement, 0);
    sqlite3_finalize(statement);
    sqlite3_close(db);
    return number;
}

/* All SQL that the tables and indexes were made by, in the order of their names. */
static void schema_read(const struct fixture *fixture, struct buf *schema)
{
    sqlite3 *db = foreign_open(fixture);
    sqlite3_stmt *statement;
    assert_int_equal(
        sqlite3_prepare_v2(db, "SELECT sql FROM sqlite_schema WHERE sql NOT NULL ORDER BY name", -1, &statement, NULL),
        SQLITE_OK);
    while (sqlite3_step(statement) == SQLITE_ROW) {
        buf_append_text(schema, (const char *)sqlite3_column_text(statement, 0));
        buf_append_char(schema, '\n');
    }
    sqlite3_finalize(statement);
    sqlite3_close(db);
}

/* The fixture's URI is then that of a file of the first version, which is open nowhere. */
static void make_old_file(struct fixture *fixture)
{
    char sql[16384];
    strcat(fixture->uri, ".old");
    FILE *file = fopen(STORE_TEST_DIR "/version-1.sql", "r");
    assert_non_null(file);
    size_t len = fread(sql, 1, sizeof(sql) - 1, file);
    assert_true(feof(file));
    sql[len] = '\0';
    fclose(file);
    sqlite3 *db = foreign_open(fixture);
    run(db, sql);
    sqlite3_close(db);
}

static struct todo kept_todo(void)
{
    return (struct todo){.id = "kept",
                         .name = SLICE("an old name"),
                         .description = SLICE("an old description"),
                         .done = true,
                         .v = 7,
                         .life = INT64_C(1600000000000), /* it was stored without one */
                         .created_at_ms = INT64_C(1600000000000),
                         .updated_at_ms = INT64_C(1600000000001)};
}

static struct store_answer request(const char *key)
{
    struct store_answer answer = {.fingerprint = "f",
                                  .id = "an-id",
                                  .deadline_at_ms = clock_wall_ms() + 60000,
                                  .expires_at_ms = clock_wall_ms() + 60000};
    snprintf(answer.key, sizeof(answer.key), "%s", key);
    return answer;
}

static void test_a_file_of_the_first_version_is_brought_up_in_place(void **state)
{
    struct fixture *fixture = *state;
    struct todo kept = kept_todo();
    struct store_fence fence;
    struct store_meta meta;
    size_t count;
    struct buf fresh, upgraded;
    buf_init(&fresh);
    buf_init(&upgraded);
    schema_read(fixture, &fresh);
    store_close(fixture->store);
    make_old_file(fixture);
    assert_int_equal(ask(fixture, "PRAGMA user_version"), 1);
    fixture->store = fixture_open(fixture, FIXTURE_TIMEOUT_MS);
    assert_int_equal(ask(fixture, "PRAGMA user_version"), SQLITE_TODOS.version);
    schema_read(fixture, &upgraded);
    assert_string_equal(upgraded.data, fresh.data);
    assert_stored(fixture, &kept);
    assert_int_equal(store_outbox_list(fixture->store, NULL, &fence, 1, &count, NULL), STATUS_OK);
    assert_int_equal(count, 1);
    assert_string_equal(fence.token.text, "0123456789abcdef0123456789abcdef");
    assert_int_equal(store_meta_get(fixture->store, &meta, NULL), STATUS_OK);
    assert_int_equal(meta.epoch, 9);
    assert_int_equal(meta.beat, 0);
    bool swapped;
    struct slice slots;
    const struct store_meta next = {.epoch = 10, .beat = 10};
    assert_int_equal(store_slots_get(fixture->store, &fixture->arena, &meta, &slots, NULL), STATUS_OK);
    assert_string_equal(slots.data, "");
    assert_int_equal(store_slots_swap(fixture->store, &meta, &next, SLICE("10\n"), &swapped, NULL), STATUS_OK);
    assert_true(swapped);
    assert_int_equal(store_slots_get(fixture->store, &fixture->arena, &meta, &slots, NULL), STATUS_OK);
    assert_string_equal(slots.data, "10\n");
    struct store_answer answer = request("k");
    assert_int_equal(store_answer_begin(fixture->store, &answer, &fixture->arena, NULL), STATUS_OK);
    buf_fini(&fresh);
    buf_fini(&upgraded);
}

enum { PROCESS_COUNT = 4 };

/* Runs work in processes of its own, all at once; each must end with 0 or more wins, which are added up. */
static unsigned processes_run(const struct fixture *fixture, int (*work)(const char *uri))
{
    pid_t children[PROCESS_COUNT];
    unsigned sum = 0;
    for (unsigned i = 0; i < PROCESS_COUNT; i++) {
        children[i] = fork();
        if (children[i] == 0)
            _exit(work(fixture->uri));
    }
    for (unsigned i = 0; i < PROCESS_COUNT; i++) {
        int ended;
        assert_int_equal(waitpid(children[i], &ended, 0), children[i]);
        assert_true(WIFEXITED(ended) && WEXITSTATUS(ended) < 255);
        sum += (unsigned)WEXITSTATUS(ended);
    }
    return sum;
}

static struct store *open_in_process(const char *uri)
{
    struct store *store;
    struct error error = {0};
    struct store_options options = {.uri = uri, .timeout_ms = 20000, .concurrency = 2};
    if (store_open(&store, &options, &error) != STATUS_OK || store_prepare(store, &error) != STATUS_OK) {
        print_error("%s\n", error.text);
        _exit(255);
    }
    return store;
}

static int open_and_read(const char *uri)
{
    struct store *store = open_in_process(uri);
    struct arena arena;
    struct todo todo;
    arena_init(&arena);
    return store_get(store, "kept", &arena, &todo, NULL) == STATUS_OK ? 0 : 255;
}

static void test_processes_may_bring_up_one_file_at_once(void **state)
{
    struct fixture *fixture = *state;
    store_close(fixture->store); /* no connection may live through a fork */
    make_old_file(fixture);
    processes_run(fixture, open_and_read);
    assert_int_equal(ask(fixture, "PRAGMA user_version"), SQLITE_TODOS.version);
    fixture->store = fixture_open(fixture, FIXTURE_TIMEOUT_MS);
}

enum { LAST_V = 120 };

/* Changes the version that it has just read, until the last; returns how often that went through. */
static int change_what_was_read(const char *uri)
{
    struct store *store = open_in_process(uri);
    struct arena arena;
    struct store_changed changed;
    struct todo todo = {.v = 0};
    int won_count = 0;
    arena_init(&arena);
    for (;;) {
        if (store_get(store, "kept", &arena, &todo, NULL) != STATUS_OK || todo.v >= LAST_V)
            break;
        struct store_version version = {.v = todo.v, .life = todo.life};
        struct store_change change = {
            .kind = STORE_REPLACE,
            .todo = &todo,
            .condition = {.match = {.given = true, .items = &version, .count = 1}, .unmodified_since_s = -1}};
        enum status status = store_change(store, &change, &arena, &changed, NULL);
        if (status != STATUS_OK && status != STATUS_MISMATCH)
            return 255;
        won_count += status == STATUS_OK;
    }
    store_close(store);
    arena_fini(&arena);
    return won_count;
}

static void test_of_processes_that_change_one_version_one_does(void **state)
{
    struct fixture *fixture = *state;
    struct todo todo = kept_todo();
    assert_int_equal(store_insert(fixture->store, &todo, NULL, NULL), STATUS_OK);
    store_close(fixture->store);
    assert_int_equal(processes_run(fixture, change_what_was_read), LAST_V - todo.v);
    fixture->store = fixture_open(fixture, FIXTURE_TIMEOUT_MS);
    todo.v = LAST_V;
    assert_stored(fixture, &todo);
}

/* By its tag, which an older version of this program made: of v and created_at. */
static enum status change_by_tag(struct fixture *fixture, enum store_change_kind kind, int64_t v, int64_t created_at_ms)
{
    struct todo kept = kept_todo();
    struct store_version version = {.v = v, .life = created_at_ms};
    struct store_change change = {
        .kind = kind,
        .todo = &kept,
        .condition = {.match = {.given = true, .items = &version, .count = 1}, .unmodified_since_s = -1}};
    struct store_changed changed;
    return store_change(fixture->store, &change, &fixture->arena, &changed, NULL);
}

static void test_an_old_tag_matches_an_old_row_and_no_later_life(void **state)
{
    struct fixture *fixture = *state;
    const int64_t born_ms = kept_todo().created_at_ms;
    store_close(fixture->store);
    make_old_file(fixture);
    fixture->store = fixture_open(fixture, FIXTURE_TIMEOUT_MS);
    assert_int_equal(change_by_tag(fixture, STORE_REPLACE, 7, born_ms + 1), STATUS_MISMATCH);
    assert_int_equal(change_by_tag(fixture, STORE_REPLACE, 7, born_ms), STATUS_OK);
    assert_int_equal(change_by_tag(fixture, STORE_REPLACE, 7, born_ms), STATUS_MISMATCH);
    assert_int_equal(change_by_tag(fixture, STORE_DELETE, 8, born_ms), STATUS_OK);
    struct todo again = kept_todo();
    again.life = life_new();
    assert_int_equal(store_insert(fixture->store, &again, NULL, NULL), STATUS_OK);
    assert_int_equal(change_by_tag(fixture, STORE_DELETE, 7, born_ms), STATUS_MISMATCH);
    assert_stored(fixture, &again);
}

static void test_a_request_of_an_older_version_knows_its_todo_by_the_time(void **state)
{
    struct fixture *fixture = *state;
    struct store_answer first = request("k"), second = request("k");
    first.created_at_ms = 1600000000000;
    first.deadline_at_ms = 0;
    assert_int_equal(store_answer_begin(fixture->store, &first, &fixture->arena, NULL), STATUS_OK);
    sqlite3 *db = foreign_open(fixture);
    run(db, "UPDATE answers SET life = 0, id = 'kept'; INSERT INTO todos (id, name, created_at, updated_at)"
            " VALUES ('kept', 'n', 1600000000000, 1600000000000)");
    sqlite3_close(db);
    assert_int_equal(store_answer_begin(fixture->store, &second, &fixture->arena, NULL), STATUS_OK);
    assert_int_equal(second.life, first.created_at_ms);
    struct todo todo = {.name = SLICE("n"), .description = SLICE(""), .v = 1, .life = second.life};
    todo_set_id(&todo, SLICE("kept"));
    todo.created_at_ms = todo.updated_at_ms = second.created_at_ms;
    assert_int_equal(store_insert(fixture->store, &todo, &second, NULL), STATUS_OK); /* it is its own */
}

static void test_a_begin_deletes_some_expired_answers_by_their_index(void **state)
{
    struct fixture *fixture = *state;
    sqlite3 *db = foreign_open(fixture);
    run(db, "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 20)"
            " INSERT INTO answers (key, fingerprint, id, created_at, deadline_at, expires_at, http_status, body, etag)"
            " SELECT 'old-' || i, 'f', 'x', 0, 0, i, 201, '{}', '' FROM n");
    sqlite3_close(db);
    static const int64_t left[] = {12, 4, 0, 0};
    for (unsigned i = 0; i < 4; i++) {
        char key[16];
        snprintf(key, sizeof(key), "new-%u", i);
        struct store_answer answer = request(key);
        assert_int_equal(store_answer_begin(fixture->store, &answer, &fixture->arena, NULL), STATUS_OK);
        assert_int_equal(ask(fixture, "SELECT count(*) FROM answers WHERE key LIKE 'old-%'"), left[i]);
        assert_int_equal(ask(fixture, "SELECT count(*) FROM answers WHERE key LIKE 'new-%'"), i + 1);
    }
    char sql[512];
    snprintf(sql, sizeof(sql), "EXPLAIN QUERY PLAN %s", SQLITE_SQL[SQL_ANSWER_SWEEP]);
    db = foreign_open(fixture);
    sqlite3_stmt *plan;
    bool by_index = false;
    assert_int_equal(sqlite3_prepare_v2(db, sql, -1, &plan, NULL), SQLITE_OK);
    while (sqlite3_step(plan) == SQLITE_ROW) {
        const char *detail = (const char *)sqlite3_column_text(plan, 3);
        by_index |= strstr(detail, "answers_by_expiry (expires_at<?)") != NULL;
        assert_null(strstr(detail, "SCAN"));
    }
    assert_true(by_index);
    sqlite3_finalize(plan);
    sqlite3_close(db);
}

static void test_a_row_that_can_not_be_read_is_not_changed(void **state)
{
    struct fixture *fixture = *state;
    struct todo todo = kept_todo();
    struct store_changed changed;
    struct error error = {0};
    struct store_change change = {.todo = &todo, .condition = {.unmodified_since_s = -1}};
    assert_int_equal(store_insert(fixture->store, &todo, NULL, NULL), STATUS_OK);
    sqlite3 *db = foreign_open(fixture);
    run(db, "UPDATE todos SET name = CAST(x'ff' AS TEXT)");
    sqlite3_close(db);
    for (change.kind = STORE_REPLACE; change.kind <= STORE_DELETE; change.kind++) {
        assert_int_equal(store_change(fixture->store, &change, &fixture->arena, &changed, &error), STATUS_INVALID);
        assert_non_null(strstr(error.text, "kept"));
        assert_int_equal(ask(fixture, "SELECT v FROM todos WHERE name = CAST(x'ff' AS TEXT)"), todo.v);
    }
}

static void test_a_change_that_breaks_a_rule_leaves_the_row(void **state)
{
    struct fixture *fixture = *state;
    struct todo before = kept_todo();
    struct todo values = kept_todo();
    struct store_changed changed;
    struct store_change change = {.kind = STORE_REPLACE, .todo = &values, .condition = {.unmodified_since_s = -1}};
    assert_int_equal(store_insert(fixture->store, &before, NULL, NULL), STATUS_OK);
    values.name = SLICE("");
    assert_int_equal(store_change(fixture->store, &change, &fixture->arena, &changed, NULL), STATUS_INVALID);
    assert_stored(fixture, &before);
}

#define ON_EMPTY_STORE(test) cmocka_unit_test_setup_teardown(test, fixture_setup, fixture_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        ON_EMPTY_STORE(test_a_file_of_the_first_version_is_brought_up_in_place),
        ON_EMPTY_STORE(test_processes_may_bring_up_one_file_at_once),
        ON_EMPTY_STORE(test_of_processes_that_change_one_version_one_does),
        ON_EMPTY_STORE(test_an_old_tag_matches_an_old_row_and_no_later_life),
        ON_EMPTY_STORE(test_a_request_of_an_older_version_knows_its_todo_by_the_time),
        ON_EMPTY_STORE(test_a_begin_deletes_some_expired_answers_by_their_index),
        ON_EMPTY_STORE(test_a_row_that_can_not_be_read_is_not_changed),
        ON_EMPTY_STORE(test_a_change_that_breaks_a_rule_leaves_the_row),
    };
    return fixture_run_on_sqlite("store, changes on SQLite alone", tests, sizeof(tests) / sizeof(tests[0]));
}
