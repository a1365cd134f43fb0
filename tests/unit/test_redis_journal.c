/* SPDX-License-Identifier: MIT */
/*
 * redis_journal.c with a redis-server of the test's own that is durable, as far as a test can have that: it is killed, frozen and
 * filled up. A server that syncs once a second and knows WAITAOF is played, because Debian 12 has none.
 */
#include "queue_bed.h"

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "base/clock.h"
#include "base/log.h"
#include "poll_events.h"
#include "queue/journal_ops.h"
#include "redis_process.h"

static const char DURABLE[] = "appendonly yes\nappendfsync always\nmaxmemory-policy noeviction\n";
static struct redis_process server;

static void drop_line(const char *line, size_t len)
{
    (void)line, (void)len;
}

static void journal_reopen(void);

static int begin(void **state)
{
    (void)state;
    log_init(LOG_ERROR, drop_line);
    redis_process_init(&server);
    settings_init(&bed_settings);
    bed_settings.store_timeout_ms = 1000;
    bed_settings.redis_reconnect_max_ms = 100;
    bed_journal = NULL;
    bed_store = NULL;
    bed_open = journal_reopen;
    return 0;
}

static void server_start(const char *lines)
{
    char path[128];
    snprintf(path, sizeof(path), "%s/redis.conf", server.folder);
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    fputs(lines, file);
    fclose(file);
    redis_process_start(&server, "--include", path);
}

static void journal_begin(struct journal_options options)
{
    struct error error;
    snprintf(bed_settings.write_queue, sizeof(bed_settings.write_queue), "redis://%s", server.address);
    assert_int_equal(redis_journal_open(&bed_journal, &options, server.address, &error), STATUS_OK);
    assert_false(bed_was_told);
}

static void journal_reopen(void)
{
    if (bed_journal)
        bed_journal->ops->free(bed_journal);
    journal_begin(bed_options());
}

static int begin_ready(void **state)
{
    begin(state);
    server_start(DURABLE);
    journal_begin(bed_options());
    bed_wait_until(true);
    return 0;
}

static int end(void **state)
{
    char command[128];
    (void)state;
    if (bed_journal)
        bed_journal->ops->free(bed_journal);
    redis_process_kill(&server);
    snprintf(command, sizeof(command), "rm -rf %s/*", server.folder);
    assert_int_equal(system(command), 0);
    redis_process_fini(&server);
    assert_int_equal(poll_events_count(), 0);
    return 0;
}

/* ---- Durable or not ---- */

static void a_redis_that_may_lose_writes_is_refused(void **state)
{
    static const struct {
        const char *lines, *want;
        enum status status;
    } rows[] = {
        {"appendonly no\n", "redis.conf needs the line \"appendonly yes\"", STATUS_INVALID},
        {"appendonly yes\nappendfsync everysec\n", "redis.conf needs the line \"appendfsync always\"", STATUS_INVALID},
        {"appendonly yes\nappendfsync no\n", "redis.conf needs the line \"appendfsync always\"", STATUS_INVALID},
        {"appendonly yes\nappendfsync always\nmaxmemory-policy allkeys-lru\n",
         "redis.conf needs the line \"maxmemory-policy noeviction\"", STATUS_INVALID},
        {"appendonly yes\nappendfsync always\nno-appendfsync-on-rewrite yes\n",
         "redis.conf needs the line \"no-appendfsync-on-rewrite no\"", STATUS_INVALID},
        {"appendonly yes\nappendfsync always\nrename-command CONFIG \"\"\n", "allow +config|get", STATUS_INVALID},
        {"appendonly yes\nappendfsync always\nrename-command INFO \"\"\n", "allow +info", STATUS_INVALID},
        {"appendonly yes\nappendfsync always\ncluster-enabled yes\n", "part of a cluster", STATUS_INVALID},
        {"appendonly yes\nappendfsync always\nreplicaof 127.0.0.1 1\n", "it is a replica", STATUS_INVALID},
    };
    (void)state;
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        begin(state);
        server_start(rows[i].lines);
        journal_begin(bed_options());
        bed_wait_until(false);
        assert_number(rows[i].lines, bed_error.status, rows[i].status);
        if (!strstr(bed_error.text, rows[i].want) || !strstr(bed_error.text, "write_queue = redis://unix:"))
            fail_msg("%s: got \"%s\"", rows[i].lines, bed_error.text);
        assert_int_equal(bed_append(bed_journal, "milk").status, STATUS_UNAVAILABLE);
        assert_false(bed_journal->ops->is_ready(bed_journal));
        end(state);
    }
    bed_journal = NULL;
    redis_process_init(&server);
}

static char cache_id[64];

static const char *cache_id_of(void *ctx)
{
    (void)ctx;
    return cache_id;
}

static void the_caches_redis_is_refused(void **state)
{
    (void)state;
    char info[8192] = "", run_id[21], replication_id[21];
    server_start(DURABLE);
    int fd = redis_process_tell(&server, "INFO");
    for (size_t len = 0; !strstr(info, "# Keyspace");) {
        ssize_t more = read(fd, info + len, sizeof(info) - 1 - len);
        assert_true(more > 0);
        len += (size_t)more;
        info[len] = '\0';
    }
    close(fd);
    assert_int_equal(sscanf(strstr(info, "run_id:"), "run_id:%20s", run_id), 1);
    assert_int_equal(sscanf(strstr(info, "master_replid:"), "master_replid:%20s", replication_id), 1);
    struct journal_options options = bed_options();
    options.cache_id = cache_id_of;
    cache_id[0] = '\0';
    journal_begin(options);
    bed_wait_until(true);
    snprintf(cache_id, sizeof(cache_id), "%s%s", run_id, replication_id);
    bed_wait_until(false);
    assert_non_null(strstr(bed_error.text, "it is the cache's Redis"));
    assert_int_equal(bed_error.status, STATUS_INVALID);
}

static void one_whose_settings_are_changed_is_left_until_they_are_right(void **state)
{
    (void)state;
    redis_process_do(&server, "CONFIG SET appendfsync no");
    bed_wait_until(false);
    assert_non_null(strstr(bed_error.text, "appendfsync always"));
    assert_int_equal(bed_append(bed_journal, "milk").status, STATUS_UNAVAILABLE);
    redis_process_do(&server, "CONFIG SET appendfsync always");
    bed_wait_until(true);
    assert_int_equal(bed_append(bed_journal, "milk").status, STATUS_OK);
}

/* ---- Away, frozen, killed, full ---- */

static void one_that_is_away_is_no_mistake(void **state)
{
    (void)state;
    journal_begin(bed_options());
    bed_wait_until(false);
    assert_int_equal(bed_error.status, STATUS_UNAVAILABLE);
    struct answer refused = bed_append(bed_journal, "milk");
    assert_int_equal(refused.status, STATUS_UNAVAILABLE);
    assert_int_equal(bed_find(bed_journal, refused.ticket).status, STATUS_UNAVAILABLE);
    server_start(DURABLE);
    bed_wait_until(true);
    assert_int_equal(bed_append(bed_journal, "milk").status, STATUS_OK);
}

static void a_lost_answer_of_an_append_is_unknown(void **state)
{
    enum { TRIES_MAX = 100 };
    struct answer append, again, find = {0};
    unsigned tries = 0;
    (void)state;
    bed_settings.store_timeout_ms = 100;
    bed_journal->ops->free(bed_journal);
    journal_begin(bed_options());
    bed_wait_until(true);
    kill(server.pid, SIGSTOP);
    bed_append_begin(bed_journal, "milk", "k", "f", &append);
    find = bed_find(bed_journal, (struct ticket){1, 1});
    bed_wait(&append);
    assert_int_equal(append.status, STATUS_UNKNOWN);
    assert_int_equal(find.status, STATUS_UNAVAILABLE);
    assert_false(bed_is_ready);
    assert_int_equal(bed_append(bed_journal, "milk").status, STATUS_UNAVAILABLE); /* nothing was sent */
    kill(server.pid, SIGCONT);
    do { /* on a busy machine 100 ms may not do */
        bed_wait_until(true);
        again = bed_append_keyed(bed_journal, "milk", "k", "f"); /* the key tells */
    } while (again.status != STATUS_EXISTS && again.status != STATUS_OK && ++tries < TRIES_MAX);
    assert_true(tries < TRIES_MAX);
    assert_int_equal(bed_read(bed_journal, again.ticket.shard, 0, 10).count, 1);
}

/* A kill of the process loses what is in no file; a power cut would lose what is in no synced one, and that no test here sees. */
static void what_was_acknowledged_is_there_after_a_kill(void **state)
{
    enum { ROUNDS = 3, AT_ONCE = 64, LEAST = 200 };
    static struct answer answers[AT_ONCE];
    static int64_t acknowledged[20000];
    (void)state;
    size_t count = 0;
    for (unsigned round = 0; round < ROUNDS; round++) {
        size_t before = count;
        bool was_killed = false;
        for (size_t i = 0; i < AT_ONCE; i++)
            bed_append_begin(bed_journal, "milk", NULL, NULL, &answers[i]);
        for (size_t waiting = AT_ONCE; waiting > 0;) {
            poll_events_turn(BED_PATIENCE_MS);
            for (size_t i = 0; i < AT_ONCE; i++) {
                if (!answers[i].is_there)
                    continue;
                answers[i].is_there = false;
                if (answers[i].status == STATUS_OK && count < COUNT_OF(acknowledged))
                    acknowledged[count++] = answers[i].ticket.number;
                if (was_killed)
                    waiting--;
                else
                    bed_append_begin(bed_journal, "milk", NULL, NULL, &answers[i]);
            }
            if (!was_killed && count - before >= LEAST) {
                redis_process_kill(&server);
                was_killed = true;
            }
        }
        bed_wait_until(false);
        server_start(DURABLE);
        bed_wait_until(true);
    }
    unsigned shard = ticket_shard(SLICE("milk"));
    size_t seen = 0;
    int64_t after = 0;
    for (struct answer read; (read = bed_read(bed_journal, shard, after, 256)).count > 0;)
        for (size_t i = 0; i < read.count; i++) {
            assert_true(read.numbers[i] > after);
            after = read.numbers[i];
            for (size_t a = 0; a < count; a++)
                seen += acknowledged[a] == after;
        }
    assert_true(count >= ROUNDS * LEAST);
    assert_int_equal(seen, count);
}

static void a_full_redis_accepts_nothing_and_can_be_emptied(void **state)
{
    static const char owner[] = "0123456789abcdef0123456789abcdef";
    (void)state;
    struct ticket first = bed_append(bed_journal, "milk").ticket, second = bed_append(bed_journal, "milk").ticket;
    redis_process_do(&server, "CONFIG SET maxmemory 1");
    struct answer refused = bed_append(bed_journal, "milk");
    assert_int_equal(refused.status, STATUS_UNAVAILABLE);
    assert_non_null(strstr(refused.error.text, "OOM"));
    assert_int_equal(bed_hold(bed_journal, first.shard, owner).status, STATUS_OK);
    assert_int_equal(bed_settle(bed_journal, first.shard, &first.number, 1, NULL).status, STATUS_OK);
    assert_int_equal(bed_settle(bed_journal, first.shard, &second.number, 1, "no").status, STATUS_OK);
    assert_int_equal(bed_find(bed_journal, first).found.state, TICKET_SETTLED);
    assert_int_equal(bed_find(bed_journal, second).found.state, TICKET_DEAD);
    assert_int_equal(bed_read(bed_journal, first.shard, 0, 10).count, 0);
}

/* ---- Numbers ---- */

static void numbers_grow_though_the_clock_goes_back_or_somebody_deletes_the_writes(void **state)
{
    (void)state;
    unsigned shard = ticket_shard(SLICE("milk"));
    int64_t future_ms = clock_wall_ms() + 3600000;
    char command[192];
    snprintf(command, sizeof(command),
             "EVAL \"redis.call('XADD','todo-queue:{%u}','%lld-1048574','text','x','id','milk') return "
             "redis.status_reply('OK')\" 0",
             shard, (long long)future_ms);
    redis_process_do(&server, command);
    struct ticket first = bed_append(bed_journal, "milk").ticket, second = bed_append(bed_journal, "milk").ticket;
    assert_int_equal(first.number, future_ms << TICKET_SEQ_BITS | 1048575);
    assert_int_equal(second.number, (future_ms + 1) << TICKET_SEQ_BITS);
    int64_t numbers[] = {first.number - 1, first.number, second.number};
    assert_int_equal(bed_settle(bed_journal, shard, numbers, 3, NULL).status, STATUS_OK);
    snprintf(command, sizeof(command), "EVAL \"redis.call('DEL','todo-queue:{%u}') return redis.status_reply('OK')\" 0",
             shard);
    redis_process_do(&server, command);
    assert_int_equal(bed_append(bed_journal, "milk").ticket.number, second.number + 1);
}

static void a_key_of_another_program_is_no_write(void **state)
{
    (void)state;
    char command[64];
    snprintf(command, sizeof(command), "SET todo-queue:{%u} x", ticket_shard(SLICE("milk")));
    redis_process_do(&server, command);
    struct answer refused = bed_append(bed_journal, "milk");
    assert_int_equal(refused.status, STATUS_UNAVAILABLE);
    assert_non_null(strstr(refused.error.text, "WRONGTYPE"));
}

static void an_item_that_is_no_write_becomes_a_dead_letter_and_blocks_nobody(void **state)
{
    (void)state;
    const struct ticket item = {ticket_shard(SLICE("milk")), clock_wall_ms() << TICKET_SEQ_BITS};
    char command[160];
    snprintf(command, sizeof(command),
             "EVAL \"redis.call('XADD','todo-queue:{%u}','%lld-0','x','y') return redis.status_reply('OK')\" 0",
             item.shard, (long long)ticket_at_ms(item));
    redis_process_do(&server, command);
    struct ticket behind = bed_append(bed_journal, "milk").ticket;
    assert_int_equal(bed_read(bed_journal, item.shard, 0, 10).count, 2);
    assert_int_equal(bed_find(bed_journal, item).found.state, TICKET_PENDING);
    assert_int_equal(bed_settle(bed_journal, item.shard, &item.number, 1, "no").status, STATUS_OK);
    struct answer dead = bed_dead_list(bed_journal, item.shard, 0, 10), read = bed_read(bed_journal, item.shard, 0, 10);
    assert_int_equal(dead.count, 1);
    assert_string_equal(dead.reason, "no");
    assert_int_equal(read.count, 1);
    assert_int_equal(read.numbers[0], behind.number);
}

static void xadd(unsigned shard, const char *number)
{
    char command[192];
    snprintf(command, sizeof(command),
             "EVAL \"redis.call('XADD','todo-queue:{%u}','%s','text','x','id','milk') return "
             "redis.status_reply('OK')\" 0",
             shard, number);
    redis_process_do(&server, command);
}

static void an_item_with_a_number_of_nobodys_is_removed_and_blocks_nobody(void **state)
{
    static const char *const numbers[] = {"4294967295000-0", "8796093022207-1048575",
                                          "18446744073709551615-18446744073709551615"};
    (void)state;
    unsigned shard = ticket_shard(SLICE("milk"));
    for (size_t i = 0; i < COUNT_OF(numbers); i++) {
        xadd(shard, numbers[i]);
        struct answer refused = bed_append(bed_journal, "milk"); /* it has taken all numbers */
        assert_number(numbers[i], refused.status, STATUS_UNAVAILABLE);
        if (!strstr(refused.error.text, "another program"))
            fail_msg("%s", refused.error.text);
        assert_number(numbers[i], bed_read(bed_journal, shard, 0, 10).count, 0);
        struct answer accepted = bed_append(bed_journal, "milk");
        assert_number(numbers[i], accepted.status, STATUS_OK);
        assert_in_range(ticket_at_ms(accepted.ticket), clock_wall_ms() - BED_PATIENCE_MS, clock_wall_ms());
        assert_number(numbers[i], bed_read(bed_journal, shard, 0, 10).count, 1);
        assert_int_equal(bed_settle(bed_journal, shard, &accepted.ticket.number, 1, NULL).status, STATUS_OK);
    }
}

static void the_writes_around_such_an_item_stay(void **state)
{
    (void)state;
    char number[40];
    unsigned shard = ticket_shard(SLICE("milk"));
    int64_t numbers[2] = {bed_append(bed_journal, "milk").ticket.number};
    snprintf(number, sizeof(number), "%lld-1048576", (long long)clock_wall_ms());
    xadd(shard, number);
    poll_events_for(2);
    numbers[1] = bed_append(bed_journal, "milk").ticket.number;
    xadd(shard, "18446744073709551615-0");
    struct answer read = bed_read(bed_journal, shard, 0, 10);
    assert_int_equal(read.count, 2);
    assert_memory_equal(read.numbers, numbers, sizeof(numbers));
    assert_int_equal(bed_append(bed_journal, "milk").status, STATUS_UNAVAILABLE);
    assert_int_equal(bed_settle(bed_journal, shard, numbers, 2, NULL).status, STATUS_OK);
    assert_true(bed_append(bed_journal, "milk").ticket.number > numbers[1]);
}

/* ---- A Redis that syncs once a second, played ---- */

/* Takes a command off the front; false: it is not whole. name is its first word. */
static bool command_take(struct slice *bytes, char name[32])
{
    struct slice rest = *bytes;
    int64_t count, len;
    struct slice line = slice_trim_end(slice_split(rest, '\n', &rest), "\r");
    if (line.len < 2 || !slice_to_int64((struct slice){line.data + 1, line.len - 1}, &count))
        return false;
    for (int64_t i = 0; i < count; i++) {
        line = slice_trim_end(slice_split(rest, '\n', &rest), "\r");
        if (line.len < 2 || !slice_to_int64((struct slice){line.data + 1, line.len - 1}, &len) ||
            rest.len < (size_t)len + 2)
            return false;
        if (i == 0)
            slice_copy(name, 32, (struct slice){rest.data, (size_t)len});
        rest = (struct slice){rest.data + len + 2, rest.len - (size_t)len - 2};
    }
    *bytes = rest;
    return true;
}

static void serve(int fd, int asked, int verdicts)
{
    static const char info[] = "redis_version:7.2.4\r\nrun_id:a\r\nrole:master\r\nloading:0\r\ncluster_enabled:0\r\n"
                               "aof_enabled:1\r\nmaxmemory_policy:noeviction\r\naof_last_write_status:ok\r\n";
    static char room[65536];
    size_t kept = 0;
    for (ssize_t more; (more = read(fd, room + kept, sizeof(room) - kept)) > 0;) {
        struct slice bytes = {room, kept + (size_t)more};
        char name[32], verdict;
        while (command_take(&bytes, name))
            if (strcmp(name, "INFO") == 0)
                dprintf(fd, "$%zu\r\n%s\r\n", sizeof(info) - 1, info);
            else if (strcmp(name, "CONFIG") == 0)
                dprintf(
                    fd,
                    "*4\r\n$11\r\nappendfsync\r\n$8\r\neverysec\r\n$25\r\nno-appendfsync-on-rewrite\r\n$2\r\nno\r\n");
            else if (strcmp(name, "WAITAOF") != 0)
                dprintf(fd, "*2\r\n$2\r\nok\r\n$5\r\n1-7-0\r\n");
            else if (write(asked, "w", 1) != 1 || read(verdicts, &verdict, 1) != 1 || verdict == 'x')
                _exit(0);
            else
                dprintf(fd, "*2\r\n:%c\r\n:0\r\n", verdict);
        memmove(room, bytes.data, bytes.len);
        kept = bytes.len;
    }
    _exit(0);
}

/* Listens where server would; asked gets a byte for each WAITAOF, which is answered as verdicts says. */
static pid_t play(int *asked, int *verdicts)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int out[2], in[2], listener = socket(AF_UNIX, SOCK_STREAM, 0);
    memcpy(address.sun_path, server.socket, strlen(server.socket) + 1);
    assert_int_equal(bind(listener, (struct sockaddr *)&address, sizeof(address)), 0);
    assert_int_equal(listen(listener, 1), 0);
    assert_int_equal(pipe(out), 0);
    assert_int_equal(pipe(in), 0);
    pid_t pid = fork();
    if (pid == 0) {
        close(out[0]);
        close(in[1]);
        serve(accept(listener, NULL, NULL), out[1], in[0]);
    }
    close(listener);
    close(out[1]);
    close(in[0]);
    assert_int_equal(fcntl(out[0], F_SETFL, O_NONBLOCK), 0);
    *asked = out[0];
    *verdicts = in[1];
    return pid;
}

static void wait_until_asked(int asked)
{
    char byte;
    for (int64_t until_ms = clock_monotonic_ms() + BED_PATIENCE_MS; read(asked, &byte, 1) != 1;) {
        poll_events_turn(10);
        assert_true(clock_monotonic_ms() < until_ms);
    }
}

static void what_redis_syncs_later_is_accepted_when_it_has(void **state)
{
    struct answer first, second, third;
    int asked, verdicts;
    (void)state;
    bed_settings.store_timeout_ms = 5000;
    pid_t pid = play(&asked, &verdicts);
    journal_begin(bed_options());
    bed_wait_until(true);
    bed_append_begin(bed_journal, "milk", NULL, NULL, &first);
    bed_append_begin(bed_journal, "milk", NULL, NULL, &second);
    wait_until_asked(asked); /* by one WAITAOF for both */
    bed_append_begin(bed_journal, "milk", NULL, NULL, &third);
    poll_events_for(50);
    assert_false(first.is_there || second.is_there || third.is_there);
    assert_int_equal(write(verdicts, "1", 1), 1);
    bed_wait(&first);
    bed_wait(&second);
    assert_int_equal(first.status, STATUS_OK);
    assert_int_equal(second.status, STATUS_OK);
    wait_until_asked(asked);
    assert_false(third.is_there);
    assert_int_equal(write(verdicts, "0", 1), 1); /* not synced within its time */
    bed_wait(&third);
    assert_int_equal(third.status, STATUS_UNKNOWN);
    bed_append_begin(bed_journal, "milk", NULL, NULL, &first);
    wait_until_asked(asked);
    assert_int_equal(write(verdicts, "x", 1), 1); /* it dies after its answer, before the sync */
    bed_wait(&first);
    assert_int_equal(first.status, STATUS_UNKNOWN);
    assert_int_equal(waitpid(pid, NULL, 0), pid);
    close(asked);
    close(verdicts);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        BED_TESTS(begin_ready, end),
        cmocka_unit_test_teardown(a_redis_that_may_lose_writes_is_refused, NULL),
        cmocka_unit_test_setup_teardown(the_caches_redis_is_refused, begin, end),
        cmocka_unit_test_setup_teardown(one_whose_settings_are_changed_is_left_until_they_are_right, begin_ready, end),
        cmocka_unit_test_setup_teardown(one_that_is_away_is_no_mistake, begin, end),
        cmocka_unit_test_setup_teardown(a_lost_answer_of_an_append_is_unknown, begin_ready, end),
        cmocka_unit_test_setup_teardown(what_was_acknowledged_is_there_after_a_kill, begin_ready, end),
        cmocka_unit_test_setup_teardown(a_full_redis_accepts_nothing_and_can_be_emptied, begin_ready, end),
        cmocka_unit_test_setup_teardown(numbers_grow_though_the_clock_goes_back_or_somebody_deletes_the_writes,
                                        begin_ready, end),
        cmocka_unit_test_setup_teardown(what_redis_syncs_later_is_accepted_when_it_has, begin, end),
        cmocka_unit_test_setup_teardown(a_key_of_another_program_is_no_write, begin_ready, end),
        cmocka_unit_test_setup_teardown(an_item_with_a_number_of_nobodys_is_removed_and_blocks_nobody, begin_ready,
                                        end),
        cmocka_unit_test_setup_teardown(the_writes_around_such_an_item_stay, begin_ready, end),
        cmocka_unit_test_setup_teardown(an_item_that_is_no_write_becomes_a_dead_letter_and_blocks_nobody, begin_ready,
                                        end),
    };
    return run_redis_tests("redis journal", tests, NULL, NULL);
}
