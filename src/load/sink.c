/* SPDX-License-Identifier: MIT */
/*
 * The loader's output as bytes, the counterpart of source.c.
 *
 * Half an export must not look like a whole one. A file is written beside its place, as FILE.part, and gets its name
 * when all of it is on disk; until then an older file of that name stays. What goes to standard output may end early,
 * and the exit status tells; a gzip stream then lacks its end, which readers notice.
 *
 * A path that is there and no regular file is refused: a rename would put a file in the place of a device or a pipe.
 *
 * zlib writes both kinds: it has a mode that doesn't pack.
 */
#include "load/sink.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

#include "base/mem.h"

struct sink {
    char *path; /* NULL: standard output */
    char *part; /* the file until it is whole */
    int fd;
    int packer_fd; /* of the same file; packer closes it */
    gzFile packer;
};

static void sink_free(struct sink *sink)
{
    if (sink->packer)
        gzclose(sink->packer);
    if (sink->fd >= 0)
        close(sink->fd);
    free(sink->path);
    free(sink->part);
    free(sink);
}

static enum status sink_failed(const struct sink *sink, struct error *error)
{
    return error_set(error, STATUS_UNAVAILABLE, "%s can't be written: %s", sink->path ? sink->part : "stdout",
                     strerror(errno));
}

static enum status sink_open_file(struct sink *sink, const char *path, struct error *error)
{
    struct stat found;
    if (stat(path, &found) == 0 && !S_ISREG(found.st_mode))
        return error_set(error, STATUS_INVALID, "%s is no regular file: write to - and redirect that", path);
    size_t room = strlen(path) + sizeof(".part");
    sink->path = mem_strdup(path);
    sink->part = mem_alloc(room);
    snprintf(sink->part, room, "%s.part", path);
    sink->fd = open(sink->part, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
    return sink->fd >= 0 ? STATUS_OK : sink_failed(sink, error);
}

enum status sink_open(struct sink **result, const char *path, bool is_packed, struct error *error)
{
    struct sink *sink = mem_zalloc(sizeof(*sink));
    enum status status = STATUS_OK;
    sink->fd = sink->packer_fd = -1;
    if (strcmp(path, "-") == 0)
        sink->fd = dup(STDOUT_FILENO);
    else
        status = sink_open_file(sink, path, error);
    if (status == STATUS_OK) {
        sink->packer_fd = dup(sink->fd);
        sink->packer = gzdopen(sink->packer_fd, is_packed ? "wb" : "wbT");
        status = sink->packer ? STATUS_OK : sink_failed(sink, error);
    }
    if (status != STATUS_OK) {
        sink_free(sink);
        return status;
    }
    *result = sink;
    return STATUS_OK;
}

enum status sink_write(struct sink *sink, struct slice text, struct error *error)
{
    bool written = text.len == 0 || gzwrite(sink->packer, text.data, (unsigned)text.len) == (int)text.len;
    return written ? STATUS_OK : sink_failed(sink, error);
}

enum status sink_finish(struct sink *sink, struct error *error)
{
    bool whole = gzclose(sink->packer) == Z_OK;
    sink->packer = NULL;
    if (sink->path)
        whole = whole && fsync(sink->fd) == 0 && rename(sink->part, sink->path) == 0;
    enum status status = whole ? STATUS_OK : sink_failed(sink, error);
    if (!whole)
        sink_abandon(sink);
    else
        sink_free(sink);
    return status;
}

void sink_abandon(struct sink *sink)
{
    if (!sink)
        return;
    if (sink->part)
        unlink(sink->part);
    if (sink->packer)
        close(sink->packer_fd); /* else zlib would write the end of the stream */
    sink_free(sink);
}
