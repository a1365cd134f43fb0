/* SPDX-License-Identifier: MIT */
/*
 * Another process like one that runs: the same arguments, folder, environment, listening socket and log.
 *
 * The supervisor alone knows how it starts its workers. So a worker is asked, by what /proc has of it; the twin is
 * then what the supervisor will start next, a new program included: its arguments name a path, not a file.
 *
 * The listening socket has no path that a second process could open. Under systemd the units' ExecReload gets it as
 * standard input. Elsewhere pidfd_getfd(2) copies the descriptor out of the worker, which the kernel allows to
 * processes of the same user (unless Yama's ptrace_scope forbids it).
 *
 * A twin must not outlive the process that watches it, for nobody else would stop it: the kernel signals it then.
 */
#include "control/twin.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

enum { PATH_ROOM = 64, READ_BYTES = 65536, EXIT_NO_PROGRAM = 127 };

/* ---- Pids ---- */

bool pids_have(const struct pids *pids, pid_t pid)
{
    for (size_t i = 0; i < pids->count; i++)
        if (pids->list[i] == pid)
            return true;
    return false;
}

void pids_add(struct pids *pids, pid_t pid)
{
    if (pids->count < PIDS_MAX)
        pids->list[pids->count++] = pid;
}

void pids_of_children(struct pids *pids, pid_t parent)
{
    char path[PATH_ROOM];
    int pid;
    pids->count = 0;
    snprintf(path, sizeof(path), "/proc/%d/task/%d/children", (int)parent, (int)parent);
    FILE *file = fopen(path, "re");
    while (file && fscanf(file, "%d", &pid) == 1)
        pids_add(pids, pid);
    if (file)
        fclose(file);
}

/* ---- What a process was started with ---- */

static enum status read_failed(pid_t pid, const char *what, struct error *error)
{
    return error_set(error, STATUS_UNAVAILABLE, "the worker %d: can't read its %s: %s", (int)pid, what,
                     strerror(errno));
}

static int proc_open(pid_t pid, const char *name, int flags)
{
    char path[PATH_ROOM];
    snprintf(path, sizeof(path), "/proc/%d/%s", (int)pid, name);
    return open(path, flags | O_CLOEXEC);
}

/* Texts with a NUL behind each; at most count_max of them, and NULL. */
static enum status read_texts(pid_t pid, const char *name, struct buf *text, char **texts, size_t count_max,
                              struct error *error)
{
    int fd = proc_open(pid, name, O_RDONLY);
    ssize_t len = -1;
    size_t count = 0;
    while (fd >= 0 && (len = read(fd, buf_reserve(text, READ_BYTES), READ_BYTES)) > 0)
        buf_advance(text, (size_t)len);
    if (len < 0)
        return read_failed(pid, name, error);
    close(fd);
    for (char *at = text->data; at && at < text->data + text->len && count < count_max; at += strlen(at) + 1)
        texts[count++] = at;
    texts[count] = NULL;
    return STATUS_OK;
}

static bool is_listening(int fd)
{
    int accepting = 0;
    socklen_t len = sizeof(accepting);
    return getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &accepting, &len) == 0 && accepting;
}

static enum status copy_descriptors(struct twin *twin, pid_t pid, struct error *error)
{
    int pid_fd = pidfd_open(pid, 0);
    if (is_listening(STDIN_FILENO)) {
        twin->input_fd = fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 0);
    } else if (pid_fd >= 0) {
        twin->input_fd = pidfd_getfd(pid_fd, STDIN_FILENO, 0);
        twin->log_fd = pidfd_getfd(pid_fd, STDERR_FILENO, 0);
    }
    enum status status = twin->input_fd < 0 ? read_failed(pid, "socket", error) : STATUS_OK;
    if (pid_fd >= 0)
        close(pid_fd);
    if (status == STATUS_OK && !is_listening(twin->input_fd))
        return error_set(error, STATUS_UNAVAILABLE, "the process %d listens on no socket: it is no worker", (int)pid);
    return status;
}

/* Another user's check would find other rights, and its worker would make files that the others can't open. */
static enum status check_user(pid_t pid, struct error *error)
{
    char path[PATH_ROOM];
    struct stat info;
    snprintf(path, sizeof(path), "/proc/%d", (int)pid);
    if (stat(path, &info) != 0)
        return error_set(error, STATUS_UNAVAILABLE, "the worker %d has ended", (int)pid);
    if (info.st_uid != geteuid())
        return error_set(error, STATUS_UNAVAILABLE,
                         "the workers run as the user %d: run this as that user (setpriv --reuid NAME --regid NAME "
                         "--init-groups todoctl ...)",
                         (int)info.st_uid);
    return STATUS_OK;
}

void twin_init(struct twin *twin)
{
    *twin = (struct twin){.folder_fd = -1, .input_fd = -1, .log_fd = -1};
}

enum status twin_read(struct twin *twin, pid_t pid, struct error *error)
{
    enum status status = check_user(pid, error);
    if (status == STATUS_OK)
        status = read_texts(pid, "cmdline", &twin->arguments_text, twin->arguments, TWIN_ARGUMENTS_MAX, error);
    if (status == STATUS_OK)
        status = read_texts(pid, "environ", &twin->variables_text, twin->variables, TWIN_VARIABLES_MAX, error);
    if (status == STATUS_OK && (twin->folder_fd = proc_open(pid, "cwd", O_PATH | O_DIRECTORY)) < 0)
        status = read_failed(pid, "folder", error);
    while (twin->arguments[twin->argument_count])
        twin->argument_count++;
    if (status == STATUS_OK && twin->argument_count == 0)
        status = error_set(error, STATUS_UNAVAILABLE, "the process %d has no arguments: it is no worker", (int)pid);
    return status == STATUS_OK ? copy_descriptors(twin, pid, error) : status;
}

void twin_free(struct twin *twin)
{
    const int descriptors[] = {twin->folder_fd, twin->input_fd, twin->log_fd};
    for (size_t i = 0; i < sizeof(descriptors) / sizeof(descriptors[0]); i++)
        if (descriptors[i] >= 0)
            close(descriptors[i]);
    buf_fini(&twin->arguments_text);
    buf_fini(&twin->variables_text);
}

/* ---- Starting one ---- */

static _Noreturn void twin_become(const struct twin *twin, pid_t watcher, int log_fd)
{
    prctl(PR_SET_PDEATHSIG, SIGTERM);
    bool is_ready = getppid() == watcher && fchdir(twin->folder_fd) == 0 && dup2(twin->input_fd, STDIN_FILENO) >= 0 &&
                    dup2(log_fd, STDOUT_FILENO) >= 0 && dup2(log_fd, STDERR_FILENO) >= 0;
    if (is_ready)
        execvpe(twin->arguments[0], twin->arguments, twin->variables);
    _exit(EXIT_NO_PROGRAM);
}

static pid_t twin_fork(const struct twin *twin, int log_fd)
{
    pid_t watcher = getpid();
    fflush(NULL);
    pid_t pid = fork();
    if (pid == 0)
        twin_become(twin, watcher, log_fd);
    return pid;
}

pid_t twin_start(struct twin *twin)
{
    return twin_fork(twin, twin->log_fd >= 0 ? twin->log_fd : STDERR_FILENO);
}

int twin_run(struct twin *twin, const char *argument)
{
    int status;
    twin->arguments[twin->argument_count] = (char *)argument;
    twin->arguments[twin->argument_count + 1] = NULL;
    pid_t pid = twin_fork(twin, STDERR_FILENO);
    twin->arguments[twin->argument_count] = NULL;
    return pid > 0 && waitpid(pid, &status, 0) == pid && WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}
