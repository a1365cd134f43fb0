/* SPDX-License-Identifier: MIT */
/*
 * A fenced write: nothing that the cache holds may outlive the change of what it shows.
 *
 *   cache_write_run -> fence (todos, list) --ok--> store --known outcome--> unfence (todos, list) -> answer
 *                       ^ |                         \--unknown outcome--> answer; the fence runs out by itself
 *           Redis is    | |
 *           coming back | \--Redis away--> outbox: record open, store, record settled -> answer
 *                       wait
 *
 * fence deletes the entries and keeps readers from filling new ones; unfence deletes once more, in case the fence was lost
 * in between, and lets readers fill again. The list's generation is replaced at both ends. All are scripts, so each is one
 * step for Redis; todo and list are two calls, because they live in different slots.
 *
 * If Redis can't take the fence, the store's outbox takes it, before the write and beside it; outbox.c brings it to Redis
 * later. Should Redis be trusted by the time the store has answered, its entries go before the answer does, be it another Redis
 * than the fence was in. One that answers with an error is trusted no longer: it still has the entry.
 *
 * If Redis took the fence but not the unfence, a settled record goes to the outbox, and if the store can't take it either, this
 * process remembers it (outbox_owe). So an invalidation is never lost while anything is alive to keep it, and a worker killed
 * anywhere leaves at worst a mark that runs out.
 *
 * A write that waited in the queue for so long that its fence may run out before the store is done isn't begun: a fence must
 * outlast the last moment at which the store may still apply the write (settings: write_deadline_ms, store_timeout_ms).
 *
 * A worker is up to a second late to learn that the epoch has moved on (an operator's purge, another Redis while its own lives
 * on). Its fence stands where others don't look any more, so after the commit the store is asked for the epoch; if that is
 * another one, a record in the outbox takes the fence to where they look.
 *
 * With caches in front (purge_url) the same job records their purge before the write, and the answer waits a little for their
 * acknowledgement, after the unfence: purge.c. Without, that costs a test of a pointer.
 */
#include <stdlib.h>

#include "base/clock.h"
#include "base/failpoint.h"
#include "base/log.h"
#include "base/mem.h"
#include "cache/cache_state.h"
#include "cache/fence.h"
#include "cache/lifetime.h"
#include "cache/mutant.h"
#include "cache/purge.h"

enum { AWAIT_MAX_MS = 1000, AWAIT_LOOK_MS = 5 };

static void write_await(struct cache_write *write);
static void write_store(struct cache_write *write);
static void write_unfence(struct cache_write *write);
static void write_settle(struct cache_write *write);
static void write_answer(struct cache_write *write);

static struct cache_write *write_of_job(struct pool_job *job)
{
    return (struct cache_write *)((char *)job - offsetof(struct cache_write, job));
}

/* What was said to one Redis means nothing to the next: its entries have another epoch in their keys. */
static bool is_same_redis(const struct cache_write *write)
{
    return write->cache->trusted && write->cache->epoch == write->epoch;
}

static struct fence_call write_call(const struct cache_write *write)
{
    return (struct fence_call){.token = &write->token,
                               .ids = write->ids,
                               .id_count = write->id_count,
                               .epoch = write->epoch,
                               .window_ms = write->cache->options.settings->write_deadline_ms};
}

/* ---- The steps, in running order ---- */

static void write_fence(struct cache_write *write);

static void on_look(void *ctx)
{
    struct cache_write *write = ctx;
    write->cache->options.events->timer_free(write->timer);
    write_await(write);
}

static void write_look_later(struct cache_write *write)
{
    const struct events *events = write->cache->options.events;
    write->timer = events->timer_new(events->loop, on_look, write);
    events->timer_start(write->timer, AWAIT_LOOK_MS);
}

/*
 * A worker that has just been started, or whose connection was cut, will trust Redis again in a moment; until then the others
 * go on answering from entries that this write makes old. So it waits for that moment, unless Redis seems to be away.
 */
static void write_await(struct cache_write *write)
{
    const struct cache *cache = write->cache;
    if (cache->trusted)
        write_fence(write);
    else if (link_is_coming(cache->link) && clock_wall_ms() < write->await_until_ms)
        write_look_later(write);
    else
        write_store(write);
}

static void on_fence_reply(void *ctx, const struct redis_reply *reply)
{
    struct cache_write *write = ctx;
    if (!redis_reply_ok(reply))
        write->scripts_failed = true;
    if (!reply)
        write->fence_unanswered = write->fence_may_be_late = true;
    if (reply && !redis_reply_ok(reply) && write->cache->options.settings->on_cache_down == CACHE_DOWN_ALLOW)
        link_distrust(write->cache->link, "it refuses a fence");
    if (--write->replies_left > 0)
        return;
    write->fenced = !write->scripts_failed && is_same_redis(write);
    if (write->fence_unanswered && clock_wall_ms() < write->await_until_ms)
        write_look_later(write); /* by then it is known that the connection is gone */
    else
        write_store(write);
}

static void write_fence(struct cache_write *write)
{
    write->epoch = write->cache->epoch;
    write->begun_at_ms = clock_wall_ms();
    write->scripts_failed = write->fence_unanswered = false;
    struct fence_call call = write_call(write);
    write->replies_left = 2;
    stats_add(write->cache->options.stats, STAT_FENCE, write->id_count);
    fence_send(write->cache, &call, on_fence_reply, on_fence_reply, write);
}

/* pool thread: the fence must not run out while the store may still apply the write. */
static bool has_time_left(const struct cache_write *write)
{
    const struct settings *settings = write->cache->options.settings;
    int64_t waited_ms = clock_wall_ms() - write->begun_at_ms;
    return waited_ms >= 0 && waited_ms + 2 * settings->store_timeout_ms < settings->write_deadline_ms;
}

static struct purge_write purge_write_of(const struct cache_write *write)
{
    return (struct purge_write){.token = &write->token,
                                .ids = write->ids,
                                .id_count = write->id_count,
                                .last_at_ms = write->begun_at_ms + write->cache->options.settings->write_deadline_ms};
}

/* pool thread: whom to tell is known before there is something to tell. */
static enum status write_record_purges(struct cache_write *write, struct error *error)
{
    struct purge_write purges = purge_write_of(write);
    enum status status = purge_record(write->cache->purge, &purges, error);
    write->purges_recorded = status == STATUS_OK;
    return status == STATUS_UNKNOWN ? STATUS_UNAVAILABLE : status; /* nothing of the write itself was begun */
}

static enum status store_work(struct pool_job *job, struct error *error)
{
    struct cache_write *write = write_of_job(job);
    enum status recorded = write->cache->purge ? write_record_purges(write, error) : STATUS_OK;
    if (recorded != STATUS_OK)
        return recorded;
    if (!has_time_left(write))
        return error_set(error, STATUS_BUSY, "the write waited too long for the store; nothing was written, try again");
    failpoint_pass(FAILPOINT_WRITE_AFTER_FENCE);
    enum status status = write->work(write, write->cache->options.store, error);
    failpoint_pass(FAILPOINT_WRITE_AFTER_COMMIT);
    return status;
}

/* Whether the store may hold something new. A "no" about one todo is certain; about a batch it may be about a part. */
static bool may_have_written(const struct cache_write *write, enum status status)
{
    return status == STATUS_OK || status == STATUS_UNKNOWN || write->id_count > 1;
}

static enum status outbox_put(struct cache_write *write, bool settled, struct error *error)
{
    int64_t deadline_at_ms = write->begun_at_ms + write->cache->options.settings->write_deadline_ms;
    struct store_fence *fences = mem_zalloc(write->id_count * sizeof(*fences));
    for (size_t i = 0; i < write->id_count; i++) {
        fences[i] = (struct store_fence){.token = write->token, .deadline_at_ms = deadline_at_ms, .settled = settled};
        memcpy(fences[i].id, write->ids[i], strlen(write->ids[i]) + 1);
    }
    enum status status = store_outbox_put(write->cache->options.store, fences, write->id_count, error);
    free(fences);
    return status;
}

/* pool thread; what the store doesn't tell counts as moved. */
static bool epoch_has_moved(const struct cache_write *write)
{
    struct store_meta meta;
    struct error error;
    if (failpoint_is_on(FAILPOINT_EPOCH_UNLOOKED))
        return false;
    return store_meta_get(write->cache->options.store, &meta, &error) != STATUS_OK || meta.epoch != write->epoch;
}

/*
 * Who has learned of another epoch never met this fence, and may have filled in what the write makes old. An epoch that moves
 * after the look is no matter: who fills under it asks the store after this commit. A store that left the outcome open is not kept
 * waiting for: that write is one whose mark is lost, and the entry's lifetime ends it.
 */
static enum status fenced_work(struct pool_job *job, struct error *error)
{
    struct cache_write *write = write_of_job(job);
    struct error not_recorded;
    enum status status = store_work(job, error);
    write->overtaken = status != STATUS_UNKNOWN && may_have_written(write, status) && epoch_has_moved(write);
    if (write->overtaken)
        write->recorded = outbox_put(write, true, &not_recorded) == STATUS_OK;
    return status;
}

/* Redis is away: an open record, the write, the record settled. If the last fails, it counts as settled at its deadline. */
static enum status outbox_work(struct pool_job *job, struct error *error)
{
    struct cache_write *write = write_of_job(job);
    enum status put = outbox_put(write, false, error);
    if (put != STATUS_OK)
        return put == STATUS_UNKNOWN ? STATUS_UNAVAILABLE : put; /* nothing of the write itself was begun */
    enum status status = store_work(job, error);
    struct error left_open;
    if (status != STATUS_UNKNOWN && outbox_put(write, true, &left_open) != STATUS_OK)
        log_warn(NULL, "outbox_not_settled", "token=%s error=\"%s\"", write->token.text, left_open.text);
    return status;
}

static void count_outcome(struct cache *cache, enum status status)
{
    switch (status) {
    case STATUS_OK:
        cache_count(cache, STAT_STORE_WRITE_OK);
        break;
    case STATUS_UNKNOWN:
        cache_count(cache, STAT_STORE_WRITE_UNKNOWN);
        break;
    case STATUS_BUSY:
    case STATUS_UNAVAILABLE:
        cache_count(cache, STAT_STORE_WRITE_FAILED);
        break;
    default:
        cache_count(cache, STAT_STORE_WRITE_REFUSED);
        break;
    }
}

/*
 * What the write made old must be gone before the answer: at once if reads trust Redis, be it another one by now or another
 * epoch, where readers met no mark of ours; else by a record, which is drained before they trust it again.
 */
static void write_clear(struct cache_write *write)
{
    if (write->cache->trusted)
        write_unfence(write);
    else if (write->recorded)
        write_answer(write);
    else
        write_settle(write);
}

static void on_stored(struct pool_job *job, enum status status, const struct error *error)
{
    struct cache_write *write = write_of_job(job);
    bool is_clear = !write->fenced && status != STATUS_OK; /* nothing was written */
    count_outcome(write->cache, status);
    write->status = status;
    if (error)
        write->error = *error;
    if (write->overtaken && write->recorded)
        stats_add(write->cache->options.stats, STAT_OUTBOX_ADDED, write->id_count);
    if (status == STATUS_UNKNOWN || is_clear) {
        write_answer(write); /* fence or record must run out, if there is one */
        return;
    }
    if (write->recorded)
        outbox_note_settled(write->cache->outbox);
    write_clear(write);
}

static void on_refuse(void *ctx)
{
    struct cache_write *write = ctx;
    write->cache->options.events->timer_free(write->timer);
    write_answer(write);
}

/* Through a timer, because an answer never comes before the write's starter has returned. */
static void write_refuse(struct cache_write *write)
{
    const struct events *events = write->cache->options.events;
    write->status = error_set(&write->error, STATUS_UNAVAILABLE,
                              "the cache is away and on_cache_down = refuse; nothing was written, try again");
    write->timer = events->timer_new(events->loop, on_refuse, write);
    events->timer_start(write->timer, 0);
}

static void write_store(struct cache_write *write)
{
    struct cache *cache = write->cache;
    if (!write->fenced && cache->options.settings->on_cache_down == CACHE_DOWN_REFUSE) {
        write_refuse(write);
        return;
    }
    if (!write->fenced)
        stats_add(cache->options.stats, STAT_OUTBOX_ADDED, write->id_count);
    write->recorded = !write->fenced;
    write->job = (struct pool_job){.work = write->fenced ? fenced_work : outbox_work, .done = on_stored};
    pool_run(cache->options.pool, &write->job);
}

static enum status settle_work(struct pool_job *job, struct error *error)
{
    return outbox_put(write_of_job(job), true, error);
}

static void on_settled(struct pool_job *job, enum status status, const struct error *error)
{
    struct cache_write *write = write_of_job(job);
    (void)error;
    write->recorded = true;
    if (status == STATUS_OK)
        outbox_note_settled(write->cache->outbox);
    else
        outbox_owe(write->cache->outbox, &write->token, write->ids, write->id_count);
    write_clear(write);
}

static void write_settle(struct cache_write *write)
{
    stats_add(write->cache->options.stats, STAT_OUTBOX_ADDED, write->id_count);
    write->job = (struct pool_job){.work = settle_work, .done = on_settled};
    pool_run(write->cache->options.pool, &write->job);
}

static void on_unfence_reply(void *ctx, const struct redis_reply *reply)
{
    struct cache_write *write = ctx;
    if (!redis_reply_ok(reply))
        write->scripts_failed = true;
    if (reply && !redis_reply_ok(reply))
        link_distrust(write->cache->link, "it refuses an unfence");
    if (--write->replies_left > 0)
        return;
    write->entries_gone = !write->scripts_failed && is_same_redis(write) && !write->overtaken;
    if (write->entries_gone || write->recorded)
        write_answer(write);
    else
        write_settle(write);
}

/* Marks that were lost on the way. */
static void write_count_lost(const struct cache_write *write, int64_t count)
{
    stats_add(write->cache->options.stats, STAT_FENCE_LOST, (uint64_t)count);
    mutant_unmark(write->cache, write->epoch, write->ids[0]);
}

static void on_published(void *ctx, const struct redis_reply *reply)
{
    struct cache_write *write = ctx;
    int64_t answer = redis_reply_ok(reply) ? redis_reply_integer(reply) : 0;
    cache_count(write->cache, answer == 1 ? STAT_PUBLISHED : STAT_PUBLISH_REFUSED);
    if (answer == -1)
        write_count_lost(write, 1);
    on_unfence_reply(ctx, reply);
}

/* What this write made the store hold is as old as the write's begin, and cost what the write did. */
static void write_publish(struct cache_write *write, const struct fence_call *call)
{
    const struct cache *cache = write->cache;
    struct entry entry = {.todo = *write->written,
                          .at_ms = write->begun_at_ms,
                          .cost_ms = (write->job.ended_at_us - write->job.started_at_us) / 1000};
    publish_send(write->cache, call, &entry, lifetime_ms(cache, false, write->ids[0], entry.at_ms).kept_ms,
                 on_published, on_unfence_reply, write);
}

/* The first of the pair also tells how many marks were lost on the way. */
static void on_unfence_todos_reply(void *ctx, const struct redis_reply *reply)
{
    struct cache_write *write = ctx;
    if (write->fenced && redis_reply_ok(reply) && redis_reply_integer(reply) > 0)
        write_count_lost(write, redis_reply_integer(reply));
    on_unfence_reply(ctx, reply);
}

static void write_unfence(struct cache_write *write)
{
    write->fenced = write->fenced && is_same_redis(write);
    write->epoch = write->cache->epoch;
    struct fence_call call = write_call(write);
    write->replies_left = 2;
    write->scripts_failed = false;
    stats_add(write->cache->options.stats, STAT_UNFENCE, write->id_count);
    failpoint_pass(FAILPOINT_WRITE_BEFORE_UNFENCE);
    /* A fence of this write that comes late, over a connection that was given up, would vouch for what is old by then. */
    bool has_whole_view = write->fenced && !write->fence_may_be_late && !write->overtaken;
    bool may_publish = has_whole_view && write->status == STATUS_OK && write->written && write->id_count == 1;
    if (may_publish && write->cache->options.settings->write_policy == WRITE_PUBLISH)
        write_publish(write, &call);
    else
        unfence_send(write->cache, &call, on_unfence_todos_reply, on_unfence_reply, write);
}

static void on_purged(void *ctx, bool acknowledged)
{
    struct cache_write *write = ctx;
    if (acknowledged)
        write->purge = CACHE_PURGE_DONE;
    else
        cache_count(write->cache, STAT_PURGE_PENDING);
    write->done(write, write->status, &write->error);
}

static enum purge_outcome purge_outcome_of(const struct cache_write *write)
{
    if (write->status == STATUS_OK)
        return write->entries_gone ? PURGE_WRITTEN : PURGE_DOUBT;
    return may_have_written(write, write->status) ? PURGE_DOUBT : PURGE_NOTHING;
}

static void write_purge(struct cache_write *write)
{
    struct purge_write purges = purge_write_of(write);
    enum purge_outcome outcome = purge_outcome_of(write);
    write->purge = outcome == PURGE_NOTHING ? CACHE_PURGE_NONE : CACHE_PURGE_PENDING;
    if (purge_send(write->cache->purge, &purges, outcome, on_purged, write))
        return;
    if (outcome != PURGE_NOTHING)
        cache_count(write->cache, STAT_PURGE_PENDING);
    write->done(write, write->status, &write->error);
}

static void write_answer(struct cache_write *write)
{
    if (write->purges_recorded)
        write_purge(write);
    else
        write->done(write, write->status, &write->error);
}

void cache_write_run(struct cache *cache, struct cache_write *write)
{
    bug_unless(write->id_count > 0, "a write without ids");
    write->cache = cache;
    write->token = token_new();
    write->epoch = cache->epoch;
    write->begun_at_ms = clock_wall_ms();
    write->await_until_ms = write->begun_at_ms + AWAIT_MAX_MS;
    write->fenced = write->recorded = write->overtaken = write->scripts_failed = write->fence_may_be_late = false;
    write->written = NULL;
    write->purge = CACHE_PURGE_NONE;
    write->purges_recorded = write->entries_gone = false;
    write->error = (struct error){0};
    write_await(write);
}
