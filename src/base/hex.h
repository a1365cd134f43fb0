/* SPDX-License-Identifier: MIT */
/*
 * Hex digits, in lower case: written for tokens, tags and escapes, read from ids and tags.
 * context  any (pure)
 */
#ifndef BASE_HEX_H
#define BASE_HEX_H

#include <stdint.h>

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

#endif
