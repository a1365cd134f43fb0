/* SPDX-License-Identifier: MIT */
/*
 * Prefer (RFC 7240 2): "respond-async, wait=5; x=y, return=\"minimal\"".
 *
 * Names are compared without case, values with it. A value may be a token or a quoted string; an empty one is as none.
 * Of a name that comes twice the first one counts, whatever its value is, so return=minimal before
 * return=representation is return=minimal. Parameters behind a semicolon are skipped: no preference here has any.
 *
 * What this service does not know, or what has no sound form, is told to the caller once, as the client wrote it: a
 * client that asks for strict handling wants to hear of it. All others never do, because a preference may be ignored.
 *
 * Does not: decide what is applied. A handler knows that (api/preference.c).
 */
#include "base/prefer.h"

#include <string.h>
#include <strings.h>

#include "base/directive.h"

enum { VALUE_MAX = 32 }; /* longer than any value that is known, and than any number that makes sense */

static const struct {
    enum preference preference;
    const char *name;
    const char *value; /* NULL: a number */
} rows[] = {
    {PREFER_ASYNC, "respond-async", ""},   {PREFER_MINIMAL, "return", "minimal"},
    {PREFER_WAIT, "wait", NULL},           {PREFER_REPRESENTATION, "return", "representation"},
    {PREFER_STRICT, "handling", "strict"}, {PREFER_LENIENT, "handling", "lenient"},
};

enum { ROW_COUNT = sizeof(rows) / sizeof(*rows) };

/* The length of text up to the first of two marks that stands in no quoted string. */
static size_t length_before(struct slice text, char mark, char other)
{
    bool quoted = false;
    size_t len = 0;
    for (; len < text.len && (quoted || (text.data[len] != mark && text.data[len] != other)); len++)
        if (text.data[len] == '"')
            quoted = !quoted;
        else if (quoted && text.data[len] == '\\' && len + 1 < text.len)
            len++;
    return len;
}

/* Takes the next preference, without its parameters; false at the end. */
static bool take_item(struct slice *rest, struct slice *item)
{
    if (rest->len == 0)
        return false;
    size_t len = length_before(*rest, ',', ',');
    size_t taken = len < rest->len ? len + 1 : len;
    *item = (struct slice){rest->data, len};
    item->len = length_before(*item, ';', ';');
    *item = slice_trim(*item, " \t");
    *rest = (struct slice){rest->data + taken, rest->len - taken};
    return true;
}

/* A value without its quotes and escapes; false: it is none that could be known. */
static bool value_read(struct slice text, char value[VALUE_MAX + 1])
{
    size_t len = 0;
    bool is_quoted = text.len > 0 && text.data[0] == '"';
    if (is_quoted && (text.len < 2 || text.data[text.len - 1] != '"'))
        return false;
    size_t end = is_quoted ? text.len - 1 : text.len;
    for (size_t i = is_quoted ? 1 : 0; i < end; i++) {
        if (is_quoted && text.data[i] == '\\')
            i++;
        if (i >= end || len == VALUE_MAX || text.data[i] == '\0')
            return false;
        value[len++] = text.data[i];
    }
    value[len] = '\0';
    return true;
}

static bool is_named(struct slice name, const char *wanted)
{
    return name.len == strlen(wanted) && strncasecmp(name.data, wanted, name.len) == 0;
}

static bool has_value(struct preferences *all, size_t row, const char *value)
{
    if (rows[row].value)
        return strcmp(rows[row].value, value) == 0;
    all->wait_s = directive_seconds(slice_of(value), -1);
    return all->wait_s >= 0;
}

/* names: a set of the rows whose names have come. */
static void item_read(struct preferences *all, struct slice item, unsigned *names)
{
    char value[VALUE_MAX + 1];
    struct slice text, name = slice_trim(slice_split(item, '=', &text), " \t");
    bool is_sound = value_read(slice_trim(text, " \t"), value), is_known = false, is_again = false;
    for (size_t i = 0; i < ROW_COUNT; i++) {
        if (!is_named(name, rows[i].name))
            continue;
        is_again = is_again || *names & 1u << i;
        *names |= 1u << i;
        if (is_again || !is_sound || !has_value(all, i, value))
            continue;
        all->asked |= rows[i].preference;
        is_known = true;
    }
    if (!is_known && !is_again && !all->other.data)
        all->other = item;
}

struct preferences prefer_parse(struct slice field)
{
    struct preferences all = {0};
    struct slice item;
    unsigned names = 0;
    while (take_item(&field, &item))
        if (item.len > 0)
            item_read(&all, item, &names);
    return all;
}

void prefer_write(struct buf *out, unsigned set, int64_t wait_s)
{
    const char *between = "";
    for (size_t i = 0; i < ROW_COUNT; i++) {
        if (!(set & rows[i].preference))
            continue;
        buf_append_text(out, between);
        buf_append_text(out, rows[i].name);
        if (!rows[i].value)
            buf_printf(out, "=%lld", (long long)wait_s);
        else if (*rows[i].value)
            buf_printf(out, "=%s", rows[i].value);
        between = ", ";
    }
}
