/* SPDX-License-Identifier: MIT */
/* Batches of queued writes: fold.c (what they do), bookmark.c (its record), and which writes are one batch (apply.c). */
#include "testing.h"

#include "base/buf.h"
#include "store/bookmark.h"
#include "store/fold.h"

enum { NOW_MS = 1700000000, WRITES_MAX = STORE_APPLY_MAX };

/* Writes as letters: the id (a to d), what is done to it, and a key behind it if it has one (k to m). */
struct bed {
    struct arena arena;
    struct todo todos[WRITES_MAX];
    struct store_answer answers[WRITES_MAX];
    struct store_queued writes[WRITES_MAX];
    struct store_applied results[WRITES_MAX];
    struct store_batch batch;
    struct fold fold;
};

static const char *write_draw(struct bed *bed, const char *step)
{
    size_t at = bed->batch.count++;
    struct todo *todo = &bed->todos[at];
    struct store_queued *write = &bed->writes[at];
    *todo =
        (struct todo){.name = {&"abcdefgh"[at], 1}, .description = SLICE(""), .v = 1, .life = LIFE_LEAST + (int64_t)at};
    todo_set_id(todo, (struct slice){step, 1});
    todo->created_at_ms = todo->updated_at_ms = NOW_MS + (int64_t)at;
    *write = (struct store_queued){.number = 100 + (int64_t)at,
                                   .is_insert = step[1] == 'i',
                                   .change = {.kind = step[1] == 'd'                     ? STORE_DELETE
                                                      : step[1] == 'm' || step[1] == 'e' ? STORE_MERGE
                                                                                         : STORE_REPLACE,
                                              .todo = todo,
                                              .fields = step[1] == 'm' ? 1u << TODO_NAME : 0,
                                              .condition = {.unmodified_since_s = -1}}};
    if (step[2] < 'k')
        return step + 2;
    struct store_answer *answer = &bed->answers[at];
    *answer = (struct store_answer){
        .fingerprint = "f", .life = todo->life, .expires_at_ms = NOW_MS + 1000, .http_status = 201};
    answer->key[0] = step[2];
    memcpy(answer->id, todo->id, sizeof(answer->id));
    write->answer = answer;
    return step + 3;
}

/* "ap bd aik": the words are writes. */
static void bed_begin(struct bed *bed, const char *words)
{
    memset(bed, 0, sizeof(*bed));
    arena_init(&bed->arena);
    bed->batch.writes = bed->writes;
    for (const char *at = words; *at;)
        at = *at == ' ' ? at + 1 : write_draw(bed, at);
    fold_begin(&bed->fold, &bed->batch, &bed->arena);
}

static void stored_set(struct bed *bed, const char *id, int64_t v)
{
    struct fold_todo *todo = fold_find(&bed->fold, id);
    todo->found = STATUS_OK;
    todo->stored = (struct todo){.name = SLICE("old"), .description = SLICE(""), .v = v, .life = 7};
    todo->stored.updated_at_ms = NOW_MS + 2;
    todo_set_id(&todo->stored, slice_of(id));
}

static void assert_outcome(struct bed *bed, const char *want)
{
    struct buf got;
    struct error error = {0};
    buf_init(&got);
    assert_int_equal(fold_run(&bed->fold, NOW_MS, bed->results, &error), STATUS_OK);
    for (size_t i = 0; i < bed->batch.count; i++)
        buf_printf(&got, "%s%s %lld%s%s,", status_name(bed->results[i].status), bed->results[i].created ? "!" : "",
                   (long long)bed->results[i].version.v, *bed->results[i].id ? " of " : "", bed->results[i].id);
    for (size_t i = 0; i < bed->fold.todo_count; i++)
        buf_printf(&got, " %s:%d", bed->fold.todos[i].id, (int)fold_change(&bed->fold.todos[i]));
    assert_text("outcome", buf_slice(&got), slice_of(want));
    buf_fini(&got);
}

static void a_dead_letter_stands_in_the_bookmark_and_does_nothing(void **state)
{
    (void)state;
    struct bed bed = {.batch = {.count = 1}};
    struct buf text;
    buf_init(&text);
    arena_init(&bed.arena);
    bed.writes[0] = bed.writes[2] = (struct store_queued){.number = 0x10, .is_dead = true};
    bed.batch.writes = bed.writes;
    assert_int_equal(store_apply_run(bed.writes, 3), 1);
    assert_int_equal(store_apply_run(bed.writes + 1, 2), 1);
    fold_begin(&bed.fold, &bed.batch, &bed.arena);
    assert_outcome(&bed, "invalid 0,");
    bookmark_print(&text, bed.results, 1);
    assert_text("bookmark", buf_slice(&text), SLICE("10?0.0 "));
    buf_fini(&text);
    arena_fini(&bed.arena);
}

/* In rows[].stored each letter is a todo of v 5. */
static void each_write_sees_those_before_it(void **state)
{
    (void)state;
    static const struct {
        const char *stored, *words, *want; /* behind the results: what each todo becomes, as enum fold_change */
    } rows[] = {
        {"", "ap", "ok! 1, a:1"},
        {"", "ai", "ok! 1, a:1"},
        {"", "am", "not_found 0, a:0"},
        {"", "ad", "not_found 0, a:0"},
        {"a", "ap", "ok 6, a:2"},
        {"a", "am", "ok 6, a:2"},
        {"a", "ae", "ok 5, a:0"},
        {"a", "ai", "exists 0, a:0"},
        {"a", "ad", "ok 6, a:3"},
        {"a", "ap am ap", "ok 6,ok 7,ok 8, a:2"},
        {"", "ap am ad", "ok! 1,ok 2,ok 3, a:0"},
        {"", "ai ai am", "ok! 1,exists 0,ok 2, a:1"},
        {"a", "ad ad am", "ok 6,not_found 0,not_found 0, a:3"},
        {"ac", "bp ap cd", "ok! 1,ok 6,ok 6, a:2 b:1 c:3"},
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        static struct bed bed;
        bed_begin(&bed, rows[i].words);
        for (const char *at = rows[i].stored; *at; at++)
            stored_set(&bed, (char[]){*at, '\0'}, 5);
        assert_outcome(&bed, rows[i].want);
        arena_fini(&bed.arena);
    }
}

static void a_time_never_goes_back_and_texts_are_the_last_ones(void **state)
{
    (void)state;
    static struct bed bed;
    bed_begin(&bed, "ap ap");
    stored_set(&bed, "a", 5);
    bed.todos[1].name = SLICE("newest");
    assert_outcome(&bed, "ok 6,ok 7, a:2");
    assert_text("name", bed.fold.todos[0].next.name, SLICE("newest"));
    assert_int_equal(bed.fold.todos[0].next.updated_at_ms, NOW_MS + 2); /* of these two it would be 1 */
    assert_int_equal(bed.fold.todos[0].next.life, 7);
    arena_fini(&bed.arena);
}

static void what_cannot_be_read_or_counted_on_is_left_alone(void **state)
{
    (void)state;
    static struct bed bed;
    bed_begin(&bed, "ap ad ai bp bd");
    fold_find(&bed.fold, "a")->found = STATUS_INVALID;
    stored_set(&bed, "b", INT64_MAX);
    assert_outcome(&bed, "invalid 0,invalid 0,exists 0,invalid 0,ok 9223372036854775807, a:0 b:3");
    arena_fini(&bed.arena);
}

/* ---- Keys ---- */

/* The record of the key k, as a request without the queue left it. */
static struct store_answer *record_set(struct bed *bed, const char *id, int http_status)
{
    struct fold_key *key = &bed->fold.keys[0];
    key->found = STATUS_OK;
    key->stored = (struct store_answer){.key = "k", .fingerprint = "f", .life = 9, .http_status = http_status};
    key->stored.expires_at_ms = NOW_MS + 1;
    memcpy(key->stored.id, id, 2);
    return &key->stored;
}

static void a_key_makes_one_todo(void **state)
{
    (void)state;
    static struct bed bed;
    bed_begin(&bed, "aik aik bik");
    bed.answers[2].fingerprint[0] = 'g';
    assert_outcome(&bed, "ok! 1,ok 1,mismatch 0, a:1 b:0");
    assert_true(bed.fold.keys[0].is_kept);
    assert_int_equal(bed.fold.keys[0].stored.http_status, 201);
    arena_fini(&bed.arena);
}

static void a_refused_insert_keeps_its_refusal(void **state)
{
    (void)state;
    static struct bed bed;
    bed_begin(&bed, "aik aik");
    stored_set(&bed, "a", 5);
    assert_outcome(&bed, "exists 0,exists 0, a:0");
    assert_true(bed.fold.keys[0].is_kept);
    assert_int_equal(bed.fold.keys[0].stored.http_status, 409);
    arena_fini(&bed.arena);
}

static void a_key_of_a_request_without_the_queue_decides(void **state)
{
    (void)state;
    static const struct {
        int http_status;
        bool is_made, is_expired;
        const char *id, *want;
    } rows[] = {
        {201, true, false, "x", "ok 1 of x, a:0"}, {409, false, false, "x", "exists 0 of x, a:0"},
        {0, true, false, "x", "ok 1 of x, a:0"},   {0, false, false, "x", "mismatch 0, a:0"},
        {0, false, false, "a", "ok! 1, a:1"},      {201, true, true, "x", "ok! 1, a:1"},
        {201, true, false, "a", "ok 1, a:0"},      {409, false, false, "a", "exists 0, a:0"},
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        static struct bed bed;
        bed_begin(&bed, "aik");
        struct store_answer *record = record_set(&bed, rows[i].id, rows[i].http_status);
        record->is_made = rows[i].is_made;
        record->expires_at_ms = NOW_MS + (rows[i].is_expired ? 0 : 1);
        assert_outcome(&bed, rows[i].want);
        arena_fini(&bed.arena);
    }
}

static void a_batch_waits_for_a_request_with_one_of_its_keys(void **state)
{
    (void)state;
    static struct bed bed;
    struct error error = {0};
    bed_begin(&bed, "bp aik");
    record_set(&bed, "a", 0)->deadline_at_ms = NOW_MS + 1;
    assert_int_equal(fold_run(&bed.fold, NOW_MS, bed.results, &error), STATUS_BUSY);
    assert_non_null(strstr(error.text, "k"));
    arena_fini(&bed.arena);
}

/* ---- Runs ---- */

static void a_run_ends_before_a_new_life(void **state)
{
    (void)state;
    static const struct {
        const char *words;
        size_t want;
    } rows[] = {{"ap", 1},          {"ap am ad", 3},       {"ad ap", 1}, {"ad am ad bp", 4},
                {"ad bp cp ai", 3}, {"ap ad bd bp ap", 3}, {"ad bd", 2}};
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        static struct bed bed;
        bed_begin(&bed, rows[i].words);
        assert_int_equal(store_apply_run(bed.writes, bed.batch.count), rows[i].want);
        arena_fini(&bed.arena);
    }
}

static void a_run_is_no_longer_than_a_batch(void **state)
{
    (void)state;
    static struct store_queued writes[STORE_APPLY_MAX + 1];
    static struct todo todo = {.id = "a"};
    for (size_t i = 0; i < COUNT_OF(writes); i++)
        writes[i].change.todo = &todo;
    assert_int_equal(store_apply_run(writes, COUNT_OF(writes)), STORE_APPLY_MAX);
}

/* ---- Bookmarks ---- */

static void a_bookmark_comes_back_as_it_was(void **state)
{
    (void)state;
    static struct store_applied results[STORE_APPLY_MAX];
    static const enum status outcomes[] = {STATUS_OK,       STATUS_OK,      STATUS_NOT_FOUND, STATUS_EXISTS,
                                           STATUS_MISMATCH, STATUS_INVALID, STATUS_OK};
    static struct store_bookmark bookmark;
    struct error error = {0};
    struct buf text;
    buf_init(&text);
    for (size_t i = 0; i < COUNT_OF(results); i++) {
        results[i].number = i == 0 ? INT64_MAX / 2 : results[i - 1].number + 1 + (int64_t)(i * i * i);
        results[i].status = outcomes[i % COUNT_OF(outcomes)];
        results[i].created = i % COUNT_OF(outcomes) == 0;
        if (results[i].status == STATUS_OK)
            results[i].version =
                (struct store_version){.v = i == 6 ? INT64_MAX : (int64_t)i + 1, .life = 2 * LIFE_LEAST - 1};
        if (i == 3 || i == COUNT_OF(results) - 1)
            snprintf(results[i].id, sizeof(results[i].id), "%064zu", i);
    }
    bookmark_print(&text, results, COUNT_OF(results));
    assert_true(text.len < 8000);
    assert_int_equal(bookmark_parse(buf_slice(&text), &bookmark, &error), STATUS_OK);
    assert_int_equal(bookmark.count, COUNT_OF(results));
    for (size_t i = 0; i < COUNT_OF(results); i++) {
        assert_int_equal(bookmark.last[i].number, results[i].number);
        assert_int_equal(bookmark.last[i].status, results[i].status);
        assert_int_equal(bookmark.last[i].created, results[i].created);
        assert_int_equal(bookmark.last[i].version.v, results[i].version.v);
        assert_int_equal(bookmark.last[i].version.life, results[i].version.life);
        assert_string_equal(bookmark.last[i].id, results[i].id);
    }
    assert_int_equal(bookmark_parse(SLICE(""), &bookmark, &error), STATUS_OK);
    assert_int_equal(bookmark.count, 0);
    buf_fini(&text);
}

static void a_damaged_bookmark_is_told(void **state)
{
    (void)state;
    static const struct slice texts[] = {
        SLICE("x"),         SLICE("1"),
        SLICE("1+"),        SLICE("1+1"),
        SLICE("1+1."),      SLICE("1*1.1 "),
        SLICE("0+1.1 "),    SLICE("-1+1.1 "),
        SLICE("1+1.1 x"),   SLICE("1+1.1 7fffffffffffffff+1.1 "),
        SLICE("1+1.1 \0 "), SLICE("1+8000000000000000.1 "),
        SLICE("1+1.1@ "),   SLICE("1+1.1@a"),
        SLICE("1+1.1@a/ "), SLICE("1+1.1g "),
    };
    static struct store_bookmark bookmark;
    for (size_t i = 0; i < COUNT_OF(texts); i++) {
        struct error error = {0};
        if (bookmark_parse(texts[i], &bookmark, &error) != STATUS_UNAVAILABLE)
            fail_msg("%s", texts[i].data);
        assert_int_equal(error.cause, CAUSE_DAMAGED);
        assert_int_equal(bookmark.count, 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_write_sees_those_before_it),
        cmocka_unit_test(a_dead_letter_stands_in_the_bookmark_and_does_nothing),
        cmocka_unit_test(a_time_never_goes_back_and_texts_are_the_last_ones),
        cmocka_unit_test(what_cannot_be_read_or_counted_on_is_left_alone),
        cmocka_unit_test(a_key_makes_one_todo),
        cmocka_unit_test(a_refused_insert_keeps_its_refusal),
        cmocka_unit_test(a_key_of_a_request_without_the_queue_decides),
        cmocka_unit_test(a_batch_waits_for_a_request_with_one_of_its_keys),
        cmocka_unit_test(a_run_ends_before_a_new_life),
        cmocka_unit_test(a_run_is_no_longer_than_a_batch),
        cmocka_unit_test(a_bookmark_comes_back_as_it_was),
        cmocka_unit_test(a_damaged_bookmark_is_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
