/* SPDX-License-Identifier: MIT */
/*
 * Bookmarks of the queue's shards: how far each is applied, and by whom (apply.h).
 *
 * The text has a word for each write of the latest batch, all of it in hex:
 *
 *   1a2b3c00+1.10f3a9c2e5d7b 4=7.10f3a9c2e5d7b 10-0.0
 *
 * the number (after the first word: how much greater than the one before), a sign for what became of it, and version
 * and life; then "@" and an id, if it tells of another todo than the write's. It is some 25 bytes a write: the text is
 * written anew with each batch. A person who looks for a lost write can read it.
 *
 * A bookmark that can't be read stops its shard. A guess could apply a batch again, or never.
 */
#include "store/bookmark.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/failpoint.h"

static const struct {
    char sign;
    enum status status;
    bool created;
} OUTCOMES[] = {
    {'+', STATUS_OK, true},      {'=', STATUS_OK, false},       {'-', STATUS_NOT_FOUND, false},
    {'!', STATUS_EXISTS, false}, {'~', STATUS_MISMATCH, false}, {'?', STATUS_INVALID, false},
};

enum { OUTCOME_COUNT = sizeof(OUTCOMES) / sizeof(OUTCOMES[0]) };

enum status bookmark_check(const struct store_batch *batch, struct slice owner, int64_t last, struct error *error)
{
    if (!slice_equal(owner, slice_of(batch->owner.text)))
        return failpoint_is_on(FAILPOINT_OWNER_UNLOOKED)
                   ? STATUS_OK
                   : error_set(error, STATUS_MISMATCH, "another applier has shard %u now", batch->shard);
    if (last >= batch->writes[0].number && !failpoint_is_on(FAILPOINT_BOOKMARK_UNLOOKED))
        return error_set(error, STATUS_EXISTS, "shard %u is at %" PRId64 ", so %" PRId64 " can't be applied",
                         batch->shard, last, batch->writes[0].number);
    return STATUS_OK;
}

static char sign_of(const struct store_applied *applied)
{
    for (size_t i = 0; i < OUTCOME_COUNT; i++)
        if (OUTCOMES[i].status == applied->status && OUTCOMES[i].created == applied->created)
            return OUTCOMES[i].sign;
    bug_unless(false, "a queued write with an outcome that none has");
    return '\0';
}

void bookmark_print(struct buf *text, const struct store_applied *results, size_t count)
{
    int64_t before = 0;
    for (size_t i = 0; i < count; i++) {
        buf_printf(text, "%" PRIx64 "%c%" PRIx64 ".%" PRIx64 "%s%s ", (uint64_t)(results[i].number - before),
                   sign_of(&results[i]), (uint64_t)results[i].version.v, (uint64_t)results[i].version.life,
                   *results[i].id ? "@" : "", results[i].id);
        before = results[i].number;
    }
}

/* The end of a word: the id, if it has one, and a space. Returns what is behind it; NULL: that is no end. */
static const char *end_parse(const char *text, struct store_applied *applied)
{
    if (*text == '@') {
        struct slice id = {text + 1, strcspn(text + 1, " ")};
        if (!todo_id_valid(id))
            return NULL;
        slice_copy(applied->id, sizeof(applied->id), id);
        text = id.data + id.len;
    }
    return *text == ' ' ? text + 1 : NULL;
}

/* Returns what is behind the word; NULL: it is none. */
static const char *word_parse(const char *text, int64_t before, struct store_applied *applied)
{
    uint64_t more, v, life;
    char sign;
    int len = 0;
    if (sscanf(text, "%16" SCNx64 "%c%16" SCNx64 ".%16" SCNx64 "%n", &more, &sign, &v, &life, &len) < 4 || more == 0 ||
        more > (uint64_t)(INT64_MAX - before) || v > INT64_MAX || life > INT64_MAX)
        return NULL;
    for (size_t i = 0; i < OUTCOME_COUNT; i++) {
        if (OUTCOMES[i].sign != sign)
            continue;
        *applied = (struct store_applied){.number = before + (int64_t)more,
                                          .status = OUTCOMES[i].status,
                                          .created = OUTCOMES[i].created,
                                          .version = {.v = (int64_t)v, .life = (int64_t)life}};
        return end_parse(text + len, applied);
    }
    return NULL;
}

enum status bookmark_parse(struct slice text, struct store_bookmark *bookmark, struct error *error)
{
    const char *at = text.data;
    bookmark->count = 0;
    while (at && *at && bookmark->count < STORE_APPLY_MAX) {
        int64_t before = bookmark->count > 0 ? bookmark->last[bookmark->count - 1].number : 0;
        at = word_parse(at, before, &bookmark->last[bookmark->count]);
        bookmark->count += at ? 1 : 0;
    }
    if (at && at == text.data + text.len)
        return STATUS_OK;
    bookmark->count = 0;
    error_set(error, STATUS_UNAVAILABLE, "the bookmark of a shard of the queue is damaged: \"%.40s\"",
              at ? at : text.data);
    return error_because(error, CAUSE_DAMAGED, STATUS_UNAVAILABLE);
}
