/* SPDX-License-Identifier: MIT */
/* MongoDB's own cases about batches of queued writes; test_mongo.c runs them. */
#ifndef TEST_MONGO_APPLY_H
#define TEST_MONGO_APPLY_H

void test_a_batch_whose_commit_is_not_answered_is_told_by_its_bookmark(void **state);
void test_a_batch_that_is_cut_off_before_its_commit_is_ended_by_the_next_claim(void **state);
void test_a_batch_that_is_cut_off_is_ended_by_its_own_appliers_next_claim(void **state);
void test_a_batch_leaves_documents_that_are_no_todos_alone(void **state);
void test_a_batch_with_a_document_that_a_rule_refuses_is_refused_whole(void **state);
void test_a_batch_that_deletes_a_todo_of_a_running_request_leaves_word(void **state);
void test_a_batch_is_one_change_of_each_todo_and_raises_the_watermark(void **state);
void test_a_damaged_bookmark_stops_its_shard(void **state);
void test_a_server_that_stands_alone_applies_no_batches(void **state);

#endif
