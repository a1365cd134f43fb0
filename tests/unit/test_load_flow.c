/* SPDX-License-Identifier: MIT */
/*
 * load/load.c, batch.c and guard.c over a fake loop, pool, cache and store: what is sent, when, and again.
 *
 * Time stands still while there are jobs and then jumps to the next timer. Jobs wait in a list until they are run, so writes
 * overlap as on real threads; the fake cache checks that no id is in two of them. The fake store keeps ids and names.
 */
#include "load_testing.h"

#include "base/mem.h"
#include "load/faker.h"
#include "load/foreign_reader.h"
#include "load/load.h"

enum { ACTIONS_MAX = 16, TIMERS_MAX = 16, ROWS_MAX = 8000, FAULTS_MAX = 16 };

/* ---- Fakes ---- */

struct timer {
    timer_cb on_time;
    void *ctx;
    int64_t due_at_ms; /* -1: stopped */
};

struct stored {
    char id[TODO_ID_MAX + 1];
    char name[64];
    struct todo todo;
};

/* What one call of store_load() does: applies so many rows, then answers. */
struct fault {
    enum status status;
    size_t applied_count;
};

struct action {
    struct pool_job *job;
    struct cache_write *write;
};

static struct {
    int64_t now_ms;
    struct timer timers[TIMERS_MAX];
    size_t timer_count;
    struct action actions[ACTIONS_MAX];
    size_t action_count, action_most;
    struct stored rows[ROWS_MAX];
    size_t row_count;
    struct fault faults[FAULTS_MAX];
    size_t fault_count, load_calls, adopt_calls;
    int64_t epoch;
    bool trusted;
    bool settles_late;
    unsigned settles_asked;
    enum status prepare_status;
    size_t fenced_count;
    struct load_result result;
    bool done;
} fake;

static int64_t fake_now_ms(void *loop)
{
    (void)loop;
    return fake.now_ms;
}

static struct timer *fake_timer_new(void *loop, timer_cb on_time, void *ctx)
{
    (void)loop;
    bug_unless(fake.timer_count < TIMERS_MAX, "more timers than the test expects");
    struct timer *timer = &fake.timers[fake.timer_count++];
    *timer = (struct timer){.on_time = on_time, .ctx = ctx, .due_at_ms = -1};
    return timer;
}

static void fake_timer_start(struct timer *timer, uint32_t after_ms)
{
    timer->due_at_ms = fake.now_ms + after_ms;
}

static void fake_timer_stop(struct timer *timer)
{
    if (timer)
        timer->due_at_ms = -1;
}

static const struct events EVENTS = {
    .now_ms = fake_now_ms,
    .timer_new = fake_timer_new,
    .timer_start = fake_timer_start,
    .timer_stop = fake_timer_stop,
    .timer_free = fake_timer_stop,
};

static void fake_push(struct action action)
{
    bug_unless(fake.action_count < ACTIONS_MAX, "more jobs than the test expects");
    fake.actions[fake.action_count++] = action;
    if (fake.action_count > fake.action_most)
        fake.action_most = fake.action_count;
}

void pool_run(struct pool *pool, struct pool_job *job)
{
    (void)pool;
    fake_push((struct action){.job = job});
}

bool cache_is_trusted(const struct cache *cache)
{
    (void)cache;
    return fake.trusted;
}

enum status cache_move_epoch(const struct cache *cache, int64_t *epoch, struct error *error)
{
    (void)cache, (void)error;
    *epoch = ++fake.epoch;
    return STATUS_OK;
}

void cache_tend(struct cache *cache)
{
    (void)cache;
}

bool cache_settle(struct cache *cache)
{
    (void)cache;
    return !fake.settles_late || fake.settles_asked++ > 0;
}

static void assert_ids_free(const struct cache_write *write)
{
    for (size_t i = 0; i < fake.action_count; i++) {
        const struct cache_write *other = fake.actions[i].write;
        for (size_t k = 0; other && k < other->id_count; k++)
            for (size_t m = 0; m < write->id_count; m++)
                assert_string_not_equal(write->ids[m], other->ids[k]);
    }
}

void cache_write_run(struct cache *cache, struct cache_write *write)
{
    (void)cache;
    assert_in_range(write->id_count, 1, 1000);
    if (write->id_count < 10)
        assert_ids_free(write);
    fake.fenced_count += write->id_count;
    fake_push((struct action){.write = write});
}

static struct stored *fake_find(const char *id)
{
    for (size_t i = 0; i < fake.row_count; i++)
        if (strcmp(fake.rows[i].id, id) == 0)
            return &fake.rows[i];
    return NULL;
}

static void fake_keep(struct stored *row, const struct todo *todo)
{
    bug_unless(todo->name.len < sizeof(row->name), "a longer name than the test expects");
    row->todo = *todo;
    memcpy(row->id, todo->id, sizeof(row->id));
    memset(row->name, 0, sizeof(row->name));
    memcpy(row->name, todo->name.data, todo->name.len);
    row->todo.name = slice_of(row->name);
    row->todo.description = SLICE("");
}

static enum status fake_write(const struct todo *todo, enum store_load_mode mode)
{
    struct stored *row = fake_find(todo->id);
    if (row && mode == STORE_LOAD_INSERT)
        return row->todo.life == todo->life ? STATUS_OK : STATUS_EXISTS;
    if (!row)
        row = &fake.rows[fake.row_count++];
    bug_unless(fake.row_count <= ROWS_MAX, "more rows than the test expects");
    fake_keep(row, todo);
    return STATUS_OK;
}

enum status store_load(struct store *store, const struct todo *todos, size_t count, enum store_load_mode mode,
                       enum status *results, struct error *error)
{
    (void)store;
    struct fault fault = {STATUS_OK, count};
    if (fake.load_calls < fake.fault_count)
        fault = fake.faults[fake.load_calls];
    fake.load_calls++;
    for (size_t i = 0; i < count && i < fault.applied_count; i++)
        results[i] = fake_write(&todos[i], mode);
    return fault.status == STATUS_OK ? STATUS_OK : error_set(error, fault.status, "the store said so");
}

/* Each document is in the place of its todo. */
enum status store_adopt(struct store *store, const struct todo *todos, const struct slice *documents, size_t count,
                        enum status *results, struct error *error)
{
    for (size_t i = 0; i < count; i++)
        assert_true(documents[i].len > 0 && documents[i].data[0] == '{');
    fake.adopt_calls++;
    return store_load(store, todos, count, STORE_LOAD_INSERT, results, error);
}

enum status store_foreign_open(struct store *store, struct store_foreign **foreign, struct error *error)
{
    (void)store;
    *foreign = NULL;
    return error_set(error, STATUS_UNSUPPORTED, "the fake store has no foreign documents");
}

enum status store_foreign_next(struct store_foreign *foreign, struct slice *document, struct error *error)
{
    (void)foreign, (void)document, (void)error;
    fail();
    return STATUS_NOT_FOUND;
}

void store_foreign_close(struct store_foreign *foreign)
{
    assert_null(foreign);
}

enum status store_prepare(struct store *store, struct error *error)
{
    (void)store;
    return fake.prepare_status == STATUS_OK ? STATUS_OK : error_set(error, fake.prepare_status, "no store here");
}

/* ---- The fake loop ---- */

/* The youngest write goes first, so that batches end in another order than they began. */
static void fake_run_action(void)
{
    struct error error = {0};
    struct action action = fake.actions[--fake.action_count];
    if (action.job) {
        enum status status = action.job->work(action.job, &error);
        action.job->done(action.job, status, &error);
    } else {
        enum status status = action.write->work(action.write, (struct store *)&fake, &error);
        action.write->done(action.write, status, &error);
    }
}

static void fake_run_timer(void)
{
    struct timer *next = NULL;
    for (size_t i = 0; i < fake.timer_count; i++) {
        struct timer *timer = &fake.timers[i];
        if (timer->due_at_ms >= 0 && (!next || timer->due_at_ms < next->due_at_ms))
            next = timer;
    }
    assert_non_null(next); /* else nothing will ever happen again */
    if (next->due_at_ms > fake.now_ms)
        fake.now_ms = next->due_at_ms;
    next->due_at_ms = -1;
    next->on_time(next->ctx);
}

static void fake_step(void)
{
    if (fake.action_count > 0)
        fake_run_action();
    else
        fake_run_timer();
}

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
        .events = &EVENTS,
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

static void redis_that_goes_away_on_the_way_is_waited_for(void **state)
{
    struct fixture *fixture = *state;
    start(fixture, faker_reader_new(1, 1, 5500));
    while (fake.load_calls == 0)
        fake_step();
    fake.trusted = false;
    int64_t lost_at_ms = fake.now_ms;
    while (fake.now_ms < lost_at_ms + 5000)
        fake_step();
    assert_in_range(fake.load_calls, 1, LOAD_WRITES_MAX + 1); /* what was under way, no more */
    fake.trusted = true;
    finish();
    assert_in_range(fake.now_ms, lost_at_ms + 5000, lost_at_ms + 5100);
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

static void without_documents_of_others_there_is_nothing_to_adopt(void **state)
{
    struct fixture *fixture = *state;
    fixture->options.adopts = true;
    start(fixture, foreign_reader_new(fixture->options.store, LOAD_NOW_MS));
    finish();
    assert_int_equal(fake.result.status, STATUS_UNSUPPORTED);
    assert_int_equal(fake.adopt_calls, 0);
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
        cmocka_unit_test_setup_teardown(a_load_ends_when_the_store_has_its_last_beat, begin, end),
        cmocka_unit_test_setup_teardown(without_redis_the_epoch_is_moved_before_and_after, begin, end),
        cmocka_unit_test_setup_teardown(without_redis_nothing_is_written_if_that_is_refused, begin, end),
        cmocka_unit_test_setup_teardown(a_store_that_is_not_there_is_told, begin, end),
        cmocka_unit_test_setup_teardown(an_adoption_hands_the_store_its_documents_fenced, begin, end),
        cmocka_unit_test_setup_teardown(without_documents_of_others_there_is_nothing_to_adopt, begin, end),
        cmocka_unit_test_setup_teardown(a_dry_run_checks_and_writes_nothing, begin, end),
        cmocka_unit_test_setup_teardown(interrupted_it_finishes_what_it_began_and_tells_how_far, begin, end),
        cmocka_unit_test_setup_teardown(interrupted_in_a_pause_it_does_not_wait, begin, end),
        cmocka_unit_test_setup_teardown(an_input_that_breaks_off_keeps_what_was_read, begin, end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
