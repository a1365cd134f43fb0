/* SPDX-License-Identifier: MIT */
#include "shards_bed.h"

enum { STEPS_MAX = 200000 };

struct fake_server *server_b;
char low[16], high[16];

void settle(struct bed *bed)
{
    int steps = 0;
    do {
        bed_settle(bed);
        assert_true(++steps < STEPS_MAX);
    } while (fake_cluster_step());
}

void pass(struct bed *bed, int64_t ms)
{
    for (int64_t left = ms; left > 0; left -= 5) {
        bed_pass(bed, 5);
        settle(bed);
    }
}

void tend(struct bed *bed)
{
    for (int i = 0; i < BED_WORKERS; i++)
        worker_tend(&bed->workers[i]);
    settle(bed);
}

unsigned slot_of(const char *id)
{
    return slot_of_key(slice_of(id));
}

int64_t read_by(struct bed *bed, int worker, const char *id, enum cache_source *source)
{
    struct reader reader;
    reader_start(&reader, &bed->workers[worker], id);
    settle(bed);
    assert_int_equal(reader.answers, 1);
    assert_int_equal(reader.status, STATUS_OK);
    if (source)
        *source = reader.trace.source;
    return reader.v;
}

bool hits(struct bed *bed, int worker, const char *id)
{
    enum cache_source source;
    read_by(bed, worker, id, &source);
    return source == CACHE_HIT;
}

enum status write_by(struct bed *bed, int worker, const char *id)
{
    struct writer writer;
    writer_start(&writer, &bed->workers[worker], id);
    settle(bed);
    for (int i = 0; i < 100 && writer.answers == 0; i++)
        pass(bed, 50); /* it waits for a Redis that is coming */
    assert_int_equal(writer.answers, 1);
    return writer.status;
}

struct home home(const struct bed *bed, int worker, const char *id)
{
    return home_of(bed->workers[worker].cache, id);
}

size_t trusted_count(const struct bed *bed, int worker)
{
    return shards_trusted_count(bed->workers[worker].cache->shards);
}

void assert_all_trusted(const struct bed *bed)
{
    for (int i = 0; i < BED_WORKERS; i++) {
        assert_int_equal(trusted_count(bed, i), 2);
        assert_int_equal(shards_missing_slots(bed->workers[i].cache->shards), 0);
    }
}

/* The first id that falls into this half. */
static void id_find(char id[16], bool is_high)
{
    for (int i = 0;; i++) {
        snprintf(id, 16, "t%d", i);
        if ((slot_of(id) >= HALF) == is_high && slot_of(id) != slot_of_list())
            return;
    }
}

int shards_begin_idle(void **state)
{
    bed_begin_idle(state);
    struct bed *bed = *state;
    memcpy(bed->settings.redis, "cluster://fake:a,fake:b", sizeof("cluster://fake:a,fake:b"));
    server_b = fake_server_new("fake:b", "run-b");
    fake_cluster_reset();
    fake_cluster_move("fake:a", 0, HALF - 1);
    fake_cluster_move("fake:b", HALF, SLOT_COUNT - 1);
    id_find(low, false);
    id_find(high, true);
    fake_store_put(bed->store, low, 1);
    fake_store_put(bed->store, high, 1);
    return 0;
}

int shards_begin(void **state)
{
    shards_begin_idle(state);
    struct bed *bed = *state;
    bed_start_workers(bed);
    settle(bed);
    tend(bed); /* those that lost the race to the record adopt what won it */
    assert_all_trusted(bed);
    read_by(bed, 0, low, NULL);
    read_by(bed, 0, high, NULL);
    return 0;
}

int shards_end(void **state)
{
    settle(*state);
    int failed = bed_end(state);
    fake_server_free(server_b);
    return failed;
}
