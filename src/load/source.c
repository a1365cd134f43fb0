/* SPDX-License-Identifier: MIT */
/*
 * The loader's input as bytes.
 *
 * Readers look into a window and move it; they never see a file descriptor. The window grows to the longest allowed
 * record and no further, so memory is bounded for any file.
 *
 * Gzip is recognised by its first two bytes, never by a file's name, and unpacked while it is read. Several members one
 * after another are one stream, as in gzip(1). A stream that ends in the middle is an error: half a file must not look
 * like a whole one.
 *
 * A read from a pipe may wait for ever. It waits in poll() and checks a flag every 100 ms, so that Ctrl-C ends it.
 *
 * Does not: guess other packings, follow a growing file, or read ahead on its own.
 *
 * Source: RFC 1952 (gzip); zlib.h, inflateInit2.
 */
#include "load/source.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

#include "base/mem.h"

enum {
    READ_BYTES = 128 * 1024,
    WINDOW_MAX_BYTES = SOURCE_RECORD_MAX_BYTES + 2 * READ_BYTES,
    CANCEL_CHECK_MS = 100,
    GZIP_WINDOW_BITS = 15 + 16, /* zlib's way to say: gzip, no other wrapping */
};

struct source {
    int fd;
    char *name;
    char *window; /* the bytes from begin to end are not read yet */
    size_t begin, end, capacity;
    bool ended; /* no more bytes come behind end */
    bool gzip;
    bool between_members; /* gzip: the input may end here */
    z_stream stream;
    unsigned char *packed; /* gzip: READ_BYTES or more, input for stream */
    int64_t position_bytes;
    int64_t size_bytes;
    atomic_bool cancelled;
};

/* One read(2); len 0 at the end of the file. */
static enum status source_read(struct source *source, void *to, size_t room, size_t *len, struct error *error)
{
    for (;;) {
        if (atomic_load(&source->cancelled))
            return error_set(error, STATUS_UNAVAILABLE, "%s: reading was interrupted", source->name);
        struct pollfd wait = {.fd = source->fd, .events = POLLIN};
        if (poll(&wait, 1, CANCEL_CHECK_MS) == 0)
            continue;
        ssize_t got = read(source->fd, to, room);
        if (got >= 0) {
            *len = (size_t)got;
            source->position_bytes += got;
            return STATUS_OK;
        }
        if (errno != EINTR && errno != EAGAIN)
            return error_set(error, STATUS_UNAVAILABLE, "%s can't be read: %s", source->name, strerror(errno));
    }
}

/* Makes room for READ_BYTES behind end: moves the unread bytes to the front, or grows. */
static void source_make_room(struct source *source)
{
    if (source->begin == source->end)
        source->begin = source->end = 0;
    if (source->capacity - source->end >= READ_BYTES)
        return;
    if (source->begin > 0) {
        memmove(source->window, source->window + source->begin, source->end - source->begin);
        source->end -= source->begin;
        source->begin = 0;
    }
    if (source->capacity - source->end < READ_BYTES) {
        source->capacity = source->end + READ_BYTES;
        bug_unless(source->capacity <= WINDOW_MAX_BYTES, "a reader asked for more than the longest record");
        source->window = mem_resize(source->window, source->capacity);
    }
}

static enum status source_more_plain(struct source *source, struct error *error)
{
    size_t len;
    enum status status = source_read(source, source->window + source->end, READ_BYTES, &len, error);
    if (status != STATUS_OK)
        return status;
    source->end += len;
    source->ended = len == 0;
    return STATUS_OK;
}

static enum status source_refill_packed(struct source *source, struct error *error)
{
    size_t len;
    enum status status = source_read(source, source->packed, READ_BYTES, &len, error);
    if (status != STATUS_OK)
        return status;
    source->stream.next_in = source->packed;
    source->stream.avail_in = (uInt)len;
    if (len > 0)
        return STATUS_OK;
    if (!source->between_members)
        return error_set(error, STATUS_UNAVAILABLE, "%s: the gzip data is cut off", source->name);
    source->ended = true;
    return STATUS_OK;
}

static enum status source_more_gzip(struct source *source, struct error *error)
{
    z_stream *stream = &source->stream;
    if (stream->avail_in == 0) {
        enum status status = source_refill_packed(source, error);
        if (status != STATUS_OK || source->ended)
            return status;
    }
    if (source->between_members)
        inflateReset(stream);
    source->between_members = false;
    stream->next_out = (unsigned char *)source->window + source->end;
    stream->avail_out = READ_BYTES;
    int result = inflate(stream, Z_NO_FLUSH);
    source->end += READ_BYTES - stream->avail_out;
    source->between_members = result == Z_STREAM_END;
    if (result != Z_OK && result != Z_STREAM_END && result != Z_BUF_ERROR)
        return error_set(error, STATUS_UNAVAILABLE, "%s: the gzip data is damaged: %s", source->name,
                         stream->msg ? stream->msg : "no details");
    return STATUS_OK;
}

static enum status source_more(struct source *source, struct error *error)
{
    source_make_room(source);
    return source->gzip ? source_more_gzip(source, error) : source_more_plain(source, error);
}

/* The window, which is READ_BYTES long or longer, becomes the packed input of a gzip stream. */
static void source_begin_gzip(struct source *source)
{
    source->packed = (unsigned char *)source->window;
    source->stream.next_in = source->packed + source->begin;
    source->stream.avail_in = (uInt)(source->end - source->begin);
    source->window = NULL;
    source->begin = source->end = source->capacity = 0;
    bug_unless(inflateInit2(&source->stream, GZIP_WINDOW_BITS) == Z_OK, "zlib refuses its own constants");
    source->gzip = true;
    source->ended = false;
}

static enum status source_begin(struct source *source, struct error *error)
{
    struct slice window;
    enum status status = source_peek(source, 2, &window, error);
    if (status == STATUS_OK && window.len >= 2 && (unsigned char)window.data[0] == 0x1f &&
        (unsigned char)window.data[1] == 0x8b)
        source_begin_gzip(source);
    return status;
}

enum status source_open_fd(struct source **result, int fd, const char *name, struct error *error)
{
    struct source *source = mem_zalloc(sizeof(*source));
    source->fd = fd;
    source->name = mem_strdup(name);
    struct stat file;
    if (fstat(fd, &file) == 0 && S_ISREG(file.st_mode))
        source->size_bytes = file.st_size;
    enum status status = source_begin(source, error);
    if (status != STATUS_OK) {
        source_close(source);
        return status;
    }
    *result = source;
    return STATUS_OK;
}

enum status source_open(struct source **source, const char *path, struct error *error)
{
    if (strcmp(path, "-") == 0)
        return source_open_fd(source, dup(STDIN_FILENO), "stdin", error);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return error_set(error, errno == ENOENT ? STATUS_NOT_FOUND : STATUS_UNAVAILABLE, "%s can't be opened: %s", path,
                         strerror(errno));
    return source_open_fd(source, fd, path, error);
}

void source_close(struct source *source)
{
    if (!source)
        return;
    if (source->gzip)
        inflateEnd(&source->stream);
    if (source->fd >= 0)
        close(source->fd);
    free(source->packed);
    free(source->window);
    free(source->name);
    free(source);
}

enum status source_peek(struct source *source, size_t want_bytes, struct slice *window, struct error *error)
{
    bug_unless(want_bytes <= SOURCE_RECORD_MAX_BYTES + 1, "a peek for more than the longest record");
    while (source->end - source->begin < want_bytes && !source->ended) {
        enum status status = source_more(source, error);
        if (status != STATUS_OK)
            return status;
    }
    const char *data = source->window ? source->window + source->begin : "";
    *window = (struct slice){.data = data, .len = source->end - source->begin};
    return STATUS_OK;
}

void source_skip(struct source *source, size_t len)
{
    bug_unless(len <= source->end - source->begin, "a skip over bytes that no peek has shown");
    source->begin += len;
}

enum status source_peek_line(struct source *source, struct slice *line, struct error *error)
{
    size_t searched = 0;
    for (;;) {
        enum status status = source_peek(source, searched + 1, line, error);
        if (status != STATUS_OK)
            return status;
        const char *newline = line->len > searched ? memchr(line->data + searched, '\n', line->len - searched) : NULL;
        if (newline)
            line->len = (size_t)(newline - line->data) + 1;
        if (line->len > SOURCE_RECORD_MAX_BYTES)
            line->len = SOURCE_RECORD_MAX_BYTES + 1;
        if (newline || line->len == searched || line->len > SOURCE_RECORD_MAX_BYTES)
            return STATUS_OK;
        searched = line->len;
    }
}

enum status source_skip_line(struct source *source, struct error *error)
{
    for (;;) {
        struct slice window;
        enum status status = source_peek(source, 1, &window, error);
        if (status != STATUS_OK || window.len == 0)
            return status;
        const char *newline = memchr(window.data, '\n', window.len);
        source_skip(source, newline ? (size_t)(newline - window.data) + 1 : window.len);
        if (newline)
            return STATUS_OK;
    }
}

int64_t source_position_bytes(const struct source *source)
{
    return source->position_bytes;
}

int64_t source_size_bytes(const struct source *source)
{
    return source->size_bytes;
}

bool source_is_file(const struct source *source, const char *path)
{
    struct stat ours, other;
    return stat(path, &other) == 0 && fstat(source->fd, &ours) == 0 && ours.st_dev == other.st_dev &&
           ours.st_ino == other.st_ino;
}

void source_cancel(struct source *source)
{
    atomic_store(&source->cancelled, true);
}
