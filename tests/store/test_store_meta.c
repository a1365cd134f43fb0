/* SPDX-License-Identifier: MIT */
/* Conformance: the record of the epoch, as store.h promises it: epoch, beat and slots. */
#include "test_store_meta.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/mem.h"

void test_the_epoch_begins_at_nothing_and_moves_only_from_where_it_is(void **state)
{
    struct fixture *fixture = *state;
    struct store_meta meta;
    const struct store_meta none = {0}, other = {.epoch = 5};
    struct store_meta next = {.epoch = 1, .beat = 1, .cache_run_id = "0123456789012345678901234567890123456789"};
    bool swapped;
    assert_int_equal(store_meta_get(fixture->store, &meta, NULL), STATUS_OK);
    assert_int_equal(meta.epoch, 0);
    assert_int_equal(meta.beat, 0);
    assert_string_equal(meta.cache_run_id, "");
    assert_int_equal(store_meta_swap(fixture->store, &other, &next, &swapped, NULL), STATUS_OK);
    assert_false(swapped);
    assert_int_equal(store_meta_swap(fixture->store, &none, &next, &swapped, NULL), STATUS_OK);
    assert_true(swapped);
    assert_int_equal(store_meta_swap(fixture->store, &none, &next, &swapped, NULL), STATUS_OK);
    assert_false(swapped);
    assert_int_equal(store_meta_get(fixture->store, &meta, NULL), STATUS_OK);
    assert_int_equal(meta.epoch, 1);
    assert_int_equal(meta.beat, 1);
    assert_string_equal(meta.cache_run_id, next.cache_run_id);
}

void test_the_beat_moves_only_from_where_it_is_and_holds_large_numbers(void **state)
{
    struct fixture *fixture = *state;
    struct store_meta meta;
    const struct store_meta none = {0};
    const struct store_meta first = {.epoch = INT64_MAX - 1, .beat = INT64_MAX - 3, .cache_run_id = "r"};
    const struct store_meta second = {.epoch = INT64_MAX - 1, .beat = INT64_MAX - 2, .cache_run_id = "r"};
    bool swapped;
    assert_int_equal(store_meta_swap(fixture->store, &none, &first, &swapped, NULL), STATUS_OK);
    assert_true(swapped);
    assert_int_equal(store_meta_swap(fixture->store, &second, &first, &swapped, NULL), STATUS_OK);
    assert_false(swapped); /* the same epoch, another beat */
    assert_int_equal(store_meta_swap(fixture->store, &first, &second, &swapped, NULL), STATUS_OK);
    assert_true(swapped);
    assert_int_equal(store_meta_swap(fixture->store, &first, &second, &swapped, NULL), STATUS_OK);
    assert_false(swapped);
    assert_int_equal(store_meta_get(fixture->store, &meta, NULL), STATUS_OK);
    assert_int_equal(meta.epoch, INT64_MAX - 1);
    assert_int_equal(meta.beat, INT64_MAX - 2);
}

void assert_slots(struct fixture *fixture, const struct store_meta *wanted, struct slice text)
{
    struct store_meta meta;
    struct slice slots;
    arena_reset(&fixture->arena);
    assert_int_equal(store_slots_get(fixture->store, &fixture->arena, &meta, &slots, NULL), STATUS_OK);
    assert_int_equal(meta.epoch, wanted->epoch);
    assert_int_equal(meta.beat, wanted->beat);
    assert_string_equal(meta.cache_run_id, wanted->cache_run_id);
    assert_true(slice_equal(slots, text));
}

void test_the_slots_are_replaced_with_the_record_and_stay_when_it_moves_alone(void **state)
{
    struct fixture *fixture = *state;
    const struct store_meta none = {0}, first = {.epoch = 1, .beat = 1, .cache_run_id = "r"};
    const struct store_meta second = {.epoch = 1, .beat = 2, .cache_run_id = "s"}, third = {.epoch = 3, .beat = 3};
    bool swapped;
    assert_slots(fixture, &none, SLICE(""));
    assert_int_equal(store_slots_swap(fixture->store, &first, &second, SLICE("x"), &swapped, NULL), STATUS_OK);
    assert_false(swapped);
    assert_slots(fixture, &none, SLICE(""));
    assert_int_equal(store_slots_swap(fixture->store, &none, &first, SLICE("1\na b\n"), &swapped, NULL), STATUS_OK);
    assert_true(swapped);
    assert_slots(fixture, &first, SLICE("1\na b\n"));
    assert_int_equal(store_meta_swap(fixture->store, &first, &second, &swapped, NULL), STATUS_OK);
    assert_true(swapped);
    assert_slots(fixture, &second, SLICE("1\na b\n"));
    assert_int_equal(store_slots_swap(fixture->store, &first, &third, SLICE("x"), &swapped, NULL), STATUS_OK);
    assert_false(swapped);
    assert_slots(fixture, &second, SLICE("1\na b\n"));
    assert_int_equal(store_slots_swap(fixture->store, &second, &third, SLICE(""), &swapped, NULL), STATUS_OK);
    assert_true(swapped);
    assert_slots(fixture, &third, SLICE(""));
}

void test_the_slots_may_be_as_long_as_the_rules_allow(void **state)
{
    struct fixture *fixture = *state;
    const struct store_meta none = {0}, first = {.epoch = 1, .beat = 1}, second = {.epoch = 1, .beat = 2};
    char *text = mem_alloc(STORE_SLOTS_MAX);
    struct slice slots = {.data = text, .len = STORE_SLOTS_MAX};
    bool swapped;
    for (size_t i = 0; i < slots.len; i++)
        text[i] = (char)(i % 95 + ' ');
    assert_int_equal(store_slots_swap(fixture->store, &none, &first, slots, &swapped, NULL), STATUS_OK);
    assert_slots(fixture, &first, slots);
    assert_int_equal(store_meta_swap(fixture->store, &first, &second, &swapped, NULL), STATUS_OK);
    assert_slots(fixture, &second, slots);
    free(text);
}
