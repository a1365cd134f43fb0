/* SPDX-License-Identifier: MIT */
/*
 * The file of counters that all workers map, with a slot for each.
 *
 *   header | machine | slot 0 | slot 1 | ...   each at a multiple of 64 bytes, so that workers share no cache line
 *   machine = the counters of the last hour, what Redis holds, the write queue's figures (base/stats_history.h,
 *   base/census.h, queue/board.h)
 *   slot = counters, hottest ids (base/hot.h), trail (base/trail.h)
 *
 * Why a file: any worker can answer /metrics for all of them, and a worker's counts stay when it dies. The owner of a
 * slot holds an open-file-description lock on its first byte. The kernel drops that lock when the worker ends, in any
 * way, and the next worker continues with the counts that it finds. So sums never go down. The same lock tells whose
 * gauges are true: those of a slot that nobody holds are of a worker that has ended.
 *
 * Making the file is the part with races. Each worker that starts locks the header first. A file of another layout
 * (another build, another slot count) is unlinked, not truncated: workers that still map it go on counting in it,
 * unseen, and none of them dies of SIGBUS. A worker that waited for the lock of an unlinked file sees that the path is
 * another file by now, and opens it again. A slot's space is allocated when it is claimed, so a full disk is an error
 * at the start instead of a SIGBUS later, and slots that no worker has ever had take none.
 *
 * A tool (todoctl, todo-load) takes a slot as well, for its trail. It never makes or replaces the file: its user may be
 * another one than the workers', who could not open it then.
 *
 * Readers take no lock: a counter is one aligned 64-bit word, at worst a moment old.
 *
 * The file may be damaged while it is in use, so its header decides nothing about memory: what is read stays within the
 * slots that the file has.
 *
 * Does not: survive a reboot for certain (nothing is synced), or lower the counts of workers that have ended.
 */
#include "server/stats_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "api/api.h"
#include "base/clock.h"
#include "base/file_lock.h"
#include "base/hash.h"
#include "base/mem.h"

enum { ALIGN_BYTES = 64, OPEN_TRIES = 100, CENSUS_TRIES = 100 };

static const char MAGIC[8] = "todostat";

struct header {
    char magic[8];
    uint64_t layout; /* a hash over the names and order of all that a slot counts */
    uint64_t slot_count;
    uint64_t used_count; /* slots below this one have been in use */
};

/* What no slot has: any worker writes to it. */
struct machine {
    struct census_board board;
    struct queue_board queue;
    struct stats_history history;
};

/* Behind it lies the trail's memory. */
struct slot {
    struct stats stats;
    struct hot_list hot;
};

struct stats_file {
    int fd; /* -1: no file, one slot in memory */
    void *map;
    size_t map_bytes;
    size_t slot_count; /* as many as the map has room for, whatever the header says later */
    struct header *header;
    struct machine *machine;
    struct slot *own; /* NULL in a view */
    struct trail trail;
};

static size_t align_up(size_t size_bytes)
{
    return (size_bytes + ALIGN_BYTES - 1) / ALIGN_BYTES * ALIGN_BYTES;
}

static size_t slot_bytes(void)
{
    return align_up(sizeof(struct slot)) + align_up(trail_memory_bytes());
}

static size_t slot_offset(size_t index)
{
    return align_up(sizeof(struct header)) + align_up(sizeof(struct machine)) + index * slot_bytes();
}

static struct slot *file_slot(const struct stats_file *file, size_t index)
{
    return file->map ? (struct slot *)((char *)file->map + slot_offset(index)) : file->own;
}

static struct trail_memory *slot_trail(struct slot *slot)
{
    return (struct trail_memory *)((char *)slot + align_up(sizeof(struct slot)));
}

/* Slots that have been in use. */
static size_t file_used_count(const struct stats_file *file)
{
    if (!file->map)
        return 1;
    size_t used_count = file->header->used_count;
    return used_count < file->slot_count ? used_count : file->slot_count;
}

/* Two builds have the same layout if they have the same metrics, routes, statuses and events in the same order. */
static uint64_t layout_hash(void)
{
#define NAME(upper, ...) #upper " "
#define TEXT(...)        TEXT_OF(__VA_ARGS__)
#define TEXT_OF(...)     #__VA_ARGS__
    struct buf text;
    size_t route_count;
    const char *const *routes = api_route_names(&route_count);
    buf_init(&text);
    buf_append_text(&text, STATS_COUNTERS(NAME) STATS_HISTOGRAMS(NAME) STATS_GAUGES(NAME) TRAIL_KINDS(NAME)
                               TEXT(STATS_BOUNDS_US) TEXT(STATS_STATUSES));
    for (size_t i = 0; i < route_count; i++)
        buf_printf(&text, " %s", routes[i]);
    buf_printf(&text, " %zu %zu %zu", sizeof(struct machine), sizeof(struct slot), trail_memory_bytes());
    uint64_t hash = hash_bytes(buf_slice(&text));
    buf_fini(&text);
    return hash;
#undef NAME
#undef TEXT
#undef TEXT_OF
}

static enum status file_fill(int fd, const struct header *header, size_t size_bytes, struct error *error)
{
    int failed = posix_fallocate(fd, 0, (off_t)slot_offset(0));
    if (failed || ftruncate(fd, (off_t)size_bytes) != 0 ||
        pwrite(fd, header, sizeof(*header), 0) != (ssize_t)sizeof(*header))
        return error_set(error, STATUS_UNAVAILABLE, "no room: %s", strerror(failed ? failed : errno));
    return STATUS_OK;
}

/*
 * The header's lock is held. A new, empty file gets its size and header; a file of this layout stays as it is. A file
 * of another layout is STATUS_NOT_FOUND. A file without our magic is UNAVAILABLE: a mistyped setting must not destroy
 * it.
 */
static enum status header_check(int fd, size_t slot_count, struct error *error)
{
    struct header wanted = {.layout = layout_hash(), .slot_count = slot_count};
    struct header found = {0};
    struct stat info;
    size_t size_bytes = slot_offset(slot_count);
    memcpy(wanted.magic, MAGIC, sizeof(MAGIC));

    if (fstat(fd, &info) != 0)
        return error_set(error, STATUS_UNAVAILABLE, "%s", strerror(errno));
    if (info.st_size == 0)
        return file_fill(fd, &wanted, size_bytes, error);
    if (pread(fd, &found, sizeof(found), 0) != (ssize_t)sizeof(found) ||
        memcmp(found.magic, wanted.magic, sizeof(MAGIC)) != 0)
        return error_set(error, STATUS_UNAVAILABLE, "it is not a stats file of todo-fcgi, so it is not touched");
    bool same = info.st_size == (off_t)size_bytes && found.layout == wanted.layout && found.slot_count == slot_count;
    return same ? STATUS_OK : STATUS_NOT_FOUND;
}

/* Opens path and locks its header. Replaces the file until it has this layout. */
static enum status file_make(struct stats_file *file, const char *path, size_t slot_count, struct error *error)
{
    for (int i = 0; i < OPEN_TRIES; i++) {
        struct error why;
        file->fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0640);
        if (file->fd < 0 || !file_lock(file->fd, F_WRLCK, 0, true))
            return error_set(error, STATUS_UNAVAILABLE, "%s: %s", path, strerror(errno));
        if (file_is_at(file->fd, path)) {
            enum status status = header_check(file->fd, slot_count, &why);
            if (status == STATUS_OK)
                return STATUS_OK;
            if (status != STATUS_NOT_FOUND)
                return error_set(error, status, "%s: %s", path, why.text);
            unlink(path);
        }
        close(file->fd);
        file->fd = -1;
    }
    return error_set(error, STATUS_UNAVAILABLE, "%s: other workers keep replacing it", path);
}

static enum status slot_claim(struct stats_file *file, const char *path, struct error *error)
{
    for (size_t i = 0; i < file->slot_count; i++) {
        if (!file_lock(file->fd, F_WRLCK, slot_offset(i), false))
            continue;
        int failed = posix_fallocate(file->fd, (off_t)slot_offset(i), (off_t)slot_bytes());
        if (failed)
            return error_set(error, STATUS_UNAVAILABLE, "%s: no room: %s", path, strerror(failed));
        file->own = file_slot(file, i);
        memset(file->own->stats.gauge, 0, sizeof(file->own->stats.gauge));
        if (file->header->used_count <= i)
            file->header->used_count = i + 1;
        return STATUS_OK;
    }
    return error_set(error, STATUS_BUSY, "%s: all %zu slots are taken; raise stats_slots", path, file->slot_count);
}

/* The size says how many slots there are; the header must agree. */
static enum status layout_check(struct stats_file *file)
{
    struct header header;
    struct stat info;
    bool is_ours = fstat(file->fd, &info) == 0 && info.st_size >= (off_t)slot_offset(0) &&
                   pread(file->fd, &header, sizeof(header), 0) == (ssize_t)sizeof(header) &&
                   memcmp(header.magic, MAGIC, sizeof(MAGIC)) == 0 && header.layout == layout_hash();
    if (!is_ours)
        return STATUS_INVALID;
    file->map_bytes = (size_t)info.st_size;
    file->slot_count = (file->map_bytes - slot_offset(0)) / (slot_offset(1) - slot_offset(0));
    return header.slot_count == file->slot_count ? STATUS_OK : STATUS_INVALID;
}

static enum status file_map(struct stats_file *file, const char *path, int protection, struct error *error)
{
    file->map = mmap(NULL, file->map_bytes, protection, MAP_SHARED, file->fd, 0);
    if (file->map == MAP_FAILED) {
        file->map = NULL;
        return error_set(error, STATUS_UNAVAILABLE, "%s: %s", path, strerror(errno));
    }
    file->header = file->map;
    file->machine = (struct machine *)((char *)file->map + align_up(sizeof(struct header)));
    return STATUS_OK;
}

/* Opens a file that is there. */
static enum status file_find(struct stats_file *file, const char *path, int flags, struct error *error)
{
    file->fd = open(path, flags | O_CLOEXEC);
    if (file->fd < 0)
        return error_set(error, STATUS_NOT_FOUND, "%s: %s", path, strerror(errno));
    if (layout_check(file) != STATUS_OK)
        return error_set(error, STATUS_INVALID, "%s: it is not a stats file of workers of this version", path);
    return STATUS_OK;
}

static struct stats_file *file_new(void)
{
    struct stats_file *file = mem_zalloc(sizeof(*file));
    file->fd = -1;
    return file;
}

/* What opening has come to. */
static enum status file_give(struct stats_file **out, struct stats_file *file, enum status status, bool is_tool)
{
    if (status != STATUS_OK) {
        stats_file_close(file);
        return status;
    }
    if (file->own)
        trail_init(&file->trail, slot_trail(file->own), &file->own->hot, is_tool);
    *out = file;
    return STATUS_OK;
}

enum status stats_file_open(struct stats_file **out, const char *path, size_t slot_count, struct error *error)
{
    struct stats_file *file = file_new();
    if (path[0] == '\0') {
        file->own = mem_zalloc(slot_bytes());
        file->machine = mem_zalloc(sizeof(*file->machine));
        return file_give(out, file, STATUS_OK, false);
    }
    enum status status = file_make(file, path, slot_count, error);
    file->slot_count = slot_count;
    file->map_bytes = slot_offset(slot_count);
    if (status == STATUS_OK)
        status = file_map(file, path, PROT_READ | PROT_WRITE, error);
    if (status == STATUS_OK)
        status = slot_claim(file, path, error);
    if (status == STATUS_OK)
        file_lock(file->fd, F_UNLCK, 0, false);
    return file_give(out, file, status, false);
}

enum status stats_file_join(struct stats_file **out, const char *path, struct error *error)
{
    struct stats_file *file = file_new();
    enum status status = file_find(file, path, O_RDWR, error);
    if (status == STATUS_OK)
        status = file_map(file, path, PROT_READ | PROT_WRITE, error);
    if (status == STATUS_OK && !file_lock(file->fd, F_WRLCK, 0, true))
        status = error_set(error, STATUS_UNAVAILABLE, "%s: %s", path, strerror(errno));
    if (status == STATUS_OK)
        status = slot_claim(file, path, error);
    if (status == STATUS_OK)
        file_lock(file->fd, F_UNLCK, 0, false);
    return file_give(out, file, status, true);
}

enum status stats_file_view(struct stats_file **out, const char *path, struct error *error)
{
    struct stats_file *file = file_new();
    enum status status = file_find(file, path, O_RDONLY, error);
    if (status == STATUS_OK)
        status = file_map(file, path, PROT_READ, error);
    return file_give(out, file, status, false);
}

void stats_file_close(struct stats_file *file)
{
    if (!file)
        return;
    if (file->map) {
        munmap(file->map, file->map_bytes);
    } else {
        free(file->own);
        free(file->machine);
    }
    if (file->fd >= 0)
        close(file->fd); /* releases the locks too */
    free(file);
}

struct stats *stats_file_own(struct stats_file *file)
{
    return file->own ? &file->own->stats : NULL;
}

struct trail *stats_file_trail(struct stats_file *file)
{
    return file->own ? &file->trail : NULL;
}

/* Whether a worker holds the slot, another one or we, and has said something of itself. */
static bool slot_has_gauges(const struct stats_file *file, size_t index)
{
    const struct slot *slot = file_slot(file, index);
    return slot->stats.gauge[STAT_NOW_RUNS] > 0 && (slot == file->own || file_is_locked(file->fd, slot_offset(index)));
}

/* Slots that were ever claimed; the caller frees the list. */
static const struct stats **used_slots(struct stats_file *file, size_t *slot_count)
{
    *slot_count = file_used_count(file);
    const struct stats **slots = mem_alloc(*slot_count * sizeof(*slots));
    for (size_t i = 0; i < *slot_count; i++)
        slots[i] = &file_slot(file, i)->stats;
    return slots;
}

void stats_file_print(void *ctx, struct buf *out)
{
    struct stats_file *file = ctx;
    size_t route_count, slot_count;
    const char *const *routes = api_route_names(&route_count);
    const struct stats **slots = used_slots(file, &slot_count);
    stats_print(slots, slot_count, routes, route_count, out);
    for (size_t i = 0; file->map && i < slot_count; i++)
        if (!slot_has_gauges(file, i))
            slots[i] = NULL;
    stats_print_gauges(slots, slot_count, out);
    free(slots);
}

void stats_file_sum(void *ctx, struct stats *sum)
{
    size_t slot_count;
    const struct stats **slots = used_slots(ctx, &slot_count);
    stats_sum(slots, slot_count, sum);
    free(slots);
}

void stats_file_tell(void *ctx, const char *id, struct trail_story *story)
{
    const struct stats_file *file = ctx;
    *story = (struct trail_story){0};
    for (size_t i = 0; i < file_used_count(file); i++)
        trail_story_add(story, slot_trail(file_slot(file, i)), id);
    trail_story_sort(story);
}

void stats_file_remember(struct stats_file *file)
{
    struct stats sum;
    int64_t now_s = clock_wall_ms() / 1000;
    if (!stats_history_claim(&file->machine->history, now_s))
        return;
    stats_file_sum(file, &sum);
    stats_history_put(&file->machine->history, now_s, sum.counter);
}

void stats_file_figures(void *ctx, struct figures *figures)
{
    const struct stats_file *file = ctx;
    struct stats sum;
    stats_file_sum(ctx, &sum);
    figures_make(figures, sum.counter, &file->machine->history, clock_wall_ms() / 1000);
    for (int i = 0; i < CENSUS_TRIES && !census_get(&file->machine->board, &figures->census); i++)
        figures->census = (struct census){.at_ms = 0};
}

struct census_board *stats_file_board(struct stats_file *file)
{
    return &file->machine->board;
}

struct queue_board *stats_file_queue(struct stats_file *file)
{
    return &file->machine->queue;
}

struct hot_id *stats_file_hottest(const struct stats_file *file, size_t *count)
{
    size_t slot_count = file_used_count(file);
    const struct hot_list **lists = mem_alloc(slot_count * sizeof(*lists));
    for (size_t i = 0; i < slot_count; i++)
        lists[i] = &file_slot(file, i)->hot;
    struct hot_id *hottest = hot_merge(lists, slot_count, clock_wall_us(), count);
    free(lists);
    return hottest;
}
