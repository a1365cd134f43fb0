/* SPDX-License-Identifier: MIT */
/* todo.c: the rules for ids, texts, versions and times. */
#include "testing.h"

#include "base/todo.h"
#include "fields.h"

static char text_of_40[] = "0123456789012345678901234567890123456789";

static void ids_have_a_small_alphabet_and_bounded_length(void **state)
{
    (void)state;
    static const struct {
        const char *id;
        bool want;
    } rows[] = {
        {"42", true},
        {"a", true},
        {"AZaz09._~-", true},
        {"...", true},
        {".a", true},
        {"0123456789012345678901234567890123456789012345678901234567890123", true},
        {"01234567890123456789012345678901234567890123456789012345678901234", false},
        {"", false},
        {".", false},
        {"..", false},
        {"a b", false},
        {"a/b", false},
        {"a%2F", false},
        {"{a}", false},
        {"\xC3\xA9", false},
        {"a\n", false},
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++)
        assert_number(rows[i].id, todo_id_valid(slice_of(rows[i].id)), rows[i].want);
    assert_false(todo_id_valid((struct slice){0}));
    assert_false(todo_id_valid((struct slice){"a\0b", 3}));
}

/* Each text stands alone and behind 0 to 8 letters, so that every place in the eight-byte runs is met. */
static void texts_are_strict_utf8(void **state)
{
    (void)state;
    static const struct {
        const char *what;
        const char *text;
        bool want;
    } rows[] = {
        {"ascii", "plain text", true},
        {"delete is a character", "\x7F", true},
        {"two bytes", "\xC2\x80", true},
        {"three bytes", "\xE0\xA0\x80", true},
        {"last before surrogates", "\xED\x9F\xBF", true},
        {"first after surrogates", "\xEE\x80\x80", true},
        {"noncharacter", "\xEF\xBF\xBF", true},
        {"four bytes", "\xF0\x90\x80\x80", true},
        {"last code point", "\xF4\x8F\xBF\xBF", true},
        {"beyond the last code point", "\xF4\x90\x80\x80", false},
        {"lead byte of no text", "\xF5\x80\x80\x80", false},
        {"byte FF", "\xFF", false},
        {"continuation alone", "\x80", false},
        {"overlong slash in two", "\xC0\xAF", false},
        {"overlong in two", "\xC1\xBF", false},
        {"overlong in three", "\xE0\x9F\xBF", false},
        {"overlong in four", "\xF0\x8F\xBF\xBF", false},
        {"high surrogate", "\xED\xA0\x80", false},
        {"low surrogate", "\xED\xBF\xBF", false},
        {"cut in two", "\xC3", false},
        {"cut in three", "\xE2\x82", false},
        {"cut in four", "\xF0\x9F\x98", false},
        {"continuation missing", "\xE2\x82x", false},
        {"tab, line feed, carriage return", "\t\n\r", true},
        {"bell", "\a", false},
        {"escape", "\x1B", false},
        {"unit separator", "\x1F", false},
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        for (int before = 0; before <= 8; before++) {
            char text[64];
            snprintf(text, sizeof(text), "%.*s%sabcdefghijk", before, "ABCDEFGH", rows[i].text);
            enum status want = rows[i].want ? STATUS_OK : STATUS_INVALID;
            assert_number(rows[i].what, todo_text_check(TODO_NAME, slice_of(text), NULL), want);
            text[(size_t)before + strlen(rows[i].text)] = '\0'; /* and with nothing behind it */
            assert_number(rows[i].what, todo_text_check(TODO_DESCRIPTION, slice_of(text), NULL), want);
        }
    }
}

static void errors_name_member_rule_and_byte(void **state)
{
    (void)state;
    static const struct {
        enum todo_field field;
        struct slice text;
        const char *pointer, *want;
    } rows[] = {
        {TODO_NAME,
         {"ab\0c", 4},
         "/name",
         "name: control character U+0000 at byte 2; of these only tab, line feed and carriage return are allowed"},
        {TODO_DESCRIPTION,
         {"0123456789\x1F", 11},
         "/description",
         "description: control character U+001F at byte 10; of these only tab, line feed and carriage return are "
         "allowed"},
        {TODO_NAME, {"0123456789ab\xC3(", 14}, "/name", "name: not valid UTF-8 at byte 12"},
        {TODO_NAME, {"", 0}, "/name", "name: is empty; it needs at least 1 character"},
        {TODO_NAME, {NULL, 0}, "/name", "name: is missing"},
        {TODO_ID,
         {"a/b", 3},
         "/id",
         "id: must be 1 to 64 characters of A-Z a-z 0-9 . _ ~ - and neither \".\" nor \"..\""},
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct error error;
        assert_number(rows[i].want, todo_text_check(rows[i].field, rows[i].text, &error), STATUS_INVALID);
        assert_text(rows[i].want, slice_of(error.text), slice_of(rows[i].want));
        assert_text(rows[i].want, slice_of(error.pointer), slice_of(rows[i].pointer));
    }
}

/* count characters of "é" or of "x", checked as field. */
static enum status check_repeated(enum todo_field field, const char *character, size_t count, struct error *error)
{
    char text[2 * (TODO_DESCRIPTION_MAX + 1) + 1];
    size_t character_len = strlen(character);
    for (size_t i = 0; i < count; i++)
        memcpy(text + i * character_len, character, character_len);
    return todo_text_check(field, (struct slice){text, count * character_len}, error);
}

static void a_text_is_blank_if_nothing_of_it_can_be_seen(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        bool want;
    } rows[] = {
        {"", true},
        {" ", true},
        {" \t\r\n", true},
        {"\xC2\xA0", true},                   /* no-break space */
        {" \xE3\x80\x80 \xE2\x80\x83", true}, /* ideographic, em */
        {"\xE2\x80\x8B\xEF\xBB\xBF", true},   /* of no width */
        {"\xE2\x80\xA8\xE2\x80\xA9", true},   /* line and paragraph separator */
        {"x", false},
        {" x ", false},
        {"\xC3\xA9", false},
        {"\xE2\x80\x94", false}, /* a dash */
        {"\xF0\x9F\xA5\x9B", false},
        {" \xC2", false}, /* no UTF-8, which others refuse */
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++)
        assert_number(rows[i].text, todo_text_is_blank(slice_of(rows[i].text)), rows[i].want);
    struct todo todo = {.name = SLICE(" "), .description = SLICE(""), .v = 1};
    struct error error;
    todo_set_id(&todo, SLICE("42"));
    assert_int_equal(todo_check(&todo, &error), STATUS_OK); /* as it was stored */
}

static void limits_count_characters_not_bytes(void **state)
{
    (void)state;
    static const char *const characters[] = {"x", "\xC3\xA9"};
    for (size_t i = 0; i < COUNT_OF(characters); i++) {
        struct error error;
        assert_int_equal(check_repeated(TODO_NAME, characters[i], 1, &error), STATUS_OK);
        assert_int_equal(check_repeated(TODO_NAME, characters[i], 200, &error), STATUS_OK);
        assert_int_equal(check_repeated(TODO_NAME, characters[i], 201, &error), STATUS_INVALID);
        assert_string_equal(error.text, "name: has 201 characters; at most 200 are allowed");
        assert_int_equal(check_repeated(TODO_DESCRIPTION, characters[i], 0, &error), STATUS_OK);
        assert_int_equal(check_repeated(TODO_DESCRIPTION, characters[i], 4000, &error), STATUS_OK);
        assert_int_equal(check_repeated(TODO_DESCRIPTION, characters[i], 4001, &error), STATUS_INVALID);
        assert_string_equal(error.pointer, "/description");
    }
}

static struct todo good_todo(void)
{
    struct todo todo = {.name = SLICE("name"), .description = SLICE(""), .v = 1};
    todo_set_id(&todo, SLICE("42"));
    return todo;
}

static void a_whole_todo_is_checked_member_by_member(void **state)
{
    (void)state;
    struct todo todo = good_todo();
    struct error error = {.status = STATUS_OK};
    assert_int_equal(todo_check(&todo, &error), STATUS_OK);
    todo.created_at_ms = todo.updated_at_ms = TODO_TIME_MAX_MS;
    todo.v = INT64_MAX;
    assert_int_equal(todo_check(&todo, &error), STATUS_OK);

    struct todo rows[8];
    for (size_t i = 0; i < COUNT_OF(rows); i++)
        rows[i] = good_todo();
    rows[0].id[0] = '\0';
    rows[1].name = (struct slice){0};
    rows[2].description = (struct slice){0};
    rows[3].v = 0;
    rows[4].created_at_ms = -1;
    rows[5].created_at_ms = TODO_TIME_MAX_MS + 1;
    rows[6].updated_at_ms = -1;
    rows[7].updated_at_ms = INT64_MAX;
    static const char *const pointers[] = {"/id",         "/name",       "/description", "/v",
                                           "/created_at", "/created_at", "/updated_at",  "/updated_at"};
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        assert_number(pointers[i], todo_check(&rows[i], &error), STATUS_INVALID);
        assert_text(pointers[i], slice_of(error.pointer), slice_of(pointers[i]));
    }
}

static void a_copy_has_texts_of_its_own(void **state)
{
    (void)state;
    struct arena arena;
    arena_init(&arena);
    struct todo todo = good_todo();
    todo.description = slice_of(text_of_40);
    todo.done = true;
    struct todo copy;
    todo_copy(&copy, &todo, &arena);
    text_of_40[0] = 'x';
    assert_text("id", slice_of(copy.id), SLICE("42"));
    assert_text("name", copy.name, SLICE("name"));
    assert_text("description", copy.description, SLICE("0123456789012345678901234567890123456789"));
    assert_true(copy.done);
    arena_fini(&arena);
}

static void todos_that_differ_in_one_field_are_not_equal(void **state)
{
    (void)state;
    struct todo todo = field_sample();
    for (enum todo_field field = 0; field < TODO_FIELD_COUNT; field++) {
        struct todo other = field_sample();
        assert_true(todo_equal(&todo, &other));
        field_alter(&other, field);
        assert_number(todo_field_name(field), todo_equal(&todo, &other), false);
    }
}

static void setting_one_field_leaves_the_others(void **state)
{
    (void)state;
    struct todo values = field_sample();
    for (enum todo_field field = 0; field < TODO_FIELD_COUNT; field++) {
        struct todo todo = values;
        field_alter(&todo, field);
        todo_set_fields(&todo, &values, ~(1u << field));
        assert_number(todo_field_name(field), todo_equal(&todo, &values), false);
        todo_set_fields(&todo, &values, 1u << field);
        assert_number(todo_field_name(field), todo_equal(&todo, &values), true);
    }
}

static void a_sample_of_each_field_keeps_the_rules(void **state)
{
    (void)state;
    struct error error = {0};
    struct todo todo = field_sample(), copy;
    struct arena arena;
    arena_init(&arena);
    assert_number(error.text, todo_check(&todo, &error), STATUS_OK);
    todo_copy(&copy, &todo, &arena);
    assert_true(todo_equal(&copy, &todo));
    arena_fini(&arena);
}

static void numbers_have_the_limits_of_their_row(void **state)
{
    (void)state;
    for (enum todo_field field = 0; field < TODO_FIELD_COUNT; field++) {
        const struct todo_row *row = &TODO_ROWS[field];
        if (row->type != TODO_TYPE_INTEGER && row->type != TODO_TYPE_TIME)
            continue;
        struct todo todo = field_sample();
        struct error error;
        *(int64_t *)todo_member(&todo, field) = row->least;
        assert_int_equal(todo_check(&todo, &error), STATUS_OK);
        *(int64_t *)todo_member(&todo, field) = row->most;
        assert_int_equal(todo_check(&todo, &error), STATUS_OK);
        *(int64_t *)todo_member(&todo, field) = row->least - 1;
        assert_int_equal(todo_check(&todo, &error), STATUS_INVALID);
        assert_text("pointer", slice_of(error.pointer), slice_of(row->pointer));
    }
}

static void set_a_bad_id(void)
{
    struct todo todo;
    todo_set_id(&todo, SLICE("a/b"));
}

static void check_a_field_that_is_no_text(void)
{
    (void)!todo_text_check(TODO_V, SLICE("1"), NULL);
}

static void misuse_is_a_bug(void **state)
{
    (void)state;
    assert_true(ends_by_abort(set_a_bad_id));
    assert_true(ends_by_abort(check_a_field_that_is_no_text));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ids_have_a_small_alphabet_and_bounded_length),
        cmocka_unit_test(texts_are_strict_utf8),
        cmocka_unit_test(errors_name_member_rule_and_byte),
        cmocka_unit_test(a_text_is_blank_if_nothing_of_it_can_be_seen),
        cmocka_unit_test(limits_count_characters_not_bytes),
        cmocka_unit_test(a_whole_todo_is_checked_member_by_member),
        cmocka_unit_test(a_copy_has_texts_of_its_own),
        cmocka_unit_test(todos_that_differ_in_one_field_are_not_equal),
        cmocka_unit_test(setting_one_field_leaves_the_others),
        cmocka_unit_test(a_sample_of_each_field_keeps_the_rules),
        cmocka_unit_test(numbers_have_the_limits_of_their_row),
        cmocka_unit_test(misuse_is_a_bug),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
