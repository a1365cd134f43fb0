/* SPDX-License-Identifier: MIT */
/*
 * Rings of events, and what they tell of one id.
 *
 *   memory = RINGS rings; ring = the last RING_EVENTS events of the ids that fall on it; each event has a number
 *
 * Why many small rings: in one large ring the busiest todo would push out the events of all others within a second. So
 * it pushes out only those of the ids that share its ring.
 *
 * A reader takes no lock. A place's number is 0 while it is written, and changes with each event; a reader that finds
 * another number after its copy than before drops the copy. What it drops was about to be lost anyway.
 *
 * The memory outlives its processes, and may be damaged. So places come from numbers by a remainder, and a reader ends
 * texts by itself and believes no kind that it does not know.
 *
 * Guarantees: the events of one process stand in the order in which it noted them. Between processes the wall clock
 * decides. An event is noted when the answer of Redis or the store has come: two events of different processes within
 * one round trip may stand in the other order than Redis had them.
 *
 * Does not: keep an event for any certain time; tell of processes on other machines.
 */
#include "base/trail.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/hash.h"
#include "base/hot.h"
#include "base/mem.h"
#include "base/random.h"

enum { RINGS = 128, RING_EVENTS = 32 };

struct place {
    _Atomic uint64_t number; /* of the ring's events, from 1 on; 0: empty, or being written */
    struct trail_event event;
};

struct ring {
    uint64_t last; /* the number of the newest event */
    struct place places[RING_EVENTS];
};

struct trail_memory {
    struct ring rings[RINGS];
};

#define TRAIL_NAME(upper, name, meaning)    name,
#define TRAIL_MEANING(upper, name, meaning) meaning,
static const char *const names[] = {TRAIL_KINDS(TRAIL_NAME)};
static const char *const meanings[] = {TRAIL_KINDS(TRAIL_MEANING)};

static size_t ring_of(const char *id)
{
    return hash_bytes(slice_of(id)) % RINGS;
}

/* ---- Noting ---- */

static struct place *place_of(struct ring *ring, uint64_t number)
{
    return &ring->places[number % RING_EVENTS];
}

static void place_write(struct place *place, uint64_t number, const struct trail_event *event)
{
    atomic_store_explicit(&place->number, 0, memory_order_relaxed);
    atomic_thread_fence(memory_order_release);
    place->event = *event;
    atomic_store_explicit(&place->number, number, memory_order_release);
}

static struct trail_event event_of(const struct trail *trail, enum trail_kind kind, const char *id, const char *request,
                                   int64_t v)
{
    struct trail_event event = {.at_us = clock_wall_us(),
                                .v = v,
                                .count = 1,
                                .pid = trail->pid,
                                .kind = (uint8_t)kind,
                                .is_tool = trail->is_tool};
    event.last_us = event.at_us;
    slice_copy(event.id, sizeof(event.id), slice_of(id));
    if (request)
        slice_copy(event.request, sizeof(event.request), slice_of(request));
    return event;
}

static void event_put(struct trail *trail, const struct trail_event *event)
{
    struct ring *ring = &trail->memory->rings[ring_of(event->id)];
    ring->last++;
    place_write(place_of(ring, ring->last), ring->last, event);
}

void trail_note(struct trail *trail, enum trail_kind kind, const char *id, const char *request, int64_t v)
{
    if (!trail)
        return;
    struct trail_event event = event_of(trail, kind, id, request, v);
    event_put(trail, &event);
}

/* The newest event of this id that is in the ring, if it is such a hit on the same state; else NULL. */
static struct place *run_find(struct ring *ring, const struct trail_event *hit)
{
    for (uint64_t back = 0; back < RING_EVENTS; back++) {
        struct place *place = place_of(ring, ring->last - back);
        struct trail_event *event = &place->event;
        if (place->number != ring->last - back || ring->last == back)
            return NULL;
        if (strcmp(event->id, hit->id) == 0)
            return event->kind == hit->kind && event->v == hit->v && event->pid == hit->pid ? place : NULL;
    }
    return NULL;
}

void trail_sample(struct trail *trail, enum trail_kind kind, const char *id, const char *request,
                  const struct todo *todo)
{
    trail->hits_left = 1 + (uint32_t)random_below(2 * TRAIL_HIT_RATE - 1);
    struct trail_event hit = event_of(trail, kind, id, request, todo ? todo->v : 0);
    struct place *run = run_find(&trail->memory->rings[ring_of(id)], &hit);
    if (todo && trail->hot)
        hot_note(trail->hot, id, hit.at_us);
    if (!run) {
        event_put(trail, &hit);
        return;
    }
    struct trail_event event = run->event;
    event.count++;
    event.last_us = hit.at_us;
    memcpy(event.request, hit.request, sizeof(event.request));
    place_write(run, run->number, &event);
}

size_t trail_memory_bytes(void)
{
    return sizeof(struct trail_memory);
}

void trail_init(struct trail *trail, struct trail_memory *memory, struct hot_list *hot, bool is_tool)
{
    *trail = (struct trail){.memory = memory, .hot = hot, .hits_left = 1, .pid = (int32_t)getpid(), .is_tool = is_tool};
}

/* ---- Reading ---- */

/* False: the place is empty or was written meanwhile, or no process of ours has written it. */
static bool place_read(const struct place *place, struct trail_event *event)
{
    uint64_t number = atomic_load_explicit(&place->number, memory_order_acquire);
    *event = place->event;
    atomic_thread_fence(memory_order_acquire);
    bool is_whole = number != 0 && atomic_load_explicit(&place->number, memory_order_relaxed) == number;
    event->id[sizeof(event->id) - 1] = '\0';
    event->request[sizeof(event->request) - 1] = '\0';
    return is_whole && event->kind < TRAIL_KIND_COUNT;
}

static void story_add_ring(struct trail_story *story, const struct ring *ring, const char *id)
{
    uint64_t last = ring->last;
    story->events = mem_resize(story->events, (story->count + RING_EVENTS) * sizeof(*story->events));
    for (uint64_t i = 1; i <= RING_EVENTS; i++) {
        struct trail_event *event = &story->events[story->count];
        if (place_read(&ring->places[(last + i) % RING_EVENTS], event) && strcmp(event->id, id) == 0)
            story->count++;
    }
}

void trail_story_add(struct trail_story *story, const struct trail_memory *memory, const char *id)
{
    story_add_ring(story, &memory->rings[ring_of(id)], id);
    story_add_ring(story, &memory->rings[ring_of("")], "");
}

/* Of one moment and process, what came first in the ring stays first: merge sort keeps the order of equals. */
static void merge(struct trail_event *events, struct trail_event *spare, size_t count)
{
    if (count < 2)
        return;
    size_t half = count / 2, left = 0, right = half;
    merge(events, spare, half);
    merge(events + half, spare, count - half);
    for (size_t i = 0; i < count; i++) {
        bool takes_left = right == count || (left < half && events[left].at_us <= events[right].at_us);
        spare[i] = events[takes_left ? left++ : right++];
    }
    memcpy(events, spare, count * sizeof(*events));
}

void trail_story_sort(struct trail_story *story)
{
    struct trail_event *spare = mem_alloc((story->count + 1) * sizeof(*spare));
    merge(story->events, spare, story->count);
    free(spare);
}

void trail_story_fini(struct trail_story *story)
{
    free(story->events);
    *story = (struct trail_story){0};
}

const char *trail_kind_name(enum trail_kind kind)
{
    return names[kind];
}

const char *trail_kind_meaning(enum trail_kind kind)
{
    return meanings[kind];
}
