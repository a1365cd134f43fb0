/* SPDX-License-Identifier: MIT */
/* The conformance suite's cases about loads; test_store.c runs them. */
#ifndef TEST_STORE_LOADS_H
#define TEST_STORE_LOADS_H

void test_a_load_tells_of_each_taken_id_and_inserts_the_rest(void **state);
void test_a_load_knows_the_rows_of_an_earlier_try(void **state);
void test_an_upsert_changes_what_is_there_and_inserts_the_rest(void **state);
void test_a_large_load_is_whole(void **state);

#endif
