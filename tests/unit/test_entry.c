/* SPDX-License-Identifier: MIT */
/* What lies in Redis (cache/entry.c, page.c, keys.c): what was printed is read back, and nothing else is taken for it. */
#include "testing.h"

#include "cache/entry.h"
#include "cache/keys.h"
#include "cache/lifetime.h"
#include "cache/page.h"
#include "fake_reply.h"
#include "fields.h"

static const char AT[] = "1700000000000";

static struct fake_replies replies;

static int replies_begin(void **state)
{
    (void)state;
    fake_replies_begin(&replies);
    return 0;
}

static int replies_end(void **state)
{
    (void)state;
    fake_replies_end(&replies);
    return 0;
}

/* What Redis answers to HGETALL; it lives until the end. */
static const struct redis_reply *hash(const struct slice *args, size_t count)
{
    return fake_replies_hash(&replies, args, count);
}

/* The same with the value of a field changed, or left out where that is NULL. */
static const struct redis_reply *hash_changed(const struct slice *args, size_t count, const char *field,
                                              const char *value)
{
    struct slice changed[ENTRY_ARGS_MAX];
    size_t changed_count = 0;
    for (size_t i = 0; i < count; i += 2) {
        bool is_changed = slice_equal(args[i], slice_of(field));
        if (is_changed && !value)
            continue;
        changed[changed_count++] = args[i];
        changed[changed_count++] = is_changed ? slice_of(value) : args[i + 1];
    }
    return hash(changed, changed_count);
}

static struct entry sample_entry(void)
{
    struct entry entry = {.at_ms = 1700000000000, .cost_ms = 3};
    todo_set_id(&entry.todo, SLICE("a.B_c~-9"));
    entry.todo.name = SLICE("two\nlines, \"quotes\" and \xc3\xa9");
    entry.todo.description = SLICE("");
    entry.todo.done = true;
    entry.todo.v = INT64_MAX;
    entry.todo.created_at_ms = 0;
    entry.todo.updated_at_ms = TODO_TIME_MAX_MS;
    return entry;
}

/* ---- Entries ---- */

static void an_entry_is_read_back_as_it_was_printed(void **state)
{
    (void)state;
    struct entry entry = sample_entry(), got;
    struct entry_args args;
    entry_print(&args, &entry);
    const struct redis_reply *reply = hash(args.args, args.count);
    assert_int_equal(entry_parse(&got, "a.B_c~-9", reply), ENTRY_FOUND);
    assert_false(got.negative);
    assert_string_equal(got.todo.id, entry.todo.id);
    assert_text("name", got.todo.name, entry.todo.name);
    assert_text("description", got.todo.description, entry.todo.description);
    assert_non_null(got.todo.description.data);
    assert_true(got.todo.done);
    assert_int_equal(got.todo.v, entry.todo.v);
    assert_int_equal(got.todo.created_at_ms, entry.todo.created_at_ms);
    assert_int_equal(got.todo.updated_at_ms, entry.todo.updated_at_ms);
    assert_int_equal(got.at_ms, entry.at_ms);
    assert_int_equal(got.cost_ms, entry.cost_ms);
}

/* Redis gives the fields of a large hash in any order. */
static void each_field_is_read_back_in_any_order(void **state)
{
    (void)state;
    struct entry entry = {.todo = field_sample(), .at_ms = 1, .cost_ms = 2}, got;
    struct entry_args args;
    entry_print(&args, &entry);
    for (size_t first = 0; first < args.count; first += 2) {
        struct slice turned[ENTRY_ARGS_MAX];
        for (size_t i = 0; i < args.count; i++)
            turned[i] = args.args[(first + i) % args.count];
        assert_int_equal(entry_parse(&got, entry.todo.id, hash(turned, args.count)), ENTRY_FOUND);
        assert_true(todo_equal(&got.todo, &entry.todo));
    }
}

/* An older worker, which doesn't know a field, may have printed the entry: its value must not be guessed. */
static void an_entry_without_one_field_is_broken(void **state)
{
    (void)state;
    struct entry entry = {.todo = field_sample(), .at_ms = 1, .cost_ms = 2}, got;
    struct entry_args args;
    entry_print(&args, &entry);
    for (size_t missing = 0; missing < args.count; missing += 2) {
        const struct redis_reply *reply = hash_changed(args.args, args.count, args.args[missing].data, NULL);
        assert_number(args.args[missing].data, entry_parse(&got, entry.todo.id, reply), ENTRY_BROKEN);
    }
}

static void a_negative_entry_says_no_more_than_that(void **state)
{
    (void)state;
    struct entry entry = {.negative = true, .at_ms = 1700000000000}, got;
    struct entry_args args;
    entry_print(&args, &entry);
    assert_int_equal(args.count, 4);
    const struct redis_reply *reply = hash(args.args, args.count);
    assert_int_equal(entry_parse(&got, "any", reply), ENTRY_FOUND);
    assert_true(got.negative);
    assert_int_equal(got.at_ms, entry.at_ms);
}

static void a_field_that_a_newer_worker_adds_is_passed_over(void **state)
{
    (void)state;
    const struct slice fields[] = {SLICE("colour"), SLICE("red"), SLICE("at"), slice_of(AT), SLICE("none"), SLICE("1")};
    struct entry got;
    assert_int_equal(entry_parse(&got, "a", hash(fields, COUNT_OF(fields))), ENTRY_FOUND);
}

/* A whole entry with one field changed to this value, or left out where that is NULL. */
static void what_is_no_whole_entry_of_ours_is_broken(void **state)
{
    static const struct {
        const char *field, *value;
    } rows[] = {
        {"id", NULL},
        {"id", ""},
        {"id", "other"},
        {"id", "a/b"},
        {"name", NULL},
        {"description", NULL},
        {"done", NULL},
        {"done", ""},
        {"done", "true"},
        {"done", "2"},
        {"v", NULL},
        {"v", "0"},
        {"v", "-1"},
        {"v", "x"},
        {"v", "9223372036854775808"},
        {"created_at", NULL},
        {"created_at", "-1"},
        {"created_at", "253402300800000"},
        {"updated_at", NULL},
        {"updated_at", "1.5"},
        {"updated_at", "9223372036854775807"},
        {"at", NULL},
        {"at", ""},
        {"at", "-9223372036854775808"},
        {"cost", NULL},
        {"cost", "much"},
        {"cost", "-1"},
        {"cost", "9223372036854775807"},
    };
    (void)state;
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct entry entry = sample_entry(), got;
        struct entry_args args;
        entry_print(&args, &entry);
        const struct redis_reply *reply = hash_changed(args.args, args.count, rows[i].field, rows[i].value);
        assert_number(rows[i].field, entry_parse(&got, "a.B_c~-9", reply), ENTRY_BROKEN);
    }
}

static void other_answers_are_no_entries(void **state)
{
    (void)state;
    static const struct slice no_time[] = {SLICE("none"), SLICE("1")};
    struct slice texts[] = {SLICE("$-1\r\n"), SLICE("+OK\r\n"), SLICE(":1\r\n"), SLICE("-WRONGTYPE no hash\r\n")};
    struct entry got;
    for (size_t i = 0; i < COUNT_OF(texts); i++)
        assert_number("reply", entry_parse(&got, "a", fake_replies_read(&replies, &texts[i])), ENTRY_BROKEN);
    assert_int_equal(entry_parse(&got, "a", hash(no_time, 1)), ENTRY_BROKEN);
    assert_int_equal(entry_parse(&got, "a", hash(no_time, 2)), ENTRY_BROKEN);
    assert_int_equal(entry_parse(&got, "a", hash(no_time, 0)), ENTRY_ABSENT);
}

static void lifetimes_are_up_to_a_tenth_shorter_and_spread(void **state)
{
    (void)state;
    enum { TTL_MS = 300000, SAMPLES = 1000 };
    unsigned tenths[10] = {0};
    for (int i = 0; i < SAMPLES; i++) {
        char id[16];
        int len = snprintf(id, sizeof(id), "%d", i);
        int64_t ttl_ms = lifetime_jittered_ms(TTL_MS, (struct slice){id, (size_t)len}, 1700000000000);
        assert_true(ttl_ms <= TTL_MS && ttl_ms > TTL_MS - TTL_MS / 10);
        tenths[(TTL_MS - ttl_ms) * 100 / TTL_MS]++;
    }
    for (size_t i = 0; i < COUNT_OF(tenths); i++)
        assert_in_range(tenths[i], SAMPLES / 20, SAMPLES / 5);
}

static void a_lifetime_can_be_worked_out_again(void **state)
{
    (void)state;
    assert_int_equal(lifetime_jittered_ms(60000, SLICE("a"), 5), lifetime_jittered_ms(60000, SLICE("a"), 5));
    assert_int_equal(lifetime_jittered_ms(1000, SLICE("a"), 5) > 900, 1);
    assert_int_not_equal(lifetime_jittered_ms(60000, SLICE("a"), 5), lifetime_jittered_ms(60000, SLICE("a"), 6));
}

/* ---- Pages ---- */

static const struct store_query newest = {.limit = 50};

static struct cached_page sample_page(void)
{
    return (struct cached_page){.page = {.body = SLICE("{\"todos\":[],\"next\":null}"),
                                         .etag = SLICE("\"0123456789abcdef0123456789abcdef\""),
                                         .next = SLICE("AAA-_0")},
                                .query = SLICE("50 0 0"),
                                .generation = SLICE("g"),
                                .at_ms = 1700000000000,
                                .cost_ms = 2};
}

static void a_page_is_read_back_as_it_was_printed(void **state)
{
    (void)state;
    struct cached_page page = sample_page(), got;
    struct slice args[PAGE_ARGS];
    char numbers[2][INT64_TEXT_MAX + 1], text[QUERY_TEXT_MAX + 1];
    page_print(args, numbers, &page);
    const struct redis_reply *reply = hash(args, PAGE_ARGS);
    assert_true(page_parse(&got, query_text(text, &newest), reply));
    assert_text("body", got.page.body, page.page.body);
    assert_text("etag", got.page.etag, page.page.etag);
    assert_text("next", got.page.next, page.page.next);
    assert_text("generation", got.generation, page.generation);
    assert_int_equal(got.at_ms, page.at_ms);
}

static void what_is_no_whole_page_for_this_query_is_a_miss(void **state)
{
    static const struct {
        const char *field, *value;
    } rows[] = {
        {"query", NULL},
        {"query", "50 1 0"},
        {"body", NULL},
        {"etag", NULL},
        {"etag", ""},
        {"etag", "\"a\"\r\nSet-Cookie: b=c"},
        {"etag", "\"\xc3\xa9\""},
        {"next", NULL},
        {"next", "AAA>; rel=\"next\"\r\nX: y"},
        {"gen", NULL},
        {"at", NULL},
        {"at", "-9223372036854775808"},
        {"at", "soon"},
        {"cost", NULL},
    };
    (void)state;
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct cached_page page = sample_page(), got;
        struct slice args[PAGE_ARGS];
        char numbers[2][INT64_TEXT_MAX + 1];
        page_print(args, numbers, &page);
        const struct redis_reply *reply = hash_changed(args, PAGE_ARGS, rows[i].field, rows[i].value);
        assert_number(rows[i].field, page_parse(&got, SLICE("50 0 0"), reply), false);
    }
}

/* ---- Keys ---- */

static void keys_of_one_id_share_a_hash_tag(void **state)
{
    (void)state;
    struct todo_keys keys;
    todo_keys_init(&keys, 12, "a.b");
    assert_string_equal(keys.entry.text, "todo:12:{a.b}");
    assert_string_equal(keys.lease.text, "todo:12:{a.b}:lease");
    assert_string_equal(keys.writers.text, "todo:12:{a.b}:writers");
    assert_int_equal(keys.writers.len, strlen(keys.writers.text));
}

static void the_longest_id_in_the_last_epoch_has_room(void **state)
{
    (void)state;
    struct todo_keys keys;
    char id[TODO_ID_MAX + 1];
    memset(id, 'x', TODO_ID_MAX);
    id[TODO_ID_MAX] = '\0';
    todo_keys_init(&keys, INT64_MAX, id);
    assert_int_equal(keys.writers.len, strlen("todo:9223372036854775807:{}:writers") + TODO_ID_MAX);
}

static void each_query_has_a_page_of_its_own(void **state)
{
    (void)state;
    const struct store_query queries[] = {
        {.limit = 50},
        {.limit = 51},
        {.limit = 50, .ascending = true},
        {.limit = 50, .done = STORE_DONE_NO},
        {.limit = 50, .done = STORE_DONE_YES},
        {.limit = 50, .has_after = true, .after = {.created_at_ms = 1, .id = "a"}},
        {.limit = 50, .has_after = true, .after = {.created_at_ms = 1, .id = "b"}},
        {.limit = 50, .has_after = true, .after = {.created_at_ms = 2, .id = "a"}},
    };
    struct list_keys keys[COUNT_OF(queries)];
    for (size_t i = 0; i < COUNT_OF(queries); i++) {
        list_keys_init(&keys[i], 3, &queries[i]);
        assert_int_equal(strncmp(keys[i].page.text, "todos:3:{list}:", 15), 0);
        for (size_t other = 0; other < i; other++)
            assert_string_not_equal(keys[i].page.text, keys[other].page.text);
    }
    assert_string_equal(keys[0].generation.text, "todos:3:{list}:gen");
    assert_string_equal(keys[0].writers.text, "todos:3:{list}:writers");
    list_keys_init(&keys[0], 3, NULL);
    assert_int_equal(keys[0].page.len, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_entry_is_read_back_as_it_was_printed),
        cmocka_unit_test(each_field_is_read_back_in_any_order),
        cmocka_unit_test(an_entry_without_one_field_is_broken),
        cmocka_unit_test(a_negative_entry_says_no_more_than_that),
        cmocka_unit_test(a_field_that_a_newer_worker_adds_is_passed_over),
        cmocka_unit_test(what_is_no_whole_entry_of_ours_is_broken),
        cmocka_unit_test(other_answers_are_no_entries),
        cmocka_unit_test(lifetimes_are_up_to_a_tenth_shorter_and_spread),
        cmocka_unit_test(a_lifetime_can_be_worked_out_again),
        cmocka_unit_test(a_page_is_read_back_as_it_was_printed),
        cmocka_unit_test(what_is_no_whole_page_for_this_query_is_a_miss),
        cmocka_unit_test(keys_of_one_id_share_a_hash_tag),
        cmocka_unit_test(the_longest_id_in_the_last_epoch_has_room),
        cmocka_unit_test(each_query_has_a_page_of_its_own),
    };
    return cmocka_run_group_tests_name("entry", tests, replies_begin, replies_end);
}
