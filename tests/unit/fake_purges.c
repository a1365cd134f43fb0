/* SPDX-License-Identifier: MIT */
/* A table in the order in which its records are due. Calls are noted in the journal. */
#include "fake_purges.h"

#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "fake_journal.h"

enum { PURGES_MAX = 2200, KEYS_MAX = STORE_PURGE_KEYS_MAX + 1 };

struct row {
    struct store_purge purge;
    char url[200], keys[KEYS_MAX];
};

static struct row rows[PURGES_MAX];
static size_t row_count;
static enum status put_status, list_status, remove_status;

static struct row *row_find(const struct store_purge *wanted)
{
    for (size_t i = 0; i < row_count; i++)
        if (strcmp(rows[i].purge.token.text, wanted->token.text) == 0 && rows[i].purge.sequence == wanted->sequence)
            return &rows[i];
    return NULL;
}

static void row_remove(struct row *row)
{
    memmove(row, row + 1, (size_t)(&rows[row_count--] - row - 1) * sizeof(*row));
}

static void row_put(const struct store_purge *purge)
{
    struct row *row = row_find(purge);
    if (row)
        row_remove(row);
    bug_unless(row_count < PURGES_MAX, "the fake table of purges is full");
    for (row = &rows[row_count++]; row > rows && row[-1].purge.due_at_ms > purge->due_at_ms; row--)
        row[0] = row[-1];
    row->purge = *purge;
    snprintf(row->url, sizeof(row->url), "%s", purge->url);
    snprintf(row->keys, sizeof(row->keys), "%s", purge->keys);
}

enum status store_purge_put(struct store *store, const struct store_purge *purges, size_t count, struct error *error)
{
    (void)store;
    fake_journal_add("purge_put");
    if (put_status != STATUS_OK)
        return error_set(error, put_status, "the fake table takes no purges");
    for (size_t i = 0; i < count; i++)
        row_put(&purges[i]);
    return STATUS_OK;
}

enum status store_purge_list(struct store *store, const struct store_purge_query *query, struct arena *arena,
                             struct store_purge *purges, size_t *count, struct error *error)
{
    (void)store;
    fake_journal_add("purge_list");
    *count = 0;
    if (list_status != STATUS_OK)
        return error_set(error, list_status, "the fake table lists no purges");
    for (size_t i = 0; i < row_count && *count < query->limit; i++) {
        if (strcmp(rows[i].url, query->url) != 0 || rows[i].purge.due_at_ms > query->due_by_ms)
            continue;
        purges[*count] = rows[i].purge;
        purges[*count].url = query->url;
        purges[*count].keys = arena_copy(arena, slice_of(rows[i].keys)).data;
        ++*count;
    }
    return STATUS_OK;
}

enum status store_purge_remove(struct store *store, const struct store_purge *purges, size_t count, struct error *error)
{
    (void)store;
    fake_journal_add("purge_remove");
    if (remove_status != STATUS_OK)
        return error_set(error, remove_status, "the fake table removes no purges");
    for (size_t i = 0; i < count; i++) {
        struct row *row = row_find(&purges[i]);
        if (row)
            row_remove(row);
    }
    return STATUS_OK;
}

size_t fake_purge_count(void)
{
    return row_count;
}

const char *fake_purge_keys(size_t at)
{
    bug_unless(at < row_count, "there are fewer records");
    return rows[at].keys;
}

void fake_purge_add(const char *url, const char *keys, int64_t due_at_ms)
{
    struct store_purge purge = {.token = token_new(), .url = url, .keys = keys, .due_at_ms = due_at_ms};
    row_put(&purge);
}

void fake_purge_fail(enum status put, enum status list, enum status removal)
{
    put_status = put;
    list_status = list;
    remove_status = removal;
}

void fake_purge_reset(void)
{
    row_count = 0;
    fake_purge_fail(STATUS_OK, STATUS_OK, STATUS_OK);
}
