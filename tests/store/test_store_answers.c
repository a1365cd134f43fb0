/* SPDX-License-Identifier: MIT */
/*
 * Answers kept for a retry (Idempotency-Key), on whichever store the suite runs: what the next request with a key hears,
 * in each state of its record, and that of several who may begin or take over at the same moment one alone does.
 *
 * Nobody waits for a deadline here: a record that begins with one in the past is past it.
 */
#include "test_store_answers.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/mem.h"
#include "base/random.h"
#include "crowd.h"
#include "fixture.h"

enum { MINUTE_MS = 60000, TAKER_COUNT = 8 };

static const char KEY[] = "8e03978e-40d5-43dd-bc93-6894a57f9324";

/* A request that begins now and has a minute to go, a day to be remembered. */
static struct store_answer request(const char *key, const char *fingerprint, const char *id)
{
    struct store_answer answer = {.life = life_new(),
                                  .created_at_ms = clock_wall_ms(),
                                  .deadline_at_ms = clock_wall_ms() + MINUTE_MS,
                                  .expires_at_ms = clock_wall_ms() + 24 * 60 * MINUTE_MS};
    snprintf(answer.key, sizeof(answer.key), "%s", key);
    snprintf(answer.fingerprint, sizeof(answer.fingerprint), "%s", fingerprint);
    snprintf(answer.id, sizeof(answer.id), "%s", id);
    return answer;
}

static struct store_answer late_request(const char *key, const char *fingerprint, const char *id)
{
    struct store_answer answer = request(key, fingerprint, id);
    answer.deadline_at_ms = clock_wall_ms() - 1;
    return answer;
}

static struct store_answer ended(struct store_answer answer, int http_status, struct slice body)
{
    answer.http_status = http_status;
    answer.body = body;
    answer.etag = SLICE("\"1-0123456789abcdef\"");
    return answer;
}

static enum status begin(struct fixture *fixture, struct store_answer *answer)
{
    struct error error = {0};
    enum status status = store_answer_begin(fixture->store, answer, &fixture->arena, &error);
    assert_true(status == STATUS_OK || error.status == status);
    return status;
}

static void assert_begins(struct fixture *fixture, struct store_answer answer)
{
    char id[sizeof(answer.id)];
    memcpy(id, answer.id, sizeof(id));
    assert_int_equal(begin(fixture, &answer), STATUS_OK);
    assert_string_equal(answer.id, id);
}

static void end(struct fixture *fixture, const struct store_answer *answer)
{
    struct error error = {0};
    if (store_answer_end(fixture->store, answer, &error) != STATUS_OK)
        fail_msg("%s: %s", answer->key, error.text);
}

static void assert_kept(struct fixture *fixture, struct store_answer asked, const struct store_answer *wanted)
{
    assert_int_equal(begin(fixture, &asked), STATUS_EXISTS);
    assert_string_equal(asked.id, wanted->id);
    assert_int_equal(asked.http_status, wanted->http_status);
    assert_true(slice_equal(asked.body, wanted->body));
    assert_true(slice_equal(asked.etag, wanted->etag));
    assert_int_equal(asked.created_at_ms, wanted->created_at_ms);
    assert_int_equal(asked.life, wanted->life);
    assert_int_equal(asked.expires_at_ms, wanted->expires_at_ms);
}

void test_a_new_key_begins_and_its_answer_is_kept(void **state)
{
    struct fixture *fixture = *state;
    struct store_answer first = request(KEY, "f1", "first");
    assert_begins(fixture, first);
    first = ended(first, 201, SLICE("{\"id\":\"first\"}"));
    end(fixture, &first);
    assert_kept(fixture, request(KEY, "f1", "second"), &first);
    assert_kept(fixture, request(KEY, "f1", "third"), &first);
}

void test_a_running_request_is_told_from_another_with_its_key(void **state)
{
    struct fixture *fixture = *state;
    struct store_answer first = request(KEY, "f1", "first");
    struct store_answer same = request(KEY, "f1", "second");
    struct store_answer other = request(KEY, "f2", "third");
    assert_begins(fixture, first);
    assert_int_equal(begin(fixture, &same), STATUS_BUSY);
    assert_string_equal(same.id, "second");
    assert_int_equal(begin(fixture, &other), STATUS_MISMATCH);
    first = ended(first, 201, SLICE("{}"));
    end(fixture, &first);
    other = request(KEY, "f2", "third");
    assert_int_equal(begin(fixture, &other), STATUS_MISMATCH);
    assert_int_equal(other.http_status, 0); /* nobody else's answer */
    assert_null(other.body.data);
}

void test_keys_are_told_apart_byte_by_byte(void **state)
{
    struct fixture *fixture = *state;
    static const char *const keys[] = {"k", "K", " k", "k ", "k.", "$k", "k\"'\\", "{\"$gt\":\"\"}"};
    char longest[STORE_KEY_MAX + 1] = {0};
    char sibling[STORE_KEY_MAX + 1] = {0};
    memset(longest, 'k', STORE_KEY_MAX);
    memset(sibling, 'k', STORE_KEY_MAX - 1);
    for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++)
        assert_begins(fixture, request(keys[i], "f", "an-id"));
    assert_begins(fixture, request(longest, "0123456789abcdef0123456789abcdef", "an-id"));
    assert_begins(fixture, request(sibling, "f", "an-id"));
    for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
        struct store_answer again = request(keys[i], "f", "an-id");
        assert_int_equal(begin(fixture, &again), STATUS_BUSY);
    }
}

void test_answers_are_kept_as_they_are(void **state)
{
    struct fixture *fixture = *state;
    enum { LEN = 30000 };
    char *text = arena_alloc(&fixture->arena, LEN);
    memset(text, 'x', LEN);
    const struct slice bodies[] = {
        SLICE(""),
        SLICE("{\"name\":\"\\u0000 äöü 漢字 🚀 '; DROP TABLE answers; --\"}\n"),
        {.data = text, .len = LEN},
    };
    for (size_t i = 0; i < sizeof(bodies) / sizeof(bodies[0]); i++) {
        char key[32];
        snprintf(key, sizeof(key), "body-%zu", i);
        struct store_answer answer = request(key, "f", "an-id");
        assert_begins(fixture, answer);
        answer = ended(answer, 422, bodies[i]);
        answer.etag = i ? answer.etag : SLICE("");
        answer.expires_at_ms += 12345; /* it lives on from its end */
        end(fixture, &answer);
        assert_kept(fixture, request(key, "f", "other"), &answer);
    }
}

void test_past_its_deadline_a_request_goes_on_with_its_first_id_and_time(void **state)
{
    struct fixture *fixture = *state;
    struct store_answer first = late_request(KEY, "f1", "first");
    struct store_answer second = request(KEY, "f1", "second");
    struct store_answer third = request(KEY, "f1", "third");
    struct store_answer other = request(KEY, "f2", "other");
    first.created_at_ms -= 5;
    assert_begins(fixture, first);
    assert_int_equal(begin(fixture, &other), STATUS_MISMATCH); /* late or not */
    assert_int_equal(begin(fixture, &second), STATUS_OK);
    assert_string_equal(second.id, "first");
    assert_int_equal(second.life, first.life);
    assert_int_equal(second.created_at_ms, first.created_at_ms);
    assert_false(second.is_made);
    assert_int_equal(begin(fixture, &third), STATUS_BUSY); /* the deadline is the second's now */
    second = ended(second, 201, SLICE("{\"id\":\"first\"}"));
    end(fixture, &second);
    assert_kept(fixture, request(KEY, "f1", "fourth"), &second);
}

/* ---- Whether the todo was made ---- */

static struct todo todo_of(const struct store_answer *answer)
{
    struct todo todo = {.name = SLICE("made"),
                        .description = SLICE(""),
                        .v = 1,
                        .life = answer->life,
                        .created_at_ms = answer->created_at_ms,
                        .updated_at_ms = answer->created_at_ms};
    memcpy(todo.id, answer->id, sizeof(todo.id));
    return todo;
}

static void make(struct fixture *fixture, const struct store_answer *answer)
{
    struct todo todo = todo_of(answer);
    assert_int_equal(store_insert(fixture->store, &todo, answer, NULL), STATUS_OK);
}

static enum status change(struct fixture *fixture, enum store_change_kind kind, const struct store_answer *answer,
                          const struct store_version *version)
{
    struct todo todo = todo_of(answer);
    struct store_change asked = {
        .kind = kind, .fields = 1u << TODO_NAME, .todo = &todo, .condition = {.unmodified_since_s = -1}};
    struct store_changed changed;
    if (version)
        asked.condition.match = (struct store_versions){.given = true, .items = version, .count = 1};
    todo.life = life_new();
    todo.name = SLICE("changed");
    return store_change(fixture->store, &asked, &fixture->arena, &changed, NULL);
}

/* What happened between the begin of a request whose worker died and its retry: a letter for each step. */
static const struct {
    const char *steps; /* i insert, c change, d delete, o others' insert */
    bool made;
} LIVES[] = {
    {"", false}, {"o", false}, {"od", false}, {"i", true}, {"ic", true}, {"id", true}, {"icd", true}, {"ido", true},
};

static void take_steps(struct fixture *fixture, const char *steps, const struct store_answer *answer)
{
    struct todo others = todo_of(answer);
    others.life = life_new();
    for (; *steps; steps++)
        if (*steps == 'i')
            make(fixture, answer);
        else if (*steps == 'o')
            assert_int_equal(store_insert(fixture->store, &others, NULL, NULL), STATUS_OK);
        else
            assert_int_equal(change(fixture, *steps == 'c' ? STORE_MERGE : STORE_DELETE, answer, NULL), STATUS_OK);
}

void test_a_request_that_is_taken_over_hears_whether_its_todo_was_made(void **state)
{
    struct fixture *fixture = *state;
    for (size_t i = 0; i < sizeof(LIVES) / sizeof(LIVES[0]); i++) {
        char id[16];
        snprintf(id, sizeof(id), "life-%zu", i);
        struct store_answer first = late_request(id, "f1", id);
        struct store_answer second = late_request(id, "f1", "second"), third = request(id, "f1", "third");
        assert_begins(fixture, first);
        take_steps(fixture, LIVES[i].steps, &first);
        for (unsigned turn = 0; turn < 2; turn++) { /* and once more, as if the second had died as well */
            struct store_answer *asked = turn == 0 ? &second : &third;
            assert_int_equal(begin(fixture, asked), STATUS_OK);
            if (asked->is_made != LIVES[i].made)
                fail_msg("\"%s\", turn %u: made is %d", LIVES[i].steps, turn, asked->is_made);
            assert_string_equal(asked->id, id);
            assert_int_equal(asked->life, first.life);
        }
    }
}

void test_a_todo_that_was_made_under_a_key_is_deleted_under_the_same_conditions(void **state)
{
    struct fixture *fixture = *state;
    for (unsigned i = 0; i < 3; i++) {
        char key[16];
        snprintf(key, sizeof(key), "key-%u", i);
        struct store_answer answer = request(key, "f1", key);
        answer.expires_at_ms = clock_wall_ms() + (i == 2 ? 1 : MINUTE_MS);
        struct store_version now = {.v = 1, .life = answer.life};
        struct store_version next = {.v = 2, .life = answer.life}, other = {.v = 1, .life = answer.life + 1};
        assert_begins(fixture, answer);
        make(fixture, &answer);
        if (i == 1) {
            struct store_answer done = ended(answer, 201, SLICE("{}"));
            end(fixture, &done);
        }
        assert_int_equal(change(fixture, STORE_DELETE, &answer, &next), STATUS_MISMATCH);
        assert_int_equal(change(fixture, STORE_DELETE, &answer, &other), STATUS_MISMATCH);
        assert_int_equal(change(fixture, STORE_MERGE, &answer, &now), STATUS_OK);
        assert_int_equal(change(fixture, STORE_DELETE, &answer, &now), STATUS_MISMATCH);
        assert_int_equal(change(fixture, STORE_DELETE, &answer, &next), STATUS_OK);
        assert_int_equal(change(fixture, STORE_DELETE, &answer, &next), STATUS_MISMATCH);
        assert_int_equal(change(fixture, STORE_DELETE, &answer, NULL), STATUS_NOT_FOUND);
    }
}

/* The worker of the first request was frozen, not dead: its insert comes after the retry's, or before. */
void test_a_todo_is_made_once_by_an_insert_that_comes_late(void **state)
{
    struct fixture *fixture = *state;
    struct store_answer first = late_request(KEY, "f1", "first"), second = request(KEY, "f1", "second");
    assert_begins(fixture, first);
    assert_int_equal(begin(fixture, &second), STATUS_OK);
    make(fixture, &second);
    make(fixture, &first); /* its own, and the same */
    assert_int_equal(change(fixture, STORE_MERGE, &first, NULL), STATUS_OK);
    struct todo todo = todo_of(&first);
    assert_int_equal(store_insert(fixture->store, &todo, &first, NULL), STATUS_MISMATCH);
    struct todo stored;
    assert_int_equal(store_get(fixture->store, "first", &fixture->arena, &stored, NULL), STATUS_OK);
    assert_int_equal(stored.v, 2);
    assert_int_equal(stored.life, first.life);
}

/* What is kept becomes header fields: a line break in one would make another. */
void test_a_kept_tag_or_time_that_is_none_is_told(void **state)
{
    struct fixture *fixture = *state;
    static const char *const etags[] = {"\"a\"\r\nX: y", "a b", "\xC3\xA4", "\x7F"};
    for (size_t i = 0; i <= sizeof(etags) / sizeof(etags[0]); i++) {
        char key[16];
        bool has_etag = i < sizeof(etags) / sizeof(etags[0]);
        snprintf(key, sizeof(key), "damaged-%zu", i);
        struct store_answer answer = request(key, "f1", "first"), again = request(key, "f1", "second");
        answer.created_at_ms = has_etag ? answer.created_at_ms : -1;
        assert_begins(fixture, answer);
        answer = ended(answer, 201, SLICE("{}"));
        answer.etag = has_etag ? slice_of(etags[i]) : answer.etag;
        end(fixture, &answer);
        assert_int_equal(begin(fixture, &again), STATUS_INVALID);
    }
}

void test_an_expired_record_is_as_if_it_had_never_been(void **state)
{
    struct fixture *fixture = *state;
    struct store_answer running = late_request("running", "f1", "first");
    struct store_answer done = request("done", "f1", "first");
    running.expires_at_ms = clock_wall_ms() - 1;
    assert_begins(fixture, running);
    assert_begins(fixture, done);
    done = ended(done, 201, SLICE("{}"));
    done.expires_at_ms = clock_wall_ms() - 1;
    end(fixture, &done);
    const char *const keys[] = {"running", "done"};
    for (size_t i = 0; i < 2; i++) {
        struct store_answer second = request(keys[i], "f2", "second");
        struct store_answer again = request(keys[i], "f2", "third");
        assert_begins(fixture, second);
        assert_int_equal(begin(fixture, &again), STATUS_BUSY); /* nothing is left of the first answer */
        again = ended(second, 200, SLICE("[]"));
        end(fixture, &again);
        assert_kept(fixture, request(keys[i], "f2", "fourth"), &again);
    }
}

void test_a_forgotten_request_may_come_again(void **state)
{
    struct fixture *fixture = *state;
    struct store_answer first = request(KEY, "f1", "first");
    assert_begins(fixture, first);
    assert_int_equal(store_answer_forget(fixture->store, &first, NULL), STATUS_OK);
    assert_begins(fixture, request(KEY, "f2", "second"));
    struct store_answer nobody = request("nobody", "f1", "first");
    assert_int_equal(store_answer_forget(fixture->store, &nobody, NULL), STATUS_OK);
}

void test_only_its_own_running_record_is_forgotten(void **state)
{
    struct fixture *fixture = *state;
    struct store_answer first = late_request(KEY, "f1", "first");
    struct store_answer second = request(KEY, "f1", "second");
    struct store_answer third = request(KEY, "f1", "third");
    assert_begins(fixture, first);
    assert_int_equal(begin(fixture, &second), STATUS_OK);
    assert_int_equal(store_answer_forget(fixture->store, &first, NULL), STATUS_OK);
    assert_int_equal(begin(fixture, &third), STATUS_BUSY); /* the second still runs */
    second = ended(second, 201, SLICE("{}"));
    end(fixture, &second);
    assert_int_equal(store_answer_forget(fixture->store, &second, NULL), STATUS_OK);
    assert_kept(fixture, request(KEY, "f1", "fourth"), &second);
}

void test_the_first_end_counts(void **state)
{
    struct fixture *fixture = *state;
    struct error error = {0};
    struct store_answer first = late_request(KEY, "f1", "first");
    struct store_answer second = request(KEY, "f1", "second");
    struct store_answer nobody = ended(request("nobody", "f1", "first"), 201, SLICE("{}"));
    assert_begins(fixture, first);
    assert_int_equal(begin(fixture, &second), STATUS_OK);
    first = ended(first, 201, SLICE("{\"from\":\"first\"}"));
    second = ended(second, 201, SLICE("{\"from\":\"second\"}"));
    end(fixture, &first);
    assert_int_equal(store_answer_end(fixture->store, &second, &error), STATUS_NOT_FOUND);
    assert_non_null(strstr(error.text, KEY));
    assert_kept(fixture, request(KEY, "f1", "third"), &first);
    assert_int_equal(store_answer_end(fixture->store, &nobody, &error), STATUS_NOT_FOUND);
    struct store_answer other = ended(request("running", "f2", "x"), 201, SLICE("{}"));
    assert_begins(fixture, request("running", "f1", "x"));
    assert_int_equal(store_answer_end(fixture->store, &other, &error), STATUS_NOT_FOUND); /* not its request */
}

/* ---- many at once ---- */

struct takers {
    struct store *store;
    const char *key;
    enum status statuses[TAKER_COUNT];
    char ids[TAKER_COUNT][TODO_ID_MAX + 1];
};

static void taker_run(void *ctx, unsigned number)
{
    struct takers *takers = ctx;
    struct arena arena;
    char id[24];
    snprintf(id, sizeof(id), "taker-%u", number);
    struct store_answer answer = request(takers->key, "f1", id);
    arena_init(&arena);
    takers->statuses[number] = store_answer_begin(takers->store, &answer, &arena, NULL);
    memcpy(takers->ids[number], answer.id, sizeof(answer.id));
    arena_fini(&arena);
}

/* One began, the others heard that it runs; id is the one's. */
static void assert_one_began(const struct takers *takers, char id[TODO_ID_MAX + 1])
{
    unsigned begun_count = 0;
    for (unsigned i = 0; i < TAKER_COUNT; i++) {
        assert_true(takers->statuses[i] == STATUS_OK || takers->statuses[i] == STATUS_BUSY);
        if (takers->statuses[i] == STATUS_OK) {
            memcpy(id, takers->ids[i], TODO_ID_MAX + 1);
            begun_count++;
        }
    }
    assert_int_equal(begun_count, 1);
}

void test_of_eight_that_take_over_one_does(void **state)
{
    struct fixture *fixture = *state;
    for (unsigned round = 0; round < 20; round++) {
        char key[24], id[TODO_ID_MAX + 1];
        snprintf(key, sizeof(key), "round-%u", round);
        struct takers takers = {.store = fixture->store, .key = key};
        assert_begins(fixture, late_request(key, "f1", "first"));
        crowd_run(TAKER_COUNT, taker_run, &takers);
        assert_one_began(&takers, id);
        assert_string_equal(id, "first");
    }
}

void test_of_eight_that_begin_one_does(void **state)
{
    struct fixture *fixture = *state;
    for (unsigned round = 0; round < 20; round++) {
        char key[24], id[TODO_ID_MAX + 1];
        snprintf(key, sizeof(key), "round-%u", round);
        struct takers takers = {.store = fixture->store, .key = key};
        if (round % 2) { /* over an expired record of another request */
            struct store_answer old = late_request(key, "f0", "old");
            old.expires_at_ms = clock_wall_ms() - 1;
            assert_begins(fixture, old);
        }
        crowd_run(TAKER_COUNT, taker_run, &takers);
        assert_one_began(&takers, id);
        assert_memory_equal(id, "taker-", strlen("taker-"));
    }
}
