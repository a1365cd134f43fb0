/* SPDX-License-Identifier: MIT */
/*
 * Making and checking the listening socket.
 *
 * Under spawn-fcgi and multiwatch, or a systemd socket unit, a worker gets the socket as descriptor 0 and never knows
 * its path. Several workers share it. A worker started by hand makes its own with -s. libfcgi has a function for that,
 * but it takes the path away from a process that listens there, and the umask alone decides the mode.
 *
 * Only unix sockets are accepted. FastCGI has no authentication: a peer may claim any client and any method, and can
 * crash libfcgi at will (FCGI_GET_VALUES). So the file's mode must keep other users out.
 *
 * A worker that can't start turns connections away before it exits. If all workers of a pool have the same bad setting,
 * the socket would else collect requests that nobody will read, until nginx gives each of them up. It must not take a
 * request from a worker that can answer. So it only closes what has waited at each look for TURN_AWAY_MS.
 *
 * Does not: lock the path. Two workers that are started alone on one path at the same moment may both find a dead
 * socket there; then the later one gets the path.
 */
#include "server/listen_socket.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

enum { LOOK_MS = 20, TURN_AWAY_MS = 300 };

enum status listen_socket_check(int fd, struct error *error)
{
    int accepting = 0;
    int domain = 0;
    socklen_t len = sizeof(accepting);
    if (getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &accepting, &len) != 0 || !accepting)
        return error_set(
            error, STATUS_INVALID,
            "standard input is no listening socket: start the worker under spawn-fcgi (spawn-fcgi -s SOCKET "
            "-n -- multiwatch -f 2 -- todo-fcgi ...) or alone with -s SOCKET");
    len = sizeof(domain);
    if (getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &domain, &len) != 0 || domain != AF_UNIX)
        return error_set(error, STATUS_INVALID,
                         "standard input is no unix socket: FastCGI has no authentication, so a TCP port is refused");
    return STATUS_OK;
}

/* Another worker may be faster, so accept4() must not wait. */
static void connections_close(int fd)
{
    int connection;
    fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK);
    while ((connection = accept4(fd, NULL, NULL, SOCK_CLOEXEC)) >= 0)
        close(connection);
}

void listen_socket_turn_away(int fd, uint32_t for_ms)
{
    struct error ignored;
    bool is_listening = listen_socket_check(fd, &ignored) == STATUS_OK;
    struct timespec pause = {.tv_nsec = LOOK_MS * 1000000L};
    unsigned waited_ms = 0;
    for (uint32_t past_ms = 0; past_ms < for_ms; past_ms += LOOK_MS) {
        struct pollfd look = {.fd = fd, .events = POLLIN};
        waited_ms = is_listening && poll(&look, 1, 0) > 0 ? waited_ms + LOOK_MS : 0;
        if (waited_ms >= TURN_AWAY_MS)
            connections_close(fd);
        nanosleep(&pause, NULL);
    }
}

/* A process listens there if a connect() succeeds, or fails only because the backlog is full. */
static bool address_is_live(const struct sockaddr_un *address)
{
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0)
        return true;
    bool live = connect(fd, (const struct sockaddr *)address, sizeof(*address)) == 0 || errno == EAGAIN;
    close(fd);
    return live;
}

static enum status path_clear(const struct sockaddr_un *address, struct error *error)
{
    struct stat info;
    if (lstat(address->sun_path, &info) != 0)
        return STATUS_OK;
    if (!S_ISSOCK(info.st_mode))
        return error_set(error, STATUS_EXISTS, "%s: there is a file already, and it is no socket", address->sun_path);
    if (address_is_live(address))
        return error_set(error, STATUS_EXISTS, "%s: another process listens on it", address->sun_path);
    unlink(address->sun_path);
    return STATUS_OK;
}

enum status listen_socket_open(const char *path, int *fd, struct error *error)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    if (strlen(path) >= sizeof(address.sun_path))
        return error_set(error, STATUS_INVALID, "%s: a socket's path has at most %zu bytes", path,
                         sizeof(address.sun_path) - 1);
    snprintf(address.sun_path, sizeof(address.sun_path), "%s", path);
    if (path_clear(&address, error) != STATUS_OK)
        return STATUS_EXISTS;

    int made = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (made < 0)
        return error_set(error, STATUS_UNAVAILABLE, "socket: %s", strerror(errno));
    /* By umask: with a chmod() after bind() there would be a moment in which every user may connect. */
    mode_t mask = umask(0117);
    int failed = bind(made, (const struct sockaddr *)&address, sizeof(address)) || listen(made, SOMAXCONN);
    int why = errno;
    umask(mask);
    if (failed) {
        close(made);
        return error_set(error, STATUS_UNAVAILABLE, "%s: %s", path, strerror(why));
    }
    *fd = made;
    return STATUS_OK;
}
