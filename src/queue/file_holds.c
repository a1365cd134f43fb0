/* SPDX-License-Identifier: MIT */
/*
 * A hold is a lock on the shard's byte, and a row with its owner and the moment of its last renewal, in boot time. The
 * lock ends with its process, however that ends, and then another one has the shard at once. A process that is stopped
 * keeps its locks. So a row that was not renewed for JOURNAL_HOLD_MS counts for nothing, locked or not: another process
 * puts its own row in its place. The one that goes on meets that row at its next renewal, and gives up.
 *
 * Two that find an old row at the same moment may both take the shard; the one whose row is overwritten learns so at
 * its next renewal. That is no harm: whose batches count is the bookmark's business (store/apply.h). A lock around the
 * rows would prevent it, until a process is stopped while it has that lock.
 *
 * A lock belongs to the open file. So the owners within a process are told apart by the table here, and a file that was
 * removed is opened anew: locks on a file that others can't find keep nobody out.
 */
#include "queue/file_holds.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/file_lock.h"
#include "base/file_owner.h"
#include "queue/journal.h"

enum { FILE_MODE = 0640, ROW_BYTES = 64 };

struct row {
    struct token owner;    /* "": none */
    int64_t renewed_at_ms; /* boot time */
};

void file_holds_init(struct file_holds *holds, const char *path)
{
    *holds = (struct file_holds){.fd = -1};
    snprintf(holds->path, sizeof(holds->path), "%s", path);
}

void file_holds_fini(struct file_holds *holds)
{
    if (holds->fd >= 0)
        close(holds->fd);
    holds->fd = -1;
    memset(holds->owners, 0, sizeof(holds->owners));
}

static enum status holds_open(struct file_holds *holds, struct error *error)
{
    if (holds->fd >= 0 && file_is_at(holds->fd, holds->path))
        return STATUS_OK;
    file_holds_fini(holds);
    int code = file_owner_make(holds->path, FILE_MODE);
    holds->fd = code ? -1 : open(holds->path, O_RDWR | O_CLOEXEC);
    if (holds->fd >= 0)
        return STATUS_OK;
    return error_set(error, STATUS_UNAVAILABLE, "can't open %.120s: %s", holds->path, strerror(code ? code : errno));
}

/* ---- Rows: "TOKEN MILLISECONDS", or zeros ---- */

static struct row row_read(const struct file_holds *holds, unsigned shard)
{
    char text[ROW_BYTES + 1] = {0};
    struct row row = {0};
    if (pread(holds->fd, text, ROW_BYTES, (off_t)shard * ROW_BYTES) < 0 ||
        sscanf(text, "%32[0-9a-f] %19" SCNd64, row.owner.text, &row.renewed_at_ms) != 2)
        return (struct row){0};
    return row;
}

static void row_write(const struct file_holds *holds, unsigned shard, const struct token *owner)
{
    char text[ROW_BYTES] = {0};
    if (owner->text[0])
        snprintf(text, sizeof(text), "%s %" PRId64 "\n", owner->text, clock_boot_us() / 1000);
    (void)!pwrite(holds->fd, text, sizeof(text), (off_t)shard * ROW_BYTES);
}

/* A moment to come is one of before the machine's start. */
static bool row_is_fresh(const struct row *row)
{
    int64_t age_ms = clock_boot_us() / 1000 - row->renewed_at_ms;
    return row->owner.text[0] && age_ms >= 0 && age_ms < JOURNAL_HOLD_MS;
}

/* ---- Holds ---- */

/* A renewal tries for the lock, too: what was taken from a stopped process is locked when that one is gone. */
static bool is_own_or_free(const struct file_holds *holds, unsigned shard, const struct token *owner)
{
    const char *own = holds->owners[shard].text;
    struct row row = row_read(holds, shard);
    bool is_locked = file_lock(holds->fd, F_WRLCK, shard, false);
    if (!*own)
        return is_locked || !row_is_fresh(&row);
    return strcmp(own, owner->text) == 0 && (!row.owner.text[0] || strcmp(row.owner.text, own) == 0);
}

enum status file_holds_take(struct file_holds *holds, unsigned shard, const struct token *owner, struct error *error)
{
    enum status status = holds_open(holds, error);
    if (status)
        return status;
    if (!is_own_or_free(holds, shard, owner)) {
        file_holds_give(holds, shard, owner);
        return error_set(error, STATUS_BUSY, "another applier holds the shard");
    }
    holds->owners[shard] = *owner;
    row_write(holds, shard, owner);
    return STATUS_OK;
}

void file_holds_give(struct file_holds *holds, unsigned shard, const struct token *owner)
{
    if (holds->fd < 0 || strcmp(holds->owners[shard].text, owner->text) != 0)
        return;
    struct row row = row_read(holds, shard);
    if (strcmp(row.owner.text, owner->text) == 0)
        row_write(holds, shard, &(struct token){0});
    holds->owners[shard].text[0] = '\0';
    file_lock(holds->fd, F_UNLCK, shard, false);
}

struct token file_holds_owner(struct file_holds *holds, unsigned shard)
{
    struct row row = {0};
    struct error error;
    if (holds_open(holds, &error) == STATUS_OK && (holds->owners[shard].text[0] || file_is_locked(holds->fd, shard)))
        row = row_read(holds, shard);
    return row_is_fresh(&row) ? row.owner : (struct token){0};
}
