/* SPDX-License-Identifier: MIT */
/* What the files of the fake store share: fake_store.c and fake_apply.c. */
#ifndef TESTS_UNIT_FAKE_STORE_INSIDE_H
#define TESTS_UNIT_FAKE_STORE_INSIDE_H

#include "fake_store.h"

enum {
    ROWS_MAX = 300,
    FENCES_MAX = 2000,
    ANSWERS_MAX = 20,
    TEXT_MAX = 64,
    BODY_MAX = 512,
    SHARDS_MAX = 9,
    SLOTS_ROOM = 1 << 16
};

struct row {
    struct todo todo;
    char name[TEXT_MAX], description[TEXT_MAX];
};

struct kept {
    struct store_answer answer;
    char body[BODY_MAX], etag[TEXT_MAX];
};

/* How far a shard of the queue is; no owner: nobody has claimed it yet. */
struct applied {
    struct token owner;
    struct store_bookmark bookmark;
};

struct store {
    struct row rows[ROWS_MAX];
    size_t row_count;
    struct kept kept[ANSWERS_MAX];
    size_t kept_count;
    struct store_fence fences[FENCES_MAX];
    size_t fence_count;
    int64_t last_place;
    struct applied applied[SHARDS_MAX];
    struct store_meta meta;
    char slots[SLOTS_ROOM];
    struct store_watermark watermark; /* empty: its reads show every write at once */
    struct store_survey survey;
    bool away;
    enum cause cause;
    unsigned calls[FAKE_CALLS];
    enum fake_call fails;
    unsigned fails_after;
    enum status fails_with; /* STATUS_OK: none is to fail */
    int64_t slow_ms[FAKE_CALLS];
};

struct row *fake_row_find(const struct store *store, const char *id);
void fake_row_set(struct store *store, const struct todo *todo);
void fake_row_remove(struct store *store, const char *id);
struct kept *fake_kept_find(struct store *store, const char *key);
struct kept *fake_kept_make(struct store *store, const char *key);
void fake_answer_keep(struct kept *kept, const struct store_answer *answer);

/* Notes the call; any status but STATUS_OK is its end, STATUS_UNKNOWN after it was applied. */
enum status fake_call_begin(struct store *store, enum fake_call call, struct error *error);

#endif
