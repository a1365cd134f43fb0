/* SPDX-License-Identifier: MIT */
/*
 * A queued write as the journal has it: one flat JSON object.
 *
 *   {"kind":"merge","id":"42","done":true,"updated_at":"2026-01-31T12:00:00.000Z"}
 *
 * An insert or a replacement has all members of a todo, also those that clients don't see (v, life); a merge has those
 * that it sets, a deletion none of them. All have the id and the time of the change. An insert with an Idempotency-Key
 * has the answer to keep in six members more; what else a kept answer holds is the todo's.
 *
 * Why JSON: an operator reads it among the dead letters, and the reader that checks request bodies reads it too. Why so
 * strict: the journal outlives programs. A text of a later version that has a member more must not be applied without
 * it; it becomes a dead letter, and can be retried when all workers know it. So an unknown member, a missing one and
 * one that doesn't belong to its kind are refused, and each value keeps the rules of its field (base/todo.h).
 *
 * Guarantees: what was written is read back to the same write, and a text that is read can be applied.
 *
 * Does not: hold conditions. A change with one can't be queued, and to try it is a bug.
 */
#include "queue/queued.h"

#include "base/date.h"
#include "base/json.h"
#include "base/mem.h"

enum { ALL_FIELDS = (1u << TODO_FIELD_COUNT) - 1, EACH_FIELDS = 1u << TODO_ID | 1u << TODO_UPDATED_AT };

static const struct {
    struct slice name;
    enum store_change_kind kind;
    bool is_insert;
} KINDS[] = {
    {SLICE("insert"), STORE_REPLACE, true},
    {SLICE("replace"), STORE_REPLACE, false},
    {SLICE("merge"), STORE_MERGE, false},
    {SLICE("delete"), STORE_DELETE, false},
};

enum { KIND_COUNT = sizeof(KINDS) / sizeof(KINDS[0]) };

/* The members of an answer, in the order in which they are printed. */
enum answer_member { ANSWER_KEY, ANSWER_FINGERPRINT, ANSWER_EXPIRES_AT, ANSWER_STATUS, ANSWER_BODY, ANSWER_ETAG };

static const struct slice ANSWER_NAMES[] = {
    [ANSWER_KEY] = SLICE("key"),       [ANSWER_FINGERPRINT] = SLICE("fingerprint"),
    [ANSWER_STATUS] = SLICE("status"), [ANSWER_EXPIRES_AT] = SLICE("expires_at"),
    [ANSWER_BODY] = SLICE("body"),     [ANSWER_ETAG] = SLICE("etag"),
};

enum { ANSWER_COUNT = sizeof(ANSWER_NAMES) / sizeof(ANSWER_NAMES[0]), ANSWER_ALL = (1u << ANSWER_COUNT) - 1 };

static unsigned fields_of(const struct store_change *change)
{
    if (change->kind == STORE_REPLACE)
        return ALL_FIELDS;
    return EACH_FIELDS | (change->kind == STORE_MERGE ? change->fields : 0);
}

/* ---- Writing ---- */

static void write_name(struct buf *out, struct slice name)
{
    buf_append_char(out, ',');
    json_write_string(out, name);
    buf_append_char(out, ':');
}

static void write_time(struct buf *out, int64_t at_ms)
{
    char text[DATE_RFC3339_LEN + 1];
    date_rfc3339(text, at_ms);
    json_write_string(out, slice_of(text));
}

static void write_field(struct buf *out, const struct todo *todo, enum todo_field field)
{
    const void *member = todo_member_const(todo, field);
    write_name(out, TODO_ROWS[field].name);
    switch (TODO_ROWS[field].type) {
    case TODO_TYPE_ID:
        json_write_string(out, slice_of(member));
        break;
    case TODO_TYPE_TEXT:
        json_write_string(out, *(const struct slice *)member);
        break;
    case TODO_TYPE_FLAG:
        buf_append_text(out, *(const bool *)member ? "true" : "false");
        break;
    case TODO_TYPE_INTEGER:
        buf_append_int(out, *(const int64_t *)member);
        break;
    case TODO_TYPE_TIME:
        write_time(out, *(const int64_t *)member);
        break;
    }
}

static void write_answer(struct buf *out, const struct store_answer *answer)
{
    write_name(out, ANSWER_NAMES[ANSWER_KEY]);
    json_write_string(out, slice_of(answer->key));
    write_name(out, ANSWER_NAMES[ANSWER_FINGERPRINT]);
    json_write_string(out, slice_of(answer->fingerprint));
    write_name(out, ANSWER_NAMES[ANSWER_EXPIRES_AT]);
    write_time(out, answer->expires_at_ms);
    write_name(out, ANSWER_NAMES[ANSWER_STATUS]);
    buf_append_int(out, answer->http_status);
    write_name(out, ANSWER_NAMES[ANSWER_BODY]);
    json_write_string(out, answer->body);
    write_name(out, ANSWER_NAMES[ANSWER_ETAG]);
    json_write_string(out, answer->etag);
}

static bool has_condition(const struct store_change *change)
{
    const struct store_condition *condition = &change->condition;
    return condition->match.given || condition->none_match.given || condition->unmodified_since_s != -1 ||
           change->shown_fields != 0;
}

void queued_write(struct buf *out, const struct store_queued *queued)
{
    const struct store_change *change = &queued->change;
    unsigned fields = fields_of(change), kind = 0;
    bug_unless(!has_condition(change), "a write with a condition can't be queued");
    while (KINDS[kind].kind != change->kind || KINDS[kind].is_insert != queued->is_insert)
        kind++;
    buf_append_text(out, "{\"kind\":");
    json_write_string(out, KINDS[kind].name);
    for (enum todo_field field = 0; field < TODO_FIELD_COUNT; field++)
        if (fields & 1u << field)
            write_field(out, change->todo, field);
    if (queued->answer)
        write_answer(out, queued->answer);
    buf_append_char(out, '}');
}

/* ---- Reading ---- */

struct queued_reader {
    struct arena *arena;
    struct store_queued *queued;
    struct todo *todo;
    struct store_answer *answer;
    bool has_kind;
    unsigned fields, answers; /* sets of the members that came */
};

static enum status refuse(struct slice name, struct error *error)
{
    return error_set(error, STATUS_INVALID, "%.*s: no value that a queued write can have", (int)name.len, name.data);
}

static bool time_is_read(const struct json_member *member, int64_t *at_ms)
{
    return member->kind == JSON_KIND_STRING && date_rfc3339_parse(member->text, at_ms) && *at_ms <= TODO_TIME_MAX_MS;
}

static bool kind_is_read(struct queued_reader *reader, const struct json_member *member)
{
    unsigned kind = 0;
    while (kind < KIND_COUNT && !(member->kind == JSON_KIND_STRING && slice_equal(member->text, KINDS[kind].name)))
        kind++;
    if (kind == KIND_COUNT)
        return false;
    reader->has_kind = true;
    reader->queued->is_insert = KINDS[kind].is_insert;
    reader->queued->change.kind = KINDS[kind].kind;
    return true;
}

static bool text_is_read(struct queued_reader *reader, enum todo_field field, const struct json_member *member)
{
    struct error error;
    if (member->kind != JSON_KIND_STRING || todo_text_check(field, member->text, &error) != STATUS_OK)
        return false;
    *(struct slice *)todo_member(reader->todo, field) = arena_copy(reader->arena, member->text);
    return true;
}

static bool field_is_read(struct queued_reader *reader, enum todo_field field, const struct json_member *member)
{
    void *value = todo_member(reader->todo, field);
    reader->fields |= 1u << field;
    switch (TODO_ROWS[field].type) {
    case TODO_TYPE_ID:
        if (member->kind != JSON_KIND_STRING || !todo_id_valid(member->text))
            return false;
        todo_set_id(reader->todo, member->text);
        return true;
    case TODO_TYPE_TEXT:
        return text_is_read(reader, field, member);
    case TODO_TYPE_FLAG:
        *(bool *)value = member->boolean;
        return member->kind == JSON_KIND_BOOL;
    case TODO_TYPE_INTEGER:
        *(int64_t *)value = member->integer;
        return member->kind == JSON_KIND_INTEGER && todo_number_valid(field, member->integer);
    case TODO_TYPE_TIME:
        return time_is_read(member, value);
    }
    return false;
}

static bool is_short(const struct json_member *member, size_t most)
{
    return member->kind == JSON_KIND_STRING && member->text.len > 0 && member->text.len <= most;
}

static bool answer_is_read(struct queued_reader *reader, enum answer_member name, const struct json_member *member)
{
    struct store_answer *answer = reader->answer;
    reader->answers |= 1u << name;
    switch (name) {
    case ANSWER_KEY:
        slice_copy(answer->key, sizeof(answer->key), member->text);
        return is_short(member, STORE_KEY_MAX);
    case ANSWER_FINGERPRINT:
        slice_copy(answer->fingerprint, sizeof(answer->fingerprint), member->text);
        return is_short(member, STORE_FINGERPRINT_LEN);
    case ANSWER_EXPIRES_AT:
        return time_is_read(member, &answer->expires_at_ms);
    case ANSWER_STATUS:
        answer->http_status = (int)member->integer;
        return member->kind == JSON_KIND_INTEGER && member->integer >= 100 && member->integer <= 599;
    case ANSWER_BODY:
        answer->body = arena_copy(reader->arena, member->text);
        return member->kind == JSON_KIND_STRING;
    case ANSWER_ETAG:
        answer->etag = arena_copy(reader->arena, member->text);
        return member->kind == JSON_KIND_STRING;
    }
    return false;
}

static enum status on_member(void *ctx, const struct json_member *member, struct error *error)
{
    struct queued_reader *reader = ctx;
    enum todo_field field = 0;
    unsigned name = 0;
    bool is_read = false;
    while (field < TODO_FIELD_COUNT && !slice_equal(member->name, TODO_ROWS[field].name))
        field++;
    while (name < ANSWER_COUNT && !slice_equal(member->name, ANSWER_NAMES[name]))
        name++;
    if (field < TODO_FIELD_COUNT)
        is_read = field_is_read(reader, field, member);
    else if (name < ANSWER_COUNT)
        is_read = answer_is_read(reader, name, member);
    else if (SLICE_IS(member->name, "kind"))
        is_read = kind_is_read(reader, member);
    else
        return error_set(error, STATUS_INVALID, "%.*s: not a member of a queued write",
                         (int)slice_cut(member->name, 40), member->name.data);
    return is_read ? STATUS_OK : refuse(member->name, error);
}

/* Whether all members of its kind came, and no other ones. */
static bool is_whole(const struct queued_reader *reader)
{
    bool has_answer = reader->answers == ANSWER_ALL && reader->queued->is_insert;
    return reader->has_kind && reader->fields == fields_of(&reader->queued->change) &&
           (has_answer || reader->answers == 0);
}

/* The answer is of the todo that the insert makes. */
static void take_answer(const struct queued_reader *reader)
{
    struct store_answer *answer = reader->answer;
    memcpy(answer->id, reader->todo->id, sizeof(answer->id));
    answer->created_at_ms = reader->todo->created_at_ms;
    answer->life = reader->todo->life;
    answer->is_made = true;
    reader->queued->answer = answer;
}

enum status queued_read(struct slice text, struct arena *arena, struct store_queued *queued, struct error *error)
{
    struct queued_reader reader = {.arena = arena, .queued = queued};
    reader.todo = arena_alloc(arena, sizeof(*reader.todo));
    reader.answer = arena_alloc(arena, sizeof(*reader.answer));
    *reader.todo = TODO_DEFAULT;
    *reader.answer = (struct store_answer){0};
    *queued = (struct store_queued){.change = {.todo = reader.todo, .condition = {.unmodified_since_s = -1}}};
    enum status status = json_object_read(text, on_member, &reader, error);
    if (status != STATUS_OK)
        return status;
    if (queued->change.kind == STORE_MERGE)
        queued->change.fields = reader.fields & (unsigned)TODO_WRITE_FIELDS;
    if (!is_whole(&reader))
        return error_set(error, STATUS_INVALID, "it lacks a member of its kind, or has one of another kind");
    if (reader.answers != 0)
        take_answer(&reader);
    return STATUS_OK;
}
