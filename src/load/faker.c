/* SPDX-License-Identifier: MIT */
/*
 * Made-up rows that look like people's todos: half are called after a person, half after a small task, with a few sentences
 * of description, about 100 characters in all.
 *
 * Every row draws from its own stream of random numbers: SplitMix64, started from a hash of seed and number. So no row depends
 * on another; a load may start anywhere, be repeated, or be checked row by row. Texts and numbers are this file's own: changing a
 * word list changes all rows, which is why a unit test holds one row fast.
 *
 * Some rows are awkward on purpose, about one in ten of each kind: letters outside ASCII, quoted words, two paragraphs.
 * What breaks on those breaks here rather than on real data.
 *
 * What it does not do: real random quality, any language's grammar, secrets.
 *
 * Source: SplitMix64: Steele, Lea, Flood: Fast Splittable Pseudorandom Number Generators, OOPSLA 2014.
 */
#include "load/faker.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/container.h"
#include "base/mem.h"

enum {
    FAKER_TEXT_MAX_BYTES = 512,
    FAKER_DESCRIPTION_BYTES = 80, /* sentences are added until there are as many */
    FAKER_SECOND_MS = 1000,
    FAKER_WEEK_S = 7 * 24 * 3600,
};

#define FAKER_EPOCH_MS INT64_C(1704067200000) /* 2024-01-01T00:00:00Z; row n is n seconds younger */

static const char *const FIRST_NAMES[] = {
    "Ada",   "Bela",   "Carla", "Dennis", "Elif",  "Femi",    "Grace", "Hana",  "Igor",  "João",   "Katrin",
    "Lars",  "Mei",    "Nadia", "Oscar",  "Petra", "Quinn",   "Renée", "Sven",  "Tomas", "Ursula", "Viktor",
    "Wanda", "Ximena", "Yusuf", "Zoë",    "Amir",  "Bridget", "Chen",  "Dalia", "Edwin", "Frida",
};

static const char *const LAST_NAMES[] = {
    "Abel",
    "Baker",
    "Costa",
    "Diaz",
    "Egger",
    "Fischer",
    "Garcí"
    "a",
    "Hopper",
    "Ivanov",
    "Jansen",
    "Kowalski",
    "Lindgren",
    "Müller",
    "Nguyen",
    "Okafor",
    "Patel",
    "Quist",
    "Rossi",
    "Sato",
    "Turing",
    "Ulrich",
    "Varga",
    "Weber",
    "Xu",
    "Yamada",
    "Zimmer",
    "Adeyemi",
    "Bernard",
    "Clarke",
    "Dubois",
    "Evans",
    "Forsyth",
};

static const char *const VERBS[] = {
    "Book",   "Call",    "Check", "Clean", "Collect", "Draft",  "Fix",   "Find",  "File",  "Invite", "Learn",
    "Mend",   "Measure", "Order", "Pack",  "Paint",   "Pay",    "Plan",  "Print", "Read",  "Repair", "Return",
    "Review", "Send",    "Sign",  "Sort",  "Test",    "Update", "Visit", "Wash",  "Water", "Write",
};

static const char *const ADJECTIVES[] = {
    "old",    "new",   "small",  "big",  "spare", "green", "broken",  "borrowed",
    "second", "quiet", "wooden", "late", "cheap", "heavy", "missing", "yearly",
};

static const char *const NOUNS[] = {
    "letter",  "invoice",  "bicycle", "kettle",   "report",   "garden", "ticket",  "passport",
    "camera",  "ladder",   "window",  "recipe",   "contract", "backup", "printer", "lamp",
    "meeting", "parcel",   "piano",   "radiator", "roof",     "server", "shelf",   "suitcase",
    "table",   "tax form", "tent",    "umbrella", "fence",    "cellar", "map",     "boat",
};

static const char *const PLACES[] = {
    "at the office",
    "in the kitchen",
    "near the station",
    "on the second floor",
    "by the river",
    "at the library",
    "in the shed",
    "next door",
    "at the market",
    "in town",
    "at home",
    "on the way back",
    "in Zürich",
    "in 東京",
    "at the café",
    "in Łó"
    "dź",
};

static const char *const TIMES[] = {
    "before Friday", "this week",           "after lunch",       "by the end of the month",
    "tomorrow",      "as soon as it rains", "on Monday morning", "when there is time",
};

#define PICK(random, list) ((list)[random_next(random) % (sizeof(list) / sizeof(*(list)))])

static uint64_t random_mix(uint64_t z)
{
    z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
    return z ^ z >> 31;
}

static uint64_t random_next(uint64_t *random)
{
    *random += UINT64_C(0x9e3779b97f4a7c15);
    return random_mix(*random);
}

/* Whether this is one of about count. */
static bool random_one_in(uint64_t *random, unsigned count)
{
    return random_next(random) % count == 0;
}

static struct slice faker_name(uint64_t *random, struct arena *arena)
{
    char text[FAKER_TEXT_MAX_BYTES];
    const char *first = PICK(random, FIRST_NAMES), *last = PICK(random, LAST_NAMES);
    const char *verb = PICK(random, VERBS), *adjective = PICK(random, ADJECTIVES), *noun = PICK(random, NOUNS);
    if (random_one_in(random, 2))
        snprintf(text, sizeof(text), "%s %s", first, last);
    else
        snprintf(text, sizeof(text), "%s the %s %s", verb, adjective, noun);
    return arena_copy(arena, slice_of(text));
}

/* Adds one sentence at text; returns its length. The arguments are drawn before, so that their order is fixed. */
static size_t faker_sentence(uint64_t *random, char *text, size_t room)
{
    const char *verb = PICK(random, VERBS), *adjective = PICK(random, ADJECTIVES), *noun = PICK(random, NOUNS);
    const char *place = PICK(random, PLACES), *time = PICK(random, TIMES), *who = PICK(random, FIRST_NAMES);
    const char *quote = random_one_in(random, 20) ? "\"" : "";
    int len = 0;
    switch (random_next(random) % 3) {
    case 0:
        len = snprintf(text, room, "%s the %s%s %s%s %s %s.", verb, quote, adjective, noun, quote, place, time);
        break;
    case 1:
        len = snprintf(text, room, "%s has the %s%s%s %s.", who, quote, noun, quote, place);
        break;
    default:
        len = snprintf(text, room, "Ask %s about the %s %s%s%s.", who, adjective, quote, noun, quote);
        break;
    }
    return (size_t)len;
}

static struct slice faker_description(uint64_t *random, struct arena *arena)
{
    char text[FAKER_TEXT_MAX_BYTES];
    size_t len = 0;
    char separator = random_one_in(random, 10) ? '\n' : ' ';
    while (len < FAKER_DESCRIPTION_BYTES) {
        if (len > 0)
            text[len++] = separator;
        len += faker_sentence(random, text + len, sizeof(text) - len);
    }
    bug_unless(len < sizeof(text), "the word lists make longer sentences than there is room for");
    return arena_copy(arena, (struct slice){.data = text, .len = len});
}

void faker_make(uint64_t seed, int64_t number, struct arena *arena, struct todo *todo)
{
    uint64_t random = random_mix(seed ^ random_mix((uint64_t)number));
    char id[TODO_ID_MAX + 1];
    snprintf(id, sizeof(id), "%" PRId64, number);
    memset(todo, 0, sizeof(*todo));
    todo_set_id(todo, slice_of(id));
    todo->name = faker_name(&random, arena);
    todo->description = faker_description(&random, arena);
    todo->done = random_one_in(&random, 3);
    todo->v = 1;
    todo->created_at_ms = FAKER_EPOCH_MS + number * FAKER_SECOND_MS;
    int64_t age_s = todo->done ? (int64_t)(random_next(&random) % FAKER_WEEK_S) : 0;
    todo->updated_at_ms = todo->created_at_ms + age_s * FAKER_SECOND_MS;
}

struct faker_reader {
    struct reader reader;
    uint64_t seed;
    int64_t start;
};

static enum status faker_next(struct reader *reader, struct arena *arena, struct row *row, struct error *error)
{
    const struct faker_reader *faker = container_of(reader, struct faker_reader, reader);
    (void)error;
    if (reader->row_number == reader->row_total)
        return STATUS_NOT_FOUND;
    faker_make(faker->seed, faker->start + (int64_t)reader->row_number, arena, &row->todo);
    reader->row_number++;
    return STATUS_OK;
}

static void faker_free(struct reader *reader)
{
    free(container_of(reader, struct faker_reader, reader));
}

static const struct reader_ops FAKER_OPS = {"made-up rows", "", faker_next, faker_free};

struct reader *faker_reader_new(uint64_t seed, int64_t start, int64_t count)
{
    struct faker_reader *faker = mem_zalloc(sizeof(*faker));
    faker->reader.ops = &FAKER_OPS;
    faker->reader.row_total = (uint64_t)count;
    faker->reader.ids_unique = true;
    faker->seed = seed;
    faker->start = start;
    return &faker->reader;
}
