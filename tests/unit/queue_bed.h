/* SPDX-License-Identifier: MIT */
/*
 * A journal on a poll(2) loop, and what its callbacks were told: each call here waits for its answer.
 */
#ifndef TESTS_UNIT_QUEUE_BED_H
#define TESTS_UNIT_QUEUE_BED_H

#include "queue/journal.h"
#include "testing.h"

enum { BED_PATIENCE_MS = 10000, BED_WRITES_MAX = 512 };

struct answer {
    bool is_there;
    enum status status;
    struct error error;
    struct ticket ticket;
    size_t count;
    int64_t numbers[BED_WRITES_MAX];
    char text[64], reason[64]; /* of the first */
    struct journal_found found;
    struct journal_figures figures;
    bool *flag; /* set as well, if not NULL */
};

extern struct settings bed_settings;
extern bool bed_is_ready, bed_was_told;
extern struct error bed_error; /* why it isn't ready */

/* For options: notes what it is told in the three above. */
void bed_on_ready(void *ctx, bool is_ready, const struct error *error);
struct journal_options bed_options(void);

/* For options: our store's name; NULL: no store is asked for. */
extern const char *bed_store;

/* Opens bed_journal for the first time, or anew, with bed_options(). */
extern void (*bed_open)(void);

/* Tends the journal until it has told that it is. */
void bed_wait_until(bool ready);

/* Turns the loop until flag is set, or so long; poll_events_until() unless the test has another loop. */
extern bool (*bed_until)(const bool *flag, int64_t within_ms);

/* Turns it until the answer is there. */
void bed_wait(const struct answer *answer);

/* Begins an append; id is the todo's, and the text is made of it. key, fingerprint: NULL: none. */
void bed_append_begin(struct journal *journal, const char *id, const char *key, const char *fingerprint,
                      struct answer *answer);
struct answer bed_append(struct journal *journal, const char *id);
struct answer bed_append_keyed(struct journal *journal, const char *id, const char *key, const char *fingerprint);
struct answer bed_read(struct journal *journal, unsigned shard, int64_t after, size_t limit);

/* All of a shard's that these numbers name, as applied with v = number's place; reason: as dead letters. */
struct answer bed_settle(struct journal *journal, unsigned shard, const int64_t *numbers, size_t count,
                         const char *reason);
struct answer bed_hold(struct journal *journal, unsigned shard, const char *owner);
struct answer bed_find(struct journal *journal, struct ticket ticket);
struct answer bed_look(struct journal *journal);
struct answer bed_dead_list(struct journal *journal, unsigned shard, int64_t after, size_t limit);
struct answer bed_retry(struct journal *journal, struct ticket ticket);
struct answer bed_drop(struct journal *journal, struct ticket ticket);

/* ---- What both journals promise: tests of journal, which is open and ready ---- */

extern struct journal *bed_journal;

void accepted_writes_are_read_in_order_and_settled(void **state);
void a_key_has_one_ticket(void **state);
void a_full_journal_accepts_nothing(void **state);
void an_old_write_closes_its_shard(void **state);
void dead_letters_are_listed_retried_and_dropped(void **state);
void one_applier_holds_a_shard(void **state);
void a_read_ends_behind_a_megabyte(void **state);
void settling_again_changes_nothing(void **state);
void it_belongs_to_the_first_store_that_asks(void **state);

#define BED_TESTS(begin, end)                                                                                          \
    cmocka_unit_test_setup_teardown(accepted_writes_are_read_in_order_and_settled, begin, end),                        \
        cmocka_unit_test_setup_teardown(a_key_has_one_ticket, begin, end),                                             \
        cmocka_unit_test_setup_teardown(a_full_journal_accepts_nothing, begin, end),                                   \
        cmocka_unit_test_setup_teardown(an_old_write_closes_its_shard, begin, end),                                    \
        cmocka_unit_test_setup_teardown(dead_letters_are_listed_retried_and_dropped, begin, end),                      \
        cmocka_unit_test_setup_teardown(one_applier_holds_a_shard, begin, end),                                        \
        cmocka_unit_test_setup_teardown(a_read_ends_behind_a_megabyte, begin, end),                                    \
        cmocka_unit_test_setup_teardown(it_belongs_to_the_first_store_that_asks, begin, end),                          \
        cmocka_unit_test_setup_teardown(settling_again_changes_nothing, begin, end)

#endif
