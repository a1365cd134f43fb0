/* SPDX-License-Identifier: MIT */
/*
 * One byte each, so that a file can carry several locks: that a process is there, that it is the first, that a slot is
 * its own. What a byte stands for, its file says (server/stats_file.c, l1/file.c, l1/licence.c, store/sqlite_turn.c).
 *
 * A lock says nothing about the path: between open() and the lock somebody may have put another file there. Who needs
 * to know looks again with file_is_at().
 *
 * It does not order those that wait, and works on one machine only, as far as the file system's own locks do.
 */
#include "base/file_lock.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

bool file_lock(int fd, short type, size_t byte, bool wait)
{
    struct flock lock = {.l_type = type, .l_whence = SEEK_SET, .l_start = (off_t)byte, .l_len = 1};
    int failed;
    do
        failed = fcntl(fd, wait ? F_OFD_SETLKW : F_OFD_SETLK, &lock);
    while (failed && errno == EINTR);
    return !failed;
}

bool file_is_locked(int fd, size_t byte)
{
    struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = (off_t)byte, .l_len = 1};
    return fcntl(fd, F_OFD_GETLK, &lock) == 0 && lock.l_type != F_UNLCK;
}

bool file_is_at(int fd, const char *path)
{
    struct stat by_path, by_fd;
    return stat(path, &by_path) == 0 && fstat(fd, &by_fd) == 0 && by_path.st_dev == by_fd.st_dev &&
           by_path.st_ino == by_fd.st_ino;
}
