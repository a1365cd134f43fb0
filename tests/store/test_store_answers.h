/* SPDX-License-Identifier: MIT */
/* The conformance suite's cases about answers kept for a retry; test_store.c runs them. */
#ifndef TEST_STORE_ANSWERS_H
#define TEST_STORE_ANSWERS_H

void test_a_new_key_begins_and_its_answer_is_kept(void **state);
void test_a_running_request_is_told_from_another_with_its_key(void **state);
void test_keys_are_told_apart_byte_by_byte(void **state);
void test_answers_are_kept_as_they_are(void **state);
void test_past_its_deadline_a_request_goes_on_with_its_first_id_and_time(void **state);
void test_a_request_that_is_taken_over_hears_whether_its_todo_was_made(void **state);
void test_a_todo_that_was_made_under_a_key_is_deleted_under_the_same_conditions(void **state);
void test_a_todo_is_made_once_by_an_insert_that_comes_late(void **state);
void test_a_kept_tag_or_time_that_is_none_is_told(void **state);
void test_an_expired_record_is_as_if_it_had_never_been(void **state);
void test_a_forgotten_request_may_come_again(void **state);
void test_only_its_own_running_record_is_forgotten(void **state);
void test_the_first_end_counts(void **state);
void test_of_eight_that_take_over_one_does(void **state);
void test_of_eight_that_begin_one_does(void **state);

#endif
