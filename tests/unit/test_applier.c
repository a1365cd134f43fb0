/* SPDX-License-Identifier: MIT */
/* applier.c: what two workers do with one journal and one store, and what is left after each failure. */
#include "applier_bed.h"
#include "base/log.h"

#define DELETED NULL

/* ---- What it is for ---- */

static void a_queued_write_is_applied_and_its_ticket_says_so(void **state)
{
    struct applier_bed *bed = *state;
    applier_bed_start(bed);
    struct ticket ticket = put_name(bed, 0, "a", "milk");
    assert_int_equal(queue_look_up(bed, ticket).found.state, TICKET_PENDING);
    queue_settle(bed);
    struct find find = queue_look_up(bed, ticket);
    assert_int_equal(find.found.state, TICKET_SETTLED);
    assert_int_equal(find.found.outcome.applied.status, STATUS_OK);
    assert_int_equal(find.found.outcome.applied.version.v, 1);
    assert_int_equal(find.found.outcome.applied.version.life, fake_store_life(bed->bed->store, "a"));
    assert_string_equal(find.found.outcome.id, "a");
    assert_string_equal(stored_name(bed, "a"), "milk");
    assert_int_equal(queue_counter(bed, STAT_QUEUE_ACCEPTED), 1);
    assert_int_equal(queue_counter(bed, STAT_QUEUE_APPLIED), 1);
    assert_int_equal(queue_counter(bed, STAT_QUEUE_BATCHES), 1);
}

static void a_batch_is_a_fenced_write(void **state)
{
    struct applier_bed *bed = *state;
    applier_bed_start(bed);
    fake_store_put(bed->bed->store, "a", 7);
    assert_int_equal(bed_read(bed->bed, &bed->bed->workers[1], "a"), 7);
    put_name(bed, 0, "a", "milk");
    fake_journal_reset();
    queue_settle(bed);
    assert_journal("FENCE apply meta_get UNFENCE");
    assert_int_equal(bed_read(bed->bed, &bed->bed->workers[1], "a"), 8);
}

static void writes_of_one_todo_keep_their_order(void **state)
{
    struct applier_bed *bed = *state;
    applier_bed_start(bed);
    put_name(bed, 0, "a", "one");
    queue_settle(bed);
    put_name(bed, 1, "a", "two");
    put_name(bed, 0, "a", DELETED);
    put_name(bed, 1, "a", "three");
    put_name(bed, 0, "a", "four");
    queue_pass(bed, 200);
    assert_string_equal(stored_name(bed, "a"), "four");
    assert_int_equal(fake_store_v(bed->bed->store, "a"), 2);
    assert_string_equal(queue_batches(), "1 2 2 "); /* a todo is not made again in the batch that deletes it */
}

static void a_write_that_the_store_refuses_is_settled_too(void **state)
{
    struct applier_bed *bed = *state;
    applier_bed_start(bed);
    struct ticket ticket = put_name(bed, 0, "a", DELETED);
    queue_settle(bed);
    struct find find = queue_look_up(bed, ticket);
    assert_int_equal(find.found.state, TICKET_SETTLED);
    assert_int_equal(find.found.outcome.applied.status, STATUS_NOT_FOUND);
    assert_int_equal(queue_counter(bed, STAT_QUEUE_REJECTED), 1);
    assert_int_equal(queue_counter(bed, STAT_QUEUE_APPLIED), 0);
}

/* ---- Pace and size ---- */

/* The bed has one turn. */
static void a_clients_write_waits_behind_one_batch_whatever_the_number_of_shards(void **state)
{
    static const char *const ids[] = {"a", "b", "c", "d", "e", "f"};
    struct applier_bed *bed = *state;
    applier_bed_start(bed);
    queue_pass(bed, 1000);
    fake_pool_hold(bed->bed->workers[0].pool, true);
    for (size_t i = 0; i < COUNT_OF(ids); i++)
        put_name(bed, 0, ids[i], "milk");
    queue_pass(bed, 300);
    assert_int_equal(pool_busy_count(bed->bed->workers[0].pool), 1);
    fake_pool_hold(bed->bed->workers[0].pool, false);
    queue_pass(bed, 100);
    for (size_t i = 0; i < COUNT_OF(ids); i++)
        assert_string_equal(stored_name(bed, ids[i]), "milk");
}

static void a_thousand_writes_a_second_of_one_todo_are_at_most_twenty_batches(void **state)
{
    struct applier_bed *bed = *state;
    applier_bed_start(bed);
    for (int i = 0; i < 3000; i++) {
        put_name(bed, (unsigned)i % 2, "a", "milk");
        queue_pass(bed, 1);
    }
    queue_pass(bed, 100);
    assert_int_equal(queue_counter(bed, STAT_QUEUE_APPLIED), 3000);
    assert_int_equal(fake_store_v(bed->bed->store, "a"), 3000);
    assert_in_range(queue_counter(bed, STAT_QUEUE_BATCHES), 45, 60);
}

static void full_batches_follow_each_other_without_a_pause(void **state)
{
    struct applier_bed *bed = *state;
    applier_bed_start(bed);
    several(bed, 600, "a");
    queue_settle(bed);
    assert_string_equal(queue_batches(), "256 256 88 ");
    assert_string_equal(stored_name(bed, "a"), "name 600");
}

static void a_write_of_this_process_is_applied_at_once_one_of_another_within_its_poll(void **state)
{
    struct applier_bed *bed = *state;
    applier_bed_start(bed);
    queue_pass(bed, 5000);
    put_name(bed, 0, "a", "milk");
    queue_settle(bed);
    assert_string_equal(stored_name(bed, "a"), "milk");
    queue_pass(bed, 5000);
    put_name(bed, 1, "a", "bread");
    queue_settle(bed);
    assert_string_equal(stored_name(bed, "a"), "milk");
    queue_pass(bed, 200);
    assert_string_equal(stored_name(bed, "a"), "bread");
}

static void an_idle_queue_is_quiet(void **state)
{
    struct applier_bed *bed = *state;
    applier_bed_start(bed);
    queue_pass(bed, 5000);
    unsigned reads = fake_queue_journal_count("read"), applied = fake_store_calls(bed->bed->store, FAKE_APPLY);
    queue_pass(bed, 10000);
    assert_in_range(fake_queue_journal_count("read") - reads, 8 * 45, 8 * 51);
    assert_int_equal(fake_store_calls(bed->bed->store, FAKE_APPLY), applied);
}

static void a_store_that_fails_gets_half_as_many_and_twice_as_many_after_a_success(void **state)
{
    struct applier_bed *bed = *state;
    applier_bed_start(bed);
    several(bed, 100, "a");
    fake_store_fail(bed->bed->store, FAKE_APPLY, 0, STATUS_BUSY);
    queue_pass(bed, 1000);
    assert_string_equal(queue_batches(), "100 50 50 ");
    assert_string_equal(stored_name(bed, "a"), "name 100");
    assert_int_equal(fake_store_v(bed->bed->store, "a"), 100);
}

static void a_slow_store_gets_smaller_batches_before_it_fails(void **state)
{
    struct applier_bed *bed = *state;
    applier_bed_start(bed);
    several(bed, 200, "a");
    fake_store_slow(bed->bed->store, FAKE_APPLY, bed->bed->settings.store_timeout_ms * 3 / 4);
    queue_pass(bed, 100);
    several(bed, 150, "a");
    fake_store_slow(bed->bed->store, FAKE_APPLY, bed->bed->settings.store_timeout_ms / 4);
    queue_pass(bed, 100);
    assert_string_equal(queue_batches(),
                        "200 100 50 "); /* half as many, and not more at once: the second was not fast */
}

/* ---- The store and the journal fail ---- */

static void an_unknown_commit_is_asked_for_and_nothing_is_applied_twice(void **state)
{
    struct applier_bed *bed = *state;
    applier_bed_start(bed);
    struct ticket ticket = several(bed, 10, "a");
    fake_store_fail(bed->bed->store, FAKE_APPLY, 0, STATUS_UNKNOWN);
    queue_pass(bed, 1000);
    assert_string_equal(queue_batches(), "10 ");
    assert_int_equal(fake_store_v(bed->bed->store, "a"), 10);
    assert_int_equal(queue_look_up(bed, ticket).found.outcome.applied.version.v, 10);
    assert_int_equal(queue_counter(bed, STAT_QUEUE_APPLIED), 10);
}

static void a_lost_answer_of_the_journal_changes_nothing(void **state)
{
    struct applier_bed *bed = *state;
    applier_bed_start(bed);
    static const char *const calls[] = {"settle", "read", "hold"};
    for (size_t i = 0; i < COUNT_OF(calls); i++) {
        several(bed, 3, "a");
        fake_queue_journal_lose(calls[i], 1);
        queue_pass(bed, 6000);
        assert_number(calls[i], fake_store_v(bed->bed->store, "a"), 3 * ((int64_t)i + 1));
        assert_number(calls[i], (int64_t)fake_queue_journal_depth(ticket_shard(SLICE("a"))), 0);
    }
}

static void a_journal_that_does_not_settle_is_told_again_from_the_bookmark(void **state)
{
    struct applier_bed *bed = *state;
    applier_bed_start(bed);
    struct ticket ticket = several(bed, 3, "a");
    fake_queue_journal_fail("settle", STATUS_UNAVAILABLE, 4);
    queue_pass(bed, 2000);
    assert_string_equal(queue_batches(), "3 ");
    assert_int_equal(fake_store_v(bed->bed->store, "a"), 3);
    assert_int_equal(queue_look_up(bed, ticket).found.state, TICKET_SETTLED);
}

static void while_the_store_is_away_writes_are_accepted_and_wait(void **state)
{
    struct applier_bed *bed = *state;
    applier_bed_start(bed);
    fake_store_set_away(bed->bed->store, true);
    for (int i = 0; i < 60; i++) {
        put_name(bed, 0, "a", i < 59 ? "milk" : "last");
        queue_pass(bed, 1000);
    }
    assert_int_equal(fake_queue_journal_depth(ticket_shard(SLICE("a"))), 60);
    fake_store_set_away(bed->bed->store, false);
    queue_pass(bed, 2000);
    assert_int_equal(fake_queue_journal_depth(ticket_shard(SLICE("a"))), 0);
    assert_string_equal(stored_name(bed, "a"), "last");
    assert_int_equal(fake_store_v(bed->bed->store, "a"), 60);
}

static unsigned told_count, back_count; /* lines of the log about shards that fail, and that are well again */

static void count_line(const char *line, size_t len)
{
    told_count += memmem(line, len, "queue_not_", sizeof("queue_not_") - 1) != NULL;
    back_count += memmem(line, len, "queue_back", sizeof("queue_back") - 1) != NULL;
}

static void the_log_tells_each_ten_seconds_of_a_shard_that_fails_and_once_that_it_is_well(void **state)
{
    struct applier_bed *bed = *state;
    applier_bed_start(bed);
    told_count = back_count = 0;
    log_init(LOG_INFO, count_line);
    put_name(bed, 0, "a", "milk");
    fake_store_set_away(bed->bed->store, true);
    queue_pass(bed, 35000);
    assert_int_equal(told_count, 4);
    assert_int_equal(back_count, 0);
    fake_store_set_away(bed->bed->store, false);
    queue_pass(bed, 5000);
    put_name(bed, 0, "a", "bread");
    queue_pass(bed, 5000);
    assert_int_equal(told_count, 4);
    assert_int_equal(back_count, 1);
}

static void without_its_journal_a_put_is_refused_and_readyz_has_the_reason(void **state)
{
    struct applier_bed *bed = *state;
    struct put put;
    applier_bed_start(bed);
    fake_queue_journal_set_ready(false);
    assert_string_equal(queue_lack(bed->queues[0]), "write_queue = fake:: the journal is away");
    put_start(&put, bed->queues[0], "a", "milk");
    queue_settle(bed);
    assert_int_equal(put.answers, 1);
    assert_int_equal(put.status, STATUS_UNAVAILABLE);
    assert_string_equal(put.error, "write_queue = fake:: the journal is away");
    queue_pass(bed, 10000);
    fake_queue_journal_set_ready(true);
    put_name(bed, 0, "a", "milk");
    queue_pass(bed, 2000);
    assert_string_equal(stored_name(bed, "a"), "milk");
}

static void a_journal_of_another_store_is_left_alone(void **state)
{
    struct applier_bed *bed = *state;
    struct put put;
    fake_queue_journal_set_store("0f another.db");
    for (unsigned i = 0; i < 5; i++) {
        queue_tend(bed->queues[0]);
        queue_pass(bed, 1000);
    }
    assert_non_null(strstr(queue_lack(bed->queues[0]), "it belongs to another store"));
    put_start(&put, bed->queues[0], "a", "milk");
    queue_settle(bed);
    assert_int_equal(put.status, STATUS_UNAVAILABLE);
    assert_non_null(strstr(put.error, "it belongs to another store"));
    assert_int_equal(fake_queue_journal_count("read"), 0);
}

static void a_put_waits_for_a_process_that_has_just_begun_and_no_longer_than_a_second(void **state)
{
    struct applier_bed *bed = *state;
    struct put puts[2];
    assert_non_null(queue_lack(bed->queues[0]));
    for (unsigned i = 0; i < 2; i++)
        put_start(&puts[i], bed->queues[i], "a", "milk");
    queue_settle(bed);
    assert_int_equal(puts[0].answers, 0);
    bed->is_frozen[1] = true; /* so nobody asks its store */
    queue_tend(bed->queues[0]);
    queue_pass(bed, 900);
    assert_int_equal(puts[0].status, STATUS_OK);
    assert_int_equal(puts[0].answers, 1);
    assert_int_equal(puts[1].answers, 0);
    queue_pass(bed, 200);
    assert_int_equal(puts[1].answers, 1);
    assert_int_equal(puts[1].status, STATUS_UNAVAILABLE);
}

static void a_full_queue_refuses(void **state)
{
    struct applier_bed *bed = *state;
    struct put put;
    applier_bed_start(bed);
    bed->bed->settings.queue_depth_max = 2;
    put_name(bed, 0, "a", "milk");
    put_name(bed, 0, "a", "bread");
    put_start(&put, bed->queues[0], "b", "butter");
    assert_true(fake_queue_journal_step());
    assert_int_equal(put.status, STATUS_BUSY);
    assert_int_equal(queue_counter(bed, STAT_QUEUE_REFUSED), 1);
    queue_pass(bed, 100);
    put_name(bed, 0, "b", "butter");
}

static void a_store_without_transactions_turns_the_queue_off(void **state)
{
    struct applier_bed *bed = *state;
    assert_true(queue_is_on(bed->queues[0]));
    assert_false(queue_is_on(NULL));
    assert_null(queue_lack(NULL));
    fake_store_fail(bed->bed->store, FAKE_APPLY_CLAIM, 0, STATUS_UNSUPPORTED);
    queue_tend(bed->queues[0]);
    queue_settle(bed);
    assert_false(queue_is_on(bed->queues[0]));
    assert_non_null(queue_lack(bed->queues[0]));
    queue_pass(bed, 3000);
    assert_false(queue_is_on(bed->queues[0]));
    assert_true(queue_is_on(bed->queues[1]));
}

/* ---- Workers come and go ---- */

static void a_dead_workers_shards_are_taken_within_four_seconds(void **state)
{
    struct applier_bed *bed = *state;
    applier_bed_start(bed);
    queue_freeze(bed, 0, true);
    put_name(bed, 1, "a", "milk");
    queue_pass(bed, 4000);
    assert_string_equal(stored_name(bed, "a"), "milk");
}

/* Frozen between its fence and the store, and then long replaced. */
static void the_late_batch_of_a_replaced_applier_is_refused(void **state)
{
    struct applier_bed *bed = *state;
    applier_bed_start(bed);
    put_name(bed, 0, "a", "milk");
    bed_hold(&bed->bed->workers[0], true);
    queue_settle(bed);
    bed_redis(&bed->bed->workers[0]);
    queue_freeze(bed, 0, true);
    queue_pass(bed, 4000);
    assert_string_equal(queue_batches(), "1 ");
    put_name(bed, 1, "a", "bread");
    queue_pass(bed, 1000);
    queue_batches();
    bed_work(&bed->bed->workers[0]);
    assert_string_equal(queue_batches(), "1 ");
    queue_freeze(bed, 0, false);
    queue_pass(bed, 1000);
    assert_int_equal(fake_store_v(bed->bed->store, "a"), 2);
    assert_string_equal(stored_name(bed, "a"), "bread");
    assert_int_equal(queue_counter(bed, STAT_QUEUE_APPLIED), 2);
}

/* Frozen after the commit, before the journal knows: the next applier learns it from the bookmark. */
static void the_next_applier_settles_what_a_dead_one_has_applied(void **state)
{
    struct applier_bed *bed = *state;
    applier_bed_start(bed);
    struct ticket ticket = put_name(bed, 0, "a", "milk");
    fake_queue_journal_hold(queue_journal(bed->queues[0]), false);
    while (fake_store_calls(bed->bed->store, FAKE_APPLY) == 0)
        if (!fake_timer_fire() && !fake_redis_step(bed_connection(&bed->bed->workers[0])) &&
            !fake_pool_step(bed->bed->workers[0].pool))
            assert_true(fake_queue_journal_step());
    queue_freeze(bed, 0, true);
    queue_pass(bed, 4000);
    struct find find = queue_look_up(bed, ticket);
    assert_int_equal(find.found.state, TICKET_SETTLED);
    assert_int_equal(find.found.outcome.applied.version.v, 1);
    assert_int_equal(fake_store_v(bed->bed->store, "a"), 1);
    assert_string_equal(queue_batches(), "1 ");
}

static void a_worker_that_stops_ends_its_batch_and_gives_its_shards_back(void **state)
{
    struct applier_bed *bed = *state;
    applier_bed_start(bed);
    struct ticket ticket = put_name(bed, 0, "a", "milk");
    bed_hold(&bed->bed->workers[0], true);
    queue_settle(bed);
    queue_stop(bed->queues[0]);
    assert_false(queue_is_idle(bed->queues[0]));
    bed_let_go(bed->bed);
    queue_settle(bed);
    assert_true(queue_is_idle(bed->queues[0]));
    assert_int_equal(queue_look_up(bed, ticket).found.state, TICKET_SETTLED);
    put_name(bed, 0, "a", "bread"); /* still accepted */
    queue_pass(bed, 1000);
    assert_string_equal(stored_name(bed, "a"), "bread");
}

/* ---- Dead letters ---- */

static void a_write_that_is_refused_for_good_becomes_a_dead_letter_within_a_second(void **state)
{
    struct applier_bed *bed = *state;
    applier_bed_start(bed);
    fake_store_put(bed->bed->store, "poison", 1);
    queue_refuse("poison");
    put_name(bed, 0, "poison", "bad");
    struct ticket ticket = put_name(bed, 0, "poison", "worse");
    unsigned shard = ticket_shard(SLICE("poison"));
    struct ticket others[50];
    for (int i = 0, made = 0; made < 50; i++) {
        char id[32];
        snprintf(id, sizeof(id), "other-%d", i);
        if (ticket_shard(slice_of(id)) == shard)
            others[made++] = put_name(bed, 0, id, "milk");
    }
    queue_pass(bed, 1000);
    assert_int_equal(queue_look_up(bed, ticket).found.state, TICKET_DEAD);
    assert_string_equal(queue_look_up(bed, ticket).reason, "a rule of the store refuses it");
    for (size_t i = 0; i < COUNT_OF(others); i++)
        assert_int_equal(queue_look_up(bed, others[i]).found.state, TICKET_SETTLED);
    assert_int_equal(queue_counter(bed, STAT_QUEUE_DEAD), 2);
    assert_int_equal(fake_store_v(bed->bed->store, "poison"), 1);
}

/* The store knows that the write is given up before the journal does, and the next applier finds it in the bookmark. */
static void a_dead_letter_survives_its_applier(void **state)
{
    struct applier_bed *bed = *state;
    applier_bed_start(bed);
    queue_refuse("a");
    struct ticket ticket = put_name(bed, 0, "a", "milk");
    fake_queue_journal_fail("settle", STATUS_UNAVAILABLE, 1);
    queue_pass(bed, 220);
    assert_string_equal(queue_batches(), "1 1 1 dead ");
    assert_int_equal(queue_look_up(bed, ticket).found.state, TICKET_PENDING);
    queue_freeze(bed, 0, true);
    queue_refuse(NULL);
    queue_pass(bed, 4000);
    assert_int_equal(queue_look_up(bed, ticket).found.state, TICKET_DEAD);
    assert_string_equal(queue_look_up(bed, ticket).reason, "the store can't apply it, now or later");
    assert_string_equal(queue_batches(), "");
    assert_int_equal(fake_store_v(bed->bed->store, "a"), 0);
}

static void a_dead_letter_whose_settling_was_lost_keeps_its_reason(void **state)
{
    struct applier_bed *bed = *state;
    applier_bed_start(bed);
    queue_refuse("a");
    struct ticket ticket = put_name(bed, 0, "a", "milk");
    fake_queue_journal_fail("settle", STATUS_UNAVAILABLE, 2);
    queue_pass(bed, 1000);
    assert_int_equal(queue_look_up(bed, ticket).found.state, TICKET_DEAD);
    assert_string_equal(queue_look_up(bed, ticket).reason, "a rule of the store refuses it");
    assert_int_equal(queue_counter(bed, STAT_QUEUE_DEAD), 1);
}

static void a_write_of_another_time_is_never_taken_for_applied(void **state)
{
    struct applier_bed *bed = *state;
    applier_bed_start(bed);
    struct ticket ticket = put_name(bed, 0, "a", "milk");
    queue_settle(bed);
    fake_queue_journal_set_number(ticket.number - 5);
    struct ticket older = put_name(bed, 0, "a", "lost");
    struct ticket newer = put_name(bed, 0, "a", "bread");
    queue_pass(bed, 1000);
    struct find find = queue_look_up(bed, older);
    assert_int_equal(find.found.state, TICKET_DEAD);
    assert_memory_equal(find.reason, "the journal is of another time", 30);
    assert_int_equal(queue_look_up(bed, newer).found.state, TICKET_SETTLED);
    assert_string_equal(stored_name(bed, "a"), "bread");
    assert_int_equal(fake_store_v(bed->bed->store, "a"), 2);
}

static void ignore_append(void *ctx, enum status status, struct ticket ticket, const struct error *error)
{
    (void)status, (void)error;
    *(struct ticket *)ctx = ticket;
}

static void a_text_that_is_no_queued_write_becomes_a_dead_letter_in_its_turn(void **state)
{
    struct applier_bed *bed = *state;
    struct journal *journal = queue_journal(bed->queues[0]);
    struct journal_append append = {
        .shard = ticket_shard(SLICE("a")), .id = SLICE("a"), .text = SLICE("{\"kind\":\"double\"}")};
    struct ticket bad = {0};
    applier_bed_start(bed);
    struct ticket first = put_name(bed, 0, "a", "milk");
    journal->ops->append(journal, &append, ignore_append, &bad);
    while (bad.number == 0)
        assert_true(fake_queue_journal_step());
    struct ticket second = put_name(bed, 0, "a", "bread");
    queue_pass(bed, 1000);
    assert_int_equal(queue_look_up(bed, first).found.state, TICKET_SETTLED);
    assert_int_equal(queue_look_up(bed, bad).found.state, TICKET_DEAD);
    assert_string_equal(queue_look_up(bed, bad).reason, "kind: no value that a queued write can have");
    assert_int_equal(queue_look_up(bed, second).found.state, TICKET_SETTLED);
    assert_string_equal(stored_name(bed, "a"), "bread");
}

/* The worker is frozen for good while the store works on its batch, as if the batch had ended it. */
static void after_two_deaths_at_one_number_writes_go_alone(void **state)
{
    struct applier_bed *bed = *state;
    unsigned shard = ticket_shard(SLICE("a"));
    applier_bed_start(bed);
    several(bed, 4, "a");
    bed_hold(&bed->bed->workers[0], true);
    queue_settle(bed);
    queue_freeze(bed, 0, true);
    assert_int_equal(atomic_load(&bed->board.under_way[shard].begun), 1);
    assert_int_equal(atomic_load(&bed->board.under_way[shard].count), 4);
    atomic_store(&bed->board.under_way[shard].begun, 2);
    queue_pass(bed, 4000);
    assert_string_equal(queue_batches(), "1 3 ");
    assert_int_equal(atomic_load(&bed->board.under_way[shard].number), 0);
}

static void after_five_deaths_at_one_number_it_is_a_dead_letter(void **state)
{
    struct applier_bed *bed = *state;
    unsigned shard = ticket_shard(SLICE("a"));
    applier_bed_start(bed);
    queue_freeze(bed, 0, true);
    struct ticket ticket = put_name(bed, 1, "a", "milk"), next = put_name(bed, 1, "a", "bread");
    atomic_store(&bed->board.under_way[shard].begun, 5);
    atomic_store(&bed->board.under_way[shard].number, ticket.number);
    queue_pass(bed, 4000);
    assert_int_equal(queue_look_up(bed, ticket).found.state, TICKET_DEAD);
    assert_string_equal(queue_look_up(bed, ticket).reason, "its application has ended several workers");
    assert_int_equal(queue_look_up(bed, next).found.state, TICKET_SETTLED);
    assert_string_equal(queue_batches(), "dead 1 ");
}

#define APPLIER_TEST(name) cmocka_unit_test_setup_teardown(name, applier_bed_begin, applier_bed_end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        APPLIER_TEST(a_queued_write_is_applied_and_its_ticket_says_so),
        APPLIER_TEST(a_batch_is_a_fenced_write),
        APPLIER_TEST(writes_of_one_todo_keep_their_order),
        APPLIER_TEST(a_write_that_the_store_refuses_is_settled_too),
        APPLIER_TEST(a_clients_write_waits_behind_one_batch_whatever_the_number_of_shards),
        APPLIER_TEST(a_thousand_writes_a_second_of_one_todo_are_at_most_twenty_batches),
        APPLIER_TEST(full_batches_follow_each_other_without_a_pause),
        APPLIER_TEST(a_write_of_this_process_is_applied_at_once_one_of_another_within_its_poll),
        APPLIER_TEST(an_idle_queue_is_quiet),
        APPLIER_TEST(a_store_that_fails_gets_half_as_many_and_twice_as_many_after_a_success),
        APPLIER_TEST(a_slow_store_gets_smaller_batches_before_it_fails),
        APPLIER_TEST(an_unknown_commit_is_asked_for_and_nothing_is_applied_twice),
        APPLIER_TEST(a_lost_answer_of_the_journal_changes_nothing),
        APPLIER_TEST(a_journal_that_does_not_settle_is_told_again_from_the_bookmark),
        APPLIER_TEST(while_the_store_is_away_writes_are_accepted_and_wait),
        APPLIER_TEST(the_log_tells_each_ten_seconds_of_a_shard_that_fails_and_once_that_it_is_well),
        APPLIER_TEST(without_its_journal_a_put_is_refused_and_readyz_has_the_reason),
        APPLIER_TEST(a_journal_of_another_store_is_left_alone),
        APPLIER_TEST(a_put_waits_for_a_process_that_has_just_begun_and_no_longer_than_a_second),
        APPLIER_TEST(a_full_queue_refuses),
        APPLIER_TEST(a_store_without_transactions_turns_the_queue_off),
        APPLIER_TEST(a_dead_workers_shards_are_taken_within_four_seconds),
        APPLIER_TEST(the_late_batch_of_a_replaced_applier_is_refused),
        APPLIER_TEST(the_next_applier_settles_what_a_dead_one_has_applied),
        APPLIER_TEST(a_worker_that_stops_ends_its_batch_and_gives_its_shards_back),
        APPLIER_TEST(a_write_that_is_refused_for_good_becomes_a_dead_letter_within_a_second),
        APPLIER_TEST(a_dead_letter_survives_its_applier),
        APPLIER_TEST(a_dead_letter_whose_settling_was_lost_keeps_its_reason),
        APPLIER_TEST(a_write_of_another_time_is_never_taken_for_applied),
        APPLIER_TEST(a_text_that_is_no_queued_write_becomes_a_dead_letter_in_its_turn),
        APPLIER_TEST(after_two_deaths_at_one_number_writes_go_alone),
        APPLIER_TEST(after_five_deaths_at_one_number_it_is_a_dead_letter),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
