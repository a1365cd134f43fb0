/* SPDX-License-Identifier: MIT */
/*
 * The start that all programs share: settings from file, environment and options, and the log.
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

/*
 * The log goes to log_file, or to stderr, one write() per line; the settings are borrowed for the program's life.
 * errors  STATUS_INVALID: log_file can't be opened
 */
enum status program_open_log(const struct settings *settings, struct error *error) STATUS_MUST_CHECK;

/* Opens log_file again, after another program has moved it away. If that fails, the log goes on as before. */
void program_reopen_log(void);

/* Prints "program: text" to stderr. */
void program_complain(const char *program, const char *text);

/* Writes all of text to stdout. */
void program_print(struct slice text);

#endif
