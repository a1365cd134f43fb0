/* SPDX-License-Identifier: MIT */
/*
 * A VFS of sqlite over the usual one. The files always hold all that was written; a list has each write since the last
 * sync with the bytes that it replaced. When the power is back, the list is undone, and a part of it done again.
 *
 * The WAL's index is memory for all processes, and no disk: the first one that opens the database makes it anew. A
 * file that was made stays; sqlite syncs the folder itself.
 */
#include "power_cut.h"

#include <fcntl.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <utlist.h>

#include "base/mem.h"

enum { PATH_ROOM = 512, DISK_FILES_MAX = 16 };

/* A write, or if len is 0 a change of the size. */
struct change {
    struct change *prev, *next;
    int64_t size_before, size_after;
    int64_t at;
    size_t len;
    unsigned char *before, *after;
};

struct disk_file {
    char path[PATH_ROOM];
    struct change *unsynced;
};

struct open_file {
    sqlite3_file file;
    struct disk_file *disk; /* NULL: a temporary one */
    sqlite3_file *real;     /* behind this struct */
};

static sqlite3_vfs *usual;
static sqlite3_vfs vfs;
static struct disk_file disk_files[DISK_FILES_MAX];
static uint32_t calls_left = UINT32_MAX;

static struct open_file *own(sqlite3_file *file)
{
    return (struct open_file *)file;
}

static sqlite3_file *real(sqlite3_file *file)
{
    return own(file)->real;
}

bool power_is_cut(void)
{
    return calls_left == 0;
}

void power_cut_after(uint32_t calls)
{
    calls_left = calls;
}

/* Of the calls that may change the disk. */
static bool power_passes(void)
{
    if (calls_left == 0)
        return false;
    if (calls_left != UINT32_MAX)
        calls_left--;
    return calls_left > 0;
}

static void change_free(struct change *change)
{
    free(change->before);
    free(change->after);
    free(change);
}

static void disk_forget(struct disk_file *disk)
{
    struct change *change, *next;
    DL_FOREACH_SAFE(disk->unsynced, change, next)
    {
        DL_DELETE(disk->unsynced, change);
        change_free(change);
    }
}

static struct disk_file *disk_find(const char *path)
{
    for (size_t i = 0; i < DISK_FILES_MAX; i++) {
        struct disk_file *disk = &disk_files[i];
        if (!disk->path[0])
            snprintf(disk->path, sizeof(disk->path), "%s", path);
        if (strcmp(disk->path, path) == 0)
            return disk;
    }
    bug_abort("disk_find", __FILE__, __LINE__, "the test's disk has no room for more files");
}

static int64_t size_of(sqlite3_file *file)
{
    sqlite3_int64 size = 0;
    real(file)->pMethods->xFileSize(real(file), &size);
    return size;
}

static struct change *change_add(sqlite3_file *file)
{
    struct change *change = mem_zalloc(sizeof(*change));
    change->size_before = size_of(file);
    DL_APPEND(own(file)->disk->unsynced, change);
    return change;
}

/* ---- What sqlite calls ---- */

static int on_close(sqlite3_file *file)
{
    return real(file)->pMethods->xClose(real(file));
}

static int on_read(sqlite3_file *file, void *bytes, int len, sqlite3_int64 at)
{
    return power_is_cut() ? SQLITE_IOERR_READ : real(file)->pMethods->xRead(real(file), bytes, len, at);
}

static int on_write(sqlite3_file *file, const void *bytes, int len, sqlite3_int64 at)
{
    if (!power_passes())
        return SQLITE_IOERR_WRITE;
    if (own(file)->disk) {
        struct change *change = change_add(file);
        change->at = at;
        change->len = (size_t)len;
        change->size_after = change->size_before > at + len ? change->size_before : at + len;
        change->before = mem_zalloc(change->len);
        change->after = mem_alloc(change->len);
        memcpy(change->after, bytes, change->len);
        (void)real(file)->pMethods->xRead(real(file), change->before, len, at); /* behind the end: zeroes */
    }
    return real(file)->pMethods->xWrite(real(file), bytes, len, at);
}

static int on_truncate(sqlite3_file *file, sqlite3_int64 size)
{
    if (!power_passes())
        return SQLITE_IOERR_TRUNCATE;
    if (own(file)->disk) {
        int64_t size_before = size_of(file);
        if (size < size_before) { /* the bytes that go, so that they can come back */
            struct change *change = change_add(file);
            change->at = size;
            change->len = (size_t)(size_before - size);
            change->before = mem_zalloc(change->len);
            (void)real(file)->pMethods->xRead(real(file), change->before, (int)change->len, size);
            change->size_after = size;
        }
    }
    return real(file)->pMethods->xTruncate(real(file), size);
}

static int on_sync(sqlite3_file *file, int flags)
{
    if (!power_passes())
        return SQLITE_IOERR_FSYNC;
    if (own(file)->disk)
        disk_forget(own(file)->disk);
    return real(file)->pMethods->xSync(real(file), flags);
}

static int on_size(sqlite3_file *file, sqlite3_int64 *size)
{
    return real(file)->pMethods->xFileSize(real(file), size);
}

static int on_lock(sqlite3_file *file, int kind)
{
    return real(file)->pMethods->xLock(real(file), kind);
}

static int on_unlock(sqlite3_file *file, int kind)
{
    return real(file)->pMethods->xUnlock(real(file), kind);
}

static int on_reserved(sqlite3_file *file, int *is_reserved)
{
    return real(file)->pMethods->xCheckReservedLock(real(file), is_reserved);
}

static int on_control(sqlite3_file *file, int code, void *argument)
{
    return real(file)->pMethods->xFileControl(real(file), code, argument);
}

static int on_sector(sqlite3_file *file)
{
    return real(file)->pMethods->xSectorSize(real(file));
}

static int on_device(sqlite3_file *file)
{
    return real(file)->pMethods->xDeviceCharacteristics(real(file));
}

static int on_map(sqlite3_file *file, int page, int size, int extend, void volatile **at)
{
    return real(file)->pMethods->xShmMap(real(file), page, size, extend, at);
}

static int on_map_lock(sqlite3_file *file, int offset, int count, int flags)
{
    return real(file)->pMethods->xShmLock(real(file), offset, count, flags);
}

static void on_barrier(sqlite3_file *file)
{
    real(file)->pMethods->xShmBarrier(real(file));
}

static int on_unmap(sqlite3_file *file, int remove)
{
    return real(file)->pMethods->xShmUnmap(real(file), remove);
}

static const sqlite3_io_methods METHODS = {
    .iVersion = 2,
    .xClose = on_close,
    .xRead = on_read,
    .xWrite = on_write,
    .xTruncate = on_truncate,
    .xSync = on_sync,
    .xFileSize = on_size,
    .xLock = on_lock,
    .xUnlock = on_unlock,
    .xCheckReservedLock = on_reserved,
    .xFileControl = on_control,
    .xSectorSize = on_sector,
    .xDeviceCharacteristics = on_device,
    .xShmMap = on_map,
    .xShmLock = on_map_lock,
    .xShmBarrier = on_barrier,
    .xShmUnmap = on_unmap,
};

static int on_open(sqlite3_vfs *self, const char *path, sqlite3_file *file, int flags, int *flags_out)
{
    (void)self;
    if (power_is_cut())
        return SQLITE_CANTOPEN;
    own(file)->real = (sqlite3_file *)(own(file) + 1);
    own(file)->disk = path ? disk_find(path) : NULL;
    int code = usual->xOpen(usual, path, real(file), flags, flags_out);
    file->pMethods = code == SQLITE_OK ? &METHODS : NULL;
    return code;
}

static int on_delete(sqlite3_vfs *self, const char *path, int sync_folder)
{
    (void)self;
    if (power_is_cut())
        return SQLITE_IOERR_DELETE;
    disk_forget(disk_find(path));
    return usual->xDelete(usual, path, sync_folder);
}

void power_install(void)
{
    usual = sqlite3_vfs_find(NULL);
    vfs = *usual;
    vfs.zName = "power_cut";
    vfs.szOsFile = (int)sizeof(struct open_file) + usual->szOsFile;
    vfs.xOpen = on_open;
    vfs.xDelete = on_delete;
    bug_unless(sqlite3_vfs_register(&vfs, 1) == SQLITE_OK, "sqlite takes every VFS");
}

/* ---- The power is back ---- */

static void bytes_put(int fd, const unsigned char *bytes, size_t len, int64_t at)
{
    bug_unless(pwrite(fd, bytes, len, at) == (ssize_t)len, "the test's disk can be written");
}

static void undo(int fd, const struct change *change)
{
    if (change->before)
        bytes_put(fd, change->before, change->len, change->at);
    bug_unless(ftruncate(fd, change->size_before) == 0, "the test's disk can be written");
}

static void redo(int fd, const struct change *change)
{
    if (change->after)
        bytes_put(fd, change->after, change->len, change->at);
    else
        bug_unless(ftruncate(fd, change->size_after) == 0, "the test's disk can be written");
}

static void disk_return(struct disk_file *disk, uint32_t *chance)
{
    struct change *change;
    int fd = open(disk->path, O_RDWR | O_CLOEXEC);
    if (fd >= 0 && disk->unsynced) {
        for (change = disk->unsynced->prev;; change = change->prev) {
            undo(fd, change);
            if (change == disk->unsynced)
                break;
        }
        DL_FOREACH(disk->unsynced, change)
        {
            *chance = *chance * 1664525 + 1013904223;
            if (*chance >> 31)
                redo(fd, change);
        }
    }
    if (fd >= 0)
        close(fd);
    disk_forget(disk);
}

void power_return(uint32_t seed)
{
    for (size_t i = 0; i < DISK_FILES_MAX && disk_files[i].path[0]; i++) {
        disk_return(&disk_files[i], &seed);
        disk_files[i].path[0] = '\0';
    }
    calls_left = UINT32_MAX;
}
