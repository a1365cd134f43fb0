/* SPDX-License-Identifier: MIT */
/*
 * Purges of caches in front: one lane per cache.
 *
 *   record (store) -> the write -> purge -> answer         again, purge_again_ms later -> the record goes
 *
 * Twice: a cache that began to read before the write may keep what it got after it has forgotten what it had. Nothing the
 * service can say prevents that; so each purge is sent once more when such a read must be over. What is old in that
 * cache then is old for purge_again_ms, and not for its whole lifetime.
 *
 * Nothing is lost while a cache is away (purge_lane.c): the records are beside the data (purge_record.c). A worker that ends, or
 * is killed, leaves its records to the others.
 *
 * This file is a write's purges, and the purger as a whole.
 */
#include "cache/purge.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/mem.h"
#include "cache/purge_state.h"

enum { HEADER_FILE_MAX = 4096 };

/* ---- A write's purges ---- */

struct sending {
    struct purge *purge;
    const struct token *token;
    enum purge_outcome outcome;
    struct purge_wait *wait;
};

static void send_part(void *ctx, size_t lane_index, uint32_t sequence, struct slice keys)
{
    struct sending *sending = ctx;
    struct purge_lane *lane = &sending->purge->lanes[lane_index];
    const struct settings *settings = sending->purge->cache->options.settings;
    struct purge_item *item = purge_item_new(sending->token, sequence, keys);
    if (sending->outcome == PURGE_NOTHING) {
        purge_record_done(lane, item);
        return;
    }
    if (lane->waiting.count >= PURGE_WAITING_MAX) {
        free(item); /* its record is found when it is due */
        return;
    }
    if (sending->outcome == PURGE_DOUBT)
        item->stage = PURGE_ONCE;
    else if (settings->purge_again_ms > 0)
        item->stage = PURGE_FIRST;
    purge_item_wait(item, sending->wait);
    purge_lane_add(lane, item);
}

/* Whether all caches answer, as far as is known, and there is room for all that the largest write makes old. */
static bool may_wait(const struct purge *purge)
{
    for (size_t i = 0; i < purge->lane_count; i++)
        if (purge->lanes[i].pause_ms > 0 || purge->lanes[i].waiting.count >= PURGE_WAITING_MAX / 2)
            return false;
    return purge->cache->options.settings->purge_wait_ms > 0;
}

bool purge_send(struct purge *purge, const struct purge_write *write, enum purge_outcome outcome, purge_done_cb done,
                void *ctx)
{
    struct sending sending = {.purge = purge, .token = write->token, .outcome = outcome};
    if (outcome == PURGE_WRITTEN && may_wait(purge))
        sending.wait = purge_wait_new(purge, done, ctx);
    purge_parts(purge, write, send_part, &sending);
    return sending.wait != NULL;
}

/* ---- The purger as a whole ---- */

void purge_tend(struct purge *purge)
{
    for (size_t i = 0; i < purge->lane_count; i++)
        purge_lane_tend(&purge->lanes[i]);
    purge_record_tend(purge);
}

bool purge_is_busy(const struct purge *purge)
{
    for (size_t i = 0; i < purge->lane_count; i++) {
        const struct purge_lane *lane = &purge->lanes[i];
        if (lane->pause_ms == 0 && (lane->waiting.head || lane->under_way.head))
            return true;
    }
    return false;
}

/* Lines "Name: value"; others would be taken for something else by the peer. */
static enum status extra_take(struct purge *purge, const char *path, char *line, struct error *error)
{
    line[strcspn(line, "\r")] = '\0';
    if (!*line || *line == '#')
        return STATUS_OK;
    const char *colon = strchr(line, ':');
    bool is_field =
        colon && colon > line &&
        strspn(line, "-_ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789") == (size_t)(colon - line);
    if (!is_field || purge->extra_count == PURGE_EXTRA_MAX)
        return error_set(error, STATUS_INVALID, "purge_header_file = %.100s: at most %d lines, each \"Name: value\"",
                         path, PURGE_EXTRA_MAX);
    purge->extra_lines[purge->extra_count++] = line;
    return STATUS_OK;
}

static enum status extra_read(struct purge *purge, const char *path, struct error *error)
{
    FILE *file = *path ? fopen(path, "re") : NULL;
    if (!file)
        return *path ? error_set(error, STATUS_INVALID, "purge_header_file = %.150s can't be read", path) : STATUS_OK;
    size_t len = fread(buf_reserve(&purge->extra, HEADER_FILE_MAX), 1, HEADER_FILE_MAX, file);
    fclose(file);
    buf_advance(&purge->extra, len);
    enum status status = STATUS_OK;
    char *rest = NULL;
    for (char *line = strtok_r(purge->extra.data, "\n", &rest); line && status == STATUS_OK;
         line = strtok_r(NULL, "\n", &rest))
        status = extra_take(purge, path, line, error);
    return status;
}

enum status purge_new(struct purge **out, struct cache *cache, struct error *error)
{
    const struct settings *settings = cache->options.settings;
    struct purge_target targets[PURGE_TARGETS_MAX];
    size_t count;
    *out = NULL;
    enum status status = purge_targets_parse(settings->purge_url, targets, &count, error);
    if (status != STATUS_OK || count == 0)
        return status;
    bug_unless(cache->options.http, "purges need an HTTP client");
    struct purge *purge = mem_zalloc(sizeof(*purge));
    purge->cache = cache;
    for (size_t i = 0; i < count; i++)
        purge_lane_init(&purge->lanes[purge->lane_count++], purge, &targets[i], purge_record_done);
    status = extra_read(purge, settings->purge_header_file, error);
    if (status != STATUS_OK) {
        purge_free(purge);
        return status;
    }
    *out = purge;
    return STATUS_OK;
}

void purge_free(struct purge *purge)
{
    if (!purge)
        return;
    bug_unless(!purge->removes, "the purger is freed while a job of its runs");
    for (size_t i = 0; i < purge->lane_count; i++)
        purge_lane_fini(&purge->lanes[i]);
    purge_list_clear(&purge->removals);
    buf_fini(&purge->extra);
    free(purge->removed);
    free(purge);
}
