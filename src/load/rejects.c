/* SPDX-License-Identifier: MIT */
/*
 * Rejected rows: counted, shown and kept.
 *
 * Each is counted. The first ten are shown with row number and reason, so that a systematic mistake is seen at once and
 * a million messages don't scroll it away. With --reject the records are kept as they were read, in their own format:
 * lines, CSV records behind the header, BSON documents. That file can be corrected and imported like any other (an
 * archive becomes plain BSON, gzip is unpacked). Records too long to hold are counted and not kept.
 *
 * The file is opened before the first row is read, so that a file that can't be written is an error at once and not
 * after an hour. It must not be the input, because opening would empty it.
 *
 * It writes on the loop, buffered: no client waits for the loader's loop.
 */
#include "load/rejects.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

enum { REJECTS_SHOWN = 10 };

struct rejects {
    struct rejects_options options;
    FILE *file; /* NULL: not kept */
    uint64_t count;
};

static enum status rejects_open_file(struct rejects *rejects, struct error *error)
{
    const char *path = rejects->options.path;
    if (rejects->options.source && source_is_file(rejects->options.source, path))
        return error_set(error, STATUS_INVALID, "--reject %s is the file that is imported: choose another", path);
    rejects->file = fopen(path, "we");
    if (!rejects->file)
        return error_set(error, STATUS_UNAVAILABLE, "--reject %s can't be written: %s", path, strerror(errno));
    return STATUS_OK;
}

static void rejects_write(struct rejects *rejects, struct slice record)
{
    if (record.len == 0)
        return;
    fwrite(record.data, 1, record.len, rejects->file);
    /* the last line of a file may lack its newline, and must not run into the next one here */
    if (record.data[record.len - 1] != '\n')
        fputs(rejects->options.record_end, rejects->file);
}

enum status rejects_open(struct rejects **result, const struct rejects_options *options, struct error *error)
{
    struct rejects *rejects = mem_zalloc(sizeof(*rejects));
    rejects->options = *options;
    enum status status = options->path ? rejects_open_file(rejects, error) : STATUS_OK;
    if (status != STATUS_OK) {
        free(rejects);
        return status;
    }
    *result = rejects;
    return STATUS_OK;
}

void rejects_add(struct rejects *rejects, uint64_t row_number, const char *reason, struct slice raw)
{
    rejects->count++;
    if (rejects->count <= REJECTS_SHOWN)
        progress_say(rejects->options.progress, "row %" PRIu64 ": %s", row_number, reason);
    if (rejects->count == REJECTS_SHOWN + 1)
        progress_say(rejects->options.progress, "more rows are rejected; only the first %d are shown", REJECTS_SHOWN);
    if (!rejects->file)
        return;
    if (rejects->count == 1)
        rejects_write(rejects, rejects->options.head);
    rejects_write(rejects, raw);
}

uint64_t rejects_count(const struct rejects *rejects)
{
    return rejects->count;
}

enum status rejects_close(struct rejects *rejects, struct error *error)
{
    if (!rejects)
        return STATUS_OK;
    bool failed = rejects->file && (ferror(rejects->file) | fclose(rejects->file)) != 0;
    char reason[64];
    snprintf(reason, sizeof(reason), "%s", strerror(errno));
    enum status status = STATUS_OK;
    if (failed)
        status = error_set(error, STATUS_UNAVAILABLE, "--reject %s is incomplete: %s", rejects->options.path, reason);
    free(rejects);
    return status;
}
