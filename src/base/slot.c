/* SPDX-License-Identifier: MIT */
/*
 * Slots of keys.
 *
 * The slot is CRC-16/XMODEM of the key, modulo their number. If the key has a hash tag, only the tag counts: what
 * stands between the first '{' and the next '}' behind it, if that is not empty. So all keys of one todo share a slot.
 *
 * The table is made by the compiler: the checksum is linear, so that of a byte is the sum of those of its bits.
 *
 * Does not: know which server has a slot (redis/slot_map.c).
 */
#include "base/slot.h"

#include <stdint.h>
#include <stdio.h>

#define BIT(byte, bit, crc) ((byte) & (1 << (bit)) ? (crc) : 0)
#define SUM(byte, a, b, c, d, e, f, g, h)                                                                              \
    BIT(byte, 0, a) ^ BIT(byte, 1, b) ^ BIT(byte, 2, c) ^ BIT(byte, 3, d) ^ BIT(byte, 4, e) ^ BIT(byte, 5, f) ^        \
        BIT(byte, 6, g) ^ BIT(byte, 7, h)
#define LAST(byte)         SUM(byte, 0x1021, 0x2042, 0x4084, 0x8108, 0x1231, 0x2462, 0x48c4, 0x9188)
#define LAST_BUT_ONE(byte) SUM(byte, 0x3331, 0x6662, 0xccc4, 0x89a9, 0x0373, 0x06e6, 0x0dcc, 0x1b98)
#define ROWS_4(row, byte)  row(byte), row((byte) + 1), row((byte) + 2), row((byte) + 3)
#define ROWS_16(row, byte) ROWS_4(row, byte), ROWS_4(row, (byte) + 4), ROWS_4(row, (byte) + 8), ROWS_4(row, (byte) + 12)
#define ROWS_64(row, byte)                                                                                             \
    ROWS_16(row, byte), ROWS_16(row, (byte) + 16), ROWS_16(row, (byte) + 32), ROWS_16(row, (byte) + 48)
#define ROWS_256(row) ROWS_64(row, 0), ROWS_64(row, 64), ROWS_64(row, 128), ROWS_64(row, 192)

/* Of a byte, and of a byte with a zero behind it. */
static const uint16_t of_last[] = {ROWS_256(LAST)}, of_last_but_one[] = {ROWS_256(LAST_BUT_ONE)};

/* Two bytes at a time: each hit in a cluster needs one. */
static unsigned crc_of(struct slice text)
{
    unsigned crc = 0;
    const char *at = text.data, *end = at + text.len;
    for (; end - at >= 2; at += 2)
        crc = of_last_but_one[crc >> 8 ^ (uint8_t)at[0]] ^ of_last[(uint8_t)crc ^ (uint8_t)at[1]];
    if (at < end)
        crc = (uint16_t)(crc << 8) ^ of_last[crc >> 8 ^ (uint8_t)*at];
    return crc;
}

unsigned slot_set_count(const struct slot_set *set)
{
    unsigned count = 0;
    for (size_t i = 0; i < sizeof(set->words) / sizeof(set->words[0]); i++)
        count += (unsigned)__builtin_popcountll(set->words[i]);
    return count;
}

unsigned slot_of_key(struct slice key)
{
    const char *open = key.len > 0 ? memchr(key.data, '{', key.len) : NULL;
    const char *close = open ? memchr(open, '}', key.len - (size_t)(open - key.data)) : NULL;
    if (close && close > open + 1)
        key = (struct slice){.data = open + 1, .len = (size_t)(close - open) - 1};
    return crc_of(key) % SLOT_COUNT;
}

/* The first number of each slot, tried one after the other: some 150,000, once. */
struct slice slot_tag(unsigned slot, char text[SLOT_TAG_MAX + 1])
{
    static uint32_t numbers[SLOT_COUNT]; /* + 1; 0: not found yet */
    for (uint32_t number = 0, found_count = 0; numbers[slot] == 0 && found_count < SLOT_COUNT; number++) {
        unsigned at = slot_of_key((struct slice){text, (size_t)snprintf(text, SLOT_TAG_MAX + 1, "%u", number)});
        found_count += numbers[at] == 0;
        if (numbers[at] == 0)
            numbers[at] = number + 1;
    }
    return (struct slice){text, (size_t)snprintf(text, SLOT_TAG_MAX + 1, "%u", numbers[slot] - 1)};
}
