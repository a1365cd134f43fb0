/* SPDX-License-Identifier: MIT */
/* The conformance suite's cases about batches of queued writes; test_store.c runs them. */
#ifndef TEST_STORE_APPLY_H
#define TEST_STORE_APPLY_H

/* X of each case. */
#define STORE_APPLY_CASES(X)                                                                                           \
    X(test_a_batch_is_applied_in_its_order_and_tells_what_it_did)                                                      \
    X(test_a_thousand_writes_of_one_todo_are_counted_one_by_one)                                                       \
    X(test_a_batch_is_applied_once_and_its_bookmark_tells)                                                             \
    X(test_an_applier_that_was_replaced_applies_nothing)                                                               \
    X(test_a_bookmark_keeps_the_name_of_its_first_claim)                                                               \
    X(test_shards_know_nothing_of_each_other)                                                                          \
    X(test_a_todo_is_made_again_by_the_next_batch)                                                                     \
    X(test_a_queued_insert_keeps_its_answer)                                                                           \
    X(test_a_queued_insert_meets_a_request_with_its_key)                                                               \
    X(test_of_four_appliers_each_write_is_applied_once)                                                                \
    X(test_batches_and_other_changes_add_up)

#define STORE_APPLY_CASE(name) void name(void **state);
STORE_APPLY_CASES(STORE_APPLY_CASE)
#undef STORE_APPLY_CASE

#endif
