/* SPDX-License-Identifier: MIT */
/*
 * Entries to and from Redis hashes. The fields of a todo come from TODO_FIELDS (base/todo.h), so a new one needs no
 * change here.
 *
 * Parsing accepts fields in any order and ignores unknown ones: a newer worker may add a field while older workers
 * still run beside it. A newer worker in turn finds no such field in an older worker's entry. It must not guess the
 * value: all fields of a todo must be there. A hash without one of them is broken, which is not the same as a miss: it
 * has to be removed before the entry can be filled again.
 *
 * Every hit parses an entry, so finding a field by its name must be cheap: it is a chain of comparisons with literals.
 *
 * Texts are not checked: the store has checked them, and no one else may write to this Redis. Numbers are, because one
 * that is out of range would abort the worker when it prints the todo.
 */
#include "cache/entry.h"

#include "base/mem.h"

/* Behind the todo's own fields. */
enum { FIELD_AT = TODO_FIELD_COUNT, FIELD_COST, FIELD_NONE, FIELD_COUNT };
enum { TODO_BITS = (1u << TODO_FIELD_COUNT) - 1, BIT_AT = 1u << FIELD_AT, BIT_COST = 1u << FIELD_COST };
enum { BIT_NONE = 1u << FIELD_NONE };

#define FIELD_NAME(upper, name, ...) [TODO_##upper] = SLICE(name),
static const struct slice FIELD_NAMES[FIELD_COUNT] = {
    [FIELD_AT] = SLICE("at"), [FIELD_COST] = SLICE("cost"), [FIELD_NONE] = SLICE("none"), TODO_FIELDS(FIELD_NAME)};

#define RETURN_IF_NAMED(upper, text, ...)                                                                              \
    if (SLICE_IS(name, text))                                                                                          \
        return TODO_##upper;

/* FIELD_COUNT: no such field. */
static unsigned field_find(struct slice name)
{
    TODO_FIELDS(RETURN_IF_NAMED)
    if (SLICE_IS(name, "at"))
        return FIELD_AT;
    if (SLICE_IS(name, "cost"))
        return FIELD_COST;
    return SLICE_IS(name, "none") ? FIELD_NONE : FIELD_COUNT;
}

static bool time_read(int64_t *at_ms, struct slice value)
{
    return slice_to_int64(value, at_ms) && *at_ms >= 0 && *at_ms <= TODO_TIME_MAX_MS;
}

static bool flag_read(bool *flag, struct slice value)
{
    *flag = value.len == 1 && value.data[0] == '1';
    return *flag || (value.len == 1 && value.data[0] == '0');
}

/* Whether the value is sound. */
static bool todo_field_read(struct todo *todo, enum todo_field field, struct slice value)
{
    void *member = todo_member(todo, field);
    switch (TODO_ROWS[field].type) {
    case TODO_TYPE_ID:
        if (!todo_id_valid(value))
            return false;
        todo_set_id(todo, value);
        return true;
    case TODO_TYPE_TEXT:
        *(struct slice *)member = value;
        return true;
    case TODO_TYPE_FLAG:
        return flag_read(member, value);
    case TODO_TYPE_INTEGER:
    case TODO_TYPE_TIME:
        return slice_to_int64(value, member) && todo_number_valid(field, *(int64_t *)member);
    }
    return false;
}

static bool field_read(struct entry *entry, unsigned field, struct slice value)
{
    switch (field) {
    case FIELD_AT:
        return time_read(&entry->at_ms, value);
    case FIELD_COST:
        return time_read(&entry->cost_ms, value);
    case FIELD_NONE:
        return true;
    default:
        return todo_field_read(&entry->todo, field, value);
    }
}

enum entry_found entry_parse(struct entry *entry, const char *id, const struct redis_reply *reply)
{
    if (redis_reply_type(reply) != REDIS_TYPE_ARRAY)
        return ENTRY_BROKEN;
    size_t count = redis_reply_count(reply);
    if (count == 0)
        return ENTRY_ABSENT;
    unsigned seen = 0;
    for (size_t i = 0; i + 1 < count; i += 2) {
        unsigned field = field_find(redis_reply_text(redis_reply_item(reply, i)));
        if (field != FIELD_COUNT && field_read(entry, field, redis_reply_text(redis_reply_item(reply, i + 1))))
            seen |= 1u << field;
    }
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

static void add_todo_field(struct entry_args *args, const struct todo *todo, enum todo_field field)
{
    const void *member = todo_member_const(todo, field);
    struct slice name = FIELD_NAMES[field];
    switch (TODO_ROWS[field].type) {
    case TODO_TYPE_ID:
        add(args, name, slice_of(member));
        break;
    case TODO_TYPE_TEXT:
        add(args, name, *(const struct slice *)member);
        break;
    case TODO_TYPE_FLAG:
        add(args, name, *(const bool *)member ? SLICE("1") : SLICE("0"));
        break;
    case TODO_TYPE_INTEGER:
    case TODO_TYPE_TIME:
        add_number(args, name, *(const int64_t *)member);
        break;
    }
}

void entry_print(struct entry_args *args, const struct entry *entry)
{
    args->count = args->number_count = 0;
    if (entry->negative) {
        add(args, FIELD_NAMES[FIELD_NONE], SLICE("1"));
    } else {
        for (enum todo_field field = 0; field < TODO_FIELD_COUNT; field++)
            add_todo_field(args, &entry->todo, field);
        add_number(args, FIELD_NAMES[FIELD_COST], entry->cost_ms);
    }
    add_number(args, FIELD_NAMES[FIELD_AT], entry->at_ms);
}
