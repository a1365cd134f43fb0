/* SPDX-License-Identifier: MIT */
/* MongoDB's own cases about documents that other programs have written; test_mongo.c runs them. */
#ifndef TEST_MONGO_DOCUMENTS_H
#define TEST_MONGO_DOCUMENTS_H

void test_a_get_names_the_field_that_it_can_not_read(void **state);
void test_a_document_without_done_is_served(void **state);
void test_thousands_of_unreadable_documents_in_a_row_cost_few_round_trips(void **state);
void test_numbers_of_other_types_and_no_description_are_read(void **state);
void test_lists_pass_over_what_they_can_not_read_and_go_on(void **state);

#endif
