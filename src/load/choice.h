/* SPDX-License-Identifier: MIT */
/*
 * Which collection of a dump is loaded: the one that --collection names, else the one called todos, else the only one.
 * context  any (pure)
 */
#ifndef LOAD_CHOICE_H
#define LOAD_CHOICE_H

#include <stdbool.h>
#include <stddef.h>

#include "base/buf.h"
#include "base/error.h"
#include "base/slice.h"

enum { CHOICE_SHOWN_BYTES = 110 };

struct choice {
    const char *wanted;                 /* "COLLECTION" or "DATABASE.COLLECTION", borrowed; NULL: none is named */
    struct buf chosen;                  /* "DATABASE.COLLECTION", as it was offered */
    char shown[CHOICE_SHOWN_BYTES + 1]; /* the names offered so far, fit for a terminal, as many as there is room for */
    size_t offered_count;
    size_t match_count;
};

void choice_init(struct choice *choice, const char *wanted);
void choice_fini(struct choice *choice);

/* Offers a collection; true: it is the one to take so far. MongoDB's own are passed over. */
bool choice_offer(struct choice *choice, struct slice database, struct slice collection);

/* Whether this one is taken. */
bool choice_is(const struct choice *choice, struct slice database, struct slice collection);

/* After the last offer; dump: "the archive", "the folder". STATUS_INVALID: there is none to take, or several. */
enum status choice_end(const struct choice *choice, const char *dump, struct error *error) STATUS_MUST_CHECK;

#endif
