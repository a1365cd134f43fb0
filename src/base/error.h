/* SPDX-License-Identifier: MIT */
/*
 * How a function fails: a status that must be checked, and a text that a person can act on.
 *
 * A bug asserts (mem.h: bug_unless). Failures of everything else (network, Redis, store, client, settings) come back as
 * a status. Functions that can fail so return enum status and fill a struct error in the same call, through
 * error_set().
 */
#ifndef BASE_ERROR_H
#define BASE_ERROR_H

enum status {
    STATUS_OK,
    STATUS_NOT_FOUND,   /* there is no such todo, file, record */
    STATUS_EXISTS,      /* an insert found the id taken */
    STATUS_MISMATCH,    /* a condition on the present state doesn't hold; nothing was changed */
    STATUS_INVALID,     /* the input breaks a rule; the text says which, error.pointer where */
    STATUS_BUSY,        /* a bound was reached (queue, concurrency): nothing was started, try again later */
    STATUS_UNAVAILABLE, /* not reachable, or refused; nothing was applied */
    STATUS_UNKNOWN,     /* a write was sent and its outcome is not known: it may be applied now, later or never */
    STATUS_UNSUPPORTED, /* the store can't do that, now or later */
    STATUS_COUNT
};

/* Why a database refuses, as far as it tells. A person must end each of these; trying again does not. */
enum cause {
    CAUSE_NONE,        /* none of these: away, slow, busy */
    CAUSE_LOGIN,       /* the user or the password is wrong */
    CAUSE_RIGHTS,      /* the user may not do that */
    CAUSE_UNSUPPORTED, /* this database or version can't do that */
    CAUSE_FULL,        /* its disk is full */
    CAUSE_DAMAGED,     /* its data is */
    CAUSE_RULE,        /* a rule that somebody gave the database refuses this write */
    CAUSE_UNREADABLE,  /* another program has stored something that is no todo */
    CAUSE_COUNT
};

#define STATUS_MUST_CHECK __attribute__((warn_unused_result))

struct error {
    enum status status;
    enum cause cause;
    char pointer[24]; /* RFC 6901 JSON pointer to the member at fault, "/name"; "" where there is none */
    char text[232];   /* the failure, the value, and the next step; no NUL inside, cut if too long */
};

/* Fills error (which may be NULL) and returns status, so that "return error_set(...)" reads well. */
enum status error_set(struct error *error, enum status status, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* Says which member of the input the error is about, cut if too long; returns error->status, INVALID without error. */
enum status error_at(struct error *error, const char *pointer);

/* Says why, after error_set(); returns error->status, fallback without error. */
enum status error_because(struct error *error, enum cause cause, enum status fallback);

/* "ok", "not_found", ...: for logs and metrics. */
const char *status_name(enum status status);

#endif
