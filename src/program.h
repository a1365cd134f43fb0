/* SPDX-License-Identifier: MIT */
/*
 * The start that all programs share: settings from file, environment and options, and a log on stderr.
 * context  the main thread, before anything else runs
 */
#ifndef PROGRAM_H
#define PROGRAM_H

#include "base/error.h"
#include "base/log.h"
#include "base/settings.h"
#include "options.h"

/*
 * Defaults, then the options' file, then the environment, then the settings among the options; checked as a whole.
 * errors  STATUS_INVALID, STATUS_NOT_FOUND: the text names the place and the mistake
 */
enum status program_read_settings(struct settings *settings, const struct options *options,
                                  struct error *error) STATUS_MUST_CHECK;

/* The log goes to stderr, one write() per line. */
void program_open_log(const struct settings *settings);

/* Prints "program: text" to stderr. */
void program_complain(const char *program, const char *text);

/* Writes all of text to stdout. */
void program_print(struct slice text);

#endif
