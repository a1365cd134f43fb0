/* SPDX-License-Identifier: MIT */
/*
 * The one setter of struct error.
 *
 * An error is a small struct that the caller owns, usually on its stack, so reporting one needs no memory. The function
 * that detects a failure writes the text. Its callers pass the text up unchanged, to a log line, a problem+json body or
 * a terminal. A caller that adds context (a file's name, a line) makes a new text from the old one.
 *
 * Guarantees: text and pointer always end in a NUL. Both may hold what a client sent and end up in JSON, so a cut
 * leaves valid UTF-8 valid. The old text may be among the new one's arguments.
 *
 * Does not: translate, keep chains of causes, or decide the HTTP status; api/ maps enum status to that.
 */
#include "base/error.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "base/slice.h"

enum status error_set(struct error *error, enum status status, const char *format, ...)
{
    if (!error)
        return status;
    /* One longer than the field, so that a text that was cut by vsnprintf() is cut again, between characters. */
    char text[sizeof(error->text) + 1];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof(text), format, args);
    va_end(args);

    error->status = status;
    error->cause = CAUSE_NONE;
    error->pointer[0] = '\0';
    slice_copy(error->text, sizeof(error->text), slice_of(text));
    return status;
}

enum status error_at(struct error *error, const char *pointer)
{
    if (!error)
        return STATUS_INVALID; /* only invalid input has a member at fault */
    slice_copy(error->pointer, sizeof(error->pointer), slice_of(pointer));
    return error->status;
}

enum status error_because(struct error *error, enum cause cause, enum status fallback)
{
    if (!error)
        return fallback;
    error->cause = cause;
    return error->status;
}

const char *status_name(enum status status)
{
    static const char *const names[STATUS_COUNT] = {
        [STATUS_OK] = "ok",
        [STATUS_NOT_FOUND] = "not_found",
        [STATUS_EXISTS] = "exists",
        [STATUS_MISMATCH] = "mismatch",
        [STATUS_INVALID] = "invalid",
        [STATUS_BUSY] = "busy",
        [STATUS_UNAVAILABLE] = "unavailable",
        [STATUS_UNKNOWN] = "unknown",
        [STATUS_UNSUPPORTED] = "unsupported",
    };
    bug_unless((unsigned)status < STATUS_COUNT, "a status that is not in the enum");
    return names[status];
}
