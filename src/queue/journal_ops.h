/* SPDX-License-Identifier: MIT */
/* The two journals, as journal_open() makes them. Private to journal_open.c, redis_journal.c and file_journal.c. */
#ifndef QUEUE_JOURNAL_OPS_H
#define QUEUE_JOURNAL_OPS_H

#include "queue/journal.h"

/* address: as redis_address_parse() takes it, without sentinels. errors STATUS_INVALID */
enum status redis_journal_open(struct journal **journal, const struct journal_options *options, const char *address,
                               struct error *error) STATUS_MUST_CHECK;

/* folder: made by the first call if it is missing */
enum status file_journal_open(struct journal **journal, const struct journal_options *options, const char *folder,
                              struct error *error) STATUS_MUST_CHECK;

enum {
    JOURNAL_OUTCOMES_MAX = 65536,    /* of a shard; older ones are forgotten */
    JOURNAL_READ_BYTES_MAX = 1 << 20 /* of text: a read ends behind it */
};

#endif
