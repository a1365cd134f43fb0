/* SPDX-License-Identifier: MIT */
/*
 * Connections: two streams of bytes, each with what is under way and what has arrived.
 *
 *   write() -> [to_server] -> the server's queue -> executed -> [to_process] -> [arrived] -> read()
 *
 * Each arrow but the first and the last is an event with a latency of its own. Bytes stay in their order; they may be
 * cut anywhere. When the process closes its side, what it has written may still arrive and be executed: a command can
 * outlive its connection.
 *
 * Sentinels are two ports that answer every command: PING, and the address of the primary.
 */
#include "net.h"

#include <errno.h>
#include <fcntl.h>
#include <hiredis/hiredis.h>
#include <netdb.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "base/buf.h"
#include "base/mem.h"
#include "sim_redis.h"
#include "world.h"

enum { CONNS_MAX = 512, SENTINEL = 100 };

enum conn_state { CONN_FREE, CONN_NEW, CONN_CONNECTING, CONN_REFUSED, CONN_UP, CONN_ENDED, CONN_ORPHAN };

struct conn {
    enum conn_state state;
    uint64_t serial; /* moves when the slot is used again */
    struct process *process;
    unsigned server; /* SENTINEL and above: a sentinel */
    struct sim_client *client;
    struct buf to_server, to_process, arrived;
    size_t arrived_at;                /* how much of it was read */
    bool delivers, executes, returns; /* such an event is under way */
    bool is_reset;
    bool is_forgotten; /* half open: the server has lost it, and the process has not been told */
};

struct net net;

static struct conn conns[CONNS_MAX];

static struct conn *conn_of(int fd)
{
    return &conns[fd - NET_FD_BASE];
}

static int fd_of(const struct conn *conn)
{
    return NET_FD_BASE + (int)(conn - conns);
}

static bool is_sentinel(const struct conn *conn)
{
    return conn->server >= SENTINEL;
}

static struct net_server *server_of(const struct conn *conn)
{
    return is_sentinel(conn) ? NULL : &net.servers[conn->server];
}

static int64_t latency_us(void)
{
    switch (dice_below(&world.dice, 16)) {
    case 0:
        return dice_between(&world.dice, 0, net.most_us);
    case 1:
    case 2:
        return dice_between(&world.dice, 0, net.most_us / 8);
    default:
        return dice_between(&world.dice, 0, 100);
    }
}

static void conn_free(struct conn *conn)
{
    sim_client_free(conn->client);
    conn->client = NULL;
    conn->state = CONN_FREE;
    conn->serial++;
    buf_reset(&conn->to_server);
    buf_reset(&conn->to_process);
    buf_reset(&conn->arrived);
    conn->arrived_at = 0;
    conn->delivers = conn->executes = conn->returns = conn->is_reset = conn->is_forgotten = false;
}

static void buf_drop_front(struct buf *buf, size_t len)
{
    memmove(buf->data, buf->data + len, buf->len - len);
    buf->len -= len;
}

/* How many of so many bytes come at once. */
static size_t piece(size_t len)
{
    return net.cuts && len > 0 && dice_one_in(&world.dice, 8) ? 1 + dice_below(&world.dice, len) : len;
}

static bool is_held(const struct conn *conn)
{
    return net.is_cut_off[conn->process->number];
}

/* ---- Bytes on their way; the last step first ---- */

static void go_on(struct conn *conn);

static void on_returned(void *ctx, uint64_t serial)
{
    struct conn *conn = ctx;
    if (serial != conn->serial)
        return;
    conn->returns = false;
    if (is_held(conn) || conn->state != CONN_UP)
        return;
    size_t len = piece(conn->to_process.len);
    buf_append(&conn->arrived, conn->to_process.data, len);
    buf_drop_front(&conn->to_process, len);
    world_note('r', (uint64_t)fd_of(conn), len);
    if (conn->state == CONN_UP)
        process_poke(conn->process);
    go_on(conn);
}

static void sentinel_answer(struct conn *conn)
{
    struct buf *out = &conn->to_process;
    bool is_question = memmem(conn->to_server.data, conn->to_server.len, "get-master-addr", 15) != NULL;
    if (is_question && net.sentinels_say) {
        buf_append_text(out, net.sentinels_say);
    } else if (is_question) {
        char port[16];
        int len = snprintf(port, sizeof(port), "%u", NET_PORT + net.primary);
        buf_printf(out, "*2\r\n$9\r\n127.0.0.1\r\n$%d\r\n%s\r\n", len, port);
    } else {
        buf_append_text(out, "+PONG\r\n");
    }
    buf_reset(&conn->to_server);
}

static bool is_from(const struct conn *conn, unsigned server)
{
    return conn->client && conn->server == server;
}

void net_push(unsigned server)
{
    for (struct conn *conn = conns; conn < conns + CONNS_MAX; conn++) {
        struct buf *output = is_from(conn, server) ? sim_client_output(conn->client) : NULL;
        if (!output || output->len == 0 || !sim_client_is_subscribed(conn->client))
            continue;
        bool is_lost = net.messages_lost_in > 0 && dice_one_in(&world.dice, net.messages_lost_in);
        if (!is_lost && !net.is_unheard[conn->process->number])
            buf_append(&conn->to_process, output->data, output->len);
        buf_reset(output);
        go_on(conn);
    }
}

/* false: no whole command has come. */
static bool conn_execute(struct conn *conn)
{
    const struct sim_redis *redis = net.servers[conn->server].redis;
    unsigned push_count = redis->push_count;
    bool is_executed = sim_client_execute(conn->client);
    if (redis->push_count != push_count)
        net_push(conn->server);
    return is_executed;
}

static void on_executed(void *ctx, uint64_t serial)
{
    struct conn *conn = ctx;
    if (serial != conn->serial)
        return;
    conn->executes = false;
    const struct net_server *server = server_of(conn);
    if (!server || server->is_frozen || !conn->client)
        return;
    if (conn_execute(conn)) {
        world_note('x', (uint64_t)fd_of(conn), 0);
        conn->executes = true;
        world_after(dice_between(&world.dice, 1, 20), on_executed, conn, conn->serial);
    }
    struct buf *output = sim_client_output(conn->client);
    buf_append(&conn->to_process, output->data, output->len);
    buf_reset(output);
    go_on(conn);
}

static void on_delivered(void *ctx, uint64_t serial)
{
    struct conn *conn = ctx;
    if (serial != conn->serial)
        return;
    conn->delivers = false;
    if (is_held(conn) || (conn->state != CONN_UP && conn->state != CONN_ORPHAN))
        return;
    if (is_sentinel(conn)) {
        sentinel_answer(conn);
        go_on(conn);
        return;
    }
    if (conn->is_forgotten) {
        buf_reset(&conn->to_server);
        go_on(conn);
        return;
    }
    size_t len = piece(conn->to_server.len);
    sim_client_feed(conn->client, (struct slice){conn->to_server.data, len});
    buf_drop_front(&conn->to_server, len);
    world_note('d', (uint64_t)fd_of(conn), len);
    if (!conn->executes) {
        conn->executes = true;
        world_after(dice_between(&world.dice, 0, 30), on_executed, conn, conn->serial);
    }
    go_on(conn);
}

static void go_on(struct conn *conn)
{
    if (conn->state != CONN_UP && conn->state != CONN_ORPHAN)
        return;
    if (conn->to_server.len > 0 && !conn->delivers && !is_held(conn)) {
        conn->delivers = true;
        world_after(latency_us(), on_delivered, conn, conn->serial);
    }
    if (conn->state == CONN_ORPHAN) {
        if (conn->to_server.len == 0 && !conn->executes && !conn->delivers)
            conn_free(conn);
        return;
    }
    if (conn->to_process.len > 0 && !conn->returns && !is_held(conn)) {
        conn->returns = true;
        world_after(latency_us(), on_returned, conn, conn->serial);
    }
}

void net_go_on(void)
{
    for (struct conn *conn = conns; conn < conns + CONNS_MAX; conn++) {
        if (conn->state == CONN_FREE)
            continue;
        if (conn->client && !conn->executes) {
            conn->executes = true;
            world_after(dice_between(&world.dice, 0, 50), on_executed, conn, conn->serial);
        }
        go_on(conn);
    }
}

/* ---- What the processes call ---- */

static void on_connected(void *ctx, uint64_t serial)
{
    struct conn *conn = ctx;
    if (serial != conn->serial || conn->state != CONN_CONNECTING)
        return;
    if (is_held(conn))
        return; /* until the process gives up */
    const struct net_server *server = server_of(conn);
    bool is_there = server ? server->redis && !server->refuses : !net.sentinels_away;
    conn->state = is_there ? CONN_UP : CONN_REFUSED;
    if (is_there && server)
        conn->client = sim_client_new(server->redis);
    world_note('c', (uint64_t)fd_of(conn), is_there);
    process_poke(conn->process);
    go_on(conn);
}

int __real_socket(int domain, int type, int protocol);
int __wrap_socket(int domain, int type, int protocol);
int __wrap_connect(int fd, const struct sockaddr *address, socklen_t len);
ssize_t __real_read(int fd, void *bytes, size_t len);
ssize_t __wrap_read(int fd, void *bytes, size_t len);
ssize_t __real_write(int fd, const void *bytes, size_t len);
ssize_t __wrap_write(int fd, const void *bytes, size_t len);
int __real_close(int fd);
int __wrap_close(int fd);
int __wrap_getsockopt(int fd, int level, int name, void *value, socklen_t *len);
int __wrap_setsockopt(int fd, int level, int name, const void *value, socklen_t len);
int __real_fcntl(int fd, int command, ...);
int __wrap_fcntl(int fd, int command, ...);
int __wrap_poll(struct pollfd *fds, nfds_t count, int timeout_ms);

int __wrap_socket(int domain, int type, int protocol)
{
    (void)domain, (void)type, (void)protocol;
    struct conn *conn = conns;
    while (conn < conns + CONNS_MAX && conn->state != CONN_FREE)
        conn++;
    if (conn == conns + CONNS_MAX) {
        errno = EMFILE;
        return -1;
    }
    conn->state = CONN_NEW;
    conn->process = process_current();
    return fd_of(conn);
}

static unsigned server_number(const struct sockaddr *address)
{
    if (address->sa_family == AF_UNIX)
        return (unsigned)(((const struct sockaddr_un *)address)->sun_path[2] - '0');
    unsigned port = ntohs(((const struct sockaddr_in *)address)->sin_port);
    return port >= NET_SENTINEL_PORT ? SENTINEL + port - NET_SENTINEL_PORT : port - NET_PORT;
}

int __wrap_connect(int fd, const struct sockaddr *address, socklen_t len)
{
    struct conn *conn = conn_of(fd);
    (void)len;
    conn->server = server_number(address);
    conn->state = CONN_CONNECTING;
    if (address->sa_family == AF_UNIX && !is_held(conn)) { /* a unix socket's answer is known at once */
        struct process *before = process_enter(NULL);
        on_connected(conn, conn->serial);
        process_enter(before);
        if (conn->state == CONN_UP)
            return 0;
        errno = ECONNREFUSED;
        return -1;
    }
    world_after(latency_us(), on_connected, conn, conn->serial);
    errno = EINPROGRESS;
    return -1;
}

ssize_t __wrap_read(int fd, void *bytes, size_t len)
{
    if (fd < NET_FD_BASE)
        return __real_read(fd, bytes, len);
    struct conn *conn = conn_of(fd);
    size_t left = conn->arrived.len - conn->arrived_at;
    if (conn->is_reset) {
        errno = ECONNRESET;
        return -1;
    }
    if (left == 0) {
        errno = EAGAIN;
        return conn->state == CONN_ENDED ? 0 : -1;
    }
    size_t count = left < len ? left : len;
    memcpy(bytes, conn->arrived.data + conn->arrived_at, count);
    conn->arrived_at += count;
    if (conn->arrived_at == conn->arrived.len) {
        buf_reset(&conn->arrived);
        conn->arrived_at = 0;
    }
    return (ssize_t)count;
}

ssize_t __wrap_write(int fd, const void *bytes, size_t len)
{
    if (fd < NET_FD_BASE)
        return __real_write(fd, bytes, len);
    struct conn *conn = conn_of(fd);
    if (conn->state != CONN_UP) {
        errno = conn->state == CONN_CONNECTING ? EAGAIN : EPIPE;
        return -1;
    }
    size_t count = piece(len);
    struct process *before = process_enter(NULL);
    buf_append(&conn->to_server, bytes, count);
    process_enter(before);
    go_on(conn);
    return (ssize_t)count;
}

static void conn_close(struct conn *conn)
{
    if (conn->state == CONN_UP && conn->to_server.len > 0 && dice_one_in(&world.dice, 2))
        conn->to_server.len = dice_below(&world.dice, conn->to_server.len + 1); /* the rest is lost */
    conn->state = conn->state == CONN_UP && !is_sentinel(conn) ? CONN_ORPHAN : CONN_ENDED;
    if (conn->state == CONN_ORPHAN)
        go_on(conn);
    else
        conn_free(conn);
}

int __wrap_close(int fd)
{
    if (fd < NET_FD_BASE)
        return __real_close(fd);
    struct process *before = process_enter(NULL);
    conn_close(conn_of(fd));
    process_enter(before);
    return 0;
}

int __wrap_getsockopt(int fd, int level, int name, void *value, socklen_t *len)
{
    (void)level, (void)name, (void)len;
    const struct conn *conn = conn_of(fd);
    *(int *)value = conn->state == CONN_REFUSED ? ECONNREFUSED : conn->is_reset ? ECONNRESET : 0;
    return 0;
}

int __wrap_setsockopt(int fd, int level, int name, const void *value, socklen_t len)
{
    (void)fd, (void)level, (void)name, (void)value, (void)len;
    return 0;
}

int __wrap_fcntl(int fd, int command, ...)
{
    va_list args;
    va_start(args, command);
    void *argument = va_arg(args, void *);
    va_end(args);
    return fd < NET_FD_BASE ? __real_fcntl(fd, command, argument) : 0;
}

/* Nobody waits here: redis_wire.c asks what there is now, and hiredis waits for blocking connections only. */
int __wrap_poll(struct pollfd *fds, nfds_t count, int timeout_ms)
{
    int ready_count = 0;
    (void)timeout_ms;
    for (nfds_t i = 0; i < count; i++) {
        int ready = (net_is_readable(fds[i].fd) ? POLLIN : 0) | (net_is_writable(fds[i].fd) ? POLLOUT : 0);
        fds[i].revents = (short)(ready & fds[i].events);
        ready_count += fds[i].revents != 0;
    }
    return ready_count;
}

redisContext *__real_redisConnectNonBlock(const char *host, int port);
redisContext *__wrap_redisConnectNonBlock(const char *host, int port);
redisContext *__real_redisConnectUnixNonBlock(const char *path);
redisContext *__wrap_redisConnectUnixNonBlock(const char *path);

redisContext *__wrap_redisConnectNonBlock(const char *host, int port)
{
    return net.has_no_memory ? NULL : __real_redisConnectNonBlock(host, port);
}

redisContext *__wrap_redisConnectUnixNonBlock(const char *path)
{
    return net.has_no_memory ? NULL : __real_redisConnectUnixNonBlock(path);
}

bool net_is_readable(int fd)
{
    const struct conn *conn = conn_of(fd);
    return conn->arrived.len > conn->arrived_at || conn->is_reset || conn->state == CONN_ENDED ||
           conn->state == CONN_REFUSED;
}

bool net_is_writable(int fd)
{
    const struct conn *conn = conn_of(fd);
    return conn->state == CONN_UP || conn->state == CONN_REFUSED || conn->state == CONN_ENDED;
}

/* ---- What the world does to them ---- */

void net_drop_all(struct process *process)
{
    for (struct conn *conn = conns; conn < conns + CONNS_MAX; conn++)
        if (conn->state != CONN_FREE && conn->state != CONN_ORPHAN && conn->process == process)
            conn_close(conn);
}

static void conn_cut(struct conn *conn)
{
    conn->is_reset = dice_one_in(&world.dice, 2);
    if (!conn->is_reset)
        buf_append(&conn->arrived, conn->to_process.data, dice_below(&world.dice, conn->to_process.len + 1));
    size_t rest = dice_below(&world.dice, conn->to_server.len + 1);
    if (conn->client && rest > 0)
        sim_client_feed(conn->client, (struct slice){conn->to_server.data, rest});
    while (conn->client && dice_one_in(&world.dice, 2) && conn_execute(conn))
        ;
    sim_client_free(conn->client);
    conn->client = NULL;
    conn->state = CONN_ENDED;
    process_poke(conn->process);
}

static bool is_live(const struct conn *conn)
{
    return conn->state == CONN_UP && !is_sentinel(conn);
}

void net_cut(const struct process *process)
{
    for (struct conn *conn = conns; conn < conns + CONNS_MAX; conn++)
        if (is_live(conn) && (!process || conn->process == process))
            conn_cut(conn);
}

bool net_is_awaiting(const struct process *process)
{
    for (struct conn *conn = conns; conn < conns + CONNS_MAX; conn++)
        if (is_live(conn) && conn->process == process && (conn->to_server.len > 0 || conn->to_process.len > 0))
            return true;
    return false;
}

bool net_cut_messages(const struct process *process)
{
    bool is_cut = false;
    for (struct conn *conn = conns; conn < conns + CONNS_MAX; conn++)
        if (is_live(conn) && conn->process == process && conn->client && sim_client_is_subscribed(conn->client)) {
            conn_cut(conn);
            is_cut = true;
        }
    return is_cut;
}

void net_forget(const struct process *process)
{
    for (struct conn *conn = conns; conn < conns + CONNS_MAX; conn++)
        if (is_live(conn) && conn->process == process) {
            sim_client_free(conn->client);
            conn->client = NULL;
            conn->is_forgotten = true;
        }
}

void net_cut_server(unsigned server)
{
    for (struct conn *conn = conns; conn < conns + CONNS_MAX; conn++)
        if (conn->state == CONN_ORPHAN && conn->server == server)
            conn_free(conn);
        else if (is_live(conn) && conn->server == server)
            conn_cut(conn);
}

void net_begin(int64_t most_us, bool cuts)
{
    net = (struct net){.most_us = most_us, .cuts = cuts};
    for (struct conn *conn = conns; conn < conns + CONNS_MAX; conn++)
        conn->serial = 0;
}

void net_end(void)
{
    for (struct conn *conn = conns; conn < conns + CONNS_MAX; conn++)
        if (conn->state != CONN_FREE)
            conn_free(conn);
    for (unsigned i = 0; i < NET_SERVERS; i++)
        sim_redis_free(net.servers[i].redis);
    net = (struct net){0};
}
