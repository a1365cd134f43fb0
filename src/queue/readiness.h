/* SPDX-License-Identifier: MIT */
/*
 * Whether a journal is ready, as it tells its owner. Private to the journals.
 * context  loop only
 */
#ifndef QUEUE_READINESS_H
#define QUEUE_READINESS_H

#include "queue/journal.h"

struct readiness {
    const struct journal_options *options; /* borrowed */
    bool is_ready, was_told;
    struct error flaw; /* that was told; none while it is ready */
};

/* Our store's name, as journal_options tells it; "" if none is asked for, or it is not known yet. */
const char *readiness_store(const struct readiness *readiness);

/*
 * Whether the journal, which belongs to the store of this name, is our store's.
 * errors  STATUS_BUSY: our store is not known yet, or the journal has not taken it over yet; UNAVAILABLE: no
 */
enum status readiness_compare(const struct readiness *readiness, struct slice name,
                              struct error *error) STATUS_MUST_CHECK;

/* Tells it, if it is news. NULL: ready. What is not sure of its outcome is told as UNAVAILABLE. */
void readiness_tell(struct readiness *readiness, const struct error *flaw);

#endif
