/* SPDX-License-Identifier: MIT */
/*
 * todoctl queue: its words, and its run. context  the main thread
 */
#ifndef TODOCTL_QUEUE_H
#define TODOCTL_QUEUE_H

#include "base/settings.h"

enum { EXIT_WELL = 0, EXIT_AMISS = 1, EXIT_NOT_DONE = 2 };

struct todoctl_queue {
    const char **words; /* behind the verb */
    size_t word_count;
    bool all, watch, as_json; /* which options were given */
};

bool todoctl_queue_fits(const struct todoctl_queue *line);

/* Returns the exit status: EXIT_AMISS if there are dead letters. */
int todoctl_queue_run(const struct todoctl_queue *line, const struct settings *settings);

#endif
