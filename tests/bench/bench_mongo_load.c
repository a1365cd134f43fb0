/* SPDX-License-Identifier: MIT */
/*
 * The yardstick for todo-load on MongoDB: a bare loop of unordered libmongoc bulk inserts of the rows that "todo-load seed -n N"
 * makes, on one client, a batch at a time.
 *
 *   bench_mongo_load URI N [BATCH_ROWS]
 *
 * No fences, no threads, no checks but libmongoc's own. Making the rows is timed along with the rest, for todo-load has to make
 * them as well. The collection is emptied before and after, and gets the indexes that the service makes, or it would be spared their work.
 * Prints one line: rows, seconds, rows per second.
 */
#include <mongoc/mongoc.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "load/faker.h"

enum { BATCH_ROWS_DEFAULT = 1000 };

struct bench {
    mongoc_client_t *client;
    mongoc_database_t *database;
    mongoc_collection_t *collection;
    int64_t row_count;
    int64_t batch_rows;
};

static void give_up(const char *text)
{
    fprintf(stderr, "bench_mongo_load: %s\n", text);
    exit(EXIT_FAILURE);
}

static void bench_open(struct bench *bench, const char *uri_text)
{
    bson_error_t error;
    mongoc_uri_t *uri = mongoc_uri_new_with_error(uri_text, &error);
    if (!uri || !mongoc_uri_get_database(uri))
        give_up("the URI must name a database");
    bench->client = mongoc_client_new_from_uri(uri);
    bench->database = mongoc_client_get_database(bench->client, mongoc_uri_get_database(uri));
    bench->collection = mongoc_database_get_collection(bench->database, "todos");
    mongoc_uri_destroy(uri);
}

static void bench_prepare(const struct bench *bench)
{
    bson_error_t error;
    mongoc_collection_drop(bench->collection, NULL);
    bson_t *command =
        BCON_NEW("createIndexes", "todos", "indexes", "[", "{", "name", "todos_by_time", "key", "{", "created_at",
                 BCON_INT32(1), "_id", BCON_INT32(1), "}", "}", "{", "name", "todos_by_done_and_time", "key", "{",
                 "done", BCON_INT32(1), "created_at", BCON_INT32(1), "_id", BCON_INT32(1), "}", "}", "]");
    if (!mongoc_database_write_command_with_opts(bench->database, command, NULL, NULL, &error))
        give_up(error.message);
    bson_destroy(command);
}

static void bulk_add(mongoc_bulk_operation_t *bulk, const struct todo *todo)
{
    bson_t document;
    bson_error_t error;
    bson_init(&document);
    BSON_APPEND_UTF8(&document, "_id", todo->id);
    bson_append_utf8(&document, "name", -1, todo->name.data, (int)todo->name.len);
    bson_append_utf8(&document, "description", -1, todo->description.data, (int)todo->description.len);
    BSON_APPEND_BOOL(&document, "done", todo->done);
    BSON_APPEND_INT64(&document, "v", todo->v);
    BSON_APPEND_DATE_TIME(&document, "created_at", todo->created_at_ms);
    BSON_APPEND_DATE_TIME(&document, "updated_at", todo->updated_at_ms);
    if (!mongoc_bulk_operation_insert_with_opts(bulk, &document, NULL, &error))
        give_up(error.message);
    bson_destroy(&document);
}

static void bench_write_batch(const struct bench *bench, int64_t first, int64_t last, struct arena *arena)
{
    bson_t options = BSON_INITIALIZER;
    bson_error_t error;
    BSON_APPEND_BOOL(&options, "ordered", false);
    mongoc_bulk_operation_t *bulk = mongoc_collection_create_bulk_operation_with_opts(bench->collection, &options);
    arena_reset(arena);
    for (int64_t number = first; number <= last; number++) {
        struct todo todo;
        faker_make(1, number, arena, &todo);
        bulk_add(bulk, &todo);
    }
    if (!mongoc_bulk_operation_execute(bulk, NULL, &error))
        give_up(error.message);
    mongoc_bulk_operation_destroy(bulk);
    bson_destroy(&options);
}

static void bench_run(const struct bench *bench)
{
    struct arena arena;
    arena_init(&arena);
    int64_t begin_us = clock_monotonic_us();
    for (int64_t first = 1; first <= bench->row_count; first += bench->batch_rows) {
        int64_t last = first + bench->batch_rows - 1;
        bench_write_batch(bench, first, last < bench->row_count ? last : bench->row_count, &arena);
    }
    double seconds = (double)(clock_monotonic_us() - begin_us) / 1e6;
    printf("%lld rows, %.2f s, %.0f rows/s\n", (long long)bench->row_count, seconds,
           (double)bench->row_count / seconds);
    arena_fini(&arena);
}

int main(int argc, char **argv)
{
    struct bench bench = {.batch_rows = BATCH_ROWS_DEFAULT};
    if (argc > 2)
        bench.row_count = atoll(argv[2]);
    if (argc > 3)
        bench.batch_rows = atoll(argv[3]);
    if (argc < 3 || argc > 4 || bench.row_count < 1 || bench.batch_rows < 1)
        give_up("usage: bench_mongo_load URI N [BATCH_ROWS]");
    mongoc_init();
    bench_open(&bench, argv[1]);
    bench_prepare(&bench);
    bench_run(&bench);
    mongoc_collection_drop(bench.collection, NULL);
    mongoc_collection_destroy(bench.collection);
    mongoc_database_destroy(bench.database);
    mongoc_client_destroy(bench.client);
    mongoc_cleanup();
    return EXIT_SUCCESS;
}
