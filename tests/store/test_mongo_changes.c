/* SPDX-License-Identifier: MIT */
/*
 * What only MongoDB does to changes and kept answers: documents as other programs write them, and the index by which the
 * server itself removes what has expired.
 *
 * libmongoc is used directly to look at what the seam doesn't show.
 */
#include "test_mongo_changes.h"

#include <mongoc/mongoc.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/clock.h"
#include "fixture.h"

#define DATE(ms)   "{\"$date\":{\"$numberLong\":\"" #ms "\"}}"
#define GOOD_NAME  "\"name\":\"n\",\"done\":false,"
#define GOOD_TIMES "\"created_at\":" DATE(5) ",\"updated_at\":" DATE(6)

static struct todo values_for(const char *id)
{
    struct todo todo = {.name = SLICE("new"),
                        .description = SLICE("new too"),
                        .done = true,
                        .v = 1,
                        .life = LIFE_LEAST,
                        .created_at_ms = 1000,
                        .updated_at_ms = 1000};
    snprintf(todo.id, sizeof(todo.id), "%s", id);
    return todo;
}

/* Runs a command on the fixture's database; the reply is the caller's. */
static bson_t *command_run(const struct fixture *fixture, bson_t *command)
{
    bson_error_t failure;
    bson_t *reply = bson_new();
    bson_t answer;
    mongoc_uri_t *uri = mongoc_uri_new(fixture->uri);
    mongoc_client_t *client = mongoc_client_new_from_uri(uri);
    if (!mongoc_client_command_simple(client, mongoc_uri_get_database(uri), command, NULL, &answer, &failure))
        fail_msg("%s", failure.message);
    bson_concat(reply, &answer);
    bson_destroy(&answer);
    bson_destroy(command);
    mongoc_client_destroy(client);
    mongoc_uri_destroy(uri);
    return reply;
}

/* How many documents of a collection match an equality. */
static int64_t count_with(const struct fixture *fixture, const char *collection, const char *key, const char *value)
{
    bson_iter_t n;
    bson_t *reply =
        command_run(fixture, BCON_NEW("count", BCON_UTF8(collection), "query", "{", key, BCON_UTF8(value), "}"));
    assert_true(bson_iter_init_find(&n, reply, "n"));
    int64_t count = bson_iter_as_int64(&n);
    bson_destroy(reply);
    return count;
}

void test_a_document_that_has_no_version_is_not_changed(void **state)
{
    static const struct {
        const char *id, *json, *field;
    } cases[] = {
        {"a", "{\"_id\":\"a\"," GOOD_NAME GOOD_TIMES "}", "v"},
        {"b", "{\"_id\":\"b\"," GOOD_NAME "\"v\":\"1\"," GOOD_TIMES "}", "v"},
        {"c", "{\"_id\":\"c\"," GOOD_NAME "\"v\":null," GOOD_TIMES "}", "v"},
        {"d", "{\"_id\":\"d\"," GOOD_NAME "\"v\":0," GOOD_TIMES "}", "v"},
        {"e", "{\"_id\":\"e\"," GOOD_NAME "\"v\":1,\"created_at\":" DATE(5) "}", "updated_at"},
        {"f", "{\"_id\":\"f\"," GOOD_NAME "\"v\":1,\"created_at\":" DATE(5) ",\"updated_at\":7}", "updated_at"},
    };
    struct fixture *fixture = *state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct todo values = values_for(cases[i].id);
        struct store_change change = {.todo = &values, .condition = {.unmodified_since_s = -1}};
        fixture_mongo_write(fixture->uri, "todos", cases[i].json);
        for (change.kind = STORE_REPLACE; change.kind <= STORE_DELETE; change.kind++) {
            struct store_changed changed;
            struct error error = {0};
            assert_int_equal(store_change(fixture->store, &change, &fixture->arena, &changed, &error), STATUS_INVALID);
            assert_non_null(strstr(error.text, cases[i].id));
            assert_non_null(strstr(error.text, cases[i].field));
            assert_int_equal(count_with(fixture, "todos", "_id", cases[i].id), 1);
            assert_int_equal(count_with(fixture, "todos", "name", "new"), 0);
        }
    }
}

void test_a_change_goes_on_from_numbers_as_shells_write_them(void **state)
{
    static const char *const numbers[] = {"3", "{\"$numberDouble\":\"3.0\"}", "{\"$numberLong\":\"3\"}"};
    struct fixture *fixture = *state;
    for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
        char id[24], json[256];
        snprintf(id, sizeof(id), "n%zu", i);
        snprintf(json, sizeof(json), "{\"_id\":\"%s\"," GOOD_NAME "\"v\":%s," GOOD_TIMES "}", id, numbers[i]);
        fixture_mongo_write(fixture->uri, "todos", json);
        struct todo values = values_for(id);
        struct store_version version = {.v = 3, .life = 5}; /* the document has no other than its created_at */
        struct store_change change = {
            .kind = STORE_REPLACE,
            .todo = &values,
            .condition = {.match = {.given = true, .items = &version, .count = 1}, .unmodified_since_s = -1}};
        struct store_changed changed;
        assert_int_equal(store_change(fixture->store, &change, &fixture->arena, &changed, NULL), STATUS_OK);
        assert_int_equal(changed.todo.v, 4);
        values.v = 4;
        values.life = values.created_at_ms = 5;
        assert_stored(fixture, &values);
    }
}

static enum status delete_by(struct fixture *fixture, const char *id, int64_t v, int64_t life)
{
    struct todo values = values_for(id);
    struct store_version version = {.v = v, .life = life};
    struct store_change change = {
        .kind = STORE_DELETE,
        .todo = &values,
        .condition = {.match = {.given = true, .items = &version, .count = 1}, .unmodified_since_s = -1}};
    struct store_changed changed;
    return store_change(fixture->store, &change, &fixture->arena, &changed, NULL);
}

/* As older versions of this program and other programs write them. */
void test_a_document_without_a_life_has_its_birth_for_one(void **state)
{
    static const char *const lives[] = {"", "\"life\":0,", "\"life\":5,", "\"life\":{\"$numberDouble\":\"5.0\"},"};
    struct fixture *fixture = *state;
    for (size_t i = 0; i < sizeof(lives) / sizeof(lives[0]); i++) {
        char id[24], json[256];
        struct todo todo;
        snprintf(id, sizeof(id), "n%zu", i);
        snprintf(json, sizeof(json), "{\"_id\":\"%s\"," GOOD_NAME "\"v\":3,%s" GOOD_TIMES "}", id, lives[i]);
        fixture_mongo_write(fixture->uri, "todos", json);
        assert_int_equal(store_get(fixture->store, id, &fixture->arena, &todo, NULL), STATUS_OK);
        assert_int_equal(todo.life, 5);
        assert_int_equal(delete_by(fixture, id, 3, 6), STATUS_MISMATCH);
        assert_int_equal(delete_by(fixture, id, 2, 5), STATUS_MISMATCH);
        assert_int_equal(delete_by(fixture, id, 3, 5), STATUS_OK);
        todo.life = LIFE_LEAST;
        assert_int_equal(store_insert(fixture->store, &todo, NULL, NULL), STATUS_OK);
        assert_int_equal(delete_by(fixture, id, 3, 5), STATUS_MISMATCH);
    }
}

#define OLD_RECORD                                                                                                     \
    "{\"_id\":\"k\",\"fingerprint\":\"f\",\"id\":\"old\",\"http_status\":0,\"body\":\"\",\"etag\":\"\",\"created_"     \
    "at\":" DATE(5) ",\"deadline_at\":" DATE(5) ",\"expires_at\":" DATE(9000000000000) "}"

/* The record has neither a life nor a note; its todo has no life. */
void test_a_request_of_an_older_version_knows_its_todo_by_the_time(void **state)
{
    struct fixture *fixture = *state;
    struct store_answer answer = {.key = "k", .fingerprint = "f", .id = "an-id", .life = LIFE_LEAST};
    answer.deadline_at_ms = answer.expires_at_ms = clock_wall_ms() + 60000;
    fixture_mongo_write(fixture->uri, "answers", OLD_RECORD);
    fixture_mongo_write(fixture->uri, "todos", "{\"_id\":\"old\"," GOOD_NAME "\"v\":3," GOOD_TIMES "}");
    assert_int_equal(store_answer_begin(fixture->store, &answer, &fixture->arena, NULL), STATUS_OK);
    assert_string_equal(answer.id, "old");
    assert_int_equal(answer.life, 5);
    assert_true(answer.is_made);
}

void test_other_fields_of_a_document_outlive_a_change(void **state)
{
    struct fixture *fixture = *state;
    struct todo values = values_for("x");
    struct store_change change = {.kind = STORE_REPLACE, .todo = &values, .condition = {.unmodified_since_s = -1}};
    struct store_changed changed;
    fixture_mongo_write(fixture->uri, "todos",
                        "{\"_id\":\"x\"," GOOD_NAME "\"v\":1," GOOD_TIMES ",\"owner\":\"somebody\"}");
    assert_int_equal(store_change(fixture->store, &change, &fixture->arena, &changed, NULL), STATUS_OK);
    assert_int_equal(count_with(fixture, "todos", "owner", "somebody"), 1);
}

void test_a_damaged_record_of_an_answer_is_told_of(void **state)
{
    struct fixture *fixture = *state;
    struct error error = {0};
    struct store_answer answer = {.key = "broken",
                                  .fingerprint = "f",
                                  .id = "an-id",
                                  .deadline_at_ms = clock_wall_ms() + 1000,
                                  .expires_at_ms = clock_wall_ms() + 1000};
    fixture_mongo_write(fixture->uri, "answers", "{\"_id\":\"broken\",\"fingerprint\":\"f\"}");
    assert_int_equal(store_answer_begin(fixture->store, &answer, &fixture->arena, &error), STATUS_INVALID);
    assert_non_null(strstr(error.text, "broken"));
    assert_non_null(strstr(error.text, "answers"));
}

void test_answers_have_an_index_by_which_they_expire(void **state)
{
    struct fixture *fixture = *state;
    bson_iter_t at, indexes, each, name, after;
    bool found = false;
    bson_t *reply = command_run(fixture, BCON_NEW("listIndexes", BCON_UTF8("answers")));
    assert_true(bson_iter_init(&at, reply) && bson_iter_find_descendant(&at, "cursor.firstBatch", &indexes) &&
                bson_iter_recurse(&indexes, &each));
    while (bson_iter_next(&each)) {
        if (bson_iter_recurse(&each, &name) && bson_iter_find(&name, "name") &&
            strcmp(bson_iter_utf8(&name, NULL), "answers_by_expiry") == 0) {
            found = true;
            assert_true(bson_iter_recurse(&each, &after) && bson_iter_find(&after, "expireAfterSeconds"));
            assert_int_equal(bson_iter_as_int64(&after), 0);
        }
    }
    assert_true(found);
    bson_destroy(reply);
}
