/* SPDX-License-Identifier: MIT */
/* A list of changes, of which the first may be lost, and a record. Calls are noted in the journal. */
#include "fake_follow.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "fake_events.h"
#include "fake_journal.h"

enum { CHANGES_MAX = 1200 };

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
