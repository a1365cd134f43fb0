/* SPDX-License-Identifier: MIT */
/* The conformance suite's cases about changes under a condition; test_store.c runs them. */
#ifndef TEST_STORE_CHANGES_H
#define TEST_STORE_CHANGES_H

void test_each_condition_decides_each_change_of_what_is_there_and_what_is_not(void **state);
void test_a_merge_changes_the_fields_that_it_names_and_no_others(void **state);
void test_a_merge_of_what_is_there_already_makes_no_version(void **state);
void test_a_replacement_takes_back_what_was_shown_and_nothing_else(void **state);
void test_a_version_of_a_first_life_never_matches_a_second(void **state);
void test_a_todo_made_again_starts_at_one(void **state);
void test_changes_go_on_from_any_version_but_the_last(void **state);
void test_changed_todos_move_between_the_lists_of_done_and_open(void **state);
void test_of_fifty_that_change_one_version_one_does(void **state);
void test_of_fifty_that_delete_one_version_one_does(void **state);
void test_of_sixteen_that_put_one_id_one_creates_and_all_count(void **state);
void test_of_sixteen_equal_creations_one_is_made(void **state);
void test_creations_and_deletions_of_one_id_add_up(void **state);

#endif
