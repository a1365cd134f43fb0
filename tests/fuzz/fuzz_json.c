/* SPDX-License-Identifier: MIT */
/* An input is a request's body: what is taken of it is printed and read again, and is the same. */
#include "base/json.h"
#include "base/todo_json.h"
#include "fuzzing.h"

static void read_body(struct slice body, enum draft_kind kind, struct arena *arena)
{
    struct todo_draft draft, again;
    struct error error = {0};
    struct buf text;
    if (todo_json_read(body, kind, arena, &draft, &error) != STATUS_OK) {
        bug_unless(error.status == STATUS_INVALID && error.text[0] != '\0', "a body is refused without a word");
        return;
    }
    if (!(draft.present & 1u << TODO_ID))
        todo_set_id(&draft.todo, SLICE("made"));
    if (draft.todo.name.len == 0)
        draft.todo.name = SLICE("none");
    enum status status = todo_check(&draft.todo, &error);
    bug_unless(status == STATUS_OK, error.text);
    buf_init(&text);
    todo_json_write(&text, &draft.todo);
    status = todo_json_read(buf_slice(&text), DRAFT_WHOLE, arena, &again, &error);
    bug_unless(status == STATUS_OK, error.text);
    bug_unless(todo_equal(&again.todo, &draft.todo), "printed and read again, it is another todo");
    buf_fini(&text);
}

/* ---- Any object ---- */

struct copy {
    struct buf *text;
    size_t count;
};

static enum status copy_member(void *ctx, const struct json_member *member, struct error *error)
{
    (void)error;
    struct copy *copy = ctx;
    buf_append_text(copy->text, copy->count++ == 0 ? "{" : ",");
    json_write_string(copy->text, member->name);
    buf_append_char(copy->text, ':');
    if (member->kind == JSON_KIND_STRING)
        json_write_string(copy->text, member->text);
    else if (member->kind == JSON_KIND_INTEGER)
        buf_append_int(copy->text, member->integer);
    else
        buf_append_text(copy->text, member->kind == JSON_KIND_BOOL && member->boolean ? "true" : "null");
    if (member->kind == JSON_KIND_OBJECT)
        (void)json_node_string(json_node_object(member->node, "$date"), "$numberLong");
    return STATUS_OK;
}

static bool copy_object(struct slice body, struct buf *text)
{
    struct copy copy = {.text = text};
    struct error error;
    if (json_object_read(body, copy_member, &copy, &error) != STATUS_OK)
        return false;
    buf_append_text(text, copy.count == 0 ? "{}" : "}");
    return true;
}

/* Members of other types become null, so a copy is its own copy. */
static void read_object(struct slice body)
{
    struct buf first, second;
    buf_init(&first);
    buf_init(&second);
    if (copy_object(body, &first)) {
        bool is_read = copy_object(buf_slice(&first), &second);
        bug_unless(is_read && slice_equal(buf_slice(&first), buf_slice(&second)),
                   "printed and read again, it is another");
    }
    buf_fini(&first);
    buf_fini(&second);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct slice body = fuzz_input(data, size);
    struct arena arena;
    arena_init(&arena);
    for (enum draft_kind kind = DRAFT_NEW; kind <= DRAFT_PATCH; kind++)
        read_body(body, kind, &arena);
    arena_fini(&arena);
    read_object(body);
    return 0;
}
