/* SPDX-License-Identifier: MIT */
/*
 * A ticket: the name of a queued write, and its place in the queue's journal. As text "3-1795600000000-12": its
 * shard, the time of its acceptance (Unix, milliseconds), and a number within that millisecond.
 * context  any (pure)
 */
#ifndef QUEUE_TICKET_H
#define QUEUE_TICKET_H

#include <stdbool.h>
#include <stdint.h>

#include "base/slice.h"

enum { QUEUE_SHARDS = 8, TICKET_TEXT_MAX = 40, TICKET_SEQ_BITS = 20 };
enum { TICKET_AHEAD_BITS = 41 }; /* 70 years of ms: a clock may have gone back to 1970; append.lua has it, too */

struct ticket {
    unsigned shard;
    int64_t number; /* milliseconds << TICKET_SEQ_BITS | seq: grows within a shard, and never comes twice */
};

void ticket_print(char text[TICKET_TEXT_MAX + 1], struct ticket ticket);
bool ticket_parse(struct slice text, struct ticket *ticket);

/* The same of the number alone: "1795600000000-12". print returns where it begins in text. */
const char *ticket_number_print(char text[TICKET_TEXT_MAX + 1], int64_t number);
bool ticket_number_parse(struct slice text, int64_t *number);

static inline int64_t ticket_at_ms(struct ticket ticket)
{
    return ticket.number >> TICKET_SEQ_BITS;
}

/*
 * Whether a journal can have given this number by now; 0 is none. One that is further ahead was put there by another
 * program: bookmark and numbers would follow it, to where there is none left.
 */
static inline bool ticket_number_given(int64_t number, int64_t now_ms)
{
    return number > 0 && number >> TICKET_SEQ_BITS <= now_ms + (INT64_C(1) << TICKET_AHEAD_BITS);
}

/* All writes of one todo go to one shard, so their order is kept. */
unsigned ticket_shard(struct slice id);

#endif
