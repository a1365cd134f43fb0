/* SPDX-License-Identifier: MIT */
/*
 * An input is the text of the slots in the store's record. What is read of it obeys the rules, and printed and read again
 * it is the same; so it is after a claim.
 */
#include <stdlib.h>

#include "cache/slots.h"
#include "fuzzing.h"

/* The serial that the text itself names, so that most texts aren't void by that alone. */
static int64_t serial_of(struct slice text)
{
    int64_t serial = 0;
    (void)slice_to_int64(fuzz_line(&text), &serial);
    return serial;
}

static bool is_same(const struct slots *one, const struct slots *other)
{
    for (unsigned slot = 0; slot < SLOT_COUNT; slot++)
        if (one->epochs[slot] != other->epochs[slot] ||
            strcmp(one->run_ids[one->owners[slot]], other->run_ids[other->owners[slot]]) != 0)
            return false;
    return true;
}

static void check_rules(const struct slots *slots, int64_t serial)
{
    for (unsigned slot = 0; slot < SLOT_COUNT; slot++) {
        bool has_owner = slots->owners[slot] != 0;
        bug_unless(slots->owners[slot] <= SLOTS_OWNERS_MAX, "an owner without a place");
        bug_unless(has_owner == (slots->run_ids[slots->owners[slot]][0] != '\0'), "an owner without a name");
        bug_unless(has_owner == (slots->epochs[slot] > 0), "an owner without an epoch");
        bug_unless(!has_owner || slots->epochs[slot] <= serial, "an epoch of the time to come");
    }
}

static void check_there_and_back(const struct slots *slots, struct slots *again, int64_t serial)
{
    struct buf text;
    buf_init(&text);
    slots_print(slots, serial, &text);
    bug_unless(text.len <= STORE_SLOTS_MAX, "a text too long for the store");
    bool is_read = slots_parse(again, buf_slice(&text), serial);
    bug_unless(is_read && is_same(slots, again), "printed and read again, the slots are others");
    buf_fini(&text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct slice text = fuzz_input(data, size);
    struct slots *slots = mem_alloc(sizeof(*slots)), *again = mem_alloc(sizeof(*again));
    int64_t serial = serial_of(text);
    if (slots_parse(slots, text, serial)) {
        struct slot_set claims = {.words = {size, size << 20}};
        check_rules(slots, serial);
        check_there_and_back(slots, again, serial);
        size_t count = serial > 0 ? slots_claim(slots, &claims, "taker", serial) : 0;
        bug_unless(count <= 128, "more is taken than was claimed");
        check_rules(slots, serial);
        check_there_and_back(slots, again, serial);
    } else {
        static const struct slots nobody;
        bug_unless(memcmp(slots, &nobody, sizeof(nobody)) == 0, "a void text leaves something behind");
    }
    free(slots);
    free(again);
    return 0;
}
