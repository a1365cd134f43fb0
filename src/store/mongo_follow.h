/* SPDX-License-Identifier: MIT */
/*
 * The record of who follows the changes, and how far, in MongoDB. The contracts are those of follow.h.
 */
#ifndef STORE_MONGO_FOLLOW_H
#define STORE_MONGO_FOLLOW_H

#include "store/follow.h"
#include "store/mongo_driver.h"

enum status mongo_follow_claim(struct mongo_server *server, const struct token *owner, uint32_t lease_ms,
                               struct resume_token *resume_after, struct error *error) STATUS_MUST_CHECK;
enum status mongo_follow_keep(struct mongo_server *server, const struct token *owner, uint32_t lease_ms,
                              const struct resume_token *resume_after, struct error *error) STATUS_MUST_CHECK;
enum status mongo_follow_release(struct mongo_server *server, const struct token *owner,
                                 struct error *error) STATUS_MUST_CHECK;

#endif
