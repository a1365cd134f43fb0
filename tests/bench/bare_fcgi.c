/* SPDX-License-Identifier: MIT */
/*
 * The yardstick: the least that a FastCGI responder on libfcgi and an event loop can do. It looks at nothing and answers
 * every request with the same todo, in the headers that the worker sends too.
 *
 * Like the worker it takes the listening socket as descriptor 0, one process per multiwatch child, accepts in its loop, and
 * calls libfcgi once per readable connection. It leaves out what a real one needs: bodies are not drained, nothing times
 * out, errors close the connection. epoll directly, for libuv would add to it.
 *
 * tests/bench/ compares the worker's throughput behind nginx with this one's in the same run.
 */
#include <errno.h>
#include <fcgiapp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

enum { EVENTS_PER_TURN = 256, LISTEN_FD = 0 };

static const char ANSWER[] =
    "Status: 200\r\n"
    "Request-Id: 0123456789abcdef0123456789abcdef\r\n"
    "Content-Type: application/json\r\n"
    "ETag: \"1-0123456789abcdef\"\r\n"
    "Cache-Control: no-cache\r\n"
    "Cache-Status: todo-fcgi; hit; ttl=287\r\n"
    "Age: 13\r\n"
    "Content-Length: 316\r\n"
    "\r\n"
    "{\"id\":\"42\",\"name\":\"Prepare the quarterly report\",\"description\":\"Collect the figures from sales and "
    "support, "
    "compare them with the plan, and send a draft to the whole team before the end of the week; leave room for "
    "remarks\",\"done\":false,\"created_at\":\"2024-01-31T23:59:59.123Z\",\"updated_at\":\"2024-01-31T23:59:59.123Z\"}";

static void serve(int fd)
{
    FCGX_Request request;
    FCGX_InitRequest(&request, -1, 0);
    request.ipcFd = fd;
    request.keepConnection = 1;
    if (FCGX_Accept_r(&request) < 0)
        return; /* the peer left; libfcgi closed fd, which takes it out of epoll */
    FCGX_PutStr(ANSWER, sizeof(ANSWER) - 1, request.out);
    int keep = request.keepConnection;
    request.keepConnection = 1;
    FCGX_Finish_r(&request);
    if (request.ipcFd >= 0 && !keep)
        close(fd);
}

static void accept_one(int epoll_fd)
{
    int fd = accept4(LISTEN_FD, NULL, NULL, SOCK_CLOEXEC);
    if (fd < 0)
        return;
    struct epoll_event event = {.events = EPOLLIN, .data.fd = fd};
    if (epoll_ctl(epoll_fd, EPOLL_CTL_ADD, fd, &event) != 0)
        close(fd);
}

int main(void)
{
    struct epoll_event events[EVENTS_PER_TURN];
    struct epoll_event listening = {.events = EPOLLIN, .data.fd = LISTEN_FD};
    int nonblocking = 1;
    int epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    FCGX_Init();
    signal(SIGPIPE, SIG_IGN);
    signal(SIGTERM, SIG_DFL);
    if (ioctl(LISTEN_FD, FIONBIO, &nonblocking) != 0 ||
        epoll_ctl(epoll_fd, EPOLL_CTL_ADD, LISTEN_FD, &listening) != 0) {
        perror("standard input is no listening socket");
        return EXIT_FAILURE;
    }
    for (;;) {
        int count = epoll_wait(epoll_fd, events, EVENTS_PER_TURN, -1);
        for (int i = 0; i < count; i++)
            if (events[i].data.fd == LISTEN_FD)
                accept_one(epoll_fd);
            else
                serve(events[i].data.fd);
    }
}
