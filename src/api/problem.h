/* SPDX-License-Identifier: MIT */
/*
 * Errors as clients see them: application/problem+json (RFC 9457), one row per kind. doc/problems.md explains each.
 *
 *   {"type":"/problems/not-found","title":"Not found","status":404,"detail":"...","pointer":"/name"}
 *
 * detail is for people and may change; type is stable. Nothing internal goes into detail: texts of the store or Redis
 * are logged.
 */
#ifndef API_PROBLEM_H
#define API_PROBLEM_H

#include <stdint.h>

#include "api/request.h"
#include "api/services.h"
#include "base/error.h"

/* name in C, status, last part of the type URI, title */
#define PROBLEMS(X)                                                                                                    \
    X(BAD_REQUEST, 400, "bad-request", "The request is malformed")                                                     \
    X(UNAUTHORIZED, 401, "unauthorized", "Writing needs a token")                                                      \
    X(NOT_FOUND, 404, "not-found", "There is nothing here")                                                            \
    X(METHOD_NOT_ALLOWED, 405, "method-not-allowed", "This method is not for this resource")                           \
    X(NOT_ACCEPTABLE, 406, "not-acceptable", "There is no representation that the client accepts")                     \
    X(EXISTS, 409, "exists", "The id is taken")                                                                        \
    X(STILL_RUNNING, 409, "still-running", "The first request with this key is not finished")                          \
    X(START_OVER, 410, "start-over", "The history of changes does not reach back to this place")                       \
    X(CONDITION_FAILED, 412, "condition-failed", "The todo is not in the state that the request asks for")             \
    X(TOO_LARGE, 413, "too-large", "The request body is too large")                                                    \
    X(UNSUPPORTED_TYPE, 415, "unsupported-type", "The body's media type is not supported")                             \
    X(INVALID, 422, "invalid", "A member of the body breaks a rule")                                                   \
    X(KEY_REUSED, 422, "key-reused", "The idempotency key was used for another request")                               \
    X(CONDITION_REQUIRED, 428, "condition-required", "The change must name the version it is made to")                 \
    X(TOO_MANY_REQUESTS, 429, "too-many-requests", "Too many requests from this client")                               \
    X(REFUSED_BY_STORE, 500, "refused-by-store", "The service's database refuses this write for good")                 \
    X(UNREADABLE, 500, "unreadable", "What is stored under this id is no todo")                                        \
    X(UNSUPPORTED, 501, "unsupported", "The service's database can't do this")                                         \
    X(QUEUE_FULL, 503, "queue-full", "The queue of writes is full")                                                    \
    X(STILL_QUEUED, 503, "still-queued", "The write that this read asks for is still queued")                          \
    X(UNAVAILABLE, 503, "unavailable", "The service can't do this now")                                                \
    X(UNKNOWN_OUTCOME, 503, "unknown-outcome", "It is not known whether the write was applied")                        \
    X(NOT_CACHED, 504, "not-cached", "The cache has no answer that fits")

#define PROBLEM_ENUM(upper, status, slug, title) PROBLEM_##upper,
enum problem { PROBLEMS(PROBLEM_ENUM) PROBLEM_COUNT };
#undef PROBLEM_ENUM

#define PROBLEM_KEY_REUSED_DETAIL "This Idempotency-Key came with another body before; use a new key."

/* Writes a problem's object into another answer. */
void problem_write(struct buf *body, enum problem problem, const char *detail);

/* Answers with a problem. detail may hold any text. */
void problem_answer(struct request *request, enum problem problem, const char *detail);

/* The same for what will be well in a moment: with Retry-After. */
void problem_answer_later(struct request *request, enum problem problem, const char *detail);

/* The same in two steps, for answers that need more headers: they go in between. */
void problem_begin(struct request *request, enum problem problem);
void problem_finish(struct request *request, enum problem problem, const char *detail);

/* As problem_finish, for a problem that caches may keep. */
void problem_finish_cached(struct request *request, enum problem problem, const char *detail,
                           const char *cache_control);

/* As above, for bad input: the detail is the error's text, followed by its JSON pointer if it has one. */
void problem_answer_error(struct request *request, enum problem problem, const struct error *error);

/*
 * 503 for a failure of the cache or the store (BUSY, UNAVAILABLE, UNKNOWN), with Retry-After; 500 for a document that
 * is no todo. Logs the error.
 */
void problem_answer_unavailable(const struct services *services, struct request *request, enum status status,
                                const struct error *error);

/* Ends an answer that problem_begin() began, with an error's text and pointer. */
void problem_finish_error(struct request *request, enum problem problem, const struct error *error);

/* For reads: as above, and 504 for STATUS_MISMATCH, which means that only-if-cached found nothing. */
void problem_answer_uncached(const struct services *services, struct request *request, enum status status,
                             const struct error *error);

#endif
