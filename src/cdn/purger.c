/* SPDX-License-Identifier: MIT */
/*
 * Purges of caches in front: one lane per cache.
 *
 *   record (store) -> the write -> purge -> answer         again, purge_again_ms later -> the record is removed
 *
 * Why twice: a cache that began to read before the write may store what it got after it has dropped what it had. No
 * answer of the service can prevent that. So each purge is sent once more when such a read must be over, and that cache
 * is stale for purge_again_ms rather than for a whole lifetime.
 *
 * Nothing is lost while a cache is away, because the records lie beside the data (purge_record.c) and each lane retries
 * (purge_lane.c). The records of a worker that ends, or is killed, are sent by the other workers.
 *
 * This file has a write's purges, and the purger as a whole.
 */
#include "cdn/purger.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/mem.h"

enum { HEADER_FILE_MAX = 4096 };

struct purger {
    struct purger_options options;
    struct purge_lane lanes[PURGE_TARGETS_MAX];
    size_t lane_count;
    struct purge_records *records;
    struct buf extra_text; /* purge_header_file's, lines ended by NUL */
    struct purge_extra extra;
};

/* ---- A write's purges ---- */

struct sending {
    struct purger *purger;
    const struct token *token;
    enum purge_outcome outcome;
    struct purge_wait *wait;
};

static void send_part(void *ctx, size_t lane_index, uint32_t sequence, struct slice keys)
{
    struct sending *sending = ctx;
    struct purger *purger = sending->purger;
    struct purge_lane *lane = &purger->lanes[lane_index];
    struct purge_item *item = purge_item_new(sending->token, sequence, keys);
    if (sending->outcome == PURGE_NOTHING) {
        purge_records_done(purger->records, lane, item);
        return;
    }
    if (lane->waiting.count >= PURGE_WAITING_MAX) {
        free(item); /* its record is found when it is due */
        return;
    }
    if (sending->outcome == PURGE_DOUBT)
        item->stage = PURGE_ONCE;
    else if (purger->options.settings->purge_again_ms > 0)
        item->stage = PURGE_FIRST;
    purge_item_wait(item, sending->wait);
    purge_lane_add(lane, item);
}

/* Whether all caches answer, as far as is known, and there is room for all that the largest write makes old. */
static bool may_wait(const struct purger *purger)
{
    for (size_t i = 0; i < purger->lane_count; i++) {
        const struct purge_lane *lane = &purger->lanes[i];
        if (!purge_lane_answers(lane) || lane->waiting.count >= PURGE_WAITING_MAX / 2)
            return false;
    }
    return purger->options.settings->purge_wait_ms > 0;
}

bool purger_send(struct purger *purger, const struct purge_write *write, enum purge_outcome outcome, purge_done_cb done,
                 void *ctx)
{
    struct sending sending = {.purger = purger, .token = write->token, .outcome = outcome};
    uint32_t wait_ms = (uint32_t)purger->options.settings->purge_wait_ms;
    if (outcome == PURGE_WRITTEN && may_wait(purger))
        sending.wait = purge_wait_new(purger->options.events, wait_ms, done, ctx);
    purge_records_parts(purger->records, write, send_part, &sending);
    return sending.wait != NULL;
}

enum status purger_record(const struct purger *purger, const struct purge_write *write, struct error *error)
{
    return purge_records_put(purger->records, write, error);
}

enum status purger_record_all(const struct purger *purger, int64_t last_at_ms, struct error *error)
{
    return purge_records_put_all(purger->records, last_at_ms, error);
}

/* ---- The purger as a whole ---- */

void purger_tend(struct purger *purger)
{
    for (size_t i = 0; i < purger->lane_count; i++)
        purge_lane_tend(&purger->lanes[i]);
    purge_records_tend(purger->records);
}

bool purger_is_busy(const struct purger *purger)
{
    for (size_t i = 0; i < purger->lane_count; i++)
        if (purge_lane_is_busy(&purger->lanes[i]))
            return true;
    return false;
}

size_t purger_waiting_count(const struct purger *purger)
{
    size_t count = 0;
    for (size_t i = 0; i < purger->lane_count; i++)
        count += purger->lanes[i].waiting.count + purger->lanes[i].under_way.count;
    return count;
}

/* Lines "Name: value"; the peer would misread any other line. */
static enum status extra_take(struct purger *purger, const char *path, char *line, struct error *error)
{
    line[strcspn(line, "\r")] = '\0';
    if (!*line || *line == '#')
        return STATUS_OK;
    const char *colon = strchr(line, ':');
    bool is_field =
        colon && colon > line &&
        strspn(line, "-_ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789") == (size_t)(colon - line);
    if (!is_field || purger->extra.count == PURGE_EXTRA_MAX)
        return error_set(error, STATUS_INVALID, "purge_header_file = %.100s: at most %d lines, each \"Name: value\"",
                         path, PURGE_EXTRA_MAX);
    purger->extra.lines[purger->extra.count++] = line;
    return STATUS_OK;
}

static enum status extra_read(struct purger *purger, const char *path, struct error *error)
{
    FILE *file = *path ? fopen(path, "re") : NULL;
    if (!file)
        return *path ? error_set(error, STATUS_INVALID, "purge_header_file = %.150s can't be read", path) : STATUS_OK;
    size_t len = fread(buf_reserve(&purger->extra_text, HEADER_FILE_MAX), 1, HEADER_FILE_MAX, file);
    fclose(file);
    buf_advance(&purger->extra_text, len);
    enum status status = STATUS_OK;
    char *rest = NULL;
    for (char *line = strtok_r(purger->extra_text.data, "\n", &rest); line && status == STATUS_OK;
         line = strtok_r(NULL, "\n", &rest))
        status = extra_take(purger, path, line, error);
    return status;
}

enum status purger_new(struct purger **out, const struct purger_options *options, struct error *error)
{
    struct purge_target targets[PURGE_TARGETS_MAX];
    size_t count;
    *out = NULL;
    enum status status = purge_targets_parse(options->settings->purge_url, targets, &count, error);
    if (status != STATUS_OK || count == 0)
        return status;
    bug_unless(options->http, "purges need an HTTP client");
    struct purger *purger = mem_zalloc(sizeof(*purger));
    purger->options = *options;
    purger->lane_count = count;
    purger->records = purge_records_new(&purger->options, purger->lanes, count);
    for (size_t i = 0; i < count; i++)
        purge_lane_init(&purger->lanes[i], &purger->options, &targets[i], &purger->extra, purge_records_done,
                        purger->records);
    status = extra_read(purger, options->settings->purge_header_file, error);
    if (status == STATUS_OK)
        *out = purger;
    else
        purger_free(purger);
    return status;
}

void purger_free(struct purger *purger)
{
    if (!purger)
        return;
    for (size_t i = 0; i < purger->lane_count; i++)
        purge_lane_fini(&purger->lanes[i]);
    purge_records_free(purger->records);
    buf_fini(&purger->extra_text);
    free(purger);
}
