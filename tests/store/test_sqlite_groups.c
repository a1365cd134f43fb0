/* SPDX-License-Identifier: MIT */
/*
 * Groups of writes in an SQLite file: what each call of one is told, what the others see of it, and what is left of it if
 * its commit fails, its process dies or the power goes. And the turns of the processes that write.
 */
#include <errno.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <sqlite3.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/clock.h"
#include "crowd.h"
#include "fixture.h"
#include "power_cut.h"
#include "store/sqlite_turn.h"

#define ON_EMPTY_STORE(test) cmocka_unit_test_setup_teardown(test, fixture_setup, fixture_teardown)

static const char *path_of(const struct fixture *fixture)
{
    return fixture->uri + strlen("sqlite:");
}

static void group_begin(struct store *store)
{
    struct error error = {0};
    if (store_group_begin(store, clock_monotonic_ms(), &error) != STATUS_OK)
        fail_msg("%s", error.text);
}

static bool is_stored(struct store *store, const char *id)
{
    struct arena arena;
    struct todo todo;
    arena_init(&arena);
    enum status status = store_get(store, id, &arena, &todo, NULL);
    arena_fini(&arena);
    assert_true(status == STATUS_OK || status == STATUS_NOT_FOUND);
    return status == STATUS_OK;
}

static void test_bad_writes_of_a_group_take_no_others_along(void **state)
{
    struct fixture *fixture = *state;
    struct todo taken = fixture_todo(&fixture->arena, 5);
    taken.life++;
    assert_int_equal(store_insert(fixture->store, &taken, NULL, NULL), STATUS_OK);
    group_begin(fixture->store);
    for (unsigned i = 0; i < 20; i++) {
        struct todo todo = fixture_todo(&fixture->arena, i);
        todo.v = i == 10 ? 0 : 1;
        enum status wanted = i == 5 ? STATUS_EXISTS : i == 10 ? STATUS_INVALID : STATUS_OK;
        assert_int_equal(store_insert(fixture->store, &todo, NULL, NULL), wanted);
    }
    assert_int_equal(store_group_end(fixture->store, NULL), STATUS_OK);
    for (unsigned i = 0; i < 20; i++) {
        struct todo todo = fixture_todo(&fixture->arena, i);
        if (i == 10)
            assert_false(is_stored(fixture->store, todo.id));
        else
            assert_stored(fixture, i == 5 ? &taken : &todo);
    }
}

static void test_a_call_of_a_group_is_all_or_nothing(void **state)
{
    struct fixture *fixture = *state;
    struct todo todos[3], before = fixture_todo(&fixture->arena, 8), after = fixture_todo(&fixture->arena, 9);
    enum status results[3];
    for (unsigned i = 0; i < 3; i++)
        todos[i] = fixture_todo(&fixture->arena, i);
    todos[2].v = 0;
    group_begin(fixture->store);
    assert_int_equal(store_insert(fixture->store, &before, NULL, NULL), STATUS_OK);
    assert_int_equal(store_load(fixture->store, todos, 3, STORE_LOAD_INSERT, results, NULL), STATUS_INVALID);
    assert_int_equal(store_insert(fixture->store, &after, NULL, NULL), STATUS_OK);
    assert_int_equal(store_group_end(fixture->store, NULL), STATUS_OK);
    for (unsigned i = 0; i < 3; i++)
        assert_false(is_stored(fixture->store, todos[i].id));
    assert_stored(fixture, &before);
    assert_stored(fixture, &after);
}

static enum status rename_if_match(struct fixture *fixture, const struct todo *todo, const char *name)
{
    struct store_version version = {.v = 1, .life = todo->life};
    struct todo next = *todo;
    struct store_changed changed;
    next.name = slice_of(name);
    next.updated_at_ms++;
    struct store_change change = {
        .kind = STORE_REPLACE,
        .todo = &next,
        .condition = {.match = {.given = true, .items = &version, .count = 1}, .unmodified_since_s = -1}};
    return store_change(fixture->store, &change, &fixture->arena, &changed, NULL);
}

static void test_of_two_changes_of_a_group_under_one_tag_one_is_made(void **state)
{
    struct fixture *fixture = *state;
    struct todo todo = fixture_todo(&fixture->arena, 1);
    assert_int_equal(store_insert(fixture->store, &todo, NULL, NULL), STATUS_OK);
    group_begin(fixture->store);
    assert_int_equal(rename_if_match(fixture, &todo, "first"), STATUS_OK);
    assert_int_equal(rename_if_match(fixture, &todo, "second"), STATUS_MISMATCH);
    assert_int_equal(store_insert(fixture->store, &todo, NULL, NULL), STATUS_MISMATCH); /* our own, changed since */
    assert_int_equal(store_group_end(fixture->store, NULL), STATUS_OK);
    todo.name = SLICE("first");
    todo.updated_at_ms++;
    todo.v = 2;
    assert_stored(fixture, &todo);
}

static void test_nobody_sees_a_group_before_its_end(void **state)
{
    struct fixture *fixture = *state;
    struct todo todo = fixture_todo(&fixture->arena, 1), other = fixture_todo(&fixture->arena, 2);
    struct store *second = fixture_open(fixture, 50);
    group_begin(fixture->store);
    assert_int_equal(store_insert(fixture->store, &todo, NULL, NULL), STATUS_OK);
    assert_true(is_stored(fixture->store, todo.id)); /* this thread's calls are the group's */
    assert_false(is_stored(second, todo.id));
    assert_int_equal(store_insert(second, &other, NULL, NULL), STATUS_UNAVAILABLE); /* nor writes into it */
    assert_int_equal(store_group_end(fixture->store, NULL), STATUS_OK);
    assert_true(is_stored(second, todo.id));
    assert_int_equal(store_insert(second, &other, NULL, NULL), STATUS_OK);
    store_close(second);
}

/* libsqlite3 calls this one, as the program's names go before the C library's. */
static int disk_error;
ssize_t pwrite64(int fd, const void *bytes, size_t len, off64_t offset);
ssize_t pwrite64(int fd, const void *bytes, size_t len, off64_t offset)
{
    if (!disk_error)
        return syscall(SYS_pwrite64, fd, bytes, len, offset);
    errno = disk_error;
    return -1;
}

/* More than sqlite keeps in memory: it writes to the disk in the midst of a call, and that fails. */
static void test_a_group_that_sqlite_rolls_back_has_written_nothing(void **state)
{
    enum { COUNT = 6000 };
    static char text[4000];
    struct fixture *fixture = *state;
    struct todo first = fixture_todo(&fixture->arena, COUNT), last = fixture_todo(&fixture->arena, COUNT + 1);
    struct todo *todos = arena_alloc(&fixture->arena, COUNT * sizeof(*todos));
    enum status *results = arena_alloc(&fixture->arena, COUNT * sizeof(*results));
    struct error error = {0};
    memset(text, 'x', sizeof(text));
    for (unsigned i = 0; i < COUNT; i++) {
        todos[i] = fixture_todo(&fixture->arena, i);
        todos[i].description = (struct slice){text, sizeof(text)};
    }
    group_begin(fixture->store);
    assert_int_equal(store_insert(fixture->store, &first, NULL, NULL), STATUS_OK);
    disk_error = EIO;
    assert_int_equal(store_load(fixture->store, todos, COUNT, STORE_LOAD_INSERT, results, NULL), STATUS_UNAVAILABLE);
    disk_error = 0;
    assert_int_equal(store_insert(fixture->store, &last, NULL, NULL), STATUS_UNAVAILABLE);
    assert_int_equal(store_group_end(fixture->store, &error), STATUS_UNAVAILABLE);
    assert_non_null(strstr(error.text, "check the disk"));
    assert_false(is_stored(fixture->store, first.id));
    assert_false(is_stored(fixture->store, last.id));
    group_begin(fixture->store);
    assert_int_equal(store_insert(fixture->store, &first, NULL, NULL), STATUS_OK);
    assert_int_equal(store_group_end(fixture->store, &error), STATUS_OK);
    assert_stored(fixture, &first);
}

static void test_a_group_whose_commit_fails_is_unknown_and_says_why(void **state)
{
    struct fixture *fixture = *state;
    struct todo todo = fixture_todo(&fixture->arena, 1);
    struct error error = {0};
    group_begin(fixture->store);
    assert_int_equal(store_insert(fixture->store, &todo, NULL, NULL), STATUS_OK);
    disk_error = ENOSPC;
    assert_int_equal(store_group_end(fixture->store, &error), STATUS_UNKNOWN);
    disk_error = 0;
    assert_int_equal(error.cause, CAUSE_FULL);
    group_begin(fixture->store);
    assert_int_equal(store_group_end(fixture->store, &error), STATUS_OK);
}

/* ---- Other processes ---- */

enum part { PART_GROUP, PART_TURN };

/* This program once more: it does its part and stops in the midst of it. */
static pid_t other_start(const struct fixture *fixture, enum part part)
{
    char number[8];
    int ended;
    snprintf(number, sizeof(number), "%d", part);
    pid_t pid = fork();
    if (pid == 0) {
        execl("/proc/self/exe", "other", fixture->uri, number, (char *)NULL);
        _exit(1);
    }
    assert_int_equal(waitpid(pid, &ended, WUNTRACED), pid);
    assert_true(WIFSTOPPED(ended));
    return pid;
}

static void other_kill(pid_t pid)
{
    assert_int_equal(kill(pid, SIGKILL), 0);
    assert_int_equal(waitpid(pid, NULL, 0), pid);
}

static void look_nowhere(void *ctx)
{
    (void)ctx;
}

static int other_run(const char *uri, enum part part)
{
    struct arena arena;
    struct store *store;
    struct store_options options = {.uri = uri, .timeout_ms = 2000, .concurrency = 1};
    struct sqlite_turn turn;
    arena_init(&arena);
    struct todo todo = fixture_todo(&arena, 1);
    if (part == PART_TURN) {
        sqlite_turn_init(&turn);
        sqlite_turn_open(&turn, uri + strlen("sqlite:"));
        sqlite_turn_take(&turn, clock_monotonic_ms() + 1000, look_nowhere, NULL);
        if (!turn.is_held)
            return 1;
    } else if (store_open(&store, &options, NULL) != STATUS_OK ||
               store_group_begin(store, clock_monotonic_ms(), NULL) != STATUS_OK ||
               store_insert(store, &todo, NULL, NULL) != STATUS_OK) {
        return 1;
    }
    raise(SIGSTOP);
    return 0;
}

/* A turn that does not come is waited for longer than that. On a busy machine the write itself may take so long, but not always. */
enum { AT_ONCE_MS = 150, TRIES = 20 };

static int64_t insert_ms(struct fixture *fixture, unsigned number)
{
    struct todo todo = fixture_todo(&fixture->arena, number);
    int64_t began_ms = clock_monotonic_ms();
    assert_int_equal(store_insert(fixture->store, &todo, NULL, NULL), STATUS_OK);
    int64_t took_ms = clock_monotonic_ms() - began_ms;
    assert_stored(fixture, &todo);
    return took_ms;
}

static void test_a_process_killed_in_a_group_leaves_nothing_and_its_turn_to_the_next(void **state)
{
    struct fixture *fixture = *state;
    struct todo first = fixture_todo(&fixture->arena, 1);
    assert_int_equal(store_prepare(fixture->store, NULL), STATUS_OK);
    int64_t took_ms = AT_ONCE_MS;
    for (unsigned i = 0; i < TRIES && took_ms >= AT_ONCE_MS; i++) {
        other_kill(other_start(fixture, PART_GROUP));
        took_ms = insert_ms(fixture, 2 + i);
        assert_false(is_stored(fixture->store, first.id));
    }
    assert_in_range(took_ms, 0, AT_ONCE_MS - 1);
}

static void test_a_process_stopped_in_its_turn_is_waited_for_once(void **state)
{
    struct fixture *fixture = *state;
    struct sqlite_turn turn;
    assert_int_equal(store_prepare(fixture->store, NULL), STATUS_OK);
    pid_t other = other_start(fixture, PART_TURN);
    sqlite_turn_init(&turn);
    sqlite_turn_open(&turn, path_of(fixture));
    assert_non_null(turn.page);
    unsigned at_once_count = 0;
    assert_in_range(insert_ms(fixture, 0), AT_ONCE_MS, FIXTURE_TIMEOUT_MS / 2);
    for (unsigned i = 1; i <= TRIES && at_once_count < 3; i++)
        at_once_count += insert_ms(fixture, i) < AT_ONCE_MS;
    assert_int_equal(at_once_count, 3);
    other_kill(other);
    sqlite_turn_take(&turn, clock_monotonic_ms() + 1000, look_nowhere, NULL);
    assert_true(turn.is_held);
    sqlite_turn_give(&turn);
    sqlite_turn_close(&turn);
}

struct queue {
    const struct fixture *fixture;
    bool was_held[8];
};

/* As much of a process as counts here: a robust mutex has a thread for its owner. */
static void queue_member(void *ctx, unsigned number)
{
    struct queue *queue = ctx;
    struct sqlite_turn turn;
    sqlite_turn_init(&turn);
    sqlite_turn_open(&turn, path_of(queue->fixture));
    sqlite_turn_take(&turn, clock_monotonic_ms() + FIXTURE_TIMEOUT_MS, look_nowhere, NULL);
    queue->was_held[number] = turn.is_held;
    usleep(60000);
    sqlite_turn_give(&turn);
    sqlite_turn_close(&turn);
}

/* The last one waits for longer than for a holder that was stopped. */
static void test_on_a_slow_disk_each_process_gets_its_turn(void **state)
{
    struct queue queue = {.fixture = *state};
    enum { COUNT = sizeof(queue.was_held) / sizeof(queue.was_held[0]) };
    assert_int_equal(store_prepare(queue.fixture->store, NULL), STATUS_OK);
    crowd_run(COUNT, queue_member, &queue);
    for (unsigned i = 0; i < COUNT; i++)
        assert_true(queue.was_held[i]);
}

static void turn_open(struct sqlite_turn *turn, const struct fixture *fixture)
{
    sqlite_turn_init(turn);
    sqlite_turn_open(turn, path_of(fixture));
    sqlite_turn_take(turn, clock_monotonic_ms() + 1000, look_nowhere, NULL);
    assert_true(turn->is_held);
}

/* A crash of the machine leaves the mutex held by a process that is no more: nobody uses it, so it is made anew. */
static void test_a_turn_file_that_nobody_uses_is_made_anew(void **state)
{
    struct fixture *fixture = *state;
    struct sqlite_turn turn;
    char path[1100], held[4096];
    store_close(fixture->store);
    snprintf(path, sizeof(path), "%s-turn", path_of(fixture));
    turn_open(&turn, fixture);
    FILE *file = fopen(path, "r+");
    assert_non_null(file);
    size_t len = fread(held, 1, sizeof(held), file);
    assert_in_range(len, sizeof(pthread_mutex_t), sizeof(held));
    sqlite_turn_give(&turn);
    sqlite_turn_close(&turn);
    rewind(file);
    assert_int_equal(fwrite(held, 1, len, file), len);
    fclose(file);
    turn_open(&turn, fixture);
    sqlite_turn_give(&turn);
    sqlite_turn_close(&turn);
    fixture->store = fixture_open(fixture, FIXTURE_TIMEOUT_MS);
}

/* ---- Power ---- */

enum { CUTS = 24, GROUP_SIZE_MAX = 25, GROUPS_MAX = 400 };

static uint32_t dice;

static uint32_t dice_below(uint32_t bound)
{
    dice = dice * 1664525 + 1013904223;
    return (dice >> 8) % bound;
}

struct history {
    enum status ended[GROUPS_MAX];
    unsigned first[GROUPS_MAX], size[GROUPS_MAX]; /* numbers of todos */
    unsigned count, todo_count;
};

static void history_write(struct store *store, struct history *history)
{
    static char text[4000];
    struct arena arena;
    memset(text, 'x', sizeof(text));
    arena_init(&arena);
    while (!power_is_cut() && history->count < GROUPS_MAX) {
        unsigned group = history->count++;
        history->first[group] = history->todo_count;
        history->size[group] = 1 + dice_below(GROUP_SIZE_MAX);
        history->todo_count += history->size[group];
        history->ended[group] = store_group_begin(store, clock_monotonic_ms(), NULL);
        if (history->ended[group] != STATUS_OK)
            break;
        for (unsigned i = 0; i < history->size[group]; i++) {
            struct todo todo = fixture_todo(&arena, history->first[group] + i);
            todo.description = (struct slice){text, dice_below(sizeof(text))};
            (void)!store_insert(store, &todo, NULL, NULL);
        }
        history->ended[group] = store_group_end(store, NULL);
        arena_reset(&arena);
    }
    arena_fini(&arena);
}

/* A group that was told to be committed is there; any other is there as a whole or not at all. */
static void history_check(struct store *store, const struct history *history, uint32_t seed)
{
    for (unsigned group = 0; group < history->count; group++) {
        unsigned found = 0;
        for (unsigned i = 0; i < history->size[group]; i++) {
            char id[16];
            snprintf(id, sizeof(id), "t%u", history->first[group] + i);
            found += is_stored(store, id);
        }
        if (found != history->size[group] && (found > 0 || history->ended[group] == STATUS_OK))
            fail_msg("seed %u: of group %u of %u, which ended with %s, %u of %u todos are there", (unsigned)seed, group,
                     history->count, status_name(history->ended[group]), found, history->size[group]);
        if (history->ended[group] == STATUS_UNAVAILABLE && found > 0)
            fail_msg("seed %u: group %u was told that nothing was written", (unsigned)seed, group);
    }
}

static void test_what_was_committed_is_there_after_a_power_cut(void **state)
{
    struct fixture *fixture = *state;
    struct history *history = calloc(1, sizeof(*history));
    unsigned unknown_count = 0;
    power_install();
    store_close(fixture->store);
    fixture->store = NULL;
    size_t len = strlen(fixture->uri);
    for (uint32_t seed = 1; seed <= CUTS; seed++) {
        *history = (struct history){0};
        dice = seed;
        snprintf(fixture->uri + len, sizeof(fixture->uri) - len, ".%u", (unsigned)seed);
        struct store *store = fixture_open(fixture, FIXTURE_TIMEOUT_MS);
        assert_int_equal(store_prepare(store, NULL), STATUS_OK);
        power_cut_after(1 + dice_below(seed % 4 == 0 ? 12000 : 2000)); /* beyond a checkpoint, or soon */
        history_write(store, history);
        power_cut_after(0);
        store_close(store);
        power_return(seed);
        store = fixture_open(fixture, FIXTURE_TIMEOUT_MS);
        history_check(store, history, seed);
        for (unsigned group = 0; group < history->count; group++)
            unknown_count += history->ended[group] == STATUS_UNKNOWN;
        store_close(store);
    }
    assert_true(unknown_count > 0); /* some cuts came in the midst of a commit */
    free(history);
    fixture->store = fixture_open(fixture, FIXTURE_TIMEOUT_MS);
}

int main(int argument_count, char **arguments)
{
    if (argument_count == 3 && strcmp(arguments[0], "other") == 0)
        return other_run(arguments[1], (enum part)atoi(arguments[2]));
    const struct CMUnitTest tests[] = {
        ON_EMPTY_STORE(test_bad_writes_of_a_group_take_no_others_along),
        ON_EMPTY_STORE(test_a_call_of_a_group_is_all_or_nothing),
        ON_EMPTY_STORE(test_of_two_changes_of_a_group_under_one_tag_one_is_made),
        ON_EMPTY_STORE(test_nobody_sees_a_group_before_its_end),
        ON_EMPTY_STORE(test_a_group_that_sqlite_rolls_back_has_written_nothing),
        ON_EMPTY_STORE(test_a_group_whose_commit_fails_is_unknown_and_says_why),
        ON_EMPTY_STORE(test_a_process_killed_in_a_group_leaves_nothing_and_its_turn_to_the_next),
        ON_EMPTY_STORE(test_a_process_stopped_in_its_turn_is_waited_for_once),
        ON_EMPTY_STORE(test_on_a_slow_disk_each_process_gets_its_turn),
        ON_EMPTY_STORE(test_a_turn_file_that_nobody_uses_is_made_anew),
        ON_EMPTY_STORE(test_what_was_committed_is_there_after_a_power_cut),
    };
    return fixture_run_on_sqlite("store, groups in SQLite", tests, sizeof(tests) / sizeof(tests[0]));
}
