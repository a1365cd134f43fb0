/* SPDX-License-Identifier: MIT */
/*
 * The ids that are read most, as far as a sample of the hits tells: a list of a fixed size, for todoctl warm.
 *
 * The memory is the caller's (server/stats_file.c); all zero is empty. One process notes, any number may read
 * meanwhile.
 */
#ifndef BASE_HOT_H
#define BASE_HOT_H

#include <stddef.h>
#include <stdint.h>

#include "base/todo.h"

enum { HOT_BUCKETS = 128, HOT_BUCKET_IDS = 8 };

struct hot_id {
    char id[TODO_ID_MAX + 1]; /* empty: none */
    uint32_t count;           /* as of the time below */
    int64_t age;              /* the time, in periods of some minutes */
};

struct hot_list {
    struct hot_id ids[HOT_BUCKETS][HOT_BUCKET_IDS];
};

void hot_note(struct hot_list *list, const char *id, int64_t now_us);

/*
 * The ids of several lists, the hottest first, each once. Returns an array that the caller frees; count says how many.
 * What is no id (a list that is damaged, or just being written) is left out.
 */
struct hot_id *hot_merge(const struct hot_list *const *lists, size_t list_count, int64_t now_us, size_t *count);

#endif
