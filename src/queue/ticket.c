/* SPDX-License-Identifier: MIT */
/*
 * Tickets as text. A client sees them in a URL and in Todo-Version, an operator in `todoctl queue`. So the text tells
 * when the write was accepted, and one ticket has one text: whatever is printed otherwise is no ticket.
 *
 * The shard of an id is a hash of it (XXH3), the same in every process and for ever: a journal that is older than the
 * program must have a todo's writes where the program looks for them.
 */
#include "queue/ticket.h"

#include <inttypes.h>
#include <stdio.h>

#include "base/hash.h"

#define SEQ_MASK ((INT64_C(1) << TICKET_SEQ_BITS) - 1)

void ticket_print(char text[TICKET_TEXT_MAX + 1], struct ticket ticket)
{
    snprintf(text, TICKET_TEXT_MAX + 1, "%u-%" PRId64 "-%" PRId64, ticket.shard, ticket_at_ms(ticket),
             ticket.number & SEQ_MASK);
}

const char *ticket_number_print(char text[TICKET_TEXT_MAX + 1], int64_t number)
{
    ticket_print(text, (struct ticket){.number = number});
    return text + 2;
}

bool ticket_number_parse(struct slice text, int64_t *number)
{
    struct slice seq_text = {0}, ms_text = slice_split(text, '-', &seq_text);
    int64_t at_ms, seq;
    if (!slice_to_int64(ms_text, &at_ms) || !slice_to_int64(seq_text, &seq) || at_ms < 0 ||
        at_ms > INT64_MAX >> TICKET_SEQ_BITS || seq < 0 || seq > SEQ_MASK)
        return false;
    *number = at_ms << TICKET_SEQ_BITS | seq;
    return *number > 0;
}

bool ticket_parse(struct slice text, struct ticket *ticket)
{
    struct slice rest = {0}, shard_text = slice_split(text, '-', &rest);
    int64_t shard, number;
    if (!slice_to_int64(shard_text, &shard) || shard < 0 || shard >= QUEUE_SHARDS ||
        !ticket_number_parse(rest, &number))
        return false;
    *ticket = (struct ticket){.shard = (unsigned)shard, .number = number};
    return true;
}

unsigned ticket_shard(struct slice id)
{
    return (unsigned)(hash_bytes(id) % QUEUE_SHARDS);
}
