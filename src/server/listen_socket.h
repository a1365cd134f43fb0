/* SPDX-License-Identifier: MIT */
/*
 * The socket that nginx connects to: passed in by spawn-fcgi or systemd, or made here for a worker that runs alone.
 * context  before the loop runs
 */
#ifndef SERVER_LISTEN_SOCKET_H
#define SERVER_LISTEN_SOCKET_H

#include <stdint.h>

#include "base/error.h"

/* Checks that fd is a listening unix socket. STATUS_INVALID: it isn't; the text says how a worker is started. */
enum status listen_socket_check(int fd, struct error *error) STATUS_MUST_CHECK;

/*
 * For for_ms: closes the connections that no other worker takes, so that their clients get an error at once. fd may be
 * no socket; then it only waits.
 */
void listen_socket_turn_away(int fd, uint32_t for_ms);

/*
 * Makes a listening socket at path, mode 0660. It replaces a socket on which no process listens. If a process listens
 * there, or path is another file: STATUS_EXISTS. The caller owns fd and removes path at the end.
 */
enum status listen_socket_open(const char *path, int *fd, struct error *error) STATUS_MUST_CHECK;

#endif
