/* SPDX-License-Identifier: MIT */
/*
 * The token of write_token_file.
 * context  before the loop runs
 */
#ifndef SERVER_WRITE_TOKEN_H
#define SERVER_WRITE_TOKEN_H

#include "base/error.h"

enum { WRITE_TOKEN_MAX = 512 };

/*
 * Reads the first line of the file at path; "" gives "".
 * errors  STATUS_INVALID: there is no such file, or its first line is no token
 */
enum status write_token_read(const char *path, char token[WRITE_TOKEN_MAX + 2], struct error *error) STATUS_MUST_CHECK;

#endif
