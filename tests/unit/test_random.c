/* SPDX-License-Identifier: MIT */
/* random.c: tokens, lives, bounded numbers, UUIDv7. */
#include "testing.h"

#include <pthread.h>

#include "base/random.h"
#include "base/todo.h"

enum { THREADS = 4, UUIDS_PER_THREAD = 5000 };

static void tokens_are_128_bits_of_lower_case_hex_and_never_repeat(void **state)
{
    (void)state;
    struct token last = token_new();
    for (int i = 0; i < 10000; i++) { /* many times the supply */
        struct token token = token_new();
        assert_int_equal(strlen(token.text), TOKEN_LEN);
        assert_int_equal(strspn(token.text, "0123456789abcdef"), TOKEN_LEN);
        assert_string_not_equal(token.text, last.text);
        last = token;
    }
}

/* Every bit of the bytes must be seen both set and clear; that fails by chance once in 2^990. */
static void bytes_larger_than_the_supply_are_all_filled(void **state)
{
    (void)state;
    unsigned char ones[10001] = {0};
    unsigned char zeros[10001] = {0};
    for (int round = 0; round < 1000; round++) {
        unsigned char bytes[10001];
        random_bytes(bytes, sizeof(bytes));
        for (size_t i = 0; i < sizeof(bytes); i++) {
            ones[i] |= bytes[i];
            zeros[i] |= (unsigned char)~bytes[i];
        }
    }
    for (size_t i = 0; i < sizeof(ones); i++)
        assert_int_equal(ones[i] & zeros[i], 0xFF);
}

/* Each bit is seen set and clear, but the first, which tells a life from a time. */
static void lives_are_52_bits_above_every_time(void **state)
{
    (void)state;
    uint64_t ones = 0, zeros = 0;
    for (int i = 0; i < 1000; i++) {
        int64_t life = life_new();
        assert_true(life >= LIFE_LEAST && life < 2 * LIFE_LEAST);
        assert_true((int64_t)(double)life == life);
        ones |= (uint64_t)life;
        zeros |= ~(uint64_t)life;
    }
    assert_true((ones & zeros) == (uint64_t)LIFE_LEAST - 1);
}

static void numbers_stay_below_their_bound_and_meet_all_values(void **state)
{
    (void)state;
    static const uint64_t bounds[] = {1, 2, 3, 7, 10};
    for (size_t i = 0; i < COUNT_OF(bounds); i++) {
        unsigned seen = 0;
        for (int draw = 0; draw < 2000; draw++) {
            uint64_t value = random_below(bounds[i]);
            assert_true(value < bounds[i]);
            seen |= 1u << value;
        }
        assert_int_equal(seen, (1u << bounds[i]) - 1);
    }
    for (int draw = 0; draw < 1000; draw++) /* half of all 64-bit values must be drawn again for this bound */
        assert_true(random_below((UINT64_C(1) << 63) + 1) <= UINT64_C(1) << 63);
}

static void a_uuid_has_the_form_of_version_7(void **state)
{
    (void)state;
    char text[UUID_LEN + 1];
    uuid7_new(text, INT64_C(0x0123456789ab));
    assert_int_equal(strlen(text), UUID_LEN);
    assert_memory_equal(text, "01234567-89ab-7", 15);
    for (size_t i = 0; i < UUID_LEN; i++) {
        bool dash = i == 8 || i == 13 || i == 18 || i == 23;
        assert_int_equal(text[i] == '-', dash);
        assert_true(dash || strchr("0123456789abcdef", text[i]));
    }
    assert_non_null(strchr("89ab", text[19]));
}

/* More in one millisecond than the counter holds, then a clock that steps back. */
static void uuids_of_a_process_only_go_up(void **state)
{
    (void)state;
    char last[UUID_LEN + 1];
    char next[UUID_LEN + 1];
    int64_t now_ms = INT64_C(0x0123456789ff);
    uuid7_new(last, now_ms);
    for (int i = 0; i < 10000; i++) {
        uuid7_new(next, now_ms - i / 5000 * 10);
        assert_true(strcmp(next, last) > 0);
        memcpy(last, next, sizeof(last));
    }
}

static void *make_uuids(void *ctx)
{
    char(*texts)[UUID_LEN + 1] = ctx;
    for (int i = 0; i < UUIDS_PER_THREAD; i++)
        uuid7_new(texts[i], INT64_C(0x012345680000));
    return NULL;
}

static int compare_texts(const void *a, const void *b)
{
    return strcmp(a, b);
}

/* Compared without the random bits at the end: time and counter alone must already differ. */
static void threads_never_share_a_tick(void **state)
{
    (void)state;
    static char texts[THREADS * UUIDS_PER_THREAD][UUID_LEN + 1];
    pthread_t threads[THREADS];
    for (int i = 0; i < THREADS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, make_uuids, texts[i * UUIDS_PER_THREAD]), 0);
    for (int i = 0; i < THREADS; i++)
        assert_int_equal(pthread_join(threads[i], NULL), 0);
    qsort(texts, COUNT_OF(texts), sizeof(texts[0]), compare_texts);
    for (size_t i = 1; i < COUNT_OF(texts); i++)
        assert_memory_not_equal(texts[i - 1], texts[i], 18);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(tokens_are_128_bits_of_lower_case_hex_and_never_repeat),
        cmocka_unit_test(bytes_larger_than_the_supply_are_all_filled),
        cmocka_unit_test(lives_are_52_bits_above_every_time),
        cmocka_unit_test(numbers_stay_below_their_bound_and_meet_all_values),
        cmocka_unit_test(a_uuid_has_the_form_of_version_7),
        cmocka_unit_test(uuids_of_a_process_only_go_up),
        cmocka_unit_test(threads_never_share_a_tick),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
