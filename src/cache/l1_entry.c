/* SPDX-License-Identifier: MIT */
/*
 * An entry as a value of the L1's table: a word for each number, for each text its length, then the texts.
 *
 * The todo is kept and not its printed answer. Headers depend on the request and on the age, and the body costs little
 * beside a request's other work; so hits of both kinds are answered by the same code. Nothing is parsed: a hit copies
 * words, and points at the texts.
 *
 * A worker of another version may have other fields. l1_entry_format() is different then, and the table finds nothing
 * that was kept under another format. It has also checked that a value is whole, so lengths are not checked again.
 *
 * Who raises the generations of what changes, so that nothing old is found:
 *
 *   write.c      every write, those of the loader and of purges too: before the store is asked, and before the answer
 *   drain.c      every drain: when Redis has answered for a page of records, which its entries have outlived until then
 *   follow.c     foreign writes: when Redis has answered for them
 *
 * Nobody else has to. A mark that doubt.c clears stood until then, so Redis had no entry that could be kept after the
 * write's own raise. A fill and a publish bring what is newer than anything kept under their generation. A new epoch is
 * another name for everything. Entries that are evicted, discarded as broken or expired were true until then.
 *
 * It does not decide whether an entry may be kept or answered: todo_read.c does.
 */
#include "cache/l1_entry.h"

#include "base/failpoint.h"
#include "base/hash.h"
#include "cache/cache_state.h"

enum { WORD_AT, WORD_COST, WORD_NEGATIVE, WORDS_BEFORE, WORDS = WORDS_BEFORE + TODO_FIELD_COUNT };

struct value {
    uint64_t words[WORDS];
    char texts[L1_ENTRY_BYTES_MAX - WORDS * sizeof(uint64_t)];
};

uint64_t l1_entry_format(void)
{
#define FORMAT(upper, name, type, ...) #upper " " #type " "
    return hash_bytes(SLICE(TODO_FIELDS(FORMAT)));
#undef FORMAT
}

/* Whether there is room for it. */
static bool text_put(struct value *value, size_t *text_len, uint64_t *word, struct slice text)
{
    if (text.len > sizeof(value->texts) - *text_len)
        return false;
    memcpy(value->texts + *text_len, text.data, text.len);
    *text_len += text.len;
    *word = text.len;
    return true;
}

static bool todo_put(struct value *value, size_t *text_len, const struct todo *todo)
{
    for (enum todo_field field = 0; field < TODO_FIELD_COUNT; field++) {
        const void *member = todo_member_const(todo, field);
        uint64_t *word = &value->words[WORDS_BEFORE + field];
        switch (TODO_ROWS[field].type) {
        case TODO_TYPE_ID: /* the table has it */
            *word = 0;
            break;
        case TODO_TYPE_TEXT:
            if (!text_put(value, text_len, word, *(const struct slice *)member))
                return false;
            break;
        case TODO_TYPE_FLAG:
            *word = *(const bool *)member;
            break;
        case TODO_TYPE_INTEGER:
        case TODO_TYPE_TIME:
            memcpy(word, member, sizeof(*word));
            break;
        }
    }
    return true;
}

static void todo_take(struct todo *todo, const char *id, const struct value *value)
{
    const char *texts = value->texts;
    for (enum todo_field field = 0; field < TODO_FIELD_COUNT; field++) {
        void *member = todo_member(todo, field);
        uint64_t word = value->words[WORDS_BEFORE + field];
        switch (TODO_ROWS[field].type) {
        case TODO_TYPE_ID:
            memcpy(member, id, strlen(id) + 1);
            break;
        case TODO_TYPE_TEXT:
            *(struct slice *)member = (struct slice){.data = texts, .len = word};
            texts += word;
            break;
        case TODO_TYPE_FLAG:
            *(bool *)member = word;
            break;
        case TODO_TYPE_INTEGER:
        case TODO_TYPE_TIME:
            memcpy(member, &word, sizeof(word));
            break;
        }
    }
}

void l1_entry_keep(struct cache *cache, int64_t epoch, const struct l1_note *note, const char *id,
                   const struct entry *entry)
{
    static const enum stat_counter stats[] = {
        [L1_KEPT] = STAT_L1_KEPT, [L1_EVICTED] = STAT_L1_EVICTED, [L1_REFUSED] = STAT_L1_REFUSED};
    struct l1_table *l1 = cache->options.l1;
    struct value value;
    size_t text_len = 0;
    if (!l1_keeps(l1))
        return;
    struct l1_note noted = failpoint_is_on(FAILPOINT_L1_NOTED_LATE) ? l1_note(l1, id) : *note;
    value.words[WORD_AT] = (uint64_t)entry->at_ms;
    value.words[WORD_COST] = (uint64_t)entry->cost_ms;
    value.words[WORD_NEGATIVE] = entry->negative;
    size_t words_len = (entry->negative ? WORDS_BEFORE : WORDS) * sizeof(uint64_t);
    enum l1_kept kept = L1_REFUSED;
    if (entry->negative || todo_put(&value, &text_len, &entry->todo))
        kept =
            l1_keep(l1, &noted, id, epoch, (struct slice){.data = (const char *)&value, .len = words_len + text_len});
    cache_count(cache, stats[kept]);
}

bool l1_entry_find(struct cache *cache, int64_t epoch, const struct l1_note *note, const char *id, struct entry *entry,
                   struct l1_copy *copy)
{
    struct slice found = l1_find(cache->options.l1, note, id, epoch, copy);
    cache_count(cache, found.data ? STAT_L1_HIT : STAT_L1_MISS);
    if (!found.data)
        return false;
    const struct value *value = (const struct value *)(const void *)found.data;
    entry->at_ms = (int64_t)value->words[WORD_AT];
    entry->cost_ms = (int64_t)value->words[WORD_COST];
    entry->negative = value->words[WORD_NEGATIVE];
    if (!entry->negative)
        todo_take(&entry->todo, id, value);
    return true;
}
