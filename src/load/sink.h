/* SPDX-License-Identifier: MIT */
/*
 * Where an export goes: a file that is there when it is whole, or standard output; packed by gzip or not.
 *
 * errors   STATUS_UNAVAILABLE: it can't be written
 * context  may block; one user at a time
 */
#ifndef LOAD_SINK_H
#define LOAD_SINK_H

#include <stdbool.h>

#include "base/error.h"
#include "base/slice.h"

struct sink;

/* path "-" is standard output. STATUS_INVALID: path is no regular file. */
enum status sink_open(struct sink **sink, const char *path, bool is_packed, struct error *error) STATUS_MUST_CHECK;

enum status sink_write(struct sink *sink, struct slice text, struct error *error) STATUS_MUST_CHECK;

/* Ends it. With STATUS_OK all that was written is at its path, on disk; then and in case of an error sink is freed. */
enum status sink_finish(struct sink *sink, struct error *error) STATUS_MUST_CHECK;

/* Gives it up: a file that was at path is as it was. NULL is fine. */
void sink_abandon(struct sink *sink);

#endif
