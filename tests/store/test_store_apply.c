/* SPDX-License-Identifier: MIT */
/* Conformance: batches of queued writes, as apply.h promises them. What a batch does to a todo has its table in tests/unit/test_fold.c. */
#include "test_store_apply.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/random.h"
#include "crowd.h"
#include "fixture.h"
#include "store/apply.h"
#include "store/feed.h"

enum { SHARD = 3, APPLIER_COUNT = 4, WRITE_COUNT = 120 };

/* A batch of one shard, with its todos. */
struct bed {
    struct todo todos[STORE_APPLY_MAX];
    struct store_queued writes[STORE_APPLY_MAX];
    struct store_applied results[STORE_APPLY_MAX];
    struct store_bookmark bookmark;
    struct store_batch batch;
};

static void claim(struct store *store, struct bed *bed)
{
    struct error error = {0};
    bed->batch.owner = token_new();
    if (store_apply_claim(store, bed->batch.shard, &bed->batch.owner, &bed->bookmark, &error) != STATUS_OK)
        fail_msg("%s", error.text);
}

static struct bed *bed_new(struct fixture *fixture)
{
    struct bed *bed = arena_alloc(&fixture->arena, sizeof(*bed));
    memset(bed, 0, sizeof(*bed));
    bed->batch.shard = SHARD;
    bed->batch.writes = bed->writes;
    claim(fixture->store, bed);
    return bed;
}

/* The next write, of "t<number>". Its own number follows the last one; the name tells them apart. */
static struct store_queued *add(struct fixture *fixture, struct bed *bed, enum store_change_kind kind, unsigned number)
{
    char name[40];
    size_t at = bed->batch.count++;
    int64_t last = at > 0                    ? bed->writes[at - 1].number
                   : bed->bookmark.count > 0 ? bed->bookmark.last[bed->bookmark.count - 1].number
                                             : 1000;
    struct todo *todo = &bed->todos[at];
    *todo = fixture_todo(&fixture->arena, number);
    snprintf(name, sizeof(name), "written %lld", (long long)last + 1);
    todo->name = arena_copy(&fixture->arena, slice_of(name));
    todo->life = life_new();
    bed->writes[at] = (struct store_queued){.number = last + 1,
                                            .change = {.kind = kind,
                                                       .fields = kind == STORE_MERGE ? 1u << TODO_NAME : 0,
                                                       .todo = todo,
                                                       .condition = {.unmodified_since_s = -1}}};
    return &bed->writes[at];
}

static void add_insert(struct fixture *fixture, struct bed *bed, unsigned number)
{
    add(fixture, bed, STORE_REPLACE, number)->is_insert = true;
}

static void apply(struct fixture *fixture, struct bed *bed)
{
    struct error error = {0};
    if (store_apply(fixture->store, &bed->batch, bed->results, &error) != STATUS_OK)
        fail_msg("%s", error.text);
}

/* What became of the write at this place: v 0 unless it is OK. */
static void assert_applied(const struct bed *bed, size_t at, enum status status, bool created, int64_t v)
{
    const struct store_applied *applied = &bed->results[at];
    if (applied->status != status || applied->created != created || applied->version.v != v)
        fail_msg("write %zu: %s%s, v %lld", at, status_name(applied->status), applied->created ? ", created" : "",
                 (long long)applied->version.v);
    assert_int_equal(applied->number, bed->writes[at].number);
    assert_int_equal(applied->version.life == 0, status != STATUS_OK);
}

static void assert_gone(struct fixture *fixture, const char *id)
{
    struct todo todo;
    assert_int_equal(store_get(fixture->store, id, &fixture->arena, &todo, NULL), STATUS_NOT_FOUND);
}

static void stored_insert(struct fixture *fixture, unsigned number)
{
    struct todo todo = fixture_todo(&fixture->arena, number);
    assert_int_equal(store_insert(fixture->store, &todo, NULL, NULL), STATUS_OK);
}

void test_a_batch_is_applied_in_its_order_and_tells_what_it_did(void **state)
{
    struct fixture *fixture = *state;
    struct bed *bed = bed_new(fixture);
    assert_int_equal(bed->bookmark.count, 0);
    for (unsigned number = 1; number <= 4; number++)
        stored_insert(fixture, number);
    add(fixture, bed, STORE_REPLACE, 1); /* 0 */
    add(fixture, bed, STORE_MERGE, 1);
    add(fixture, bed, STORE_DELETE, 2); /* 2 */
    add(fixture, bed, STORE_MERGE, 2);
    add(fixture, bed, STORE_REPLACE, 5); /* 4 */
    add_insert(fixture, bed, 6);
    add_insert(fixture, bed, 3); /* 6 */
    add(fixture, bed, STORE_DELETE, 7);
    add_insert(fixture, bed, 8); /* 8 */
    add(fixture, bed, STORE_DELETE, 8);
    add(fixture, bed, STORE_MERGE, 1);
    apply(fixture, bed);
    assert_applied(bed, 0, STATUS_OK, false, 2);
    assert_applied(bed, 1, STATUS_OK, false, 3);
    assert_applied(bed, 2, STATUS_OK, false, 2); /* behind its last */
    assert_applied(bed, 3, STATUS_NOT_FOUND, false, 0);
    assert_applied(bed, 4, STATUS_OK, true, 1);
    assert_applied(bed, 5, STATUS_OK, true, 1);
    assert_applied(bed, 6, STATUS_EXISTS, false, 0);
    assert_applied(bed, 7, STATUS_NOT_FOUND, false, 0);
    assert_applied(bed, 8, STATUS_OK, true, 1);
    assert_applied(bed, 9, STATUS_OK, false, 2);
    assert_applied(bed, 10, STATUS_OK, false, 4);
    struct todo changed = fixture_todo(&fixture->arena, 1), untouched = fixture_todo(&fixture->arena, 3);
    changed.name = bed->todos[10].name;
    changed.v = 4;
    assert_stored(fixture, &changed);
    assert_stored(fixture, &untouched);
    assert_stored(fixture, &bed->todos[4]);
    assert_stored(fixture, &bed->todos[5]);
    assert_gone(fixture, "t2");
    assert_gone(fixture, "t8");
}

void test_a_thousand_writes_of_one_todo_are_counted_one_by_one(void **state)
{
    struct fixture *fixture = *state;
    struct bed *bed = bed_new(fixture);
    struct feed_place before = {0}, after = {0};
    bool has_feed = strcmp(store_kind(fixture->store), "sqlite") == 0; /* of MongoDB: test_mongo_apply.c */
    stored_insert(fixture, 1);
    assert_int_equal(has_feed ? store_feed_last(fixture->store, &before, NULL) : STATUS_OK, STATUS_OK);
    for (unsigned round = 0; round < 4; round++) {
        bed->batch.count = 0;
        for (unsigned i = 0; i < 250; i++)
            add(fixture, bed, STORE_REPLACE, 1);
        apply(fixture, bed);
        for (unsigned i = 0; i < 250; i++)
            assert_applied(bed, i, STATUS_OK, false, 2 + round * 250 + i);
        bed->bookmark.count = 1;
        bed->bookmark.last[0] = bed->results[249];
    }
    struct todo wanted = fixture_todo(&fixture->arena, 1);
    wanted.name = bed->todos[249].name;
    wanted.v = 1001;
    assert_stored(fixture, &wanted);
    assert_int_equal(has_feed ? store_feed_last(fixture->store, &after, NULL) : STATUS_OK, STATUS_OK);
    assert_int_equal(after.seq - before.seq, has_feed ? 4 : 0);
}

void test_a_batch_is_applied_once_and_its_bookmark_tells(void **state)
{
    struct fixture *fixture = *state;
    struct bed *bed = bed_new(fixture);
    struct error error = {0};
    stored_insert(fixture, 1);
    add(fixture, bed, STORE_REPLACE, 1);
    add(fixture, bed, STORE_MERGE, 2);
    add_insert(fixture, bed, 3);
    apply(fixture, bed);
    assert_int_equal(store_apply(fixture->store, &bed->batch, bed->results, &error), STATUS_EXISTS);
    claim(fixture->store, bed);
    assert_int_equal(store_apply(fixture->store, &bed->batch, bed->results, &error), STATUS_EXISTS);
    assert_int_equal(bed->bookmark.count, 3);
    memcpy(bed->results, bed->bookmark.last, 3 * sizeof(*bed->results));
    assert_applied(bed, 0, STATUS_OK, false, 2);
    assert_applied(bed, 1, STATUS_NOT_FOUND, false, 0);
    assert_applied(bed, 2, STATUS_OK, true, 1);
    assert_int_equal(bed->results[2].version.life, bed->todos[2].life);
    bed->batch.count = 0;
    for (unsigned i = 0; i < 2; i++) { /* one that was applied, and one more */
        add(fixture, bed, STORE_REPLACE, 1);
        bed->writes[i].number = 1003 + i;
    }
    assert_int_equal(store_apply(fixture->store, &bed->batch, bed->results, &error), STATUS_EXISTS);
    bed->batch.writes++;
    bed->batch.count = 1;
    assert_int_equal(store_apply(fixture->store, &bed->batch, bed->results, &error), STATUS_OK);
    assert_int_equal(bed->results[0].version.v, 3);
}

void test_an_applier_that_was_replaced_applies_nothing(void **state)
{
    struct fixture *fixture = *state;
    struct bed *first = bed_new(fixture), *second = bed_new(fixture), *nobody = bed_new(fixture);
    struct error error = {0};
    add_insert(fixture, first, 1);
    second->batch.owner = token_new();
    assert_int_equal(store_apply_claim(fixture->store, SHARD, &second->batch.owner, &second->bookmark, &error),
                     STATUS_OK);
    assert_int_equal(store_apply(fixture->store, &first->batch, first->results, &error), STATUS_MISMATCH);
    assert_gone(fixture, "t1");
    add_insert(fixture, nobody, 1);
    nobody->batch.shard = SHARD + 1; /* never claimed */
    assert_int_equal(store_apply(fixture->store, &nobody->batch, nobody->results, &error), STATUS_MISMATCH);
    assert_gone(fixture, "t1");
    add_insert(fixture, second, 1);
    apply(fixture, second);
    assert_int_equal(store_apply(fixture->store, &first->batch, first->results, &error), STATUS_MISMATCH);
    assert_stored(fixture, &second->todos[0]);
}

void test_a_bookmark_keeps_the_name_of_its_first_claim(void **state)
{
    struct fixture *fixture = *state;
    struct bed *first = bed_new(fixture), *second = bed_new(fixture);
    struct store_bookmark other;
    struct token owner = token_new();
    assert_string_equal(first->bookmark.name.text, first->batch.owner.text);
    assert_string_equal(second->bookmark.name.text, first->batch.owner.text);
    assert_true(*second->bookmark.place);
    add_insert(fixture, second, 1);
    apply(fixture, second);
    claim(fixture->store, second);
    assert_string_equal(second->bookmark.name.text, first->batch.owner.text);
    assert_int_equal(store_apply_claim(fixture->store, SHARD + 1, &owner, &other, NULL), STATUS_OK);
    assert_string_equal(other.name.text, owner.text);
}

void test_shards_know_nothing_of_each_other(void **state)
{
    struct fixture *fixture = *state;
    struct bed *bed = bed_new(fixture);
    struct store_bookmark bookmark;
    struct token other = token_new();
    add_insert(fixture, bed, 1);
    apply(fixture, bed);
    assert_int_equal(store_apply_claim(fixture->store, 0, &other, &bookmark, NULL), STATUS_OK);
    assert_int_equal(bookmark.count, 0);
    bed->bookmark.count = 1;
    bed->bookmark.last[0] = bed->results[0];
    bed->batch.count = 0;
    add(fixture, bed, STORE_DELETE, 1);
    apply(fixture, bed); /* the claim of another shard took nothing away */
    assert_gone(fixture, "t1");
}

void test_a_todo_is_made_again_by_the_next_batch(void **state)
{
    struct fixture *fixture = *state;
    struct bed *bed = bed_new(fixture);
    stored_insert(fixture, 1);
    add(fixture, bed, STORE_DELETE, 1);
    add(fixture, bed, STORE_REPLACE, 1);
    assert_int_equal(store_apply_run(bed->writes, 2), 1);
    bed->batch.count = 1;
    apply(fixture, bed);
    assert_gone(fixture, "t1");
    bed->batch.writes++;
    apply(fixture, bed);
    assert_stored(fixture, &bed->todos[1]); /* of its own life */
}

/* ---- Keys ---- */

static struct store_answer answer_of(const struct todo *todo, const char *key)
{
    int64_t now_ms = clock_wall_ms();
    struct store_answer answer = {.fingerprint = "f",
                                  .created_at_ms = todo->created_at_ms,
                                  .life = todo->life,
                                  .deadline_at_ms = now_ms + 60000,
                                  .expires_at_ms = now_ms + 120000,
                                  .http_status = 201,
                                  .body = SLICE("{\"id\":\"queued\"}"),
                                  .etag = SLICE("\"q\"")};
    snprintf(answer.key, sizeof(answer.key), "%s", key);
    memcpy(answer.id, todo->id, sizeof(answer.id));
    return answer;
}

void test_a_queued_insert_keeps_its_answer(void **state)
{
    struct fixture *fixture = *state;
    struct bed *bed = bed_new(fixture);
    struct store_answer answers[3];
    stored_insert(fixture, 3);
    for (unsigned i = 0; i < 3; i++) {
        add_insert(fixture, bed, i == 2 ? 3 : i + 1);
        answers[i] = answer_of(&bed->todos[i], i == 2 ? "other" : "key");
        bed->writes[i].answer = &answers[i];
    }
    apply(fixture, bed);
    assert_applied(bed, 0, STATUS_OK, true, 1);
    assert_applied(bed, 1, STATUS_OK, false, 1);
    assert_applied(bed, 2, STATUS_EXISTS, false, 0);
    assert_int_equal(bed->results[1].version.life, bed->todos[0].life);
    assert_gone(fixture, "t2");
    struct store_answer asked = answer_of(&bed->todos[1], "key"), refused = answer_of(&bed->todos[2], "other");
    assert_int_equal(store_answer_begin(fixture->store, &asked, &fixture->arena, NULL), STATUS_EXISTS);
    assert_string_equal(asked.id, "t1");
    assert_int_equal(asked.http_status, 201);
    assert_int_equal(asked.life, bed->todos[0].life);
    assert_int_equal(asked.expires_at_ms, answers[0].expires_at_ms);
    assert_true(slice_equal(asked.body, answers[0].body) && slice_equal(asked.etag, answers[0].etag));
    assert_int_equal(store_answer_begin(fixture->store, &refused, &fixture->arena, NULL), STATUS_EXISTS);
    assert_int_equal(refused.http_status, 409);
}

/* How far the request without the queue is when its key comes again by the queue: i it inserted, d others deleted that, r it was refused. */
static const struct {
    const char *steps;
    bool is_late, is_ended, is_other_id;
    enum status want;
    bool want_created;
} MEETINGS[] = {
    {"i", false, true, true, STATUS_OK, false},      {"id", false, true, true, STATUS_OK, false},
    {"i", true, false, true, STATUS_OK, false},      {"id", true, false, true, STATUS_OK, false},
    {"i", true, false, false, STATUS_OK, false},     {"", true, false, false, STATUS_OK, true},
    {"", true, false, true, STATUS_MISMATCH, false}, {"", false, false, false, STATUS_BUSY, false},
    {"r", false, true, true, STATUS_EXISTS, false},
};

static void meet(struct fixture *fixture, struct bed *bed, size_t row)
{
    char key[16];
    struct todo todo = fixture_todo(&fixture->arena, 100 + (unsigned)row);
    snprintf(key, sizeof(key), "key-%zu", row);
    struct store_answer request = answer_of(&todo, key);
    request.deadline_at_ms = MEETINGS[row].is_late ? 1 : request.deadline_at_ms;
    assert_int_equal(store_answer_begin(fixture->store, &request, &fixture->arena, NULL), STATUS_OK);
    for (const char *step = MEETINGS[row].steps; *step; step++) {
        struct store_change gone = {.kind = STORE_DELETE, .todo = &todo, .condition = {.unmodified_since_s = -1}};
        struct store_changed changed;
        enum status status = STATUS_OK;
        if (*step == 'r')
            request.http_status = 409;
        else
            status = *step == 'i' ? store_insert(fixture->store, &todo, &request, NULL)
                                  : store_change(fixture->store, &gone, &fixture->arena, &changed, NULL);
        assert_int_equal(status, STATUS_OK);
    }
    if (MEETINGS[row].is_ended)
        assert_int_equal(store_answer_end(fixture->store, &request, NULL), STATUS_OK);
    bed->batch.count = 0;
    add_insert(fixture, bed, (MEETINGS[row].is_other_id ? 200 : 100) + (unsigned)row);
}

void test_a_queued_insert_meets_a_request_with_its_key(void **state)
{
    struct fixture *fixture = *state;
    struct bed *bed = bed_new(fixture);
    for (size_t row = 0; row < sizeof(MEETINGS) / sizeof(MEETINGS[0]); row++) {
        char key[16], made[16];
        meet(fixture, bed, row);
        snprintf(key, sizeof(key), "key-%zu", row);
        struct store_answer answer = answer_of(&bed->todos[0], key);
        bed->writes[0].answer = &answer;
        enum status status = store_apply(fixture->store, &bed->batch, bed->results, NULL);
        if (status != (MEETINGS[row].want == STATUS_BUSY ? STATUS_BUSY : STATUS_OK))
            fail_msg("row %zu: %s", row, status_name(status));
        if (status == STATUS_BUSY)
            continue;
        if (bed->results[0].status != MEETINGS[row].want || bed->results[0].created != MEETINGS[row].want_created)
            fail_msg("row %zu: it was %s", row, status_name(bed->results[0].status));
        if (!MEETINGS[row].want_created && MEETINGS[row].is_other_id)
            assert_gone(fixture, bed->todos[0].id);
        bool tells_other = MEETINGS[row].is_other_id && MEETINGS[row].want != STATUS_MISMATCH;
        snprintf(made, sizeof(made), "t%zu", 100 + row);
        assert_string_equal(bed->results[0].id, tells_other ? made : "");
        claim(fixture->store, bed);
        assert_string_equal(bed->bookmark.last[0].id, bed->results[0].id);
    }
}

/* ---- many at once ---- */

struct appliers {
    struct fixture *fixture;
    struct todo todo;
    struct store_queued writes[WRITE_COUNT];
    atomic_uint odd_count; /* statuses that no applier should meet */
};

/* The place of the first write behind the bookmark. */
static size_t place_of(const struct store_bookmark *bookmark)
{
    return bookmark->count == 0 ? 0 : (size_t)bookmark->last[bookmark->count - 1].number;
}

static void applier_run(void *ctx, unsigned number)
{
    struct appliers *appliers = ctx;
    struct store *store = appliers->fixture->store;
    struct store_applied results[STORE_APPLY_MAX];
    struct store_batch batch = {.shard = SHARD, .owner = token_new()};
    struct store_bookmark bookmark = {0};
    size_t at = WRITE_COUNT;
    enum status status = STATUS_MISMATCH;
    for (unsigned tries = 0; tries < 3000; tries++) {
        if (status != STATUS_OK && store_apply_claim(store, SHARD, &batch.owner, &bookmark, NULL) != STATUS_OK)
            continue;
        at = status == STATUS_OK ? at + batch.count : place_of(&bookmark);
        if (at == WRITE_COUNT)
            return;
        batch.writes = appliers->writes + at;
        batch.count = at + 1 + number < WRITE_COUNT ? 1 + number : WRITE_COUNT - at;
        status = store_apply(store, &batch, results, NULL);
        if (status == STATUS_INVALID || status == STATUS_NOT_FOUND || status == STATUS_UNSUPPORTED)
            atomic_fetch_add(&appliers->odd_count, 1);
    }
    atomic_fetch_add(&appliers->odd_count, 1); /* it did not come to the end */
}

void test_of_four_appliers_each_write_is_applied_once(void **state)
{
    struct fixture *fixture = *state;
    struct appliers *appliers = arena_alloc(&fixture->arena, sizeof(*appliers));
    memset(appliers, 0, sizeof(*appliers));
    appliers->fixture = fixture;
    appliers->todo = fixture_todo(&fixture->arena, 1);
    for (size_t i = 0; i < WRITE_COUNT; i++)
        appliers->writes[i] = (struct store_queued){
            .number = (int64_t)i + 1,
            .change = {.kind = STORE_REPLACE, .todo = &appliers->todo, .condition = {.unmodified_since_s = -1}}};
    crowd_run(APPLIER_COUNT, applier_run, appliers);
    assert_int_equal(atomic_load(&appliers->odd_count), 0);
    appliers->todo.v = WRITE_COUNT;
    assert_stored(fixture, &appliers->todo);
}

struct others {
    struct fixture *fixture;
    struct bed *bed;
    atomic_uint changed_count;
};

/* Member 0 applies batches; the others change the same todo without the queue. */
static void other_run(void *ctx, unsigned number)
{
    struct others *others = ctx;
    struct store *store = others->fixture->store;
    struct arena arena;
    arena_init(&arena);
    for (unsigned round = 0; round < 20; round++) {
        struct todo todo = fixture_todo(&arena, 1);
        struct store_change change = {.kind = STORE_REPLACE, .todo = &todo, .condition = {.unmodified_since_s = -1}};
        struct store_changed changed;
        if (number > 0) {
            if (store_change(store, &change, &arena, &changed, NULL) == STATUS_OK)
                atomic_fetch_add(&others->changed_count, 1);
            continue;
        }
        enum status status = STATUS_BUSY;
        for (unsigned tries = 0; tries < 100 && status == STATUS_BUSY; tries++)
            status = store_apply(store, &others->bed->batch, others->bed->results, NULL);
        if (status == STATUS_OK)
            atomic_fetch_add(&others->changed_count, (unsigned)others->bed->batch.count);
        for (size_t i = 0; i < others->bed->batch.count; i++)
            others->bed->writes[i].number += 10;
    }
    arena_fini(&arena);
}

void test_batches_and_other_changes_add_up(void **state)
{
    struct fixture *fixture = *state;
    struct others others = {.fixture = fixture, .bed = bed_new(fixture)};
    struct todo stored;
    stored_insert(fixture, 1);
    for (unsigned i = 0; i < 5; i++)
        add(fixture, others.bed, STORE_REPLACE, 1);
    crowd_run(4, other_run, &others);
    assert_int_equal(store_get(fixture->store, "t1", &fixture->arena, &stored, NULL), STATUS_OK);
    assert_int_equal(stored.v, 1 + atomic_load(&others.changed_count));
    assert_int_equal(atomic_load(&others.changed_count), 20 * (5 + 3));
}
