/* SPDX-License-Identifier: MIT */
/* MongoDB's own cases about documents of other programs; test_mongo.c runs them. */
#ifndef TEST_MONGO_FOREIGN_H
#define TEST_MONGO_FOREIGN_H

void test_a_survey_counts_what_other_programs_wrote(void **state);
void test_a_walk_gives_what_is_no_todo_and_nothing_else(void **state);
void test_adopted_documents_are_todos_and_lose_nothing(void **state);
void test_an_adoption_goes_on_where_an_earlier_one_ended(void **state);
void test_a_taken_id_leaves_the_document_as_it_was(void **state);
void test_a_document_that_changed_meanwhile_stays(void **state);

#endif
