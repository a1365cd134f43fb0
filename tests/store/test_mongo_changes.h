/* SPDX-License-Identifier: MIT */
/* MongoDB's own cases about changes and kept answers; test_mongo.c runs them. */
#ifndef TEST_MONGO_CHANGES_H
#define TEST_MONGO_CHANGES_H

void test_a_document_that_has_no_version_is_not_changed(void **state);
void test_a_change_goes_on_from_numbers_as_shells_write_them(void **state);
void test_a_document_without_a_life_has_its_birth_for_one(void **state);
void test_a_request_of_an_older_version_knows_its_todo_by_the_time(void **state);
void test_other_fields_of_a_document_outlive_a_change(void **state);
void test_a_damaged_record_of_an_answer_is_told_of(void **state);
void test_answers_have_an_index_by_which_they_expire(void **state);

#endif
