/* SPDX-License-Identifier: MIT */
/* The feed in MongoDB; test_mongo.c runs them. */
#ifndef TEST_MONGO_FEED_H
#define TEST_MONGO_FEED_H

void test_a_row_that_is_added_twice_is_one(void **state);
void test_a_feed_that_has_not_begun_says_so(void **state);
void test_a_new_history_is_beyond_what_a_late_follower_adds(void **state);
void test_the_feed_is_a_capped_collection(void **state);

#endif
