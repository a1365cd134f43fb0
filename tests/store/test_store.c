/* SPDX-License-Identifier: MIT */
/*
 * The conformance suite: what store.h promises, run over every store that TODO_TEST_STORES names (run.sh sets it), or
 * over SQLite in a folder of its own. A case that holds on one store and not on the other is a bug in one of them.
 *
 * Each case gets an empty store. Threads only note what they got; the asserts are made by the test's own thread.
 */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/mem.h"
#include "fixture.h"
#include "store/foreign.h"
#include "test_store_answers.h"
#include "test_store_apply.h"
#include "test_store_changes.h"
#include "test_store_lists.h"
#include "test_store_loads.h"
#include "test_store_meta.h"
#include "test_store_purges.h"
#include "tests/unit/fields.h"

static void test_a_todo_reads_back_as_it_was_inserted(void **state)
{
    struct fixture *fixture = *state;
    struct todo todo = fixture_todo(&fixture->arena, 7);
    struct error error = {0};
    assert_int_equal(store_insert(fixture->store, &todo, NULL, &error), STATUS_OK);
    assert_stored(fixture, &todo);
}

static struct slice repeat(struct arena *arena, const char *character, size_t count)
{
    size_t len = strlen(character);
    char *text = arena_alloc(arena, len * count + 1);
    for (size_t i = 0; i < count; i++)
        memcpy(text + i * len, character, len);
    text[len * count] = '\0';
    return (struct slice){.data = text, .len = len * count};
}

static void test_texts_and_times_may_be_as_long_as_the_rules_allow(void **state)
{
    struct fixture *fixture = *state;
    struct todo todo = fixture_todo(&fixture->arena, 1);
    struct error error = {0};
    memset(todo.id, '~', TODO_ID_MAX);
    todo.id[TODO_ID_MAX] = '\0';
    todo.name = repeat(&fixture->arena, "🚀", TODO_NAME_MAX);
    todo.description = repeat(&fixture->arena, "漢", TODO_DESCRIPTION_MAX);
    todo.created_at_ms = TODO_TIME_MAX_MS;
    todo.updated_at_ms = TODO_TIME_MAX_MS;
    todo.v = INT64_MAX;
    assert_int_equal(store_insert(fixture->store, &todo, NULL, &error), STATUS_OK);
    assert_stored(fixture, &todo);
}

static void test_texts_and_times_may_be_as_small_as_the_rules_allow(void **state)
{
    struct fixture *fixture = *state;
    struct todo todo = {.id = "_", .name = SLICE("\t"), .description = SLICE(""), .v = 1};
    struct error error = {0};
    assert_int_equal(store_insert(fixture->store, &todo, NULL, &error), STATUS_OK);
    assert_stored(fixture, &todo);
}

static void test_quotes_newlines_and_del_are_kept(void **state)
{
    struct fixture *fixture = *state;
    struct todo todo = fixture_todo(&fixture->arena, 2);
    struct error error = {0};
    todo.name = SLICE("it's \"quoted\" \\ $where {\"a\":1} -- ; DROP");
    todo.description = SLICE("\r\n\ttab\n\nend \x7f %s %n \xc2\x85");
    assert_int_equal(store_insert(fixture->store, &todo, NULL, &error), STATUS_OK);
    assert_stored(fixture, &todo);
}

static void test_an_unknown_id_is_not_found(void **state)
{
    struct fixture *fixture = *state;
    struct todo todo;
    struct error error = {0};
    assert_int_equal(store_get(fixture->store, "nobody", &fixture->arena, &todo, &error), STATUS_NOT_FOUND);
}

static void test_ids_differ_by_case_and_digits(void **state)
{
    struct fixture *fixture = *state;
    static const char *const ids[] = {"a", "A", "1", "01", "1.0", "a.", "a-"};
    for (size_t i = 0; i < sizeof(ids) / sizeof(ids[0]); i++) {
        struct todo todo = fixture_todo(&fixture->arena, (unsigned)i);
        snprintf(todo.id, sizeof(todo.id), "%s", ids[i]);
        assert_int_equal(store_insert(fixture->store, &todo, NULL, NULL), STATUS_OK);
        assert_stored(fixture, &todo);
    }
}

static void test_a_taken_id_is_refused_and_its_todo_stays(void **state)
{
    struct fixture *fixture = *state;
    struct todo first = fixture_todo(&fixture->arena, 3);
    struct todo second = first;
    struct error error = {0};
    second.life++; /* and all else alike */
    assert_int_equal(store_insert(fixture->store, &first, NULL, &error), STATUS_OK);
    assert_int_equal(store_insert(fixture->store, &second, NULL, &error), STATUS_EXISTS);
    assert_non_null(strstr(error.text, "t3"));
    assert_stored(fixture, &first);
}

static void test_the_same_insert_again_is_its_own_success(void **state)
{
    struct fixture *fixture = *state;
    struct todo todo = fixture_todo(&fixture->arena, 4);
    assert_int_equal(store_insert(fixture->store, &todo, NULL, NULL), STATUS_OK);
    assert_int_equal(store_insert(fixture->store, &todo, NULL, NULL), STATUS_OK);
    assert_stored(fixture, &todo);
}

static void test_each_field_is_stored_by_insert_and_by_load(void **state)
{
    struct fixture *fixture = *state;
    struct todo todos[2] = {field_sample(), field_sample()};
    enum status result;
    field_differ(&todos[1], &todos[0], ~0u);
    for (size_t i = 0; i < 2; i++) {
        todos[i].v = 1; /* a load with UPSERT gives no other to a new row */
        assert_int_equal(store_insert(fixture->store, &todos[i], NULL, NULL), STATUS_OK);
        assert_stored(fixture, &todos[i]);
        snprintf(todos[i].id, sizeof(todos[i].id), "insert-%zu", i);
        assert_int_equal(store_load(fixture->store, &todos[i], 1, STORE_LOAD_INSERT, &result, NULL), STATUS_OK);
        assert_stored(fixture, &todos[i]);
        snprintf(todos[i].id, sizeof(todos[i].id), "upsert-%zu", i);
        assert_int_equal(store_load(fixture->store, &todos[i], 1, STORE_LOAD_UPSERT, &result, NULL), STATUS_OK);
        assert_stored(fixture, &todos[i]);
    }
}

/* A retried insert is recognised as our own by its life. It tells whether the stored todo is still the same. */
static void test_an_insert_is_told_from_others_by_its_life_alone(void **state)
{
    struct fixture *fixture = *state;
    struct todo todo = field_sample();
    assert_int_equal(store_insert(fixture->store, &todo, NULL, NULL), STATUS_OK);
    assert_int_equal(store_insert(fixture->store, &todo, NULL, NULL), STATUS_OK);
    for (enum todo_field field = 0; field < TODO_FIELD_COUNT; field++) {
        struct todo other = todo;
        field_alter(&other, field);
        if (field != TODO_ID)
            assert_int_equal(store_insert(fixture->store, &other, NULL, NULL),
                             field == TODO_LIFE ? STATUS_EXISTS : STATUS_MISMATCH);
    }
    assert_stored(fixture, &todo);
}

static struct store_fence fence_of(unsigned token, const char *id, bool is_closed)
{
    struct store_fence fence = {.deadline_at_ms = 1700000000000 + token, .is_closed = is_closed};
    snprintf(fence.token.text, sizeof(fence.token.text), "%032u", token);
    snprintf(fence.id, sizeof(fence.id), "%s", id);
    return fence;
}

static void assert_outbox(struct fixture *fixture, size_t limit, const struct store_fence *wanted, size_t count)
{
    struct store_fence got[8];
    size_t got_count;
    struct error error = {0};
    assert_int_equal(store_outbox_list(fixture->store, NULL, got, limit, &got_count, &error), STATUS_OK);
    assert_int_equal(got_count, count);
    for (size_t i = 0; i < count; i++) {
        assert_string_equal(got[i].token.text, wanted[i].token.text);
        assert_string_equal(got[i].id, wanted[i].id);
        assert_int_equal(got[i].deadline_at_ms, wanted[i].deadline_at_ms);
        assert_int_equal(got[i].is_closed, wanted[i].is_closed);
    }
}

static void test_the_outbox_keeps_records_oldest_first(void **state)
{
    struct fixture *fixture = *state;
    struct store_fence fences[] = {fence_of(9, "a", false), fence_of(5, "b", false), fence_of(7, "a", true)};
    for (size_t i = 0; i < 3; i++) {
        assert_int_equal(store_outbox_put(fixture->store, &fences[i], 1, NULL), STATUS_OK);
        usleep(3000); /* a later millisecond */
    }
    assert_outbox(fixture, 8, fences, 3);
    assert_outbox(fixture, 2, fences, 2);
    fences[0].is_closed = true;
    fences[0].deadline_at_ms++;
    assert_int_equal(store_outbox_put(fixture->store, &fences[0], 1, NULL), STATUS_OK);
    assert_outbox(fixture, 8, fences, 3);
}

static void test_the_outbox_removes_exactly_what_is_named(void **state)
{
    struct fixture *fixture = *state;
    struct store_fence fences[] = {fence_of(1, "a", false), fence_of(1, "b", false), fence_of(2, "a", false)};
    struct store_fence other = fence_of(3, "c", false);
    for (size_t i = 0; i < 3; i++) {
        assert_int_equal(store_outbox_put(fixture->store, &fences[i], 1, NULL), STATUS_OK);
        usleep(3000);
    }
    struct store_fence gone[] = {fences[1], other};
    size_t changed_count;
    assert_int_equal(store_outbox_remove(fixture->store, gone, 2, &changed_count, NULL), STATUS_OK);
    assert_int_equal(changed_count, 0);
    struct store_fence left[] = {fences[0], fences[2]};
    assert_outbox(fixture, 8, left, 2);
    assert_int_equal(store_outbox_remove(fixture->store, left, 2, &changed_count, NULL), STATUS_OK);
    assert_outbox(fixture, 8, NULL, 0);
    assert_int_equal(store_outbox_remove(fixture->store, left, 2, &changed_count, NULL), STATUS_OK);
    assert_int_equal(changed_count, 0);
}

static void test_the_outbox_removes_no_record_that_has_changed_since(void **state)
{
    struct fixture *fixture = *state;
    struct store_fence listed[] = {fence_of(1, "a", false), fence_of(1, "b", false), fence_of(1, "c", true)};
    size_t changed_count;
    assert_int_equal(store_outbox_put(fixture->store, listed, 3, NULL), STATUS_OK);
    struct store_fence changed[] = {listed[0], listed[1]};
    changed[0].is_closed = true;
    changed[1].deadline_at_ms++;
    assert_int_equal(store_outbox_put(fixture->store, changed, 2, NULL), STATUS_OK);
    assert_int_equal(store_outbox_remove(fixture->store, listed, 3, &changed_count, NULL), STATUS_OK);
    assert_int_equal(changed_count, 2);
    assert_outbox(fixture, 8, changed, 2);
    assert_int_equal(store_outbox_remove(fixture->store, changed, 2, &changed_count, NULL), STATUS_OK);
    assert_int_equal(changed_count, 0);
    assert_outbox(fixture, 8, NULL, 0);
}

/* Records of one put share their time, and some are removed between the pages, also the one behind which the next begins. */
static void test_a_listing_of_the_outbox_goes_on_behind_the_last_record(void **state)
{
    enum { COUNT = 25, PAGE = 10 };
    struct fixture *fixture = *state;
    struct store_fence fences[COUNT], got[PAGE];
    size_t seen = 0, count = PAGE, ignored;
    for (unsigned i = 0; i < COUNT; i++)
        fences[i] = fence_of(i, "a", i % 2 == 0);
    assert_int_equal(store_outbox_put(fixture->store, fences, COUNT - 5, NULL), STATUS_OK);
    usleep(3000);
    assert_int_equal(store_outbox_put(fixture->store, fences + COUNT - 5, 5, NULL), STATUS_OK);
    while (count == PAGE) {
        struct store_fence last = got[PAGE - 1];
        assert_int_equal(store_outbox_list(fixture->store, seen > 0 ? &last : NULL, got, PAGE, &count, NULL),
                         STATUS_OK);
        for (size_t i = 0; i < count; i++)
            assert_string_equal(got[i].token.text, fences[seen++].token.text);
        assert_int_equal(store_outbox_remove(fixture->store, got, count, &ignored, NULL), STATUS_OK);
    }
    assert_int_equal(seen, COUNT);
    assert_outbox(fixture, 8, NULL, 0);
}

/* What it shows is for test_sqlite.c and for a server with a majority; here: it changes nothing, again and again. */
static void test_a_barrier_changes_nothing_that_others_see(void **state)
{
    struct fixture *fixture = *state;
    struct store_meta meta;
    for (int i = 0; i < 3; i++)
        assert_int_equal(store_barrier(fixture->store, NULL), STATUS_OK);
    assert_int_equal(store_meta_get(fixture->store, &meta, NULL), STATUS_OK);
    assert_int_equal(meta.epoch, 0);
}

enum { RACER_COUNT = 16, EPOCH_COUNT = 30 };

struct racer {
    struct store *store;
    pthread_barrier_t *barrier;
    unsigned number;
    enum status status;
    bool won[EPOCH_COUNT];
    unsigned failed_count;
};

static void race(struct fixture *fixture, unsigned count, void *(*run)(void *), struct racer *racers)
{
    pthread_t threads[RACER_COUNT];
    pthread_barrier_t barrier;
    pthread_barrier_init(&barrier, NULL, count);
    for (unsigned i = 0; i < count; i++) {
        racers[i] = (struct racer){.store = fixture->store, .barrier = &barrier, .number = i};
        bug_unless(pthread_create(&threads[i], NULL, run, &racers[i]) == 0, "no threads left");
    }
    for (unsigned i = 0; i < count; i++)
        pthread_join(threads[i], NULL);
    pthread_barrier_destroy(&barrier);
}

enum { WINNER_TEXT_MAX = 40 };

static struct slice winner_text(char text[WINNER_TEXT_MAX], int64_t epoch, unsigned number)
{
    snprintf(text, WINNER_TEXT_MAX, "%d\n%u\n", (int)epoch, number);
    return slice_of(text);
}

static void *swap_each_epoch(void *ctx)
{
    struct racer *racer = ctx;
    for (int64_t epoch = 0; epoch < EPOCH_COUNT; epoch++) {
        const struct store_meta expected = {.epoch = epoch, .beat = epoch};
        const struct store_meta next = {.epoch = epoch + 1, .beat = epoch + 1};
        char text[WINNER_TEXT_MAX];
        struct slice slots = winner_text(text, epoch, racer->number);
        pthread_barrier_wait(racer->barrier);
        if (store_slots_swap(racer->store, &expected, &next, slots, &racer->won[epoch], NULL) != STATUS_OK)
            racer->failed_count++;
    }
    return NULL;
}

static void test_of_eight_that_move_epoch_and_slots_one_wins_each_time(void **state)
{
    struct fixture *fixture = *state;
    struct racer racers[8];
    char text[WINNER_TEXT_MAX];
    unsigned winner = 0;
    race(fixture, 8, swap_each_epoch, racers);
    for (unsigned epoch = 0; epoch < EPOCH_COUNT; epoch++) {
        unsigned winner_count = 0;
        for (unsigned i = 0; i < 8; i++) {
            winner_count += racers[i].won[epoch];
            winner = racers[i].won[epoch] ? i : winner;
            assert_int_equal(racers[i].failed_count, 0);
        }
        assert_int_equal(winner_count, 1);
    }
    const struct store_meta last = {.epoch = EPOCH_COUNT, .beat = EPOCH_COUNT};
    assert_slots(fixture, &last, winner_text(text, EPOCH_COUNT - 1, winner));
}

static void *insert_the_same_id(void *ctx)
{
    struct racer *racer = ctx;
    char name[24];
    snprintf(name, sizeof(name), "racer %u", racer->number);
    struct todo todo = {
        .id = "wanted", .name = slice_of(name), .description = SLICE(""), .v = 1, .life = LIFE_LEAST + racer->number};
    pthread_barrier_wait(racer->barrier);
    racer->status = store_insert(racer->store, &todo, NULL, NULL);
    return NULL;
}

static void test_of_sixteen_that_insert_one_id_one_succeeds(void **state)
{
    struct fixture *fixture = *state;
    struct racer racers[RACER_COUNT];
    race(fixture, RACER_COUNT, insert_the_same_id, racers);
    unsigned winner_count = 0;
    unsigned winner = 0;
    for (unsigned i = 0; i < RACER_COUNT; i++) {
        assert_true(racers[i].status == STATUS_OK || racers[i].status == STATUS_EXISTS);
        winner_count += racers[i].status == STATUS_OK;
        winner = racers[i].status == STATUS_OK ? i : winner;
    }
    assert_int_equal(winner_count, 1);
    char name[24];
    snprintf(name, sizeof(name), "racer %u", winner);
    struct todo wanted = {
        .id = "wanted", .name = slice_of(name), .description = SLICE(""), .v = 1, .life = LIFE_LEAST + winner};
    assert_stored(fixture, &wanted);
}

static void test_another_opening_sees_the_same_rows(void **state)
{
    struct fixture *fixture = *state;
    struct todo todo = fixture_todo(&fixture->arena, 11);
    assert_int_equal(store_insert(fixture->store, &todo, NULL, NULL), STATUS_OK);
    struct store *first = fixture->store;
    fixture->store = fixture_open(fixture, FIXTURE_TIMEOUT_MS);
    assert_stored(fixture, &todo);
    store_close(first);
    assert_int_equal(store_prepare(fixture->store, NULL), STATUS_OK);
    assert_stored(fixture, &todo);
}

static void test_an_empty_store_is_told_of_by_its_name(void **state)
{
    struct fixture *fixture = *state;
    struct store_survey survey;
    const char *name = strrchr(fixture->uri, '/') + 1;
    size_t name_len = strcspn(name, "?");
    assert_int_equal(store_survey(fixture->store, &survey, NULL), STATUS_OK);
    assert_true(survey.is_empty);
    const char *found = strstr(survey.text, " has no todos");
    assert_non_null(found);
    assert_memory_equal(found - name_len, name, name_len);
    struct todo todo = fixture_todo(&fixture->arena, 11);
    assert_int_equal(store_insert(fixture->store, &todo, NULL, NULL), STATUS_OK);
    assert_int_equal(store_survey(fixture->store, &survey, NULL), STATUS_OK);
    assert_false(survey.is_empty);
    assert_string_equal(survey.text, "");
}

#define ON_EMPTY_STORE(test)     cmocka_unit_test_setup_teardown(test, fixture_setup, fixture_teardown)
#define ON_EMPTY_STORE_ROW(test) ON_EMPTY_STORE(test),

static int run_suite(const char *uri)
{
    const struct CMUnitTest tests[] = {
        ON_EMPTY_STORE(test_a_todo_reads_back_as_it_was_inserted),
        ON_EMPTY_STORE(test_texts_and_times_may_be_as_long_as_the_rules_allow),
        ON_EMPTY_STORE(test_texts_and_times_may_be_as_small_as_the_rules_allow),
        ON_EMPTY_STORE(test_quotes_newlines_and_del_are_kept),
        ON_EMPTY_STORE(test_an_unknown_id_is_not_found),
        ON_EMPTY_STORE(test_ids_differ_by_case_and_digits),
        ON_EMPTY_STORE(test_a_taken_id_is_refused_and_its_todo_stays),
        ON_EMPTY_STORE(test_the_same_insert_again_is_its_own_success),
        ON_EMPTY_STORE(test_lists_go_both_ways_by_time_then_id),
        ON_EMPTY_STORE(test_a_list_may_be_of_done_or_open_todos_only),
        ON_EMPTY_STORE(test_a_full_page_says_whether_there_is_more),
        ON_EMPTY_STORE(test_an_empty_store_has_an_empty_page),
        ON_EMPTY_STORE(test_pages_show_each_row_once_while_rows_are_inserted),
        ON_EMPTY_STORE(test_each_field_is_stored_by_insert_and_by_load),
        ON_EMPTY_STORE(test_an_insert_is_told_from_others_by_its_life_alone),
        ON_EMPTY_STORE(test_a_load_tells_of_each_taken_id_and_inserts_the_rest),
        ON_EMPTY_STORE(test_an_upsert_changes_what_is_there_and_inserts_the_rest),
        ON_EMPTY_STORE(test_a_load_knows_the_rows_of_an_earlier_try),
        ON_EMPTY_STORE(test_a_large_load_is_whole),
        ON_EMPTY_STORE(test_each_condition_decides_each_change_of_what_is_there_and_what_is_not),
        ON_EMPTY_STORE(test_a_merge_changes_the_fields_that_it_names_and_no_others),
        ON_EMPTY_STORE(test_a_merge_of_what_is_there_already_makes_no_version),
        ON_EMPTY_STORE(test_a_replacement_takes_back_what_was_shown_and_nothing_else),
        ON_EMPTY_STORE(test_a_version_of_a_first_life_never_matches_a_second),
        ON_EMPTY_STORE(test_a_todo_made_again_starts_at_one),
        ON_EMPTY_STORE(test_changes_go_on_from_any_version_but_the_last),
        ON_EMPTY_STORE(test_changed_todos_move_between_the_lists_of_done_and_open),
        ON_EMPTY_STORE(test_of_fifty_that_change_one_version_one_does),
        ON_EMPTY_STORE(test_of_fifty_that_delete_one_version_one_does),
        ON_EMPTY_STORE(test_of_sixteen_that_put_one_id_one_creates_and_all_count),
        ON_EMPTY_STORE(test_of_sixteen_equal_creations_one_is_made),
        ON_EMPTY_STORE(test_creations_and_deletions_of_one_id_add_up),
        ON_EMPTY_STORE(test_a_new_key_begins_and_its_answer_is_kept),
        ON_EMPTY_STORE(test_a_running_request_is_told_from_another_with_its_key),
        ON_EMPTY_STORE(test_keys_are_told_apart_byte_by_byte),
        ON_EMPTY_STORE(test_answers_are_kept_as_they_are),
        ON_EMPTY_STORE(test_past_its_deadline_a_request_goes_on_with_its_first_id_and_time),
        ON_EMPTY_STORE(test_a_request_that_is_taken_over_hears_whether_its_todo_was_made),
        ON_EMPTY_STORE(test_a_todo_that_was_made_under_a_key_is_deleted_under_the_same_conditions),
        ON_EMPTY_STORE(test_a_todo_is_made_once_by_an_insert_that_comes_late),
        ON_EMPTY_STORE(test_a_kept_tag_or_time_that_is_none_is_told),
        ON_EMPTY_STORE(test_an_expired_record_is_as_if_it_had_never_been),
        ON_EMPTY_STORE(test_a_forgotten_request_may_come_again),
        ON_EMPTY_STORE(test_only_its_own_running_record_is_forgotten),
        ON_EMPTY_STORE(test_the_first_end_counts),
        ON_EMPTY_STORE(test_of_eight_that_take_over_one_does),
        ON_EMPTY_STORE(test_of_eight_that_begin_one_does),
        STORE_APPLY_CASES(ON_EMPTY_STORE_ROW) ON_EMPTY_STORE(test_the_outbox_keeps_records_oldest_first),
        ON_EMPTY_STORE(test_the_outbox_removes_exactly_what_is_named),
        ON_EMPTY_STORE(test_the_outbox_removes_no_record_that_has_changed_since),
        ON_EMPTY_STORE(test_a_listing_of_the_outbox_goes_on_behind_the_last_record),
        ON_EMPTY_STORE(test_purges_are_listed_by_url_when_they_are_due),
        ON_EMPTY_STORE(test_a_purge_that_is_put_again_is_replaced),
        ON_EMPTY_STORE(test_purges_are_removed_by_token_and_sequence),
        ON_EMPTY_STORE(test_a_purge_holds_as_many_keys_as_the_rules_allow),
        ON_EMPTY_STORE(test_the_epoch_begins_at_nothing_and_moves_only_from_where_it_is),
        ON_EMPTY_STORE(test_a_barrier_changes_nothing_that_others_see),
        ON_EMPTY_STORE(test_the_beat_moves_only_from_where_it_is_and_holds_large_numbers),
        ON_EMPTY_STORE(test_the_slots_are_replaced_with_the_record_and_stay_when_it_moves_alone),
        ON_EMPTY_STORE(test_the_slots_may_be_as_long_as_the_rules_allow),
        ON_EMPTY_STORE(test_of_eight_that_move_epoch_and_slots_one_wins_each_time),
        ON_EMPTY_STORE(test_of_sixteen_that_insert_one_id_one_succeeds),
        ON_EMPTY_STORE(test_another_opening_sees_the_same_rows),
        ON_EMPTY_STORE(test_an_empty_store_is_told_of_by_its_name),
    };
    bool sqlite = strncmp(uri, "sqlite:", strlen("sqlite:")) == 0;
    const char *server = getenv("TODO_TEST_SERVER");
    printf("store: %s (%s)\n", uri, sqlite ? "embedded" : server ? server : "a server that nobody named");
    fflush(stdout);
    fixture_use(uri);
    return cmocka_run_group_tests_name(sqlite ? "store, on SQLite" : "store, on MongoDB", tests, NULL, fixture_end);
}

int main(void)
{
    char folder[] = "/tmp/test_store.XXXXXX";
    const char *named = getenv("TODO_TEST_STORES");
    char *uris = mem_strdup(named ? named : "");
    int failed_count = 0;
    if (!named) {
        bug_unless(mkdtemp(folder), "no folder for temporary files");
        free(uris);
        uris = mem_zalloc(64);
        snprintf(uris, 64, "sqlite:%s/todo", folder);
        printf("MongoDB is not run: tests/store/run.sh looks for one\n");
    }
    char *rest = NULL;
    for (char *uri = strtok_r(uris, " ", &rest); uri; uri = strtok_r(NULL, " ", &rest))
        failed_count += run_suite(uri);
    if (!named)
        rmdir(folder);
    free(uris);
    return failed_count > 0;
}
