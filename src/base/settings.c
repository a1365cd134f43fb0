/* SPDX-License-Identifier: MIT */
/*
 * Settings: one table of rows, and loops over it.
 *
 * The X-macro table of settings_table.h becomes the struct's members (settings.h) and, here, an array of rows: where a
 * value is stored, which values it may have and what it means. Parser, dump and help are loops over these rows. So a
 * setting that has a row is parsed, printed and documented.
 *
 * Three sources use the same form, "name = value", and go through one function, reader_set(). It refuses an unknown
 * name (and suggests the closest known one), a value out of its range, and a name that was set before in the same
 * source. Each error begins with the place: "todo.conf:12:", "environment TODO_REDIS:", "option -o redis:". Errors
 * never repeat a text's value, because it may be a password.
 *
 * Guarantees: after STATUS_OK every member is within its row's bounds. After an error the settings are incomplete and
 * must not be used. settings_check() checks what no row can check alone.
 *
 * Does not: open files, check addresses or URIs (the code that connects does that), or change a value later: a new
 * value needs a new process.
 */
#include "base/settings.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "base/directive.h"
#include "base/mem.h"

enum setting_kind { SETTING_KIND_TEXT, SETTING_KIND_INT, SETTING_KIND_BOOL, SETTING_KIND_CHOICE };

struct setting_row {
    const char *name;
    enum setting_kind kind;
    size_t offset;    /* of the member in struct settings */
    const char *text; /* TEXT: default */
    int64_t number;   /* the others: default */
    int64_t least;
    int64_t most;
    const char *unit; /* CHOICE: the words, "a|b|c" */
    const char *help;
};

#define TEXT_ROW(name, value, min, max, unit, help)                                                                    \
    {#name, SETTING_KIND_TEXT, offsetof(struct settings, name), value, 0, min, max, unit, help},
#define INT_ROW(name, value, min, max, unit, help)                                                                     \
    {#name, SETTING_KIND_INT, offsetof(struct settings, name), NULL, value, min, max, unit, help},
#define BOOL_ROW(name, value, min, max, unit, help)                                                                    \
    {#name, SETTING_KIND_BOOL, offsetof(struct settings, name), NULL, value, 0, 2, "off|on", help},
#define CHOICE_ROW(name, value, min, max, unit, help)                                                                  \
    {#name, SETTING_KIND_CHOICE, offsetof(struct settings, name), NULL, value, min, max, unit, help},
static const struct setting_row rows[] = {SETTINGS(TEXT_ROW, INT_ROW, BOOL_ROW, CHOICE_ROW)};

enum { ROW_COUNT = sizeof(rows) / sizeof(rows[0]), NAME_MAX_LEN = 40, HELP_COLUMNS = 80, HELP_INDENT = 6 };

/* One source while it is read. */
struct reader {
    struct settings *settings;
    bool seen[ROW_COUNT];
};

static const char variable_prefix[] = "TODO_";
static const char blanks[] = " \t\n\v\f\r";

/* ---- Values ---- */

/* The index-th of "a|b|c"; absent if there are not so many. */
static struct slice choice_word(const char *words, int index)
{
    for (; index > 0 && words; index--) {
        words = strchr(words, '|');
        words = words ? words + 1 : NULL;
    }
    return (struct slice){.data = words, .len = words ? strcspn(words, "|") : 0};
}

static void row_store_number(const struct setting_row *row, struct settings *settings, int64_t number)
{
    void *member = (char *)settings + row->offset;
    if (row->kind == SETTING_KIND_INT)
        *(int64_t *)member = number;
    else if (row->kind == SETTING_KIND_BOOL)
        *(bool *)member = number != 0;
    else
        *(int *)member = (int)number;
}

static int64_t row_load_number(const struct setting_row *row, const struct settings *settings)
{
    const void *member = (const char *)settings + row->offset;
    if (row->kind == SETTING_KIND_INT)
        return *(const int64_t *)member;
    return row->kind == SETTING_KIND_BOOL ? *(const bool *)member : *(const int *)member;
}

static void row_store_text(const struct setting_row *row, struct settings *settings, struct slice value)
{
    char *member = (char *)settings + row->offset;
    memcpy(member, value.data, value.len);
    member[value.len] = '\0';
}

static bool has_control(struct slice text)
{
    for (size_t i = 0; i < text.len; i++)
        if ((unsigned char)text.data[i] < 0x20 || text.data[i] == 0x7F)
            return true;
    return false;
}

static enum status row_set_text(const struct setting_row *row, const char *place, struct settings *settings,
                                struct slice value, struct error *error)
{
    if ((int64_t)value.len < row->least || (int64_t)value.len > row->most) {
        return error_set(error, STATUS_INVALID, "%s: %s has %zu bytes; it must have %lld to %lld", place, row->name,
                         value.len, (long long)row->least, (long long)row->most);
    }
    if (has_control(value))
        return error_set(error, STATUS_INVALID, "%s: %s holds a control character", place, row->name);
    if (strcmp(row->unit, "directives") == 0 && !directives_valid(value)) {
        return error_set(error, STATUS_INVALID, "%s: %s: \"%.*s\" is no list of directives (name, name=value, ...)",
                         place, row->name, (int)slice_cut(value, NAME_MAX_LEN), value.data);
    }
    row_store_text(row, settings, value);
    return STATUS_OK;
}

static enum status row_set_int(const struct setting_row *row, const char *place, struct settings *settings,
                               struct slice value, struct error *error)
{
    int64_t number;
    if (!slice_to_int64(value, &number) || number < row->least || number > row->most) {
        return error_set(error, STATUS_INVALID, "%s: %s: \"%.*s\" is not a whole number from %lld to %lld (%s)", place,
                         row->name, (int)slice_cut(value, NAME_MAX_LEN), value.data, (long long)row->least,
                         (long long)row->most, row->unit);
    }
    row_store_number(row, settings, number);
    return STATUS_OK;
}

static enum status row_set_word(const struct setting_row *row, const char *place, struct settings *settings,
                                struct slice value, struct error *error)
{
    for (int i = 0; i < row->most; i++) {
        if (slice_equal(value, choice_word(row->unit, i))) {
            row_store_number(row, settings, i);
            return STATUS_OK;
        }
    }
    return error_set(error, STATUS_INVALID, "%s: %s: \"%.*s\" is none of %s", place, row->name,
                     (int)slice_cut(value, NAME_MAX_LEN), value.data, row->unit);
}

/* ---- Names ---- */

/*
 * How many letters must be added, dropped or changed to get from a to b (Levenshtein); both at most NAME_MAX_LEN long.
 */
static size_t edit_distance(struct slice a, struct slice b)
{
    size_t costs[NAME_MAX_LEN + 1];
    for (size_t i = 0; i <= b.len; i++)
        costs[i] = i;
    for (size_t i = 0; i < a.len; i++) {
        size_t diagonal = costs[0];
        costs[0] = i + 1;
        for (size_t j = 0; j < b.len; j++) {
            size_t change = diagonal + (a.data[i] != b.data[j]);
            size_t step = (costs[j] < costs[j + 1] ? costs[j] : costs[j + 1]) + 1;
            diagonal = costs[j + 1];
            costs[j + 1] = change < step ? change : step;
        }
    }
    return costs[b.len];
}

/*
 * The known name that was probably meant: the unit is missing (lease for lease_ms), or a typo. NULL if none is close.
 */
static const char *closest_name(struct slice name)
{
    const char *closest = NULL;
    size_t least = name.len / 4 + 2;
    for (size_t i = 0; i < ROW_COUNT && name.len > 0 && name.len <= NAME_MAX_LEN; i++) {
        struct slice known = slice_of(rows[i].name);
        bool unit_missing =
            known.len > name.len && known.data[name.len] == '_' && !memcmp(known.data, name.data, name.len);
        size_t distance = unit_missing ? 1 : edit_distance(name, known);
        if (distance < least) {
            least = distance;
            closest = rows[i].name;
        }
    }
    return closest;
}

static const struct setting_row *find_row(struct slice name)
{
    for (size_t i = 0; i < ROW_COUNT; i++)
        if (slice_equal(name, slice_of(rows[i].name)))
            return &rows[i];
    return NULL;
}

static enum status refuse_name(const char *place, struct slice name, struct error *error)
{
    const char *closest = closest_name(name);
    return error_set(error, STATUS_INVALID, "%s: there is no setting \"%.*s\"%s%s%s", place,
                     (int)slice_cut(name, NAME_MAX_LEN), name.data, closest ? "; did you mean " : "",
                     closest ? closest : "", closest ? "?" : "");
}

/* ---- Sources ---- */

/* Sets one value; place says in errors where it was found. */
static enum status reader_set(struct reader *reader, const char *place, struct slice name, struct slice value,
                              struct error *error)
{
    const struct setting_row *row = find_row(name);
    if (!row)
        return refuse_name(place, name, error);
    bool *seen = &reader->seen[row - rows];
    if (*seen)
        return error_set(error, STATUS_INVALID, "%s: %s is set twice; keep one of the two", place, row->name);
    *seen = true;
    switch (row->kind) {
    case SETTING_KIND_TEXT:
        return row_set_text(row, place, reader->settings, value, error);
    case SETTING_KIND_INT:
        return row_set_int(row, place, reader->settings, value, error);
    case SETTING_KIND_BOOL:
    case SETTING_KIND_CHOICE:
        break;
    }
    return row_set_word(row, place, reader->settings, value, error);
}

/* Splits "name = value" and sets it. */
static enum status reader_set_pair(struct reader *reader, const char *place, struct slice pair, struct error *error)
{
    struct slice value;
    struct slice name = slice_split(pair, '=', &value);
    if (!value.data)
        return error_set(error, STATUS_INVALID, "%s: expected name = value", place);
    return reader_set(reader, place, slice_trim(name, blanks), slice_trim(value, blanks), error);
}

/* Sets lease_ms from TODO_LEASE_MS=5. */
static enum status reader_set_variable(struct reader *reader, const char *variable, struct error *error)
{
    size_t variable_len = strcspn(variable, "=");
    char place[NAME_MAX_LEN + 32];
    snprintf(place, sizeof(place), "environment %.*s",
             (int)slice_cut((struct slice){variable, variable_len}, NAME_MAX_LEN), variable);
    if (variable[variable_len] == '\0')
        return error_set(error, STATUS_INVALID, "%s: expected TODO_NAME=value", place);
    char name[NAME_MAX_LEN + 1]; /* one more than any name has: a cut name must not become a known one */
    size_t name_len = 0;
    const char *upper = variable + sizeof(variable_prefix) - 1;
    for (; upper < variable + variable_len && name_len < sizeof(name); upper++)
        name[name_len++] = (char)tolower((unsigned char)*upper);
    struct slice value = slice_of(variable + variable_len + 1);
    return reader_set(reader, place, (struct slice){name, name_len}, slice_trim(value, blanks), error);
}

/* ---- Printing ---- */

static void append_row_value(struct buf *out, const struct setting_row *row, const struct settings *settings)
{
    const char *text = (const char *)settings + row->offset;
    if (row->kind == SETTING_KIND_INT)
        buf_append_int(out, row_load_number(row, settings));
    else if (row->kind != SETTING_KIND_TEXT)
        buf_append_slice(out, choice_word(row->unit, (int)row_load_number(row, settings)));
    else if (strcmp(row->unit, "URI") == 0 || strcmp(row->unit, "URLs") == 0 || strcmp(row->unit, "address") == 0)
        settings_mask_uri(out, text);
    else
        buf_append_text(out, text);
}

static void append_row(struct buf *out, const struct setting_row *row, const struct settings *settings)
{
    buf_printf(out, "%s =", row->name);
    size_t before = out->len;
    buf_append_char(out, ' ');
    append_row_value(out, row, settings);
    if (out->len == before + 1) {
        out->len = before; /* nothing set: no space at the line's end */
        out->data[before] = '\0';
    }
}

/* Appends text, broken between words, each line indented. */
static void append_wrapped(struct buf *out, const char *text)
{
    size_t column = 0;
    while (*text) {
        size_t word_len = strcspn(text, " ");
        if (column == 0 || column + 1 + word_len > HELP_COLUMNS) {
            buf_printf(out, "%s%*s", column ? "\n" : "", HELP_INDENT, "");
            column = HELP_INDENT;
        } else {
            buf_append_char(out, ' ');
            column++;
        }
        buf_append(out, text, word_len);
        column += word_len;
        text += word_len;
        text += strspn(text, " ");
    }
    buf_append_char(out, '\n');
}

static void append_range(struct buf *out, const struct setting_row *row)
{
    long long least = row->least;
    long long most = row->most;
    if (row->kind == SETTING_KIND_TEXT)
        buf_printf(out, "  (%s, %lld to %lld bytes)\n", row->unit, least, most);
    else if (row->kind == SETTING_KIND_INT)
        buf_printf(out, "  (%s, %lld to %lld)\n", row->unit, least, most);
    else
        buf_printf(out, "  (%s)\n", row->unit);
}

/* ---- The rest of the interface ---- */

void settings_init(struct settings *settings)
{
    memset(settings, 0, sizeof(*settings));
    for (size_t i = 0; i < ROW_COUNT; i++) {
        bug_unless(strlen(rows[i].name) <= NAME_MAX_LEN, "a setting's name is longer than NAME_MAX_LEN");
        if (rows[i].kind == SETTING_KIND_TEXT)
            row_store_text(&rows[i], settings, slice_of(rows[i].text));
        else
            row_store_number(&rows[i], settings, rows[i].number);
    }
}

enum status settings_read_text(struct settings *settings, const char *source, struct slice text, struct error *error)
{
    struct reader reader = {.settings = settings};
    enum status status = STATUS_OK;
    for (unsigned number = 1; text.len > 0 && status == STATUS_OK; number++) {
        struct slice line = slice_trim(slice_split(text, '\n', &text), blanks);
        if (line.len == 0 || line.data[0] == '#')
            continue;
        char place[128];
        snprintf(place, sizeof(place), "%.*s:%u", (int)slice_cut(slice_of(source), 100), source, number);
        status = reader_set_pair(&reader, place, line, error);
    }
    return status;
}

enum status settings_read_environment(struct settings *settings, char **environment, struct error *error)
{
    struct reader reader = {.settings = settings};
    enum status status = STATUS_OK;
    for (; *environment && status == STATUS_OK; environment++)
        if (strncmp(*environment, variable_prefix, sizeof(variable_prefix) - 1) == 0)
            status = reader_set_variable(&reader, *environment, error);
    return status;
}

enum status settings_read_options(struct settings *settings, const char *const *options, size_t count,
                                  struct error *error)
{
    struct reader reader = {.settings = settings};
    enum status status = STATUS_OK;
    for (size_t i = 0; i < count && status == STATUS_OK; i++) {
        char place[NAME_MAX_LEN + 32];
        size_t name_len = strcspn(options[i], "= ");
        snprintf(place, sizeof(place), "option -o %.*s",
                 (int)slice_cut((struct slice){options[i], name_len}, NAME_MAX_LEN), options[i]);
        status = reader_set_pair(&reader, place, slice_of(options[i]), error);
    }
    return status;
}

enum status settings_check(const struct settings *settings, struct error *error)
{
    /* A write may wait for one store call and then run for one: its fence must last longer, else a reader could fill
     * the old value while the store may still apply the new one. */
    if (settings->write_deadline_ms <= 2 * settings->store_timeout_ms) {
        return error_set(
            error, STATUS_INVALID,
            "write_deadline_ms (%lld) must exceed twice store_timeout_ms (%lld): a write's fence would run "
            "out while the store may still apply it",
            (long long)settings->write_deadline_ms, (long long)settings->store_timeout_ms);
    }
    if (*settings->purge_url && !settings->surrogate_keys) {
        return error_set(error, STATUS_INVALID,
                         "purge_url needs surrogate_keys = on: a cache can't purge by keys that it was not sent");
    }
    if (settings->lease_ms <= settings->lease_wait_ms) {
        return error_set(error, STATUS_INVALID,
                         "lease_ms (%lld) must exceed lease_wait_ms (%lld): readers would wait longer than a fill may "
                         "take",
                         (long long)settings->lease_ms, (long long)settings->lease_wait_ms);
    }
    return STATUS_OK;
}

void settings_print(const struct settings *settings, struct buf *out)
{
    for (size_t i = 0; i < ROW_COUNT; i++) {
        append_row(out, &rows[i], settings);
        buf_append_char(out, '\n');
    }
}

void settings_print_help(struct buf *out)
{
    struct settings defaults;
    settings_init(&defaults);
    for (size_t i = 0; i < ROW_COUNT; i++) {
        buf_append_text(out, "  ");
        append_row(out, &rows[i], &defaults);
        append_range(out, &rows[i]);
        append_wrapped(out, rows[i].help);
    }
}
