/* SPDX-License-Identifier: MIT */
/* todoctl queue over a journal in memory: the table, the dead letters, and what becomes of them when they are retried or dropped. */
#include "testing.h"

#include "base/clock.h"
#include "base/mem.h"
#include "control/queue.h"
#include "control/queue_text.h"
#include "fake_events.h"
#include "fake_queue_journal.h"
#include "queue/queued.h"

enum { SHARD = 3, STEPS_MAX = 10000 };

static struct {
    const struct events *events;
    struct settings settings;
    struct stats stats;
    struct journal *journal; /* the worker's */
    bool is_answered;        /* the worker's last call */
    struct ticket appended;
    struct journal_figures now;
    struct buf told;
    bool is_done;
    enum status status;
    struct error error;
    uint64_t count;
} bed;

static void on_ready(void *ctx, bool is_ready, const struct error *error)
{
    (void)ctx, (void)is_ready, (void)error;
}

static int setup(void **state)
{
    (void)state;
    fake_queue_journal_begin();
    memset(&bed, 0, sizeof(bed));
    bed.events = fake_events_begin();
    settings_init(&bed.settings);
    snprintf(bed.settings.write_queue, sizeof(bed.settings.write_queue), "file:queue");
    buf_init(&bed.told);
    struct error error;
    struct journal_options options = {
        .events = bed.events, .settings = &bed.settings, .stats = &bed.stats, .on_ready = on_ready};
    assert_int_equal(journal_open(&bed.journal, &options, &error), STATUS_OK);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    bed.journal->ops->free(bed.journal);
    buf_fini(&bed.told);
    assert_int_equal(fake_timer_count(), 0);
    return 0;
}

/* No further than to the answer of the worker's call: the operator's calls have their turn between. */
static void await(void)
{
    bed.is_answered = false;
    while (!bed.is_answered)
        assert_true(fake_queue_journal_step());
}

/* ---- What a worker leaves in the journal ---- */

static void on_appended(void *ctx, enum status status, struct ticket ticket, const struct error *error)
{
    (void)ctx, (void)error;
    assert_int_equal(status, STATUS_OK);
    bed.is_answered = true;
    bed.appended = ticket;
}

static struct ticket wait_in_queue(unsigned shard, struct slice text)
{
    bed.journal->ops->append(bed.journal, &(struct journal_append){.shard = shard, .text = text}, on_appended, NULL);
    await();
    return bed.appended;
}

static void on_settled(void *ctx, enum status status, const struct error *error)
{
    (void)ctx, (void)error;
    assert_int_equal(status, STATUS_OK);
    bed.is_answered = true;
}

static void die(struct ticket ticket, const char *reason)
{
    struct journal_outcome outcome = {.applied = {.number = ticket.number}};
    bed.journal->ops->settle(bed.journal, ticket.shard, &outcome, 1, reason, on_settled, NULL);
    await();
}

static struct ticket dead_letter(unsigned shard, struct slice text)
{
    struct ticket ticket = wait_in_queue(shard, text);
    die(ticket, "the store refuses \"it\"");
    return ticket;
}

static const char *name_of(struct ticket ticket)
{
    static char texts[4][TICKET_TEXT_MAX + 1];
    static unsigned next;
    char *text = texts[next++ % COUNT_OF(texts)];
    ticket_print(text, ticket);
    return text;
}

static void on_look(void *ctx, enum status status, const struct journal_figures *figures, const struct error *error)
{
    (void)ctx, (void)error;
    assert_int_equal(status, STATUS_OK);
    bed.is_answered = true;
    bed.now = *figures;
}

static void look(void)
{
    bed.journal->ops->look(bed.journal, on_look, NULL);
    await();
}

static uint64_t dead_count(void)
{
    uint64_t count = 0;
    look();
    for (unsigned i = 0; i < QUEUE_SHARDS; i++)
        count += bed.now.shards[i].dead_count;
    return count;
}

/* ---- The operator ---- */

static void tell(void *ctx, struct slice text)
{
    (void)ctx;
    buf_append_slice(&bed.told, text);
}

static void on_done(void *ctx, enum status status, const struct error *error)
{
    (void)ctx;
    assert_false(bed.is_done);
    bed.is_done = true;
    bed.status = status;
    bed.error = *error;
}

/* while_it_runs comes before each step of the journal; NULL: nothing does. */
static void operate(enum control_queue_verb verb, const char *ticket, bool as_json, void (*while_it_runs)(void))
{
    struct control_queue *queue;
    struct control_queue_options options = {.events = bed.events,
                                            .settings = &bed.settings,
                                            .stats = &bed.stats,
                                            .verb = verb,
                                            .ticket = ticket,
                                            .as_json = as_json,
                                            .tell = tell,
                                            .done = on_done};
    bed.is_done = false;
    buf_reset(&bed.told);
    assert_int_equal(control_queue_new(&queue, &options, &bed.error), STATUS_OK);
    for (unsigned i = 0; i < STEPS_MAX && !bed.is_done; i++) {
        if (while_it_runs)
            while_it_runs();
        if (!fake_queue_journal_step() && !fake_timer_fire())
            fake_clock_move(fake_timer_next_ms());
    }
    assert_true(bed.is_done);
    bed.count = control_queue_count(queue);
    control_queue_free(queue);
}

static void assert_told(const char *part)
{
    if (!bed.told.data || !strstr(bed.told.data, part))
        fail_msg("told:\n%s\nlacks: %s", bed.told.len ? bed.told.data : "nothing", part);
}

/* ---- The tests ---- */

static struct slice merge(struct buf *text)
{
    struct todo todo = TODO_DEFAULT;
    todo_set_id(&todo, SLICE("42"));
    todo.done = true;
    todo.updated_at_ms = 1;
    struct store_queued queued = {
        .change = {
            .kind = STORE_MERGE, .fields = 1u << TODO_DONE, .todo = &todo, .condition = {.unmodified_since_s = -1}}};
    buf_init(text);
    queued_write(text, &queued);
    return buf_slice(text);
}

static void the_table_has_each_shard_and_their_sum(void **state)
{
    struct journal_figures figures = {
        .shards = {
            [0] = {.depth = 12, .oldest_at_ms = 998766}, [7] = {.depth = 30, .oldest_at_ms = 399999, .dead_count = 2}}};
    struct buf text;
    (void)state;
    memset(figures.shards[7].applier, 'a', TOKEN_LEN);
    buf_init(&text);
    queue_text_table(&figures, 1000000, &text);
    assert_text("table", buf_slice(&text),
                SLICE("shard      depth     oldest   dead letters   applier\n"
                      "0             12      1.2 s              0   -\n"
                      "1              0          -              0   -\n"
                      "2              0          -              0   -\n"
                      "3              0          -              0   -\n"
                      "4              0          -              0   -\n"
                      "5              0          -              0   -\n"
                      "6              0          -              0   -\n"
                      "7             30     10 min              2   aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\n"
                      "all           42     10 min              2\n"));
    buf_fini(&text);
}

static void a_look_counts_what_waits_and_what_is_dead(void **state)
{
    (void)state;
    wait_in_queue(0, SLICE("a"));
    wait_in_queue(0, SLICE("b"));
    dead_letter(SHARD, SLICE("c"));
    fake_clock_move(1500);
    operate(CONTROL_QUEUE_LOOK, NULL, false, NULL);
    assert_int_equal(bed.status, STATUS_OK);
    assert_int_equal(bed.count, 1);
    assert_told("\n0              2      1.5 s              0   -\n");
    assert_told("\nall            2      1.5 s              1\n");
}

static void a_dead_letter_is_shown_whole(void **state)
{
    struct buf text;
    char want[512];
    (void)state;
    struct slice write = merge(&text);
    const char *ticket = name_of(dead_letter(SHARD, write));
    operate(CONTROL_QUEUE_DEAD, NULL, false, NULL);
    assert_int_equal(bed.count, 1);
    snprintf(want, sizeof(want),
             "%s  2023-11-14T22:13:20.000Z  todo \"42\"\n  reason  \"the store refuses \\\"it\\\"\"\n  write   %s\n",
             ticket, write.data);
    assert_text("for a person", buf_slice(&bed.told), slice_of(want));
    operate(CONTROL_QUEUE_DEAD, NULL, true, NULL);
    snprintf(want, sizeof(want),
             "{\"ticket\":\"%s\",\"died_at\":\"2023-11-14T22:13:20.000Z\",\"todo\":\"42\",\"reason\":\"the store "
             "refuses "
             "\\\"it\\\"\",\"write\":%s}\n",
             ticket, write.data);
    assert_text("for a program", buf_slice(&bed.told), slice_of(want));
    buf_fini(&text);
}

static void a_text_that_is_no_write_is_shown_as_a_string(void **state)
{
    (void)state;
    dead_letter(SHARD, SLICE("\033[2J{\"kind\":7}"));
    operate(CONTROL_QUEUE_DEAD, NULL, true, NULL);
    assert_told("\"todo\":null,");
    assert_told("\"write\":\"\\u001b[2J{\\\"kind\\\":7}\"}\n");
}

static void all_pages_of_all_shards_are_shown(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 250; i++)
        dead_letter(SHARD, SLICE("x"));
    dead_letter(0, SLICE("first"));
    dead_letter(QUEUE_SHARDS - 1, SLICE("last"));
    operate(CONTROL_QUEUE_DEAD, NULL, false, NULL);
    assert_int_equal(bed.count, 252);
    assert_told("\"first\"");
    assert_told("\"last\"");
}

static void one_is_retried_under_a_new_ticket(void **state)
{
    char want[128];
    (void)state;
    struct ticket other = dead_letter(SHARD, SLICE("a")), ticket = dead_letter(SHARD, SLICE("b"));
    operate(CONTROL_QUEUE_RETRY, name_of(ticket), false, NULL);
    assert_int_equal(bed.status, STATUS_OK);
    assert_int_equal(bed.count, 1);
    assert_int_equal(dead_count(), 1);
    assert_int_equal(fake_queue_journal_depth(SHARD), 1);
    snprintf(want, sizeof(want), "queued again as %s: %s ",
             name_of((struct ticket){SHARD, bed.now.shards[SHARD].last_number}), name_of(ticket));
    assert_told(want);
    operate(CONTROL_QUEUE_DROP, name_of(other), false, NULL);
    assert_int_equal(dead_count(), 0);
    assert_told("dropped: ");
    assert_told("write   \"a\"");
}

static void a_ticket_of_no_dead_letter_is_named(void **state)
{
    (void)state;
    struct ticket waits = wait_in_queue(SHARD, SLICE("a"));
    dead_letter(SHARD, SLICE("behind it"));
    operate(CONTROL_QUEUE_DROP, name_of(waits), false, NULL);
    assert_int_equal(bed.status, STATUS_NOT_FOUND);
    assert_non_null(strstr(bed.error.text, name_of(waits)));
    assert_int_equal(bed.count, 0);
    assert_int_equal(dead_count(), 1);
    assert_int_equal(fake_queue_journal_depth(SHARD), 1);
    assert_false(control_queue_ticket_valid("3-x"));
    assert_true(control_queue_ticket_valid(name_of(waits)));
}

/* A worker finds that nothing has been mended. */
static void kill_again(void)
{
    look();
    if (fake_queue_journal_depth(SHARD) > 0)
        die((struct ticket){SHARD, bed.now.shards[SHARD].last_number}, "again");
}

static void a_retry_of_all_ends_although_they_die_again(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 5; i++)
        dead_letter(SHARD, SLICE("x"));
    dead_letter(0, SLICE("y"));
    operate(CONTROL_QUEUE_RETRY, NULL, false, kill_again);
    assert_int_equal(bed.status, STATUS_OK);
    assert_int_equal(bed.count, 6);
}

static void what_another_operator_has_dropped_is_passed_by(void **state)
{
    (void)state;
    dead_letter(SHARD, SLICE("a"));
    dead_letter(SHARD, SLICE("b"));
    fake_queue_journal_fail("dead_drop", STATUS_NOT_FOUND, 1);
    operate(CONTROL_QUEUE_DROP, NULL, false, NULL);
    assert_int_equal(bed.status, STATUS_OK);
    assert_int_equal(bed.count, 1);
    assert_told("\"b\"");
    assert_null(strstr(bed.told.data, "\"a\""));
}

static void an_unknown_outcome_names_the_ticket(void **state)
{
    (void)state;
    struct ticket ticket = dead_letter(SHARD, SLICE("a"));
    fake_queue_journal_lose("dead_retry", 1);
    operate(CONTROL_QUEUE_RETRY, NULL, false, NULL);
    assert_int_equal(bed.status, STATUS_UNKNOWN);
    assert_non_null(strstr(bed.error.text, name_of(ticket)));
}

static void a_journal_that_is_away_is_waited_for_a_moment(void **state)
{
    (void)state;
    int64_t begun_ms = fake_now_ms();
    fake_queue_journal_set_ready(false);
    operate(CONTROL_QUEUE_LOOK, NULL, false, NULL);
    assert_int_equal(bed.status, STATUS_UNAVAILABLE);
    assert_non_null(strstr(bed.error.text, "the journal is away"));
    assert_in_range(fake_now_ms() - begun_ms, 2000, 3000);
    assert_int_equal(bed.told.len, 0);
}

static void come_back(void)
{
    if (fake_now_ms() % 1000 == 0 && fake_now_ms() > FAKE_START_S * 1000LL)
        fake_queue_journal_set_ready(true);
}

static void a_journal_that_comes_in_time_is_asked(void **state)
{
    (void)state;
    fake_queue_journal_set_ready(false);
    operate(CONTROL_QUEUE_LOOK, NULL, false, come_back);
    assert_int_equal(bed.status, STATUS_OK);
    assert_told("shard ");
}

static void without_a_queue_there_is_nothing_to_ask(void **state)
{
    (void)state;
    struct control_queue *queue;
    struct control_queue_options options = {
        .events = bed.events, .settings = &bed.settings, .tell = tell, .done = on_done};
    bed.settings.write_queue[0] = '\0';
    assert_int_equal(control_queue_new(&queue, &options, &bed.error), STATUS_INVALID);
    assert_non_null(strstr(bed.error.text, "write_queue"));
    control_queue_free(queue);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(the_table_has_each_shard_and_their_sum),
        TEST(a_look_counts_what_waits_and_what_is_dead),
        TEST(a_dead_letter_is_shown_whole),
        TEST(a_text_that_is_no_write_is_shown_as_a_string),
        TEST(all_pages_of_all_shards_are_shown),
        TEST(one_is_retried_under_a_new_ticket),
        TEST(a_ticket_of_no_dead_letter_is_named),
        TEST(a_retry_of_all_ends_although_they_die_again),
        TEST(what_another_operator_has_dropped_is_passed_by),
        TEST(an_unknown_outcome_names_the_ticket),
        TEST(a_journal_that_is_away_is_waited_for_a_moment),
        TEST(a_journal_that_comes_in_time_is_asked),
        TEST(without_a_queue_there_is_nothing_to_ask),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
