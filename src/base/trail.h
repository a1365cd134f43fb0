/* SPDX-License-Identifier: MIT */
/*
 * The trail: what lately happened to the cache's entries, so that a person can ask why a reader saw what it saw.
 *
 * Each process notes its events in rings of a fixed size, in memory that the caller provides (server/stats_file.c maps
 * a file that all processes of a machine share). An id always has the same ring, so ids that change all the time push
 * out the events of few others. Of hits a sample is noted, and hits that follow each other are one event with a count.
 *
 * One process notes into a memory; any number may read it meanwhile. Without a trail (NULL) nothing is noted.
 */
#ifndef BASE_TRAIL_H
#define BASE_TRAIL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/todo.h"

/* What happened, as people read it; and what that means. The first is what a write is unless it says otherwise. */
#define TRAIL_KINDS(X)                                                                                                 \
    X(WRITTEN, "written", "the store has it")                                                                          \
    X(PURGED, "purged", "an operator removes the entry")                                                               \
    X(REFUSED, "not written", "the store refused the write, or did not take it")                                       \
    X(UNKNOWN, "outcome unknown", "the store may apply the write yet; its mark stays")                                 \
    X(FENCED, "fenced", "a write begins: entry and lease go, nobody may fill")                                         \
    X(UNFENCED, "unfenced", "the write is over: entry and lease go once more")                                         \
    X(PUBLISHED, "published", "the write is over, and left what it wrote as the entry")                                \
    X(PUBLISH_REFUSED, "publish refused", "another write overlapped: no entry is left")                                \
    X(NOT_TAKEN, "not taken", "Redis did not take a mark or its removal")                                              \
    X(RECORDED, "recorded", "the invalidation waits in the store for Redis")                                           \
    X(DRAINED, "drained", "Redis got an invalidation that waited in the store")                                        \
    X(CLEARED, "cleared", "marks of a lost write go, for the store has shown where it stands")                         \
    X(FOLLOWED, "followed", "the store told of a change: an entry that is not its outcome goes")                       \
    X(QUEUED, "queued", "the journal has a write of it, which waits to be applied")                                    \
    X(DEAD_LETTER, "dead letter", "the store refuses a queued write for good")                                         \
    X(HIT, "hit", "Redis had it")                                                                                      \
    X(L1_HIT, "hit in L1", "this machine's memory had it")                                                             \
    X(LEASE_GRANTED, "lease granted", "no entry: a reader asks the store, and may fill")                               \
    X(LEASE_AWAITED, "lease awaited", "no entry: another reader has the lease")                                        \
    X(LEASE_REFUSED, "lease refused", "a write is under way: readers bypass Redis")                                    \
    X(FILLED, "filled", "what the store told is the entry now")                                                        \
    X(FILL_REFUSED, "fill refused", "a write has begun since the lease: what was read may be old")                     \
    X(FILL_FAILED, "fill failed", "Redis gave no answer, or an error")                                                 \
    X(DISCARDED, "discarded", "the entry was broken")                                                                  \
    X(ACKNOWLEDGED, "acknowledged", "caches in front have dropped it")                                                 \
    X(PENDING, "pending", "not all caches in front have dropped it yet")                                               \
    X(AUDITED, "audited", "the entry equals the store")                                                                \
    X(INCONSISTENT, "inconsistent", "the entry stood beside another state in the store")                               \
    X(TRUSTED, "trusted", "from now on this process trusts Redis; of a cluster, one more primary")                     \
    X(DISTRUSTED, "not trusted", "from now on this process passes Redis by; of a cluster, a primary")

#define TRAIL_KIND_ENUM(upper, name, meaning) TRAIL_##upper,
enum trail_kind { TRAIL_KINDS(TRAIL_KIND_ENUM) TRAIL_KIND_COUNT };
#undef TRAIL_KIND_ENUM

enum { TRAIL_REQUEST_MAX = 32, TRAIL_HIT_RATE = 64 };

struct trail_event {
    int64_t at_us;   /* wall time at which the process knew; of several hits, the first */
    int64_t last_us; /* of several hits, the last; else the same */
    int64_t v;       /* 0: not known, or there is no todo */
    uint32_t count;  /* of hits: how many in the sample; else 1 */
    int32_t pid;
    uint8_t kind;
    bool is_tool;                        /* todoctl or todo-load; else a worker */
    char id[TODO_ID_MAX + 1];            /* empty: all ids */
    char request[TRAIL_REQUEST_MAX + 1]; /* empty: none */
};

struct trail_memory; /* all zero: empty */
struct hot_list;

/* A process' own end. It owns nothing. */
struct trail {
    struct trail_memory *memory;
    struct hot_list *hot; /* takes the ids of the sample */
    uint32_t hits_left;   /* until the next one of the sample */
    int32_t pid;
    bool is_tool;
};

size_t trail_memory_bytes(void);
void trail_init(struct trail *trail, struct trail_memory *memory, struct hot_list *hot, bool is_tool);

/* request may be NULL. */
void trail_note(struct trail *trail, enum trail_kind kind, const char *id, const char *request, int64_t v);

/* One in TRAIL_HIT_RATE, on average; the distance is drawn. todo NULL: a negative entry. */
void trail_sample(struct trail *trail, enum trail_kind kind, const char *id, const char *request,
                  const struct todo *todo);

static inline void trail_hit(struct trail *trail, enum trail_kind kind, const char *id, const char *request,
                             const struct todo *todo)
{
    if (trail && --trail->hits_left == 0)
        trail_sample(trail, kind, id, request, todo);
}

/* What several memories tell of one id, in the order of time. */
struct trail_story {
    struct trail_event *events; /* owned */
    size_t count;
};

/* Appends one memory's events of id, and those of all ids; other processes may write to it, or have damaged it. */
void trail_story_add(struct trail_story *story, const struct trail_memory *memory, const char *id);
void trail_story_sort(struct trail_story *story);
void trail_story_fini(struct trail_story *story);

const char *trail_kind_name(enum trail_kind kind);
const char *trail_kind_meaning(enum trail_kind kind);

#endif
