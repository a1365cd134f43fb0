/* SPDX-License-Identifier: MIT */
/*
 * Changes as text: a place in the feed, a JSON answer, events.
 * context  any (pure)
 */
#ifndef API_CHANGES_TEXT_H
#define API_CHANGES_TEXT_H

#include "base/buf.h"
#include "store/feed.h"

/* "SEQ-MARK", the mark as eight hex digits. Clients take it for one opaque text. */
enum { FEED_PLACE_TEXT_MAX = INT64_TEXT_MAX + 9 };
void feed_place_print(char text[FEED_PLACE_TEXT_MAX + 1], const struct feed_place *place);

/* False: text is no place. */
bool feed_place_parse(struct slice text, struct feed_place *place);

/* {"changes":[...],"next":"..."} */
void changes_write_json(struct buf *out, const struct feed_row *rows, size_t count, const struct feed_place *next);

/* An event for each row (the WHATWG's HTML, 9.2): its id is the row's place. */
void changes_write_events(struct buf *out, const struct feed_row *rows, size_t count);

/* The event that tells a client to read again what it shows, and to go on from this place. */
void changes_write_reset(struct buf *out, const struct feed_place *place);

#endif
