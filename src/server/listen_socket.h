/* SPDX-License-Identifier: MIT */
/*
 * The socket that nginx connects to: handed over by spawn-fcgi or systemd, or made here for a worker that runs alone.
 * context  before the loop runs
 */
#ifndef SERVER_LISTEN_SOCKET_H
#define SERVER_LISTEN_SOCKET_H

#include "base/error.h"

/* Whether fd is a listening unix socket. STATUS_INVALID: it isn't, with how a worker is started properly. */
enum status listen_socket_check(int fd, struct error *error) STATUS_MUST_CHECK;

/*
 * Makes a listening socket at path, mode 0660. A dead socket left there is replaced; one on which somebody listens, or any
 * other file, is refused with STATUS_EXISTS. fd is the caller's, and path, too, is the caller's to remove at the end.
 */
enum status listen_socket_open(const char *path, int *fd, struct error *error) STATUS_MUST_CHECK;

#endif
