/* SPDX-License-Identifier: MIT */
/*
 * Where Redis is: the setting "redis", taken apart. context any (pure)
 */
#ifndef CACHE_REDIS_ADDRESS_H
#define CACHE_REDIS_ADDRESS_H

#include "base/error.h"

enum { REDIS_ADDRESS_MAX = 512, REDIS_UNIX_PATH_MAX = 107 };

struct redis_address {
    char text[REDIS_ADDRESS_MAX + 1]; /* as it was given, for the log */
    char host[REDIS_ADDRESS_MAX + 1]; /* or the socket's path */
    int port;                         /* 0: a unix socket */
    int database;
};

/* unix:PATH, unix:PATH?db=N, HOST:PORT, HOST:PORT/DB. STATUS_INVALID: none of these. */
enum status redis_address_parse(struct redis_address *address, const char *text, struct error *error) STATUS_MUST_CHECK;

#endif
