/* SPDX-License-Identifier: MIT */
/*
 * The command lines of all programs: loops over a table of rows.
 *
 * A row becomes an entry for getopt_long(), a line of the help, and a place for the value. So the help lists exactly
 * the options that can be given. Options and words may be mixed ("seed -n 5" or "-n 5 seed").
 *
 * The first mistake ends the parsing; getopt_long() or take_number() has then printed it. --help and --version end it
 * too, so that they work without the words that a program needs otherwise.
 *
 * Guarantees: a number is a whole decimal number in its row's range. If an option isn't given, its target stays as it
 * was, so a program can start it with a value out of that range.
 *
 * Does not: know which options and words go together. Each program checks that by itself.
 */
#include "options.h"

#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/mem.h"
#include "base/settings.h"
#include "base/slice.h"

enum { ROWS_MAX = 16, COMMON_ROWS = 4, HELP_COLUMN = 27, NO_LETTER = 256 };

/* The program's rows among those of all programs. */
struct rows {
    struct option_row list[ROWS_MAX];
    size_t count;
    bool wants_help, wants_version;
};

static void rows_collect(struct rows *rows, struct options *options, const struct options_table *table)
{
    const struct option_row first[] = {
        {"config", 'c', "FILE", "read settings from FILE", .text = &options->config_file},
        {"option", 'o', "NAME=VALUE", "set one setting; goes before FILE and the environment (TODO_NAME)",
         .setting = NULL},
    };
    const struct option_row last[] = {
        {"help", 0, NULL, "print this, and exit", .flag = &rows->wants_help},
        {"version", 0, NULL, "print the version, and exit", .flag = &rows->wants_version},
    };
    bug_unless(table->row_count + COMMON_ROWS <= ROWS_MAX, "a program with more options than there is room for");
    *rows = (struct rows){.count = table->row_count + COMMON_ROWS};
    memcpy(rows->list, first, sizeof(first));
    memcpy(rows->list + 2, table->rows, table->row_count * sizeof(*table->rows));
    memcpy(rows->list + 2 + table->row_count, last, sizeof(last));
}

/* ---- Help ---- */

static void append_row(struct buf *out, const struct option_row *row)
{
    char name[HELP_COLUMN];
    const char letter[] = {'-', row->letter, ',', '\0'};
    snprintf(name, sizeof(name), "  %3s --%s %s", row->letter ? letter : "", row->name,
             row->value_name ? row->value_name : "");
    buf_printf(out, "%-*s%s\n", HELP_COLUMN, name, row->help);
}

static void print_help(const struct options_table *table, const struct rows *rows)
{
    struct buf text;
    buf_init(&text);
    buf_printf(&text, "%s\n", table->usage);
    for (size_t i = 0; i < rows->count; i++)
        append_row(&text, &rows->list[i]);
    buf_printf(&text, "\n%s", table->notes);
    if (table->lists_settings)
        settings_print_help(&text);
    fwrite(text.data, 1, text.len, stdout);
    buf_fini(&text);
}

/* ---- Parsing ---- */

static bool take_number(const struct option_row *row, const char *program, const char *value)
{
    if (slice_to_int64(slice_of(value), row->number) && *row->number >= row->least && *row->number <= row->most)
        return true;
    fprintf(stderr, "%s: --%s must be a whole number from %" PRId64 " to %" PRId64 ", not '%s'\n", program, row->name,
            row->least, row->most, value);
    return false;
}

static bool take_value(struct options *options, const struct option_row *row, const char *program, const char *value)
{
    if (row->number)
        return take_number(row, program, value);
    if (row->flag)
        *row->flag = true;
    else if (row->text)
        *row->text = value;
    else
        options->settings[options->setting_count++] = row->setting ? row->setting : value;
    return true;
}

/* Fills in what getopt_long() wants. A row's code is its letter, or NO_LETTER and its index. */
static void rows_convert(const struct rows *rows, struct option longs[ROWS_MAX + 1], char shorts[2 * ROWS_MAX + 1])
{
    for (size_t i = 0; i < rows->count; i++) {
        const struct option_row *row = &rows->list[i];
        longs[i] = (struct option){row->name, row->value_name ? required_argument : no_argument, NULL,
                                   row->letter ? row->letter : NO_LETTER + (int)i};
        if (row->letter)
            *shorts++ = row->letter;
        if (row->letter && row->value_name)
            *shorts++ = ':';
    }
    longs[rows->count] = (struct option){0};
    *shorts = '\0';
}

static const struct option_row *rows_find(const struct rows *rows, int code)
{
    for (size_t i = 0; i < rows->count && code < NO_LETTER; i++)
        if (rows->list[i].letter == code)
            return &rows->list[i];
    return code < NO_LETTER ? NULL : &rows->list[code - NO_LETTER];
}

enum options_outcome options_parse(struct options *options, const struct options_table *table, int argc, char **argv)
{
    struct rows rows;
    struct option longs[ROWS_MAX + 1];
    char shorts[2 * ROWS_MAX + 1];
    int code;
    *options = (struct options){.settings = mem_zalloc((size_t)argc * sizeof(*options->settings))};
    rows_collect(&rows, options, table);
    rows_convert(&rows, longs, shorts);
    while (!rows.wants_help && !rows.wants_version && (code = getopt_long(argc, argv, shorts, longs, NULL)) != -1) {
        const struct option_row *row = rows_find(&rows, code);
        if (!row || !take_value(options, row, table->program, optarg))
            return OPTIONS_WRONG; /* getopt_long() or take_number() has printed why */
    }
    options->words = argv + optind;
    options->word_count = (size_t)(argc - optind);
    if (rows.wants_help)
        print_help(table, &rows);
    else if (rows.wants_version)
        printf("%s %s\n", table->program, PACKAGE_VERSION);
    return rows.wants_help || rows.wants_version ? OPTIONS_ANSWERED : OPTIONS_RUN;
}

void options_free(struct options *options)
{
    free(options->settings);
}

bool options_refuse(const struct options_table *table, const char *text)
{
    fprintf(stderr, "%s: %s (%s --help tells more)\n", table->program, text, table->program);
    return false;
}
