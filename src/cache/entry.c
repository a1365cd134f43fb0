/* SPDX-License-Identifier: MIT */
/*
 * Entries to and from Redis' hashes.
 *
 * Parsing takes fields in any order and passes over unknown ones, so that a newer worker may add a field while older ones
 * still run beside it. All that make a todo must be there: a hash without them is somebody else's or a torn one, and is told
 * apart from a miss, for it has to be removed before the entry can be filled again.
 */
#include "cache/entry.h"

#include "base/mem.h"

enum { BIT_AT = 1u << TODO_FIELD_COUNT, BIT_COST = BIT_AT << 1, BIT_NONE = BIT_COST << 1 };
enum { TODO_BITS = (1u << TODO_FIELD_COUNT) - 1 };

#define FIELD_NAME(upper, name) SLICE(name),
static const struct slice field_names[] = {TODO_FIELDS(FIELD_NAME)};

/* Numbers out of their range would be a bug further on: what Redis holds must never be one. */
static bool take_time(int64_t *at_ms, struct slice value)
{
    return slice_to_int64(value, at_ms) && *at_ms >= 0 && *at_ms <= TODO_TIME_MAX_MS;
}

/* Returns the field's bit if it is known and its value is sound, else 0. */
static unsigned take_todo_field(struct entry *entry, enum todo_field field, struct slice value)
{
    struct todo *todo = &entry->todo;
    bool sound = true;
    switch (field) {
    case TODO_ID:
        sound = todo_id_valid(value);
        if (sound)
            todo_set_id(todo, value);
        break;
    case TODO_NAME:
        todo->name = value;
        break;
    case TODO_DESCRIPTION:
        todo->description = value;
        break;
    case TODO_DONE:
        sound = value.len == 1 && (value.data[0] == '0' || value.data[0] == '1');
        todo->done = sound && value.data[0] == '1';
        break;
    case TODO_V:
        sound = slice_to_int64(value, &todo->v) && todo->v >= 1;
        break;
    case TODO_CREATED_AT:
        sound = take_time(&todo->created_at_ms, value);
        break;
    case TODO_UPDATED_AT:
        sound = take_time(&todo->updated_at_ms, value);
        break;
    case TODO_FIELD_COUNT:
        return 0;
    }
    return sound ? 1u << field : 0;
}

static unsigned take_field(struct entry *entry, struct slice name, struct slice value)
{
    for (unsigned field = 0; field < TODO_FIELD_COUNT; field++)
        if (slice_equal(name, field_names[field]))
            return take_todo_field(entry, field, value);
    if (slice_equal(name, SLICE("at")))
        return take_time(&entry->at_ms, value) ? BIT_AT : 0;
    if (slice_equal(name, SLICE("cost")))
        return take_time(&entry->cost_ms, value) ? BIT_COST : 0;
    if (slice_equal(name, SLICE("none")))
        return BIT_NONE;
    return 0;
}

enum entry_found entry_parse(struct entry *entry, const char *id, const struct redis_reply *reply)
{
    if (redis_reply_type(reply) != REDIS_TYPE_ARRAY)
        return ENTRY_BROKEN;
    size_t count = redis_reply_count(reply);
    if (count == 0)
        return ENTRY_ABSENT;
    unsigned seen = 0;
    for (size_t i = 0; i + 1 < count; i += 2)
        seen |= take_field(entry, redis_reply_text(redis_reply_item(reply, i)),
                           redis_reply_text(redis_reply_item(reply, i + 1)));
    entry->negative = (seen & BIT_NONE) != 0;
    unsigned wanted = entry->negative ? BIT_AT : TODO_BITS | BIT_AT | BIT_COST;
    bool is_whole = (seen & wanted) == wanted && (entry->negative || strcmp(entry->todo.id, id) == 0);
    return is_whole ? ENTRY_FOUND : ENTRY_BROKEN;
}

static void add(struct entry_args *args, struct slice name, struct slice value)
{
    bug_unless(args->count + 2 <= ENTRY_ARGS_MAX, "an entry has more fields than ENTRY_ARGS_MAX allows");
    args->args[args->count++] = name;
    args->args[args->count++] = value;
}

static void add_number(struct entry_args *args, struct slice name, int64_t value)
{
    bug_unless(args->number_count < ENTRY_NUMBERS_MAX, "an entry has more numbers than ENTRY_NUMBERS_MAX allows");
    add(args, name, slice_of_int64(args->numbers[args->number_count++], value));
}

void entry_print(struct entry_args *args, const struct entry *entry)
{
    args->count = args->number_count = 0;
    if (entry->negative) {
        add(args, SLICE("none"), SLICE("1"));
    } else {
        const struct todo *todo = &entry->todo;
        add(args, field_names[TODO_ID], slice_of(todo->id));
        add(args, field_names[TODO_NAME], todo->name);
        add(args, field_names[TODO_DESCRIPTION], todo->description);
        add(args, field_names[TODO_DONE], todo->done ? SLICE("1") : SLICE("0"));
        add_number(args, field_names[TODO_V], todo->v);
        add_number(args, field_names[TODO_CREATED_AT], todo->created_at_ms);
        add_number(args, field_names[TODO_UPDATED_AT], todo->updated_at_ms);
        add_number(args, SLICE("cost"), entry->cost_ms);
    }
    add_number(args, SLICE("at"), entry->at_ms);
}
