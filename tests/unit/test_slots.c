/* SPDX-License-Identifier: MIT */
/* cache/slots.h: claims, and the text of the store's record there and back. */
#include "testing.h"

#include <stdlib.h>

#include "cache/slots.h"

static struct slots *slots_new(void)
{
    return mem_zalloc(sizeof(struct slots));
}

static size_t claim(struct slots *slots, unsigned first, unsigned last, const char *run_id, int64_t epoch)
{
    struct slot_set claims = {0};
    for (unsigned slot = first; slot <= last; slot++)
        slot_set_add(&claims, slot);
    return slots_claim(slots, &claims, run_id, epoch);
}

static bool parse(struct slots *slots, const char *text, int64_t serial)
{
    return slots_parse(slots, slice_of(text), serial);
}

/* "" and 0: nobody has it. */
static void assert_slot(const struct slots *slots, unsigned slot, const char *run_id, int64_t epoch)
{
    assert_string_equal(slots->run_ids[slots->owners[slot]], run_id);
    assert_int_equal(slots->epochs[slot], epoch);
}

static void assert_same(const struct slots *got, const struct slots *want)
{
    for (unsigned slot = 0; slot < SLOT_COUNT; slot++)
        assert_slot(got, slot, want->run_ids[want->owners[slot]], want->epochs[slot]);
}

static void assert_nobody(const struct slots *slots)
{
    static const struct slots nobody;
    assert_memory_equal(slots, &nobody, sizeof(nobody));
}

/* Prints the slots, and reads them back from it. */
static void assert_there_and_back(const struct slots *slots, int64_t serial)
{
    struct slots *again = slots_new();
    struct buf text, text_again;
    buf_init(&text);
    buf_init(&text_again);
    slots_print(slots, serial, &text);
    assert_true(text.len <= STORE_SLOTS_MAX);
    assert_true(slots_parse(again, buf_slice(&text), serial));
    assert_same(again, slots);
    slots_print(again, serial, &text_again);
    assert_string_equal(text_again.data, text.data);
    buf_fini(&text);
    buf_fini(&text_again);
    free(again);
}

static size_t count_of(const struct slots *slots, const char *run_id)
{
    struct slot_set set;
    size_t count = 0;
    slots_of(slots, run_id, &set);
    for (unsigned slot = 0; slot < SLOT_COUNT; slot++)
        count += slot_set_has(&set, slot);
    return count;
}

static void a_claim_takes_what_others_have_and_leaves_its_own(void **state)
{
    struct slots *slots = slots_new();
    (void)state;
    assert_int_equal(claim(slots, 0, 99, "a", 10), 100);
    assert_int_equal(claim(slots, 50, 149, "b", 20), 100);
    assert_int_equal(claim(slots, 0, 69, "a", 30), 20);
    assert_slot(slots, 49, "a", 10);
    assert_slot(slots, 50, "a", 30);
    assert_slot(slots, 69, "a", 30);
    assert_slot(slots, 70, "b", 20);
    assert_slot(slots, 149, "b", 20);
    assert_slot(slots, 150, "", 0);
    assert_int_equal(claim(slots, 0, 69, "a", 40), 0);
    assert_slot(slots, 50, "a", 30);
    free(slots);
}

static void a_slot_that_comes_back_has_another_epoch(void **state)
{
    struct slots *slots = slots_new();
    (void)state;
    claim(slots, 0, SLOT_COUNT - 1, "a", 10);
    claim(slots, 7, 7, "b", 20);
    assert_int_equal(claim(slots, 0, SLOT_COUNT - 1, "a", 30), 1);
    assert_slot(slots, 7, "a", 30);
    assert_slot(slots, 8, "a", 10);
    free(slots);
}

static void the_set_of_an_owner_has_its_slots_and_no_others(void **state)
{
    struct slots *slots = slots_new();
    struct slot_set set;
    (void)state;
    claim(slots, 0, 0, "a", 10);
    claim(slots, 63, 64, "a", 10);
    claim(slots, 5000, SLOT_COUNT - 1, "b", 20);
    slots_of(slots, "a", &set);
    for (unsigned slot = 0; slot < SLOT_COUNT; slot++)
        assert_int_equal(slot_set_has(&set, slot), slot == 0 || slot == 63 || slot == 64);
    assert_int_equal(count_of(slots, "b"), SLOT_COUNT - 5000);
    assert_int_equal(count_of(slots, "c"), 0);
    assert_int_equal(count_of(slots, ""), 0);
    free(slots);
}

static void the_text_has_a_line_for_each_range(void **state)
{
    struct slots *slots = slots_new();
    struct buf text;
    (void)state;
    buf_init(&text);
    slots_print(slots, 5, &text);
    assert_string_equal(text.data, "5\n\n");
    assert_there_and_back(slots, 5);
    claim(slots, 0, 8191, "a", 10);
    claim(slots, 8192, 16000, "b", 20);
    claim(slots, 3, 3, "c", 30);
    claim(slots, 4, 4, "a", 40);
    claim(slots, 5, 5, "b", 40);
    claim(slots, 5, 5, "a", 40);
    buf_reset(&text);
    slots_print(slots, 40, &text);
    assert_string_equal(text.data, "40\na b c\n0-2 10 1\n3-3 30 3\n4-4 10 1\n5-5 40 1\n6-8191 10 1\n8192-16000 20 2\n");
    assert_there_and_back(slots, 40);
    buf_fini(&text);
    free(slots);
}

static void an_owner_without_slots_is_left_out_and_its_place_is_free(void **state)
{
    struct slots *slots = slots_new();
    struct buf text;
    char run_id[8];
    (void)state;
    buf_init(&text);
    for (unsigned i = 0; i < 3 * SLOTS_OWNERS_MAX; i++) { /* each takes it from the one before */
        snprintf(run_id, sizeof(run_id), "r%u", i);
        assert_int_equal(claim(slots, 9, 9, run_id, i + 1), 1);
    }
    slots_print(slots, 400, &text);
    assert_string_equal(text.data, "400\nr383\n9-9 384 1\n");
    assert_int_equal(claim(slots, 8, 9, "r0", 500), 2);
    assert_slot(slots, 9, "r0", 500);
    buf_fini(&text);
    free(slots);
}

static void one_owner_too_many_makes_all_claim_anew(void **state)
{
    struct slots *slots = slots_new();
    char run_id[8];
    (void)state;
    for (unsigned i = 0; i < SLOTS_OWNERS_MAX; i++) {
        snprintf(run_id, sizeof(run_id), "r%u", i);
        assert_int_equal(claim(slots, i, i, run_id, i + 1), 1);
    }
    assert_there_and_back(slots, 1000);
    assert_int_equal(claim(slots, 0, 1, "r0", 1000), 1); /* that leaves r1 with none */
    assert_int_equal(claim(slots, 200, 200, "s", 1001), 1);
    assert_slot(slots, 0, "r0", 1);
    assert_slot(slots, 127, "r127", 128);
    assert_int_equal(claim(slots, 201, 201, "t", 1002), 1);
    assert_slot(slots, 0, "", 0);
    assert_slot(slots, 200, "", 0);
    assert_slot(slots, 201, "t", 1002);
    free(slots);
}

static void the_longest_text_fits_into_the_store(void **state)
{
    struct slots *slots = slots_new();
    char run_id[STORE_RUN_ID_MAX + 1];
    (void)state;
    for (unsigned slot = 0; slot < SLOT_COUNT; slot++) {
        snprintf(run_id, sizeof(run_id), "%040u", slot % SLOTS_OWNERS_MAX);
        assert_int_equal(claim(slots, slot, slot, run_id, INT64_MAX - slot), 1);
    }
    assert_there_and_back(slots, INT64_MAX);
    free(slots);
}

static void a_run_id_that_is_no_word_claims_nothing(void **state)
{
    static const char *const rows[] = {"",     "a b",      "a\n",
                                       "\x7f", "\xc3\xa4", "01234567890123456789012345678901234567890"};
    struct slots *slots = slots_new();
    (void)state;
    for (size_t i = 0; i < COUNT_OF(rows); i++)
        assert_int_equal(claim(slots, 0, SLOT_COUNT - 1, rows[i], 10), 0);
    assert_nobody(slots);
    free(slots);
}

static void a_text_of_another_serial_is_void(void **state)
{
    struct slots *slots = slots_new();
    (void)state;
    assert_true(parse(slots, "40\na b\n0-9 10 1\n10-16383 40 2\n", 40));
    assert_slot(slots, 10, "b", 40);
    assert_false(parse(slots, "40\na b\n0-9 10 1\n10-16383 40 2\n", 41));
    assert_nobody(slots);
    assert_false(parse(slots, "", 0));
    assert_false(slots_parse(slots, (struct slice){0}, 0));
    assert_nobody(slots);
    free(slots);
}

static void a_damaged_text_is_void(void **state)
{
    static const char *const rows[] = {
        "",
        "40",
        "40\n",
        "40\na",
        " 40\na\n",
        "040\na\n",
        "+40\na\n",
        "40 \na\n",
        "40\n\n\n",
        "40\r\na\n0-9 10 1\n",
        "40\na a\n0-9 10 1\n", /* an owner twice */
        "40\n a\n",
        "40\na \n",
        "40\na  b\n",
        "40\na\tb\n",
        "40\na\x7f\n",
        "40\n01234567890123456789012345678901234567890\n",
        "40\na\n0-9 10 1", /* no end */
        "40\na\n0-9 10 1\n1",
        "40\na\n0-9 10 1\n\n",
        "40\na\n0-9 10 0\n", /* nobody's */
        "40\na\n0-9 10 2\n",
        "40\n\n0-9 10 1\n",
        "40\na\n0-9 10 257\n",
        "40\na\n0-9 10 -1\n",
        "40\na\n0-9 10 01\n",
        "40\na\n0-9 10\n",
        "40\na\n0-9 10 \n",
        "40\na\n0-9 10 1 \n",
        "40\na\n0-9 10 1 1\n",
        "40\na\n0-9  10 1\n",
        "40\na\n0-9 0 1\n",
        "40\na\n0-9 -1 1\n",
        "40\na\n0-9 x 1\n",
        "40\na\n0-9 9223372036854775808 1\n",
        "40\na\n0-9 41 1\n", /* of the time to come */
        "40\na\n0 10 1\n",
        "40\na\n0- 10 1\n",
        "40\na\n-9 10 1\n",
        "40\na\n0-9-12 10 1\n",
        "40\na\n00-9 10 1\n",
        "40\na\n9-0 10 1\n",
        "40\na\n0-16384 10 1\n",
        "40\na\n16384-16384 10 1\n",
        "40\na\n0-9223372036854775807 10 1\n",
        "40\na b\n0-9 10 1\n9-10 10 2\n", /* one slot twice */
        "40\na b\n10-19 10 1\n0-9 10 2\n",
    };
    struct slots *slots = slots_new();
    (void)state;
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        claim(slots, 0, SLOT_COUNT - 1, "before", 1);
        if (parse(slots, rows[i], 40))
            fail_msg("taken: \"%s\"", rows[i]);
        assert_nobody(slots);
    }
    claim(slots, 0, SLOT_COUNT - 1, "before", 1);
    assert_false(slots_parse(slots, SLICE("40\na\0b\n0-9 10 1\n"), 40));
    assert_nobody(slots);
    free(slots);
}

/* Half a text may be read as fewer slots, but never as another owner or epoch of one. */
static void a_text_that_is_cut_off_gives_no_slot_away(void **state)
{
    static const char text[] = "40\na b\n0-9 10 1\n10-29 37 2\n500-16383 12 1\n";
    struct slots *whole = slots_new(), *cut = slots_new();
    unsigned read_count = 0;
    (void)state;
    assert_true(parse(whole, text, 40));
    for (size_t len = 0; len < sizeof(text) - 1; len++) {
        read_count += slots_parse(cut, (struct slice){text, len}, 40);
        for (unsigned slot = 0; slot < SLOT_COUNT; slot++)
            if (cut->owners[slot] != 0)
                assert_slot(cut, slot, whole->run_ids[whole->owners[slot]], whole->epochs[slot]);
    }
    assert_int_equal(read_count, 3); /* behind the owners, and behind each range but the last */
    free(whole);
    free(cut);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_claim_takes_what_others_have_and_leaves_its_own),
        cmocka_unit_test(a_slot_that_comes_back_has_another_epoch),
        cmocka_unit_test(the_set_of_an_owner_has_its_slots_and_no_others),
        cmocka_unit_test(the_text_has_a_line_for_each_range),
        cmocka_unit_test(an_owner_without_slots_is_left_out_and_its_place_is_free),
        cmocka_unit_test(one_owner_too_many_makes_all_claim_anew),
        cmocka_unit_test(the_longest_text_fits_into_the_store),
        cmocka_unit_test(a_run_id_that_is_no_word_claims_nothing),
        cmocka_unit_test(a_text_of_another_serial_is_void),
        cmocka_unit_test(a_damaged_text_is_void),
        cmocka_unit_test(a_text_that_is_cut_off_gives_no_slot_away),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
