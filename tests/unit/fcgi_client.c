/* SPDX-License-Identifier: MIT */
/*
 * A FastCGI peer for unit tests (FastCGI 1.0, 3.3 and 5): blocking, one request id, no checks on what it sends.
 *
 * It shares nothing with the code under test, libfcgi included, so that a mistake there can't hide here. What it reads it
 * reads strictly: a record of another version or request fails the test.
 */
#include "fcgi_client.h"

#include <poll.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>

#include "testing.h"

enum { HEADER_BYTES = 8, STDIN_CHUNK_BYTES = 32768, REQUEST_ID = 1 };

void record_append(struct buf *out, enum record_type type, const void *content, size_t len)
{
    unsigned char header[HEADER_BYTES] = {1, (unsigned char)type, 0, REQUEST_ID};
    assert_true(len <= 65535);
    header[4] = (unsigned char)(len >> 8);
    header[5] = (unsigned char)len;
    buf_append(out, header, sizeof(header));
    buf_append(out, content, len);
}

static void length_append(struct buf *out, size_t len)
{
    if (len < 128) {
        buf_append_char(out, (char)len);
        return;
    }
    buf_append_char(out, (char)(0x80 | len >> 24));
    buf_append_char(out, (char)(len >> 16));
    buf_append_char(out, (char)(len >> 8));
    buf_append_char(out, (char)len);
}

void param_append(struct buf *out, const char *name, const char *value)
{
    length_append(out, strlen(name));
    length_append(out, strlen(value));
    buf_append_text(out, name);
    buf_append_text(out, value);
}

void request_append(struct buf *out, const char *method, const char *path, const char *body, size_t body_len, bool keep)
{
    const unsigned char begin[8] = {0, 1, keep ? 1 : 0};
    struct buf params;
    buf_init(&params);
    param_append(&params, "REQUEST_METHOD", method);
    param_append(&params, "DOCUMENT_URI", path);
    param_append(&params, "QUERY_STRING", "");
    record_append(out, RECORD_BEGIN, begin, sizeof(begin));
    record_append(out, RECORD_PARAMS, params.data, params.len);
    record_append(out, RECORD_PARAMS, "", 0);
    for (size_t sent = 0; sent < body_len; sent += STDIN_CHUNK_BYTES) {
        size_t left = body_len - sent;
        record_append(out, RECORD_STDIN, body + sent, left < STDIN_CHUNK_BYTES ? left : STDIN_CHUNK_BYTES);
    }
    record_append(out, RECORD_STDIN, "", 0);
    buf_fini(&params);
}

int client_connect(const char *path)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    struct timeval limit = {.tv_sec = 5};
    snprintf(address.sun_path, sizeof(address.sun_path), "%s", path);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_true(fd >= 0);
    assert_int_equal(connect(fd, (struct sockaddr *)&address, sizeof(address)), 0);
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
    return fd;
}

void client_send(int fd, const struct buf *bytes)
{
    size_t sent = 0;
    while (sent < bytes->len) {
        ssize_t wrote = send(fd, bytes->data + sent, bytes->len - sent, MSG_NOSIGNAL);
        if (wrote <= 0)
            return; /* the peer has closed: the test looks at what it answers */
        sent += (size_t)wrote;
    }
}

static bool read_exactly(int fd, char *to, size_t len)
{
    size_t got = 0;
    while (got < len) {
        ssize_t count = recv(fd, to + got, len - got, 0);
        if (count <= 0)
            return false;
        got += (size_t)count;
    }
    return true;
}

void client_read(int fd, struct client_answer *answer)
{
    unsigned char header[HEADER_BYTES];
    *answer = (struct client_answer){0};
    while (!answer->ended && read_exactly(fd, (char *)header, sizeof(header))) {
        size_t len = (size_t)header[4] << 8 | header[5];
        char content[65536 + 256];
        assert_int_equal(header[0], 1);
        assert_int_equal(header[3], REQUEST_ID);
        if (!read_exactly(fd, content, len + header[6]))
            return;
        if (header[1] == RECORD_STDOUT)
            buf_append(&answer->out, content, len);
        else if (header[1] == RECORD_STDERR)
            answer->stderr_records++;
        else
            answer->ended = header[1] == RECORD_END;
    }
}

void answer_fini(struct client_answer *answer)
{
    buf_fini(&answer->out);
}

int client_peek(int fd, int wait_ms)
{
    struct pollfd ready = {.fd = fd, .events = POLLIN};
    char byte;
    if (poll(&ready, 1, wait_ms) == 0)
        return -1;
    return recv(fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT) == 1;
}
