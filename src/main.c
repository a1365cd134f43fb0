/* SPDX-License-Identifier: MIT */
/*
 * todo-fcgi, the worker: options, settings, start, stop.
 *
 * It runs in the foreground as one of several under multiwatch, which gives it the listening socket as descriptor 0 and
 * starts another one when it ends; or alone, with a socket of its own (-s).
 *
 * A worker that can't start waits a second before it exits, or the supervisor would start it over and over without pause.
 * Somebody at a terminal doesn't have to wait.
 *
 * Exit status: 0 after SIGTERM, SIGINT or SIGQUIT, and for --help and the like; 1 if it can't start now but might later; 2 if
 * the command line or a setting is wrong.
 */
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/mem.h"
#include "program.h"
#include "server/listen_socket.h"
#include "server/server.h"

enum { EXIT_NOT_NOW = 1, EXIT_WRONG = 2, START_PAUSE_S = 1 };

static const char PROGRAM[] = "todo-fcgi";

static const char USAGE[] =
    "Usage: todo-fcgi [-c FILE] [-o NAME=VALUE]... [-s SOCKET]\n"
    "Answers FastCGI requests for todos on the listening unix socket that is its standard input.\n"
    "\n"
    "  -c, --config FILE        read settings from FILE\n"
    "  -o, --option NAME=VALUE  set one setting; goes before FILE and the environment (TODO_NAME)\n"
    "      --follow             the same as -o follow=on\n"
    "  -s, --socket SOCKET      listen on SOCKET, mode 0660, instead of standard input\n"
    "      --show-config        print the settings in effect, and exit\n"
    "      --help               print this, and exit\n"
    "      --version            print the version, and exit\n"
    "\n"
    "Settings:\n";

enum action { ACTION_RUN, ACTION_SHOW_CONFIG, ACTION_HELP, ACTION_VERSION, ACTION_REFUSE };

struct command_line {
    enum action action;
    const char *config_file;
    const char *socket_path;
    const char **options; /* owned; the texts are argv's */
    size_t option_count;
};

static void command_line_parse(struct command_line *line, int argc, char **argv)
{
    static const struct option longs[] = {
        {"config", required_argument, NULL, 'c'},
        {"option", required_argument, NULL, 'o'},
        {"follow", no_argument, NULL, 'F'}, /* an option of this program, a setting to the others */
        {"socket", required_argument, NULL, 's'},
        {"show-config", no_argument, NULL, 'C'},
        {"help", no_argument, NULL, 'H'},
        {"version", no_argument, NULL, 'V'},
        {0},
    };
    int found;
    *line = (struct command_line){.options = mem_zalloc((size_t)argc * sizeof(*line->options))};
    while ((found = getopt_long(argc, argv, "c:o:s:", longs, NULL)) != -1) {
        if (found == 'c')
            line->config_file = optarg;
        else if (found == 'o')
            line->options[line->option_count++] = optarg;
        else if (found == 'F')
            line->options[line->option_count++] = "follow=on";
        else if (found == 's')
            line->socket_path = optarg;
        else if (found == 'C')
            line->action = ACTION_SHOW_CONFIG;
        else if (found == 'H')
            line->action = ACTION_HELP;
        else if (found == 'V')
            line->action = ACTION_VERSION;
        else
            line->action = ACTION_REFUSE; /* getopt_long() has said why */
        if (line->action == ACTION_REFUSE)
            return;
    }
    if (optind < argc) {
        fprintf(stderr, "%s: '%s' is one argument too many\n", PROGRAM, argv[optind]);
        line->action = ACTION_REFUSE;
    }
}

static void print_help(void)
{
    struct buf text;
    buf_init(&text);
    buf_append_text(&text, USAGE);
    settings_print_help(&text);
    program_print(buf_slice(&text));
    buf_fini(&text);
}

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
        sleep(START_PAUSE_S);
    return exit_status;
}

static int serve(const struct settings *settings, const char *socket_path)
{
    struct error error;
    struct server *server;
    int listen_fd = STDIN_FILENO;
    enum status status =
        socket_path ? listen_socket_open(socket_path, &listen_fd, &error) : listen_socket_check(listen_fd, &error);
    if (status != STATUS_OK)
        return refuse_start(error.text, status == STATUS_INVALID ? EXIT_WRONG : EXIT_NOT_NOW);

    status = server_new(&server, settings, listen_fd, &error);
    if (status == STATUS_OK) {
        server_run(server);
        if (socket_path)
            unlink(socket_path);
        server_free(server);
        return EXIT_SUCCESS;
    }
    if (socket_path)
        unlink(socket_path);
    return refuse_start(error.text, status == STATUS_INVALID ? EXIT_WRONG : EXIT_NOT_NOW);
}

static int run(const struct command_line *line)
{
    struct settings settings;
    struct error error;
    if (program_read_settings(&settings, line->config_file, line->options, line->option_count, &error) != STATUS_OK)
        return refuse_start(error.text, EXIT_WRONG);
    if (line->action == ACTION_SHOW_CONFIG) {
        print_settings(&settings);
        return EXIT_SUCCESS;
    }
    program_open_log(&settings);
    return serve(&settings, line->socket_path);
}

int main(int argc, char **argv)
{
    struct command_line line;
    int exit_status = EXIT_SUCCESS;
    command_line_parse(&line, argc, argv);
    if (line.action == ACTION_HELP)
        print_help();
    else if (line.action == ACTION_VERSION)
        printf("%s %s\n", PROGRAM, PACKAGE_VERSION);
    else if (line.action == ACTION_REFUSE)
        exit_status = refuse_start(NULL, EXIT_WRONG);
    else
        exit_status = run(&line);
    free(line.options);
    return exit_status;
}
