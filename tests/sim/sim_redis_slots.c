/* SPDX-License-Identifier: MIT */
/*
 * How a server of a Redis Cluster 7.0 answers for slots that it has, that it has not, and that are on their way.
 *
 *   the slot is nobody's                      CLUSTERDOWN
 *   keys of two slots                         CROSSSLOT
 *   MIGRATING, and some of the keys are gone  TRYAGAIN; all of them: ASK
 *   IMPORTING, and the client has sent ASKING the command runs; several keys, and one of them is not here: TRYAGAIN
 *   another server's                          MOVED
 *
 * It looks at the keys that a command declares before it looks at anything else but the client's password. Each call of
 * a script is looked at again: one that has deleted a key of a slot that is MIGRATING can't make it anew.
 */
#include "sim_redis_slots.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "sim_redis_client.h"
#include "sim_redis_commands.h"

enum answer { SERVED, UNSERVED, CROSSED, DOWN, TORN, ASKED, MOVED };

struct keys_at {
    const struct slice *keys;
    size_t count;
};

static struct keys_at keys_of(const struct sim_call *call, const struct sim_command *command)
{
    int64_t count = 0;
    if (command->flags & SIM_KEY)
        return (struct keys_at){call->args + 1, 1};
    if (command->flags & SIM_KEYS)
        return (struct keys_at){call->args + 1, call->count - 1};
    if (!(command->flags & SIM_KEYS_COUNTED) || !slice_to_int64(call->args[2], &count) || count < 1 ||
        count > (int64_t)call->count - 3)
        return (struct keys_at){NULL, 0};
    return (struct keys_at){call->args + 3, (size_t)count};
}

static enum answer of_moving(const struct sim_slots *slots, const struct sim_call *call, struct keys_at at,
                             unsigned slot)
{
    size_t here = 0;
    bool are_several = false, is_own = slots->owner[slot] == slots->self;
    for (size_t i = 0; i < at.count; i++) {
        here += sim_key_find(call->keys, at.keys[i]) != NULL;
        are_several |= !slice_equal(at.keys[i], at.keys[0]);
    }
    if (is_own && slots->goal[slot] && here < at.count)
        return here > 0 ? TORN : ASKED;
    if (!is_own && slots->source[slot] && call->client->is_asking)
        return are_several && here < at.count ? TORN : SERVED;
    return is_own ? SERVED : MOVED;
}

static enum answer answer_of(const struct sim_slots *slots, const struct sim_call *call, struct keys_at at,
                             unsigned *slot)
{
    *slot = slot_of_key(at.keys[0]);
    if (slots->owner[*slot] == SIM_NOBODY)
        return UNSERVED;
    for (size_t i = 1; i < at.count; i++)
        if (slot_of_key(at.keys[i]) != *slot)
            return CROSSED;
    return slots->is_down ? DOWN : of_moving(slots, call, at, *slot);
}

static void reply_place(const struct sim_call *call, const char *word, unsigned slot, unsigned node)
{
    const struct sim_node *place = &call->client->redis->slots->nodes[node - 1];
    resp_error(call->reply, "%s %u %s:%u", word, slot, place->host, place->port);
}

bool sim_slots_refuse(const struct sim_call *call, const struct sim_command *command)
{
    const struct sim_slots *slots = call->client->redis->slots;
    struct keys_at at = slots ? keys_of(call, command) : (struct keys_at){NULL, 0};
    unsigned slot;
    if (at.count == 0)
        return false;
    switch (answer_of(slots, call, at, &slot)) {
    case SERVED:
        return false;
    case UNSERVED:
        resp_error(call->reply, "CLUSTERDOWN Hash slot not served");
        return true;
    case CROSSED:
        resp_error(call->reply, "CROSSSLOT Keys in request don't hash to the same slot");
        return true;
    case DOWN:
        resp_error(call->reply, "CLUSTERDOWN The cluster is down");
        return true;
    case TORN:
        resp_error(call->reply, "TRYAGAIN Multiple keys request during rehashing of slot");
        return true;
    case ASKED:
        reply_place(call, "ASK", slot, slots->goal[slot]);
        return true;
    case MOVED:
        break;
    }
    reply_place(call, "MOVED", slot, slots->owner[slot]);
    return true;
}

bool sim_slots_are_elsewhere(const struct sim_call *call, const struct sim_command *command)
{
    const struct sim_slots *slots = call->client->redis->slots;
    struct keys_at at = slots ? keys_of(call, command) : (struct keys_at){NULL, 0};
    unsigned slot;
    return at.count > 0 && answer_of(slots, call, at, &slot) != SERVED;
}

/* ---- What it tells ---- */

static void reply_range(struct buf *reply, const struct sim_slots *slots, unsigned first, unsigned last)
{
    const struct sim_node *node = &slots->nodes[slots->owner[first] - 1];
    resp_array(reply, 3);
    resp_integer(reply, first);
    resp_integer(reply, last);
    resp_array(reply, 4);
    resp_text(reply, slice_of(node->host));
    resp_integer(reply, node->port);
    resp_text(reply, slice_of(node->id));
    resp_array(reply, 0);
}

static void reply_slots(const struct sim_call *call, const struct sim_slots *slots)
{
    struct buf ranges;
    size_t count = 0;
    buf_init(&ranges);
    for (unsigned first = 0, last; first < SLOT_COUNT; first = last + 1) {
        for (last = first; last + 1 < SLOT_COUNT && slots->owner[last + 1] == slots->owner[first];)
            last++;
        if (slots->owner[first] == SIM_NOBODY)
            continue;
        reply_range(&ranges, slots, first, last);
        count++;
    }
    resp_array(call->reply, count);
    buf_append_slice(call->reply, buf_slice(&ranges));
    buf_fini(&ranges);
}

static void run_cluster(const struct sim_call *call)
{
    const struct sim_slots *slots = call->client->redis->slots;
    bool is_slots = sim_word_is(call->args[1], "SLOTS"), is_info = sim_word_is(call->args[1], "INFO");
    if (!is_slots && !is_info)
        resp_error(call->reply, "ERR unknown subcommand '%.*s'. Try CLUSTER HELP.", (int)call->args[1].len,
                   call->args[1].data);
    else if (call->count != 2)
        resp_error(call->reply, "ERR wrong number of arguments for 'cluster|%s' command", is_slots ? "slots" : "info");
    else if (!slots)
        resp_error(call->reply, "ERR This instance has cluster support disabled");
    else if (is_slots)
        reply_slots(call, slots);
    else
        resp_text(call->reply, slots->is_down ? SLICE("cluster_state:fail\r\n") : SLICE("cluster_state:ok\r\n"));
}

static void run_asking(const struct sim_call *call)
{
    if (!call->client->redis->slots) {
        resp_error(call->reply, "ERR This instance has cluster support disabled");
        return;
    }
    call->client->is_asking = true;
    resp_status(call->reply, "OK");
}

const struct sim_command sim_cluster_commands[] = {
    {"ASKING", 1, 0, run_asking},
    {"CLUSTER", -2, SIM_LOADING | SIM_STALE, run_cluster},
    {0},
};

/* ---- What happens to slots ---- */

bool sim_slots_carry(struct sim_keys *from, struct sim_keys *to, unsigned slot, unsigned place)
{
    struct sim_key *key = from->keys;
    while (key && (slot_of_key(key->name) != slot || place-- > 0))
        key = key->hh.next;
    if (!key)
        return false;
    struct sim_key *old = sim_key_find(to, key->name);
    if (old)
        sim_key_remove(to, old);
    sim_key_copy(to, key);
    sim_key_remove(from, key);
    return true;
}

struct sim_slots *sim_slots_new(const struct sim_node *nodes, unsigned self)
{
    struct sim_slots *slots = mem_zalloc(sizeof(*slots));
    slots->nodes = nodes;
    slots->self = self;
    return slots;
}

void sim_slots_free(struct sim_slots *slots)
{
    free(slots);
}
