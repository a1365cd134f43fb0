/* SPDX-License-Identifier: MIT */
/*
 * An operator's look at the write queue, and what he does with its dead letters: todoctl queue.
 * context  loop only
 */
#ifndef CONTROL_QUEUE_H
#define CONTROL_QUEUE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "base/events.h"
#include "base/settings.h"
#include "base/slice.h"
#include "base/stats.h"

enum control_queue_verb {
    CONTROL_QUEUE_LOOK,
    CONTROL_QUEUE_DEAD, /* shows dead letters */
    CONTROL_QUEUE_RETRY,
    CONTROL_QUEUE_DROP,
    CONTROL_QUEUE_VERBS
};

struct control_queue_options {
    const struct events *events; /* all borrowed until control_queue_free() */
    const struct settings *settings;
    struct stats *stats;
    void *loop; /* the uv_loop_t */
    enum control_queue_verb verb;
    const char *ticket;                         /* of the one dead letter; NULL: all */
    bool as_json;                               /* DEAD */
    void (*tell)(void *ctx, struct slice text); /* the result, in one or more pieces */
    /* Once, later, when nothing is under way any more. */
    void (*done)(void *ctx, enum status status, const struct error *error);
    void *ctx;
};

struct control_queue;

bool control_queue_ticket_valid(const char *ticket);

/*
 * Begins at once. RETRY and DROP of all take the dead letters that there were when it began.
 *
 * errors  STATUS_INVALID: write_queue is not set, or wrong. Of done: STATUS_INVALID: the journal is not durable;
 *         STATUS_UNAVAILABLE: it is away; STATUS_NOT_FOUND: no dead letter has this ticket; STATUS_UNKNOWN, of RETRY
 *         and DROP: the text says of which ticket
 */
enum status control_queue_new(struct control_queue **queue, const struct control_queue_options *options,
                              struct error *error) STATUS_MUST_CHECK;

/* The dead letters that it has found (LOOK), shown, retried or dropped. */
uint64_t control_queue_count(const struct control_queue *queue);

/* After done; NULL is fine. */
void control_queue_free(struct control_queue *queue);

#endif
