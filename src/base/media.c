/* SPDX-License-Identifier: MIT */
/*
 * Media types.
 *
 * There is only one representation, so Accept only has to answer one question: does the client accept JSON? Of the
 * ranges that fit, the most specific decides (RFC 9110 12.5.1): a type, then all subtypes of it, then anything. It
 * refuses if its weight is zero. Other parameters are ignored: "application/json;profile=x" counts as application/json.
 *
 * Accept-Encoding is read in the same way: the coding's own weight decides, else that of "*" (RFC 9110 12.5.3).
 *
 * Does not: refuse a malformed list. Its readable parts are used, the others are ignored.
 */
#include "base/media.h"

#include <strings.h>

enum { FITS_NOT = 0, FITS_ALL = 1, FITS_TYPE = 2, FITS_EXACTLY = 3 };

static const char blanks[] = " \t"; /* RFC 9110 5.6.3 */

/* Takes the text before the separator, trimmed, off the front of rest. */
static struct slice take_until(struct slice *rest, char separator)
{
    return slice_trim(slice_split(*rest, separator, rest), blanks);
}

static bool same(struct slice a, struct slice b)
{
    return a.len == b.len && strncasecmp(a.data, b.data, a.len) == 0;
}

bool media_is(struct slice content_type, struct slice type)
{
    return content_type.data && same(take_until(&content_type, ';'), type);
}

static int range_fits(struct slice range, struct slice type)
{
    if (same(range, type))
        return FITS_EXACTLY;
    if (same(range, SLICE("*/*")))
        return FITS_ALL;
    const char *slash = memchr(type.data, '/', type.len);
    size_t main_len = slash ? (size_t)(slash - type.data) + 1 : type.len;
    bool is_main = range.len == main_len + 1 && range.data[main_len] == '*';
    return is_main && strncasecmp(range.data, type.data, main_len) == 0 ? FITS_TYPE : FITS_NOT;
}

/* "q=0", "q=0.000": not acceptable. */
static bool weighs_nothing(struct slice parameters)
{
    while (parameters.len > 0) {
        struct slice parameter = take_until(&parameters, ';');
        if (parameter.len < 3 || strncasecmp(parameter.data, "q=", 2) != 0)
            continue;
        for (size_t i = 2; i < parameter.len; i++)
            if (parameter.data[i] != '0' && parameter.data[i] != '.')
                return false;
        return true;
    }
    return false;
}

bool media_accepted(struct slice accept, struct slice type)
{
    if (!accept.data || slice_trim(accept, blanks).len == 0)
        return true;
    int best = FITS_NOT;
    bool is_taken = false;
    while (accept.len > 0) {
        struct slice parameters = take_until(&accept, ',');
        if (parameters.len == 0)
            continue;
        int fits = range_fits(take_until(&parameters, ';'), type);
        if (fits <= best)
            continue;
        best = fits;
        is_taken = !weighs_nothing(parameters);
    }
    return is_taken;
}

bool media_coding_accepted(struct slice accept_encoding, struct slice coding)
{
    bool is_any_taken = false;
    while (accept_encoding.len > 0) {
        struct slice parameters = take_until(&accept_encoding, ',');
        if (parameters.len == 0)
            continue;
        struct slice name = take_until(&parameters, ';');
        if (same(name, coding))
            return !weighs_nothing(parameters);
        if (same(name, SLICE("*")))
            is_any_taken = !weighs_nothing(parameters);
    }
    return is_any_taken;
}
