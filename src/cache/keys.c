/* SPDX-License-Identifier: MIT */
/*
 * Key names. One is made for every request, so they are put together by hand: printf would be too slow.
 *
 * A page's key holds a hash over all that makes the query: limit, order, filter and the place it begins after.
 * Two queries may have the same 64 bits, so the page itself repeats the query and is a miss if that differs (page.h).
 *
 * An epoch has 19 digits and stands in every key, so its text is kept from key to key.
 */
#include "cache/keys.h"

#include <string.h>

#include "base/hash.h"
#include "base/hex.h"
#include "base/mem.h"
#include "base/slot.h"

enum { HASH_DIGITS = 16 };
_Static_assert(QUERY_TEXT_MAX >= 10 + 1 + 1 + 1 + 1 + 1 + INT64_TEXT_MAX + 1 + TODO_ID_MAX, "the longest query");

static void key_add(struct key *key, struct slice part)
{
    bug_unless(key->len + part.len <= KEY_MAX, "a cache key is longer than KEY_MAX");
    memcpy(key->text + key->len, part.data, part.len);
    key->len = (uint8_t)(key->len + part.len);
    key->text[key->len] = '\0';
}

static struct slice epoch_text(int64_t epoch)
{
    static _Thread_local struct {
        int64_t epoch;
        struct slice text;
        char room[INT64_TEXT_MAX + 1];
    } last;
    if (last.epoch != epoch || !last.text.data) {
        last.epoch = epoch;
        last.text = slice_of_int64(last.room, epoch);
    }
    return last.text;
}

static inline void key_begin(struct key *key, struct slice kind, int64_t epoch)
{
    key->len = 0;
    key_add(key, kind);
    key_add(key, epoch_text(epoch));
}

static void key_of_list(struct key *key, int64_t epoch, struct slice name)
{
    key_begin(key, SLICE("todos:"), epoch);
    key_add(key, SLICE(":{list}:"));
    key_add(key, name);
}

void key_of_entry(struct key *key, int64_t epoch, const char *id)
{
    key_begin(key, SLICE("todo:"), epoch);
    key_add(key, SLICE(":{"));
    key_add(key, slice_of(id));
    key_add(key, SLICE("}"));
}

void key_mark_direct(struct key *key)
{
    key_add(key, SLICE(":direct"));
}

void todo_keys_init(struct todo_keys *keys, int64_t epoch, const char *id)
{
    key_of_entry(&keys->entry, epoch, id);
    keys->lease = keys->writers = keys->entry;
    key_add(&keys->lease, SLICE(":lease"));
    key_add(&keys->writers, SLICE(":writers"));
}

static char *add_number(char *at, int64_t number)
{
    at += slice_of_int64(at, number).len;
    *at++ = ' ';
    return at;
}

struct slice query_text(char text[QUERY_TEXT_MAX + 1], const struct store_query *query)
{
    char *end = add_number(add_number(add_number(text, query->limit), query->ascending), (int64_t)query->done);
    if (query->has_after)
        end = stpcpy(add_number(end, query->after.created_at_ms), query->after.id);
    else
        *--end = '\0';
    return (struct slice){text, (size_t)(end - text)};
}

unsigned slot_of_todo(const char *id)
{
    return slot_of_key(slice_of(id));
}

unsigned slot_of_list(void)
{
    return slot_of_key(SLICE("{list}"));
}

static void key_of_slot(struct key *key, int64_t epoch, int slot, struct slice name)
{
    char tag[SLOT_TAG_MAX + 1];
    key_begin(key, SLICE("todos:"), epoch);
    key_add(key, SLICE(":{"));
    key_add(key, slot < 0 ? SLICE("list") : slot_tag((unsigned)slot, tag));
    key_add(key, SLICE("}:"));
    key_add(key, name);
}

void key_of_beat(struct key *key, int64_t epoch, int slot)
{
    key_of_slot(key, epoch, slot, SLICE("beat"));
}

void key_of_watermark(struct key *key, int64_t epoch, int slot)
{
    key_of_slot(key, epoch, slot, SLICE("watermark"));
}

void list_keys_init(struct list_keys *keys, int64_t epoch, const struct store_query *query)
{
    key_of_list(&keys->generation, epoch, SLICE("gen"));
    key_of_list(&keys->writers, epoch, SLICE("writers"));
    key_of_list(&keys->pages, epoch, SLICE("pages"));
    keys->page.len = 0;
    keys->page.text[0] = '\0';
    if (!query)
        return;
    char text[QUERY_TEXT_MAX + 1], name[HASH_DIGITS];
    hex_put(name, hash_bytes(query_text(text, query)), HASH_DIGITS);
    key_of_list(&keys->page, epoch, (struct slice){name, HASH_DIGITS});
}
