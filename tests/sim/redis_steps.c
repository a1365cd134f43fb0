/* SPDX-License-Identifier: MIT */
/*
 * A command is drawn as a template, a line of words; some words stand for a class of things, of which one is drawn:
 *
 *   K  a key     F  a field of a hash    V  a value or member    S  a score or a limit of scores
 *   I  a rank    T  a lifetime in ms     A  a time in ms         N  any of these, for an argument that must be something
 *
 * Scripts get the keys that workers give them, and now and then any keys; so they meet wrong types.
 */
#include "redis_steps.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "cache/scripts_embedded.h"
#include "clients/limit_embedded.h"
#include "redis/redis_encode.h"

#define COUNT_OF(array) (sizeof(array) / sizeof((array)[0]))

enum { ARGS_MAX = 24, WORD_MAX = 40 };

static const char *const keys[] = {
    "todo:1:{a}",         "todo:1:{a}:lease",   "todo:1:{a}:writers",     "todo:1:{b}",       "todo:1:{b}:lease",
    "todo:1:{b}:writers", "todos:1:{list}:gen", "todos:1:{list}:writers", "todos:1:{list}:p", "beat:1",
    "limit:{c}"};
enum { TODO_KEYS = 3, LIST_KEY = 6, BEAT_KEY = 9, LIMIT_KEY = 10 };

static const char *const templates[] = {
    "AUTH x",
    "AUTH default x",
    "AUTH other x",
    "DEL K",
    "DEL K K K",
    "EXISTS K K",
    "EXISTS K",
    "GET",
    "GET K",
    "GET K K",
    "HGET K F",
    "HGETALL K",
    "HMGET K F F",
    "HMGET K",
    "HSET K F",
    "HSET K F V",
    "HSET K F V F V",
    "HSET K F V F",
    "NOSUCH K V",
    "PEXPIRE K N",
    "PEXPIRE K T",
    "PEXPIREAT K A",
    "PING",
    "PTTL K",
    "SCRIPT FLUSH",
    "SELECT 0",
    "SELECT 1",
    "SELECT x",
    "SET K V",
    "SET K V NX",
    "SET K V NX PX T",
    "SET K V PX",
    "SET K V PX N",
    "SET K V PX T",
    "SET K V WHAT",
    "TIME",
    "TYPE K",
    "ZADD K N V",
    "ZADD K S V",
    "ZADD K S V S V",
    "ZADD K S V S",
    "ZCARD K",
    "ZRANGE K I I",
    "ZRANGE K I I WITHSCORES",
    "ZRANGE K N I",
    "ZREM K V",
    "ZREM K V V",
    "ZREMRANGEBYSCORE K S S",
    "EVAL nonsense( 0",
    "EVAL return 0 N",
    "EVAL return 0 -1",
    "EVAL return 0 5 K",
    "EVAL unknown() 0",
    "EVALSHA 0123 0",
    "evalsha 0123456789012345678901234567890123456789 0",
    "hgetall K",
    "SCAN x",
    "SCAN 0 COUNT 0",
    "SCAN 0 COUNT x",
    "SCAN 0 COUNT",
    "SCAN 0 NOSUCH x",
    "FLUSHALL",
};

/* What scripts could do and ours may come to do: each kind of value, there and back. */
static const char *const texts[] = {
    "return {1.9, -1.9, true, false, 'x', {2, nil, 3}, {ok = 'FINE'}}",
    "return redis.call('GET', KEYS[1])",
    "return {redis.pcall('HGET', KEYS[1], 'v'), redis.pcall('ZCARD', KEYS[1])}",
    "return redis.pcall('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])",
    "redis.call('DEL', KEYS[1]) return redis.call('SET', KEYS[1], 12345678901234567)",
    "local t = redis.call('TIME') return {t[1], t[2], #KEYS, #ARGV}",
    "return redis.call('SET', KEYS[1], ARGV[1])",
    "return redis.call('NOSUCH')",
    "return redis.call('GET')",
    "return redis.call('EVAL', 'return 1', 0)",
    "return redis.call({})",
    "global = 1",
    "return #global",
    "return tostring(nil) .. {}",
    "error('own words')",
    "error({err = 'OWN words'})",
    "return redis.call('ZADD', KEYS[1], 1.5, 'x', 2e17, 'y')",
    "return redis.call('HSET', KEYS[1], 'v', 3, 'w', 1e100)",
    "return {err = 'MINE is this'}",
    "return redis.call('PEXPIRE', KEYS[1], ARGV[2])",
    "return {string.format('%.0f', 2^53), math.floor(-0.5), unpack({1, 2, 3}, 2)}",
    "return select('#', redis.call('HMGET', KEYS[1], 'v', 'nothing'))",
    "return pcall(redis.call, 'GET')",
    "return type(redis.pcall('GET')) .. redis.pcall('GET').err",
};

struct draw {
    struct dice dice;
    int64_t now_ms;
    char words[ARGS_MAX][WORD_MAX];
    struct slice args[ARGS_MAX];
    size_t count;
};

/* ---- Words ---- */

static void add(struct draw *draw, struct slice arg)
{
    bug_unless(draw->count < ARGS_MAX, "a command has more arguments than there is room for");
    draw->args[draw->count++] = arg;
}

static void add_number(struct draw *draw, int64_t number)
{
    char *word = draw->words[draw->count];
    snprintf(word, WORD_MAX, "%" PRId64, number);
    add(draw, slice_of(word));
}

static const char *one_of(struct draw *draw, const char *const *words, size_t count)
{
    return words[dice_below(&draw->dice, count)];
}

#define ONE_OF(draw, words) one_of(draw, words, COUNT_OF(words))

static int64_t draw_ms(struct draw *draw)
{
    static const int64_t some_ms[] = {1, 2, 99, 100, 101, 1000, 60000};
    return some_ms[dice_below(&draw->dice, COUNT_OF(some_ms))];
}

static void add_class(struct draw *draw, char class)
{
    static const char *const fields[] = {"v", "updated_at", "life", "at", "none", "name"};
    static const char *const values[] = {"1", "2", "t1", "t2", "!", "1000", "", "two words\r\nand a line"};
    static const char *const scores[] = {"0",   "-1", "1.5", "(1", "-inf", "+inf", "1700000000123", "(1700000001123",
                                         "3e2", ""};
    static const char *const ranks[] = {"0", "1", "-1", "-2", "5", "-9"};
    static const char *const anything[] = {
        "0",   "-5",  "x",    "1x",   "", " 1", "01", "9223372036854775807", "9223372036854775808",
        "nan", "inf", "0x10", "1e400"};
    switch (class) {
    case 'K':
        add(draw, slice_of(ONE_OF(draw, keys)));
        break;
    case 'F':
        add(draw, slice_of(ONE_OF(draw, fields)));
        break;
    case 'V':
        add(draw, slice_of(ONE_OF(draw, values)));
        break;
    case 'S':
        add(draw, slice_of(ONE_OF(draw, scores)));
        break;
    case 'I':
        add(draw, slice_of(ONE_OF(draw, ranks)));
        break;
    case 'T':
        add_number(draw, draw_ms(draw));
        break;
    case 'A':
        add_number(draw, draw->now_ms + dice_between(&draw->dice, -1, 1) * draw_ms(draw));
        break;
    default:
        add(draw, slice_of(ONE_OF(draw, anything)));
    }
}

static void draw_template(struct draw *draw)
{
    struct slice rest = slice_of(ONE_OF(draw, templates));
    bool is_script = strncmp(rest.data, "EVAL ", 5) == 0;
    while (rest.data) {
        struct slice word = slice_split(rest, ' ', &rest);
        if (is_script && draw->count == 1 && slice_equal(word, SLICE("return"))) { /* "return 0" is one argument */
            add(draw, SLICE("return 0"));
            slice_split(rest, ' ', &rest);
        } else if (word.len == 1 && strchr("KFVSITAN", word.data[0])) {
            add_class(draw, word.data[0]);
        } else {
            add(draw, word);
        }
    }
}

/* ---- Scripts ---- */

#define SCRIPT_ROW(upper, sha, text) {#upper, SLICE(sha), SLICE(text)},
static const struct {
    const char *name;
    struct slice sha, text;
} scripts[] = {SCRIPTS(SCRIPT_ROW) LIMIT_SCRIPTS(SCRIPT_ROW)};

/* The keys and arguments of a script in one line, as in a template; + is as many ids as are drawn. */
static const struct {
    const char *name, *keys, *args;
} script_calls[] = {
    {"ACQUIRE", "elw", "V T M"},     {"BEAT", "b", "B T"},
    {"CLEAR", "elw", "A"},           {"FENCE", "+", "V T"},
    {"FILL", "el", "V T H"},         {"INVALIDATE", "+", "L"},
    {"LIST_ACQUIRE", "gx", "V T"},   {"LIST_CLEAR", "gx", "A"},
    {"LIST_FENCE", "gx", "V T V T"}, {"LIST_FILL", "pgx", "V T H"},
    {"LIST_UNFENCE", "gx", "V V T"}, {"PUBLISH", "elw", "V T H"},
    {"RELEASE", "l", "V"},           {"UNFENCE", "+", "V"},
    {"LIMIT", "c", "R R"},
};

static void add_todo_key(struct draw *draw, unsigned id, unsigned which)
{
    add(draw, slice_of(keys[TODO_KEYS * id + which]));
}

/* Returns for how many ids. */
static unsigned add_script_keys(struct draw *draw, const char *classes)
{
    unsigned id = (unsigned)dice_below(&draw->dice, 2);
    unsigned ids = 1;
    if (*classes == '+') {
        ids = (unsigned)dice_between(&draw->dice, 1, 3);
        for (unsigned i = 0; i < ids * TODO_KEYS; i++)
            add_todo_key(draw, (id + i / TODO_KEYS) % 2, i % TODO_KEYS);
        return ids;
    }
    for (; *classes; classes++) {
        const char *todo = strchr("elw", *classes), *list = strchr("gxp", *classes);
        if (dice_one_in(&draw->dice, 20))
            add_class(draw, 'K');
        else if (todo)
            add_todo_key(draw, id, (unsigned)(todo - strchr("elw", 'e')) % 3);
        else if (list)
            add(draw, slice_of(keys[LIST_KEY + (*classes == 'x') + 2 * (*classes == 'p')]));
        else
            add(draw, slice_of(keys[*classes == 'b' ? BEAT_KEY : LIMIT_KEY]));
    }
    return ids;
}

static void add_script_args(struct draw *draw, const char *classes, unsigned ids)
{
    static const char *const hashes[] = {"v 1 updated_at 1000 life 7 at 1699999999000",
                                         "v 2 updated_at 1000 at 1700000000123", "none 1 at 5", "v 1"};
    static const char *const left[] = {"1 1000", "1 1000 7", "2 1000", "none", "", "1 1000 8"};
    static const char *const beats[] = {"9", "10", "1700000000123000000", "9223372036854775807"};
    static const char *const rates[] = {"1", "3", "1000000", "30000"};
    static const char *const least[] = {"-1", "1699999999000", "1700000000123"};
    struct slice rest;
    for (; *classes; classes++)
        switch (*classes) {
        case ' ':
            break;
        case 'H':
            rest = slice_of(ONE_OF(draw, hashes));
            while (rest.data)
                add(draw, slice_split(rest, ' ', &rest));
            break;
        case 'L':
            for (unsigned i = 0; i < ids; i++)
                add(draw, slice_of(ONE_OF(draw, left)));
            break;
        case 'B':
            add(draw, slice_of(ONE_OF(draw, beats)));
            break;
        case 'R':
            add(draw, slice_of(ONE_OF(draw, rates)));
            break;
        case 'M':
            add(draw, slice_of(ONE_OF(draw, least)));
            break;
        default:
            add_class(draw, *classes);
        }
}

static void draw_script(struct draw *draw)
{
    size_t call = dice_below(&draw->dice, COUNT_OF(script_calls)), script = 0;
    while (strcmp(scripts[script].name, script_calls[call].name) != 0)
        script++;
    bool is_text = dice_one_in(&draw->dice, 4);
    add(draw, is_text ? SLICE("EVAL") : SLICE("EVALSHA"));
    add(draw, is_text ? scripts[script].text : scripts[script].sha);
    add(draw, SLICE("0"));
    unsigned ids = add_script_keys(draw, script_calls[call].keys);
    char *number = draw->words[2];
    snprintf(number, WORD_MAX, "%zu", draw->count - 3);
    draw->args[2] = slice_of(number);
    add_script_args(draw, script_calls[call].args, ids);
}

static void draw_text(struct draw *draw)
{
    const char *text = ONE_OF(draw, texts);
    bool is_loaded = dice_one_in(&draw->dice, 6);
    add(draw, is_loaded ? SLICE("SCRIPT") : SLICE("EVAL"));
    if (is_loaded)
        add(draw, SLICE("LOAD"));
    add(draw, slice_of(text));
    if (is_loaded)
        return;
    add(draw, SLICE("1"));
    add_class(draw, 'K');
    add_class(draw, 'V');
    add_class(draw, 'T');
}

/* ---- Steps ---- */

static enum step_kind draw_kind(struct draw *draw)
{
    switch (dice_below(&draw->dice, 60)) {
    case 0:
        return STEP_FULL;
    case 1:
    case 2:
        return STEP_ROOM;
    case 3:
        return dice_one_in(&draw->dice, 3) ? STEP_REPLICA : STEP_PRIMARY;
    case 4:
        return dice_one_in(&draw->dice, 6) ? STEP_STALE : STEP_PRIMARY;
    default:
        return dice_one_in(&draw->dice, 6) ? STEP_PASS : STEP_COMMAND;
    }
}

void sequence_draw(struct sequence *sequence, struct dice dice, int64_t now_ms)
{
    struct draw draw = {.dice = dice, .now_ms = now_ms};
    sequence_fini(sequence);
    sequence->count = STEPS_MAX / 2 + (unsigned)dice_below(&draw.dice, STEPS_MAX / 2 + 1);
    for (unsigned i = 0; i < sequence->count; i++) {
        struct step *step = &sequence->steps[i];
        step->kind = draw_kind(&draw);
        step->pass_ms = draw_ms(&draw);
        draw.now_ms += step->kind == STEP_PASS ? step->pass_ms : 0;
        draw.count = 0;
        if (step->kind != STEP_COMMAND)
            continue;
        uint64_t side = dice_below(&draw.dice, 10);
        if (side < 5)
            draw_script(&draw);
        else if (side < 9)
            draw_template(&draw);
        else
            draw_text(&draw);
        redis_encode_all(&step->command, draw.args, draw.count);
    }
}

void sequence_fini(struct sequence *sequence)
{
    for (unsigned i = 0; i < sequence->count; i++)
        buf_fini(&sequence->steps[i].command);
    sequence->count = 0;
}

unsigned sequence_load(struct buf *commands)
{
    for (size_t i = 0; i < COUNT_OF(scripts); i++) {
        redis_encode_count(commands, 3);
        redis_encode(commands, SLICE("SCRIPT"));
        redis_encode(commands, SLICE("LOAD"));
        redis_encode(commands, scripts[i].text);
    }
    return COUNT_OF(scripts);
}

void sequence_look(struct buf *command)
{
    static const char text[] =
        "local reads = {string = {'GET'}, hash = {'HGETALL'}, zset = {'ZRANGE', 0, -1, 'WITHSCORES'}}\n"
        "local seen = {}\n"
        "for i, key in ipairs(KEYS) do\n"
        "    local kind = redis.call('TYPE', key).ok\n"
        "    local read = reads[kind]\n"
        "    if read then\n"
        "        seen[#seen + 1] = {key, kind, redis.call('PTTL', key), redis.call(read[1], key, unpack(read, 2))}\n"
        "    end\n"
        "end\n"
        "return seen";
    struct slice args[3 + COUNT_OF(keys)] = {SLICE("EVAL"), SLICE(text)};
    char number[INT64_TEXT_MAX + 1];
    args[2] = slice_of_int64(number, COUNT_OF(keys));
    for (size_t i = 0; i < COUNT_OF(keys); i++)
        args[3 + i] = slice_of(keys[i]);
    redis_encode_all(command, args, COUNT_OF(args));
}

/* ---- For people ---- */

static void print_command(struct slice command)
{
    struct slice rest, line = slice_split(command, '\n', &rest);
    for (long i = strtol(line.data + 1, NULL, 10); i > 0; i--) {
        line = slice_split(rest, '\n', &rest);
        size_t len = strtoul(line.data + 1, NULL, 10);
        struct slice word = {rest.data, len};
        for (size_t script = 0; script < COUNT_OF(scripts); script++)
            if (slice_equal(word, scripts[script].text) || slice_equal(word, scripts[script].sha))
                word = slice_of(scripts[script].name);
        printf(" %.*s", (int)word.len, word.data);
        rest.data += len + 2;
        rest.len -= len + 2;
    }
}

void step_print(const struct step *step)
{
    static const char *const names[] = {[STEP_FULL] = "it is full",
                                        [STEP_ROOM] = "it has room",
                                        [STEP_REPLICA] = "it is a replica",
                                        [STEP_STALE] = "it is a replica that tells nothing",
                                        [STEP_PRIMARY] = "it is a primary"};
    printf("   ");
    if (step->kind == STEP_COMMAND)
        print_command(buf_slice(&step->command));
    else if (step->kind == STEP_PASS)
        printf(" %" PRId64 " ms pass", step->pass_ms);
    else
        printf(" %s", names[step->kind]);
    printf("\n");
}
