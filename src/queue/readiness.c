/* SPDX-License-Identifier: MIT */
/*
 * Both journals look at themselves once a second, and whenever a call fails. Their owner hears of it only when
 * something has changed: ready or not, or the reason. So its log has one line for each state, and it need not compare.
 *
 * A journal belongs to one store, whose name it keeps. Two services with different stores would otherwise apply each
 * other's writes. The name has a part by chance, and behind a blank the store's place. The place is for people, and
 * tells a copy of the store from the original.
 *
 * Does not: decide what else makes a journal ready.
 */
#include "queue/readiness.h"

#include <string.h>

#include "base/failpoint.h"

enum { PLACE_SHOWN_MAX = 80 };

const char *readiness_store(const struct readiness *readiness)
{
    const struct journal_options *options = readiness->options;
    return options->store_name ? options->store_name(options->ctx) : "";
}

enum status readiness_compare(const struct readiness *readiness, struct slice name, struct error *error)
{
    const char *ours = readiness_store(readiness);
    struct slice place = {0};
    bool is_ours = *ours && slice_equal(name, slice_of(ours));
    if (!readiness->options->store_name || is_ours || failpoint_is_on(FAILPOINT_JOURNAL_UNLOOKED))
        return STATUS_OK;
    if (!*ours || name.len == 0)
        return error_set(error, STATUS_BUSY, "it is not known yet whether it belongs to our store");
    (void)slice_split(name, ' ', &place);
    return error_set(error, STATUS_UNAVAILABLE, "it belongs to another store, %.*s: doc/queue.md says what to do",
                     (int)(place.len < PLACE_SHOWN_MAX ? place.len : PLACE_SHOWN_MAX), place.data ? place.data : "");
}

void readiness_tell(struct readiness *readiness, const struct error *flaw)
{
    const struct journal_options *options = readiness->options;
    struct error told = {0};
    if (readiness->was_told && readiness->is_ready == !flaw && (!flaw || strcmp(readiness->flaw.text, flaw->text) == 0))
        return;
    readiness->was_told = true;
    readiness->is_ready = !flaw;
    readiness->flaw = flaw ? *flaw : told;
    if (flaw) {
        error_set(&told, flaw->status == STATUS_UNKNOWN ? STATUS_UNAVAILABLE : flaw->status,
                  "write_queue = %.60s: %.160s", options->settings->write_queue, flaw->text);
        told.cause = flaw->cause;
    }
    options->on_ready(options->ctx, !flaw, &told);
}
