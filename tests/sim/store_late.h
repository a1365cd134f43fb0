/* SPDX-License-Identifier: MIT */
/* Writes whose caller was told that their outcome is not known, and that the store may apply all the same. */
#ifndef TESTS_SIM_STORE_LATE_H
#define TESTS_SIM_STORE_LATE_H

#include "store/apply.h"

/* Copied; answer may be NULL. */
void store_late_insert(const struct todo *todo, const struct store_answer *answer);
void store_late_change(const struct store_change *change);
void store_late_batch(const struct store_batch *batch);

/* Those of one todo (NULL: of all) are applied now, or never. */
void store_late_settle(const char *id);

/* They are never applied. */
void store_late_drop(void);

#endif
