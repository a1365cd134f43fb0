/* SPDX-License-Identifier: MIT */
/* The conformance suite's cases about lists; test_store.c runs them. */
#ifndef TEST_STORE_LISTS_H
#define TEST_STORE_LISTS_H

void test_lists_go_both_ways_by_time_then_id(void **state);
void test_a_list_may_be_of_done_or_open_todos_only(void **state);
void test_a_full_page_says_whether_there_is_more(void **state);
void test_pages_show_each_row_once_while_rows_are_inserted(void **state);
void test_an_empty_store_has_an_empty_page(void **state);

#endif
