/* SPDX-License-Identifier: MIT */
/*
 * A program's command line: one row per option says what it is called, what it means and where its value goes.
 *
 * All programs have four options without a row of their own: -c FILE, -o NAME=VALUE, --help and --version.
 * context  the main thread, before anything else runs
 */
#ifndef OPTIONS_H
#define OPTIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct option_row {
    const char *name;
    char letter;            /* its short form; 0: it has none */
    const char *value_name; /* for the help; NULL: the option takes no value */
    const char *help;
    /* Its effect is one of these: */
    bool *flag; /* becomes true */
    const char **text;
    int64_t *number; /* from least to most */
    int64_t least, most;
    const char *setting; /* the same as -o with this text */
};

struct options_table {
    const char *program;
    const char *usage;   /* the help's text before the list of options */
    const char *notes;   /* and the one behind it */
    bool lists_settings; /* the help ends with all settings */
    const struct option_row *rows;
    size_t row_count;
};

/* What was given; the texts are argv's. */
struct options {
    const char *config_file; /* NULL: none */
    const char **settings;   /* "name=value" of each -o; the array is owned */
    size_t setting_count;
    char **words; /* what is no option */
    size_t word_count;
};

enum options_outcome {
    OPTIONS_RUN,
    OPTIONS_ANSWERED, /* --help or --version: it is printed, and there is nothing else to do */
    OPTIONS_WRONG,    /* stderr says why */
};

/* A row's target stays as it is if the option isn't given. Call options_free() whatever the outcome is. */
enum options_outcome options_parse(struct options *options, const struct options_table *table, int argc, char **argv);
void options_free(struct options *options);

/* Prints to stderr what is wrong with the command line, and that --help tells more; returns false. */
bool options_refuse(const struct options_table *table, const char *text);

#endif
