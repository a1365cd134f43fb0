/* SPDX-License-Identifier: MIT */
/*
 * Which Redis is this, and may its entries be believed?
 *
 *   connected -> INFO -> compare with the store's record -> compare the beats -> drain the outbox -> trusted
 *                              \--another identity, or an earlier beat--> the record's epoch moves on, in one operation
 *
 * The danger: a Redis that was restarted from old data, or a replica promoted without the last deletes, holds entries
 * that writes have made old. Such a Redis has another identity (identity.c). The store remembers the identity that the
 * entries belong to, beside an epoch that is part of every key. The first worker that meets another Redis moves the
 * epoch on; from then on no worker can reach an older entry, and Redis expires them by their TTL.
 *
 * Until a worker knows the epoch, it reads from the store and sends its writes' fences to the outbox. The outbox holds
 * the invalidations that Redis missed while it was away, so it is drained before the first read is trusted.
 *
 * The store may be another one, too: restored from a backup, or a copy. Then its beat is earlier than one that Redis or
 * this worker has seen (beat.c), and the epoch moves on as well.
 *
 * Once a second the record is read again: a look. If the epoch has moved on and names another Redis, this worker drops
 * its connection and connects anew, because the address may lead elsewhere by now. If it names the same one, the worker
 * only learns the new epoch. A look is good when the outbox is drained after it.
 *
 * If the store is away, hits go on, for a while: sight.c.
 *
 * Once a second Redis is asked for its identity again, and in a cluster before it gets another slot, because a primary
 * can be made a replica without its clients being told. This question also finds a connection whose other end is gone.
 *
 * Refused: a replica; a Redis that is loading its file; one that hides who it is, or is one node of a cluster. If a
 * process meets one of the last two at its start, it is told (on_wrong). A Redis that answers an invalidation with an
 * error (it was made a replica, or lacks the replicas that it wants) still holds the entry: it is not trusted until it
 * has taken the whole outbox.
 */
#include "cache/trust.h"

#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/mem.h"
#include "cache/drain.h"
#include "cache/identity.h"
#include "cache/keys.h"
#include "cache/record.h"
#include "cache/trust_state.h"

enum { DRAINS_MAX = 5, SETTLES_MAX = 3 };

static void trust_ask(struct trust *trust);
static void trust_drain(struct trust *trust);

/* The one place where trust ends. */
static void trust_withdraw(struct trust *trust, enum trust_state state)
{
    if (trust->state == TRUST_GIVEN)
        trail_note(trust->options->trail, TRAIL_DISTRUSTED, "", NULL, trust->epoch);
    trust->state = state;
    trust->period++;
    drain_cut(trust->drain);
}

/* ---- Drains ---- */

/* A look is good when the outbox is drained after it. Removed records are from writes whose workers may be gone. */
static void trust_note_drained(struct trust *trust, enum drain_result result)
{
    if (drain_has_removed(trust->drain))
        record_note_write(trust->record);
    if (result == DRAIN_DONE)
        sight_end(&trust->sight, trust->epoch);
}

static void trust_begin_drain(struct trust *trust, drain_done_cb done)
{
    trust->drains_left--;
    sight_begin(&trust->sight, record_read_at_ms(trust->record));
    struct drain_target target = {.redis = trust->redis, .epoch = trust->epoch};
    if (trust->grants) {
        target.own = record_own(trust->record);
        target.list = trust_home_in(trust->grants, slot_of_list());
    }
    drain_start(trust->drain, &target, done, trust);
}

/* ---- Trusted at last ---- */

/*
 * Whether a drain was overtaken by writes; of a cluster, that of slots which are not granted yet. They wait for another
 * one. But not the list's, which each record concerns while it is nobody's: it would wait for as long as writes come.
 */
static bool trust_find_late(const struct trust *trust, struct slot_set *late)
{
    const struct slot_epochs *own = drain_own(trust->drain);
    bool is_given = trust->state == TRUST_GIVEN, has_late = false;
    *late = (struct slot_set){0};
    if (!trust->grants)
        return drain_has_news(trust->drain, HOME_SLOT_NONE);
    for (unsigned slot = 0; slot < SLOT_COUNT; slot++) {
        bool is_granted = is_given && grant_holds(&trust->grants->of[slot], trust, own->of[slot]);
        if (own->of[slot] == 0 || is_granted || !drain_has_news(trust->drain, (int)slot))
            continue;
        slot_set_add(late, slot);
        has_late = true;
    }
    slot_set_remove(late, slot_of_list());
    return has_late;
}

/* Slots that it had in an earlier period, and that are not its own any more, are nobody's. Returns how many it has. */
static size_t trust_grant(struct trust *trust, const struct slot_set *late)
{
    const struct slot_epochs *own = drain_own(trust->drain);
    struct slot_set claims = *record_claims(trust->record);
    slot_set_drop(&claims, late);
    grants_keep(trust->grants, trust, own);
    grants_withhold(trust->grants, trust, late);
    return grants_give(trust->grants, trust, own, &claims);
}

static void trust_give(struct trust *trust, const struct slot_set *late)
{
    size_t slot_count = trust->grants ? trust_grant(trust, late) : SLOT_COUNT;
    trust->state = TRUST_GIVEN;
    trust->was_logged = false;
    trust->reason[0] = '\0';
    redis_accept(trust->redis);
    trail_note(trust->options->trail, TRAIL_TRUSTED, "", NULL, trust->epoch);
    if (trust->grants)
        log_info(NULL, "redis_trusted", "address=%s run_id=%s epoch=%lld slots=%zu", redis_address_text(trust->redis),
                 trust->run_id, (long long)trust->epoch, slot_count);
    else
        log_info(NULL, "redis_trusted", "run_id=%s epoch=%lld", trust->run_id, (long long)trust->epoch);
}

static void trust_fail(struct trust *trust, const char *reason, bool is_stores)
{
    trust->state = TRUST_FAILED;
    trust->is_behind = false;
    trust->is_stores = is_stores;
    slice_copy(trust->reason, sizeof(trust->reason), slice_of(reason));
    if (!trust->was_logged)
        log_warn(NULL, "redis_not_trusted", "address=%s run_id=%s error=\"%s\"", redis_address_text(trust->redis),
                 trust->run_id, reason);
    trust->was_logged = true;
}

/* Of the connection before this one. Until it has ended, nothing can be asked; writes wait for it. */
static void trust_fall_behind(struct trust *trust, const char *reason)
{
    trust_fail(trust, reason, true);
    trust->is_behind = true;
}

static void trust_catch_up(struct trust *trust)
{
    if (trust->state == TRUST_FAILED && trust->is_behind && redis_is_up(trust->redis))
        trust_ask(trust);
}

static void on_drained(void *ctx, enum drain_result result)
{
    struct trust *trust = ctx;
    trust_catch_up(trust);
    if (trust->state != TRUST_DRAINING)
        return; /* the connection was lost meanwhile */
    trust_note_drained(trust, result);
    struct slot_set late;
    if (result == DRAIN_DONE && trust_find_late(trust, &late) && trust->drains_left > 0)
        trust_drain(trust);
    else if (result == DRAIN_DONE)
        trust_give(trust, &late);
    else
        trust_fail(trust, "the outbox could not be drained", result != DRAIN_REFUSED);
}

static void trust_drain(struct trust *trust)
{
    trust->state = TRUST_DRAINING;
    if (drain_is_idle(trust->drain))
        trust_begin_drain(trust, on_drained);
    else
        trust_fall_behind(trust, "an earlier drain is still under way");
}

/* ---- The store's record ---- */

/* In a cluster others may have moved slots of theirs; what this one has lost is nobody's from now on. */
static void trust_adopt(struct trust *trust)
{
    trust->epoch = record_meta(trust->record)->epoch;
    trust->drains_left = DRAINS_MAX;
    if (trust->grants)
        grants_keep(trust->grants, trust, record_own(trust->record));
}

static void on_checked(void *ctx, enum record_outcome outcome, const char *reason)
{
    struct trust *trust = ctx;
    trust_catch_up(trust);
    if (trust->state != TRUST_CHECKING || outcome == RECORD_LOST)
        return; /* the connection was lost meanwhile */
    if (outcome != RECORD_GOOD) {
        trust_fail(trust, reason, outcome == RECORD_FAILED);
        return;
    }
    trust_adopt(trust);
    trust_drain(trust);
}

/* ---- INFO ---- */

/* Connections may break by chance, so one that was asked in vain says little. */
static void trust_count_wrong(struct trust *trust, const struct identity *identity)
{
    const struct cache_options *options = trust->options;
    struct error error;
    trust->wrong_count = identity->is_wrong ? trust->wrong_count + 1 : 0;
    if (trust->wrong_count != IDENTITY_ASKED_MAX || trust->epoch != 0 || !options->on_wrong)
        return;
    log_error(NULL, "redis_wrong", "error=\"%s\" action=\"this worker ends\"", identity->flaw);
    error_set(&error, STATUS_INVALID, "redis: %s", identity->flaw);
    options->on_wrong(options->ctx, &error);
}

static void on_info(void *ctx, const struct redis_reply *reply)
{
    struct trust *trust = ctx;
    struct identity identity;
    if (trust->state != TRUST_ASKING)
        return; /* the connection was lost meanwhile */
    identity_take(&identity, redis_reply_ok(reply) ? redis_reply_text(reply) : SLICE(""),
                  trust->options->settings->redis);
    trust_count_wrong(trust, &identity);
    if (!reply)
        return; /* it is lost */
    if (identity.flaw) {
        redis_drop(trust->redis, identity.flaw);
        return;
    }
    if (record_is_busy(trust->record)) {
        trust_fall_behind(trust, "an earlier check is still under way");
        return;
    }
    memcpy(trust->run_id, identity.id, sizeof(identity.id));
    trust->state = TRUST_CHECKING;
    record_check(trust->record, trust->redis, trust->run_id, on_checked);
}

static void info_send(struct trust *trust, redis_reply_cb on_reply)
{
    redis_call(trust->redis, (struct slice[]){SLICE("INFO")}, 1, on_reply, trust);
}

static void trust_ask(struct trust *trust)
{
    trust_withdraw(trust, TRUST_ASKING);
    info_send(trust, on_info);
}

void trust_note_up(struct trust *trust)
{
    trust->reason[0] = '\0';
    trust_ask(trust);
}

void trust_note_down(struct trust *trust)
{
    trust_withdraw(trust, TRUST_DOWN);
}

/* Whether the connection leads to the same Redis as before; else it is dropped. */
static bool trust_knows(struct trust *trust, const struct redis_reply *reply)
{
    struct identity identity;
    identity_take(&identity, redis_reply_ok(reply) ? redis_reply_text(reply) : SLICE(""),
                  trust->options->settings->redis);
    if (identity.flaw)
        redis_drop(trust->redis, identity.flaw);
    else if (strcmp(identity.id, trust->run_id) != 0)
        redis_drop(trust->redis, "it has been a replica, or has got its first one");
    else
        return true;
    return false;
}

static void on_info_claimed(void *ctx, const struct redis_reply *reply)
{
    struct trust *trust = ctx;
    bool is_asked_again = trust->state == TRUST_DOWN || trust->state == TRUST_ASKING || trust->state == TRUST_FAILED;
    if (!reply || (!is_asked_again && !trust_knows(trust, reply)))
        return;
    record_set_claims(trust->record, &trust->claims);
    trust_look(trust);
}

/* What it claims no longer is lost at once. What is new is taken up when it is known whose claim it is. */
void trust_note_claims(struct trust *trust, const struct slot_set *claims)
{
    struct slot_set known = *record_claims(trust->record);
    bool was_down = trust->state == TRUST_DOWN;
    slot_set_keep(&known, claims);
    trust->claims = *claims;
    record_set_claims(trust->record, was_down ? claims : &known);
    grants_claim(trust->grants, trust, claims);
    if (was_down)
        trust_note_up(trust);
    else if (memcmp(&known, claims, sizeof(known)) != 0)
        info_send(trust, on_info_claimed);
}

void trust_move(struct trust *trust, struct redis *redis)
{
    const struct slot_set none = {0};
    grants_claim(trust->grants, trust, &none);
    trust->redis = redis;
    trust->reason[0] = '\0';
    trust->was_logged = false;
    record_leave(trust->record, redis);
}

bool trust_is_idle(const struct trust *trust)
{
    return drain_is_idle(trust->drain) && !record_is_busy(trust->record);
}

/* ---- Once a second ---- */

static void on_tend_drained(void *ctx, enum drain_result result);

/* Slots that it has gained since: they count from now on, unless a write has overtaken the drain. */
static void trust_gain(struct trust *trust)
{
    const struct slot_epochs *own = drain_own(trust->drain);
    struct slot_set late, claims = *record_claims(trust->record);
    grants_keep(trust->grants, trust, own);
    if (!grants_lack(trust->grants, trust, own, &claims))
        return;
    bool has_news = trust_find_late(trust, &late);
    if (has_news && record_is_busy(trust->record))
        return; /* its end begins the next drain */
    if (has_news && trust->drains_left > 0) {
        trust_begin_drain(trust, on_tend_drained);
        return;
    }
    slot_set_drop(&claims, &late);
    if (!grants_lack(trust->grants, trust, own, &claims))
        return;
    size_t count = trust_grant(trust, &late);
    log_info(NULL, "slots_trusted", "run_id=%s epoch=%lld slots=%zu", trust->run_id, (long long)trust->epoch, count);
}

static void on_tend_drained(void *ctx, enum drain_result result)
{
    struct trust *trust = ctx;
    trust_catch_up(trust);
    if (result == DRAIN_REFUSED)
        trust_report_refusal(trust, "it refuses an invalidation");
    if (trust->state != TRUST_GIVEN)
        return;
    trust_note_drained(trust, result);
    if (trust->grants && result == DRAIN_DONE && drain_epoch(trust->drain) == trust->epoch)
        trust_gain(trust);
}

/* The record is of another epoch, or of an earlier state of the store. */
static void trust_turn_away(struct trust *trust)
{
    const struct store_meta *meta = record_meta(trust->record);
    log_info(NULL, "epoch_changed", "from=%lld to=%lld", (long long)trust->epoch, (long long)meta->epoch);
    if (meta->epoch == 0 || strcmp(meta->cache_run_id, trust->run_id) == 0)
        trust_ask(trust);
    else
        redis_drop(trust->redis, "the cache is in another Redis now");
}

static void trust_look_on(struct trust *trust)
{
    trust_adopt(trust);
    if (drain_is_idle(trust->drain))
        trust_begin_drain(trust, on_tend_drained);
}

static void on_looked(void *ctx, enum record_outcome outcome, const char *reason)
{
    struct trust *trust = ctx;
    trust_catch_up(trust);
    if (trust->state != TRUST_GIVEN)
        return;
    if (trust->grants) /* whatever failed behind the reading: what is lost is lost */
        grants_keep(trust->grants, trust, record_own(trust->record));
    if (outcome == RECORD_CHANGED)
        trust_turn_away(trust);
    else if (outcome == RECORD_REFUSED)
        trust_report_refusal(trust, reason);
    else if (outcome == RECORD_GOOD)
        trust_look_on(trust);
}

static void on_info_again(void *ctx, const struct redis_reply *reply)
{
    struct trust *trust = ctx;
    if (reply && trust->state == TRUST_GIVEN) /* else it is asked for again before it is trusted again */
        (void)trust_knows(trust, reply);
}

void trust_tend(struct trust *trust)
{
    if (trust->state == TRUST_GIVEN && !sight_may_trust(&trust->sight, trust->options))
        trust_report_refusal(trust, "the store was not seen for longer than hits_without_store_s");
    if (trust->state == TRUST_GIVEN)
        info_send(trust, on_info_again);
    if (!trust_look(trust) && trust->state == TRUST_FAILED && redis_is_up(trust->redis))
        trust_ask(trust);
}

/* ---- What others ask ---- */

void trust_note_write(struct trust *trust)
{
    record_note_write(trust->record);
}

bool trust_look(struct trust *trust)
{
    if (trust->state != TRUST_GIVEN || record_is_busy(trust->record))
        return record_is_busy(trust->record);
    record_look(trust->record, trust->redis, on_looked);
    return true;
}

bool trust_settle(struct trust *trust)
{
    if (record_is_busy(trust->record))
        return false;
    if (!record_beat_is_due(trust->record) || trust->state != TRUST_GIVEN || trust->settles_left == 0)
        return true;
    trust->settles_left--;
    return !trust_look(trust);
}

struct home trust_home(struct trust *trust)
{
    return (struct home){.trust = trust,
                         .redis = trust->redis,
                         .epoch = trust->epoch,
                         .serial = trust->epoch,
                         .hold = {.period = trust->state == TRUST_GIVEN ? trust->period : 0},
                         .slot = HOME_SLOT_NONE};
}

struct home trust_home_in(const struct grants *grants, unsigned slot)
{
    const struct grant *grant = &grants->of[slot];
    struct home home = trust_home(grant->trust ? grant->trust : grants->nobody);
    home.slot = (int)slot;
    home.cluster = grants->cluster;
    home.epoch = grant->is_given ? grant->epoch : 0;
    home.hold.grant = grant;
    home.hold.epoch = home.epoch;
    home.is_unmet = !grant->trust && grants->is_new;
    return home;
}

void trust_report_refusal(struct trust *trust, const char *reason)
{
    if (trust->state != TRUST_GIVEN)
        return;
    trust_withdraw(trust, TRUST_FAILED);
    trust_fail(trust, reason, false);
}

struct redis *trust_redis(const struct trust *trust)
{
    return trust->redis;
}

/* ---- Life ---- */

struct trust *trust_new(const struct cache_options *options, struct outbox *outbox, struct redis *redis,
                        struct grants *grants)
{
    struct trust *trust = mem_zalloc(sizeof(*trust));
    trust->options = options;
    trust->redis = redis;
    trust->period = 1;
    trust->settles_left = SETTLES_MAX;
    trust->drain = drain_new(options, outbox, grants != NULL);
    trust->record = record_new(options, grants != NULL, trust);
    trust->grants = grants;
    return trust;
}

void trust_free(struct trust *trust)
{
    if (!trust)
        return;
    drain_free(trust->drain);
    record_free(trust->record);
    free(trust);
}
