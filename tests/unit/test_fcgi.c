/* SPDX-License-Identifier: MIT */
/*
 * FastCGI connections, seen from the peer's side: each test runs a worker (fcgi_worker.h) and does to it what a peer may do,
 * or should not do but could.
 */
#include "testing.h"

#include <poll.h>
#include <signal.h>
#include <sys/socket.h>

#include "base/mem.h"
#include "fcgi_client.h"
#include "fcgi_worker.h"
#include "server/deadline.h"

static void send_request(int fd, const char *method, const char *path, const char *body, size_t body_len)
{
    struct buf bytes;
    buf_init(&bytes);
    request_append(&bytes, method, path, body, body_len, true);
    client_send(fd, &bytes);
    buf_fini(&bytes);
}

static void expect_answer(int fd, const char *want)
{
    struct client_answer answer;
    struct buf whole;
    buf_init(&whole);
    buf_printf(&whole, "Status: 200\r\n\r\n%s", want);
    client_read(fd, &answer);
    assert_true(answer.ended);
    assert_text(want, buf_slice(&answer.out), buf_slice(&whole));
    answer_fini(&answer);
    buf_fini(&whole);
}

static void expect_exchange(int fd, const char *method, const char *path, const char *want)
{
    send_request(fd, method, path, "", 0);
    expect_answer(fd, want);
}

static char *zeros(size_t len)
{
    return mem_zalloc(len);
}

static void a_kept_connection_answers_many_requests(void **state)
{
    (void)state;
    struct worker worker = worker_start(8, 60);
    kill(worker.pid, SIGSTOP); /* so that the request is there when the connection is accepted */
    int fd = client_connect(worker.path);
    send_request(fd, "GET", "/todos/1", "", 0);
    kill(worker.pid, SIGCONT);
    expect_answer(fd, "GET /todos/1 0 whole");
    for (int i = 1; i < 100; i++)
        expect_exchange(fd, "GET", "/todos/1", "GET /todos/1 0 whole");
    close(fd);
    worker_stop(&worker);
}

static void a_connection_without_keep_is_closed_after_its_answer(void **state)
{
    (void)state;
    struct worker worker = worker_start(8, 60);
    int fd = client_connect(worker.path);
    struct buf bytes;
    buf_init(&bytes);
    request_append(&bytes, "GET", "/", "", 0, false);
    client_send(fd, &bytes);
    expect_answer(fd, "GET / 0 whole");
    assert_int_equal(client_peek(fd, 500), 0);
    close(fd);
    buf_fini(&bytes);
    worker_stop(&worker);
}

static void a_request_may_come_byte_by_byte(void **state)
{
    (void)state;
    struct worker worker = worker_start(8, 60);
    int fd = client_connect(worker.path);
    struct buf bytes;
    buf_init(&bytes);
    request_append(&bytes, "POST", "/todos", "hello", 5, true);
    for (size_t i = 0; i < bytes.len; i++)
        assert_int_equal(send(fd, bytes.data + i, 1, 0), 1);
    expect_answer(fd, "POST /todos 5 whole");
    buf_fini(&bytes);
    close(fd);
    worker_stop(&worker);
}

static void the_first_of_two_equal_params_counts(void **state)
{
    (void)state;
    struct worker worker = worker_start(8, 60);
    int fd = client_connect(worker.path);
    const unsigned char begin[8] = {0, 1, 1};
    struct buf params, bytes;
    buf_init(&params);
    buf_init(&bytes);
    param_append(&params, "REQUEST_METHODX", "wrong");
    param_append(&params, "REQUEST_METHOD", "GET");
    param_append(&params, "DOCUMENT_URI", "/first");
    param_append(&params, "DOCUMENT_URI", "/second");
    param_append(&params, "REQUEST_METHOD", "DELETE");
    record_append(&bytes, RECORD_BEGIN, begin, sizeof(begin));
    record_append(&bytes, RECORD_PARAMS, params.data, params.len);
    record_append(&bytes, RECORD_PARAMS, "", 0);
    record_append(&bytes, RECORD_STDIN, "", 0);
    client_send(fd, &bytes);
    expect_answer(fd, "GET /first 0 whole");
    buf_fini(&params);
    buf_fini(&bytes);
    close(fd);
    worker_stop(&worker);
}

static void bodies_are_whole_up_to_the_limit_and_drained_beyond(void **state)
{
    static const struct {
        size_t len;
        const char *want;
    } rows[] = {
        {0, "POST /todos 0 whole"},
        {8192, "POST /todos 8192 whole"},
        {BODY_MAX, "POST /todos 65536 whole"},
        {BODY_MAX + 1, "POST /todos 0 too_large"},
        {1 << 20, "POST /todos 0 too_large"},
    };
    (void)state;
    struct worker worker = worker_start(8, 60);
    int fd = client_connect(worker.path);
    char *body = zeros(1 << 20);
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        send_request(fd, "POST", "/todos", body, rows[i].len);
        expect_answer(fd, rows[i].want);
    }
    expect_exchange(fd, "GET", "/after", "GET /after 0 whole");
    free(body);
    close(fd);
    worker_stop(&worker);
}

static void a_body_beyond_all_measure_costs_the_connection(void **state)
{
    (void)state;
    struct worker worker = worker_start(8, 60);
    int fd = client_connect(worker.path);
    size_t len = 9 << 20;
    char *body = zeros(len);
    send_request(fd, "POST", "/todos", body, len);
    free(body);
    struct client_answer answer;
    client_read(fd, &answer); /* it may get through or be lost with the connection; nothing comes behind it */
    answer_fini(&answer);
    assert_int_not_equal(client_peek(fd, 3000), 1);
    close(fd);

    fd = client_connect(worker.path);
    expect_exchange(fd, "GET", "/count", "2");
    close(fd);
    worker_stop(&worker);
}

/* Whatever the offset, records inside a body are a body. Above libfcgi's buffer of 8 KB is where unread ones would run. */
static void records_inside_a_body_are_not_run(void **state)
{
    (void)state;
    struct worker worker = worker_start(8, 60);
    int fd = client_connect(worker.path);
    struct buf body;
    unsigned sent = 0;
    buf_init(&body);
    for (size_t offset = 7900; offset < 8400; offset += 7) {
        buf_reset(&body);
        memset(buf_reserve(&body, offset), 'x', offset);
        buf_advance(&body, offset);
        for (int i = 0; i < 20; i++)
            request_append(&body, "DELETE", "/todos/1", "", 0, true);
        send_request(fd, "PUT", "/todos/1", body.data, body.len);
        struct client_answer answer;
        client_read(fd, &answer);
        assert_true(answer.ended);
        assert_int_equal(strncmp(answer.out.data, "Status: 200\r\n\r\nPUT /todos/1 ", 28), 0);
        answer_fini(&answer);
        sent++;
    }
    assert_int_equal(client_peek(fd, 100), -1);
    char count[16];
    snprintf(count, sizeof(count), "%u", sent + 1);
    expect_exchange(fd, "GET", "/count", count);
    buf_fini(&body);
    close(fd);
    worker_stop(&worker);
}

static void a_large_answer_comes_whole(void **state)
{
    (void)state;
    struct worker worker = worker_start(8, 60);
    int fd = client_connect(worker.path);
    struct client_answer answer;
    send_request(fd, "GET", "/big", "", 0);
    client_read(fd, &answer);
    assert_true(answer.ended);
    assert_int_equal(answer.out.len, BIG_BYTES + strlen("Status: 200\r\n\r\n"));
    answer_fini(&answer);
    expect_exchange(fd, "GET", "/after", "GET /after 0 whole");
    close(fd);
    worker_stop(&worker);
}

static void a_late_answer_holds_nobody_else_up(void **state)
{
    (void)state;
    struct worker worker = worker_start(8, 60);
    int slow = client_connect(worker.path);
    int fast = client_connect(worker.path);
    send_request(slow, "GET", "/later", "", 0);
    expect_exchange(fast, "GET", "/fast", "GET /fast 0 whole");
    assert_int_equal(client_peek(slow, 0), -1);
    expect_answer(slow, "GET /later 0 whole");
    expect_exchange(slow, "GET", "/again", "GET /again 0 whole");
    close(slow);
    close(fast);
    worker_stop(&worker);
}

static void a_peer_may_leave_at_any_stage(void **state)
{
    (void)state;
    struct worker worker = worker_start(8, 60);
    struct buf bytes;
    buf_init(&bytes);
    request_append(&bytes, "POST", "/later", "hello", 5, true);
    size_t whole = bytes.len;
    for (size_t len = 0; len <= whole; len++) {
        int fd = client_connect(worker.path);
        bytes.len = len;
        client_send(fd, &bytes);
        close(fd);
    }
    poll(NULL, 0, 2 * LATER_MS);
    int fd = client_connect(worker.path);
    expect_exchange(fd, "GET", "/alive", "GET /alive 0 whole");
    close(fd);
    buf_fini(&bytes);
    worker_stop(&worker);
}

static void a_peer_that_half_closes_gets_its_answer(void **state)
{
    (void)state;
    struct worker worker = worker_start(8, 60);
    int fd = client_connect(worker.path);
    send_request(fd, "GET", "/later", "", 0);
    shutdown(fd, SHUT_WR);
    expect_answer(fd, "GET /later 0 whole");
    assert_int_equal(client_peek(fd, 500), 0);
    close(fd);
    worker_stop(&worker);
}

/*
 * A peer does a little each SLOW_MS, for as long as it is heard, and another one asks meanwhile: it gets its answer within
 * the deadline, and the slow one's connection has ended.
 */
enum { SLOW_MS = 450, SLOW_STEPS_MAX = 14 };

static void slow_peer_ends(struct worker *worker, int slow, bool (*step)(int slow, unsigned number))
{
    int other = client_connect(worker->path);
    int64_t began_at_ms = now_ms();
    send_request(other, "GET", "/other", "", 0);
    unsigned steps = 0;
    while (client_peek(other, SLOW_MS) < 0 && steps < SLOW_STEPS_MAX)
        step(slow, steps++);
    assert_in_range(now_ms() - began_at_ms, 0, DEADLINE_MS + 1000);
    expect_answer(other, "GET /other 0 whole");
    poll(NULL, 0, 100);
    while (step(slow, steps++))
        assert_true(steps < 2 * SLOW_STEPS_MAX);
    close(slow);
    close(other);
    worker_stop(worker);
}

static bool stay_silent(int slow, unsigned number)
{
    (void)number;
    return client_peek(slow, 0) != 0;
}

static bool send_a_byte(int slow, unsigned number)
{
    static const char byte[1] = {0};
    (void)number;
    return send(slow, byte, 1, MSG_NOSIGNAL) == 1;
}

/* As little as makes room for another write of libfcgi's. What was written before the end can still be read. */
static bool take_a_little(int slow, unsigned number)
{
    static char some[2 * 8192];
    static size_t taken;
    taken = number == 0 ? 0 : taken;
    ssize_t got = recv(slow, some, sizeof(some), MSG_DONTWAIT);
    taken += got > 0 ? (size_t)got : 0;
    return got != 0 && taken < BIG_BYTES;
}

/* The first part bytes of a request with a body. */
static int client_begin(const struct worker *worker, size_t part)
{
    int fd = client_connect(worker->path);
    struct buf bytes;
    buf_init(&bytes);
    request_append(&bytes, "PUT", "/slow", "hello", 5, false);
    bytes.len = part < bytes.len ? part : bytes.len - 12; /* without the body's end */
    client_send(fd, &bytes);
    buf_fini(&bytes);
    poll(NULL, 0, 50);
    return fd;
}

enum { IN_PARAMS = 16 + 8 + 10, IN_BODY = 1000 };

static void silence_in_mid_request_holds_the_others_up_for_two_seconds_at_most(void **state)
{
    (void)state;
    struct worker worker = worker_start(8, 60);
    slow_peer_ends(&worker, client_begin(&worker, IN_PARAMS), stay_silent);
}

static void parameters_byte_by_byte_hold_the_others_up_for_two_seconds_at_most(void **state)
{
    (void)state;
    struct worker worker = worker_start(8, 60);
    slow_peer_ends(&worker, client_begin(&worker, IN_PARAMS), send_a_byte);
}

static void a_body_byte_by_byte_holds_the_others_up_for_two_seconds_at_most(void **state)
{
    (void)state;
    struct worker worker = worker_start(8, 60);
    slow_peer_ends(&worker, client_begin(&worker, IN_BODY), send_a_byte);
}

static void an_answer_taken_bit_by_bit_holds_the_others_up_for_two_seconds_at_most(void **state)
{
    (void)state;
    struct worker worker = worker_start(8, 60);
    int fd = client_connect(worker.path);
    send_request(fd, "GET", "/big", "", 0);
    poll(NULL, 0, 50);
    slow_peer_ends(&worker, fd, take_a_little);
}

/* libfcgi takes params that break off for complete ones: at no byte may such a request run. */
static void a_request_whose_params_break_off_is_not_run(void **state)
{
    (void)state;
    struct worker worker = worker_start(8, 60);
    struct buf bytes;
    buf_init(&bytes);
    request_append(&bytes, "DELETE", "/todos/1", "", 0, true);
    size_t params_end = bytes.len - 8;
    for (size_t len = 1; len < params_end; len++) {
        int fd = client_connect(worker.path);
        bytes.len = len;
        client_send(fd, &bytes);
        shutdown(fd, SHUT_WR);
        assert_int_equal(client_peek(fd, 3000), 0);
        close(fd);
    }
    int fd = client_connect(worker.path);
    expect_exchange(fd, "GET", "/count", "1");
    close(fd);
    buf_fini(&bytes);
    worker_stop(&worker);
}

static void garbage_closes_the_connection(void **state)
{
    (void)state;
    struct worker worker = worker_start(8, 60);
    int fd = client_connect(worker.path);
    struct buf bytes;
    buf_init(&bytes);
    buf_append_text(&bytes, "GET / HTTP/1.1\r\nHost: localhost\r\n\r\n");
    client_send(fd, &bytes);
    assert_int_equal(client_peek(fd, 3000), 0);
    close(fd);
    fd = client_connect(worker.path);
    expect_exchange(fd, "GET", "/count", "1");
    buf_fini(&bytes);
    close(fd);
    worker_stop(&worker);
}

static void connections_beyond_the_limit_wait_for_a_place(void **state)
{
    (void)state;
    struct worker worker = worker_start(2, 60);
    int first = client_connect(worker.path);
    int second = client_connect(worker.path);
    expect_exchange(first, "GET", "/1", "GET /1 0 whole");
    expect_exchange(second, "GET", "/2", "GET /2 0 whole");
    int third = client_connect(worker.path);
    send_request(third, "GET", "/3", "", 0);
    assert_int_equal(client_peek(third, 200), -1);
    close(first);
    expect_answer(third, "GET /3 0 whole");
    close(second);
    close(third);
    worker_stop(&worker);
}

/* nginx closes an idle connection on which anything comes. */
static void who_waits_for_a_place_gets_that_of_an_idle_connection(void **state)
{
    (void)state;
    struct worker worker = worker_start(2, 60);
    int first = client_connect(worker.path);
    expect_exchange(first, "GET", "/1", "GET /1 0 whole");
    int second = client_connect(worker.path);
    expect_exchange(second, "GET", "/2", "GET /2 0 whole");
    assert_int_equal(client_peek(first, 200), -1); /* nobody waits yet */
    int third = client_connect(worker.path);
    send_request(third, "GET", "/3", "", 0);
    assert_int_equal(client_peek(first, 1000), 1); /* the oldest is asked */
    assert_int_equal(client_peek(second, 0), -1);
    close(first);
    expect_answer(third, "GET /3 0 whole");
    close(second);
    close(third);
    worker_stop(&worker);
}

/* Sends the request, and no more. */
static int send_alone(const struct worker *worker, const char *path)
{
    int fd = client_connect(worker->path);
    send_request(fd, "GET", path, "", 0);
    return fd;
}

static void a_held_request_is_answered_bit_by_bit_and_its_connection_ends(void **state)
{
    (void)state;
    struct worker worker = worker_start(8, 60);
    kill(worker.pid, SIGSTOP);
    int fd = send_alone(&worker, "/held");
    kill(worker.pid, SIGCONT);
    expect_answer(fd, "begun ended");
    assert_int_equal(client_peek(fd, 1000), 0);
    close(fd);
    worker_stop(&worker);
}

static void held_requests_take_nobodys_place_and_have_a_limit_of_their_own(void **state)
{
    (void)state;
    struct worker worker = worker_start(1, 60);
    int held[] = {send_alone(&worker, "/held"), send_alone(&worker, "/held"), send_alone(&worker, "/held")};
    expect_answer(held[2], "GET /held 0 whole"); /* it was not held */
    close(held[2]);
    int fd = client_connect(worker.path);
    expect_exchange(fd, "GET", "/x", "GET /x 0 whole");
    expect_answer(held[0], "begun ended");
    expect_answer(held[1], "begun ended");
    for (size_t i = 0; i < 2; i++)
        close(held[i]);
    close(fd);
    worker_stop(&worker);
}

static void a_held_request_whose_peer_goes_is_gone(void **state)
{
    (void)state;
    struct worker worker = worker_start(8, 60);
    int fd = client_connect(worker.path);
    close(send_alone(&worker, "/held"));
    char want[2] = "0";
    int64_t begun = now_ms();
    while (want[0] == '0' && now_ms() - begun < 5000) {
        struct client_answer answer = {0};
        send_request(fd, "GET", "/gone", "", 0);
        client_read(fd, &answer);
        want[0] = answer.out.data[answer.out.len - 1];
        answer_fini(&answer);
    }
    assert_string_equal(want, "1");
    close(fd);
    worker_stop(&worker);
}

static void an_idle_connection_is_first_asked_and_then_closed(void **state)
{
    (void)state;
    struct worker worker = worker_start(8, 1);
    int fd = client_connect(worker.path);
    expect_exchange(fd, "GET", "/1", "GET /1 0 whole");
    assert_int_equal(client_peek(fd, 2000), 1);
    struct client_answer answer;
    client_read(fd, &answer);
    assert_false(answer.ended);
    assert_int_equal(answer.stderr_records, 1);
    assert_int_equal(answer.out.len, 0);
    answer_fini(&answer);
    close(fd);
    worker_stop(&worker);
}

/* A peer in mid-request holds the loop up for longer than the other one has to close. */
static void a_request_that_crosses_the_question_is_answered(void **state)
{
    (void)state;
    struct worker worker = worker_start(8, 60);
    int fd = client_connect(worker.path), slow = client_connect(worker.path);
    expect_exchange(fd, "GET", "/1", "GET /1 0 whole");
    expect_exchange(slow, "GET", "/2", "GET /2 0 whole");
    int64_t began_at_ms = now_ms();
    kill(worker.pid, SIGTERM);
    assert_int_equal(client_peek(fd, 1000), 1);
    assert_int_equal(send(slow, "\1\1", 2, 0), 2);
    poll(NULL, 0, 50);
    send_request(fd, "POST", "/3", "hello", 5);
    expect_answer(fd, "POST /3 5 whole");
    assert_int_equal(client_peek(fd, 500), 1); /* asked again */
    close(slow);
    close(fd);
    assert_in_range(worker_join(&worker, began_at_ms), DEADLINE_MS, DEADLINE_MS + 900);
}

static void sigterm_waits_for_the_answer_and_a_second_one_changes_nothing(void **state)
{
    (void)state;
    struct worker worker = worker_start(8, 60);
    int fd = client_connect(worker.path);
    send_request(fd, "GET", "/later", "", 0);
    poll(NULL, 0, LATER_MS / 4);
    int64_t began_at_ms = now_ms();
    kill(worker.pid, SIGTERM);
    poll(NULL, 0, LATER_MS / 4);
    kill(worker.pid, SIGTERM);
    expect_answer(fd, "GET /later 0 whole");
    close(fd);
    assert_in_range(worker_join(&worker, began_at_ms), 0, 900);
}

static void sigterm_ends_idle_connections_of_a_deaf_peer(void **state)
{
    (void)state;
    struct worker worker = worker_start(8, 60);
    int fd = client_connect(worker.path);
    expect_exchange(fd, "GET", "/1", "GET /1 0 whole");
    assert_in_range(worker_stop(&worker), 900, 2000);
    close(fd);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_kept_connection_answers_many_requests),
        cmocka_unit_test(a_connection_without_keep_is_closed_after_its_answer),
        cmocka_unit_test(a_request_may_come_byte_by_byte),
        cmocka_unit_test(the_first_of_two_equal_params_counts),
        cmocka_unit_test(bodies_are_whole_up_to_the_limit_and_drained_beyond),
        cmocka_unit_test(a_body_beyond_all_measure_costs_the_connection),
        cmocka_unit_test(records_inside_a_body_are_not_run),
        cmocka_unit_test(a_large_answer_comes_whole),
        cmocka_unit_test(a_late_answer_holds_nobody_else_up),
        cmocka_unit_test(a_peer_may_leave_at_any_stage),
        cmocka_unit_test(a_peer_that_half_closes_gets_its_answer),
        cmocka_unit_test(silence_in_mid_request_holds_the_others_up_for_two_seconds_at_most),
        cmocka_unit_test(parameters_byte_by_byte_hold_the_others_up_for_two_seconds_at_most),
        cmocka_unit_test(a_body_byte_by_byte_holds_the_others_up_for_two_seconds_at_most),
        cmocka_unit_test(an_answer_taken_bit_by_bit_holds_the_others_up_for_two_seconds_at_most),
        cmocka_unit_test(a_request_whose_params_break_off_is_not_run),
        cmocka_unit_test(garbage_closes_the_connection),
        cmocka_unit_test(connections_beyond_the_limit_wait_for_a_place),
        cmocka_unit_test(who_waits_for_a_place_gets_that_of_an_idle_connection),
        cmocka_unit_test(a_held_request_is_answered_bit_by_bit_and_its_connection_ends),
        cmocka_unit_test(held_requests_take_nobodys_place_and_have_a_limit_of_their_own),
        cmocka_unit_test(a_held_request_whose_peer_goes_is_gone),
        cmocka_unit_test(an_idle_connection_is_first_asked_and_then_closed),
        cmocka_unit_test(a_request_that_crosses_the_question_is_answered),
        cmocka_unit_test(sigterm_waits_for_the_answer_and_a_second_one_changes_nothing),
        cmocka_unit_test(sigterm_ends_idle_connections_of_a_deaf_peer),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
