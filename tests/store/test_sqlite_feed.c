/* SPDX-License-Identifier: MIT */
/* The feed of SQLite: which changes it tells, in which order, and when a place is no good any more. */
#include <setjmp.h>
#include <sqlite3.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/clock.h"
#include "fixture.h"
#include "store/feed.h"

static struct feed_place last_of(const struct fixture *fixture)
{
    struct feed_place last;
    struct error error = {0};
    if (store_feed_last(fixture->store, &last, &error) != STATUS_OK)
        fail_msg("%s", error.text);
    return last;
}

static enum status read_after(const struct fixture *fixture, struct feed_place after, struct feed_rows *rows)
{
    struct error error;
    return store_feed_read(fixture->store, &after, rows, &error);
}

/* What a shell does. */
static void shell(const struct fixture *fixture, const char *sql)
{
    sqlite3 *db;
    assert_int_equal(sqlite3_open(fixture->uri + strlen("sqlite:"), &db), SQLITE_OK);
    if (sqlite3_exec(db, sql, NULL, NULL, NULL) != SQLITE_OK)
        fail_msg("%s: %s", sql, sqlite3_errmsg(db));
    sqlite3_close(db);
}

/* "+t1 *t1 -t1": which todos were created, updated and deleted behind the place, each with the next number. */
static void assert_told(const struct fixture *fixture, struct feed_place after, const char *want)
{
    static const char marks[] = {[FEED_START] = '!', [FEED_CREATED] = '+', [FEED_UPDATED] = '*', [FEED_DELETED] = '-'};
    char text[512] = "";
    struct feed_rows rows;
    assert_int_equal(read_after(fixture, after, &rows), STATUS_OK);
    for (size_t i = 0; i < rows.count; i++) {
        assert_int_equal(rows.items[i].place.seq, after.seq + 1 + (int64_t)i);
        size_t len = strlen(text);
        snprintf(text + len, sizeof(text) - len, "%s%c%s", i > 0 ? " " : "", marks[rows.items[i].kind],
                 rows.items[i].id);
    }
    assert_string_equal(text, want);
}

static enum status change(struct fixture *fixture, enum store_change_kind kind, const struct todo *todo)
{
    struct store_changed changed;
    const struct store_change call = {
        .kind = kind, .fields = TODO_WRITE_FIELDS, .todo = todo, .condition = {.unmodified_since_s = -1}};
    return store_change(fixture->store, &call, &fixture->arena, &changed, NULL);
}

static void test_each_change_is_told_once_in_its_order(void **state)
{
    struct fixture *fixture = *state;
    struct feed_place start = last_of(fixture);
    struct todo one = fixture_todo(&fixture->arena, 1), two = fixture_todo(&fixture->arena, 2);
    enum status result;
    assert_int_equal(store_insert(fixture->store, &one, NULL, NULL), STATUS_OK);
    assert_int_equal(change(fixture, STORE_MERGE, &one), STATUS_OK); /* changes nothing */
    one.name = SLICE("other");
    assert_int_equal(change(fixture, STORE_MERGE, &one), STATUS_OK);
    assert_int_equal(change(fixture, STORE_REPLACE, &two), STATUS_OK); /* creates it */
    assert_int_equal(change(fixture, STORE_DELETE, &one), STATUS_OK);
    assert_int_equal(change(fixture, STORE_DELETE, &one), STATUS_NOT_FOUND);
    two.life++;
    assert_int_equal(store_insert(fixture->store, &two, NULL, NULL), STATUS_EXISTS);
    assert_int_equal(store_load(fixture->store, &two, 1, STORE_LOAD_UPSERT, &result, NULL), STATUS_OK);
    assert_told(fixture, start, "+t1 *t1 +t2 -t1 *t2");
}

static void test_a_row_names_the_state_that_the_change_made(void **state)
{
    struct fixture *fixture = *state;
    struct feed_rows rows;
    struct feed_place start = last_of(fixture);
    struct todo todo = fixture_todo(&fixture->arena, 1);
    assert_int_equal(store_insert(fixture->store, &todo, NULL, NULL), STATUS_OK);
    shell(fixture, "UPDATE todos SET v = 7, life = 0; DELETE FROM todos");
    assert_int_equal(read_after(fixture, start, &rows), STATUS_OK);
    assert_int_equal(rows.count, 3);
    assert_int_equal(rows.items[0].v, 1);
    assert_int_equal(rows.items[0].life, todo.life);
    assert_int_equal(rows.items[1].v, 7);
    assert_int_equal(rows.items[1].life, todo.created_at_ms);
    assert_int_equal(rows.items[2].v, 0);
}

static void test_changes_by_others_are_told(void **state)
{
    struct fixture *fixture = *state;
    struct feed_place start = last_of(fixture);
    shell(fixture, "INSERT INTO todos (id, name, created_at, updated_at) VALUES ('a', 'a', 1, 1), ('b', 'b', 1, 1);"
                   "UPDATE todos SET id = 'c' WHERE id = 'a'; UPDATE todos SET done = 1; DELETE FROM todos");
    assert_told(fixture, start, "+a +b -a +c *b *c -b -c");
}

static void test_what_a_group_takes_back_leaves_no_row_and_no_gap(void **state)
{
    struct fixture *fixture = *state;
    struct feed_place start = last_of(fixture);
    struct error error = {0};
    struct todo todos[3];
    enum status results[3];
    assert_int_equal(store_group_begin(fixture->store, clock_monotonic_ms(), &error), STATUS_OK);
    for (unsigned i = 0; i < 3; i++)
        todos[i] = fixture_todo(&fixture->arena, i);
    todos[2].v = 0; /* breaks a rule, and takes the two before it back */
    assert_int_equal(store_load(fixture->store, todos, 3, STORE_LOAD_INSERT, results, NULL), STATUS_INVALID);
    assert_int_equal(store_insert(fixture->store, &todos[1], NULL, NULL), STATUS_OK);
    assert_int_equal(store_group_end(fixture->store, &error), STATUS_OK);
    assert_told(fixture, start, "+t1");
}

static void test_a_place_of_another_history_is_refused(void **state)
{
    struct fixture *fixture = *state;
    struct feed_rows rows;
    struct todo todo = fixture_todo(&fixture->arena, 1);
    assert_int_equal(store_insert(fixture->store, &todo, NULL, NULL), STATUS_OK);
    struct feed_place last = last_of(fixture);
    assert_int_equal(read_after(fixture, last, &rows), STATUS_OK);
    assert_int_equal(read_after(fixture, (struct feed_place){last.seq, last.mark + 1}, &rows), STATUS_NOT_FOUND);
    assert_int_equal(read_after(fixture, (struct feed_place){last.seq + 1, last.mark}, &rows), STATUS_NOT_FOUND);
    /* A backup is put back, and the same number comes again. */
    shell(fixture, "DELETE FROM changes WHERE seq > 1; UPDATE todos SET done = 1");
    assert_int_equal(last_of(fixture).seq, last.seq);
    assert_int_equal(read_after(fixture, last, &rows), STATUS_NOT_FOUND);
}

static void test_a_gap_ends_what_is_told(void **state)
{
    struct fixture *fixture = *state;
    struct feed_place start = last_of(fixture);
    struct feed_rows rows;
    for (unsigned i = 0; i < 4; i++) {
        struct todo todo = fixture_todo(&fixture->arena, i);
        assert_int_equal(store_insert(fixture->store, &todo, NULL, NULL), STATUS_OK);
    }
    shell(fixture, "DELETE FROM changes WHERE seq = 4");
    assert_int_equal(read_after(fixture, start, &rows), STATUS_OK);
    assert_int_equal(rows.count, 2);
    assert_int_equal(read_after(fixture, rows.items[1].place, &rows), STATUS_NOT_FOUND);
}

static void test_a_page_is_bounded_and_goes_on(void **state)
{
    struct fixture *fixture = *state;
    struct feed_rows rows;
    struct feed_place after = last_of(fixture);
    shell(fixture, "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 450)"
                   " INSERT INTO todos (id, name, created_at, updated_at) SELECT 'n' || i, 'n', i, i FROM n");
    size_t count = 0;
    do {
        assert_int_equal(read_after(fixture, after, &rows), STATUS_OK);
        for (size_t i = 0; i < rows.count; i++) {
            char id[16];
            snprintf(id, sizeof(id), "n%zu", ++count);
            assert_string_equal(rows.items[i].id, id);
        }
        after = rows.count > 0 ? rows.items[rows.count - 1].place : after;
    } while (rows.more);
    assert_int_equal(count, 450);
}

static void test_the_oldest_rows_go(void **state)
{
    struct fixture *fixture = *state;
    struct feed_rows rows;
    struct feed_place start = last_of(fixture), late;
    shell(fixture,
          "INSERT INTO changes SELECT 2000, 7, 2, 'x', 1, 1; UPDATE changes SET seq = 100500 WHERE seq = 2000");
    late = (struct feed_place){100500, 7};
    shell(fixture, "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 600)"
                   " INSERT INTO todos (id, name, created_at, updated_at) SELECT 'n' || i, 'n', i, i FROM n");
    assert_int_equal(read_after(fixture, start, &rows), STATUS_NOT_FOUND);
    assert_int_equal(read_after(fixture, late, &rows), STATUS_OK);
}

#define ON_EMPTY_STORE(test) cmocka_unit_test_setup_teardown(test, fixture_setup_made, fixture_teardown)

/* The file is there before a shell opens it. */
static int fixture_setup_made(void **state)
{
    fixture_setup(state);
    (void)last_of(*state);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        ON_EMPTY_STORE(test_each_change_is_told_once_in_its_order),
        ON_EMPTY_STORE(test_a_row_names_the_state_that_the_change_made),
        ON_EMPTY_STORE(test_changes_by_others_are_told),
        ON_EMPTY_STORE(test_what_a_group_takes_back_leaves_no_row_and_no_gap),
        ON_EMPTY_STORE(test_a_place_of_another_history_is_refused),
        ON_EMPTY_STORE(test_a_gap_ends_what_is_told),
        ON_EMPTY_STORE(test_a_page_is_bounded_and_goes_on),
        ON_EMPTY_STORE(test_the_oldest_rows_go),
    };
    return fixture_run_on_sqlite("store, the feed of SQLite", tests, sizeof(tests) / sizeof(tests[0]));
}
