/* SPDX-License-Identifier: MIT */
/* Starting and ending a redis-server; PR_SET_PDEATHSIG ends it with us, however we end. */
#include "redis_process.h"

#include "testing.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/un.h>

enum { START_TRIES = 500, START_PAUSE_US = 10000 };

void redis_process_init(struct redis_process *process)
{
    *process = (struct redis_process){0};
    snprintf(process->folder, sizeof(process->folder), "/tmp/test_redis.XXXXXX");
    assert_non_null(mkdtemp(process->folder));
    snprintf(process->socket, sizeof(process->socket), "%s/redis.sock", process->folder);
    snprintf(process->address, sizeof(process->address), "unix:%s", process->socket);
}

static void run_server(const struct redis_process *process, const char *option, const char *value)
{
    int null = open("/dev/null", O_RDWR);
    dup2(null, 0);
    dup2(null, 1);
    dup2(null, 2);
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    execlp("redis-server", "redis-server", "--port", "0", "--unixsocket", process->socket, "--dir", process->folder,
           "--save", "", "--appendonly", "no", option, value, NULL);
    _exit(127);
}

/* -1: nobody listens. */
static int connect_to(const struct redis_process *process)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    memcpy(address.sun_path, process->socket, strlen(process->socket) + 1);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (connect(fd, (struct sockaddr *)&address, sizeof(address)) == 0)
        return fd;
    close(fd);
    return -1;
}

static bool answers(const struct redis_process *process)
{
    int fd = connect_to(process);
    char answer;
    bool is_up = fd >= 0 && write(fd, "PING\r\n", 6) == 6 && read(fd, &answer, 1) == 1;
    if (fd >= 0)
        close(fd);
    return is_up;
}

int redis_process_tell(const struct redis_process *process, const char *command)
{
    int fd = connect_to(process);
    assert_true(fd >= 0);
    assert_int_equal(dprintf(fd, "%s\r\n", command), strlen(command) + 2);
    return fd;
}

void redis_process_do(const struct redis_process *process, const char *command)
{
    char answer[4] = "";
    int fd = redis_process_tell(process, command);
    assert_int_equal(read(fd, answer, 3), 3);
    assert_string_equal(answer, "+OK");
    close(fd);
}

int redis_process_free_port(void)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof(address);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(fd, (struct sockaddr *)&address, len), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&address, &len), 0);
    close(fd);
    return ntohs(address.sin_port);
}

void redis_process_start(struct redis_process *process, const char *option, const char *value)
{
    process->pid = fork();
    assert_true(process->pid >= 0);
    if (process->pid == 0)
        run_server(process, option, value);
    int tries = 0;
    while (!answers(process) && tries++ < START_TRIES)
        usleep(START_PAUSE_US);
    assert_true(tries < START_TRIES);
}

void redis_process_kill(struct redis_process *process)
{
    if (process->pid == 0)
        return;
    kill(process->pid, SIGKILL);
    waitpid(process->pid, NULL, 0);
    process->pid = 0;
}

void redis_process_fini(struct redis_process *process)
{
    redis_process_kill(process);
    unlink(process->socket);
    assert_int_equal(rmdir(process->folder), 0);
}

bool redis_tests_skipped(void)
{
    signal(SIGPIPE, SIG_IGN);
    return system("command -v redis-server > /dev/null") != 0;
}

int redis_skip_status(void)
{
    fprintf(stderr, "SKIPPED: there is no redis-server to test against\n");
    const char *ci = getenv("CI");
    return ci && strcmp(ci, "true") == 0 ? 1 : 77;
}
