/* SPDX-License-Identifier: MIT */
/* ticket.c: tickets as text, and the shard of an id. */
#include "testing.h"

#include "queue/ticket.h"

static void a_ticket_comes_back_from_its_text(void **state)
{
    static const struct {
        const char *text;
        struct ticket ticket;
    } rows[] = {
        {"3-1795600000000-12", {3, INT64_C(1795600000000) << 20 | 12}},
        {"0-0-1", {0, 1}},
        {"7-1-0", {7, 1 << 20}},
        {"7-8796093022207-1048575", {7, INT64_MAX}},
    };
    (void)state;
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        char text[TICKET_TEXT_MAX + 1];
        struct ticket got = {0};
        ticket_print(text, rows[i].ticket);
        assert_string_equal(text, rows[i].text);
        assert_number(text, ticket_parse(slice_of(text), &got), true);
        assert_number(text, got.shard, rows[i].ticket.shard);
        assert_number(text, got.number, rows[i].ticket.number);
    }
}

static void any_other_text_is_no_ticket(void **state)
{
    static const char *const texts[] = {
        "",
        "-",
        "1-2",
        "1-2-",
        "1--3",
        "-2-3",
        "8-1-1",
        "-1-1-1",
        "1--1-1",
        "1-1--1",
        "01-1-1",
        "1-01-1",
        "1-1-01",
        "1-1-1-",
        "1-1-1-1",
        "1-1-1048576",
        "0-0-0",
        "1-1-1 ",
        " 1-1-1",
        "1-1-x",
        "1.1.1",
        "1-8796093022208-0",
        "1-9223372036854775808-0",
        "milk.1.10000000000001",
    };
    (void)state;
    for (size_t i = 0; i < COUNT_OF(texts); i++) {
        struct ticket ticket;
        assert_number(texts[i], ticket_parse(slice_of(texts[i]), &ticket), false);
    }
}

/* A journal outlives the program that wrote it. */
static void the_shard_of_an_id_never_changes(void **state)
{
    (void)state;
    unsigned count[QUEUE_SHARDS] = {0};
    assert_int_equal(ticket_shard(SLICE("42")), 1);
    assert_int_equal(ticket_shard(SLICE("milk")), 3);
    for (int i = 0; i < 8000; i++) {
        char id[16];
        snprintf(id, sizeof(id), "todo-%d", i);
        count[ticket_shard(slice_of(id))]++;
    }
    for (unsigned s = 0; s < QUEUE_SHARDS; s++)
        assert_in_range(count[s], 800, 1200);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_ticket_comes_back_from_its_text),
        cmocka_unit_test(any_other_text_is_no_ticket),
        cmocka_unit_test(the_shard_of_an_id_never_changes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
