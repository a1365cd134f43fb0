/* SPDX-License-Identifier: MIT */
/*
 * The file that all processes of a machine map, and its life.
 *
 * A process that writes todos without the others' table would leave old values in it. So workers and tools must have
 * it open, or they don't start. For SQLite it lies beside the database: whoever opens this database finds this table,
 * from another container too.
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
 * Space is allocated at once: a full disk is an error at the start instead of a SIGBUS later. Nothing is synced.
 *
 * Does not: notice that somebody removes the file while it is open. Processes that start after that have another one,
 * as with SQLite's own "-shm". Nobody but this program may touch it.
 */
#include "l1/file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/random.h"
#include "l1/memory.h"

enum { OPEN_TRIES = 100, OPEN_PAUSE_US = 10000, FILE_MODE = 0640 };

static const char MAGIC[8] = "todo-l1";

static size_t bytes_of(const struct l1_options *options)
{
    return L1_VALUES_OFFSET + (options->mbytes << 20);
}

/* ---- Locks: on the first byte, of the open file ---- */

static bool file_lock(int fd, short type, bool wait)
{
    struct flock lock = {.l_type = type, .l_whence = SEEK_SET, .l_start = 0, .l_len = 1};
    int failed;
    do
        failed = fcntl(fd, wait ? F_OFD_SETLKW : F_OFD_SETLK, &lock);
    while (failed && errno == EINTR);
    return !failed;
}

static bool path_is_fd(const char *path, int fd)
{
    struct stat by_path, by_fd;
    return stat(path, &by_path) == 0 && fstat(fd, &by_fd) == 0 && by_path.st_dev == by_fd.st_dev &&
           by_path.st_ino == by_fd.st_ino;
}

/* ---- Making it ---- */

static enum status fail(struct error *error, const char *path, const char *what, int code)
{
    return error_set(error, STATUS_UNAVAILABLE, "%s: can't %s: %s", path, what, strerror(code));
}

/* As SQLite does with its own files: whoever may write the database may write this. Only root can give it away. */
static void file_adopt(int fd, const char *beside)
{
    struct stat info;
    if (!beside || stat(beside, &info) != 0)
        return;
    if (geteuid() == 0 && fchown(fd, info.st_uid, info.st_gid) != 0)
        return;
    fchmod(fd, info.st_mode & 0666);
}

/* Grows the file to what this process maps; another one may do so at the same time. */
static enum status file_grow(int fd, const struct l1_options *options, struct error *error)
{
    int failed = posix_fallocate(fd, 0, (off_t)bytes_of(options));
    return failed ? fail(error, options->path, "allocate room for it", failed) : STATUS_OK;
}

/* The exclusive lock is held. A file that is not ours must not be destroyed by a wrong path. */
static enum status file_empty(int fd, const struct l1_options *options, struct error *error)
{
    struct l1_header header = {.layout = 0};
    struct stat info;
    if (fstat(fd, &info) != 0)
        return fail(error, options->path, "look at it", errno);
    if (info.st_size > 0 && (pread(fd, &header, sizeof(header), 0) != (ssize_t)sizeof(header) ||
                             memcmp(header.magic, MAGIC, sizeof(MAGIC)) != 0))
        return error_set(error, STATUS_UNAVAILABLE, "%s: it was not made by todo-fcgi, so it is not touched",
                         options->path);
    memcpy(header.magic, MAGIC, sizeof(MAGIC));
    header.layout = 0;
    random_bytes(&header.incarnation, sizeof(header.incarnation));
    file_adopt(fd, options->beside);
    if (ftruncate(fd, 0) != 0 || pwrite(fd, &header, sizeof(header), 0) != (ssize_t)sizeof(header))
        return fail(error, options->path, "empty it", errno);
    enum status status = file_grow(fd, options, error);
    if (status != STATUS_OK)
        return status;
    header.layout = L1_LAYOUT;
    if (pwrite(fd, &header, sizeof(header), 0) != (ssize_t)sizeof(header))
        return fail(error, options->path, "write to it", errno);
    return STATUS_OK;
}

/* A lock is held, so nobody empties it. STATUS_NOT_FOUND: it was not made to its end. */
static enum status file_check(int fd, const struct l1_options *options, struct error *error)
{
    struct l1_header header = {.layout = 0};
    if (pread(fd, &header, sizeof(header), 0) < 0)
        return fail(error, options->path, "read it", errno);
    if (header.layout == 0 || memcmp(header.magic, MAGIC, sizeof(MAGIC)) != 0)
        return STATUS_NOT_FOUND;
    if (header.layout != L1_LAYOUT)
        return error_set(error, STATUS_UNAVAILABLE,
                         "%s: processes of another version of todo-fcgi use it; stop all of them first", options->path);
    return file_grow(fd, options, error);
}

/* Alone: empties it. Not alone: takes it as it is. */
static enum status file_join(int fd, const struct l1_options *options, struct error *error)
{
    if (file_lock(fd, F_WRLCK, false)) {
        enum status status = file_empty(fd, options, error);
        if (status != STATUS_OK)
            return status;
    }
    if (!file_lock(fd, F_RDLCK, true))
        return fail(error, options->path, "lock it", errno);
    return path_is_fd(options->path, fd) ? file_check(fd, options, error) : STATUS_NOT_FOUND;
}

static enum status file_open(int *out, const struct l1_options *options, struct error *error)
{
    for (int i = 0; i < OPEN_TRIES; i++) {
        int fd = open(options->path, O_RDWR | O_CREAT | O_CLOEXEC, FILE_MODE);
        if (fd < 0)
            return fail(error, options->path, "open it for reading and writing", errno);
        enum status status = file_join(fd, options, error);
        if (status == STATUS_OK)
            *out = fd;
        else
            close(fd);
        if (status != STATUS_NOT_FOUND)
            return status;
        usleep(OPEN_PAUSE_US);
    }
    return error_set(error, STATUS_UNAVAILABLE, "%s: others keep replacing it", options->path);
}

/* ---- The table's life ---- */

static enum status table_map_file(struct l1_table *table, const struct l1_options *options, struct error *error)
{
    enum status status = file_open(&table->fd, options, error);
    if (status != STATUS_OK)
        return status;
    void *map = mmap(NULL, table->map_bytes, PROT_READ | PROT_WRITE, MAP_SHARED, table->fd, 0);
    if (map == MAP_FAILED)
        return fail(error, options->path, "map it", errno);
    table->map = map;
    return STATUS_OK;
}

static void table_take_memory(struct l1_table *table)
{
    struct l1_header header = {.layout = L1_LAYOUT};
    random_bytes(&header.incarnation, sizeof(header.incarnation));
    table->map = mem_zalloc(table->map_bytes);
    memcpy(table->map, &header, sizeof(header));
}

enum status l1_open(struct l1_table **out, const struct l1_options *options, struct error *error)
{
    struct l1_table *table = mem_zalloc(sizeof(*table));
    enum status status = STATUS_OK;
    table->fd = -1;
    table->map_bytes = bytes_of(options);
    if (options->path)
        status = table_map_file(table, options, error);
    else
        table_take_memory(table);
    if (status != STATUS_OK) {
        l1_close(table);
        return status;
    }
    table->header = table->map;
    table->generations = (_Atomic uint64_t *)(void *)((char *)table->map + L1_HEADER_BYTES);
    table->seed = table->header->incarnation ^ options->format;
    l1_divide(table, options->mbytes);
    *out = table;
    return STATUS_OK;
}

void l1_close(struct l1_table *table)
{
    if (!table)
        return;
    if (table->fd < 0)
        free(table->map);
    else if (table->map)
        munmap(table->map, table->map_bytes);
    if (table->fd >= 0)
        close(table->fd); /* drops the lock */
    free(table);
}
