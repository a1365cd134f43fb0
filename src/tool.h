/* SPDX-License-Identifier: MIT */
/*
 * The base of a program that runs once and ends: a loop and a backend. For todo-load and todoctl.
 *
 * A tool that is all zero is closed; tool_close() also takes one that was opened in part.
 * context  the main thread
 */
#ifndef TOOL_H
#define TOOL_H

#include "base/error.h"
#include "base/settings.h"
#include "base/stats.h"
#include "options.h"
#include "server/backend.h"

struct tool {
    struct loop *loop;
    struct timer *idle;
    struct backend backend; /* all zero until tool_open_backend() */
    struct stats stats;
    struct stats_file *stats_file; /* the workers', for the trail; NULL: nothing is noted */
};

/*
 * Settings from all sources, adapted to a program that runs once; and SIGPIPE is ignored from now on.
 * errors  as program_read_settings()
 */
enum status tool_read_settings(struct settings *settings, const struct options *options,
                               struct error *error) STATUS_MUST_CHECK;

/* thread_count: of the pools that will run beside the loop. */
enum status tool_open_loop(struct tool *tool, unsigned thread_count, struct error *error) STATUS_MUST_CHECK;

/* settings are borrowed. */
enum status tool_open_backend(struct tool *tool, const struct settings *settings,
                              struct error *error) STATUS_MUST_CHECK;

/* Runs until tool_end() was called, and then until nothing is under way any more. */
void tool_run(struct tool *tool);
void tool_end(struct tool *tool);

/* When all that uses these parts is freed. */
void tool_close(struct tool *tool);

#endif
