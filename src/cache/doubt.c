/* SPDX-License-Identifier: MIT */
/*
 * Marks past their deadline.
 *
 *   acquire.lua says DOUBT -> noted -> store_barrier (pool thread) --ok--> clear.lua, list_clear.lua
 *                                                 \--failed--> forgotten; the next reader notes it again
 *
 * A mark's deadline is longer than the store may work on a write. But a write that was applied on a primary may become
 * visible much later, when a majority has it; and its writer gave up long ago (STATUS_UNKNOWN), or was killed. If
 * readers could fill when the deadline is over, they would store the old value, and it would stay for its lifetime. So
 * a mark never ends by time alone: its writer removes it, or a worker does after store_barrier() has shown that every
 * earlier write is visible or never will be.
 *
 * Until then readers bypass the cache for these ids: slower, never stale. Readers do not wait for the barrier. While it
 * fails (no majority), at most one runs at a time, after a pause of RETRY_MS.
 *
 * Bounded: NOTES_MAX ids are noted at a time; for others the next reader asks again.
 *
 * It does not know what the marks' writes were, and does not decide what a reader may answer.
 */
#include "cache/doubt.h"

#include <stdlib.h>
#include <string.h>

#include "base/container.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/todo.h"
#include "cache/keys.h"
#include "cache/scripts.h"
#include "cache/watermark.h"

enum { NOTES_MAX = 64, RETRY_MS = 250 };

struct note {
    char id[TODO_ID_MAX + 1]; /* empty: the list */
    struct home home;
    int64_t at_ms; /* Redis' time when the mark was past its deadline */
};

struct doubt {
    const struct cache_options *options;
    struct note notes[NOTES_MAX];
    size_t note_count;
    struct note asked[NOTES_MAX]; /* what the barrier under way is for */
    size_t asked_count;
    struct pool_job job;
    bool job_runs;
    bool was_logged;     /* this failure is in the log */
    int64_t retry_at_ms; /* loop time */
};

static void doubt_ask(struct doubt *doubt);

static void on_cleared(void *ctx, const struct redis_reply *reply)
{
    (void)ctx, (void)reply; /* if it failed, the next reader meets the same marks */
}

static void clear_send(const struct note *note)
{
    struct redis *redis = note->home.redis;
    int64_t epoch = note->home.epoch;
    char at_text[INT64_TEXT_MAX + 1];
    const struct slice at = slice_of_int64(at_text, note->at_ms);
    if (note->id[0]) {
        struct todo_keys all;
        struct slice keys[TODO_KEY_COUNT];
        todo_keys_init(&all, epoch, note->id);
        todo_keys_put(keys, &all);
        script_run(redis, SCRIPT_CLEAR, keys, TODO_KEY_COUNT, &at, 1, on_cleared, NULL);
    } else {
        struct list_keys all;
        struct slice keys[LIST_KEY_COUNT];
        list_keys_init(&all, epoch, NULL);
        list_keys_put(keys, &all);
        script_run(redis, SCRIPT_LIST_CLEAR, keys, LIST_KEY_COUNT, &at, 1, on_cleared, NULL);
    }
}

/* Notes of an earlier period of trust are about keys that may have another epoch by now. */
static size_t notes_drop_old(struct note *notes, size_t count)
{
    size_t kept_count = 0;
    for (size_t i = 0; i < count; i++)
        if (home_holds(&notes[i].home))
            notes[kept_count++] = notes[i];
    return kept_count;
}

/* The barrier's own watermark goes first: a reader that acquires then must see what it has shown. */
static void clear_all(struct doubt *doubt)
{
    const struct cache_options *options = doubt->options;
    doubt->asked_count = notes_drop_old(doubt->asked, doubt->asked_count);
    for (size_t i = 0; i < doubt->asked_count; i++) {
        const struct home *home = &doubt->asked[i].home;
        if (i == 0 || home->slot != doubt->asked[i - 1].home.slot)
            watermark_tell(home, options->settings, options->store, on_cleared, NULL);
        clear_send(&doubt->asked[i]);
        if (doubt->asked[i].id[0])
            trail_note(options->trail, TRAIL_CLEARED, doubt->asked[i].id, NULL, 0);
    }
    stats_add(options->stats, STAT_MARKS_CLEARED, doubt->asked_count);
}

/* pool thread */
static enum status barrier_work(struct pool_job *job, struct error *error)
{
    return store_barrier(container_of(job, struct doubt, job)->options->store, error);
}

static void barrier_failed(struct doubt *doubt, const struct error *error)
{
    doubt->retry_at_ms = events_now_ms(doubt->options->events) + RETRY_MS;
    if (!doubt->was_logged)
        log_warn(NULL, "doubt_remains", "marks=%zu error=\"%s\" action=\"reads bypass the cache for these ids\"",
                 doubt->asked_count, error->text);
    doubt->was_logged = true;
}

static void on_barrier(struct pool_job *job, enum status status, const struct error *error)
{
    struct doubt *doubt = container_of(job, struct doubt, job);
    doubt->job_runs = false;
    if (status != STATUS_OK) {
        barrier_failed(doubt, error);
        return;
    }
    doubt->was_logged = false;
    clear_all(doubt);
    if (doubt->note_count > 0)
        doubt_ask(doubt);
}

/* The notes that are there now; later ones need another barrier. */
static void doubt_ask(struct doubt *doubt)
{
    memcpy(doubt->asked, doubt->notes, doubt->note_count * sizeof(*doubt->notes));
    doubt->asked_count = doubt->note_count;
    doubt->note_count = 0;
    doubt->job_runs = true;
    doubt->job = (struct pool_job){.lane = POOL_CARE, .work = barrier_work, .done = on_barrier};
    pool_run(doubt->options->pool, &doubt->job);
}

static struct note *note_of(struct doubt *doubt, const char *id)
{
    doubt->note_count = notes_drop_old(doubt->notes, doubt->note_count);
    for (size_t i = 0; i < doubt->note_count; i++)
        if (strcmp(doubt->notes[i].id, id) == 0)
            return &doubt->notes[i];
    return doubt->note_count < NOTES_MAX ? &doubt->notes[doubt->note_count++] : NULL;
}

void doubt_note(struct doubt *doubt, const struct home *home, const char *id, int64_t at_ms)
{
    struct note *note = note_of(doubt, id);
    if (!note)
        return;
    memcpy(note->id, id, strlen(id) + 1);
    note->home = *home;
    note->at_ms = at_ms;
    if (!doubt->job_runs && events_now_ms(doubt->options->events) >= doubt->retry_at_ms)
        doubt_ask(doubt);
}

void doubt_note_list(struct doubt *doubt, const struct home *home, int64_t at_ms)
{
    doubt_note(doubt, home, "", at_ms);
}

bool doubt_parse(struct slice answer, int64_t *at_ms)
{
    static const char word[] = "DOUBT ";
    size_t len = sizeof(word) - 1;
    return answer.len > len && memcmp(answer.data, word, len) == 0 &&
           slice_to_int64((struct slice){answer.data + len, answer.len - len}, at_ms);
}

struct doubt *doubt_new(const struct cache_options *options)
{
    struct doubt *doubt = mem_zalloc(sizeof(*doubt));
    doubt->options = options;
    return doubt;
}

void doubt_free(struct doubt *doubt)
{
    bug_unless(!doubt || !doubt->job_runs, "the doubt is freed while a barrier is under way");
    free(doubt);
}
