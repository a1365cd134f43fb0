/* SPDX-License-Identifier: MIT */
/* redis/redis.c on its way up: addresses, passwords, users, and peers that are no Redis. */
#include "redis_bed.h"

#include <sys/socket.h>
#include <sys/un.h>

/* ---- Who may come in ---- */

static void write_password(const char *path, const char *text)
{
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    fputs(text, file);
    fclose(file);
}

static void a_password_is_read_at_each_attempt(void **state)
{
    char path[96];
    (void)state;
    snprintf(path, sizeof(path), "%s/password", server.folder);
    redis_process_start(&server, "--requirepass", "open sesame");
    struct redis_options options = options_of(server.address);
    options.password_file = path;
    open_with(options);
    poll_events_for(100); /* no such file */
    write_password(path, "wrong\n");
    poll_events_for(150);
    assert_int_equal(up_count, 0);
    assert_true(stats.counter[STAT_REDIS_CONNECT] >= 2);
    write_password(path, "open sesame\r\nsecond line\n");
    assert_true(poll_events_until(&is_up, PATIENCE_MS));
    assert_echo("in");
    unlink(path);
}

static void a_user_has_a_password_of_its_own(void **state)
{
    char path[96];
    struct asked asked;
    (void)state;
    open_up(TIMEOUT_MS);
    ask_and_wait(&asked, "ACL SETUSER worker on >secret ~* +@all");
    redis_free(redis);
    is_up = false;
    snprintf(path, sizeof(path), "%s/password", server.folder);
    write_password(path, "secret");
    struct redis_options options = options_of(server.address);
    options.user = "worker";
    options.password_file = path;
    open_with(options);
    assert_true(poll_events_until(&is_up, PATIENCE_MS));
    ask_and_wait(&asked, "ACL WHOAMI");
    assert_string_equal(asked.text, "worker");
    unlink(path);
}

static void a_server_that_wants_a_password_is_not_up_without_one(void **state)
{
    (void)state;
    redis_process_start(&server, "--requirepass", "x");
    open_with(options_of(server.address));
    poll_events_for(200);
    assert_int_equal(up_count, 0);
    assert_int_equal(down_count, 0);
}

/* ---- Peers that are no Redis ---- */

static int listen_at(const char *path)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    memcpy(address.sun_path, path, strlen(path) + 1);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof(address)), 0);
    assert_int_equal(listen(fd, 100), 0);
    return fd;
}

static void a_peer_that_talks_nonsense_is_left_again_and_again(void **state)
{
    static const char *const nonsense[] = {
        "", "?\r\n", "+OK\r\n+OK\r\n$5\r\nab", "*2\r\n:1\r\n", "-ERR go away\r\n", "$999999999999\r\n"};
    (void)state;
    int listener = listen_at(server.socket);
    open_with(options_of(server.address));
    unsigned accepted = 0;
    struct asked asked[COUNT_OF(nonsense)];
    for (size_t i = 0; i < COUNT_OF(nonsense);) {
        poll_events_turn(10);
        int fd = accept(listener, NULL, NULL);
        if (fd < 0)
            continue;
        poll_events_turn(10);
        ask(&asked[i], "PING");
        assert_int_equal(send(fd, nonsense[i], strlen(nonsense[i]), 0), strlen(nonsense[i]));
        poll_events_turn(10);
        close(fd);
        assert_true(poll_events_until(&asked[i].answered, PATIENCE_MS));
        assert_true(asked[i].is_null);
        accepted++;
        i++;
    }
    close(listener);
    unlink(server.socket);
    assert_int_equal(accepted, COUNT_OF(nonsense));
    redis_process_start(&server, NULL, NULL);
    is_up = false;
    assert_true(poll_events_until(&is_up, PATIENCE_MS));
    assert_echo("real");
}

static void a_peer_that_accepts_and_says_nothing_is_given_up(void **state)
{
    (void)state;
    int listener = listen_at(server.socket);
    open_with(options_of(server.address));
    poll_events_for(4 * TIMEOUT_MS);
    assert_int_equal(up_count, 0);
    assert_true(stats.counter[STAT_REDIS_TIMEOUT] >= 1);
    close(listener);
    unlink(server.socket);
}

/* ---- Addresses ---- */

#define FOUR    "a:1,b:2,c:3,d:4"
#define SIXTEEN FOUR "," FOUR "," FOUR "," FOUR

static void a_host_and_port_lead_there_too(void **state)
{
    char port[12], host_port[32];
    (void)state;
    snprintf(port, sizeof(port), "%d", redis_process_free_port());
    snprintf(host_port, sizeof(host_port), "127.0.0.1:%s/2", port);
    open_with(options_of(host_port));
    poll_events_for(60); /* refused: nobody listens there yet */
    assert_true(stats.counter[STAT_REDIS_CONNECT] >= 1);
    redis_process_start(&server, "--port", port);
    assert_true(poll_events_until(&is_up, PATIENCE_MS));
    assert_echo("tcp");
}

static void an_address_is_taken_or_refused(void **state)
{
    static const struct {
        const char *address;
        enum status status;
    } rows[] = {
        {"unix:/nowhere/redis.sock", STATUS_OK},
        {"unix:/nowhere/redis.sock?db=15", STATUS_OK},
        {"unix:/nowhere/redis.sock?db=x", STATUS_INVALID},
        {"unix:/nowhere/redis.sock?db=-1", STATUS_INVALID},
        {"unix:", STATUS_INVALID},
        {"unix:/"
         "0123456789012345678901234567890123456789012345678901234567890123456789012345678901234567890123456789012345"
         "67",
         STATUS_INVALID},
        {"127.0.0.1:1", STATUS_OK},
        {"127.0.0.1:1/9999", STATUS_OK},
        {"127.0.0.1", STATUS_INVALID},
        {"127.0.0.1:", STATUS_INVALID},
        {"127.0.0.1:0", STATUS_INVALID},
        {"127.0.0.1:65536", STATUS_INVALID},
        {"127.0.0.1:1/10000", STATUS_INVALID},
        {":6379", STATUS_INVALID},
        {"sentinel://127.0.0.1:1/name", STATUS_OK},
        {"sentinel://127.0.0.1:1,::1:2,host.example:3/The-name.of_it/15", STATUS_OK},
        {"sentinel://" SIXTEEN "/name", STATUS_OK},
        {"sentinel://" SIXTEEN ",h:1/name", STATUS_INVALID},
        {"sentinel://127.0.0.1:1", STATUS_INVALID},
        {"sentinel://127.0.0.1:1/", STATUS_INVALID},
        {"sentinel:///name", STATUS_INVALID},
        {"sentinel://127.0.0.1/name", STATUS_INVALID},
        {"sentinel://127.0.0.1:1,/name", STATUS_INVALID},
        {"sentinel://127.0.0.1:0/name", STATUS_INVALID},
        {"sentinel://127.0.0.1:1/the name", STATUS_INVALID},
        {"sentinel://127.0.0.1:1/name/", STATUS_INVALID},
        {"sentinel://127.0.0.1:1/name/10000", STATUS_INVALID},
        {"sentinel://127.0.0.1:1/name/1/2", STATUS_INVALID},
        {"redis://:secret@127.0.0.1:6379/0", STATUS_INVALID},
        {"me:secret@127.0.0.1:6379", STATUS_INVALID},
        {"sentinel://:secret@127.0.0.1:1/name", STATUS_INVALID},
        {"cluster://127.0.0.1:1", STATUS_INVALID}, /* it is more than one connection */
        {"", STATUS_INVALID},
    };
    (void)state;
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct redis_options options = options_of(rows[i].address);
        struct redis *got = NULL;
        struct error error = {0};
        assert_number(rows[i].address, redis_new(&got, &options, &error), rows[i].status);
        assert_number(rows[i].address, error.text[0] != '\0', rows[i].status != STATUS_OK);
        assert_number(rows[i].address, strstr(error.text, "secret") != NULL, false);
        redis_free(got);
    }
}

static void the_address_of_a_cluster_names_some_of_its_servers(void **state)
{
    static const struct {
        const char *address;
        size_t count; /* 0: refused */
    } rows[] = {
        {"cluster://127.0.0.1:1", 1},
        {"cluster://127.0.0.1:1,::1:2,host.example:3", 3},
        {"cluster://" SIXTEEN, 16},
        {"cluster://" SIXTEEN ",h:1", 0},
        {"cluster://", 0},
        {"cluster://127.0.0.1:1,", 0},
        {"cluster://127.0.0.1", 0},
        {"cluster://127.0.0.1:1/1", 0},
        {"cluster://:secret@127.0.0.1:1", 0},
    };
    (void)state;
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct redis_address address;
        struct error error;
        bool is_valid = redis_address_parse(&address, rows[i].address, &error) == STATUS_OK;
        assert_number(rows[i].address, is_valid, rows[i].count > 0);
        if (is_valid)
            assert_true(address.is_cluster && address.database == 0 && address.peer_count == rows[i].count);
    }
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, redis_begin, redis_end)
    const struct CMUnitTest tests[] = {
        TEST(a_password_is_read_at_each_attempt),
        TEST(a_user_has_a_password_of_its_own),
        TEST(a_server_that_wants_a_password_is_not_up_without_one),
        TEST(a_peer_that_talks_nonsense_is_left_again_and_again),
        TEST(a_peer_that_accepts_and_says_nothing_is_given_up),
        TEST(a_host_and_port_lead_there_too),
        TEST(an_address_is_taken_or_refused),
        TEST(the_address_of_a_cluster_names_some_of_its_servers),
    };
    return run_redis_tests("redis_connect", tests, NULL, NULL);
}
