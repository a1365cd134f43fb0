/* SPDX-License-Identifier: MIT */
/*
 * What the loader's unit tests share: input from memory, and BSON documents made by hand, byte by byte, so that no library
 * that reads them here has also written them.
 */
#ifndef TESTS_UNIT_LOAD_TESTING_H
#define TESTS_UNIT_LOAD_TESTING_H

#include "testing.h"

#include <sys/mman.h>
#include <zlib.h>

#include "base/buf.h"
#include "load/format.h"
#include "load/reader.h"

#define LOAD_NOW_MS INT64_C(1700000000000)

static const struct format_options LOAD_FORMAT = {.now_ms = LOAD_NOW_MS};

/* ---- Input ---- */

static inline int fd_of(struct slice bytes)
{
    int fd = memfd_create("input", MFD_CLOEXEC);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, bytes.data, bytes.len), bytes.len);
    assert_int_equal(lseek(fd, 0, SEEK_SET), 0);
    return fd;
}

static inline struct source *source_of(struct slice bytes)
{
    struct source *source;
    struct error error;
    assert_int_equal(source_open_fd(&source, fd_of(bytes), "input", &error), STATUS_OK);
    return source;
}

static inline struct reader *reader_of(struct slice bytes)
{
    struct reader *reader;
    struct error error = {0};
    if (format_open(&reader, source_of(bytes), &LOAD_FORMAT, &error) != STATUS_OK) {
        print_error("format_open: %s\n", error.text);
        fail();
    }
    return reader;
}

/* Appends a gzip member; several of them are one stream. */
static inline void append_gzip(struct buf *out, struct slice plain)
{
    z_stream stream = {0};
    assert_int_equal(deflateInit2(&stream, 6, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY), Z_OK);
    size_t room = deflateBound(&stream, plain.len);
    stream.next_in = (unsigned char *)(uintptr_t)plain.data;
    stream.avail_in = (uInt)plain.len;
    stream.next_out = (unsigned char *)buf_reserve(out, room);
    stream.avail_out = (uInt)room;
    assert_int_equal(deflate(&stream, Z_FINISH), Z_STREAM_END);
    buf_advance(out, stream.total_out);
    deflateEnd(&stream);
}

/* The reader's next row must be good and have this id and name. */
#define assert_row(...) assert_row_at(__FILE__, __LINE__, __VA_ARGS__)

static inline void assert_row_at(const char *file, int line, struct reader *reader, struct arena *arena, const char *id,
                                 const char *name)
{
    struct row row;
    struct error error = {0};
    enum status status = reader_next(reader, arena, &row, &error);
    if (status != STATUS_OK) {
        print_error("%s:%d: row \"%s\": %s: %s\n", file, line, id, status_name(status), error.text);
        _fail(file, line);
    }
    assert_text_at(file, line, id, slice_of(row.todo.id), slice_of(id));
    assert_text_at(file, line, id, row.todo.name, slice_of(name));
}

/* The reader's next answer is status, and its text contains part. */
#define assert_next(...) assert_next_at(__FILE__, __LINE__, __VA_ARGS__)

static inline struct row assert_next_at(const char *file, int line, struct reader *reader, struct arena *arena,
                                        enum status status, const char *part)
{
    struct row row;
    struct error error = {0};
    enum status got = reader_next(reader, arena, &row, &error);
    if (got != status || !strstr(error.text, part)) {
        print_error("%s:%d: got %s \"%s\", want %s \"%s\"\n", file, line, status_name(got), error.text,
                    status_name(status), part);
        _fail(file, line);
    }
    return row;
}

/* ---- BSON ---- */

static inline void bson_put_int32(struct buf *buf, uint32_t value)
{
    for (int shift = 0; shift < 32; shift += 8)
        buf_append_char(buf, (char)(value >> shift));
}

static inline void bson_put_int64(struct buf *buf, uint64_t value)
{
    bson_put_int32(buf, (uint32_t)value);
    bson_put_int32(buf, (uint32_t)(value >> 32));
}

/* Begins a document; bson_end() wants what this returns. */
static inline size_t bson_begin(struct buf *buf)
{
    bson_put_int32(buf, 0);
    return buf->len - 4;
}

static inline void bson_end(struct buf *buf, size_t begin)
{
    buf_append_char(buf, '\0');
    uint32_t len = (uint32_t)(buf->len - begin);
    for (int i = 0; i < 4; i++)
        buf->data[begin + (size_t)i] = (char)(len >> 8 * i);
}

static inline void bson_put_name(struct buf *buf, char type, const char *name)
{
    buf_append_char(buf, type);
    buf_append(buf, name, strlen(name) + 1);
}

static inline void bson_put_text(struct buf *buf, const char *name, const char *text)
{
    bson_put_name(buf, 0x02, name);
    bson_put_int32(buf, (uint32_t)strlen(text) + 1);
    buf_append(buf, text, strlen(text) + 1);
}

static inline void bson_put_bool(struct buf *buf, const char *name, bool value)
{
    bson_put_name(buf, 0x08, name);
    buf_append_char(buf, value);
}

static inline void bson_put_date(struct buf *buf, const char *name, int64_t at_ms)
{
    bson_put_name(buf, 0x09, name);
    bson_put_int64(buf, (uint64_t)at_ms);
}

static inline void bson_put_long(struct buf *buf, const char *name, int64_t value)
{
    bson_put_name(buf, 0x12, name);
    bson_put_int64(buf, (uint64_t)value);
}

/* {"_id": id, "name": name} */
static inline void bson_put_row(struct buf *buf, const char *id, const char *name)
{
    size_t begin = bson_begin(buf);
    bson_put_text(buf, "_id", id);
    bson_put_text(buf, "name", name);
    bson_end(buf, begin);
}

#endif
