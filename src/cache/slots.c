/* SPDX-License-Identifier: MIT */
/*
 * The slots of a cluster as text, a line for each range of one owner and one epoch:
 *
 *   1849238471209385
 *   b1946ac92492d2347c6235b4d2611184 591785b794601e212b260e25925636fd
 *   0-8191 1849230012345678 1
 *   8192-16383 1849238471209385 2
 *
 * The serial; the owners, by their run ids; and the ranges, in order, with an owner's place in the list. Slots that
 * nobody has are in no line. Three primaries make some 200 bytes. If no two neighbours are alike, it is 590 KB.
 *
 * Why a serial inside: a worker of an older version, or todoctl, moves the record's epoch on without a word of slots.
 * The text then belongs to the epoch before, and is void, so each slot is claimed anew under another epoch.
 *
 * Why so strict: a damaged text that is read as another one could give a slot an epoch from its past, and with it
 * entries that are out of date. So nothing is skipped or guessed. An epoch is at most the serial, because each was the
 * serial once. What doesn't fit makes all of it void, which costs hits and nothing else.
 *
 * Owners that have lost their last slot are left out when the text is printed, and their places are given to others.
 */
#include "cache/slots.h"

#include <string.h>

#include "base/failpoint.h"

enum {
    RANGE_TEXT_MAX = sizeof("16383-16383 9223372036854775807 128\n") - 1,
    OWNERS_TEXT_MAX = SLOTS_OWNERS_MAX * (STORE_RUN_ID_MAX + 1),
};

_Static_assert(INT64_TEXT_MAX + 1 + OWNERS_TEXT_MAX + SLOT_COUNT * RANGE_TEXT_MAX <= STORE_SLOTS_MAX,
               "the store has no room for the longest text");
_Static_assert(SLOTS_OWNERS_MAX <= UINT8_MAX, "an owner's place needs more than a byte");

static bool run_id_valid(struct slice run_id)
{
    for (size_t i = 0; i < run_id.len; i++)
        if (run_id.data[i] <= ' ' || run_id.data[i] > '~')
            return false;
    return run_id.len > 0 && run_id.len <= STORE_RUN_ID_MAX;
}

/* The place of a run id; 0: it has none. */
static unsigned place_of(const struct slots *slots, struct slice run_id)
{
    for (unsigned place = 1; place <= SLOTS_OWNERS_MAX; place++)
        if (slice_equal(slice_of(slots->run_ids[place]), run_id))
            return place;
    return 0;
}

/* ---- Reading ---- */

/* Takes a line off the text. False: there is none that ends. */
static bool line_take(struct slice *text, struct slice *line)
{
    *line = slice_split(*text, '\n', text);
    return text->data != NULL;
}

static bool owners_parse(struct slots *slots, struct slice line, unsigned *count)
{
    *count = 0;
    if (line.len == 0)
        return true;
    for (; line.data && *count < SLOTS_OWNERS_MAX; ++*count) {
        struct slice run_id = slice_split(line, ' ', &line);
        if (!run_id_valid(run_id) || place_of(slots, run_id) != 0)
            return false;
        slice_copy(slots->run_ids[*count + 1], sizeof(slots->run_ids[0]), run_id);
    }
    return !line.data;
}

struct range {
    int64_t first, last, epoch, owner;
};

static bool range_parse(struct slice line, struct range *range)
{
    struct slice slots = slice_split(line, ' ', &line), epoch = slice_split(line, ' ', &line), last;
    struct slice first = slice_split(slots, '-', &last);
    return slice_to_int64(first, &range->first) && slice_to_int64(last, &range->last) &&
           slice_to_int64(epoch, &range->epoch) && slice_to_int64(line, &range->owner);
}

static bool ranges_parse(struct slots *slots, struct slice text, int64_t serial, unsigned owner_count)
{
    struct slice line;
    struct range range;
    int64_t slot = 0;
    while (text.len > 0) {
        bool is_whole = line_take(&text, &line) && range_parse(line, &range) && range.first >= slot &&
                        range.last >= range.first && range.last < SLOT_COUNT && range.epoch >= 1 &&
                        range.epoch <= serial && range.owner >= 1 && range.owner <= owner_count;
        if (!is_whole)
            return false;
        for (slot = range.first; slot <= range.last; slot++) {
            slots->owners[slot] = (uint8_t)range.owner;
            slots->epochs[slot] = range.epoch;
        }
    }
    return true;
}

bool slots_parse(struct slots *slots, struct slice text, int64_t serial)
{
    struct slice head, owners;
    int64_t text_serial;
    unsigned owner_count;
    memset(slots, 0, sizeof(*slots));
    bool is_whole = line_take(&text, &head) && slice_to_int64(head, &text_serial) && text_serial == serial &&
                    line_take(&text, &owners) && owners_parse(slots, owners, &owner_count) &&
                    ranges_parse(slots, text, serial, owner_count);
    if (!is_whole)
        memset(slots, 0, sizeof(*slots));
    return is_whole;
}

/* ---- Printing ---- */

/* Which places have slots. */
static void places_mark(const struct slots *slots, bool used[SLOTS_OWNERS_MAX + 1])
{
    memset(used, 0, (SLOTS_OWNERS_MAX + 1) * sizeof(used[0]));
    for (unsigned slot = 0; slot < SLOT_COUNT; slot++)
        used[slots->owners[slot]] = true;
}

static unsigned range_end(const struct slots *slots, unsigned first)
{
    unsigned end = first + 1;
    while (end < SLOT_COUNT && slots->owners[end] == slots->owners[first] && slots->epochs[end] == slots->epochs[first])
        end++;
    return end;
}

static void range_print(struct buf *text, const struct range *range)
{
    buf_append_int(text, range->first);
    buf_append_char(text, '-');
    buf_append_int(text, range->last);
    buf_append_char(text, ' ');
    buf_append_int(text, range->epoch);
    buf_append_char(text, ' ');
    buf_append_int(text, range->owner);
    buf_append_char(text, '\n');
}

void slots_print(const struct slots *slots, int64_t serial, struct buf *text)
{
    bool used[SLOTS_OWNERS_MAX + 1];
    unsigned numbers[SLOTS_OWNERS_MAX + 1], count = 0, end;
    places_mark(slots, used);
    buf_append_int(text, serial);
    buf_append_char(text, '\n');
    for (unsigned place = 1; place <= SLOTS_OWNERS_MAX; place++) {
        if (!used[place])
            continue;
        buf_append_text(text, count > 0 ? " " : "");
        buf_append_text(text, slots->run_ids[place]);
        numbers[place] = ++count;
    }
    buf_append_char(text, '\n');
    for (unsigned slot = 0; slot < SLOT_COUNT; slot = end) {
        end = range_end(slots, slot);
        if (slots->owners[slot] != 0)
            range_print(text, &(struct range){slot, end - 1, slots->epochs[slot], numbers[slots->owners[slot]]});
    }
}

/* ---- Owners ---- */

/* The owner's place, an unused one if it has none yet. */
static unsigned place_make(struct slots *slots, struct slice run_id)
{
    bool used[SLOTS_OWNERS_MAX + 1];
    unsigned place = place_of(slots, run_id);
    if (place != 0)
        return place;
    places_mark(slots, used);
    for (place = 1; place <= SLOTS_OWNERS_MAX && used[place]; place++)
        ;
    if (place > SLOTS_OWNERS_MAX) {
        memset(slots, 0, sizeof(*slots));
        place = 1;
    }
    slice_copy(slots->run_ids[place], sizeof(slots->run_ids[0]), run_id);
    return place;
}

/* Of a slot that gets the owner of this place: the new one, but for tests. */
static int64_t epoch_given(const struct slots *slots, unsigned slot, unsigned place, int64_t epoch)
{
    if (failpoint_is_on(FAILPOINT_SLOT_EPOCH_KEPT) && slots->epochs[slot] != 0)
        return slots->epochs[slot];
    for (unsigned other = 0; other < SLOT_COUNT && failpoint_is_on(FAILPOINT_SLOT_EPOCH_OF_OWNER); other++)
        if (slots->owners[other] == place)
            return slots->epochs[other];
    return epoch;
}

size_t slots_claim(struct slots *slots, const struct slot_set *claims, const char *run_id, int64_t epoch)
{
    size_t count = 0;
    if (!run_id_valid(slice_of(run_id)))
        return 0;
    unsigned place = place_make(slots, slice_of(run_id));
    for (unsigned slot = 0; slot < SLOT_COUNT; slot++) {
        if (slots->owners[slot] == place || !slot_set_has(claims, slot))
            continue;
        slots->epochs[slot] = epoch_given(slots, slot, place, epoch);
        slots->owners[slot] = (uint8_t)place;
        count++;
    }
    return count;
}

void slots_of(const struct slots *slots, const char *run_id, struct slot_set *set)
{
    unsigned place = place_of(slots, slice_of(run_id));
    memset(set, 0, sizeof(*set));
    for (unsigned slot = 0; slot < SLOT_COUNT && place != 0; slot++)
        if (slots->owners[slot] == place)
            slot_set_add(set, slot);
}
