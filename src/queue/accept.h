/* SPDX-License-Identifier: MIT */
/* What a journal said to a write that arrived, for its caller. context any (pure) */
#ifndef QUEUE_ACCEPT_H
#define QUEUE_ACCEPT_H

#include "base/error.h"
#include "base/settings.h"
#include "store/journal.h"

/* What a folder's journal leaves free on its disk: what is applied is settled there. */
enum { ACCEPT_ROOM_MB = 16 };

/* OK, EXISTS, MISMATCH or BUSY, as journal_append_cb has it, with its text. */
enum status accept_status(enum store_accept accept, const struct settings *settings, struct error *error);

#endif
