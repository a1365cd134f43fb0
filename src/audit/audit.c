/* SPDX-License-Identifier: MIT */
/*
 * Comparing an entry with the store, without stopping anything.
 *
 *   audit_check_run -> HGETALL --entry--> store --differs--> HGETALL --same entry--> INCONSISTENT
 *                         |                  \--equals--> CONSISTENT     \--another, none--> CHANGED
 *                         \--none--> CHANGED
 *
 * The two cannot be read in one moment, so a difference alone proves nothing: a write may have come in between, and
 * have removed the entry as it should. But a write removes the entry before it touches the store, and the same entry
 * cannot come back: it would have been filled from the store again, at another time. So an entry that is there before
 * and after the store was read was there all the time, and must say what the store said.
 *
 * "The same" is decided by version, life and fill time; "says the same" by all fields, so that a right version over
 * wrong texts is found too.
 *
 * It does not remove what it finds: entries belong to the protocol, and todoctl purge is for operators. A writer that
 * does not come through this service is seen as an inconsistency until the entry's lifetime ends, because that is what
 * it makes.
 */
#include "audit/audit.h"

#include "base/container.h"
#include "base/log.h"
#include "cache/entry.h"
#include "cache/keys.h"

static void check_look(struct audit_check *check, redis_reply_cb on_entry)
{
    const struct home home = home_of(check->cache, check->id);
    struct key key;
    key_of_entry(&key, home.epoch, check->id);
    redis_call(home.redis, (struct slice[]){SLICE("HGETALL"), key_slice(&key)}, 2, on_entry, check);
}

static void check_end(struct audit_check *check, enum audit_result result)
{
    struct trail *trail = cache_options(check->cache)->trail;
    if (result == AUDIT_CONSISTENT || result == AUDIT_INCONSISTENT)
        trail_note(trail, result == AUDIT_CONSISTENT ? TRAIL_AUDITED : TRAIL_INCONSISTENT, check->id, NULL,
                   check->entry.v);
    arena_fini(&check->arena);
    check->done(check, result);
}

/* Without trust the epoch may have changed, and with it the key. */
static bool check_is_current(const struct audit_check *check)
{
    return home_holds(&check->home);
}

static struct audit_version version_of(const struct todo *todo)
{
    return (struct audit_version){.v = todo->v, .life = todo->life};
}

/* ---- The steps, last to first ---- */

static void on_second_look(void *ctx, const struct redis_reply *reply)
{
    struct audit_check *check = ctx;
    struct entry entry;
    if (!redis_reply_ok(reply) || !check_is_current(check)) {
        check_end(check, AUDIT_UNANSWERED);
        return;
    }
    bool is_same = entry_parse(&entry, check->id, reply) == ENTRY_FOUND && entry.at_ms == check->at_ms &&
                   entry.negative == check->negative &&
                   (entry.negative || (entry.todo.v == check->entry.v && entry.todo.life == check->entry.life));
    check_end(check, is_same ? AUDIT_INCONSISTENT : AUDIT_CHANGED);
}

static void on_stored(struct pool_job *job, enum status status, const struct error *error)
{
    struct audit_check *check = container_of(job, struct audit_check, job);
    (void)error;
    if (status == STATUS_OK)
        check->store = version_of(&check->store_todo);
    if (status != STATUS_OK && status != STATUS_NOT_FOUND)
        check_end(check, AUDIT_UNANSWERED);
    else if (status == STATUS_OK ? !check->negative && todo_equal(&check->entry_todo, &check->store_todo)
                                 : check->negative)
        check_end(check, AUDIT_CONSISTENT);
    else
        check_look(check, on_second_look);
}

static enum status store_work(struct pool_job *job, struct error *error)
{
    struct audit_check *check = container_of(job, struct audit_check, job);
    return store_get(cache_options(check->cache)->store, check->id, &check->arena, &check->store_todo, error);
}

static void on_first_look(void *ctx, const struct redis_reply *reply)
{
    struct audit_check *check = ctx;
    struct entry entry;
    if (!redis_reply_ok(reply) || !check_is_current(check)) {
        check_end(check, AUDIT_UNANSWERED);
        return;
    }
    if (entry_parse(&entry, check->id, reply) != ENTRY_FOUND) {
        check_end(check, AUDIT_CHANGED);
        return;
    }
    check->at_ms = entry.at_ms;
    check->negative = entry.negative;
    if (!entry.negative) {
        check->entry = version_of(&entry.todo);
        todo_copy(&check->entry_todo, &entry.todo, &check->arena);
    }
    check->job = (struct pool_job){.lane = POOL_READ, .work = store_work, .done = on_stored};
    pool_run(cache_options(check->cache)->pool, &check->job);
}

void audit_check_run(struct cache *cache, struct audit_check *check)
{
    check->cache = cache;
    check->home = home_of(cache, check->id);
    check->entry = check->store = (struct audit_version){0};
    check->at_ms = 0;
    check->negative = false;
    arena_init(&check->arena);
    check_look(check, on_first_look);
}

void audit_check_log(const struct audit_check *check)
{
    log_error(NULL, "audit_inconsistent",
              "id=%s filled_at_ms=%lld entry_v=%lld entry_life=%llx store_v=%lld store_life=%llx", check->id,
              (long long)check->at_ms, (long long)check->entry.v, (unsigned long long)check->entry.life,
              (long long)check->store.v, (unsigned long long)check->store.life);
}
