/* SPDX-License-Identifier: MIT */
/*
 * The simulated Redis against a real one: the same commands, the same replies, byte by byte.
 *
 *   test_same_redis [SEQUENCES [SEED [FIRST]]]
 *
 * Each sequence begins with an empty Redis and ends with a look at all keys. The real one is started by this program and
 * has its wall clock frozen (frozen_clock.c), so lifetimes, times and rates are compared too, and no test sleeps. A
 * difference is printed with its seed and its number, and with the fewest steps that still lead to it.
 *
 * It can't compare what Redis leaves to chance: the order of SCAN (sorted here), INFO but for the lines that workers
 * read, and the moment at which it is loading its file.
 */
#include "tests/unit/testing.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <sys/mman.h>

#include "base/mem.h"
#include "cache/identity.h"
#include "cache/scripts_embedded.h"
#include "clients/limit_embedded.h"
#include "peers/peers_embedded.h"
#include "queue/queue_embedded.h"
#include "redis/redis_encode.h"
#include "redis_steps.h"
#include "sim_redis.h"
#include "tests/unit/redis_process.h"

#define SCRIPT_NAME(upper, sha, text) #upper,
static const int64_t START_MS = 1700000000123;

static struct sequences sequences = {.count = 10000, .seed = 1};

static struct redis_process process;
static int connection;
static char clock_file[sizeof(process.folder) + 8];
static int64_t *clock_us; /* of the real one */
static int64_t fake_ms;
static struct sim_redis *fake;

/* The replies to the steps of a sequence, and to the look behind them. */
struct replies {
    struct buf bytes;
    size_t ends[STEPS_MAX + 1];
};

/* ---- The real one ---- */

/* How long the reply at the beginning of bytes is; 0: it is not whole. */
static size_t reply_len(struct slice bytes)
{
    const char *end = bytes.len ? memchr(bytes.data, '\n', bytes.len) : NULL;
    if (!end)
        return 0;
    size_t len = (size_t)(end + 1 - bytes.data);
    long count = bytes.data[0] == '$' || bytes.data[0] == '*' ? strtol(bytes.data + 1, NULL, 10) : 0;
    if (bytes.data[0] == '$' && count >= 0)
        len += (size_t)count + 2;
    for (long i = 0; bytes.data[0] == '*' && i < count; i++) {
        size_t item = len < bytes.len ? reply_len((struct slice){bytes.data + len, bytes.len - len}) : 0;
        if (!item)
            return 0;
        len += item;
    }
    return len <= bytes.len ? len : 0;
}

/* Sends commands and appends this many replies, at whose ends are noted; ends may be NULL. */
static void real_ask(int fd, struct slice commands, unsigned count, struct buf *bytes, size_t *ends)
{
    size_t from = bytes->len;
    assert_int_equal(write(fd, commands.data, commands.len), commands.len);
    for (unsigned i = 0; i < count;) {
        size_t len = reply_len((struct slice){bytes->data + from, bytes->len - from});
        if (len) {
            from += len;
            if (ends)
                ends[i] = from;
            i++;
            continue;
        }
        char *room = buf_reserve(bytes, 65536);
        ssize_t got = read(fd, room, 65536);
        assert_true(got > 0);
        buf_advance(bytes, (size_t)got);
    }
}

static void real_begin(void)
{
    static const char commands[] = "REPLICAOF NO ONE\r\nCONFIG SET maxmemory 0\r\n"
                                   "CONFIG SET replica-serve-stale-data yes\r\nFLUSHALL\r\n";
    struct buf batch, ignored;
    buf_init(&batch);
    buf_init(&ignored);
    *clock_us = START_MS * 1000;
    buf_append_text(&batch, commands);
    unsigned scripts = sequence_load(&batch);
    real_ask(connection, buf_slice(&batch), 4 + scripts, &ignored, NULL);
    buf_fini(&batch);
    buf_fini(&ignored);
}

/* Other than commands and passing time. */
static const char *const real_changes[] = {[STEP_FULL] = "CONFIG SET maxmemory 1\r\n",
                                           [STEP_ROOM] = "CONFIG SET maxmemory 0\r\n",
                                           [STEP_REPLICA] = "REPLICAOF 127.0.0.1 1\r\n",
                                           [STEP_STALE] = "CONFIG SET replica-serve-stale-data no\r\n",
                                           [STEP_PRIMARY] = "REPLICAOF NO ONE\r\n"};

/* All commands between two changes of the clock go in one piece. */
static void real_play(const struct sequence *sequence, struct replies *replies)
{
    struct buf batch, look;
    unsigned done = 0;
    buf_init(&batch);
    buf_init(&look);
    buf_reset(&replies->bytes);
    real_begin();
    for (unsigned i = 0; i < sequence->count; i++) {
        const struct step *step = &sequence->steps[i];
        if (step->kind == STEP_COMMAND)
            buf_append_slice(&batch, buf_slice(&step->command));
        else if (step->kind != STEP_PASS)
            buf_append_text(&batch, real_changes[step->kind]);
        if (step->kind != STEP_PASS)
            continue;
        real_ask(connection, buf_slice(&batch), i - done, &replies->bytes, replies->ends + done);
        replies->ends[i] = replies->bytes.len;
        done = i + 1;
        buf_reset(&batch);
        *clock_us += step->pass_ms * 1000;
    }
    sequence_look(&look);
    buf_append_slice(&batch, buf_slice(&look));
    real_ask(connection, buf_slice(&batch), sequence->count + 1 - done, &replies->bytes, replies->ends + done);
    buf_fini(&batch);
    buf_fini(&look);
}

/* ---- The fake one ---- */

/* How often each command and script was called, and answered an error. */
static struct use {
    char word[24];
    unsigned calls, errors;
} uses[96], *use;

static void on_command(void *ctx, struct slice word)
{
    (void)ctx;
    for (use = uses; use->calls && !slice_equal(slice_of(use->word), word); use++)
        assert_true(use < uses + COUNT_OF(uses) - 1);
    snprintf(use->word, sizeof(use->word), "%.*s", (int)word.len, word.data);
    use->calls++;
}

static int64_t fake_now_ms(void *ctx)
{
    (void)ctx;
    return fake_ms;
}

static void fake_change(enum step_kind kind, bool *hides_stale, struct buf *reply)
{
    const char *text = "+OK\r\n";
    if (kind == STEP_FULL || kind == STEP_ROOM)
        fake->is_full = kind == STEP_FULL;
    else if (kind == STEP_STALE)
        *hides_stale = true;
    else if (kind == STEP_REPLICA && fake->is_replica)
        text = "+OK Already connected to specified master\r\n";
    if (kind == STEP_REPLICA || kind == STEP_PRIMARY)
        fake->is_replica = kind == STEP_REPLICA;
    fake->is_stale = fake->is_replica && *hides_stale;
    buf_append_text(reply, text);
}

static void fake_ask(struct sim_client *client, struct slice command, struct buf *replies)
{
    struct buf *output = sim_client_output(client);
    sim_client_feed(client, command);
    assert_true(sim_client_execute(client));
    use->errors += output->data[0] == '-';
    buf_append_slice(replies, buf_slice(output));
    buf_reset(output);
}

static void fake_begin(struct sim_client *client)
{
    struct buf scripts;
    fake_ms = START_MS;
    fake->is_full = fake->is_replica = fake->is_stale = false;
    sim_redis_flush(fake);
    buf_init(&scripts);
    sequence_load(&scripts);
    sim_client_feed(client, buf_slice(&scripts));
    while (sim_client_execute(client))
        continue;
    buf_reset(sim_client_output(client));
    buf_fini(&scripts);
}

static void fake_play(const struct sequence *sequence, struct replies *replies)
{
    struct sim_client *client = sim_client_new(fake);
    struct buf look;
    bool hides_stale = false;
    fake_begin(client);
    buf_reset(&replies->bytes);
    for (unsigned i = 0; i < sequence->count; i++) {
        const struct step *step = &sequence->steps[i];
        if (step->kind == STEP_COMMAND)
            fake_ask(client, buf_slice(&step->command), &replies->bytes);
        else if (step->kind == STEP_PASS)
            fake_ms += step->pass_ms;
        else
            fake_change(step->kind, &hides_stale, &replies->bytes);
        replies->ends[i] = replies->bytes.len;
    }
    buf_init(&look);
    sequence_look(&look);
    fake_ask(client, buf_slice(&look), &replies->bytes);
    replies->ends[sequence->count] = replies->bytes.len;
    buf_fini(&look);
    sim_client_free(client);
}

/* ---- Both ---- */

static struct slice reply_at(const struct replies *replies, unsigned step)
{
    size_t from = step > 0 ? replies->ends[step - 1] : 0;
    return (struct slice){replies->bytes.data + from, replies->ends[step] - from};
}

static struct replies real_replies, fake_replies;

/* The first step whose replies differ, sequence->count for the look behind them; STEPS_MAX + 1: none. */
static unsigned play(const struct sequence *sequence)
{
    real_play(sequence, &real_replies);
    fake_play(sequence, &fake_replies);
    for (unsigned i = 0; i <= sequence->count; i++)
        if (!slice_equal(reply_at(&real_replies, i), reply_at(&fake_replies, i)))
            return i;
    return STEPS_MAX + 1;
}

static void step_remove(struct sequence *sequence, unsigned at)
{
    sequence->count--;
    memmove(sequence->steps + at, sequence->steps + at + 1, (sequence->count - at) * sizeof(*sequence->steps));
}

/* Drops what is behind the difference, then each step without which there is still one. */
static void shrink(struct sequence *sequence, unsigned different)
{
    while (sequence->count > different + 1)
        buf_fini(&sequence->steps[--sequence->count].command);
    for (unsigned i = sequence->count; i > 0; i--) {
        struct sequence shorter = *sequence;
        step_remove(&shorter, i - 1);
        if (play(&shorter) > STEPS_MAX)
            continue;
        buf_fini(&sequence->steps[i - 1].command);
        *sequence = shorter;
    }
}

static void report(struct sequence *sequence, unsigned number, unsigned different)
{
    shrink(sequence, different);
    different = play(sequence);
    printf("# seed %" PRIu64 ", sequence %u: test_same_redis 1 %" PRIu64 " %u\n", sequences.seed, number,
           sequences.seed, number);
    for (unsigned i = 0; i < sequence->count; i++)
        step_print(&sequence->steps[i]);
    struct slice real = reply_at(&real_replies, different), fakes = reply_at(&fake_replies, different);
    printf("# %s\n# real: %.*s# fake: %.*s", different < sequence->count ? "the last reply" : "all keys", (int)real.len,
           real.data, (int)fakes.len, fakes.data);
    sequence_fini(sequence);
    fail();
}

static void the_fake_answers_as_redis_does(void **state)
{
    struct sequence sequence = {.count = 0};
    (void)state;
    for (unsigned i = 0; i < sequences.count; i++) {
        sequence_draw(&sequence, dice_of(sequences.seed, sequences.first + i), START_MS);
        unsigned different = play(&sequence);
        if (different <= STEPS_MAX)
            report(&sequence, sequences.first + i, different);
    }
    sequence_fini(&sequence);
}

/* Else the arguments that are drawn for a script are no longer those that it takes. */
static void each_script_was_carried_out_more_often_than_not(void **state)
{
    static const char *const names[] = {SCRIPTS(SCRIPT_NAME) LIMIT_SCRIPTS(SCRIPT_NAME) PEERS_SCRIPTS(SCRIPT_NAME)
                                            QUEUE_SCRIPTS(SCRIPT_NAME)};
    (void)state;
    if (sequences.count < 1000)
        skip();
    for (size_t i = 0; i < COUNT_OF(names); i++) {
        const struct use *found = uses;
        while (found->calls && strcmp(found->word, names[i]) != 0)
            found++;
        if (found->errors * 2 >= found->calls)
            fail_msg("%s: %u calls, %u errors", names[i], found->calls, found->errors);
    }
}

/* ---- States that a sequence can't bring about ---- */

/* A command in words with blanks between them; the replies are in real_replies and fake_replies. */
static void ask_both(int fd, struct sim_client *client, const char *words)
{
    struct slice args[8], rest = slice_of(words);
    struct buf command;
    size_t count = 0;
    while (rest.data)
        args[count++] = slice_split(rest, ' ', &rest);
    buf_init(&command);
    redis_encode_all(&command, args, count);
    buf_reset(&real_replies.bytes);
    buf_reset(&fake_replies.bytes);
    real_ask(fd, buf_slice(&command), 1, &real_replies.bytes, NULL);
    fake_ask(client, buf_slice(&command), &fake_replies.bytes);
    buf_fini(&command);
}

static void ask_all(int fd, struct sim_client *client, const char *const *commands)
{
    for (; *commands; commands++) {
        ask_both(fd, client, *commands);
        assert_text(*commands, buf_slice(&fake_replies.bytes), buf_slice(&real_replies.bytes));
    }
}

/* Until the real one's reply begins with type. */
static void ping_until(struct sim_client *client, char type)
{
    do
        ask_both(connection, client, "PING");
    while (real_replies.bytes.data[0] != type);
}

static void a_busy_redis_refuses_alike(void **state)
{
    static const char *const commands[] = {"GET k", "HGETALL k",   "SET k v", "EVALSHA 0 0",    "INFO",
                                           "PING",  "SELECT 0",    "TIME",    "AUTH default x", "SCAN 0",
                                           "GET",   "SUBSCRIBE a", NULL};
    struct sim_client *client = sim_client_new(fake);
    (void)state;
    real_begin();
    fake_begin(client);
    redis_process_do(&process, "CONFIG SET busy-reply-threshold 1");
    int busy = redis_process_tell(&process, "EVAL \"while true do end\" 0");
    ping_until(client, '-');
    fake->is_busy = true;
    ask_all(connection, client, commands);
    fake->is_busy = false;
    redis_process_do(&process, "SCRIPT KILL");
    ping_until(client, '+');
    close(busy);
    sim_client_free(client);
}

static void a_password_is_asked_for_alike(void **state)
{
    static const char *const commands[] = {"GET k",
                                           "PING",
                                           "INFO",
                                           "SELECT 0",
                                           "NOSUCH x",
                                           "AUTH wrong",
                                           "AUTH default wrong",
                                           "AUTH other pass",
                                           "GET k",
                                           "AUTH default pass",
                                           "GET k",
                                           "SELECT 0",
                                           NULL};
    struct sim_client *client = sim_client_new(fake);
    (void)state;
    real_begin();
    fake_begin(client);
    redis_process_do(&process, "CONFIG SET requirepass pass");
    int fd = redis_process_tell(&process, "");
    fake->password = "pass";
    ask_all(fd, client, commands);
    ask_both(fd, client, "CONFIG SET requirepass ");
    fake->password = NULL;
    close(fd);
    sim_client_free(client);
}

/* What a subscriber may ask, and what others' commands and scripts bring it. */
static void messages_come_alike(void **state)
{
    static const char *const subscriber_commands[] = {
        "SUBSCRIBE a", "SUBSCRIBE a", "SUBSCRIBE b", "PING", "PING x", "GET k", "SET k v", "GET", "SUBSCRIBE", NULL};
    static const char *const other_commands[] = {
        "PUBLISH a text", "PUBLISH none text", "PUBLISH b",
        "EVAL return{redis.call('PUBLISH','b','x'),redis.pcall('SUBSCRIBE','a')} 0", NULL};
    struct sim_client *client = sim_client_new(fake), *subscriber = sim_client_new(fake);
    (void)state;
    real_begin();
    fake_begin(client);
    int fd = redis_process_tell(&process, "");
    ask_all(fd, subscriber, subscriber_commands);
    redis_process_do(&process, "CONFIG SET maxmemory 1");
    fake->is_full = true;
    ask_all(fd, subscriber, subscriber_commands);
    redis_process_do(&process, "CONFIG SET maxmemory 0");
    fake->is_full = false;
    ask_all(connection, client, other_commands);
    buf_reset(&real_replies.bytes);
    real_ask(fd, SLICE(""), 2, &real_replies.bytes, NULL);
    assert_text("messages", buf_slice(sim_client_output(subscriber)), buf_slice(&real_replies.bytes));
    close(fd);
    sim_client_free(subscriber);
    do
        ask_both(connection, client, "PUBLISH a text");
    while (!slice_equal(buf_slice(&real_replies.bytes), SLICE(":0\r\n")));
    assert_text("nobody is there", buf_slice(&fake_replies.bytes), buf_slice(&real_replies.bytes));
    sim_client_free(client);
}

static struct identity identity_of(struct slice reply)
{
    struct identity identity;
    struct slice info;
    slice_split(reply, '\n', &info);
    identity_take(&identity, info, "");
    return identity;
}

static void workers_know_both_alike(void **state)
{
    static const char *const changes[] = {"", "REPLICAOF 127.0.0.1 1\r\n", "REPLICAOF NO ONE\r\n"};
    struct sim_client *client = sim_client_new(fake);
    (void)state;
    real_begin();
    fake_begin(client);
    for (size_t i = 0; i < COUNT_OF(changes); i++) {
        if (i > 0)
            real_ask(connection, slice_of(changes[i]), 1, &real_replies.bytes, NULL);
        fake->is_replica = i == 1;
        ask_both(connection, client, "INFO");
        struct identity real = identity_of(buf_slice(&real_replies.bytes));
        struct identity faked = identity_of(buf_slice(&fake_replies.bytes));
        assert_text("flaw", slice_of(faked.flaw), slice_of(real.flaw));
        assert_number("length", (int64_t)strlen(faked.id), (int64_t)strlen(real.id));
    }
    sim_client_free(client);
}

static int by_text(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

enum { SCAN_KEYS = 300 };

/* The names that a walk over one of the two tells, sorted and each once, with blanks between them. */
static void walk(struct sim_client *client, const struct buf *replies, struct buf *found)
{
    char command[80], cursor[INT64_TEXT_MAX + 1] = "0", *names[2 * SCAN_KEYS];
    size_t count = 0;
    do {
        char *next;
        snprintf(command, sizeof(command), "SCAN %s MATCH todo:1:{*} COUNT 9", cursor);
        ask_both(connection, client, command);
        strtok_r(replies->data, "\r\n", &next); /* "*2", then the cursor's length */
        strtok_r(NULL, "\r\n", &next);
        snprintf(cursor, sizeof(cursor), "%s", strtok_r(NULL, "\r\n", &next));
        strtok_r(NULL, "\r\n", &next);
        while (strtok_r(NULL, "\r\n", &next)) {
            assert_true(count < COUNT_OF(names));
            names[count++] = mem_strdup(strtok_r(NULL, "\r\n", &next));
        }
    } while (strcmp(cursor, "0") != 0);
    qsort(names, count, sizeof(*names), by_text);
    for (size_t i = 0; i < count; i++)
        if (i == 0 || strcmp(names[i], names[i - 1]) != 0)
            buf_printf(found, "%s ", names[i]);
    for (size_t i = 0; i < count; i++)
        free(names[i]);
}

static void a_walk_tells_the_same_keys(void **state)
{
    struct sim_client *client = sim_client_new(fake);
    struct buf real, faked;
    char command[80];
    (void)state;
    real_begin();
    fake_begin(client);
    for (unsigned i = 0; i < SCAN_KEYS; i++) {
        snprintf(command, sizeof(command), "SET todo:1:{%u}%s 1 PX %u", i / 3, i % 3 ? i % 3 == 1 ? ":lease" : "x" : "",
                 1 + i % 2);
        ask_both(connection, client, command);
    }
    fake_ms += 2;
    *clock_us += 2000; /* half of the keys are gone now */
    buf_init(&real);
    buf_init(&faked);
    walk(client, &real_replies.bytes, &real);
    walk(client, &fake_replies.bytes, &faked);
    assert_text("names", buf_slice(&faked), buf_slice(&real));
    assert_true(real.len > SCAN_KEYS);
    buf_fini(&real);
    buf_fini(&faked);
    sim_client_free(client);
}

/* ---- Beginning and end ---- */

static void clock_begin(void)
{
    snprintf(clock_file, sizeof(clock_file), "%s/clock", process.folder);
    int fd = open(clock_file, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    assert_int_equal(ftruncate(fd, sizeof(*clock_us)), 0);
    clock_us = mmap(NULL, sizeof(*clock_us), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    assert_true(clock_us != MAP_FAILED);
    close(fd);
    *clock_us = START_MS * 1000;
    setenv("FROZEN_CLOCK", clock_file, true);
    setenv("LD_PRELOAD", FROZEN_CLOCK_LIBRARY, true);
}

static int both_begin(void **state)
{
    (void)state;
    redis_process_init(&process);
    clock_begin();
    redis_process_start(&process, "--databases", "1");
    unsetenv("LD_PRELOAD");
    redis_process_do(&process, "CONFIG SET hash-max-listpack-value 100000"); /* HGETALL keeps the order then */
    connection = redis_process_tell(&process, "");
    fake = sim_redis_new((struct sim_redis_options){.run_id = "0123456789abcdef0123456789abcdef01234567",
                                                    .replication_id = "89abcdef0123456789abcdef0123456789abcdef",
                                                    .now_ms = fake_now_ms,
                                                    .on_command = on_command});
    return 0;
}

static int both_end(void **state)
{
    (void)state;
    close(connection);
    sim_redis_free(fake);
    buf_fini(&real_replies.bytes);
    buf_fini(&fake_replies.bytes);
    unlink(clock_file);
    redis_process_fini(&process);
    return 0;
}

int main(int count, char **args)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_fake_answers_as_redis_does),
        cmocka_unit_test(each_script_was_carried_out_more_often_than_not),
        cmocka_unit_test(a_busy_redis_refuses_alike),
        cmocka_unit_test(a_password_is_asked_for_alike),
        cmocka_unit_test(messages_come_alike),
        cmocka_unit_test(workers_know_both_alike),
        cmocka_unit_test(a_walk_tells_the_same_keys),
    };
    sequences_choose(&sequences, count, args);
    return run_redis_tests("same_redis", tests, both_begin, both_end);
}
