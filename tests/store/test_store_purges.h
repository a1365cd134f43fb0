/* SPDX-License-Identifier: MIT */
/* The conformance suite's cases about purges; test_store.c runs them. */
#ifndef TEST_STORE_PURGES_H
#define TEST_STORE_PURGES_H

void test_purges_are_listed_by_url_when_they_are_due(void **state);
void test_a_purge_that_is_put_again_is_replaced(void **state);
void test_purges_are_removed_by_token_and_sequence(void **state);
void test_a_purge_holds_as_many_keys_as_the_rules_allow(void **state);

#endif
