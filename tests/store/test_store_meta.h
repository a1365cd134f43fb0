/* SPDX-License-Identifier: MIT */
/* The conformance suite's cases about the record of the epoch; test_store.c runs them. */
#ifndef TEST_STORE_META_H
#define TEST_STORE_META_H

#include "fixture.h"

/* The record is the wanted one, and this its slots. */
void assert_slots(struct fixture *fixture, const struct store_meta *wanted, struct slice text);

void test_the_epoch_begins_at_nothing_and_moves_only_from_where_it_is(void **state);
void test_the_beat_moves_only_from_where_it_is_and_holds_large_numbers(void **state);
void test_the_slots_are_replaced_with_the_record_and_stay_when_it_moves_alone(void **state);
void test_the_slots_may_be_as_long_as_the_rules_allow(void **state);

#endif
