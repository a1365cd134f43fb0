/* SPDX-License-Identifier: MIT */
/*
 * Names the process that keeps all others from writing to an SQLite file.
 *
 * One process at a time may write. A process that is stopped (SIGSTOP, a debugger) while it holds the write lock, or a
 * program that forgets to commit, stops everybody's writes until it goes on or ends. sqlite only says "database is
 * locked". An operator needs to know which process to look at.
 *
 * In WAL mode the write lock is a lock of fcntl(2) on byte 120 of the WAL's index, the file with "-shm" behind its name
 * (https://www.sqlite.org/walformat.html, section 2.3.1). The kernel knows its holder, and F_GETLK tells. The question
 * is asked on sqlite's own descriptor of that file: closing one of ours would drop the locks of this process.
 *
 * A process that often takes the lock for a moment is no silent holder. So a holder is named only if it was found at
 * every look during the whole wait of a call that failed. The time told begins with the first of these looks, so it may
 * be too short.
 *
 * Does not: end or resume the holder. In another container its pid can't be known.
 */
#include "store/sqlite_lock.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"

enum {
    WRITE_LOCK_BYTE = 120, /* of the WAL's index */
    DESCRIPTORS_MAX = 4096,
    PATH_ROOM = 1024,
    NAME_ROOM = 32,     /* comm has 15 characters */
    LOOK_DELAY_MS = 50, /* from the begin of a wait to its first look */
    LOOK_GAP_MS = 6000, /* longer than writes pause after failures: what was seen before it counts no more */
};

void sqlite_lock_init(struct sqlite_lock *lock)
{
    *lock = (struct sqlite_lock){.index_fd = -1};
    pthread_mutex_init(&lock->mutex, NULL);
}

void sqlite_lock_fini(struct sqlite_lock *lock)
{
    pthread_mutex_destroy(&lock->mutex);
}

static int descriptor_find(const char *path)
{
    struct stat wanted, found;
    if (stat(path, &wanted) != 0)
        return -1;
    for (int fd = 0; fd < DESCRIPTORS_MAX; fd++)
        if (fstat(fd, &found) == 0 && found.st_dev == wanted.st_dev && found.st_ino == wanted.st_ino)
            return fd;
    return -1;
}

void sqlite_lock_find(struct sqlite_lock *lock, const char *path)
{
    char index_path[PATH_ROOM];
    snprintf(index_path, sizeof(index_path), "%s-shm", path);
    pthread_mutex_lock(&lock->mutex);
    lock->index_fd = descriptor_find(index_path);
    pthread_mutex_unlock(&lock->mutex);
}

void sqlite_lock_lose(struct sqlite_lock *lock)
{
    pthread_mutex_lock(&lock->mutex);
    lock->index_fd = -1;
    lock->is_held = false;
    pthread_mutex_unlock(&lock->mutex);
}

/* Whether another process holds the lock now, and which. */
static bool holder_ask(int index_fd, pid_t *pid)
{
    struct flock question = {.l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = WRITE_LOCK_BYTE, .l_len = 1};
    if (index_fd < 0 || fcntl(index_fd, F_GETLK, &question) != 0 || question.l_type == F_UNLCK)
        return false;
    *pid = question.l_pid > 0 ? question.l_pid : 0;
    return true;
}

void sqlite_lock_look(struct sqlite_lock *lock)
{
    pid_t pid = 0;
    pthread_mutex_lock(&lock->mutex);
    int64_t now_ms = clock_monotonic_ms();
    bool is_held = holder_ask(lock->index_fd, &pid);
    if (is_held != lock->is_held || pid != lock->pid || now_ms - lock->looked_ms > LOOK_GAP_MS) {
        lock->is_held = is_held;
        lock->pid = pid;
        lock->since_ms = now_ms;
        lock->was_logged = false;
    }
    lock->looked_ms = now_ms;
    pthread_mutex_unlock(&lock->mutex);
}

static long long held_ms(const struct sqlite_lock *lock)
{
    return (long long)(clock_monotonic_ms() - lock->since_ms);
}

void sqlite_lock_taken(struct sqlite_lock *lock)
{
    pthread_mutex_lock(&lock->mutex);
    if (lock->is_held && lock->was_logged)
        log_info(NULL, "sqlite_unlocked", "holder_pid=%d held_ms=%lld", (int)lock->pid, held_ms(lock));
    lock->is_held = false;
    lock->was_logged = false;
    pthread_mutex_unlock(&lock->mutex);
}

/* The name of a program, and whether it is stopped; from proc(5): "PID (NAME) STATE ...". */
static void process_read(pid_t pid, char name[NAME_ROOM], bool *is_stopped)
{
    char path[NAME_ROOM], line[128] = "";
    snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
    FILE *file = pid > 0 ? fopen(path, "re") : NULL;
    if (file) {
        (void)!fgets(line, sizeof(line), file);
        fclose(file);
    }
    const char *begin = strchr(line, '('), *end = strrchr(line, ')');
    bool is_whole = begin && end && begin < end;
    snprintf(name, NAME_ROOM, "%.*s", is_whole ? (int)(end - begin - 1) : 1, is_whole ? begin + 1 : "?");
    *is_stopped = is_whole && end[1] == ' ' && (end[2] == 'T' || end[2] == 't');
}

static void holder_log(const struct sqlite_lock *lock, const char *name, bool is_stopped)
{
    log_warn(NULL, "sqlite_locked", "holder_pid=%d holder=\"%s\" stopped=%d held_ms=%lld advice=\"%s\"", (int)lock->pid,
             name, is_stopped, held_ms(lock),
             is_stopped ? "resume it with SIGCONT, or kill it" : "no process can write until it commits or ends");
}

bool sqlite_lock_refused(struct sqlite_lock *lock, int64_t begun_ms, char *text, size_t size_bytes)
{
    char name[NAME_ROOM];
    bool is_stopped;
    pthread_mutex_lock(&lock->mutex);
    bool is_silent = lock->is_held && lock->since_ms <= begun_ms + LOOK_DELAY_MS;
    if (is_silent) {
        process_read(lock->pid, name, &is_stopped);
        if (!lock->was_logged)
            holder_log(lock, name, is_stopped);
        lock->was_logged = true;
        snprintf(text, size_bytes, "process %d (%s%s) has held its write lock for %lld ms", (int)lock->pid, name,
                 is_stopped ? ", stopped" : "", held_ms(lock));
    }
    pthread_mutex_unlock(&lock->mutex);
    return is_silent;
}
