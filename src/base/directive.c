/* SPDX-License-Identifier: MIT */
/*
 * Cache-Control directives: those of a request, and those that an operator writes into a setting.
 *
 * Names are compared without case. Arguments may be tokens or quoted strings, and a cache takes both (RFC 9111 5.2). A
 * number that is too large counts as 2^31 (RFC 9111 1.2.2), so that arithmetic with it can't overflow. An argument that
 * is no number gets the strictest meaning: max-age=nonsense is max-age=0, so a client that asks for something fresh
 * never gets something old. Of a directive that is given twice the stricter one counts.
 *
 * max-stale is ignored: whether an entry may be answered past its end is decided by the setting stale_if_error_s, not
 * by a client.
 *
 * Does not: read more of a setting's value than whether it keeps the answer from shared caches. It is sent as it is,
 * once directives_valid() has checked its form.
 */
#include "base/directive.h"

#include <strings.h>

/* Takes the text before the next comma that is not quoted; false at the end. */
static bool take_item(struct slice *rest, struct slice *item)
{
    if (rest->len == 0)
        return false;
    bool quoted = false;
    size_t len = 0;
    for (; len < rest->len && (quoted || rest->data[len] != ','); len++)
        if (rest->data[len] == '"')
            quoted = !quoted;
    *item = slice_trim((struct slice){rest->data, len}, " \t");
    size_t taken = len < rest->len ? len + 1 : len;
    *rest = (struct slice){rest->data + taken, rest->len - taken};
    return true;
}

static void cut_argument(struct slice item, struct slice *name, struct slice *argument)
{
    *name = slice_split(item, '=', argument);
    if (argument->len >= 2 && argument->data[0] == '"' && argument->data[argument->len - 1] == '"')
        *argument = (struct slice){argument->data + 1, argument->len - 2};
}

static bool is_named(struct slice name, struct slice wanted)
{
    return name.len == wanted.len && strncasecmp(name.data, wanted.data, name.len) == 0;
}

int64_t directive_seconds(struct slice text, int64_t otherwise)
{
    int64_t seconds = 0;
    for (size_t i = 0; i < text.len; i++) {
        char c = text.data[i];
        if (c < '0' || c > '9')
            return otherwise;
        seconds = seconds * 10 + (c - '0');
        if (seconds > DIRECTIVE_SECONDS_MAX)
            seconds = DIRECTIVE_SECONDS_MAX;
    }
    return text.len > 0 ? seconds : otherwise;
}

/* -1 is no limit at all. */
static int64_t stricter_age(int64_t a, int64_t b)
{
    return a < 0 || b < a ? b : a;
}

static int64_t larger(int64_t a, int64_t b)
{
    return a > b ? a : b;
}

struct directives directives_parse(struct slice field)
{
    struct directives all = {.max_age_s = -1};
    struct slice item, name, argument;
    while (take_item(&field, &item)) {
        cut_argument(item, &name, &argument);
        if (is_named(name, SLICE("no-cache")) || is_named(name, SLICE("no-store")))
            all.no_cache = true;
        else if (is_named(name, SLICE("only-if-cached")))
            all.only_if_cached = true;
        else if (is_named(name, SLICE("max-age")))
            all.max_age_s = stricter_age(all.max_age_s, directive_seconds(argument, 0));
        else if (is_named(name, SLICE("min-fresh")))
            all.min_fresh_s = larger(all.min_fresh_s, directive_seconds(argument, DIRECTIVE_SECONDS_MAX));
    }
    if (all.max_age_s == 0)
        all.no_cache = true;
    return all;
}

/* With an argument, private and no-cache name fields, and say nothing about the rest of the answer. */
bool directives_allow_sharing(struct slice field)
{
    static const struct slice bars[] = {SLICE("no-store"), SLICE("no-cache"), SLICE("private")};
    struct slice item, name, argument;
    while (take_item(&field, &item)) {
        cut_argument(item, &name, &argument);
        for (size_t i = 0; i < sizeof(bars) / sizeof(*bars); i++)
            if (!argument.data && is_named(name, bars[i]))
                return false;
    }
    return true;
}

static bool is_token(struct slice text)
{
    static const char others[] = "!#$%&'*+-.^_`|~";
    for (size_t i = 0; i < text.len; i++) {
        char c = text.data[i];
        bool is_alnum = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
        if (!is_alnum && !memchr(others, c, sizeof(others) - 1))
            return false;
    }
    return text.len > 0;
}

/* Whether text may stand between quotes without escapes. */
static bool is_quotable(struct slice text)
{
    for (size_t i = 0; i < text.len; i++)
        if (text.data[i] < 0x20 || text.data[i] > 0x7e || text.data[i] == '"' || text.data[i] == '\\')
            return false;
    return true;
}

bool directives_valid(struct slice text)
{
    struct slice item, name, argument;
    bool is_valid = true;
    while (is_valid && take_item(&text, &item)) {
        cut_argument(item, &name, &argument);
        bool was_quoted = argument.data && argument.data > name.data + name.len + 1;
        is_valid = is_token(name) && (!argument.data || (was_quoted ? is_quotable(argument) : is_token(argument)));
    }
    return is_valid;
}
