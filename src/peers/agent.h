/* SPDX-License-Identifier: MIT */
/*
 * A machine's agent: the one process that holds its licence in Redis and applies its box.
 * context  loop only
 */
#ifndef PEERS_AGENT_H
#define PEERS_AGENT_H

#include <stdbool.h>

#include "base/slice.h"

struct agent;
struct peers;

struct agent *agent_new(struct peers *peers);

/* If this process is in charge, the machine's hits end at once. NULL is fine. */
void agent_free(struct agent *agent);

/* Each RENEW_MS. */
void agent_tick(struct agent *agent);

/* The rest of a message "told". */
void agent_take_told(struct agent *agent, struct slice message);

/* Gives the licence back; false: Redis has not answered yet. */
bool agent_settle(struct agent *agent);

#endif
