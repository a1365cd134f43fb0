/* SPDX-License-Identifier: MIT */
/* base/slot.h by tables; test_real_cluster.c compares it with a real cluster. */
#include "testing.h"

#include "base/slot.h"

/* What CLUSTER KEYSLOT of Redis 7.0 says. */
static void slots_are_those_of_redis(void **state)
{
    static const struct {
        const char *key;
        unsigned slot;
    } rows[] = {
        {"123456789", 12739},
        {"a", 15495},
        {"foo{bar}baz", 5061},
        {"{bar}", 5061},
        {"foo{}{bar}", 8363},
        {"{}", 15257},
        {"foo{{bar}}zap", 4015},
        {"foo{bar}{zap}", 5061},
        {"}{", 12793},
        {"{a", 10276},
        {"a}", 5921},
        {"todo:7:{42}", 8000},
        {"todo:7:{42}:writers", 8000},
        {"42", 8000},
        {"todos:7:{list}:gen", 12291},
        {"list", 12291},
        {"0190a5b2-7c3d-7e4f-8a1b-2c3d4e5f6071", 3982},
        {"über", 15496},
    };
    (void)state;
    for (size_t i = 0; i < COUNT_OF(rows); i++)
        assert_int_equal(slot_of_key(slice_of(rows[i].key)), rows[i].slot);
}

static void a_key_may_hold_any_bytes_or_none(void **state)
{
    (void)state;
    assert_int_equal(slot_of_key((struct slice){0}), 0);
    assert_int_equal(slot_of_key(SLICE("\0\0\0")), 0);
    assert_int_equal(slot_of_key(SLICE("\377\376{\0}")), slot_of_key(SLICE("\0")));
    assert_int_not_equal(slot_of_key(SLICE("\377")), slot_of_key(SLICE("\376")));
}

static void each_slot_has_a_tag_of_its_own(void **state)
{
    char text[SLOT_TAG_MAX + 1], again[SLOT_TAG_MAX + 1];
    (void)state;
    for (unsigned slot = 0; slot < SLOT_COUNT; slot++) {
        struct slice tag = slot_tag(slot, text);
        assert_int_equal(slot_of_key(tag), slot);
        assert_true(slice_equal(tag, slot_tag(slot, again)));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(slots_are_those_of_redis),
        cmocka_unit_test(a_key_may_hold_any_bytes_or_none),
        cmocka_unit_test(each_slot_has_a_tag_of_its_own),
    };
    return cmocka_run_group_tests_name("slot", tests, NULL, NULL);
}
