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
 * Does not: lock the path. Two workers that are started alone on one path at the same moment may both find a dead
 * socket there; then the later one gets the path.
 */
#include "server/listen_socket.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

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
