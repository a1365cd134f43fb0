/* SPDX-License-Identifier: MIT */
/*
 * todoctl queue: what each shard of the write queue has, and its dead letters.
 *
 *   shard      depth     oldest   dead letters   applier
 *   0             12      1.2 s              0   0af7651916cd43dd8448eb211c80319c
 *
 *   3-1795600000000-12  2026-11-25T12:26:40.000Z  todo 42
 *     reason  the store refuses it: Document failed validation
 *     write   {"kind":"merge",...}
 *
 * A dead letter's text is shown as it lies in the journal, which is JSON. A text that can't be read as a queued write
 * is shown as a JSON string: so whatever its bytes are, a terminal gets no control characters, and a program valid
 * JSON.
 */
#include "control/queue_text.h"

#include <inttypes.h>
#include <stdio.h>

#include "base/date.h"
#include "base/json.h"
#include "queue/queued.h"

enum { AGE_MAX = 32 };

static const char *age_text(char text[AGE_MAX], int64_t oldest_at_ms, int64_t now_ms)
{
    int64_t age_ms = now_ms > oldest_at_ms ? now_ms - oldest_at_ms : 0;
    if (oldest_at_ms == 0)
        return "-";
    if (age_ms < 600000)
        snprintf(text, AGE_MAX, "%" PRId64 ".%" PRId64 " s", age_ms / 1000, age_ms % 1000 / 100);
    else
        snprintf(text, AGE_MAX, "%" PRId64 " min", age_ms / 60000);
    return text;
}

void queue_text_table(const struct journal_figures *figures, int64_t now_ms, struct buf *out)
{
    char age[AGE_MAX];
    struct journal_shard sum = journal_figures_sum(figures);
    buf_append_text(out, "shard      depth     oldest   dead letters   applier\n");
    for (unsigned i = 0; i < QUEUE_SHARDS; i++) {
        const struct journal_shard *shard = &figures->shards[i];
        buf_printf(out, "%-5u %10" PRIu64 " %10s %14" PRIu64 "   %s\n", i, shard->depth,
                   age_text(age, shard->oldest_at_ms, now_ms), shard->dead_count,
                   shard->applier[0] ? shard->applier : "-");
    }
    buf_printf(out, "all   %10" PRIu64 " %10s %14" PRIu64 "\n", sum.depth, age_text(age, sum.oldest_at_ms, now_ms),
               sum.dead_count);
}

/* The todo's id and the write, both as JSON; null and a string if the text is no queued write. */
static void print_write(struct slice text, struct buf *id, struct buf *write)
{
    struct arena arena;
    struct store_queued queued;
    struct error error;
    arena_init(&arena);
    if (queued_read(text, &arena, &queued, &error) == STATUS_OK) {
        json_write_string(id, slice_of(queued.change.todo->id));
        buf_append_slice(write, text);
    } else {
        buf_append_text(id, "null");
        json_write_string(write, text);
    }
    arena_fini(&arena);
}

void queue_text_dead(const struct journal_dead *dead, bool as_json, struct buf *out)
{
    char ticket[TICKET_TEXT_MAX + 1], died_at[DATE_RFC3339_LEN + 1];
    struct buf id, write, reason;
    buf_init(&id);
    buf_init(&write);
    buf_init(&reason);
    ticket_print(ticket, dead->ticket);
    date_rfc3339(died_at, dead->died_at_ms);
    print_write(dead->text, &id, &write);
    json_write_string(&reason, dead->reason);
    buf_printf(out,
               as_json ? "{\"ticket\":\"%s\",\"died_at\":\"%s\",\"todo\":%s,\"reason\":%s,\"write\":%s}\n"
                       : "%s  %s  todo %s\n  reason  %s\n  write   %s\n",
               ticket, died_at, id.data, reason.data, write.data);
    buf_fini(&id);
    buf_fini(&write);
    buf_fini(&reason);
}
