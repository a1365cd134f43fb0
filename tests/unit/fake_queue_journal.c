/* SPDX-License-Identifier: MIT */
/*
 * Shards are arrays in order; a call is a copy of its arguments, which is run when the test says so. It promises what journal.h
 * does and no speed. What it takes from the settings: queue_depth_max, queue_age_max_s.
 */
#include "fake_queue_journal.h"

#include <stdio.h>
#include <stdlib.h>
#include <utlist.h>

#include "base/arena.h"
#include "base/clock.h"
#include "base/container.h"
#include "queue/readiness.h"

enum {
    JOURNALS_MAX = 8,
    READ_BYTES_MAX = 1 << 20,
};

struct item {
    int64_t number;
    struct slice text, key, fingerprint, reason; /* reason: of a dead letter */
    int64_t died_at_ms;
    bool waits, is_dead; /* neither: it is settled, or dropped */
    bool has_outcome;
    struct journal_outcome outcome;
};

struct shard {
    struct item *items; /* all that ever were, in order of their numbers as they were given */
    size_t count;
    struct token owner;
    int64_t held_until_ms; /* the loop's time */
};

struct fake {
    struct journal journal;
    struct journal_options options;
    struct readiness readiness;
    bool is_held;
};

enum name { APPEND, READ, SETTLE, HOLD, RELEASE, FIND, LOOK, DEAD_LIST, DEAD_RETRY, DEAD_DROP, NAME_COUNT };
static const char *const NAMES[NAME_COUNT] = {"append", "read", "settle",    "hold",       "release",
                                              "find",   "look", "dead_list", "dead_retry", "dead_drop"};

struct call {
    struct fake *fake;
    enum name name;
    unsigned shard;
    int64_t number; /* after, or of a ticket */
    size_t limit;
    struct token owner;
    struct slice id, text, key, fingerprint, reason;
    bool is_dead;
    struct journal_outcome *outcomes;
    size_t count;
    union journal_told told;
    void *ctx;
    struct error error;
    struct arena arena;
    struct call *prev, *next;
};

static struct {
    struct fake *open[JOURNALS_MAX];
    struct shard shards[QUEUE_SHARDS];
    struct call *calls;
    struct arena texts; /* of all items */
    bool is_away;
    char store[64]; /* whose it is */
    int64_t next_number;
    unsigned ran[NAME_COUNT];
    struct {
        unsigned count;
        enum status status; /* OK: its answer is lost */
    } faults[NAME_COUNT];
} all;

static enum name name_of(const char *name)
{
    for (enum name i = 0; i < NAME_COUNT; i++)
        if (strcmp(NAMES[i], name) == 0)
            return i;
    bug_unless(false, "the fake journal has no such call");
    return NAME_COUNT;
}

static struct item *item_of(unsigned shard, int64_t number)
{
    struct shard *in = &all.shards[shard];
    for (size_t i = 0; i < in->count; i++)
        if (in->items[i].number == number)
            return &in->items[i];
    return NULL;
}

/* ---- What the calls do ---- */

static void told(struct call *call, enum status fault)
{
    if (fault)
        error_set(&call->error, fault, "the journal's answer was lost");
}

static int64_t number_next(unsigned shard)
{
    int64_t number = clock_wall_ms() << TICKET_SEQ_BITS;
    for (size_t i = 0; i < all.shards[shard].count; i++)
        if (all.shards[shard].items[i].number >= number)
            number = all.shards[shard].items[i].number + 1;
    if (all.next_number > 0)
        number = all.next_number;
    all.next_number = 0;
    return number;
}

static struct ticket item_add(unsigned shard, struct slice id, struct slice text, struct slice key,
                              struct slice fingerprint)
{
    struct shard *in = &all.shards[shard];
    struct item item = {.number = number_next(shard), .waits = true};
    slice_copy(item.outcome.id, sizeof(item.outcome.id), id);
    item.text = arena_copy(&all.texts, text);
    item.key = arena_copy(&all.texts, key);
    item.fingerprint = arena_copy(&all.texts, fingerprint);
    in->items = mem_resize(in->items, (in->count + 1) * sizeof(*in->items));
    in->items[in->count++] = item;
    return (struct ticket){.shard = shard, .number = item.number};
}

static enum status key_look(const struct call *call, struct ticket *ticket)
{
    for (unsigned s = 0; s < QUEUE_SHARDS; s++)
        for (size_t i = 0; call->key.len > 0 && i < all.shards[s].count; i++) {
            const struct item *item = &all.shards[s].items[i];
            if (!slice_equal(item->key, call->key))
                continue;
            *ticket = (struct ticket){.shard = s, .number = item->number};
            return slice_equal(item->fingerprint, call->fingerprint) ? STATUS_EXISTS : STATUS_MISMATCH;
        }
    return STATUS_OK;
}

static struct journal_figures figures(void)
{
    struct journal_figures figures = {0};
    for (unsigned s = 0; s < QUEUE_SHARDS; s++) {
        for (size_t i = 0; i < all.shards[s].count; i++) {
            const struct item *item = &all.shards[s].items[i];
            figures.shards[s].depth += item->waits;
            figures.shards[s].dead_count += item->is_dead;
            figures.shards[s].last_number = item->number;
            if (item->waits && figures.shards[s].oldest_at_ms == 0)
                figures.shards[s].oldest_at_ms = item->number >> TICKET_SEQ_BITS;
        }
        if (all.shards[s].held_until_ms > clock_monotonic_ms())
            snprintf(figures.shards[s].applier, sizeof(figures.shards[s].applier), "%s", all.shards[s].owner.text);
    }
    return figures;
}

static bool is_full(const struct call *call)
{
    const struct settings *settings = call->fake->options.settings;
    struct journal_figures now = figures();
    uint64_t depth = 0;
    for (unsigned s = 0; s < QUEUE_SHARDS; s++)
        depth += now.shards[s].depth;
    int64_t oldest_at_ms = now.shards[call->shard].oldest_at_ms;
    return depth >= (uint64_t)settings->queue_depth_max ||
           (oldest_at_ms > 0 && clock_wall_ms() - oldest_at_ms > settings->queue_age_max_s * 1000);
}

static void append_run(struct call *call, enum status fault)
{
    struct ticket ticket = {.shard = call->shard};
    enum status status = key_look(call, &ticket);
    if (status == STATUS_OK && is_full(call))
        status = error_set(&call->error, STATUS_BUSY, "the queue is full");
    if (status == STATUS_OK)
        ticket = item_add(call->shard, call->id, call->text, call->key, call->fingerprint);
    told(call, fault);
    call->told.append(call->ctx, fault ? fault : status, ticket, &call->error);
}

static void read_run(struct call *call, enum status fault)
{
    const struct shard *in = &all.shards[call->shard];
    struct journal_write *writes = mem_alloc((call->limit + 1) * sizeof(*writes));
    size_t count = 0, bytes = 0;
    for (size_t i = 0; i < in->count && count < call->limit && bytes < READ_BYTES_MAX; i++) {
        const struct item *item = &in->items[i];
        if (!item->waits || item->number <= call->number)
            continue;
        writes[count++] = (struct journal_write){item->number, arena_copy(&call->arena, item->text)};
        bytes += item->text.len; /* a copy, because the callback may append */
    }
    told(call, fault);
    call->told.read(call->ctx, call->error.status, writes, fault ? 0 : count, &call->error);
    free(writes);
}

static void settle_run(struct call *call, enum status fault)
{
    for (size_t i = 0; i < call->count; i++) {
        struct item *item = item_of(call->shard, call->outcomes[i].applied.number);
        if (!item || !item->waits)
            continue;
        item->waits = false;
        item->is_dead = call->is_dead;
        item->has_outcome = !call->is_dead;
        if (item->has_outcome)
            item->outcome = call->outcomes[i];
        item->died_at_ms = clock_wall_ms();
        item->reason = arena_copy(&all.texts, call->reason);
    }
    told(call, fault);
    call->told.done(call->ctx, call->error.status, &call->error);
}

static void hold_run(struct call *call, enum status fault)
{
    struct shard *in = &all.shards[call->shard];
    bool is_own = strcmp(in->owner.text, call->owner.text) == 0;
    if (!is_own && in->held_until_ms > clock_monotonic_ms()) {
        error_set(&call->error, STATUS_BUSY, "another applier holds the shard");
    } else {
        in->owner = call->owner;
        in->held_until_ms = clock_monotonic_ms() + JOURNAL_HOLD_MS;
    }
    told(call, fault);
    call->told.done(call->ctx, call->error.status, &call->error);
}

static void release_run(struct call *call, enum status fault)
{
    (void)fault;
    if (strcmp(all.shards[call->shard].owner.text, call->owner.text) == 0)
        all.shards[call->shard].held_until_ms = 0;
}

static void find_run(struct call *call, enum status fault)
{
    const struct item *item = item_of(call->shard, call->number);
    struct journal_found found = {.state = TICKET_UNKNOWN};
    if (item) {
        found.outcome = item->outcome;
        found.reason = item->reason;
        found.state = item->waits         ? TICKET_PENDING
                      : item->is_dead     ? TICKET_DEAD
                      : item->has_outcome ? TICKET_SETTLED
                                          : TICKET_FORGOTTEN;
    }
    told(call, fault);
    call->told.find(call->ctx, call->error.status, &found, &call->error);
}

static void look_run(struct call *call, enum status fault)
{
    struct journal_figures now = figures();
    told(call, fault);
    call->told.look(call->ctx, call->error.status, &now, &call->error);
}

static void dead_list_run(struct call *call, enum status fault)
{
    const struct shard *in = &all.shards[call->shard];
    struct journal_dead *dead = mem_alloc((call->limit + 1) * sizeof(*dead));
    size_t count = 0;
    for (size_t i = 0; i < in->count && count < call->limit; i++)
        if (in->items[i].is_dead && in->items[i].number > call->number)
            dead[count++] = (struct journal_dead){
                {call->shard, in->items[i].number}, in->items[i].died_at_ms, in->items[i].text, in->items[i].reason};
    told(call, fault);
    call->told.dead(call->ctx, call->error.status, dead, fault ? 0 : count, &call->error);
    free(dead);
}

/* NULL, with an error: there is no such dead letter. */
static struct item *dead_take(struct call *call)
{
    struct item *item = item_of(call->shard, call->number);
    if (item && item->is_dead)
        return item;
    error_set(&call->error, STATUS_NOT_FOUND, "there is no such dead letter");
    return NULL;
}

static void dead_retry_run(struct call *call, enum status fault)
{
    struct ticket ticket = {.shard = call->shard};
    struct item *item = dead_take(call);
    if (item) {
        item->is_dead = false;
        struct slice id = arena_copy(&all.texts, slice_of(item->outcome.id));
        ticket = item_add(call->shard, id, item->text, (struct slice){0}, (struct slice){0});
    }
    told(call, fault);
    call->told.append(call->ctx, call->error.status, ticket, &call->error);
}

static void dead_drop_run(struct call *call, enum status fault)
{
    struct item *item = dead_take(call);
    if (item)
        item->is_dead = false;
    told(call, fault);
    call->told.done(call->ctx, call->error.status, &call->error);
}

static void (*const RUN[NAME_COUNT])(struct call *call, enum status fault) = {
    [APPEND] = append_run,         [READ] = read_run,           [SETTLE] = settle_run, [HOLD] = hold_run,
    [RELEASE] = release_run,       [FIND] = find_run,           [LOOK] = look_run,     [DEAD_LIST] = dead_list_run,
    [DEAD_RETRY] = dead_retry_run, [DEAD_DROP] = dead_drop_run,
};

/* Ends a call that was not carried out. */
static void call_refuse(struct call *call, enum status status)
{
    error_set(&call->error, status, "the journal is away");
    if (call->name == APPEND || call->name == DEAD_RETRY)
        call->told.append(call->ctx, status, (struct ticket){.shard = call->shard}, &call->error);
    else if (call->name == READ)
        call->told.read(call->ctx, status, NULL, 0, &call->error);
    else if (call->name == FIND)
        call->told.find(call->ctx, status, NULL, &call->error);
    else if (call->name == LOOK)
        call->told.look(call->ctx, status, NULL, &call->error);
    else if (call->name == DEAD_LIST)
        call->told.dead(call->ctx, status, NULL, 0, &call->error);
    else if (call->name != RELEASE)
        call->told.done(call->ctx, status, &call->error);
}

static void call_free(struct call *call)
{
    arena_fini(&call->arena);
    free(call->outcomes);
    free(call);
}

static void call_end(struct call *call)
{
    bool is_faulty = all.faults[call->name].count > 0 && all.faults[call->name].count--;
    enum status status = all.faults[call->name].status;
    bool is_away = all.is_away || call->fake->readiness.flaw.status;
    if (is_away || (is_faulty && status)) {
        call_refuse(call, is_away ? STATUS_UNAVAILABLE : status);
    } else {
        all.ran[call->name]++;
        bool writes =
            call->name == APPEND || call->name == SETTLE || call->name == DEAD_RETRY || call->name == DEAD_DROP;
        RUN[call->name](call, !is_faulty ? STATUS_OK : writes ? STATUS_UNKNOWN : STATUS_UNAVAILABLE);
    }
    call_free(call);
}

/* ---- The seam ---- */

static struct call *call_new(struct journal *journal, enum name name, struct ticket ticket, void *ctx)
{
    struct call *call = mem_zalloc(sizeof(*call));
    call->fake = container_of(journal, struct fake, journal);
    call->name = name;
    call->shard = ticket.shard;
    call->number = ticket.number;
    call->ctx = ctx;
    bug_unless(ticket.shard < QUEUE_SHARDS, "a shard that does not exist");
    DL_APPEND(all.calls, call);
    return call;
}

static void fake_append(struct journal *journal, const struct journal_append *append, journal_append_cb done, void *ctx)
{
    struct call *call = call_new(journal, APPEND, (struct ticket){append->shard, 0}, ctx);
    call->text = arena_copy(&call->arena, append->text);
    call->id = arena_copy(&call->arena, append->id);
    call->key = arena_copy(&call->arena, append->key);
    call->fingerprint = arena_copy(&call->arena, append->fingerprint);
    call->told.append = done;
}

static void fake_read(struct journal *journal, unsigned shard, int64_t after, size_t limit, journal_read_cb done,
                      void *ctx)
{
    struct call *call = call_new(journal, READ, (struct ticket){shard, after}, ctx);
    call->limit = limit;
    call->told.read = done;
}

static void fake_settle(struct journal *journal, unsigned shard, const struct journal_outcome *outcomes, size_t count,
                        const char *reason, journal_done_cb done, void *ctx)
{
    struct call *call = call_new(journal, SETTLE, (struct ticket){shard, 0}, ctx);
    call->outcomes = mem_alloc((count + 1) * sizeof(*outcomes));
    memcpy(call->outcomes, outcomes, count * sizeof(*outcomes));
    call->count = count;
    call->is_dead = reason != NULL;
    call->reason = arena_copy(&call->arena, slice_of(reason));
    call->told.done = done;
}

static void fake_hold(struct journal *journal, unsigned shard, const struct token *owner, journal_done_cb done,
                      void *ctx)
{
    struct call *call = call_new(journal, HOLD, (struct ticket){shard, 0}, ctx);
    call->owner = *owner;
    call->told.done = done;
}

static void fake_release(struct journal *journal, unsigned shard, const struct token *owner)
{
    call_new(journal, RELEASE, (struct ticket){shard, 0}, NULL)->owner = *owner;
}

static void fake_find(struct journal *journal, struct ticket ticket, journal_find_cb done, void *ctx)
{
    call_new(journal, FIND, ticket, ctx)->told.find = done;
}

static void fake_look(struct journal *journal, journal_look_cb done, void *ctx)
{
    call_new(journal, LOOK, (struct ticket){0}, ctx)->told.look = done;
}

static void fake_dead_list(struct journal *journal, unsigned shard, int64_t after, size_t limit, journal_dead_cb done,
                           void *ctx)
{
    struct call *call = call_new(journal, DEAD_LIST, (struct ticket){shard, after}, ctx);
    call->limit = limit;
    call->told.dead = done;
}

static void fake_dead_retry(struct journal *journal, struct ticket ticket, journal_append_cb done, void *ctx)
{
    call_new(journal, DEAD_RETRY, ticket, ctx)->told.append = done;
}

static void fake_dead_drop(struct journal *journal, struct ticket ticket, journal_done_cb done, void *ctx)
{
    call_new(journal, DEAD_DROP, ticket, ctx)->told.done = done;
}

static void fake_free(struct journal *journal)
{
    struct fake *fake = container_of(journal, struct fake, journal);
    struct call *call, *next;
    DL_FOREACH_SAFE(all.calls, call, next)
    {
        if (call->fake != fake)
            continue;
        DL_DELETE(all.calls, call);
        call_refuse(call, STATUS_UNAVAILABLE);
        call_free(call);
    }
    for (size_t i = 0; i < JOURNALS_MAX; i++)
        if (all.open[i] == fake)
            all.open[i] = NULL;
    free(fake);
}

static bool fake_is_ready(const struct journal *journal)
{
    return container_of(journal, struct fake, journal)->readiness.is_ready;
}

static bool fake_is_idle(const struct journal *journal)
{
    const struct call *call;
    DL_FOREACH(all.calls, call)
    {
        if (&call->fake->journal == journal)
            return false;
    }
    return true;
}

static void ready_tell(struct fake *fake)
{
    struct error error;
    if (!all.store[0])
        snprintf(all.store, sizeof(all.store), "%s", readiness_store(&fake->readiness));
    enum status status = all.is_away ? error_set(&error, STATUS_UNAVAILABLE, "the journal is away")
                                     : readiness_compare(&fake->readiness, slice_of(all.store), &error);
    if (status != STATUS_BUSY)
        readiness_tell(&fake->readiness, status == STATUS_OK ? NULL : &error);
}

static void fake_tend(struct journal *journal)
{
    ready_tell(container_of(journal, struct fake, journal));
}

static const struct journal_ops FAKE_OPS = {
    .free = fake_free,
    .is_ready = fake_is_ready,
    .is_idle = fake_is_idle,
    .tend = fake_tend,
    .append = fake_append,
    .read = fake_read,
    .settle = fake_settle,
    .hold = fake_hold,
    .release = fake_release,
    .find = fake_find,
    .look = fake_look,
    .dead_list = fake_dead_list,
    .dead_retry = fake_dead_retry,
    .dead_drop = fake_dead_drop,
};

enum status journal_open(struct journal **journal, const struct journal_options *options, struct error *error)
{
    struct fake *fake = mem_zalloc(sizeof(*fake));
    (void)error;
    fake->journal.ops = &FAKE_OPS;
    fake->options = *options;
    fake->readiness.options = &fake->options;
    for (size_t i = 0; i < JOURNALS_MAX; i++)
        if (!all.open[i]) {
            all.open[i] = fake;
            *journal = &fake->journal;
            return STATUS_OK;
        }
    bug_unless(false, "more journals than the fake has room for");
    return STATUS_INVALID;
}

/* ---- The test's hand ---- */

void fake_queue_journal_begin(void)
{
    arena_fini(&all.texts);
    for (unsigned s = 0; s < QUEUE_SHARDS; s++)
        free(all.shards[s].items);
    for (size_t i = 0; i < JOURNALS_MAX; i++)
        bug_unless(!all.open[i], "a journal was not freed");
    memset(&all, 0, sizeof(all));
}

void fake_queue_journal_set_ready(bool ready)
{
    all.is_away = !ready;
    for (size_t i = 0; i < JOURNALS_MAX; i++)
        if (all.open[i])
            ready_tell(all.open[i]);
}

void fake_queue_journal_hold(struct journal *journal, bool held)
{
    container_of(journal, struct fake, journal)->is_held = held;
}

bool fake_queue_journal_step(void)
{
    struct call *call;
    DL_FOREACH(all.calls, call)
    {
        if (call->fake->is_held)
            continue;
        DL_DELETE(all.calls, call);
        call_end(call);
        return true;
    }
    return false;
}

void fake_queue_journal_fail(const char *name, enum status status, unsigned count)
{
    all.faults[name_of(name)].status = status;
    all.faults[name_of(name)].count = count;
}

void fake_queue_journal_lose(const char *name, unsigned count)
{
    fake_queue_journal_fail(name, STATUS_OK, count);
}

void fake_queue_journal_set_number(int64_t number)
{
    all.next_number = number;
}

void fake_queue_journal_set_store(const char *name)
{
    snprintf(all.store, sizeof(all.store), "%s", name);
}

unsigned fake_queue_journal_count(const char *name)
{
    return all.ran[name_of(name)];
}

size_t fake_queue_journal_depth(unsigned shard)
{
    return (size_t)figures().shards[shard].depth;
}
