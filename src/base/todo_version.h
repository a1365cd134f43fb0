/* SPDX-License-Identifier: MIT */
/*
 * Todo-Version: "ID.V.LIFE", the name of a state that a write made. LIFE is in hex, as in an entity tag. Clients take
 * it for one opaque text. Older versions of this service wrote "ID.V".
 * context  any (pure)
 */
#ifndef BASE_TODO_VERSION_H
#define BASE_TODO_VERSION_H

#include <stdbool.h>
#include <stdint.h>

#include "base/slice.h"
#include "base/todo.h"

/* A state of a todo, or at least how far it is. All zero: no state at all. */
struct todo_version {
    int64_t v;
    int64_t life; /* 0: not known which; then v may be of any life */
};

enum { TODO_VERSION_TEXT_MAX = TODO_ID_MAX + INT64_TEXT_MAX + 18 };

/* Writes the text of this state of the todo with this id. */
void todo_version_print(char text[TODO_VERSION_TEXT_MAX + 1], const char *id, struct todo_version version);

/* What text says of the todo with this id: all zero if it names another todo, or is no such text. */
struct todo_version todo_version_parse(struct slice text, const char *id);

/*
 * Whether a todo (NULL: there is none) that a cache holds is this state or a newer one for sure. No cache can tell
 * which of two lives is newer, so a todo of another life is not. No state at all is met by anything.
 */
static inline bool todo_version_is_met(const struct todo_version *version, const struct todo *todo)
{
    if (version->v == 0)
        return true;
    return todo && todo->v >= version->v && (version->life == 0 || todo->life == version->life);
}

#endif
