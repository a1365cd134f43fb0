/* SPDX-License-Identifier: MIT */
/* Conformance: purges, as store.h promises them. Sequences run over several tokens, as they do when one call is cut up. */
#include "test_store_purges.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/clock.h"
#include "fixture.h"

#define HERE  "varnish+http://127.0.0.1:6081"
#define THERE "https://cdn.example/purge"

static struct store_purge purge_of(unsigned token, uint32_t sequence, const char *url, int64_t due_at_ms)
{
    struct store_purge purge = {.sequence = sequence, .url = url, .keys = "todo-1 todos", .due_at_ms = due_at_ms};
    snprintf(purge.token.text, sizeof(purge.token.text), "%032u", token);
    return purge;
}

static void assert_purges(struct fixture *fixture, const struct store_purge_query *query,
                          const struct store_purge *wanted, size_t count)
{
    struct store_purge got[8];
    size_t got_count;
    struct error error = {0};
    assert_int_equal(store_purge_list(fixture->store, query, &fixture->arena, got, &got_count, &error), STATUS_OK);
    assert_int_equal(got_count, count);
    for (size_t i = 0; i < count; i++) {
        assert_string_equal(got[i].token.text, wanted[i].token.text);
        assert_int_equal(got[i].sequence, wanted[i].sequence);
        assert_string_equal(got[i].url, wanted[i].url);
        assert_string_equal(got[i].keys, wanted[i].keys);
        assert_int_equal(got[i].due_at_ms, wanted[i].due_at_ms);
    }
}

void test_purges_are_listed_by_url_when_they_are_due(void **state)
{
    struct fixture *fixture = *state;
    int64_t now_ms = clock_wall_ms();
    struct store_purge purges[] = {purge_of(9, 0, HERE, now_ms - 2000), purge_of(5, 0, HERE, now_ms - 1000),
                                   purge_of(5, 1, HERE, now_ms), purge_of(7, 0, THERE, now_ms - 3000),
                                   purge_of(8, 0, HERE, now_ms + 1000)};
    assert_int_equal(store_purge_put(fixture->store, purges, 5, NULL), STATUS_OK);
    assert_purges(fixture, &(struct store_purge_query){HERE, now_ms, 8}, purges, 3);
    assert_purges(fixture, &(struct store_purge_query){HERE, now_ms, 2}, purges, 2);
    assert_purges(fixture, &(struct store_purge_query){THERE, now_ms, 8}, &purges[3], 1);
    assert_purges(fixture, &(struct store_purge_query){HERE, now_ms - 2001, 8}, NULL, 0);
    assert_purges(fixture, &(struct store_purge_query){"varnish+http://127.0.0.1:60", now_ms, 8}, NULL, 0);
}

void test_a_purge_that_is_put_again_is_replaced(void **state)
{
    struct fixture *fixture = *state;
    int64_t now_ms = clock_wall_ms();
    struct store_purge purge = purge_of(1, 4, HERE, now_ms);
    assert_int_equal(store_purge_put(fixture->store, &purge, 1, NULL), STATUS_OK);
    purge.keys = "all";
    purge.due_at_ms--;
    assert_int_equal(store_purge_put(fixture->store, &purge, 1, NULL), STATUS_OK);
    assert_purges(fixture, &(struct store_purge_query){HERE, now_ms, 8}, &purge, 1);
}

void test_purges_are_removed_by_token_and_sequence(void **state)
{
    struct fixture *fixture = *state;
    int64_t now_ms = clock_wall_ms();
    struct store_purge purges[] = {purge_of(1, 0, HERE, now_ms - 3), purge_of(1, 1, HERE, now_ms - 2),
                                   purge_of(2, 0, HERE, now_ms - 1)};
    struct store_purge gone[] = {purge_of(1, 1, NULL, 0), purge_of(3, 0, NULL, 0)};
    struct store_purge left[] = {purges[0], purges[2]};
    assert_int_equal(store_purge_put(fixture->store, purges, 3, NULL), STATUS_OK);
    assert_int_equal(store_purge_remove(fixture->store, gone, 2, NULL), STATUS_OK);
    assert_purges(fixture, &(struct store_purge_query){HERE, now_ms, 8}, left, 2);
    assert_int_equal(store_purge_remove(fixture->store, left, 2, NULL), STATUS_OK);
    assert_int_equal(store_purge_remove(fixture->store, left, 2, NULL), STATUS_OK);
    assert_purges(fixture, &(struct store_purge_query){HERE, now_ms, 8}, NULL, 0);
}

void test_a_purge_holds_as_many_keys_as_the_rules_allow(void **state)
{
    struct fixture *fixture = *state;
    int64_t now_ms = clock_wall_ms();
    char keys[STORE_PURGE_KEYS_MAX + 1];
    struct store_purge purge = purge_of(1, UINT32_MAX, HERE, now_ms);
    memset(keys, 'k', STORE_PURGE_KEYS_MAX);
    keys[STORE_PURGE_KEYS_MAX] = '\0';
    purge.keys = keys;
    assert_int_equal(store_purge_put(fixture->store, &purge, 1, NULL), STATUS_OK);
    assert_purges(fixture, &(struct store_purge_query){HERE, now_ms, 1}, &purge, 1);
}
