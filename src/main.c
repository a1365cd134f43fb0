/* SPDX-License-Identifier: MIT */
/*
 * todo-fcgi, the worker: options, settings, start, stop.
 *
 * It runs in the foreground. As one of several under multiwatch it gets the listening socket as descriptor 0, and
 * multiwatch starts another worker when it ends. Alone it makes a socket of its own (-s).
 *
 * A worker that can't start waits a second before it exits, because a supervisor would start it again at once, over and
 * over. In that second it turns connections away, so that a pool whose workers all fail answers 502 at once. It does
 * not wait if stderr is a terminal.
 *
 * Exit status: 0 after SIGTERM, SIGINT or SIGQUIT, and for --help and the like; 1 if it can't start now but might
 * later; 2 if the command line or a setting is wrong. --check ends with 1 or 2 in the same sense.
 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "options.h"
#include "program.h"
#include "server/check.h"
#include "server/listen_socket.h"
#include "server/server.h"

enum { EXIT_NOT_NOW = 1, EXIT_WRONG = 2, START_PAUSE_MS = 1000 };

static const char PROGRAM[] = "todo-fcgi";

static const char USAGE[] =
    "Usage: todo-fcgi [-c FILE] [-o NAME=VALUE]... [-s SOCKET]\n"
    "Answers FastCGI requests for todos on the listening unix socket that is its standard input.\n";

struct command_line {
    struct options options;
    const char *socket_path; /* NULL: the socket is standard input */
    bool show_config;
    bool check;
};

static void print_settings(const struct settings *settings)
{
    struct buf text;
    buf_init(&text);
    settings_print(settings, &text);
    program_print(buf_slice(&text));
    buf_fini(&text);
}

static int refuse_start(const char *text, int exit_status)
{
    if (text)
        program_complain(PROGRAM, text);
    if (!isatty(STDERR_FILENO))
        listen_socket_turn_away(STDIN_FILENO, START_PAUSE_MS);
    return exit_status;
}

static int serve(const struct settings *settings, const char *socket_path)
{
    struct error error;
    struct server *server = NULL;
    int listen_fd = STDIN_FILENO;
    enum status status =
        socket_path ? listen_socket_open(socket_path, &listen_fd, &error) : listen_socket_check(listen_fd, &error);
    if (status != STATUS_OK)
        return refuse_start(error.text, status == STATUS_INVALID ? EXIT_WRONG : EXIT_NOT_NOW);

    struct server_options options = {.settings = settings, .listen_fd = listen_fd, .reopen_log = program_reopen_log};
    status = server_new(&server, &options, &error);
    if (status == STATUS_OK)
        status = server_run(server, &error);
    if (socket_path)
        unlink(socket_path);
    server_free(server);
    if (status == STATUS_OK)
        return EXIT_SUCCESS;
    return refuse_start(error.text, status == STATUS_INVALID ? EXIT_WRONG : EXIT_NOT_NOW);
}

static void tell_finding(const char *text)
{
    program_complain(PROGRAM, text);
}

/* The findings are the lines; the log would say the same in other words. */
static int check(const struct settings *settings)
{
    static const int exits[] = {[CHECK_WELL] = EXIT_SUCCESS, [CHECK_AWAY] = EXIT_NOT_NOW, [CHECK_WRONG] = EXIT_WRONG};
    log_init(LOG_ERROR, NULL);
    enum check_result result = check_run(settings, tell_finding);
    if (result == CHECK_WELL)
        program_print(SLICE("all that a start needs is there\n"));
    return exits[result];
}

static int run(const struct command_line *line)
{
    struct settings settings;
    struct error error;
    if (program_read_settings(&settings, &line->options, &error) != STATUS_OK) {
        if (!line->check)
            return refuse_start(error.text, EXIT_WRONG);
        tell_finding(error.text);
        return EXIT_WRONG;
    }
    if (line->check)
        return check(&settings);
    if (line->show_config) {
        print_settings(&settings);
        return EXIT_SUCCESS;
    }
    if (program_open_log(&settings, &error) != STATUS_OK)
        return refuse_start(error.text, EXIT_WRONG);
    return serve(&settings, line->socket_path);
}

int main(int argc, char **argv)
{
    struct command_line line = {.socket_path = NULL};
    const struct option_row rows[] = {
        {"follow", 0, NULL, "the same as -o follow=on", .setting = "follow=on"},
        {"socket", 's', "SOCKET", "listen on SOCKET, mode 0660, instead of standard input", .text = &line.socket_path},
        {"check", 0, NULL, "try all that a start needs, print what is wrong, and exit", .flag = &line.check},
        {"show-config", 0, NULL, "print the settings in effect, and exit", .flag = &line.show_config},
    };
    const struct options_table table = {PROGRAM, USAGE, "Settings:\n", true, rows, sizeof(rows) / sizeof(rows[0])};
    int exit_status = EXIT_SUCCESS;
    signal(SIGHUP, SIG_IGN); /* until the loop takes these two: they reopen the log, and never end a worker */
    signal(SIGUSR2, SIG_IGN);
    enum options_outcome outcome = options_parse(&line.options, &table, argc, argv);
    if (outcome == OPTIONS_RUN && line.options.word_count > 0) {
        fprintf(stderr, "%s: '%s' is one argument too many\n", PROGRAM, line.options.words[0]);
        outcome = OPTIONS_WRONG;
    }
    if (outcome == OPTIONS_WRONG)
        exit_status = refuse_start(NULL, EXIT_WRONG);
    else if (outcome == OPTIONS_RUN)
        exit_status = run(&line);
    options_free(&line.options);
    return exit_status;
}
