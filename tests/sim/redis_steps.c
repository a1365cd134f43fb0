/* SPDX-License-Identifier: MIT */
/*
 * A command is drawn as a template, a line of words; some words stand for a class of things, of which one is drawn:
 *
 *   K  a key     F  a field of a hash    V  a value or member    S  a score or a limit of scores
 *   D  an id of a stream
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
#include "peers/peers_embedded.h"
#include "queue/queue_embedded.h"
#include "redis/redis_encode.h"

#define COUNT_OF(array) (sizeof(array) / sizeof((array)[0]))

enum { ARGS_MAX = 32, WORD_MAX = 40 };

static const char *const keys[] = {"todo:1:{a}",
                                   "todo:1:{a}:lease",
                                   "todo:1:{a}:writers",
                                   "todo:1:{b}",
                                   "todo:1:{b}:lease",
                                   "todo:1:{b}:writers",
                                   "todos:1:{list}:gen",
                                   "todos:1:{list}:writers",
                                   "todos:1:{list}:p",
                                   "todos:1:{list}:q",
                                   "todos:1:{list}:pages",
                                   "beat:1",
                                   "watermark:1",
                                   "limit:{c}",
                                   "todos:1:{list}:holders",
                                   "todos:1:{list}:holders:0a",
                                   "todos:1:{list}:holders:0b",
                                   "todo-queue:{3}",
                                   "todo-queue:{3}:done",
                                   "todo-queue:{3}:dead",
                                   "todo-queue:{3}:applier",
                                   "todo-queue:key:1",
                                   "todo-queue:store"};

/* The keys of a todo, and behind those of both todos the others, as script_calls names them; p is one of two pages. */
static const char todo_keys[] = "elw", other_keys[] = "gxpqsbmch01WDXAKS";
enum { TODO_KEYS = 3, TODO_IDS = 2 };

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
    "HDEL K F",
    "HDEL K F F",
    "HDEL K",
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
    "PUBLISH V V",
    "PUBLISH V",
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
    "XADD K D V V",
    "XADD K D V V V V",
    "XADD K MAXLEN ~ 100 D V V",
    "XADD K D V",
    "XDEL K D",
    "XDEL K D D",
    "XLEN K",
    "XRANGE K - +",
    "XRANGE K D D",
    "XRANGE K (1-2 + COUNT 1",
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
    "local seen = {} local found = redis.pcall('XINFO', 'STREAM', KEYS[1]) for i = 1, #found, 2 do "
    "if found[i] == 'length' or found[i] == 'last-generated-id' or found[i] == 'first-entry' then "
    "seen[#seen + 1] = found[i + 1] or 'none' end end return {#found > 0, found.err, seen}",
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
    static const char *const stream_ids[] = {"0-1", "1", "1-2", "1-3", "2-0", "1700000000123-0", "0-0", "x", "1-x"};
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
    case 'D':
        add(draw, slice_of(ONE_OF(draw, stream_ids)));
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
        } else if (word.len == 1 && strchr("DKFVSITAN", word.data[0])) {
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
} scripts[] = {SCRIPTS(SCRIPT_ROW) LIMIT_SCRIPTS(SCRIPT_ROW) PEERS_SCRIPTS(SCRIPT_ROW) QUEUE_SCRIPTS(SCRIPT_ROW)};

/*
 * The keys and arguments of each script, in the order of the files. Keys are letters of todo_keys and other_keys; + is the
 * keys of as many todos as are drawn, and the keys behind it come only now and then. Arguments are classes, as in a template, and:
 *
 *   O  a token     M  a time of an entry, -1     X  a watermark     B  a beat       R  a rate of requests
 *   C  a machine   I  an incarnation   N  a number of renews, or of the box   E  names of ids
 *   Z  a number of a queued write     U, Y  a whole number, of ms or of writes
 *   P  a number of pages      H  a hash's fields and values         L  for each todo what its change left
 *   J  a token for all todos, or one for each
 */
static const struct {
    const char *name, *keys, *args;
} script_calls[] = {
    {"ACQUIRE", "elwm", "OTMX"}, {"BEAT", "b", "BT"},
    {"CLEAR", "elw", "A"},       {"DISCARD", "elwgxpsm", ""},
    {"FENCE", "+gx", "TJ"},      {"FILL", "el", "OTH"},
    {"INVALIDATE", "+", "L"},    {"LIST_ACQUIRE", "gxm", "OTX"},
    {"LIST_CLEAR", "gx", "A"},   {"LIST_FILL", "pgxs", "OTPH"},
    {"PUBLISH", "elw", "OTH"},   {"RELEASE", "l", "O"},
    {"UNFENCE", "+gx", "J"},     {"WATERMARK", "m", "XT"},
    {"LIMIT", "c", "RR"},        {"EXPEL", "h", "CIN"},
    {"JOIN", "h", "CIO"},        {"RENEW", "h", "CIN"},
    {"TELL", "h", "CEO"},        {"APPEND", "WDXWWWWWWWWK", "CENYUOU"},
    {"BELONG", "S", "X"},        {"FIND", "WDX", "Z"},
    {"HOLD", "A", "OU"},         {"LOOK", "WXA", ""},
    {"READ", "W", "ZNU"},        {"SETTLE", "WDX", "EUZOZO"},
};
_Static_assert(COUNT_OF(script_calls) == COUNT_OF(scripts), "a script has no row in script_calls");

/* Returns for how many todos. Most are the first one, so that steps meet. */
static unsigned add_script_keys(struct draw *draw, const char *letters)
{
    unsigned id = dice_one_in(&draw->dice, 4), ids = 1;
    if (*letters == '+') {
        ids = (unsigned)dice_between(&draw->dice, 1, 3);
        for (unsigned i = 0; i < ids * TODO_KEYS; i++)
            add(draw, slice_of(keys[(id + i / TODO_KEYS) % TODO_IDS * TODO_KEYS + i % TODO_KEYS]));
        if (dice_one_in(&draw->dice, 2))
            add_script_keys(draw, letters + 1);
        return ids;
    }
    for (; *letters; letters++) {
        const char *todo = strchr(todo_keys, *letters), *other = strchr(other_keys, *letters);
        size_t key = todo ? id * TODO_KEYS + (size_t)(todo - todo_keys)
                          : TODO_IDS * TODO_KEYS + (size_t)(other - other_keys) +
                                (*letters == 'p' && dice_one_in(&draw->dice, 3));
        if (dice_one_in(&draw->dice, 30))
            add_class(draw, 'K');
        else
            add(draw, slice_of(keys[key]));
    }
    return ids;
}

static void add_words(struct draw *draw, const char *words)
{
    for (struct slice rest = slice_of(words); rest.data;)
        add(draw, slice_split(rest, ' ', &rest));
}

static void add_script_arg(struct draw *draw, char class, unsigned ids)
{
    static const char *const hashes[] = {"v 1 updated_at 1000 life 7 at 1699999999000",
                                         "v 2 updated_at 1000 at 1700000000123", "none 1 at 5", "v 1"};
    static const char *const left[] = {"1 1000", "1 1000 7", "2 1000", "none", "", "1 1000 8"};
    static const char *const beats[] = {"9", "10", "1700000000123000000", "9223372036854775807"};
    static const char *const rates[] = {"1", "3", "1000000", "30000"};
    static const char *const least[] = {"-1", "-1", "1699999999000", "1700000000123"};
    static const char *const marks[] = {"", "", "", "0001", "0002", "00001"};
    static const char *const tokens[] = {"t1", "t1", "t1", "t2", "1"};
    static const char *const most[] = {"1", "2", "100"};
    static const char *const machines[] = {"0a", "0b", ""};
    static const char *const incarnations[] = {"01", "01", "02"};
    static const char *const numbers[] = {"0", "1", "2", "3", "7"};
    static const char *const names[] = {"12345678", "1234567 abcdefgh", "", "\r\n\x7f\xff 678"};
    static const char *const queued[] = {"1700000000123-0", "1700000000123-1", "1700000000124-0", "0-1"};
    static const char *const figures[] = {"1", "100", "100000"};
    static const struct {
        char class;
        const char *const *words;
        size_t count;
    } rows[] = {{'B', beats, COUNT_OF(beats)},       {'R', rates, COUNT_OF(rates)},
                {'M', least, COUNT_OF(least)},       {'X', marks, COUNT_OF(marks)},
                {'O', tokens, COUNT_OF(tokens)},     {'P', most, COUNT_OF(most)},
                {'C', machines, COUNT_OF(machines)}, {'I', incarnations, COUNT_OF(incarnations)},
                {'N', numbers, COUNT_OF(numbers)},   {'E', names, COUNT_OF(names)},
                {'Z', queued, COUNT_OF(queued)},     {'U', figures, COUNT_OF(figures)},
                {'Y', figures, COUNT_OF(figures)}};
    bool ids_share = dice_one_in(&draw->dice, 2);
    if (class == 'H') {
        add_words(draw, ONE_OF(draw, hashes));
        return;
    }
    for (unsigned i = 0; class == 'L' && i < ids; i++)
        add(draw, slice_of(ONE_OF(draw, left)));
    for (unsigned i = 0; class == 'J' && i < (ids_share ? 1 : ids); i++)
        add(draw, slice_of(ONE_OF(draw, tokens)));
    for (size_t i = 0; i < COUNT_OF(rows); i++)
        if (rows[i].class == class)
            add(draw, slice_of(one_of(draw, rows[i].words, rows[i].count)));
    if (class == 'T' || class == 'A')
        add_class(draw, class);
}

static void draw_script(struct draw *draw)
{
    size_t call = dice_below(&draw->dice, COUNT_OF(script_calls));
    bool is_text = dice_one_in(&draw->dice, 8);
    bug_unless(strcmp(scripts[call].name, script_calls[call].name) == 0,
               "the rows of the scripts are in another order");
    add(draw, is_text ? SLICE("EVAL") : SLICE("EVALSHA"));
    add(draw, is_text ? scripts[call].text : scripts[call].sha);
    add(draw, SLICE("0"));
    unsigned ids = add_script_keys(draw, script_calls[call].keys);
    char *number = draw->words[2];
    snprintf(number, WORD_MAX, "%zu", draw->count - 3);
    draw->args[2] = slice_of(number);
    for (const char *class = script_calls[call].args; *class; class ++)
        add_script_arg(draw, *class, ids);
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
    uint64_t script_share = 3 + dice_below(&draw.dice, 7); /* of ten commands */
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
        if (side < script_share)
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
        "local reads = {string = {'GET'}, hash = {'HGETALL'}, zset = {'ZRANGE', 0, -1, 'WITHSCORES'},\n"
        "    stream = {'XRANGE', '-', '+'}}\n"
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
