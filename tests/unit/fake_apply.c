/* SPDX-License-Identifier: MIT */
/* The fake store's batches of queued writes, by the rules that the real ones share. */
#include "fake_store_inside.h"

#include <string.h>

#include "base/mem.h"
#include "fake_events.h"
#include "store/bookmark.h"
#include "store/fold.h"

/* Of two shards that are so far apart only one may be used. */
static struct applied *applied_of(struct store *store, unsigned shard)
{
    return &store->applied[shard % SHARDS_MAX];
}

enum status store_apply_claim(struct store *store, unsigned shard, const struct token *owner,
                              struct store_bookmark *bookmark, struct error *error)
{
    enum status status = fake_call_begin(store, FAKE_APPLY_CLAIM, error);
    bookmark->count = 0;
    if (status != STATUS_OK && status != STATUS_UNKNOWN)
        return status;
    struct applied *applied = applied_of(store, shard);
    applied->owner = *owner;
    if (!applied->bookmark.name.text[0])
        applied->bookmark.name = *owner;
    *bookmark = applied->bookmark;
    bookmark->place = "memory";
    return status;
}

/* What the store has of the batch's todos and keys. A row of the store always can be read. */
static void fold_read(struct store *store, struct fold *fold, struct arena *arena)
{
    for (size_t i = 0; i < fold->todo_count; i++) {
        const struct row *row = fake_row_find(store, fold->todos[i].id);
        if (row) {
            fold->todos[i].found = STATUS_OK;
            todo_copy(&fold->todos[i].stored, &row->todo, arena);
        }
    }
    for (size_t i = 0; i < fold->key_count; i++) {
        const struct kept *kept = fake_kept_find(store, fold->keys[i].key);
        if (kept) {
            fold->keys[i].found = STATUS_OK;
            fold->keys[i].stored = kept->answer;
        }
    }
}

static void fold_write(struct store *store, const struct fold *fold)
{
    for (size_t i = 0; i < fold->todo_count; i++) {
        enum fold_change change = fold_change(&fold->todos[i]);
        if (change == FOLD_DELETE)
            fake_row_remove(store, fold->todos[i].id);
        else if (change != FOLD_NONE)
            fake_row_set(store, &fold->todos[i].next);
    }
    for (size_t i = 0; i < fold->key_count; i++)
        if (fold->keys[i].is_kept)
            fake_answer_keep(fake_kept_make(store, fold->keys[i].key), &fold->keys[i].stored);
}

enum status store_apply(struct store *store, const struct store_batch *batch, struct store_applied *results,
                        struct error *error)
{
    struct fold fold;
    struct arena arena;
    struct applied *applied = applied_of(store, batch->shard);
    struct store_bookmark *bookmark = &applied->bookmark;
    enum status status = fake_call_begin(store, FAKE_APPLY, error);
    if (status != STATUS_OK && status != STATUS_UNKNOWN)
        return status;
    int64_t last = bookmark->count > 0 ? bookmark->last[bookmark->count - 1].number : 0;
    enum status allowed = bookmark_check(batch, slice_of(applied->owner.text), last, error);
    if (allowed != STATUS_OK)
        return allowed;
    bug_unless(store_apply_run(batch->writes, batch->count) == batch->count, "a batch that is more than one run");
    arena_init(&arena);
    fold_begin(&fold, batch, &arena);
    fold_read(store, &fold, &arena);
    allowed = fold_run(&fold, fake_now_ms(), results, error);
    if (allowed == STATUS_OK) {
        fold_write(store, &fold);
        bookmark->count = batch->count;
        memcpy(bookmark->last, results, batch->count * sizeof(*results));
    }
    arena_fini(&arena);
    return allowed == STATUS_OK ? status : allowed;
}
