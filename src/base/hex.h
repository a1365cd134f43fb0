/* SPDX-License-Identifier: MIT */
/*
 * Hex digits, in lower case: written for tokens, tags and escapes, read from ids and tags.
 * context  any (pure)
 */
#ifndef BASE_HEX_H
#define BASE_HEX_H

#include <stdbool.h>
#include <stdint.h>

#include "base/slice.h"

/* Writes the last count digits of value, with leading zeros and no NUL; returns where they end. */
static inline char *hex_put(char *text, uint64_t value, unsigned count)
{
    for (char *digit = text + count; digit > text; value >>= 4)
        *--digit = "0123456789abcdef"[value & 15];
    return text + count;
}

/* The value of a digit; -1 if it is none, or in upper case. */
static inline int hex_value(char digit)
{
    if (digit >= '0' && digit <= '9')
        return digit - '0';
    return digit >= 'a' && digit <= 'f' ? digit - 'a' + 10 : -1;
}

/* Writes a number that is not negative, without leading zeros and without a NUL; returns where it ends. */
static inline char *hex_put_int64(char *text, int64_t number)
{
    return hex_put(text, (uint64_t)number, (67 - (unsigned)__builtin_clzll((uint64_t)number | 1)) / 4);
}

/* Takes the digits off the front of text; false if there is none, or more than an int64_t holds. */
static inline bool hex_take_int64(struct slice *text, int64_t *number)
{
    size_t len = 0;
    int64_t value = 0;
    for (; len < text->len; len++) {
        int digit = hex_value(text->data[len]);
        if (digit < 0)
            break;
        if (value >> 59)
            return false;
        value = value << 4 | digit;
    }
    if (len == 0) /* of an absent text nothing can be taken either */
        return false;
    *number = value;
    *text = (struct slice){text->data + len, text->len - len};
    return true;
}

#endif
