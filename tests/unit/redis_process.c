/* SPDX-License-Identifier: MIT */
/* Starting and ending a redis-server; PR_SET_PDEATHSIG ends it with us, however we end. */
#include "redis_process.h"

#include "testing.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/un.h>

enum { START_TRIES = 500, START_PAUSE_US = 10000 };

void redis_process_init(struct redis_process *process)
{
    *process = (struct redis_process){0};
    snprintf(process->folder, sizeof process->folder, "/tmp/test_redis.XXXXXX");
    assert_non_null(mkdtemp(process->folder));
    snprintf(process->socket, sizeof process->socket, "%s/redis.sock", process->folder);
    snprintf(process->address, sizeof process->address, "unix:%s", process->socket);
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

static bool answers(const struct redis_process *process)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    memcpy(address.sun_path, process->socket, strlen(process->socket) + 1);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    char answer;
    bool is_up = connect(fd, (struct sockaddr *)&address, sizeof address) == 0 && write(fd, "PING\r\n", 6) == 6 &&
                 read(fd, &answer, 1) == 1;
    close(fd);
    return is_up;
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

bool redis_process_possible(void)
{
    return system("command -v redis-server > /dev/null") == 0;
}
