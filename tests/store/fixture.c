/* SPDX-License-Identifier: MIT */
/*
 * Stores for tests. Each test gets one that is empty and its own: a new SQLite file, or a new database on the MongoDB
 * that was given, so that tests neither see each other's rows nor anybody's real ones. Teardown drops it again.
 *
 * libmongoc is used directly for what the seam, rightly, can't do: dropping a database, and writing documents that break
 * the rules of a todo, as foreign programs do.
 */
#include "fixture.h"

#include <mongoc/mongoc.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/mem.h"

static const char *base_uri;
static unsigned store_number;

/* MongoDB's driver takes up to half a second to end its monitors. The next test does not wait for that. */
enum { CLOSINGS_MAX = 256 };
static pthread_t closings[CLOSINGS_MAX];
static size_t closing_count;

static bool is_sqlite(const char *uri)
{
    return strncmp(uri, "sqlite:", strlen("sqlite:")) == 0;
}

void fixture_use(const char *uri)
{
    base_uri = uri;
}

int fixture_run_on_sqlite(const char *group_name, const struct CMUnitTest *tests, size_t test_count)
{
    char folder[] = "/tmp/test_sqlite.XXXXXX";
    char base[64], command[64];
    if (!mkdtemp(folder)) {
        perror(folder);
        return 1;
    }
    snprintf(base, sizeof(base), "sqlite:%s/todo", folder);
    fixture_use(base);
    int failed_count = _cmocka_run_group_tests(group_name, tests, test_count, NULL, NULL);
    snprintf(command, sizeof(command), "rm -r %s", folder);
    return system(command) != 0 || failed_count > 0;
}

static void next_uri(char *uri, size_t size_bytes)
{
    store_number++;
    if (is_sqlite(base_uri)) {
        snprintf(uri, size_bytes, "%s-%u.db", base_uri, store_number);
        return;
    }
    size_t name_end = strcspn(base_uri, "?");
    snprintf(uri, size_bytes, "%.*s_%u%s", (int)name_end, base_uri, store_number, base_uri + name_end);
}

struct store *fixture_open(const struct fixture *fixture, uint32_t timeout_ms)
{
    struct error error = {0};
    struct store *store;
    struct store_options options = {.uri = fixture->uri, .timeout_ms = timeout_ms, .concurrency = FIXTURE_CONCURRENCY};
    if (store_open(&store, &options, &error) != STATUS_OK || store_prepare(store, &error) != STATUS_OK)
        fail_msg("%s: %s", fixture->uri, error.text);
    return store;
}

int fixture_setup(void **state)
{
    struct fixture *fixture = mem_zalloc(sizeof(*fixture));
    arena_init(&fixture->arena);
    next_uri(fixture->uri, sizeof(fixture->uri));
    fixture->store = fixture_open(fixture, FIXTURE_TIMEOUT_MS);
    *state = fixture;
    return 0;
}

static void files_remove(const char *path)
{
    static const char *const endings[] = {"", "-wal", "-shm", "-turn"};
    for (size_t i = 0; i < sizeof(endings) / sizeof(endings[0]); i++) {
        char name[1100];
        snprintf(name, sizeof(name), "%s%s", path, endings[i]);
        unlink(name);
    }
}

static void *close_store(void *store)
{
    store_close(store);
    return NULL;
}

static void close_later(struct store *store)
{
    bug_unless(closing_count < CLOSINGS_MAX, "more tests than closings");
    bug_unless(pthread_create(&closings[closing_count++], NULL, close_store, store) == 0, "no threads left");
}

int fixture_end(void **state)
{
    (void)state;
    while (closing_count > 0)
        pthread_join(closings[--closing_count], NULL);
    return 0;
}

int fixture_teardown(void **state)
{
    struct fixture *fixture = *state;
    if (is_sqlite(fixture->uri)) {
        store_close(fixture->store);
        files_remove(fixture->uri + strlen("sqlite:"));
    } else {
        close_later(fixture->store);
        fixture_mongo_drop(fixture->uri);
    }
    arena_fini(&fixture->arena);
    free(fixture);
    return 0;
}

struct todo fixture_todo(struct arena *arena, unsigned number)
{
    struct todo todo = {
        .done = number % 3 == 0,
        .v = 1,
        .life = LIFE_LEAST + number,
        .created_at_ms = INT64_C(1700000000000) + number / 4 * 1000, /* four share a moment */
        .updated_at_ms = INT64_C(1700000001000) + number,
    };
    char text[120];
    snprintf(todo.id, sizeof(todo.id), "t%u", number);
    snprintf(text, sizeof(text), "name %u", number);
    todo.name = arena_copy(arena, slice_of(text));
    snprintf(text, sizeof(text), "line one of %u\nline \"two\" – äöü 漢字 🚀", number);
    todo.description = arena_copy(arena, slice_of(text));
    return todo;
}

void assert_stored(struct fixture *fixture, const struct todo *wanted)
{
    struct error error = {0};
    struct todo got;
    if (store_get(fixture->store, wanted->id, &fixture->arena, &got, &error) != STATUS_OK)
        fail_msg("%s: %s", wanted->id, error.text);
    assert_string_equal(got.id, wanted->id);
    assert_int_equal(got.name.len, wanted->name.len);
    assert_memory_equal(got.name.data, wanted->name.data, wanted->name.len);
    assert_int_equal(got.description.len, wanted->description.len);
    assert_memory_equal(got.description.data, wanted->description.data, wanted->description.len);
    assert_int_equal(got.done, wanted->done);
    assert_int_equal(got.v, wanted->v);
    assert_int_equal(got.life, wanted->life);
    assert_int_equal(got.created_at_ms, wanted->created_at_ms);
    assert_int_equal(got.updated_at_ms, wanted->updated_at_ms);
    assert_true(todo_equal(&got, wanted)); /* and what fields there are more */
}

/* Its writes are acknowledged by a majority, so that the store's majority reads see them. */
static mongoc_client_t *client_new(const mongoc_uri_t *uri)
{
    mongoc_client_t *client = mongoc_client_new_from_uri(uri);
    mongoc_write_concern_t *concern = mongoc_write_concern_new();
    mongoc_write_concern_set_w(concern, MONGOC_WRITE_CONCERN_W_MAJORITY);
    mongoc_client_set_write_concern(client, concern);
    mongoc_write_concern_destroy(concern);
    return client;
}

bool fixture_mongo_primary(const char *uri, char host[FIXTURE_HOST_MAX], char port[8])
{
    mongoc_uri_t *parsed = mongoc_uri_new(uri);
    mongoc_client_t *client = client_new(parsed);
    mongoc_server_description_t *server = mongoc_client_select_server(client, true, NULL, NULL);
    if (server) {
        const mongoc_host_list_t *found = mongoc_server_description_host(server);
        snprintf(host, FIXTURE_HOST_MAX, "%s", found->host);
        snprintf(port, 8, "%u", (unsigned)found->port);
        mongoc_server_description_destroy(server);
    }
    mongoc_client_destroy(client);
    mongoc_uri_destroy(parsed);
    return server != NULL;
}

void fixture_mongo_drop(const char *uri)
{
    mongoc_uri_t *parsed = mongoc_uri_new(uri);
    mongoc_client_t *client = client_new(parsed);
    mongoc_database_t *database = mongoc_client_get_database(client, mongoc_uri_get_database(parsed));
    bson_error_t failure;
    if (!mongoc_database_drop(database, &failure))
        print_error("%s was not dropped: %s\n", mongoc_uri_get_database(parsed), failure.message);
    mongoc_database_destroy(database);
    mongoc_client_destroy(client);
    mongoc_uri_destroy(parsed);
}

int64_t fixture_mongo_run(const char *uri, const char *json)
{
    bson_error_t failure;
    bson_t reply;
    bson_iter_t n;
    mongoc_uri_t *parsed = mongoc_uri_new(uri);
    mongoc_client_t *client = client_new(parsed);
    bson_t *command = bson_new_from_json((const uint8_t *)json, -1, &failure);
    if (!command ||
        !mongoc_client_command_simple(client, mongoc_uri_get_database(parsed), command, NULL, &reply, &failure))
        fail_msg("%s: %s", json, failure.message);
    int64_t found = bson_iter_init_find(&n, &reply, "n") ? bson_iter_as_int64(&n) : -1;
    bson_destroy(&reply);
    bson_destroy(command);
    mongoc_client_destroy(client);
    mongoc_uri_destroy(parsed);
    return found;
}

void fixture_mongo_write(const char *uri, const char *collection_name, const char *json)
{
    bson_error_t failure;
    mongoc_uri_t *parsed = mongoc_uri_new(uri);
    mongoc_client_t *client = client_new(parsed);
    mongoc_collection_t *collection =
        mongoc_client_get_collection(client, mongoc_uri_get_database(parsed), collection_name);
    bson_t *document = bson_new_from_json((const uint8_t *)json, -1, &failure);
    if (!document || !mongoc_collection_insert_one(collection, document, NULL, NULL, &failure))
        fail_msg("%s: %s", json, failure.message);
    bson_destroy(document);
    mongoc_collection_destroy(collection);
    mongoc_client_destroy(client);
    mongoc_uri_destroy(parsed);
}
