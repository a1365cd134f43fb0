/* SPDX-License-Identifier: MIT */
/*
 * What the cache makes of each error that Redis answers, to reads and to writes: every answer comes from the store then, nothing is
 * old, and Redis is trusted again when it is what it was. tests/unit/test_redis_errors.c has the connection's part, on a real Redis.
 */
#include "cache_bed.h"

#include "cache/keys.h"

#define ENTRY "todo:1:{a}"

static int begin(void **state)
{
    bed_begin(state);
    struct bed *bed = *state;
    fake_store_put(bed->store, "a", 1);
    return 0;
}

static bool is_trusted(const struct bed *bed, int worker)
{
    return cache_is_trusted(bed->workers[worker].cache);
}

/* ---- Redis can't serve: it is away until it can ---- */

static const struct away {
    const char *error;
    enum stat_counter stat;
} aways[] = {
    {"READONLY You can't write against a read only replica.", STAT_REDIS_READONLY},
    {"MASTERDOWN Link with MASTER is down and replica-serve-stale-data is set to 'no'.", STAT_REDIS_MASTERDOWN},
    {"LOADING Redis is loading the dataset in memory", STAT_REDIS_LOADING},
    {"BUSY Redis is busy running a script. You can only call SCRIPT KILL or SHUTDOWN NOSAVE.", STAT_REDIS_BUSY},
};

static void a_read_is_answered_from_the_store_and_redis_is_left(void **state)
{
    static const char *const words[] = {"HGETALL", "ACQUIRE", "FILL"};
    struct bed *bed = *state;
    struct worker *worker = &bed->workers[0];
    for (size_t i = 0; i < COUNT_OF(aways) * COUNT_OF(words); i++) {
        const struct away *away = &aways[i / COUNT_OF(words)];
        uint64_t before = bed_counter(worker, away->stat);
        fake_server_flush(bed->server);
        fake_server_refuse(bed->server, words[i % COUNT_OF(words)], away->error);
        assert_int_equal(bed_read(bed, worker, "a"), 1);
        assert_number(away->error, (int64_t)(bed_counter(worker, away->stat) - before), 1);
        assert_false(is_trusted(bed, 0));
        assert_int_equal(bed_read(bed, worker, "a"), 1);
        assert_number(away->error, (int64_t)(bed_counter(worker, away->stat) - before), 1); /* not asked again */
        fake_server_refuse(bed->server, NULL, NULL);
        bed_pass(bed, bed->settings.lease_ms + 1); /* one that could not be given back runs out */
        assert_true(is_trusted(bed, 0));
        assert_int_equal(bed_read(bed, worker, "a"), 1);
        assert_true(fake_server_has(bed->server, ENTRY));
    }
}

/* The other worker has the entry, and hears of the write from the outbox. */
static void a_write_is_made_and_its_invalidation_kept(void **state)
{
    static const char *const words[] = {"FENCE", "UNFENCE"};
    struct bed *bed = *state;
    int64_t v = 1;
    for (size_t i = 0; i < COUNT_OF(aways) * COUNT_OF(words); i++, v++) {
        char refused[64];
        const char *word = words[i % COUNT_OF(words)];
        assert_int_equal(bed_read(bed, &bed->workers[1], "a"), v);
        assert_true(fake_server_has(bed->server, ENTRY));
        /* A mark can't be brought later either. */
        snprintf(refused, sizeof(refused), "%s UNFENCE", word);
        fake_server_refuse(bed->server, refused, aways[i / COUNT_OF(words)].error);
        struct writer writer;
        writer_start(&writer, &bed->workers[0], "a");
        bed_pass(bed, FAKE_RECONNECT_MS / 2); /* a fence without an answer is looked after */
        assert_int_equal(writer.answers, 1);
        assert_int_equal(writer.status, STATUS_OK);
        assert_false(is_trusted(bed, 0));
        assert_int_equal(bed_outbox_count(bed), 1);
        assert_int_equal(bed_read(bed, &bed->workers[0], "a"), v + 1);
        bed_tend(bed);
        assert_int_equal(bed_read(bed, &bed->workers[1], "a"), v + 1);
        fake_server_refuse(bed->server, NULL, NULL);
        bed_pass(bed, 2 * FAKE_RECONNECT_MS);
        bed_tend(bed);
        assert_true(is_trusted(bed, 0) && is_trusted(bed, 1));
        assert_int_equal(bed_outbox_count(bed), 0);
        assert_int_equal(bed_read(bed, &bed->workers[0], "a"), v + 1);
    }
}

/* ---- It serves, but not this one ---- */

static void scripts_that_redis_forgot_are_sent_again(void **state)
{
    struct bed *bed = *state;
    fake_server_forget_scripts(bed->server);
    assert_int_equal(bed_read(bed, &bed->workers[0], "a"), 1);
    assert_journal("HGETALL NOSCRIPT ACQUIRE get NOSCRIPT FILL");
    assert_true(fake_server_has(bed->server, ENTRY));
}

static void an_entry_that_cannot_be_ours_is_deleted_and_read_anew(void **state)
{
    struct bed *bed = *state;
    fake_server_set_field(bed->server, ENTRY, "name", "torn");
    assert_int_equal(bed_read(bed, &bed->workers[0], "a"), 1);
    assert_journal("HGETALL DEL ACQUIRE get FILL");
    fake_server_evict(bed->server, ENTRY);
    fake_server_set_text(bed->server, ENTRY, "no hash");
    assert_int_equal(bed_read(bed, &bed->workers[0], "a"), 1);
    assert_int_equal(bed_counter(&bed->workers[0], STAT_REDIS_WRONGTYPE), 1);
    assert_true(is_trusted(bed, 0));
    assert_text("v", fake_server_field(bed->server, ENTRY, "v"), SLICE("1"));
}

struct lister {
    struct cache_list list;
    struct cache_trace trace;
    unsigned answers;
};

static void on_listed(void *ctx, const struct cache_page_answer *answer)
{
    struct lister *lister = ctx;
    assert_int_equal(answer->status, STATUS_OK);
    lister->trace = answer->trace;
    lister->answers++;
}

static enum cache_source list(struct bed *bed)
{
    struct lister lister = {.list = {.query = {.limit = 2}, .demand.max_age_ms = -1, .done = on_listed}};
    lister.list.ctx = &lister;
    cache_list(bed->workers[0].cache, &lister.list);
    bed_settle(bed);
    assert_int_equal(lister.answers, 1);
    return lister.trace.source;
}

static void a_page_and_a_generation_that_cannot_be_ours_are_deleted(void **state)
{
    struct bed *bed = *state;
    struct list_keys keys;
    list_keys_init(&keys, 1, &(struct store_query){.limit = 2});
    assert_int_equal(list(bed), CACHE_MISS);
    assert_int_equal(list(bed), CACHE_HIT);
    fake_server_set_text(bed->server, keys.page.text, "no hash");
    assert_int_equal(list(bed), CACHE_MISS);
    assert_int_equal(list(bed), CACHE_HIT);
    fake_server_evict(bed->server, keys.generation.text);
    fake_server_set_field(bed->server, keys.generation.text, "no", "text");
    assert_int_equal(list(bed), CACHE_MISS);
    assert_int_equal(list(bed), CACHE_HIT);
    assert_int_equal(bed_counter(&bed->workers[0], STAT_REDIS_WRONGTYPE), 2);
}

/* What readers and writers find in the place of their keys is deleted, and caching goes on. */
static void keys_of_another_type_are_deleted_and_hits_come_back(void **state)
{
    static const struct {
        const char *key;
        bool is_text; /* else a hash */
    } rows[] = {
        {"todo:1:{a}", true},           {"todo:1:{a}:lease", false},    {"todo:1:{a}:writers", true},
        {"todo:1:{a}:writers", false},  {"todos:1:{list}:gen", false},  {"todos:1:{list}:writers", true},
        {"todos:1:{list}:pages", true}, {"todos:1:{list}:beat", false},
    };
    struct bed *bed = *state;
    int64_t v = 1;
    for (size_t i = 0; i < 2 * COUNT_OF(rows); i++) {
        const char *key = rows[i / 2].key;
        if (fake_server_has(bed->server, key))
            fake_server_evict(bed->server, key);
        if (rows[i / 2].is_text)
            fake_server_set_text(bed->server, key, "x");
        else
            fake_server_set_field(bed->server, key, "x", "y");
        if (i % 2 == 0)
            assert_int_equal(bed_write(bed, &bed->workers[0], "a"), STATUS_OK);
        v += i % 2 == 0;
        for (int again = 0; again < 2; again++) {
            assert_int_equal(bed_read(bed, &bed->workers[0], "a"), v);
            (void)list(bed);
        }
        fake_journal_reset();
        assert_int_equal(bed_read(bed, &bed->workers[0], "a"), v);
        assert_text(key, fake_journal(), SLICE("HGETALL"));
        assert_number(key, list(bed), CACHE_HIT);
        bed_tend(bed);
        assert_true(is_trusted(bed, 0));
        assert_int_equal(bed_outbox_count(bed), 0);
    }
}

static void an_error_that_says_nothing_of_the_entry_leaves_it_alone(void **state)
{
    struct bed *bed = *state;
    bed_read(bed, &bed->workers[0], "a");
    fake_journal_reset();
    fake_server_refuse(bed->server, "HGETALL", "NOPERM this user has no permissions to run the 'hgetall' command");
    assert_int_equal(bed_read(bed, &bed->workers[0], "a"), 1);
    assert_journal("HGETALL ACQUIRE");
    assert_true(fake_server_has(bed->server, ENTRY));
}

static void a_full_redis_costs_misses_alone(void **state)
{
    struct bed *bed = *state;
    bed->server->redis->is_full = true;
    struct reader reader;
    reader_start(&reader, &bed->workers[0], "a");
    bed_settle(bed);
    assert_int_equal(reader.v, 1);
    assert_int_equal(reader.trace.source, CACHE_BYPASS);
    assert_false(reader.trace.stored);
    assert_int_equal(bed_counter(&bed->workers[0], STAT_REDIS_OOM), 1);
    assert_true(is_trusted(bed, 0));
}

/* It became full between the lease and the fill. */
static void a_fill_that_finds_redis_full_is_counted_and_answered(void **state)
{
    struct bed *bed = *state;
    struct reader reader;
    fake_server_refuse(bed->server, "FILL", "OOM command not allowed when used memory > 'maxmemory'.");
    reader_start(&reader, &bed->workers[0], "a");
    bed_settle(bed);
    assert_int_equal(reader.v, 1);
    assert_int_equal(reader.trace.source, CACHE_MISS);
    assert_false(reader.trace.stored);
    assert_journal("HGETALL ACQUIRE get FILL RELEASE");
    assert_int_equal(bed_counter(&bed->workers[0], STAT_FILL_FAILED), 1);
    assert_int_equal(bed_counter(&bed->workers[0], STAT_REDIS_OOM), 1);
    assert_true(is_trusted(bed, 0));
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, bed_end)
    const struct CMUnitTest tests[] = {
        TEST(a_read_is_answered_from_the_store_and_redis_is_left),
        TEST(a_write_is_made_and_its_invalidation_kept),
        TEST(scripts_that_redis_forgot_are_sent_again),
        TEST(an_entry_that_cannot_be_ours_is_deleted_and_read_anew),
        TEST(a_page_and_a_generation_that_cannot_be_ours_are_deleted),
        TEST(keys_of_another_type_are_deleted_and_hits_come_back),
        TEST(an_error_that_says_nothing_of_the_entry_leaves_it_alone),
        TEST(a_full_redis_costs_misses_alone),
        TEST(a_fill_that_finds_redis_full_is_counted_and_answered),
    };
    return cmocka_run_group_tests_name("errors", tests, NULL, NULL);
}
