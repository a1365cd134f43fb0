/* SPDX-License-Identifier: MIT */
/*
 * Prefer and Preference-Applied (RFC 7240): what a client would like, and what it got.
 * context  any (pure)
 */
#ifndef BASE_PREFER_H
#define BASE_PREFER_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/slice.h"

/* The preferences that this service knows, as bits of a set. */
enum preference {
    PREFER_ASYNC = 1u << 0,          /* respond-async (4.1) */
    PREFER_MINIMAL = 1u << 1,        /* return=minimal (4.2) */
    PREFER_REPRESENTATION = 1u << 2, /* return=representation */
    PREFER_WAIT = 1u << 3,           /* wait=SECONDS (4.3) */
    PREFER_STRICT = 1u << 4,         /* handling=strict (4.4) */
    PREFER_LENIENT = 1u << 5,        /* handling=lenient */
};

struct preferences {
    unsigned asked;     /* a set */
    int64_t wait_s;     /* with PREFER_WAIT; a larger number than 2^31 is 2^31 */
    struct slice other; /* the first one that is none of these; borrowed from the field; absent: there is none */
};

/* Reads a field value; an absent field prefers nothing. Of a name that comes twice the first one counts. */
struct preferences prefer_parse(struct slice field);

/* Writes a set as Preference-Applied has it, and as Prefer would: "respond-async, wait=5". */
void prefer_write(struct buf *out, unsigned set, int64_t wait_s);

#endif
