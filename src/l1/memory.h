/* SPDX-License-Identifier: MIT */
/*
 * What the table's memory is made of, for the two files of this room.
 *
 *   header | generations | small entries | large entries
 *
 * The header's place and the generations' place, number and meaning never change: processes of two versions that run
 * side by side raise the same generations. What is behind them may differ from process to process.
 */
#ifndef L1_MEMORY_H
#define L1_MEMORY_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { L1_HEADER_BYTES = 4096, L1_GENERATIONS = 1 << 17, L1_LAYOUT = 1, L1_BANKS = 2 };
enum { L1_USE_BYTE, L1_CHARGE_BYTE }; /* of the file, to lock: who has it open, and the agent */
enum { L1_VALUES_OFFSET = L1_HEADER_BYTES + L1_GENERATIONS * sizeof(uint64_t) };

struct l1_header {
    char magic[8];
    uint64_t layout;      /* of header and generations; 0: it is being made */
    uint64_t incarnation; /* drawn when the file was emptied: part of each check sum, and the machine's name */
    _Atomic int64_t licence_until_us; /* these two: licence.c */
    _Atomic int64_t licence_epoch;
    atomic_uint charges; /* without a file: 1, an agent is in charge */
};

/* Sets of entries of one size. */
struct l1_bank {
    char *sets;
    size_t set_count;
    size_t entry_bytes;
};

struct l1_table {
    atomic_bool is_open;   /* all below is there, and stays as it is */
    pthread_mutex_t mutex; /* while it is not: of these two */
    bool has_missed;       /* a raise */
    char *database, *path; /* both NULL: it is memory of this process */
    int fd;                /* of the file, which is locked through it; else -1 */
    bool needs_licence;    /* other machines share its Redis */
    size_t mbytes;
    uint64_t format;
    void *map;
    size_t map_bytes;
    struct l1_header *header;
    _Atomic uint64_t *generations;
    struct l1_bank banks[L1_BANKS]; /* the smaller entries first; set_count 0: values are not kept */
    uint64_t seed;                  /* of check sums */
    unsigned hand;                  /* where the next search for a victim begins; any value will do */
};

/* For an open: map is there. Divides what is behind the generations into banks. */
void l1_divide(struct l1_table *table, size_t mbytes);

#endif
