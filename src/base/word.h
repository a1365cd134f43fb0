/* SPDX-License-Identifier: MIT */
/*
 * Eight bytes at a time, as one number: what is asked of each byte of a text is asked of eight at once.
 * context  any (pure)
 */
#ifndef BASE_WORD_H
#define BASE_WORD_H

#include <endian.h>
#include <stdint.h>
#include <string.h>

#define EACH_BYTE(byte) (UINT64_C(0x0101010101010101) * (byte))

/* Of the eight bytes that begin at bytes; the first one is the lowest. */
static inline uint64_t word_of(const char *bytes)
{
    uint64_t word;
    memcpy(&word, bytes, sizeof(word));
    return le64toh(word);
}

#endif
