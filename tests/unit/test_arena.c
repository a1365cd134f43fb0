/* SPDX-License-Identifier: MIT */
/* arena.c: pieces, alignment, reset. */
#include "testing.h"

#include "base/arena.h"

static void pieces_are_aligned_and_do_not_overlap(void **state)
{
    (void)state;
    struct arena arena;
    arena_init(&arena);
    unsigned char *pieces[400];
    for (size_t i = 0; i < COUNT_OF(pieces); i++) {
        pieces[i] = arena_alloc(&arena, i);
        assert_int_equal((uintptr_t)pieces[i] % _Alignof(max_align_t), 0);
        memset(pieces[i], (int)(i & 0xFF), i);
    }
    for (size_t i = 0; i < COUNT_OF(pieces); i++)
        for (size_t at = 0; at < i; at++)
            assert_int_equal(pieces[i][at], i & 0xFF);
    arena_fini(&arena);
}

static void a_piece_may_be_larger_than_any_chunk(void **state)
{
    (void)state;
    struct arena arena;
    arena_init(&arena);
    char *large = arena_alloc(&arena, 1000000);
    memset(large, 'x', 1000000);
    char *small = arena_alloc(&arena, 10);
    memset(small, 'y', 10);
    assert_int_equal(large[999999], 'x');
    assert_true(arena_used_bytes(&arena) >= 1000010);
    arena_fini(&arena);
}

static void a_copy_ends_in_nul_and_an_absent_slice_stays_absent(void **state)
{
    (void)state;
    struct arena arena;
    arena_init(&arena);
    char original[] = "text";
    struct slice copy = arena_copy(&arena, slice_of(original));
    original[0] = 'n';
    assert_int_equal(copy.len, 4);
    assert_string_equal(copy.data, "text");
    assert_null(arena_copy(&arena, (struct slice){0}).data);
    assert_non_null(arena_copy(&arena, SLICE("")).data);
    arena_fini(&arena);
}

static void a_reset_counts_from_zero_and_uses_the_newest_chunk_again(void **state)
{
    (void)state;
    struct arena arena;
    arena_init(&arena);
    arena_reset(&arena);
    assert_int_equal(arena_used_bytes(&arena), 0);
    for (int i = 0; i < 100; i++)
        arena_alloc(&arena, 100);
    assert_true(arena_used_bytes(&arena) >= 10000);
    struct arena_chunk *newest = arena.chunks;
    arena_reset(&arena);
    assert_int_equal(arena_used_bytes(&arena), 0);
    arena_alloc(&arena, 100);
    assert_ptr_equal(arena.chunks, newest);
    arena_fini(&arena);
    assert_null(arena.chunks);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pieces_are_aligned_and_do_not_overlap),
        cmocka_unit_test(a_piece_may_be_larger_than_any_chunk),
        cmocka_unit_test(a_copy_ends_in_nul_and_an_absent_slice_stays_absent),
        cmocka_unit_test(a_reset_counts_from_zero_and_uses_the_newest_chunk_again),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
