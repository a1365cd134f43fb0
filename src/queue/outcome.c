/* SPDX-License-Identifier: MIT */
/*
 * One line, so that an operator can read it, and so that both journals keep the same.
 *
 * Another program may have written what stands in a journal. So all of it is checked: a status that no outcome has, a
 * number with a sign, an id that no todo has are refused, and the write counts as one whose outcome is not kept.
 */
#include "queue/outcome.h"

#include <inttypes.h>
#include <stdio.h>

void outcome_print(char text[OUTCOME_TEXT_MAX + 1], const struct journal_outcome *outcome)
{
    const struct store_applied *applied = &outcome->applied;
    snprintf(text, OUTCOME_TEXT_MAX + 1, "%s %d %" PRId64 " %" PRId64 " %s", status_name(applied->status),
             applied->created, applied->version.v, applied->version.life, outcome->id);
}

static bool status_parse(struct slice text, enum status *status)
{
    for (*status = STATUS_OK; *status < STATUS_COUNT; (*status)++)
        if (slice_equal(text, slice_of(status_name(*status))))
            return true;
    return false;
}

bool outcome_parse(struct slice text, struct journal_outcome *outcome)
{
    struct slice rest = text, status_text = slice_split(rest, ' ', &rest), created = slice_split(rest, ' ', &rest);
    struct slice v = slice_split(rest, ' ', &rest), life = slice_split(rest, ' ', &rest);
    struct store_applied applied = {.number = outcome->applied.number, .created = SLICE_IS(created, "1")};
    if (!status_parse(status_text, &applied.status) || (!applied.created && !SLICE_IS(created, "0")) ||
        !slice_to_int64(v, &applied.version.v) || applied.version.v < 0 ||
        !slice_to_int64(life, &applied.version.life) || applied.version.life < 0 || !todo_id_valid(rest))
        return false;
    outcome->applied = applied;
    slice_copy(outcome->id, sizeof(outcome->id), rest);
    return true;
}
