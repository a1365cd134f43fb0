/* SPDX-License-Identifier: MIT */
/*
 * Arming failpoints, and passing them.
 *
 * Why in the program and not in a debugger or a proxy: the interesting moments are between two steps of one worker (the
 * store has committed, the unfence isn't sent yet), and nothing outside can hit them reliably. A point is one line in
 * the code that it concerns. In an ordinary build it is nothing at all; tests/lint/test_failpoints.py checks such a
 * build.
 *
 * Each point has a kind, which says what may be armed there. A delay on the loop would stop every request, so only a
 * pool thread's point can delay. A switch is asked, not passed. Any other text is refused, because a misspelt point
 * would make a test pass that tests nothing.
 *
 * The table is written once, before there are threads, and only read afterwards. Chances are drawn per pass, from the
 * thread's own supply of random bytes. The program passes in how to die and how to sleep, so unit tests can replace
 * both.
 */
#include "base/failpoint.h"

#include "base/mem.h"
#include "base/random.h"

enum { CHANCE_WHOLE = 1000000, DELAY_MAX_MS = 60000 };

enum kind { KIND_LOOP, KIND_POOL, KIND_SWITCH };

struct point {
    struct slice name;
    enum kind kind;
    bool on;
    uint32_t kill_chance, delay_chance; /* of CHANCE_WHOLE */
    uint32_t delay_ms;
};

#define POINT(upper, name, kind, where) {SLICE(name), KIND_##kind, false, 0, 0, 0},
static struct point points[] = {FAILPOINTS(POINT)};
static struct failpoint_effects effects;

/* "1", "0.25": at most six digits behind the point. Absent: always. */
static bool chance_parse(struct slice text, uint32_t *chance)
{
    struct slice digits;
    int64_t whole;
    if (!text.data) {
        *chance = CHANCE_WHOLE;
        return true;
    }
    if (!slice_to_int64(slice_split(text, '.', &digits), &whole) || whole < 0 || whole > 1)
        return false;
    *chance = (uint32_t)whole * CHANCE_WHOLE;
    uint32_t unit = CHANCE_WHOLE;
    for (size_t i = 0; i < digits.len; i++) {
        if (digits.data[i] < '0' || digits.data[i] > '9' || unit == 1)
            return false;
        unit /= 10;
        *chance += (uint32_t)(digits.data[i] - '0') * unit;
    }
    return (!digits.data || digits.len > 0) && *chance <= CHANCE_WHOLE;
}

static bool point_arm(struct point *point, struct slice action, uint32_t chance)
{
    struct slice argument;
    struct slice verb = slice_split(action, ':', &argument);
    int64_t delay_ms;
    if (slice_equal(action, SLICE("on")) && chance == CHANCE_WHOLE)
        return point->on = point->kind == KIND_SWITCH;
    if (slice_equal(action, SLICE("kill")) && point->kind != KIND_SWITCH) {
        point->kill_chance = chance;
        return true;
    }
    if (!slice_equal(verb, SLICE("delay")) || point->kind != KIND_POOL || !argument.data)
        return false;
    if (!slice_to_int64(argument, &delay_ms) || delay_ms < 1 || delay_ms > DELAY_MAX_MS)
        return false;
    point->delay_ms = (uint32_t)delay_ms;
    point->delay_chance = chance;
    return true;
}

static struct point *point_find(struct slice name)
{
    for (size_t i = 0; i < FAILPOINT_COUNT; i++)
        if (slice_equal(points[i].name, name))
            return &points[i];
    return NULL;
}

static bool part_parse(struct slice part)
{
    struct slice value, chance_text;
    struct slice name = slice_split(part, '=', &value);
    struct slice action = slice_split(value, '@', &chance_text);
    struct point *point = point_find(name);
    uint32_t chance;
    return point && chance_parse(chance_text, &chance) && point_arm(point, action, chance);
}

static bool is_drawn(uint32_t chance)
{
    return chance > 0 && random_below(CHANCE_WHOLE) < chance;
}

enum status failpoint_setup(struct slice text, const struct failpoint_effects *given, struct error *error)
{
    effects = *given;
    for (size_t i = 0; i < FAILPOINT_COUNT; i++)
        points[i] = (struct point){.name = points[i].name, .kind = points[i].kind};
    for (struct slice rest = text; rest.len > 0;) {
        struct slice part = slice_split(rest, ',', &rest);
        if (!part_parse(part))
            return error_set(error, STATUS_INVALID, "failpoints: '%.*s' is no point, or can't be armed so",
                             (int)part.len, part.data);
    }
    return STATUS_OK;
}

void failpoint_pass(enum failpoint point)
{
    const struct point *armed = &points[point];
    bug_unless(armed->kind != KIND_SWITCH, "a switch is asked, not passed");
    if (is_drawn(armed->delay_chance))
        effects.sleep_ms(armed->delay_ms);
    if (is_drawn(armed->kill_chance))
        effects.kill();
}

bool failpoint_is_on(enum failpoint point)
{
    return points[point].on;
}
