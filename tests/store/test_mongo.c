/* SPDX-License-Identifier: MIT */
/*
 * What only MongoDB does to a store: servers that are gone, that hang, that swallow an answer, and URIs. run.sh names the
 * server in TODO_TEST_MONGODB.
 */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>
#include <mongoc/mongoc.h>

#include "base/clock.h"
#include "base/mem.h"
#include "fixture.h"
#include "proxy.h"
#include "store/mongo_driver.h"
#include "store/mongo_uri.h"
#include "test_mongo_apply.h"
#include "test_mongo_changes.h"
#include "test_mongo_documents.h"
#include "test_mongo_feed.h"
#include "test_mongo_foreign.h"

static struct store *open_at(unsigned port, uint32_t timeout_ms)
{
    char uri[128];
    struct store *store;
    struct error error = {0};
    snprintf(uri, sizeof(uri), "mongodb://127.0.0.1:%u/todo_test", port);
    struct store_options options = {.uri = uri, .timeout_ms = timeout_ms, .concurrency = 2};
    if (store_open(&store, &options, &error) != STATUS_OK)
        fail_msg("%s", error.text);
    return store;
}

static void assert_away(unsigned port)
{
    struct store *store = open_at(port, 1000);
    struct todo todo = {.id = "a", .name = SLICE("a"), .description = SLICE(""), .v = 1};
    struct error error = {0};
    struct arena arena;
    arena_init(&arena);
    int64_t began_ms = clock_monotonic_ms();
    assert_int_equal(store_insert(store, &todo, NULL, &error), STATUS_UNAVAILABLE);
    assert_true(clock_monotonic_ms() - began_ms < FIXTURE_PATIENCE_MS);
    assert_int_equal(store_get(store, "a", &arena, &todo, &error), STATUS_UNAVAILABLE);
    assert_int_equal(store_prepare(store, &error), STATUS_UNAVAILABLE);
    assert_true(clock_monotonic_ms() - began_ms < 2 * FIXTURE_PATIENCE_MS);
    assert_true(strlen(error.text) > 20);
    arena_fini(&arena);
    store_close(store);
}

static void test_a_server_that_is_gone_is_told_in_time(void **state)
{
    (void)state;
    unsigned port;
    close(proxy_listen(&port));
    assert_away(port);
}

static void test_a_server_that_hangs_is_told_in_time(void **state)
{
    (void)state;
    unsigned port;
    int fd = proxy_listen(&port);
    assert_away(port);
    close(fd);
}

/* ---- answers that are lost ---- */

static void test_a_write_whose_answer_is_lost_has_an_unknown_outcome(void **state)
{
    struct fixture *fixture = *state;
    struct proxy proxy = {0};
    if (!proxy_start(&proxy, fixture->uri)) {
        print_message("SKIPPED: no proxy can stand before %s\n", fixture->uri);
        skip();
    }
    struct store *store = proxy_open(&proxy, fixture);
    struct todo todo = fixture_todo(&fixture->arena, 1);
    struct todo other = fixture_todo(&fixture->arena, 2);
    struct error error = {0};
    enum status result;
    bool swapped;
    struct store_meta next = {.epoch = 1};
    assert_int_equal(store_insert(store, &other, NULL, &error), STATUS_OK);
    atomic_store(&proxy.mute, true);
    int64_t began_ms = clock_monotonic_ms();
    assert_int_equal(store_insert(store, &todo, NULL, &error), STATUS_UNKNOWN);
    assert_true(clock_monotonic_ms() - began_ms < FIXTURE_PATIENCE_MS);
    assert_stored(fixture, &todo); /* it was applied */
    atomic_store(&proxy.mute, false);
    usleep(100000);
    while (store_prepare(store, &error) != STATUS_OK) /* the driver finds the server again */
        assert_true(clock_monotonic_ms() - began_ms < 20000);
    assert_int_equal(store_insert(store, &todo, NULL, &error), STATUS_OK); /* it is our own */
    atomic_store(&proxy.mute, true);
    assert_int_equal(store_load(store, &other, 1, STORE_LOAD_UPSERT, &result, &error), STATUS_UNKNOWN);
    atomic_store(&proxy.mute, false);
    while (store_prepare(store, &error) != STATUS_OK)
        assert_true(clock_monotonic_ms() - began_ms < 20000);
    atomic_store(&proxy.mute, true);
    assert_int_equal(store_meta_swap(store, &(struct store_meta){0}, &next, &swapped, &error), STATUS_UNKNOWN);
    store_close(store);
    proxy_stop(&proxy);
}

static void test_a_change_whose_answer_is_lost_has_an_unknown_outcome(void **state)
{
    struct fixture *fixture = *state;
    struct proxy proxy = {0};
    if (!proxy_start(&proxy, fixture->uri)) {
        print_message("SKIPPED: no proxy can stand before %s\n", fixture->uri);
        skip();
    }
    struct store *store = proxy_open(&proxy, fixture);
    struct todo todo = fixture_todo(&fixture->arena, 1);
    struct store_change change = {.fields = 1u << TODO_DONE, .todo = &todo, .condition = {.unmodified_since_s = -1}};
    struct store_changed changed;
    struct store_answer answer = {.key = "k", .fingerprint = "f", .id = "x", .deadline_at_ms = INT64_C(1) << 42};
    answer.expires_at_ms = answer.deadline_at_ms;
    for (unsigned i = 0; i < 3; i++) { /* creates, merges, deletes: each is done, and nobody hears of it */
        change.kind = (enum store_change_kind)i;
        change.condition.none_match = (struct store_versions){.given = i == 0, .any = i == 0};
        todo.done = i == 1;
        atomic_store(&proxy.mute, true);
        int64_t began_ms = clock_monotonic_ms();
        assert_int_equal(store_change(store, &change, &fixture->arena, &changed, NULL), STATUS_UNKNOWN);
        assert_true(clock_monotonic_ms() - began_ms < FIXTURE_PATIENCE_MS);
        proxy_open_again(&proxy, store);
        todo.v = change.kind == STORE_MERGE ? 2 : 1;
        if (change.kind != STORE_DELETE)
            assert_stored(fixture, &todo);
    }
    assert_int_equal(store_change(store, &change, &fixture->arena, &changed, NULL), STATUS_NOT_FOUND);
    atomic_store(&proxy.mute, true);
    assert_int_equal(store_answer_begin(store, &answer, &fixture->arena, NULL), STATUS_UNKNOWN);
    proxy_open_again(&proxy, store);
    assert_int_equal(store_answer_begin(store, &answer, &fixture->arena, NULL), STATUS_BUSY);
    store_close(store);
    proxy_stop(&proxy);
}

static void test_the_uri_is_completed_but_never_overruled(void **state)
{
    (void)state;
    char *full;
    int64_t max_time_ms;
    struct error error = {0};
    assert_int_equal(mongo_uri_complete("mongodb://u:p@h1,h2:7/db?W=Majority&sockettimeoutms=77", 2000, 8, &full,
                                        &max_time_ms, &error),
                     STATUS_OK);
    assert_non_null(
        strstr(full, "mongodb://u:p@h1,h2:7/db?W=Majority&sockettimeoutms=77&serverSelectionTimeoutMS=1000&"));
    assert_non_null(strstr(full, "&heartbeatFrequencyMS=500&"));
    assert_non_null(strstr(full, "&directConnection=false&"));
    assert_null(strstr(full, "w=majority"));
    assert_null(strstr(full, "socketTimeoutMS"));
    assert_non_null(strstr(full, "&maxPoolSize=8&"));
    assert_non_null(strstr(full, "&readConcernLevel=majority"));
    assert_true(max_time_ms > 0 && max_time_ms < 2000);
    free(full);
    assert_int_equal(mongo_uri_complete("mongodb://h/db", 50, 1, &full, &max_time_ms, &error), STATUS_OK);
    assert_non_null(strstr(full, "mongodb://h/db?serverSelectionTimeoutMS="));
    assert_true(max_time_ms > 0);
    free(full);
    const char *own = "mongodb://h/db?directConnection=true&w=everywhere&journal=TRUE&readConcernLevel=linearizable"
                      "&readPreference=primary";
    assert_int_equal(mongo_uri_complete(own, 10000, 1, &full, &max_time_ms, &error), STATUS_OK);
    assert_non_null(strstr(full, "&readPreference=primary&serverSelectionTimeoutMS=1500&"));
    assert_null(strstr(full, "directConnection=false"));
    free(full);
}

static void test_uris_that_break_promises_are_refused_with_a_reason(void **state)
{
    (void)state;
    static const struct {
        const char *uri, *reason;
    } cases[] = {
        {"mongodb://127.0.0.1", "database"},
        {"mongodb://127.0.0.1:27017/", "database"},
        {"mongodb://127.0.0.1/?w=1", "database"},
        {"mongodb://127.0.0.1/todos?w=0", "write w=majority"},
        {"mongodb://127.0.0.1/todos?W=1", "write w=majority"},
        {"mongodb://127.0.0.1/todos?appname=x&w=2", "write w=majority"},
        {"mongodb://127.0.0.1/todos?journal=false", "write journal=true"},
        {"mongodb://127.0.0.1/todos?readConcernLevel=local", "write readConcernLevel=majority"},
        {"mongodb://127.0.0.1/todos?readconcernlevel=available", "write readConcernLevel=majority"},
        {"mongodb://127.0.0.1/todos?readPreference=secondary", "write readPreference=primary"},
        {"mongodb://127.0.0.1:99999/todos", "URI"},
        {"mongodb://secret:pa%zzss@h/todos", "URI"},
        {"mongodb://u:pa@secret@h/todos", "%40 for @"},
        {"mongodb://u:pa:secret@h/todos", "%3A for :"},
        {"mongodb://u:pa/secret@h/todos", "%2F for /"},
        {"mongodb+srv://u:pa@secret@h.example/todos", "%40 for @"},
        {"redis://127.0.0.1", "redis"},
        {"todos.db", "sqlite:FILE"},
        {"sqlite:", "file"},
        {"sqlite::memory:", "memory"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct store *store;
        struct error error = {0};
        struct store_options options = {.uri = cases[i].uri, .timeout_ms = 500, .concurrency = 1};
        assert_int_equal(store_open(&store, &options, &error), STATUS_INVALID);
        assert_null(store);
        assert_non_null(strstr(error.text, cases[i].reason));
        assert_null(strstr(error.text, "secret"));
    }
}

/* The server's codes, and what else tells of a write's outcome. A code that nobody has listed leaves it open. */
static void test_only_known_errors_of_a_write_exclude_that_it_was_applied(void **state)
{
    static const struct {
        uint32_t domain, code;
        const char *reply;
        enum status want;
    } cases[] = {
        {MONGOC_ERROR_SERVER, 2, "{}", STATUS_UNAVAILABLE},     /* BadValue */
        {MONGOC_ERROR_SERVER, 13, "{}", STATUS_UNAVAILABLE},    /* Unauthorized */
        {MONGOC_ERROR_SERVER, 59, "{}", STATUS_UNAVAILABLE},    /* CommandNotFound */
        {MONGOC_ERROR_SERVER, 121, "{}", STATUS_INVALID},       /* DocumentValidationFailure */
        {MONGOC_ERROR_SERVER, 238, "{}", STATUS_UNAVAILABLE},   /* NotImplemented */
        {MONGOC_ERROR_SERVER, 11000, "{}", STATUS_UNAVAILABLE}, /* DuplicateKey */
        {MONGOC_ERROR_SERVER, 10334, "{}", STATUS_UNAVAILABLE}, /* BSONObjectTooLarge */
        {MONGOC_ERROR_SERVER, 6, "{}", STATUS_UNKNOWN},         /* HostUnreachable, from a mongos */
        {MONGOC_ERROR_SERVER, 50, "{}", STATUS_UNKNOWN},        /* MaxTimeMSExpired */
        {MONGOC_ERROR_SERVER, 91, "{}", STATUS_UNKNOWN},        /* ShutdownInProgress */
        {MONGOC_ERROR_SERVER, 189, "{}", STATUS_UNKNOWN},       /* PrimarySteppedDown */
        {MONGOC_ERROR_SERVER, 202, "{}", STATUS_UNKNOWN},       /* NetworkInterfaceExceededTimeLimit */
        {MONGOC_ERROR_SERVER, 237, "{}", STATUS_UNKNOWN},       /* CursorKilled */
        {MONGOC_ERROR_SERVER, 314, "{}", STATUS_UNKNOWN},       /* ObjectIsBusy */
        {MONGOC_ERROR_SERVER, 10107, "{}", STATUS_UNKNOWN},     /* NotWritablePrimary: perhaps of a second try */
        {MONGOC_ERROR_SERVER, 13435, "{}", STATUS_UNKNOWN},     /* NotPrimaryNoSecondaryOk */
        {MONGOC_ERROR_SERVER, 11602, "{}", STATUS_UNKNOWN},     /* InterruptedDueToReplStateChange */
        {MONGOC_ERROR_SERVER, 14031, "{}", STATUS_UNKNOWN},     /* OutOfDiskSpace */
        {MONGOC_ERROR_SERVER, 0, "{}", STATUS_UNKNOWN},         /* none given */
        {MONGOC_ERROR_SERVER, 999999, "{}", STATUS_UNKNOWN},    /* not invented yet */
        {MONGOC_ERROR_SERVER, 2, "{\"writeConcernError\":{\"code\":64}}", STATUS_UNKNOWN},
        {MONGOC_ERROR_SERVER, 2, "{\"writeErrors\":[{\"code\":2},{\"code\":11602}]}", STATUS_UNKNOWN},
        {MONGOC_ERROR_SERVER, 2, "{\"writeErrors\":[{\"code\":2},{\"code\":11000}]}", STATUS_UNAVAILABLE},
        {MONGOC_ERROR_SERVER_SELECTION, MONGOC_ERROR_SERVER_SELECTION_FAILURE, "{}", STATUS_UNAVAILABLE},
        {MONGOC_ERROR_STREAM, MONGOC_ERROR_STREAM_CONNECT, "{}", STATUS_UNAVAILABLE},
        {MONGOC_ERROR_STREAM, MONGOC_ERROR_STREAM_SOCKET, "{}", STATUS_UNKNOWN},
        {MONGOC_ERROR_PROTOCOL, MONGOC_ERROR_PROTOCOL_INVALID_REPLY, "{}", STATUS_UNKNOWN},
        {MONGOC_ERROR_WRITE_CONCERN, 64, "{}", STATUS_UNKNOWN},
    };
    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        bson_error_t failure = {.domain = cases[i].domain, .code = cases[i].code};
        struct error error = {0};
        bson_t *reply = bson_new_from_json((const uint8_t *)cases[i].reply, -1, NULL);
        enum status got = mongo_write_failed("write", reply, &failure, &error);
        bson_destroy(reply);
        if (got != cases[i].want)
            fail_msg("code %u, %s: %s", cases[i].code, cases[i].reply, status_name(got));
    }
}

static void test_an_error_of_the_server_says_its_cause(void **state)
{
    static const struct {
        uint32_t domain, code;
        enum cause want;
    } cases[] = {
        {MONGOC_ERROR_CLIENT, MONGOC_ERROR_CLIENT_AUTHENTICATE, CAUSE_LOGIN},
        {MONGOC_ERROR_SERVER, 18, CAUSE_LOGIN},
        {MONGOC_ERROR_SERVER, 13, CAUSE_RIGHTS},
        {MONGOC_ERROR_SERVER, 238, CAUSE_UNSUPPORTED},
        {MONGOC_ERROR_SERVER, 59, CAUSE_UNSUPPORTED},
        {MONGOC_ERROR_SERVER, 14031, CAUSE_FULL},
        {MONGOC_ERROR_SERVER, 91, CAUSE_NONE},
        {MONGOC_ERROR_STREAM, 13, CAUSE_NONE},
    };
    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        bson_error_t failure = {.domain = cases[i].domain, .code = cases[i].code};
        struct error error = {0};
        assert_int_equal(mongo_read_failed("read", &failure, &error), STATUS_UNAVAILABLE);
        if (error.cause != cases[i].want)
            fail_msg("code %u: %d", cases[i].code, (int)error.cause);
    }
}

#define ON_EMPTY_STORE(test) cmocka_unit_test_setup_teardown(test, fixture_setup, fixture_teardown)

static void test_a_record_of_an_older_version_has_no_beat_and_gets_one(void **state)
{
    struct fixture *fixture = *state;
    struct store_meta meta;
    const struct store_meta next = {.epoch = INT64_MAX - 1, .beat = INT64_MAX - 2, .cache_run_id = "run"};
    const struct store_meta wrong = {.epoch = 3, .beat = 7, .cache_run_id = "run"};
    bool swapped;
    fixture_mongo_write(fixture->uri, "meta", "{\"_id\":\"cache\",\"epoch\":3,\"cache_run_id\":\"run\"}");
    assert_int_equal(store_meta_get(fixture->store, &meta, NULL), STATUS_OK);
    assert_int_equal(meta.epoch, 3);
    assert_int_equal(meta.beat, 0);
    assert_int_equal(store_meta_swap(fixture->store, &wrong, &next, &swapped, NULL), STATUS_OK);
    assert_false(swapped);
    assert_int_equal(store_meta_swap(fixture->store, &meta, &next, &swapped, NULL), STATUS_OK);
    assert_true(swapped);
    assert_int_equal(store_meta_get(fixture->store, &meta, NULL), STATUS_OK);
    assert_int_equal(meta.epoch, next.epoch);
    assert_int_equal(meta.beat, next.beat);
}

static void test_slots_that_are_no_text_count_as_none(void **state)
{
    struct fixture *fixture = *state;
    struct store_meta meta;
    struct slice slots = SLICE("x");
    bool swapped;
    fixture_mongo_write(fixture->uri, "meta",
                        "{\"_id\":\"cache\",\"epoch\":3,\"beat\":4,\"cache_run_id\":\"run\",\"slots\":[\"3\"]}");
    assert_int_equal(store_slots_get(fixture->store, &fixture->arena, &meta, &slots, NULL), STATUS_OK);
    assert_int_equal(meta.epoch, 3);
    assert_int_equal(slots.len, 0);
    assert_int_equal(store_slots_swap(fixture->store, &meta, &meta, SLICE("3\n"), &swapped, NULL), STATUS_OK);
    assert_true(swapped);
    assert_int_equal(store_slots_get(fixture->store, &fixture->arena, &meta, &slots, NULL), STATUS_OK);
    assert_string_equal(slots.data, "3\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        ON_EMPTY_STORE(test_a_get_names_the_field_that_it_can_not_read),
        ON_EMPTY_STORE(test_a_document_without_done_is_served),
        ON_EMPTY_STORE(test_thousands_of_unreadable_documents_in_a_row_cost_few_round_trips),
        ON_EMPTY_STORE(test_numbers_of_other_types_and_no_description_are_read),
        ON_EMPTY_STORE(test_lists_pass_over_what_they_can_not_read_and_go_on),
        ON_EMPTY_STORE(test_a_write_whose_answer_is_lost_has_an_unknown_outcome),
        ON_EMPTY_STORE(test_a_change_whose_answer_is_lost_has_an_unknown_outcome),
        ON_EMPTY_STORE(test_a_batch_whose_commit_is_not_answered_is_told_by_its_bookmark),
        ON_EMPTY_STORE(test_a_batch_that_is_cut_off_before_its_commit_is_ended_by_the_next_claim),
        ON_EMPTY_STORE(test_a_batch_that_is_cut_off_is_ended_by_its_own_appliers_next_claim),
        ON_EMPTY_STORE(test_a_batch_leaves_documents_that_are_no_todos_alone),
        ON_EMPTY_STORE(test_a_batch_with_a_document_that_a_rule_refuses_is_refused_whole),
        ON_EMPTY_STORE(test_a_batch_that_deletes_a_todo_of_a_running_request_leaves_word),
        ON_EMPTY_STORE(test_a_batch_is_one_change_of_each_todo_and_raises_the_watermark),
        ON_EMPTY_STORE(test_a_damaged_bookmark_stops_its_shard),
        ON_EMPTY_STORE(test_a_server_that_stands_alone_applies_no_batches),
        ON_EMPTY_STORE(test_a_document_that_has_no_version_is_not_changed),
        ON_EMPTY_STORE(test_a_change_goes_on_from_numbers_as_shells_write_them),
        ON_EMPTY_STORE(test_a_document_without_a_life_has_its_birth_for_one),
        ON_EMPTY_STORE(test_a_request_of_an_older_version_knows_its_todo_by_the_time),
        ON_EMPTY_STORE(test_other_fields_of_a_document_outlive_a_change),
        ON_EMPTY_STORE(test_a_record_of_an_older_version_has_no_beat_and_gets_one),
        ON_EMPTY_STORE(test_slots_that_are_no_text_count_as_none),
        ON_EMPTY_STORE(test_a_damaged_record_of_an_answer_is_told_of),
        ON_EMPTY_STORE(test_answers_have_an_index_by_which_they_expire),
        ON_EMPTY_STORE(test_a_survey_counts_what_other_programs_wrote),
        ON_EMPTY_STORE(test_a_walk_gives_what_is_no_todo_and_nothing_else),
        ON_EMPTY_STORE(test_adopted_documents_are_todos_and_lose_nothing),
        ON_EMPTY_STORE(test_an_adoption_goes_on_where_an_earlier_one_ended),
        ON_EMPTY_STORE(test_a_taken_id_leaves_the_document_as_it_was),
        ON_EMPTY_STORE(test_a_document_that_changed_meanwhile_stays),
        ON_EMPTY_STORE(test_a_row_that_is_added_twice_is_one),
        ON_EMPTY_STORE(test_a_feed_that_has_not_begun_says_so),
        ON_EMPTY_STORE(test_a_new_history_is_beyond_what_a_late_follower_adds),
        ON_EMPTY_STORE(test_the_feed_is_a_capped_collection),
        cmocka_unit_test(test_a_server_that_is_gone_is_told_in_time),
        cmocka_unit_test(test_a_server_that_hangs_is_told_in_time),
        cmocka_unit_test(test_an_error_of_the_server_says_its_cause),
        cmocka_unit_test(test_the_uri_is_completed_but_never_overruled),
        cmocka_unit_test(test_uris_that_break_promises_are_refused_with_a_reason),
        cmocka_unit_test(test_only_known_errors_of_a_write_exclude_that_it_was_applied),
    };
    const char *uri = getenv("TODO_TEST_MONGODB");
    const char *server = getenv("TODO_TEST_SERVER");
    if (!uri || !*uri) {
        printf("SKIPPED: tests/store/run.sh names a MongoDB in TODO_TEST_MONGODB\n");
        return 77;
    }
    printf("store: %s (%s)\n", uri, server ? server : "a server that nobody named");
    fflush(stdout);
    fixture_use(uri);
    return cmocka_run_group_tests_name("store, MongoDB alone", tests, NULL, fixture_end);
}
