/* SPDX-License-Identifier: MIT */
/*
 * A worker that is ready holds a lock on one byte of the counters' file. The place of the byte is its pid.
 *
 * todoctl roll waits for that before it stops the next old worker. A lock rather than a word in memory, because the
 * kernel drops it when the worker ends in any way: a dead worker is never taken for a ready one. The bytes lie far
 * behind the file's end, so they are the same whatever the counters are. Workers of two versions may have two files
 * (stats_file.c); then the path leads to that of the newer ones.
 *
 * The lock belongs to the open file and not to the process, so closing other descriptors of the file does not drop it.
 *
 * Does not: say what a worker lacks. /readyz and the log do.
 */
#include "server/ready.h"

#include <fcntl.h>
#include <unistd.h>

#include "base/file_lock.h"

static const size_t READY_AT = (size_t)1 << 40;

int ready_say(const char *stats_file)
{
    int fd = *stats_file ? open(stats_file, O_RDWR | O_CLOEXEC) : -1;
    if (fd >= 0 && file_lock(fd, F_WRLCK, READY_AT + (size_t)getpid(), false))
        return fd;
    if (fd >= 0)
        close(fd);
    return -1;
}

bool ready_is_said(const char *stats_file, pid_t pid)
{
    int fd = open(stats_file, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return false;
    bool is_said = file_is_locked(fd, READY_AT + (size_t)pid);
    close(fd);
    return is_said;
}
