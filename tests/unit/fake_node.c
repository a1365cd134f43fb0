/* SPDX-License-Identifier: MIT */
/* A command is an array of texts, so it is read as a reply would be. */
#include "fake_node.h"

#include "testing.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include "base/arena.h"
#include "poll_events.h"
#include "redis/redis_reply.h"

static void client_close(struct fake_node_client *client)
{
    poll_events()->watch_free(client->watch);
    close(client->fd);
    buf_fini(&client->in);
    client->fd = -1;
}

static void client_say(const struct fake_node_client *client, const char *text)
{
    assert_int_equal(send(client->fd, text, strlen(text), MSG_NOSIGNAL), strlen(text));
}

static bool is_like(const char *command, const char *wanted)
{
    size_t len = strlen(wanted);
    bool is_begin = len > 0 && wanted[len - 1] == '*';
    return is_begin ? strncmp(command, wanted, len - 1) == 0 : strcmp(command, wanted) == 0;
}

static struct fake_rule *rule_find(struct fake_node *node, const char *command)
{
    for (struct fake_rule *rule = node->rules; rule < node->rules + FAKE_NODE_RULES; rule++)
        if (rule->times_left > 0 && is_like(command, rule->command))
            return rule;
    return NULL;
}

/* False: it has hung up. */
static bool client_answer(struct fake_node_client *client, const char *command)
{
    struct fake_node *node = client->node;
    char port[16];
    if (strncmp(command, "PING", 4) == 0 || strncmp(command, "SELECT", 6) == 0) {
        client_say(client, "+OK\r\n");
        return true;
    }
    if (strcmp(command, "CLUSTER SLOTS") == 0) {
        node->slots_asked++;
        client_say(client, node->slots);
        return true;
    }
    if (strcmp(command, "CLUSTER INFO") == 0) {
        client_say(client, node->is_cut_off ? "$18\r\ncluster_state:fail\r\n" : "$16\r\ncluster_state:ok\r\n");
        return true;
    }
    size_t len = strlen(node->story);
    snprintf(node->story + len, sizeof(node->story) - len, "%s%s", len ? "; " : "", command);
    struct fake_rule *rule = rule_find(node, command);
    if (rule)
        rule->times_left--;
    snprintf(port, sizeof(port), ":%d\r\n", node->port);
    if (!rule || rule->answer[0])
        client_say(client, rule ? rule->answer : port);
    else
        client_close(client);
    return !rule || rule->answer[0];
}

static void command_text(char *text, size_t size_bytes, const struct redis_reply *command)
{
    size_t len = 0;
    for (size_t i = 0; i < redis_reply_count(command); i++) {
        struct slice word = redis_reply_text(redis_reply_item(command, i));
        len += (size_t)snprintf(text + len, size_bytes - len, "%s%.*s", i ? " " : "", (int)word.len, word.data);
    }
}

static void client_answer_all(struct fake_node_client *client)
{
    struct arena arena;
    struct redis_reply command;
    bool goes_on = true;
    arena_init(&arena);
    while (goes_on && client->in.len > 0) {
        char text[256];
        struct slice rest = buf_slice(&client->in);
        if (redis_reply_read(&command, &rest, &arena) != REDIS_READ_WHOLE)
            break;
        command_text(text, sizeof(text), &command);
        buf_drop(&client->in, client->in.len - rest.len);
        goes_on = client_answer(client, text);
    }
    arena_fini(&arena);
}

static void on_client(void *ctx, bool readable, bool writable)
{
    struct fake_node_client *client = ctx;
    char bytes[4096];
    (void)readable, (void)writable;
    ssize_t len = read(client->fd, bytes, sizeof(bytes));
    if (len <= 0) {
        client_close(client);
        return;
    }
    buf_append_slice(&client->in, (struct slice){bytes, (size_t)len});
    client_answer_all(client);
}

static void on_listener(void *ctx, bool readable, bool writable)
{
    struct fake_node *node = ctx;
    (void)readable, (void)writable;
    int fd = accept(node->listener, NULL, NULL);
    assert_true(fd >= 0);
    struct fake_node_client *client = node->clients;
    while (client->fd >= 0)
        assert_true(++client < node->clients + FAKE_NODE_CLIENTS);
    *client = (struct fake_node_client){.node = node, .fd = fd};
    buf_init(&client->in);
    client->watch = poll_events()->watch_new(NULL, fd, on_client, client);
    poll_events()->watch_want(client->watch, true, false);
}

void fake_node_return(struct fake_node *node)
{
    struct sockaddr_in address = {
        .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK), .sin_port = htons((uint16_t)node->port)};
    socklen_t len = sizeof(address);
    int yes = 1;
    node->listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(setsockopt(node->listener, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof(yes)), 0);
    assert_int_equal(bind(node->listener, (struct sockaddr *)&address, len), 0);
    assert_int_equal(getsockname(node->listener, (struct sockaddr *)&address, &len), 0);
    assert_int_equal(listen(node->listener, FAKE_NODE_CLIENTS), 0);
    node->port = ntohs(address.sin_port);
    node->watch = poll_events()->watch_new(NULL, node->listener, on_listener, node);
    poll_events()->watch_want(node->watch, true, false);
}

void fake_node_begin(struct fake_node *node)
{
    *node = (struct fake_node){.slots = "*0\r\n"};
    for (int i = 0; i < FAKE_NODE_CLIENTS; i++)
        node->clients[i].fd = -1;
    fake_node_return(node);
}

void fake_node_leave(struct fake_node *node)
{
    for (int i = 0; i < FAKE_NODE_CLIENTS; i++)
        if (node->clients[i].fd >= 0)
            client_close(&node->clients[i]);
    poll_events()->watch_free(node->watch);
    close(node->listener);
    node->listener = -1;
}

void fake_node_end(struct fake_node *node)
{
    if (node->listener >= 0)
        fake_node_leave(node);
}

void fake_node_rule(struct fake_node *node, const char *command, const char *answer, int times)
{
    struct fake_rule *rule = node->rules;
    while (rule->times_left > 0)
        assert_true(++rule < node->rules + FAKE_NODE_RULES);
    rule->times_left = times;
    snprintf(rule->command, sizeof(rule->command), "%s", command);
    snprintf(rule->answer, sizeof(rule->answer), "%s", answer);
}
