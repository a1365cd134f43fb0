/* SPDX-License-Identifier: MIT */
/*
 * The names of the cache's keys. The epoch stands in all of them: moving it on makes every older entry unreachable at
 * once.
 *
 *   todo:EPOCH:{ID}                  hash: the entry (entry.h)
 *   todo:EPOCH:{ID}:lease            string: the token of the reader that may fill it
 *   todo:EPOCH:{ID}:writers          sorted set: tokens of writes under way, scored by their deadline
 *   todos:EPOCH:{list}:gen           string: the generation under which pages are valid
 *   todos:EPOCH:{list}:writers       sorted set, as above
 *   todos:EPOCH:{list}:HASH          hash: a page (page.h); HASH stands for the query
 *   todos:EPOCH:{list}:pages         sorted set: keys of pages, scored by the time of their fill
 *   todos:EPOCH:{list}:beat          string: the latest beat of the store (beat.h); in a cluster one for each shard,
 *                                    with the tag of a slot of its own in place of list
 *   todos:EPOCH:{list}:watermark     string: how far the store has come (watermark.h); in a cluster one for each slot,
 *                                    with its tag in place of list
 *   todos:EPOCH:{list}:holders       hash: machines with an L1, and beside it, behind ":MACHINE", their boxes (peers/)
 *
 * The braces are a hash tag: the keys of one id share a slot. context any (pure)
 */
#ifndef CACHE_KEYS_H
#define CACHE_KEYS_H

#include <stdint.h>

#include "base/slice.h"
#include "store/store.h"

enum { KEY_MAX = 112 };

struct key {
    char text[KEY_MAX + 1];
    uint8_t len;
};

struct todo_keys {
    struct key entry, lease, writers;
};

struct list_keys {
    struct key generation, writers, pages, page; /* page is empty if no query was given */
};

void key_of_entry(struct key *key, int64_t epoch, const char *id);

/* Marks a flight's name as that of one that goes straight to the store; no such key is in Redis. */
void key_mark_direct(struct key *key);

void todo_keys_init(struct todo_keys *keys, int64_t epoch, const char *id);

/* query may be NULL: writers need no page. */
void list_keys_init(struct list_keys *keys, int64_t epoch, const struct store_query *query);

/* slot: of a cluster, for its shards have beats and its slots watermarks; -1: beside the list. context loop only */
void key_of_beat(struct key *key, int64_t epoch, int slot);
void key_of_watermark(struct key *key, int64_t epoch, int slot);

/* Of the keys of an id, and of the list's, in a cluster. */
unsigned slot_of_todo(const char *id);
unsigned slot_of_list(void);

enum { QUERY_TEXT_MAX = 112 };

/* The query as text, the same for equal queries and no others; the answer borrows text. */
struct slice query_text(char text[QUERY_TEXT_MAX + 1], const struct store_query *query);

static inline struct slice key_slice(const struct key *key)
{
    return (struct slice){.data = key->text, .len = key->len};
}

enum { TODO_KEY_COUNT = 3, LIST_KEY_COUNT = 2 };

/* What a writer's scripts take of an id, in their order; and of the list. Borrowed. */
static inline void todo_keys_put(struct slice put[TODO_KEY_COUNT], const struct todo_keys *keys)
{
    put[0] = key_slice(&keys->entry);
    put[1] = key_slice(&keys->lease);
    put[2] = key_slice(&keys->writers);
}

static inline void list_keys_put(struct slice put[LIST_KEY_COUNT], const struct list_keys *keys)
{
    put[0] = key_slice(&keys->generation);
    put[1] = key_slice(&keys->writers);
}

#endif
