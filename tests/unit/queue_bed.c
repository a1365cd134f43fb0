/* SPDX-License-Identifier: MIT */
/* Calls that wait, and the tests that both journals pass. The log is thrown away. */
#include "queue_bed.h"

#include "base/clock.h"
#include "base/events.h"
#include "poll_events.h"

struct settings bed_settings;
bool bed_is_ready, bed_was_told;
struct error bed_error;
struct journal *bed_journal;
bool (*bed_until)(const bool *flag, int64_t within_ms) = poll_events_until;
const char *bed_store;
void (*bed_open)(void);
static struct stats bed_stats;

void bed_on_ready(void *ctx, bool is_ready, const struct error *error)
{
    (void)ctx;
    bed_was_told = true;
    bed_is_ready = is_ready;
    bed_error = *error;
}

static const char *store_name(void *ctx)
{
    (void)ctx;
    return bed_store;
}

struct journal_options bed_options(void)
{
    bed_is_ready = bed_was_told = false;
    bed_stats = (struct stats){0};
    return (struct journal_options){.events = poll_events(),
                                    .settings = &bed_settings,
                                    .stats = &bed_stats,
                                    .store_name = bed_store ? store_name : NULL,
                                    .on_ready = bed_on_ready};
}

void bed_wait_until(bool ready)
{
    for (int64_t until_ms = clock_monotonic_ms() + BED_PATIENCE_MS; !bed_was_told || bed_is_ready != ready;) {
        bed_journal->ops->tend(bed_journal);
        bed_until(&(bool){false}, 5);
        if (clock_monotonic_ms() >= until_ms)
            fail_msg("it is%s ready: %s", ready ? " not" : "", bed_error.text);
    }
}

/* ---- Answers ---- */

static void answer_take(struct answer *answer, enum status status, const struct error *error)
{
    assert_false(answer->is_there); /* once */
    answer->is_there = true;
    answer->status = status;
    if (error)
        answer->error = *error;
}

static void on_append(void *ctx, enum status status, struct ticket ticket, const struct error *error)
{
    struct answer *answer = ctx;
    answer_take(answer, status, error);
    answer->ticket = ticket;
}

static void on_done(void *ctx, enum status status, const struct error *error)
{
    answer_take(ctx, status, error);
}

static void on_read(void *ctx, enum status status, const struct journal_write *writes, size_t count,
                    const struct error *error)
{
    struct answer *answer = ctx;
    answer_take(answer, status, error);
    answer->count = count;
    for (size_t i = 0; i < count && i < BED_WRITES_MAX; i++)
        answer->numbers[i] = writes[i].number;
    if (count > 0)
        slice_copy(answer->text, sizeof(answer->text), writes[0].text);
}

static void on_find(void *ctx, enum status status, const struct journal_found *found, const struct error *error)
{
    struct answer *answer = ctx;
    answer_take(answer, status, error);
    if (status != STATUS_OK)
        return;
    answer->found = *found;
    slice_copy(answer->reason, sizeof(answer->reason), found->reason);
}

static void on_look(void *ctx, enum status status, const struct journal_figures *figures, const struct error *error)
{
    struct answer *answer = ctx;
    answer_take(answer, status, error);
    if (status == STATUS_OK)
        answer->figures = *figures;
}

static void on_dead(void *ctx, enum status status, const struct journal_dead *dead, size_t count,
                    const struct error *error)
{
    struct answer *answer = ctx;
    answer_take(answer, status, error);
    answer->count = count;
    for (size_t i = 0; i < count && i < BED_WRITES_MAX; i++)
        answer->numbers[i] = dead[i].ticket.number;
    if (count == 0)
        return;
    slice_copy(answer->text, sizeof(answer->text), dead->text);
    slice_copy(answer->reason, sizeof(answer->reason), dead->reason);
    assert_in_range(dead->died_at_ms, clock_wall_ms() - BED_PATIENCE_MS, clock_wall_ms());
}

void bed_wait(const struct answer *answer)
{
    if (!bed_until(&answer->is_there, BED_PATIENCE_MS))
        fail_msg("no answer came");
}

/* ---- Calls ---- */

void bed_append_begin(struct journal *journal, const char *id, const char *key, const char *fingerprint,
                      struct answer *answer)
{
    char text[64];
    snprintf(text, sizeof(text), "{\"id\":\"%s\"}", id);
    *answer = (struct answer){0};
    const struct journal_append append = {.shard = ticket_shard(slice_of(id)),
                                          .text = slice_of(text),
                                          .id = slice_of(id),
                                          .key = slice_of(key),
                                          .fingerprint = slice_of(fingerprint)};
    journal->ops->append(journal, &append, on_append, answer);
    assert_false(answer->is_there); /* never from inside */
}

struct answer bed_append_keyed(struct journal *journal, const char *id, const char *key, const char *fingerprint)
{
    struct answer answer;
    bed_append_begin(journal, id, key, fingerprint, &answer);
    bed_wait(&answer);
    return answer;
}

struct answer bed_append(struct journal *journal, const char *id)
{
    return bed_append_keyed(journal, id, NULL, NULL);
}

struct answer bed_read(struct journal *journal, unsigned shard, int64_t after, size_t limit)
{
    struct answer answer = {0};
    journal->ops->read(journal, shard, after, limit, on_read, &answer);
    bed_wait(&answer);
    return answer;
}

struct answer bed_settle(struct journal *journal, unsigned shard, const int64_t *numbers, size_t count,
                         const char *reason)
{
    struct answer answer = {0};
    struct journal_outcome outcomes[BED_WRITES_MAX] = {0};
    for (size_t i = 0; i < count; i++)
        outcomes[i] =
            (struct journal_outcome){{numbers[i], STATUS_OK, i == 0, {(int64_t)i + 1, LIFE_LEAST}, ""}, "milk"};
    journal->ops->settle(journal, shard, outcomes, count, reason, on_done, &answer);
    bed_wait(&answer);
    return answer;
}

struct answer bed_hold(struct journal *journal, unsigned shard, const char *owner)
{
    struct answer answer = {0};
    struct token token;
    snprintf(token.text, sizeof(token.text), "%s", owner);
    journal->ops->hold(journal, shard, &token, on_done, &answer);
    bed_wait(&answer);
    return answer;
}

struct answer bed_find(struct journal *journal, struct ticket ticket)
{
    struct answer answer = {0};
    journal->ops->find(journal, ticket, on_find, &answer);
    bed_wait(&answer);
    return answer;
}

struct answer bed_look(struct journal *journal)
{
    struct answer answer = {0};
    journal->ops->look(journal, on_look, &answer);
    bed_wait(&answer);
    return answer;
}

struct answer bed_dead_list(struct journal *journal, unsigned shard, int64_t after, size_t limit)
{
    struct answer answer = {0};
    journal->ops->dead_list(journal, shard, after, limit, on_dead, &answer);
    bed_wait(&answer);
    return answer;
}

struct answer bed_retry(struct journal *journal, struct ticket ticket)
{
    struct answer answer = {0};
    journal->ops->dead_retry(journal, ticket, on_append, &answer);
    bed_wait(&answer);
    return answer;
}

struct answer bed_drop(struct journal *journal, struct ticket ticket)
{
    struct answer answer = {0};
    journal->ops->dead_drop(journal, ticket, on_done, &answer);
    bed_wait(&answer);
    return answer;
}

/* ---- What both journals promise ---- */

void accepted_writes_are_read_in_order_and_settled(void **state)
{
    (void)state;
    unsigned shard = ticket_shard(SLICE("milk"));
    int64_t numbers[5], before_ms = clock_wall_ms();
    for (size_t i = 0; i < 5; i++) {
        struct answer answer = bed_append(bed_journal, "milk");
        assert_int_equal(answer.status, STATUS_OK);
        assert_int_equal(answer.ticket.shard, shard);
        assert_in_range(ticket_at_ms(answer.ticket), before_ms - 1, clock_wall_ms());
        numbers[i] = answer.ticket.number;
        assert_true(i == 0 || numbers[i] > numbers[i - 1]);
    }
    struct answer read = bed_read(bed_journal, shard, 0, 256);
    assert_int_equal(read.count, 5);
    assert_memory_equal(read.numbers, numbers, sizeof(numbers));
    assert_string_equal(read.text, "{\"id\":\"milk\"}");
    read = bed_read(bed_journal, shard, numbers[1], 2);
    assert_int_equal(read.count, 2);
    assert_memory_equal(read.numbers, numbers + 2, 2 * sizeof(numbers[0]));
    assert_int_equal(bed_settle(bed_journal, shard, numbers, 3, NULL).status, STATUS_OK);
    read = bed_read(bed_journal, shard, 0, 256);
    assert_int_equal(read.count, 2);
    assert_memory_equal(read.numbers, numbers + 3, 2 * sizeof(numbers[0]));

    struct answer found = bed_find(bed_journal, (struct ticket){shard, numbers[0]});
    assert_int_equal(found.found.state, TICKET_SETTLED);
    assert_int_equal(found.found.outcome.applied.number, numbers[0]);
    assert_int_equal(found.found.outcome.applied.version.v, 1);
    assert_true(found.found.outcome.applied.created);
    assert_string_equal(found.found.outcome.id, "milk");
    found = bed_find(bed_journal, (struct ticket){shard, numbers[4]});
    assert_int_equal(found.found.state, TICKET_PENDING);
    assert_string_equal(found.found.outcome.id, "milk");
    found = bed_find(bed_journal, (struct ticket){shard, numbers[4] + 1});
    assert_int_equal(found.found.state, TICKET_UNKNOWN);
    found = bed_find(bed_journal, (struct ticket){shard, 5});
    assert_int_equal(found.found.state, TICKET_FORGOTTEN);

    struct journal_figures figures = bed_look(bed_journal).figures;
    assert_int_equal(figures.shards[shard].depth, 2);
    assert_int_equal(figures.shards[shard].oldest_at_ms, numbers[3] >> TICKET_SEQ_BITS);
    assert_int_equal(figures.shards[shard].last_number, numbers[4]);
    assert_string_equal(figures.shards[shard].applier, "");
    assert_int_equal(figures.shards[(shard + 1) % QUEUE_SHARDS].depth, 0);
    assert_int_equal(figures.shards[(shard + 1) % QUEUE_SHARDS].last_number, 0);
    assert_true(bed_journal->ops->is_idle(bed_journal));
}

void settling_again_changes_nothing(void **state)
{
    (void)state;
    unsigned shard = ticket_shard(SLICE("milk"));
    int64_t numbers[3];
    for (size_t i = 0; i < 3; i++)
        numbers[i] = bed_append(bed_journal, "milk").ticket.number;
    assert_int_equal(bed_settle(bed_journal, shard, numbers, 1, NULL).status, STATUS_OK);
    assert_int_equal(bed_settle(bed_journal, shard, numbers, 2, "no, never").status, STATUS_OK);
    assert_int_equal(bed_settle(bed_journal, shard, numbers, 3, NULL).status, STATUS_OK);
    assert_int_equal(bed_settle(bed_journal, shard, numbers, 3, "too late").status, STATUS_OK);
    assert_int_equal(bed_find(bed_journal, (struct ticket){shard, numbers[0]}).found.state, TICKET_SETTLED);
    struct answer dead = bed_find(bed_journal, (struct ticket){shard, numbers[1]});
    assert_int_equal(dead.found.state, TICKET_DEAD);
    assert_string_equal(dead.reason, "no, never");
    struct answer last = bed_find(bed_journal, (struct ticket){shard, numbers[2]});
    assert_int_equal(last.found.state, TICKET_SETTLED);
    assert_int_equal(last.found.outcome.applied.version.v, 3);
    assert_int_equal(bed_dead_list(bed_journal, shard, 0, 10).count, 1);
    assert_int_equal(bed_read(bed_journal, shard, 0, 10).count, 0);
}

void a_key_has_one_ticket(void **state)
{
    (void)state;
    struct answer first = bed_append_keyed(bed_journal, "milk", "anna/1", "f1");
    struct answer again = bed_append_keyed(bed_journal, "bread", "anna/1", "f1"); /* the service made another id */
    assert_int_equal(first.status, STATUS_OK);
    assert_int_equal(again.status, STATUS_EXISTS);
    assert_int_equal(again.ticket.number, first.ticket.number);
    assert_int_equal(again.ticket.shard, first.ticket.shard);
    assert_int_equal(bed_append_keyed(bed_journal, "milk", "anna/1", "f2").status, STATUS_MISMATCH);
    assert_int_equal(bed_append_keyed(bed_journal, "milk", "anna/2", "f1").status, STATUS_OK);
    int64_t number = first.ticket.number;
    assert_int_equal(bed_settle(bed_journal, first.ticket.shard, &number, 1, NULL).status, STATUS_OK);
    again = bed_append_keyed(bed_journal, "milk", "anna/1", "f1"); /* as long as the key is kept */
    assert_int_equal(again.status, STATUS_EXISTS);
    assert_int_equal(again.ticket.number, number);
    assert_int_equal(bed_read(bed_journal, first.ticket.shard, 0, 10).count, 1);
}

void a_full_journal_accepts_nothing(void **state)
{
    (void)state;
    bed_settings.queue_depth_max = 3;
    struct ticket first = bed_append(bed_journal, "milk").ticket;
    assert_int_equal(bed_append(bed_journal, "bread").status, STATUS_OK);
    assert_int_equal(bed_append_keyed(bed_journal, "tea", "k", "f").status, STATUS_OK);
    struct answer refused = bed_append(bed_journal, "milk");
    assert_int_equal(refused.status, STATUS_BUSY);
    assert_string_equal(refused.error.text, "3 queued writes are waiting already");
    assert_int_equal(bed_append_keyed(bed_journal, "tea", "k", "f").status, STATUS_EXISTS);
    assert_int_equal(bed_settle(bed_journal, first.shard, &first.number, 1, NULL).status, STATUS_OK);
    assert_int_equal(bed_append(bed_journal, "milk").status, STATUS_OK);
}

void an_old_write_closes_its_shard(void **state)
{
    (void)state;
    bed_settings.queue_age_max_s = 1;
    struct ticket first = bed_append(bed_journal, "milk").ticket;
    assert_int_equal(bed_append(bed_journal, "milk").status, STATUS_OK);
    while (clock_wall_ms() <= ticket_at_ms(first) + 1000)
        bed_until(&(bool){false}, 50);
    struct answer refused = bed_append(bed_journal, "milk");
    assert_int_equal(refused.status, STATUS_BUSY);
    assert_string_equal(refused.error.text, "queued writes have been waiting for 1 s already");
    assert_int_equal(bed_append(bed_journal, "bread").status, STATUS_OK); /* of another shard */
}

void dead_letters_are_listed_retried_and_dropped(void **state)
{
    (void)state;
    unsigned shard = ticket_shard(SLICE("milk"));
    int64_t numbers[3];
    for (size_t i = 0; i < 3; i++)
        numbers[i] = bed_append(bed_journal, "milk").ticket.number;
    assert_int_equal(bed_settle(bed_journal, shard, numbers, 2, "the store says no").status, STATUS_OK);
    struct answer dead = bed_dead_list(bed_journal, shard, 0, 10);
    assert_int_equal(dead.count, 2);
    assert_memory_equal(dead.numbers, numbers, 2 * sizeof(numbers[0]));
    assert_string_equal(dead.text, "{\"id\":\"milk\"}");
    assert_string_equal(dead.reason, "the store says no");
    assert_int_equal(bed_dead_list(bed_journal, shard, 0, 1).count, 1);
    assert_int_equal(bed_dead_list(bed_journal, shard, numbers[0], 10).numbers[0], numbers[1]);
    assert_string_equal(bed_find(bed_journal, (struct ticket){shard, numbers[0]}).found.outcome.id, "milk");

    struct answer again = bed_retry(bed_journal, (struct ticket){shard, numbers[0]});
    assert_int_equal(again.status, STATUS_OK);
    assert_int_equal(again.ticket.shard, shard);
    assert_true(again.ticket.number > numbers[2]);
    assert_int_equal(bed_retry(bed_journal, (struct ticket){shard, numbers[0]}).status, STATUS_NOT_FOUND);
    assert_int_equal(bed_drop(bed_journal, (struct ticket){shard, numbers[1]}).status, STATUS_OK);
    assert_int_equal(bed_drop(bed_journal, (struct ticket){shard, numbers[1]}).status, STATUS_NOT_FOUND);
    assert_int_equal(bed_drop(bed_journal, (struct ticket){shard, numbers[2]}).status, STATUS_NOT_FOUND);
    assert_int_equal(bed_find(bed_journal, (struct ticket){shard, numbers[0]}).found.state, TICKET_FORGOTTEN);
    assert_int_equal(bed_look(bed_journal).figures.shards[shard].dead_count, 0);
    struct answer read = bed_read(bed_journal, shard, 0, 10);
    assert_int_equal(read.count, 2);
    assert_int_equal(read.numbers[1], again.ticket.number);
    assert_string_equal(bed_find(bed_journal, again.ticket).found.outcome.id, "milk");
}

void one_applier_holds_a_shard(void **state)
{
    static const char anna[] = "0123456789abcdef0123456789abcdef", bert[] = "fedcba9876543210fedcba9876543210";
    struct token token = {"0123456789abcdef0123456789abcdef"};
    (void)state;
    assert_int_equal(bed_hold(bed_journal, 3, anna).status, STATUS_OK);
    assert_int_equal(bed_hold(bed_journal, 3, anna).status, STATUS_OK);
    assert_string_equal(bed_look(bed_journal).figures.shards[3].applier, anna);
    assert_string_equal(bed_look(bed_journal).figures.shards[4].applier, "");
    bed_journal->ops->release(bed_journal, 3, &token);
    assert_int_equal(bed_hold(bed_journal, 3, bert).status, STATUS_OK);
    assert_string_equal(bed_look(bed_journal).figures.shards[3].applier, bert);
}

void a_read_ends_behind_a_megabyte(void **state)
{
    enum { TEXT_BYTES = 20000, WRITES = 100 };
    static char text[TEXT_BYTES];
    (void)state;
    memset(text, 'x', sizeof(text));
    for (size_t i = 0; i < WRITES; i++) {
        struct answer answer = {0};
        const struct journal_append append = {.shard = 1, .text = {text, TEXT_BYTES}, .id = SLICE("big")};
        bed_journal->ops->append(bed_journal, &append, on_append, &answer);
        bed_wait(&answer);
        assert_int_equal(answer.status, STATUS_OK);
    }
    size_t count = bed_read(bed_journal, 1, 0, 256).count;
    assert_in_range(count, (1 << 20) / TEXT_BYTES, (1 << 20) / TEXT_BYTES + 16);
    struct answer rest = bed_read(bed_journal, 1, bed_read(bed_journal, 1, 0, count).numbers[count - 1], 256);
    assert_int_equal(rest.count, WRITES - count);
}

static void reopen(const char *store)
{
    bed_store = store;
    bed_open();
}

void it_belongs_to_the_first_store_that_asks(void **state)
{
    (void)state;
    struct answer accepted = bed_append(bed_journal, "milk");
    reopen("");
    for (unsigned i = 0; i < 20; i++) {
        bed_journal->ops->tend(bed_journal);
        bed_until(&(bool){false}, 5);
    }
    assert_false(bed_was_told); /* its store is not known yet */
    assert_int_equal(bed_read(bed_journal, accepted.ticket.shard, 0, 10).status, STATUS_UNAVAILABLE);
    bed_store = "0f todos.db";
    bed_wait_until(true);
    assert_int_equal(bed_read(bed_journal, accepted.ticket.shard, 0, 10).count, 1);
    static const char *const others[] = {"0e other.db", "0f copy.db", "0f todos.dbx", "0f"};
    for (size_t i = 0; i < COUNT_OF(others); i++) {
        reopen(others[i]);
        bed_wait_until(false);
        assert_int_equal(bed_error.status, STATUS_UNAVAILABLE);
        if (!strstr(bed_error.text, "it belongs to another store, todos.db: doc/queue.md"))
            fail_msg("%s", bed_error.text);
        assert_int_equal(bed_read(bed_journal, accepted.ticket.shard, 0, 10).status, STATUS_UNAVAILABLE);
        if (!strstr(bed_error.text, "another store"))
            fail_msg("the read has hidden the reason: %s", bed_error.text);
    }
    reopen("0f todos.db");
    bed_wait_until(true);
    bed_store = "0e other.db"; /* as if somebody had given it away meanwhile */
    bed_wait_until(false);
    reopen(NULL); /* todoctl */
    bed_wait_until(true);
    assert_int_equal(bed_read(bed_journal, accepted.ticket.shard, 0, 10).count, 1);
}
