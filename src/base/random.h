/* SPDX-License-Identifier: MIT */
/*
 * Random names: tokens for leases and fences, UUIDv7 (RFC 9562 5.7) for todos that a client sends without an id, and
 * the lives of todos.
 *
 * The bytes are the kernel's (getrandom), read 4 KB at a time. Tokens have 128 bits, so a token of today never equals
 * one that a restarted or failed-over Redis may still hold. A life has 52 bits, because it is compared only with the
 * other lives of one id.
 * context  any thread has its own supply
 */
#ifndef BASE_RANDOM_H
#define BASE_RANDOM_H

#include <stddef.h>
#include <stdint.h>

enum { TOKEN_LEN = 32, UUID_LEN = 36 };

struct token {
    char text[TOKEN_LEN + 1]; /* lower-case hex */
};

void random_bytes(void *bytes, size_t len);
struct token token_new(void);

/* 0 <= result < bound; bound > 0. */
uint64_t random_below(uint64_t bound);

/*
 * A number that never comes twice, for epochs and beats of the store (cache/epoch.c, cache/beat.c): now_ms, and 20
 * random bits behind it. It is greater than last, the one that it replaces (0: none), even if the clock is behind.
 */
int64_t serial_next(int64_t last, int64_t now_ms);

void uuid7_new(char text[UUID_LEN + 1], int64_t now_ms);

/* For a todo that is made now: LIFE_LEAST <= life < 2 * LIFE_LEAST (todo.h). */
int64_t life_new(void);

#endif
