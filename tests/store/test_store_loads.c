/* SPDX-License-Identifier: MIT */
/* Many todos in one call, on whichever store the suite runs: which of them are taken, which are our own. */
#include "test_store_loads.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/mem.h"
#include "fixture.h"
#include "tests/unit/fields.h"

void test_a_load_tells_of_each_taken_id_and_inserts_the_rest(void **state)
{
    struct fixture *fixture = *state;
    struct todo todos[6];
    enum status results[6];
    struct error error = {0};
    for (unsigned i = 0; i < 6; i++)
        todos[i] = fixture_todo(&fixture->arena, i);
    snprintf(todos[5].id, sizeof(todos[5].id), "t2"); /* twice in one batch */
    struct todo old = fixture_todo(&fixture->arena, 3);
    old.done = !old.done;
    old.life++;
    assert_int_equal(store_insert(fixture->store, &old, NULL, NULL), STATUS_OK);
    assert_int_equal(store_load(fixture->store, todos, 6, STORE_LOAD_INSERT, results, &error), STATUS_OK);
    for (unsigned i = 0; i < 6; i++)
        assert_int_equal(results[i], i == 3 || i == 5 ? STATUS_EXISTS : STATUS_OK);
    assert_stored(fixture, &todos[2]);
    assert_stored(fixture, &old);
    assert_stored(fixture, &todos[4]);
}

/* A batch may be sent again, by the load or by the driver, and meets its own rows; clients may have changed them since. */
void test_a_load_knows_the_rows_of_an_earlier_try(void **state)
{
    struct fixture *fixture = *state;
    struct todo todos[4];
    enum status results[4];
    struct error error = {0};
    for (unsigned i = 0; i < 4; i++)
        todos[i] = fixture_todo(&fixture->arena, i);
    assert_int_equal(store_load(fixture->store, todos, 2, STORE_LOAD_INSERT, results, &error), STATUS_OK);
    struct todo changed = todos[1];
    field_differ(&changed, &todos[1], TODO_WRITE_FIELDS);
    struct store_change change = {.kind = STORE_REPLACE, .todo = &changed, .condition = {.unmodified_since_s = -1}};
    struct store_changed now;
    assert_int_equal(store_change(fixture->store, &change, &fixture->arena, &now, &error), STATUS_OK);
    struct todo others = todos[2];
    others.life++;
    assert_int_equal(store_insert(fixture->store, &others, NULL, &error), STATUS_OK);
    assert_int_equal(store_load(fixture->store, todos, 4, STORE_LOAD_INSERT, results, &error), STATUS_OK);
    for (unsigned i = 0; i < 4; i++)
        assert_int_equal(results[i], i == 2 ? STATUS_EXISTS : STATUS_OK);
    assert_stored(fixture, &todos[0]);
    assert_stored(fixture, &now.todo);
    assert_stored(fixture, &others);
    assert_stored(fixture, &todos[3]);
}

void test_an_upsert_changes_what_is_there_and_inserts_the_rest(void **state)
{
    struct fixture *fixture = *state;
    struct todo todos[2] = {fixture_todo(&fixture->arena, 1), fixture_todo(&fixture->arena, 2)};
    enum status results[2];
    struct error error = {0};
    assert_int_equal(store_insert(fixture->store, &todos[0], NULL, NULL), STATUS_OK);
    struct todo changed = todos[0];
    changed.name = SLICE("new name");
    changed.description = SLICE("");
    changed.done = !changed.done;
    changed.updated_at_ms += 5;
    field_differ(&changed, &todos[0], TODO_WRITE_FIELDS);
    todos[0] = changed;
    todos[0].created_at_ms += 1000;
    assert_int_equal(store_load(fixture->store, todos, 2, STORE_LOAD_UPSERT, results, &error), STATUS_OK);
    assert_int_equal(results[0], STATUS_OK);
    assert_int_equal(results[1], STATUS_OK);
    changed.v = 2;
    assert_stored(fixture, &changed);
    assert_stored(fixture, &todos[1]);
}

static void load_all(struct fixture *fixture, const struct todo *todos, size_t count, enum store_load_mode mode,
                     enum status *results)
{
    struct error error = {0};
    if (store_load(fixture->store, todos, count, mode, results, &error) != STATUS_OK)
        fail_msg("%s", error.text);
}

void test_a_large_load_is_whole(void **state)
{
    enum { COUNT = 3000 }; /* 10 MB: more than one command to MongoDB */
    struct fixture *fixture = *state;
    struct todo *todos = mem_alloc(COUNT * sizeof(*todos));
    enum status *results = mem_alloc(COUNT * sizeof(*results));
    static char text[3401];
    memset(text, 'x', sizeof(text) - 1); /* long enough for several commands */
    for (unsigned i = 0; i < COUNT; i++) {
        todos[i] = fixture_todo(&fixture->arena, i);
        todos[i].description = slice_of(text);
    }
    load_all(fixture, todos, COUNT, STORE_LOAD_INSERT, results);
    load_all(fixture, todos, COUNT, STORE_LOAD_UPSERT, results);
    for (unsigned i = 0; i < COUNT; i += 499) {
        assert_int_equal(results[i], STATUS_OK);
        todos[i].v = 2;
        assert_stored(fixture, &todos[i]);
    }
    load_all(fixture, todos, COUNT, STORE_LOAD_INSERT, results);
    for (unsigned i = 0; i < COUNT; i++)
        assert_int_equal(results[i], STATUS_OK);
    for (unsigned i = 0; i < COUNT; i++)
        todos[i].life++;
    load_all(fixture, todos, COUNT, STORE_LOAD_INSERT, results);
    for (unsigned i = 0; i < COUNT; i++)
        assert_int_equal(results[i], STATUS_EXISTS);
    free(results);
    free(todos);
}
