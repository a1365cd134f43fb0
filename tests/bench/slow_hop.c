/* SPDX-License-Identifier: MIT */
/*
 * A network hop of some length on one machine: slow_hop PORT SOCKET DELAY_US. It listens on 127.0.0.1:PORT (TCP), makes a
 * connection to the unix socket SOCKET for each one that comes, and hands on what either side sends DELAY_US after it
 * has come. So a round trip takes twice as long as that, and what the hop itself costs: hop.py measures it.
 *
 * Bytes do not wait for bytes before them: each piece has its own time, as on a wire. A piece is what one read() gives.
 *
 * Does not: lose, reorder or slow down by volume. A side that closes closes the other one at once.
 */
#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

enum { WAYS_MAX = 64, PIECES_MAX = 256, PIECE_BYTES = 16384 };

struct piece {
    int64_t due_ns;
    ssize_t len;
    char bytes[PIECE_BYTES];
};

/* From one side to the other; those of a connection are neighbours. */
struct way {
    int from, to;
    size_t first, count;
    struct piece *pieces; /* a ring */
};

static struct way ways[WAYS_MAX];
static size_t way_count;

static int64_t now_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * INT64_C(1000000000) + now.tv_nsec;
}

static int must(int result, const char *what)
{
    if (result < 0) {
        perror(what);
        exit(EXIT_FAILURE);
    }
    return result;
}

static int tcp_listen(const char *port)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)atoi(port))};
    int on = 1, fd = must(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), "socket");
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
    must(bind(fd, (struct sockaddr *)&address, sizeof(address)), port);
    must(listen(fd, WAYS_MAX), "listen");
    return fd;
}

static int unix_connect(const char *path)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int fd = must(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0), "socket");
    snprintf(address.sun_path, sizeof(address.sun_path), "%s", path);
    must(connect(fd, (struct sockaddr *)&address, sizeof(address)), path);
    return fd;
}

static void pair_add(int near, int far)
{
    int on = 1;
    setsockopt(near, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    for (int back = 0; back < 2; back++) {
        struct way *way = &ways[way_count++];
        *way = (struct way){.from = back ? far : near, .to = back ? near : far};
        way->pieces = malloc(PIECES_MAX * sizeof(*way->pieces));
        must(way->pieces ? 0 : -1, "memory");
    }
}

static void pair_remove(size_t at)
{
    at -= at % 2;
    close(ways[at].from);
    close(ways[at].to);
    free(ways[at].pieces);
    free(ways[at + 1].pieces);
    way_count -= 2;
    memmove(&ways[at], &ways[at + 2], (way_count - at) * sizeof(ways[0]));
}

static int way_take(struct way *way, int64_t delay_ns)
{
    struct piece *piece = &way->pieces[(way->first + way->count++) % PIECES_MAX];
    piece->len = read(way->from, piece->bytes, PIECE_BYTES);
    piece->due_ns = now_ns() + delay_ns;
    return piece->len > 0;
}

static int way_give(struct way *way)
{
    for (; way->count > 0 && way->pieces[way->first].due_ns <= now_ns(); way->count--) {
        const struct piece *piece = &way->pieces[way->first];
        if (send(way->to, piece->bytes, (size_t)piece->len, MSG_NOSIGNAL) != piece->len)
            return 0;
        way->first = (way->first + 1) % PIECES_MAX;
    }
    return 1;
}

static int64_t next_due_ns(void)
{
    int64_t next = INT64_MAX;
    for (size_t i = 0; i < way_count; i++)
        if (ways[i].count > 0 && ways[i].pieces[ways[i].first].due_ns < next)
            next = ways[i].pieces[ways[i].first].due_ns;
    return next;
}

static void wait_for(struct pollfd *polled, int listen_fd)
{
    polled[way_count] = (struct pollfd){.fd = listen_fd, .events = POLLIN};
    for (size_t i = 0; i < way_count; i++)
        polled[i] = (struct pollfd){.fd = ways[i].from, .events = ways[i].count < PIECES_MAX ? POLLIN : 0};
    int64_t due_ns = next_due_ns(), left_ns = due_ns - now_ns();
    left_ns = left_ns > 0 ? left_ns : 0;
    struct timespec left = {.tv_sec = left_ns / 1000000000, .tv_nsec = left_ns % 1000000000};
    must(ppoll(polled, way_count + 1, due_ns == INT64_MAX ? NULL : &left, NULL), "ppoll");
}

int main(int argc, char **argv)
{
    if (argc != 4) {
        fprintf(stderr, "usage: slow_hop PORT SOCKET DELAY_US\n");
        return EXIT_FAILURE;
    }
    int listen_fd = tcp_listen(argv[1]);
    int64_t delay_ns = atoll(argv[3]) * 1000;
    prctl(PR_SET_TIMERSLACK, 1UL);
    for (;;) {
        struct pollfd polled[WAYS_MAX + 1];
        size_t count = way_count;
        wait_for(polled, listen_fd);
        for (size_t i = count; i-- > 0;)
            if (i < way_count && ((polled[i].revents && !way_take(&ways[i], delay_ns)) || !way_give(&ways[i])))
                pair_remove(i);
        if (polled[count].revents && way_count < WAYS_MAX)
            pair_add(accept4(listen_fd, NULL, NULL, SOCK_CLOEXEC), unix_connect(argv[2]));
    }
}
