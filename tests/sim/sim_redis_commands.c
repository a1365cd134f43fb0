/* SPDX-License-Identifier: MIT */
/*
 * The commands that workers send, that scripts call, and that tests look in with: those options that one of them uses,
 * with the replies and errors of Redis 7.0, in the order in which Redis checks. tests/sim/test_same_redis.c holds them
 * against a real one.
 *
 * A command that is not here, or an option, is refused as Redis refuses what it doesn't know; so a script that begins to
 * use one fails in its first test.
 */
#include "sim_redis_commands.h"

#include <ctype.h>
#include <errno.h>
#include <fnmatch.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>

#include "sim_redis_resp.h"

/* ---- Arguments ---- */

bool sim_word_is(struct slice word, const char *name)
{
    return strncasecmp(word.data, name, word.len) == 0 && name[word.len] == '\0';
}

bool sim_take_integer(const struct sim_call *call, size_t index, int64_t *value)
{
    if (slice_to_int64(call->args[index], value))
        return true;
    resp_error(call->reply, "ERR value is not an integer or out of range");
    return false;
}

/* All of text as a number; no text is 0. */
static bool limit_parse(struct slice text, double *number)
{
    char copy[64], *end;
    if (text.len >= sizeof(copy))
        return false;
    memcpy(copy, text.data, text.len);
    copy[text.len] = '\0';
    errno = 0;
    *number = strtod(copy, &end);
    return end == copy + text.len && !isnan(*number);
}

/* Scores are read more strictly than limits. */
static bool score_parse(struct slice text, double *score)
{
    return text.len > 0 && !isspace((unsigned char)text.data[0]) && limit_parse(text, score) && errno != ERANGE;
}

bool sim_key_take(const struct sim_call *call, enum sim_type type, struct sim_key **key)
{
    *key = sim_key_find(call->keys, call->args[1]);
    if (!*key || (*key)->type == type)
        return true;
    resp_error(call->reply, "WRONGTYPE Operation against a key holding the wrong kind of value");
    return false;
}

/* ---- Any key ---- */

static void run_del(const struct sim_call *call)
{
    int64_t removed = 0;
    for (size_t i = 1; i < call->count; i++) {
        struct sim_key *key = sim_key_find(call->keys, call->args[i]);
        if (key) {
            sim_key_remove(call->keys, key);
            removed++;
        }
    }
    resp_integer(call->reply, removed);
}

static void run_exists(const struct sim_call *call)
{
    int64_t there = 0;
    for (size_t i = 1; i < call->count; i++)
        there += sim_key_find(call->keys, call->args[i]) != NULL;
    resp_integer(call->reply, there);
}

static void run_type(const struct sim_call *call)
{
    static const char *const names[] = {
        [SIM_TEXT] = "string", [SIM_HASH] = "hash", [SIM_SET] = "zset", [SIM_STREAM] = "stream"};
    const struct sim_key *key = sim_key_find(call->keys, call->args[1]);
    resp_status(call->reply, key ? names[key->type] : "none");
}

static void run_pttl(const struct sim_call *call)
{
    const struct sim_key *key = sim_key_find(call->keys, call->args[1]);
    if (!key || key->expires_at_ms == SIM_FOREVER)
        resp_integer(call->reply, key ? -1 : -2);
    else
        resp_integer(call->reply, key->expires_at_ms - call->keys->now_ms);
}

static void expire(const struct sim_call *call, int64_t from_ms, const char *name)
{
    int64_t after_ms;
    if (!sim_take_integer(call, 2, &after_ms))
        return;
    if (after_ms > INT64_MAX - from_ms) {
        resp_error(call->reply, "ERR invalid expire time in '%s' command", name);
        return;
    }
    struct sim_key *key = sim_key_find(call->keys, call->args[1]);
    if (key && from_ms + after_ms <= call->keys->now_ms)
        sim_key_remove(call->keys, key);
    else if (key)
        key->expires_at_ms = from_ms + after_ms;
    resp_integer(call->reply, key != NULL);
}

static void run_pexpire(const struct sim_call *call)
{
    expire(call, call->keys->now_ms, "pexpire");
}

static void run_pexpireat(const struct sim_call *call)
{
    expire(call, 0, "pexpireat");
}

static void run_flushall(const struct sim_call *call)
{
    sim_keys_clear(call->keys);
    resp_status(call->reply, "OK");
}

/* Options of SCAN; count stays as it is without one. */
static bool scan_options(const struct sim_call *call, struct slice *pattern, int64_t *count)
{
    for (size_t i = 2; i < call->count; i += 2) {
        bool is_count = i + 1 < call->count && sim_word_is(call->args[i], "COUNT");
        if (is_count && !sim_take_integer(call, i + 1, count))
            return false;
        if ((is_count && *count < 1) || (!is_count && !(i + 1 < call->count && sim_word_is(call->args[i], "MATCH")))) {
            resp_error(call->reply, "ERR syntax error");
            return false;
        }
        if (!is_count)
            *pattern = call->args[i + 1];
    }
    return true;
}

/*
 * The cursor is the serial number of the last key that was looked at. So a key that is there all the while is told once,
 * whatever comes and goes meanwhile.
 */
static void run_scan(const struct sim_call *call)
{
    struct slice pattern = SLICE("*");
    int64_t cursor, count = 10, found = 0;
    if (!slice_to_int64(call->args[1], &cursor) || cursor < 0) {
        resp_error(call->reply, "ERR invalid cursor");
        return;
    }
    if (!scan_options(call, &pattern, &count))
        return;
    char glob[200], number[INT64_TEXT_MAX + 1];
    snprintf(glob, sizeof(glob), "%.*s", (int)pattern.len, pattern.data);
    struct buf names;
    buf_init(&names);
    const struct sim_key *key = call->keys->keys;
    for (; key && count > 0; key = key->hh.next) {
        if (key->serial <= (uint64_t)cursor)
            continue;
        cursor = (int64_t)key->serial;
        count--;
        if (sim_key_is_over(call->keys, key) || fnmatch(glob, key->name_bytes, 0) != 0)
            continue;
        resp_text(&names, key->name);
        found++;
    }
    resp_array(call->reply, 2);
    resp_text(call->reply, slice_of_int64(number, key ? cursor : 0));
    resp_array(call->reply, (size_t)found);
    buf_append_slice(call->reply, buf_slice(&names));
    buf_fini(&names);
}

/* ---- Strings ---- */

static void run_get(const struct sim_call *call)
{
    struct sim_key *key;
    if (!sim_key_take(call, SIM_TEXT, &key))
        return;
    if (key)
        resp_text(call->reply, key->pairs[0].value);
    else
        resp_nil(call->reply);
}

/* NX and PX; *ttl_ms stays as it is without PX. */
static bool set_options(const struct sim_call *call, bool *is_new, int64_t *ttl_ms)
{
    size_t px = 0;
    for (size_t i = 3; i < call->count; i++) {
        bool is_px = sim_word_is(call->args[i], "PX") && i + 1 < call->count && !px;
        if (is_px)
            px = ++i;
        else if (sim_word_is(call->args[i], "NX"))
            *is_new = true;
        else {
            resp_error(call->reply, "ERR syntax error");
            return false;
        }
    }
    if (px && !sim_take_integer(call, px, ttl_ms))
        return false;
    if (px && (*ttl_ms <= 0 || *ttl_ms > INT64_MAX - call->keys->now_ms)) {
        resp_error(call->reply, "ERR invalid expire time in 'set' command");
        return false;
    }
    return true;
}

static void run_set(const struct sim_call *call)
{
    bool is_new = false;
    int64_t ttl_ms = 0;
    if (!set_options(call, &is_new, &ttl_ms))
        return;
    struct sim_key *key = sim_key_find(call->keys, call->args[1]);
    if (key && is_new) {
        resp_nil(call->reply);
        return;
    }
    if (key && key->type != SIM_TEXT) {
        sim_key_remove(call->keys, key);
        key = NULL;
    }
    if (!key)
        key = sim_key_make(call->keys, call->args[1], SIM_TEXT);
    sim_pair_set(key, SLICE(""), call->args[2]);
    key->expires_at_ms = ttl_ms ? call->keys->now_ms + ttl_ms : SIM_FOREVER;
    resp_status(call->reply, "OK");
}

/* ---- Hashes ---- */

static void reply_value(const struct sim_call *call, const struct sim_pair *pair)
{
    if (pair)
        resp_text(call->reply, pair->value);
    else
        resp_nil(call->reply);
}

static void run_hget(const struct sim_call *call)
{
    struct sim_key *key;
    if (sim_key_take(call, SIM_HASH, &key))
        reply_value(call, sim_pair_find(key, call->args[2]));
}

static void run_hmget(const struct sim_call *call)
{
    struct sim_key *key;
    if (!sim_key_take(call, SIM_HASH, &key))
        return;
    resp_array(call->reply, call->count - 2);
    for (size_t i = 2; i < call->count; i++)
        reply_value(call, sim_pair_find(key, call->args[i]));
}

static void run_hgetall(const struct sim_call *call)
{
    struct sim_key *key;
    if (!sim_key_take(call, SIM_HASH, &key))
        return;
    resp_array(call->reply, key ? 2 * key->count : 0);
    for (size_t i = 0; key && i < key->count; i++) {
        resp_text(call->reply, key->pairs[i].name);
        resp_text(call->reply, key->pairs[i].value);
    }
}

static void run_hset(const struct sim_call *call)
{
    struct sim_key *key;
    int64_t added = 0;
    if (call->count % 2 != 0) {
        resp_error(call->reply, "ERR wrong number of arguments for 'hset' command");
        return;
    }
    if (!sim_key_take(call, SIM_HASH, &key))
        return;
    if (!key)
        key = sim_key_make(call->keys, call->args[1], SIM_HASH);
    for (size_t i = 2; i < call->count; i += 2)
        added += sim_pair_set(key, call->args[i], call->args[i + 1]);
    resp_integer(call->reply, added);
}

static void run_hdel(const struct sim_call *call)
{
    struct sim_key *key;
    int64_t removed = 0;
    if (!sim_key_take(call, SIM_HASH, &key))
        return;
    for (size_t i = 2; key && i < call->count; i++) {
        struct sim_pair *pair = sim_pair_find(key, call->args[i]);
        if (!pair)
            continue;
        removed++;
        if (sim_pair_remove(call->keys, key, pair))
            key = NULL;
    }
    resp_integer(call->reply, removed);
}

/* ---- Sorted sets ---- */

static void run_zadd(const struct sim_call *call)
{
    struct sim_key *key;
    double score;
    int64_t added = 0;
    if (call->count % 2 != 0) {
        resp_error(call->reply, "ERR syntax error");
        return;
    }
    for (size_t i = 2; i < call->count; i += 2)
        if (!score_parse(call->args[i], &score)) {
            resp_error(call->reply, "ERR value is not a valid float");
            return;
        }
    if (!sim_key_take(call, SIM_SET, &key))
        return;
    if (!key)
        key = sim_key_make(call->keys, call->args[1], SIM_SET);
    for (size_t i = 2; i < call->count; i += 2) {
        score_parse(call->args[i], &score);
        added += sim_pair_rank(key, call->args[i + 1], score);
    }
    resp_integer(call->reply, added);
}

static void run_zcard(const struct sim_call *call)
{
    struct sim_key *key;
    if (sim_key_take(call, SIM_SET, &key))
        resp_integer(call->reply, key ? (int64_t)key->count : 0);
}

static void run_zrange(const struct sim_call *call)
{
    struct sim_key *key;
    int64_t from, to;
    bool scores = call->count == 5 && sim_word_is(call->args[4], "WITHSCORES");
    if (call->count > 4 && !scores) {
        resp_error(call->reply, "ERR syntax error");
        return;
    }
    if (!sim_take_integer(call, 2, &from) || !sim_take_integer(call, 3, &to) || !sim_key_take(call, SIM_SET, &key))
        return;
    int64_t count = key ? (int64_t)key->count : 0;
    from = from < 0 ? from + count : from;
    to = to < 0 ? to + count : to;
    from = from < 0 ? 0 : from;
    to = to >= count ? count - 1 : to;
    resp_array(call->reply, from > to ? 0 : (size_t)(to - from + 1) * (scores ? 2 : 1));
    for (int64_t i = from; i <= to; i++) {
        resp_text(call->reply, key->pairs[i].name);
        if (scores)
            resp_double(call->reply, key->pairs[i].score);
    }
}

static void run_zrem(const struct sim_call *call)
{
    struct sim_key *key;
    int64_t removed = 0;
    if (!sim_key_take(call, SIM_SET, &key))
        return;
    for (size_t i = 2; key && i < call->count; i++) {
        struct sim_pair *pair = sim_pair_find(key, call->args[i]);
        removed += pair != NULL;
        if (pair && sim_pair_remove(call->keys, key, pair))
            key = NULL;
    }
    resp_integer(call->reply, removed);
}

struct limit {
    double score;
    bool is_excluded;
};

static bool limit_take(const struct sim_call *call, size_t index, struct limit *limit)
{
    struct slice text = call->args[index];
    limit->is_excluded = text.len > 0 && text.data[0] == '(';
    text.data += limit->is_excluded;
    text.len -= limit->is_excluded;
    if (limit_parse(text, &limit->score))
        return true;
    resp_error(call->reply, "ERR min or max is not a float");
    return false;
}

static void run_zremrangebyscore(const struct sim_call *call)
{
    struct sim_key *key;
    struct limit min, max;
    int64_t removed = 0;
    if (!limit_take(call, 2, &min) || !limit_take(call, 3, &max) || !sim_key_take(call, SIM_SET, &key))
        return;
    for (size_t i = key ? key->count : 0; i > 0; i--) {
        struct sim_pair *pair = &key->pairs[i - 1];
        bool is_over_min = min.is_excluded ? pair->score > min.score : pair->score >= min.score;
        bool is_under_max = max.is_excluded ? pair->score < max.score : pair->score <= max.score;
        if (is_over_min && is_under_max) {
            removed++;
            sim_pair_remove(call->keys, key, pair); /* if that was the last one, the loop ends */
        }
    }
    resp_integer(call->reply, removed);
}

/* ---- The table ---- */

const struct sim_command sim_key_commands[] = {
    {"DEL", -2, SIM_WRITE | SIM_KEYS, run_del},
    {"EXISTS", -2, SIM_KEYS, run_exists},
    {"FLUSHALL", -1, SIM_WRITE, run_flushall},
    {"GET", 2, SIM_KEY, run_get},
    {"HDEL", -3, SIM_WRITE | SIM_KEY, run_hdel},
    {"HGET", 3, SIM_KEY, run_hget},
    {"HGETALL", 2, SIM_KEY, run_hgetall},
    {"HMGET", -3, SIM_KEY, run_hmget},
    {"HSET", -4, SIM_WRITE | SIM_GROWS | SIM_KEY, run_hset},
    {"PEXPIRE", -3, SIM_WRITE | SIM_KEY, run_pexpire},
    {"PEXPIREAT", -3, SIM_WRITE | SIM_KEY, run_pexpireat},
    {"PTTL", 2, SIM_KEY, run_pttl},
    {"SCAN", -2, 0, run_scan},
    {"SET", -3, SIM_WRITE | SIM_GROWS | SIM_KEY, run_set},
    {"TYPE", 2, SIM_KEY, run_type},
    {"ZADD", -4, SIM_WRITE | SIM_GROWS | SIM_KEY, run_zadd},
    {"ZCARD", 2, SIM_KEY, run_zcard},
    {"ZRANGE", -4, SIM_KEY, run_zrange},
    {"ZREM", -3, SIM_WRITE | SIM_KEY, run_zrem},
    {"ZREMRANGEBYSCORE", 4, SIM_WRITE | SIM_KEY, run_zremrangebyscore},
    {0},
};

const struct sim_command *sim_command_find(const struct sim_command *table, struct slice name)
{
    while (table->name && !sim_word_is(name, table->name))
        table++;
    return table->name ? table : NULL;
}

bool sim_command_takes(const struct sim_command *command, size_t count)
{
    return command->arity < 0 ? count >= (size_t)-command->arity : count == (size_t)command->arity;
}
