/* SPDX-License-Identifier: MIT */
/*
 * Changes under a condition, on whichever store the suite runs. First what one caller gets, as a table: each condition
 * against a todo that is there and one that is not, for each kind of change; what is stored afterwards is looked at each
 * time, also where nothing may have changed. Then what many get who ask at the same moment: a condition that is decided
 * by reading first and writing then passes the table, and fails these.
 */
#include "test_store_changes.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/mem.h"
#include "crowd.h"
#include "fixture.h"
#include "tests/unit/fields.h"

/* The todo that is there: its third version, changed in the middle of a second. */
#define BORN_MS    INT64_C(1700000000250)
#define CHANGED_MS INT64_C(1700000005500)
#define CHANGED_S  (CHANGED_MS / 1000)
#define NOW_MS     INT64_C(1800000000750)

enum { THE_V = 3 };

#define THE_LIFE (LIFE_LEAST + 1)

/* Initializers for the table, one line each. */
/* clang-format off */
#define THE_ONE       {THE_V, THE_LIFE}
#define ONE_BEFORE    {THE_V - 1, THE_LIFE}
#define ANOTHER_LIFE  {THE_V, THE_LIFE + 1}
#define ITS_BIRTH     {THE_V, BORN_MS}
#define ANY           {.given = true, .any = true}
#define NO_VERSION    {.given = true}
#define LIST(...)     (const struct store_version[]){__VA_ARGS__}
#define VERSIONS(...) {.given = true, .items = LIST(__VA_ARGS__), \
                       .count = sizeof(LIST(__VA_ARGS__)) / sizeof(struct store_version)}
/* clang-format on */
#define UNASKED .unmodified_since_s = -1

/* What becomes of a change: of an absent todo a replacement creates, the others find nothing, unless it is refused. */
enum outcome { DONE, REFUSED };

static const struct row {
    const char *name;
    struct store_condition condition;
    enum outcome absent, present;
} ROWS[] = {
    {"nothing asked", {UNASKED}, DONE, DONE},
    {"match *", {.match = ANY, UNASKED}, REFUSED, DONE},
    {"match this version", {.match = VERSIONS(THE_ONE), UNASKED}, REFUSED, DONE},
    {"match the version before", {.match = VERSIONS(ONE_BEFORE), UNASKED}, REFUSED, REFUSED},
    {"match the same v of another life", {.match = VERSIONS(ANOTHER_LIFE), UNASKED}, REFUSED, REFUSED},
    {"match the same v and the time of birth", {.match = VERSIONS(ITS_BIRTH), UNASKED}, REFUSED, REFUSED},
    {"match a list with it", {.match = VERSIONS(ONE_BEFORE, ANOTHER_LIFE, THE_ONE), UNASKED}, REFUSED, DONE},
    {"match a list without it", {.match = VERSIONS(ONE_BEFORE, ANOTHER_LIFE), UNASKED}, REFUSED, REFUSED},
    {"match no version at all", {.match = NO_VERSION, UNASKED}, REFUSED, REFUSED},
    {"unmodified since its second", {.unmodified_since_s = CHANGED_S}, DONE, DONE},
    {"unmodified since the second before", {.unmodified_since_s = CHANGED_S - 1}, DONE, REFUSED},
    {"unmodified since later", {.unmodified_since_s = CHANGED_S + 1}, DONE, DONE},
    {"unmodified since 1970", {.unmodified_since_s = 0}, DONE, REFUSED},
    {"unmodified since 9999", {.unmodified_since_s = TODO_TIME_MAX_MS / 1000}, DONE, DONE},
    {"unmodified since the end of time", {.unmodified_since_s = INT64_MAX}, DONE, DONE},
    {"a match makes the date not looked at",
     {.match = VERSIONS(THE_ONE), .unmodified_since_s = CHANGED_S - 1},
     REFUSED,
     DONE},
    {"none match *", {UNASKED, .none_match = ANY}, DONE, REFUSED},
    {"none match this version", {UNASKED, .none_match = VERSIONS(THE_ONE)}, DONE, REFUSED},
    {"none match the version before", {UNASKED, .none_match = VERSIONS(ONE_BEFORE)}, DONE, DONE},
    {"none match the same v of another life", {UNASKED, .none_match = VERSIONS(ANOTHER_LIFE)}, DONE, DONE},
    {"none match the same v and the time of birth", {UNASKED, .none_match = VERSIONS(ITS_BIRTH)}, DONE, DONE},
    {"none match a list with it", {UNASKED, .none_match = VERSIONS(ONE_BEFORE, THE_ONE)}, DONE, REFUSED},
    {"none match a list without it", {UNASKED, .none_match = VERSIONS(ONE_BEFORE, ANOTHER_LIFE)}, DONE, DONE},
    {"none match no version at all", {UNASKED, .none_match = NO_VERSION}, DONE, DONE},
    {"match and none match the same",
     {.match = VERSIONS(THE_ONE), UNASKED, .none_match = VERSIONS(THE_ONE)},
     REFUSED,
     REFUSED},
    {"match this, none match another",
     {.match = VERSIONS(THE_ONE), UNASKED, .none_match = VERSIONS(ONE_BEFORE)},
     REFUSED,
     DONE},
    {"match * and none match *", {.match = ANY, UNASKED, .none_match = ANY}, REFUSED, REFUSED},
    {"a date that holds, none match *", {.unmodified_since_s = CHANGED_S, .none_match = ANY}, DONE, REFUSED},
    {"a date that holds, none match this",
     {.unmodified_since_s = CHANGED_S, .none_match = VERSIONS(THE_ONE)},
     DONE,
     REFUSED},
    {"a date that fails, none match another",
     {.unmodified_since_s = CHANGED_S - 1, .none_match = VERSIONS(ONE_BEFORE)},
     DONE,
     REFUSED},
};

enum { ROW_COUNT = sizeof(ROWS) / sizeof(ROWS[0]) };

static const char *const KIND_NAMES[] = {"replace", "merge", "delete"};

static struct todo the_todo(const char *id)
{
    struct todo todo = {.name = SLICE("a name"),
                        .description = SLICE("a description"),
                        .done = true,
                        .v = THE_V,
                        .life = THE_LIFE,
                        .created_at_ms = BORN_MS,
                        .updated_at_ms = CHANGED_MS};
    snprintf(todo.id, sizeof(todo.id), "%s", id);
    return todo;
}

/* What changes want it to be, in each field; complete, for it may be what is created. */
static struct todo the_new_todo(const char *id)
{
    struct todo old = the_todo(id);
    struct todo todo = {.name = SLICE("another name"),
                        .description = SLICE(""),
                        .v = 1,
                        .life = THE_LIFE + 2,
                        .created_at_ms = NOW_MS,
                        .updated_at_ms = NOW_MS};
    snprintf(todo.id, sizeof(todo.id), "%s", id);
    field_differ(&todo, &old, TODO_WRITE_FIELDS);
    return todo;
}

static void insert(struct fixture *fixture, const struct todo *todo)
{
    struct error error = {0};
    if (store_insert(fixture->store, todo, NULL, &error) != STATUS_OK)
        fail_msg("%s: %s", todo->id, error.text);
}

static void assert_gone(struct fixture *fixture, const char *id)
{
    struct todo todo;
    assert_int_equal(store_get(fixture->store, id, &fixture->arena, &todo, NULL), STATUS_NOT_FOUND);
}

static void assert_same(const struct todo *got, const struct todo *wanted)
{
    assert_string_equal(got->id, wanted->id);
    assert_true(slice_equal(got->name, wanted->name));
    assert_non_null(got->description.data);
    assert_true(slice_equal(got->description, wanted->description));
    assert_int_equal(got->done, wanted->done);
    assert_int_equal(got->v, wanted->v);
    assert_int_equal(got->life, wanted->life);
    assert_int_equal(got->created_at_ms, wanted->created_at_ms);
    assert_int_equal(got->updated_at_ms, wanted->updated_at_ms);
    assert_true(todo_equal(got, wanted)); /* and what fields there are more */
}

static struct todo merged(const struct todo *before, const struct todo *values, unsigned fields)
{
    struct todo after = *before;
    todo_set_fields(&after, values, fields);
    after.v++;
    after.updated_at_ms = values->updated_at_ms;
    return after;
}

static enum status wanted_status(enum outcome outcome, enum store_change_kind kind, bool exists)
{
    if (outcome == REFUSED)
        return STATUS_MISMATCH;
    return exists || kind == STORE_REPLACE ? STATUS_OK : STATUS_NOT_FOUND;
}

/* What must be stored after the change, and what it must have told. */
static void assert_effect(struct fixture *fixture, const struct store_change *change, enum status status, bool exists,
                          const struct store_changed *changed)
{
    const char *id = change->todo->id;
    struct todo before = the_todo(id);
    struct todo after = exists ? merged(&before, change->todo,
                                        change->kind == STORE_REPLACE ? (unsigned)TODO_WRITE_FIELDS : change->fields)
                               : *change->todo;
    if (status != STATUS_OK) {
        exists ? assert_stored(fixture, &before) : assert_gone(fixture, id);
        return;
    }
    assert_int_equal(changed->created, !exists);
    assert_same(&changed->todo, change->kind == STORE_DELETE ? &before : &after);
    change->kind == STORE_DELETE ? assert_gone(fixture, id) : assert_stored(fixture, &after);
}

static void try_row(struct fixture *fixture, size_t at, enum store_change_kind kind, bool exists)
{
    const struct row *row = &ROWS[at];
    char id[32];
    snprintf(id, sizeof(id), "row-%zu-%s-%d", at, KIND_NAMES[kind], exists);
    struct todo before = the_todo(id);
    struct todo values = the_new_todo(id);
    struct store_change change = {
        .kind = kind, .fields = 1u << TODO_NAME, .todo = &values, .condition = row->condition};
    struct store_changed changed;
    struct error error = {0};
    if (exists)
        insert(fixture, &before);
    enum status wanted = wanted_status(exists ? row->present : row->absent, kind, exists);
    enum status got = store_change(fixture->store, &change, &fixture->arena, &changed, &error);
    if (got != wanted) {
        fail_msg("%s, %s, %s: got %s, wanted %s (%s)", row->name, KIND_NAMES[kind], exists ? "present" : "absent",
                 status_name(got), status_name(wanted), error.text);
    }
    if (got != STATUS_OK) {
        assert_int_equal(error.status, got);
        assert_non_null(strstr(error.text, id));
    }
    assert_effect(fixture, &change, got, exists, &changed);
}

void test_each_condition_decides_each_change_of_what_is_there_and_what_is_not(void **state)
{
    struct fixture *fixture = *state;
    for (size_t at = 0; at < ROW_COUNT; at++) {
        for (enum store_change_kind kind = STORE_REPLACE; kind <= STORE_DELETE; kind++) {
            try_row(fixture, at, kind, false);
            try_row(fixture, at, kind, true);
        }
    }
}

static enum status change_now(struct store *store, struct arena *arena, const struct store_change *change,
                              struct store_changed *changed)
{
    struct error error = {0};
    enum status status = store_change(store, change, arena, changed, &error);
    if (status == STATUS_UNAVAILABLE || status == STATUS_UNKNOWN)
        print_error("%s: %s\n", change->todo->id, error.text);
    return status;
}

void test_a_merge_changes_the_fields_that_it_names_and_no_others(void **state)
{
    struct fixture *fixture = *state;
    for (unsigned set = 0; set < 1u << TODO_FIELD_COUNT; set++) {
        if (set & ~(unsigned)TODO_WRITE_FIELDS)
            continue;
        char id[24];
        snprintf(id, sizeof(id), "set-%u", set);
        struct todo before = the_todo(id);
        struct todo values = the_new_todo(id);
        struct store_change change = {.kind = STORE_MERGE, .fields = set, .todo = &values, .condition = {UNASKED}};
        struct store_changed changed;
        insert(fixture, &before);
        assert_int_equal(change_now(fixture->store, &fixture->arena, &change, &changed), STATUS_OK);
        struct todo after = set ? merged(&before, &values, change.fields) : before;
        assert_same(&changed.todo, &after);
        assert_stored(fixture, &after);
    }
}

void test_a_merge_of_what_is_there_already_makes_no_version(void **state)
{
    struct fixture *fixture = *state;
    struct todo todo = the_todo("same"), values = the_new_todo("same");
    struct store_version its = {.v = todo.v, .life = todo.life};
    struct store_versions versions = {.given = true, .items = &its, .count = 1};
    const struct store_condition conditions[] = {{UNASKED, .none_match = ANY}, {UNASKED}, {.match = versions, UNASKED}};
    struct store_change change = {.kind = STORE_MERGE, .fields = TODO_WRITE_FIELDS, .todo = &values};
    struct store_changed changed;
    todo_set_fields(&values, &todo, TODO_WRITE_FIELDS);
    insert(fixture, &todo);
    for (size_t i = 0; i < sizeof(conditions) / sizeof(*conditions); i++) {
        change.condition = conditions[i];
        enum status status = change_now(fixture->store, &fixture->arena, &change, &changed);
        assert_int_equal(status, i == 0 ? STATUS_MISMATCH : STATUS_OK);
    }
    assert_same(&changed.todo, &todo);
    assert_stored(fixture, &todo);
    values.done = !values.done; /* one that differs is enough */
    assert_int_equal(change_now(fixture->store, &fixture->arena, &change, &changed), STATUS_OK);
    assert_int_equal(changed.todo.v, todo.v + 1);
}

void test_a_replacement_takes_back_what_was_shown_and_nothing_else(void **state)
{
    struct fixture *fixture = *state;
    struct todo todo = the_todo("shown"), values = the_new_todo("shown"), shown = todo, absent = the_new_todo("never");
    struct store_change change = {.kind = STORE_REPLACE, .todo = &values, .condition = {UNASKED}, .shown = &shown};
    struct store_changed changed;
    struct error error;
    insert(fixture, &todo);
    change.shown_fields = TODO_READ_FIELDS;
    shown.created_at_ms++;
    assert_int_equal(store_change(fixture->store, &change, &fixture->arena, &changed, &error), STATUS_INVALID);
    assert_string_equal(error.pointer, "/created_at");
    shown = todo;
    shown.updated_at_ms--;
    assert_int_equal(store_change(fixture->store, &change, &fixture->arena, &changed, &error), STATUS_INVALID);
    assert_string_equal(error.pointer, "/updated_at");
    assert_stored(fixture, &todo);
    shown = todo;
    assert_int_equal(change_now(fixture->store, &fixture->arena, &change, &changed), STATUS_OK);
    struct todo after = merged(&todo, &values, TODO_WRITE_FIELDS);
    assert_stored(fixture, &after);
    change.todo = &absent;
    assert_int_equal(store_change(fixture->store, &change, &fixture->arena, &changed, &error), STATUS_INVALID);
    assert_gone(fixture, "never");
}

void test_a_version_of_a_first_life_never_matches_a_second(void **state)
{
    struct fixture *fixture = *state;
    struct todo first = the_todo("cat");
    struct todo second = first; /* made in the same moment, with the same words */
    second.life++;
    struct store_version old = {.v = first.v, .life = first.life};
    struct store_versions versions = {.given = true, .items = &old, .count = 1};
    struct store_change change = {.kind = STORE_DELETE, .todo = &first, .condition = {.match = versions, UNASKED}};
    struct store_changed changed;
    insert(fixture, &first);
    assert_int_equal(change_now(fixture->store, &fixture->arena, &change, &changed), STATUS_OK);
    insert(fixture, &second);
    for (change.kind = STORE_REPLACE; change.kind <= STORE_DELETE; change.kind++) {
        assert_int_equal(change_now(fixture->store, &fixture->arena, &change, &changed), STATUS_MISMATCH);
        assert_stored(fixture, &second);
    }
    change =
        (struct store_change){.kind = STORE_DELETE, .todo = &first, .condition = {UNASKED, .none_match = versions}};
    assert_int_equal(change_now(fixture->store, &fixture->arena, &change, &changed), STATUS_OK);
    assert_same(&changed.todo, &second);
}

void test_a_todo_made_again_starts_at_one(void **state)
{
    struct fixture *fixture = *state;
    struct todo first = the_todo("again");
    struct todo second = the_new_todo("again");
    struct store_change change = {.kind = STORE_DELETE, .todo = &second, .condition = {UNASKED}};
    struct store_changed changed;
    second.v = 77; /* not for the caller to choose */
    insert(fixture, &first);
    assert_int_equal(change_now(fixture->store, &fixture->arena, &change, &changed), STATUS_OK);
    change.kind = STORE_REPLACE;
    assert_int_equal(change_now(fixture->store, &fixture->arena, &change, &changed), STATUS_OK);
    assert_true(changed.created);
    second.v = 1;
    assert_same(&changed.todo, &second);
    assert_stored(fixture, &second);
}

void test_changes_go_on_from_any_version_but_the_last(void **state)
{
    struct fixture *fixture = *state;
    struct todo todo = the_todo("old");
    struct todo values = the_new_todo("old");
    struct store_change change = {.kind = STORE_REPLACE, .todo = &values, .condition = {UNASKED}};
    struct store_changed changed;
    todo.v = INT64_MAX - 1;
    insert(fixture, &todo);
    assert_int_equal(change_now(fixture->store, &fixture->arena, &change, &changed), STATUS_OK);
    assert_int_equal(changed.todo.v, INT64_MAX);
    assert_int_equal(change_now(fixture->store, &fixture->arena, &change, &changed), STATUS_INVALID);
    struct todo last = merged(&todo, &values, TODO_WRITE_FIELDS);
    change.kind = STORE_MERGE;
    change.fields = 1u << TODO_NAME;
    values.name = SLICE("another one");
    assert_int_equal(change_now(fixture->store, &fixture->arena, &change, &changed), STATUS_INVALID);
    values.name = last.name;
    assert_int_equal(change_now(fixture->store, &fixture->arena, &change, &changed), STATUS_OK);
    assert_stored(fixture, &last);
    change.kind = STORE_DELETE;
    assert_int_equal(change_now(fixture->store, &fixture->arena, &change, &changed), STATUS_OK);
    assert_gone(fixture, "old");
}

static void assert_listed(struct fixture *fixture, enum store_done_filter done, size_t count)
{
    struct store_query query = {.limit = 5, .done = done};
    struct store_page page;
    assert_int_equal(store_list(fixture->store, &query, &fixture->arena, &page, NULL), STATUS_OK);
    assert_int_equal(page.count, count);
}

void test_changed_todos_move_between_the_lists_of_done_and_open(void **state)
{
    struct fixture *fixture = *state;
    struct todo todo = the_todo("moving");
    struct todo values = the_new_todo("moving");
    struct store_change change = {
        .kind = STORE_MERGE, .fields = 1u << TODO_DONE, .todo = &values, .condition = {UNASKED}};
    struct store_changed changed;
    insert(fixture, &todo);
    assert_listed(fixture, STORE_DONE_YES, 1);
    assert_int_equal(change_now(fixture->store, &fixture->arena, &change, &changed), STATUS_OK);
    assert_listed(fixture, STORE_DONE_YES, 0);
    assert_listed(fixture, STORE_DONE_NO, 1);
    change.kind = STORE_DELETE;
    assert_int_equal(change_now(fixture->store, &fixture->arena, &change, &changed), STATUS_OK);
    assert_listed(fixture, STORE_DONE_ANY, 0);
}

/* ---- many at once ---- */

enum { RIVAL_COUNT = 50, PUTTER_COUNT = 16, FLICKER_COUNT = 8, FLICKERS = 40 };

struct rivals {
    struct store *store;
    const char *id;
    enum store_change_kind kinds[2]; /* of even and odd numbers */
    struct store_condition condition;
    bool equal; /* all send the same todo */
    unsigned round;
    enum status statuses[CROWD_MAX];
    bool created[CROWD_MAX];
    int64_t v[CROWD_MAX];
};

/* One client for each, so that none is turned away for want of a connection. */
static struct store *open_for_crowd(const struct fixture *fixture)
{
    struct store *store;
    struct error error = {0};
    struct store_options options = {.uri = fixture->uri, .timeout_ms = FIXTURE_TIMEOUT_MS, .concurrency = CROWD_MAX};
    if (store_open(&store, &options, &error) != STATUS_OK || store_prepare(store, &error) != STATUS_OK)
        fail_msg("%s: %s", fixture->uri, error.text);
    return store;
}

static void rival_run(void *ctx, unsigned number)
{
    struct rivals *rivals = ctx;
    struct arena arena;
    struct store_changed changed = {0};
    struct todo values = the_new_todo(rivals->id);
    char name[40];
    snprintf(name, sizeof(name), "rival %u of round %u", number, rivals->round);
    values.name = rivals->equal ? SLICE("the same") : slice_of(name);
    struct store_change change = {
        .kind = rivals->kinds[number % 2], .fields = 1u << TODO_NAME, .todo = &values, .condition = rivals->condition};
    arena_init(&arena);
    rivals->statuses[number] = change_now(rivals->store, &arena, &change, &changed);
    rivals->created[number] = changed.created;
    rivals->v[number] = changed.todo.v;
    arena_fini(&arena);
}

/* How many of the first count got status; winner: the last of them. */
static unsigned count_status(const struct rivals *rivals, unsigned count, enum status status, unsigned *winner)
{
    unsigned found = 0;
    for (unsigned i = 0; i < count; i++) {
        if (rivals->statuses[i] == status) {
            *winner = i;
            found++;
        }
    }
    return found;
}

void test_of_fifty_that_change_one_version_one_does(void **state)
{
    struct fixture *fixture = *state;
    struct store *store = open_for_crowd(fixture);
    struct todo todo = the_todo("wanted");
    insert(fixture, &todo);
    for (unsigned round = 0; round < 5; round++) {
        struct store_version version = {.v = todo.v, .life = todo.life};
        struct rivals rivals = {
            .store = store,
            .id = "wanted",
            .kinds = {STORE_REPLACE, STORE_MERGE},
            .condition = {.match = {.given = true, .items = &version, .count = 1}, UNASKED},
            .round = round, /* in the names: a merge of what is there already would succeed beside the winner */
        };
        unsigned winner = 0, loser = 0;
        char name[40];
        crowd_run(RIVAL_COUNT, rival_run, &rivals);
        assert_int_equal(count_status(&rivals, RIVAL_COUNT, STATUS_OK, &winner), 1);
        assert_int_equal(count_status(&rivals, RIVAL_COUNT, STATUS_MISMATCH, &loser), RIVAL_COUNT - 1);
        assert_int_equal(rivals.v[winner], todo.v + 1);
        assert_int_equal(store_get(store, "wanted", &fixture->arena, &todo, NULL), STATUS_OK);
        snprintf(name, sizeof(name), "rival %u of round %u", winner, round);
        assert_true(slice_equal(todo.name, slice_of(name)));
        assert_int_equal(todo.v, THE_V + 1 + round);
    }
    store_close(store);
}

void test_of_fifty_that_delete_one_version_one_does(void **state)
{
    struct fixture *fixture = *state;
    struct store *store = open_for_crowd(fixture);
    struct store_version version = THE_ONE;
    struct rivals rivals = {
        .store = store,
        .id = "wanted",
        .kinds = {STORE_DELETE, STORE_DELETE},
        .condition = {.match = {.given = true, .items = &version, .count = 1}, UNASKED},
    };
    unsigned winner = 0;
    struct todo todo = the_todo("wanted");
    insert(fixture, &todo);
    crowd_run(RIVAL_COUNT, rival_run, &rivals);
    assert_int_equal(count_status(&rivals, RIVAL_COUNT, STATUS_OK, &winner), 1);
    assert_int_equal(count_status(&rivals, RIVAL_COUNT, STATUS_MISMATCH, &winner), RIVAL_COUNT - 1);
    assert_gone(fixture, "wanted");
    store_close(store);
}

void test_of_sixteen_that_put_one_id_one_creates_and_all_count(void **state)
{
    struct fixture *fixture = *state;
    struct store *store = open_for_crowd(fixture);
    for (unsigned round = 0; round < 6; round++) {
        char id[24];
        snprintf(id, sizeof(id), "put-%u", round);
        struct rivals rivals = {.store = store, .id = id, .condition = {UNASKED}, .equal = round % 2};
        bool seen[PUTTER_COUNT + 1] = {0};
        struct todo todo;
        crowd_run(PUTTER_COUNT, rival_run, &rivals);
        for (unsigned i = 0; i < PUTTER_COUNT; i++) {
            assert_int_equal(rivals.statuses[i], STATUS_OK);
            assert_in_range(rivals.v[i], 1, PUTTER_COUNT);
            assert_false(seen[rivals.v[i]]); /* so each v came once */
            seen[rivals.v[i]] = true;
            assert_int_equal(rivals.created[i], rivals.v[i] == 1);
        }
        assert_int_equal(store_get(store, id, &fixture->arena, &todo, NULL), STATUS_OK);
        assert_int_equal(todo.v, PUTTER_COUNT);
        assert_int_equal(todo.created_at_ms, NOW_MS);
    }
    store_close(store);
}

/* The same bytes and times from all: that the stored todo is one's own can't be told from its looks. */
void test_of_sixteen_equal_creations_one_is_made(void **state)
{
    struct fixture *fixture = *state;
    struct store *store = open_for_crowd(fixture);
    for (unsigned round = 0; round < 6; round++) {
        char id[24];
        snprintf(id, sizeof(id), "new-%u", round);
        struct rivals rivals = {.store = store, .id = id, .condition = {UNASKED, .none_match = ANY}, .equal = true};
        unsigned winner = 0, loser = 0;
        crowd_run(PUTTER_COUNT, rival_run, &rivals);
        assert_int_equal(count_status(&rivals, PUTTER_COUNT, STATUS_OK, &winner), 1);
        assert_int_equal(count_status(&rivals, PUTTER_COUNT, STATUS_MISMATCH, &loser), PUTTER_COUNT - 1);
        assert_true(rivals.created[winner]);
        assert_int_equal(rivals.v[winner], 1);
    }
    store_close(store);
}

struct flicker {
    struct store *store;
    unsigned created_count[FLICKER_COUNT];
    unsigned deleted_count[FLICKER_COUNT];
    unsigned failed_count[FLICKER_COUNT];
};

/* Half of them put, half of them delete. STATUS_BUSY, nothing done, may come of so much ado. */
static void flicker_run(void *ctx, unsigned number)
{
    struct flicker *flicker = ctx;
    struct arena arena;
    struct todo values = the_new_todo("flicker");
    struct store_change change = {
        .kind = number % 2 ? STORE_REPLACE : STORE_DELETE, .todo = &values, .condition = {UNASKED}};
    arena_init(&arena);
    for (unsigned i = 0; i < FLICKERS; i++) {
        struct store_changed changed;
        enum status status = change_now(flicker->store, &arena, &change, &changed);
        bool expected =
            status == STATUS_OK || status == STATUS_BUSY || (status == STATUS_NOT_FOUND && change.kind == STORE_DELETE);
        flicker->created_count[number] += status == STATUS_OK && changed.created;
        flicker->deleted_count[number] += status == STATUS_OK && change.kind == STORE_DELETE;
        flicker->failed_count[number] += !expected;
        arena_reset(&arena);
    }
    arena_fini(&arena);
}

void test_creations_and_deletions_of_one_id_add_up(void **state)
{
    struct fixture *fixture = *state;
    struct flicker flicker = {.store = open_for_crowd(fixture)};
    unsigned created_count = 0, deleted_count = 0;
    struct todo todo;
    crowd_run(FLICKER_COUNT, flicker_run, &flicker);
    for (unsigned i = 0; i < FLICKER_COUNT; i++) {
        assert_int_equal(flicker.failed_count[i], 0);
        created_count += flicker.created_count[i];
        deleted_count += flicker.deleted_count[i];
    }
    bool exists = store_get(fixture->store, "flicker", &fixture->arena, &todo, NULL) == STATUS_OK;
    assert_true(created_count > 1);
    assert_int_equal(created_count, deleted_count + exists);
    store_close(flicker.store);
}
