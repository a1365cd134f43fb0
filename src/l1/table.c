/* SPDX-License-Identifier: MIT */
/*
 * Generations and values, without a lock.
 *
 *   note -> ask Redis or the store -> keep            reader: a value with the generation of its note
 *   note -> find: same generation?  --yes--> hit      reader
 *   fence -> raise -> store -> unfence -> raise       writer (cache/fence.c, cache/write.c)
 *
 * Why a late keep does no harm. An entry carries the generation that its reader noted before it asked. A hit compares
 * that with the generation when the hit began. If anybody has raised it in between, they differ, whenever the entry was
 * written: before the raise, after it, or by a process that slept in the middle and woke much later. So writers of an
 * entry need not compare or wait. They compare all the same, to save useless copies.
 *
 * Why no lock. An entry has a check sum over all of it. Two processes that write one entry at once, or one that is
 * killed or frozen half way, leave a check sum that is wrong: a miss. Readers copy the entry before they check it. All
 * words are read and written by relaxed atomic operations, so nothing here is a data race; only generations need an
 * order, and theirs is the strongest. A raise is one addition and can't fail or wait.
 *
 * Processes of one machine may divide the memory behind the generations differently (another l1_mbytes, another
 * version): each then finds words of others in its entries, whose check sums are wrong for it. The incarnation, a
 * number by chance from the file's header, is part of each check sum, as is the values' format. So nobody can make an
 * entry from outside, and what was written in another life of the file, or by another version, is not found.
 *
 * Finding an entry. The id's hash leads to a set of WAYS entries in each bank. A set begins with its tags: one word per
 * way, the hash of the id whose entry is there. Tags are hints: the entry itself has its id. The lowest bit of a tag is
 * set by each hit. A keep takes the way of the same tag, else an empty one, else the next one that was not hit since
 * the last search passed it (second chance).
 *
 * Generations are shared by ids with the same hash: a raise for one is then a miss for the other.
 *
 * It does not know what values are, how long they may live, or whether Redis is trusted: cache/todo_read.c does.
 */
#include "l1/table.h"

#include <string.h>

#include "base/failpoint.h"
#include "base/hash.h"
#include "l1/memory.h"

enum {
    WAYS = 8,
    WORD = sizeof(uint64_t),
    TAGS_BYTES = WAYS * WORD,
    SMALL_BYTES = 320,
    LARGE_BYTES = L1_ENTRY_BYTES_MAX,
    LARGE_SHARE = 4, /* one part in so many is for large entries */
    GENERATION_BITS = 17,
};

_Static_assert(1 << GENERATION_BITS == L1_GENERATIONS, "the bits of a name that choose its generation");

/* The words of an entry. In a copy whose check sum is taken, the seed stands in the sum's place. */
enum { WORD_SUM, WORD_GENERATION, WORD_EPOCH, WORD_LENGTHS, HEAD_WORDS };

/* A tag's lowest bit says that it was hit; the next one that there is an entry. */
enum { TAG_HIT = 1, TAG_USED = 2 };

/* ---- Names and generations ---- */

static _Atomic uint64_t *generation_of(const struct l1_table *table, uint64_t name)
{
    return &table->generations[name & (L1_GENERATIONS - 1)];
}

bool l1_keeps(const struct l1_table *table)
{
    return table && atomic_load_explicit(&table->is_open, memory_order_acquire) && table->banks[0].set_count > 0;
}

struct l1_note l1_note(const struct l1_table *table, const char *id)
{
    if (!l1_keeps(table))
        return (struct l1_note){.generation = UINT64_MAX};
    uint64_t name = hash_bytes(slice_of(id));
    return (struct l1_note){.name = name, .generation = atomic_load(generation_of(table, name))};
}

/* Whether it is open. If not, l1_open() raises everything before this process calls the store. */
static bool may_raise(struct l1_table *table)
{
    if (!table || atomic_load_explicit(&table->is_open, memory_order_acquire))
        return table != NULL;
    pthread_mutex_lock(&table->mutex);
    bool is_open = atomic_load(&table->is_open);
    table->has_missed |= !is_open;
    pthread_mutex_unlock(&table->mutex);
    return is_open;
}

void l1_raise(struct l1_table *table, const char *const *ids, size_t id_count)
{
    if (may_raise(table))
        for (size_t i = 0; i < id_count; i++)
            atomic_fetch_add(generation_of(table, hash_bytes(slice_of(ids[i]))), 1);
}

/* ---- Places ---- */

static size_t set_bytes(const struct l1_bank *bank)
{
    return TAGS_BYTES + WAYS * bank->entry_bytes;
}

void l1_divide(struct l1_table *table, size_t mbytes)
{
    table->header = table->map;
    table->generations = (_Atomic uint64_t *)(void *)((char *)table->map + L1_HEADER_BYTES);
    table->seed = table->header->incarnation ^ table->format;
    char *place = (char *)table->map + L1_VALUES_OFFSET;
    size_t large_bytes = (mbytes << 20) / LARGE_SHARE, small_bytes = (mbytes << 20) - large_bytes;
    table->banks[0] = (struct l1_bank){.sets = place, .entry_bytes = SMALL_BYTES};
    table->banks[1] = (struct l1_bank){.sets = place + small_bytes, .entry_bytes = LARGE_BYTES};
    table->banks[0].set_count = small_bytes / set_bytes(&table->banks[0]);
    table->banks[1].set_count = large_bytes / set_bytes(&table->banks[1]);
}

/* The tags of a name's set; its entries are behind them. The bits that chose the generation choose no set. */
static _Atomic uint64_t *set_of(const struct l1_bank *bank, uint64_t name)
{
    size_t set = ((name >> GENERATION_BITS & UINT32_MAX) * bank->set_count) >> 32;
    return (_Atomic uint64_t *)(void *)(bank->sets + set * set_bytes(bank));
}

static _Atomic uint64_t *entry_of(const struct l1_bank *bank, _Atomic uint64_t *tags, unsigned way)
{
    return (_Atomic uint64_t *)(void *)((char *)tags + TAGS_BYTES + way * bank->entry_bytes);
}

static uint64_t tag_of(uint64_t name)
{
    return (name & ~(uint64_t)TAG_HIT) | TAG_USED;
}

static bool tag_is(uint64_t tag, uint64_t name)
{
    return (tag & ~(uint64_t)TAG_HIT) == tag_of(name);
}

static uint64_t word_get(_Atomic uint64_t *words, size_t index)
{
    return atomic_load_explicit(&words[index], memory_order_relaxed);
}

static void word_set(_Atomic uint64_t *words, size_t index, uint64_t value)
{
    atomic_store_explicit(&words[index], value, memory_order_relaxed);
}

/* ---- Entries ---- */

static size_t words_of(size_t len_bytes)
{
    return (len_bytes + WORD - 1) / WORD;
}

static uint64_t sum_of(const struct l1_copy *copy, size_t word_count)
{
    return hash_bytes((struct slice){.data = (const char *)copy->words, .len = word_count * WORD});
}

/* Copies an entry, as far as its own lengths say. 0: it is none; else its words. */
static size_t entry_copy(struct l1_copy *copy, const struct l1_bank *bank, _Atomic uint64_t *entry)
{
    uint64_t lengths = word_get(entry, WORD_LENGTHS);
    size_t count = HEAD_WORDS + words_of(lengths >> 32) + words_of(lengths & UINT32_MAX);
    if (count > bank->entry_bytes / WORD)
        return 0;
    for (size_t i = 0; i < count; i++)
        copy->words[i] = word_get(entry, i);
    copy->words[WORD_LENGTHS] = lengths;
    return count;
}

/* The value in copy, if it is whole, of this id and epoch, and nothing was raised since it was asked for. */
static struct slice entry_value(const struct l1_table *table, struct l1_copy *copy, size_t count,
                                const struct l1_note *note, struct slice id, int64_t epoch)
{
    static const struct slice none;
    const uint64_t *words = copy->words;
    uint64_t sum = words[WORD_SUM];
    size_t id_len = words[WORD_LENGTHS] >> 32, value_len = words[WORD_LENGTHS] & UINT32_MAX;
    bool is_raised = words[WORD_GENERATION] != note->generation && !failpoint_is_on(FAILPOINT_L1_UNCOMPARED);
    if (is_raised || words[WORD_EPOCH] != (uint64_t)epoch || id_len != id.len ||
        memcmp(words + HEAD_WORDS, id.data, id.len) != 0)
        return none;
    copy->words[WORD_SUM] = table->seed;
    if (sum_of(copy, count) != sum)
        return none;
    return (struct slice){.data = (const char *)(words + HEAD_WORDS + words_of(id_len)), .len = value_len};
}

static struct slice bank_find(const struct l1_table *table, const struct l1_bank *bank, const struct l1_note *note,
                              struct slice id, int64_t epoch, struct l1_copy *copy)
{
    struct slice value = {0};
    _Atomic uint64_t *tags = set_of(bank, note->name);
    for (unsigned way = 0; way < WAYS && !value.data; way++) {
        uint64_t tag = word_get(tags, way);
        if (!tag_is(tag, note->name))
            continue;
        size_t count = entry_copy(copy, bank, entry_of(bank, tags, way));
        if (count > 0)
            value = entry_value(table, copy, count, note, id, epoch);
        if (value.data && !(tag & TAG_HIT))
            atomic_fetch_or_explicit(&tags[way], TAG_HIT, memory_order_relaxed);
    }
    return value;
}

struct slice l1_find(struct l1_table *table, const struct l1_note *note, const char *id, int64_t epoch,
                     struct l1_copy *copy)
{
    struct slice value = {0};
    for (unsigned i = 0; i < L1_BANKS && !value.data; i++)
        if (table->banks[i].set_count > 0)
            value = bank_find(table, &table->banks[i], note, slice_of(id), epoch, copy);
    return value;
}

/* ---- Keeping ---- */

/* A value of another size may lie in the other bank, older but under the same generation. */
static void bank_forget(const struct l1_bank *bank, uint64_t name)
{
    _Atomic uint64_t *tags = set_of(bank, name);
    for (unsigned way = 0; way < WAYS; way++)
        if (tag_is(word_get(tags, way), name))
            word_set(tags, way, 0);
}

/* The way for a name's entry, and whether another's goes for it. */
static unsigned way_choose(struct l1_table *table, _Atomic uint64_t *tags, uint64_t name, bool *evicts)
{
    unsigned way, empty = WAYS;
    *evicts = false;
    for (way = 0; way < WAYS; way++) {
        uint64_t found = word_get(tags, way);
        if (tag_is(found, name))
            return way;
        if (found == 0)
            empty = way;
    }
    if (empty < WAYS)
        return empty;
    *evicts = true;
    for (unsigned i = 0; i < WAYS; i++) {
        way = table->hand++ % WAYS;
        if (!(word_get(tags, way) & TAG_HIT))
            return way;
        atomic_fetch_and_explicit(&tags[way], ~(uint64_t)TAG_HIT, memory_order_relaxed);
    }
    return table->hand % WAYS;
}

static void entry_build(struct l1_copy *copy, const struct l1_table *table, const struct l1_note *note, struct slice id,
                        int64_t epoch, struct slice value, size_t count)
{
    uint64_t *words = copy->words;
    size_t value_at = HEAD_WORDS + words_of(id.len);
    words[WORD_GENERATION] = note->generation;
    words[WORD_EPOCH] = (uint64_t)epoch;
    words[WORD_LENGTHS] = (uint64_t)id.len << 32 | value.len;
    words[value_at - 1] = 0; /* what is behind the texts' ends is part of the sum */
    words[count - 1] = 0;
    memcpy(words + HEAD_WORDS, id.data, id.len);
    memcpy(words + value_at, value.data, value.len);
    words[WORD_SUM] = table->seed;
    words[WORD_SUM] = sum_of(copy, count);
}

enum l1_kept l1_keep(struct l1_table *table, const struct l1_note *note, const char *id, int64_t epoch,
                     struct slice value)
{
    struct l1_copy copy;
    struct slice name = slice_of(id);
    size_t count = HEAD_WORDS + words_of(name.len) + words_of(value.len);
    bool is_large = count * WORD > SMALL_BYTES;
    const struct l1_bank *bank = &table->banks[is_large];
    bool evicts;
    if (count * WORD > LARGE_BYTES || bank->set_count == 0 ||
        atomic_load(generation_of(table, note->name)) != note->generation)
        return L1_REFUSED;
    entry_build(&copy, table, note, name, epoch, value, count);
    bank_forget(&table->banks[!is_large], note->name);
    _Atomic uint64_t *tags = set_of(bank, note->name);
    unsigned way = way_choose(table, tags, note->name, &evicts);
    _Atomic uint64_t *entry = entry_of(bank, tags, way);
    for (size_t i = 0; i < count; i++)
        word_set(entry, i, copy.words[i]);
    if (!tag_is(word_get(tags, way), note->name))
        word_set(tags, way, tag_of(note->name));
    return evicts ? L1_EVICTED : L1_KEPT;
}
