/* SPDX-License-Identifier: MIT */
/*
 * Two simulated servers of a Redis Cluster against two real ones: the same commands, the same replies, byte by byte, while
 * a slot moves from the first to the second, key by key.
 *
 *   test_same_cluster [SEQUENCES [SEED [FIRST]]]
 *
 * Each sequence has a slot of its own: one that comes and goes within a second may fall back to where it was, for the real
 * servers tell each other of it late. For the same reason both are told at once when a slot has moved. A difference is
 * printed with its seed, its number, and all steps that led to it.
 */
#include "tests/unit/testing.h"

#include "base/buf.h"
#include "cache/scripts_embedded.h"
#include "dice.h"
#include "redis/redis_encode.h"
#include "sim_redis.h"
#include "sim_redis_resp.h"
#include "tests/unit/redis_process.h"

enum { STEPS = 40, SERVERS = 2, KEYS = 4, ARGS_MAX = 12, OPEN_TRIES = 600 };

#define MARK                         "the-end"
#define MARK_REPLY                   "$7\r\n" MARK "\r\n"
#define SCRIPT_ROW(upper, sha, text) {"$" #upper, text},

static struct sequences sequences = {.count = 300, .seed = 1};

static struct server {
    struct redis_process process;
    int connection;
    struct sim_redis *fake;
    struct sim_client *client;
} servers[SERVERS];
static struct sim_node nodes[SERVERS];

/* ---- Commands ---- */

static const struct {
    const char *name, *text;
} scripts[] = {SCRIPTS(SCRIPT_ROW)};

/* Of the moving slot: ?, any of its keys; e l w m, the keys of a todo. x: of another slot. $: a script of the workers. */
static const char *const commands[][ARGS_MAX] = {
    {"GET", "?"},
    {"SET", "?", "1"},
    {"HGETALL", "?"},
    {"HSET", "e", "v", "1"},
    {"SET", "l", "token", "NX", "PX", "100000"},
    {"DEL", "?"},
    {"DEL", "?", "?"},
    {"DEL", "?", "x"},
    {"EXISTS", "?", "?"},
    {"EXISTS", "e", "l", "w"},
    {"EXISTS", "x", "?"},
    {"TYPE", "?"},
    {"ZADD", "w", "9000000000000000", "token"},
    {"ZREM", "w", "token"},
    {"SET", "m", "1"},
    {"GET", "x"},
    {"GET"},
    {"NOSUCH", "?"},
    {"PING"},
    {"SELECT", "1"},
    {"ASKING"},
    {"ASKING", "x"},
    {"CLUSTER", "SLOTS"},
    {"CLUSTER", "SLOTS", "x"},
    {"CLUSTER", "NOSUCH"},
    {"PUBLISH", "channel", "text"},
    {"EVAL", "return 1", "0"},
    {"EVAL", "return 1", "9", "?"},
    {"EVAL", "return 1", "-1", "?"},
    {"EVAL", "return #KEYS", "2", "?", "?"},
    {"EVAL", "return #KEYS", "2", "?", "x"},
    {"EVAL", "return redis.call('SET', KEYS[1], 'x')", "1", "?"},
    {"EVAL", "redis.call('DEL', KEYS[1]) return redis.call('SET', KEYS[1], 'x')", "1", "?"},
    {"EVAL", "redis.call('DEL', KEYS[1]) return redis.pcall('SET', KEYS[1], 'x')", "1", "?"},
    {"EVAL", "return redis.pcall('EXISTS', KEYS[1], KEYS[2])", "2", "?", "?"},
    {"EVAL", "return redis.pcall('GET', ARGV[1])", "1", "?", "nobody's"},
    {"EVALSHA", "0123456789012345678901234567890123456789", "1", "?"},
    {"EVAL", "$FENCE", "3", "e", "l", "w", "token", "100000"},
    {"EVAL", "$UNFENCE", "3", "e", "l", "w", "token"},
    {"EVAL", "$ACQUIRE", "4", "e", "l", "w", "m", "token", "100000", "-1", "1"},
    {"EVAL", "$FILL", "2", "e", "l", "token", "100000", "v", "1", "at", "1"},
    {"EVAL", "$PUBLISH", "3", "e", "l", "w", "token", "100000", "v", "2"},
};

static struct {
    struct dice dice;
    char keys[KEYS][32];
    unsigned slot;
    struct buf story;
} sequence;

static const char *word_of(const char *word)
{
    static const char letters[] = "elwm";
    for (size_t i = 0; i < COUNT_OF(scripts); i++)
        if (strcmp(scripts[i].name, word) == 0)
            return scripts[i].text;
    if (word[0] == '\0' || word[1] != '\0')
        return word;
    if (*word == '?')
        return sequence.keys[dice_below(&sequence.dice, KEYS)];
    if (*word == 'x')
        return "elsewhere";
    const char *letter = strchr(letters, *word);
    return letter ? sequence.keys[letter - letters] : word;
}

/* Behind an ASKING, now and then. */
static void command_draw(struct buf *command)
{
    buf_reset(command);
    if (dice_one_in(&sequence.dice, 3)) {
        buf_append_text(command, "*1\r\n$6\r\nASKING\r\n");
        buf_append_text(&sequence.story, " ASKING,");
    }
    const char *const *words = commands[dice_below(&sequence.dice, COUNT_OF(commands))];
    struct slice args[ARGS_MAX];
    size_t count = 0;
    for (; count < ARGS_MAX && words[count]; count++) {
        args[count] = slice_of(count == 0 ? words[0] : word_of(words[count]));
        buf_printf(&sequence.story, " %.60s", args[count].data);
    }
    redis_encode_count(command, count);
    for (size_t i = 0; i < count; i++)
        redis_encode(command, args[i]);
}

/* ---- Both kinds of servers ---- */

/* Whole commands, and a mark behind them, which ends what ASKING allows; the replies take the place of what is there. */
static void real_ask(const struct server *server, struct slice command, struct buf *reply)
{
    static const char echo[] = "*2\r\n$4\r\nECHO\r\n" MARK_REPLY;
    size_t mark_len = strlen(MARK_REPLY);
    assert_int_equal(write(server->connection, command.data, command.len), command.len);
    assert_int_equal(write(server->connection, echo, strlen(echo)), strlen(echo));
    buf_reset(reply);
    while (reply->len < mark_len || memcmp(reply->data + reply->len - mark_len, MARK_REPLY, mark_len) != 0) {
        ssize_t got = read(server->connection, buf_reserve(reply, 65536), 65536);
        assert_true(got > 0);
        buf_advance(reply, (size_t)got);
    }
    reply->len -= mark_len;
}

static void fake_ask(const struct server *server, struct slice command, struct buf *reply)
{
    struct buf *output = sim_client_output(server->client);
    sim_client_feed(server->client, command);
    while (sim_client_execute(server->client))
        continue;
    buf_reset(reply);
    buf_append_slice(reply, buf_slice(output));
    sim_client_feed(server->client, SLICE("*1\r\n$4\r\nPING\r\n"));
    sim_client_execute(server->client);
    buf_reset(output);
}

/* A command in words; what the real one says. */
static struct slice real_do(const struct server *server, struct buf *reply, const char *format, ...)
{
    char line[200];
    va_list args;
    va_start(args, format);
    int len = vsnprintf(line, sizeof(line), format, args);
    va_end(args);
    real_ask(server, (struct slice){line, (size_t)len}, reply);
    return buf_slice(reply);
}

static void real_obey(const struct server *server, const char *order, unsigned peer)
{
    struct buf reply;
    buf_init(&reply);
    struct slice said = real_do(server, &reply, "CLUSTER SETSLOT %u %s %s\r\n", sequence.slot, order,
                                peer < SERVERS ? nodes[peer].id : "");
    assert_text(order, said, SLICE("+OK\r\n"));
    buf_fini(&reply);
}

static void compare(unsigned at, struct slice command)
{
    static struct buf real, fake;
    real_ask(&servers[at], command, &real);
    fake_ask(&servers[at], command, &fake);
    if (slice_equal(buf_slice(&real), buf_slice(&fake)))
        return;
    printf("# seed %llu:%.*s\n# real: %.*s# fake: %.*s", (unsigned long long)sequences.seed, (int)sequence.story.len,
           sequence.story.data, (int)real.len, real.data, (int)fake.len, fake.data);
    fail();
}

/* ---- What happens to the slot ---- */

static struct sim_slots *slots_of(unsigned at)
{
    return servers[at].fake->slots;
}

static void import_begins(void)
{
    real_obey(&servers[1], "IMPORTING", 0);
    slots_of(1)->source[sequence.slot] = 1;
}

static void migration_begins(void)
{
    real_obey(&servers[0], "MIGRATING", 1);
    slots_of(0)->goal[sequence.slot] = 2;
}

static void key_goes(void)
{
    struct sim_keys *from = sim_redis_keys(servers[0].fake), *to = sim_redis_keys(servers[1].fake);
    unsigned place = (unsigned)dice_below(&sequence.dice, KEYS), left = place;
    const struct sim_key *key = from->keys;
    while (key && (slot_of_key(key->name) != sequence.slot || left-- > 0))
        key = key->hh.next;
    if (!key)
        return;
    struct buf reply;
    buf_init(&reply);
    buf_printf(&sequence.story, " (%s)", key->name_bytes);
    struct slice said = real_do(&servers[0], &reply, "MIGRATE 127.0.0.1 %u \"\" 0 5000 REPLACE KEYS %s\r\n",
                                nodes[1].port, key->name_bytes);
    assert_text("MIGRATE", said, SLICE("+OK\r\n"));
    buf_fini(&reply);
    assert_true(sim_slots_carry(from, to, sequence.slot, place));
}

static void slot_is_closed(void)
{
    for (unsigned i = 0; i < SERVERS; i++) {
        real_obey(&servers[i], "STABLE", SERVERS);
        slots_of(i)->goal[sequence.slot] = slots_of(i)->source[sequence.slot] = SIM_NOBODY;
    }
}

static bool has_keys(unsigned at)
{
    for (const struct sim_key *key = servers[at].fake->keys.keys; key; key = key->hh.next)
        if (slot_of_key(key->name) == sequence.slot)
            return true;
    return false;
}

/* The goal is told first. Nobody gives away a slot whose keys it has. */
static void slot_has_moved(void)
{
    if (has_keys(0))
        return;
    for (unsigned i = SERVERS; i-- > 0;) {
        real_obey(&servers[i], "NODE", 1);
        slots_of(i)->owner[sequence.slot] = 2;
        slots_of(i)->goal[sequence.slot] = slots_of(i)->source[sequence.slot] = SIM_NOBODY;
    }
}

static void change(void)
{
    bool is_moved = slots_of(0)->owner[sequence.slot] == 2, is_import = slots_of(1)->source[sequence.slot];
    uint64_t chance = dice_below(&sequence.dice, 12);
    if (is_moved)
        return;
    buf_printf(&sequence.story, " [%u]", (unsigned)chance);
    if (!is_import && chance < 6)
        import_begins();
    else if (is_import && !slots_of(0)->goal[sequence.slot] && chance < 9)
        migration_begins();
    else if (slots_of(0)->goal[sequence.slot] && chance < 9)
        key_goes();
    else if (chance == 10)
        slot_is_closed();
    else if (is_import)
        slot_has_moved();
}

/* ---- Sequences ---- */

static void sequence_begin(unsigned number)
{
    static const char *const ends[KEYS] = {"", ":lease", ":writers", ":watermark"};
    char tag[16];
    sequence.dice = dice_of(sequences.seed, number);
    for (unsigned i = 0;; i++) { /* the slot must still be the first one's */
        int len = snprintf(tag, sizeof(tag), "%u.%u", number, i);
        sequence.slot = slot_of_key((struct slice){tag, (size_t)len});
        if (slots_of(0)->owner[sequence.slot] == 1)
            break;
    }
    for (unsigned i = 0; i < KEYS; i++)
        snprintf(sequence.keys[i], sizeof(sequence.keys[i]), "{%s}%s", tag, ends[i]);
    buf_reset(&sequence.story);
    for (unsigned i = 0; i < SERVERS; i++)
        compare(i, SLICE("*1\r\n$8\r\nFLUSHALL\r\n"));
}

static void a_moving_slot_answers_alike(void **state)
{
    struct buf command;
    (void)state;
    buf_init(&command);
    for (unsigned i = 0; i < sequences.count; i++) {
        sequence_begin(sequences.first + i);
        for (unsigned step = 0; step < STEPS; step++) {
            unsigned at = (unsigned)dice_below(&sequence.dice, SERVERS);
            if (dice_one_in(&sequence.dice, 4))
                change();
            buf_printf(&sequence.story, "\n# %u:", at);
            command_draw(&command);
            compare(at, buf_slice(&command));
        }
        slot_is_closed();
    }
    buf_fini(&command);
    buf_fini(&sequence.story);
}

static void a_slot_of_nobody_and_a_server_alone_answer_alike(void **state)
{
    (void)state;
    sequence_begin(sequences.first + sequences.count);
    struct buf command, reply;
    buf_init(&command);
    buf_init(&reply);
    for (unsigned i = 0; i < SERVERS; i++) {
        real_do(&servers[i], &reply, "CLUSTER DELSLOTS %u\r\n", sequence.slot);
        slots_of(i)->owner[sequence.slot] = SIM_NOBODY;
    }
    for (unsigned i = 0; i < 100; i++) {
        command_draw(&command);
        compare(i % SERVERS, buf_slice(&command));
    }
    buf_fini(&command);
    buf_fini(&reply);
    buf_fini(&sequence.story);
}

/* ---- Beginning and end ---- */

static int64_t fake_now_ms(void *ctx)
{
    (void)ctx;
    return 1700000000000;
}

/* Each knows the other from a file, as after a restart. */
static void real_start(unsigned at, const unsigned *ports)
{
    struct redis_process *process = &servers[at].process;
    char path[128];
    redis_process_init(process);
    snprintf(path, sizeof(path), "%.63s/nodes.conf", process->folder);
    FILE *file = fopen(path, "we");
    for (unsigned i = 0; i < SERVERS; i++)
        fprintf(file, "%s 127.0.0.1:%u@%u %smaster - 0 0 %u connected%s\n", nodes[i].id, nodes[i].port, ports[i],
                i == at ? "myself," : "", 2 - i, i == 0 ? " 0-16383" : "");
    fprintf(file, "vars currentEpoch 2 lastVoteEpoch 0\n");
    fclose(file);
    snprintf(path, sizeof(path), "%.63s/redis.conf", process->folder);
    file = fopen(path, "we");
    fprintf(file,
            "port %u\ncluster-enabled yes\ncluster-port %u\ncluster-config-file nodes.conf\n"
            "cluster-require-full-coverage no\ncluster-node-timeout 60000\n",
            nodes[at].port, ports[at]);
    fclose(file);
    redis_process_start(process, "--include", path);
    servers[at].connection = redis_process_tell(process, "PING");
    assert_int_equal(read(servers[at].connection, path, 7), 7);
}

static void fake_start(unsigned at)
{
    servers[at].fake = sim_redis_new((struct sim_redis_options){.run_id = "run", .now_ms = fake_now_ms});
    servers[at].fake->slots = sim_slots_new(nodes, at + 1);
    memset(slots_of(at)->owner, 1, sizeof(slots_of(at)->owner));
    servers[at].client = sim_client_new(servers[at].fake);
}

/* A primary that has just begun serves no key for 2 s. */
static void wait_for_service(const struct server *server)
{
    struct buf reply;
    int tries = 0;
    buf_init(&reply);
    while (!memmem(reply.data, reply.len, "cluster_state:ok", 16)) {
        assert_true(tries++ < OPEN_TRIES);
        usleep(50000);
        real_do(server, &reply, "CLUSTER INFO\r\n");
    }
    buf_fini(&reply);
}

static int both_begin(void **state)
{
    unsigned ports[SERVERS];
    (void)state;
    for (unsigned i = 0; i < SERVERS; i++) {
        snprintf(nodes[i].id, sizeof(nodes[i].id), "%040u", i + 1);
        snprintf(nodes[i].host, sizeof(nodes[i].host), "127.0.0.1");
        nodes[i].port = (unsigned)redis_process_free_port();
        ports[i] = (unsigned)redis_process_free_port();
    }
    for (unsigned i = 0; i < SERVERS; i++) {
        real_start(i, ports);
        fake_start(i);
    }
    for (unsigned i = 0; i < SERVERS; i++)
        wait_for_service(&servers[i]);
    return 0;
}

static int both_end(void **state)
{
    static const char *const files[] = {"nodes.conf", "redis.conf"};
    (void)state;
    for (unsigned i = 0; i < SERVERS; i++) {
        char path[128];
        close(servers[i].connection);
        sim_client_free(servers[i].client);
        sim_redis_free(servers[i].fake);
        redis_process_kill(&servers[i].process);
        for (size_t file = 0; file < COUNT_OF(files); file++) {
            snprintf(path, sizeof(path), "%.63s/%s", servers[i].process.folder, files[file]);
            unlink(path);
        }
        redis_process_fini(&servers[i].process);
    }
    return 0;
}

int main(int count, char **args)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_moving_slot_answers_alike),
        cmocka_unit_test(a_slot_of_nobody_and_a_server_alone_answer_alike),
    };
    sequences_choose(&sequences, count, args);
    return run_redis_tests("same_cluster", tests, both_begin, both_end);
}
