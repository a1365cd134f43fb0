/* SPDX-License-Identifier: MIT */
/* load/load.c, batch.c and guard.c over load_bed.h: what is sent, when, and again. */
#include "load_bed.h"

#include "load/faker.h"

/* ---- A load under test ---- */

struct fixture {
    FILE *out;
    char *output;
    size_t output_len;
    struct progress *progress;
    struct rejects *rejects;
    struct load_options options;
    struct load *load;
};

static void on_done(void *ctx, const struct load_result *result)
{
    (void)ctx;
    assert_false(fake.done);
    fake.done = true;
    fake.result = *result;
}

static int begin(void **state)
{
    struct fixture *fixture = calloc(1, sizeof(*fixture));
    memset(&fake, 0, sizeof(fake));
    fake.trusted = true;
    fixture->out = open_memstream(&fixture->output, &fixture->output_len);
    fixture->progress = progress_new(fixture->out, false);
    fixture->options = (struct load_options){
        .events = &FAKE_EVENTS,
        .progress = fixture->progress,
        .read_pool = (struct pool *)&fake, /* as the others: never looked into */
        .cache = (struct cache *)&fake,
        .store = (struct store *)&fake,
        .store_pool = (struct pool *)&fake,
        .writes_max = LOAD_WRITES_MAX,
    };
    *state = fixture;
    return 0;
}

static int end(void **state)
{
    struct fixture *fixture = *state;
    load_free(fixture->load);
    assert_int_equal(rejects_close(fixture->rejects, NULL), STATUS_OK);
    reader_close(fixture->options.reader);
    progress_free(fixture->progress);
    fclose(fixture->out);
    free(fixture->output);
    free(fixture);
    return 0;
}

static void start(struct fixture *fixture, struct reader *reader)
{
    struct rejects_options options = {.record_end = "", .progress = fixture->progress};
    assert_int_equal(rejects_open(&fixture->rejects, &options, NULL), STATUS_OK);
    fixture->options.reader = reader;
    fixture->options.rejects = fixture->rejects;
    fixture->load = load_new(&fixture->options);
    load_start(fixture->load, on_done, fixture);
    assert_false(fake.done);
}

static void finish(void)
{
    for (int turn = 0; turn < 100000 && !fake.done; turn++)
        fake_step();
    assert_true(fake.done);
}

static void fault_next(enum status status, size_t applied_count)
{
    fake.faults[fake.fault_count++] = (struct fault){status, applied_count};
}

static void all_rows_go_in_fenced_and_side_by_side(void **state)
{
    start(*state, faker_reader_new(1, 1, 5500));
    finish();
    assert_int_equal(fake.result.status, STATUS_OK);
    assert_int_equal(fake.result.in_count, 5500);
    assert_int_equal(fake.result.reject_count, 0);
    assert_int_equal(fake.row_count, 5500);
    assert_int_equal(fake.fenced_count, 5500);
    assert_int_equal(fake.load_calls, 6);
    assert_int_equal(fake.epoch, 0);
    assert_in_range(fake.action_most, 2, LOAD_WRITES_MAX + 1);
}

static void of_two_rows_with_one_id_the_later_wins_with_upsert(void **state)
{
    struct fixture *fixture = *state;
    fixture->options.mode = STORE_LOAD_UPSERT;
    start(fixture, reader_of(SLICE("{\"id\":\"a\",\"name\":\"1\"}\n{\"id\":\"b\",\"name\":\"1\"}\n"
                                   "{\"id\":\"a\",\"name\":\"2\"}\n{\"id\":\"a\",\"name\":\"3\"}\n"
                                   "{\"id\":\"c\",\"name\":\"1\"}\n{\"id\":\"b\",\"name\":\"2\"}\n")));
    finish();
    assert_int_equal(fake.result.in_count, 6);
    assert_string_equal(fake_find("a")->name, "3");
    assert_string_equal(fake_find("b")->name, "2");
    assert_string_equal(fake_find("c")->name, "1");
}

static void of_two_rows_with_one_id_the_earlier_wins_without(void **state)
{
    struct fixture *fixture = *state;
    start(fixture, reader_of(SLICE("{\"id\":\"a\",\"name\":\"1\"}\n{\"id\":\"a\",\"name\":\"2\"}\n"
                                   "{\"id\":\"b\",\"name\":\"1\"}\n{\"id\":\"a\",\"name\":\"3\"}\n")));
    finish();
    assert_int_equal(fake.result.in_count, 2);
    assert_int_equal(fake.result.reject_count, 2);
    assert_string_equal(fake_find("a")->name, "1");
    assert_non_null(strstr(fixture->output, "row 2: id \"a\" is taken"));
    assert_non_null(strstr(fixture->output, "row 4: id \"a\" is taken"));
}

static struct reader *three_rows(void)
{
    return reader_of(
        SLICE("{\"id\":\"a\",\"name\":\"1\"}\n{\"id\":\"b\",\"name\":\"1\"}\n{\"id\":\"c\",\"name\":\"1\"}\n"));
}

static void a_batch_without_a_result_is_sent_again_and_knows_its_own_rows(void **state)
{
    static const enum status statuses[] = {STATUS_UNKNOWN, STATUS_UNAVAILABLE, STATUS_BUSY};
    static const struct todo taken = {.id = "c", .name = {"another's", 9}};
    for (size_t i = 0; i < COUNT_OF(statuses); i++) {
        fake_write(&taken, STORE_LOAD_INSERT);
        fault_next(statuses[i], 2);
        start(*state, three_rows());
        finish();
        assert_int_equal(fake.result.status, STATUS_OK);
        assert_int_equal(fake.result.in_count, 2); /* a and b were in before the answer was lost; c is another's */
        assert_int_equal(fake.result.reject_count, 1);
        assert_int_equal(fake.load_calls, 2);
        end(state);
        begin(state);
    }
}

/* Each row begins a life of its own, whatever its file says; a batch that is sent again keeps them. */
static void each_row_gets_a_life_and_keeps_it(void **state)
{
    fault_next(STATUS_UNKNOWN, 2);
    start(*state, reader_of(SLICE("{\"id\":\"a\",\"name\":\"1\",\"life\":5}\n{\"id\":\"b\",\"name\":\"1\"}\n")));
    finish();
    assert_int_equal(fake.load_calls, 2);
    assert_int_equal(fake.result.in_count, 2);
    assert_int_equal(fake.result.reject_count, 0);
    assert_true(fake_find("a")->todo.life >= LIFE_LEAST);
    assert_true(fake_find("b")->todo.life >= LIFE_LEAST);
    assert_true(fake_find("a")->todo.life != fake_find("b")->todo.life);
}

static void a_store_that_stays_away_ends_the_load(void **state)
{
    struct fixture *fixture = *state;
    for (int i = 0; i < 10; i++)
        fault_next(STATUS_UNAVAILABLE, 0);
    start(fixture, three_rows());
    finish();
    assert_int_equal(fake.result.status, STATUS_UNAVAILABLE);
    assert_string_equal(fake.result.error.text, "the store said so");
    assert_false(fake.result.input_broken);
    assert_int_equal(fake.result.in_count, 0);
    assert_int_equal(fake.result.finished_row, 0);
    assert_int_equal(fake.load_calls, 7);
    assert_in_range(fake.result.elapsed_ms, 5000, 30000);
}

static void what_no_retry_mends_ends_the_load_at_once(void **state)
{
    fault_next(STATUS_INVALID, 0);
    start(*state, three_rows());
    finish();
    assert_int_equal(fake.result.status, STATUS_INVALID);
    assert_int_equal(fake.load_calls, 1);
}

/* flag becomes the other for a while, and then what it was. */
static void lose_on_the_way(struct fixture *fixture, bool *flag)
{
    start(fixture, faker_reader_new(1, 1, 5500));
    while (fake.load_calls == 0)
        fake_step();
    *flag = !*flag;
    int64_t lost_at_ms = fake.now_ms;
    while (fake.now_ms < lost_at_ms + 5000)
        fake_step();
    assert_in_range(fake.load_calls, 1, LOAD_WRITES_MAX + 1); /* what was under way, no more */
    *flag = !*flag;
    finish();
    assert_in_range(fake.now_ms, lost_at_ms + 5000, lost_at_ms + 5100);
}

static void redis_that_goes_away_on_the_way_is_waited_for(void **state)
{
    lose_on_the_way(*state, &fake.trusted);
    assert_int_equal(fake.result.in_count, 5500);
    assert_int_equal(fake.epoch, 0);
}

static void redis_that_stays_away_is_not_waited_for_longer(void **state)
{
    struct fixture *fixture = *state;
    start(fixture, faker_reader_new(1, 1, 5500));
    while (fake.load_calls == 0)
        fake_step();
    fake.trusted = false;
    finish();
    assert_in_range(fake.now_ms, 10000, 10200);
    assert_int_equal(fake.fenced_count, 5500); /* by the cache, in its outbox */
}

static void a_part_of_a_cluster_that_goes_away_is_waited_for_as_well(void **state)
{
    lose_on_the_way(*state, &fake.is_part_lost);
    assert_int_equal(fake.fenced_count, 5500);
}

static void of_a_cluster_a_part_will_do_if_the_rest_stays_away(void **state)
{
    fake.is_part_lost = true;
    start(*state, three_rows());
    while (fake.load_calls == 0)
        fake_step();
    assert_true(fake.now_ms >= 1000);
    finish();
    assert_int_equal(fake.epoch, 0);
    assert_int_equal(fake.fenced_count, 3);
}

static void a_load_ends_when_the_store_has_its_last_beat(void **state)
{
    struct fixture *fixture = *state;
    fake.settles_late = true;
    start(fixture, three_rows());
    finish();
    assert_int_equal(fake.result.in_count, 3);
    assert_int_equal(fake.settles_asked, 2);
}

static void without_redis_the_epoch_is_moved_before_and_after(void **state)
{
    struct fixture *fixture = *state;
    fake.trusted = false;
    start(fixture, three_rows());
    while (fake.load_calls == 0)
        fake_step();
    assert_int_equal(fake.epoch, 1);
    assert_in_range(fake.now_ms, 1000, 1500);
    finish();
    assert_int_equal(fake.epoch, 2);
    assert_int_equal(fake.fenced_count, 0);
    assert_int_equal(fake.result.in_count, 3);
    assert_non_null(strstr(fixture->output, "Redis can't be reached"));
}

static void without_redis_nothing_is_written_if_that_is_refused(void **state)
{
    struct fixture *fixture = *state;
    fake.trusted = false;
    fixture->options.cache_required = true;
    start(fixture, three_rows());
    finish();
    assert_int_equal(fake.result.status, STATUS_UNAVAILABLE);
    assert_int_equal(fake.load_calls, 0);
    assert_int_equal(fake.epoch, 0);
}

static void a_store_that_is_not_there_is_told(void **state)
{
    fake.prepare_status = STATUS_UNAVAILABLE;
    start(*state, three_rows());
    finish();
    assert_int_equal(fake.result.status, STATUS_UNAVAILABLE);
    assert_string_equal(fake.result.error.text, "no store here");
    assert_int_equal(fake.load_calls, 0);
}

/* The fake walk's documents are lines, so that a test can read them. */
static void an_adoption_hands_the_store_its_documents_fenced(void **state)
{
    struct fixture *fixture = *state;
    static const struct todo taken = {.id = "b", .name = {"another's", 9}};
    fake_write(&taken, STORE_LOAD_INSERT);
    fixture->options.adopts = true;
    start(fixture, three_rows());
    finish();
    assert_int_equal(fake.adopt_calls, 1);
    assert_int_equal(fake.fenced_count, 3);
    assert_int_equal(fake.result.in_count, 2);
    assert_int_equal(fake.result.reject_count, 1);
    assert_non_null(strstr(fixture->output, "row 2: id \"b\" is taken (the document stays as it is)"));
}

static void a_dry_run_checks_and_writes_nothing(void **state)
{
    struct fixture *fixture = *state;
    fixture->options.cache = NULL;
    fixture->options.store = NULL;
    fixture->options.store_pool = NULL;
    start(fixture, reader_of(SLICE("{\"id\":\"a\",\"name\":\"1\"}\n{\"id\":\"b\"}\n")));
    finish();
    assert_int_equal(fake.result.status, STATUS_OK);
    assert_int_equal(fake.result.in_count, 1);
    assert_int_equal(fake.result.reject_count, 1);
    assert_int_equal(fake.load_calls, 0);
}

static void interrupted_it_finishes_what_it_began_and_tells_how_far(void **state)
{
    struct fixture *fixture = *state;
    start(fixture, faker_reader_new(1, 1, 8000));
    while (fake.load_calls < 2)
        fake_step();
    size_t under_way = fake.action_count;
    load_stop(fixture->load);
    finish();
    assert_int_equal(fake.result.status, STATUS_OK);
    assert_true(fake.result.interrupted);
    assert_in_range(fake.load_calls, 2, 2 + under_way);
    assert_int_equal(fake.result.in_count, fake.row_count);
    assert_int_equal(fake.result.finished_row, fake.row_count);
    assert_in_range(fake.row_count, 2000, 7000);
    char id[16];
    snprintf(id, sizeof(id), "%zu", fake.row_count);
    assert_non_null(fake_find(id)); /* rows 1 to row_count, no others */
}

static void interrupted_in_a_pause_it_does_not_wait(void **state)
{
    struct fixture *fixture = *state;
    for (int i = 0; i < 3; i++)
        fault_next(STATUS_UNKNOWN, 1);
    start(fixture, three_rows());
    while (fake.load_calls < 3)
        fake_step();
    int64_t stopped_at_ms = fake.now_ms;
    load_stop(fixture->load);
    assert_false(fake.done);
    finish();
    assert_int_equal(fake.now_ms, stopped_at_ms);
    assert_int_equal(fake.load_calls, 3);
    assert_int_equal(fake.result.finished_row, 0); /* nobody knows */
}

static void an_input_that_breaks_off_keeps_what_was_read(void **state)
{
    struct buf bytes;
    buf_init(&bytes);
    bson_put_row(&bytes, "a", "one");
    bson_put_row(&bytes, "b", "two");
    start(*state, reader_of((struct slice){bytes.data, bytes.len - 1}));
    finish();
    assert_int_equal(fake.result.status, STATUS_UNAVAILABLE);
    assert_int_equal(fake.result.in_count, 1);
    assert_int_equal(fake.result.finished_row, 1);
    assert_true(fake.result.input_broken);
    buf_fini(&bytes);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(all_rows_go_in_fenced_and_side_by_side, begin, end),
        cmocka_unit_test_setup_teardown(of_two_rows_with_one_id_the_later_wins_with_upsert, begin, end),
        cmocka_unit_test_setup_teardown(of_two_rows_with_one_id_the_earlier_wins_without, begin, end),
        cmocka_unit_test_setup_teardown(a_batch_without_a_result_is_sent_again_and_knows_its_own_rows, begin, end),
        cmocka_unit_test_setup_teardown(each_row_gets_a_life_and_keeps_it, begin, end),
        cmocka_unit_test_setup_teardown(a_store_that_stays_away_ends_the_load, begin, end),
        cmocka_unit_test_setup_teardown(what_no_retry_mends_ends_the_load_at_once, begin, end),
        cmocka_unit_test_setup_teardown(redis_that_goes_away_on_the_way_is_waited_for, begin, end),
        cmocka_unit_test_setup_teardown(redis_that_stays_away_is_not_waited_for_longer, begin, end),
        cmocka_unit_test_setup_teardown(a_part_of_a_cluster_that_goes_away_is_waited_for_as_well, begin, end),
        cmocka_unit_test_setup_teardown(of_a_cluster_a_part_will_do_if_the_rest_stays_away, begin, end),
        cmocka_unit_test_setup_teardown(a_load_ends_when_the_store_has_its_last_beat, begin, end),
        cmocka_unit_test_setup_teardown(without_redis_the_epoch_is_moved_before_and_after, begin, end),
        cmocka_unit_test_setup_teardown(without_redis_nothing_is_written_if_that_is_refused, begin, end),
        cmocka_unit_test_setup_teardown(a_store_that_is_not_there_is_told, begin, end),
        cmocka_unit_test_setup_teardown(an_adoption_hands_the_store_its_documents_fenced, begin, end),
        cmocka_unit_test_setup_teardown(a_dry_run_checks_and_writes_nothing, begin, end),
        cmocka_unit_test_setup_teardown(interrupted_it_finishes_what_it_began_and_tells_how_far, begin, end),
        cmocka_unit_test_setup_teardown(interrupted_in_a_pause_it_does_not_wait, begin, end),
        cmocka_unit_test_setup_teardown(an_input_that_breaks_off_keeps_what_was_read, begin, end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
