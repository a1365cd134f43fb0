/* SPDX-License-Identifier: MIT */
/* The feed in MongoDB, as followers fill it: again and again, late, or anew. */
#include "test_mongo_feed.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "fixture.h"
#include "store/feed.h"

static struct store_changes changes;
static struct feed_rows rows;

static void add(const struct fixture *fixture, int64_t after_seq, const struct store_changes *what)
{
    struct error error;
    if (store_feed_add(fixture->store, after_seq, what, &error) != STATUS_OK)
        fail_msg("%s", error.text);
}

static struct feed_place last_of(const struct fixture *fixture)
{
    struct feed_place last;
    struct error error;
    if (store_feed_last(fixture->store, &last, &error) != STATUS_OK)
        fail_msg("%s", error.text);
    return last;
}

static enum status read_after(const struct fixture *fixture, struct feed_place after)
{
    struct error error;
    return store_feed_read(fixture->store, &after, &rows, &error);
}

/* A beginning, number 100, and a creation, a change and a deletion behind it. Returns the place of the beginning. */
static struct feed_place begin_feed(const struct fixture *fixture)
{
    add(fixture, 99, NULL);
    struct feed_place start = last_of(fixture);
    assert_int_equal(start.seq, 100);
    changes = (struct store_changes){.count = 3,
                                     .items = {{.id = "a", .created = true, .mark = 7, .v = 1, .life = 5},
                                               {.id = "a", .mark = 8, .v = 2},
                                               {.id = "b", .deleted = true, .mark = 9}}};
    add(fixture, 100, &changes);
    return start;
}

void test_a_row_that_is_added_twice_is_one(void **state)
{
    struct fixture *fixture = *state;
    static const enum feed_kind kinds[] = {FEED_CREATED, FEED_UPDATED, FEED_DELETED};
    struct feed_place start = begin_feed(fixture);
    add(fixture, 100, &changes);
    assert_int_equal(read_after(fixture, start), STATUS_OK);
    assert_int_equal(rows.count, 3);
    for (size_t i = 0; i < 3; i++) {
        assert_int_equal(rows.items[i].place.seq, 101 + i);
        assert_int_equal(rows.items[i].place.mark, 7 + i);
        assert_int_equal(rows.items[i].kind, kinds[i]);
        assert_string_equal(rows.items[i].id, changes.items[i].id);
    }
    assert_int_equal(rows.items[0].v, 1);
    assert_int_equal(rows.items[0].life, 5);
    assert_int_equal(read_after(fixture, rows.items[2].place), STATUS_OK);
    assert_int_equal(rows.count, 0);
    assert_int_equal(read_after(fixture, (struct feed_place){103, 10}), STATUS_NOT_FOUND);
}

void test_a_feed_that_has_not_begun_says_so(void **state)
{
    struct fixture *fixture = *state;
    struct feed_place last;
    struct error error;
    assert_int_equal(store_feed_last(fixture->store, &last, &error), STATUS_MISMATCH);
    assert_int_equal(read_after(fixture, (struct feed_place){1, 1}), STATUS_NOT_FOUND);
}

void test_a_new_history_is_beyond_what_a_late_follower_adds(void **state)
{
    struct fixture *fixture = *state;
    begin_feed(fixture);
    add(fixture, 5000, NULL);
    struct feed_place start = last_of(fixture);
    add(fixture, 103, &changes); /* it was frozen */
    assert_int_equal(last_of(fixture).seq, start.seq);
    assert_int_equal(read_after(fixture, start), STATUS_OK);
    assert_int_equal(rows.count, 0);
    assert_int_equal(read_after(fixture, (struct feed_place){106, 9}), STATUS_NOT_FOUND);
}

void test_the_feed_is_a_capped_collection(void **state)
{
    struct fixture *fixture = *state;
    begin_feed(fixture);
    add(fixture, 200, NULL); /* the collection is there already */
    assert_int_equal(fixture_mongo_run(fixture->uri, "{\"count\":\"changes\",\"query\":{}}"), 5);
    fixture_mongo_run(fixture->uri, "{\"find\":\"changes\",\"tailable\":true}"); /* fails for any other */
}
