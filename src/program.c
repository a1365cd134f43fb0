/* SPDX-License-Identifier: MIT */
/*
 * The start that all programs share. The rooms below do no such I/O: base/settings.c gets the file's text and the
 * environment from here, base/log.c its sink.
 *
 * A log line is one write(), so that lines of several workers on one stderr don't mix, and so that no line is lost in a
 * buffer when a worker dies. If stderr is a full pipe, the write blocks: a log without a reader slows the worker down,
 * but loses no lines. All workers may append to one log_file: O_APPEND keeps their lines apart. To open it again, the
 * new file takes the descriptor of the old one in one step, so a thread that logs meanwhile writes into either.
 *
 * Does not: parse the command line (options.c).
 */
#include "program.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/failpoint.h"

enum { FILE_MAX_BYTES = 1 << 20, LOG_FILE_MODE = 0640 };

static const char *log_path; /* NULL: the log goes to stderr */
static int log_fd = STDERR_FILENO;

static enum status file_read(const char *path, struct buf *text, struct error *error)
{
    FILE *file = fopen(path, "re");
    if (!file)
        return error_set(error, STATUS_NOT_FOUND, "%s: %s", path, strerror(errno));
    size_t got;
    do {
        got = fread(buf_reserve(text, BUFSIZ), 1, BUFSIZ, file);
        buf_advance(text, got);
    } while (got > 0 && text->len <= FILE_MAX_BYTES);
    int failed = ferror(file);
    fclose(file);
    if (failed)
        return error_set(error, STATUS_NOT_FOUND, "%s: it can't be read", path);
    if (text->len > FILE_MAX_BYTES)
        return error_set(error, STATUS_INVALID, "%s: a settings file has at most %d bytes", path, (int)FILE_MAX_BYTES);
    return STATUS_OK;
}

static enum status settings_read_file(struct settings *settings, const char *path, struct error *error)
{
    struct buf text;
    buf_init(&text);
    enum status status = file_read(path, &text, error);
    if (status == STATUS_OK)
        status = settings_read_text(settings, path, buf_slice(&text), error);
    buf_fini(&text);
    return status;
}

#ifdef FAILPOINTS_ENABLED

static void failpoint_kill(void)
{
    kill(getpid(), SIGKILL);
}

static void failpoint_sleep_ms(uint32_t ms)
{
    struct timespec pause = {.tv_sec = ms / 1000, .tv_nsec = (long)(ms % 1000) * 1000000};
    nanosleep(&pause, NULL);
}

/* Removes the variable from the environment, or it would be taken for a setting. */
static enum status failpoints_read(struct error *error)
{
    static const struct failpoint_effects effects = {.kill = failpoint_kill, .sleep_ms = failpoint_sleep_ms};
    enum status status = failpoint_setup(slice_of(getenv("TODO_FAILPOINTS")), &effects, error);
    unsetenv("TODO_FAILPOINTS");
    return status;
}

#else

static enum status failpoints_read(struct error *error)
{
    (void)error;
    return STATUS_OK;
}

#endif

enum status program_read_settings(struct settings *settings, const struct options *options, struct error *error)
{
    settings_init(settings);
    enum status status = failpoints_read(error);
    if (status == STATUS_OK && options->config_file)
        status = settings_read_file(settings, options->config_file, error);
    if (status == STATUS_OK)
        status = settings_read_environment(settings, environ, error);
    if (status == STATUS_OK)
        status = settings_read_options(settings, options->settings, options->setting_count, error);
    if (status == STATUS_OK)
        status = settings_check(settings, error);
    return status;
}

/* A failed write to the log can't be logged. */
static void write_line(const char *line, size_t len)
{
    (void)!write(log_fd, line, len);
}

static int log_file_open(const char *path, struct error *error)
{
    int fd = open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, LOG_FILE_MODE);
    if (fd < 0)
        error_set(error, STATUS_INVALID, "log_file = %s: %s", path, strerror(errno));
    return fd;
}

enum status program_open_log(const struct settings *settings, struct error *error)
{
    if (*settings->log_file) {
        log_path = settings->log_file;
        log_fd = log_file_open(log_path, error);
    }
    log_init((enum log_level)settings->log_level, write_line);
    return log_fd < 0 ? STATUS_INVALID : STATUS_OK;
}

void program_reopen_log(void)
{
    struct error error;
    int fd = log_path ? log_file_open(log_path, &error) : -1;
    if (fd >= 0) {
        dup3(fd, log_fd, O_CLOEXEC);
        close(fd);
        log_info(NULL, "log_reopened", "file=\"%s\"", log_path);
    } else if (log_path) {
        log_warn(NULL, "log_not_reopened", "error=\"%s\" action=\"the old file stays open\"", error.text);
    }
}

void program_complain(const char *program, const char *text)
{
    fprintf(stderr, "%s: %s\n", program, text);
}

void program_print(struct slice text)
{
    fwrite(text.data, 1, text.len, stdout);
    fflush(stdout);
}
