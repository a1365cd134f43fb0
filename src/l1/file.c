/* SPDX-License-Identifier: MIT */
/*
 * The file that all processes of a machine map, and its life.
 *
 * A process that writes todos without the others' table would leave old values in it. So a process opens it before its
 * first call of the store (server/backend.c); while it can't, the store counts as away, and says why. A raise that came
 * before that is made up for: of everything. The file lies beside the database: whoever opens this database finds this
 * table, from another container too.
 *
 * Its content lives only as long as a process has it open. Each holds a shared lock on its first byte; the kernel drops
 * the lock when the process ends in any way. One that starts first tries for the exclusive lock: it has that only if it
 * is alone, and then it empties the file. So nothing of the time before a reboot, a crash of the machine, a copy or a
 * restored backup is ever found. A process that is killed while it empties the file leaves layout 0 or no lock, and the
 * next one empties it again.
 *
 * Versions side by side (a rolling restart). Place, number and meaning of the generations never change while one layout
 * lasts, so all versions of that layout raise the same ones; entries of another version have other check sums. A
 * process of another layout refuses to start until those of the old one have ended. l1_mbytes may differ: the file is
 * as large as the largest wish, it grows and never shrinks while it is mapped, and each process maps its own part.
 *
 * A file that is beside no database is in memory, and would take it until the next reboot. So the last process that
 * closes it removes it.
 *
 * Space is allocated at once: a full disk is an error at once instead of a SIGBUS later. Nothing is synced.
 *
 * Does not: notice that somebody removes the file while it is open. Processes that start after that have another one,
 * as with SQLite's own "-shm". Nobody but this program may touch it.
 */
#include "l1/file.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file_lock.h"
#include "base/file_owner.h"
#include "base/mem.h"
#include "base/random.h"
#include "l1/licence.h"
#include "l1/memory.h"

enum { OPEN_TRIES = 100, OPEN_PAUSE_US = 10000, FILE_MODE = 0640 };

static const char MAGIC[8] = "todo-l1";

/* ---- Making it ---- */

static enum status fail(struct error *error, const char *path, const char *what, int code)
{
    enum status status = error_set(error, STATUS_UNAVAILABLE, "%s: can't %s: %s", path, what, strerror(code));
    return error_because(error, code == EACCES ? CAUSE_RIGHTS : code == ENOSPC ? CAUSE_FULL : CAUSE_NONE, status);
}

/* Grows the file to what this process maps; another one may do so at the same time. */
static enum status file_grow(const struct l1_table *table, const char *path, int fd, struct error *error)
{
    int failed = posix_fallocate(fd, 0, (off_t)table->map_bytes);
    return failed ? fail(error, path, "allocate room for it", failed) : STATUS_OK;
}

/* The exclusive lock is held. A file that is not ours must not be destroyed by a wrong path. */
static enum status file_empty(const struct l1_table *table, const char *path, int fd, struct error *error)
{
    struct l1_header header = {.layout = 0};
    struct stat info;
    if (fstat(fd, &info) != 0)
        return fail(error, path, "look at it", errno);
    if (info.st_size > 0 && (pread(fd, &header, sizeof(header), 0) != (ssize_t)sizeof(header) ||
                             memcmp(header.magic, MAGIC, sizeof(MAGIC)) != 0))
        return error_set(error, STATUS_UNAVAILABLE, "%s: it was not made by todo-fcgi, so it is not touched", path);
    memcpy(header.magic, MAGIC, sizeof(MAGIC));
    header.layout = 0;
    random_bytes(&header.incarnation, sizeof(header.incarnation));
    file_owner_copy(fd, table->database);
    if (ftruncate(fd, 0) != 0 || pwrite(fd, &header, sizeof(header), 0) != (ssize_t)sizeof(header))
        return fail(error, path, "empty it", errno);
    enum status status = file_grow(table, path, fd, error);
    if (status != STATUS_OK)
        return status;
    header.layout = L1_LAYOUT;
    if (pwrite(fd, &header, sizeof(header), 0) != (ssize_t)sizeof(header))
        return fail(error, path, "write to it", errno);
    return STATUS_OK;
}

/* A lock is held, so nobody empties it. STATUS_NOT_FOUND: it was not made to its end. */
static enum status file_check(const struct l1_table *table, const char *path, int fd, struct error *error)
{
    struct l1_header header = {.layout = 0};
    if (pread(fd, &header, sizeof(header), 0) < 0)
        return fail(error, path, "read it", errno);
    if (header.layout == 0 || memcmp(header.magic, MAGIC, sizeof(MAGIC)) != 0)
        return STATUS_NOT_FOUND;
    if (header.layout != L1_LAYOUT)
        return error_set(error, STATUS_UNAVAILABLE,
                         "%s: processes of another version of todo-fcgi use it; stop all of them first", path);
    return file_grow(table, path, fd, error);
}

/* In a folder that others may write to, somebody may have put a file of this name. */
static bool is_own(int fd)
{
    struct stat info;
    return fstat(fd, &info) == 0 && info.st_uid == geteuid();
}

/* Alone: empties it. Not alone: takes it as it is. */
static enum status file_join(const struct l1_table *table, const char *path, int fd, struct error *error)
{
    if (table->path && !is_own(fd))
        return error_set(error, STATUS_UNAVAILABLE, "%s: it belongs to somebody else", path);
    if (file_lock(fd, F_WRLCK, L1_USE_BYTE, false)) {
        enum status status = file_empty(table, path, fd, error);
        if (status != STATUS_OK)
            return status;
    }
    if (!file_lock(fd, F_RDLCK, L1_USE_BYTE, true))
        return fail(error, path, "lock it", errno);
    return file_is_at(fd, path) ? file_check(table, path, fd, error) : STATUS_NOT_FOUND;
}

static enum status file_open(const struct l1_table *table, const char *path, int *out, struct error *error)
{
    for (int i = 0; i < OPEN_TRIES; i++) {
        int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, FILE_MODE);
        if (fd < 0)
            return fail(error, path, "open it for reading and writing", errno);
        enum status status = file_join(table, path, fd, error);
        if (status == STATUS_OK)
            *out = fd;
        else
            close(fd);
        if (status != STATUS_NOT_FOUND)
            return status;
        usleep(OPEN_PAUSE_US);
    }
    return error_set(error, STATUS_UNAVAILABLE, "%s: others keep replacing it", path);
}

/* ---- The table's life ---- */

/* As SQLite names its own files: behind symbolic links. A link that leads nowhere yet would have two names. */
static enum status path_make(char path[PATH_MAX], const struct l1_table *table, struct error *error)
{
    const char *database = table->database;
    struct stat info;
    if (table->path) {
        slice_copy(path, PATH_MAX, slice_of(table->path));
        return STATUS_OK;
    }
    char *real = realpath(database, NULL);
    if (!real && lstat(database, &info) == 0)
        return error_set(error, STATUS_UNAVAILABLE, "%s: the link leads nowhere: make the file first", database);
    int len = snprintf(path, PATH_MAX, "%s-l1", real ? real : database);
    free(real);
    return len < PATH_MAX ? STATUS_OK : fail(error, database, "name a file beside it", ENAMETOOLONG);
}

static enum status table_map_file(struct l1_table *table, struct error *error)
{
    char path[PATH_MAX];
    int fd = -1;
    enum status status = path_make(path, table, error);
    if (status == STATUS_OK)
        status = file_open(table, path, &fd, error);
    if (status != STATUS_OK)
        return status;
    void *map = mmap(NULL, table->map_bytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (map == MAP_FAILED)
        status = fail(error, path, "map it", errno);
    else
        table->map = map;
    if (status == STATUS_OK)
        table->fd = fd; /* it holds the lock; the map alone would not on overlayfs, where it holds another open file */
    else
        close(fd);
    return status;
}

static void table_take_memory(struct l1_table *table)
{
    struct l1_header header = {.layout = L1_LAYOUT};
    random_bytes(&header.incarnation, sizeof(header.incarnation));
    table->map = mem_zalloc(table->map_bytes);
    memcpy(table->map, &header, sizeof(header));
}

static enum status table_open(struct l1_table *table, struct error *error)
{
    enum status status = STATUS_OK;
    if (table->database || table->path)
        status = table_map_file(table, error);
    else
        table_take_memory(table);
    if (status != STATUS_OK)
        return status;
    l1_divide(table, table->mbytes);
    if (table->has_missed)
        l1_raise_all(table); /* nobody knows any more for which ids it was */
    atomic_store_explicit(&table->is_open, true, memory_order_release);
    return STATUS_OK;
}

enum status l1_open(struct l1_table *table, struct error *error)
{
    if (atomic_load_explicit(&table->is_open, memory_order_acquire))
        return STATUS_OK;
    pthread_mutex_lock(&table->mutex);
    enum status status = atomic_load(&table->is_open) ? STATUS_OK : table_open(table, error);
    pthread_mutex_unlock(&table->mutex);
    return status;
}

struct l1_table *l1_new(const struct l1_options *options)
{
    struct l1_table *table = mem_zalloc(sizeof(*table));
    pthread_mutex_init(&table->mutex, NULL);
    table->database = options->database ? mem_strdup(options->database) : NULL;
    table->path = options->path ? mem_strdup(options->path) : NULL;
    table->fd = -1;
    table->needs_licence = options->needs_licence;
    table->format = options->format;
    table->mbytes = options->mbytes;
    table->map_bytes = L1_VALUES_OFFSET + (options->mbytes << 20);
    return table;
}

void l1_free(struct l1_table *table)
{
    if (!table)
        return;
    if (!table->database && !table->path)
        free(table->map);
    else if (table->map)
        munmap(table->map, table->map_bytes);
    if (table->path && table->fd >= 0 && file_lock(table->fd, F_WRLCK, L1_USE_BYTE, false))
        unlink(table->path); /* who waits for the lock finds that the path is another file */
    if (table->fd >= 0)
        close(table->fd);
    free(table->path);
    pthread_mutex_destroy(&table->mutex);
    free(table->database);
    free(table);
}
