/* SPDX-License-Identifier: MIT */
/*
 * Changes as text.
 *
 *   {"seq":"17-9f3a2b10","id":"42","change":"updated","version":"42.3.1c9e0f"}
 *
 * seq is the change's place in the feed, version the Todo-Version that it made: a GET that sends it back shows this
 * state or a later one, even if the cache is behind for a moment. A deletion has none, nor has a change of which the
 * store doesn't tell one. An event has the same object as its data. Nothing here needs escapes: ids and places are made
 * of letters, digits and a few marks.
 */
#include "api/changes_text.h"

#include <stdio.h>

#include "base/hex.h"
#include "base/todo_version.h"

enum { MARK_DIGITS = 8 };

void feed_place_print(char text[FEED_PLACE_TEXT_MAX + 1], const struct feed_place *place)
{
    snprintf(text, FEED_PLACE_TEXT_MAX + 1, "%lld-%08x", (long long)place->seq, (unsigned)place->mark);
}

bool feed_place_parse(struct slice text, struct feed_place *place)
{
    struct slice digits;
    int64_t mark = 0;
    struct slice seq = slice_split(text, '-', &digits);
    bool is_place = slice_to_int64(seq, &place->seq) && place->seq > 0 && digits.len == MARK_DIGITS &&
                    hex_take_int64(&digits, &mark) && digits.len == 0;
    place->mark = (uint32_t)mark;
    return is_place;
}

static void write_row(struct buf *out, const struct feed_row *row)
{
    static const char *const changes[] = {
        [FEED_START] = "", [FEED_CREATED] = "created", [FEED_UPDATED] = "updated", [FEED_DELETED] = "deleted"};
    char place[FEED_PLACE_TEXT_MAX + 1], version[TODO_VERSION_TEXT_MAX + 1];
    feed_place_print(place, &row->place);
    buf_printf(out, "{\"seq\":\"%s\",\"id\":\"%s\",\"change\":\"%s\"", place, row->id, changes[row->kind]);
    if (row->v > 0) {
        todo_version_print(version, row->id, (struct todo_version){row->v, row->life});
        buf_printf(out, ",\"version\":\"%s\"", version);
    }
    buf_append_char(out, '}');
}

void changes_write_json(struct buf *out, const struct feed_row *rows, size_t count, const struct feed_place *next)
{
    char place[FEED_PLACE_TEXT_MAX + 1];
    feed_place_print(place, next);
    buf_append_text(out, "{\"changes\":[");
    for (size_t i = 0; i < count; i++) {
        buf_append_text(out, i == 0 ? "" : ",");
        write_row(out, &rows[i]);
    }
    buf_printf(out, "],\"next\":\"%s\"}", place);
}

static void write_event(struct buf *out, const struct feed_place *place, const char *name)
{
    char text[FEED_PLACE_TEXT_MAX + 1];
    feed_place_print(text, place);
    buf_printf(out, "id: %s\nevent: %s\ndata: ", text, name);
}

void changes_write_events(struct buf *out, const struct feed_row *rows, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        write_event(out, &rows[i].place, "change");
        write_row(out, &rows[i]);
        buf_append_text(out, "\n\n");
    }
}

void changes_write_reset(struct buf *out, const struct feed_place *place)
{
    write_event(out, place, "reset");
    buf_append_text(out, "{}\n\n");
}
