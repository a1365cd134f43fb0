/* SPDX-License-Identifier: MIT */
/*
 * A wall clock that stands where a test has put it: redis-server loads this library ahead of the C library's.
 *
 * The file that FROZEN_CLOCK names holds the time in microseconds, and both processes have it mapped. Monotonic time
 * stays the kernel's, so the server's event loop runs on. libfaketime would do the same, but calls malloc before
 * jemalloc is ready for it.
 */
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

static const volatile int64_t *now_us; /* NULL until the file is mapped */

__attribute__((constructor)) static void clock_map(void)
{
    const char *name = getenv("FROZEN_CLOCK");
    int fd = name ? open(name, O_RDONLY | O_CLOEXEC) : -1;
    void *page = fd < 0 ? MAP_FAILED : mmap(NULL, sizeof(*now_us), PROT_READ, MAP_SHARED, fd, 0);
    if (fd >= 0)
        close(fd);
    if (page != MAP_FAILED)
        now_us = page;
}

int clock_gettime(clockid_t clock, struct timespec *time)
{
    if (clock != CLOCK_REALTIME || !now_us)
        return (int)syscall(SYS_clock_gettime, clock, time);
    *time = (struct timespec){*now_us / 1000000, *now_us % 1000000 * 1000};
    return 0;
}

int gettimeofday(struct timeval *restrict time, void *restrict zone)
{
    struct timespec now;
    (void)zone;
    clock_gettime(CLOCK_REALTIME, &now);
    *time = (struct timeval){now.tv_sec, now.tv_nsec / 1000};
    return 0;
}

time_t time(time_t *seconds)
{
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    if (seconds)
        *seconds = now.tv_sec;
    return now.tv_sec;
}
