/* SPDX-License-Identifier: MIT */
/* What an owner does to the simulated Redis; its replies are test_same_redis.c's matter. */
#include "tests/unit/testing.h"

#include "redis/redis_encode.h"
#include "sim_redis.h"

static int64_t now_ms;
static char last_word[32];

static int64_t tell_now_ms(void *ctx)
{
    (void)ctx;
    return now_ms;
}

static void on_command(void *ctx, struct slice word)
{
    (void)ctx;
    snprintf(last_word, sizeof(last_word), "%.*s", (int)word.len, word.data);
}

struct bed {
    struct sim_redis *redis;
    struct sim_client *client;
};

static int bed_begin(void **state)
{
    static struct bed bed;
    now_ms = 1700000000000;
    bed.redis = sim_redis_new((struct sim_redis_options){
        .run_id = "first", .replication_id = "life", .now_ms = tell_now_ms, .on_command = on_command, .seed = 7});
    bed.client = sim_client_new(bed.redis);
    *state = &bed;
    return 0;
}

static int bed_end(void **state)
{
    struct bed *bed = *state;
    sim_client_free(bed->client);
    sim_redis_free(bed->redis);
    return 0;
}

/* Words with blanks between them. */
static void encode(struct buf *command, const char *words)
{
    struct slice args[8], rest = slice_of(words);
    size_t count = 0;
    while (rest.data)
        args[count++] = slice_split(rest, ' ', &rest);
    redis_encode_all(command, args, count);
}

static void assert_reply(struct bed *bed, const char *words, const char *want)
{
    struct buf command, *output = sim_client_output(bed->client);
    buf_init(&command);
    encode(&command, words);
    sim_client_feed(bed->client, buf_slice(&command));
    assert_true(sim_client_execute(bed->client));
    assert_text(words, buf_slice(output), slice_of(want));
    buf_reset(output);
    buf_fini(&command);
}

static void a_command_may_come_cut_anywhere(void **state)
{
    struct bed *bed = *state;
    struct buf command, second;
    buf_init(&command);
    buf_init(&second);
    encode(&command, "SET key a-value");
    encode(&second, "GET key");
    buf_append_slice(&command, buf_slice(&second));
    for (size_t cut = 0; cut <= command.len; cut++) {
        unsigned carried_out = 0;
        sim_client_feed(bed->client, (struct slice){command.data, cut});
        while (sim_client_execute(bed->client))
            carried_out++;
        sim_client_feed(bed->client, (struct slice){command.data + cut, command.len - cut});
        while (sim_client_execute(bed->client))
            carried_out++;
        assert_int_equal(carried_out, 2);
        assert_text("both", buf_slice(sim_client_output(bed->client)), SLICE("+OK\r\n$7\r\na-value\r\n"));
        buf_reset(sim_client_output(bed->client));
    }
    buf_fini(&command);
    buf_fini(&second);
}

static void a_restart_forgets_scripts_and_may_keep_data(void **state)
{
    struct bed *bed = *state;
    sim_redis_load_script(bed->redis, SLICE("return 7"));
    assert_reply(bed, "EVALSHA 59b6ab2fbe0ee4b25733de0f62e6cda4899ef8e9 0", ":7\r\n");
    assert_reply(bed, "SET key 1", "+OK\r\n");
    sim_redis_restart(bed->redis, "second", true);
    assert_string_equal(bed->redis->run_id, "second");
    assert_reply(bed, "EVALSHA 59b6ab2fbe0ee4b25733de0f62e6cda4899ef8e9 0",
                 "-NOSCRIPT No matching script. Please use EVAL.\r\n");
    assert_string_equal(last_word, "NOSCRIPT");
    assert_reply(bed, "GET key", "$1\r\n1\r\n");
    sim_redis_restart(bed->redis, "third", false);
    assert_reply(bed, "GET key", "$-1\r\n");
}

/* As after a failover without the last writes, and a restart from an older file. */
static void older_data_come_back_and_go_to_another_server(void **state)
{
    struct bed *bed = *state;
    struct sim_redis *other = sim_redis_new((struct sim_redis_options){.run_id = "other", .now_ms = tell_now_ms});
    assert_reply(bed, "SET old 1 PX 1000", "+OK\r\n");
    assert_reply(bed, "ZADD set 2 b 1 a", ":2\r\n");
    struct sim_keys *saved = sim_redis_save(bed->redis);
    assert_reply(bed, "SET new 1", "+OK\r\n");
    assert_reply(bed, "ZREM set a", ":1\r\n");
    sim_redis_restore(bed->redis, saved);
    sim_redis_restore(other, saved);
    sim_redis_forget(saved);
    assert_reply(bed, "EXISTS old new", ":1\r\n");
    assert_reply(bed, "ZRANGE set 0 -1", "*2\r\n$1\r\na\r\n$1\r\nb\r\n");
    assert_non_null(sim_key_find(sim_redis_keys(other), SLICE("set")));
    now_ms += 1001; /* lifetimes go on meanwhile */
    assert_null(sim_key_find(sim_redis_keys(other), SLICE("old")));
    sim_redis_free(other);
}

/* Which keys go is up to the seed alone. */
static void one_key_of_a_kind_is_evicted(void **state)
{
    struct bed *bed = *state;
    char left[2][100] = {"", ""};
    for (int i = 0; i < 2; i++) {
        char command[40];
        for (int key = 0; key < 9; key++) {
            snprintf(command, sizeof(command), "SET todo:%d%s 1", key, key % 3 ? "" : ":lease");
            assert_reply(bed, command, "+OK\r\n");
        }
        bed->redis->dice = dice_of(7, 0);
        for (int evicted = 0; evicted < 3; evicted++)
            assert_true(sim_redis_evict(bed->redis, "todo:[0-9]"));
        for (const struct sim_key *key = bed->redis->keys.keys; key; key = key->hh.next)
            strcat(left[i], key->name_bytes);
        assert_int_equal(HASH_COUNT(bed->redis->keys.keys), 6);
        sim_redis_flush(bed->redis);
    }
    assert_string_equal(left[0], left[1]);
    assert_non_null(strstr(left[0], "todo:0:lease"));
    assert_non_null(strstr(left[0], "todo:3:lease"));
    assert_false(sim_redis_evict(bed->redis, "*"));
}

static void what_is_to_be_refused_answers_the_error_and_does_nothing(void **state)
{
    struct bed *bed = *state;
    sim_redis_refuse(bed->redis, "GET SET", "BUSY with something");
    assert_reply(bed, "SET key 1", "-BUSY with something\r\n");
    assert_reply(bed, "EXISTS key", ":0\r\n");
    sim_redis_refuse(bed->redis, NULL, NULL);
    assert_reply(bed, "SET key 1", "+OK\r\n");
}

static void while_it_loads_it_tells_who_it_is_and_nothing_else(void **state)
{
    static const char loading[] = "-LOADING Redis is loading the dataset in memory\r\n";
    struct bed *bed = *state;
    bed->redis->is_loading = true;
    assert_reply(bed, "HGETALL key", loading);
    assert_reply(bed, "EVAL nothing 0", loading);
    assert_reply(bed, "PING", loading);
    assert_reply(bed, "SELECT 0", "+OK\r\n");
    assert_reply(bed, "INFO",
                 "$124\r\n# Server\r\nredis_version:7.0.15\r\nrun_id:first\r\n\r\n# Persistence\r\nloading:1\r\n\r\n"
                 "# Replication\r\nrole:master\r\nmaster_replid:life\r\n\r\n");
}

static void a_sentinel_tells_where_the_primary_is(void **state)
{
    struct bed *bed = *state;
    assert_reply(bed, "SENTINEL get-master-addr-by-name todo", "*-1\r\n");
    bed->redis->primary_host = "10.0.0.7";
    bed->redis->primary_port = "6379";
    assert_reply(bed, "SENTINEL get-master-addr-by-name todo", "*2\r\n$8\r\n10.0.0.7\r\n$4\r\n6379\r\n");
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, bed_begin, bed_end)
    const struct CMUnitTest tests[] = {
        TEST(a_command_may_come_cut_anywhere),
        TEST(a_restart_forgets_scripts_and_may_keep_data),
        TEST(older_data_come_back_and_go_to_another_server),
        TEST(one_key_of_a_kind_is_evicted),
        TEST(what_is_to_be_refused_answers_the_error_and_does_nothing),
        TEST(while_it_loads_it_tells_who_it_is_and_nothing_else),
        TEST(a_sentinel_tells_where_the_primary_is),
    };
    return cmocka_run_group_tests_name("sim_redis", tests, NULL, NULL);
}
