/* SPDX-License-Identifier: MIT */
/*
 * An input is two lines: a header field's value or a query, and what it is held against. Each goes to every reader of small
 * texts. What one of them takes apart is printed and taken apart again, and is the same.
 */
#include "base/condition.h"
#include "base/cursor.h"
#include "base/date.h"
#include "base/directive.h"
#include "base/etag.h"
#include "base/media.h"
#include "base/prefer.h"
#include "base/query.h"
#include "base/todo_version.h"
#include "fuzzing.h"

static void read_conditions(struct slice field, struct slice other)
{
    struct slice rest = field, tag;
    bool is_sound = condition_is_sound(field);
    (void)condition_lists(field, other);
    while ((tag = condition_take_tag(&rest)).data) {
        int64_t v, life;
        bug_unless(tag.len >= 2 && tag.data[0] == '"' && tag.data[tag.len - 1] == '"', "a tag has its quotes");
        bug_unless(!is_sound || condition_lists(field, tag), "a sound list lists its tags");
        if (etag_parse_todo(tag, &v, &life))
            bug_unless(v >= 1 && life >= 0, "a tag of no version");
    }
    struct condition_fields fields = {field, other, other, field};
    (void)condition_of_read(&fields, SLICE("\"1-0-0\""), 1700000000000);
    fields = (struct condition_fields){.if_none_match = field, .if_modified_since = field};
    enum condition_outcome outcome = condition_of_read(&fields, other, -1);
    bug_unless(outcome != CONDITION_FAILED, "no field asks for a 412");
}

static void read_directives(struct slice field)
{
    struct directives asked = directives_parse(field);
    bug_unless(asked.max_age_s >= -1 && asked.max_age_s <= DIRECTIVE_SECONDS_MAX, "an age of no number");
    bug_unless(asked.min_fresh_s >= 0 && asked.min_fresh_s <= DIRECTIVE_SECONDS_MAX, "a time of no number");
    (void)directives_allow_sharing(field);
    (void)directives_valid(field);
}

static void read_preferences(struct slice field)
{
    struct buf text;
    struct preferences asked = prefer_parse(field);
    bug_unless(asked.wait_s >= -1 && asked.wait_s <= DIRECTIVE_SECONDS_MAX, "a wait of no number");
    buf_init(&text);
    prefer_write(&text, asked.asked, asked.wait_s);
    struct preferences again = prefer_parse(buf_slice(&text));
    bug_unless(again.asked == asked.asked && !again.other.data, "what is known has one text");
    buf_fini(&text);
}

static void read_media(struct slice field, struct slice type)
{
    (void)media_is(field, type);
    (void)media_accepted(field, type);
    (void)media_coding_accepted(field, type);
    bug_unless(!media_is(field, SLICE("application/json")) || media_is(field, SLICE("APPLICATION/json")),
               "a media type's case says nothing");
}

static void read_cursor(struct slice text)
{
    struct cursor cursor;
    char printed[CURSOR_TEXT_MAX + 1];
    for (int tag = 0; tag < 8; tag++) {
        if (!cursor_parse(text, (uint8_t)tag, &cursor))
            continue;
        cursor_print(printed, &cursor, (uint8_t)tag);
        bug_unless(slice_equal(slice_of(printed), text), "a cursor has one text");
    }
}

/* The text is of a todo with this id, if that can be an id. */
static void read_version(struct slice text, struct slice id)
{
    struct todo todo = TODO_DEFAULT;
    if (!todo_id_valid(id))
        return;
    todo_set_id(&todo, id);
    struct todo_version version = todo_version_parse(text, todo.id);
    char printed[TODO_VERSION_TEXT_MAX + 1];
    if (version.v == 0)
        return;
    todo_version_print(printed, todo.id, version);
    struct todo_version again = todo_version_parse(slice_of(printed), todo.id);
    bug_unless(again.v == version.v && again.life == version.life, "a version has one text");
}

static enum status on_pair(void *ctx, struct slice name, struct slice value, struct error *error)
{
    (void)ctx, (void)error;
    bug_unless(!memchr(name.data, '\0', name.len) && !memchr(value.data, '\0', value.len), "a query has no NUL");
    return STATUS_OK;
}

static void read_query(struct slice text)
{
    struct arena arena;
    struct error error = {0};
    arena_init(&arena);
    enum status status = query_read(text, &arena, on_pair, NULL, &error);
    bug_unless(status == STATUS_OK || error.text[0] != '\0', "a query is refused without a word");
    arena_fini(&arena);
}

static void read_dates(struct slice text)
{
    char printed[DATE_HTTP_LEN + 1];
    int64_t at_ms, again_ms;
    if (date_http_parse(text, &at_ms)) {
        bug_unless(at_ms <= TODO_TIME_MAX_MS, "a year of five digits");
        if (at_ms < 0) /* a representation has no such time */
            return;
        date_http(printed, at_ms);
        bug_unless(date_http_parse(slice_of(printed), &again_ms) && again_ms == at_ms, "a date has one text");
    }
    if (date_rfc3339_parse(text, &at_ms)) {
        bug_unless(at_ms >= 0 && at_ms <= TODO_TIME_MAX_MS, "a time that no todo can have");
        date_rfc3339(printed, at_ms);
        bug_unless(date_rfc3339_parse(slice_of(printed), &again_ms) && again_ms == at_ms, "a time has one text");
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct slice rest = fuzz_input(data, size);
    struct slice field = fuzz_line(&rest), other = rest.data ? rest : SLICE("application/json");
    if (memchr(field.data, '\0', field.len)) /* a FastCGI parameter has none */
        return 0;
    read_conditions(field, other);
    read_directives(field);
    read_preferences(field);
    read_media(field, other);
    read_cursor(field);
    read_version(field, other);
    read_query(field);
    read_dates(field);
    return 0;
}
