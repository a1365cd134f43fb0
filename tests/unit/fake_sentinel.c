/* SPDX-License-Identifier: MIT */
/*
 * A command comes whole, or with others in one read: it is small, and this is the loopback. So looking for words is parsing enough.
 */
#include "fake_sentinel.h"

#include "testing.h"

#include <netinet/in.h>
#include <sys/socket.h>

#include "poll_events.h"

static void client_close(struct fake_client *client)
{
    poll_events()->watch_free(client->watch);
    close(client->fd);
    client->fd = -1;
}

static void client_say(const struct fake_client *client, const char *text)
{
    assert_int_equal(send(client->fd, text, strlen(text), MSG_NOSIGNAL), strlen(text));
}

static void client_greet(struct fake_client *client, const char *text)
{
    const char *password = client->sentinel->password;
    bool is_known = password[0] && strstr(text, password);
    if (strstr(text, "AUTH"))
        client_say(client, is_known ? "+OK\r\n" : "-WRONGPASS invalid username-password pair or user is disabled.\r\n");
    client->is_in = !password[0] || is_known;
    client_say(client, client->is_in ? "+PONG\r\n" : "-NOAUTH Authentication required.\r\n");
}

static void on_client(void *ctx, bool readable, bool writable)
{
    struct fake_client *client = ctx;
    struct fake_sentinel *sentinel = client->sentinel;
    char text[512];
    (void)readable, (void)writable;
    ssize_t len = read(client->fd, text, sizeof(text) - 1);
    if (len <= 0) {
        client_close(client);
        return;
    }
    text[len] = '\0';
    if (strstr(text, "PING"))
        client_greet(client, text);
    if (!strstr(text, "get-master-addr-by-name"))
        return;
    sentinel->asked++;
    snprintf(sentinel->question, sizeof(sentinel->question), "%.*s", (int)sizeof(sentinel->question) - 1, text);
    client_say(client, sentinel->answer);
}

static void on_listener(void *ctx, bool readable, bool writable)
{
    struct fake_sentinel *sentinel = ctx;
    (void)readable, (void)writable;
    int fd = accept(sentinel->listener, NULL, NULL);
    assert_true(fd >= 0);
    struct fake_client *client = sentinel->clients;
    while (client->fd >= 0)
        assert_true(++client < sentinel->clients + FAKE_SENTINEL_CLIENTS);
    *client = (struct fake_client){.sentinel = sentinel, .fd = fd};
    client->watch = poll_events()->watch_new(NULL, fd, on_client, client);
    poll_events()->watch_want(client->watch, true, false);
}

void fake_sentinel_begin(struct fake_sentinel *sentinel)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof(address);
    *sentinel = (struct fake_sentinel){.answer = "*-1\r\n"};
    for (int i = 0; i < FAKE_SENTINEL_CLIENTS; i++)
        sentinel->clients[i].fd = -1;
    sentinel->listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(sentinel->listener, (struct sockaddr *)&address, len), 0);
    assert_int_equal(getsockname(sentinel->listener, (struct sockaddr *)&address, &len), 0);
    assert_int_equal(listen(sentinel->listener, FAKE_SENTINEL_CLIENTS), 0);
    sentinel->port = ntohs(address.sin_port);
    sentinel->watch = poll_events()->watch_new(NULL, sentinel->listener, on_listener, sentinel);
    poll_events()->watch_want(sentinel->watch, true, false);
}

void fake_sentinel_end(struct fake_sentinel *sentinel)
{
    for (int i = 0; i < FAKE_SENTINEL_CLIENTS; i++)
        if (sentinel->clients[i].fd >= 0)
            client_close(&sentinel->clients[i]);
    poll_events()->watch_free(sentinel->watch);
    close(sentinel->listener);
}

void fake_sentinel_name(struct fake_sentinel *sentinel, int port)
{
    char digits[12];
    int len = snprintf(digits, sizeof(digits), "%d", port);
    snprintf(sentinel->answer, sizeof(sentinel->answer), "*2\r\n$9\r\n127.0.0.1\r\n$%d\r\n%s\r\n", len, digits);
}
