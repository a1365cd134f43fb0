/* SPDX-License-Identifier: MIT */
/*
 * Random bytes from the kernel, fetched 4 KB at a time, and the names made of them.
 *
 * Why not rand() or a generator of our own: a token says "this lease is mine" to a Redis that may have lived through
 * restarts and failovers. So no two workers, on any machine, at any time, may ever make the same token. 128 bits of
 * getrandom(2) promise that without coordination. One call for 4 KB costs as much as a few calls for 16 bytes.
 *
 * UUIDv7 (RFC 9562 5.7): 48 bits of Unix milliseconds, 12 bits of counter, 62 random bits. The counter is method 1 of
 * section 6.2: it starts each millisecond at a random value below 2048 and goes up by one. When the counter overflows,
 * or the clock steps back, the time part goes on from its last value. Both parts are one atomic number. So the ids that
 * one process makes, on any of its threads, only go up, and new rows stand together at the end of an index.
 *
 * Serial numbers: milliseconds and 20 random bits. They must fit a signed 64-bit number of any store, and two processes
 * make few of them: epochs of the store, and one beat a second.
 *
 * Guarantees: each thread has its own supply, no locks; bytes are given out once. A kernel that gives no random bytes
 * is a broken system, not an error to handle: the process ends.
 *
 * Does not: survive fork() without exec, because both processes would have the same supply. Workers are started by
 * exec.
 */
#include "base/random.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <string.h>
#include <sys/random.h>

#include "base/hex.h"
#include "base/mem.h"
#include "base/todo.h"

enum { SUPPLY_BYTES = 4096, COUNTER_BITS = 12, COUNTER_START_BOUND = 2048, SERIAL_CHANCES = 1 << 20 };

/* From here on up there is no room for a greater one. A clock gets there after the year 2200. */
static const int64_t SERIAL_LAST = INT64_MAX - 2 * (int64_t)SERIAL_CHANCES;

static _Thread_local struct {
    unsigned char bytes[SUPPLY_BYTES];
    size_t left; /* how many are not given out yet: the last ones */
} supply;

static void supply_fill(void)
{
    size_t have = 0;
    while (have < SUPPLY_BYTES) {
        ssize_t got = getrandom(supply.bytes + have, SUPPLY_BYTES - have, 0);
        bug_unless(got > 0 || errno == EINTR, "the kernel gives no random bytes");
        have += got > 0 ? (size_t)got : 0;
    }
    supply.left = SUPPLY_BYTES;
}

static char *print_hex(char *text, const unsigned char *bytes, size_t count)
{
    for (size_t i = 0; i < count; i++)
        text = hex_put(text, bytes[i], 2);
    return text;
}

/* The next (ms << 12 | counter), greater than all that this process took before. */
static uint64_t take_uuid_tick(int64_t now_ms)
{
    static _Atomic uint64_t last_tick;
    uint64_t fresh = (uint64_t)now_ms << COUNTER_BITS | random_below(COUNTER_START_BOUND);
    uint64_t last = atomic_load(&last_tick);
    uint64_t tick;
    do {
        bool new_ms = last >> COUNTER_BITS < (uint64_t)now_ms;
        tick = new_ms ? fresh : last + 1;
    } while (!atomic_compare_exchange_weak(&last_tick, &last, tick));
    return tick;
}

void random_bytes(void *bytes, size_t len)
{
    unsigned char *out = bytes;
    while (len > 0) {
        if (supply.left == 0)
            supply_fill();
        size_t take = len < supply.left ? len : supply.left;
        memcpy(out, supply.bytes + SUPPLY_BYTES - supply.left, take);
        supply.left -= take;
        out += take;
        len -= take;
    }
}

struct token token_new(void)
{
    unsigned char bytes[TOKEN_LEN / 2];
    random_bytes(bytes, sizeof(bytes));
    struct token token;
    *print_hex(token.text, bytes, sizeof(bytes)) = '\0';
    return token;
}

uint64_t random_below(uint64_t bound)
{
    bug_unless(bound > 0, "nothing is below 0");
    /* Values under 2^64 mod bound would make small results likelier: draw again. */
    uint64_t least = -bound % bound;
    uint64_t value;
    do {
        random_bytes(&value, sizeof(value));
    } while (value < least);
    return value % bound;
}

int64_t serial_next(int64_t last, int64_t now_ms)
{
    int64_t now = now_ms * SERIAL_CHANCES;
    int64_t least = now > last || last > SERIAL_LAST ? now : last + 1;
    return least + (int64_t)random_below(SERIAL_CHANCES);
}

int64_t life_new(void)
{
    int64_t chance;
    random_bytes(&chance, sizeof(chance));
    return LIFE_LEAST | (chance & (LIFE_LEAST - 1));
}

void uuid7_new(char text[UUID_LEN + 1], int64_t now_ms)
{
    bug_unless(now_ms >= 0 && now_ms < INT64_C(1) << 48, "a time beyond 48 bits of milliseconds");
    uint64_t tick = take_uuid_tick(now_ms);
    unsigned char bytes[16];
    random_bytes(bytes + 8, 8);
    for (int i = 0; i < 6; i++)
        bytes[i] = (unsigned char)(tick >> (COUNTER_BITS + 8 * (5 - i)));
    bytes[6] = (unsigned char)(0x70 | (tick >> 8 & 0x0F)); /* version 7 */
    bytes[7] = (unsigned char)tick;
    bytes[8] = (unsigned char)(0x80 | (bytes[8] & 0x3F)); /* variant of RFC 9562 */

    static const unsigned char group_bytes[] = {4, 2, 2, 2, 6};
    const unsigned char *group = bytes;
    for (size_t i = 0; i < sizeof(group_bytes); i++) {
        if (i > 0)
            *text++ = '-';
        text = print_hex(text, group, group_bytes[i]);
        group += group_bytes[i];
    }
    *text = '\0';
}
