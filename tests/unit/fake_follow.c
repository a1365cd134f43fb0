/* SPDX-License-Identifier: MIT */
/* A list of changes, of which the first may be lost, a record, and a feed. Calls are noted in the journal, but for the feed's. */
#include "fake_follow.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "fake_events.h"
#include "fake_journal.h"

enum { CHANGES_MAX = 5000 };

struct store_stream {
    size_t at;
};

static struct change_event history[CHANGES_MAX]; /* without an id: the collection is dropped */
static size_t change_count, lost_count;

static struct {
    char owner[TOKEN_LEN + 1];
    int64_t expires_at_ms;
    struct resume_token resume_after;
} record;

static struct feed_row feed_rows[CHANGES_MAX];
static size_t feed_count;
static unsigned feed_calls;
static enum status feed_status;

static bool claims_unsupported, streams_unsupported;
static const char *failing_call;
static enum status failing_status;
static unsigned stream_count;

/* ---- What tests do to it ---- */

void fake_follow_reset(void)
{
    memset(&record, 0, sizeof(record));
    change_count = lost_count = 0;
    claims_unsupported = streams_unsupported = false;
    failing_call = NULL;
    stream_count = 0;
    feed_count = feed_calls = 0;
    feed_status = STATUS_OK;
}

static struct change_event *history_add(const char *id)
{
    bug_unless(change_count < CHANGES_MAX, "the fake history is full");
    struct change_event *event = &history[change_count++];
    *event = (struct change_event){0};
    memcpy(event->id, id, strlen(id) + 1);
    return event;
}

void fake_follow_change(const char *id, int64_t v, int64_t updated_at_ms)
{
    struct change_event *event = history_add(id);
    event->v = v;
    event->updated_at_ms = updated_at_ms;
}

void fake_follow_insert(const char *id, int64_t v, int64_t updated_at_ms, int64_t life)
{
    struct change_event *event = history_add(id);
    event->v = v;
    event->updated_at_ms = updated_at_ms;
    event->life = life;
}

void fake_follow_delete(const char *id)
{
    history_add(id)->deleted = true;
}

void fake_follow_drop(void)
{
    history_add("");
}

void fake_follow_lose_history(void)
{
    lost_count = change_count;
}

void fake_follow_set_unsupported(bool claims, bool streams)
{
    claims_unsupported = claims;
    streams_unsupported = streams;
}

void fake_follow_fail(const char *call, enum status status)
{
    failing_call = call;
    failing_status = status;
}

void fake_follow_take_lease(void)
{
    snprintf(record.owner, sizeof(record.owner), "somebody else");
    record.expires_at_ms = fake_now_ms() + 1000000;
}

bool fake_follow_is_leased(void)
{
    return record.expires_at_ms > fake_now_ms();
}

static size_t resume_token_get(const struct resume_token *resume_after)
{
    size_t at;
    memcpy(&at, resume_after->bytes, sizeof(at));
    return at;
}

int64_t fake_follow_resume_token(void)
{
    return record.resume_after.len_bytes ? (int64_t)resume_token_get(&record.resume_after) : -1;
}

unsigned fake_follow_stream_count(void)
{
    return stream_count;
}

/* ---- follow.h ---- */

static enum status call_begin(const char *call, struct error *error)
{
    fake_journal_add(call);
    if (!failing_call || strcmp(failing_call, call) != 0)
        return STATUS_OK;
    failing_call = NULL;
    return error_set(error, failing_status, "this call was to fail");
}

enum status store_follow_claim(struct store *store, const struct token *owner, uint32_t lease_ms,
                               struct resume_token *resume_after, struct error *error)
{
    (void)store;
    enum status status = call_begin("follow_claim", error);
    if (status != STATUS_OK)
        return status;
    if (claims_unsupported)
        return error_set(error, STATUS_UNSUPPORTED, "the fake store tells no changes");
    if (fake_follow_is_leased())
        return error_set(error, STATUS_BUSY, "another follows");
    memcpy(record.owner, owner->text, sizeof(record.owner));
    record.expires_at_ms = fake_now_ms() + lease_ms;
    *resume_after = record.resume_after;
    return STATUS_OK;
}

enum status store_follow_keep(struct store *store, const struct token *owner, uint32_t lease_ms,
                              const struct resume_token *resume_after, struct error *error)
{
    (void)store;
    enum status status = call_begin("follow_keep", error);
    if (status != STATUS_OK)
        return status;
    if (strcmp(record.owner, owner->text) != 0)
        return error_set(error, STATUS_MISMATCH, "another follows by now");
    record.expires_at_ms = fake_now_ms() + lease_ms;
    record.resume_after = *resume_after;
    return STATUS_OK;
}

enum status store_follow_release(struct store *store, const struct token *owner, struct error *error)
{
    (void)store;
    enum status status = call_begin("follow_release", error);
    if (status == STATUS_OK && strcmp(record.owner, owner->text) == 0)
        record.expires_at_ms = 0;
    return status;
}

enum status store_stream_open(struct store *store, const struct resume_token *resume_after,
                              struct store_stream **stream, struct error *error)
{
    (void)store;
    enum status status = call_begin("stream_open", error);
    *stream = NULL;
    if (status != STATUS_OK)
        return status;
    if (streams_unsupported)
        return error_set(error, STATUS_UNSUPPORTED, "the fake store stands alone");
    size_t at = resume_after->len_bytes ? resume_token_get(resume_after) : change_count;
    if (at < lost_count)
        return error_set(error, STATUS_NOT_FOUND, "that history is lost");
    *stream = mem_alloc(sizeof(**stream));
    (*stream)->at = at;
    stream_count++;
    return STATUS_OK;
}

enum status store_stream_read(struct store_stream *stream, uint32_t wait_ms, struct store_changes *changes,
                              struct error *error)
{
    (void)wait_ms;
    enum status status = call_begin("stream_read", error);
    changes->count = 0;
    if (status != STATUS_OK)
        return status;
    while (stream->at < change_count && changes->count < STORE_CHANGES_MAX) {
        const struct change_event *event = &history[stream->at++];
        if (event->id[0] == '\0')
            return error_set(error, STATUS_NOT_FOUND, "the collection was dropped");
        changes->items[changes->count++] = *event;
    }
    changes->full = changes->count == STORE_CHANGES_MAX;
    changes->resume_after.len_bytes = sizeof(stream->at);
    memcpy(changes->resume_after.bytes, &stream->at, sizeof(stream->at));
    return STATUS_OK;
}

void store_stream_close(struct store_stream *stream)
{
    if (!stream)
        return;
    fake_journal_add("stream_close");
    stream_count--;
    free(stream);
}

/* ---- feed.h ---- */

/* One that is there stays. The older half makes room. */
static void row_put(int64_t seq, enum feed_kind kind, const char *id)
{
    for (size_t i = 0; i < feed_count; i++)
        if (feed_rows[i].place.seq == seq)
            return;
    if (feed_count == CHANGES_MAX) {
        feed_count /= 2;
        memmove(feed_rows, &feed_rows[feed_count], feed_count * sizeof(*feed_rows));
    }
    struct feed_row *row = &feed_rows[feed_count++];
    *row = (struct feed_row){.place = {seq, (uint32_t)seq}, .kind = kind};
    snprintf(row->id, sizeof(row->id), "%s", id);
}

void fake_feed_begin(int64_t seq)
{
    row_put(seq, FEED_START, "");
}

void fake_feed_add(const char *id, enum feed_kind kind)
{
    row_put(feed_rows[feed_count - 1].place.seq + 1, kind, id);
}

size_t fake_feed_count(void)
{
    return feed_count;
}

const struct feed_row *fake_feed_row(size_t at)
{
    return &feed_rows[at];
}

unsigned fake_feed_calls(void)
{
    return feed_calls;
}

void fake_feed_fail(enum status status)
{
    feed_status = status;
}

static enum status feed_call_begin(struct error *error)
{
    feed_calls++;
    if (feed_status == STATUS_OK && feed_count > 0)
        return STATUS_OK;
    return error_set(error, feed_status ? feed_status : STATUS_UNAVAILABLE, "the fake feed was to fail, or is empty");
}

enum status store_feed_last(struct store *store, struct feed_place *last, struct error *error)
{
    (void)store;
    enum status status = feed_call_begin(error);
    if (status == STATUS_OK)
        *last = feed_rows[feed_count - 1].place;
    return status;
}

enum status store_feed_read(struct store *store, const struct feed_place *after, struct feed_rows *rows,
                            struct error *error)
{
    (void)store;
    size_t at = 0;
    rows->count = 0;
    enum status status = feed_call_begin(error);
    if (status != STATUS_OK)
        return status;
    while (at < feed_count && feed_rows[at].place.seq != after->seq)
        at++;
    if (at == feed_count || feed_rows[at].place.mark != after->mark ||
        (at + 1 < feed_count && feed_rows[at + 1].kind == FEED_START))
        return error_set(error, STATUS_NOT_FOUND, "the fake feed does not have this place");
    for (at++; at < feed_count && feed_rows[at].kind != FEED_START && rows->count < STORE_FEED_MAX; at++)
        rows->items[rows->count++] = feed_rows[at];
    rows->more = at < feed_count;
    return STATUS_OK;
}

enum status store_feed_add(struct store *store, int64_t after_seq, const struct store_changes *changes,
                           struct error *error)
{
    (void)store, (void)error;
    if (!changes)
        fake_feed_begin(after_seq + 1);
    for (size_t i = 0; changes && i < changes->count; i++)
        row_put(after_seq + 1 + (int64_t)i, changes->items[i].deleted ? FEED_DELETED : FEED_UPDATED,
                changes->items[i].id);
    return STATUS_OK;
}
