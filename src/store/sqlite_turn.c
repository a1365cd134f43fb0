/* SPDX-License-Identifier: MIT */
/*
 * Turns: a lock between processes that wakes its next holder.
 *
 * Why: sqlite waits for another process' write lock by sleeping, 1 to 5 ms at a time, while a commit takes a quarter of
 * one. Two workers that write would spend most of their time asleep. So a process first takes its turn, by a mutex in
 * memory that all of them share, and then finds sqlite's lock free. The kernel wakes the next one in some 50 us.
 *
 * It is only an order to wait in. What keeps two writers apart is sqlite's lock, which programs that know of no turns
 * take as well. So if nobody has taken the turn for PATIENCE_MS (its holder was stopped), those that wait go on without
 * it, and sqlite's own wait decides. Until somebody takes the turn again, it is taken only if it is free: a holder that
 * was stopped costs the others one such wait and not one for each write. As long as others take their turns, however
 * slow the disk is, the wait goes on: whoever went on without would poll for a lock that is hardly ever free.
 *
 * The mutex is robust: if its holder dies, the kernel gives it to the next one. It is in a file beside the database
 * ("-turn" behind its name). Whether the file's content can be trusted is told by a lock on the file: each process has
 * a shared one while it uses the mutex, so a process that gets it alone is the first one and makes the mutex anew. What
 * a crash of the machine or another version of this program left there is thus never used. The locks belong to the open
 * file (F_OFD_SETLK), not to the process: no other descriptor's close drops them.
 *
 * It does not keep an order among those that wait, and does not work across machines, as SQLite's WAL does not.
 */
#include "store/sqlite_turn.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/file_lock.h"
#include "base/file_owner.h"

enum {
    FILE_MODE = 0640,
    PATH_ROOM = 1024,
    JOIN_TRIES = 100, /* a process that makes the mutex needs microseconds */
    JOIN_PAUSE_MS = 1,
    LOOK_MS = 20,
    PATIENCE_MS = 200,
    PAGE_KIND = 0x7475726e, /* "turn"; the mutex' size is added, which tells one C library from another */
};

struct turn_page {
    uint32_t kind;
    atomic_uint taken_count; /* tells those that wait whether it goes on */
    pthread_mutex_t mutex;
};

void sqlite_turn_init(struct sqlite_turn *turn)
{
    *turn = (struct sqlite_turn){.fd = -1};
}

static struct turn_page *page_map(int fd)
{
    struct stat about;
    if (fstat(fd, &about) != 0 || about.st_size < (off_t)sizeof(struct turn_page))
        return NULL;
    void *page = mmap(NULL, sizeof(struct turn_page), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    return page == MAP_FAILED ? NULL : page;
}

static uint32_t page_kind(void)
{
    return PAGE_KIND + (uint32_t)sizeof(pthread_mutex_t);
}

/* This process is alone with the file. */
static struct turn_page *page_make(int fd)
{
    /* Written, not only sized: memory over a file that has no room on the disk ends the process (SIGBUS). */
    static const struct turn_page empty;
    pthread_mutexattr_t attributes;
    if (pwrite(fd, &empty, sizeof(empty), 0) != sizeof(empty))
        return NULL;
    struct turn_page *page = page_map(fd);
    if (!page)
        return NULL;
    pthread_mutexattr_init(&attributes);
    pthread_mutexattr_setpshared(&attributes, PTHREAD_PROCESS_SHARED);
    pthread_mutexattr_setrobust(&attributes, PTHREAD_MUTEX_ROBUST);
    pthread_mutex_init(&page->mutex, &attributes);
    pthread_mutexattr_destroy(&attributes);
    page->kind = page_kind();
    return page;
}

static struct turn_page *page_join(int fd)
{
    struct turn_page *page = page_map(fd);
    if (page && page->kind != page_kind()) {
        munmap(page, sizeof(*page));
        page = NULL;
    }
    return page;
}

/* Alone with the file, or one of several: in the end with a shared lock either way. */
static struct turn_page *page_open(int fd)
{
    static const struct timespec pause = {.tv_nsec = JOIN_PAUSE_MS * 1000000};
    for (int i = 0; i < JOIN_TRIES; i++) {
        if (file_lock(fd, F_WRLCK, 0, false)) {
            struct turn_page *page = page_make(fd);
            return file_lock(fd, F_RDLCK, 0, false) ? page : NULL;
        }
        if (file_lock(fd, F_RDLCK, 0, false))
            return page_join(fd);
        nanosleep(&pause, NULL);
    }
    return NULL;
}

void sqlite_turn_open(struct sqlite_turn *turn, const char *path)
{
    char turn_path[PATH_ROOM];
    snprintf(turn_path, sizeof(turn_path), "%s-turn", path);
    turn->fd = open(turn_path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, FILE_MODE);
    if (turn->fd >= 0)
        file_owner_copy(turn->fd, path);
    if (turn->fd >= 0)
        turn->page = page_open(turn->fd);
    if (!turn->page)
        sqlite_turn_close(turn);
}

void sqlite_turn_close(struct sqlite_turn *turn)
{
    if (turn->page)
        munmap(turn->page, sizeof(*turn->page));
    if (turn->fd >= 0)
        close(turn->fd);
    sqlite_turn_init(turn);
}

static int wait_until(pthread_mutex_t *mutex, int64_t at_ms)
{
    struct timespec at = {.tv_sec = at_ms / 1000, .tv_nsec = at_ms % 1000 * 1000000};
    return pthread_mutex_clocklock(mutex, CLOCK_MONOTONIC, &at);
}

/* The answer of the last try; ETIMEDOUT: until_ms is reached, or nobody has taken the turn for PATIENCE_MS. */
static int turn_wait(struct sqlite_turn *turn, int64_t until_ms, void (*look)(void *ctx), void *ctx)
{
    struct turn_page *page = turn->page;
    int code = EBUSY;
    int64_t now_ms = clock_monotonic_ms(), give_up_ms = now_ms;
    while ((code == EBUSY || code == ETIMEDOUT) && now_ms < until_ms) {
        unsigned taken_count = atomic_load(&page->taken_count);
        if (taken_count != turn->stuck_count) {
            turn->stuck_count = taken_count;
            give_up_ms = now_ms + PATIENCE_MS;
        }
        if (now_ms >= give_up_ms)
            break;
        code = wait_until(&page->mutex, now_ms + LOOK_MS < until_ms ? now_ms + LOOK_MS : until_ms);
        now_ms = clock_monotonic_ms();
        if (code == ETIMEDOUT)
            look(ctx);
    }
    return code;
}

void sqlite_turn_take(struct sqlite_turn *turn, int64_t until_ms, void (*look)(void *ctx), void *ctx)
{
    struct turn_page *page = turn->page;
    if (!page)
        return;
    int code = pthread_mutex_trylock(&page->mutex);
    if (code == EBUSY)
        code = turn_wait(turn, until_ms, look, ctx);
    if (code == EOWNERDEAD)
        code = pthread_mutex_consistent(&page->mutex); /* sqlite has undone what the dead process left */
    turn->is_held = code == 0;
    if (turn->is_held)
        atomic_fetch_add(&page->taken_count, 1);
}

void sqlite_turn_give(struct sqlite_turn *turn)
{
    if (!turn->is_held)
        return;
    turn->is_held = false;
    pthread_mutex_unlock(&turn->page->mutex);
}
