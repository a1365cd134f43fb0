/* SPDX-License-Identifier: MIT */
/*
 * Conditional requests.
 *
 * If-Match and If-None-Match are "*" or a list of entity tags: optional "W/", then a quoted string without quotes
 * inside, set apart by commas and white space (RFC 9110 5.6.1, 8.8.3). Tags may hold commas, so the list is walked tag
 * by tag instead of being split. The walk ends at the first thing that is no tag. A read with such a field gets the
 * whole answer, or 412, never a wrong 304. A write with one is refused (condition_is_sound()): without the tag that its
 * client meant it would overwrite what it should not.
 *
 * Dates are compared in whole seconds, and only where no tags are given: If-Unmodified-Since without If-Match,
 * If-Modified-Since without If-None-Match (RFC 9110 13.1.3, 13.1.4).
 *
 * Does not: decide conditions of writes; the stores do that (store/condition.c).
 */
#include "base/condition.h"

#include "base/date.h"

static void skip_separators(struct slice *rest)
{
    while (rest->len > 0 && (*rest->data == ' ' || *rest->data == '\t' || *rest->data == ',')) {
        rest->data++;
        rest->len--;
    }
}

struct slice condition_take_tag(struct slice *field)
{
    skip_separators(field);
    struct slice rest = *field;
    if (rest.len >= 2 && memcmp(rest.data, "W/", 2) == 0)
        rest = (struct slice){rest.data + 2, rest.len - 2};
    if (rest.len < 2 || *rest.data != '"')
        return (struct slice){0};
    const char *end = memchr(rest.data + 1, '"', rest.len - 1);
    if (!end)
        return (struct slice){0};
    struct slice tag = {rest.data, (size_t)(end + 1 - rest.data)};
    *field = (struct slice){end + 1, rest.len - tag.len};
    return tag;
}

/* Blanks and controls are in no tag (RFC 9110 8.8.3). */
static bool tag_is_sound(struct slice tag)
{
    for (size_t i = 0; i < tag.len; i++)
        if ((unsigned char)tag.data[i] <= ' ' || tag.data[i] == 0x7f)
            return false;
    return true;
}

bool condition_is_sound(struct slice field)
{
    if (!field.data || slice_equal(field, SLICE("*")))
        return true;
    bool has_tag = false, is_sound = true;
    for (struct slice tag = condition_take_tag(&field); tag.data && is_sound; tag = condition_take_tag(&field)) {
        struct slice rest = slice_trim(field, " \t");
        has_tag = true;
        is_sound = tag_is_sound(tag) && (rest.len == 0 || *rest.data == ',');
    }
    return has_tag && is_sound && field.len == 0;
}

bool condition_lists(struct slice field, struct slice etag)
{
    if (!field.data)
        return false;
    if (slice_equal(field, SLICE("*")))
        return true;
    for (struct slice tag = condition_take_tag(&field); tag.data; tag = condition_take_tag(&field))
        if (slice_equal(tag, etag))
            return true;
    return false;
}

/* Whether the representation changed after the field's date; unknown if the two can't be compared. */
static bool modified_after(struct slice field, int64_t modified_at_ms, bool unknown)
{
    int64_t since_ms;
    if (!field.data || modified_at_ms < 0 || !date_http_parse(field, &since_ms))
        return unknown;
    return modified_at_ms / 1000 > since_ms / 1000;
}

enum condition_outcome condition_of_read(const struct condition_fields *fields, struct slice etag,
                                         int64_t modified_at_ms)
{
    if (fields->if_match.data) {
        if (!condition_lists(fields->if_match, etag))
            return CONDITION_FAILED;
    } else if (modified_after(fields->if_unmodified_since, modified_at_ms, false)) {
        return CONDITION_FAILED;
    }
    if (fields->if_none_match.data)
        return condition_lists(fields->if_none_match, etag) ? CONDITION_NOT_MODIFIED : CONDITION_HOLDS;
    return modified_after(fields->if_modified_since, modified_at_ms, true) ? CONDITION_HOLDS : CONDITION_NOT_MODIFIED;
}
