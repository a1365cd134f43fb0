/* SPDX-License-Identifier: MIT */
/*
 * The writer's side: tell.lua, then waiting.
 *
 *   tell.lua -> needs: for each other holder a number that it must have applied -> all have -> done
 *                                            \-- the time of a licence is over --> expel.lua -> done
 *
 * Why the wait ends by itself. Each licence counts from before its renew ran in Redis. One that was renewed before
 * tell.lua ran is over LICENCE_MS after that, and so after its answer came here; DRIFT_MS is for clocks that run at
 * different speeds. One that was renewed after that has got the names with its renew, and applied them first. The time
 * counts from a fresh look at the clock, because the loop's may be older than the answer.
 *
 * Who was waited for in vain is expelled, so that the next write needn't wait. Only if nothing was renewed since: else
 * it is alive, and would not be told any more. Nobody waits for that answer.
 *
 * An acknowledgement may overtake the answer of tell.lua, on the other connection. So the latest ones are kept: of each
 * incarnation the highest number.
 */
#include "peers/tell.h"

#include <stdlib.h>
#include <utlist.h>

#include "base/clock.h"
#include "base/failpoint.h"
#include "base/log.h"
#include "base/mem.h"
#include "l1/licence.h"
#include "peers/peers_state.h"
#include "redis/slot_map.h"

enum { KNOWN_MAX = 64, WAIT_US = (LICENCE_MS + DRIFT_MS) * 1000 };

/* A holder, and how far it must be, or is. */
struct progress {
    char machine[MACHINE_LEN + 1];
    char incarnation[TOKEN_LEN + 1];
    char renews[INT64_TEXT_MAX + 1];
    int64_t last;
    bool is_met; /* of a need */
};

struct tell {
    struct tell *prev, *next;
    struct tells *tells;
    int64_t epoch;
    bool waits;
    struct progress *needs;
    size_t need_count, left_count;
    int64_t end_at_us; /* monotonic */
    struct timer *timer;
    peers_told_cb done;
    void *ctx;
};

struct tells {
    struct peers *peers;
    struct tell *waiting;
    struct progress known[KNOWN_MAX]; /* a ring */
    size_t known_next;
};

static void tell_end(struct tell *tell, enum peers_outcome outcome)
{
    peers_told_cb done = tell->done;
    void *ctx = tell->ctx;
    if (tell->timer) {
        DL_DELETE(tell->tells->waiting, tell);
        tell->tells->peers->options.events->timer_free(tell->timer);
    }
    free(tell->needs);
    free(tell);
    done(ctx, outcome);
}

/* ---- Acknowledgements ---- */

static bool is_same(const struct progress *a, const struct progress *b)
{
    return strcmp(a->incarnation, b->incarnation) == 0 && strcmp(a->machine, b->machine) == 0;
}

/* Whether that was the last one. */
static bool tell_meet(struct tell *tell, const struct progress *seen)
{
    for (size_t i = 0; i < tell->need_count; i++) {
        struct progress *need = &tell->needs[i];
        bool is_far = seen->last >= need->last || failpoint_is_on(FAILPOINT_APPLIED_UNNUMBERED);
        if (need->is_met || !is_far || !is_same(need, seen))
            continue;
        need->is_met = true;
        tell->left_count--;
    }
    return tell->left_count == 0;
}

static void note_known(struct tells *tells, const struct progress *seen)
{
    for (size_t i = 0; i < KNOWN_MAX; i++)
        if (is_same(&tells->known[i], seen)) {
            if (seen->last > tells->known[i].last)
                tells->known[i].last = seen->last;
            return;
        }
    tells->known[tells->known_next++ % KNOWN_MAX] = *seen;
}

void tells_take_applied(struct tells *tells, struct slice message)
{
    struct progress seen = {0};
    struct slice rest = {0}, machine = slice_split(message, ' ', &rest), incarnation = slice_split(rest, ' ', &rest);
    if (!slice_to_int64(rest, &seen.last))
        return;
    slice_copy(seen.machine, sizeof(seen.machine), machine);
    slice_copy(seen.incarnation, sizeof(seen.incarnation), incarnation);
    note_known(tells, &seen);
    struct tell *tell, *next;
    DL_FOREACH_SAFE(tells->waiting, tell, next)
    {
        if (tell_meet(tell, &seen)) {
            stats_add(tells->peers->options.stats, STAT_TELL_APPLIED, 1);
            tell_end(tell, PEERS_TOLD);
        }
    }
}

/* ---- Waiting in vain ---- */

static void on_expelled(void *ctx, const struct redis_reply *reply)
{
    (void)ctx, (void)reply;
}

static void expel(const struct tell *tell, const struct progress *need)
{
    const char *renews = failpoint_is_on(FAILPOINT_EXPEL_RENEWED) ? "" : need->renews;
    const struct slice args[] = {slice_of(need->machine), slice_of(need->incarnation), slice_of(renews)};
    log_warn(NULL, "l1_waited_out", "machine=%s", need->machine);
    peers_run(tell->tells->peers, PEERS_EXPEL, tell->epoch, args, 3, on_expelled, NULL);
}

static void on_time(void *ctx)
{
    struct tell *tell = ctx;
    int64_t left_us = tell->end_at_us - clock_monotonic_us();
    if (left_us > 0) {
        tell->tells->peers->options.events->timer_start(tell->timer, (uint32_t)(left_us / 1000 + 1));
        return;
    }
    for (size_t i = 0; i < tell->need_count; i++)
        if (!tell->needs[i].is_met)
            expel(tell, &tell->needs[i]);
    stats_add(tell->tells->peers->options.stats, STAT_TELL_OVER, 1);
    tell_end(tell, PEERS_TOLD);
}

static void tell_wait(struct tell *tell)
{
    const struct events *events = tell->tells->peers->options.events;
    tell->end_at_us = clock_monotonic_us() + WAIT_US;
    tell->timer = events->timer_new(events->loop, on_time, tell);
    events->timer_start(tell->timer, WAIT_US / 1000 + 1);
    DL_APPEND(tell->tells->waiting, tell);
}

/* ---- Telling ---- */

/* "MACHINE INCARNATION RENEWS LAST" */
static void need_take(struct progress *need, struct slice text)
{
    struct slice rest = {0}, machine = slice_split(text, ' ', &rest), incarnation = slice_split(rest, ' ', &rest);
    struct slice renews = slice_split(rest, ' ', &rest);
    slice_copy(need->machine, sizeof(need->machine), machine);
    slice_copy(need->incarnation, sizeof(need->incarnation), incarnation);
    slice_copy(need->renews, sizeof(need->renews), renews);
    if (!slice_to_int64(rest, &need->last))
        need->last = INT64_MAX; /* another version's: it is waited out */
}

static enum peers_outcome flaw_of(const struct redis_reply *reply)
{
    const struct redis_peer nowhere = {0};
    if (!reply)
        return PEERS_UNANSWERED;
    return redirect_of(redis_reply_text(reply), &nowhere).kind == REDIRECT_NONE ? PEERS_REFUSED : PEERS_ELSEWHERE;
}

static void on_told(void *ctx, const struct redis_reply *reply)
{
    struct tell *tell = ctx;
    const struct tells *tells = tell->tells;
    if (!redis_reply_ok(reply)) {
        tell_end(tell, flaw_of(reply));
        return;
    }
    bool waits = tell->waits && !failpoint_is_on(FAILPOINT_TELL_UNAWAITED);
    tell->need_count = tell->left_count = waits ? redis_reply_count(reply) : 0;
    tell->needs = mem_zalloc((tell->need_count + 1) * sizeof(*tell->needs));
    for (size_t i = 0; i < tell->need_count; i++)
        need_take(&tell->needs[i], redis_reply_text(redis_reply_item(reply, i)));
    for (size_t i = 0; i < KNOWN_MAX; i++)
        tell_meet(tell, &tells->known[i]);
    if (tell->left_count == 0)
        tell_end(tell, PEERS_TOLD);
    else
        tell_wait(tell);
}

void tell_run(struct tells *tells, struct redis *redis, int64_t epoch, const char *const *ids, size_t id_count,
              bool waits, peers_told_cb done, void *ctx)
{
    struct tell *tell = mem_zalloc(sizeof(*tell));
    *tell = (struct tell){.tells = tells, .epoch = epoch, .waits = waits, .done = done, .ctx = ctx};
    char *names = mem_alloc(id_count * L1_NAME_BYTES);
    l1_names_print(names, ids, id_count);
    const struct slice args[] = {slice_of(tells->peers->machine),
                                 {.data = names, .len = id_count * L1_NAME_BYTES},
                                 slice_of(tells->peers->channel)};
    peers_run_at(tells->peers, redis, PEERS_TELL, epoch, args, 3, on_told, tell);
    free(names);
}

struct tells *tells_new(struct peers *peers)
{
    struct tells *tells = mem_zalloc(sizeof(*tells));
    tells->peers = peers;
    return tells;
}

void tells_free(struct tells *tells)
{
    if (!tells)
        return;
    bug_unless(!tells->waiting, "a write waits for other machines at the end");
    free(tells);
}
