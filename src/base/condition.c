/* SPDX-License-Identifier: MIT */
/*
 * Preconditions.
 *
 * An If-None-Match field is "*" or a list of entity tags: optional "W/", then a quoted string without quotes inside, set
 * apart by commas and white space (RFC 9110 5.6.1, 8.8.3). Tags may hold commas, so the list is walked tag by tag instead of
 * being split. What comes after something that is no tag is not looked at: a client that sends such a field gets the whole
 * answer, never a wrong 304.
 *
 * Not here: what the answer is then; that is for the handlers (api/).
 */
#include "base/condition.h"

static void skip_space(struct slice *rest)
{
    while (rest->len > 0 && (*rest->data == ' ' || *rest->data == '\t' || *rest->data == ',')) {
        rest->data++;
        rest->len--;
    }
}

/* Takes one entity tag off the front, without its W/; absent if there is none. */
static struct slice take_tag(struct slice *rest)
{
    skip_space(rest);
    if (rest->len >= 2 && memcmp(rest->data, "W/", 2) == 0)
        *rest = (struct slice){rest->data + 2, rest->len - 2};
    if (rest->len < 2 || *rest->data != '"')
        return (struct slice){0};
    const char *end = memchr(rest->data + 1, '"', rest->len - 1);
    if (!end)
        return (struct slice){0};
    struct slice tag = {rest->data, (size_t)(end + 1 - rest->data)};
    *rest = (struct slice){end + 1, rest->len - tag.len};
    return tag;
}

bool condition_none_match_hits(struct slice field, struct slice etag)
{
    if (!field.data)
        return false;
    if (slice_equal(field, SLICE("*")))
        return true;
    for (struct slice tag = take_tag(&field); tag.data; tag = take_tag(&field))
        if (slice_equal(tag, etag))
            return true;
    return false;
}
