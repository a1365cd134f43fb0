/* SPDX-License-Identifier: MIT */
/* redis/slot_map.h: what servers of a cluster tell, and what they may tell wrongly. */
#include "testing.h"

#include "base/arena.h"
#include "redis/slot_map.h"

static const struct redis_peer from = {.host = "10.0.0.9", .port = 9};
static struct slot_map map;

/* An answer to CLUSTER SLOTS as it goes over the wire. */
static bool take(const char *text)
{
    struct slice bytes = slice_of(text);
    struct redis_reply reply;
    struct arena arena;
    arena_init(&arena);
    assert_int_equal(redis_reply_read(&reply, &bytes, &arena), REDIS_READ_WHOLE);
    bool is_taken = slot_map_take(&map, &reply, &from);
    arena_fini(&arena);
    return is_taken;
}

static void assert_server(unsigned slot, const char *host, int port)
{
    const struct redis_peer *server = slot_map_server(&map, slot);
    assert_non_null(server);
    assert_string_equal(server->host, host);
    assert_int_equal(server->port, port);
}

#define RANGE(first, last, count) "*" count "\r\n:" first "\r\n:" last "\r\n"
#define SERVER(len, host, port)   "*4\r\n$" len "\r\n" host "\r\n:" port "\r\n$2\r\nid\r\n*0\r\n"

static void ranges_name_their_primaries(void **state)
{
    (void)state;
    assert_true(take("*3\r\n" RANGE("0", "99", "4") SERVER("8", "10.0.0.1", "1") SERVER("8", "10.0.0.2", "2") RANGE(
        "100", "100", "3") SERVER("2", "::", "3") RANGE("16383", "16383", "3") SERVER("8", "10.0.0.1", "1")));
    assert_int_equal(map.server_count, 2);
    assert_server(0, "10.0.0.1", 1);
    assert_server(99, "10.0.0.1", 1);
    assert_server(100, "::", 3);
    assert_null(slot_map_server(&map, 101));
    assert_server(16383, "10.0.0.1", 1);
}

static void a_host_that_is_left_out_is_where_it_was_asked(void **state)
{
    (void)state;
    assert_true(take("*3\r\n" RANGE("0", "0", "3") SERVER("0", "", "1") RANGE("1", "1", "3") SERVER("1", "?", "2")
                         RANGE("2", "2", "3") "*4\r\n$-1\r\n:3\r\n$2\r\nid\r\n*0\r\n"));
    for (unsigned slot = 0; slot < 3; slot++)
        assert_server(slot, "10.0.0.9", (int)slot + 1);
}

static void what_is_no_map_is_refused(void **state)
{
    static const char *const texts[] = {
        "-ERR This instance has cluster support disabled\r\n",
        "*0\r\n",
        "+OK\r\n",
        "*1\r\n:1\r\n",
        "*1\r\n*2\r\n:0\r\n:1\r\n",
        "*1\r\n" RANGE("0", "16384", "3") SERVER("1", "h", "1"),
        "*1\r\n" RANGE("-1", "0", "3") SERVER("1", "h", "1"),
        "*1\r\n" RANGE("2", "1", "3") SERVER("1", "h", "1"),
        "*1\r\n" RANGE("0", "1", "3") SERVER("1", "h", "0"),
        "*1\r\n" RANGE("0", "1", "3") SERVER("1", "h", "65536"),
        "*1\r\n*3\r\n$1\r\n0\r\n:1\r\n" SERVER("1", "h", "1"),
        "*1\r\n" RANGE("0", "1", "3") "*1\r\n$1\r\nh\r\n",
        "*1\r\n" RANGE("0", "1", "3") "$1\r\nh\r\n",
    };
    (void)state;
    for (size_t i = 0; i < COUNT_OF(texts); i++)
        assert_number(texts[i], take(texts[i]), false);
}

static void a_slot_moves_to_a_server_known_or_new(void **state)
{
    struct redis_peer other = {.host = "h", .port = 1};
    (void)state;
    assert_true(take("*1\r\n" RANGE("0", "16383", "3") SERVER("8", "10.0.0.1", "1")));
    slot_map_move(&map, 7, &other);
    slot_map_move(&map, 8, &other);
    assert_server(6, "10.0.0.1", 1);
    assert_server(7, "h", 1);
    assert_server(8, "h", 1);
    assert_int_equal(map.server_count, 2);
    for (other.port = 2; map.server_count < SLOT_SERVERS_MAX; other.port++)
        slot_map_move(&map, 9, &other);
    slot_map_move(&map, 7, &other);
    assert_null(slot_map_server(&map, 7));
    assert_server(8, "h", 1);
}

static void redirections_are_told_from_other_errors(void **state)
{
    static const struct {
        const char *error;
        enum redirect_kind kind;
        unsigned slot;
        const char *host;
        int port;
    } rows[] = {
        {"MOVED 3999 127.0.0.1:6381", REDIRECT_MOVED, 3999, "127.0.0.1", 6381},
        {"MOVED 0 ::1:1", REDIRECT_MOVED, 0, "::1", 1},
        {"MOVED 16383 :6381", REDIRECT_MOVED, 16383, "10.0.0.9", 6381},
        {"MOVED 1 ?:6381", REDIRECT_MOVED, 1, "10.0.0.9", 6381},
        {"ASK 3999 host.example:6381", REDIRECT_ASK, 3999, "host.example", 6381},
        {"TRYAGAIN Multiple keys request during rehashing of slot", REDIRECT_AGAIN, 0, "", 0},
        {"CLUSTERDOWN Hash slot not served", REDIRECT_DOWN, 0, "", 0},
        {"MOVED 16384 h:1", REDIRECT_NONE, 0, "", 0},
        {"MOVED -1 h:1", REDIRECT_NONE, 0, "", 0},
        {"MOVED 1 h:0", REDIRECT_NONE, 0, "", 0},
        {"MOVED 1 h", REDIRECT_NONE, 0, "", 0},
        {"MOVED 1", REDIRECT_NONE, 0, "", 0},
        {"MOVED", REDIRECT_NONE, 0, "", 0},
        {"MOVED ", REDIRECT_NONE, 0, "", 0},
        {"MOVEDX 1 h:1", REDIRECT_NONE, 0, "", 0},
        {"CROSSSLOT Keys in request don't hash to the same slot", REDIRECT_NONE, 0, "", 0},
        {"", REDIRECT_NONE, 0, "", 0},
    };
    (void)state;
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct redirect redirect = redirect_of(slice_of(rows[i].error), &from);
        assert_number(rows[i].error, redirect.kind, rows[i].kind);
        if (!rows[i].port)
            continue;
        assert_int_equal(redirect.slot, rows[i].slot);
        assert_string_equal(redirect.server.host, rows[i].host);
        assert_int_equal(redirect.server.port, rows[i].port);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ranges_name_their_primaries),
        cmocka_unit_test(a_host_that_is_left_out_is_where_it_was_asked),
        cmocka_unit_test(what_is_no_map_is_refused),
        cmocka_unit_test(a_slot_moves_to_a_server_known_or_new),
        cmocka_unit_test(redirections_are_told_from_other_errors),
    };
    return cmocka_run_group_tests_name("slot_map", tests, NULL, NULL);
}
