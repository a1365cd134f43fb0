/* SPDX-License-Identifier: MIT */
/*
 * How many entries of each kind Redis has, how large and how old they are.
 *
 *   DBSIZE -> SCAN --names--> the first PROBES of each kind: MEMORY USAGE, PTTL, HMGET -> SCAN -> ... -> the board
 *
 * In a cluster all of that is done for one primary after the other, and added up.
 *
 * SCAN goes through the keys in the order of a hash, so its first part is a sample of all. After BATCHES_MAX calls the
 * count is scaled up by DBSIZE. A small Redis is counted as a whole. Sizes, ages and lifetimes are those of the keys
 * that were probed. All of that is some hundred small commands every ten seconds for a machine, however large Redis is.
 *
 * Negative entries have the same names as entries; the probes tell which part of them they are.
 *
 * What Redis refuses (a user without MEMORY) stays 0. If Redis is lost meanwhile, the last result stands.
 */
#include "audit/census.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "audit/scan.h"
#include "base/clock.h"
#include "base/mem.h"

enum {
    PERIOD_S = 10,
    SCAN_COUNT = 500,
    BATCHES_MAX = 20,
    PROBES = 8,
    PAGE_HASH_DIGITS = 16,
    CURSOR_MAX = 20,
    PREFIX_MAX = 40
};

/* By name; what is none of these is not ours, or belongs to one of them (a lease, a mark). */
enum key_class { KEY_ENTRY, KEY_PAGE, KEY_LIMIT, KEY_CLASSES };

/* What the probes of a kind sum up to. */
struct probed {
    uint64_t count, bytes_count, bytes, ttl_count;
    int64_t ttl_ms, oldest_ms;
};

/* A key whose answers are on their way. */
struct probe {
    enum key_class class;
    int64_t bytes, ttl_ms;
};

struct census_taker {
    struct cache *cache;
    struct census_board *board;
    struct home home;
    bool runs;
    char prefixes[KEY_CLASSES][PREFIX_MAX + 1]; /* of this epoch's keys */
    char cursor[CURSOR_MAX + 1];
    unsigned batch_count;
    uint64_t keys, examined, named[KEY_CLASSES];
    struct probed probed[CENSUS_KINDS];
    struct probe probes[KEY_CLASSES * PROBES];
    size_t probe_count, answered_count;
};

static void census_scan(struct census_taker *taker);
static void census_next(struct census_taker *taker);

/* ---- The result ---- */

static uint64_t scaled(const struct census_taker *taker, uint64_t count)
{
    if (taker->keys <= taker->examined || taker->examined == 0)
        return count;
    return (uint64_t)((double)count * (double)taker->keys / (double)taker->examined);
}

static struct census_count count_of(const struct census_taker *taker, enum key_class class, enum census_kind kind)
{
    const struct probed *probed = &taker->probed[kind];
    uint64_t all = probed->count;
    if (class == KEY_ENTRY)
        all = taker->probed[CENSUS_TODO].count + taker->probed[CENSUS_NEGATIVE].count;
    struct census_count count = {.oldest_ms = probed->oldest_ms};
    if (all > 0)
        count.entries = scaled(taker, taker->named[class] * probed->count / all);
    if (probed->bytes_count > 0)
        count.bytes = probed->bytes / probed->bytes_count * count.entries;
    if (probed->ttl_count > 0)
        count.ttl_ms = probed->ttl_ms / (int64_t)probed->ttl_count;
    return count;
}

static void census_end(struct census_taker *taker)
{
    static const enum key_class classes[] = {
        [CENSUS_TODO] = KEY_ENTRY, [CENSUS_NEGATIVE] = KEY_ENTRY, [CENSUS_PAGE] = KEY_PAGE, [CENSUS_LIMIT] = KEY_LIMIT};
    struct census census = {.at_ms = clock_wall_ms(), .keys = taker->keys, .keys_examined = taker->examined};
    for (enum census_kind kind = 0; kind < CENSUS_KINDS; kind++)
        census.counts[kind] = count_of(taker, classes[kind], kind);
    taker->runs = false;
    census_put(taker->board, &census);
}

/* ---- Probes: three commands, answered in their order ---- */

static void probe_sum(struct census_taker *taker, const struct probe *probe, enum census_kind kind, int64_t at_ms)
{
    struct probed *probed = &taker->probed[kind];
    int64_t age_ms = at_ms > 0 ? clock_wall_ms() - at_ms : 0;
    probed->count++;
    probed->oldest_ms = age_ms > probed->oldest_ms ? age_ms : probed->oldest_ms;
    probed->bytes_count += probe->bytes > 0;
    probed->bytes += probe->bytes > 0 ? (uint64_t)probe->bytes : 0;
    probed->ttl_count += probe->ttl_ms > 0;
    probed->ttl_ms += probe->ttl_ms > 0 ? probe->ttl_ms : 0;
}

static int64_t integer_of(const struct redis_reply *reply)
{
    return redis_reply_ok(reply) && redis_reply_type(reply) == REDIS_TYPE_INTEGER ? redis_reply_integer(reply) : 0;
}

static void on_bytes(void *ctx, const struct redis_reply *reply)
{
    struct census_taker *taker = ctx;
    taker->probes[taker->answered_count].bytes = integer_of(reply);
}

static void on_ttl(void *ctx, const struct redis_reply *reply)
{
    struct census_taker *taker = ctx;
    taker->probes[taker->answered_count].ttl_ms = integer_of(reply);
}

/* The last one of a probe. A limit is no hash; its error says nothing. */
static void on_fields(void *ctx, const struct redis_reply *reply)
{
    struct census_taker *taker = ctx;
    const struct probe *probe = &taker->probes[taker->answered_count++];
    bool is_hash = redis_reply_ok(reply) && redis_reply_count(reply) == 2;
    int64_t at_ms = 0;
    if (is_hash && !slice_to_int64(redis_reply_text(redis_reply_item(reply, 0)), &at_ms))
        at_ms = 0;
    bool is_negative = is_hash && redis_reply_text(redis_reply_item(reply, 1)).data != NULL;
    enum census_kind kinds[] = {[KEY_ENTRY] = is_negative ? CENSUS_NEGATIVE : CENSUS_TODO,
                                [KEY_PAGE] = CENSUS_PAGE,
                                [KEY_LIMIT] = CENSUS_LIMIT};
    if (probe->class == KEY_LIMIT || at_ms > 0) /* else it has expired meanwhile */
        probe_sum(taker, probe, kinds[probe->class], at_ms);
    if (taker->answered_count == taker->probe_count)
        census_scan(taker);
}

static void probe_send(struct census_taker *taker, enum key_class class, struct slice key)
{
    struct redis *redis = taker->home.redis;
    taker->probes[taker->probe_count++] = (struct probe){.class = class};
    redis_call(redis, (struct slice[]){SLICE("MEMORY"), SLICE("USAGE"), key}, 3, on_bytes, taker);
    redis_call(redis, (struct slice[]){SLICE("PTTL"), key}, 2, on_ttl, taker);
    redis_call(redis, (struct slice[]){SLICE("HMGET"), key, SLICE("at"), SLICE("none")}, 4, on_fields, taker);
}

/* ---- Names ---- */

static bool begins_with(struct slice text, const char *prefix)
{
    size_t len = strlen(prefix);
    return text.len >= len && memcmp(text.data, prefix, len) == 0;
}

/* keys.c and clients/limit.c make them. An entry's key ends with its id, a page's with a hash. */
static void prefixes_make(struct census_taker *taker, int64_t epoch)
{
    snprintf(taker->prefixes[KEY_ENTRY], PREFIX_MAX, "todo:");
    snprintf(taker->prefixes[KEY_PAGE], PREFIX_MAX, "todos:%" PRId64 ":{list}:", epoch);
    snprintf(taker->prefixes[KEY_LIMIT], PREFIX_MAX, "limit:{");
}

static enum key_class class_of(const struct census_taker *taker, struct slice key)
{
    enum key_class class = KEY_ENTRY;
    while (class < KEY_CLASSES && !begins_with(key, taker->prefixes[class]))
        class ++;
    char id[TODO_ID_MAX + 1];
    bool is_other = (class == KEY_ENTRY && !scan_take_id(taker->cache, key, id)) ||
                    (class == KEY_PAGE && key.len != strlen(taker->prefixes[KEY_PAGE]) + PAGE_HASH_DIGITS);
    return is_other ? KEY_CLASSES : class;
}

static void names_take(struct census_taker *taker, const struct redis_reply *names)
{
    unsigned sent[KEY_CLASSES + 1] = {0};
    taker->probe_count = taker->answered_count = 0;
    for (size_t i = 0; i < redis_reply_count(names); i++) {
        struct slice key = redis_reply_text(redis_reply_item(names, i));
        enum key_class class = class_of(taker, key);
        taker->examined++;
        if (class == KEY_CLASSES)
            continue;
        taker->named[class]++;
        if (sent[class]++ < PROBES)
            probe_send(taker, class, key);
    }
    if (taker->probe_count == 0)
        census_scan(taker);
}

static void on_scanned(void *ctx, const struct redis_reply *reply)
{
    struct census_taker *taker = ctx;
    bool is_scan = redis_reply_ok(reply) && redis_reply_type(reply) == REDIS_TYPE_ARRAY &&
                   redis_reply_count(reply) == 2 && home_holds(&taker->home);
    if (!is_scan) {
        taker->runs = false;
        return;
    }
    slice_copy(taker->cursor, sizeof(taker->cursor), redis_reply_text(redis_reply_item(reply, 0)));
    taker->batch_count++;
    names_take(taker, redis_reply_item(reply, 1));
}

static void census_scan(struct census_taker *taker)
{
    char count[INT64_TEXT_MAX + 1];
    bool is_over = taker->batch_count > 0 && strcmp(taker->cursor, "0") == 0;
    if (is_over || taker->batch_count == BATCHES_MAX) {
        census_next(taker);
        return;
    }
    redis_call(
        taker->home.redis,
        (struct slice[]){SLICE("SCAN"), slice_of(taker->cursor), SLICE("COUNT"), slice_of_int64(count, SCAN_COUNT)}, 4,
        on_scanned, taker);
}

static void on_size(void *ctx, const struct redis_reply *reply)
{
    struct census_taker *taker = ctx;
    taker->keys += (uint64_t)integer_of(reply);
    census_scan(taker);
}

/* The primaries of a cluster are counted one after the other. */
static void census_next(struct census_taker *taker)
{
    do {
        if (!home_after(taker->cache, taker->home.trust, &taker->home)) {
            census_end(taker);
            return;
        }
    } while (!home_holds(&taker->home));
    memcpy(taker->cursor, "0", sizeof("0"));
    taker->batch_count = 0;
    redis_call(taker->home.redis, (struct slice[]){SLICE("DBSIZE")}, 1, on_size, taker);
}

void census_taker_tend(struct census_taker *taker)
{
    if (taker->runs || !cache_is_trusted(taker->cache) || !census_claim(taker->board, clock_wall_ms() / 1000, PERIOD_S))
        return;
    *taker = (struct census_taker){.cache = taker->cache, .board = taker->board, .runs = true, .cursor = "0"};
    prefixes_make(taker, home_of_list(taker->cache).epoch);
    census_next(taker);
}

struct census_taker *census_taker_new(struct cache *cache, struct census_board *board)
{
    struct census_taker *taker = mem_zalloc(sizeof(*taker));
    taker->cache = cache;
    taker->board = board;
    return taker;
}

void census_taker_free(struct census_taker *taker)
{
    free(taker);
}
