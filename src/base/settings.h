/* SPDX-License-Identifier: MIT */
/*
 * The settings. The struct below, the parser, --help and --show-config are made from one table, settings_table.h; a
 * lint test compares etc/todo.conf and the manual with it.
 *
 * Sources, weakest first: the table's defaults, a file of "name = value" lines ('#' starts a comment line),
 * environment variables TODO_NAME, then -o name=value. An unknown name, a bad value or a name set twice in one source
 * is refused, with the file and line, variable or option that holds it.
 * context  any (pure): the file's text and the environment come in from above
 */
#ifndef BASE_SETTINGS_H
#define BASE_SETTINGS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/error.h"
#include "base/settings_table.h"
#include "base/slice.h"

#define SETTING_TEXT(name, value, min, max, unit, help)   char name[(max) + 1];
#define SETTING_INT(name, value, min, max, unit, help)    int64_t name;
#define SETTING_BOOL(name, value, min, max, unit, help)   bool name;
#define SETTING_CHOICE(name, value, min, max, unit, help) int name;
struct settings {
    SETTINGS(SETTING_TEXT, SETTING_INT, SETTING_BOOL, SETTING_CHOICE)
};
#undef SETTING_TEXT
#undef SETTING_INT
#undef SETTING_BOOL
#undef SETTING_CHOICE

void settings_init(struct settings *settings);

/* source names the text in errors, "todo.conf" gives "todo.conf:12: ...". */
enum status settings_read_text(struct settings *settings, const char *source, struct slice text,
                               struct error *error) STATUS_MUST_CHECK;

/* environ as main got it; variables that don't start with TODO_ are ignored. */
enum status settings_read_environment(struct settings *settings, char **environment,
                                      struct error *error) STATUS_MUST_CHECK;

/* One "name=value", from -o; the caller refuses the same name twice by giving all of them in one call. */
enum status settings_read_options(struct settings *settings, const char *const *options, size_t count,
                                  struct error *error) STATUS_MUST_CHECK;

/* Checks that the values fit together, which no single row can tell. Call it after the last source was read. */
enum status settings_check(const struct settings *settings, struct error *error) STATUS_MUST_CHECK;

/* Appends "name = value" for every setting; URIs and addresses go through settings_mask_uri(). */
void settings_print(const struct settings *settings, struct buf *out);

/* Appends every setting with its unit, default, range and help: for --help. */
void settings_print_help(struct buf *out);

/* Appends uri, or an address, with its password and the options that hold secrets replaced by "***": for logs. */
void settings_mask_uri(struct buf *out, const char *uri);

#endif
