/* SPDX-License-Identifier: MIT */
/*
 * A proxy that can swallow what MongoDB answers, in a thread of the test. It needs a server without TLS and passwords; with
 * another kind the test says so and is skipped.
 */
#include "proxy.h"

#include <arpa/inet.h>
#include <netdb.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/mem.h"
#include "fixture.h"

int proxy_listen(unsigned *port)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
    socklen_t len = sizeof(address);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    bug_unless(fd >= 0 && bind(fd, (struct sockaddr *)&address, len) == 0 && listen(fd, 16) == 0, "no free port");
    getsockname(fd, (struct sockaddr *)&address, &len);
    *port = ntohs(address.sin_port);
    return fd;
}

static void proxy_accept(struct proxy *proxy)
{
    int client = accept(proxy->listen_fd, NULL, NULL);
    int server = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    bug_unless(client >= 0 && proxy->fd_count + 2 <= PROXY_FD_MAX, "the proxy has no room");
    bug_unless(connect(server, (struct sockaddr *)&proxy->server, sizeof(proxy->server)) == 0, "the server went away");
    proxy->fds[proxy->fd_count++] = client;
    proxy->fds[proxy->fd_count++] = server;
}

/* Even fds are clients; what comes from an odd one, a server, is an answer. */
static bool is_let_through(struct proxy *proxy, size_t at, const char *bytes, size_t len)
{
    bool is_answer = at % 2 == 1;
    const char *word = atomic_load(&proxy->mute_from);
    if (!is_answer && word && memmem(bytes, len, word, strlen(word)))
        atomic_store(&proxy->mute, true);
    return proxy->fds[at ^ 1] >= 0 && !(is_answer && atomic_load(&proxy->mute));
}

static void proxy_forward(struct proxy *proxy, size_t at)
{
    char bytes[65536];
    ssize_t len = read(proxy->fds[at], bytes, sizeof(bytes));
    if (len <= 0) {
        shutdown(proxy->fds[at ^ 1], SHUT_RDWR);
        close(proxy->fds[at]);
        proxy->fds[at] = -1;
    } else if (is_let_through(proxy, at, bytes, (size_t)len)) {
        len = send(proxy->fds[at ^ 1], bytes, (size_t)len, MSG_NOSIGNAL);
    }
}

static void *run(void *ctx)
{
    struct proxy *proxy = ctx;
    while (!atomic_load(&proxy->stop)) {
        struct pollfd polls[PROXY_FD_MAX + 1] = {{.fd = proxy->listen_fd, .events = POLLIN}};
        size_t count = proxy->fd_count;
        for (size_t i = 0; i < count; i++)
            polls[i + 1] = (struct pollfd){.fd = proxy->fds[i], .events = POLLIN};
        poll(polls, count + 1, 20);
        for (size_t i = 0; i < count; i++)
            if (polls[i + 1].revents && proxy->fds[i] >= 0)
                proxy_forward(proxy, i);
        if (polls[0].revents)
            proxy_accept(proxy);
    }
    return NULL;
}

bool proxy_start(struct proxy *proxy, const char *uri)
{
    char host[FIXTURE_HOST_MAX], port[8];
    struct addrinfo hints = {.ai_family = AF_INET, .ai_socktype = SOCK_STREAM};
    struct addrinfo *found;
    if (strchr(uri, '@') || strstr(uri, "tls=true") || !fixture_mongo_primary(uri, host, port) ||
        getaddrinfo(host, port, &hints, &found) != 0)
        return false;
    memcpy(&proxy->server, found->ai_addr, sizeof(proxy->server));
    freeaddrinfo(found);
    proxy->listen_fd = proxy_listen(&proxy->port);
    return pthread_create(&proxy->thread, NULL, run, proxy) == 0;
}

void proxy_stop(struct proxy *proxy)
{
    atomic_store(&proxy->stop, true);
    pthread_join(proxy->thread, NULL);
    for (size_t i = 0; i < proxy->fd_count; i++)
        if (proxy->fds[i] >= 0)
            close(proxy->fds[i]);
    close(proxy->listen_fd);
}

/* A set's other members would be found around the proxy. */
struct store *proxy_open(const struct proxy *proxy, const struct fixture *fixture)
{
    struct fixture through = {0};
    const char *path = strchr(fixture->uri + strlen("mongodb://"), '/');
    snprintf(through.uri, sizeof(through.uri), "mongodb://127.0.0.1:%u%s%sdirectConnection=true", proxy->port, path,
             strchr(path, '?') ? "&" : "?");
    return fixture_open(&through, 1000);
}

void proxy_open_again(struct proxy *proxy, struct store *store)
{
    int64_t began_ms = clock_monotonic_ms();
    atomic_store(&proxy->mute, false);
    while (store_prepare(store, NULL) != STATUS_OK)
        assert_true(clock_monotonic_ms() - began_ms < 20000);
}
