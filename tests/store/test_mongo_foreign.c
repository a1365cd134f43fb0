/* SPDX-License-Identifier: MIT */
/*
 * Documents of other programs in MongoDB: counted, walked through, adopted. The todos that an adoption puts in their
 * place are made here by hand, as the loader would make them.
 */
#include "test_mongo_foreign.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "fixture.h"
#include "store/foreign.h"

enum { DOCUMENTS_MAX = 8, LIFE = 77 };

#define OID(digit) "{\"$oid\":\"00000000000000000000000" digit "\"}"
#define DATE       "{\"$date\":{\"$numberLong\":\"5\"}}"
#define GOOD       "\"done\":true,\"v\":1,\"created_at\":" DATE ",\"updated_at\":" DATE

static void write(const struct fixture *fixture, const char *json)
{
    fixture_mongo_write(fixture->uri, "todos", json);
}

static int64_t count(const struct fixture *fixture, const char *query)
{
    char command[512];
    snprintf(command, sizeof(command), "{\"count\":\"todos\",\"query\":%s}", query);
    return fixture_mongo_run(fixture->uri, command);
}

/* The documents of a new walk, copied into the arena. */
static size_t walk(struct fixture *fixture, struct slice documents[DOCUMENTS_MAX])
{
    struct store_foreign *foreign;
    struct slice document;
    struct error error = {0};
    size_t found = 0;
    assert_int_equal(store_foreign_open(fixture->store, &foreign, &error), STATUS_OK);
    enum status status;
    while ((status = store_foreign_next(foreign, &document, &error)) == STATUS_OK) {
        assert_true(found < DOCUMENTS_MAX);
        documents[found++] = arena_copy(&fixture->arena, document);
    }
    assert_int_equal(status, STATUS_NOT_FOUND);
    store_foreign_close(foreign);
    return found;
}

static struct store_survey survey(struct fixture *fixture)
{
    struct store_survey found;
    struct error error = {0};
    if (store_survey(fixture->store, &found, &error) != STATUS_OK)
        fail_msg("%s", error.text);
    return found;
}

/* What the loader would make of the test's documents, of which one is adopted at a time. */
static struct todo todo_of(const char *id, int64_t life)
{
    struct todo todo = {.name = SLICE("n"), .description = SLICE(""), .v = 1, .life = life, .created_at_ms = 9};
    snprintf(todo.id, sizeof(todo.id), "%s", id);
    return todo;
}

static enum status adopt(struct fixture *fixture, const struct todo *todo, struct slice document)
{
    enum status result = STATUS_BUSY;
    struct error error = {0};
    if (store_adopt(fixture->store, todo, &document, 1, &result, &error) != STATUS_OK)
        fail_msg("%s", error.text);
    return result;
}

void test_a_survey_counts_what_other_programs_wrote(void **state)
{
    struct fixture *fixture = *state;
    struct store_survey found = survey(fixture);
    assert_true(found.is_empty);
    assert_non_null(strstr(found.text, "the database todo"));
    assert_non_null(strstr(found.text, "has no todos"));
    struct todo todo = fixture_todo(&fixture->arena, 1);
    assert_int_equal(store_insert(fixture->store, &todo, NULL, NULL), STATUS_OK);
    write(fixture, "{\"_id\":\"good\",\"name\":\"n\",\"other\":1," GOOD "}");
    found = survey(fixture);
    assert_false(found.is_empty);
    assert_int_equal(found.foreign_count, 0);
    assert_string_equal(found.text, "");
    write(fixture, "{\"_id\":" OID("1") ",\"id\":\"1\",\"name\":\"n\"}");
    write(fixture, "{\"_id\":" OID("2") ",\"name\":\"n\"," GOOD "}");
    write(fixture, "{\"_id\":3,\"name\":\"n\"," GOOD "}");
    write(fixture, "{\"_id\":\"no-date\",\"name\":\"n\",\"done\":true}");
    write(fixture, "{\"_id\":\"text-date\",\"name\":\"n\",\"done\":true,\"created_at\":\"2024-01-31\"}");
    write(fixture, "{\"_id\":\"number-done\",\"name\":\"n\",\"done\":1,\"created_at\":" DATE "}");
    found = survey(fixture);
    assert_int_equal(found.foreign_count, 6);
    assert_non_null(strstr(found.text, "6 documents in the database todo"));
    assert_non_null(strstr(found.text, "todo-load adopt"));
}

void test_a_walk_gives_what_is_no_todo_and_nothing_else(void **state)
{
    struct fixture *fixture = *state;
    struct slice documents[DOCUMENTS_MAX];
    struct todo todo = fixture_todo(&fixture->arena, 1);
    assert_int_equal(store_insert(fixture->store, &todo, NULL, NULL), STATUS_OK);
    write(fixture, "{\"_id\":\"good\",\"name\":\"n\"," GOOD "}");
    assert_int_equal(walk(fixture, documents), 0);
    write(fixture, "{\"_id\":" OID("1") ",\"id\":\"1\",\"name\":\"n\"}");
    write(fixture, "{\"_id\":\"titled\",\"title\":\"n\"," GOOD "}");
    write(fixture, "{\"_id\":\"no-v\",\"name\":\"n\",\"done\":true,\"created_at\":" DATE ",\"updated_at\":" DATE "}");
    write(fixture, "{\"_id\":\"null\",\"name\":\"n\",\"done\":null,\"created_at\":null}");
    assert_int_equal(walk(fixture, documents), 4);
}

void test_adopted_documents_are_todos_and_lose_nothing(void **state)
{
    struct fixture *fixture = *state;
    struct slice documents[DOCUMENTS_MAX];
    write(fixture, "{\"_id\":" OID("1") ",\"id\":\"1\",\"name\":\"n\",\"a.b\":1,\"tags\":[1,{\"x\":null}]}");
    assert_int_equal(walk(fixture, documents), 1);
    struct todo moved = todo_of("1", LIFE);
    assert_int_equal(adopt(fixture, &moved, documents[0]), STATUS_OK);
    assert_stored(fixture, &moved);
    write(fixture, "{\"_id\":\"2\",\"title\":\"n\",\"other\":{\"y\":[]},\"created_at\":\"soon\"}");
    assert_int_equal(walk(fixture, documents), 1);
    struct todo replaced = todo_of("2", LIFE + 1);
    assert_int_equal(adopt(fixture, &replaced, documents[0]), STATUS_OK);
    assert_stored(fixture, &replaced);
    assert_int_equal(walk(fixture, documents), 0);
    assert_int_equal(count(fixture, "{}"), 2);
    assert_int_equal(count(fixture, "{\"_id\":\"1\",\"adopted_from\":" OID("1") ",\"tags\":{\"$exists\":true}}"), 1);
    assert_int_equal(count(fixture, "{\"_id\":\"2\",\"title\":\"n\",\"other\":{\"y\":[]}}"), 1);
    assert_int_equal(count(fixture, "{\"adopting\":{\"$exists\":true}}"), 0);
    assert_int_equal(count(fixture, "{\"_id\":\"2\",\"adopted_from\":{\"$exists\":true}}"), 0);
}

/* As a process that dies before the insert: the server refuses todos. */
static void claim_only(struct fixture *fixture, const struct todo *todo, struct slice document)
{
    enum status result;
    struct error error = {0};
    fixture_mongo_run(fixture->uri, "{\"collMod\":\"todos\",\"validator\":{\"life\":{\"$exists\":false}}}");
    assert_int_not_equal(store_adopt(fixture->store, todo, &document, 1, &result, &error), STATUS_OK);
    fixture_mongo_run(fixture->uri, "{\"collMod\":\"todos\",\"validator\":{}}");
}

/* Each part: how far an earlier process came. A client may have changed the todo since. */
void test_an_adoption_goes_on_where_an_earlier_one_ended(void **state)
{
    struct fixture *fixture = *state;
    struct slice documents[DOCUMENTS_MAX];
    const struct todo wanted = todo_of("1", LIFE), later = todo_of("1", LIFE + 5);
    write(fixture, "{\"_id\":" OID("1") ",\"id\":\"1\",\"name\":\"n\"}");
    assert_int_equal(walk(fixture, documents), 1);
    claim_only(fixture, &wanted, documents[0]);
    assert_int_equal(count(fixture, "{}"), 1);
    assert_int_equal(walk(fixture, documents), 1);
    assert_int_equal(adopt(fixture, &later, documents[0]), STATUS_OK);
    assert_stored(fixture, &wanted);
    assert_int_equal(adopt(fixture, &later, documents[0]), STATUS_OK); /* the first one's answer was lost */

    write(fixture, "{\"_id\":" OID("1") ",\"id\":\"1\",\"name\":\"n\",\"adopting\":{\"$numberLong\":\"77\"}}");
    struct todo renamed = wanted;
    renamed.name = SLICE("renamed");
    struct store_change change = {.kind = STORE_REPLACE, .todo = &renamed, .condition = {.unmodified_since_s = -1}};
    struct store_changed changed;
    assert_int_equal(store_change(fixture->store, &change, &fixture->arena, &changed, NULL), STATUS_OK);
    assert_int_equal(walk(fixture, documents), 1);
    assert_int_equal(adopt(fixture, &later, documents[0]), STATUS_OK); /* it had inserted */
    assert_stored(fixture, &changed.todo);
    assert_int_equal(walk(fixture, documents), 0);
    assert_int_equal(count(fixture, "{}"), 1);

    write(fixture, "{\"_id\":\"2\",\"title\":\"n\"}");
    assert_int_equal(walk(fixture, documents), 1);
    struct todo replaced = todo_of("2", LIFE + 1);
    assert_int_equal(adopt(fixture, &replaced, documents[0]), STATUS_OK);
    assert_int_equal(adopt(fixture, &replaced, documents[0]), STATUS_OK); /* its answer was lost */
    assert_stored(fixture, &replaced);
}

void test_a_taken_id_leaves_the_document_as_it_was(void **state)
{
    struct fixture *fixture = *state;
    struct slice documents[DOCUMENTS_MAX];
    const struct todo posted = todo_of("1", LIFE), ours = todo_of("1", LIFE + 5);
    assert_int_equal(store_insert(fixture->store, &posted, NULL, NULL), STATUS_OK);
    write(fixture, "{\"_id\":" OID("1") ",\"id\":\"1\",\"name\":\"old\"}");
    assert_int_equal(walk(fixture, documents), 1);
    assert_int_equal(adopt(fixture, &ours, documents[0]), STATUS_EXISTS);
    assert_stored(fixture, &posted);
    assert_int_equal(count(fixture, "{\"_id\":" OID("1") ",\"name\":\"old\",\"adopting\":{\"$exists\":false}}"), 1);
    assert_int_equal(survey(fixture).foreign_count, 1);
}

void test_a_document_that_changed_meanwhile_stays(void **state)
{
    struct fixture *fixture = *state;
    struct slice documents[DOCUMENTS_MAX];
    write(fixture, "{\"_id\":" OID("1") ",\"id\":\"1\",\"name\":\"n\"}");
    write(fixture, "{\"_id\":\"2\",\"title\":\"n\"}");
    assert_int_equal(walk(fixture, documents), 2);
    bool is_first = count(fixture, "{\"_id\":" OID("1") "}") == 1 && memcmp(documents[0].data + 4, "\x07", 1) == 0;
    const char *const changes[] = {
        "{\"update\":\"todos\",\"updates\":[{\"q\":{\"_id\":" OID("1") "},\"u\":{\"$set\":{\"name\":\"newer\"}}}]}",
        "{\"update\":\"todos\",\"updates\":[{\"q\":{\"_id\":\"2\"},\"u\":{\"$set\":{\"title\":\"newer\"}}}]}"};
    for (int i = 0; i < 2; i++)
        assert_int_equal(fixture_mongo_run(fixture->uri, changes[i]), 1);
    const struct todo moved = todo_of("1", LIFE), replaced = todo_of("2", LIFE);
    assert_int_equal(adopt(fixture, &moved, documents[is_first ? 0 : 1]), STATUS_OK);
    assert_int_equal(adopt(fixture, &replaced, documents[is_first ? 1 : 0]), STATUS_EXISTS);
    assert_int_equal(count(fixture, "{\"_id\":" OID("1") ",\"name\":\"newer\",\"adopting\":{\"$exists\":false}}"), 1);
    assert_int_equal(count(fixture, "{\"_id\":\"2\",\"title\":\"newer\"}"), 1);
}
