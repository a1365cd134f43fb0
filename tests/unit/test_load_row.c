/* SPDX-License-Identifier: MIT */
/* load/row.c: which member fills which field, and what stands in for one that is missing. */
#include "load_testing.h"

#include "fields.h"
#include "load/row.h"

struct member {
    const char *name;
    struct row_value value;
};

#define TEXT(literal)                                                                                                  \
    {                                                                                                                  \
        .type = ROW_TEXT, .text = SLICE(literal)                                                                       \
    }
#define CELL(literal)                                                                                                  \
    {                                                                                                                  \
        .type = ROW_CELL, .text = SLICE(literal)                                                                       \
    }
#define INTEGER(value)                                                                                                 \
    {                                                                                                                  \
        .type = ROW_INTEGER, .integer = (value)                                                                        \
    }
#define REAL(value)                                                                                                    \
    {                                                                                                                  \
        .type = ROW_REAL, .real = (value)                                                                              \
    }
#define BOOL(value)                                                                                                    \
    {                                                                                                                  \
        .type = ROW_BOOL, .boolean = (value)                                                                           \
    }
#define TIME(value)                                                                                                    \
    {                                                                                                                  \
        .type = ROW_TIME, .integer = (value)                                                                           \
    }

enum { MEMBERS_MAX = 4 };

static struct arena arena;
static struct row_maker maker;

static int begin(void **state)
{
    (void)state;
    arena_init(&arena);
    row_maker_init(&maker, LOAD_NOW_MS);
    return 0;
}

static int end(void **state)
{
    (void)state;
    arena_fini(&arena);
    return 0;
}

static enum status make(const struct member *members, struct todo *todo, struct error *error)
{
    row_begin(&maker, &arena);
    for (int i = 0; i < MEMBERS_MAX && members[i].name; i++)
        row_put(&maker, slice_of(members[i].name), &members[i].value);
    return row_finish(&maker, todo, error);
}

static void an_id_is_found_wherever_it_is(void **state)
{
    (void)state;
    static const struct {
        const char *want;
        struct member members[MEMBERS_MAX];
    } rows[] = {
        {"a", {{"id", TEXT("a")}, {"name", TEXT("n")}}},
        {"b", {{"_id", TEXT("b")}, {"name", TEXT("n")}}},
        {"a", {{"_id", TEXT("b")}, {"id", TEXT("a")}, {"name", TEXT("n")}}},
        {"a", {{"id", TEXT("a")}, {"_id", TEXT("b")}, {"name", TEXT("n")}}},
        {"a", {{"id", TEXT("a")}, {"_id", {.type = ROW_OTHER}}, {"name", TEXT("n")}}},
        {"b", {{"id", {.type = ROW_NULL}}, {"_id", TEXT("b")}, {"name", TEXT("n")}}},
        {"b", {{"id", CELL("")}, {"_id", CELL("b")}, {"name", CELL("n")}}},
        {"42", {{"_id", INTEGER(42)}, {"name", TEXT("n")}}},
        {"-7", {{"_id", INTEGER(-7)}, {"name", TEXT("n")}}},
        {"42", {{"_id", REAL(42.0)}, {"name", TEXT("n")}}},
        {"9007199254740992", {{"id", REAL(9007199254740992.0)}, {"name", TEXT("n")}}},
        {"65f000000000000000000001",
         {{"_id", {.type = ROW_OBJECT_ID, .text = SLICE("65f000000000000000000001")}}, {"name", TEXT("n")}}},
        {"65f000000000000000000001", {{"_id", CELL("ObjectId(65f000000000000000000001)")}, {"name", CELL("n")}}},
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct todo todo;
        struct error error = {0};
        assert_number(error.text, make(rows[i].members, &todo, &error), STATUS_OK);
        assert_text(rows[i].want, slice_of(todo.id), slice_of(rows[i].want));
    }
}

static void a_row_without_an_id_gets_a_uuid(void **state)
{
    (void)state;
    static const struct member members[MEMBERS_MAX] = {{"name", TEXT("n")}};
    struct todo one, other;
    struct error error;
    assert_int_equal(make(members, &one, &error), STATUS_OK);
    assert_int_equal(make(members, &other, &error), STATUS_OK);
    assert_int_equal(strlen(one.id), 36);
    assert_int_equal(one.id[14], '7');
    assert_string_not_equal(one.id, other.id);
}

static void title_and_completed_stand_in(void **state)
{
    (void)state;
    static const struct member old[MEMBERS_MAX] = {{"title", TEXT("t")}, {"completed", BOOL(true)}};
    static const struct member both[MEMBERS_MAX] = {
        {"name", TEXT("n")}, {"title", TEXT("t")}, {"done", BOOL(false)}, {"completed", BOOL(true)}};
    struct todo todo;
    struct error error;
    assert_int_equal(make(old, &todo, &error), STATUS_OK);
    assert_text("old", todo.name, SLICE("t"));
    assert_true(todo.done);
    assert_int_equal(make(both, &todo, &error), STATUS_OK);
    assert_text("both", todo.name, SLICE("n"));
    assert_false(todo.done);
}

static void what_is_missing_has_a_default(void **state)
{
    (void)state;
    static const struct member members[MEMBERS_MAX] = {{"id", TEXT("a")}, {"name", TEXT("n")}, {"v", INTEGER(9)}};
    struct todo todo;
    struct error error;
    assert_int_equal(make(members, &todo, &error), STATUS_OK);
    assert_text("description", todo.description, SLICE(""));
    assert_non_null(todo.description.data);
    assert_false(todo.done);
    assert_int_equal(todo.v, 1);
    assert_int_equal(todo.created_at_ms, LOAD_NOW_MS);
    assert_int_equal(todo.updated_at_ms, LOAD_NOW_MS);
    assert_int_equal(maker.note_count, 0);
}

static void times_come_as_dates_and_as_text(void **state)
{
    (void)state;
    static const struct member dates[MEMBERS_MAX] = {{"name", TEXT("n")}, {"created_at", TIME(5)}};
    static const struct member texts[MEMBERS_MAX] = {{"name", TEXT("n")},
                                                     {"created_at", TEXT("1970-01-01T00:00:01Z")},
                                                     {"updated_at", CELL("1970-01-01T01:00:02+01:00")}};
    struct todo todo;
    struct error error;
    assert_int_equal(make(dates, &todo, &error), STATUS_OK);
    assert_int_equal(todo.created_at_ms, 5);
    assert_int_equal(todo.updated_at_ms, 5);
    assert_int_equal(make(texts, &todo, &error), STATUS_OK);
    assert_int_equal(todo.created_at_ms, 1000);
    assert_int_equal(todo.updated_at_ms, 2000);
}

static void times_that_lack_their_zone_or_are_numbers_are_interpreted_and_noted(void **state)
{
    (void)state;
    static const struct {
        struct member member;
        int64_t want_ms;
        const char *note;
    } rows[] = {
        {{"created_at", TEXT("1970-01-02T00:00:01")}, 86401000, "created_at has times without a zone"},
        {{"created_at", TEXT("1970-01-02 00:00:01.25")}, 86401250, "created_at has times without a zone"},
        {{"created_at", CELL("1970-01-02")}, 86400000, "created_at has times without a zone"},
        {{"updated_at", INTEGER(1706745599)}, 1706745599000, "updated_at has numbers"},
        {{"updated_at", INTEGER(1706745599123)}, 1706745599123, "updated_at has numbers"},
        {{"updated_at", REAL(1706745599.5)}, 1706745599500, "updated_at has numbers"},
        {{"updated_at", CELL("1706745599")}, 1706745599000, "updated_at has numbers"},
        {{"updated_at", INTEGER(99999999999)}, 99999999999000, "updated_at has numbers"},
        {{"updated_at", INTEGER(100000000000)}, 100000000000, "updated_at has numbers"},
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        const struct member members[MEMBERS_MAX] = {{"name", TEXT("n")}, rows[i].member};
        struct todo todo;
        struct error error = {0};
        maker.note_count = 0;
        assert_number(error.text, make(members, &todo, &error), STATUS_OK);
        assert_int_equal(maker.note_count, 1);
        assert_non_null(strstr(maker.notes[0], rows[i].note));
        bool is_created = strcmp(rows[i].member.name, "created_at") == 0;
        assert_int_equal(is_created ? todo.created_at_ms : todo.updated_at_ms, rows[i].want_ms);
    }
}

static void cells_stand_for_booleans(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        int want; /* -1: refused */
    } rows[] = {{"true", 1}, {"True", 1}, {"1", 1},  {"yes", 1}, {"false", 0}, {"0", 0},
                {"NO", 0},   {"", 0},     {"2", -1}, {"on", -1}, {"tru", -1}};
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        const struct member members[MEMBERS_MAX] = {{"name", CELL("n")},
                                                    {"done", {.type = ROW_CELL, .text = slice_of(rows[i].text)}}};
        struct todo todo;
        struct error error;
        enum status status = make(members, &todo, &error);
        assert_number(rows[i].text, status, rows[i].want < 0 ? STATUS_INVALID : STATUS_OK);
        assert_number(rows[i].text, rows[i].want >= 0 && todo.done != rows[i].want, false);
    }
}

static void what_breaks_a_rule_is_refused_with_its_member(void **state)
{
    (void)state;
    static const struct {
        const char *want; /* part of the error's text */
        struct member members[MEMBERS_MAX];
    } rows[] = {
        {"no name", {{"id", TEXT("a")}}},
        {"no name", {{"name", {.type = ROW_NULL}}}},
        {"no name", {{"name", CELL("")}}},
        {"name", {{"name", TEXT("")}}},
        {"name is a number", {{"name", INTEGER(5)}}},
        {"name is a date", {{"name", TIME(5)}}},
        {"id is a boolean", {{"id", BOOL(true)}, {"name", TEXT("n")}}},
        {"not a whole one", {{"id", REAL(1.5)}, {"name", TEXT("n")}}},
        {"not a whole one", {{"id", REAL(1e300)}, {"name", TEXT("n")}}},
        {"id \"a b\"", {{"id", TEXT("a b")}, {"name", TEXT("n")}}},
        {"id \"ObjectId(a)\"", {{"id", TEXT("ObjectId(a)")}, {"name", TEXT("n")}}},
        {"id \"..\"", {{"id", TEXT("..")}, {"name", TEXT("n")}}},
        {"description is a number", {{"name", TEXT("n")}, {"description", INTEGER(1)}}},
        {"done is a number", {{"name", TEXT("n")}, {"done", INTEGER(1)}}},
        {"done is a string", {{"name", TEXT("n")}, {"done", TEXT("true")}}},
        {"created_at is a boolean", {{"name", TEXT("n")}, {"created_at", BOOL(true)}}},
        {"created_at is -1", {{"name", TEXT("n")}, {"created_at", INTEGER(-1)}}},
        {"created_at is 2.5340230079e+17", {{"name", TEXT("n")}, {"created_at", INTEGER(253402300790000000)}}},
        {"created_at \"1000\"", {{"name", TEXT("n")}, {"created_at", TEXT("1000")}}},
        {"created_at \"2024-13-01\"", {{"name", TEXT("n")}, {"created_at", TEXT("2024-13-01")}}},
        {"updated_at \"yesterday\"", {{"name", TEXT("n")}, {"updated_at", TEXT("yesterday")}}},
        {"created_at", {{"name", TEXT("n")}, {"created_at", TIME(-1)}}},
        {"name",
         {{"name", TEXT("a\x01"
                        "b")}}},
        {"name", {{"name", TEXT("a\xff")}}},
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct todo todo;
        struct error error = {0};
        assert_number(rows[i].want, make(rows[i].members, &todo, &error), STATUS_INVALID);
        if (!strstr(error.text, rows[i].want))
            assert_string_equal(error.text, rows[i].want);
    }
}

static void members_of_no_field_are_noted_once(void **state)
{
    (void)state;
    static const struct member members[MEMBERS_MAX] = {
        {"name", TEXT("n")}, {"colour", TEXT("red")}, {"tags", {.type = ROW_OTHER}}};
    struct todo todo;
    struct error error;
    for (int i = 0; i < 3; i++)
        assert_int_equal(make(members, &todo, &error), STATUS_OK);
    assert_int_equal(maker.note_count, 2);
    assert_string_equal(maker.notes[0], "member \"colour\" is no field of a todo: it is ignored");
    assert_string_equal(maker.notes[1], "member \"tags\" is no field of a todo: it is ignored");
}

static void notes_are_bounded_and_fit_for_a_terminal(void **state)
{
    (void)state;
    static const struct row_value value = TEXT("x");
    char name[200];
    row_begin(&maker, &arena);
    row_put(&maker, SLICE("a\033[2Jb"), &value);
    assert_null(strchr(maker.notes[0], '\033'));
    for (int i = 0; i < 2 * ROW_NOTE_MAX; i++) {
        int len = snprintf(name, sizeof(name), "%d-%0*d", i, 150, 0);
        row_put(&maker, (struct slice){name, (size_t)len}, &value);
    }
    assert_int_equal(maker.note_count, ROW_NOTE_MAX);
}

/* The value of a field, as a format with types gives it. */
static struct row_value row_value_of(const struct todo *todo, enum todo_field field)
{
    const void *member = todo_member_const(todo, field);
    switch (TODO_ROWS[field].type) {
    case TODO_TYPE_ID:
        return (struct row_value){.type = ROW_TEXT, .text = slice_of(member)};
    case TODO_TYPE_TEXT:
        return (struct row_value){.type = ROW_TEXT, .text = *(const struct slice *)member};
    case TODO_TYPE_FLAG:
        return (struct row_value){.type = ROW_BOOL, .boolean = *(const bool *)member};
    case TODO_TYPE_INTEGER:
        return (struct row_value){.type = ROW_INTEGER, .integer = *(const int64_t *)member};
    case TODO_TYPE_TIME:
        return (struct row_value){.type = ROW_TIME, .integer = *(const int64_t *)member};
    }
    return (struct row_value){.type = ROW_OTHER};
}

static void each_field_is_taken_by_its_own_name(void **state)
{
    (void)state;
    struct todo todo = field_sample(), got;
    struct error error = {0};
    row_begin(&maker, &arena);
    for (enum todo_field field = 0; field < TODO_FIELD_COUNT; field++) {
        struct row_value value = row_value_of(&todo, field);
        row_put(&maker, TODO_ROWS[field].name, &value);
    }
    assert_number(error.text, row_finish(&maker, &got, &error), STATUS_OK);
    todo.v = 1; /* these two are hidden: an import begins a new life, which batch.c names */
    todo.life = 0;
    assert_true(todo_equal(&got, &todo));
    assert_int_equal(maker.note_count, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(an_id_is_found_wherever_it_is, begin, end),
        cmocka_unit_test_setup_teardown(each_field_is_taken_by_its_own_name, begin, end),
        cmocka_unit_test_setup_teardown(a_row_without_an_id_gets_a_uuid, begin, end),
        cmocka_unit_test_setup_teardown(title_and_completed_stand_in, begin, end),
        cmocka_unit_test_setup_teardown(what_is_missing_has_a_default, begin, end),
        cmocka_unit_test_setup_teardown(times_come_as_dates_and_as_text, begin, end),
        cmocka_unit_test_setup_teardown(times_that_lack_their_zone_or_are_numbers_are_interpreted_and_noted, begin,
                                        end),
        cmocka_unit_test_setup_teardown(cells_stand_for_booleans, begin, end),
        cmocka_unit_test_setup_teardown(what_breaks_a_rule_is_refused_with_its_member, begin, end),
        cmocka_unit_test_setup_teardown(members_of_no_field_are_noted_once, begin, end),
        cmocka_unit_test_setup_teardown(notes_are_bounded_and_fit_for_a_terminal, begin, end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
