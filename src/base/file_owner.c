/* SPDX-License-Identifier: MIT */
/*
 * A person runs todo-load or todoctl as root, before the first worker or beside it. What that makes must be open to the
 * workers, which are another user: a database belongs to its folder's owner, and a file beside it to the database's, as
 * SQLite does it with its own "-wal" and "-shm".
 *
 * Does not: report what fails. The one who can't open the file says so.
 */
#include "base/file_owner.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/mem.h"

static int stat_folder(const char *path, struct stat *info)
{
    char *folder = mem_strdup(path), *name = strrchr(folder, '/');
    if (name)
        name[1] = '\0';
    int failed = stat(name ? folder : ".", info);
    free(folder);
    return failed;
}

int file_owner_make(const char *path, mode_t mode)
{
    int fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, mode);
    if (fd < 0)
        return errno == EEXIST ? 0 : errno;
    struct stat info;
    int failed = geteuid() == 0 && stat_folder(path, &info) == 0 ? fchown(fd, info.st_uid, info.st_gid) : 0;
    int code = failed ? errno : 0;
    close(fd);
    return code;
}

int file_owner_make_folder(const char *path, mode_t mode)
{
    struct stat info;
    if (mkdir(path, mode) != 0)
        return errno == EEXIST ? 0 : errno;
    int failed = geteuid() == 0 && stat_folder(path, &info) == 0 ? chown(path, info.st_uid, info.st_gid) : 0;
    return failed ? errno : 0;
}

void file_owner_copy(int fd, const char *path)
{
    struct stat info;
    bool is_there = path && stat(path, &info) == 0;
    if (!path || (!is_there && stat_folder(path, &info) != 0))
        return;
    if (geteuid() == 0 && fchown(fd, info.st_uid, info.st_gid) != 0)
        return;
    if (is_there)
        fchmod(fd, info.st_mode & 0666);
}
