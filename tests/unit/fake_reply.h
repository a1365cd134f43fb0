/* SPDX-License-Identifier: MIT */
/* Answers of Redis, made by hand: redis/redis.h's accessors read them. Items belong to the array that holds them. */
#ifndef TESTS_UNIT_FAKE_REPLY_H
#define TESTS_UNIT_FAKE_REPLY_H

#include "redis/redis.h"

struct redis_reply *fake_reply_nil(void);
struct redis_reply *fake_reply_text(struct slice text); /* copied */
struct redis_reply *fake_reply_error(const char *text); /* copied */
struct redis_reply *fake_reply_integer(int64_t value);
struct redis_reply *fake_reply_array(void);
void fake_reply_add(struct redis_reply *array, struct redis_reply *item);

/* NULL is fine. */
void fake_reply_free(struct redis_reply *reply);

#endif
