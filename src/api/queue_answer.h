/* SPDX-License-Identifier: MIT */
/*
 * A queued write as an answer: where it stands, and what its ticket says. Shared by all that show one.
 */
#ifndef API_QUEUE_ANSWER_H
#define API_QUEUE_ANSWER_H

#include "api/request.h"
#include "api/services.h"
#include "queue/journal.h"

/*
 * Answers a write that the journal has: 202. found: where it stands; without an id if the service doesn't know it.
 * is_again: the request came before, and this is the ticket that it got.
 */
void queue_answer_accepted(struct request *request, struct ticket ticket, const struct journal_found *found,
                           bool is_again);

/* Answers a GET or HEAD of the ticket: 200, or 404 for one that the journal has never given. */
void queue_answer_found(struct request *request, struct ticket ticket, const struct journal_found *found);

/* Answers a write that the journal has not, or perhaps not: 422 (MISMATCH), 503. Logs the error. */
void queue_answer_refused(struct request *request, enum status status, const struct error *error);

/* Answers a read for which the journal could not be asked: 503. Logs the error. */
void queue_answer_unread(struct request *request, enum status status, const struct error *error);

#endif
