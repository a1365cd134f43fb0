/* SPDX-License-Identifier: MIT */
/*
 * redis/cluster.c under load on a real Redis Cluster, which tests/e2e/redis_cluster.py starts: while slots move and a primary is
 * killed, no command is lost and none runs twice. Each key counts (INCR), and each answer is held against what the ones before
 * it, and those that nobody answered, allow. And the cache's fences reach what is on its way.
 */
#include "redis_bed.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>

#include "base/random.h"
#include "base/settings.h"
#include "cache/fence.h"
#include "cache/keys.h"
#include "redis/cluster.h"
#include "redis/redis_encode.h"
#include "redis/redis_script.h"
#include "redis/slot_map.h"
#include "store/store.h"

enum { KEYS = 60, START_MS = 60000, ORDER_MS = 60000, KEY_BYTES = 32 };

/* Of one key, whose INCRs go one after the other. */
struct counter {
    char key[KEY_BYTES];
    unsigned slot;
    int64_t least, most; /* what it can be: most counts the unanswered ones as well */
    unsigned answers, errors, unanswered;
    bool is_under_way;
};

static struct {
    char folder[64];
    pid_t pid;
    int in, out;
    struct watch *watch;
    char line[512];
    size_t len;
    bool is_done; /* it has obeyed */
} real;

static struct cluster *cluster;
static struct counter counters[KEYS];
static bool is_loaded; /* new commands follow those that are answered */
static bool may_lose;  /* what was answered, too: a replica that lacks the last writes takes over */

/* ---- The real servers ---- */

static void real_run(int in, int out)
{
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    dup2(in, STDIN_FILENO);
    dup2(out, STDOUT_FILENO);
    execlp("python3", "python3", "-B", CLUSTER_PROGRAM, real.folder, (char *)NULL);
    _exit(127);
}

static void real_start(void)
{
    int in[2], out[2];
    snprintf(real.folder, sizeof(real.folder), "/tmp/todo-cluster.XXXXXX");
    assert_non_null(mkdtemp(real.folder));
    assert_int_equal(pipe2(in, O_CLOEXEC), 0);
    assert_int_equal(pipe2(out, O_CLOEXEC), 0);
    real.pid = fork();
    assert_true(real.pid >= 0);
    if (real.pid == 0)
        real_run(in[0], out[1]);
    close(in[0]);
    close(out[1]);
    real.in = in[1];
    real.out = out[0];
}

static void on_line(void *ctx, bool readable, bool writable)
{
    (void)ctx, (void)readable, (void)writable;
    ssize_t len = read(real.out, real.line + real.len, sizeof(real.line) - 1 - real.len);
    assert_true(len > 0); /* it ended by an error of its own */
    real.len += (size_t)len;
    real.line[real.len] = '\0';
    real.is_done = strchr(real.line, '\n') != NULL;
}

static void real_wait(int64_t most_ms)
{
    assert_true(poll_events_until(&real.is_done, most_ms));
    real.is_done = false;
    real.len = 0;
}

static void order(const char *verb, const char *key, int number)
{
    dprintf(real.in, "%s %s%s%d\n", verb, key, *key ? " " : "", number);
    real_wait(ORDER_MS);
}

/* ---- The load ---- */

static void count(struct counter *counter);

static void on_count(void *ctx, const struct redis_reply *reply)
{
    struct counter *counter = ctx;
    counter->is_under_way = false;
    if (!reply) {
        counter->most++;
        counter->unanswered++;
    } else if (redis_reply_ok(reply)) {
        int64_t value = redis_reply_integer(reply);
        assert_true(value <= counter->most + 1); /* none has run twice */
        assert_true(value > counter->least || may_lose);
        counter->least = counter->most = value;
        counter->answers++;
    } else {
        counter->errors++;
    }
    if (is_loaded && reply)
        count(counter);
}

static void count(struct counter *counter)
{
    struct buf command;
    buf_init(&command);
    redis_encode_all(&command, (struct slice[]){SLICE("INCR"), slice_of(counter->key)}, 2);
    counter->is_under_way = true;
    cluster_send(cluster, counter->slot, buf_slice(&command), on_count, counter);
    buf_fini(&command);
}

static bool all_rest(const void *ctx)
{
    (void)ctx;
    for (int i = 0; i < KEYS; i++)
        if (counters[i].is_under_way)
            return false;
    return true;
}

static void load_begin(void)
{
    is_loaded = true;
    for (int i = 0; i < KEYS; i++) {
        counters[i].answers = counters[i].errors = counters[i].unanswered = 0;
        count(&counters[i]);
    }
}

static void load_end(void)
{
    is_loaded = false;
    assert_true(poll_events_until_so(all_rest, NULL, PATIENCE_MS));
}

static void counters_init(void)
{
    for (int i = 0; i < KEYS; i++) {
        counters[i] = (struct counter){0};
        snprintf(counters[i].key, sizeof(counters[i].key), "count:{%d}", i);
        counters[i].slot = slot_of_key(slice_of(counters[i].key));
    }
}

/* ---- One cluster for all tests ---- */

/* A node's ctx is itself while it is up. */
static struct cluster_node *real_nodes[6];

static void on_node_up(void *ctx, struct cluster_node *node)
{
    size_t i = 0;
    (void)ctx;
    while (real_nodes[i] && real_nodes[i] != node)
        assert_true(++i < COUNT_OF(real_nodes));
    real_nodes[i] = node;
    node->ctx = node;
}

static void on_node_claims(void *ctx, struct cluster_node *node)
{
    (void)ctx;
    assert_ptr_equal(node->ctx, node);
}

static void on_node_down(void *ctx, struct cluster_node *node)
{
    (void)ctx;
    node->ctx = NULL;
}

static void on_node_gone(void *ctx, struct cluster_node *node)
{
    size_t i = 0;
    (void)ctx;
    while (real_nodes[i] != node)
        i++;
    real_nodes[i] = NULL;
}

static const struct cluster_events tell = {
    .on_up = on_node_up, .on_claims = on_node_claims, .on_down = on_node_down, .on_gone = on_node_gone};

static size_t claims_of(unsigned slot)
{
    size_t count = 0;
    for (size_t i = 0; i < COUNT_OF(real_nodes); i++)
        count += real_nodes[i] && cluster_claims(real_nodes[i], slot);
    return count;
}

/* And each slot has one owner, that says so itself. */
static bool owners_are_up(const void *ctx)
{
    (void)ctx;
    for (unsigned slot = 0; slot < SLOT_COUNT; slot++)
        if (claims_of(slot) != 1)
            return false;
    for (int i = 0; i < KEYS; i++) {
        struct redis *owner = cluster_redis(cluster, counters[i].slot);
        if (!owner || !redis_is_up(owner))
            return false;
    }
    return true;
}

static void wait_owners(void)
{
    assert_true(poll_events_until_so(owners_are_up, NULL, 4 * PATIENCE_MS));
}

static int begin(void **state)
{
    struct error error;
    redis_begin(state);
    real_start();
    real.watch = poll_events()->watch_new(NULL, real.out, on_line, NULL);
    poll_events()->watch_want(real.watch, true, false);
    assert_true(poll_events_until(&real.is_done, START_MS));
    real.line[strcspn(real.line, "\n")] = '\0';
    struct redis_options options = options_of(real.line);
    options.timeout_ms = 1000; /* a busy machine is no silent server */
    assert_int_equal(cluster_new(&cluster, &options, &tell, &error), STATUS_OK);
    real.is_done = false;
    real.len = 0;
    counters_init();
    wait_owners();
    return 0;
}

static int end(void **state)
{
    char command[96];
    cluster_free(cluster);
    poll_events()->watch_free(real.watch);
    close(real.in); /* it ends the servers, and itself */
    waitpid(real.pid, NULL, 0);
    close(real.out);
    snprintf(command, sizeof(command), "rm -rf %s", real.folder);
    assert_int_equal(system(command), 0);
    return redis_end(state);
}

static struct asked ask_slot(unsigned slot, const struct slice *args, size_t arg_count)
{
    struct asked asked = {0};
    struct buf command;
    buf_init(&command);
    redis_encode_all(&command, args, arg_count);
    cluster_send(cluster, slot, buf_slice(&command), on_reply, &asked);
    buf_fini(&command);
    assert_true(poll_events_until(&asked.answered, PATIENCE_MS));
    return asked;
}

/* ---- The tests ---- */

static void keys_have_the_slots_that_redis_says(void **state)
{
    (void)state;
    for (int i = 0; i < 300; i++) {
        char bytes[KEY_BYTES];
        size_t len = random_below(sizeof(bytes));
        for (size_t at = 0; at < len; at++)
            bytes[at] = random_below(4) ? (char)random_below(256) : "{}"[random_below(2)];
        struct slice key = {bytes, len};
        struct asked asked = ask_slot(0, (struct slice[]){SLICE("CLUSTER"), SLICE("KEYSLOT"), key}, 3);
        assert_int_equal(asked.integer, slot_of_key(key));
    }
}

/* Each key's slot visits each primary. */
static void slots_move_under_load_and_every_command_runs_once(void **state)
{
    (void)state;
    load_begin();
    for (int primary = 0; primary < 3; primary++)
        for (int i = 0; i < KEYS; i++)
            order("move", counters[i].key, primary);
    load_end();
    for (int i = 0; i < KEYS; i++) {
        assert_true(counters[i].answers > 0);
        assert_int_equal(counters[i].errors + counters[i].unanswered, 0);
    }
    wait_owners();
}

static void a_script_whose_keys_are_parted_is_told_so_and_runs_when_they_are_together(void **state)
{
    static const char script[] = "redis.call('SET',KEYS[1],1) return redis.call('INCR',KEYS[2])";
    const struct slice sets[] = {SLICE("MSET"), SLICE("{p}1"), SLICE("1"), SLICE("{p}2"), SLICE("1")};
    const struct slice runs[] = {SLICE("EVAL"), SLICE(script), SLICE("2"), SLICE("{p}1"), SLICE("{p}2")};
    unsigned slot = slot_of_key(SLICE("{p}"));
    (void)state;
    order("move", "{p}", 0);
    assert_string_equal(ask_slot(slot, sets, COUNT_OF(sets)).text, "OK");
    order("part", "{p}1", 1);
    assert_memory_equal(ask_slot(slot, runs, COUNT_OF(runs)).text, "TRYAGAIN ", 9);
    assert_string_equal(ask_slot(slot, (struct slice[]){SLICE("GET"), SLICE("{p}1")}, 2).text, "1"); /* by ASKING */
    assert_string_equal(ask_slot(slot, (struct slice[]){SLICE("GET"), SLICE("{p}2")}, 2).text, "1");
    order("move", "{p}", 1);
    assert_int_equal(ask_slot(slot, runs, COUNT_OF(runs)).integer, 2);
}

static void a_script_runs_where_its_keys_are_even_if_that_server_has_not_seen_it(void **state)
{
    static const char text[] = "return redis.call('INCR',KEYS[1]) + ARGV[1]";
    const struct slice args[] = {SLICE("41")}, keys[] = {SLICE("{s}")};
    const struct slice load[] = {SLICE("SCRIPT"), SLICE("LOAD"), SLICE(text)};
    (void)state;
    order("move", "{s}", 0);
    struct asked loaded = ask_slot(slot_of_key(keys[0]), load, COUNT_OF(load));
    const struct redis_script script = {{loaded.text, loaded.len}, SLICE(text), NULL};
    for (int i = 0; i < 3; i++) {
        struct asked asked = {0};
        redis_script_run_in(cluster, &script, keys, 1, args, 1, on_reply, &asked);
        assert_true(poll_events_until(&asked.answered, PATIENCE_MS));
        assert_int_equal(asked.integer, 42 + i);
        order("move", "{s}", (i + 1) % 3);
    }
}

/* ---- Fences of a slot that is on its way ---- */

enum { EPOCH = 7 };
static struct store *store;

struct fenced {
    bool is_done;
    enum fence_outcome outcome;
    int64_t count;
};

static void on_fence(void *ctx, enum fence_outcome outcome, int64_t count)
{
    *(struct fenced *)ctx = (struct fenced){.is_done = true, .outcome = outcome, .count = count};
}

typedef void (*fence_fn)(const struct fence_call *call, fence_done_cb done, void *ctx);

/* At the server that had the slot of "p" at first, if it still has it or not. */
static struct fenced fence_by(fence_fn send, const struct redis *owner, const struct token *token)
{
    static const struct settings settings = {.todo_ttl_s = 60};
    const char *const ids[] = {"p"};
    const struct home home = {.redis = (struct redis *)(uintptr_t)owner,
                              .cluster = cluster,
                              .epoch = EPOCH,
                              .slot = (int)slot_of_key(SLICE("p"))};
    const struct fence_call call = {.settings = &settings,
                                    .store = store,
                                    .token = token,
                                    .ids = ids,
                                    .homes = &home,
                                    .id_count = 1,
                                    .list = NULL,
                                    .window_ms = 60000};
    struct fenced fenced = {0};
    send(&call, on_fence, &fenced);
    assert_true(poll_events_until(&fenced.is_done, PATIENCE_MS));
    return fenced;
}

static int64_t ask_key(const char *verb, const struct key *key, const char *arg)
{
    const struct slice args[] = {slice_of(verb), key_slice(key), slice_of(arg), SLICE("1")};
    return ask_slot(slot_of_key(SLICE("p")), args, strcmp(verb, "HSET") == 0 ? 4 : *arg ? 3 : 2).integer;
}

static bool is_marked(const struct key *writers, const struct token *token)
{
    const struct slice args[] = {SLICE("ZSCORE"), key_slice(writers), slice_of(token->text)};
    struct asked asked = ask_slot(slot_of_key(SLICE("p")), args, 3);
    return asked.type == REDIS_TYPE_TEXT && atoll(asked.text) > time(NULL) * 1000LL;
}

static const struct redis *claimant(unsigned slot)
{
    size_t i = 0;
    while (!real_nodes[i] || !cluster_claims(real_nodes[i], slot))
        i++;
    return real_nodes[i]->redis;
}

/* Wherever its entry and its lease are: both are gone then, and the mark stands until the unfence. */
static void a_fence_reaches_keys_that_are_parted(void **state)
{
    struct todo_keys keys;
    struct error error;
    const unsigned slot = slot_of_key(SLICE("p"));
    char path[128];
    (void)state;
    snprintf(path, sizeof(path), "sqlite:%s/todos.db", real.folder);
    assert_int_equal(
        store_open(&store, &(struct store_options){.uri = path, .timeout_ms = 1000, .concurrency = 1}, &error),
        STATUS_OK);
    todo_keys_init(&keys, EPOCH, "p");
    for (size_t i = 0; i < 2; i++) {
        const struct token token = token_new();
        order("move", "p", 0);
        assert_int_equal(ask_key("HSET", &keys.entry, "v"), 1);
        ask_key("SET", &keys.lease, "token");
        order("part", (i == 0 ? &keys.entry : &keys.lease)->text, 1);
        struct fenced fenced = {.outcome = FENCE_ELSEWHERE};
        const struct redis *owner = NULL;
        for (int tries = 0; fenced.outcome == FENCE_ELSEWHERE && tries < 5; tries++) { /* it may be heard of late */
            wait_owners();
            owner = claimant(slot);
            fenced = fence_by(fence_send, owner, &token);
        }
        assert_int_equal(fenced.outcome, FENCE_TAKEN);
        assert_int_equal(ask_key("EXISTS", &keys.entry, "") + ask_key("EXISTS", &keys.lease, ""), 0);
        assert_true(is_marked(&keys.writers, &token));
        assert_int_equal(ask_key("HSET", &keys.entry, "v"), 1); /* a fill that could not be */
        fenced = fence_by(unfence_send, owner, &token);
        assert_true(fenced.outcome == FENCE_TAKEN && fenced.count == 0);
        assert_int_equal(ask_key("EXISTS", &keys.entry, "") + ask_key("EXISTS", &keys.lease, ""), 0);
        assert_false(is_marked(&keys.writers, &token));
        fenced = fence_by(unfence_send, owner, &token);
        assert_true(fenced.outcome == FENCE_TAKEN && fenced.count == 1); /* it finds no mark */
        order("move", "p", 1);
        assert_int_equal(fence_by(fence_send, owner, &token).outcome, FENCE_ELSEWHERE);
        ask_key("DEL", &keys.writers, "");
    }
    store_close(store);
}

/* What it has not handed to its replica is lost, as Redis says; but nothing runs twice, and the others notice nothing. */
static void a_primary_is_killed_and_the_others_go_on(void **state)
{
    (void)state;
    for (int primary = 0; primary < 3; primary++)
        for (int i = primary; i < KEYS; i += 3)
            order("move", counters[i].key, primary);
    wait_owners();
    may_lose = true;
    load_begin();
    order("kill", "", 0);
    wait_owners();
    load_end();
    unsigned unanswered = 0;
    for (int i = 0; i < KEYS; i++) {
        unanswered += counters[i].unanswered;
        if (i % 3 != 0)
            assert_int_equal(counters[i].errors + counters[i].unanswered, 0);
    }
    assert_true(unanswered > 0); /* they were under way when it died */
    load_begin();
    load_end();
    for (int i = 0; i < KEYS; i++)
        assert_true(counters[i].answers > 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(keys_have_the_slots_that_redis_says),
        cmocka_unit_test(slots_move_under_load_and_every_command_runs_once),
        cmocka_unit_test(a_script_whose_keys_are_parted_is_told_so_and_runs_when_they_are_together),
        cmocka_unit_test(a_script_runs_where_its_keys_are_even_if_that_server_has_not_seen_it),
        cmocka_unit_test(a_fence_reaches_keys_that_are_parted),
        cmocka_unit_test(a_primary_is_killed_and_the_others_go_on),
    };
    return run_redis_tests("real_cluster", tests, begin, end);
}
