/* SPDX-License-Identifier: MIT */
/*
 * The simulated store against the real ones: the same calls, the same outcomes.
 *
 *   test_same_store [SEQUENCES [SEED [FIRST]]]        over the stores that TODO_TEST_STORES names (tests/store/run.sh)
 *
 * All clocks stand still but for what a sequence passes. A difference is printed with its seed and its number, and with
 * the fewest calls that still lead to it. What a store leaves open is not compared: texts of errors, and the order of
 * the outbox after a record was put again.
 */
#include "tests/unit/testing.h"

#include <inttypes.h>
#include <time.h>

#include "base/mem.h"
#include "store_calls.h"
#include "tests/store/fixture.h"
#include "tests/unit/fake_events.h"
#include "tests/unit/fake_journal.h"
#include "tests/unit/fake_purges.h"
#include "tests/unit/fake_store.h"

enum { SIDES_MAX = 4 };

#define STORE_OPS(X)                                                                                                   \
    X(get)                                                                                                             \
    X(list)                                                                                                            \
    X(insert)                                                                                                          \
    X(change)                                                                                                          \
    X(load)                                                                                                            \
    X(apply_claim)                                                                                                     \
    X(apply)                                                                                                           \
    X(answer_begin)                                                                                                    \
    X(answer_end)                                                                                                      \
    X(answer_forget)                                                                                                   \
    X(outbox_put)                                                                                                      \
    X(outbox_list)                                                                                                     \
    X(outbox_remove)                                                                                                   \
    X(purge_put)                                                                                                       \
    X(purge_list)                                                                                                      \
    X(purge_remove)                                                                                                    \
    X(barrier)                                                                                                         \
    X(meta_get)                                                                                                        \
    X(meta_swap)                                                                                                       \
    X(slots_get)                                                                                                       \
    X(slots_swap)
#define FAKED_NAME(name) __typeof__(store_##name) faked_##name;
STORE_OPS(FAKED_NAME) /* faked_names.h */

#define FAKED_ROW(name) .name = faked_##name,
#define REAL_ROW(name)  .name = store_##name,
static const struct store_ops faked_ops = {STORE_OPS(FAKED_ROW)}, real_ops = {STORE_OPS(REAL_ROW)};

static struct sequences sequences = {.count = 200, .seed = 1};

static struct side sides[SIDES_MAX];
static struct fixture *fixtures[SIDES_MAX];
static size_t side_count;
static unsigned play_count;
static struct buf outcomes[SIDES_MAX];
static bool is_told; /* each call is printed, with what the simulated store makes of it */

/* The first call after which a store differs from the simulated one, with its outcomes in outcomes; CALLS_MAX: none. */
static unsigned play(const struct calls *calls)
{
    unsigned different = CALLS_MAX;
    play_count++;
    fake_store_empty(sides[0].store);
    for (size_t i = 0; i < side_count; i++)
        call_begin(&sides[i]);
    for (unsigned i = 0; i < calls->count && different == CALLS_MAX; i++) {
        fake_clock_move(call_pass_ms(&calls->items[i]));
        for (size_t k = 0; k < side_count; k++) {
            buf_reset(&outcomes[k]);
            call_run(&calls->items[i], &sides[k], play_count, fake_now_ms(), &outcomes[k]);
            if (!slice_equal(buf_slice(&outcomes[k]), buf_slice(&outcomes[0])))
                different = i;
        }
        if (is_told)
            printf("    %s %" PRId64 ": %s\n", call_name(&calls->items[i]), call_pass_ms(&calls->items[i]),
                   buf_slice(&outcomes[0]).data);
    }
    for (size_t i = 0; i < side_count; i++)
        call_clean(&sides[i]);
    fake_journal_reset();
    return different;
}

/* Drops what is behind the difference, then each call without which there is still one. */
static void shrink(struct calls *calls, unsigned different)
{
    calls->count = different + 1;
    for (unsigned i = calls->count; i > 0; i--) {
        struct calls shorter = *calls;
        shorter.count--;
        memmove(shorter.items + i - 1, shorter.items + i, (shorter.count - i + 1) * sizeof(*shorter.items));
        if (play(&shorter) < CALLS_MAX)
            *calls = shorter;
    }
}

static void report(struct calls *calls, unsigned number, unsigned different)
{
    shrink(calls, different);
    printf("# seed %" PRIu64 ", sequence %u: test_same_store 1 %" PRIu64 " %u\n", sequences.seed, number,
           sequences.seed, number);
    is_told = true;
    play(calls);
    for (size_t i = 0; i < side_count; i++)
        printf("# %s: %s\n", sides[i].name, buf_slice(&outcomes[i]).data);
    fail();
}

static void the_simulated_store_does_as_the_real_ones(void **state)
{
    struct calls calls;
    (void)state;
    for (unsigned i = 0; i < sequences.count; i++) {
        calls_draw(&calls, dice_of(sequences.seed, sequences.first + i));
        unsigned different = play(&calls);
        if (different < CALLS_MAX)
            report(&calls, sequences.first + i, different);
    }
}

/* ---- Beginning and end ---- */

static void side_add(const char *name, const struct store_ops *ops, struct store *store)
{
    bug_unless(side_count < SIDES_MAX, "there are more stores than room");
    sides[side_count++] = (struct side){.name = name, .ops = ops, .store = store};
}

static int all_begin(void **state)
{
    struct timespec now;
    char *uris = mem_strdup(getenv("TODO_TEST_STORES")), *rest = NULL;
    (void)state;
    timespec_get(&now, TIME_UTC); /* so that no server's own clock ends a record */
    fake_events_begin();
    fake_clock_move((now.tv_sec - FAKE_START_S) * INT64_C(1000));
    side_add("simulated", &faked_ops, fake_store_new());
    for (char *uri = strtok_r(uris, " ", &rest); uri; uri = strtok_r(NULL, " ", &rest)) {
        void *fixture;
        fixture_use(uri);
        fixture_setup(&fixture);
        fixtures[side_count] = fixture;
        side_add(store_kind(fixtures[side_count]->store), &real_ops, fixtures[side_count]->store);
    }
    free(uris);
    return side_count < 2;
}

static int all_end(void **state)
{
    (void)state;
    for (size_t i = 1; i < side_count; i++) {
        void *fixture = fixtures[i];
        fixture_teardown(&fixture);
    }
    fake_store_free(sides[0].store);
    for (size_t i = 0; i < SIDES_MAX; i++)
        buf_fini(&outcomes[i]);
    return 0;
}

int main(int count, char **args)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_simulated_store_does_as_the_real_ones),
    };
    if (!getenv("TODO_TEST_STORES")) {
        fprintf(stderr, "TODO_TEST_STORES names no store; tests/store/run.sh does\n");
        return 1;
    }
    sequences_choose(&sequences, count, args);
    return cmocka_run_group_tests_name("same_store", tests, all_begin, all_end);
}
