/* SPDX-License-Identifier: MIT */
/*
 * Lists, on whichever store the suite runs: order, filter, the end of a page, and the promise of a keyset cursor, that
 * who walks from page to page meets each row that was there all the time exactly once, whatever is inserted meanwhile.
 *
 * Four todos share each moment (fixture_todo), so that every page edge may fall between rows of the same time.
 */
#include "test_store_lists.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "fixture.h"

enum {
    ROW_COUNT = 157,
    INSERT_MAX = 300, /* a store that reads slower than it inserts must get to an end */
};

static void insert_rows(struct fixture *fixture, unsigned count)
{
    struct todo *todos = arena_alloc(&fixture->arena, count * sizeof(*todos));
    enum status *results = arena_alloc(&fixture->arena, count * sizeof(*results));
    struct error error = {0};
    for (unsigned i = 0; i < count; i++)
        todos[i] = fixture_todo(&fixture->arena, (i * 37) % count); /* not in the list's order */
    if (store_load(fixture->store, todos, count, STORE_LOAD_INSERT, results, &error) != STATUS_OK)
        fail_msg("%s", error.text);
    for (unsigned i = 0; i < count; i++)
        assert_int_equal(results[i], STATUS_OK);
}

static struct store_page list(struct fixture *fixture, const struct store_query *query)
{
    struct store_page page;
    struct error error = {0};
    if (store_list(fixture->store, query, &fixture->arena, &page, &error) != STATUS_OK)
        fail_msg("%s", error.text);
    return page;
}

static void go_on_behind(struct store_query *query, const struct todo *todo)
{
    query->has_after = true;
    query->after.created_at_ms = todo->created_at_ms;
    snprintf(query->after.id, sizeof(query->after.id), "%s", todo->id);
}

static int compare_places(const struct todo *a, const struct todo *b)
{
    if (a->created_at_ms != b->created_at_ms)
        return a->created_at_ms < b->created_at_ms ? -1 : 1;
    return strcmp(a->id, b->id);
}

/* Walks all pages; counts how often each t<number> below count came; every step must keep the order. */
static unsigned walk(struct fixture *fixture, struct store_query query, unsigned *seen, unsigned count)
{
    unsigned total = 0;
    struct todo last;
    struct store_page page;
    do {
        page = list(fixture, &query);
        for (size_t i = 0; i < page.count; i++, total++) {
            const struct todo *todo = &page.todos[i];
            unsigned long number = strtoul(todo->id + 1, NULL, 10);
            int order = total > 0 ? compare_places(&last, todo) : 0;
            assert_true(total == 0 || (query.ascending ? order < 0 : order > 0));
            if (todo->id[0] == 't' && number < count)
                seen[number]++;
            last = *todo;
        }
        if (page.count > 0)
            go_on_behind(&query, &last);
        assert_true(!page.more || page.count == query.limit);
    } while (page.more);
    return total;
}

void test_lists_go_both_ways_by_time_then_id(void **state)
{
    struct fixture *fixture = *state;
    insert_rows(fixture, ROW_COUNT);
    static const uint32_t limits[] = {1, 3, 4, 5, 50, 156, 157, 200};
    for (size_t i = 0; i < 2 * sizeof(limits) / sizeof(limits[0]); i++) {
        unsigned seen[ROW_COUNT] = {0};
        struct store_query query = {.limit = limits[i / 2], .ascending = i % 2 == 0};
        assert_int_equal(walk(fixture, query, seen, ROW_COUNT), ROW_COUNT);
        for (unsigned number = 0; number < ROW_COUNT; number++)
            assert_int_equal(seen[number], 1);
    }
}

void test_a_list_may_be_of_done_or_open_todos_only(void **state)
{
    struct fixture *fixture = *state;
    insert_rows(fixture, ROW_COUNT);
    for (unsigned i = 0; i < 4; i++) {
        unsigned seen[ROW_COUNT] = {0};
        bool done = i / 2;
        struct store_query query = {.limit = 7, .ascending = i % 2, .done = done ? STORE_DONE_YES : STORE_DONE_NO};
        walk(fixture, query, seen, ROW_COUNT);
        for (unsigned number = 0; number < ROW_COUNT; number++)
            assert_int_equal(seen[number], (number % 3 == 0) == done);
    }
}

void test_a_full_page_says_whether_there_is_more(void **state)
{
    struct fixture *fixture = *state;
    insert_rows(fixture, 10);
    struct store_query query = {.limit = 10};
    struct store_page page = list(fixture, &query);
    assert_int_equal(page.count, 10);
    assert_false(page.more);
    query.limit = 9;
    page = list(fixture, &query);
    assert_int_equal(page.count, 9);
    assert_true(page.more);
    go_on_behind(&query, &page.todos[8]);
    page = list(fixture, &query);
    assert_int_equal(page.count, 1);
    assert_false(page.more);
    go_on_behind(&query, &page.todos[0]);
    page = list(fixture, &query);
    assert_int_equal(page.count, 0);
    assert_false(page.more);
}

void test_an_empty_store_has_an_empty_page(void **state)
{
    struct fixture *fixture = *state;
    struct store_query query = {.limit = 5};
    struct store_page page = list(fixture, &query);
    assert_int_equal(page.count, 0);
    assert_false(page.more);
}

struct inserter {
    struct store *store;
    atomic_bool stop;
    atomic_uint inserted_count;
    atomic_uint failed_count;
};

/* New rows everywhere: before, among and behind those that are walked over. */
static void *insert_until_told(void *ctx)
{
    struct inserter *inserter = ctx;
    struct arena arena;
    arena_init(&arena);
    for (unsigned number = 0; number < INSERT_MAX && !atomic_load(&inserter->stop); number++) {
        struct todo todo = fixture_todo(&arena, number % 400);
        snprintf(todo.id, sizeof(todo.id), "n%u", number);
        if (store_insert(inserter->store, &todo, NULL, NULL) == STATUS_OK)
            inserter->inserted_count++;
        else
            inserter->failed_count++;
        arena_reset(&arena);
        usleep(2000);
    }
    arena_fini(&arena);
    return NULL;
}

void test_pages_show_each_row_once_while_rows_are_inserted(void **state)
{
    struct fixture *fixture = *state;
    insert_rows(fixture, ROW_COUNT);
    struct inserter inserter = {.store = fixture->store};
    pthread_t thread;
    assert_int_equal(pthread_create(&thread, NULL, insert_until_told, &inserter), 0);
    unsigned worst = 1;
    /* At least three times each way, and on until inserts have come in between. */
    for (unsigned i = 0; i < 6 || (inserter.inserted_count < 30 && inserter.failed_count == 0); i++) {
        unsigned seen[ROW_COUNT] = {0};
        struct store_query query = {.limit = 5, .ascending = i % 2};
        walk(fixture, query, seen, ROW_COUNT);
        for (unsigned number = 0; number < ROW_COUNT; number++)
            worst = seen[number] == 1 ? worst : seen[number];
    }
    atomic_store(&inserter.stop, true);
    pthread_join(thread, NULL);
    assert_int_equal(worst, 1);
    assert_true(inserter.inserted_count > 0);
    assert_int_equal(inserter.failed_count, 0);
}
