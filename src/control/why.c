/* SPDX-License-Identifier: MIT */
/*
 * todoctl why: what lately happened to one id's entry, a line for each event.
 *
 *   2026-01-31 12:00:00.000250  worker 4711  fenced          v3  0af7651916cd43dd8448eb211c80319c  what that means
 *
 * The request's id is the one that its answer had (Request-Id), and that nginx' log has. So a person who asks "why did
 * I see that?" finds the line of the answer, and what stood around it.
 *
 * It says what the processes of this machine have noted, no more. Whether nothing happened or it was long ago, it can't
 * know: an empty story says so.
 */
#include "control/why.h"

#include <inttypes.h>
#include <stdio.h>
#include <time.h>

enum { US_PER_S = 1000000, NAME_COLUMNS = 15 };

static void print_time(struct buf *out, int64_t at_us)
{
    char text[32];
    time_t at_s = (time_t)(at_us / US_PER_S);
    struct tm utc;
    gmtime_r(&at_s, &utc);
    strftime(text, sizeof(text), "%Y-%m-%d %H:%M:%S", &utc);
    buf_printf(out, "%s.%06" PRId64, text, at_us % US_PER_S);
}

static void print_event(struct buf *out, const struct trail_event *event)
{
    char version[24] = "";
    print_time(out, event->at_us);
    if (event->v > 0 && event->id[0])
        snprintf(version, sizeof(version), "v%" PRId64, event->v);
    buf_printf(out, "  %s %-7" PRId32 "  %-*s  %-5s  %-*s  %s", event->is_tool ? "tool  " : "worker", event->pid,
               NAME_COLUMNS, trail_kind_name(event->kind), version, TRAIL_REQUEST_MAX,
               event->request[0] ? event->request : "-", trail_kind_meaning(event->kind));
    if (event->count > 1) {
        buf_printf(out, "; %" PRIu32 " such in the sample, the last at ", event->count);
        print_time(out, event->last_us);
    }
    buf_append_char(out, '\n');
}

void why_print(const char *id, const struct trail_story *story, struct buf *out)
{
    size_t own_count = 0;
    for (size_t i = 0; i < story->count; i++)
        own_count += story->events[i].id[0] != '\0';
    if (own_count == 0) {
        buf_printf(out, "Nothing is known of %s: nothing has happened to it on this machine, or too long ago.\n", id);
        return;
    }
    buf_printf(out, "%zu events of %s on this machine. Times are UTC; one hit in %d is noted.\n", story->count, id,
               TRAIL_HIT_RATE);
    for (size_t i = 0; i < story->count; i++)
        print_event(out, &story->events[i]);
}
