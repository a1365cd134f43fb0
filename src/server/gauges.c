/* SPDX-License-Identifier: MIT */
/*
 * The gauges of this worker, set by the janitor.
 *
 * Each worker writes what it knows into its own slot of the counters' file, and /metrics shows what the slots of
 * running workers have. So any worker can answer for all of them, and a worker that hangs is seen by the others: its
 * todo_worker_turn_time_seconds stands still.
 *
 * The process's descriptors are counted in /proc/self/fd, which takes some hundred us where there are a thousand: every
 * ten seconds is often enough. Memory is what /proc/self/statm calls resident; pages that workers share, as those of
 * the L1, count in each of them. All of that, and what statvfs() tells, is in the kernel's memory: nothing waits for a
 * disk.
 *
 * What can't be read is not set: a gauge then keeps its last value, or 0.
 */
#include "server/gauges.h"

#include <dirent.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "base/clock.h"
#include "store/pool.h"
#include "store/store.h"

enum { MS_PER_S = 1000 };

static void set_lane(const struct services *services, enum pool_lane lane, enum stat_gauge gauge)
{
    uint32_t retry_after_ms;
    stats_set(services->stats, gauge, !pool_is_open(services->pool, lane, &retry_after_ms));
}

static void set_cluster(const struct services *services)
{
    const struct cache *cache = services->cache;
    stats_set(services->stats, STAT_NOW_CLUSTER_NODES_UNTRUSTED, cache_shard_count(cache) - cache_trusted_count(cache));
    stats_set(services->stats, STAT_NOW_CLUSTER_UNTRUSTED, cache_missing_slots(cache));
}

void gauges_set_work(const struct services *services)
{
    struct stats *stats = services->stats;
    uint64_t now_s = (uint64_t)(clock_wall_ms() / MS_PER_S);
    if (stats->gauge[STAT_NOW_RUNS] == 0)
        stats_set(stats, STAT_NOW_STARTED, now_s);
    stats_set(stats, STAT_NOW_TURNED, now_s);
    stats_set(stats, STAT_NOW_WITHOUT_REDIS, !cache_is_trusted(services->cache));
    if (cache_cluster(services->cache))
        set_cluster(services);
    set_lane(services, POOL_READ, STAT_NOW_WITHOUT_STORE_READ);
    set_lane(services, POOL_WRITE, STAT_NOW_WITHOUT_STORE_WRITE);
    set_lane(services, POOL_CARE, STAT_NOW_WITHOUT_STORE_CARE);
    stats_set(stats, STAT_NOW_OUTBOX_WAITING, cache_outbox_waiting_s(services->cache));
    stats_set(stats, STAT_NOW_PURGES_WAITING, cache_purges_waiting(services->cache));
    stats_set(stats, STAT_NOW_RUNS, 1); /* the last one: from now on /metrics shows all */
}

static void set_memory(struct stats *stats)
{
    unsigned long long pages;
    FILE *file = fopen("/proc/self/statm", "re");
    if (!file)
        return;
    if (fscanf(file, "%*u %llu", &pages) == 1)
        stats_set(stats, STAT_NOW_RESIDENT, pages * (uint64_t)sysconf(_SC_PAGESIZE));
    fclose(file);
}

static void set_descriptors(struct stats *stats)
{
    struct rlimit limit;
    uint64_t count = 0;
    if (getrlimit(RLIMIT_NOFILE, &limit) == 0)
        stats_set(stats, STAT_NOW_DESCRIPTORS_MAX, limit.rlim_cur);
    DIR *folder = opendir("/proc/self/fd");
    if (!folder)
        return;
    for (const struct dirent *entry; (entry = readdir(folder));)
        count += entry->d_name[0] != '.';
    closedir(folder);
    stats_set(stats, STAT_NOW_DESCRIPTORS, count - 1); /* the folder's own */
}

/* As df counts: what is kept for root is neither free nor part of the size. */
static void set_disk(struct stats *stats, const char *database)
{
    struct statvfs disk;
    if (statvfs(database, &disk) != 0)
        return;
    stats_set(stats, STAT_NOW_DISK_FREE, (uint64_t)disk.f_bavail * disk.f_frsize);
    stats_set(stats, STAT_NOW_DISK_SIZE, (uint64_t)(disk.f_blocks - disk.f_bfree + disk.f_bavail) * disk.f_frsize);
}

void gauges_set_process(const struct services *services)
{
    set_memory(services->stats);
    set_descriptors(services->stats);
    if (strcmp(store_kind(services->store), "sqlite") == 0)
        set_disk(services->stats, services->settings->store + sizeof("sqlite:") - 1);
}
