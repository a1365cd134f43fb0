/* SPDX-License-Identifier: MIT */
/*
 * Documents that other programs have written: which are served, and what is said of those that are not.
 */
#include "test_mongo_documents.h"

#include <mongoc/mongoc.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "fixture.h"

#define GOOD_TAIL                                                                                                      \
    "\"done\":false,\"v\":{\"$numberLong\":\"1\"},\"created_at\":{\"$date\":{\"$numberLong\":\"1700000000000\"}},"     \
    "\"updated_at\":{\"$date\":{\"$numberLong\":\"1700000000000\"}}}"

#define TIMES                                                                                                          \
    "\"created_at\":{\"$date\":{\"$numberLong\":\"1700000000000\"}},"                                                  \
    "\"updated_at\":{\"$date\":{\"$numberLong\":\"1700000000000\"}}}"

void test_a_get_names_the_field_that_it_can_not_read(void **state)
{
    static const struct {
        const char *id, *json, *field;
    } cases[] = {
        {"a", "{\"_id\":\"a\"," GOOD_TAIL, "name"},
        {"b", "{\"_id\":\"b\",\"name\":5," GOOD_TAIL, "name"},
        {"c", "{\"_id\":\"c\",\"name\":\"\"," GOOD_TAIL, "name"},
        {"d", "{\"_id\":\"d\",\"name\":\"n\",\"description\":[1]," GOOD_TAIL, "description"},
        {"e", "{\"_id\":\"e\",\"name\":\"n\",\"done\":\"no\"}", "done"},
        {"f", "{\"_id\":\"f\",\"name\":\"n\",\"done\":true,\"v\":1.5}", "v"},
        {"g", "{\"_id\":\"g\",\"name\":\"n\",\"done\":true,\"v\":1,\"created_at\":\"now\"}", "created_at"},
        {"h", "{\"_id\":\"h\",\"name\":\"a\\u0001b\"," GOOD_TAIL, "name"},
    };
    struct fixture *fixture = *state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct todo todo;
        struct error error = {0};
        fixture_mongo_write(fixture->uri, "todos", cases[i].json);
        assert_int_equal(store_get(fixture->store, cases[i].id, &fixture->arena, &todo, &error), STATUS_INVALID);
        assert_non_null(strstr(error.text, cases[i].id));
        assert_non_null(strstr(error.text, cases[i].field));
        assert_int_equal(error.cause, CAUSE_UNREADABLE);
    }
}

/* In single reads and in lists alike: a todo without done is not done. */
void test_a_document_without_done_is_served(void **state)
{
    struct fixture *fixture = *state;
    const char *const jsons[] = {"{\"_id\":\"none\",\"name\":\"n\",\"v\":1," TIMES,
                                 "{\"_id\":\"null\",\"name\":\"n\",\"done\":null,\"v\":1," TIMES,
                                 "{\"_id\":\"false\",\"name\":\"n\",\"done\":false,\"v\":1," TIMES,
                                 "{\"_id\":\"true\",\"name\":\"n\",\"done\":true,\"v\":1," TIMES};
    for (size_t i = 0; i < sizeof(jsons) / sizeof(jsons[0]); i++)
        fixture_mongo_write(fixture->uri, "todos", jsons[i]);
    struct todo todo = {.done = true};
    assert_int_equal(store_get(fixture->store, "none", &fixture->arena, &todo, NULL), STATUS_OK);
    assert_false(todo.done);
    static const size_t wanted[] = {[STORE_DONE_ANY] = 4, [STORE_DONE_NO] = 3, [STORE_DONE_YES] = 1};
    for (enum store_done_filter done = STORE_DONE_ANY; done <= STORE_DONE_YES; done++) {
        struct store_query query = {.limit = 10, .done = done};
        struct store_page page = {0};
        assert_int_equal(store_list(fixture->store, &query, &fixture->arena, &page, NULL), STATUS_OK);
        assert_int_equal(page.count, wanted[done]);
        for (size_t i = 1; i < page.count; i++)
            assert_true(strcmp(page.todos[i - 1].id, page.todos[i].id) > 0);
    }
    struct store_change change = {.kind = STORE_MERGE,
                                  .fields = 1u << TODO_DONE,
                                  .todo = &(struct todo){.id = "none", .done = true, .updated_at_ms = 1700000000001}};
    change.condition.unmodified_since_s = -1;
    struct store_changed changed;
    assert_int_equal(store_change(fixture->store, &change, &fixture->arena, &changed, NULL), STATUS_OK);
    assert_true(changed.todo.done);
}

static void unreadable_write(const struct fixture *fixture, unsigned count)
{
    bson_error_t failure;
    mongoc_uri_t *uri = mongoc_uri_new(fixture->uri);
    mongoc_client_t *client = mongoc_client_new_from_uri(uri);
    mongoc_collection_t *todos = mongoc_client_get_collection(client, mongoc_uri_get_database(uri), "todos");
    mongoc_bulk_operation_t *bulk = mongoc_collection_create_bulk_operation_with_opts(todos, NULL);
    for (unsigned i = 0; i < count; i++) {
        char id[16];
        snprintf(id, sizeof(id), "x%05u", i);
        bson_t *document =
            BCON_NEW("_id", BCON_UTF8(id), "name", BCON_INT32(5), "created_at", BCON_DATE_TIME(1000 + i));
        assert_true(mongoc_bulk_operation_insert_with_opts(bulk, document, NULL, &failure));
        bson_destroy(document);
    }
    assert_true(mongoc_bulk_operation_execute(bulk, NULL, &failure));
    mongoc_bulk_operation_destroy(bulk);
    mongoc_collection_destroy(todos);
    mongoc_client_destroy(client);
    mongoc_uri_destroy(uri);
}

/* Page by page it took a round trip for each two of them, and then counted as a store that is away. */
void test_thousands_of_unreadable_documents_in_a_row_cost_few_round_trips(void **state)
{
    enum { UNREADABLE_COUNT = 5000, SHORT_MS = 1000 };
    struct fixture *fixture = *state;
    struct todo todo = fixture_todo(&fixture->arena, 7);
    unreadable_write(fixture, UNREADABLE_COUNT);
    assert_int_equal(store_insert(fixture->store, &todo, NULL, NULL), STATUS_OK);
    struct store *hasty = fixture_open(fixture, SHORT_MS);
    struct store_query query = {.limit = 1, .ascending = true};
    struct store_page page = {0};
    struct error error = {0};
    enum status status = store_list(hasty, &query, &fixture->arena, &page, &error);
    if (status != STATUS_OK)
        fail_msg("%s: %s", status_name(status), error.text);
    assert_int_equal(page.count, 1);
    assert_string_equal(page.todos[0].id, todo.id);
    store_close(hasty);
}

void test_numbers_of_other_types_and_no_description_are_read(void **state)
{
    struct fixture *fixture = *state;
    fixture_mongo_write(fixture->uri, "todos",
                        "{\"_id\":\"x\",\"name\":\"n\",\"done\":true,\"v\":{\"$numberDouble\":\"3.0\"},\"other\":1,"
                        "\"created_at\":{\"$date\":{\"$numberLong\":\"5\"}},"
                        "\"updated_at\":{\"$date\":{\"$numberLong\":\"6\"}}}");
    struct todo wanted = {.id = "x",
                          .name = SLICE("n"),
                          .description = SLICE(""),
                          .done = true,
                          .v = 3,
                          .life = 5,
                          .created_at_ms = 5,
                          .updated_at_ms = 6};
    assert_stored(fixture, &wanted);
}

void test_lists_pass_over_what_they_can_not_read_and_go_on(void **state)
{
    struct fixture *fixture = *state;
    for (unsigned i = 0; i < 8; i++) {
        struct todo todo = fixture_todo(&fixture->arena, i * 100);
        char json[200];
        assert_int_equal(store_insert(fixture->store, &todo, NULL, NULL), STATUS_OK);
        for (unsigned j = 0; j < 5; j++) { /* more in a row than a page has rows */
            snprintf(json, sizeof(json), "{\"_id\":\"%s.%u\",\"created_at\":{\"$date\":{\"$numberLong\":\"%lld\"}}}",
                     todo.id, j, (long long)todo.created_at_ms + j);
            fixture_mongo_write(fixture->uri, "todos", json);
        }
    }
    fixture_mongo_write(fixture->uri, "todos",
                        "{\"_id\":{\"$oid\":\"0123456789abcdef01234567\"},\"name\":\"n\"," GOOD_TAIL);
    fixture_mongo_write(fixture->uri, "todos", "{\"_id\":\"no-date\",\"name\":\"n\"}");
    for (unsigned ascending = 0; ascending < 2; ascending++) {
        struct store_query query = {.limit = 3, .ascending = ascending};
        struct store_page page = {.more = true};
        unsigned seen_count = 0;
        while (page.more) {
            assert_int_equal(store_list(fixture->store, &query, &fixture->arena, &page, NULL), STATUS_OK);
            assert_true(page.count > 0);
            seen_count += page.count;
            query.has_after = true;
            query.after.created_at_ms = page.todos[page.count - 1].created_at_ms;
            strcpy(query.after.id, page.todos[page.count - 1].id);
        }
        assert_int_equal(seen_count, 8);
    }
}
