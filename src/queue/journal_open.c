/* SPDX-License-Identifier: MIT */
/*
 * Which journal the setting write_queue names.
 *
 * Sentinels are refused: a failover of Redis may lose what it has acknowledged, and that is the one thing a journal
 * must not do. The address stands alone, so that a mistake is found at the start, and never becomes another Redis.
 */
#include "queue/journal.h"

#include <string.h>

#include "base/buf.h"
#include "queue/journal_ops.h"

static const char REDIS_SCHEME[] = "redis://", FILE_SCHEME[] = "file:";

/* What stands behind the scheme; NULL: it is another one, or nothing does. */
static const char *behind(const char *text, const char *scheme)
{
    size_t len = strlen(scheme);
    return strncmp(text, scheme, len) == 0 && text[len] ? text + len : NULL;
}

unsigned journal_thread_count(const struct settings *settings)
{
    return behind(settings->write_queue, FILE_SCHEME) ? JOURNAL_THREADS_MAX : 0;
}

enum status journal_open(struct journal **journal, const struct journal_options *options, struct error *error)
{
    const char *text = options->settings->write_queue;
    const char *address = behind(text, REDIS_SCHEME), *folder = behind(text, FILE_SCHEME);
    if (folder)
        return file_journal_open(journal, options, folder, error);
    if (address && strncmp(address, "sentinel:", 9) != 0 &&
        redis_journal_open(journal, options, address, error) == STATUS_OK)
        return STATUS_OK;
    struct buf shown;
    buf_init(&shown);
    settings_mask_uri(&shown, text);
    error_set(error, STATUS_INVALID,
              "write_queue = %.60s: give redis://HOST:PORT[/DB], redis://unix:PATH[?db=N] or file:DIR; sentinels can't "
              "name it, passwords go into queue_password_file",
              shown.data);
    buf_fini(&shown);
    return STATUS_INVALID;
}
