/* SPDX-License-Identifier: MIT */
/*
 * Todo-Version, to and from text.
 *
 * The id may hold dots. A reader of the text knows the id that its request is about, so the text must begin with that
 * id and a dot; what follows is V or V.LIFE. The text of the todo "a.7" can be read as one of "a" only if a client
 * sends it with a GET of "a". That GET then asks the store, and is answered right.
 *
 * A text without a life is of an older version of this service. It proves a version and no life: any life that has
 * reached this version meets it, as it did then.
 *
 * Does not: tell the reason why a text says nothing. A client that sends one gets the answer of a request without it.
 */
#include "base/todo_version.h"

#include <stdio.h>

#include "base/hex.h"
#include "base/mem.h"

void todo_version_print(char text[TODO_VERSION_TEXT_MAX + 1], const char *id, struct todo_version version)
{
    int len = snprintf(text, TODO_VERSION_TEXT_MAX + 1, "%s.%lld.", id, (long long)version.v);
    bug_unless(len > 0 && version.v >= 1 && version.life >= 0, "a state without a version or a life");
    *hex_put_int64(text + len, version.life) = '\0';
}

struct todo_version todo_version_parse(struct slice text, const char *id)
{
    static const struct todo_version nothing;
    struct todo_version version = {0};
    size_t id_len = strlen(id);
    if (text.len <= id_len + 1 || memcmp(text.data, id, id_len) != 0 || text.data[id_len] != '.')
        return nothing;
    struct slice life, v = slice_split((struct slice){text.data + id_len + 1, text.len - id_len - 1}, '.', &life);
    if (!slice_to_int64(v, &version.v) || version.v < 1)
        return nothing;
    if (life.data && (!hex_take_int64(&life, &version.life) || life.len > 0))
        return nothing;
    return version;
}
