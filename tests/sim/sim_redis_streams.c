/* SPDX-License-Identifier: MIT */
/*
 * Streams: items under ids that grow.
 *
 * A stream is a key whose first pair is the last id that was given (its name is empty); each further pair is an item: its
 * id, and its fields and values as the reply that tells them. So an empty stream still knows that id, as Redis' does.
 *
 * XADD ... MAXLEN ~ removes nothing: Redis removes whole nodes only, a hundred items at a time, and may leave more.
 */
#include "sim_redis_streams.h"

#include <inttypes.h>
#include <stdio.h>

#include "sim_redis_resp.h"

enum { ID_LEN_MAX = 41 };

struct id {
    uint64_t ms, seq;
};

static int id_compare(struct id a, struct id b)
{
    if (a.ms != b.ms)
        return a.ms < b.ms ? -1 : 1;
    return a.seq < b.seq ? -1 : a.seq > b.seq;
}

static bool part_parse(struct slice text, uint64_t *part)
{
    int64_t value;
    bool is_number = text.len > 0 && text.data[0] != '-' && slice_to_int64(text, &value);
    *part = is_number ? (uint64_t)value : 0;
    return is_number;
}

/* "5" is "5-SEQ". */
static bool id_parse(struct slice text, uint64_t seq, struct id *id)
{
    struct slice rest = {0}, ms = slice_split(text, '-', &rest);
    id->seq = seq;
    return part_parse(ms, &id->ms) && (!rest.data || part_parse(rest, &id->seq));
}

static struct slice id_print(char text[ID_LEN_MAX + 1], struct id id)
{
    int len = snprintf(text, ID_LEN_MAX + 1, "%" PRIu64 "-%" PRIu64, id.ms, id.seq);
    return (struct slice){text, (size_t)len};
}

static struct id pair_id(const struct sim_pair *pair)
{
    struct id id = {0};
    id_parse(pair->name, 0, &id);
    return id;
}

static struct id last_id(const struct sim_key *key)
{
    struct id id = {0};
    if (key)
        id_parse(key->pairs[0].value, 0, &id);
    return id;
}

static void reply_invalid(const struct sim_call *call)
{
    resp_error(call->reply, "ERR Invalid stream ID specified as stream command argument");
}

/* ---- Commands ---- */

/* Where the id is; 0: the reply says what is wrong. */
static size_t id_place(const struct sim_call *call)
{
    int64_t most;
    size_t place = 2;
    if (sim_word_is(call->args[2], "MAXLEN") && call->count > 4 && sim_word_is(call->args[3], "~")) {
        if (!sim_take_integer(call, 4, &most))
            return 0;
        place = 5;
    }
    if (call->count >= place + 3 && (call->count - place) % 2 == 1)
        return place;
    resp_error(call->reply, "ERR wrong number of arguments for 'xadd' command");
    return 0;
}

static void item_add(const struct sim_call *call, struct sim_key *key, size_t place, struct id id)
{
    char text[ID_LEN_MAX + 1];
    struct slice name = id_print(text, id);
    struct buf fields;
    buf_init(&fields);
    resp_array(&fields, call->count - place - 1);
    for (size_t i = place + 1; i < call->count; i++)
        resp_text(&fields, call->args[i]);
    if (!key)
        key = sim_key_make(call->keys, call->args[1], SIM_STREAM);
    sim_pair_set(key, SLICE(""), name);
    sim_pair_set(key, name, buf_slice(&fields));
    resp_text(call->reply, name);
    buf_fini(&fields);
}

static void run_xadd(const struct sim_call *call)
{
    struct sim_key *key;
    struct id id;
    size_t place = id_place(call);
    if (!place)
        return;
    if (!id_parse(call->args[place], 0, &id))
        reply_invalid(call);
    else if (id.ms == 0 && id.seq == 0)
        resp_error(call->reply, "ERR The ID specified in XADD must be greater than 0-0");
    else if (!sim_key_take(call, SIM_STREAM, &key))
        return;
    else if (key && id_compare(id, last_id(key)) <= 0)
        resp_error(call->reply, "ERR The ID specified in XADD is equal or smaller than the target stream top item");
    else
        item_add(call, key, place, id);
}

static void run_xdel(const struct sim_call *call)
{
    struct sim_key *key;
    struct id id;
    char text[ID_LEN_MAX + 1];
    int64_t removed = 0;
    if (!sim_key_take(call, SIM_STREAM, &key))
        return;
    for (size_t i = 2; key && i < call->count; i++)
        if (!id_parse(call->args[i], 0, &id)) {
            reply_invalid(call);
            return;
        }
    for (size_t i = 2; key && i < call->count; i++) {
        id_parse(call->args[i], 0, &id);
        struct sim_pair *pair = sim_pair_find(key, id_print(text, id));
        removed += pair != NULL;
        if (pair)
            sim_pair_remove(call->keys, key, pair); /* the first pair is still there */
    }
    resp_integer(call->reply, removed);
}

static void run_xlen(const struct sim_call *call)
{
    struct sim_key *key;
    if (sim_key_take(call, SIM_STREAM, &key))
        resp_integer(call->reply, key ? (int64_t)key->count - 1 : 0);
}

static void reply_item(struct buf *reply, const struct sim_pair *pair)
{
    resp_array(reply, 2);
    resp_text(reply, pair->name);
    buf_append_slice(reply, pair->value);
}

/* "-", "+", "(ID" at the range's beginning, or an id; seq for one that has none. */
static bool limit_take(struct slice text, uint64_t seq, struct id *id, bool *is_excluded)
{
    *is_excluded = text.len > 1 && text.data[0] == '(';
    if (slice_equal(text, SLICE("-")) || slice_equal(text, SLICE("+"))) {
        *id = text.data[0] == '-' ? (struct id){0} : (struct id){UINT64_MAX, UINT64_MAX};
        return true;
    }
    return id_parse((struct slice){text.data + *is_excluded, text.len - *is_excluded}, seq, id);
}

static void reply_range(const struct sim_call *call, const struct sim_key *key, size_t first, size_t end, int64_t most)
{
    size_t count = end - first;
    if (most > 0 && count > (size_t)most)
        count = (size_t)most;
    resp_array(call->reply, count);
    for (size_t i = 0; i < count; i++)
        reply_item(call->reply, &key->pairs[first + i]);
}

static void run_xrange(const struct sim_call *call)
{
    struct sim_key *key;
    struct id from, to;
    bool is_behind, is_before;
    int64_t most = 0;
    if (!limit_take(call->args[2], 0, &from, &is_behind) || !limit_take(call->args[3], UINT64_MAX, &to, &is_before)) {
        reply_invalid(call);
        return;
    }
    if (call->count > 4 && !(call->count == 6 && sim_word_is(call->args[4], "COUNT"))) {
        resp_error(call->reply, "ERR syntax error");
        return;
    }
    if ((call->count == 6 && !sim_take_integer(call, 5, &most)) || !sim_key_take(call, SIM_STREAM, &key))
        return;
    size_t first = 1, end = key ? key->count : 1;
    while (first < end && id_compare(pair_id(&key->pairs[first]), from) < (is_behind ? 1 : 0))
        first++;
    while (end > first && id_compare(pair_id(&key->pairs[end - 1]), to) > (is_before ? -1 : 0))
        end--;
    reply_range(call, key, first, end, most);
}

/* Those of its figures that don't depend on how Redis keeps a stream. */
static void run_xinfo(const struct sim_call *call)
{
    const struct sim_key *key = sim_key_find(call->keys, call->args[2]);
    if (!key) {
        resp_error(call->reply, "ERR no such key");
        return;
    }
    if (key->type != SIM_STREAM) {
        resp_error(call->reply, "WRONGTYPE Operation against a key holding the wrong kind of value");
        return;
    }
    resp_array(call->reply, 6);
    resp_text(call->reply, SLICE("length"));
    resp_integer(call->reply, (int64_t)key->count - 1);
    resp_text(call->reply, SLICE("last-generated-id"));
    resp_text(call->reply, key->pairs[0].value);
    resp_text(call->reply, SLICE("first-entry"));
    if (key->count > 1)
        reply_item(call->reply, &key->pairs[1]);
    else
        resp_nil(call->reply);
}

const struct sim_command sim_stream_commands[] = {
    {"XADD", -5, SIM_WRITE | SIM_GROWS | SIM_KEY, run_xadd},
    {"XDEL", -3, SIM_WRITE | SIM_KEY, run_xdel},
    {"XINFO", 3, 0, run_xinfo},
    {"XLEN", 2, SIM_KEY, run_xlen},
    {"XRANGE", -4, SIM_KEY, run_xrange},
    {0},
};
