/* SPDX-License-Identifier: MIT */
/*
 * Both journals decide in their own way, and refuse with the same words. The words are for people: what was refused, by
 * which bound. The bounds are settings, so an operator who reads them knows what to change.
 */
#include "queue/accept.h"

#include <inttypes.h>

enum status accept_status(enum store_accept accept, const struct settings *settings, struct error *error)
{
    switch (accept) {
    case STORE_ACCEPTED:
        return STATUS_OK;
    case STORE_ACCEPT_KEPT:
        return error_set(error, STATUS_EXISTS, "the key has a ticket already");
    case STORE_ACCEPT_MISMATCH:
        return error_set(error, STATUS_MISMATCH, "the key was used for another request");
    case STORE_ACCEPT_FULL:
        return error_set(error, STATUS_BUSY, "%" PRId64 " queued writes are waiting already",
                         settings->queue_depth_max);
    case STORE_ACCEPT_OLD:
        return error_set(error, STATUS_BUSY, "queued writes have been waiting for %" PRId64 " s already",
                         settings->queue_age_max_s);
    case STORE_ACCEPT_NO_ROOM:
        break;
    }
    return error_set(error, STATUS_BUSY, "the journal's disk has less than %d MB left", ACCEPT_ROOM_MB);
}
