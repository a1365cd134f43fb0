/* SPDX-License-Identifier: MIT */
/* What only MongoDB does to batches of queued writes: transactions that are cut, rules of the collection, foreign documents. */
#include "test_mongo_apply.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/clock.h"
#include "fixture.h"
#include "proxy.h"
#include "store/apply.h"
#include "store/follow.h"

enum { SHARD = 5, WRITES_MAX = 4 };

struct bed {
    struct todo todos[WRITES_MAX];
    struct store_queued writes[WRITES_MAX];
    struct store_applied results[WRITES_MAX];
    struct store_bookmark bookmark;
    struct store_batch batch;
};

static void claim(struct bed *bed, struct store *store)
{
    struct error error = {0};
    if (store_apply_claim(store, SHARD, &bed->batch.owner, &bed->bookmark, &error) != STATUS_OK)
        fail_msg("%s", error.text);
}

static void bed_begin(struct bed *bed, struct store *store)
{
    *bed = (struct bed){.batch = {.shard = SHARD, .owner = token_new()}};
    bed->batch.writes = bed->writes;
    claim(bed, store);
}

static struct todo *add(struct fixture *fixture, struct bed *bed, enum store_change_kind kind, const char *id)
{
    size_t at = bed->batch.count++;
    struct todo *todo = &bed->todos[at];
    *todo = fixture_todo(&fixture->arena, (unsigned)at);
    todo_set_id(todo, slice_of(id));
    bed->writes[at] = (struct store_queued){
        .number = (int64_t)at + 1, .change = {.kind = kind, .todo = todo, .condition = {.unmodified_since_s = -1}}};
    return todo;
}

static void assert_applies(struct store *store, struct bed *bed)
{
    struct error error = {0};
    if (store_apply(store, &bed->batch, bed->results, &error) != STATUS_OK)
        fail_msg("%s", error.text);
}

static void assert_gone(struct fixture *fixture, const char *id)
{
    struct todo todo;
    assert_int_equal(store_get(fixture->store, id, &fixture->arena, &todo, NULL), STATUS_NOT_FOUND);
}

/* ---- Cut off ---- */

/* Applies two batches through a proxy that is mute from the second one's request with this word on; its end. */
static enum status apply_cut(struct fixture *fixture, struct bed *bed, const char *word)
{
    struct proxy proxy = {0};
    if (!proxy_start(&proxy, fixture->uri)) {
        print_message("SKIPPED: no proxy can stand before %s\n", fixture->uri);
        skip();
    }
    struct store *store = proxy_open(&proxy, fixture);
    bed_begin(bed, store);
    add(fixture, bed, STORE_REPLACE, "a");
    add(fixture, bed, STORE_REPLACE, "b");
    bed->batch.count = 1;
    assert_applies(store, bed);
    bed->batch.writes++;
    atomic_store(&proxy.mute_from, word);
    int64_t began_ms = clock_monotonic_ms();
    enum status status = store_apply(store, &bed->batch, bed->results, NULL);
    assert_true(clock_monotonic_ms() - began_ms < FIXTURE_PATIENCE_MS);
    store_close(store);
    proxy_stop(&proxy);
    return status;
}

void test_a_batch_whose_commit_is_not_answered_is_told_by_its_bookmark(void **state)
{
    struct fixture *fixture = *state;
    struct bed bed;
    assert_int_equal(apply_cut(fixture, &bed, "commitTransaction"), STATUS_UNKNOWN);
    struct todo made = bed.todos[1];
    bed_begin(&bed, fixture->store);
    assert_int_equal(bed.bookmark.count, 1);
    assert_int_equal(bed.bookmark.last[0].number, 2);
    assert_true(bed.bookmark.last[0].created);
    assert_stored(fixture, &made);
    add(fixture, &bed, STORE_REPLACE, "a");
    assert_int_equal(store_apply(fixture->store, &bed.batch, bed.results, NULL), STATUS_EXISTS);
}

/* Its transaction is open, and nobody ends it: that would take the server a minute. */
void test_a_batch_that_is_cut_off_before_its_commit_is_ended_by_the_next_claim(void **state)
{
    struct fixture *fixture = *state;
    struct bed bed;
    assert_int_equal(apply_cut(fixture, &bed, "insert"), STATUS_UNAVAILABLE);
    int64_t began_ms = clock_monotonic_ms();
    bed_begin(&bed, fixture->store);
    assert_true(clock_monotonic_ms() - began_ms < 30000);
    assert_int_equal(bed.bookmark.count, 1);
    assert_int_equal(bed.bookmark.last[0].number, 1);
    assert_gone(fixture, "b");
    add(fixture, &bed, STORE_REPLACE, "b");
    bed.writes[0].number = 2;
    assert_applies(fixture->store, &bed);
    assert_stored(fixture, &bed.todos[0]);
}

/* Its owner stays the same, and the claim must not pass by the open transaction. */
void test_a_batch_that_is_cut_off_is_ended_by_its_own_appliers_next_claim(void **state)
{
    struct fixture *fixture = *state;
    struct bed bed;
    assert_int_equal(apply_cut(fixture, &bed, "insert"), STATUS_UNAVAILABLE);
    claim(&bed, fixture->store);
    assert_int_equal(bed.bookmark.last[0].number, 1);
    assert_applies(fixture->store, &bed);
    assert_stored(fixture, &bed.todos[1]);
}

/* ---- Other programs ---- */

void test_a_batch_leaves_documents_that_are_no_todos_alone(void **state)
{
    struct fixture *fixture = *state;
    struct bed bed;
    bed_begin(&bed, fixture->store);
    fixture_mongo_write(fixture->uri, "todos", "{\"_id\":\"odd\",\"name\":7,\"tag\":1}");
    fixture_mongo_write(fixture->uri, "todos",
                        "{\"_id\":\"own\",\"name\":\"n\",\"v\":3,\"created_at\":{\"$date\":{\"$numberLong\":\"5\"}},"
                        "\"updated_at\":{\"$date\":{\"$numberLong\":\"6\"}},\"tag\":1}");
    add(fixture, &bed, STORE_REPLACE, "odd");
    add(fixture, &bed, STORE_DELETE, "odd");
    add(fixture, &bed, STORE_REPLACE, "odd");
    bed.writes[2].is_insert = true;
    bed.writes[2].number = 4;
    bed.batch.count = 1;
    assert_applies(fixture->store, &bed);
    assert_int_equal(bed.results[0].status, STATUS_INVALID);
    bed.batch.writes++;
    assert_applies(fixture->store, &bed);
    assert_int_equal(bed.results[0].status, STATUS_INVALID);
    bed.batch.writes++;
    assert_applies(fixture->store, &bed);
    assert_int_equal(bed.results[0].status, STATUS_EXISTS);
    bed_begin(&bed, fixture->store);
    struct todo *wanted = add(fixture, &bed, STORE_REPLACE, "own");
    bed.writes[0].number = 5;
    assert_applies(fixture->store, &bed);
    wanted->v = 4;
    wanted->life = wanted->created_at_ms = 5; /* which stands for a life */
    assert_stored(fixture, wanted);
    assert_int_equal(fixture_mongo_run(fixture->uri, "{\"count\":\"todos\",\"query\":{\"tag\":1}}"), 2);
    assert_int_equal(fixture_mongo_run(fixture->uri, "{\"count\":\"todos\",\"query\":{\"_id\":\"odd\",\"name\":7}}"),
                     1);
}

static void assert_refused(struct fixture *fixture, struct bed *bed)
{
    struct error error = {0};
    assert_int_equal(store_apply(fixture->store, &bed->batch, bed->results, &error), STATUS_INVALID);
    assert_int_equal(error.cause, CAUSE_RULE);
    assert_gone(fixture, "good");
    assert_gone(fixture, "bad");
}

void test_a_batch_with_a_document_that_a_rule_refuses_is_refused_whole(void **state)
{
    struct fixture *fixture = *state;
    struct bed bed;
    bed_begin(&bed, fixture->store);
    add(fixture, &bed, STORE_REPLACE, "good");
    add(fixture, &bed, STORE_REPLACE, "bad")->name = SLICE("bad");
    fixture_mongo_run(fixture->uri, "{\"collMod\":\"todos\",\"validator\":{\"name\":{\"$ne\":\"bad\"}}}");
    assert_refused(fixture, &bed);
    fixture_mongo_run(fixture->uri, "{\"collMod\":\"todos\",\"validator\":{}}");
    fixture_mongo_run(fixture->uri, "{\"createIndexes\":\"todos\",\"indexes\":[{\"key\":{\"name\":1},\"name\":\"n\","
                                    "\"unique\":true}]}");
    bed.todos[1].name = bed.todos[0].name;
    assert_refused(fixture, &bed);
    bed.batch.count = 1;
    assert_applies(fixture->store, &bed);
    assert_stored(fixture, &bed.todos[0]);
}

/* ---- Beside the rest of the store ---- */

void test_a_batch_that_deletes_a_todo_of_a_running_request_leaves_word(void **state)
{
    struct fixture *fixture = *state;
    struct bed bed;
    struct todo todo = fixture_todo(&fixture->arena, 1);
    struct store_answer first = {
        .key = "k", .fingerprint = "f", .life = todo.life, .expires_at_ms = clock_wall_ms() + 60000};
    memcpy(first.id, todo.id, sizeof(first.id));
    struct store_answer second = first;
    assert_int_equal(store_answer_begin(fixture->store, &first, &fixture->arena, NULL), STATUS_OK);
    assert_int_equal(store_insert(fixture->store, &todo, &first, NULL), STATUS_OK);
    bed_begin(&bed, fixture->store);
    add(fixture, &bed, STORE_DELETE, todo.id);
    assert_applies(fixture->store, &bed);
    assert_int_equal(bed.results[0].status, STATUS_OK);
    assert_gone(fixture, todo.id);
    assert_int_equal(store_answer_begin(fixture->store, &second, &fixture->arena, NULL), STATUS_OK);
    assert_true(second.is_made);
}

/* The events that come until there is none for a moment. */
static size_t events_read(struct store_stream *stream, struct change_event *events, size_t limit)
{
    static struct store_changes changes;
    size_t count = 0;
    do {
        assert_int_equal(store_stream_read(stream, 1000, &changes, NULL), STATUS_OK);
        for (size_t i = 0; i < changes.count && count < limit; i++)
            events[count++] = changes.items[i];
    } while (changes.count > 0 || count == 0);
    return count;
}

void test_a_batch_is_one_change_of_each_todo_and_raises_the_watermark(void **state)
{
    struct fixture *fixture = *state;
    struct bed bed;
    struct store_stream *stream;
    struct store_watermark before, after;
    struct change_event events[8];
    struct resume_token from_now = {0};
    bed_begin(&bed, fixture->store);
    assert_int_equal(store_stream_open(fixture->store, &from_now, &stream, NULL), STATUS_OK);
    store_watermark(fixture->store, &before);
    for (unsigned i = 0; i < 3; i++)
        add(fixture, &bed, STORE_REPLACE, "a");
    add(fixture, &bed, STORE_REPLACE, "b");
    assert_applies(fixture->store, &bed);
    store_watermark(fixture->store, &after);
    assert_true(strcmp(after.text, before.text) > 0);
    assert_int_equal(events_read(stream, events, 8), 2);
    bool is_a_first = strcmp(events[0].id, "a") == 0;
    struct change_event *a = &events[is_a_first ? 0 : 1], *b = &events[is_a_first ? 1 : 0];
    assert_string_equal(a->id, "a");
    assert_true(a->created && a->v == 3 && a->life == bed.results[2].version.life);
    assert_string_equal(b->id, "b");
    assert_true(b->created && b->v == 1);
    store_stream_close(stream);
}

void test_a_damaged_bookmark_stops_its_shard(void **state)
{
    struct fixture *fixture = *state;
    struct store_bookmark bookmark;
    struct token owner = token_new();
    struct error error = {0};
    fixture_mongo_write(fixture->uri, "bookmarks", "{\"_id\":5,\"owner\":\"x\",\"last\":3,\"results\":\"none\"}");
    assert_int_equal(store_apply_claim(fixture->store, SHARD, &owner, &bookmark, &error), STATUS_UNAVAILABLE);
    assert_int_equal(error.cause, CAUSE_DAMAGED);
    assert_int_equal(store_apply_claim(fixture->store, SHARD + 1, &owner, &bookmark, &error), STATUS_OK);
}

void test_a_server_that_stands_alone_applies_no_batches(void **state)
{
    (void)state;
    struct fixture alone = {0};
    struct store_bookmark bookmark;
    struct token owner = token_new();
    struct error error = {0};
    const char *uri = getenv("TODO_TEST_STANDALONE");
    if (!uri) {
        print_message("SKIPPED: run.sh starts a server that stands alone\n");
        skip();
    }
    snprintf(alone.uri, sizeof(alone.uri), "%s", uri);
    struct store *store = fixture_open(&alone, FIXTURE_TIMEOUT_MS);
    assert_int_equal(store_apply_claim(store, SHARD, &owner, &bookmark, &error), STATUS_UNSUPPORTED);
    assert_non_null(strstr(error.text, "replica set"));
    store_close(store);
}
